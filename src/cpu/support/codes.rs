//! Codes of pixels: hashes of two bytes that tell most pixels of other colours apart without a look at
//! the image, which has up to sixteen bytes a pixel.

use super::key::Hasher;
use super::runs::{BLOCK_WORDS, Piece, Pieces};
use crate::color::{canonical, is_nan};
use crate::labels::TILE;

/// Where the codes of an image's pixels are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Codes<'a> {
    /// Kept since the buckets were counted.
    Kept(&'a [u16]),
    /// Nowhere: they are computed anew, tile by tile.
    Computed(Hasher),
}

impl Codes<'_> {
    /// The codes of `pixels`, at most a tile of them, which begin with the image's pixel `first`.
    pub(crate) fn of<'a, const C: usize>(
        &'a self,
        first: usize,
        pixels: &[[u32; C]],
        room: &'a mut [u16; TILE],
    ) -> &'a [u16] {
        match self {
            Codes::Kept(codes) => &codes[first..first + pixels.len()],
            Codes::Computed(hasher) => {
                let room = &mut room[..pixels.len()];
                encode(pixels, *hasher, Some(room), |_, _| {});
                room
            }
        }
    }
}

/// A set of codes.
#[derive(Debug)]
pub(crate) struct CodeSet {
    bits: Box<[u64; 1 << 10]>,
}

impl CodeSet {
    pub(crate) fn new(codes: impl Iterator<Item = u16>) -> Self {
        let mut bits = Box::new([0; 1 << 10]);
        for code in codes {
            bits[usize::from(code >> 6)] |= 1 << (code & 63);
        }
        Self { bits }
    }

    /// Calls `each` with the position of each code that is in the set.
    #[inline(always)]
    pub(crate) fn find<E>(
        &self,
        codes: &[u16],
        mut each: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<(), E> {
        for (block, codes) in codes.chunks(64).enumerate() {
            // First without a branch, which pixels that come as they like would have mispredicted.
            let mut found = 0;
            for (index, &code) in codes.iter().enumerate() {
                found |= (self.bits[usize::from(code >> 6)] >> (code & 63) & 1) << index;
            }
            while found != 0 {
                each(64 * block + found.trailing_zeros() as usize)?;
                found &= found - 1;
            }
        }
        Ok(())
    }
}

/// The code of a hash.
pub(crate) fn code(hash: u32) -> u16 {
    (hash >> 16) as u16
}

/// Hashes pixels: writes the code of each, and calls `count` with hashes and how many pixels they stand
/// for. Pixels with a NaN have any code, and are not counted.
pub(crate) fn encode<const C: usize>(
    pixels: &[[u32; C]],
    hasher: Hasher,
    codes: Option<&mut [u16]>,
    count: impl FnMut(u32, usize),
) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        #[allow(unsafe_code)]
        return unsafe { encode_avx2(pixels, hasher, codes, count) };
    }
    encode_generic(pixels, hasher, codes, count);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn encode_avx2<const C: usize>(
    pixels: &[[u32; C]],
    hasher: Hasher,
    codes: Option<&mut [u16]>,
    count: impl FnMut(u32, usize),
) {
    encode_generic(pixels, hasher, codes, count);
}

#[inline(always)]
fn encode_generic<const C: usize>(
    pixels: &[[u32; C]],
    hasher: Hasher,
    mut codes: Option<&mut [u16]>,
    mut count: impl FnMut(u32, usize),
) {
    let mut hashes = [0; BLOCK_WORDS];
    for (start, piece) in Pieces::new(pixels) {
        match piece {
            Piece::Run(length) => {
                let pixel = pixels[start].map(canonical);
                let hash = hasher.hash(&pixel);
                if let Some(codes) = &mut codes {
                    codes[start..start + length].fill(code(hash));
                }
                if !pixel.iter().any(|&bits| is_nan(bits)) {
                    count(hash, length);
                }
            }
            Piece::Mixed(length) => {
                let pixels = &pixels[start..start + length];
                let mut any_nan = false;
                for (hash, pixel) in hashes.iter_mut().zip(pixels) {
                    *hash = hasher.hash(&pixel.map(canonical));
                    any_nan |= pixel.iter().fold(false, |any, &bits| any | is_nan(bits));
                }
                let hashes = &hashes[..length];
                if let Some(codes) = &mut codes {
                    for (to, &hash) in codes[start..start + length].iter_mut().zip(hashes) {
                        *to = code(hash);
                    }
                }
                if !any_nan {
                    hashes.iter().for_each(|&hash| count(hash, 1));
                } else {
                    for (pixel, &hash) in pixels.iter().zip(hashes) {
                        if !pixel.iter().any(|&bits| is_nan(bits)) {
                            count(hash, 1);
                        }
                    }
                }
            }
        }
    }
}
