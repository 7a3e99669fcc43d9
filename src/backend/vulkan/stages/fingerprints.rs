//! Counting an image with very many colours together with the host, where both read the same memory.
//!
//! The device reads the image once, and leaves two bytes of each pixel's hash, its code, where the host finds them. To find
//! out which codes can hold a result, and the exact counts of their few colours, is the work of
//! src/cpu/support/many_colors.rs: searches in tables that change from code to code, for which a device would have to
//! read the image again and again, and whose results, a list of colours, the host would have to look up in the image.
//! The stage label then looks only at pixels whose code is that of a colour.
//!
//! Where the codes would have to be copied, or the host cannot read the pixels, `many_colors` counts on the device.

use crate::backend::cpu::{CpuPlan, Hasher, HostCount, fingerprint_of};
use crate::backend::vulkan::backend::{Chunk, Work};
use crate::backend::vulkan::device::gpu::Ticket;
use crate::backend::vulkan::device::receipts::same_code;
use crate::backend::vulkan::device::shaders::FingerprintsDispatch;
use crate::backend::vulkan::device::source::Source;
use crate::backend::vulkan::device::stage::{Stage, WorkDistribution};
use crate::backend::vulkan::plan::{Plan, TURNS};
use crate::color::Color;
use crate::error::Error;
use crate::labels::TILE;
use crate::runtime::alloc::try_with_capacity;
use crate::runtime::call::Pass;
use crate::runtime::threads::Threads;
use crate::types::palette::Counts;
use crate::types::params::Selection;

/// An image whose pixels' codes the device has.
#[derive(Debug)]
pub(crate) struct Coded {
    pub(crate) plan: Plan,
    pub(crate) hasher: Hasher,
}

impl Work {
    /// Whether the host counts. Where memory has turned out to be short it does so without codes, if there is no room for
    /// them: the device would need other pipelines, and drivers may crash that have no memory to compile them.
    pub(crate) fn counts_on_host(&self, source: &Source, plan: &Plan) -> bool {
        let is_short = self.memory_bytes < self.gpu.limits.memory_bytes;
        self.gpu.limits.unified_memory && !source.is_on_device() && (Self::can_keep_codes(plan) || is_short)
    }

    fn can_keep_codes(plan: &Plan) -> bool {
        plan.keeps_numbers && (plan.chunk_count() == 1 || plan.chunk_pixels.is_multiple_of(TILE as u64))
    }

    /// Counts the colours that can be selected, and lists them if there are no more than `room_for`.
    pub(crate) fn count_on_host(
        &mut self,
        source: &Source,
        selection: &Selection,
        room_for: usize,
        plan: &Plan,
        threads: &Threads,
    ) -> Result<Counts, Error> {
        let limit = if self.host_bytes == u64::MAX { 0 } else { self.host_bytes };
        let cpu_plan = CpuPlan::new(source.pixels.shape().plane(), threads.count(), limit);
        let seed = self.seeds.take();
        let hasher = Hasher::new(seed);
        let mut codes = None;
        if Self::can_keep_codes(plan) {
            self.write_codes(source, plan, hasher)?;
            let count = plan.chunk_count().div_ceil(plan.chunks_per_block) as usize;
            let mut blocks = try_with_capacity(count)?;
            for block in self.number_blocks.iter().take(count).flatten() {
                blocks.push(bytemuck::cast_slice(block.host_words()?));
            }
            let block_pixels = (plan.chunks_per_block * plan.chunk_pixels) as usize;
            self.check_codes(source, &blocks, block_pixels, hasher)?;
            codes = Some((blocks, block_pixels));
        }
        let has_codes = codes.is_some();
        let image = HostCount { pixels: source.pixels, fingerprints: codes, hasher, seed };
        let counts = image.best(cpu_plan, selection, room_for, threads, &mut self.sorted)?;
        self.coded = has_codes.then_some(Coded { plan: *plan, hasher });
        Ok(counts)
    }

    fn write_codes(&mut self, source: &Source, plan: &Plan, hasher: Hasher) -> Result<(), Error> {
        let mut tickets: [Option<Ticket>; TURNS as usize] = [None; TURNS as usize];
        let pass = Pass::new(0.375);
        for chunk in Chunk::all(plan) {
            pass.reach(chunk.start as f64 / plan.pixels() as f64);
            if let Some(ticket) = tickets[chunk.turn].take() {
                self.gpu.wait(ticket)?;
            }
            tickets[chunk.turn] = Some(self.start_codes(source, plan, chunk, hasher)?);
        }
        tickets.into_iter().flatten().try_for_each(|ticket| self.gpu.wait(ticket))
    }

    /// Holds some codes against the pixels: at least one that each workgroup has written.
    fn check_codes(
        &self,
        source: &Source,
        blocks: &[&[u16]],
        block_pixels: usize,
        hasher: Hasher,
    ) -> Result<(), Error> {
        let (shape, workgroup) = (source.pixels.shape(), self.gpu.limits.workgroup_size);
        let stage = Stage::Fingerprints { channels: shape.channels() };
        let step = (workgroup * WorkDistribution::new(&self.gpu.limits).per_invocation(stage)) as usize;
        // The first pixel of each, and the last of all: workgroups of a chunk begin with its first pixel, which is a
        // multiple of 128 from the image's.
        let last = shape.plane() - 1;
        for pixel in (0..shape.plane()).step_by(step.min(1 << 10)).chain([last]) {
            let Some(color) = Color::from_bits(&source.pixels.pixel(pixel)) else { continue };
            let code = blocks[pixel / block_pixels][pixel % block_pixels];
            same_code(&self.gpu, pixel, code, fingerprint_of(&color, shape.channels() as usize, hasher))?;
        }
        Ok(())
    }

    fn start_codes(
        &mut self,
        source: &Source,
        plan: &Plan,
        chunk: Chunk,
        hasher: Hasher,
    ) -> Result<Ticket, Error> {
        let codes = self.numbers(plan, chunk)?;
        let color_map = self.chunk_pixels(source, plan, chunk, true)?;
        let Self { gpu, turns, .. } = self;
        let stage = Stage::Fingerprints { channels: source.pixels.shape().channels() };
        let memory = turns[chunk.turn].memory.as_ref();
        gpu.count(|counters| counters.pixels_read += u64::from(chunk.pixels));
        gpu.submit(|commands| {
            if let Some(memory) = memory {
                color_map.upload(memory, commands)?;
            }
            let buffers = [(0, color_map.words.clone()), (1, codes)];
            commands.dispatch(stage, chunk.pixels, &buffers, |pixels| FingerprintsDispatch {
                first_word: color_map.first_word,
                first_pixel: pixels.start,
                end_pixel: pixels.end,
                factors: hasher.factors(),
            })?;
            Ok(())
        })
    }
}
