//! Counting an image of very many colours together with the host, where both read the same memory.
//!
//! The problem: an image has a million colours, say, a photo's, of which a few are to get a mask. Tables of all colours do
//! not fit a device's caches, and the results, a list of colours, would have to be looked up in the image by the host.
//!
//! ```text
//! the device, once for each pixel:  fingerprint[pixel] = 16 bits of hash(color)
//! the host:  totals = pixels of each fingerprint      (a histogram of 65,536 buckets)
//!            candidates = fingerprints whose total reaches what a mask must have
//!            count exactly the colours of pixels whose fingerprint is a candidate
//! the stage label:  look only at pixels whose fingerprint is that of a colour of the palette
//! ```
//!
//! It is exact because equal colours have equal fingerprints: a bucket's total bounds from above what any of its colours
//! has, so that what is left out cannot reach a mask, ties included. Pixels of other colours with the same fingerprint are
//! looked at and found different.
//!
//! It costs one read of the image by the device and two bytes a pixel; the host reads those, and only the pixels of
//! candidates. What it does with them is in src/backend/cpu/many: searches in tables that change from bucket to bucket, for
//! which a device would have to read the image again and again.
//!
//! Prior art: partial-key signatures that rule out most keys (Bloom, Space/time trade-offs in hash coding, 1970; Fan et al.,
//! Cuckoo filter, 2014), and upper bounds by hash buckets (Park et al., PCY, 1995; Cormode and Muthukrishnan, Count-min
//! sketch, 2005).
//!
//! Where the fingerprints would have to be copied, or the host cannot read the pixels, `count_many` counts on the device.

use crate::backend::cpu::{CpuPlan, Hasher, HostCount, fingerprint_of};
use crate::backend::vulkan::device::gpu::Ticket;
use crate::backend::vulkan::device::receipts::same_fingerprint;
use crate::backend::vulkan::device::shaders::FingerprintsDispatch;
use crate::backend::vulkan::device::source::Source;
use crate::backend::vulkan::device::stage::{Stage, WorkDistribution};
use crate::backend::vulkan::plan::{CHUNKS_IN_FLIGHT, Plan};
use crate::backend::vulkan::stages::chunk::Chunk;
use crate::backend::vulkan::stages::work::{Fingerprinted, Known, Work};
use crate::error::Error;
use crate::labels::TILE;
use crate::runtime::alloc::try_with_capacity;
use crate::runtime::call::ProgressSpan;
use crate::runtime::threads::Threads;
use crate::types::palette::Counts;
use crate::types::params::SelectionRule;

impl Work {
    /// Whether the host counts. Where memory has turned out to be short it does so without fingerprints, if there is no
    /// room for them: the device would need other pipelines, and drivers may crash that have no memory to compile them.
    pub(crate) fn counts_on_host(&self, source: &Source, plan: &Plan) -> bool {
        let can_count = Self::keeps_fingerprints(plan) || self.is_memory_short();
        self.gpu.limits.unified_memory && !source.is_on_device() && can_count
    }

    fn keeps_fingerprints(plan: &Plan) -> bool {
        plan.keeps_indices && (plan.chunk_count() == 1 || plan.chunk_pixels.is_multiple_of(TILE as u64))
    }

    /// Counts the colours that can be selected, and lists them if there are no more than `room_for`.
    pub(crate) fn count_on_host(
        &mut self,
        source: &Source,
        selection: &SelectionRule,
        room_for: usize,
        plan: &Plan,
        threads: &Threads,
    ) -> Result<Counts, Error> {
        let limit = if self.host_bytes == u64::MAX { 0 } else { self.host_bytes };
        let cpu_plan = CpuPlan::new(source.pixels.grid().len(), threads.count(), limit);
        let seed = self.seeds.take();
        let hasher = Hasher::new(seed);
        let mut fingerprints = None;
        if Self::keeps_fingerprints(plan) {
            self.write_fingerprints(source, plan, hasher)?;
            let count = plan.chunk_count().div_ceil(plan.chunks_per_block) as usize;
            let mut blocks = try_with_capacity(count)?;
            for block in self.buffers.blocks.iter().take(count).flatten() {
                blocks.push(bytemuck::cast_slice(block.host_words()?));
            }
            let block_pixels = (plan.chunks_per_block * plan.chunk_pixels) as usize;
            self.check_fingerprints(source, &blocks, block_pixels, hasher)?;
            fingerprints = Some((blocks, block_pixels));
        }
        let is_kept = fingerprints.is_some();
        let image = HostCount { pixels: source.pixels, fingerprints, hasher, seed };
        let counts = image.best(cpu_plan, selection, room_for, threads, &mut self.sorted)?;
        if is_kept {
            self.known = Known::Fingerprints(Fingerprinted { plan: *plan, hasher });
        }
        Ok(counts)
    }

    fn write_fingerprints(&mut self, source: &Source, plan: &Plan, hasher: Hasher) -> Result<(), Error> {
        let mut tickets: [Option<Ticket>; CHUNKS_IN_FLIGHT as usize] = [None; CHUNKS_IN_FLIGHT as usize];
        let pass = ProgressSpan::new(0.375);
        for chunk in Chunk::all(plan) {
            pass.reach(chunk.start as f64 / plan.pixels() as f64);
            if let Some(ticket) = tickets[chunk.memory].take() {
                self.gpu.wait(ticket)?;
            }
            tickets[chunk.memory] = Some(self.start_fingerprints(source, plan, chunk, hasher)?);
        }
        tickets.into_iter().flatten().try_for_each(|ticket| self.gpu.wait(ticket))
    }

    /// Holds some fingerprints against the pixels: at least one that each workgroup has written.
    fn check_fingerprints(
        &self,
        source: &Source,
        blocks: &[&[u16]],
        block_pixels: usize,
        hasher: Hasher,
    ) -> Result<(), Error> {
        let (grid, workgroup) = (source.pixels.grid(), self.gpu.limits.workgroup_size);
        let stage = Stage::Fingerprints { words: source.pixel_words() };
        let step = (workgroup * WorkDistribution::new(&self.gpu.limits).per_invocation(stage)) as usize;
        // The first pixel of each, and the last of all: workgroups of a chunk begin with its first pixel, which is a
        // multiple of 128 from the image's.
        let last = grid.len() - 1;
        for pixel in (0..grid.len()).step_by(step.min(1 << 10)).chain([last]) {
            let Some(color) = source.pixels.color(pixel) else { continue };
            let fingerprint = blocks[pixel / block_pixels][pixel % block_pixels];
            let expected = fingerprint_of(&color, grid.words as usize, hasher);
            same_fingerprint(&self.gpu, pixel, fingerprint, expected)?;
        }
        Ok(())
    }

    fn start_fingerprints(
        &mut self,
        source: &Source,
        plan: &Plan,
        chunk: Chunk,
        hasher: Hasher,
    ) -> Result<Ticket, Error> {
        let fingerprints = self.block_part(plan, chunk)?;
        let color_map = self.chunk_pixels(source, plan, chunk, true)?;
        let Self { gpu, buffers, .. } = self;
        let stage = Stage::Fingerprints { words: source.pixel_words() };
        let memory = buffers.chunks[chunk.memory].shared.as_ref();
        gpu.count(|counters| counters.pixels_read += u64::from(chunk.pixels));
        gpu.submit(|commands| {
            color_map.upload(memory, commands)?;
            let buffers = [(0, color_map.words.clone()), (1, fingerprints)];
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
