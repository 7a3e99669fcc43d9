//! Counting the colours of many buckets: pixels are sorted into partitions, each of which is counted in the caches.
//!
//! **Problem.** Buckets that are left may have millions of colours together. One table of all would miss the caches at every
//! pixel.
//!
//! ```text
//! a group of buckets is as many as have pixels for the memory at hand
//! partitions of a group = upper bits of the hash, so many that 8,192 pixels are in each
//! each thread, for the pixels that it counted before:
//!     the counters of its buckets say where each of its partitions begins
//!     one pass: write the colour of each wanted pixel, and 1, to its partition;
//!         the same colour again at once: add 1 instead
//! each partition, on any thread:
//!     a table for its entries of all threads, with the strong hash: add up
//!     hand colours above the threshold to the best
//! ```
//!
//! **Exact.** A colour has one hash and so one partition, in which all its pixels are. That as many pixels were sorted as
//! were counted before is checked.
//!
//! **Cost.** One pass, one write of a colour and a count a wanted pixel, one read of it. No locks, no second pass to find the
//! sizes: counting has found them. Tables fit second-level caches, at most a quarter full.
//!
//! **Prior art.** Radix partitioning by histograms and prefix sums (Boncz, Manegold and Kersten, 1999; Balkesen et al., 2013),
//! in one pass, as the partitions are few; linear probing (Knuth, 1963) with some bits of the hash in the slot, as Swiss
//! tables have them (Abseil, 2017).

use std::ops::Range;

use crate::backend::cpu::many::bucket_set::BucketSet;
use crate::backend::cpu::many::buckets::{Buckets, Candidate, check_group};
use crate::backend::cpu::many::scan::Scan;
use crate::backend::cpu::tables::key::Key;
use crate::color::WordKind;
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_zeroed};
use crate::runtime::call::ProgressSpan;
use crate::runtime::threads::Threads;
use crate::stages::select::Best;
use crate::types::palette::ColorCount;

/// Pixels that a partition is to have: its table fits a second-level cache.
const PARTITION_PIXELS: u64 = 8192;

/// What a group of buckets is counted with.
pub(super) struct SortedCount<'a, const C: usize> {
    pub(super) scan: &'a Scan<'a, C>,
    pub(super) buckets: &'a Buckets,
    pub(super) group: &'a [Candidate],
    pub(super) wanted: &'a BucketSet,
    /// Of hash tables.
    pub(super) seed: u64,
    pub(super) threads: &'a Threads,
}

/// What a thread sorts: its ranges, where its partitions begin, and memory for all of them.
type PartWork<'a> = (&'a [Range<usize>], Vec<usize>, &'a mut [u32]);

impl<const C: usize> SortedCount<'_, C> {
    /// Words of an entry: a colour's, and a count.
    const ENTRY: usize = C + 1;

    /// Counts the group's colours. `sorted` is scratch memory that is kept from call to call.
    pub(super) fn count(&self, sorted: &mut Vec<u32>, best: &mut Best) -> Result<(), Error> {
        let bits = self.partition_bits();
        let work = self.lay_out(bits, sorted)?;
        let _pass = ProgressSpan::new(0.25);
        let parts = self
            .threads
            .map(work, |(ranges, starts, memory)| self.sort_part(ranges, starts, u32::BITS - bits, memory))?;
        let parts = parts.into_iter().collect::<Result<Vec<_>, Error>>()?;
        let sorted = parts.iter().map(|part| part.pixels).sum();
        check_group(self.group, sorted, self.scan.by_device)?;
        self.count_partitions(bits, &parts, best)
    }

    /// Pixels of the group.
    fn pixels(&self) -> u64 {
        self.group.iter().map(|candidate| candidate.total).sum()
    }

    /// How many partitions there are, as a power of two.
    fn partition_bits(&self) -> u32 {
        // The group's buckets may be neighbours: partitions are parts of all hashes.
        let buckets = || self.group.iter().map(|candidate| u64::from(candidate.bucket));
        let span = 1 + buckets().max().unwrap_or(0) - buckets().min().unwrap_or(0);
        let partitions = self.pixels() / PARTITION_PIXELS * ((1 << self.buckets.bits) / span);
        // No more than there are buckets, whose counters tell the partitions' sizes.
        partitions.max(1).ilog2().min(self.buckets.bits)
    }

    /// Shares the memory out to threads, and says where their partitions begin.
    fn lay_out<'s>(&self, bits: u32, sorted: &'s mut Vec<u32>) -> Result<Vec<PartWork<'s>>, Error>
    where
        Self: 's,
    {
        let words = Self::ENTRY * self.pixels() as usize;
        if sorted.len() < words {
            sorted.clear();
            sorted.try_reserve_exact(words).map_err(|_| no_memory::<u32>(words))?;
            sorted.resize(words, 0);
        }
        let mut rest = &mut sorted[..words];
        let mut work = Vec::new();
        for part in &self.buckets.parts {
            let mut starts = try_zeroed::<usize>((1 << bits) + 1)?;
            for candidate in self.group {
                let partition = candidate.bucket >> (self.buckets.bits - bits);
                starts[partition as usize] += Self::ENTRY * part.counters[candidate.bucket as usize] as usize;
            }
            let mut next = 0;
            for start in &mut starts {
                next += std::mem::replace(start, next);
            }
            let (memory, later) = rest.split_at_mut(next);
            rest = later;
            work.push((&part.ranges[..], starts, memory));
        }
        Ok(work)
    }

    /// Writes a part's wanted pixels out by partition. Equal pixels in a row are one entry.
    fn sort_part<'s>(
        &self,
        ranges: &[Range<usize>],
        starts: Vec<usize>,
        shift: u32,
        memory: &'s mut [u32],
    ) -> Result<SortedPart<'s>, Error> {
        let mut ends = starts.clone();
        let (mut last, mut last_count, mut pixels) = (None, 0, 0);
        self.scan.for_wanted(ranges.iter().cloned(), self.wanted, |pixel, hash| {
            pixels += 1;
            if last == Some(*pixel) {
                memory[last_count] += 1;
                return Ok(());
            }
            let end = &mut ends[hash.unbounded_shr(shift) as usize];
            // Where pixels have changed since their buckets were counted there may be too little memory.
            let Some(entry) = memory.get_mut(*end..*end + Self::ENTRY) else { return Err(overfull()) };
            entry[..C].copy_from_slice(pixel);
            entry[C] = 1;
            (last, last_count) = (Some(*pixel), *end + C);
            *end += Self::ENTRY;
            Ok::<_, Error>(())
        })?;
        match ends.iter().zip(&starts[1..]).all(|(end, next)| end <= next) {
            true => Ok(SortedPart { words: memory, starts, ends, pixels }),
            false => Err(overfull()),
        }
    }

    /// Counts the colours of all partitions.
    fn count_partitions(&self, bits: u32, parts: &[SortedPart], best: &mut Best) -> Result<(), Error> {
        // Several tasks for each thread, since some will take longer; each keeps its table.
        let step = (1usize << bits).div_ceil(8 * self.threads.count());
        let whole = &*best;
        let found = self.threads.map((0..1 << bits).step_by(step).collect(), |first| {
            let mut best = whole.part();
            let mut table = PartitionTable::<C>::default();
            for partition in first..(first + step).min(1 << bits) {
                if self.scan.cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let entries = parts.iter().map(|part| part.partition(partition));
                table.count(entries, self.scan.pixels.kind(), self.seed, &mut best)?;
            }
            Ok(best)
        })?;
        for part in found {
            best.merge(part?)?;
        }
        best.settle();
        Ok(())
    }
}

/// There are more pixels in a partition than were counted before.
#[cold]
fn overfull() -> Error {
    Error::Internal(
        "more pixels have a colour than had it before; they have changed during the call".to_owned(),
    )
}

/// The wanted pixels of a part of the image, by partition: entries of the channels and a count.
struct SortedPart<'a> {
    words: &'a [u32],
    /// One more than there are partitions.
    starts: Vec<usize>,
    ends: Vec<usize>,
    /// How many pixels the entries stand for.
    pixels: u64,
}

impl<'a> SortedPart<'a> {
    fn partition(&self, partition: usize) -> &'a [u32] {
        &self.words[self.starts[partition]..self.ends[partition]]
    }
}

/// A hash table of the colours of a partition, kept for its memory.
#[derive(Default)]
struct PartitionTable<const C: usize> {
    colors: Vec<([u32; C], u32)>,
    /// A colour's index plus one, and above `INDEX_BITS` some bits of its hash; 0 where the slot is free.
    slots: Vec<u32>,
}

/// Enough for the pixels of a group.
const INDEX_BITS: u32 = 24;

impl<const C: usize> PartitionTable<C> {
    /// Adds up the entries of a partition.
    fn count<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a [u32]> + Clone,
        kind: WordKind,
        seed: u64,
        best: &mut Best,
    ) -> Result<(), Error> {
        let Self { colors, slots } = self;
        let most: usize = entries.clone().map(|entries| entries.len() / (C + 1)).sum();
        // At most a quarter full: most searches end at the first slot.
        let slot_count = (4 * most).next_power_of_two().max(2);
        let shift = u64::BITS - slot_count.trailing_zeros();
        slots.clear();
        slots.try_reserve(slot_count).map_err(|_| no_memory::<u32>(slot_count))?;
        slots.resize(slot_count, 0);
        colors.clear();
        colors.try_reserve(most).map_err(|_| no_memory::<([u32; C], u32)>(most))?;

        for entry in entries.flat_map(|entries| entries.chunks_exact(C + 1)) {
            let pixel: [u32; C] = std::array::from_fn(|channel| entry[channel]);
            // Not the hash that chose the partition.
            let hash = Key::of_canonical(&pixel, kind).hash(!seed);
            let tag = (hash as u32) << INDEX_BITS;
            let mut slot = (hash >> shift) as usize;
            loop {
                let held = slots[slot];
                if held == 0 {
                    colors.push((pixel, entry[C]));
                    slots[slot] = tag | colors.len() as u32;
                    break;
                }
                let color = (held & ((1 << INDEX_BITS) - 1)) as usize - 1;
                if (held ^ tag) >> INDEX_BITS == 0 && colors[color].0 == pixel {
                    colors[color].1 += entry[C];
                    break;
                }
                slot = (slot + 1) & (slot_count - 1);
            }
        }
        let threshold = best.threshold();
        for &(pixel, pixels) in colors.iter().filter(|&&(_, pixels)| u64::from(pixels) >= threshold) {
            best.add(ColorCount { color: Key::of_canonical(&pixel, kind).color(), pixels: pixels.into() })?;
        }
        Ok(())
    }
}
