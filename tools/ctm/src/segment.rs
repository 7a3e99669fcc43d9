//! `ctm segment`: reads colour maps, finds the masks, writes them, and says what happened.

use std::path::{Path, PathBuf};
use std::slice::from_ref;
use std::time::Instant;

use anyhow::Context as _;
use ctm::{ColorMap, Context, Options, Outputs, Palette, Params, Selection};

use crate::args::{AlphaArg, BatchArg, SegmentArgs, UnlistedArg};
use crate::color::Display;
use crate::files::{Files, Role};
use crate::find::{self, Found};
use crate::input::Reading;
use crate::labels::{self, MOST_IN_PNG};
use crate::maps::Maps;
use crate::masks;
use crate::outcome::Outcome;
use crate::progress::analyze;
use crate::settings::Choice;
use crate::terminal::{self, thousands};
use crate::{interrupt, overview, report, save, table};

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
    interrupt::listen()?;
    let mut files = Files::check(args)?;
    // Looking for devices takes as long as reading an image.
    let (context, groups) = rayon::join(|| Context::new(&options), || read(args));
    let (mut context, groups) = (context?, groups?);
    for file in groups.iter().flat_map(|maps| &maps.files) {
        file.hints.iter().for_each(|text| terminal::hint(&format!("{} {text}", file.path.display())));
    }
    let choices = groups.iter().map(|maps| Choice::new(args, maps)).collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(labels) = &args.outputs.labels {
        check_label_counts(&mut context, &groups, &choices, labels)?;
    }
    let mut outcomes = Vec::new();
    for (maps, choice) in groups.iter().zip(&choices) {
        let outcome = segment(&mut context, maps, choice, args, &mut files);
        outcomes.push(match groups.len() {
            1 => outcome?,
            _ => outcome.with_context(|| maps.files[0].path.display().to_string())?,
        });
    }
    if let Some(file) = &args.outputs.table {
        files.write(file, |out| table::write(&outcomes, out))?;
    }
    match args.outputs.on_standard_output() {
        Some(_) => Ok(()),
        None if args.json => terminal::print(&report::json(&outcomes)?),
        None => terminal::print(&report::table(&outcomes)),
    }
}

/// Reads the maps, in groups that share their masks. All are read before anything is written.
fn read(args: &SegmentArgs) -> anyhow::Result<Vec<Maps>> {
    let reading = Reading { raw: args.raw, max_memory: args.max_memory() };
    match args.colors.batch {
        BatchArg::Each => args.images.iter().map(|image| Maps::read(from_ref(image), reading)).collect(),
        BatchArg::All | BatchArg::First => Maps::read(&args.images, reading).map(|maps| vec![maps]),
    }
}

/// Fails where labels have no room for all masks, as far as that can be known before files are written.
fn check_label_counts(
    context: &mut Context,
    groups: &[Maps],
    choices: &[Choice],
    labels: &Path,
) -> anyhow::Result<()> {
    for (maps, choice) in groups.iter().zip(choices).filter(|(_, choice)| choice.most_masks() > MOST_IN_PNG) {
        if choice.has_palette() {
            labels::check_count(labels, choice.most_masks())?;
        } else if groups.len() > 1 {
            // Else it is known early enough once the masks are found.
            let count = context.mask_count(&maps.color_map()?, &choice.settings())?;
            labels::check_count(labels, count.into())?;
        }
    }
    Ok(())
}

/// Gives advice, and says for which of several images.
fn hint(args: &SegmentArgs, maps: &Maps, text: &str) {
    match (args.images.len(), &maps.files[..]) {
        (2.., [file]) => terminal::hint(&format!("{}: {text}", file.path.display())),
        _ => terminal::hint(text),
    }
}

/// Finds the masks of maps that share them, and writes all files but the table.
fn segment<'a>(
    context: &mut Context,
    maps: &'a Maps,
    choice: &'a Choice,
    args: &'a SegmentArgs,
    files: &mut Files,
) -> anyhow::Result<Outcome<'a>> {
    let start = Instant::now();
    let color_map = maps.color_map()?;
    let found = find::masks(context, (maps, &color_map), choice, args)?;
    let duration = start.elapsed();
    let palette = &found.analysis.palette;
    let distinct_colors = count_all_colors(context, &color_map, choice, palette)?;
    if palette.colors.is_empty() {
        hint_at_no_mask(context, (maps, &color_map), choice, args)?;
    } else if let Some(lossy) = maps.files.iter().find_map(|file| file.lossy.as_ref())
        && distinct_colors > palette.colors.len() as u64
        && !joins_near_colors(args)
    {
        hint(
            args,
            maps,
            &format!(
                "{lossy} changes colours, so that masks get holes; save colour maps as PNG, or try --merge 8/255"
            ),
        );
    }

    let images = || maps.files.iter().map(|file| &*file.path);
    let folders: Vec<PathBuf> = images().map(|image| args.folder(image)).collect();
    let channels = maps.shape.channels() as usize;
    let outcome = Outcome {
        args,
        maps,
        choice,
        display: match maps.floats() {
            Some(floats) => Display::widened(channels, floats),
            None if maps.is_cmyk() => Display::cmyk(),
            None => Display::new(channels),
        },
        backend: context.backend(),
        device: context.device_name().to_owned(),
        duration,
        distinct_colors,
        masks: masks::list(&found, choice, &folders, &args.outputs),
        unlisted: found.analysis.unlisted.clone(),
        merged: args.colors.merge.map(|_| found.analysis.merged.clone()),
        overviews: images().filter_map(|image| args.overview(image)).collect(),
        labels: images().filter_map(|image| args.labels(image)).collect(),
    };
    write(&outcome, &found, files)?;
    Ok(outcome)
}

/// Whether colours that are not exactly a mask's may be in it.
fn joins_near_colors(args: &SegmentArgs) -> bool {
    args.colors.tolerance.is_some()
        || args.colors.merge.is_some()
        || args.colors.unlisted == UnlistedArg::Nearest
}

/// How many different colours there are. Finding the masks may have ruled out rare ones without
/// counting them.
fn count_all_colors(
    context: &mut Context,
    color_map: &ColorMap,
    choice: &Choice,
    palette: &Palette,
) -> anyhow::Result<u64> {
    match palette.distinct_colors {
        Some(count) => Ok(count),
        None => Ok(context.mask_count(color_map, &choice.all_colors())?.into()),
    }
}

/// Keeps decoding and encoding within `--threads`, too.
fn limit_threads(threads: u32) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let count = if threads == 0 { processors } else { processors.min(threads as usize) };
    // Fails only where a pool exists already: then that one does.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(count).build_global();
}

/// Says which setting stands in the way.
fn hint_at_no_mask(
    context: &mut Context,
    (maps, color_map): (&Maps, &ColorMap),
    choice: &Choice,
    args: &SegmentArgs,
) -> anyhow::Result<()> {
    let one = Selection { min_pixels: 1, max_count: 1 };
    let settings = Params { selection: one, ..choice.settings() };
    let most = analyze(context, color_map, &settings, Outputs::default())?.palette;
    let most_of = if args.colors.connected.is_some() { "largest" } else { "most frequent" };
    let what = if args.colors.connected.is_some() { "region" } else { "colour" };
    let leaves_out = !args.colors.ignore.is_empty() || matches!(args.colors.alpha, AlphaArg::AtLeast(_));
    let text = match most.colors.first() {
        _ if args.max_count() == 0 => "no mask, since --max-count is 0".into(),
        None if leaves_out => "no mask, since every pixel is ignored, transparent or has a NaN".into(),
        None => "no mask, since every pixel has a NaN".into(),
        Some(most) => format!(
            "no {what} has {} pixels; the {most_of} one has {}: try a lower --min-pixels",
            thousands(args.min_pixels()),
            thousands(most.pixels)
        ),
    };
    hint(args, maps, &text);
    Ok(())
}

/// Writes all files but the table.
fn write(outcome: &Outcome, found: &Found, files: &mut Files) -> anyhow::Result<()> {
    let masks = outcome.masks.len();
    for file in &outcome.labels {
        labels::check_count(file, masks as u64)?;
    }
    for file in outcome.masks.iter().flat_map(|mask| &mask.parts).filter_map(|part| part.file.as_ref()) {
        files.add(Role::Mask, file)?;
    }
    files.prepare()?;
    let (written, overviews) = rayon::join(
        || masks::write(&outcome.masks, found, outcome.maps, &outcome.args.outputs),
        || draw_overviews(outcome, found),
    );
    written?;
    let Some(labels) = &found.labels else { return Ok(()) };
    let shape = outcome.maps.shape;
    for (map, file) in outcome.labels.iter().enumerate() {
        let size = [shape.width(), shape.height()];
        let picture = labels
            .picture(file, map * outcome.maps.plane(), size, masks, outcome.args.outputs.small_files)
            .with_context(|| format!("{}: cannot be encoded", file.display()))?;
        files.write(file, |out| Ok(out.write_all(&picture)?))?;
    }
    for (file, png) in outcome.overviews.iter().zip(overviews?) {
        save::bytes(file, &png)?;
    }
    Ok(())
}

/// The overviews of all maps, as files.
fn draw_overviews(outcome: &Outcome, found: &Found) -> anyhow::Result<Vec<Vec<u8>>> {
    let Some(labels) = &found.labels else { return Ok(Vec::new()) };
    let files = outcome.overviews.iter().enumerate();
    files.map(|(map, file)| overview::png(outcome, map, labels, file)).collect()
}
