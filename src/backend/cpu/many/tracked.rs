//! Counting the pixels of all buckets, and in the same pass the colours of some of them.
//!
//! **Problem.** Where some colours are far more frequent than all others, two passes (bounds first, then the colours of full
//! buckets) read the image twice for what one pass could find, if only it knew which buckets to look at. A sample says which,
//! most likely.
//!
//! ```text
//! tracked = the buckets that the sample names
//! for each pixel:
//!     counter of its bucket += 1
//!     its bucket is tracked: its colour's exact count += 1, and its colour index is its label
//!     else its label is 0
//! afterwards: totals of other buckets below the least of the results: done
//!             else these are counted as if there had been no sample
//! ```
//!
//! **Exact.** Tracked colours are counted in full from the first pixel on, so that nothing is estimated; the counters bound
//! all others from above. That both agree is checked.
//!
//! **Cost.** One pass for counting, none for labelling. In few buckets, whose counters fit a first-level cache; tracked pixels
//! are found by comparing fingerprints, 32 at a time, and looked up in a cache.
//!
//! **Prior art.** Heavy hitters: Misra and Gries (1982) and Space-Saving (Metwally et al., 2005) track candidates that they choose
//! and evict on the way and give estimates; sample-and-hold (Estan and Varghese, 2002) counts exactly what a sample has
//! named. This is the latter, with bounds for all that is not held, as in count-min sketches.

use std::ops::Range;

use crate::backend::cpu::many::bucket_set::BucketSet;
use crate::backend::cpu::many::buckets::PartBuckets;
use crate::backend::cpu::many::fingerprint_set::{COMPARED, MatchFew};
use crate::backend::cpu::many::fingerprints::{count_all, fingerprint, hash_all};
use crate::backend::cpu::part::PartColors;
use crate::backend::cpu::pixels::pieces::{Piece, STORED_WORDS};
use crate::backend::cpu::pixels::spans;
use crate::backend::cpu::pixels::tiles::{BLOCK, PixelCode, TileScratch, Tiles, tiles_of};
use crate::backend::cpu::plan::CpuPlan;
use crate::backend::cpu::tables::key::{Hasher, Key};
use crate::backend::cpu::tables::pixel_cache::PixelCache;
use crate::color::WordKind;
use crate::error::Error;
use crate::labels::{TILE, TileForm};
use crate::runtime::alloc::{try_push, try_zeroed};
use crate::runtime::simd::{Simd, Work};
use crate::runtime::threads::Threads;
use crate::types::outputs::LabelWidth;

/// The colours of some buckets, which were counted with the buckets.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) buckets: BucketSet,
    pub(crate) parts: Vec<PartColors>,
    /// Whether the parts have the pixels' colour indices, too.
    pub(super) has_indices: bool,
}

/// What buckets and tracked colours are counted with.
#[derive(Clone, Copy)]
pub(super) struct TrackedCount<'a, const C: usize> {
    pub(super) simd: Simd,
    pub(super) pixels: Tiles<'a, C>,
    pub(super) hasher: Hasher,
    pub(super) plan: &'a CpuPlan,
    /// Of hash tables.
    pub(super) seed: u64,
    pub(super) threads: &'a Threads,
}

impl<const C: usize> TrackedCount<'_, C> {
    /// Counts the pixels of few buckets, and the colours of those that are tracked. Keeps the pixels' colour indices where
    /// there is memory for them. No colours: they are too many.
    pub(super) fn count(
        self,
        tracked: BucketSet,
        labels: Option<&mut [u16]>,
    ) -> Result<(Vec<PartBuckets>, Option<Tracked>), Error> {
        let Self { simd, pixels, plan, threads, .. } = self;
        let has_indices = labels.is_some();
        let parts = spans::share(pixels.len(), labels, plan, threads, |spans| {
            let mut counter = Tracker::new(self, &tracked)?;
            let mut no_labels = try_zeroed::<u16>(TILE)?;
            let mut ranges = Vec::new();
            for span in spans {
                let mut labels = span.kept.into_iter().flat_map(|labels| labels.chunks_mut(TILE));
                for tile in tiles_of(span.pixels.clone()) {
                    let (index, kept) = (tile.start / TILE, labels.next());
                    if kept.is_some() {
                        counter.keep(index)?;
                    }
                    let labels = kept.unwrap_or(&mut no_labels);
                    simd.run(TrackTile { tracker: &mut counter, tile, labels })?;
                }
                try_push(&mut ranges, span.pixels)?;
            }
            Ok(counter.finish(ranges))
        })?;
        let parts = parts.into_iter().collect::<Result<Vec<_>, Error>>()?;
        let (parts, colors): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let colors = colors.into_iter().collect::<Option<Vec<_>>>();
        Ok((parts, colors.map(|parts| Tracked { buckets: tracked, parts, has_indices })))
    }
}

/// What one thread counts.
#[derive(Debug)]
struct Tracker<'a, const C: usize> {
    pixels: Tiles<'a, C>,
    scratch: TileScratch<C>,
    hasher: Hasher,
    tracked: &'a BucketSet,
    /// Colours that are tracked at most; nothing will come of more.
    most_colors: usize,
    counters: Vec<u32>,
    /// Pixels without a colour.
    colorless: u64,
    part: PartColors,
    cache: PixelCache<C>,
}

impl<'a, const C: usize> Tracker<'a, C> {
    fn new(count: TrackedCount<'a, C>, tracked: &'a BucketSet) -> Result<Self, Error> {
        let TrackedCount { pixels, hasher, plan, seed, .. } = count;
        Ok(Self {
            pixels,
            scratch: pixels.scratch()?,
            hasher,
            tracked,
            most_colors: plan.tracked_colors(),
            counters: try_zeroed(tracked.all())?,
            colorless: 0,
            part: PartColors::new(seed)?,
            cache: PixelCache::new(hasher)?,
        })
    }

    /// Remembers the tile that is counted: its labels are kept.
    fn keep(&mut self, tile: usize) -> Result<(), Error> {
        try_push(&mut self.part.tiles, (tile, TileForm::Pixels(LabelWidth::Two)))
    }

    /// The pixels of each bucket, and the colours of the buckets that are tracked, if they are not too many.
    fn finish(self, ranges: Vec<Range<usize>>) -> (PartBuckets, Option<PartColors>) {
        let Self { counters, colorless, part, most_colors, .. } = self;
        let has_all = part.table.len() <= most_colors;
        (PartBuckets { ranges, counters, colorless }, has_all.then_some(part))
    }
}

/// Counts a tile, and writes the colour indices of the pixels that are tracked to `labels`, and 0 for all others.
struct TrackTile<'a, 't, const C: usize> {
    tracker: &'a mut Tracker<'t, C>,
    tile: Range<usize>,
    labels: &'a mut [u16],
}

impl<L: PixelCode + MatchFew, const C: usize> Work<L, Result<(), Error>> for TrackTile<'_, '_, C> {
    #[inline(always)]
    fn run(self, level: L) -> Result<(), Error> {
        let Self { tracker, tile, labels } = self;
        let Tracker { pixels, scratch, hasher, tracked, most_colors, counters, colorless, part, cache } =
            tracker;
        // In registers: to the compiler any counter could be one of these.
        let (hasher, shift, counters) = (*hasher, tracked.shift(), &mut counters[..]);
        let mut count = |hash: u32, length: usize| counters[(hash >> shift) as usize] += length as u32;
        let (mut hashes, mut fingerprints) = ([0; STORED_WORDS], [0; STORED_WORDS]);
        let kind = pixels.kind();
        let mut pieces = pixels.pieces(level, tile, scratch);
        while let Some((start, piece, pixels)) = pieces.next() {
            // Of too many colours nothing will come.
            let tracks = part.table.len() <= *most_colors;
            match piece {
                Piece::Run(length) => {
                    let pixel = pixels[0].map(|word| kind.canonical(word));
                    let hash = hasher.hash(&pixel);
                    match pixel.iter().any(|&word| kind.is_nan(word)) {
                        true => *colorless += length as u64,
                        false => count(hash, length),
                    }
                    let mut index = 0;
                    if tracks && tracked.has_hash(hash) {
                        index = index_of(&pixels[0], kind, cache, part)?;
                        part.counts[usize::from(index)] += length as u32;
                    }
                    labels[start..start + length].fill(index);
                }
                Piece::Literal(length) => {
                    let any_nan = hash_all(hasher, pixels, kind, &mut hashes);
                    // Before counting: they are read again in larger pieces, which has to wait until all parts are written.
                    for (of_pixel, &hash) in
                        fingerprints.iter_mut().zip(&hashes).take(const { literal_fingerprints::<C>() })
                    {
                        *of_pixel = fingerprint(hash);
                    }
                    *colorless += count_all(pixels, kind, &hashes[..length], any_nan, &mut count) as u64;
                    let labels = &mut labels[start..start + length];
                    labels.fill(0);
                    for (block, pixels) in pixels.chunks(BLOCK).enumerate() {
                        // Behind the last pixel are others' fingerprints.
                        let first = block * BLOCK;
                        let fingerprints = &fingerprints[first..][..const { block_fingerprints::<C>() }];
                        let found = tracked.fingerprints.find_in_block(level, fingerprints)
                            & u64::MAX >> (BLOCK - pixels.len());
                        if tracks {
                            let labels = &mut labels[first..];
                            count_found(found, pixels, kind, labels, cache, part)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Fingerprints of a literal at most where pixels have `C` words, and some more, so that they can be compared.
const fn literal_fingerprints<const C: usize>() -> usize {
    (STORED_WORDS / C).next_multiple_of(COMPARED)
}

/// Those that are looked at in one go: a block's, or a literal's that is shorter.
const fn block_fingerprints<const C: usize>() -> usize {
    if literal_fingerprints::<C>() < BLOCK { literal_fingerprints::<C>() } else { BLOCK }
}

/// Counts the pixels of a block that have a bit in `found`, and writes their colour indices to `labels`.
#[inline(always)]
fn count_found<const C: usize>(
    mut found: u64,
    pixels: &[[u32; C]],
    kind: WordKind,
    labels: &mut [u16],
    cache: &mut PixelCache<C>,
    part: &mut PartColors,
) -> Result<(), Error> {
    // Pixels of one word are looked up so fast that counting is better done by itself.
    let (mut indices, mut count) = ([0; BLOCK], 0);
    while found != 0 {
        let pixel = found.trailing_zeros() as usize;
        let index = index_of(&pixels[pixel], kind, cache, part)?;
        labels[pixel] = index;
        if C == 1 {
            indices[count % BLOCK] = index;
            count += 1;
        } else {
            part.counts[usize::from(index)] += 1;
        }
        found &= found - 1;
    }
    let counts = &mut part.counts[..];
    indices[..count].iter().for_each(|&index| counts[usize::from(index)] += 1);
    Ok(())
}

/// The index of a pixel's colour, 0 where it has none.
#[inline(always)]
fn index_of<const C: usize>(
    pixel: &[u32; C],
    kind: WordKind,
    cache: &mut PixelCache<C>,
    part: &mut PartColors,
) -> Result<u16, Error> {
    match cache.find(pixel) {
        Some(index) => Ok(index),
        None => part.look_up(cache, pixel, Key::of_pixel(pixel, kind)),
    }
}
