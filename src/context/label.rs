//! Labels by mask: where they come from, and handing them on.

use crate::backend::Backend;
use crate::context::choose::Chosen;
use crate::context::request::Input;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::labels::LabelMap;
use crate::runtime::call::Pass;
use crate::runtime::threads::Threads;
use crate::stages::connect::ConnectedMasks;
use crate::stages::group::{self, Grouping};
use crate::stages::unmix::Unmixed;
use crate::types::palette::ColorCount;

/// Labels the pixels of all images, which share a palette or have one each, and hands on the parts.
pub(super) fn label_images(
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
            group::in_no_mask(pixels.shape().plane(), mask_count, &mut labelled)?;
        } else {
            source.label(labeler, pixels, &palette.colors, mask_count, threads, &mut labelled)?;
        }
        start += pixels.shape().plane();
    }
    Ok(())
}

/// Where labels by mask come from.
#[derive(Debug, Default)]
pub(super) enum Source {
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
    pub(super) fn label(
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
        let pass = Pass::new(1.0);
        let pixel_count = pixels.shape().plane() as f64;
        let mut each = |first_pixel: usize, labels: &LabelMap| {
            let _part = pass.until((first_pixel + labels.len()) as f64 / pixel_count);
            labelled(first_pixel, labels)
        };
        match self {
            Self::Colors => labeler.label(pixels, palette, threads, &mut each),
            Self::Grouped(grouping) => {
                grouping.mask_count = mask_count;
                let colors = std::mem::take(&mut grouping.colors);
                labeler.label(pixels, &colors, threads, &mut |first_pixel, labels| {
                    grouping.regroup(labels, first_pixel, threads, &mut each)
                })?;
                grouping.colors = colors;
                Ok(())
            }
            Self::Unmixed(unmixed) => labelled(0, unmixed.labels_of(mask_count)?),
            Self::Connected(masks) => masks.label(mask_count, threads, labelled),
        }
    }
}

/// Calls `each` with the pixels that were shared out, and the first pixel of their images.
pub(super) fn each_unmixed(
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
