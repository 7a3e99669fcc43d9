//! The context: runs count → select → label → expand, each on the backend that is to do it.

mod auto;
mod calls;
pub(crate) mod check;
mod choose;
mod chosen;
mod counts;
mod each;
pub(crate) mod emit;
mod label;
mod memory;
pub(crate) mod mosaic;
mod open;
mod part;
pub(crate) mod regions;
mod report;
mod request;
mod shapes;
mod survey;
mod write;

use std::ops::ControlFlow;

use crate::backend::Backend;
use crate::backend::self_test::cpu_name;
use crate::context::auto::{Asks, Auto, Job};
use crate::context::emit::{Emit, OutlinesWanted, RunsWanted};
use crate::error::Error;
use crate::output::label_output::LabelTarget;
use crate::runtime::call::Canceller;
use crate::runtime::float_state;
use crate::runtime::simd::SimdLevel;
use crate::runtime::threads::Threads;
use crate::stages::connect::RegionMemory;
use crate::types::call_stats::CallStats;
use crate::types::image::ColorMap;
use crate::types::options::{Backend as BackendKind, Options};
use crate::types::outputs::{Analysis, MaskFormat, MaskOutput, Masks, Outputs};
use crate::types::palette::Palette;
use crate::types::params::{Params, Selection};

/// A backend with its memory and threads, made once and used for many images.
///
/// Each context may work on its own thread. A call that panics leaves a context that works: the next call throws away what
/// the panic has left half done.
#[derive(Debug)]
pub struct Context {
    backends: Vec<Box<dyn Backend>>,
    /// Of images that are worked on side by side, one each, kept from call to call.
    images: Vec<Self>,
    /// Positions in `backends`.
    counter: usize,
    labeler: usize,
    threads: Threads,
    backend: BackendKind,
    device_name: String,
    device_uuids: Option<[[u8; 16]; 2]>,
    /// Colours that a list may have.
    most_listed: usize,
    canceller: Canceller,
    /// Of calls that look for regions.
    regions: RegionMemory,
    /// Whether the last call has panicked: nobody knows what it has left in the backends.
    is_unfinished: bool,
    /// Where each call is done, if that is the context's to choose.
    auto: Option<Box<Auto>>,
    /// Whether the CPU goes on where the device fails.
    falls_back: bool,
    /// For tests: the highest level of instructions that calls use.
    simd: Option<SimdLevel>,
}

impl Context {
    /// Makes a context.
    ///
    /// # Errors
    /// [`Error::NoDevice`] when the options ask for a Vulkan device that is not there,
    /// [`Error::InvalidArgument`] when they are out of range or contradict each other, and what the
    /// driver reports.
    pub fn new(options: &Options) -> Result<Self, Error> {
        // The threads that a driver starts have the state of the one that opens it.
        float_state::within(|| Self::open(options))
    }

    /// The backend that does the work: `Vulkan` or `Cpu`. With [`Backend::Auto`](BackendKind::Auto) `Vulkan` means that
    /// there is a device, which does the calls that it does soonest; it is the CPU from the call on in which the device has
    /// failed.
    #[must_use]
    pub fn backend(&self) -> BackendKind {
        self.backend
    }

    /// The name of the device that does the work, as its driver gives it, or "CPU" with the number of threads.
    #[must_use]
    pub fn device_name(&self) -> &str {
        &self.device_name
    }

    /// The name of the CPU, with the number of threads.
    pub(crate) fn cpu_name(&self) -> String {
        cpu_name(self.threads.count())
    }

    /// Stops this context's calls from other threads.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// The UUIDs of the Vulkan device and of its driver, if the context works on one that has any.
    #[must_use]
    pub fn device_uuids(&self) -> Option<[[u8; 16]; 2]> {
        self.device_uuids
    }

    /// What the last call has cost: bytes moved, dispatches, memory.
    #[must_use]
    pub fn call_stats(&self) -> CallStats {
        let backends = self.backends.iter().chain(self.images.iter().flat_map(|image| &image.backends));
        backends.map(|backend| backend.call_stats()).sum()
    }

    /// The pipelines compiled so far, for [`Options::pipeline_cache`] of a later process; empty on the
    /// CPU. It grows with the kinds of images that were worked on: number of channels, number of masks.
    ///
    /// # Errors
    /// Too little memory, or a driver that fails.
    pub fn pipeline_cache(&self) -> Result<Vec<u8>, Error> {
        self.backends.iter().try_fold(Vec::new(), |cache, backend| {
            let own = backend.pipeline_cache()?;
            Ok(if own.is_empty() { cache } else { own })
        })
    }

    /// Finds the colours that get a mask without writing any.
    ///
    /// # Errors
    /// Too little memory, which includes a palette that [`Options::memory_limit`] has no room for, or a device
    /// that fails.
    pub fn palette(&mut self, map: &ColorMap, selection: &Selection) -> Result<Palette, Error> {
        Ok(self.analyze(map, &(*selection).into(), Outputs::default())?.palette)
    }

    /// Finds how many colours get a mask. Takes no memory for a list of them, however many there are.
    ///
    /// # Errors
    /// As [`Context::analyze`].
    pub fn mask_count(&mut self, map: &ColorMap, params: &Params) -> Result<u32, Error> {
        self.call(None, |context| context.count_masks(map, params))
    }

    /// Finds how many colours get a mask, within a call.
    pub(crate) fn count_masks(&mut self, map: &ColorMap, params: &Params) -> Result<u32, Error> {
        let counted = |&mask_count: &u32| mask_count as usize;
        self.report_on(map, counted, |context| {
            let job = Job { map, params, asks: Asks::Count, on_host: map.memory().is_none() };
            context.where_best(&job, |context| context.find_mask_count(map, params))
        })
    }

    /// Finds the colours that get a mask and writes one plane of `height * width` floats for each
    /// to the start of `masks`: 1.0 where the pixel has the colour, 0.0 elsewhere. What lies behind
    /// the last plane is not touched.
    ///
    /// # Errors
    /// [`Error::TooSmall`], with `masks` untouched, when the masks do not fit; too little
    /// memory; a device that fails.
    pub fn run(
        &mut self,
        map: &ColorMap,
        selection: &Selection,
        masks: &mut [f32],
    ) -> Result<Palette, Error> {
        let outputs = Outputs { masks: Some(MaskOutput::F32(masks)), ..Outputs::default() };
        Ok(self.analyze(map, &(*selection).into(), outputs)?.palette)
    }

    /// Finds the colours that get a mask, and writes and finds whatever is asked for, in one go.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the params contradict each other or the image, or an output does not suit
    /// it; with nothing written, [`Error::TooSmall`] when the masks do not fit or labels
    /// cannot number them; too little memory; a device that fails.
    pub fn analyze(&mut self, map: &ColorMap, params: &Params, outputs: Outputs) -> Result<Analysis, Error> {
        self.call(None, |context| context.write(map, params, outputs))
    }

    /// Finds the colours that get a mask, writes and finds whatever is asked for, and tells how far it is.
    ///
    /// `progress` is called on this thread only, with numbers from 0 to 1 that never decrease: 0 first, and 1 last if
    /// the call succeeds. In between it is called every few milliseconds, as far as this thread works on the image, and
    /// once for each chunk that a device works on, of at most 2 million pixels. It can stop the call, which then is
    /// [`Error::Cancelled`]; what it returns for 1 is not looked at. Where it panics, so does this function, once the
    /// call's threads and device have stopped; the context stays usable.
    ///
    /// # Errors
    /// As [`Context::analyze`], and [`Error::Cancelled`].
    pub fn analyze_with(
        &mut self,
        map: &ColorMap,
        params: &Params,
        outputs: Outputs,
        progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Analysis, Error> {
        self.call(Some(progress), |context| context.write(map, params, outputs))
    }

    fn write(&mut self, map: &ColorMap, params: &Params, outputs: Outputs) -> Result<Analysis, Error> {
        outputs.check(map)?;
        outputs.outlines.map_or(Ok(()), |outlines| outlines.check("outputs.outlines.tolerance"))?;
        let Outputs { masks, mask_layout, cropped, labels, mask_stats, runs, outlines, unlisted, merged } =
            outputs;
        let (masks, mask_format) = masks.map(Masks::new).unzip();
        let mut emit = Emit {
            masks,
            mask_format: mask_format.unwrap_or(MaskFormat::F32),
            mask_layout,
            cropped,
            labels: labels.map(LabelTarget::from),
            mask_stats,
            runs: runs.map(RunsWanted::all),
            outlines: outlines.map(OutlinesWanted::all),
            unlisted,
            merged,
            ..Emit::default()
        };
        self.emit(map, params, &mut emit)
    }

    /// Does what a call asks for, within that. Memory for masks may not have been written yet.
    pub(crate) fn emit(
        &mut self,
        map: &ColorMap,
        params: &Params,
        emit: &mut Emit,
    ) -> Result<Analysis, Error> {
        let counted = |found: &Analysis| found.mask_count as usize;
        self.report_on(map, counted, |context| {
            let on_host = map.memory().is_none() && emit.device.is_empty();
            let asks = if emit.looks_at_labels() { Asks::Write } else { Asks::Count };
            let job = Job { map, params, asks, on_host };
            context.where_best(&job, |context| context.find_and_write(map, params, emit))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_costs_no_context() {
        let large: Vec<f32> = (0..1_500_000).map(|value| value as f32).collect();
        let large = ColorMap::new(&large, 1500, 1000, 1).unwrap();
        let small = ColorMap::new(&[2.0, 1.0, 2.0], 3, 1, 1).unwrap();
        let selection = Selection { min_pixels: 1, max_count: 9 };
        for backend in [BackendKind::Cpu, BackendKind::Vulkan] {
            let options = Options { backend, ..Options::default() };
            let fresh = |context: &mut Context| {
                let mut masks = [0.5; 6];
                let palette = context.run(&small, &selection, &mut masks).unwrap();
                assert_eq!(masks, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
                assert_eq!(palette.colors.len(), 2);
                context.call_stats().device_bytes
            };
            let mut context = Context::new(&options).unwrap();
            let bytes = fresh(&mut context);
            let panics = |context: &mut Context| -> Result<(), Error> {
                context.count_masks(&large, &selection.into())?;
                panic!("as it should");
            };
            let unwound = catch_unwind(AssertUnwindSafe(|| context.call(None, panics)));
            assert!(unwound.is_err());
            assert!(backend == BackendKind::Cpu || context.call_stats().device_bytes > bytes);
            // What was kept for the large image is gone.
            assert_eq!(fresh(&mut context), bytes);
            assert!(!context.is_unfinished);
        }
    }
}
