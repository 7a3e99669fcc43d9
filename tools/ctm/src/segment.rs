//! Maps in memory → masks → files.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use ctm::{ColorMap, Context, Format, Matching, Outputs, Palette, Params, Selection};

use crate::args::{AlphaArg, LabelBitsArg, MatchArg, SegmentArgs, UnlistedArg};
use crate::color::Display;
use crate::files::Files;
use crate::find::{self, Found};
use crate::labels;
use crate::maps::Maps;
use crate::masks;
use crate::outcome::Outcome;
use crate::progress::analyze;
use crate::settings::Choice;
use crate::terminal::{self, thousands};
use crate::{export, overview, save, stale};

/// Gives advice, and says for which of several images.
fn hint(args: &SegmentArgs, maps: &Maps, text: &str) {
    match (args.inputs.len(), &maps.files[..]) {
        (2.., [file]) => terminal::hint(&format!("{}: {text}", file.input)),
        _ => terminal::hint(text),
    }
}

/// Does something with what is known of all files of the call.
pub(crate) fn with_files<T>(
    files: &Mutex<Files>,
    work: impl FnOnce(&mut Files) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    work(&mut files.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Finds the masks of maps that share them, and writes all files but the table.
pub(crate) fn segment<'a>(
    context: &mut Context,
    maps: &'a Maps,
    choice: &'a Choice,
    args: &'a SegmentArgs,
    files: &Mutex<Files>,
) -> anyhow::Result<Outcome<'a>> {
    let start = Instant::now();
    let color_map = maps.color_map()?;
    let found = find::masks(context, (maps, &color_map), choice, args)?;
    let duration = start.elapsed();
    let palette = &found.analysis.palette;
    let distinct_colors = count_all_colors(context, &color_map, choice, palette)?;
    let left_out = count_left_out(context, &color_map, choice, palette)?;
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

    hint_at_edges(context, (maps, &color_map), choice, (args, &found), distinct_colors, left_out)?;
    let images = || maps.files.iter().map(|file| &file.input);
    let folders: Vec<PathBuf> = images().map(|image| args.folder(image)).collect();
    let channels = maps.shape.channels() as usize;
    let outcome = Outcome {
        args,
        maps,
        choice,
        display: match maps.floats() {
            Some(floats) => Display::widened(channels, floats),
            None if maps.has_ids() => Display::ids(channels),
            None if maps.is_cmyk() => Display::cmyk(),
            None => Display::new(channels),
        },
        backend: context.backend(),
        device: context.device_name().to_owned(),
        duration,
        distinct_colors,
        left_out,
        masks: masks::list(&found, choice, &folders, &args.outputs),
        stale: Vec::new(),
        unlisted: found.analysis.unlisted.clone(),
        merged: args.colors.merge.map(|_| found.analysis.merged.clone()),
        absorbed: args.colors.absorbs().then_some(found.analysis.absorbed),
        overviews: images().filter_map(|image| args.overview(image)).collect(),
        exports: images().map(|image| args.exports(image)).collect(),
        coco: Vec::new(),
        labels: images().filter_map(|image| args.labels(image)).collect(),
    };
    write(&outcome, &found, files)?;
    let stale = stale::files(&outcome);
    let coco = export::coco_images(&outcome, &found);
    Ok(Outcome { stale, coco, ..outcome })
}

/// How many colours or regions have enough pixels, and no mask since --max-count is what it is.
fn count_left_out(
    context: &mut Context,
    color_map: &ColorMap,
    choice: &Choice,
    palette: &Palette,
) -> anyhow::Result<u64> {
    let masks = palette.colors.len() as u64;
    let is_cut = masks > 0 && masks == choice.most_masks() && !choice.has_palette();
    if !is_cut {
        return Ok(0);
    }
    let settings = choice.settings();
    let selection = Selection { max_count: u32::MAX, ..settings.selection };
    let all = context.mask_count(color_map, &Params { selection, ..settings })?;
    Ok(u64::from(all).saturating_sub(masks))
}

/// The most frequent colours of a map that is painted flat are most of its colours; elsewhere, which option helps.
fn hint_at_edges(
    context: &mut Context,
    (maps, color_map): (&Maps, &ColorMap),
    choice: &Choice,
    (args, found): (&SegmentArgs, &Found),
    distinct: u64,
    left_out: u64,
) -> anyhow::Result<()> {
    /// A map of fewer colours may be flat.
    const MANY: u64 = 256;
    /// So many times more colours than masks are no flat map's.
    const MUCH: u64 = 8;
    let masks = found.analysis.palette.colors.len() as u64;
    let frequent = masks + left_out;
    let is_flat = distinct < MANY || distinct / MUCH < frequent;
    let is_lossy = maps.files.iter().any(|file| file.lossy.is_some());
    // Programs have the numbers.
    let is_cared_for =
        args.json || joins_near_colors(args) || args.colors.unmix.is_some() || choice.has_palette();
    if masks == 0 || maps.has_ids() || is_flat || is_lossy || is_cared_for || args.colors.connected.is_some()
    {
        return Ok(());
    }
    let rare = thousands(distinct - frequent);
    let few = thousands(args.min_pixels());
    let rounded = match args.colors.matching {
        MatchArg::Exact if maps.format() != Format::U8 => {
            let settings = Params { matching: Matching::EightBit, ..choice.all_colors() };
            u64::from(context.mask_count(color_map, &settings)?)
        }
        _ => distinct,
    };
    let all = Params {
        selection: Selection { max_count: u32::MAX, ..choice.settings().selection },
        ..choice.settings()
    };
    let pixels: u64 = match left_out {
        0 => found.analysis.palette.colors.iter().map(|color| color.pixels).sum(),
        _ => {
            let palette = analyze(context, color_map, &all, Outputs::default())?.palette;
            palette.colors.iter().map(|color| color.pixels).sum()
        }
    };
    let advice = match pixels as f64 / maps.pixels() as f64 {
        _ if rounded < distinct / 4 => "they differ by less than 8 bits tell: try --match 8bit",
        0.5.. => "edges are anti-aliased: try --unmix 2",
        _ => "the map is noisy, or a photo: try --merge 16/255",
    };
    hint(args, maps, &format!("{rare} colours have fewer than {few} pixels each; {advice}"));
    Ok(())
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
fn write(outcome: &Outcome, found: &Found, files: &Mutex<Files>) -> anyhow::Result<()> {
    let masks = outcome.masks.len();
    let most = outcome.args.outputs.label_bits.map(LabelBitsArg::most_masks);
    for file in &outcome.labels {
        labels::check_count(file, masks as u64, most)?;
    }
    export::check_count(outcome)?;
    with_files(files, |files| files.check_masks(outcome))?;
    let (written, overviews) = rayon::join(
        || masks::write(&outcome.masks, found, outcome.maps, &outcome.args.outputs),
        || draw_overviews(outcome, found),
    );
    written?;
    export::write(outcome, found)?;
    let Some(labels) = &found.labels else { return Ok(()) };
    let shape = outcome.maps.shape;
    for (map, file) in outcome.labels.iter().enumerate() {
        let size = [shape.width(), shape.height()];
        let picture = labels
            .picture(
                file,
                map * outcome.maps.plane(),
                size,
                most.unwrap_or(masks as u64),
                outcome.args.outputs.small_files,
            )
            .with_context(|| format!("{}: cannot be encoded", file.display()))?;
        with_files(files, |files| files.write(file, |out| Ok(out.write_all(&picture)?)))?;
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
