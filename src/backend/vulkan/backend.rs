//! The stages' host side: chunks, and what is kept from call to call.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::Level;

use crate::backend::Backend;
use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::buffers::{Buffer, Shared};
use crate::backend::vulkan::device::commands::Commands;
use crate::backend::vulkan::device::gpu::Gpu;
use crate::backend::vulkan::device::import::Import;
use crate::backend::vulkan::device::source::{Source, with_source};
use crate::backend::vulkan::device::submission::LAST_WAIT;
use crate::backend::vulkan::plan::{self, Plan, TURNS};
use crate::backend::vulkan::stages::count_few::Numbered;
use crate::backend::vulkan::stages::fingerprints::Coded;
use crate::backend::vulkan::stages::label::Taker;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::labels::LabelMap;
use crate::runtime::call;
use crate::runtime::seeds::Seeds;
use crate::runtime::threads::Threads;
use crate::stages::group::Masked;
use crate::types::call_stats::CallStats;
use crate::types::device_memory::DeviceMemory;
use crate::types::memory_limit;
use crate::types::options::{DeviceLimits, Options};
use crate::types::outputs::DeviceOutputs;
use crate::types::palette::{ColorCount, Counts};
use crate::types::params::SelectionRule;

/// A Vulkan device with its pipelines and buffers.
#[derive(Debug)]
pub(crate) struct Vulkan {
    pub(crate) work: ManuallyDrop<Work>,
    labels: LabelMap,
}

impl Drop for Vulkan {
    fn drop(&mut self) {
        // SAFETY: it is not used any more.
        #[allow(unsafe_code)]
        let work = unsafe { ManuallyDrop::take(&mut self.work) };
        drop_idle([work], LAST_WAIT);
    }
}

/// What contexts have left whose device may still be working on its buffers. Who opens a device looks again.
static LEFT: Mutex<Vec<Work>> = Mutex::new(Vec::new());

fn left() -> MutexGuard<'static, Vec<Work>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drops what is idle, after a wait, and leaves the rest for later.
fn drop_idle(works: impl IntoIterator<Item = Work>, patience: Duration) {
    for mut work in works {
        match work.gpu.is_idle_at_last(patience) {
            true => drop(work),
            false => left().push(work),
        }
    }
}

/// What the stages' host sides work with; `numbers`, `codes`, `many_colors` and `labels` have their own parts.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) gpu: Gpu,
    pub(crate) turns: [Turn; TURNS as usize],
    /// The numbers of the pixels' colours, or their codes, in blocks of several chunks.
    pub(crate) number_blocks: Vec<Option<Buffer>>,
    pub(crate) exact: ExactBuffers,
    pub(crate) palette: Option<Shared>,
    /// The set of the codes of its colours.
    pub(crate) palette_codes: Option<Shared>,
    /// Pixels that the device reads for the host.
    pub(crate) read: Option<Shared>,
    /// What the device knows of the image since `count`: the pixels' numbers, or codes; they lie in the same blocks.
    pub(crate) numbered: Option<Numbered>,
    pub(crate) coded: Option<Coded>,
    /// Room in which the host sorts pixels.
    pub(crate) sorted: Vec<u32>,
    /// Whether all images are counted as if they had very many colours.
    always_many: bool,
    /// Slots of the next table: enough for the colours seen so far.
    pub(crate) table_slots: u32,
    /// Of the hash functions of all tables.
    pub(crate) seeds: Seeds,
    /// What to plan with for this image: less memory than the device's limit once that did not fit.
    pub(crate) memory_bytes: u64,
    /// Bytes that the host may hold for lists of colours, and for counting them where it does that.
    pub(crate) host_bytes: u64,
}

/// The memory of one chunk that is worked on. There are two, so that the host fills and empties one while
/// the device works on the other.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Divided as `TurnLayout` says.
    pub(crate) memory: Option<Shared>,
    pub(crate) labels: Option<Shared>,
    /// That were told to work on its labels.
    pub(crate) workgroups: u32,
}

/// What counting an image of many colours needs.
#[derive(Debug, Default)]
pub(crate) struct ExactBuffers {
    pub(crate) buckets: Option<Shared>,
    pub(crate) wanted: Option<Shared>,
    pub(crate) pixels: Option<Shared>,
    pub(crate) slot_pixels: Option<Buffer>,
    pub(crate) counts: Option<Buffer>,
    pub(crate) list: Option<Shared>,
}

impl Vulkan {
    /// Opens the device that the options ask for.
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        drop_idle(std::mem::take(&mut *left()), Duration::ZERO);
        Gpu::open(options, |gpu| {
            let mut vulkan = Self::on(gpu, options);
            vulkan.check_trust(options)?;
            Ok(vulkan)
        })
    }

    /// A backend on an open device.
    pub(crate) fn on(gpu: Gpu, options: &Options) -> Self {
        let work = Work {
            memory_bytes: gpu.limits.memory_bytes,
            gpu,
            turns: Default::default(),
            number_blocks: Vec::new(),
            exact: ExactBuffers::default(),
            palette: None,
            palette_codes: None,
            read: None,
            numbered: None,
            coded: None,
            sorted: Vec::new(),
            always_many: options.debug.many_device_colors,
            table_slots: plan::FIRST_TABLE_SLOTS,
            seeds: options.debug.hash_seeds.unwrap_or_else(Seeds::random),
            host_bytes: memory_limit::host_share(options.memory_limit),
        };
        Self { work: ManuallyDrop::new(work), labels: LabelMap::default() }
    }

    /// The UUIDs of the device and its driver, if it has any.
    pub(crate) fn uuids(&self) -> Option<[[u8; 16]; 2]> {
        self.work.gpu.uuids()
    }

    /// The name that the driver gives the device.
    pub(crate) fn device_name(&self) -> &str {
        self.work.gpu.name()
    }
}

impl Backend for Vulkan {
    fn count(
        &mut self,
        pixels: &Pixels,
        selection: &SelectionRule,
        room: usize,
        threads: &Threads,
    ) -> Result<Counts, Error> {
        self.forget_pixels();
        self.work.with_source(pixels, |work, source| {
            let min_pixels = selection.min_pixels.get();
            let few = match work.always_many {
                true => None,
                false => {
                    work.in_fitting_chunks(source, |work, plan| work.count_numbers(source, min_pixels, plan))?
                }
            };
            match few {
                Some(counts) => Ok(counts),
                None => {
                    call::message(
                        Level::Debug,
                        format_args!(
                            "the image has very many colours: hash buckets tell which of them matter"
                        ),
                    );
                    work.in_fitting_chunks(source, |work, plan| match work.counts_on_host(source, plan) {
                        true => work.count_on_host(source, selection, room, plan, threads),
                        false => work.count_many(source, selection, room, plan),
                    })
                }
            }
        })
    }

    fn label(
        &mut self,
        pixels: &Pixels,
        palette: &[ColorCount],
        _threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { work, labels } = self;
        work.label(pixels, &Masked::each(palette), &mut Taker::Host { labels, labelled })
    }

    fn label_on_device(
        &mut self,
        pixels: &Pixels,
        palette: &Masked,
        outputs: &DeviceOutputs,
    ) -> Result<(), Error> {
        self.work.with_targets(outputs, |work, targets| {
            if palette.mask_count == 0 {
                return work.write_no_labels(pixels, targets);
            }
            work.label(pixels, palette, &mut Taker::Device(targets))
        })
    }

    fn check_memory(&mut self, memory: &DeviceMemory) -> Result<(), Error> {
        self.work.gpu.check_usable()?;
        Import::of_device(&self.work.gpu.device, memory).map(drop)
    }

    fn forget_pixels(&mut self) {
        self.work.numbered = None;
        self.work.coded = None;
    }

    fn recover(&mut self) -> Result<(), Error> {
        let Self { work, labels } = self;
        *labels = LabelMap::default();
        work.gpu.finish()?; // a device that is lost or hangs stays so
        work.gpu.check_usable()?;
        work.release_buffers();
        work.number_blocks = Vec::new();
        work.table_slots = plan::FIRST_TABLE_SLOTS;
        // No buffer is left; those that were in nobody's hands are not counted any more.
        work.gpu.allocated_bytes.set(0);
        work.gpu.held_bytes.set(0);
        Ok(())
    }

    fn start_call(&mut self) {
        let _ = self.work.gpu.finish(); // of a call that has failed or panicked; without it, no stage begins
        self.forget_pixels();
        self.work.memory_bytes = self.work.gpu.limits.memory_bytes;
        self.work.gpu.counters.set(CallStats::default());
    }

    fn call_stats(&self) -> CallStats {
        let gpu = &self.work.gpu;
        CallStats { device_bytes: gpu.held_bytes.get(), ..gpu.counters.get() }
    }

    fn pipeline_cache(&self) -> Result<Vec<u8>, Error> {
        self.work.gpu.pipeline_cache()
    }
}

impl Work {
    /// The stage label.
    fn label(&mut self, pixels: &Pixels, palette: &Masked, taker: &mut Taker) -> Result<(), Error> {
        if let Some(numbered) = self.numbered.take() {
            let done = self.label_numbers(&numbered, palette, taker);
            self.gpu.finish()?;
            match done {
                Err(Error::OutOfDeviceMemory(_)) => self.release_buffers(),
                done => return done,
            }
        }
        self.with_source(pixels, |work, source| {
            work.in_fitting_chunks(source, |work, plan| work.label_colors(source, palette, plan, taker))
        })
    }

    /// Runs a stage with the image's pixels where the device can read them.
    fn with_source<R>(
        &mut self,
        pixels: &Pixels,
        stage: impl FnOnce(&mut Self, &Source) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.gpu.finish()?;
        with_source(self, |work| &mut work.gpu, pixels, stage)
    }

    /// Does a stage in as large chunks as the device's memory takes.
    fn in_fitting_chunks<R>(
        &mut self,
        source: &Source,
        mut stage: impl FnMut(&mut Self, &Plan) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut released = false;
        loop {
            self.gpu.check_usable()?;
            let plan = Plan::new(source.pixels.shape(), &self.limits(), source.is_copied())?;
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
                Plan::new(source.pixels.shape(), &self.limits(), source.is_copied()).map_err(|_| error)?;
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

    /// The device's limits, with the memory to plan with.
    pub(crate) fn limits(&self) -> DeviceLimits {
        DeviceLimits { memory_bytes: self.memory_bytes, ..self.gpu.limits.clone() }
    }

    /// Gives all buffers back; the device is idle.
    pub(crate) fn release_buffers(&mut self) {
        self.numbered = None;
        self.coded = None;
        self.sorted = Vec::new();
        let Self { gpu, turns, number_blocks, exact, palette, palette_codes, read, .. } = self;
        let ExactBuffers { buckets, wanted, pixels, slot_pixels, counts, list } = exact;
        for slot in number_blocks.iter_mut().chain([slot_pixels, counts]) {
            Buffer::release(slot, gpu);
        }
        let shared = turns.iter_mut().flat_map(|Turn { memory, labels, .. }| [memory, labels]);
        for slot in shared.chain([buckets, wanted, pixels, list, palette, palette_codes, read]) {
            Shared::release(slot, gpu);
        }
    }

    /// Where the device finds a chunk's pixels, whose copy, if it needs one, is written to its turn's
    /// memory; `fresh`: it has not been yet.
    pub(crate) fn chunk_pixels(
        &mut self,
        source: &Source,
        plan: &Plan,
        chunk: Chunk,
        fresh: bool,
    ) -> Result<ChunkPixels, Error> {
        if let Some((words, first_word)) = source.imported(chunk.start, chunk.pixels) {
            return Ok(ChunkPixels { words, first_word, copied: None });
        }
        let layout = plan.turn_layout();
        let memory = Shared::ensure(&mut self.turns[chunk.turn].memory, &self.gpu, layout.words)?;
        let copied = (layout.pixels, source.word_count(chunk.pixels));
        if fresh {
            memory.fill(copied.0, copied.1, |target| source.pixels.read(chunk.start, target))?;
        }
        let words = memory.part(copied.0, copied.1);
        Ok(ChunkPixels { words, first_word: 0, copied: fresh.then_some(copied) })
    }
}

/// A chunk's pixels on the device.
pub(crate) struct ChunkPixels {
    pub(crate) words: Bytes,
    /// The position of the chunk's first word in the buffer.
    pub(crate) first_word: u32,
    /// What is still to be copied within the turn's memory: the first word, and how many.
    copied: Option<(u64, u64)>,
}

impl ChunkPixels {
    /// Records the copy, if there is one to make.
    pub(crate) fn upload(&self, memory: &Shared, commands: &mut Commands) -> Result<(), Error> {
        match self.copied {
            Some((start, words)) => memory.upload(commands, start, words),
            None => Ok(()),
        }
    }
}

/// Pixels that are worked on together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    pub(crate) index: u64,
    /// Its first pixel.
    pub(crate) start: usize,
    pub(crate) pixels: u32,
    /// Whose memory it uses.
    pub(crate) turn: usize,
}

impl Chunk {
    /// The chunks of a plan.
    pub(crate) fn all(plan: &Plan) -> impl Iterator<Item = Self> + use<> {
        // Lossless: the image is in memory, so that its indices are a usize, and `plan` bounds chunks.
        (0u64..).zip(plan.chunks()).map(|(index, pixels)| Self {
            index,
            start: pixels.start as usize,
            pixels: (pixels.end - pixels.start) as u32,
            turn: (index % TURNS) as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::stages::select::select;
    use crate::types::image::ColorMap;
    use crate::types::matching::{Alpha, Matching};
    use crate::types::options::Backend as BackendKind;

    /// Pixels that the device reads where they are, in several chunks, of which one is being labelled when the host panics
    /// over the one before: once that has been caught, the pixels may be freed, and the next call begins anew.
    #[test]
    fn after_a_panic_nothing_is_in_flight() {
        for device in crate::devices().unwrap() {
            let options = Options {
                backend: BackendKind::Vulkan,
                device_name: Some(device.name.clone()),
                ..Options::default()
            };
            let mut vulkan = Vulkan::new(&options).unwrap();
            let threads = Threads::new(2).unwrap();
            let selection = SelectionRule::new(1, 4);
            let values: Vec<f32> = (0..3000 * 2000).map(|index| (index / 5 % 7) as f32).collect();
            let map = ColorMap::new(&values, 3000, 2000, 1).unwrap();
            let pixels = Pixels::new(&map, Matching::Exact, Alpha::Color).unwrap();
            vulkan.start_call();
            let counts = vulkan.count(&pixels, &selection, usize::MAX, &threads).unwrap();
            let palette = select(counts.colors, &selection);
            vulkan.forget_pixels(); // so that the colours are looked up in the pixels
            let panicking = &mut |_: usize, _: &LabelMap| panic!("in the middle");
            let caught =
                catch_unwind(AssertUnwindSafe(|| vulkan.label(&pixels, &palette, &threads, panicking)));
            assert!(caught.is_err(), "{}", device.name);
            assert!(vulkan.work.gpu.is_idle(), "{}", device.name);
            vulkan.start_call();
            let again = vulkan.count(&pixels, &selection, usize::MAX, &threads).unwrap();
            assert_eq!(select(again.colors, &selection), palette, "{}", device.name);
        }
    }
}
