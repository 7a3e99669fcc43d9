//! What the stages' host sides work with: the device, their buffers, and what is kept from stage to stage and from call to
//! call.

use log::Level;

use crate::backend::cpu::Hasher;
use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::buffers::{Buffer, Shared};
use crate::backend::vulkan::device::gpu::Gpu;
use crate::backend::vulkan::device::source::{Source, with_source};
use crate::backend::vulkan::plan::{self, CHUNKS_IN_FLIGHT, Plan};
use crate::backend::vulkan::stages::chunk::{Chunk, ChunkMemory, ChunkPixels};
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::runtime::call;
use crate::runtime::seeds::Seeds;
use crate::runtime::threads::Threads;
use crate::types::call_stats::CallStats;
use crate::types::memory_limit;
use crate::types::options::{DeviceLimits, Options};
use crate::types::palette::ColorCount;

/// A device at work.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) gpu: Gpu,
    pub(super) buffers: StageBuffers,
    pub(super) known: Known,
    /// Scratch in which the host sorts pixels.
    pub(super) sorted: Vec<u32>,
    /// Whether all images are counted as if they had very many colours.
    always_many: bool,
    /// Slots of the next table: enough for the colours seen so far.
    pub(super) table_slots: u32,
    /// Of the hash functions of all tables.
    pub(super) seeds: Seeds,
    /// What to plan with for this image: less memory than the device's limit once that did not fit.
    memory_bytes: u64,
    /// Bytes that the host may hold for lists of colours, and for counting them where it does that.
    pub(super) host_bytes: u64,
}

/// The stages' buffers, which grow when they have to and are kept.
#[derive(Debug, Default)]
pub(super) struct StageBuffers {
    pub(super) chunks: [ChunkMemory; CHUNKS_IN_FLIGHT as usize],
    /// Two bytes of each pixel, its colour index or its fingerprint, in blocks of several chunks.
    pub(super) blocks: Vec<Option<Buffer>>,
    pub(super) many: ManyBuffers,
    pub(super) palette: Option<Shared>,
    /// The set of the fingerprints of its colours.
    pub(super) palette_fingerprints: Option<Shared>,
    /// Pixels that the device reads for the host.
    pub(super) read: Option<Shared>,
}

/// What counting an image of many colours needs.
#[derive(Debug, Default)]
pub(super) struct ManyBuffers {
    pub(super) buckets: Option<Shared>,
    pub(super) wanted: Option<Shared>,
    pub(super) pixels: Option<Shared>,
    pub(super) slot_pixels: Option<Buffer>,
    pub(super) counts: Option<Buffer>,
    pub(super) list: Option<Shared>,
}

impl StageBuffers {
    /// Gives all back; the device is idle.
    fn release(&mut self, gpu: &Gpu) {
        let Self { chunks, blocks, many, palette, palette_fingerprints, read } = self;
        let ManyBuffers { buckets, wanted, pixels, slot_pixels, counts, list } = many;
        for slot in blocks.iter_mut().chain([slot_pixels, counts]) {
            Buffer::release(slot, gpu);
        }
        let of_chunks = chunks.iter_mut().flat_map(|ChunkMemory { shared, labels, .. }| [shared, labels]);
        for slot in of_chunks.chain([buckets, wanted, pixels, list, palette, palette_fingerprints, read]) {
            Shared::release(slot, gpu);
        }
    }
}

/// What the device knows of the image's pixels since the stage count.
#[derive(Debug, Default)]
pub(super) enum Known {
    #[default]
    Nothing,
    Indices(Indexed),
    Fingerprints(Fingerprinted),
}

/// An image whose pixels' colour indices the device has.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) plan: Plan,
    pub(super) chunks: Vec<ChunkColors>,
}

/// What the colour indices of a chunk stand for.
#[derive(Debug)]
pub(super) struct ChunkColors {
    pub(super) colors: Vec<(u32, ColorCount)>,
    /// Colour indices are at most this.
    pub(super) slots: u32,
}

/// An image whose pixels' fingerprints the device has.
#[derive(Debug)]
pub(super) struct Fingerprinted {
    pub(super) plan: Plan,
    pub(super) hasher: Hasher,
}

impl Work {
    /// Nothing is known yet, and there are no buffers.
    pub(crate) fn new(gpu: Gpu, options: &Options) -> Self {
        Self {
            memory_bytes: gpu.limits.memory_bytes,
            gpu,
            buffers: StageBuffers::default(),
            known: Known::Nothing,
            sorted: Vec::new(),
            always_many: options.debug.many_device_colors,
            table_slots: plan::FIRST_TABLE_SLOTS,
            seeds: options.debug.hash_seeds.unwrap_or_else(Seeds::random),
            host_bytes: memory_limit::host_share(options.memory_limit),
        }
    }

    /// A new call begins.
    pub(crate) fn start_call(&mut self) {
        let _ = self.gpu.finish(); // of a call that has failed or panicked; without it, no stage begins
        self.forget_pixels();
        self.memory_bytes = self.gpu.limits.memory_bytes;
        self.gpu.counters.set(CallStats::default());
    }

    /// Other pixels follow.
    pub(crate) fn forget_pixels(&mut self) {
        self.known = Known::Nothing;
    }

    /// Throws away what a call that has panicked may have left half done.
    pub(crate) fn recover(&mut self) -> Result<(), Error> {
        self.gpu.finish()?; // a device that is lost or hangs stays so
        self.gpu.check_usable()?;
        self.release_buffers();
        self.buffers.blocks = Vec::new();
        self.table_slots = plan::FIRST_TABLE_SLOTS;
        // No buffer is left; those that were in nobody's hands are not counted any more.
        self.gpu.allocated_bytes.set(0);
        self.gpu.held_bytes.set(0);
        Ok(())
    }

    /// As if it had not been used yet, but for its pipelines.
    pub(crate) fn start_over(&mut self) {
        if self.gpu.finish().is_ok() {
            self.release_buffers();
        }
        self.table_slots = plan::FIRST_TABLE_SLOTS;
        self.seeds = Seeds::random();
        self.gpu.counters.set(CallStats::default());
    }

    /// Whether all images are counted as if they had very many colours.
    pub(crate) fn counts_as_many(&self) -> bool {
        self.always_many
    }

    /// The device's limits, with the memory to plan with.
    pub(super) fn limits(&self) -> DeviceLimits {
        DeviceLimits { memory_bytes: self.memory_bytes, ..self.gpu.limits.clone() }
    }

    /// Whether less memory is planned with than the device's limit, which did not fit.
    pub(super) fn is_memory_short(&self) -> bool {
        self.memory_bytes < self.gpu.limits.memory_bytes
    }

    /// Gives all buffers back; the device is idle.
    pub(super) fn release_buffers(&mut self) {
        self.forget_pixels();
        self.sorted = Vec::new();
        self.buffers.release(&self.gpu);
    }

    /// Runs a stage with the image's pixels where the device can read them.
    pub(crate) fn with_source<R>(
        &mut self,
        pixels: &Pixels,
        threads: &Threads,
        stage: impl FnOnce(&mut Self, &Source) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.gpu.finish()?;
        with_source(self, |work| &mut work.gpu, pixels, threads, stage)
    }

    /// Does a stage in as large chunks as the device's memory takes.
    pub(crate) fn in_fitting_chunks<R>(
        &mut self,
        source: &Source,
        mut stage: impl FnMut(&mut Self, &Plan) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut released = false;
        loop {
            self.gpu.check_usable()?;
            let plan = Plan::new(source.pixels.grid(), &self.limits(), source.copied_bytes())?;
            let done = stage(self, &plan);
            self.gpu.finish()?;
            let error = match done {
                Err(error @ Error::OutOfDeviceMemory(_)) => error,
                done => return done,
            };
            self.release_buffers();
            call::message(Level::Info, format_args!("the buffers of earlier calls are given back: {error}"));
            // At first, what was kept from other images may have been in the way. After that, others
            // use the memory, too: plan with half as much.
            if released {
                self.memory_bytes /= 2;
                Plan::new(source.pixels.grid(), &self.limits(), source.copied_bytes()).map_err(|_| error)?;
                let bytes = self.memory_bytes;
                call::message(
                    Level::Warn,
                    format_args!(
                        "the device's memory is short: the image is planned again for {bytes} bytes"
                    ),
                );
            }
            released = true;
        }
    }

    /// Where the device finds a chunk's pixels, whose copy, if it needs one, is written to the chunk's
    /// memory; `fresh`: it has not been yet.
    pub(super) fn chunk_pixels(
        &mut self,
        source: &Source,
        plan: &Plan,
        chunk: Chunk,
        fresh: bool,
    ) -> Result<ChunkPixels, Error> {
        if let Some((words, first_word)) = source.imported(chunk.start, chunk.pixels) {
            return Ok(ChunkPixels { words, first_word, copied: None });
        }
        let layout = plan.chunk_layout();
        let slot = &mut self.buffers.chunks[chunk.memory].shared;
        let memory = Shared::ensure(slot, &self.gpu, layout.words)?;
        let copied = (layout.pixels, source.word_count(chunk.pixels));
        if fresh {
            if !self.gpu.is_idle() {
                self.gpu.count(|counters| counters.bytes_overlapped += 4 * copied.1);
            }
            memory.fill(copied.0, copied.1, |target| source.read(chunk.range(), target))?;
        }
        let words = memory.part(copied.0, copied.1);
        Ok(ChunkPixels { words, first_word: 0, copied: fresh.then_some(copied) })
    }

    /// Where the two bytes of each of a chunk's pixels are.
    pub(super) fn block_part(&mut self, plan: &Plan, chunk: Chunk) -> Result<Bytes, Error> {
        let chunk_words = plan.chunk_pixels / 2;
        // What is not kept only needs room for the chunks in flight.
        let (block, position, block_chunks) = if plan.keeps_indices {
            let per_block = plan.chunks_per_block;
            let block = chunk.index / per_block;
            (block as usize, chunk.index % per_block, per_block.min(plan.chunk_count() - block * per_block))
        } else {
            (chunk.memory, 0, 1)
        };
        let blocks = &mut self.buffers.blocks;
        if blocks.len() <= block {
            blocks.resize_with(block + 1, || None);
        }
        let buffer = Buffer::ensure(&mut blocks[block], &self.gpu, block_chunks * chunk_words)?;
        Ok(buffer.part(position * chunk_words, chunk_words))
    }
}
