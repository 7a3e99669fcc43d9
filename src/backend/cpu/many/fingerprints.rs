//! Fingerprints of pixels: hashes of two bytes that tell most pixels of other colours apart without a look at
//! the image, which has up to sixteen bytes a pixel.
//!
//! **Problem.** Images of very many colours are read several times, each time for the pixels of a few buckets; reading
//! the pixels and hashing them would cost more than all else.
//!
//! ```text
//! hash of a pixel = Σ over its words (w ^ w >> 15) · factor of the word, modulo 2³²
//! fingerprint     = its upper 16 bits; the bucket is its upper bits, too, more or fewer
//! a pass          = compare each tile's fingerprints with the wanted ones;
//!                   look at the pixels of those that are found
//! ```
//!
//! **Exact.** Pixels of the same colour have the same fingerprint, −0.0 being made 0.0 first, so that none is missed; what is
//! found is compared in full by whoever asked.
//!
//! **Cost.** One multiplication a word in vector registers, two bytes a pixel of memory; a pass reads those two bytes. With
//! too little memory they are computed anew, tile by tile.
//!
//! **Prior art.** Multiply-shift hashing (Dietzfelbinger et al. 1997) after folding the upper bits down; fingerprints before
//! keys as in cuckoo filters (Fan et al. 2014) and in Swiss tables (Abseil 2017). Nobody can rely on this hash:
//! whoever makes colours collide costs time only, see `Key::hash` for the strong one.

use std::ops::Range;

use crate::backend::cpu::pixels::pieces::{Piece, STORED_WORDS};
use crate::backend::cpu::pixels::tiles::{PixelCode, TileScratch, Tiles};
use crate::backend::cpu::tables::key::Hasher;
use crate::color::{Color, WordKind};
use crate::runtime::simd::{Simd, Work};

/// Bits of a fingerprint.
pub(crate) const FINGERPRINT_BITS: u32 = u16::BITS;

/// How many there are.
pub(super) const FINGERPRINTS: usize = 1 << FINGERPRINT_BITS;

/// Where the fingerprints of an image's pixels are.
#[derive(Clone, Debug)]
pub(crate) enum Fingerprints<'a> {
    /// Kept since the pixels were looked at, in blocks of so many pixels, a multiple of `TILE` unless there is but one.
    Kept { blocks: Vec<&'a [u16]>, block_pixels: usize },
    /// Nowhere: they are computed anew, tile by tile.
    Computed(Hasher),
}

impl<'a> Fingerprints<'a> {
    /// Kept in one block.
    pub(crate) fn kept(fingerprints: &'a [u16]) -> Self {
        Self::Kept { blocks: vec![fingerprints], block_pixels: fingerprints.len().max(1) }
    }

    /// Those of a tile, if they are kept.
    pub(crate) fn of_tile(&self, tile: Range<usize>) -> Option<&'a [u16]> {
        match self {
            Self::Kept { blocks, block_pixels } => {
                Some(&blocks[tile.start / block_pixels][tile.start % block_pixels..][..tile.len()])
            }
            Self::Computed(_) => None,
        }
    }

    /// Those of a tile, which are computed to `computed` if need be.
    pub(crate) fn of<'b, const C: usize>(
        &'b self,
        simd: Simd,
        pixels: Tiles<C>,
        tile: Range<usize>,
        scratch: &mut TileScratch<C>,
        computed: &'b mut [u16],
    ) -> &'b [u16] {
        match self {
            Self::Kept { .. } => self.of_tile(tile).unwrap_or_default(),
            Self::Computed(hasher) => {
                let computed = &mut computed[..tile.len()];
                let fingerprints = Some(&mut *computed);
                simd.run(HashTile { pixels, tile, scratch, hasher: *hasher, fingerprints, count: |_, _| {} });
                computed
            }
        }
    }
}

/// The fingerprint of a colour.
pub(crate) fn fingerprint_of(color: &Color, channels: usize, hasher: Hasher) -> u16 {
    let [a, b, c, d] = color.words();
    fingerprint(match channels {
        1 => hasher.hash(&[a]),
        2 => hasher.hash(&[a, b]),
        3 => hasher.hash(&[a, b, c]),
        _ => hasher.hash(&[a, b, c, d]),
    })
}

/// The fingerprint of a hash.
pub(crate) fn fingerprint(hash: u32) -> u16 {
    (hash >> 16) as u16
}

/// Hashes a tile's pixels: writes the fingerprint of each, and calls `count` with hashes and how many pixels they stand
/// for. Pixels with a NaN have any fingerprint; they are not counted with the others, and how many there are is the result.
pub(super) struct HashTile<'a, 's, const C: usize, F> {
    pub(super) pixels: Tiles<'a, C>,
    pub(super) tile: Range<usize>,
    pub(super) scratch: &'s mut TileScratch<C>,
    pub(super) hasher: Hasher,
    pub(super) fingerprints: Option<&'s mut [u16]>,
    pub(super) count: F,
}

impl<L: PixelCode, const C: usize, F: FnMut(u32, usize)> Work<L, usize> for HashTile<'_, '_, C, F> {
    #[inline(always)]
    fn run(self, level: L) -> usize {
        let Self { pixels, tile, scratch, hasher, mut fingerprints, mut count } = self;
        let mut hashes = [0; STORED_WORDS];
        let (mut colorless, kind) = (0, pixels.kind());
        let mut pieces = pixels.pieces(level, tile, scratch);
        while let Some((start, piece, pixels)) = pieces.next() {
            match piece {
                Piece::Run(length) => {
                    let pixel = pixels[0].map(|word| kind.canonical(word));
                    let hash = hasher.hash(&pixel);
                    if let Some(fingerprints) = &mut fingerprints {
                        fingerprints[start..start + length].fill(fingerprint(hash));
                    }
                    match pixel.iter().any(|&word| kind.is_nan(word)) {
                        true => colorless += length,
                        false => count(hash, length),
                    }
                }
                Piece::Literal(length) => {
                    let any_nan = hash_all(hasher, pixels, kind, &mut hashes);
                    let hashes = &hashes[..length];
                    if let Some(fingerprints) = &mut fingerprints {
                        for (to, &hash) in fingerprints[start..start + length].iter_mut().zip(hashes) {
                            *to = fingerprint(hash);
                        }
                    }
                    colorless += count_all(pixels, kind, hashes, any_nan, &mut count);
                }
            }
        }
        colorless
    }
}

/// Hashes a literal's pixels. Whether one of them has a NaN.
#[inline(always)]
pub(crate) fn hash_all<const C: usize>(
    hasher: Hasher,
    pixels: &[[u32; C]],
    kind: WordKind,
    hashes: &mut [u32; STORED_WORDS],
) -> bool {
    let mut any_nan = false;
    for (hash, pixel) in hashes.iter_mut().zip(pixels) {
        *hash = hasher.hash(&pixel.map(|word| kind.canonical(word)));
        any_nan |= pixel.iter().fold(false, |any, &word| any | kind.is_nan(word));
    }
    any_nan
}

/// Calls `count` with the hash of each of these pixels, one by one, but for those with a NaN. How many those are.
#[inline(always)]
pub(crate) fn count_all<const C: usize>(
    pixels: &[[u32; C]],
    kind: WordKind,
    hashes: &[u32],
    any_nan: bool,
    count: &mut impl FnMut(u32, usize),
) -> usize {
    if any_nan {
        let mut colorless = 0;
        for (pixel, &hash) in pixels.iter().zip(hashes) {
            match pixel.iter().any(|&word| kind.is_nan(word)) {
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
