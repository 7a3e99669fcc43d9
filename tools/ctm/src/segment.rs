//! `ctm segment`: reads a colour map, has its masks made, writes them and the overview.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use ctm::{Backend, ColorMap, Context, Error, Options, Palette, Params};

use crate::args::SegmentArgs;
use crate::color::Display;
use crate::input::Image;
use crate::interrupt;
use crate::masks::{self, Mask};
use crate::memory::zeroed;
use crate::progress::analyse;
use crate::report;
use crate::terminal::{self, thousands};

/// Masks that there is room for before their number is known. Memory that stays untouched costs
/// nothing, and counting a second time does.
const MASKS_AT_FIRST: u32 = 8;

/// All that is known when the work is done.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    /// The command line.
    pub(crate) args: &'a SegmentArgs,
    /// The colour map.
    pub(crate) image: Image,
    /// The colour map's screen colours.
    pub(crate) display: Display,
    /// Which backend did the work.
    pub(crate) backend: Backend,
    /// And on which device.
    pub(crate) device: String,
    /// How long counting and masking took.
    pub(crate) duration: Duration,
    /// Different colours in the whole image.
    pub(crate) distinct_colors: u64,
    /// The masks, most frequent colour first.
    pub(crate) masks: Vec<Mask>,
    /// The overview picture.
    pub(crate) overview: Option<PathBuf>,
}

impl Outcome<'_> {
    /// How much of the image so many pixels are, 0 to 1.
    pub(crate) fn share(&self, pixels: u64) -> f64 {
        pixels as f64 / self.image.shape.pixels() as f64
    }

    /// Pixels that lie in some mask.
    pub(crate) fn covered(&self) -> u64 {
        self.masks.iter().map(|mask| mask.pixels).sum()
    }
}

/// Runs the command.
pub(crate) fn run(args: &SegmentArgs) -> anyhow::Result<()> {
    limit_threads(args.threads);
    let options = Options {
        backend: args.backend.into(),
        device_name: args.device.clone(),
        max_threads: args.threads,
        ..Options::default()
    };
    if args.verbose {
        terminal::be_verbose();
    }
    let mut context = Context::new(&options)?;
    interrupt::listen(&context);
    let image = Image::read(&args.image, args.raw)?;
    interrupt::check()?;
    let params = Params { min_pixels: args.min_pixels, max_count: args.max_count };

    let start = Instant::now();
    let color_map = image.color_map()?;
    let (palette, planes) = find_masks(&mut context, &color_map, &params)?;
    let duration = start.elapsed();
    let distinct_colors = count_all_colors(&mut context, &color_map, &palette)?;
    if palette.colors.is_empty() {
        hint_at_no_mask(&mut context, &color_map, &params)?;
    } else if image.lossy && distinct_colors > palette.colors.len() as u64 {
        terminal::hint("JPEG changes colours, so that masks get holes; save colour maps as PNG");
    }

    let channels = image.shape.channels() as usize;
    let display =
        if image.float { Display::widened(channels, &image.floats) } else { Display::new(channels) };
    let outcome = Outcome {
        args,
        display,
        backend: context.backend(),
        device: context.device_name().to_owned(),
        duration,
        distinct_colors,
        masks: masks::list(&palette.colors, channels, &args.output),
        overview: (!args.no_overview).then(|| args.output.join("overview.png")),
        image,
    };
    write(&outcome, &planes)?;
    terminal::print(&if args.json { report::json(&outcome)? } else { report::table(&outcome) })
}

/// How many different colours the map has. Finding the masks may have ruled out rare ones without
/// counting them.
fn count_all_colors(context: &mut Context, color_map: &ColorMap, palette: &Palette) -> anyhow::Result<u64> {
    match palette.distinct_colors {
        Some(count) => Ok(count),
        None => {
            let all = Params { min_pixels: 1, max_count: u32::MAX };
            Ok(analyse(context, color_map, &all, None)?.palette.colors.len() as u64)
        }
    }
}

/// Keeps decoding and encoding within `--threads`, too.
fn limit_threads(threads: u32) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let count = if threads == 0 { processors } else { processors.min(threads as usize) };
    // Fails only where a pool exists already: then that one does.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(count).build_global();
}

/// Finds the masks, in a buffer that has room for them (and maybe more).
fn find_masks(
    context: &mut Context,
    color_map: &ColorMap,
    params: &Params,
) -> anyhow::Result<(Palette, Vec<f32>)> {
    let shape = color_map.shape();
    let len = |masks: u32| u128::from(masks) * u128::from(shape.pixels());
    let mut planes = zeroed(len(params.max_count.min(MASKS_AT_FIRST)), "").unwrap_or_default();
    let palette = match analyse(context, color_map, params, Some(&mut planes)) {
        Err(Error::BufferTooSmall { mask_count, .. }) => {
            drop(planes);
            let what = format!(
                "{} masks of {} x {} pixels need",
                thousands(mask_count.into()),
                shape.width(),
                shape.height()
            );
            planes = zeroed(len(mask_count), &what)
                .map_err(|error| anyhow!("{error}; lower --max-count or raise --min-pixels"))?;
            analyse(context, color_map, params, Some(&mut planes))?
        }
        result => result?,
    }
    .palette;
    planes.truncate(palette.colors.len() * shape.pixels() as usize);
    Ok((palette, planes))
}

/// Says which setting stands in the way.
fn hint_at_no_mask(context: &mut Context, color_map: &ColorMap, params: &Params) -> anyhow::Result<()> {
    let most = analyse(context, color_map, &Params { min_pixels: 1, max_count: 1 }, None)?;
    terminal::hint(&match most.palette.colors.first() {
        _ if params.max_count == 0 => "no mask, since --max-count is 0".into(),
        None => "no mask, since every pixel has a NaN".into(),
        Some(most) => format!(
            "no colour has {} pixels; the most frequent one has {}: try a lower --min-pixels",
            thousands(params.min_pixels),
            thousands(most.pixels)
        ),
    });
    Ok(())
}

/// Writes all files.
fn write(outcome: &Outcome, planes: &[f32]) -> anyhow::Result<()> {
    interrupt::check()?;
    let folder = &outcome.args.output;
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made a folder", folder.display()))?;
    let input = outcome.args.image.canonicalize().ok();
    for file in outcome.masks.iter().map(|mask| &mask.file).chain(&outcome.overview) {
        if input.is_some() && file.canonicalize().ok() == input {
            bail!("{}: is the input and would be overwritten; choose another folder", file.display());
        }
    }
    masks::write(&outcome.masks, planes, outcome.image.shape)?;
    interrupt::check()?;
    match &outcome.overview {
        Some(file) => crate::overview::write(outcome, planes, file),
        None => Ok(()),
    }
}
