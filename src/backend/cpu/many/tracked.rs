//! Counting the pixels of all buckets, and in the same pass the colours of some of them.

use std::ops::Range;

use crate::backend::cpu::count::Part;
use crate::backend::cpu::many::bucket_set::BucketSet;
use crate::backend::cpu::many::fingerprints::{COMPARED, code, count_all, hash_all};
use crate::backend::cpu::pixels::runs::{Piece, STORED_WORDS};
use crate::backend::cpu::pixels::tiles::{BLOCK, Room, Tiles};
use crate::backend::cpu::tables::key::Hasher;
use crate::backend::cpu::tables::pixel_cache::PixelCache;
use crate::color::{canonical, is_nan};
use crate::error::Error;
use crate::labels::TileForm;
use crate::runtime::alloc::{try_push, try_zeroed};
use crate::types::outputs::LabelWidth;

/// One thread's part of the image.
#[derive(Debug)]
pub(crate) struct Watch<'a, const C: usize> {
    pixels: Tiles<'a, C>,
    room: Room<C>,
    hasher: Hasher,
    watched: &'a BucketSet,
    most_colors: usize,
    counters: Vec<u32>,
    /// Pixels without a colour.
    colorless: u64,
    part: Part,
    cache: PixelCache<C>,
}

impl<'a, const C: usize> Watch<'a, C> {
    /// Counts in all buckets, and the colours of those that are `watched` while there are not more of them than
    /// `most_colors`.
    pub(crate) fn new(
        pixels: Tiles<'a, C>,
        hasher: Hasher,
        watched: &'a BucketSet,
        most_colors: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        Ok(Self {
            pixels,
            room: pixels.room()?,
            hasher,
            watched,
            most_colors,
            counters: try_zeroed(watched.all())?,
            colorless: 0,
            part: Part::new(seed)?,
            cache: PixelCache::new(hasher)?,
        })
    }

    /// Remembers the tile that was counted: its labels are kept.
    pub(crate) fn keep(&mut self, tile: usize) -> Result<(), Error> {
        try_push(&mut self.part.tiles, (tile, TileForm::Pixels(LabelWidth::Two)))
    }

    /// The pixels of each bucket, those without a colour, and the colours of the buckets that are watched, if they are
    /// not too many.
    pub(crate) fn finish(self) -> (Vec<u32>, u64, Option<Part>) {
        let has_all = self.part.table.len() <= self.most_colors;
        (self.counters, self.colorless, has_all.then_some(self.part))
    }

    /// Counts a tile, and writes the numbers of the pixels that are watched to `labels`, and 0 for all others.
    pub(crate) fn count(&mut self, tile: Range<usize>, labels: &mut [u16]) -> Result<(), Error> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
            // SAFETY: the processor has AVX2 and BMI2.
            #[allow(unsafe_code)]
            return unsafe { self.count_avx2(tile, labels) };
        }
        self.count_generic(tile, labels)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi2")]
    fn count_avx2(&mut self, tile: Range<usize>, labels: &mut [u16]) -> Result<(), Error> {
        self.count_generic(tile, labels)
    }

    #[inline(always)]
    fn count_generic(&mut self, tile: Range<usize>, labels: &mut [u16]) -> Result<(), Error> {
        let Self { pixels, room, hasher, watched, most_colors, counters, colorless, part, cache } = self;
        // In registers: to the compiler any counter could be one of these.
        let (hasher, shift, counters) = (*hasher, watched.shift(), &mut counters[..]);
        let mut count = |hash: u32, length: usize| counters[(hash >> shift) as usize] += length as u32;
        let (mut hashes, mut codes) = ([0; STORED_WORDS], [0; STORED_WORDS]);
        let mut pieces = pixels.pieces(tile, room);
        while let Some((start, piece, pixels)) = pieces.next() {
            // Of too many colours nothing will come.
            let watches = part.table.len() <= *most_colors;
            match piece {
                Piece::Run(length) => {
                    let pixel = pixels[0].map(canonical);
                    let hash = hasher.hash(&pixel);
                    match pixel.iter().any(|&bits| is_nan(bits)) {
                        true => *colorless += length as u64,
                        false => count(hash, length),
                    }
                    let mut number = 0;
                    if watches && watched.has_hash(hash) {
                        number = number_of(&pixels[0], cache, part)?;
                        part.counts[usize::from(number)] += length as u32;
                    }
                    labels[start..start + length].fill(number);
                }
                Piece::Mixed(length) => {
                    let any_nan = hash_all(hasher, pixels, &mut hashes);
                    // Before counting: they are read again in larger pieces, which has to wait until all parts are written.
                    for (code_of_pixel, &hash) in
                        codes.iter_mut().zip(&hashes).take(const { mixed_codes::<C>() })
                    {
                        *code_of_pixel = code(hash);
                    }
                    *colorless += count_all(pixels, &hashes[..length], any_nan, &mut count) as u64;
                    let labels = &mut labels[start..start + length];
                    labels.fill(0);
                    for (block, pixels) in pixels.chunks(BLOCK).enumerate() {
                        // Behind the last pixel are others' codes.
                        let first = block * BLOCK;
                        let codes = &codes[first..][..const { block_codes::<C>() }];
                        let mut found =
                            watched.codes.find_in_block(codes) & u64::MAX >> (BLOCK - pixels.len());
                        while watches && found != 0 {
                            let index = found.trailing_zeros() as usize;
                            let number = number_of(&pixels[index], cache, part)?;
                            part.counts[usize::from(number)] += 1;
                            labels[first + index] = number;
                            found &= found - 1;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Codes of a mixed piece at most where pixels have `C` words, and some more, so that they can be compared.
const fn mixed_codes<const C: usize>() -> usize {
    (STORED_WORDS / C).next_multiple_of(COMPARED)
}

/// Those that are looked at in one go: a block's, or a mixed piece's that is shorter.
const fn block_codes<const C: usize>() -> usize {
    if mixed_codes::<C>() < BLOCK { mixed_codes::<C>() } else { BLOCK }
}

/// The number of a pixel's colour, 0 where it has none.
#[inline(always)]
fn number_of<const C: usize>(
    pixel: &[u32; C],
    cache: &mut PixelCache<C>,
    part: &mut Part,
) -> Result<u16, Error> {
    match cache.find(pixel) {
        Some(number) => Ok(number),
        None => part.look_up(cache, pixel),
    }
}
