//! Codes of pixels: hashes of two bytes that tell most pixels of other colours apart without a look at
//! the image, which has up to sixteen bytes a pixel.

use std::ops::Range;

use crate::backend::cpu::pixels::runs::{Piece, STORED_WORDS};
use crate::backend::cpu::pixels::tiles::{BLOCK, Room, Tiles};
use crate::backend::cpu::tables::key::Hasher;
use crate::color::{Color, canonical, is_nan};

/// Where the codes of an image's pixels are.
#[derive(Clone, Debug)]
pub(crate) enum Codes<'a> {
    /// Kept since the pixels were looked at, in blocks of so many pixels, a multiple of `TILE` unless there is but one.
    Kept { blocks: Vec<&'a [u16]>, block_pixels: usize },
    /// Nowhere: they are computed anew, tile by tile.
    Computed(Hasher),
}

impl<'a> Codes<'a> {
    /// Kept in one block.
    pub(crate) fn kept(codes: &'a [u16]) -> Self {
        Self::Kept { blocks: vec![codes], block_pixels: codes.len().max(1) }
    }

    /// The codes of a tile, if they are kept.
    pub(crate) fn of_tile(&self, tile: Range<usize>) -> Option<&'a [u16]> {
        match self {
            Codes::Kept { blocks, block_pixels } => {
                Some(&blocks[tile.start / block_pixels][tile.start % block_pixels..][..tile.len()])
            }
            Codes::Computed(_) => None,
        }
    }

    /// The codes of a tile, which are computed to `code_room` if need be.
    pub(crate) fn of<'b, const C: usize>(
        &'b self,
        pixels: Tiles<C>,
        tile: Range<usize>,
        room: &mut Room<C>,
        code_room: &'b mut [u16],
    ) -> &'b [u16] {
        match self {
            Codes::Kept { .. } => self.of_tile(tile).unwrap_or_default(),
            Codes::Computed(hasher) => {
                let codes = &mut code_room[..tile.len()];
                encode(pixels, tile, room, *hasher, Some(codes), |_, _| {});
                codes
            }
        }
    }
}

/// A set of codes.
#[derive(Debug)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) struct CodeSet {
    bits: Box<[u64; 1 << 10]>,
    /// The codes' upper bits, of a small set, each as often as fit a vector register: comparing with all of them is
    /// cheaper than looking bits up.
    few: Option<Vec<[u16; LANES]>>,
    /// Lower bits of a code that do not matter to a small set.
    any_bits: u32,
}

/// Codes in a vector register.
const LANES: usize = 16;

/// Codes of a small set at most.
const MOST_FEW: usize = 48;

impl CodeSet {
    /// The set of these codes.
    pub(crate) fn new(codes: impl Iterator<Item = u16>) -> Self {
        Self::with_upper_bits(codes, 0)
    }

    /// The set of all codes that have one of these above their lower bits.
    pub(crate) fn with_upper_bits(upper_bits: impl Iterator<Item = u16>, any_bits: u32) -> Self {
        let mut bits = Box::new([0; 1 << 10]);
        let mut few = Vec::new();
        for upper in upper_bits {
            let first = upper << any_bits;
            if bits[usize::from(first >> 6)] >> (first & 63) & 1 == 0 && few.len() <= MOST_FEW {
                few.push([upper; LANES]);
            }
            for code in first..=first | ((1 << any_bits) - 1) {
                bits[usize::from(code >> 6)] |= 1 << (code & 63);
            }
        }
        Self { bits, few: (few.len() <= MOST_FEW).then_some(few), any_bits }
    }

    /// Calls `each` with each pixel whose code is in the set, and its position among `codes`, which are those of the
    /// image's pixels from `first` on.
    #[inline(always)]
    pub(crate) fn find<const C: usize, E>(
        &self,
        codes: &[u16],
        pixels: Tiles<C>,
        first: usize,
        mut each: impl FnMut(usize, &[u32; C]) -> Result<(), E>,
    ) -> Result<(), E> {
        /// Blocks that are searched before the first one's pixels are looked at, which lie anywhere.
        const AHEAD: usize = 8;
        let (mut found, start) = ([0; AHEAD], first);
        for (group, codes) in codes.chunks(AHEAD * BLOCK).enumerate() {
            let first = first + group * AHEAD * BLOCK;
            for (block, (found, codes)) in found.iter_mut().zip(codes.chunks(BLOCK)).enumerate() {
                // Without a branch, which pixels that come as they like would have mispredicted.
                *found = self.find_in_block(codes);
                pixels.ask_for(first + block * BLOCK, *found);
            }
            for (block, found) in found.iter_mut().enumerate() {
                pixels.for_each_wanted(first + block * BLOCK, std::mem::take(found), |index, pixel| {
                    each(index - start, pixel)
                })?;
            }
        }
        Ok(())
    }

    /// A bit for each code that is in the set, of 64 at most.
    #[inline(always)]
    pub(crate) fn find_in_block(&self, codes: &[u16]) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if let (Some(few), (parts, [])) = (&self.few, codes.as_chunks())
            && is_x86_feature_detected!("avx2")
        {
            return parts.iter().enumerate().fold(0, |found, (part, codes)| {
                // SAFETY: the processor has AVX2.
                #[allow(unsafe_code)]
                let bits = unsafe { find_few(codes, few, self.any_bits) };
                found | u64::from(bits) << (COMPARED * part)
            });
        }
        let bit = |code: u16| self.bits[usize::from(code >> 6)] >> (code & 63) & 1;
        codes.iter().enumerate().fold(0, |found, (index, &code)| found | bit(code) << index)
    }
}

/// Codes compared with those of a small set at a time: two vector registers, which are one of bytes.
pub(crate) const COMPARED: usize = 2 * LANES;

/// A bit for each code that is one of `few` without its lower bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn find_few(codes: &[u16; COMPARED], few: &[[u16; LANES]], any_bits: u32) -> u32 {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi32_si128, _mm256_cmpeq_epi16, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_packs_epi16, _mm256_permute4x64_epi64, _mm256_setzero_si256, _mm256_srl_epi16,
    };

    let vector = |lanes: [u16; LANES]| -> __m256i { bytemuck::cast(lanes) };
    let codes: [[u16; LANES]; 2] = bytemuck::cast(*codes);
    let any_bits = _mm_cvtsi32_si128(any_bits.cast_signed());
    let [low, high] = codes.map(|codes| _mm256_srl_epi16(vector(codes), any_bits));
    let [mut in_low, mut in_high] = [_mm256_setzero_si256(); 2];
    for &wanted in few {
        let wanted = vector(wanted);
        in_low = _mm256_or_si256(in_low, _mm256_cmpeq_epi16(low, wanted));
        in_high = _mm256_or_si256(in_high, _mm256_cmpeq_epi16(high, wanted));
    }
    // Packing leaves the registers' halves in the wrong order.
    let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi16(in_low, in_high));
    _mm256_movemask_epi8(bytes).cast_unsigned()
}

/// The code of a colour.
pub(crate) fn code_of(color: &Color, channels: usize, hasher: Hasher) -> u16 {
    let &[a, b, c, d] = color.bits();
    code(match channels {
        1 => hasher.hash(&[a]),
        2 => hasher.hash(&[a, b]),
        3 => hasher.hash(&[a, b, c]),
        _ => hasher.hash(&[a, b, c, d]),
    })
}

/// Bits of a code.
pub(crate) const CODE_BITS: u32 = u16::BITS;

/// The code of a hash.
pub(crate) fn code(hash: u32) -> u16 {
    (hash >> 16) as u16
}

/// Hashes a tile's pixels: writes the code of each, and calls `count` with hashes and how many pixels they stand
/// for. Pixels with a NaN have any code; they are not counted with the others, and how many there are is returned.
pub(crate) fn encode<const C: usize>(
    pixels: Tiles<C>,
    tile: Range<usize>,
    room: &mut Room<C>,
    hasher: Hasher,
    codes: Option<&mut [u16]>,
    count: impl FnMut(u32, usize),
) -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has AVX2 and BMI2.
        #[allow(unsafe_code)]
        return unsafe { encode_avx2(pixels, tile, room, hasher, codes, count) };
    }
    encode_generic(pixels, tile, room, hasher, codes, count)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2")]
fn encode_avx2<const C: usize>(
    pixels: Tiles<C>,
    tile: Range<usize>,
    room: &mut Room<C>,
    hasher: Hasher,
    codes: Option<&mut [u16]>,
    count: impl FnMut(u32, usize),
) -> usize {
    encode_generic(pixels, tile, room, hasher, codes, count)
}

#[inline(always)]
fn encode_generic<const C: usize>(
    pixels: Tiles<C>,
    tile: Range<usize>,
    room: &mut Room<C>,
    hasher: Hasher,
    mut codes: Option<&mut [u16]>,
    mut count: impl FnMut(u32, usize),
) -> usize {
    let mut hashes = [0; STORED_WORDS];
    let mut colorless = 0;
    let mut pieces = pixels.pieces(tile, room);
    while let Some((start, piece, pixels)) = pieces.next() {
        match piece {
            Piece::Run(length) => {
                let pixel = pixels[0].map(canonical);
                let hash = hasher.hash(&pixel);
                if let Some(codes) = &mut codes {
                    codes[start..start + length].fill(code(hash));
                }
                match pixel.iter().any(|&bits| is_nan(bits)) {
                    true => colorless += length,
                    false => count(hash, length),
                }
            }
            Piece::Mixed(length) => {
                let any_nan = hash_all(hasher, pixels, &mut hashes);
                let hashes = &hashes[..length];
                if let Some(codes) = &mut codes {
                    for (to, &hash) in codes[start..start + length].iter_mut().zip(hashes) {
                        *to = code(hash);
                    }
                }
                colorless += count_all(pixels, hashes, any_nan, &mut count);
            }
        }
    }
    colorless
}

/// Hashes a mixed piece's pixels. Whether one of them has a NaN.
#[inline(always)]
pub(crate) fn hash_all<const C: usize>(
    hasher: Hasher,
    pixels: &[[u32; C]],
    hashes: &mut [u32; STORED_WORDS],
) -> bool {
    let mut any_nan = false;
    for (hash, pixel) in hashes.iter_mut().zip(pixels) {
        *hash = hasher.hash(&pixel.map(canonical));
        any_nan |= pixel.iter().fold(false, |any, &bits| any | is_nan(bits));
    }
    any_nan
}

/// Calls `count` with the hash of each of these pixels, one by one, but for those with a NaN. How many those are.
#[inline(always)]
pub(crate) fn count_all<const C: usize>(
    pixels: &[[u32; C]],
    hashes: &[u32],
    any_nan: bool,
    count: &mut impl FnMut(u32, usize),
) -> usize {
    if any_nan {
        let mut colorless = 0;
        for (pixel, &hash) in pixels.iter().zip(hashes) {
            match pixel.iter().any(|&bits| is_nan(bits)) {
                true => colorless += 1,
                false => count(hash, 1),
            }
        }
        return colorless;
    }
    // Several to a round; a chain of iterators would not be in line.
    let (eights, rest) = hashes.as_chunks::<8>();
    for eight in eights {
        for &hash in eight {
            count(hash, 1);
        }
    }
    for &hash in rest {
        count(hash, 1);
    }
    0
}
