//! Where labels go: to the host, in parts, or to the caller's memory on the device.

use crate::backend::vulkan::device::buffers::Shared;
use crate::backend::vulkan::device::commands::Commands;
use crate::backend::vulkan::device::external_memory::ExternalMemory;
use crate::backend::vulkan::device::gpu::Gpu;
use crate::backend::vulkan::device::import::Import;
use crate::backend::vulkan::device::receipts::Receipt;
use crate::backend::vulkan::plan::Plan;
use crate::backend::vulkan::stages::chunk::Chunk;
use crate::error::Error;
use crate::labels::{LabelMap, TILE};
use crate::types::outputs::{DeviceOutputs, LabelWidth};

/// The caller's memory for outputs.
#[derive(Debug)]
pub(crate) struct LabelTargets {
    pub(super) masks: Option<Import>,
    pub(super) labels: Option<Import>,
    /// How wide the caller wants labels to be, if any.
    pub(super) label_width: Option<LabelWidth>,
}

impl LabelTargets {
    /// Imports it.
    pub(super) fn new(gpu: &Gpu, outputs: &DeviceOutputs) -> Result<Self, Error> {
        let import = |memory| Import::of_device(&gpu.device, &memory);
        Ok(Self {
            masks: outputs.masks.map(import).transpose()?,
            labels: outputs.labels.map(|(memory, _)| import(memory)).transpose()?,
            label_width: outputs.labels.map(|(_, width)| width),
        })
    }
}

impl ExternalMemory for LabelTargets {
    fn imports(&mut self) -> impl Iterator<Item = &mut Option<Import>> {
        [&mut self.masks, &mut self.labels].into_iter()
    }
}

/// Who takes the labels.
pub(crate) enum LabelSink<'a> {
    /// The host, in parts.
    Host { labels: &'a mut LabelMap, labelled: &'a mut dyn FnMut(usize, &LabelMap) -> Result<(), Error> },
    /// The caller's memory on the device.
    Device(&'a LabelTargets),
}

/// Takes the labels of chunks in order and hands them on: to the host in parts as large as tiles allow.
pub(super) struct LabelParts<'a, 's> {
    pub(super) sink: &'a mut LabelSink<'s>,
    pub(super) width: LabelWidth,
    pub(super) mask_count: usize,
    /// Pixels of the image, where chunks are smaller than tiles and it is handed on as a whole.
    whole: Option<usize>,
    seen: usize,
}

impl<'a, 's> LabelParts<'a, 's> {
    /// The parts of a planned image with so many masks.
    pub(super) fn new(plan: &Plan, mask_count: usize, sink: &'a mut LabelSink<'s>) -> Self {
        let tiles = plan.chunk_count() == 1 || plan.chunk_pixels.is_multiple_of(TILE as u64);
        let width = match sink {
            LabelSink::Device(targets) => targets.label_width,
            LabelSink::Host { .. } => None,
        };
        Self {
            width: width.unwrap_or(LabelWidth::for_labels_up_to(mask_count)),
            sink,
            mask_count,
            whole: if tiles { None } else { Some(plan.pixels() as usize) },
            seen: 0,
        }
    }

    /// Words of a chunk's labels.
    pub(super) fn words(&self, pixels: u64) -> u64 {
        pixels.div_ceil(4) * self.width.bytes() as u64
    }

    /// What tells that the stages label and expand have worked, behind a chunk's labels.
    pub(super) fn receipt(&self, pixels: u64) -> Receipt {
        Receipt::behind(self.words(pixels))
    }

    /// Words of memory for the labels of chunks of so many pixels.
    pub(super) fn capacity(&self, chunk_pixels: u64) -> u64 {
        self.receipt(chunk_pixels).end()
    }

    /// Records what lets the host have a chunk's labels, if it takes them, and the receipt.
    pub(super) fn download(
        &self,
        labels: &Shared,
        commands: &mut Commands,
        pixels: u64,
    ) -> Result<(), Error> {
        let receipt = self.receipt(pixels);
        match self.sink {
            LabelSink::Host { .. } => labels.download(commands, 0, receipt.end()),
            LabelSink::Device(_) => receipt.download(labels, commands),
        }
    }

    /// Hands a chunk's labels on.
    pub(super) fn add(&mut self, chunk: Chunk, memory: &Shared) -> Result<(), Error> {
        let LabelSink::Host { labels, labelled } = self.sink else { return Ok(()) };
        let pixels = chunk.pixels as usize;
        let at = if self.whole.is_some() { chunk.start } else { 0 };
        let bytes = labels.start(self.whole.unwrap_or(pixels), self.width)?;
        let width = self.width.bytes();
        memory.read(0, &mut bytes[at * width..][..pixels * width])?;
        self.seen = chunk.start + pixels;
        if self.whole.is_none_or(|whole| whole == self.seen) {
            labels.finish_uniform(self.width, self.mask_count)?;
            labelled(chunk.start - at, labels)?;
        }
        Ok(())
    }
}
