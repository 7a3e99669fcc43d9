//! Small regions become their neighbours', and small holes are filled. Shared by both backends.
//!
//! **Problem.** Maps that were scanned, compressed or classified have specks: regions of a few pixels, pixels without a mask,
//! holes in masks. They are to go to what is around them, by a rule that the image alone decides.
//!
//! ```text
//! regions: of one mask, or of pixels without a mask, connected by 4 or 8
//! small: those of a mask with fewer than `pixels` pixels, those without a mask with fewer than `unmasked`
//! round 0: all regions of masks that are not small keep their mask
//! for each round from 1 on: for each small region that has a side in common with one of an earlier round:
//!     it gets the mask with which it has the most pixel sides in common, counted where the other pixel is of a region of an
//!     earlier round, of equal ones the first mask
//! small regions that no round reaches stay what they are
//!
//! for each mask, the first one first: holes, which are regions of pixels that are not of the mask, connected by the other of
//!     4 and 8, that do not touch the image's border: those of at most `holes` pixels become the mask
//! ```
//!
//! **Why it is exact.** What a region becomes depends on earlier rounds alone, never on others of its own, so that the order
//! within a round makes no difference. It belongs to the round behind that of its nearest neighbour: rounds are the levels of
//! a breadth-first search, and each region is decided once. Holes consist of whole 4-connected regions, whatever they are
//! connected by, which `holes.rs` goes through in place of pixels.
//!
//! **Cost.** Linear in the runs of rows, and in the borders of small regions. Holes: linear where masks have few small
//! regions around them; each mask looks at each small region once at most. One thread, but for labels and runs.
//!
//! **Prior art.** GDAL's sieve filter, which gives small polygons to their largest neighbour; `dust` of cc3d; elimination of
//! sliver polygons by the longest common border in geographic information systems.

mod decide;
mod holes;
pub(crate) mod regions;

use std::fmt;

use crate::error::Error;
use crate::labels::run_map::RunMap;
use crate::labels::{LabelMap, NO_MASK, TILE};
use crate::runtime::alloc::try_collect;
use crate::runtime::threads::Threads;
use crate::types::matching::Connectivity;
use crate::types::outputs::{AbsorbedRegions, LabelWidth};
use crate::types::palette::ColorCount;

/// What is to become of small regions and holes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Absorbing {
    /// Regions of masks with fewer pixels are absorbed.
    pub(crate) pixels: u64,
    /// Regions of pixels without a mask with fewer pixels are absorbed.
    pub(crate) unmasked: u64,
    /// Holes of at most so many pixels are filled.
    pub(crate) holes: u64,
    pub(crate) connectivity: Connectivity,
}

/// The first setting that asks for it, and its value.
impl fmt::Display for Absorbing {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { pixels, unmasked, holes, .. } = *self;
        let settings = [("absorb_pixels", pixels), ("absorb_unmasked", unmasked), ("fill_holes", holes)];
        let on = settings.iter().find(|&&(name, value)| value > u64::from(name != "fill_holes"));
        on.map_or(Ok(()), |(name, value)| write!(f, "{name} is {value}"))
    }
}

/// The label map of all images, in which small regions are their neighbours'.
#[derive(Debug)]
pub(crate) struct Absorbed {
    labels: LabelMap,
    width: LabelWidth,
}

impl Absorbing {
    /// Changes the masks of small regions and holes, and tells how much has changed.
    pub(crate) fn apply(&self, map: &mut RunMap) -> Result<AbsorbedRegions, Error> {
        let mut report = AbsorbedRegions::default();
        if self.pixels > 1 || self.unmasked > 1 {
            decide::absorb(map, self, &mut report)?;
        }
        if self.holes > 0 {
            holes::fill(map, self.holes, self.connectivity, &mut report)?;
        }
        Ok(report)
    }
}

/// Gives each colour of the palette the pixels that its mask has.
pub(crate) fn count_pixels(map: &RunMap, palette: &mut [ColorCount]) {
    palette.iter_mut().for_each(|entry| entry.pixels = 0);
    for line in 0..map.lines() {
        for (run, pixels) in map.line_with_lengths(line).filter(|(run, _)| run.mask != NO_MASK) {
            palette[run.mask as usize].pixels += u64::from(pixels);
        }
    }
}

impl Absorbed {
    /// The labels of a map that has so many masks.
    pub(crate) fn new(map: &RunMap, mask_count: usize, threads: &Threads) -> Result<Self, Error> {
        let frame = map.frame();
        let width = LabelWidth::for_labels_up_to(mask_count);
        let mut labels = LabelMap::default();
        let lines = (TILE / frame.width).max(1);
        let bytes = labels.start(frame.width * frame.height * frame.images, width)?;
        let parts = bytes.chunks_mut(lines * frame.width * width.bytes());
        let parts = try_collect((0..).step_by(lines).zip(parts))?;
        threads.for_each(parts, |(first, part)| match width {
            LabelWidth::One => write(map, first, part, |label| label as u8),
            LabelWidth::Two => write(map, first, bytemuck::cast_slice_mut(part), |label| label as u16),
            LabelWidth::Four => write(map, first, bytemuck::cast_slice_mut(part), |label| label),
        })?;
        labels.finish_uniform(width, mask_count)?;
        Ok(Self { labels, width })
    }

    /// The labels for so many masks, of which those that were not known are empty.
    pub(crate) fn labels_of(&mut self, mask_count: usize) -> Result<&LabelMap, Error> {
        self.labels.finish_uniform(self.width, mask_count)?;
        Ok(&self.labels)
    }
}

/// Writes the labels of some lines, from `first` on.
fn write<L: Copy>(map: &RunMap, first: usize, labels: &mut [L], narrow: impl Fn(u32) -> L) {
    for (line, labels) in (first..).zip(labels.chunks_mut(map.frame().width)) {
        for (run, pixels) in map.line_with_lengths(line) {
            // NO_MASK plus one is 0.
            labels[run.start as usize..][..pixels as usize].fill(narrow(run.mask.wrapping_add(1)));
        }
    }
}
