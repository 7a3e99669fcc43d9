//! Mask planes become PNG files.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ctm::{ColorCount, Shape};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::color;
use crate::interrupt;
use crate::memory::zeroed;

/// Fewer pixels than this are written before a progress bar could be read.
const LONG_WORK: u64 = 30_000_000;

/// One mask: its colour and where its picture goes.
#[derive(Debug)]
pub(crate) struct Mask {
    /// The values of the image's channels.
    pub(crate) color: Vec<f32>,
    /// Pixels of that colour.
    pub(crate) pixels: u64,
    /// The picture.
    pub(crate) file: PathBuf,
}

/// Names the masks' files: `mask-001-ff8000.png`, or without the colour where it is not n/255.
pub(crate) fn list(colors: &[ColorCount], channels: usize, folder: &Path) -> Vec<Mask> {
    let digits = colors.len().to_string().len().max(3);
    let mask = |(index, entry): (usize, &ColorCount)| {
        let color = color::values(&entry.color, channels);
        let suffix = color::hex(&color).map_or(String::new(), |hex| format!("-{hex}"));
        let file = folder.join(format!("mask-{:0digits$}{suffix}.png", index + 1));
        Mask { color, pixels: entry.pixels, file }
    };
    colors.iter().enumerate().map(mask).collect()
}

/// Writes all masks, with a progress bar where someone watches and it takes long.
pub(crate) fn write(masks: &[Mask], planes: &[f32], shape: Shape) -> anyhow::Result<()> {
    let plane = shape.pixels() as usize;
    let long = planes.len() as u64 >= LONG_WORK && masks.len() > 1 && std::io::stderr().is_terminal();
    let bar = if long { ProgressBar::new(masks.len() as u64) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("writing masks [{bar:40}] {pos}/{len}")?.progress_chars("=> "),
    );
    bar.tick();
    let result = masks.par_iter().zip(planes.par_chunks_exact(plane)).try_for_each(|(mask, plane)| {
        interrupt::check()?;
        let mut grey: Vec<u8> = zeroed(plane.len() as u128, "a mask's picture needs")?;
        for (to, &from) in grey.iter_mut().zip(plane) {
            *to = if from == 0.0 { 0 } else { 255 };
        }
        write_png(&mask.file, &grey, shape.width(), shape.height(), ExtendedColorType::L8)?;
        bar.inc(1);
        Ok(())
    });
    bar.finish_and_clear();
    result
}

/// Writes one PNG file.
pub(crate) fn write_png(
    path: &Path,
    bytes: &[u8],
    width: u32,
    height: u32,
    color_type: ExtendedColorType,
) -> anyhow::Result<()> {
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Up)
        .write_image(bytes, width, height, color_type)
        .with_context(|| format!("{}: cannot be encoded", path.display()))?;
    fs::write(path, png).with_context(|| format!("{}: cannot be written", path.display()))
}
