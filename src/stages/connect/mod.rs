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
mod numbers;
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
    Masks(usize, Vec<ColorCount>, Box<ConnectedMasks>),
    /// How many there are: more than are of use.
    TooMany(u32),
}

/// How a strip's components are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
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
        let method = |tiles: &[KeptTile], scratch: &mut LabelScratch| match has_short_runs(tiles, scratch) {
            true => Method::Pixels,
            false => Method::Runs,
        };
        self.add_by(labels, first_pixel, threads, method)
    }

    fn add_by(
        &mut self,
        labels: &LabelMap,
        first_pixel: usize,
        threads: &Threads,
        method: impl Fn(&[KeptTile], &mut LabelScratch) -> Method + Sync,
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
            let scan = StripScan { area, labels, masks: &masks, method: &method, memory };
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
            Ok(Ordered { count, list, numbers }) => {
                let masks = ConnectedMasks::new(count, self.strips, self.components, numbers);
                Ok(SelectedRegions::Masks(count, list, Box::new(masks)))
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
    method: &'a R,
    memory: &'a Mutex<RegionMemory>,
}

/// Tiles of a strip, and its first pixel.
type StripTiles<'t, 'a> = (&'t [KeptTile<'a>], usize);

impl<R: Fn(&[KeptTile], &mut LabelScratch) -> Method> StripScan<'_, R> {
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
            let (pieces, components) = match (self.method)(tiles, &mut scratch) {
                Method::Runs => self.scan_runs(tiles, first, &mut scratch)?,
                Method::Pixels => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::Color;
    use crate::output::label_output::LabelTarget;
    use crate::runtime::alloc::uninit;
    use crate::types::geometry::Frame;
    use crate::types::matching::Connectivity;
    use crate::types::params::SelectionRule;

    /// Labels of some pixels: runs of random lengths, noise here and there, some pixels in no mask.
    fn labels(pixels: usize, masks: u32, longest: u64, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut labels = Vec::new();
        while labels.len() < pixels {
            let longest = if labels.len() / 50_000 % 2 == 0 { longest } else { 2 };
            let run = 1 + random(longest) as usize;
            labels.extend(std::iter::repeat_n(random(u64::from(masks) + 1) as u8, run));
        }
        labels.truncate(pixels);
        labels
    }

    /// The colour's number and the pixels of each region, in the order of masks.
    fn oracle(labels: &[u8], area: &Area, by_color: bool) -> Vec<(u32, Vec<usize>)> {
        let Frame { width, height, images } = area.frame;
        let images = if area.first_image { 1 } else { images };
        let mut seen = vec![false; labels.len()];
        let mut found = Vec::new();
        for first in 0..width * height * images {
            if seen[first] || labels[first] == 0 {
                continue;
            }
            seen[first] = true;
            let (mut pixels, mut at) = (vec![first], 0);
            while at < pixels.len() {
                let (x, y) = ((pixels[at] % width) as i64, (pixels[at] / width) as i64);
                for (dx, dy) in [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)] {
                    let corner = dx != 0 && dy != 0;
                    let inside = (0..width as i64).contains(&(x + dx))
                        && y + dy >= 0
                        && (y + dy) / height as i64 == y / height as i64
                        && y + dy < (height * images) as i64;
                    if !inside || (corner && area.connectivity == Connectivity::Four) {
                        continue;
                    }
                    let other = (y + dy) as usize * width + (x + dx) as usize;
                    if !seen[other] && labels[other] == labels[first] {
                        seen[other] = true;
                        pixels.push(other);
                    }
                }
                at += 1;
            }
            found.push((u32::from(labels[first] - 1), pixels));
        }
        let rank = |mask: u32| if by_color { u32::MAX - mask } else { mask };
        found.sort_by_key(|(mask, pixels)| (std::cmp::Reverse(pixels.len()), rank(*mask)));
        found
    }

    /// Of later masks the colours are smaller.
    fn colors(masks: u32) -> Vec<ColorCount> {
        let color = |mask: u32| Color::from_canonical_bits([(1000.0 - mask as f32).to_bits(), 0, 0, 0]);
        (0..masks).map(|mask| ColorCount { color: color(mask), pixels: 1 }).collect()
    }

    fn select(
        labels: &[u8],
        area: Area,
        threads: &Threads,
        wanted: &Wanted,
        method: usize,
    ) -> SelectedRegions {
        let mut connected = Connected::new(area, RegionMemory::default());
        // In parts of whole tiles, as backends give them.
        let part = [labels.len(), 5 * TILE, 9 * TILE][method % 3];
        let mut map = LabelMap::default();
        for (index, labels) in labels.chunks(part).enumerate() {
            map.start(labels.len(), LabelWidth::One).unwrap().copy_from_slice(labels);
            map.finish_uniform(LabelWidth::One, wanted.colors.len()).unwrap();
            let choose = |tiles: &[KeptTile], _: &mut LabelScratch| match method {
                0 => Method::Runs,
                1 => Method::Pixels,
                _ if (tiles.as_ptr().addr() / size_of::<KeptTile>() / STRIP_TILES).is_multiple_of(2) => {
                    Method::Runs
                }
                _ => Method::Pixels,
            };
            connected.add_by(&map, index * part, threads, choose).unwrap();
        }
        connected.select(wanted, usize::MAX, threads).unwrap()
    }

    fn check(labels: &[u8], area: Area, masks: u32, min_pixels: u64, max_count: u32) {
        let colors = colors(masks);
        for by_color in [false, true] {
            let regions = oracle(labels, &area, by_color);
            let large = regions.iter().filter(|region| region.1.len() as u64 >= min_pixels);
            let regions: Vec<_> = large.take(max_count as usize).collect();
            let mut expected = vec![0; labels.len()];
            for (label, (_, pixels)) in (1..).zip(&regions) {
                pixels.iter().for_each(|&pixel| expected[pixel] = label);
            }
            for (count, method, lists) in
                [(1, 0, true), (2, 0, false), (1, 1, false), (2, 1, true), (2, 2, false)]
            {
                let threads = Threads::new(count).unwrap();
                let selection = SelectionRule::new(min_pixels, max_count);
                let wanted = Wanted { selection, colors: &colors, by_color, lists };
                let name = format!("{area:?}, {masks} masks, {wanted:?}, method {method}, {count} threads");
                let found = select(labels, area, &threads, &wanted, method);
                let SelectedRegions::Masks(count, list, masks) = found else { panic!("{name}") };
                assert_eq!(count, regions.len(), "{name}");
                if lists {
                    let pixels = regions.iter().map(|region| region.1.len() as u64);
                    assert!(list.iter().map(|entry| entry.pixels).eq(pixels), "{name}");
                    let found = list.iter().map(|entry| entry.color);
                    assert!(found.eq(regions.iter().map(|region| colors[region.0 as usize].color)), "{name}");
                } else {
                    assert!(list.is_empty(), "{name}");
                }
                let mut written = vec![u32::MAX; labels.len()];
                masks.write(&mut LabelTarget::U32(uninit(&mut written)), 0, &threads).unwrap();
                assert!(written == expected, "{name}");
                if count < 65_536 {
                    let mut written = vec![u16::MAX; labels.len()];
                    masks.write(&mut LabelTarget::U16(uninit(&mut written)), 0, &threads).unwrap();
                    assert!(
                        written.iter().map(|&label| u32::from(label)).eq(expected.iter().copied()),
                        "{name}"
                    );
                }
            }
        }
    }

    #[test]
    fn all_methods_find_the_regions_of_the_oracle() {
        for (index, (width, height, images)) in [
            (1, 70_000, 1),
            (2, 70_001, 1),
            (3, 50_000, 2),
            (7, 30_000, 1),
            (200_000, 1, 1),
            (70_000, 3, 1),
            (STRIP, 3, 1),
            (STRIP - 1, 3, 1),
            (STRIP + 1, 3, 1),
            (TILE, 9, 2),
            (1000, 150, 2),
            (257, 255, 3),
            (90, 40, 1),
        ]
        .into_iter()
        .enumerate()
        {
            let frame = Frame { width, height, images };
            for connectivity in [Connectivity::Four, Connectivity::Eight] {
                for (masks, longest) in [(1, 2), (3, 1), (200, 40)] {
                    let labels = labels(width * height * images, masks, longest, index as u64);
                    for first_image in [false, true].into_iter().take(images) {
                        let area = Area { frame, connectivity, first_image };
                        let (least, most) = [(1, u32::MAX), (3, 1000), (2, 70)][(index + masks as usize) % 3];
                        check(&labels, area, masks, least, most);
                    }
                }
            }
        }
    }

    /// Memory of an earlier call has its numbers.
    #[test]
    fn kept_memory_changes_nothing() {
        let threads = Threads::new(2).unwrap();
        let colors = colors(5);
        let mut memory = RegionMemory::default();
        let mut kept = LabelMap::default();
        for (seed, pixels) in [(1, 300_000), (2, 70_000), (3, 200_000)] {
            let labels = labels(pixels, 5, 1, seed);
            let area = Area {
                frame: Frame { width: 100, height: pixels / 100, images: 1 },
                connectivity: Connectivity::Four,
                first_image: false,
            };
            kept.start(pixels, LabelWidth::One).unwrap().copy_from_slice(&labels);
            kept.finish_uniform(LabelWidth::One, 5).unwrap();
            let selection = SelectionRule::new(1, u32::MAX);
            let wanted = Wanted { selection, colors: &colors, by_color: false, lists: false };
            let written = |memory: RegionMemory| {
                let mut connected = Connected::new(area, memory);
                connected.add(&kept, 0, &threads).unwrap();
                let found = connected.select(&wanted, usize::MAX, &threads).unwrap();
                let SelectedRegions::Masks(_, _, masks) = found else { panic!() };
                let mut labels = vec![0; pixels];
                masks.write(&mut LabelTarget::U32(uninit(&mut labels)), 0, &threads).unwrap();
                (labels, masks.into_memory())
            };
            let (fresh, _) = written(RegionMemory::default());
            let (again, used) = written(std::mem::take(&mut memory));
            assert!(!used.pixels.is_empty(), "pixel by pixel");
            assert!(fresh == again);
            memory = used;
        }
    }
}
