//! What was chosen for the images that share a palette: their masks, and where labels by mask come from.

use crate::backend::Backend;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::labels::LabelMap;
use crate::runtime::alloc::no_memory;
use crate::runtime::call::ProgressSpan;
use crate::runtime::threads::Threads;
use crate::stages::absorb::Absorbed;
use crate::stages::connect::ConnectedMasks;
use crate::stages::group::Grouping;
use crate::stages::unmix::Unmixed;
use crate::types::outputs::{AbsorbedRegions, MergedColors, UnlistedColors};
use crate::types::palette::{ColorCount, Palette};

/// What gets a mask of the images that share a palette.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) mask_count: u32,
    /// Empty where there are more colours than are of use.
    pub(super) palette: Palette,
    pub(super) source: LabelSource,
    /// Where all colours were listed.
    pub(super) unlisted: Option<UnlistedList>,
    pub(super) merged: MergedColors,
    pub(super) absorbed: AbsorbedRegions,
}

/// What gets a mask, and what the caller is told of other colours.
pub(super) struct Found {
    pub(super) chosen: Vec<Chosen>,
    pub(super) mask_count: u32,
    pub(super) unlisted: Option<UnlistedColors>,
    pub(super) merged: MergedColors,
    pub(super) absorbed: AbsorbedRegions,
    /// Whether each image has a backend that knows its pixels.
    pub(super) side_by_side: bool,
}

/// Colours that are in no mask.
#[derive(Debug, Default)]
pub(super) struct UnlistedList {
    pub(super) pixels: u64,
    pub(super) colors: u64,
    pub(super) list: Vec<ColorCount>,
}

impl UnlistedList {
    pub(super) fn add(&mut self, entry: ColorCount) -> Result<(), Error> {
        self.list.try_reserve(1).map_err(|_| no_memory::<ColorCount>(self.list.len() + 1))?;
        self.list.push(entry);
        self.pixels += entry.pixels;
        self.colors += 1;
        Ok(())
    }
}

/// Where labels by mask come from.
#[derive(Debug, Default)]
pub(super) enum LabelSource {
    /// From the backend: each mask has a colour.
    #[default]
    Colors,
    /// From the backend: several colours may share a mask.
    Grouped(Grouping),
    /// From those labels, and pixels that were shared out.
    Unmixed(Unmixed),
    /// From labels in which small regions are their neighbours', or in which regions go on in other parts.
    Absorbed(Absorbed),
    /// From the masks' regions.
    Connected(ConnectedMasks),
}

impl LabelSource {
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
        let pass = ProgressSpan::new(1.0);
        let pixel_count = pixels.grid().len() as f64;
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
            Self::Absorbed(absorbed) => labelled(0, absorbed.labels_of(mask_count)?),
            Self::Connected(masks) => masks.label(mask_count, threads, labelled),
        }
    }
}
