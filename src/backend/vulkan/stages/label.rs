//! The stage label's host side: chunk by chunk, the labels come back while the device works on the next.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::backend::cpu::{Hasher, fingerprint_of};
use crate::backend::vulkan::backend::{Chunk, Turn, Work};
use crate::backend::vulkan::device::buffers::Shared;
use crate::backend::vulkan::device::commands::Commands;
use crate::backend::vulkan::device::gpu::Ticket;
use crate::backend::vulkan::device::receipts::Receipt;
use crate::backend::vulkan::device::shaders::LabelDispatch;
use crate::backend::vulkan::device::source::Source;
use crate::backend::vulkan::device::stage::Stage;
use crate::backend::vulkan::plan::Plan;
use crate::backend::vulkan::stages::count_few::Numbered;
use crate::backend::vulkan::stages::expand::Targets;
use crate::backend::vulkan::stages::palette_table::PaletteTable;
use crate::color::Color;
use crate::error::Error;
use crate::labels::{LabelMap, TILE};
use crate::runtime::alloc::try_zeroed;
use crate::stages::group::Masked;
use crate::types::outputs::LabelWidth;

/// Words of a set of codes: a bit for each.
const CODE_SET_WORDS: usize = 1 << 11;

/// Who takes the labels.
pub(crate) enum Taker<'a> {
    /// The host, in parts.
    Host { labels: &'a mut LabelMap, labelled: &'a mut dyn FnMut(usize, &LabelMap) },
    /// The caller's memory on the device.
    Device(&'a Targets),
}

/// Takes the labels of chunks in order and hands them on: to the host in parts as large as tiles allow.
pub(crate) struct Parts<'a, 't> {
    taker: &'a mut Taker<'t>,
    pub(crate) width: LabelWidth,
    pub(crate) mask_count: usize,
    /// Pixels of the image, where chunks are smaller than tiles and it is handed on as a whole.
    whole: Option<usize>,
    seen: usize,
}

impl<'a, 't> Parts<'a, 't> {
    pub(crate) fn new(plan: &Plan, mask_count: usize, taker: &'a mut Taker<'t>) -> Self {
        let tiles = plan.chunk_count() == 1 || plan.chunk_pixels.is_multiple_of(TILE as u64);
        let width = match taker {
            Taker::Device(targets) => targets.label_width(),
            Taker::Host { .. } => None,
        };
        Self {
            width: width.unwrap_or(LabelWidth::for_labels_up_to(mask_count)),
            taker,
            mask_count,
            whole: if tiles { None } else { Some(plan.pixels() as usize) },
            seen: 0,
        }
    }

    /// Words of a chunk's labels.
    pub(crate) fn words(&self, pixels: u64) -> u64 {
        pixels.div_ceil(4) * self.width.bytes() as u64
    }

    /// What tells that the stages label and expand have worked, behind a chunk's labels.
    pub(crate) fn receipt(&self, pixels: u64) -> Receipt {
        Receipt::behind(self.words(pixels))
    }

    /// Words of memory for the labels of chunks of so many pixels.
    pub(crate) fn room(&self, chunk_pixels: u64) -> u64 {
        self.receipt(chunk_pixels).end()
    }

    /// Records what lets the host have a chunk's labels, if it takes them, and the receipt.
    fn download(&self, labels: &Shared, commands: &mut Commands, pixels: u64) -> Result<(), Error> {
        let receipt = self.receipt(pixels);
        match self.taker {
            Taker::Host { .. } => labels.download(commands, 0, receipt.end()),
            Taker::Device(_) => receipt.download(labels, commands),
        }
    }

    fn add(&mut self, chunk: Chunk, memory: &Shared) -> Result<(), Error> {
        let Taker::Host { labels, labelled } = self.taker else { return Ok(()) };
        let pixels = chunk.pixels as usize;
        let at = if self.whole.is_some() { chunk.start } else { 0 };
        let bytes = labels.start(self.whole.unwrap_or(pixels), self.width)?;
        let width = self.width.bytes();
        memory.read(0, &mut bytes[at * width..][..pixels * width])?;
        self.seen = chunk.start + pixels;
        if self.whole.is_none_or(|whole| whole == self.seen) {
            labels.finish_uniform(self.width, self.mask_count)?;
            labelled(chunk.start - at, labels);
        }
        Ok(())
    }
}

impl Work {
    /// Labels an image whose pixels' numbers the device has.
    pub(crate) fn label_numbers(
        &mut self,
        numbered: &Numbered,
        palette: &Masked,
        taker: &mut Taker,
    ) -> Result<(), Error> {
        let Numbered { plan, chunks } = numbered;
        let mut parts = Parts::new(plan, palette.mask_count, taker);
        let mut label_of = HashMap::<Color, u32, RandomState>::default();
        label_of
            .try_reserve(palette.colors.len())
            .map_err(|_| Error::OutOfMemory(format!("a table of {} colours", palette.colors.len())))?;
        let colors = palette.colors.iter().enumerate();
        label_of.extend(colors.map(|(index, entry)| (entry.color, palette.label(index))));
        let layout = plan.turn_layout();
        self.for_chunks(plan, &mut parts, |work, parts, chunk| {
            let colors = &chunks[chunk.index as usize];
            let mut label_of_number = try_zeroed(colors.slots as usize + 1)?;
            for (number, entry) in &colors.colors {
                label_of_number[*number as usize] = label_of.get(&entry.color).copied().unwrap_or(0);
            }
            let numbers = work.numbers(plan, chunk)?;
            let Self { gpu, turns, .. } = work;
            let stage = Stage::Label { channels: None, width: parts.width };
            let turn = &mut turns[chunk.turn];
            let memory = Shared::ensure(&mut turn.memory, gpu, layout.words)?;
            memory.write(layout.label_of_number, &label_of_number)?;
            let table_words = label_of_number.len() as u64;
            let label_words = parts.words(chunk.pixels.into());
            let labels = Shared::ensure(&mut turn.labels, gpu, parts.room(plan.chunk_pixels))?;
            let receipt = parts.receipt(chunk.pixels.into());
            receipt.clear(labels)?;
            let labels = &*labels;
            gpu.submit(|commands| {
                receipt.upload(labels, commands)?;
                memory.upload(commands, layout.label_of_number, table_words)?;
                let buffers = [
                    (0, numbers),
                    (1, memory.part(layout.label_of_number, table_words)),
                    (2, labels.part(0, label_words)),
                    (5, receipt.part(labels)),
                ];
                turn.workgroups =
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
        })
    }

    /// The hash of the pixels' codes, if the device has those of the plan's chunks.
    fn hasher_of_codes(&self, plan: &Plan) -> Option<Hasher> {
        self.coded.as_ref().filter(|coded| coded.plan == *plan).map(|coded| coded.hasher)
    }

    /// Labels an image by looking up each pixel's colour, or if the device has their codes, only those pixels' that
    /// have the code of a colour.
    pub(crate) fn label_colors(
        &mut self,
        source: &Source,
        palette: &Masked,
        plan: &Plan,
        taker: &mut Taker,
    ) -> Result<(), Error> {
        let mut parts = Parts::new(plan, palette.mask_count, taker);
        let channels = source.pixels.shape().channels() as usize;
        let part_colors = plan.palette_part_colors;
        let colors = palette.colors.len();
        let tables = colors.div_ceil(part_colors);
        let mut table: Option<PaletteTable> = None;
        if let Some(hasher) = self.hasher_of_codes(plan) {
            let mut set = try_zeroed::<u32>(CODE_SET_WORDS)?;
            for entry in palette.colors {
                let code = fingerprint_of(&entry.color, channels, hasher);
                set[usize::from(code / 32)] |= 1 << (code % 32);
            }
            Shared::ensure(&mut self.palette_codes, &self.gpu, CODE_SET_WORDS as u64)?.write(0, &set)?;
        }
        self.for_chunks(plan, &mut parts, |work, parts, chunk| {
            let mut ticket = Err(Error::Internal("a palette is empty".to_owned()));
            for index in 0..tables {
                let part = index * part_colors..((index + 1) * part_colors).min(colors);
                // A palette in one part stays on the device from chunk to chunk.
                let new_table = table.is_none() || tables > 1;
                if new_table {
                    work.gpu.finish()?; // nobody else reads the table now
                    let made = PaletteTable::new(palette, &part, channels, &mut work.seeds)?;
                    let memory = Shared::ensure(&mut work.palette, &work.gpu, made.words.len() as u64)?;
                    memory.write(0, &made.words)?;
                    table = Some(made);
                }
                if let Some(table) = &table {
                    let last = index + 1 == tables;
                    ticket =
                        work.start_labelling(source, plan, parts, chunk, table, [new_table, index > 0, last]);
                }
            }
            ticket
        })
    }

    /// Starts labelling a chunk with a part of the palette. `new_table`: the part is still to be copied;
    /// `keep`: adds to the labels of the parts before; `last`: there is no other part.
    fn start_labelling(
        &mut self,
        source: &Source,
        plan: &Plan,
        parts: &Parts,
        chunk: Chunk,
        table: &PaletteTable,
        [new_table, keep, last]: [bool; 3],
    ) -> Result<Ticket, Error> {
        let channels = source.pixels.shape().channels();
        let color_map = self.chunk_pixels(source, plan, chunk, !keep)?;
        let codes = match self.hasher_of_codes(plan) {
            Some(_) => Some(self.numbers(plan, chunk)?),
            None => None,
        };
        let Self { gpu, turns, palette, palette_codes, .. } = self;
        let code_set = palette_codes.as_ref();
        let stage = Stage::Label { channels: Some(channels), width: parts.width };
        let table_words = table.words.len() as u64;
        let palette = &*Shared::ensure(palette, gpu, table_words)?;
        let turn = &mut turns[chunk.turn];
        let labels = Shared::ensure(&mut turn.labels, gpu, parts.room(plan.chunk_pixels))?;
        let label_words = parts.words(chunk.pixels.into());
        let receipt = parts.receipt(chunk.pixels.into());
        if !keep {
            receipt.clear(labels)?;
            turn.workgroups = 0;
        }
        let labels = &*labels;
        let memory = turn.memory.as_ref();
        gpu.count(|counters| counters.pixels_read += u64::from(chunk.pixels));
        gpu.submit(|commands| {
            if new_table {
                palette.upload(commands, 0, table_words)?;
                if let (Some(_), Some(set), 0, false) = (&codes, code_set, chunk.index, keep) {
                    set.upload(commands, 0, CODE_SET_WORDS as u64)?;
                }
            }
            if let Some(memory) = memory {
                color_map.upload(memory, commands)?;
            }
            if !keep {
                receipt.upload(labels, commands)?;
            }
            let fingerprinted = codes.is_some().into();
            // Without codes nobody looks at what is bound in their place.
            let (codes, code_set) = match (codes, code_set) {
                (Some(codes), Some(set)) => (codes, set.part(0, CODE_SET_WORDS as u64)),
                _ => (palette.part(0, table_words), palette.part(0, table_words)),
            };
            let buffers = [
                (0, color_map.words.clone()),
                (1, palette.part(0, table_words)),
                (2, labels.part(0, label_words)),
                (3, codes),
                (4, code_set),
                (5, receipt.part(labels)),
            ];
            turn.workgroups += commands.dispatch(stage, chunk.pixels, &buffers, |pixels| LabelDispatch {
                first_word: color_map.first_word,
                first_pixel: pixels.start,
                end_pixel: pixels.end,
                slot_mask: table.slot_mask,
                seed: table.seed,
                max_probes: table.max_probes,
                keep: keep.into(),
                fingerprinted,
            })?;
            if last { parts.download(labels, commands, chunk.pixels.into()) } else { Ok(()) }
        })
    }

    /// Starts each chunk with `start`; while the device works on one, the host takes the labels of the one
    /// before.
    pub(crate) fn for_chunks(
        &mut self,
        plan: &Plan,
        parts: &mut Parts,
        mut start: impl FnMut(&mut Self, &Parts, Chunk) -> Result<Ticket, Error>,
    ) -> Result<(), Error> {
        let mut before: Option<(Chunk, Ticket)> = None;
        for chunk in Chunk::all(plan).map(Some).chain([None]) {
            let started = match chunk {
                Some(chunk) => {
                    let mut ticket = start(self, parts, chunk)?;
                    if let &mut Taker::Device(targets) = &mut *parts.taker {
                        ticket = self.start_writing(plan, parts, chunk, targets)?.unwrap_or(ticket);
                    }
                    Some((chunk, ticket))
                }
                None => None,
            };
            if let Some((chunk, ticket)) = std::mem::replace(&mut before, started) {
                self.gpu.wait(ticket)?;
                let missing = || Error::Internal("a chunk has no labels".to_owned());
                let Turn { labels, workgroups, .. } = &self.turns[chunk.turn];
                let labels = labels.as_ref().ok_or_else(missing)?;
                parts.receipt(chunk.pixels.into()).check(labels, &self.gpu, *workgroups)?;
                parts.add(chunk, labels)?;
            }
        }
        Ok(())
    }
}
