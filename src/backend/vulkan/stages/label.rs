//! The stage label's host side: chunk by chunk, the labels come back while the device works on the next.
//!
//! Where the device has the pixels' colour indices, a table says which label each index has. Else each pixel's colour is
//! looked up in the palette's table, in as many parts as a storage buffer takes; where the device has fingerprints, only
//! pixels are looked at whose fingerprint is that of a colour of the palette.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use crate::backend::cpu::{Hasher, fingerprint_of};
use crate::backend::vulkan::device::buffers::Shared;
use crate::backend::vulkan::device::gpu::Ticket;
use crate::backend::vulkan::device::shaders::LabelDispatch;
use crate::backend::vulkan::device::source::Source;
use crate::backend::vulkan::device::stage::Stage;
use crate::backend::vulkan::plan::Plan;
use crate::backend::vulkan::stages::chunk::Chunk;
use crate::backend::vulkan::stages::label_target::{LabelParts, LabelSink};
use crate::backend::vulkan::stages::palette_table::PaletteTable;
use crate::backend::vulkan::stages::work::{ChunkColors, Indexed, Known, Work};
use crate::color::Color;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::runtime::alloc::try_zeroed;
use crate::runtime::threads::Threads;
use crate::stages::group::Masked;

/// Words of a set of fingerprints: a bit for each.
const FINGERPRINT_SET_WORDS: usize = 1 << 11;

/// A part of the palette in which a chunk's colours are looked up.
struct PalettePart<'a> {
    table: &'a PaletteTable,
    /// It is still to be copied.
    is_new: bool,
    /// Later ones add to the labels of those before.
    is_first: bool,
    is_last: bool,
}

impl PalettePart<'_> {
    fn push_constants(&self, first_word: u32, pixels: Range<u32>, fingerprinted: bool) -> LabelDispatch {
        LabelDispatch {
            first_word,
            first_pixel: pixels.start,
            end_pixel: pixels.end,
            slot_mask: self.table.slot_mask,
            seed: self.table.seed,
            max_probes: self.table.max_probes,
            keep: (!self.is_first).into(),
            fingerprinted: fingerprinted.into(),
        }
    }
}

/// The label of each colour of a palette.
type LabelOfColor = HashMap<Color, u32, RandomState>;

fn labels_of_colors(palette: &Masked) -> Result<LabelOfColor, Error> {
    let mut labels = LabelOfColor::default();
    labels
        .try_reserve(palette.colors.len())
        .map_err(|_| Error::OutOfMemory(format!("a table of {} colours", palette.colors.len())))?;
    let colors = palette.colors.iter().enumerate();
    labels.extend(colors.map(|(index, entry)| (entry.color, palette.label(index))));
    Ok(labels)
}

/// The label of each colour index of a chunk.
fn labels_of_indices(colors: &ChunkColors, labels: &LabelOfColor) -> Result<Vec<u32>, Error> {
    let mut label_of_index = try_zeroed(colors.slots as usize + 1)?;
    for (index, entry) in &colors.colors {
        label_of_index[*index as usize] = labels.get(&entry.color).copied().unwrap_or(0);
    }
    Ok(label_of_index)
}

impl Work {
    /// The stage label.
    pub(crate) fn label(
        &mut self,
        pixels: &Pixels,
        palette: &Masked,
        threads: &Threads,
        sink: &mut LabelSink,
    ) -> Result<(), Error> {
        match std::mem::take(&mut self.known) {
            Known::Indices(indexed) => {
                let done = self.label_indices(&indexed, palette, sink);
                self.gpu.finish()?;
                match done {
                    Err(Error::OutOfDeviceMemory(_)) => self.release_buffers(),
                    done => return done,
                }
            }
            known => self.known = known,
        }
        self.with_source(pixels, threads, |work, source| {
            work.in_fitting_chunks(source, |work, plan| work.label_colors(source, palette, plan, sink))
        })
    }

    /// Labels an image whose pixels' colour indices the device has.
    fn label_indices(
        &mut self,
        indexed: &Indexed,
        palette: &Masked,
        sink: &mut LabelSink,
    ) -> Result<(), Error> {
        let Indexed { plan, chunks } = indexed;
        let mut parts = LabelParts::new(plan, palette.mask_count, sink);
        let labels = labels_of_colors(palette)?;
        self.for_chunks(plan, &mut parts, |work, parts, chunk| {
            let label_of_index = labels_of_indices(&chunks[chunk.index as usize], &labels)?;
            work.start_labelling_indices(plan, parts, chunk, &label_of_index)
        })
    }

    /// Starts labelling a chunk by its pixels' colour indices.
    fn start_labelling_indices(
        &mut self,
        plan: &Plan,
        parts: &LabelParts,
        chunk: Chunk,
        label_of_index: &[u32],
    ) -> Result<Ticket, Error> {
        let indices = self.block_part(plan, chunk)?;
        let Self { gpu, buffers, .. } = self;
        let stage = Stage::Label { words: None, width: parts.width };
        let layout = plan.chunk_layout();
        let chunk_memory = &mut buffers.chunks[chunk.memory];
        let memory = Shared::ensure(&mut chunk_memory.shared, gpu, layout.words)?;
        memory.write(layout.label_of_index, label_of_index)?;
        let table_words = label_of_index.len() as u64;
        let label_words = parts.words(chunk.pixels.into());
        let labels = Shared::ensure(&mut chunk_memory.labels, gpu, parts.capacity(plan.chunk_pixels))?;
        let receipt = parts.receipt(chunk.pixels.into());
        receipt.clear(labels)?;
        let labels = &*labels;
        gpu.submit(|commands| {
            receipt.upload(labels, commands)?;
            memory.upload(commands, layout.label_of_index, table_words)?;
            let buffers = [
                (0, indices),
                (1, memory.part(layout.label_of_index, table_words)),
                (2, labels.part(0, label_words)),
                (5, receipt.part(labels)),
            ];
            chunk_memory.workgroups =
                commands.dispatch(stage, chunk.pixels, &buffers, |pixels| LabelDispatch {
                    first_word: 0,
                    first_pixel: pixels.start,
                    end_pixel: pixels.end,
                    slot_mask: 0,
                    seed: 0,
                    max_probes: 0,
                    keep: 0,
                    fingerprinted: 0,
                })?;
            parts.download(labels, commands, chunk.pixels.into())
        })
    }

    /// The hash of the pixels' fingerprints, if the device has those of the plan's chunks.
    fn hasher_of_fingerprints(&self, plan: &Plan) -> Option<Hasher> {
        match &self.known {
            Known::Fingerprints(known) if known.plan == *plan => Some(known.hasher),
            _ => None,
        }
    }

    /// Labels an image by looking up each pixel's colour, or if the device has their fingerprints, only those pixels' that
    /// have the fingerprint of a colour.
    fn label_colors(
        &mut self,
        source: &Source,
        palette: &Masked,
        plan: &Plan,
        sink: &mut LabelSink,
    ) -> Result<(), Error> {
        let mut parts = LabelParts::new(plan, palette.mask_count, sink);
        let channels = source.pixels.grid().words as usize;
        let part_colors = plan.palette_part_colors;
        let colors = palette.colors.len();
        let tables = colors.div_ceil(part_colors);
        let mut table: Option<PaletteTable> = None;
        if let Some(hasher) = self.hasher_of_fingerprints(plan) {
            self.write_palette_fingerprints(palette, channels, hasher)?;
        }
        self.for_chunks(plan, &mut parts, |work, parts, chunk| {
            let mut ticket = None;
            for index in 0..tables {
                let part = index * part_colors..((index + 1) * part_colors).min(colors);
                // A palette in one part stays on the device from chunk to chunk.
                let is_new = table.is_none() || tables > 1;
                if is_new {
                    work.gpu.finish()?; // nobody else reads the table now
                    let made = PaletteTable::new(palette, &part, channels, &mut work.seeds)?;
                    let words = made.words.len() as u64;
                    Shared::ensure(&mut work.buffers.palette, &work.gpu, words)?.write(0, &made.words)?;
                    table = Some(made);
                }
                if let Some(table) = &table {
                    let (is_first, is_last) = (index == 0, index + 1 == tables);
                    let part = PalettePart { table, is_new, is_first, is_last };
                    ticket = Some(work.start_labelling_colors(source, plan, parts, chunk, &part)?);
                }
            }
            ticket.ok_or_else(|| Error::Internal("a palette is empty".to_owned()))
        })
    }

    /// Writes the set of the palette's fingerprints, which is copied with the first part of the palette.
    fn write_palette_fingerprints(
        &mut self,
        palette: &Masked,
        channels: usize,
        hasher: Hasher,
    ) -> Result<(), Error> {
        let mut set = try_zeroed::<u32>(FINGERPRINT_SET_WORDS)?;
        for entry in palette.colors {
            let fingerprint = fingerprint_of(&entry.color, channels, hasher);
            set[usize::from(fingerprint / 32)] |= 1 << (fingerprint % 32);
        }
        let memory = &mut self.buffers.palette_fingerprints;
        Shared::ensure(memory, &self.gpu, FINGERPRINT_SET_WORDS as u64)?.write(0, &set)
    }

    /// Starts labelling a chunk with a part of the palette.
    fn start_labelling_colors(
        &mut self,
        source: &Source,
        plan: &Plan,
        parts: &LabelParts,
        chunk: Chunk,
        part: &PalettePart,
    ) -> Result<Ticket, Error> {
        let color_map = self.chunk_pixels(source, plan, chunk, part.is_first)?;
        let fingerprints = match self.hasher_of_fingerprints(plan) {
            Some(_) => Some(self.block_part(plan, chunk)?),
            None => None,
        };
        let Self { gpu, buffers, .. } = self;
        let stage = Stage::Label { words: Some(source.pixel_words()), width: parts.width };
        let table_words = part.table.words.len() as u64;
        let palette = &*Shared::ensure(&mut buffers.palette, gpu, table_words)?;
        let set = buffers.palette_fingerprints.as_ref().zip(fingerprints);
        let chunk_memory = &mut buffers.chunks[chunk.memory];
        let labels = Shared::ensure(&mut chunk_memory.labels, gpu, parts.capacity(plan.chunk_pixels))?;
        let receipt = parts.receipt(chunk.pixels.into());
        if part.is_first {
            receipt.clear(labels)?;
            chunk_memory.workgroups = 0;
        }
        let labels = &*labels;
        gpu.count(|counters| counters.pixels_read += u64::from(chunk.pixels));
        gpu.submit(|commands| {
            if part.is_new {
                palette.upload(commands, 0, table_words)?;
                if let (Some((set, _)), 0, true) = (&set, chunk.index, part.is_first) {
                    set.upload(commands, 0, FINGERPRINT_SET_WORDS as u64)?;
                }
            }
            color_map.upload(chunk_memory.shared.as_ref(), commands)?;
            if part.is_first {
                receipt.upload(labels, commands)?;
            }
            let fingerprinted = set.is_some();
            let table = palette.part(0, table_words);
            // Without fingerprints nobody looks at what is bound in their place.
            let (set, fingerprints) = match set {
                Some((set, fingerprints)) => (set.part(0, FINGERPRINT_SET_WORDS as u64), fingerprints),
                None => (table.clone(), table.clone()),
            };
            let buffers = [
                (0, color_map.words.clone()),
                (1, table),
                (2, labels.part(0, parts.words(chunk.pixels.into()))),
                (3, fingerprints),
                (4, set),
                (5, receipt.part(labels)),
            ];
            chunk_memory.workgroups += commands.dispatch(stage, chunk.pixels, &buffers, |pixels| {
                part.push_constants(color_map.first_word, pixels, fingerprinted)
            })?;
            if part.is_last { parts.download(labels, commands, chunk.pixels.into()) } else { Ok(()) }
        })
    }

    /// Starts each chunk with `start`; while the device works on one, the host takes the labels of the one
    /// before.
    fn for_chunks(
        &mut self,
        plan: &Plan,
        parts: &mut LabelParts,
        mut start: impl FnMut(&mut Self, &LabelParts, Chunk) -> Result<Ticket, Error>,
    ) -> Result<(), Error> {
        let mut before: Option<(Chunk, Ticket)> = None;
        for chunk in Chunk::all(plan).map(Some).chain([None]) {
            let started = match chunk {
                Some(chunk) => {
                    let mut ticket = start(self, parts, chunk)?;
                    if let &mut LabelSink::Device(targets) = &mut *parts.sink {
                        ticket = self.start_writing(plan, parts, chunk, targets)?.unwrap_or(ticket);
                    }
                    Some((chunk, ticket))
                }
                None => None,
            };
            if let Some((chunk, ticket)) = std::mem::replace(&mut before, started) {
                self.gpu.wait(ticket)?;
                let memory = &self.buffers.chunks[chunk.memory];
                let labels = memory.labels()?;
                parts.receipt(chunk.pixels.into()).check(labels, &self.gpu, memory.workgroups)?;
                parts.add(chunk, labels)?;
            }
        }
        Ok(())
    }
}
