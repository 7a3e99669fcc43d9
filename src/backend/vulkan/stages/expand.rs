//! The stage expand's host side: labels on the device become planes in memory that the caller has on the device, and
//! the labels themselves are copied to such memory.

use crate::backend::vulkan::device::buffers::Shared;
use crate::backend::vulkan::device::external_memory::with_external_memory;
use crate::backend::vulkan::device::gpu::Ticket;
use crate::backend::vulkan::device::shaders::ExpandDispatch;
use crate::backend::vulkan::device::stage::Stage;
use crate::backend::vulkan::plan::{self, Plan};
use crate::backend::vulkan::stages::chunk::{Chunk, ChunkMemory};
use crate::backend::vulkan::stages::label_target::{LabelParts, LabelTargets};
use crate::backend::vulkan::stages::work::Work;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::types::outputs::DeviceOutputs;

impl Work {
    /// Runs `work` with the caller's memory for outputs.
    pub(crate) fn with_targets<R>(
        &mut self,
        outputs: &DeviceOutputs,
        work: impl FnOnce(&mut Self, &LabelTargets) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.gpu.finish()?;
        let targets = LabelTargets::new(&self.gpu, outputs)?;
        with_external_memory(self, |work| &mut work.gpu, targets, work)
    }

    /// Starts writing what is made of a chunk's labels, which are on the device or will be; `None` if that is nothing.
    pub(super) fn start_writing(
        &mut self,
        plan: &Plan,
        parts: &LabelParts,
        chunk: Chunk,
        targets: &LabelTargets,
    ) -> Result<Option<Ticket>, Error> {
        let width = parts.width;
        let Self { gpu, buffers, .. } = self;
        let missing = || Error::Internal("a chunk has no labels".to_owned());
        let ChunkMemory { labels, workgroups, .. } = &mut buffers.chunks[chunk.memory];
        let labels = labels.as_ref().ok_or_else(missing)?;
        let receipt = parts.receipt(chunk.pixels.into());
        let mut ticket = None;
        if let Some(import) = &targets.labels {
            let bytes = width.bytes() as u64;
            let size = u64::from(chunk.pixels) * bytes;
            let to = import.bytes(chunk.start as u64 * bytes, size);
            let from = labels.part(0, parts.words(chunk.pixels.into())).slice(..size);
            ticket = Some(gpu.submit(|commands| commands.copy(from, to))?);
        }
        let Some(import) = &targets.masks else { return Ok(ticket) };
        let stage = Stage::Expand { width };
        let plane = plan.pixels();
        let most_planes = plan::planes_per_dispatch(plane, plan.chunk_pixels, &gpu.limits);
        // Lossless: the number of masks is a u32.
        for masks in plan::chunks(parts.mask_count as u64, most_planes.into()) {
            let plane_count = (masks.end - masks.start) as u32;
            let is_last = masks.end == parts.mask_count as u64;
            let first = masks.start * plane + chunk.start as u64;
            let words = u64::from(plane_count - 1) * plane + u64::from(chunk.pixels);
            let (planes, first_word) = import.words(first, words);
            let label_words = labels.part(0, parts.words(chunk.pixels.into()));
            // One submission for each, so that no watchdog takes the device for hung.
            ticket = Some(gpu.submit(|commands| {
                let buffers = [(0, label_words), (1, planes), (2, receipt.part(labels))];
                *workgroups += commands.dispatch(stage, chunk.pixels, &buffers, |pixels| ExpandDispatch {
                    first_pixel: pixels.start,
                    end_pixel: pixels.end,
                    first_word,
                    // Not used where it does not fit: there is one plane.
                    plane_words: u32::try_from(plane).unwrap_or(0),
                    first_label: masks.start as u32 + 1,
                    plane_count,
                })?;
                if is_last { receipt.download(labels, commands) } else { Ok(()) }
            })?);
        }
        Ok(ticket)
    }

    /// Writes the labels of an image of which no pixel is in a mask.
    pub(crate) fn write_no_labels(&mut self, pixels: &Pixels, targets: &LabelTargets) -> Result<(), Error> {
        let (Some(import), Some(width)) = (&targets.labels, targets.label_width) else { return Ok(()) };
        let plan = Plan::new(pixels.grid(), &self.limits(), None)?;
        let bytes = width.bytes() as u64;
        let words = (plan.chunk_pixels * bytes).div_ceil(4);
        let Self { gpu, buffers, .. } = self;
        let zeros = Shared::ensure(&mut buffers.chunks[0].labels, gpu, words)?.part(0, words);
        gpu.submit(|commands| commands.clear([zeros.clone()]))?;
        for chunk in Chunk::all(&plan) {
            let size = u64::from(chunk.pixels) * bytes;
            let to = import.bytes(chunk.start as u64 * bytes, size);
            gpu.submit(|commands| commands.copy(zeros.clone().slice(..size), to))?;
        }
        gpu.finish()
    }
}
