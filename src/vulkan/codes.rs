//! Counting an image with very many colours together with the host, where both read the same memory.
//!
//! The device reads the image once: it counts how many pixels each hash bucket has, which bounds the counts of its
//! colours, and leaves two bytes of each pixel's hash, its code, where the host finds them. Which buckets can hold a
//! result, and the exact counts of their few colours, is the work of src/cpu/support/many_colors.rs: searches in tables
//! that change from bucket to bucket, for which a device would have to read the image again and again, and whose
//! results, a list of colours, the host would have to look up in the image. The stage label then looks only at
//! pixels whose code is that of a colour.
//!
//! Where the codes would have to be copied, or the host cannot read the pixels, `many_colors` counts on the device.

use std::ops::Range;

use super::backend::{Chunk, Work};
use super::gpu::Ticket;
use super::memory::Shared;
use super::source::Source;
use super::stages::{Counting, Stage, count_codes};
use crate::control::Pass;
use crate::cpu::{CodedImage, CountedPart, CpuPlan, Hasher};
use crate::error::Error;
use crate::labels::TILE;
use crate::memory::{room, zeros};
use crate::params::Params;
use crate::pipeline::Counts;
use crate::plan::{self, Plan, TURNS};
use crate::threads::Threads;

/// Pixels of a part at most: counters have 32 bits.
const MOST_PART_PIXELS: u64 = 1 << 31;

/// Bytes of the buckets' counters at most.
const MOST_BUCKET_BYTES: u64 = 4 << 20;

/// An image whose pixels' codes the device has.
#[derive(Debug)]
pub(super) struct Coded {
    pub(super) plan: Plan,
    pub(super) hasher: Hasher,
}

impl Work {
    /// Whether the host can count with what the device has found.
    pub(super) fn can_share_codes(&self, source: &Source, plan: &Plan) -> bool {
        let limits = self.limits();
        limits.unified_memory
            && limits.max_storage_buffer_range >= MOST_BUCKET_BYTES
            && !source.is_on_device()
            && plan.keeps_numbers
            && (plan.chunk_count() == 1 || plan.chunk_pixels.is_multiple_of(TILE as u64))
    }

    /// Counts the colours that can be selected, and lists them if there are no more than `room_for`.
    pub(super) fn count_with_codes(
        &mut self,
        source: &Source,
        params: &Params,
        room_for: usize,
        plan: &Plan,
        threads: &Threads,
    ) -> Result<Counts, Error> {
        let limit = if self.host_bytes == u64::MAX { 0 } else { self.host_bytes };
        let cpu_plan = CpuPlan::new(source.pixels.shape().plane(), threads.count(), limit);
        let seed = self.seeds.take();
        let hasher = Hasher::new(seed);
        let parts = self.count_codes(source, plan, &cpu_plan, hasher)?;
        self.gpu.finish()?; // nobody writes codes any more
        let Self { number_blocks, sorted, .. } = self;
        let blocks = plan.chunk_count().div_ceil(plan.chunks_per_block) as usize;
        let mut codes = room(blocks)?;
        for block in number_blocks.iter().take(blocks).flatten() {
            codes.push(bytemuck::cast_slice(block.host_words()?));
        }
        let block_pixels = (plan.chunks_per_block * plan.chunk_pixels) as usize;
        let image = CodedImage { pixels: source.pixels, codes, block_pixels, hasher, parts, seed };
        let counts = image.best(cpu_plan, params, room_for, threads, sorted)?;
        self.coded = Some(Coded { plan: *plan, hasher });
        Ok(counts)
    }

    /// Has the device write down the pixels' codes and count the pixels of each bucket, part by part of the image.
    fn count_codes(
        &mut self,
        source: &Source,
        plan: &Plan,
        cpu_plan: &CpuPlan,
        hasher: Hasher,
    ) -> Result<Vec<CountedPart>, Error> {
        let buckets = 1usize << cpu_plan.bucket_bits;
        // A part for each of the host's, if there are as many chunks.
        let part_chunks = plan.chunk_count().div_ceil(cpu_plan.parts as u64);
        let part_chunks = part_chunks.min(MOST_PART_PIXELS / plan.chunk_pixels).max(1);
        let mut parts = room(plan.chunk_count().div_ceil(part_chunks) as usize)?;
        let mut tickets: [Option<Ticket>; TURNS as usize] = [None; TURNS as usize];
        let pass = Pass::new(0.375);
        for chunk in Chunk::all(plan) {
            pass.reach(chunk.start as f64 / plan.pixels() as f64);
            if let Some(ticket) = tickets[chunk.turn].take() {
                self.gpu.wait(ticket)?;
            }
            let first = chunk.index.is_multiple_of(part_chunks);
            let last = chunk.index + 1 == plan.chunk_count() || (chunk.index + 1).is_multiple_of(part_chunks);
            let ticket =
                self.start_codes(source, plan, chunk, (hasher, cpu_plan.bucket_bits), [first, last])?;
            tickets[chunk.turn] = Some(ticket);
            if last {
                self.gpu.wait(ticket)?;
                let mut counters = zeros::<u32>(buckets)?;
                if let Some(memory) = &self.exact.buckets {
                    memory.read(0, bytemuck::cast_slice_mut(&mut counters))?;
                }
                let start = (chunk.index / part_chunks * part_chunks * plan.chunk_pixels) as usize;
                let pixels: Range<usize> = start..chunk.start + chunk.pixels as usize;
                parts.push(CountedPart { ranges: vec![pixels], counters });
            }
        }
        Ok(parts)
    }

    /// Starts a chunk. `first`, `last`: of a part.
    fn start_codes(
        &mut self,
        source: &Source,
        plan: &Plan,
        chunk: Chunk,
        (hasher, bucket_bits): (Hasher, u32),
        [first, last]: [bool; 2],
    ) -> Result<Ticket, Error> {
        let codes = self.numbers(plan, chunk)?;
        let color_map = self.chunk_pixels(source, plan, chunk, true)?;
        let Self { gpu, pipelines, turns, deal, exact, .. } = self;
        let stage = Stage::Count { counting: Counting::Codes, channels: source.pixels.shape().channels() };
        let pipeline = pipelines.get(gpu, stage)?;
        let words = 1 << bucket_bits;
        let buckets = &*Shared::ensure(&mut exact.buckets, gpu, words)?;
        let memory = turns[chunk.turn].memory.as_ref();
        let limits = gpu.limits.clone();
        gpu.count(|counters| counters.pixels_read += u64::from(chunk.pixels));
        gpu.submit(|commands| {
            if let Some(memory) = memory {
                color_map.upload(memory, commands)?;
            }
            if first {
                commands.clear([buckets.part(0, words)])?;
            }
            for (range, workgroups) in
                plan::dispatches(chunk.pixels, deal.items_per_invocation(stage), &limits)
            {
                let push_constants = count_codes::Dispatch {
                    first_word: color_map.first_word,
                    first_pixel: range.start,
                    end_pixel: range.end,
                    slot_mask: 0,
                    max_probes: 0,
                    seed: 0,
                    bucket_shift: u32::BITS - bucket_bits,
                    bucket_seed: 0,
                    factors: hasher.factors(),
                };
                let bindings =
                    [(0, color_map.words.clone()), (2, buckets.part(0, words)), (4, codes.clone())];
                commands.dispatch(&pipeline, bindings, &push_constants, workgroups)?;
            }
            if last { buckets.download(commands, 0, words) } else { Ok(()) }
        })
    }
}
