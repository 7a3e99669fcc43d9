//! The context: runs count → select → label → expand, each on the backend that is to do it.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use log::Level;

use crate::color::Color;
use crate::color_counts::{ColorCounts, Kind, Part};
use crate::connected::{Connected, ConnectedMasks, Connectivity, Extent, Wanted};
use crate::control::{self, Canceller, Pass, ProgressFn, Scope, Stop};
use crate::counters::Counters;
use crate::cpu::Cpu;
use crate::device_memory::{DeviceMemory, DeviceOutputs};
use crate::error::Error;
use crate::expand::expand;
use crate::grouping::{self, Grouping, Masked};
use crate::image::{ColorMap, Shape};
use crate::label_output::LabelRoom;
use crate::labels::{LabelMap, LabelWidth};
use crate::memory::{no_memory, room};
use crate::merge::{Merge, Merging, with_all};
use crate::nearest::{self, Nearest, assign};
use crate::outputs::{
    Analysis, MaskOutput, Masks, MergedColors, Outputs, UndeclaredColor, UndeclaredColors, uninit,
};
use crate::params::{self, Batch, Options, Params, Settings, Undeclared};
use crate::pixels::{Encoding, Pixels};
use crate::plan;
use crate::planes::{Crops, MaskFormat, MaskLayout, Places, Planes, Strides};
use crate::regions::{Frame, Region, Regions};
use crate::select::{Best, select};
use crate::threads::Threads;
use crate::unmixing::{MOST_RADIUS, Unmixed, Unmixing};
use crate::vulkan::Vulkan;

/// A colour and how many pixels have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColorCount {
    /// The colour.
    pub color: Color,
    /// Its pixels.
    pub pixels: u64,
}

/// The colours that get a mask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// One entry per mask, most frequent first, equal counts by colour.
    pub colors: Vec<ColorCount>,
    /// How many different colours the whole image has; `None` where rare colours were ruled out
    /// without being counted, which may differ from call to call. Pixels with a NaN have no colour.
    pub distinct_colors: Option<u64>,
}

/// What the stages count and collect find.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Colours with enough pixels, in any order, among them all that are to be selected.
    pub(crate) colors: Vec<ColorCount>,
    /// How many are to be selected, where that is more than there was room for: then `colors` has none.
    pub(crate) too_many: Option<u64>,
    /// How many colours there are, those with too few pixels included, if that is known.
    pub(crate) distinct: Option<u64>,
}

/// Who does the heavy stages.
pub(crate) trait Backend: fmt::Debug + Send {
    /// Stages count and collect: the exact pixel counts of the colours that `params` may select. It may do
    /// without listing them where they are more than `room`.
    fn count(
        &mut self,
        pixels: &Pixels,
        params: &Params,
        room: usize,
        threads: &Threads,
    ) -> Result<Counts, Error>;

    /// Stage label: hands over label maps of consecutive parts of the image, each with the position
    /// of its first pixel, a multiple of `TILE`; mask `k` has the pixels of the colour `palette[k]`. A backend
    /// that runs out of memory on the way may begin anew from pixel 0.
    fn label(
        &mut self,
        pixels: &Pixels,
        palette: &[ColorCount],
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap),
    ) -> Result<(), Error>;

    /// Stages label and expand for outputs in the caller's memory on the device. That memory was checked.
    fn label_on_device(
        &mut self,
        _pixels: &Pixels,
        _palette: &Masked,
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

    /// A new call begins: what is kept of the last image's pixels is worthless, and counters start
    /// at zero.
    fn start_call(&mut self);

    /// Other pixels follow within the call.
    fn forget_pixels(&mut self);

    /// What the call has cost so far.
    fn counters(&self) -> Counters;

    /// Compiled pipelines for a later process to begin with; empty where there is nothing to compile.
    fn pipeline_cache(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

/// A backend with its memory and threads, made once and used for many images.
///
/// Each context may work on its own thread.
#[derive(Debug)]
pub struct Context {
    backends: Vec<Box<dyn Backend>>,
    /// Positions in `backends`.
    counter: usize,
    labeler: usize,
    threads: Threads,
    backend: params::Backend,
    device_name: String,
    device_uuids: Option<[[u8; 16]; 2]>,
    /// Colours that a list may have.
    most_listed: usize,
    canceller: Canceller,
}

/// What gets a mask.
enum Selected {
    Palette(Palette),
    /// More colours than are of use, so that they were not listed; at most `max_count`, a u32.
    TooMany(u32),
}

/// Lists of so many colours, some MiB, are made even where they are of no use: with them, rare colours are
/// ruled out sooner.
const LISTED_ANYWAY: usize = 1 << 16;

impl Context {
    /// Makes a context.
    ///
    /// # Errors
    /// [`Error::NoDevice`] when the options ask for a Vulkan device that is not there,
    /// [`Error::InvalidArgument`] when they are out of range or contradict each other, and what the
    /// driver reports.
    pub fn new(options: &Options) -> Result<Self, Error> {
        options.check()?;
        let threads = Threads::new(options.max_threads)?;
        let (vulkan, device_name) = match choose_vulkan(options)? {
            Some(vulkan) => {
                let name = vulkan.device_name().to_owned();
                (Some(vulkan), name)
            }
            None => (None, format!("CPU, {} threads", threads.count())),
        };
        let device_uuids = vulkan.as_ref().and_then(Vulkan::uuids);
        let backend = if vulkan.is_some() { params::Backend::Vulkan } else { params::Backend::Cpu };
        let mut backends: Vec<Box<dyn Backend>> = vec![Box::new(Cpu::new(options))];
        backends.extend(vulkan.map(|vulkan| Box::new(vulkan) as _));
        let position = |wanted| if wanted == params::Backend::Cpu { 0 } else { backends.len() - 1 };
        let [counter, labeler] = options.debug.stages.unwrap_or([backend; 2]).map(position);
        let most_listed = plan::most_listed(options.memory_limit);
        control::message(Level::Info, format_args!("working on {device_name} ({backend:?})"));
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
        })
    }

    /// The backend that does the work: `Vulkan` or `Cpu`.
    #[must_use]
    pub fn backend(&self) -> params::Backend {
        self.backend
    }

    /// The name of the device that does the work, as its driver gives it.
    #[must_use]
    pub fn device_name(&self) -> &str {
        &self.device_name
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
        settings: &Settings,
        outputs: &DeviceOutputs,
    ) -> Result<(), Error> {
        let refuse = |text: &str| Err(Error::Unsupported(text.to_owned()));
        if !outputs.is_empty() && settings.batch == Batch::Each && map.images() > 1 {
            return refuse(
                "each image is to have masks of its own; in a device's memory all images of a call share theirs",
            );
        }
        if !outputs.is_empty() && (settings.connected.is_some() || settings.unmix_radius > 0) {
            return refuse(
                "regions are found and pixels unmixed on the host; their masks and labels are written to its memory",
            );
        }
        if map.memory().is_some() && settings.unmix_radius > 0 {
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
    pub fn counters(&self) -> Counters {
        self.backends.iter().map(|backend| backend.counters()).sum()
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
    pub fn palette(&mut self, map: &ColorMap, params: &Params) -> Result<Palette, Error> {
        Ok(self.analyse(map, &(*params).into(), Outputs::default())?.palette)
    }

    /// Finds how many colours get a mask. Takes no memory for a list of them, however many there are.
    ///
    /// # Errors
    /// As [`Context::analyse`].
    pub fn mask_count(&mut self, map: &ColorMap, settings: &Settings) -> Result<u32, Error> {
        self.call(None, |context| context.count_masks(map, settings))
    }

    /// The same, within a call.
    pub(crate) fn count_masks(&mut self, map: &ColorMap, settings: &Settings) -> Result<u32, Error> {
        let counted = |&mask_count: &u32| mask_count as usize;
        self.report_on(map, counted, |context| context.find_mask_count(map, settings))
    }

    fn find_mask_count(&mut self, map: &ColorMap, settings: &Settings) -> Result<u32, Error> {
        let inputs = Input::of_batch(map, settings)?;
        self.start_call();
        let mut most = 0;
        for (input, left) in inputs.iter().zip((1..=inputs.len()).rev()) {
            let _image = Pass::new(1.0 / left as f64);
            most = most.max(self.choose(input, 0, false, 0)?.mask_count);
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
    pub fn run(&mut self, map: &ColorMap, params: &Params, masks: &mut [f32]) -> Result<Palette, Error> {
        let outputs = Outputs { masks: Some(MaskOutput::F32(masks)), ..Outputs::default() };
        Ok(self.analyse(map, &(*params).into(), outputs)?.palette)
    }

    /// Finds the colours that get a mask, and writes and finds whatever is asked for, in one go.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the settings contradict each other or the image, or an output does not suit
    /// it; with nothing written, [`Error::BufferTooSmall`] when the masks do not fit and
    /// [`Error::LabelsTooNarrow`] when labels cannot number them; too little memory; a device that fails.
    pub fn analyse(
        &mut self,
        map: &ColorMap,
        settings: &Settings,
        outputs: Outputs,
    ) -> Result<Analysis, Error> {
        self.call(None, |context| context.write(map, settings, outputs))
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
    /// As [`Context::analyse`], and [`Error::Cancelled`].
    pub fn analyse_with(
        &mut self,
        map: &ColorMap,
        settings: &Settings,
        outputs: Outputs,
        progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Analysis, Error> {
        self.call(Some(progress), |context| context.write(map, settings, outputs))
    }

    /// Does a call that can be stopped.
    pub(crate) fn call<R>(
        &mut self,
        progress: Option<ProgressFn>,
        work: impl FnOnce(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let stop = Arc::<Stop>::default();
        self.canceller.set(Some(stop.clone()));
        let result = Scope::new(stop).with_progress(progress).run(|| work(self));
        self.canceller.set(None);
        result
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
            Ok(found) => control::message(
                Level::Debug,
                format_args!(
                    "{} masks of {image} in {milliseconds:.3} ms; {:?}",
                    mask_count(found),
                    self.counters()
                ),
            ),
            Err(
                error @ (Error::OutOfMemory(_)
                | Error::OutOfDeviceMemory(_)
                | Error::DeviceLost(_)
                | Error::Timeout(_)
                | Error::Driver(_)
                | Error::Internal(_)),
            ) => control::message(Level::Error, format_args!("{image} failed: {error}")),
            Err(error) => control::message(
                Level::Debug,
                format_args!("{image} ended after {milliseconds:.3} ms: {error}"),
            ),
        }
        result
    }

    fn write(&mut self, map: &ColorMap, settings: &Settings, outputs: Outputs) -> Result<Analysis, Error> {
        outputs.check(map)?;
        let Outputs { masks, mask_layout, cropped, labels, regions, undeclared, merged } = outputs;
        let (masks, mask_format) = masks.map(Masks::new).unzip();
        let emit = Emit {
            masks,
            mask_format: mask_format.unwrap_or(MaskFormat::F32),
            mask_layout,
            cropped,
            labels: labels.map(LabelRoom::from),
            regions,
            undeclared,
            merged,
            ..Emit::default()
        };
        self.emit(map, settings, emit)
    }

    /// Does what a call asks for, within that. Memory for masks may not have been written yet.
    pub(crate) fn emit(
        &mut self,
        map: &ColorMap,
        settings: &Settings,
        emit: Emit,
    ) -> Result<Analysis, Error> {
        let counted = |found: &Analysis| found.mask_count as usize;
        self.report_on(map, counted, |context| context.find_and_write(map, settings, emit))
    }

    fn find_and_write(&mut self, map: &ColorMap, settings: &Settings, emit: Emit) -> Result<Analysis, Error> {
        let Emit { masks, labels: mut label_output, regions, undeclared, most_entries, .. } = emit;
        let Emit { mask_format, mask_layout, cropped, merged, device, .. } = emit;
        settings.check_format(mask_format)?;
        let inputs = Input::of_batch(map, settings)?;
        let shape = map.shape();
        let [width, height] = [shape.width(), shape.height()].map(|side| side as usize);
        let frame = Frame { width, height, images: map.images() as usize };
        let strides = Strides::new(&mask_layout, mask_format, frame)?;
        // Lossless: checked against the address space by whoever lends the memory.
        let device_size = device.masks.map(|memory| memory.size as usize);
        let size = masks.as_ref().map(|masks| masks.size).or(device_size);
        let fitting = size.filter(|_| !cropped).map_or(usize::MAX, |size| strides.masks_in(size));
        let numbered = label_output.as_ref().map_or(device.most_masks(), LabelRoom::most_masks);
        let entries = usize::try_from(most_entries / frame.images as u64).unwrap_or(usize::MAX);
        let useful = fitting.min(numbered as usize).min(entries);
        let writes = masks.is_some() || label_output.is_some() || regions;
        let counting = Pass::new(if writes { 0.5 } else { 1.0 });
        self.start_call();
        let mut chosen = room(inputs.len())?;
        for (input, left) in inputs.iter().zip((1..=inputs.len()).rev()) {
            let _image = Pass::new(1.0 / left as f64);
            chosen.push(self.choose(input, useful, undeclared.is_some(), merged)?);
        }
        let mask_count = chosen.iter().map(|chosen| chosen.mask_count).max().unwrap_or(0);
        if mask_count as usize > fitting {
            let room = size.unwrap_or(0);
            if mask_layout != MaskLayout::default() || mask_format == MaskFormat::Bits {
                let needed = strides.bytes_of(mask_count.into());
                return Err(Error::MasksTooLarge { mask_count, needed, room });
            }
            // Lossless: as many rows are a valid shape.
            let shape = Shape::new(frame.width as u32, map.rows(), map.shape().channels())?;
            return Err(Error::BufferTooSmall { mask_count, shape, len: room / mask_format.row_bytes(1) });
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
        let (input, undeclared_colors) = (&inputs[0], chosen[0].undeclared.take());
        let undeclared = match undeclared_colors.filter(|_| input.rules.given.is_some()) {
            Some(listed) => self.report(&input.rules, Some(&input.pixels), listed, undeclared)?,
            None => None,
        };
        let merged = MergedColors::together(chosen.iter_mut().map(|chosen| &mut chosen.merged), merged)?;
        if settings.connected.is_none() {
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
            let mut regions = Regions::new(frame, mask_count)?;
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
            label_output.iter_mut().for_each(LabelRoom::clear);
        }
        let mut regions = match regions && mask_count > 0 && found_regions.is_empty() {
            true => Some(Regions::new(frame, mask_count)?),
            false => None,
        };
        if mask_count > 0 && (masks.is_some() || label_output.is_some() || regions.is_some()) {
            // SAFETY: the masks fit their memory, which is aligned for them, and is this call's alone.
            #[allow(unsafe_code)]
            let planes = masks.map(|masks| unsafe { Planes::new(masks.first, mask_format, frame, places) });
            label_images(labeler, &inputs, &mut chosen, mask_count, threads, &mut |first_pixel, labels| {
                if let Some(planes) = &planes {
                    expand(labels, first_pixel, planes, threads)?;
                }
                if let Some(output) = &mut label_output {
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
        let mut palettes = room(chosen.len())?;
        for (input, chosen) in inputs.iter().zip(chosen) {
            palettes.push(input.rules.reported(chosen.palette)?);
        }
        let palette = if palettes.len() == 1 { palettes.pop() } else { None }.unwrap_or_default();
        Ok(Analysis {
            mask_count: mask_count as u32, // it was one
            palette,
            image_palettes: palettes,
            regions: found_regions,
            crop_starts,
            masks_size,
            undeclared,
            merged,
        })
    }

    fn start_call(&mut self) {
        self.backends.iter_mut().for_each(|backend| backend.start_call());
    }

    /// Finds the colours that get a mask, and which others join them. The caller has no use for more than `useful`.
    fn choose(
        &mut self,
        input: &Input,
        useful: usize,
        reports_undeclared: bool,
        most_merged: u32,
    ) -> Result<Chosen, Error> {
        self.backends.iter_mut().for_each(|backend| backend.forget_pixels());
        let mut chosen = if input.rules.lists_all(reports_undeclared) {
            self.select_among_all(input, most_merged)?
        } else {
            // How many colours have regions that are large enough is not known yet.
            let useful = if input.connected.is_some() { usize::MAX } else { useful };
            let (mask_count, palette) = match self.select(input, useful)? {
                // Lossless: at most `max_count`, a u32, or as many as were given, checked by `Rules::new`.
                Selected::Palette(palette) => (palette.colors.len() as u32, palette),
                Selected::TooMany(mask_count) => (mask_count, Palette::default()),
            };
            Chosen { mask_count, palette, ..Chosen::default() }
        };
        if let Some(connectivity) = input.connected {
            self.unmix(input, &mut chosen, false)?;
            self.connect(input, connectivity, &mut chosen, useful)?;
        }
        Ok(chosen)
    }

    /// Shares out pixels whose colours are in no mask, if that is asked for, and counts the pixels of each mask.
    fn unmix(&mut self, input: &Input, chosen: &mut Chosen, shares: bool) -> Result<(), Error> {
        let Input { pixels, frame, unmix_radius: radius, rules, .. } = input;
        let ignored = &rules.ignored;
        let Chosen { palette, source, .. } = chosen;
        let palette = &mut palette.colors;
        if *radius == 0 || palette.is_empty() {
            return Ok(());
        }
        let threads = &self.threads;
        let width = LabelWidth::for_labels_up_to(palette.len());
        let mut labels = LabelMap::default();
        let room = labels.start(pixels.shape().plane(), width)?;
        let mut room = match width {
            LabelWidth::One => LabelRoom::U8(uninit(room)),
            LabelWidth::Two => LabelRoom::U16(uninit(bytemuck::cast_slice_mut(room))),
            LabelWidth::Four => LabelRoom::U32(uninit(bytemuck::cast_slice_mut(room))),
        };
        let labeler = &mut self.backends[self.labeler];
        source.label(labeler, pixels, palette, palette.len(), threads, &mut |first_pixel, labels| {
            room.write(labels, first_pixel, threads)
        })?;
        *source = Source::Colors; // no longer needed
        let unmixing = Unmixing { pixels, frame: *frame, palette, ignored, radius: *radius, shares };
        let unmixed = unmixing.unmix(labels, width, threads)?;
        let mut regions = Regions::new(frame.as_one(), palette.len())?;
        regions.add(unmixed.labels(), 0, threads)?;
        for (entry, region) in palette.iter_mut().zip(regions.finish()?) {
            entry.pixels = region.pixels;
        }
        *source = Source::Unmixed(unmixed);
        Ok(())
    }

    /// Gives each region a mask of its own. The caller has no use for more than `useful`.
    fn connect(
        &mut self,
        input: &Input,
        connectivity: Connectivity,
        chosen: &mut Chosen,
        useful: usize,
    ) -> Result<(), Error> {
        let Chosen { mask_count, palette, source, .. } = chosen;
        let colors = &mut palette.colors;
        if colors.is_empty() {
            return Ok(());
        }
        let threads = &self.threads;
        let labeler = &mut self.backends[self.labeler];
        let first_image = input.rules.given.is_none() && input.counted.is_some();
        let mut connected = Connected::new(Extent { frame: input.frame, connectivity, first_image });
        source.label(labeler, &input.pixels, colors, colors.len(), threads, &mut |first_pixel, labels| {
            connected.add(labels, first_pixel, threads)
        })?;
        let wanted = Wanted { params: input.regions, colors, by_color: input.rules.given.is_none() };
        // Lossless: at most `max_count`, a u32.
        (*mask_count, *colors, *source) = match connected.select(&wanted, useful)? {
            Ok((regions, masks)) => (regions.len() as u32, regions, Source::Connected(masks)),
            Err(mask_count) => (mask_count, Vec::new(), Source::Colors),
        };
        Ok(())
    }

    /// Finds the colours that get a mask. The caller has no use for more than `useful` of them.
    fn select(&mut self, input: &Input, useful: usize) -> Result<Selected, Error> {
        if let Some(colors) = &input.rules.given {
            let colors = colors.iter().map(|&color| ColorCount { color, pixels: 0 }).collect();
            return Ok(Selected::Palette(Palette { colors, distinct_colors: None }));
        }
        if let Some(counts) = input.rules.counts {
            return self.select_from(counts, &input.rules, useful);
        }
        // Ignored colours are counted like others, and may push as many out of the list.
        let ignored = input.rules.ignored.len() as u32; // checked by `Rules::new`
        let params = input.rules.params;
        let counted = Params { max_count: params.max_count.saturating_add(ignored), ..params };
        let room = useful.saturating_add(ignored as usize).max(LISTED_ANYWAY).min(self.most_listed);
        let pixels = input.counted.as_ref().unwrap_or(&input.pixels);
        let mut counts = self.backends[self.counter].count(pixels, &counted, room, &self.threads)?;
        if input.counted.is_some() {
            self.backends.iter_mut().for_each(|backend| backend.forget_pixels());
        }
        let Some(found) = counts.too_many else {
            if ignored > 0 {
                counts.colors.retain(|entry| !input.rules.ignores(&entry.color));
            }
            let colors = select(counts.colors, &params);
            return Ok(Selected::Palette(Palette { colors, distinct_colors: counts.distinct }));
        };
        // How many of the ignored colours are among those that were only counted? With as many as were asked for,
        // that makes no difference.
        let mut ignored_found = 0;
        if ignored > 0 && found < u64::from(counted.max_count) {
            ignored_found = self.frequent(pixels, &input.rules.ignored, params.min_pixels)?;
        }
        let found = (found - ignored_found).min(params.max_count.into());
        if found > useful as u64 {
            return Ok(Selected::TooMany(found as u32)); // at most `max_count`
        }
        Err(self.too_many_selected(found))
    }

    /// Finds the colours of other pixels' counts that get a mask.
    fn select_from(&self, counts: &ColorCounts, rules: &Rules, useful: usize) -> Result<Selected, Error> {
        let params = rules.params;
        let enough =
            |entry: &ColorCount| entry.pixels >= params.min_pixels.max(1) && !rules.ignores(&entry.color);
        let found = counts.iter().filter(enough).count() as u64;
        let selected = found.min(params.max_count.into());
        if selected > useful as u64 {
            return Ok(Selected::TooMany(selected as u32)); // at most `max_count`
        }
        if selected > self.most_listed as u64 {
            return Err(self.too_many_selected(selected));
        }
        let mut best = Best::new(&params, found as usize); // lossless: they are in memory
        counts.iter().filter(enough).try_for_each(|entry| best.add(entry))?;
        let colors = select(best.into_counts().colors, &params);
        Ok(Selected::Palette(Palette { colors, distinct_colors: Some(counts.len() as u64) }))
    }

    fn too_many_selected(&self, found: u64) -> Error {
        Error::OutOfMemory(format!(
            "{found} colours get a mask; options.memory_limit has room for lists of {}",
            self.most_listed
        ))
    }

    /// Counts all colours of a part of an image, within a call.
    pub(crate) fn count_part(&mut self, map: &ColorMap, settings: &Settings) -> Result<Part, Error> {
        if settings.batch == Batch::Each {
            return Err(Error::InvalidArgument(
                "batch is Each and counts are of all images together; All or First is expected".to_owned(),
            ));
        }
        let settings = &Settings { counts: None, unmix_radius: 0, connected: None, ..*settings };
        self.check_memory(map, settings, &DeviceOutputs::default())?;
        let input = Input::new(map, settings)?;
        self.start_call();
        let colors = self.list_all(input.counted.as_ref().unwrap_or(&input.pixels))?.colors;
        Ok(Part { kind: Kind::new(map, settings), colors })
    }

    /// How many colours a list may have.
    pub(crate) fn most_listed(&self) -> usize {
        self.most_listed
    }

    /// Finds the colours of counts that get a mask, with the pixels of the whole image, within a call.
    pub(crate) fn select_counts(
        &mut self,
        counts: &ColorCounts,
        settings: &Settings,
        undeclared: Option<u32>,
        most_merged: u32,
    ) -> Result<Analysis, Error> {
        let encoding = counts.encoding_for(settings)?;
        let rules = Rules::new(encoding, &Settings { counts: Some(counts), ..*settings })?;
        let (palette, undeclared, merged) = if rules.given.is_some() || rules.lists_all(false) {
            let chosen = group(&rules, self.list_of(counts)?, None, most_merged, &self.threads)?;
            let report = match chosen.undeclared.filter(|_| rules.given.is_some()) {
                Some(listed) => self.report(&rules, None, listed, undeclared)?,
                None => None,
            };
            (chosen.palette, report, chosen.merged)
        } else {
            match self.select_from(counts, &rules, usize::MAX)? {
                Selected::Palette(palette) => (palette, None, MergedColors::default()),
                Selected::TooMany(found) => return Err(self.too_many_selected(found.into())),
            }
        };
        let palette = rules.reported(palette)?;
        // Lossless: at most `max_count`, a u32, or as many as were given, checked by `Rules::new`.
        let mask_count = palette.colors.len() as u32;
        Ok(Analysis { mask_count, palette, undeclared, merged, ..Analysis::default() })
    }

    /// All colours of counts.
    fn list_of(&self, counts: &ColorCounts) -> Result<Counts, Error> {
        let colors = counts.list(self.most_listed)?;
        Ok(Counts { distinct: Some(colors.len() as u64), colors, too_many: None })
    }

    /// All colours, rare ones included.
    fn list_all(&mut self, pixels: &Pixels) -> Result<Counts, Error> {
        let all = Params { min_pixels: 1, max_count: u32::MAX };
        let counter = &mut self.backends[self.counter];
        let listed = counter.count(pixels, &all, self.most_listed, &self.threads)?;
        match listed.too_many {
            None => Ok(listed),
            Some(found) => Err(Error::OutOfMemory(format!(
                "the images have {found} colours; options.memory_limit has room for lists of {}",
                self.most_listed
            ))),
        }
    }

    /// Finds the colours that get a mask, and which others join them.
    fn select_among_all(&mut self, input: &Input, most_merged: u32) -> Result<Chosen, Error> {
        let listed = match input.rules.counts {
            Some(counts) => self.list_of(counts)?,
            None => self.list_all(&input.pixels)?,
        };
        let frequent = match &input.counted {
            Some(counted) if input.rules.given.is_none() => {
                // Other images than those that are labelled.
                let frequent = self.list_all(counted)?.colors;
                self.backends.iter_mut().for_each(|backend| backend.forget_pixels());
                Some(frequent)
            }
            _ => None,
        };
        group(&input.rules, listed, frequent, most_merged, &self.threads)
    }

    /// What a caller is told of undeclared colours, `most` of which are to be listed, or the error that they are. Without
    /// pixels nobody knows where they lie.
    fn report(
        &mut self,
        rules: &Rules,
        pixels: Option<&Pixels>,
        undeclared: Undeclareds,
        most: Option<u32>,
    ) -> Result<Option<UndeclaredColors>, Error> {
        let is_error = rules.undeclared == Undeclared::Error;
        let wanted = if is_error { Some(1) } else { most };
        let Some(most) = wanted else { return Ok(None) };
        let params = Params { min_pixels: 1, max_count: most };
        let Undeclareds { pixels: pixel_count, colors, list } = undeclared;
        let list = select(list, &params);
        let mut most_frequent = room(list.len())?;
        let regions = match pixels {
            Some(pixels) if !list.is_empty() => self.regions_of(pixels, &list)?,
            _ => Vec::new(),
        };
        for (index, entry) in list.iter().enumerate() {
            let color = rules.reported_color(&entry.color)?;
            let first_pixel = regions.get(index).map_or((0, 0), |region| region.first_pixel);
            most_frequent.push(UndeclaredColor { color, pixels: entry.pixels, first_pixel });
        }
        match most_frequent.first() {
            Some(&UndeclaredColor { color, first_pixel, .. }) if is_error => {
                Err(Error::UndeclaredColors { pixels: pixel_count, colors, color, first_pixel })
            }
            _ => Ok(Some(UndeclaredColors { pixels: pixel_count, colors, most_frequent })),
        }
    }

    /// How many of these colours have at least `min_pixels` pixels.
    fn frequent(&mut self, pixels: &Pixels, colors: &[Color], min_pixels: u64) -> Result<u64, Error> {
        let palette: Vec<_> = colors.iter().map(|&color| ColorCount { color, pixels: 0 }).collect();
        let regions = self.regions_of(pixels, &palette)?;
        Ok(regions.iter().filter(|region| region.pixels >= min_pixels.max(1)).count() as u64)
    }

    /// Where the pixels of some colours lie.
    fn regions_of(&mut self, pixels: &Pixels, palette: &[ColorCount]) -> Result<Vec<Region>, Error> {
        let shape = pixels.shape();
        let frame = Frame { width: shape.width() as usize, height: shape.height() as usize, images: 1 };
        let mut regions = Regions::new(frame, palette.len())?;
        let mut outcome = Ok(());
        let threads = &self.threads;
        self.backends[self.labeler].label(pixels, palette, threads, &mut |first_pixel, labels| {
            if outcome.is_ok() {
                outcome = regions.add(labels, first_pixel, threads);
            }
        })?;
        outcome?;
        regions.finish()
    }
}

/// Finds which of the listed colours get a mask, and which others join them. `frequent` are those among which the most
/// frequent are looked for, where they are not the same.
fn group(
    rules: &Rules,
    mut listed: Counts,
    frequent: Option<Vec<ColorCount>>,
    most_merged: u32,
    threads: &Threads,
) -> Result<Chosen, Error> {
    if rules.merge.is_none() {
        listed.colors.retain(|entry| !rules.ignores(&entry.color));
    }
    let mut merging = None;
    let mut palette = match &rules.given {
        Some(given) => given.iter().map(|&color| ColorCount { color, pixels: 0 }).collect(),
        None => {
            let mut frequent = match frequent {
                None => copied(&listed.colors)?,
                Some(frequent) if rules.merge.is_some() => with_all(frequent, &listed.colors)?,
                Some(frequent) => frequent,
            };
            if let Some(merge) = rules.merge {
                merging = Some(Merging::new(&mut frequent, rules.encoding, merge)?);
            }
            frequent.retain(|entry| !rules.ignores(&entry.color));
            select(frequent, &rules.params)
        }
    };
    let colors = &listed.colors;
    let nearest = rules.nearest.unwrap_or_default();
    let mut masks = assign(colors, &palette, rules.encoding, nearest, threads)?;
    let mut merged = MergedColors::default();
    if let Some(merging) = &merging {
        for (entry, mask) in colors.iter().zip(&mut masks) {
            if rules.ignores(&entry.color) {
                *mask = nearest::NONE;
            }
        }
        merging.apply(&mut masks);
        merged = merging.report(colors, most_merged, |color| rules.reported_color(color))?;
    }
    let mut undeclared = Undeclareds::default();
    if rules.given.is_some() {
        for (entry, _) in colors.iter().zip(&masks).filter(|&(_, &mask)| mask == nearest::NONE) {
            undeclared.add(*entry)?;
        }
    }
    if rules.given.is_some() && rules.undeclared == Undeclared::Nearest {
        let anywhere = Nearest { tolerance: f64::INFINITY, ..nearest };
        masks = assign(colors, &palette, rules.encoding, anywhere, threads)?;
    }
    palette.iter_mut().for_each(|entry| entry.pixels = 0);
    for (entry, &mask) in colors.iter().zip(&masks) {
        if mask != nearest::NONE {
            palette[mask as usize].pixels += entry.pixels;
        }
    }
    let mut grouping = Grouping::new(colors, &masks, palette.len())?;
    if grouping.colors.is_empty() {
        // All masks are empty, and those of colours that no pixel has are, too.
        grouping = Grouping::of_palette(&palette, palette.len())?;
    }
    // Lossless: as in `choose`.
    let mask_count = palette.len() as u32;
    let palette = Palette { colors: palette, distinct_colors: listed.distinct };
    let source = Source::Grouped(grouping);
    Ok(Chosen { mask_count, palette, source, undeclared: Some(undeclared), merged })
}

/// A copy of a list, if there is memory for it.
fn copied(colors: &[ColorCount]) -> Result<Vec<ColorCount>, Error> {
    let mut copy = room(colors.len())?;
    copy.extend_from_slice(colors);
    Ok(copy)
}

/// What gets a mask of the images that share a palette.
#[derive(Debug, Default)]
struct Chosen {
    mask_count: u32,
    /// Empty where there are more colours than are of use.
    palette: Palette,
    source: Source,
    /// Where all colours were listed.
    undeclared: Option<Undeclareds>,
    merged: MergedColors,
}

/// Colours that are in no mask.
#[derive(Debug, Default)]
struct Undeclareds {
    pixels: u64,
    colors: u64,
    list: Vec<ColorCount>,
}

impl Undeclareds {
    fn add(&mut self, entry: ColorCount) -> Result<(), Error> {
        self.list.try_reserve(1).map_err(|_| no_memory::<ColorCount>(self.list.len() + 1))?;
        self.list.push(entry);
        self.pixels += entry.pixels;
        self.colors += 1;
        Ok(())
    }
}

/// Labels the pixels of all images, which share a palette or have one each, and hands on the parts.
fn label_images(
    labeler: &mut Box<dyn Backend>,
    inputs: &[Input],
    chosen: &mut [Chosen],
    mask_count: usize,
    threads: &Threads,
    labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut start = 0;
    let left = (1..=inputs.len()).rev();
    for ((input, Chosen { palette, source, .. }), left) in inputs.iter().zip(chosen).zip(left) {
        let _image = Pass::new(1.0 / left as f64);
        let pixels = &input.pixels;
        let mut labelled = |first_pixel, labels: &LabelMap| labelled(start + first_pixel, labels);
        if inputs.len() > 1 {
            labeler.forget_pixels();
        }
        if palette.colors.is_empty() {
            grouping::in_no_mask(pixels.shape().plane(), mask_count, &mut labelled)?;
        } else {
            source.label(labeler, pixels, &palette.colors, mask_count, threads, &mut labelled)?;
        }
        start += pixels.shape().plane();
    }
    Ok(())
}

/// Where labels by mask come from.
#[derive(Debug, Default)]
enum Source {
    /// From the backend: each mask has a colour.
    #[default]
    Colors,
    /// From the backend: several colours may share a mask.
    Grouped(Grouping),
    /// From those labels, and pixels that were shared out.
    Unmixed(Unmixed),
    /// From the masks' regions.
    Connected(ConnectedMasks),
}

impl Source {
    /// Labels pixels by mask, of which there are so many, and hands on the parts. All but the masks of the palette
    /// are empty.
    fn label(
        &mut self,
        labeler: &mut Box<dyn Backend>,
        pixels: &Pixels,
        palette: &[ColorCount],
        mask_count: usize,
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if matches!(self, Self::Colors) && palette.len() < mask_count {
            // Another image has more masks.
            *self = Self::Grouped(Grouping::of_palette(palette, mask_count)?);
        }
        let mut outcome = Ok(());
        let pass = Pass::new(1.0);
        let pixel_count = pixels.shape().plane() as f64;
        let mut each = |first_pixel: usize, labels: &LabelMap| {
            if outcome.is_ok() {
                let _part = pass.until((first_pixel + labels.len()) as f64 / pixel_count);
                outcome = labelled(first_pixel, labels);
            }
        };
        match self {
            Self::Colors => labeler.label(pixels, palette, threads, &mut each)?,
            Self::Grouped(grouping) => {
                grouping.mask_count = mask_count;
                let colors = std::mem::take(&mut grouping.colors);
                let mut grouped = Ok(());
                labeler.label(pixels, &colors, threads, &mut |first_pixel, labels| {
                    if grouped.is_ok() {
                        grouped = grouping.regroup(labels, first_pixel, threads, &mut each);
                    }
                })?;
                grouped?;
                grouping.colors = colors;
            }
            Self::Unmixed(unmixed) => return labelled(0, unmixed.labels_of(mask_count)?),
            Self::Connected(masks) => return masks.label(mask_count, threads, labelled),
        }
        outcome
    }
}

/// Calls `each` with the pixels that were shared out, and the first pixel of their images.
fn each_unmixed(
    inputs: &[Input],
    chosen: &[Chosen],
    mut each: impl FnMut(&Unmixed, usize) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut start = 0;
    for (input, chosen) in inputs.iter().zip(chosen) {
        if let Source::Unmixed(unmixed) = &chosen.source {
            each(unmixed, start)?;
        }
        start += input.pixels.shape().plane();
    }
    Ok(())
}

/// What a call is to write and to find beside the palette.
#[derive(Debug)]
pub(crate) struct Emit<'a> {
    pub(crate) masks: Option<Masks<'a>>,
    pub(crate) mask_format: MaskFormat,
    pub(crate) mask_layout: MaskLayout,
    pub(crate) cropped: bool,
    pub(crate) labels: Option<LabelRoom<'a>>,
    pub(crate) regions: bool,
    pub(crate) undeclared: Option<u32>,
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
            regions: false,
            undeclared: None,
            merged: 0,
            device: DeviceOutputs::default(),
            most_entries: u64::MAX,
        }
    }
}

/// A call's pixels and colours, as the backends compare them.
struct Input<'a> {
    /// Of all images.
    pixels: Pixels<'a>,
    /// Those that are counted, where they are others.
    counted: Option<Pixels<'a>>,
    frame: Frame,
    unmix_radius: u32,
    connected: Option<Connectivity>,
    /// Which regions get a mask.
    regions: Params,
    rules: Rules<'a>,
}

/// Which colours get which mask, as the backends compare them.
struct Rules<'a> {
    encoding: Encoding,
    /// The image's colours, where the pixels at hand are not all of its.
    counts: Option<&'a ColorCounts>,
    params: Params,
    given: Option<Vec<Color>>,
    ignored: Vec<Color>,
    nearest: Option<Nearest>,
    undeclared: Undeclared,
    merge: Option<Merge>,
}

impl Settings<'_> {
    /// Whether masks of this format can be made with them.
    pub(crate) fn check_format(&self, format: MaskFormat) -> Result<(), Error> {
        match self.connected {
            Some(connectivity) if format == MaskFormat::Coverage => Err(Error::InvalidArgument(format!(
                "the masks are coverage and connected is {connectivity:?}; other masks or no connected regions are expected"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether they suit the image and do not contradict each other.
    pub(crate) fn check(&self, map: &ColorMap) -> Result<(), Error> {
        if self.batch == Batch::Each && self.palette.is_some() {
            return Err(Error::InvalidArgument(
                "batch is Each and a palette is given, which is the same for all images; All is expected"
                    .to_owned(),
            ));
        }
        if self.batch == Batch::Each && self.counts.is_some() {
            return Err(Error::InvalidArgument(
                "batch is Each and counts are given, which are the same for all images; All is expected"
                    .to_owned(),
            ));
        }
        Input::new(map, self).map(drop)
    }
}

impl<'a> Input<'a> {
    /// All images together, or each by itself where each has a palette of its own.
    fn of_batch(map: &ColorMap<'a>, settings: &Settings<'a>) -> Result<Vec<Self>, Error> {
        settings.check(map)?;
        let maps = if settings.batch == Batch::Each { map.images() } else { 1 };
        let mut inputs = room(maps as usize)?;
        for index in 0..maps {
            let map = if maps > 1 { map.image(index)? } else { *map };
            inputs.push(Self::new(&map, settings)?);
        }
        Ok(inputs)
    }

    fn new(map: &ColorMap<'a>, settings: &Settings<'a>) -> Result<Self, Error> {
        let &Settings { matching, alpha, batch, counts, unmix_radius, connected, .. } = settings;
        let pixels = Pixels::new(map, matching, alpha)?;
        if let Some(counts) = counts {
            counts.check_use(&Kind::new(map, settings))?;
        }
        let counted = match batch {
            Batch::First if map.images() > 1 && counts.is_none() => {
                Some(Pixels::new(&map.image(0)?, matching, alpha)?)
            }
            _ => None,
        };
        let rules = Rules::new(pixels.encoding(), settings)?;
        let [width, height] = [map.shape().width(), map.shape().height()].map(|side| side as usize);
        let frame = Frame { width, height, images: map.images() as usize };
        Ok(Self { pixels, counted, frame, unmix_radius, connected, regions: settings.params, rules })
    }
}

impl<'a> Rules<'a> {
    fn new(encoding: Encoding, settings: &Settings<'a>) -> Result<Self, Error> {
        let &Settings { palette, ignored, nearest, undeclared, merge, counts, .. } = settings;
        let &Settings { mut params, unmix_radius, connected, .. } = settings;
        if let (Some(connectivity), Some(_)) = (connected, counts) {
            return Err(Error::InvalidArgument(format!(
                "connected is {connectivity:?} and counts are given; no connected regions, which may go on in other \
                 parts, are expected"
            )));
        }
        if let Some(Nearest { tolerance, .. }) = nearest
            && (tolerance.is_nan() || tolerance < 0.0)
        {
            let text = format!("tolerance is {tolerance}; at least 0 is expected");
            return Err(Error::InvalidArgument(text));
        }
        if let Some(Merge { tolerance, .. }) = merge {
            if tolerance.is_nan() || tolerance < 0.0 {
                let text = format!("merge_tolerance is {tolerance}; at least 0 is expected");
                return Err(Error::InvalidArgument(text));
            }
            if palette.is_some() {
                return Err(Error::InvalidArgument(
                    "merge is on and a palette is given; none of both, or nearest with a palette, is expected"
                        .to_owned(),
                ));
            }
        }
        if palette.is_none() && undeclared != Undeclared::Ignore {
            let text = format!(
                "undeclared is {undeclared:?} and no palette is given; {:?} is expected",
                Undeclared::Ignore
            );
            return Err(Error::InvalidArgument(text));
        }
        if unmix_radius > MOST_RADIUS {
            return Err(Error::InvalidArgument(format!(
                "unmix_radius is {unmix_radius}; 0 (off) to {MOST_RADIUS} are expected"
            )));
        }
        if connected.is_some() && params.max_count > 0 {
            // Any colour with enough pixels may have the largest regions.
            params.max_count = u32::MAX;
        }
        let colors = |name: &str, values: &[[f32; 4]]| {
            if u32::try_from(values.len()).is_err() {
                let count = values.len();
                return Err(Error::InvalidArgument(format!(
                    "{name} has {count} colours; at most 2^32 - 1 are expected"
                )));
            }
            let mut colors = room(values.len())?;
            for (index, values) in values.iter().enumerate() {
                let color = encoding.color(values);
                colors.push(
                    color.map_err(|wrong| Error::InvalidArgument(format!("{name}[{index}]: {wrong}")))?,
                );
            }
            Ok(colors)
        };
        let mut ignored = colors("ignored", ignored)?;
        let given = palette.map(|palette| colors("palette", palette)).transpose()?;
        if let Some(given) = &given {
            check_different(given, &ignored)?;
        }
        ignored.sort_unstable();
        ignored.dedup();
        Ok(Self { encoding, counts, params, given, ignored, nearest, undeclared, merge })
    }

    fn ignores(&self, color: &Color) -> bool {
        self.ignored.binary_search(color).is_ok()
    }

    /// Whether all colours must be known, rare ones included.
    fn lists_all(&self, reports_undeclared: bool) -> bool {
        let undeclared = reports_undeclared || self.undeclared != Undeclared::Ignore;
        self.nearest.is_some() || self.merge.is_some() || (self.given.is_some() && undeclared)
    }

    /// A colour's values in place of the words that stand for them.
    fn reported_color(&self, color: &Color) -> Result<Color, Error> {
        let values = self.encoding.values(color).map(f32::to_bits);
        Color::from_bits(&values)
            .ok_or_else(|| Error::Internal("a colour has a value that is no number".to_owned()))
    }

    /// A palette with the colours' values in place of the words that stand for them.
    fn reported(&self, mut palette: Palette) -> Result<Palette, Error> {
        for entry in &mut palette.colors {
            entry.color = self.reported_color(&entry.color)?;
        }
        Ok(palette)
    }
}

/// Checks that no colour of a given palette is there twice, nor ignored.
fn check_different(given: &[Color], ignored: &[Color]) -> Result<(), Error> {
    let mut sorted: Vec<(Color, usize)> = room(given.len() + ignored.len())?;
    sorted.extend(given.iter().copied().zip(0..));
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        if pair[0].0 == pair[1].0 {
            return Err(Error::InvalidArgument(format!(
                "palette[{}] is the same colour as palette[{}]; different colours are expected",
                pair[1].1, pair[0].1
            )));
        }
    }
    for (index, color) in ignored.iter().enumerate() {
        if let Ok(at) = sorted.binary_search_by(|(given, _)| given.cmp(color)) {
            return Err(Error::InvalidArgument(format!(
                "ignored[{index}] is the same colour as palette[{}]; a colour that gets no mask is expected",
                sorted[at].1
            )));
        }
    }
    Ok(())
}

/// The Vulkan device that the options ask for; `None`: the CPU does the work.
fn choose_vulkan(options: &Options) -> Result<Option<Vulkan>, Error> {
    match (options.backend, options.device_name()) {
        (params::Backend::Cpu, None) => Ok(None),
        (params::Backend::Cpu, Some(name)) => Err(Error::InvalidArgument(format!(
            "device_name is \"{name}\" and backend is CPU, which has no devices to choose from"
        ))),
        (params::Backend::Vulkan, _) | (params::Backend::Auto, Some(_)) => Vulkan::new(options).map(Some),
        (params::Backend::Auto, None) => match Vulkan::new(options) {
            Ok(vulkan) => Ok(Some(vulkan)),
            Err(error) => {
                control::message(Level::Info, format_args!("no Vulkan device is used: {error}"));
                Ok(None)
            }
        },
    }
}
