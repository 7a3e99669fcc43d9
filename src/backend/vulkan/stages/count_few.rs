//! Counting an image of few colours on the device: each pixel gets the index of its colour, so that the stage label
//! need not look at colours again.
//!
//! The problem: the exact pixels of each colour, where all processors of a device find new colours at once, may not wait for
//! each other, and swap no more than 32 bits at a time, while a colour has up to 128.
//!
//! ```text
//! for each pixel, all at once:                      (count.comp, color_table.glsl)
//!     slot = hash(color) & mask
//!     repeat at most max_probes times:
//!         owner = slots[slot]
//!         if owner is 0: owner = compare_and_swap(slots[slot], 0, pixel + 1)
//!         if owner is 0 or the colour of pixel owner − 1 is the same: found
//!         slot += step(hash)
//!     found: counts[slot] += 1; indices[pixel] = slot + 1
//!     not found: lost = 1
//! for each slot with an owner: list its pixel and count             (collect.comp)
//! the host: lost? again, with a table of eight times as many slots
//! ```
//!
//! It is exact because a slot's owner never changes once it has one, and its colour is read from the image, not from the
//! table: what one swap claims is a whole colour. A search that ends too soon is reported, never guessed. Colours that
//! collide cost time only, and nobody can make them who does not know the seed.
//!
//! It costs a look at each pixel, a look at its owner where the colour is not that of the pixel before, and an addition for
//! each run of equal pixels; memory for 32,768 slots at most, since an index has two bytes. Images with more colours go to
//! `fingerprints` or `count_many`.
//!
//! Prior art: open addressing with double hashing (Knuth, The Art of Computer Programming 3, 6.4); hash tables on GPUs by
//! compare-and-swap (Alcantara et al., Real-time parallel hashing on the GPU, 2009); sums in shared memory before global
//! ones (Podlozhnyuk, Histogram calculation in CUDA, 2007). A slot that holds a pixel's place in place of a key of 128 bits
//! is ours.
//!
//! Each chunk has a table, and indices, of its own. The host adds up the chunks' lists of colours.

use log::Level;

use crate::backend::vulkan::device::buffers::Shared;
use crate::backend::vulkan::device::gpu::Ticket;
use crate::backend::vulkan::device::receipts::{Counted, NEVER, within};
use crate::backend::vulkan::device::shaders::{CollectDispatch, CountDispatch};
use crate::backend::vulkan::device::source::Source;
use crate::backend::vulkan::device::stage::{Counting, Stage};
use crate::backend::vulkan::plan::{self, ENTRY_WORDS, Plan, REPORT_WORDS};
use crate::backend::vulkan::stages::chunk::Chunk;
use crate::backend::vulkan::stages::read::READ_PIXELS;
use crate::backend::vulkan::stages::work::{ChunkColors, Indexed, Known, Work};
use crate::error::Error;
use crate::runtime::alloc::{try_collect, try_with_capacity, try_zeroed};
use crate::runtime::call::{self, ProgressSpan};
use crate::types::histogram::Histogram;
use crate::types::palette::{ColorCount, Counts};

/// Entries of the list that are copied together with the report: most colour maps have no more colours.
const FIRST_ENTRIES: u64 = 256;

/// Bytes that the host keeps for a colour of a chunk at most.
const HOST_BYTES_PER_COLOR: u64 = 100;

/// What the stages count and collect report.
#[derive(Clone, Copy, Debug)]
struct Report {
    /// Colours that found a slot.
    distinct: u32,
    /// Not 0: a colour found none.
    lost: u32,
    /// Entries of the list.
    listed: u32,
    /// Pixels of its colours, and pixels without one.
    counted: u32,
    colorless: u32,
}

impl Work {
    /// Counts all colours and remembers what the pixels' colour indices stand for; `None` where there are too
    /// many colours for that.
    pub(crate) fn count_few(
        &mut self,
        source: &Source,
        min_pixels: u64,
        plan: &Plan,
    ) -> Result<Option<Counts>, Error> {
        let whole = plan.chunk_count() == 1;
        // Only the whole image's counts can tell which colours have too few pixels. Saturating is
        // right: no chunk has as many pixels.
        let min_in_chunk = if whole { u32::try_from(min_pixels).unwrap_or(u32::MAX) } else { 1 };
        let mut done = Vec::new();
        let mut histogram = Histogram::default();
        let mut distinct = 0;
        let mut kept = 0;
        let mut before = None;
        let pass = ProgressSpan::new(0.875); // there may be too many colours
        for chunk in Chunk::all(plan).map(Some).chain([None]) {
            let started = match chunk {
                Some(chunk) => {
                    let slots = self.table_slots.min(plan.most_table_slots());
                    Some((chunk, slots, self.start_counting(source, plan, chunk, slots, min_in_chunk)?))
                }
                None => None,
            };
            let Some((chunk, slots, ticket)) = std::mem::replace(&mut before, started) else { continue };
            pass.reach(chunk.start as f64 / plan.pixels() as f64);
            let finished = self.finish_counting(source, plan, chunk, slots, min_in_chunk, ticket)?;
            let Some((colors, report)) = finished else { return Ok(None) };
            distinct = report.distinct.into();
            if !whole {
                for (_, ColorCount { color, pixels }) in &colors.colors {
                    histogram.add(*color, *pixels)?;
                }
            }
            kept += colors.colors.len() as u64 * HOST_BYTES_PER_COLOR;
            if kept > self.host_bytes {
                return Ok(None);
            }
            done.push(colors);
        }
        let counts = if whole {
            let colors = done.iter().flat_map(|chunk| chunk.colors.iter().map(|&(_, entry)| entry));
            let colors = try_collect(colors)?;
            Counts { colors, too_many: None, distinct: Some(distinct) }
        } else {
            let distinct = Some(histogram.len() as u64);
            Counts { colors: histogram.colors(min_pixels)?, too_many: None, distinct }
        };
        if plan.keeps_indices {
            self.known = Known::Indices(Indexed { plan: *plan, chunks: done });
        }
        Ok(Some(counts))
    }

    /// Starts the stages count and collect for one chunk.
    fn start_counting(
        &mut self,
        source: &Source,
        plan: &Plan,
        chunk: Chunk,
        slots: u32,
        min_pixels: u32,
    ) -> Result<Ticket, Error> {
        let words = source.pixel_words();
        let indices = self.block_part(plan, chunk)?;
        let color_map = self.chunk_pixels(source, plan, chunk, true)?;
        let Self { gpu, buffers, seeds, .. } = self;
        let copies = plan.count_copies;
        let count_stage = Stage::Count { counting: Counting::Indices, words, copies };
        let collect_stage = Stage::Collect { copies };
        let layout = plan.chunk_layout();
        let memory = Shared::ensure(&mut buffers.chunks[chunk.memory].shared, gpu, layout.words)?;
        memory.write(layout.report, &[NEVER; REPORT_WORDS as usize])?;
        let memory = &*memory;
        let slot_pixels = memory.part(layout.slot_pixels, slots.into());
        let counts = memory.part(layout.counts, u64::from(slots) * u64::from(copies));
        let report = memory.part(layout.report, REPORT_WORDS + ENTRY_WORDS * plan.most_entries());
        let header = memory.part(layout.report, REPORT_WORDS);
        let seed = seeds.take() as u32;
        gpu.count(|counters| counters.pixels_read += u64::from(chunk.pixels));
        gpu.submit(|commands| {
            color_map.upload(Some(memory), commands)?;
            commands.clear([slot_pixels.clone(), counts.clone(), header])?;
            let buffers = [
                (0, color_map.words.clone()),
                (1, slot_pixels.clone()),
                (2, counts.clone()),
                (3, report.clone()),
                (4, indices),
            ];
            commands.dispatch(count_stage, chunk.pixels, &buffers, |pixels| CountDispatch {
                first_word: color_map.first_word,
                first_pixel: pixels.start,
                end_pixel: pixels.end,
                slot_mask: slots - 1,
                max_probes: plan::max_probes(slots),
                seed,
                bucket_shift: 0,
                bucket_seed: 0,
            })?;
            let buffers = [(1, slot_pixels), (2, counts), (3, report)];
            commands.dispatch(collect_stage, slots, &buffers, |range| CollectDispatch {
                first_slot: range.start,
                end_slot: range.end,
                min_pixels,
                most_entries: plan.most_entries() as u32,
                slots,
            })?;
            let first = ENTRY_WORDS * FIRST_ENTRIES.min(plan.most_entries());
            memory.download(commands, layout.report, REPORT_WORDS + first)
        })
    }

    /// Waits for a chunk's counts, and repeats them with larger tables until all colours have found a
    /// place; `None` where there are more than have indices.
    fn finish_counting(
        &mut self,
        source: &Source,
        plan: &Plan,
        chunk: Chunk,
        mut slots: u32,
        min_pixels: u32,
        mut ticket: Ticket,
    ) -> Result<Option<(ChunkColors, Report)>, Error> {
        let layout = plan.chunk_layout();
        loop {
            self.gpu.wait(ticket)?;
            let report = self.read_report(chunk, layout.report)?;
            if report.lost == 0 || report.lost == NEVER {
                let Report { distinct, listed, counted, colorless, .. } = report;
                Counted { counted, colorless }.check(&self.gpu, chunk.pixels)?;
                within("colours in its list", listed, plan.most_entries(), &self.gpu)?;
                within("colours in its table", distinct, slots.into(), &self.gpu)?;
                self.table_slots = self.table_slots.max(plan::table_slots_for(report.distinct));
                let colors = self.collected(source, plan, chunk, slots, report.listed)?;
                return Ok(Some((ChunkColors { colors, slots }, report)));
            }
            if slots == plan.most_table_slots() {
                return Ok(None);
            }
            slots = plan::grown_table_slots(slots, plan.most_table_slots());
            self.table_slots = self.table_slots.max(slots);
            call::message(
                Level::Debug,
                format_args!("chunk {} is counted again with a table of {slots} slots", chunk.index),
            );
            ticket = self.start_counting(source, plan, chunk, slots, min_pixels)?;
        }
    }

    fn read_report(&self, chunk: Chunk, start: u64) -> Result<Report, Error> {
        let mut words = [0u32; REPORT_WORDS as usize];
        self.buffers.chunks[chunk.memory].shared()?.read(start, bytemuck::cast_slice_mut(&mut words))?;
        let [distinct, lost, listed, counted, colorless] = words;
        Ok(Report { distinct, lost, listed, counted, colorless })
    }

    /// Reads the list that the stage collect wrote.
    fn collected(
        &mut self,
        source: &Source,
        plan: &Plan,
        chunk: Chunk,
        slots: u32,
        listed: u32,
    ) -> Result<Vec<(u32, ColorCount)>, Error> {
        let start = plan.chunk_layout().report + REPORT_WORDS;
        let entries = u64::from(listed);
        if entries > FIRST_ENTRIES {
            let memory = self.buffers.chunks[chunk.memory].shared()?;
            let rest = ENTRY_WORDS * (entries - FIRST_ENTRIES);
            memory.fetch(&mut self.gpu, start + ENTRY_WORDS * FIRST_ENTRIES, rest)?;
        }
        let mut words: Vec<u32> = try_zeroed(ENTRY_WORDS as usize * listed as usize)?;
        self.buffers.chunks[chunk.memory].shared()?.read(start, bytemuck::cast_slice_mut(&mut words))?;
        let mut colors = try_with_capacity(listed as usize)?;
        for &[slot, pixel, _] in words.as_chunks::<{ ENTRY_WORDS as usize }>().0 {
            within("the index of a slot", slot, u64::from(slots) - 1, &self.gpu)?;
            within("the index of a pixel", pixel, u64::from(chunk.pixels) - 1, &self.gpu)?;
        }
        if source.is_on_device() {
            for entries in words.as_chunks().0.chunks(READ_PIXELS) {
                let pixels = entries.iter().map(|&[_, pixel, _]: &[u32; 3]| pixel);
                let read = self.read_pixels(source, chunk.start, chunk.pixels, pixels)?;
                colors.extend(entries.iter().zip(read).filter_map(|(&[slot, _, pixels], color)| {
                    Some((slot + 1, ColorCount { color: color?, pixels: pixels.into() }))
                }));
            }
            return Ok(colors);
        }
        // The device names a pixel of each colour; the colour itself is read where it came from.
        colors.extend(words.as_chunks().0.iter().filter_map(|&[slot, pixel, pixels]: &[u32; 3]| {
            let color = source.pixels.color(chunk.start + pixel as usize)?;
            Some((slot + 1, ColorCount { color, pixels: pixels.into() }))
        }));
        Ok(colors)
    }
}
