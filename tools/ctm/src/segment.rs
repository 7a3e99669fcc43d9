//! Maps in memory → masks → files.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use ctm::{ColorMap, Context, Palette, Params, Selection};

use crate::args::{LabelBitsArg, SegmentArgs};
use crate::color::Display;
use crate::files::Files;
use crate::find::{self, Found};
use crate::hints::Advice;
use crate::labels;
use crate::maps::Maps;
use crate::masks;
use crate::outcome::Outcome;
use crate::settings::Choice;
use crate::{export, overview, save, stale};

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
    let distinct = distinct_colors;
    Advice { maps, color_map: &color_map, choice, args, found: &found, distinct, left_out }.give(context)?;
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
        with_files(files, |files| files.write(file, &picture))?;
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
