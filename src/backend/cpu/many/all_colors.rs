//! Counting all colours of an image, where pixels are numbers of 24 bits: bytes of up to three channels.
//!
//! **Problem.** All colours of a photo are asked for, a million of them, or so many that none can be ruled out. One table of all, shared
//! by the threads, would have a counter for each of 2²⁴ numbers and miss the caches at most pixels.
//!
//! ```text
//! partition of a pixel = the upper 10 bits of its number
//! each thread, for each block of 65,536 pixels that it takes:
//!     count the block's pixels by partition: that says where each partition begins
//!     write the lower 14 bits of each pixel to its partition, within the block's part of the memory
//! each partition, on any thread:
//!     counters = 2¹⁴ zeros
//!     for each block: counters of the numbers in its partition += 1
//!     list those that are not 0: a colour and its count, in ascending order
//! ```
//!
//! **Exact.** A number is its partition and its place in it, so that each counter is one colour's. That as many pixels were
//! counted as there are is checked.
//!
//! **Cost.** The image is read once; two bytes a pixel are written and read, in the memory that other ways of counting keep
//! fingerprints in. A block's part of it fits a second-level cache, as a partition's counters do: no access misses the caches
//! whatever the colours are. The list is in the colours' order, which spares sorting by colour.
//!
//! **Prior art.** Counting sort by radix (Seward, 1954), in blocks that fit the caches as radix joins have them (Boncz, Manegold
//! and Kersten, 1999).

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::backend::cpu::part::check_sum;
use crate::backend::cpu::pixels::pieces::Piece;
use crate::backend::cpu::pixels::prefetch::prefetch;
use crate::backend::cpu::pixels::spans;
use crate::backend::cpu::pixels::tiles::{PixelCode, TileScratch, Tiles, tiles_of};
use crate::backend::cpu::plan::CpuPlan;
use crate::color::Color;
use crate::error::Error;
use crate::labels::TILE;
use crate::runtime::alloc::{no_memory, try_push, try_with_capacity, try_zeroed};
use crate::runtime::call::ProgressSpan;
use crate::runtime::simd::{Simd, Work};
use crate::runtime::threads::{Queue, Threads};
use crate::stages::select::Best;
use crate::types::encoding::WORD_BITS;
use crate::types::palette::{ColorCount, Counts};
use crate::types::params::SelectionRule;

/// Bits of a number that are its place in its partition.
const PLACE_BITS: u32 = 14;
const PLACES: usize = 1 << PLACE_BITS;
const PARTITIONS: usize = 1 << (WORD_BITS - PLACE_BITS);

/// Where a block's partitions begin, and where the last one ends: behind it are pixels without a colour.
type Starts = [u32; PARTITIONS + 1];

/// Pixels of a block.
const BLOCK_PIXELS: usize = 4 * TILE;

/// Pixels side by side that are counted apart.
const LANES: usize = 4;

/// Partitions that a thread takes at a time.
const GROUP: usize = 16;

/// With fewer pixels the partitions' counters would be more than the pixels.
const LEAST_PIXELS: usize = 1 << 19;

/// With more `min_pixels` bounds rule out most colours.
const MOST_MIN_PIXELS: u64 = 256;

/// With fewer masks bounds rule out enough colours.
const LEAST_MASKS: u32 = 128;

/// Up to so many masks, only the best colours are kept.
const FEW_MASKS: u32 = 1 << 14;

/// Whether counting all colours of an image is possible here, and the fastest way to count it where no sample tells of
/// frequent colours. There is memory for two bytes a pixel.
pub(crate) fn can_count_all<const C: usize>(
    pixels: Tiles<C>,
    selection: &SelectionRule,
    most_listed: usize,
) -> bool {
    let most_colors = pixels.len().min(1 << WORD_BITS);
    pixels.are_24_bits()
        && selection.max_count >= LEAST_MASKS
        // Counters have 32 bits.
        && (LEAST_PIXELS..=u32::MAX as usize).contains(&pixels.len())
        && selection.min_pixels.get() <= MOST_MIN_PIXELS
        // The list is one of the best colours, or of all, or none.
        && (keeps_best(selection, most_listed)
            || selection.max_count as usize > most_listed
            || most_colors <= most_listed)
}

/// Whether only the best colours are kept.
fn keeps_best(selection: &SelectionRule, most_listed: usize) -> bool {
    selection.max_count <= FEW_MASKS && selection.max_count as usize <= most_listed
}

/// Counts all colours of an image whose pixels are numbers of 24 bits. There is a list of those that may be selected if they
/// are no more than `most_listed`, and where it is of all with enough pixels, it is in their order. `memory` has two bytes for
/// each pixel.
pub(crate) fn count_all<const C: usize>(
    pixels: Tiles<C>,
    memory: &mut [u16],
    selection: &SelectionRule,
    most_listed: usize,
    plan: &CpuPlan,
    threads: &Threads,
) -> Result<Counts, Error> {
    let sorting = ProgressSpan::new(0.5);
    let blocks = sort_blocks(pixels, memory, plan, threads)?;
    drop(sorting);
    let _counting = ProgressSpan::new(0.75);
    let best = keeps_best(selection, most_listed).then(|| Best::new(selection, most_listed));
    let min_pixels = selection.min_pixels.get();
    let partitions = Partitions { blocks: &blocks, memory, min_pixels, most_listed, best };
    let Found { lists, best, pixels: counted, colors } = partitions.count(threads)?;
    let colorless: u64 = blocks.iter().map(|block| block.colorless() as u64).sum();
    check_sum(counted + colorless, pixels.len() as u64)?;
    drop(blocks);
    if let Some(best) = best {
        return Ok(best.into_counts());
    }
    if colors > most_listed {
        let found = (colors as u64).min(selection.max_count.into());
        return Ok(Counts { too_many: Some(found), ..Counts::default() });
    }
    Ok(Counts { colors: join(lists, colors, threads)?, ..Counts::default() })
}

/// A block, sorted by partition.
#[derive(Debug)]
struct SortedBlock {
    pixels: Range<usize>,
    starts: Box<Starts>,
}

impl SortedBlock {
    /// The memory of a partition of the block.
    #[inline(always)]
    fn partition(&self, partition: usize) -> Range<usize> {
        let [start, end] = [self.starts[partition], self.starts[partition + 1]];
        self.pixels.start + start as usize..self.pixels.start + end as usize
    }

    fn colorless(&self) -> usize {
        self.pixels.len() - self.starts[PARTITIONS] as usize
    }
}

/// Sorts each block's pixels.
fn sort_blocks<const C: usize>(
    pixels: Tiles<C>,
    memory: &mut [u16],
    plan: &CpuPlan,
    threads: &Threads,
) -> Result<Vec<SortedBlock>, Error> {
    let simd = Simd::current();
    let parts = spans::share(pixels.len(), Some(memory), plan, threads, |spans| {
        let (mut blocks, mut numbers) = (Vec::new(), try_zeroed::<u32>(BLOCK_PIXELS)?);
        // Not on the stack, which may be a small one.
        let mut ends = try_zeroed::<u32>(LANES * (PARTITIONS + 1))?;
        let mut scratch = pixels.scratch()?;
        for span in spans {
            let mut first = span.pixels.start;
            for places in span.kept.into_iter().flat_map(|kept| kept.chunks_mut(BLOCK_PIXELS)) {
                let block = first..first + places.len();
                let mut starts = new_starts()?;
                let (scratch, numbers) = (&mut scratch, &mut numbers[..places.len()]);
                let range = block.clone();
                let ends = ends.as_chunks_mut().0;
                let work = SortBlock { pixels, range, scratch, numbers, starts: &mut starts, ends, places };
                simd.run(work);
                first = block.end;
                try_push(&mut blocks, SortedBlock { pixels: block, starts })?;
            }
        }
        Ok(blocks)
    })?;
    let mut blocks = Vec::new();
    for part in parts {
        let part: Vec<SortedBlock> = part?;
        blocks.try_reserve(part.len()).map_err(|_| no_memory::<SortedBlock>(part.len()))?;
        blocks.extend(part);
    }
    Ok(blocks)
}

/// Memory for a block's starts.
fn new_starts() -> Result<Box<Starts>, Error> {
    let starts = try_zeroed(PARTITIONS + 1)?.into_boxed_slice();
    starts.try_into().map_err(|_| no_memory::<Starts>(1))
}

/// Sorts a block.
struct SortBlock<'a, 's, const C: usize> {
    pixels: Tiles<'a, C>,
    range: Range<usize>,
    scratch: &'s mut TileScratch<C>,
    /// Memory for the pixels' numbers.
    numbers: &'s mut [u32],
    starts: &'s mut Starts,
    /// `LANES` of them.
    ends: &'s mut [Starts],
    places: &'s mut [u16],
}

impl<L: PixelCode, const C: usize> Work<L, ()> for SortBlock<'_, '_, C> {
    #[inline(always)]
    fn run(self, level: L) {
        let Self { pixels, range, scratch, numbers, starts, ends, places } = self;
        for (tile, numbers) in tiles_of(range).zip(numbers.chunks_mut(TILE)) {
            let mut pieces = pixels.pieces(level, tile, scratch);
            while let Some((start, piece, pixels)) = pieces.next() {
                let numbers = &mut numbers[start..start + piece.len()];
                match piece {
                    Piece::Run(_) => numbers.fill(pixels[0][0]),
                    Piece::Literal(_) => {
                        numbers.iter_mut().zip(pixels).for_each(|(number, pixel)| *number = pixel[0]);
                    }
                }
            }
        }
        // Neighbours are mostly of the same partition: each has a counter of its own, which would have to wait for itself.
        let Ok(ends) = <&mut [Starts; LANES]>::try_from(ends) else { unreachable!() };
        ends.iter_mut().for_each(|counters| counters.fill(0));
        let (groups, rest) = numbers.as_chunks::<LANES>();
        for group in groups {
            group.iter().zip(&mut *ends).for_each(|(&number, counters)| counters[partition(number)] += 1);
        }
        rest.iter().zip(&mut *ends).for_each(|(&number, counters)| counters[partition(number)] += 1);
        let mut next = 0;
        for (partition, start) in starts.iter_mut().enumerate() {
            *start = next;
            for end in &mut *ends {
                next += std::mem::replace(&mut end[partition], next);
            }
        }
        let mut write = |number: u32, ends: &mut Starts| {
            let end = &mut ends[partition(number)];
            places[*end as usize] = (number as usize % PLACES) as u16;
            *end += 1;
        };
        for group in groups {
            group.iter().zip(&mut *ends).for_each(|(&number, ends)| write(number, ends));
        }
        rest.iter().zip(&mut *ends).for_each(|(&number, ends)| write(number, ends));
    }
}

/// A number's partition; behind all others that of what is no number of 24 bits: pixels without a colour.
#[inline(always)]
fn partition(number: u32) -> usize {
    ((number >> PLACE_BITS) as usize).min(PARTITIONS)
}

/// Colours and their counts, in their order, and the group of partitions that they are from.
type GroupList = (usize, Vec<[u32; 2]>);

/// What was found.
#[derive(Debug, Default)]
struct Found {
    lists: Vec<GroupList>,
    /// In place of the lists.
    best: Option<Best>,
    pixels: u64,
    /// Those with enough pixels.
    colors: usize,
}

/// Sorted blocks, to be counted partition by partition.
struct Partitions<'a> {
    blocks: &'a [SortedBlock],
    memory: &'a [u16],
    min_pixels: u64,
    most_listed: usize,
    /// Where only the best colours are kept: none so far.
    best: Option<Best>,
}

impl Partitions<'_> {
    /// Finds the colours with enough pixels, or the best of them, and lists them while they are not too many.
    fn count(self, threads: &Threads) -> Result<Found, Error> {
        let all_found = AtomicUsize::new(0);
        let groups: Vec<usize> = (0..PARTITIONS / GROUP).collect();
        let done = threads.share(groups, threads.count(), |queue| self.count_groups(queue, &all_found))?;
        let mut all = Found { best: self.best, ..Found::default() };
        for part in done {
            let Found { mut lists, best, pixels, colors } = part?;
            all.lists.try_reserve(lists.len()).map_err(|_| no_memory::<GroupList>(lists.len()))?;
            all.lists.append(&mut lists);
            if let (Some(all), Some(best)) = (&mut all.best, best) {
                all.merge(best)?;
            }
            all.pixels += pixels;
            all.colors += colors;
        }
        all.lists.sort_unstable_by_key(|&(group, _)| group);
        Ok(all)
    }

    /// What one thread does.
    fn count_groups(&self, queue: &Queue<usize>, all_found: &AtomicUsize) -> Result<Found, Error> {
        let mut counters = try_zeroed::<u32>(PLACES)?.into_boxed_slice();
        let counters: &mut [u32; PLACES] =
            (&mut counters[..]).try_into().map_err(|_| no_memory::<u32>(PLACES))?;
        let mut part = Found { best: self.best.as_ref().map(Best::part), ..Found::default() };
        while let Some(group) = queue.take() {
            let mut list = Vec::new();
            for partition in group * GROUP..(group + 1) * GROUP {
                let pixels = self.count_partition(partition, counters);
                if pixels == 0 {
                    continue;
                }
                part.pixels += pixels;
                if let Some(best) = &mut part.best {
                    add_best(partition, counters, best)?;
                } else {
                    let found = self.found(counters);
                    part.colors += found;
                    let all_found = all_found.fetch_add(found, Ordering::Relaxed) + found;
                    if all_found <= self.most_listed {
                        self.list(partition, counters, found, &mut list)?;
                    } else {
                        (list, part.lists) = (Vec::new(), Vec::new()); // nobody will look at them
                    }
                }
                counters.fill(0);
            }
            if !list.is_empty() {
                try_push(&mut part.lists, (group, list))?;
            }
        }
        Ok(part)
    }

    /// Counts the numbers of a partition. How many there are.
    fn count_partition(&self, partition: usize, counters: &mut [u32; PLACES]) -> u64 {
        /// Blocks that are asked for before they are counted: they lie apart.
        const AHEAD: usize = 4;
        let mut pixels = 0;
        for (index, block) in self.blocks.iter().enumerate() {
            if let Some(later) = self.blocks.get(index + AHEAD) {
                prefetch::<256>(self.memory.as_ptr().wrapping_add(later.partition(partition).start).cast());
            }
            let places = &self.memory[block.partition(partition)];
            pixels += places.len() as u64;
            let (eights, rest) = places.as_chunks::<8>();
            for eight in eights {
                eight.iter().for_each(|&place| counters[usize::from(place) % PLACES] += 1);
            }
            rest.iter().for_each(|&place| counters[usize::from(place) % PLACES] += 1);
        }
        pixels
    }

    /// How many colours have enough pixels.
    fn found(&self, counters: &[u32; PLACES]) -> usize {
        let least = self.least();
        let found: u32 = counters.iter().map(|&counter| u32::from(counter >= least)).sum();
        found as usize
    }

    /// Enough pixels; more than there are become as many as there can be.
    fn least(&self) -> u32 {
        u32::try_from(self.min_pixels).unwrap_or(u32::MAX)
    }

    /// Adds so many colours of a partition to a list.
    fn list(
        &self,
        partition: usize,
        counters: &[u32; PLACES],
        found: usize,
        list: &mut Vec<[u32; 2]>,
    ) -> Result<(), Error> {
        // One more is written: what the last one found is followed by.
        list.try_reserve(found + 1).map_err(|_| no_memory::<[u32; 2]>(list.len() + found))?;
        let (first, mut next) = (list.len(), list.len());
        list.resize(first + found + 1, [0; 2]);
        let least = self.least();
        // Without a branch, which would be mispredicted at each colour.
        for (place, &counter) in counters.iter().enumerate() {
            list[next] = [(partition << PLACE_BITS | place) as u32, counter];
            next += usize::from(counter >= least);
        }
        list.truncate(next);
        Ok(())
    }
}

/// Adds the colours of a partition to the best ones.
fn add_best(partition: usize, counters: &[u32; PLACES], best: &mut Best) -> Result<(), Error> {
    /// Counters that are looked at in one go.
    const STEP: usize = 64;
    for (step, counters) in counters.chunks_exact(STEP).enumerate() {
        // Most have none.
        let most = counters.iter().fold(0, |most, &counter| counter.max(most));
        if most == 0 || u64::from(most) < best.threshold() {
            continue;
        }
        for (place, &pixels) in counters.iter().enumerate().filter(|&(_, &counter)| counter > 0) {
            best.add(ColorCount { color: color(partition, step * STEP + place), pixels: pixels.into() })?;
        }
    }
    Ok(())
}

/// The colour of a place in a partition.
fn color(partition: usize, place: usize) -> Color {
    Color::from_canonical_bits([(partition << PLACE_BITS | place) as u32, 0, 0, 0])
}

/// The colours of all groups, one behind the other: so many.
fn join(lists: Vec<GroupList>, count: usize, threads: &Threads) -> Result<Vec<ColorCount>, Error> {
    let mut colors: Vec<ColorCount> = try_with_capacity(count)?;
    let mut rest = &mut colors.spare_capacity_mut()[..count];
    let mut work = try_with_capacity(lists.len())?;
    for (_, list) in lists {
        let (to, later) = rest.split_at_mut(list.len());
        rest = later;
        work.push((list, to));
    }
    let is_whole = rest.is_empty();
    threads.for_each(work, |(list, to): (Vec<[u32; 2]>, &mut [MaybeUninit<ColorCount>])| {
        for (to, [number, pixels]) in to.iter_mut().zip(list) {
            let color = Color::from_canonical_bits([number, 0, 0, 0]);
            to.write(ColorCount { color, pixels: pixels.into() });
        }
    })?;
    assert!(is_whole, "the lists have as many colours as were found");
    // SAFETY: each list has filled its part, and there is no other part.
    #[allow(unsafe_code)]
    unsafe {
        colors.set_len(count);
    }
    Ok(colors)
}
