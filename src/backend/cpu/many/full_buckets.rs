//! Counting the colours of full buckets in tables, one for each part of the image.
//!
//! **Problem.** Frequent colours make full buckets, which have few colours: one table a thread holds them, and counting needs
//! no sorting. But somebody may have made colours collide: then a bucket has any number of colours, and no table holds them.
//!
//! ```text
//! slices = [all hashes]
//! while there are slices:
//!     pass over the wanted pixels, on all threads: count those in the slice
//!         of another, strong and seeded, hash in a table
//!     a table got too large: two slices instead, by one more bit of that hash
//!     else: hand the tables' sums to the best
//! ```
//!
//! **Exact.** Slices do not overlap and cover all hashes, so that each colour is counted in one pass, completely.
//!
//! **Cost.** One pass over the fingerprints and a look at the wanted pixels, for each slice; colours that collide under the
//! strong hash would have to be found without knowing its seed.
//!
//! **Prior art.** Recursive partitioning of overflowing hash tables, as in hybrid hash joins (DeWitt et al., 1984; Shapiro, 1986).

use std::ops::Range;

use crate::backend::cpu::collect::collect;
use crate::backend::cpu::many::bucket_set::BucketSet;
use crate::backend::cpu::many::buckets::{Candidate, check_group};
use crate::backend::cpu::many::scan::Scan;
use crate::backend::cpu::part::{CountStop, PartColors};
use crate::backend::cpu::pixels::spans;
use crate::backend::cpu::plan::CpuPlan;
use crate::backend::cpu::tables::key::Key;
use crate::backend::cpu::tables::pixel_cache::PixelCache;
use crate::error::Error;
use crate::runtime::call::ProgressSpan;
use crate::runtime::threads::Threads;
use crate::stages::select::Best;

/// Colours whose hash has these lower bits.
#[derive(Clone, Copy, Debug)]
struct HashSlice {
    bits: u32,
    value: u64,
}

impl HashSlice {
    const ALL: Self = Self { bits: 0, value: 0 };

    fn has(self, hash: u64) -> bool {
        hash & ((1 << self.bits) - 1) == self.value
    }

    fn halves(self) -> [Self; 2] {
        let Self { bits, value } = self;
        [Self { bits: bits + 1, value }, Self { bits: bits + 1, value: value | 1 << bits }]
    }
}

/// What colours are counted in tables with.
pub(super) struct TableCount<'a, const C: usize> {
    pub(super) scan: &'a Scan<'a, C>,
    pub(super) group: &'a [Candidate],
    pub(super) wanted: &'a BucketSet,
    pub(super) plan: &'a CpuPlan,
    /// Of hash tables.
    pub(super) seed: u64,
    pub(super) threads: &'a Threads,
}

impl<const C: usize> TableCount<'_, C> {
    /// Counts the group's colours. How many passes that took.
    pub(super) fn count(&self, best: &mut Best) -> Result<u64, Error> {
        let mut slices = vec![HashSlice::ALL];
        let (mut counted, mut passes) = (0, 0);
        while let Some(slice) = slices.pop() {
            passes += 1;
            let pixels = self.scan.pixels.len();
            let _pass = ProgressSpan::new(0.25);
            let tables = spans::share::<(), _>(pixels, None, self.plan, self.threads, |spans| {
                self.count_part(spans.map(|span| span.pixels), slice)
            })?;
            match tables.into_iter().collect::<Result<Vec<_>, CountStop>>() {
                Ok(tables) => {
                    counted += tables.iter().map(PartColors::colored).sum::<u64>();
                    for found in collect(&tables, best.threshold())?.colors {
                        best.add(found)?;
                    }
                    best.settle();
                }
                Err(CountStop::TooManyColors) => slices.extend(slice.halves()),
                Err(CountStop::Error(error)) => return Err(error),
            }
        }
        check_group(self.group, counted, self.scan.by_device)?;
        Ok(passes)
    }

    fn count_part(
        &self,
        ranges: impl Iterator<Item = Range<usize>>,
        slice: HashSlice,
    ) -> Result<PartColors, CountStop> {
        let mut part = PartColors::new(self.seed)?;
        let mut cache = PixelCache::new(self.scan.hasher)?;
        self.scan.for_fingerprints(ranges, self.wanted, |pixel| {
            let index = match cache.find(pixel) {
                Some(index) => index.into(),
                None => {
                    let index = self.index(pixel, slice, &mut part)?;
                    cache.fit(part.table.len())?;
                    cache.insert(pixel, index);
                    index
                }
            };
            part.counts[index as usize] += 1;
            Ok::<_, CountStop>(())
        })?;
        Ok(part)
    }

    /// The index of a pixel's colour in a part's table, 0 where the colour is not wanted.
    #[cold]
    #[inline(never)]
    fn index(&self, pixel: &[u32; C], slice: HashSlice, part: &mut PartColors) -> Result<u32, CountStop> {
        let Some((pixel, _)) = self.scan.if_wanted(pixel, self.wanted)? else { return Ok(0) };
        let key = Key::of_canonical(&pixel, self.scan.pixels.kind());
        if !slice.has(key.hash(!self.seed)) {
            return Ok(0);
        }
        let index = part.index(key)?;
        if part.table.len() > self.plan.table_colors {
            return Err(CountStop::TooManyColors);
        }
        Ok(index)
    }
}
