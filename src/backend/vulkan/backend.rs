//! The backend: a context's device with its stages, and what becomes of a device that is still at work when its context ends.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::Level;

use crate::backend::Backend;
use crate::backend::vulkan::device::gpu::Gpu;
use crate::backend::vulkan::device::import::Import;
use crate::backend::vulkan::device::submission::LAST_WAIT;
use crate::backend::vulkan::stages::label_target::LabelSink;
use crate::backend::vulkan::stages::work::Work;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::labels::LabelMap;
use crate::runtime::call;
use crate::runtime::threads::Threads;
use crate::stages::group::Masked;
use crate::types::call_stats::CallStats;
use crate::types::device_memory::DeviceMemory;
use crate::types::options::Options;
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
        Self { work: ManuallyDrop::new(Work::new(gpu, options)), labels: LabelMap::default() }
    }

    /// The UUIDs of the device and its driver, if it has any.
    pub(crate) fn uuids(&self) -> Option<[[u8; 16]; 2]> {
        self.work.gpu.uuids()
    }

    /// Whether its memory is not the host's.
    pub(crate) fn is_behind_a_bus(&self) -> bool {
        !self.work.gpu.limits.unified_memory
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
        room_for: usize,
        threads: &Threads,
    ) -> Result<Counts, Error> {
        self.forget_pixels();
        self.work.with_source(pixels, threads, |work, source| {
            let min_pixels = selection.min_pixels.get();
            let few = match work.counts_as_many() {
                true => None,
                false => {
                    work.in_fitting_chunks(source, |work, plan| work.count_few(source, min_pixels, plan))?
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
                        true => work.count_on_host(source, selection, room_for, plan, threads),
                        false => work.count_many(source, selection, room_for, plan),
                    })
                }
            }
        })
    }

    fn label(
        &mut self,
        pixels: &Pixels,
        palette: &[ColorCount],
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { work, labels } = self;
        work.label(pixels, &Masked::each(palette), threads, &mut LabelSink::Host { labels, labelled })
    }

    fn label_on_device(
        &mut self,
        pixels: &Pixels,
        palette: &Masked,
        threads: &Threads,
        outputs: &DeviceOutputs,
    ) -> Result<(), Error> {
        self.work.with_targets(outputs, |work, targets| {
            if palette.mask_count == 0 {
                return work.write_no_labels(pixels, targets);
            }
            work.label(pixels, palette, threads, &mut LabelSink::Device(targets))
        })
    }

    fn check_memory(&mut self, memory: &DeviceMemory) -> Result<(), Error> {
        self.work.gpu.check_usable()?;
        Import::of_device(&self.work.gpu.device, memory).map(drop)
    }

    fn forget_pixels(&mut self) {
        self.work.forget_pixels();
    }

    fn recover(&mut self) -> Result<(), Error> {
        self.labels = LabelMap::default();
        self.work.recover()
    }

    fn start_call(&mut self) {
        self.work.start_call();
    }

    fn call_stats(&self) -> CallStats {
        let gpu = &self.work.gpu;
        CallStats { device_bytes: gpu.held_bytes.get(), ..gpu.counters.get() }
    }

    fn pipeline_cache(&self) -> Result<Vec<u8>, Error> {
        self.work.gpu.pipeline_cache()
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
