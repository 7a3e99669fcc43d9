//! Connected regions: a label map by colour becomes one in which each region has a mask of its own. Shared by both
//! backends.
//!
//! **Problem.** Pixels of one label that touch, by sides or by corners, too, are a region. Regions are to be counted, the
//! largest selected, and each pixel labelled with its region's mask, on all threads, with the same result whatever the
//! image was divided into.
//!
//! ```text
//! for each strip of 4 tiles, on all threads:
//!     find its components: run by run (scan_runs.rs), or pixel by pixel where most runs are short (scan_pixels.rs);
//!     they are numbered by their first pixels
//! for each border of two strips: union what touches across it (borders.rs)
//! number the regions by (pixels, colour, first pixel) (order.rs); label the pixels again (masks.rs)
//! ```
//!
//! **Why it is exact.** Two pixels of a label are in a region if and only if a chain of touching pixels connects them. Each
//! pair that touches is seen: within a strip, or at its border. `union` always keeps the component with the earlier first
//! pixel, so that numbers, and with them all ties, depend on the image alone.
//!
//! **Cost.** Linear in pixels, but for the paths of unions, which are halved; 12 bytes a run or 2 a pixel, 8 a component.
//! Borders are one thread's work: a row for each strip.
//!
//! **Prior art.** Run-based two-scan labelling (He, Chao, Suzuki: *A Run-Based Two-Scan Labeling Algorithm*, IEEE
//! Transactions on Image Processing 17, 2008); union-find with path halving (Tarjan, van Leeuwen: *Worst-Case Analysis of
//! Set Union Algorithms*, Journal of the ACM 31, 1984); strips on threads, then borders (Gupta, Palsetia, Patwary, Agrawal,
//! Choudhary: *A New Parallel Algorithm for Two-Pass Connected Component Labeling*, IPDPS workshops 2014).

mod borders;
mod masks;
mod order;
mod scan_pixels;
mod scan_runs;
mod strip;

use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use crate::labels::{KeptTile, LabelMap, LabelScratch, Labels, TILE};
use crate::runtime::alloc::{no_memory, try_collect, try_push, try_with_capacity, try_zeroed};
use crate::runtime::threads::{Queue, Threads};
use crate::stages::connect::borders::{Borders, Components};
use crate::stages::connect::order::Ordered;
use crate::stages::connect::scan_pixels::Value;
use crate::stages::connect::scan_runs::RunScan;
use crate::stages::connect::strip::{Component, Pieces, STRIP, STRIP_TILES, Strip};
use crate::types::outputs::LabelWidth;
use crate::types::palette::ColorCount;

pub(crate) use masks::ConnectedMasks;
pub(crate) use order::Wanted;
pub(crate) use strip::{Area, RegionMemory};

/// The regions of some label maps, found part by part.
#[derive(Debug)]
pub(crate) struct Connected {
    area: Area,
    strips: Vec<Strip>,
    /// Of each strip, in the order of their first pixels.
    components: Components,
    borders: Borders,
    memory: Mutex<RegionMemory>,
}

/// What [`Connected::select`] finds.
#[derive(Debug)]
pub(crate) enum SelectedRegions {
    /// How many regions get a mask, their colours and pixels where those are to be listed, and the masks.
    Masks(usize, Vec<ColorCount>, ConnectedMasks),
    /// How many there are: more than are of use.
    TooMany(u32),
}

/// How a strip's components are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Road {
    Runs,
    Pixels,
}

impl Connected {
    pub(crate) fn new(area: Area, memory: RegionMemory) -> Self {
        let (strips, components) = (Vec::new(), Vec::new());
        Self { area, strips, components, borders: Borders::default(), memory: Mutex::new(memory) }
    }

    /// Adds a part of the images, from `first_pixel` on. Parts come in order; at pixel 0 all begins anew.
    pub(crate) fn add(
        &mut self,
        labels: &LabelMap,
        first_pixel: usize,
        threads: &Threads,
    ) -> Result<(), Error> {
        let road = |tiles: &[KeptTile], scratch: &mut LabelScratch| match has_short_runs(tiles, scratch) {
            true => Road::Pixels,
            false => Road::Runs,
        };
        self.add_by(labels, first_pixel, threads, road)
    }

    fn add_by(
        &mut self,
        labels: &LabelMap,
        first_pixel: usize,
        threads: &Threads,
        road: impl Fn(&[KeptTile], &mut LabelScratch) -> Road + Sync,
    ) -> Result<(), Error> {
        if first_pixel == 0 {
            self.strips.clear();
            self.components.clear();
            self.borders.clear();
        }
        let masks = labels.masks_by_label()?;
        let mask_count = labels.tiles().next().map_or(0, |tile| tile.mask_count());
        let tiles = try_collect(labels.tiles())?;
        let strips = try_collect(tiles.chunks(STRIP_TILES).zip((first_pixel..).step_by(STRIP)))?;
        let (area, memory) = (self.area, &self.memory);
        let found = threads.share(strips, threads.count(), |queue| {
            let scan = StripScan { area, labels, masks: &masks, road: &road, memory };
            match LabelWidth::for_labels_up_to(mask_count) {
                LabelWidth::One => scan.scan_strips::<u8>(queue, |label| label as u8),
                LabelWidth::Two => scan.scan_strips::<u16>(queue, |label| label as u16),
                LabelWidth::Four => scan.scan_strips::<u32>(queue, |label| label),
            }
        })?;
        let mut all: Vec<(Strip, Vec<Component>)> = try_with_capacity(tiles.len().div_ceil(STRIP_TILES))?;
        for found in found {
            all.append(&mut found?); // there is room
        }
        all.sort_unstable_by_key(|(strip, _)| strip.first);
        self.strips.try_reserve(all.len()).map_err(|_| no_memory::<Strip>(all.len()))?;
        for (strip, components) in all {
            self.strips.push(strip);
            try_push(&mut self.components, components)?;
            self.borders.union_last(&area, &self.strips, &mut self.components)?;
        }
        Ok(())
    }

    /// Gives masks to the regions that are wanted, the largest first; tells how many there are, where those are more than
    /// `useful`.
    pub(crate) fn select(
        mut self,
        wanted: &Wanted,
        useful: usize,
        threads: &Threads,
    ) -> Result<SelectedRegions, Error> {
        self.borders.finish(&mut self.components)?;
        match order::number(&mut self.components, &self.borders, wanted, useful, threads)? {
            Ok(Ordered { count, list }) => {
                self.borders.spread(&mut self.components);
                let masks = ConnectedMasks::new(count, self.strips, self.components);
                Ok(SelectedRegions::Masks(count, list, masks))
            }
            Err(count) => Ok(SelectedRegions::TooMany(count)),
        }
    }
}

/// Whether most of a strip's runs are so short that pixel by pixel is faster: some of its pixels are looked at.
fn has_short_runs(tiles: &[KeptTile], scratch: &mut LabelScratch) -> bool {
    /// Fewer pixels are not worth the memory of a strip.
    const LEAST: usize = 1 << 12;
    /// Runs of fewer pixels are short.
    const SHORT: usize = 8;
    /// Of so many pixels …
    const EVERY: usize = 1024;
    /// … so many are looked at.
    const LOOKED_AT: usize = 64;
    fn ends<L: Eq>(labels: &[L]) -> usize {
        let blocks = labels.chunks(EVERY).map(|block| &block[..LOOKED_AT.min(block.len())]);
        blocks.map(|block| block.windows(2).filter(|pair| pair[0] != pair[1]).count()).sum()
    }
    let pixels: usize = tiles.iter().map(KeptTile::len).sum();
    if pixels < LEAST {
        return false;
    }
    let ends = tiles.iter().map(|tile| match tile.read(scratch).labels {
        Labels::One(labels) => ends(labels),
        Labels::Two(labels) => ends(labels),
        Labels::Four(labels) => ends(labels),
    });
    ends.sum::<usize>() * SHORT > pixels / EVERY * LOOKED_AT
}

/// Finds strips' components.
struct StripScan<'a, R> {
    area: Area,
    labels: &'a LabelMap,
    /// Per dictionary, the mask of each label.
    masks: &'a [Vec<u32>],
    road: &'a R,
    memory: &'a Mutex<RegionMemory>,
}

/// Tiles of a strip, and its first pixel.
type StripTiles<'t, 'a> = (&'t [KeptTile<'a>], usize);

impl<R: Fn(&[KeptTile], &mut LabelScratch) -> Road> StripScan<'_, R> {
    /// Finds the components of the strips that a thread takes.
    fn scan_strips<M: Value>(
        &self,
        queue: &Queue<StripTiles>,
        narrow: impl Fn(u32) -> M,
    ) -> Result<Vec<(Strip, Vec<Component>)>, Error> {
        let mut scratch = self.labels.scratch()?;
        let mut values = Vec::new();
        let mut found = Vec::new();
        while let Some((tiles, first)) = queue.take() {
            let pixels = tiles.iter().map(KeptTile::len).sum();
            let (pieces, components) = match (self.road)(tiles, &mut scratch) {
                Road::Runs => self.scan_runs(tiles, first, &mut scratch)?,
                Road::Pixels => {
                    if values.is_empty() {
                        values = try_zeroed(STRIP)?;
                    }
                    self.translate(tiles, first, &mut scratch, &mut values, &narrow);
                    self.scan_pixels(first, pixels, &values)?
                }
            };
            try_push(&mut found, (Strip { first, pixels, pieces }, components))?;
        }
        Ok(found)
    }

    fn scan_runs(
        &self,
        tiles: &[KeptTile],
        first: usize,
        scratch: &mut LabelScratch,
    ) -> Result<(Pieces, Vec<Component>), Error> {
        let mut scan = RunScan::new(self.area, first);
        for (tile, first) in tiles.iter().zip((first..).step_by(TILE)) {
            let tile = tile.read(scratch);
            scan.add(&tile, &self.masks[tile.dictionary], first)?;
        }
        let (runs, components) = scan.finish()?;
        Ok((Pieces::Runs(runs), components))
    }

    fn scan_pixels<M: Value>(
        &self,
        first: usize,
        pixels: usize,
        values: &[M],
    ) -> Result<(Pieces, Vec<Component>), Error> {
        let mut parents = match self.kept(|memory| memory.pixels.pop()) {
            Some(pixels) => pixels,
            None => try_zeroed(STRIP)?,
        };
        let mut components = self.kept(|memory| memory.components.pop()).unwrap_or_default();
        let (Some(values), Some(whole)) = (values.first_chunk(), parents.first_chunk_mut()) else {
            return Err(Error::Internal("a strip has less memory than pixels".to_owned()));
        };
        scan_pixels::scan(&self.area, first, pixels, values, whole, &mut components)?;
        Ok((Pieces::Pixels(parents), components))
    }

    /// Memory of an earlier call's, if there is some.
    fn kept<T>(&self, take: impl FnOnce(&mut RegionMemory) -> Option<T>) -> Option<T> {
        take(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The masks of a strip's pixels plus one, 0 for none.
    fn translate<M: Value>(
        &self,
        tiles: &[KeptTile],
        first: usize,
        scratch: &mut LabelScratch,
        values: &mut [M],
        narrow: &impl Fn(u32) -> M,
    ) {
        for (tile, values) in tiles.iter().zip(values.chunks_mut(TILE)) {
            let tile = tile.read(scratch);
            // NO_MASK plus one is 0.
            let masks = &self.masks[tile.dictionary];
            let number =
                |label: u32| narrow(masks.get(label as usize).map_or(0, |mask| mask.wrapping_add(1)));
            match tile.labels {
                Labels::One(labels) => each(values, labels, number),
                Labels::Two(labels) => each(values, labels, number),
                Labels::Four(labels) => each(values, labels, number),
            }
        }
        let frame = self.area.frame;
        if self.area.first_image {
            let wanted = (frame.width * frame.height).saturating_sub(first);
            values.iter_mut().skip(wanted).for_each(|value| *value = M::default());
        }
    }
}

fn each<L: Copy + Into<u32>, M>(values: &mut [M], labels: &[L], number: impl Fn(u32) -> M) {
    for (value, &label) in values.iter_mut().zip(labels) {
        *value = number(label.into());
    }
}
