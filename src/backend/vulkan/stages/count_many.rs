//! Counting an image of very many colours, of which few can matter, on the device alone.
//!
//! The problem: an image has more colours than a table holds, and so has any part of it that is worth a dispatch, but a mask
//! is made of few of them. `src/backend/cpu/many` has it on the host.
//!
//! ```text
//! totals[bucket] = pixels whose colour's hash is in the bucket          (count.comp, BUCKETS)
//! threshold = what the least selected colour must have: min_pixels, and what max_count colours have that are known
//! for groups of buckets, the fullest first, while a total reaches the threshold:
//!     count the colours of the group's buckets exactly                  (count.comp, WANTED; collect.comp)
//!         in a table that holds as many colours as the group has pixels
//!     raise the threshold by what was found
//! ```
//!
//! It is exact because a bucket's total bounds from above what each of its colours has: buckets below the threshold hold no
//! result. Colours that tie with the threshold are counted; what is left out is left out for certain.
//!
//! It costs a read of the image for the totals and one for each group. The first group has a sixteenth of the pixels, to
//! raise the threshold soon, later ones grow by eight, as far as the memory goes: so there are few.
//!
//! Prior art: hash buckets as upper bounds of counts, whose light ones are never counted (Park, Chen and Yu, An effective
//! hash-based algorithm for mining association rules, 1995); a threshold that rises with what is found, and stops the search
//! (Fagin, Lotem and Naor, Optimal aggregation algorithms for middleware, 2003).

use std::cmp::Reverse;

use log::Level;

use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::buffers::{Buffer, Shared};
use crate::backend::vulkan::device::gpu::Ticket;
use crate::backend::vulkan::device::receipts::{Counted, NEVER, same_as_buckets, within};
use crate::backend::vulkan::device::shaders::{CollectDispatch, CountDispatch};
use crate::backend::vulkan::device::source::Source;
use crate::backend::vulkan::device::stage::{Counting, Stage};
use crate::backend::vulkan::plan::{self, CHUNKS_IN_FLIGHT, ENTRY_WORDS, ExactPlan, Plan, REPORT_WORDS};
use crate::backend::vulkan::stages::chunk::Chunk;
use crate::backend::vulkan::stages::palette_table::hash;
use crate::backend::vulkan::stages::read::READ_PIXELS;
use crate::backend::vulkan::stages::work::Work;
use crate::color::Color;
use crate::error::Error;
use crate::labels::TILE;
use crate::runtime::alloc::{try_with_capacity, try_zeroed};
use crate::runtime::call::{self, ProgressSpan};
use crate::stages::select::Best;
use crate::types::histogram::Histogram;
use crate::types::palette::{ColorCount, Counts};
use crate::types::params::SelectionRule;

/// The part of the image's pixels that the first group has, which is to raise the threshold quickly; and how many
/// times as many each group has as the one before.
const FIRST_GROUP_PART: u64 = 16;
const GROUP_GROWTH: u64 = 8;

/// The hash that puts colours into buckets.
#[derive(Clone, Copy, Debug)]
struct Buckets {
    seed: u32,
    /// Of the hash's 32 bits, those that do not tell the bucket.
    shift: u32,
}

impl Buckets {
    fn bucket(self, color: &[u32]) -> usize {
        (hash(color, self.seed) >> self.shift) as usize
    }

    fn count(self) -> usize {
        1 << (32 - self.shift)
    }
}

/// Buckets whose colours are counted exactly, together.
struct Group<'a> {
    source: &'a Source<'a>,
    exact: &'a ExactPlan,
    hash: Buckets,
    /// A bit for each bucket.
    wanted: &'a [u32],
    /// The pixels of its buckets in the whole image.
    total: u64,
}

impl Group<'_> {
    fn has(&self, color: &Color) -> bool {
        let channels = self.source.pixels.grid().words as usize;
        let bucket = self.hash.bucket(&color.words()[..channels]);
        self.wanted[bucket / 32] >> (bucket % 32) & 1 != 0
    }
}

/// A part of the image in which a group's colours are counted.
struct GroupPart<'a> {
    group: &'a Group<'a>,
    /// The first pixel.
    start: usize,
    pixels: u32,
    /// Colours with fewer pixels are of no interest.
    min_pixels: u32,
}

impl GroupPart<'_> {
    /// The colour of one of its pixels, where the host reads them.
    fn color(&self, pixel: usize) -> Option<Color> {
        self.group.source.pixels.color(self.start + pixel)
    }
}

/// Takes a colour and its pixels.
type Add<'a> = &'a mut dyn FnMut(Color, u64) -> Result<(), Error>;

impl Work {
    /// Counts the colours that can be selected, and lists them if there are no more than `room_for`.
    pub(crate) fn count_many(
        &mut self,
        source: &Source,
        selection: &SelectionRule,
        room_for: usize,
        plan: &Plan,
    ) -> Result<Counts, Error> {
        let limits = self.limits();
        let grid = source.pixels.grid();
        let exact = ExactPlan::new(grid, &limits, source.copied_bytes(), self.host_bytes);
        let bits = plan::bucket_bits(grid.pixels(), &limits);
        let hash = Buckets { seed: self.seeds.take() as u32, shift: 32 - bits };
        let totals = self.bucket_totals(source, plan, hash)?;

        let mut best = Best::new(selection, room_for);
        let mut order: Vec<usize> = try_with_capacity(totals.len())?;
        order.extend((0..totals.len()).filter(|&bucket| totals[bucket] >= best.threshold()));
        order.sort_unstable_by_key(|&bucket| Reverse(totals[bucket]));
        let mut group_pixels = (grid.pixels() / FIRST_GROUP_PART).min(exact.group_pixels);
        let mut rest = order.as_slice();
        while selection.max_count > 0
            && rest.first().is_some_and(|&fullest| totals[fullest] >= best.threshold())
        {
            // At least one bucket, then as many as fit.
            let mut total = 0;
            let fitting = rest.iter().take_while(|&&bucket| {
                total += totals[bucket];
                total <= group_pixels && totals[bucket] >= best.threshold()
            });
            let (buckets, later) = rest.split_at(fitting.count().max(1));
            rest = later;
            group_pixels = (GROUP_GROWTH * group_pixels).min(exact.group_pixels);
            let mut wanted: Vec<u32> = try_zeroed(hash.count().div_ceil(32))?;
            for &bucket in buckets {
                wanted[bucket / 32] |= 1 << (bucket % 32);
            }
            let total = buckets.iter().map(|&bucket| totals[bucket]).sum();
            let group = Group { source, exact: &exact, hash, wanted: &wanted, total };
            self.count_group(&group, &mut best)?;
            best.settle();
        }
        Ok(best.into_counts())
    }

    /// The pixels of each bucket.
    fn bucket_totals(&mut self, source: &Source, plan: &Plan, hash: Buckets) -> Result<Vec<u64>, Error> {
        let mut totals: Vec<u64> = try_zeroed(hash.count())?;
        let mut counters: Vec<u32> = try_zeroed(hash.count() + 1)?;
        let mut colorless = 0;
        let mut counted = 0; // pixels since the counters were 0
        let mut tickets: [Option<Ticket>; CHUNKS_IN_FLIGHT as usize] = [None; CHUNKS_IN_FLIGHT as usize];
        let pass = ProgressSpan::new(0.375);
        for chunk in Chunk::all(plan) {
            pass.reach(chunk.start as f64 / plan.pixels() as f64);
            if let Some(ticket) = tickets[chunk.memory].take() {
                self.gpu.wait(ticket)?;
            }
            let clear = counted == 0;
            counted += u64::from(chunk.pixels);
            // No counter may overflow.
            let last = chunk.index + 1 == plan.chunk_count() || counted + plan.chunk_pixels > u32::MAX.into();
            let ticket = self.start_buckets(source, plan, chunk, hash, clear, last)?;
            tickets[chunk.memory] = Some(ticket);
            if last {
                self.gpu.wait(ticket)?;
                if let Some(buckets) = &self.buffers.many.buckets {
                    buckets.read(0, bytemuck::cast_slice_mut(&mut counters))?;
                }
                for (total, &counter) in totals.iter_mut().zip(&counters) {
                    *total += u64::from(counter);
                }
                colorless += u64::from(counters[hash.count()]);
                counted = 0;
            }
        }
        let counted: u64 = totals.iter().sum();
        Counted { counted, colorless }.check(&self.gpu, plan.pixels())?;
        Ok(totals)
    }

    fn start_buckets(
        &mut self,
        source: &Source,
        plan: &Plan,
        chunk: Chunk,
        hash: Buckets,
        clear: bool,
        last: bool,
    ) -> Result<Ticket, Error> {
        let words = source.pixel_words();
        let color_map = self.chunk_pixels(source, plan, chunk, true)?;
        let Self { gpu, buffers, .. } = self;
        let stage = Stage::Count { counting: Counting::Buckets, words, copies: 1 };
        let counters = hash.count() as u64 + 1;
        let buckets = Shared::ensure(&mut buffers.many.buckets, gpu, counters)?;
        if clear {
            buckets.write(counters - 1, &[NEVER])?;
        }
        let buckets = &*buckets;
        let memory = buffers.chunks[chunk.memory].shared.as_ref();
        gpu.count(|counters| counters.pixels_read += u64::from(chunk.pixels));
        gpu.submit(|commands| {
            color_map.upload(memory, commands)?;
            if clear {
                commands.clear([buckets.part(0, counters)])?;
            }
            let buffers = [(0, color_map.words.clone()), (2, buckets.part(0, counters))];
            commands.dispatch(stage, chunk.pixels, &buffers, |pixels| CountDispatch {
                first_word: color_map.first_word,
                first_pixel: pixels.start,
                end_pixel: pixels.end,
                slot_mask: 0,
                max_probes: 0,
                seed: 0,
                bucket_shift: hash.shift,
                bucket_seed: hash.seed,
            })?;
            if last { buckets.download(commands, 0, counters) } else { Ok(()) }
        })
    }

    /// Counts the colours of a group exactly.
    fn count_group(&mut self, group: &Group, best: &mut Best) -> Result<(), Error> {
        let memory = &mut self.buffers.many.wanted;
        Shared::ensure(memory, &self.gpu, group.wanted.len() as u64)?.write(0, group.wanted)?;
        let (all_pixels, part_pixels) = (group.source.pixels.grid().pixels(), group.exact.chunk_pixels);
        // Only the whole image's counts can tell which colours have too few pixels.
        let whole = all_pixels <= part_pixels;
        let min_pixels = if whole { u32::try_from(best.threshold()).unwrap_or(u32::MAX) } else { 1 };
        let mut histogram = Histogram::default();
        let mut counted = 0;
        let pass = ProgressSpan::new(0.25);
        for range in plan::chunks(all_pixels, part_pixels) {
            pass.reach(range.start as f64 / all_pixels as f64);
            let (start, pixels) = (range.start as usize, (range.end - range.start) as u32);
            let part = GroupPart { group, start, pixels, min_pixels };
            let add: Add = &mut |color, pixels| match whole {
                true => best.add(ColorCount { color, pixels }),
                false => histogram.add(color, pixels),
            };
            counted += match self.count_part(&part)? {
                Some((entries, pixels)) => {
                    self.add_entries(&part, entries.as_chunks().0, add)?;
                    pixels
                }
                None => self.count_part_on_host(&part, add)?,
            };
        }
        same_as_buckets(&self.gpu, counted, group.total)?;
        for entry in histogram.colors(best.threshold())? {
            best.add(entry)?;
        }
        Ok(())
    }

    /// Adds what the device has listed. It names a pixel of each colour; the colour is read where it came from.
    fn add_entries(&mut self, part: &GroupPart, entries: &[[u32; 3]], add: Add) -> Result<(), Error> {
        let source = part.group.source;
        if source.is_on_device() {
            for entries in entries.chunks(READ_PIXELS) {
                let positions = entries.iter().map(|&[_, pixel, _]| pixel);
                let colors = self.read_pixels(source, part.start, part.pixels, positions)?;
                for (&[_, _, pixels], color) in entries.iter().zip(colors) {
                    if let Some(color) = color {
                        add(color, pixels.into())?;
                    }
                }
            }
            return Ok(());
        }
        // Most colours of very many have the fewest pixels: those are read in the image's order, which memory likes better
        // than the table's.
        let mut fewest: Vec<u32> = try_zeroed(part.pixels.div_ceil(32) as usize)?;
        for &[_, pixel, pixels] in entries {
            if pixels == part.min_pixels {
                fewest[pixel as usize / 32] |= 1 << (pixel % 32);
            } else if let Some(color) = part.color(pixel as usize) {
                add(color, pixels.into())?;
            }
        }
        for (word, mut bits) in fewest.into_iter().enumerate() {
            while bits != 0 {
                if let Some(color) = part.color(32 * word + bits.trailing_zeros() as usize) {
                    add(color, part.min_pixels.into())?;
                }
                bits &= bits - 1;
            }
        }
        Ok(())
    }

    /// Counts on the host, where hashing has failed with every seed: slowly, then, but surely. Gives the pixels counted.
    fn count_part_on_host(&mut self, part: &GroupPart, add: Add) -> Result<u64, Error> {
        call::message(
            Level::Warn,
            format_args!("the device's tables have failed with every seed: the host counts"),
        );
        let source = part.group.source;
        let mut histogram = Histogram::default();
        let mut count = |color: Option<Color>| match color {
            Some(color) if part.group.has(&color) => histogram.add(color, 1),
            _ => Ok(()),
        };
        if source.is_on_device() {
            for piece in plan::chunks(part.pixels.into(), READ_PIXELS as u64) {
                // Lossless: no part has as many pixels.
                let positions = piece.start as u32..piece.end as u32;
                call::tick();
                call::check()?;
                let colors = self.read_pixels(source, part.start, part.pixels, positions)?;
                colors.into_iter().try_for_each(&mut count)?;
            }
        } else {
            for pixel in 0..part.pixels as usize {
                if (part.start + pixel).is_multiple_of(TILE) {
                    call::tick();
                    call::check()?;
                }
                count(part.color(pixel))?;
            }
        }
        let mut counted = 0;
        for ColorCount { color, pixels } in histogram.colors(1)? {
            counted += pixels;
            add(color, pixels)?;
        }
        Ok(counted)
    }

    /// Counts a group's colours in a part: the words of the list, and the pixels of all of them; `None` where the
    /// table has failed with several seeds.
    fn count_part(&mut self, part: &GroupPart) -> Result<Option<(Vec<u32>, u64)>, Error> {
        /// One attempt fails by chance once in 10^16 searches.
        const MOST_ATTEMPTS: usize = 4;
        let GroupPart { group, pixels, .. } = *part;
        // A single bucket may have more pixels than a group, but hardly as many colours.
        let colors = group.total.min(group.exact.group_pixels).min(pixels.into());
        let slots = group.exact.most_table_slots(colors);
        let list_words = REPORT_WORDS + ENTRY_WORDS * colors;
        for attempt in 0..MOST_ATTEMPTS {
            let color_map = self.part_pixels(part, attempt == 0)?;
            self.count_part_once(part, color_map, slots, list_words)?;
            let Some(list) = &self.buffers.many.list else { break };
            let mut report = [0u32; REPORT_WORDS as usize];
            list.read(0, bytemuck::cast_slice_mut(&mut report))?;
            let [_, lost, listed, counted, _] = report;
            if lost == 0 || lost == NEVER {
                within("counted pixels", counted, pixels.into(), &self.gpu)?;
                within("colours in its list", listed, colors, &self.gpu)?;
                let words = ENTRY_WORDS * u64::from(listed);
                list.fetch(&mut self.gpu, REPORT_WORDS, words)?;
                let mut entries: Vec<u32> = try_zeroed(words as usize)?;
                list.read(REPORT_WORDS, bytemuck::cast_slice_mut(&mut entries))?;
                for &[_, pixel, _] in entries.as_chunks::<{ ENTRY_WORDS as usize }>().0 {
                    within("the index of a pixel", pixel, u64::from(pixels) - 1, &self.gpu)?;
                }
                return Ok(Some((entries, counted.into())));
            }
        }
        Ok(None)
    }

    /// Where the device finds a part's pixels; `fresh`: it may not have them yet.
    fn part_pixels(&mut self, part: &GroupPart, fresh: bool) -> Result<(Bytes, u32), Error> {
        let Group { source, exact, .. } = part.group;
        if let Some(imported) = source.imported(part.start, part.pixels) {
            return Ok(imported);
        }
        let count = source.word_count(part.pixels);
        // Lossless: no chunk has as many pixels.
        let words = source.word_count(exact.chunk_pixels as u32);
        let memory = Shared::ensure(&mut self.buffers.many.pixels, &self.gpu, words)?;
        if fresh {
            let pixels = part.start..part.start + part.pixels as usize;
            memory.fill(0, count, |target| source.read(pixels, target))?;
            let memory = &*memory;
            self.gpu.run(|commands| memory.upload(commands, 0, count))?;
        }
        Ok((memory.part(0, count), 0))
    }

    fn count_part_once(
        &mut self,
        part: &GroupPart,
        (color_map, first_word): (Bytes, u32),
        slots: u32,
        list_words: u64,
    ) -> Result<(), Error> {
        let words = part.group.source.pixel_words();
        let Self { gpu, buffers, seeds, .. } = self;
        let many = &mut buffers.many;
        let slot_pixels = Buffer::ensure(&mut many.slot_pixels, gpu, slots.into())?.part(0, slots.into());
        let counts = Buffer::ensure(&mut many.counts, gpu, slots.into())?.part(0, slots.into());
        let list = Shared::ensure(&mut many.list, gpu, list_words)?;
        list.write(0, &[NEVER; REPORT_WORDS as usize])?;
        let list = &*list;
        let wanted_words = part.group.wanted.len() as u64;
        let wanted = &*Shared::ensure(&mut many.wanted, gpu, wanted_words)?;
        let seed = seeds.take() as u32;
        gpu.count(|counters| counters.pixels_read += u64::from(part.pixels));
        gpu.submit(|commands| {
            wanted.upload(commands, 0, wanted_words)?;
            commands.clear([slot_pixels.clone(), counts.clone(), list.part(0, REPORT_WORDS)])
        })?;
        let buffers = [
            (0, color_map),
            (1, slot_pixels.clone()),
            (2, counts.clone()),
            (3, list.part(0, list_words)),
            (4, wanted.part(0, wanted_words)),
        ];
        let count_stage = Stage::Count { counting: Counting::Wanted, words, copies: 1 };
        gpu.submit_dispatches(count_stage, part.pixels, &buffers, |pixels| CountDispatch {
            first_word,
            first_pixel: pixels.start,
            end_pixel: pixels.end,
            slot_mask: slots - 1,
            max_probes: plan::max_probes(slots),
            seed,
            bucket_shift: part.group.hash.shift,
            bucket_seed: part.group.hash.seed,
        })?;
        let buffers = [(1, slot_pixels), (2, counts), (3, list.part(0, list_words))];
        gpu.submit_dispatches(Stage::Collect { copies: 1 }, slots, &buffers, |range| CollectDispatch {
            first_slot: range.start,
            end_slot: range.end,
            min_pixels: part.min_pixels,
            most_entries: ((list_words - REPORT_WORDS) / ENTRY_WORDS) as u32,
            slots,
        })?;
        gpu.run(|commands| list.download(commands, 0, REPORT_WORDS))
    }
}
