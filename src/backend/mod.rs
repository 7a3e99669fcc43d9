//! The backends: what does the heavy stages of a call.

pub(crate) mod cpu;
pub(crate) mod self_test;
pub(crate) mod vulkan;

use std::fmt;

use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::labels::LabelMap;
use crate::runtime::threads::Threads;
use crate::stages::group::Masked;
use crate::types::call_stats::CallStats;
use crate::types::device_memory::DeviceMemory;
use crate::types::outputs::DeviceOutputs;
use crate::types::palette::{ColorCount, Counts};
use crate::types::params::SelectionRule;

/// Who does the heavy stages.
pub(crate) trait Backend: fmt::Debug + Send {
    /// Stages count and collect: the exact pixel counts of the colours that `selection` may select. It may do
    /// without listing them where they are more than `capacity`.
    fn count(
        &mut self,
        pixels: &Pixels,
        selection: &SelectionRule,
        capacity: usize,
        threads: &Threads,
    ) -> Result<Counts, Error>;

    /// Stage label: hands over label maps of consecutive parts of the image, each with the position
    /// of its first pixel, a multiple of `TILE`; mask `k` has the pixels of the colour `palette[k]`. A backend
    /// that runs out of memory on the way may begin anew from pixel 0. Where `labelled` fails, the work ends with its error.
    fn label(
        &mut self,
        pixels: &Pixels,
        palette: &[ColorCount],
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Stages label and expand for outputs in the caller's memory on the device. That memory was checked.
    fn label_on_device(
        &mut self,
        _pixels: &Pixels,
        _palette: &Masked,
        _threads: &Threads,
        _outputs: &DeviceOutputs,
    ) -> Result<(), Error> {
        Err(Error::Internal("the CPU has no device memory".to_owned()))
    }

    /// Checks that memory of a device that the caller lends can be used.
    fn check_memory(&mut self, memory: &DeviceMemory) -> Result<(), Error> {
        Err(Error::Unsupported(format!(
            "{} is memory of a Vulkan device and the context works on the CPU; a context on that device is expected",
            memory.name
        )))
    }

    /// A backend for one of so many images that are worked on at the same time, if there can be one.
    fn for_one_of(&self, _images: usize) -> Option<Box<dyn Backend>> {
        None
    }

    /// A new call begins: what is kept of the last image's pixels is worthless, and counters start
    /// at zero.
    fn start_call(&mut self);

    /// Other pixels follow within the call.
    fn forget_pixels(&mut self);

    /// Throws away what a call that has panicked may have left half done.
    fn recover(&mut self) -> Result<(), Error>;

    /// What the call has cost so far.
    fn call_stats(&self) -> CallStats;

    /// Compiled pipelines for a later process to begin with; empty where there is nothing to compile.
    fn pipeline_cache(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::Cpu;
    use crate::backend::vulkan::Vulkan;
    use crate::types::image::ColorMap;
    use crate::types::matching::{Alpha, Matching};
    use crate::types::options::{Backend as BackendKind, Options};

    #[test]
    fn labelling_ends_with_the_first_error() {
        // Few colours would be labelled in one part by the CPU, which counts them first.
        let values: Vec<f32> = (0..3000 * 3000).map(|pixel| pixel as f32).collect();
        let map = ColorMap::new(&values, 3000, 3000, 1).unwrap();
        let pixels = Pixels::new(&map, Matching::Exact, Alpha::Color).unwrap();
        let color = pixels.encoding().color(&[3.0, 0.0, 0.0, 0.0]).unwrap();
        let palette = [ColorCount { color, pixels: 1 }];
        let threads = Threads::new(2).unwrap();
        let vulkan = Options { backend: BackendKind::Vulkan, ..Options::default() };
        let backends: [Box<dyn Backend>; 2] =
            [Box::new(Cpu::new(&Options::default())), Box::new(Vulkan::new(&vulkan).unwrap())];
        for mut backend in backends {
            let mut parts = [0; 2];
            for (fails, count) in [true, false].into_iter().zip(&mut parts) {
                backend.start_call();
                let labelled = backend.label(&pixels, &palette, &threads, &mut |_, _| {
                    *count += 1;
                    if fails { Err(Error::Cancelled) } else { Ok(()) }
                });
                assert_eq!(labelled, if fails { Err(Error::Cancelled) } else { Ok(()) });
            }
            assert!(parts[0] == 1 && parts[1] > 1, "{backend:?}: {parts:?}");
        }
    }
}
