//! The context: runs count → select → label → expand, each on the backend that is to do it.

use std::fmt;
use std::mem::MaybeUninit;

use crate::color::Color;
use crate::counters::Counters;
use crate::cpu::Cpu;
use crate::error::Error;
use crate::expand::expand;
use crate::image::ColorMap;
use crate::label_output::LabelOutput;
use crate::labels::LabelMap;
use crate::outputs::{Analysis, MaskOutput, Masks, Outputs};
use crate::params::{self, Options, Params};
use crate::pixels::{Alpha, Matching, Pixels};
use crate::plan;
use crate::regions::Regions;
use crate::select::select;
use crate::threads::Threads;
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

    /// A new call begins: what is kept of the last image's pixels is worthless, and counters start
    /// at zero.
    fn start_call(&mut self);

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
    /// Colours that a list may have.
    most_listed: usize,
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
        let backend = if vulkan.is_some() { params::Backend::Vulkan } else { params::Backend::Cpu };
        let mut backends: Vec<Box<dyn Backend>> = vec![Box::new(Cpu::new(options))];
        backends.extend(vulkan.map(|vulkan| Box::new(vulkan) as _));
        let position = |wanted| if wanted == params::Backend::Cpu { 0 } else { backends.len() - 1 };
        let [counter, labeler] = options.debug.stages.unwrap_or([backend; 2]).map(position);
        let most_listed = plan::most_listed(options.memory_limit);
        Ok(Self { backends, counter, labeler, threads, backend, device_name, most_listed })
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
        Ok(self.analyse(map, params, Outputs::default())?.palette)
    }

    /// Finds how many colours get a mask. Takes no memory for a list of them, however many there are.
    ///
    /// # Errors
    /// Too little memory, or a device that fails.
    pub fn mask_count(&mut self, map: &ColorMap, params: &Params) -> Result<u32, Error> {
        Ok(match self.select(map, params, 0)? {
            Selected::Palette(palette) => palette.colors.len() as u32, // at most `max_count`
            Selected::TooMany(mask_count) => mask_count,
        })
    }

    /// Finds the colours that get a mask. The caller has no use for more than `useful` of them.
    fn select(&mut self, map: &ColorMap, params: &Params, useful: usize) -> Result<Selected, Error> {
        for backend in &mut self.backends {
            backend.start_call();
        }
        let room = useful.max(LISTED_ANYWAY).min(self.most_listed);
        let pixels = Pixels::new(map, Matching::Exact, Alpha::Color)?;
        let counts = self.backends[self.counter].count(&pixels, params, room, &self.threads)?;
        match counts.too_many {
            None => {
                let colors = select(counts.colors, params);
                Ok(Selected::Palette(Palette { colors, distinct_colors: counts.distinct }))
            }
            Some(found) if found > useful as u64 => Ok(Selected::TooMany(found as u32)),
            Some(found) => Err(Error::OutOfMemory(format!(
                "{found} colours get a mask; options.memory_limit has room for lists of {}",
                self.most_listed
            ))),
        }
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
        Ok(self.analyse(map, params, outputs)?.palette)
    }

    /// Finds the colours that get a mask, and writes and finds whatever is asked for, in one go.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when an output does not suit the image; [`Error::BufferTooSmall`], with
    /// nothing written, when the masks do not fit; too little memory; a device that fails.
    pub fn analyse(&mut self, map: &ColorMap, params: &Params, outputs: Outputs) -> Result<Analysis, Error> {
        outputs.check(map.shape(), params)?;
        self.emit(map, params, outputs.masks.map(Masks::from), outputs.labels, outputs.regions)
    }

    /// As [`Context::run`], into memory that may not have been written yet.
    pub(crate) fn run_uninit(
        &mut self,
        map: &ColorMap,
        params: &Params,
        masks: &mut [MaybeUninit<f32>],
    ) -> Result<Palette, Error> {
        Ok(self.emit(map, params, Some(Masks::F32(masks)), None, false)?.palette)
    }

    fn emit(
        &mut self,
        map: &ColorMap,
        params: &Params,
        mut masks: Option<Masks>,
        mut label_output: Option<LabelOutput>,
        regions: bool,
    ) -> Result<Analysis, Error> {
        let plane = map.shape().plane();
        let len = masks.as_ref().map(Masks::len);
        let fitting = len.map_or(usize::MAX, |len| len / plane);
        let too_small = |mask_count| Error::BufferTooSmall {
            mask_count,
            shape: map.shape(),
            len: len.unwrap_or(usize::MAX),
        };
        let palette = match self.select(map, params, fitting)? {
            // Lossless: at most `max_count`, a u32.
            Selected::Palette(palette) if palette.colors.len() > fitting => {
                return Err(too_small(palette.colors.len() as u32));
            }
            Selected::TooMany(mask_count) => return Err(too_small(mask_count)),
            Selected::Palette(palette) => palette,
        };
        let mask_count = palette.colors.len();
        if let Some(masks) = &mut masks {
            masks.truncate(mask_count * plane);
        }
        if mask_count == 0 {
            label_output.iter_mut().for_each(LabelOutput::clear);
            return Ok(Analysis { palette, regions: Vec::new() });
        }
        if masks.is_none() && label_output.is_none() && !regions {
            return Ok(Analysis { palette, regions: Vec::new() });
        }
        let mut regions = match regions {
            true => Some(Regions::new(map.shape().width(), mask_count)?),
            false => None,
        };
        let threads = &self.threads;
        let mut outcome = Ok(());
        let pixels = Pixels::new(map, Matching::Exact, Alpha::Color)?;
        self.backends[self.labeler].label(&pixels, &palette.colors, threads, &mut |first_pixel, labels| {
            match &mut masks {
                Some(Masks::F32(masks)) => expand(labels, first_pixel, plane, masks, 1.0, threads),
                Some(Masks::U8(masks, inside)) => {
                    expand(labels, first_pixel, plane, masks, *inside, threads);
                }
                None => {}
            }
            let mut write_rest = || {
                if let Some(output) = &mut label_output {
                    output.write(labels, first_pixel, threads)?;
                }
                regions.as_mut().map_or(Ok(()), |regions| regions.add(labels, first_pixel, threads))
            };
            if outcome.is_ok() {
                outcome = write_rest();
            }
        })?;
        outcome?;
        let regions = regions.map_or_else(|| Ok(Vec::new()), Regions::finish)?;
        Ok(Analysis { palette, regions })
    }
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
                log::info!("working on the CPU: {error}");
                Ok(None)
            }
        },
    }
}
