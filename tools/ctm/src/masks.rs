//! Masks, where they lie, and their PNG files.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ctm::{MaskStats, Palette};
use indicatif::{ProgressBar, ProgressStyle};
use png::{BitDepth, ColorType};
use rayon::prelude::*;

use crate::args::{MaskFormatArg, OutputArgs};
use crate::find::{Found, row_bytes};
use crate::maps::Maps;
use crate::png::{Picture, encoded};
use crate::save;
use crate::settings::Choice;
use crate::template::Named;

/// Fewer pixels than this are written before a progress bar could be read.
const LONG_WORK: u64 = 30_000_000;

/// One mask: its colour, and what of it is in each map.
#[derive(Debug)]
pub(crate) struct Mask {
    /// The values of the image's channels.
    pub(crate) color: Vec<f32>,
    /// As the image stores them, if they are integers.
    pub(crate) stored: Option<Vec<i64>>,
    /// Two hexadecimal digits per channel, if there are such.
    pub(crate) hex: Option<String>,
    /// What tells it from others in names: its ids, or `hex`.
    pub(crate) suffix: Option<String>,
    /// What it is called where it has no name: its number and suffix.
    pub(crate) plain: String,
    /// The colour as people read it.
    pub(crate) text: String,
    /// What the palette calls it.
    pub(crate) name: Option<String>,
    /// Its pixels in all maps.
    pub(crate) pixels: u64,
    /// Its part in each map.
    pub(crate) parts: Vec<Part>,
}

impl Mask {
    /// What the palette calls it, else its number and colour.
    pub(crate) fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.plain)
    }
}

/// The part of a mask that is in one map.
#[derive(Debug)]
pub(crate) struct Part {
    /// Where its pixels lie.
    pub(crate) region: MaskStats,
    /// The picture, if there is one.
    pub(crate) file: Option<PathBuf>,
}

/// Digits of the numbers of so many masks in names: three, or more where they are needed.
pub(crate) fn digits(masks: usize) -> usize {
    masks.to_string().len().max(3)
}

/// Lists what was found, and names the files: `mask-001-ff8000.png`, or without the colour where it is not n/255.
/// `folders` has each map's.
pub(crate) fn list(found: &Found, choice: &Choice, folders: &[PathBuf], args: &OutputArgs) -> Vec<Mask> {
    let Palette { colors, .. } = &found.analysis.palette;
    let digits = digits(colors.len());
    let regions = found.analysis.mask_stats.chunks_exact(folders.len());
    let mask = |(index, (entry, regions)): (usize, (&ctm::ColorCount, &[MaskStats]))| {
        let color = choice.color(&entry.color);
        let (hex, suffix) = (choice.hex(&entry.color), choice.suffix(&entry.color));
        let (stored, ids) = (choice.stored(&entry.color), choice.ids(&entry.color));
        let called = choice.name(index, &entry.color);
        let pixels = regions.iter().map(|region| region.pixels).sum();
        let tail = suffix.as_ref().map_or(String::new(), |suffix| format!("-{suffix}"));
        let plain = format!("mask-{:0digits$}{tail}", index + 1);
        let name = match &args.names {
            Some(template) => template.name(&Named {
                index: index + 1,
                digits,
                name: called.as_deref(),
                hex: hex.as_deref(),
                id: ids.as_deref(),
                pixels,
            }),
            None => format!("{plain}.png"),
        };
        let part = |(folder, &region): (&PathBuf, &MaskStats)| {
            // A PNG has at least one pixel.
            let has_file = args.has_pngs() && (!args.cropped || region.width > 0);
            Part { region, file: has_file.then(|| folder.join(&name)) }
        };
        Mask {
            color,
            stored,
            hex,
            suffix,
            plain,
            text: choice.text(&entry.color),
            name: called,
            pixels,
            parts: folders.iter().zip(regions).map(part).collect(),
        }
    };
    colors.iter().zip(regions).enumerate().map(mask).collect()
}

/// A picture to write: its file, its first byte, where it was cropped from.
type Job<'a> = (&'a Path, usize, Option<MaskStats>);

/// Writes all masks, with a progress bar where someone watches and it takes long.
pub(crate) fn write(masks: &[Mask], found: &Found, maps: &Maps, args: &OutputArgs) -> anyhow::Result<()> {
    let whole = [maps.shape.width(), maps.shape.height()];
    let plane = row_bytes(whole[0], args) * whole[1] as usize;
    let parts = masks.iter().flat_map(|mask| &mask.parts).enumerate();
    let jobs: Vec<Job> = parts
        .filter_map(|(index, part)| {
            let file = part.file.as_deref()?;
            Some(match found.analysis.crop_starts.get(index) {
                Some(&start) => (file, start as usize, Some(part.region)),
                None => (file, index * plane, None),
            })
        })
        .collect();
    let long = found.planes.len() as u64 >= LONG_WORK && jobs.len() > 1 && std::io::stderr().is_terminal();
    let bar = if long { ProgressBar::new(jobs.len() as u64) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("writing masks [{bar:40}] {pos}/{len}")?.progress_chars("=> "),
    );
    bar.tick();
    let result = jobs.par_iter().try_for_each(|&(file, start, crop)| {
        let size = crop.map_or(whole, |region| [region.width, region.height]);
        let place = crop.map(|region| [region.left, region.top]);
        let depth = match args.mask_format {
            MaskFormatArg::EightBit => BitDepth::Eight,
            MaskFormatArg::OneBit => BitDepth::One,
        };
        let bytes = row_bytes(size[0], args) * size[1] as usize;
        let picture = Picture { size, color: ColorType::Grayscale, depth, place };
        let png = encoded(&found.planes[start..start + bytes], &picture, args.small_files)
            .with_context(|| format!("{}: cannot be encoded", file.display()))?;
        save::bytes(file, &png)?;
        bar.inc(1);
        Ok(())
    });
    bar.finish_and_clear();
    result
}
