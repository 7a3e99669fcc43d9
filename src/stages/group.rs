//! Several colours to a mask: a label map by colour becomes one by mask.

use crate::error::Error;
use crate::labels::{KeptTile, LabelMap, Labels, NO_MASK, TILE};
use crate::runtime::alloc::{try_collect, try_with_capacity};
use crate::runtime::call::ProgressSpan;
use crate::runtime::threads::Threads;
use crate::stages::nearest::NONE;
use crate::types::outputs::LabelWidth;
use crate::types::palette::ColorCount;

/// Tiles that are relabelled in one go, for each thread.
const TILES: usize = 16;

/// The masks of some colours.
#[derive(Debug)]
pub(crate) struct Grouping {
    /// Those that are in a mask.
    pub(crate) colors: Vec<ColorCount>,
    /// The mask of each.
    masks: Vec<u32>,
    pub(crate) mask_count: usize,
    part: LabelMap,
}

/// Colours, and the masks that their pixels are in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Masked<'a> {
    pub(crate) colors: &'a [ColorCount],
    /// The mask of each; `None`: each colour has its own.
    pub(crate) masks: Option<&'a [u32]>,
    pub(crate) mask_count: usize,
}

impl<'a> Masked<'a> {
    /// Each colour has a mask of its own.
    pub(crate) fn each(colors: &'a [ColorCount]) -> Self {
        Self { colors, masks: None, mask_count: colors.len() }
    }

    /// The label of a colour: the number of its mask plus one.
    pub(crate) fn label(&self, color: usize) -> u32 {
        // Lossless: the number of masks is a u32.
        self.masks.map_or(color as u32, |masks| masks[color]) + 1
    }
}

impl Grouping {
    /// The colours and their masks.
    pub(crate) fn masked(&self) -> Masked<'_> {
        Masked { colors: &self.colors, masks: Some(&self.masks), mask_count: self.mask_count }
    }

    /// Of `colors` those with a mask; `masks` has the mask of each or `NONE`.
    pub(crate) fn new(colors: &[ColorCount], masks: &[u32], mask_count: usize) -> Result<Self, Error> {
        let grouped = || colors.iter().zip(masks).filter(|&(_, &mask)| mask != NONE);
        let count = grouped().count();
        let (mut kept, mut kept_masks) = (try_with_capacity(count)?, try_with_capacity(count)?);
        kept.extend(grouped().map(|(&color, _)| color));
        kept_masks.extend(grouped().map(|(_, &mask)| mask));
        Ok(Self { colors: kept, masks: kept_masks, mask_count, part: LabelMap::default() })
    }

    /// Colours that have a mask each, of so many masks; the others have no pixel.
    pub(crate) fn of_palette(palette: &[ColorCount], mask_count: usize) -> Result<Self, Error> {
        let mut own = try_with_capacity(palette.len())?;
        own.extend(0..palette.len() as u32); // as many as there are masks at most, a u32
        Self::new(palette, &own, mask_count)
    }

    /// Hands on the labels by mask of a part of the image, from `first_pixel` on, in smaller parts.
    pub(crate) fn regroup(
        &mut self,
        labels: &LabelMap,
        first_pixel: usize,
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let width = LabelWidth::for_labels_up_to(self.mask_count);
        let mut numbers = labels.masks_by_label()?; // by colour as yet
        for number in numbers.iter_mut().flatten() {
            // The label of a mask is its number plus one.
            *number = if *number == NO_MASK { 0 } else { self.masks[*number as usize] + 1 };
        }
        let tiles = try_collect(labels.tiles())?;
        let mut first = first_pixel;
        for tiles in tiles.chunks(TILES * threads.count()) {
            let pixels = tiles.iter().map(KeptTile::len).sum();
            let rooms = self.part.start(pixels, width)?.chunks_mut(TILE * width.bytes());
            // What becomes of the labels is what takes time.
            let relabelling = ProgressSpan::new(0.0);
            let done = threads.share(try_collect(tiles.iter().zip(rooms))?, threads.count(), |queue| {
                let mut room = labels.scratch()?;
                while let Some((tile, target)) = queue.take() {
                    let tile = tile.read(&mut room);
                    let numbers = &numbers[tile.dictionary][..];
                    match tile.labels {
                        Labels::One(labels) => relabel(labels, numbers, target, width),
                        Labels::Two(labels) => relabel(labels, numbers, target, width),
                        Labels::Four(labels) => relabel(labels, numbers, target, width),
                    }
                }
                Ok(())
            })?;
            done.into_iter().collect::<Result<(), Error>>()?;
            drop(relabelling);
            self.part.finish_uniform(width, self.mask_count)?;
            labelled(first, &self.part)?;
            first += pixels;
        }
        Ok(())
    }
}

/// Hands on labels that say that pixels are in none of so many masks.
pub(crate) fn in_no_mask(
    pixels: usize,
    mask_count: usize,
    labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut part = LabelMap::default();
    for first in (0..pixels).step_by(TILES * TILE) {
        part.start((TILES * TILE).min(pixels - first), LabelWidth::One)?.fill(0);
        part.finish_empty(mask_count)?;
        labelled(first, &part)?;
    }
    Ok(())
}

fn relabel<L: Copy + Into<u32>>(labels: &[L], numbers: &[u32], target: &mut [u8], width: LabelWidth) {
    let number = |&label: &L| numbers.get(label.into() as usize).copied().unwrap_or(0);
    match width {
        LabelWidth::One => {
            for (target, label) in target.iter_mut().zip(labels) {
                *target = number(label) as u8;
            }
        }
        LabelWidth::Two => {
            for (target, label) in bytemuck::cast_slice_mut::<u8, u16>(target).iter_mut().zip(labels) {
                *target = number(label) as u16;
            }
        }
        LabelWidth::Four => {
            for (target, label) in bytemuck::cast_slice_mut::<u8, u32>(target).iter_mut().zip(labels) {
                *target = number(label);
            }
        }
    }
}
