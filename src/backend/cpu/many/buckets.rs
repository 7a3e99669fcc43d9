//! Pixels by hash bucket: an upper bound for every colour.
//!
//! **Problem.** Which of millions of colours can be among the `max_count` most frequent, without a table of all?
//!
//! ```text
//! for each pixel: counter of its hash's bucket += 1          one counter array a thread
//! total of a bucket = sum over the threads
//! a colour has no more pixels than its bucket's total
//! threshold = least number of pixels a result can have, as far as is known
//! buckets with less than the threshold are never looked at again
//! ```
//!
//! **Exact.** The total is a bound, not an estimate: what is ruled out cannot be a result, ties included.
//!
//! **Cost.** One pass, one increment a pixel, in 2¹² to 2²⁰ counters of four bytes: about one for 64 pixels, so that a bound is
//! off by 64 on average.
//!
//! **Prior art.** One row of a count-min sketch (Cormode and Muthukrishnan, 2005), which bounds from above as well; the
//! hash filter of Park, Chen and Yu for association rules (DHP, 1995), which rules pairs out by their bucket's count, exactly as
//! here; iceberg queries by coarse counting (Fang et al., 1998).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::backend::cpu::many::bucket_set::BucketSet;
use crate::backend::cpu::many::fingerprints::{FINGERPRINT_BITS, Fingerprints, HashTile};
use crate::backend::cpu::part::check_sum;
use crate::backend::cpu::pixels::spans;
use crate::backend::cpu::pixels::tiles::{Tiles, tiles_of};
use crate::backend::cpu::plan::CpuPlan;
use crate::backend::cpu::tables::key::Hasher;
use crate::error::Error;
use crate::labels::TILE;
use crate::runtime::alloc::{no_memory, try_push, try_with_capacity, try_zeroed};
use crate::runtime::simd::Simd;
use crate::runtime::threads::Threads;

/// How many pixels there are by hash.
#[derive(Debug)]
pub(super) struct Buckets {
    /// Those of the hash's upper bits that number a bucket.
    pub(super) bits: u32,
    pub(super) parts: Vec<PartBuckets>,
    pub(super) totals: Vec<u64>,
}

/// What one thread has counted. It is sorted by one thread, too, since its counters tell how much memory that takes.
#[derive(Debug)]
pub(super) struct PartBuckets {
    pub(super) ranges: Vec<Range<usize>>,
    /// Their pixels in each bucket.
    pub(super) counters: Vec<u32>,
    /// Those without a colour, if they are known.
    pub(super) colorless: u64,
}

impl Buckets {
    /// The buckets that so many bits of the hash number.
    pub(super) fn new(bits: u32, parts: Vec<PartBuckets>) -> Result<Self, Error> {
        let mut totals = try_zeroed(1 << bits)?;
        for part in &parts {
            for (total, &counter) in totals.iter_mut().zip(&part.counters) {
                *total += u64::from(counter);
            }
        }
        Ok(Self { bits, parts, totals })
    }

    /// Pixels that were counted.
    pub(super) fn pixels(&self) -> u64 {
        self.totals.iter().sum::<u64>() + self.parts.iter().map(|part| part.colorless).sum::<u64>()
    }

    /// Some of them.
    pub(super) fn set(&self, group: &[Candidate]) -> Result<BucketSet, Error> {
        BucketSet::new(self.bits, group.iter().map(|candidate| candidate.bucket))
    }

    /// Those that can hold a colour of so many pixels.
    pub(super) fn candidates(&self, threshold: u64) -> Result<Vec<Candidate>, Error> {
        let candidates = || (0..).zip(&self.totals).filter(|&(_, &total)| total >= threshold.max(1));
        let mut list = try_with_capacity(candidates().count())?;
        list.extend(candidates().map(|(bucket, &total)| Candidate { total, bucket }));
        Ok(list)
    }
}

/// A bucket that can hold a result. The order is that of the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) total: u64,
    pub(super) bucket: u32,
}

/// Fails unless so many pixels of a group's colours were counted as its buckets have. `by_device`: a device has written the
/// fingerprints by which they were counted, those of pixels without a colour, too.
pub(super) fn check_group(group: &[Candidate], counted: u64, by_device: bool) -> Result<(), Error> {
    let total = group.iter().map(|candidate| candidate.total).sum();
    // Of the others `Scan` has found that they have no colour.
    if by_device && counted < total { Ok(()) } else { check_sum(counted, total) }
}

/// The fullest `count` of the candidates, in any order.
pub(super) fn fullest(candidates: &[Candidate], count: usize) -> Result<Vec<Candidate>, Error> {
    let mut fullest = BinaryHeap::new();
    fullest.try_reserve(count).map_err(|_| no_memory::<Candidate>(count))?;
    for &candidate in candidates {
        if fullest.len() < count {
            fullest.push(Reverse(candidate));
        } else if let Some(mut least) = fullest.peek_mut()
            && candidate > least.0
        {
            *least = Reverse(candidate);
        }
    }
    let mut list = try_with_capacity(fullest.len())?;
    list.extend(fullest.into_iter().map(|Reverse(candidate)| candidate));
    Ok(list)
}

/// Counts the pixels of as many buckets as the plan has, and keeps their fingerprints where there is memory for them.
pub(super) fn count_buckets<const C: usize>(
    simd: Simd,
    pixels: Tiles<C>,
    fingerprints: Option<&mut [u16]>,
    hasher: Hasher,
    plan: &CpuPlan,
    threads: &Threads,
) -> Result<Vec<PartBuckets>, Error> {
    let shift = u32::BITS - plan.bucket_bits;
    let parts = spans::share(pixels.len(), fingerprints, plan, threads, |spans| {
        let mut counters = try_zeroed::<u32>(1 << plan.bucket_bits)?;
        let (mut ranges, mut colorless) = (Vec::new(), 0);
        let mut scratch = pixels.scratch()?;
        for span in spans {
            let mut kept = span.kept.into_iter().flat_map(|kept| kept.chunks_mut(TILE));
            for tile in tiles_of(span.pixels.clone()) {
                // A slice in the closure stays in registers, where a list would be looked up for each pixel.
                let counters = &mut counters[..];
                let count =
                    move |hash: u32, length: usize| counters[(hash >> shift) as usize] += length as u32;
                let (scratch, fingerprints) = (&mut scratch, kept.next());
                colorless += simd.run(HashTile { pixels, tile, scratch, hasher, fingerprints, count }) as u64;
            }
            try_push(&mut ranges, span.pixels)?;
        }
        Ok(PartBuckets { ranges, counters, colorless })
    })?;
    parts.into_iter().collect()
}

/// Counts pixels whose fingerprints are there already, in as many buckets as have numbers of so many bits.
pub(super) fn count_fingerprints(
    pixels: usize,
    fingerprints: &Fingerprints,
    bits: u32,
    plan: &CpuPlan,
    threads: &Threads,
) -> Result<Vec<PartBuckets>, Error> {
    let parts = spans::share::<(), _>(pixels, None, plan, threads, |spans| {
        let mut counters = try_zeroed::<u32>(1 << bits)?;
        let mut ranges = Vec::new();
        for span in spans {
            let kept = tiles_of(span.pixels.clone()).filter_map(|tile| fingerprints.of_tile(tile));
            let shift = FINGERPRINT_BITS - bits;
            kept.flatten().for_each(|&fingerprint| counters[usize::from(fingerprint) >> shift] += 1);
            try_push(&mut ranges, span.pixels)?;
        }
        Ok(PartBuckets { ranges, counters, colorless: 0 })
    })?;
    parts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_are_the_last_in_order() {
        let totals = (0..500u64).map(|bucket| bucket.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
        let mut candidates: Vec<_> =
            totals.zip(0..).map(|(total, bucket)| Candidate { total, bucket }).collect();
        for count in [0, 1, 7, 499, 500, 900] {
            let mut found = fullest(&candidates, count).unwrap();
            found.sort_unstable();
            let mut expected = candidates.clone();
            expected.sort_unstable();
            assert_eq!(found, expected[500 - count.min(500)..], "{count}");
            candidates.rotate_left(123);
        }
    }
}
