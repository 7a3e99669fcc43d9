//! Counting an image with very many colours, of which few can matter, as src/cpu/support/many_colors.rs
//! does on the host.
//!
//! CallStats by hash bound from above how many pixels any colour of a bucket can have: buckets below the
//! bar hold no result and are never looked at again. The rest is counted exactly, fullest buckets first, in
//! groups that fit the memory; the bar rises as exact counts come in. What is left out is left out for
//! certain, so that the result is exact, ties included.

use std::cmp::Reverse;

use log::Level;

use crate::backend::vulkan::backend::{Chunk, Work};
use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::buffers::{Buffer, Shared};
use crate::backend::vulkan::device::gpu::Ticket;
use crate::backend::vulkan::device::receipts::{Counted, NEVER, same_as_buckets, within};
use crate::backend::vulkan::device::shaders::{CollectDispatch, CountDispatch};
use crate::backend::vulkan::device::source::Source;
use crate::backend::vulkan::device::stage::{Counting, Stage};
use crate::backend::vulkan::plan::{self, ENTRY_WORDS, ExactPlan, Plan, REPORT_WORDS};
use crate::backend::vulkan::stages::palette_table::hash;
use crate::backend::vulkan::stages::read::READ_PIXELS;
use crate::color::Color;
use crate::error::Error;
use crate::labels::TILE;
use crate::runtime::alloc::{try_with_capacity, try_zeroed};
use crate::runtime::call::{self, ProgressSpan};
use crate::stages::select::Best;
use crate::types::histogram::Histogram;
use crate::types::palette::{ColorCount, Counts};
use crate::types::params::SelectionRule;

/// The part of the image's pixels that the first group has, which is to raise the bar quickly; and how many
/// times as many each group has as the one before.
const FIRST_GROUP_PART: u64 = 16;
const GROUP_GROWTH: u64 = 8;

/// The hash that puts colours into buckets.
#[derive(Clone, Copy, Debug)]
struct Buckets {
    seed: u32,
    /// Of the hash's 32 bits, those that do not number the bucket.
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
        let exact = ExactPlan::new(source.pixels.shape(), &limits, source.is_copied(), self.host_bytes);
        let bits = plan::bucket_bits(source.pixels.shape().pixels(), &limits);
        let hash = Buckets { seed: self.seeds.take() as u32, shift: 32 - bits };
        let totals = self.bucket_totals(source, plan, hash)?;

        let mut best = Best::new(selection, room_for);
        let mut order: Vec<usize> = try_with_capacity(totals.len())?;
        order.extend((0..totals.len()).filter(|&bucket| totals[bucket] >= best.threshold()));
        order.sort_unstable_by_key(|&bucket| Reverse(totals[bucket]));
        let mut group_pixels = (source.pixels.shape().pixels() / FIRST_GROUP_PART).min(exact.group_pixels);
        let mut rest = order.as_slice();
        while selection.max_count > 0
            && rest.first().is_some_and(|&fullest| totals[fullest] >= best.threshold())
        {
            // At least one bucket, then as many as fit.
            let mut group_total = 0;
            let fitting = rest.iter().take_while(|&&bucket| {
                group_total += totals[bucket];
                group_total <= group_pixels && totals[bucket] >= best.threshold()
            });
            let (group, later) = rest.split_at(fitting.count().max(1));
            rest = later;
            group_pixels = (GROUP_GROWTH * group_pixels).min(exact.group_pixels);
            let group_total = group.iter().map(|&bucket| totals[bucket]).sum();
            let mut wanted: Vec<u32> = try_zeroed(hash.count().div_ceil(32))?;
            for &bucket in group {
                wanted[bucket / 32] |= 1 << (bucket % 32);
            }
            self.count_group(source, &exact, hash, &wanted, group_total, &mut best)?;
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
        let mut tickets: [Option<Ticket>; 2] = [None; 2];
        let pass = ProgressSpan::new(0.375);
        for chunk in Chunk::all(plan) {
            pass.reach(chunk.start as f64 / plan.pixels() as f64);
            if let Some(ticket) = tickets[chunk.turn].take() {
                self.gpu.wait(ticket)?;
            }
            let clear = counted == 0;
            counted += u64::from(chunk.pixels);
            // No counter may overflow.
            let last = chunk.index + 1 == plan.chunk_count() || counted + plan.chunk_pixels > u32::MAX.into();
            let ticket = self.start_buckets(source, plan, chunk, hash, clear, last)?;
            tickets[chunk.turn] = Some(ticket);
            if last {
                self.gpu.wait(ticket)?;
                if let Some(buckets) = &self.exact.buckets {
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
        let channels = source.pixels.shape().channels();
        let color_map = self.chunk_pixels(source, plan, chunk, true)?;
        let Self { gpu, turns, exact, .. } = self;
        let stage = Stage::Count { counting: Counting::Buckets, channels, copies: 1 };
        let words = hash.count() as u64 + 1;
        let buckets = Shared::ensure(&mut exact.buckets, gpu, words)?;
        if clear {
            buckets.write(words - 1, &[NEVER])?;
        }
        let buckets = &*buckets;
        let memory = turns[chunk.turn].memory.as_ref();
        gpu.count(|counters| counters.pixels_read += u64::from(chunk.pixels));
        gpu.submit(|commands| {
            if let Some(memory) = memory {
                color_map.upload(memory, commands)?;
            }
            if clear {
                commands.clear([buckets.part(0, words)])?;
            }
            let buffers = [(0, color_map.words.clone()), (2, buckets.part(0, words))];
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
            if last { buckets.download(commands, 0, words) } else { Ok(()) }
        })
    }

    /// Counts the colours of wanted buckets, which have `group_total` pixels, exactly.
    fn count_group(
        &mut self,
        source: &Source,
        exact: &ExactPlan,
        hash: Buckets,
        wanted: &[u32],
        group_total: u64,
        best: &mut Best,
    ) -> Result<(), Error> {
        let shape = source.pixels.shape();
        let memory = Shared::ensure(&mut self.exact.wanted, &self.gpu, wanted.len() as u64)?;
        memory.write(0, wanted)?;
        let whole = shape.pixels() <= exact.chunk_pixels;
        let min_in_chunk = if whole { u32::try_from(best.threshold()).unwrap_or(u32::MAX) } else { 1 };
        let mut histogram = Histogram::default();
        let mut counted = 0;
        let channels = shape.channels() as usize;
        let pass = ProgressSpan::new(0.25);
        for range in plan::chunks(shape.pixels(), exact.chunk_pixels) {
            pass.reach(range.start as f64 / shape.pixels() as f64);
            let (start, pixels) = (range.start as usize, (range.end - range.start) as u32);
            let mut add = |color, pixels| match whole {
                true => best.add(ColorCount { color, pixels }),
                false => histogram.add(color, pixels),
            };
            let job = Job { source, exact, hash, start, pixels, group_total, min_pixels: min_in_chunk };
            let found = self.count_exactly(&job, wanted.len() as u64)?;
            let entries = found.map(|(entries, pixels)| {
                counted += pixels;
                entries
            });
            match entries {
                Some(entries) if source.is_on_device() => {
                    for entries in entries.as_chunks().0.chunks(READ_PIXELS) {
                        let positions = entries.iter().map(|&[_, pixel, _]: &[u32; 3]| pixel);
                        let colors = self.read_pixels(source, start, pixels, positions)?;
                        for (&[_, _, pixels], color) in entries.iter().zip(colors) {
                            if let Some(color) = color {
                                add(color, pixels.into())?;
                            }
                        }
                    }
                }
                Some(entries) => {
                    // The device names a pixel of each colour; the colour is read where it came from. Most
                    // colours of very many have the fewest pixels: those are read in the image's order, which
                    // memory likes better than the table's.
                    let color = |pixel: usize| Color::from_bits(&source.pixels.pixel(start + pixel));
                    let mut fewest: Vec<u32> = try_zeroed(pixels.div_ceil(32) as usize)?;
                    for &[_, pixel, pixels] in entries.as_chunks().0 {
                        if pixels == min_in_chunk {
                            fewest[pixel as usize / 32] |= 1 << (pixel % 32);
                        } else if let Some(color) = color(pixel as usize) {
                            add(color, pixels.into())?;
                        }
                    }
                    for (word, mut bits) in fewest.into_iter().enumerate() {
                        while bits != 0 {
                            if let Some(color) = color(32 * word + bits.trailing_zeros() as usize) {
                                add(color, min_in_chunk.into())?;
                            }
                            bits &= bits - 1;
                        }
                    }
                }
                // Hashing has failed with every seed: slowly, then, but surely.
                None => {
                    call::message(
                        Level::Warn,
                        format_args!("the device's tables have failed with every seed: the host counts"),
                    );
                    let mut histogram = Histogram::default();
                    let mut count = |color: Option<Color>| {
                        let Some(color) = color else { return Ok(()) };
                        let bucket = hash.bucket(&color.bits()[..channels]);
                        match wanted[bucket / 32] >> (bucket % 32) & 1 {
                            1 => histogram.add(color, 1),
                            _ => Ok(()),
                        }
                    };
                    if source.is_on_device() {
                        for piece in plan::chunks(pixels.into(), READ_PIXELS as u64) {
                            // Lossless: no chunk has as many pixels.
                            let positions = piece.start as u32..piece.end as u32;
                            call::tick();
                            call::check()?;
                            let colors = self.read_pixels(source, start, pixels, positions)?;
                            colors.into_iter().try_for_each(&mut count)?;
                        }
                    } else {
                        for pixel in start..start + pixels as usize {
                            if pixel.is_multiple_of(TILE) {
                                call::tick();
                                call::check()?;
                            }
                            count(Color::from_bits(&source.pixels.pixel(pixel)))?;
                        }
                    }
                    for ColorCount { color, pixels } in histogram.colors(1)? {
                        counted += pixels;
                        add(color, pixels)?;
                    }
                }
            }
        }
        same_as_buckets(&self.gpu, counted, group_total)?;
        for entry in histogram.colors(best.threshold())? {
            best.add(entry)?;
        }
        Ok(())
    }

    /// Counts the wanted colours of a chunk: the words of the list, and the pixels of all of them; `None` where the
    /// table has failed with several seeds.
    fn count_exactly(&mut self, job: &Job, wanted_words: u64) -> Result<Option<(Vec<u32>, u64)>, Error> {
        /// One attempt fails by chance once in 10^16 searches.
        const MOST_ATTEMPTS: usize = 4;
        // A single bucket may have more pixels than a group, but hardly as many colours.
        let colors = job.group_total.min(job.exact.group_pixels).min(job.pixels.into());
        let slots = job.exact.most_table_slots(colors);
        let list_words = REPORT_WORDS + ENTRY_WORDS * colors;
        for attempt in 0..MOST_ATTEMPTS {
            let color_map = self.exact_pixels(job, attempt == 0)?;
            self.count_exactly_once(job, color_map, wanted_words, slots, list_words)?;
            let Some(list) = &self.exact.list else { break };
            let mut report = [0u32; REPORT_WORDS as usize];
            list.read(0, bytemuck::cast_slice_mut(&mut report))?;
            let [_, lost, listed, counted, _] = report;
            if lost == 0 || lost == NEVER {
                within("counted pixels", counted, job.pixels.into(), &self.gpu)?;
                within("colours in its list", listed, colors, &self.gpu)?;
                let words = ENTRY_WORDS * u64::from(listed);
                list.fetch(&mut self.gpu, REPORT_WORDS, words)?;
                let mut entries: Vec<u32> = try_zeroed(words as usize)?;
                list.read(REPORT_WORDS, bytemuck::cast_slice_mut(&mut entries))?;
                for &[_, pixel, _] in entries.as_chunks::<{ ENTRY_WORDS as usize }>().0 {
                    within("the number of a pixel", pixel, u64::from(job.pixels) - 1, &self.gpu)?;
                }
                return Ok(Some((entries, counted.into())));
            }
        }
        Ok(None)
    }

    /// Where the device finds the job's pixels; `fresh`: it may not have them yet.
    fn exact_pixels(&mut self, job: &Job, fresh: bool) -> Result<(Bytes, u32), Error> {
        if let Some(imported) = job.source.imported(job.start, job.pixels) {
            return Ok(imported);
        }
        let count = job.source.word_count(job.pixels);
        let channels = u64::from(job.source.pixels.shape().channels());
        let memory = Shared::ensure(&mut self.exact.pixels, &self.gpu, job.exact.chunk_pixels * channels)?;
        if fresh {
            memory.fill(0, count, |target| job.source.pixels.read(job.start, target))?;
            let memory = &*memory;
            self.gpu.run(|commands| memory.upload(commands, 0, count))?;
        }
        Ok((memory.part(0, count), 0))
    }

    fn count_exactly_once(
        &mut self,
        job: &Job,
        (color_map, first_word): (Bytes, u32),
        wanted_words: u64,
        slots: u32,
        list_words: u64,
    ) -> Result<(), Error> {
        let channels = job.source.pixels.shape().channels();
        let Self { gpu, exact, seeds, .. } = self;
        let count_stage = Stage::Count { counting: Counting::Wanted, channels, copies: 1 };
        let collect_stage = Stage::Collect { copies: 1 };
        let slot_pixels = Buffer::ensure(&mut exact.slot_pixels, gpu, slots.into())?.part(0, slots.into());
        let counts = Buffer::ensure(&mut exact.counts, gpu, slots.into())?.part(0, slots.into());
        let list = Shared::ensure(&mut exact.list, gpu, list_words)?;
        list.write(0, &[NEVER; REPORT_WORDS as usize])?;
        let list = &*list;
        let wanted = &*Shared::ensure(&mut exact.wanted, gpu, wanted_words)?;
        let seed = seeds.take() as u32;
        gpu.count(|counters| counters.pixels_read += u64::from(job.pixels));
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
        gpu.submit_dispatches(count_stage, job.pixels, &buffers, |pixels| CountDispatch {
            first_word,
            first_pixel: pixels.start,
            end_pixel: pixels.end,
            slot_mask: slots - 1,
            max_probes: plan::max_probes(slots),
            seed,
            bucket_shift: job.hash.shift,
            bucket_seed: job.hash.seed,
        })?;
        let buffers = [(1, slot_pixels), (2, counts), (3, list.part(0, list_words))];
        gpu.submit_dispatches(collect_stage, slots, &buffers, |range| CollectDispatch {
            first_slot: range.start,
            end_slot: range.end,
            min_pixels: job.min_pixels,
            most_entries: ((list_words - REPORT_WORDS) / ENTRY_WORDS) as u32,
            slots,
        })?;
        gpu.run(|commands| list.download(commands, 0, REPORT_WORDS))
    }
}

/// A chunk whose wanted colours are counted exactly.
struct Job<'a> {
    source: &'a Source<'a>,
    exact: &'a ExactPlan,
    hash: Buckets,
    /// The first pixel.
    start: usize,
    pixels: u32,
    /// The pixels of wanted colours in the whole image.
    group_total: u64,
    min_pixels: u32,
}
