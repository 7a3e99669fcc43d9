//! The stages' host side: chunks, growing tables, and what is kept from call to call.

use std::mem::ManuallyDrop;
use std::ops::Range;

use super::gpu::Gpu;
use super::memory::{Buffer, Staging};
use super::palette_table::PaletteTable;
use super::stages::{
    COUNT_PIXELS_PER_INVOCATION, LABEL_PIXELS_PER_INVOCATION, Pipelines, Stage, collect, count, label,
};
use crate::color::Color;
use crate::error::Error;
use crate::image::ColorMap;
use crate::labels::{LabelMap, LabelWidth};
use crate::params::{Options, Params};
use crate::pipeline::{Backend, ColorCount, Counts};
use crate::plan::{self, Plan};
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
        let work = Work {
            gpu: Gpu::open(options)?,
            pipelines: Pipelines::default(),
            staging: Staging::default(),
            buffers: Buffers::default(),
            uploaded: None,
            table_slots: plan::FIRST_TABLE_SLOTS,
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
    ) -> Result<&LabelMap, Error> {
        let width = LabelWidth::for_labels_up_to(palette.len());
        let mut labels = std::mem::take(&mut self.labels);
        let bytes = labels.start(map.shape().plane(), width)?;
        self.work.in_fitting_chunks(map, |work, plan| work.label(map, palette, width, bytes, plan))?;
        labels.finish_uniform(width, palette.len());
        self.labels = labels;
        Ok(&self.labels)
    }

    fn forget_image(&mut self) {
        self.work.uploaded = None;
    }
}

impl Work {
    /// Does a stage in as large chunks as the device's memory takes.
    fn in_fitting_chunks<R>(
        &mut self,
        map: &ColorMap,
        mut stage: impl FnMut(&mut Self, &Plan) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut limits = self.gpu.limits.clone();
        let mut plan = Plan::new(map.shape(), &limits)?;
        loop {
            self.gpu.check_usable()?;
            let error = match stage(self, &plan) {
                Err(error @ Error::OutOfDeviceMemory(_)) => error,
                done => return done,
            };
            // What is kept from other images may be in the way. Others may use the memory, too:
            // plan with half as much.
            self.release_buffers();
            limits.memory_bytes /= 2;
            plan = Plan::new(map.shape(), &limits).map_err(|_| error)?;
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

    /// Makes sure that the device has a chunk's pixels, and says in which of its buffers.
    fn upload(
        &mut self,
        map: &ColorMap,
        plan: &Plan,
        index: usize,
        chunk: &Range<u64>,
    ) -> Result<usize, Error> {
        let slot = if plan.resident { index } else { 0 };
        if self.uploaded == Some(*plan) {
            return Ok(slot);
        }
        let channels = u64::from(map.shape().channels());
        let chunks = &mut self.buffers.chunks;
        if chunks.len() <= slot {
            chunks.resize_with(slot + 1, || None);
        }
        let buffer = Buffer::ensure(&mut chunks[slot], &self.gpu, plan.chunk_pixels * channels)?;
        // Lossless: the map is in memory, so that its indices are a usize.
        let words = &map.bits()[(chunk.start * channels) as usize..(chunk.end * channels) as usize];
        self.staging.upload(&mut self.gpu, buffer, words)?;
        Ok(slot)
    }

    fn count(&mut self, map: &ColorMap, min_pixels: u64, plan: &Plan) -> Result<Counts, Error> {
        let whole = plan.chunk_count() == 1;
        // Only the whole image's counts can tell which colours have too few pixels. Saturating is
        // right: no chunk has as many pixels.
        let min_in_chunk = if whole { u32::try_from(min_pixels).unwrap_or(u32::MAX) } else { 1 };
        let mut tally = Tally::default();
        for (index, chunk) in plan.chunks().enumerate() {
            let slot = self.upload(map, plan, index, &chunk)?;
            let report = self.count_chunk(map, plan, slot, &chunk, min_in_chunk)?;
            let colors = self.collected(map, &chunk, report.listed)?;
            if whole {
                self.uploaded = Some(*plan);
                return Ok(Counts { colors, distinct: Some(report.distinct.into()) });
            }
            for ColorCount { color, pixels } in colors {
                tally.add(*color.bits(), pixels)?;
            }
        }
        if plan.resident {
            self.uploaded = Some(*plan);
        }
        Ok(Counts { colors: tally.colors(min_pixels)?, distinct: Some(tally.len() as u64) })
    }

    /// Stages count and collect for one chunk, with a table that grows until all colours fit.
    fn count_chunk(
        &mut self,
        map: &ColorMap,
        plan: &Plan,
        slot: usize,
        chunk: &Range<u64>,
        min_pixels: u32,
    ) -> Result<Report, Error> {
        loop {
            let slots = self.table_slots.min(plan.most_table_slots());
            let report = self.count_with_table(map, plan, slot, chunk, min_pixels, slots)?;
            if report.lost == 0 {
                self.table_slots = plan::table_slots_for(report.distinct);
                return Ok(report);
            }
            self.table_slots = plan.grown_table_slots(slots, report.distinct, report.lost);
        }
    }

    fn count_with_table(
        &mut self,
        map: &ColorMap,
        plan: &Plan,
        slot: usize,
        chunk: &Range<u64>,
        min_pixels: u32,
        slots: u32,
    ) -> Result<Report, Error> {
        let channels = map.shape().channels();
        let Self { gpu, pipelines, staging, buffers, .. } = self;
        let slot_pixels = Buffer::ensure(&mut buffers.slot_pixels, gpu, slots.into())?.first(slots.into());
        let slot_counts = Buffer::ensure(&mut buffers.slot_counts, gpu, slots.into())?.first(slots.into());
        let list_words = 2 * plan.list_entries(slots);
        let list = Buffer::ensure(&mut buffers.list, gpu, list_words)?.first(list_words);
        let report_buffer = Buffer::ensure(&mut buffers.report, gpu, REPORT_WORDS as u64)?;
        let report = report_buffer.first(REPORT_WORDS as u64);
        let Some(color_map) = &buffers.chunks[slot] else {
            return Err(Error::Internal("the chunk was not uploaded".to_owned()));
        };
        let pixels = (chunk.end - chunk.start) as u32; // `plan` bounds a chunk
        let color_map = color_map.first(u64::from(pixels) * u64::from(channels));

        let count_pipeline = pipelines.get(gpu, Stage::Count { channels })?;
        let collect_pipeline = pipelines.get(gpu, Stage::Collect)?;
        let limits = gpu.limits.clone();
        gpu.run(|commands| {
            commands.clear([slot_pixels.clone(), slot_counts.clone(), report.clone()])?;

            let table = [(1, slot_pixels), (2, slot_counts), (3, report)];
            commands.bind(&count_pipeline, [(0, color_map)].into_iter().chain(table.clone()))?;
            for (range, workgroups) in plan::dispatches(pixels, COUNT_PIXELS_PER_INVOCATION, &limits) {
                let push_constants = count::Dispatch {
                    first_pixel: range.start,
                    end_pixel: range.end,
                    slot_mask: slots - 1,
                    max_probes: plan::max_probes(slots, plan),
                };
                commands.dispatch(&count_pipeline, &push_constants, workgroups)?;
            }
            commands.device_barrier()?;

            commands.bind(&collect_pipeline, table.into_iter().chain([(4, list)]))?;
            for (range, workgroups) in plan::dispatches(slots, 1, &limits) {
                let push_constants =
                    collect::Dispatch { first_slot: range.start, end_slot: range.end, min_pixels };
                commands.dispatch(&collect_pipeline, &push_constants, workgroups)?;
            }
            Ok(())
        })?;

        let mut words = [0u32; REPORT_WORDS];
        staging.download(gpu, report_buffer, bytemuck::cast_slice_mut(&mut words))?;
        let [distinct, lost, listed] = words;
        Ok(Report { distinct, lost, listed })
    }

    /// Reads the list that the stage collect wrote.
    fn collected(
        &mut self,
        map: &ColorMap,
        chunk: &Range<u64>,
        listed: u32,
    ) -> Result<Vec<ColorCount>, Error> {
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
            let color = Color::from_bits(map.pixel(chunk.start as usize + pixel as usize))?;
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
        let channels = map.shape().channels();
        let pipeline = self.pipelines.get(&self.gpu, Stage::Label { channels, width })?;
        let chunk_label_words = plan.chunk_pixels / 4 * width.bytes() as u64;
        let parts = palette.chunks(plan.palette_part_colors);
        for (index, chunk) in plan.chunks().enumerate() {
            let slot = self.upload(map, plan, index, &chunk)?;
            let pixels = (chunk.end - chunk.start) as u32; // `plan` bounds a chunk
            let mut first_label = 1;
            for (part_index, part) in parts.clone().enumerate() {
                let Self { gpu, staging, buffers, .. } = self;
                let table = PaletteTable::new(part, first_label, channels as usize)?;
                first_label += part.len() as u32;
                let table_words = table.words.len() as u64;
                let table_buffer = Buffer::ensure(&mut buffers.palette, gpu, table_words)?;
                if index == 0 || parts.len() > 1 {
                    staging.upload(gpu, table_buffer, &table.words)?;
                }
                let Some(color_map) = &buffers.chunks[slot] else {
                    return Err(Error::Internal("the chunk was not uploaded".to_owned()));
                };
                let bindings = [
                    (0, color_map.first(u64::from(pixels) * u64::from(channels))),
                    (1, table_buffer.first(table_words)),
                    (
                        2,
                        Buffer::ensure(&mut buffers.labels, gpu, chunk_label_words)?.first(chunk_label_words),
                    ),
                ];
                let limits = gpu.limits.clone();
                gpu.run(|commands| {
                    commands.bind(&pipeline, bindings)?;
                    for (range, workgroups) in plan::dispatches(pixels, LABEL_PIXELS_PER_INVOCATION, &limits)
                    {
                        let push_constants = label::Dispatch {
                            first_pixel: range.start,
                            end_pixel: range.end,
                            slot_mask: table.slot_mask,
                            keep: u32::from(part_index > 0),
                        };
                        commands.dispatch(&pipeline, &push_constants, workgroups)?;
                    }
                    Ok(())
                })?;
            }
            if let Some(buffer) = &self.buffers.labels {
                let bytes = chunk.start as usize * width.bytes()..chunk.end as usize * width.bytes();
                self.staging.download(&mut self.gpu, buffer, &mut labels[bytes])?;
            }
        }
        Ok(())
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
