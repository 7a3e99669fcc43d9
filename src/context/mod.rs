//! The context: runs count → select → label → expand, each on the backend that is to do it.

pub(crate) mod check;
mod choose;
mod counts;
mod label;
mod request;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use log::Level;

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::backend::self_test::cpu_name;
use crate::backend::vulkan::Vulkan;
use crate::context::choose::Chosen;
use crate::context::label::{Source, each_unmixed, label_images};
use crate::context::request::Input;
use crate::error::Error;
use crate::output::expand::expand;
use crate::output::label_output::LabelTarget;
use crate::output::planes::{Crops, Places, Planes, Strides};
use crate::runtime::alloc::try_with_capacity;
use crate::runtime::call::{self, Canceller, Pass, ProgressFn, Scope, Stop};
use crate::runtime::float_state;
use crate::runtime::simd::{self, SimdLevel};
use crate::runtime::threads::Threads;
use crate::stages::group::Masked;
use crate::stages::measure::StatsBuilder;
use crate::types::call_stats::CallStats;
use crate::types::geometry::Frame;
use crate::types::image::ColorMap;
use crate::types::memory_limit;
use crate::types::options::{Backend as BackendKind, Options};
use crate::types::outputs::{
    Analysis, DeviceOutputs, MaskFormat, MaskLayout, MaskOutput, Masks, MergedColors, Outputs,
};
use crate::types::palette::Palette;
use crate::types::params::{Batch, Params, Selection};

/// A backend with its memory and threads, made once and used for many images.
///
/// Each context may work on its own thread. A call that panics leaves a context that works: the next call throws away what
/// the panic has left half done.
#[derive(Debug)]
pub struct Context {
    backends: Vec<Box<dyn Backend>>,
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
    /// Whether the last call has panicked: nobody knows what it has left in the backends.
    is_unfinished: bool,
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

    fn open(options: &Options) -> Result<Self, Error> {
        options.check()?;
        let threads = Threads::new(options.max_threads)?;
        let (vulkan, device_name) = match choose_vulkan(options)? {
            Some(vulkan) => {
                let name = vulkan.device_name().to_owned();
                (Some(vulkan), name)
            }
            None => (None, cpu_name(threads.count())),
        };
        let device_uuids = vulkan.as_ref().and_then(Vulkan::uuids);
        let backend = if vulkan.is_some() { BackendKind::Vulkan } else { BackendKind::Cpu };
        let mut backends: Vec<Box<dyn Backend>> = vec![Box::new(Cpu::new(options))];
        backends.extend(vulkan.map(|vulkan| Box::new(vulkan) as _));
        let position = |wanted| if wanted == BackendKind::Cpu { 0 } else { backends.len() - 1 };
        let [counter, labeler] = options.debug.stages.unwrap_or([backend; 2]).map(position);
        let most_listed = memory_limit::most_listed(options.memory_limit);
        call::message(Level::Info, format_args!("working on {device_name} ({backend:?})"));
        let canceller = Canceller::default();
        Ok(Self {
            backends,
            counter,
            labeler,
            threads,
            backend,
            device_name,
            device_uuids,
            most_listed,
            canceller,
            is_unfinished: false,
            falls_back: options.backend == BackendKind::Auto,
            simd: options.debug.simd,
        })
    }

    /// The backend that does the work: `Vulkan` or `Cpu`. With [`Backend::Auto`](BackendKind::Auto) it is the CPU from
    /// the call on in which a device has failed.
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

    /// Checks that the backends can use the memory of a device that the caller lends.
    pub(crate) fn check_memory(
        &mut self,
        map: &ColorMap,
        params: &Params,
        outputs: &DeviceOutputs,
    ) -> Result<(), Error> {
        let refuse = |text: &str| Err(Error::Unsupported(text.to_owned()));
        if !outputs.is_empty() && params.batch == Batch::Each && map.images() > 1 {
            return refuse(
                "each image is to have masks of its own; in a device's memory all images of a call share theirs",
            );
        }
        if !outputs.is_empty() && (params.connected.is_some() || params.unmix_radius > 0) {
            return refuse(
                "regions are found and pixels unmixed on the host; their masks and labels are written to its memory",
            );
        }
        if map.memory().is_some() && params.unmix_radius > 0 {
            return refuse("pixels are unmixed on the host, which cannot read those in a device's memory");
        }
        if let Some(memory) = map.memory() {
            self.backends[self.counter].check_memory(&memory)?;
            self.backends[self.labeler].check_memory(&memory)?;
        }
        outputs.memories().try_for_each(|memory| self.backends[self.labeler].check_memory(&memory))
    }

    /// What the last call has cost: bytes moved, dispatches, memory.
    #[must_use]
    pub fn call_stats(&self) -> CallStats {
        self.backends.iter().map(|backend| backend.call_stats()).sum()
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

    /// The same, within a call.
    pub(crate) fn count_masks(&mut self, map: &ColorMap, params: &Params) -> Result<u32, Error> {
        let counted = |&mask_count: &u32| mask_count as usize;
        self.report_on(map, counted, |context| {
            let on_host = map.memory().is_none();
            context.with_fallback(on_host, |context| context.find_mask_count(map, params))
        })
    }

    fn find_mask_count(&mut self, map: &ColorMap, params: &Params) -> Result<u32, Error> {
        let inputs = Input::of_batch(map, params)?;
        self.start_call();
        let mut most = 0;
        for (input, left) in inputs.iter().zip((1..=inputs.len()).rev()) {
            let _image = Pass::new(1.0 / left as f64);
            most = most.max(match (&input.rules.given, input.connected) {
                // Known without a look at the image. Lossless: checked by `Rules::new`.
                (Some(given), None) => given.len() as u32,
                _ => self.choose(input, 0, false, 0)?.mask_count,
            });
        }
        Ok(most)
    }

    /// Finds the colours that get a mask and writes one plane of `height * width` floats for each
    /// to the start of `masks`: 1.0 where the pixel has the colour, 0.0 elsewhere. What lies behind
    /// the last plane is not touched.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], with `masks` untouched, when the masks do not fit; too little
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
    /// it; with nothing written, [`Error::BufferTooSmall`] when the masks do not fit and
    /// [`Error::LabelsTooNarrow`] when labels cannot number them; too little memory; a device that fails.
    pub fn analyze(&mut self, map: &ColorMap, params: &Params, outputs: Outputs) -> Result<Analysis, Error> {
        self.call(None, |context| context.write(map, params, outputs))
    }

    /// The same, and tells how far it is.
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

    /// Does a call that can be stopped.
    pub(crate) fn call<R>(
        &mut self,
        progress: Option<ProgressFn>,
        work: impl FnOnce(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let stop = Arc::<Stop>::default();
        self.canceller.set(Some(stop.clone()));
        let result = Scope::new(stop).with_progress(progress).run(|| self.work(work));
        self.canceller.set(None);
        result
    }

    /// Does a call's work, in its scope. Where that panics, the next call mends what it has left.
    pub(crate) fn work<R>(&mut self, work: impl FnOnce(&mut Self) -> Result<R, Error>) -> Result<R, Error> {
        let _simd = simd::force(self.simd);
        if self.is_unfinished {
            match self.backends.iter_mut().try_for_each(|backend| backend.recover()) {
                Err(error) if self.may_go_on_with_cpu(&error) => self.go_on_with_cpu(&error),
                recovered => recovered?,
            }
            call::message(
                Level::Warn,
                format_args!("an earlier call ended in an internal error: what it left is thrown away"),
            );
        }
        self.is_unfinished = true;
        let result = work(self);
        self.is_unfinished = false;
        result
    }

    /// Does work. Where the device fails, and it is the context's to choose where it works, the CPU does it again, unless
    /// that cannot reach the memory.
    pub(super) fn with_fallback<R>(
        &mut self,
        on_host: bool,
        mut work: impl FnMut(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        match work(self) {
            Err(error) if on_host && self.may_go_on_with_cpu(&error) => {
                self.go_on_with_cpu(&error);
                work(self)
            }
            done => done,
        }
    }

    /// Whether the device has failed, and it is the context's to choose another.
    fn may_go_on_with_cpu(&self, error: &Error) -> bool {
        let failed = matches!(error, Error::Driver(_) | Error::DeviceLost(_) | Error::Timeout(_));
        failed && self.falls_back && self.backend == BackendKind::Vulkan
    }

    fn go_on_with_cpu(&mut self, error: &Error) {
        call::message(
            Level::Warn,
            format_args!("the CPU does this call and all later ones of the context: {error}"),
        );
        self.backends.truncate(1);
        [self.counter, self.labeler] = [0; 2];
        self.backend = BackendKind::Cpu;
        self.device_name = self.cpu_name();
        self.device_uuids = None;
    }

    /// Does a call's work and says what it came to.
    fn report_on<R>(
        &mut self,
        map: &ColorMap,
        mask_count: impl FnOnce(&R) -> usize,
        work: impl FnOnce(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let start = Instant::now();
        let result = work(self);
        let milliseconds = 1000.0 * start.elapsed().as_secs_f64();
        let (width, height) = (map.shape().width(), map.shape().height());
        let (images, channels) = (map.images(), map.shape().channels());
        let image = format_args!("{images} x {width} x {height} x {channels}");
        match &result {
            Ok(found) => call::message(
                Level::Debug,
                format_args!(
                    "{} masks of {image} in {milliseconds:.3} ms; {:?}",
                    mask_count(found),
                    self.call_stats()
                ),
            ),
            Err(
                error @ (Error::OutOfMemory(_)
                | Error::OutOfDeviceMemory(_)
                | Error::DeviceLost(_)
                | Error::Timeout(_)
                | Error::Driver(_)
                | Error::Internal(_)),
            ) => call::message(Level::Error, format_args!("{image} failed: {error}")),
            Err(error) => {
                call::message(Level::Debug, format_args!("{image} ended after {milliseconds:.3} ms: {error}"))
            }
        }
        result
    }

    fn write(&mut self, map: &ColorMap, params: &Params, outputs: Outputs) -> Result<Analysis, Error> {
        outputs.check(map)?;
        let Outputs { masks, mask_layout, cropped, labels, mask_stats, unlisted, merged } = outputs;
        let (masks, mask_format) = masks.map(Masks::new).unzip();
        let emit = Emit {
            masks,
            mask_format: mask_format.unwrap_or(MaskFormat::F32),
            mask_layout,
            cropped,
            labels: labels.map(LabelTarget::from),
            mask_stats,
            unlisted,
            merged,
            ..Emit::default()
        };
        self.emit(map, params, emit)
    }

    /// Does what a call asks for, within that. Memory for masks may not have been written yet.
    pub(crate) fn emit(
        &mut self,
        map: &ColorMap,
        params: &Params,
        mut emit: Emit,
    ) -> Result<Analysis, Error> {
        let counted = |found: &Analysis| found.mask_count as usize;
        self.report_on(map, counted, |context| {
            let on_host = map.memory().is_none() && emit.device.is_empty();
            context.with_fallback(on_host, |context| context.find_and_write(map, params, &mut emit))
        })
    }

    fn find_and_write(
        &mut self,
        map: &ColorMap,
        params: &Params,
        emit: &mut Emit,
    ) -> Result<Analysis, Error> {
        let Emit { masks, labels: label_output, .. } = emit;
        let &mut Emit { mask_format, mask_layout, cropped, merged, device, .. } = emit;
        let &mut Emit { mask_stats, unlisted, most_entries, .. } = emit;
        params.check_format(mask_format)?;
        let inputs = Input::of_batch(map, params)?;
        let shape = map.shape();
        let [width, height] = [shape.width(), shape.height()].map(|side| side as usize);
        let frame = Frame { width, height, images: map.images() as usize };
        let strides = Strides::new(&mask_layout, mask_format, frame)?;
        // Lossless: checked against the address space by whoever lends the memory.
        let device_size = device.masks.map(|memory| memory.size as usize);
        let size = masks.as_ref().map(|masks| masks.size).or(device_size);
        let fitting = size.filter(|_| !cropped).map_or(usize::MAX, |size| strides.masks_in(size));
        let numbered = label_output.as_ref().map_or(device.most_masks(), LabelTarget::most_masks);
        let entries = usize::try_from(most_entries / frame.images as u64).unwrap_or(usize::MAX);
        let useful = fitting.min(numbered as usize).min(entries);
        let writes = masks.is_some() || label_output.is_some() || mask_stats;
        let counting = Pass::new(if writes { 0.5 } else { 1.0 });
        self.start_call();
        let mut chosen = try_with_capacity(inputs.len())?;
        for (input, left) in inputs.iter().zip((1..=inputs.len()).rev()) {
            let _image = Pass::new(1.0 / left as f64);
            chosen.push(self.choose(input, useful, unlisted.is_some(), merged)?);
        }
        let mask_count = chosen.iter().map(|chosen| chosen.mask_count).max().unwrap_or(0);
        if mask_count as usize > fitting {
            let room = size.unwrap_or(0);
            if mask_layout != MaskLayout::default() || mask_format == MaskFormat::Bits {
                let needed = strides.bytes_of(mask_count.into());
                return Err(Error::MasksTooLarge { mask_count, needed, room });
            }
            let (width, height) = (shape.width(), map.rows());
            return Err(Error::BufferTooSmall {
                mask_count,
                width,
                height,
                len: room / mask_format.row_bytes(1),
            });
        }
        if mask_count > numbered {
            return Err(Error::LabelsTooNarrow { mask_count, most: numbered });
        }
        if mask_count as usize > entries {
            let needed = u64::from(mask_count) * frame.images as u64;
            return Err(Error::PaletteTooLarge { mask_count, needed, room: most_entries });
        }
        let mask_count = mask_count as usize;
        // A palette is given for all images.
        let (input, unlisted_colors) = (&inputs[0], chosen[0].unlisted.take());
        let unlisted = match unlisted_colors.filter(|_| input.rules.given.is_some()) {
            Some(listed) => self.report(&input.rules, Some(&input.pixels), listed, unlisted)?,
            None => None,
        };
        let merged = MergedColors::together(chosen.iter_mut().map(|chosen| &mut chosen.merged), merged)?;
        if params.connected.is_none() {
            // Those of regions are unmixed already.
            for (input, chosen) in inputs.iter().zip(&mut chosen) {
                if inputs.len() > 1 {
                    self.backends[self.labeler].forget_pixels();
                }
                self.unmix(input, chosen, mask_format == MaskFormat::Coverage)?;
            }
        }
        drop(counting);
        let threads = &self.threads;
        let labeler = &mut self.backends[self.labeler];
        let mut places = Places::Full(strides);
        let mut found_regions = Vec::new();
        if cropped && mask_count > 0 {
            // Where the masks lie must be known before they are written.
            let _finding = Pass::new(0.5);
            let mut regions = StatsBuilder::new(frame, mask_count)?;
            label_images(labeler, &inputs, &mut chosen, mask_count, threads, &mut |first_pixel, labels| {
                regions.add(labels, first_pixel, threads)
            })?;
            found_regions = regions.finish()?;
            each_unmixed(&inputs, &chosen, |unmixed, start| {
                unmixed.grow(&mut found_regions, start, frame);
                Ok(())
            })?;
            let crops = Crops::new(&found_regions, mask_format)?;
            if let Some(room) = size.filter(|&size| crops.bytes > size as u64) {
                // Lossless: it was one.
                let mask_count = mask_count as u32;
                return Err(Error::MasksTooLarge { mask_count, needed: crops.bytes, room });
            }
            places = Places::Cropped(crops);
        }
        let (masks_size, crop_starts) = match &places {
            Places::Full(strides) => (strides.bytes_of(mask_count as u64), Vec::new()),
            Places::Cropped(crops) => (crops.bytes, crops.starts.clone()),
        };
        if mask_count == 0 {
            label_output.iter_mut().for_each(LabelTarget::clear);
        }
        let mut regions = match mask_stats && mask_count > 0 && found_regions.is_empty() {
            true => Some(StatsBuilder::new(frame, mask_count)?),
            false => None,
        };
        if mask_count > 0 && (masks.is_some() || label_output.is_some() || regions.is_some()) {
            // SAFETY: the masks fit their memory, which is aligned for them, and is this call's alone.
            #[allow(unsafe_code)]
            let planes =
                masks.as_ref().map(|masks| unsafe { Planes::new(masks.first, mask_format, frame, places) });
            label_images(labeler, &inputs, &mut chosen, mask_count, threads, &mut |first_pixel, labels| {
                if let Some(planes) = &planes {
                    expand(labels, first_pixel, planes, threads)?;
                }
                if let Some(output) = label_output {
                    output.write(labels, first_pixel, threads)?;
                }
                regions.as_mut().map_or(Ok(()), |regions| regions.add(labels, first_pixel, threads))
            })?;
            if let Some(planes) = &planes {
                each_unmixed(&inputs, &chosen, |unmixed, start| {
                    unmixed.write_shares(planes, start, threads)
                })?;
            }
        }
        if let Some(regions) = regions {
            found_regions = regions.finish()?;
            each_unmixed(&inputs, &chosen, |unmixed, start| {
                unmixed.grow(&mut found_regions, start, frame);
                Ok(())
            })?;
        }
        if !device.is_empty() {
            // One: checked by `check_memory`.
            let Chosen { palette, source, .. } = &chosen[0];
            let masked = match source {
                // Without any colour, no pixel is in a mask, and none has a colour of the palette.
                Source::Grouped(grouping) if !grouping.colors.is_empty() => grouping.masked(),
                _ => Masked::each(&palette.colors),
            };
            labeler.label_on_device(&inputs[0].pixels, &masked, &device)?;
        }
        let mut palettes = try_with_capacity(chosen.len())?;
        for (input, chosen) in inputs.iter().zip(chosen) {
            palettes.push(input.rules.reported(chosen.palette)?);
        }
        let palette = if palettes.len() == 1 { palettes.pop() } else { None }.unwrap_or_default();
        Ok(Analysis {
            mask_count: mask_count as u32, // it was one
            palette,
            image_palettes: palettes,
            mask_stats: found_regions,
            crop_starts,
            masks_size,
            unlisted,
            merged,
        })
    }

    fn start_call(&mut self) {
        self.backends.iter_mut().for_each(|backend| backend.start_call());
    }
}

/// What a call is to write and to find beside the palette.
#[derive(Debug)]
pub(crate) struct Emit<'a> {
    pub(crate) masks: Option<Masks<'a>>,
    pub(crate) mask_format: MaskFormat,
    pub(crate) mask_layout: MaskLayout,
    pub(crate) cropped: bool,
    pub(crate) labels: Option<LabelTarget<'a>>,
    pub(crate) mask_stats: bool,
    pub(crate) unlisted: Option<u32>,
    pub(crate) merged: u32,
    /// In the caller's memory on the device, which `check_memory` has seen.
    pub(crate) device: DeviceOutputs,
    /// Masks times images at most.
    pub(crate) most_entries: u64,
}

impl Default for Emit<'_> {
    fn default() -> Self {
        Self {
            masks: None,
            mask_format: MaskFormat::F32,
            mask_layout: MaskLayout::default(),
            cropped: false,
            labels: None,
            mask_stats: false,
            unlisted: None,
            merged: 0,
            device: DeviceOutputs::default(),
            most_entries: u64::MAX,
        }
    }
}

/// The Vulkan device that the options ask for; `None`: the CPU does the work.
fn choose_vulkan(options: &Options) -> Result<Option<Vulkan>, Error> {
    match (options.backend, options.device_name()) {
        (BackendKind::Cpu, None) => Ok(None),
        (BackendKind::Cpu, Some(name)) => Err(Error::InvalidArgument(format!(
            "device_name is \"{name}\" and backend is CPU, which has no devices to choose from"
        ))),
        (BackendKind::Vulkan, _) => Vulkan::new(options).map(Some),
        (BackendKind::Auto, name) => match Vulkan::new(options) {
            Ok(vulkan) => Ok(Some(vulkan)),
            Err(error @ Error::NoDevice(_)) if name.is_some() => Err(error),
            Err(error) => {
                call::message(Level::Info, format_args!("no Vulkan device is used: {error}"));
                Ok(None)
            }
        },
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
