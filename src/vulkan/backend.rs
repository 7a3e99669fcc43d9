//! The stages' host side: chunks, growing tables, and what is kept from call to call.

use std::mem::ManuallyDrop;

use vulkano::buffer::Subbuffer;

use super::gpu::{Gpu, Piece};
use super::memory::{Buffer, Staging};
use super::palette_table::PaletteTable;
use super::stages::{
    COUNT_PIXELS_PER_INVOCATION, LABEL_PIXELS_PER_INVOCATION, Pipelines, Stage, collect, count, label,
};
use crate::color::Color;
use crate::counters::Counters;
use crate::error::Error;
use crate::image::ColorMap;
use crate::labels::{LabelMap, LabelWidth};
use crate::params::{Options, Params};
use crate::pipeline::{Backend, ColorCount, Counts};
use crate::plan::{self, DeviceLimits, Plan};
use crate::seeds::Seeds;
use crate::tally::Tally;
use crate::threads::Threads;

/// Words of the report that the stages count and collect write: distinct, lost, listed.
const REPORT_WORDS: usize = 3;

/// A Vulkan device with its pipelines and buffers.
#[derive(Debug)]
pub(crate) struct Vulkan {
    work: ManuallyDrop<Work>,
    labels: LabelMap,
}

impl Drop for Vulkan {
    fn drop(&mut self) {
        // A hung device may still be working on its buffers: then they are never freed.
        if self.work.gpu.is_idle_at_last() {
            // SAFETY: dropped here and nowhere else.
            #[allow(unsafe_code)]
            unsafe {
                ManuallyDrop::drop(&mut self.work);
            }
        }
    }
}

#[derive(Debug)]
struct Work {
    gpu: Gpu,
    pipelines: Pipelines,
    staging: Staging,
    buffers: Buffers,
    /// The chunks whose pixels the device still has since `count`, by their plan.
    uploaded: Option<Plan>,
    /// Slots of the next table: enough for the colours seen last.
    table_slots: u32,
    /// Of the hash functions of all tables.
    seeds: Seeds,
    /// What to plan with for this image: less memory than the device's limit once that did not fit.
    memory_bytes: u64,
    counters: Counters,
}

/// What lies on the device, kept from call to call.
#[derive(Debug, Default)]
struct Buffers {
    /// One for each chunk where all stay on the device, else one for all.
    chunks: Vec<Option<Buffer>>,
    slot_pixels: Option<Buffer>,
    slot_counts: Option<Buffer>,
    report: Option<Buffer>,
    list: Option<Buffer>,
    palette: Option<Buffer>,
    labels: Option<Buffer>,
}

impl Vulkan {
    /// Opens the device that the options ask for.
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let gpu = Gpu::open(options)?;
        let work = Work {
            memory_bytes: gpu.limits.memory_bytes,
            pipelines: gpu.pipelines(),
            gpu,
            staging: Staging::default(),
            buffers: Buffers::default(),
            uploaded: None,
            table_slots: plan::FIRST_TABLE_SLOTS,
            seeds: options.debug.hash_seeds.unwrap_or_else(Seeds::random),
            counters: Counters::default(),
        };
        Ok(Self { work: ManuallyDrop::new(work), labels: LabelMap::default() })
    }

    /// The name that the driver gives the device.
    pub(crate) fn device_name(&self) -> &str {
        self.work.gpu.name()
    }
}

impl Backend for Vulkan {
    fn count(&mut self, map: &ColorMap, params: &Params, _threads: &Threads) -> Result<Counts, Error> {
        let min_pixels = params.min_pixels.max(1);
        self.work.in_fitting_chunks(map, |work, plan| work.count(map, min_pixels, plan))
    }

    fn label(
        &mut self,
        map: &ColorMap,
        palette: &[ColorCount],
        _threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap),
    ) -> Result<(), Error> {
        let width = LabelWidth::for_labels_up_to(palette.len());
        let mut labels = std::mem::take(&mut self.labels);
        let bytes = labels.start(map.shape().plane(), width)?;
        self.work.in_fitting_chunks(map, |work, plan| work.label(map, palette, width, bytes, plan))?;
        labels.finish_uniform(width, palette.len());
        labelled(0, &labels);
        self.labels = labels;
        Ok(())
    }

    fn start_call(&mut self) {
        self.work.uploaded = None;
        self.work.memory_bytes = self.work.gpu.limits.memory_bytes;
        self.work.counters = Counters::default();
    }

    fn counters(&self) -> Counters {
        self.work.counters
    }

    fn pipeline_cache(&self) -> Result<Vec<u8>, Error> {
        self.work.pipelines.cache.packed()
    }
}

impl Work {
    /// Does a stage in as large chunks as the device's memory takes.
    fn in_fitting_chunks<R>(
        &mut self,
        map: &ColorMap,
        mut stage: impl FnMut(&mut Self, &Plan) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut released = false;
        loop {
            self.gpu.check_usable()?;
            let limits = DeviceLimits { memory_bytes: self.memory_bytes, ..self.gpu.limits.clone() };
            let plan = Plan::new(map.shape(), &limits)?;
            let error = match stage(self, &plan) {
                Err(error @ Error::OutOfDeviceMemory(_)) => error,
                done => return done,
            };
            self.release_buffers();
            // At first, what was kept from other images may have been in the way. After that, others
            // use the memory, too: plan with half as much.
            if released {
                self.memory_bytes /= 2;
                let limits = DeviceLimits { memory_bytes: self.memory_bytes, ..limits };
                Plan::new(map.shape(), &limits).map_err(|_| error)?;
            }
            released = true;
        }
    }

    fn release_buffers(&mut self) {
        self.uploaded = None;
        self.staging = Staging::default();
        let Buffers { chunks, slot_pixels, slot_counts, report, list, palette, labels } = &mut self.buffers;
        for slot in chunks.iter_mut().chain([slot_pixels, slot_counts, report, list, palette, labels]) {
            Buffer::release(slot, &self.gpu);
        }
    }

    /// Makes sure that the device has a chunk's pixels.
    fn upload(&mut self, map: &ColorMap, plan: &Plan, chunk: Chunk) -> Result<(), Error> {
        if self.uploaded == Some(*plan) {
            return Ok(());
        }
        let channels = map.shape().channels() as usize;
        let chunks = &mut self.buffers.chunks;
        if chunks.len() <= chunk.slot {
            chunks.resize_with(chunk.slot + 1, || None);
        }
        let words = plan.chunk_pixels * channels as u64;
        let buffer = Buffer::ensure(&mut chunks[chunk.slot], &self.gpu, words)?;
        let words = &map.bits()[chunk.start * channels..][..chunk.pixels as usize * channels];
        self.staging.upload(&mut self.gpu, buffer, words)
    }

    fn count(&mut self, map: &ColorMap, min_pixels: u64, plan: &Plan) -> Result<Counts, Error> {
        let whole = plan.chunk_count() == 1;
        // Only the whole image's counts can tell which colours have too few pixels. Saturating is
        // right: no chunk has as many pixels.
        let min_in_chunk = if whole { u32::try_from(min_pixels).unwrap_or(u32::MAX) } else { 1 };
        let mut tally = Tally::default();
        for chunk in Chunk::all(plan) {
            self.upload(map, plan, chunk)?;
            match self.count_chunk(map, plan, chunk, min_in_chunk)? {
                Some(report) => {
                    let colors = self.collected(map, chunk, report.listed)?;
                    if whole {
                        self.uploaded = Some(*plan);
                        return Ok(Counts { colors, distinct: Some(report.distinct.into()) });
                    }
                    for ColorCount { color, pixels } in colors {
                        tally.add(color, pixels)?;
                    }
                }
                // Hashing has failed with every seed: slowly, then, but surely.
                None => {
                    let pixels = chunk.start..chunk.start + chunk.pixels as usize;
                    for color in pixels.filter_map(|pixel| Color::from_bits(map.pixel(pixel))) {
                        tally.add(color, 1)?;
                    }
                }
            }
        }
        if plan.resident {
            self.uploaded = Some(*plan);
        }
        Ok(Counts { colors: tally.colors(min_pixels)?, distinct: Some(tally.len() as u64) })
    }

    /// Stages count and collect for one chunk: tables grow, and get other seeds, until all colours
    /// have found a place.
    fn count_chunk(
        &mut self,
        map: &ColorMap,
        plan: &Plan,
        chunk: Chunk,
        min_pixels: u32,
    ) -> Result<Option<Report>, Error> {
        /// Attempts with the largest table. One fails by chance once in 10^16 searches.
        const MOST_ATTEMPTS: usize = 4;
        let mut attempts = 0;
        while attempts < MOST_ATTEMPTS {
            let slots = self.table_slots.min(plan.most_table_slots());
            let report = self.count_with_table(map, plan, chunk, min_pixels, slots)?;
            if report.lost == 0 {
                self.table_slots = plan::table_slots_for(report.distinct);
                return Ok(Some(report));
            }
            self.table_slots = plan.grown_table_slots(slots, report.distinct, report.lost);
            attempts += usize::from(slots == plan.most_table_slots());
        }
        Ok(None)
    }

    fn count_with_table(
        &mut self,
        map: &ColorMap,
        plan: &Plan,
        chunk: Chunk,
        min_pixels: u32,
        slots: u32,
    ) -> Result<Report, Error> {
        let channels = map.shape().channels();
        let Self { gpu, pipelines, staging, buffers, seeds, .. } = self;
        let slot_pixels = Buffer::ensure(&mut buffers.slot_pixels, gpu, slots.into())?.first(slots.into());
        let slot_counts = Buffer::ensure(&mut buffers.slot_counts, gpu, slots.into())?.first(slots.into());
        let list_words = 2 * plan.list_entries(slots);
        let list = Buffer::ensure(&mut buffers.list, gpu, list_words)?.first(list_words);
        let report_buffer = Buffer::ensure(&mut buffers.report, gpu, REPORT_WORDS as u64)?;
        let report = report_buffer.first(REPORT_WORDS as u64);
        let color_map = chunk.words(&buffers.chunks, channels)?;

        let count_pipeline = pipelines.get(gpu, Stage::Count { channels })?;
        let collect_pipeline = pipelines.get(gpu, Stage::Collect)?;
        let seed = seeds.take() as u32;
        let count_dispatches = plan::dispatches(chunk.pixels, COUNT_PIXELS_PER_INVOCATION, &gpu.limits);
        let collect_dispatches = plan::dispatches(slots, 1, &gpu.limits);

        let table = [(1, slot_pixels.clone()), (2, slot_counts.clone()), (3, report.clone())];
        let mut pieces = vec![Piece::new(0, |commands| commands.clear([slot_pixels, slot_counts, report]))];
        for (range, workgroups) in count_dispatches {
            let buffers = [(0, color_map.clone())].into_iter().chain(table.clone());
            let push_constants = count::Dispatch {
                first_pixel: range.start,
                end_pixel: range.end,
                slot_mask: slots - 1,
                max_probes: plan::max_probes(slots),
                seed,
            };
            let pipeline = &count_pipeline;
            pieces.push(Piece::new(range.end - range.start, move |commands| {
                commands.dispatch(pipeline, buffers, &push_constants, workgroups)
            }));
        }
        for (range, workgroups) in collect_dispatches {
            let buffers = table.clone().into_iter().chain([(4, list.clone())]);
            let push_constants =
                collect::Dispatch { first_slot: range.start, end_slot: range.end, min_pixels };
            let pipeline = &collect_pipeline;
            pieces.push(Piece::new(range.end - range.start, move |commands| {
                commands.dispatch(pipeline, buffers, &push_constants, workgroups)
            }));
        }
        gpu.run_pieces(pieces)?;

        let mut words = [0u32; REPORT_WORDS];
        staging.download(gpu, report_buffer, bytemuck::cast_slice_mut(&mut words))?;
        let [distinct, lost, listed] = words;
        Ok(Report { distinct, lost, listed })
    }

    /// Reads the list that the stage collect wrote.
    fn collected(&mut self, map: &ColorMap, chunk: Chunk, listed: u32) -> Result<Vec<ColorCount>, Error> {
        let no_memory = |_| Error::OutOfMemory(format!("listing {listed} colours"));
        let (mut entries, mut colors) = (Vec::<[u32; 2]>::new(), Vec::new());
        entries.try_reserve_exact(listed as usize).map_err(no_memory)?;
        colors.try_reserve_exact(listed as usize).map_err(no_memory)?;
        entries.resize(listed as usize, [0; 2]);
        if let Some(list) = &self.buffers.list {
            self.staging.download(&mut self.gpu, list, bytemuck::cast_slice_mut(&mut entries))?;
        }
        // The device names a pixel of each colour; the colour itself is read where it came from.
        colors.extend(entries.iter().filter_map(|&[pixel, pixels]| {
            let color = Color::from_bits(map.pixel(chunk.start + pixel as usize))?;
            Some(ColorCount { color, pixels: pixels.into() })
        }));
        Ok(colors)
    }

    fn label(
        &mut self,
        map: &ColorMap,
        palette: &[ColorCount],
        width: LabelWidth,
        labels: &mut [u8],
        plan: &Plan,
    ) -> Result<(), Error> {
        let parts: Vec<_> =
            (1..).step_by(plan.palette_part_colors).zip(palette.chunks(plan.palette_part_colors)).collect();
        let mut table = None;
        for chunk in Chunk::all(plan) {
            self.upload(map, plan, chunk)?;
            for (index, &(first_label, colors)) in parts.iter().enumerate() {
                // A palette in one part stays on the device from chunk to chunk.
                if table.is_none() || parts.len() > 1 {
                    table = Some(self.upload_palette(map, colors, first_label)?);
                }
                if let Some(table) = &table {
                    self.label_chunk(map, plan, chunk, width, table, index > 0)?;
                }
            }
            if let Some(buffer) = &self.buffers.labels {
                let start = chunk.start * width.bytes();
                let labels = &mut labels[start..][..chunk.pixels as usize * width.bytes()];
                self.staging.download(&mut self.gpu, buffer, labels)?;
            }
        }
        Ok(())
    }

    fn upload_palette(
        &mut self,
        map: &ColorMap,
        colors: &[ColorCount],
        first_label: u32,
    ) -> Result<PaletteTable, Error> {
        let Self { gpu, staging, buffers, seeds, .. } = self;
        let table = PaletteTable::new(colors, first_label, map.shape().channels() as usize, seeds)?;
        let buffer = Buffer::ensure(&mut buffers.palette, gpu, table.words.len() as u64)?;
        staging.upload(gpu, buffer, &table.words)?;
        Ok(table)
    }

    /// Labels a chunk's pixels with the part of the palette that is on the device.
    fn label_chunk(
        &mut self,
        map: &ColorMap,
        plan: &Plan,
        chunk: Chunk,
        width: LabelWidth,
        table: &PaletteTable,
        keep: bool,
    ) -> Result<(), Error> {
        let channels = map.shape().channels();
        let Self { gpu, pipelines, buffers, .. } = self;
        let pipeline = pipelines.get(gpu, Stage::Label { channels, width })?;
        let label_words = plan.chunk_pixels / 4 * width.bytes() as u64;
        let table_words = table.words.len() as u64;
        let bindings = [
            (0, chunk.words(&buffers.chunks, channels)?),
            (1, Buffer::ensure(&mut buffers.palette, gpu, table_words)?.first(table_words)),
            (2, Buffer::ensure(&mut buffers.labels, gpu, label_words)?.first(label_words)),
        ];
        let dispatches = plan::dispatches(chunk.pixels, LABEL_PIXELS_PER_INVOCATION, &gpu.limits);
        let pieces = dispatches.map(|(range, workgroups)| {
            let push_constants = label::Dispatch {
                first_pixel: range.start,
                end_pixel: range.end,
                slot_mask: table.slot_mask,
                seed: table.seed,
                max_probes: table.max_probes,
                keep: keep.into(),
            };
            let (pipeline, bindings) = (&pipeline, bindings.clone());
            Piece::new(range.end - range.start, move |commands| {
                commands.dispatch(pipeline, bindings, &push_constants, workgroups)
            })
        });
        let pieces = pieces.collect();
        gpu.run_pieces(pieces)
    }
}

/// Pixels that are worked on together.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// Its first pixel.
    start: usize,
    pixels: u32,
    /// Which of the device's chunk buffers has it.
    slot: usize,
}

impl Chunk {
    fn all(plan: &Plan) -> impl Iterator<Item = Self> + use<> {
        let resident = plan.resident;
        // Lossless: the image is in memory, so that its indices are a usize, and `plan` bounds chunks.
        plan.chunks().enumerate().map(move |(index, pixels)| Self {
            start: pixels.start as usize,
            pixels: (pixels.end - pixels.start) as u32,
            slot: if resident { index } else { 0 },
        })
    }

    /// Its pixels on the device.
    fn words(self, chunks: &[Option<Buffer>], channels: u32) -> Result<Subbuffer<[u32]>, Error> {
        match chunks.get(self.slot) {
            Some(Some(buffer)) => Ok(buffer.first(u64::from(self.pixels) * u64::from(channels))),
            _ => Err(Error::Internal("a chunk was not uploaded".to_owned())),
        }
    }
}

/// What the stages count and collect report.
#[derive(Clone, Copy, Debug)]
struct Report {
    /// Colours that found a slot.
    distinct: u32,
    /// Runs of pixels whose colour found none.
    lost: u32,
    /// Entries of the list.
    listed: u32,
}
