//! Connected regions: a label map by colour becomes one in which each region has a mask of its own. Shared by both
//! backends.
//!
//! **Problem.** Pixels of one label that touch, by sides or by corners, too, are a region. Regions are to be counted, the
//! largest selected, and each pixel labelled with its region's mask, on all threads, with the same result whatever the
//! image was divided into.
//!
//! ```text
//! for each strip of 16 tiles, on all threads:
//!     for each run of equal labels, row by row:
//!         for each run of the row above that touches it and has its label: union(run, other)
//!         if there was none: a new component
//!     flatten: components of the strip are numbered by their first pixels
//! for each border of two strips: union what touches across it
//! flatten: parents come before their children, so one pass in order gives each component its root
//! regions are the roots; select by (pixels, colour, first pixel); label the runs again
//! ```
//!
//! **Why it is exact.** Two runs of a label are in a region if and only if a chain of touching runs connects them. Each
//! pair that touches is seen once: within a strip, or at its border. `union` always keeps the component with the earlier
//! first pixel as the root, so that numbers, and with them all ties, depend on the image alone.
//!
//! **Cost.** Linear in pixels for the scan and nearly linear in runs for the unions (path halving); 12 bytes a run, 16 a
//! component.
//!
//! **Prior art.** Run-based two-scan labelling (He, Chao, Suzuki: *A Run-Based Two-Scan Labeling Algorithm*, IEEE
//! Transactions on Image Processing 17, 2008); union-find with path halving (Tarjan, van Leeuwen: *Worst-Case Analysis of
//! Set Union Algorithms*, Journal of the ACM 31, 1984).

use std::ops::Range;

use crate::error::Error;
use crate::labels::runs::{self, for_each_run};
use crate::labels::{KeptTile, LabelMap, LabelledTile, TILE};
use crate::runtime::alloc::{no_memory, try_collect, try_with_capacity, try_zeroed};
use crate::runtime::threads::Threads;
use crate::types::geometry::Frame;
use crate::types::matching::Connectivity;
use crate::types::outputs::LabelWidth;
use crate::types::palette::ColorCount;
use crate::types::params::SelectionRule;

/// Tiles of a strip: enough that borders are few, few enough that all threads have some.
const STRIP_TILES: usize = 16;

/// Pixels of a strip that are in the same region, with those that they touch in it.
#[derive(Clone, Copy, Debug)]
struct ComponentRun {
    /// From the strip's first pixel on.
    start: u32,
    end: u32,
    /// The number of its component in the strip.
    component: u32,
}

/// A part of a region as far as it is known to be connected.
#[derive(Clone, Copy, Debug)]
struct Component {
    mask: u32,
    /// An earlier component that it is connected with, or itself.
    parent: u32,
    pixels: u64,
}

/// Consecutive pixels of the images.
#[derive(Debug)]
struct Strip {
    first: usize,
    pixels: usize,
    runs: Vec<ComponentRun>,
    /// The number of its first component among those of all strips.
    first_component: usize,
}

/// The regions of some label maps, found part by part.
#[derive(Debug)]
pub(crate) struct Connected {
    area: Area,
    strips: Vec<Strip>,
    /// In the order of their first pixels.
    components: Vec<Component>,
}

/// What is connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) frame: Frame,
    pub(crate) connectivity: Connectivity,
    /// Whether only the first image's regions are wanted.
    pub(crate) first_image: bool,
}

/// Which regions get a mask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// Pixels of a region, and how many regions.
    pub(crate) selection: SelectionRule,
    /// The colours of the label maps' masks.
    pub(crate) colors: &'a [ColorCount],
    /// Whether of equally large regions those of smaller colours come first, or those of earlier ones.
    pub(crate) by_color: bool,
}

/// What [`Connected::select`] finds.
#[derive(Debug)]
pub(crate) enum SelectedRegions {
    /// The colour and the pixels of each region that gets a mask, and the masks.
    Masks(Vec<ColorCount>, ConnectedMasks),
    /// How many there are: more than are of use.
    TooMany(u32),
}

impl Strip {
    /// The number of a run's component among those of all strips.
    fn component(&self, run: &ComponentRun) -> u32 {
        (self.first_component + run.component as usize) as u32
    }
}

/// A place among the runs of consecutive strips.
#[derive(Clone, Copy)]
struct RunCursor<'a> {
    strips: &'a [Strip],
    strip: usize,
    run: usize,
}

impl<'a> RunCursor<'a> {
    /// At the first run that ends behind a pixel.
    fn at(strips: &'a [Strip], pixel: usize) -> Self {
        let strip = strips.partition_point(|strip| strip.first + strip.pixels <= pixel);
        let run = strips
            .get(strip)
            .map_or(0, |strip| strip.runs.partition_point(|run| strip.first + run.end as usize <= pixel));
        Self { strips, strip, run }
    }

    #[inline]
    fn peek(&mut self) -> Option<(&'a Strip, &'a ComponentRun)> {
        loop {
            let strip = self.strips.get(self.strip)?;
            if let Some(run) = strip.runs.get(self.run) {
                return Some((strip, run));
            }
            (self.strip, self.run) = (self.strip + 1, 0);
        }
    }

    /// Goes on to the first run that ends behind a pixel.
    #[inline]
    fn skip_before(&mut self, pixel: usize) {
        while let Some((strip, run)) = self.peek()
            && strip.first + run.end as usize <= pixel
        {
            self.run += 1;
        }
    }

    /// The components of the runs from here on that begin before a pixel.
    #[inline]
    fn until(mut self, pixel: usize) -> impl Iterator<Item = u32> + use<'a> {
        std::iter::from_fn(move || {
            let (strip, run) = self.peek()?;
            (strip.first + (run.start as usize) < pixel).then(|| {
                self.run += 1;
                strip.component(run)
            })
        })
    }
}

impl Connected {
    pub(crate) fn new(area: Area) -> Self {
        Self { area, strips: Vec::new(), components: Vec::new() }
    }

    /// Adds a part of the images, from `first_pixel` on. Parts come in order; at pixel 0 all begins anew.
    pub(crate) fn add(
        &mut self,
        labels: &LabelMap,
        first_pixel: usize,
        threads: &Threads,
    ) -> Result<(), Error> {
        if first_pixel == 0 {
            self.strips.clear();
            self.components.clear();
        }
        let masks = labels.masks_by_label()?;
        let tiles = try_collect(labels.tiles())?;
        let strips = tiles.chunks(STRIP_TILES).zip((first_pixel..).step_by(STRIP_TILES * TILE));
        let area = self.area;
        let found = threads.map(try_collect(strips)?, |(tiles, first): (&[KeptTile], usize)| {
            let mut room = labels.scratch()?;
            let mut scan = Scan::new(area, first);
            for (tile, first) in tiles.iter().zip((first..).step_by(TILE)) {
                let tile = tile.read(&mut room);
                scan.add(&tile, &masks[tile.dictionary], first)?;
            }
            scan.finish(tiles.iter().map(KeptTile::len).sum())
        })?;
        self.strips.try_reserve(found.len()).map_err(|_| no_memory::<Strip>(found.len()))?;
        for found in found {
            let (strip, components) = found?;
            self.append(strip, components)?;
            self.union_last();
        }
        Ok(())
    }

    /// Adds a strip that is not connected with those before yet.
    fn append(&mut self, mut strip: Strip, components: Vec<Component>) -> Result<(), Error> {
        let first = self.components.len();
        // One number is left for "none".
        if u32::try_from(first + components.len() + 1).is_err() {
            return Err(Error::OutOfMemory("more than 2^32 regions cannot be numbered".to_owned()));
        }
        self.components
            .try_reserve(components.len())
            .map_err(|_| no_memory::<Component>(first + components.len()))?;
        // Lossless, as was checked.
        let numbered =
            |component: Component| Component { parent: component.parent + first as u32, ..component };
        self.components.extend(components.into_iter().map(numbered));
        strip.first_component = first;
        self.strips.push(strip);
        Ok(())
    }

    /// Connects the last strip with those before.
    fn union_last(&mut self) {
        let Self { area: Area { frame, connectivity, .. }, strips, components } = self;
        let Some((last, before)) = strips.split_last() else { return };
        let mut touch = |a: u32, b: u32| {
            if components[a as usize].mask == components[b as usize].mask {
                union(components, a, b);
            }
        };
        // A run may have begun in the strip before.
        if let Some(strip) = before.last()
            && let (Some(left), Some(right)) = (strip.runs.last(), last.runs.first())
            && right.start == 0
            && strip.first + left.end as usize == last.first
            && last.first % frame.width != 0
        {
            touch(strip.component(left), last.component(right));
        }
        let mut cursor = None;
        for run in &last.runs {
            let first = last.first + run.start as usize;
            let (row, column) = (first / frame.width, first % frame.width);
            let pixels = (run.end - run.start) as usize;
            let Some(above) = above(*frame, *connectivity, row % frame.height, column, first, pixels) else {
                continue;
            };
            if above.start >= last.first {
                break; // so do all that follow
            }
            let cursor = cursor.get_or_insert_with(|| RunCursor::at(before, above.start));
            cursor.skip_before(above.start);
            cursor.until(above.end).for_each(|other| touch(other, last.component(run)));
        }
    }

    /// Gives masks to the regions that are wanted, the largest first, and says the colour and the pixels of each; or how
    /// many there are, where those are more than `useful`.
    pub(crate) fn select(mut self, wanted: &Wanted, useful: usize) -> Result<SelectedRegions, Error> {
        let components = &mut self.components;
        flatten(components);
        let least = wanted.selection.min_pixels.get();
        let regions = || (0..).zip(&*components).filter(|&(number, region)| region.parent == number);
        let large = || regions().filter(|(_, region)| region.pixels >= least);
        let found = large().count();
        let most = wanted.selection.max_count as usize;
        let count = found.min(most);
        if count > useful {
            return Ok(SelectedRegions::TooMany(count as u32)); // at most `max_count`
        }
        // Their order: the largest first, then by colour, then by first pixel, as they are numbered.
        let ranks = ranks(wanted)?;
        let mut chosen: Vec<(u64, u32, u32)> = try_with_capacity(found)?;
        chosen.extend(
            large().map(|(number, region)| (u64::MAX - region.pixels, ranks[region.mask as usize], number)),
        );
        if found > most {
            chosen.select_nth_unstable(most);
            chosen.truncate(most);
        }
        chosen.sort_unstable();
        let mut palette = try_with_capacity(count)?;
        palette.extend(chosen.iter().map(|&(_, _, number)| {
            let Component { mask, pixels, .. } = components[number as usize];
            ColorCount { color: wanted.colors[mask as usize].color, pixels }
        }));
        let mut labels = try_with_capacity(components.len())?;
        labels.resize(components.len(), 0);
        for (label, &(_, _, number)) in (1..).zip(&chosen) {
            labels[number as usize] = label;
        }
        for number in 0..labels.len() {
            labels[number] = labels[components[number].parent as usize];
        }
        let masks = ConnectedMasks { count, strips: self.strips, labels, part: LabelMap::default() };
        Ok(SelectedRegions::Masks(palette, masks))
    }
}

/// The places of the colours in their order.
fn ranks(wanted: &Wanted) -> Result<Vec<u32>, Error> {
    let colors = wanted.colors;
    let mut order: Vec<u32> = try_with_capacity(colors.len())?;
    order.extend(0..colors.len() as u32); // masks are numbered by a u32
    if wanted.by_color {
        order.sort_unstable_by_key(|&mask| colors[mask as usize].color);
    }
    let mut ranks = try_zeroed(colors.len())?;
    (0..).zip(order).for_each(|(rank, mask)| ranks[mask as usize] = rank);
    Ok(ranks)
}

/// The pixels of the row above that touch some of a row; `None` in an image's first row.
#[inline]
fn above(
    frame: Frame,
    connectivity: Connectivity,
    row: usize,
    column: usize,
    first: usize,
    pixels: usize,
) -> Option<Range<usize>> {
    if row == 0 {
        return None;
    }
    let corners = connectivity == Connectivity::Eight;
    let left = usize::from(corners && column > 0);
    let right = usize::from(corners && column + pixels < frame.width);
    Some(first - frame.width - left..first + pixels - frame.width + right)
}

/// The component that stands for all that this one is connected with.
#[inline]
fn root(components: &mut [Component], mut number: u32) -> u32 {
    loop {
        let parent = components[number as usize].parent;
        if parent == number {
            return number;
        }
        let next = components[parent as usize].parent;
        components[number as usize].parent = next;
        number = next;
    }
}

/// Connects two components; the earlier one stands for both.
#[inline]
fn union(components: &mut [Component], a: u32, b: u32) -> u32 {
    let (a, b) = (root(components, a), root(components, b));
    let (earlier, later) = (a.min(b), a.max(b));
    components[later as usize].parent = earlier;
    earlier
}

/// Makes the parent of each component the one that stands for it, and gives that one the pixels of all.
fn flatten(components: &mut [Component]) {
    for number in 0..components.len() {
        // Parents come first, so that the parent's parent is final.
        let root = components[components[number].parent as usize].parent;
        components[number].parent = root;
        if root as usize != number {
            components[root as usize].pixels += components[number].pixels;
        }
    }
}

/// What is found in a strip.
struct Scan {
    area: Area,
    first: usize,
    runs: Vec<ComponentRun>,
    components: Vec<Component>,
    /// The first run that may touch those to come.
    above: usize,
}

impl Scan {
    fn new(area: Area, first: usize) -> Self {
        Self { area, first, runs: Vec::new(), components: Vec::new(), above: 0 }
    }

    /// Adds a tile.
    fn add(&mut self, tile: &LabelledTile, masks: &[u32], first: usize) -> Result<(), Error> {
        let mut outcome = Ok(());
        for_each_run(tile.labels, masks, first, self.area.frame, |run| {
            if outcome.is_ok() && !(run.image > 0 && self.area.first_image) {
                outcome = self.add_run(run);
            }
        });
        outcome
    }

    #[inline]
    fn add_run(&mut self, run: runs::MaskRun) -> Result<(), Error> {
        let Self { area, first, runs, components, .. } = self;
        // Lossless: a strip has less pixels.
        let start = (run.first - *first) as u32;
        let mut component = None;
        // A run may have begun in the tile before.
        if run.column > 0
            && let Some(left) = runs.last()
            && left.end == start
            && components[left.component as usize].mask == run.mask
        {
            component = Some(root(components, left.component));
        }
        if let Some(above) = above(area.frame, area.connectivity, run.row, run.column, run.first, run.pixels)
            && above.end > *first
        {
            let (from, to) = (above.start.saturating_sub(*first) as u32, (above.end - *first) as u32);
            while runs.get(self.above).is_some_and(|other| other.end <= from) {
                self.above += 1;
            }
            for other in runs[self.above..].iter().take_while(|other| other.start < to) {
                if components[other.component as usize].mask == run.mask {
                    component = Some(match component {
                        None => root(components, other.component),
                        Some(component) => union(components, component, other.component),
                    });
                }
            }
        }
        let component = match component {
            Some(component) => component,
            None => {
                let parent = components.len() as u32; // less than pixels
                let len = components.len();
                components.try_reserve(1).map_err(|_| no_memory::<Component>(len + 1))?;
                components.push(Component { mask: run.mask, parent, pixels: 0 });
                parent
            }
        };
        components[component as usize].pixels += run.pixels as u64;
        let len = runs.len();
        runs.try_reserve(1).map_err(|_| no_memory::<ComponentRun>(len + 1))?;
        runs.push(ComponentRun { start, end: start + run.pixels as u32, component });
        Ok(())
    }

    /// The strip of so many pixels, and its components, of which those that are connected have become one.
    fn finish(self, pixels: usize) -> Result<(Strip, Vec<Component>), Error> {
        let Self { first, runs, mut components, .. } = self;
        flatten(&mut components);
        let mut numbers: Vec<u32> = try_with_capacity(components.len())?;
        let mut kept: Vec<Component> = try_with_capacity(
            (0..)
                .zip(&components)
                .filter(|&(number, component): &(u32, _)| component.parent == number)
                .count(),
        )?;
        for (number, component) in (0..).zip(&components) {
            if component.parent == number {
                numbers.push(kept.len() as u32);
                kept.push(Component { parent: kept.len() as u32, ..*component });
            } else {
                numbers.push(numbers[component.parent as usize]);
            }
        }
        // Without the room that they grew into.
        let mut settled = try_with_capacity(runs.len())?;
        settled.extend(
            runs.iter().map(|run| ComponentRun { component: numbers[run.component as usize], ..*run }),
        );
        let runs = settled;
        Ok((Strip { first, pixels, runs, first_component: 0 }, kept))
    }
}

/// The masks of regions.
#[derive(Debug)]
pub(crate) struct ConnectedMasks {
    count: usize,
    strips: Vec<Strip>,
    /// Of each component of the strips.
    labels: Vec<u32>,
    part: LabelMap,
}

impl ConnectedMasks {
    /// Hands on the labels of the images, part by part, for so many masks, of which there are regions for the first ones.
    pub(crate) fn label(
        &mut self,
        mask_count: usize,
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { count, strips, labels, part } = self;
        let width = LabelWidth::for_labels_up_to(*count);
        // Whoever gets a part makes a table of all masks.
        let most_pixels = (STRIP_TILES * TILE * threads.count()).max(mask_count);
        let mut rest = &strips[..];
        while let Some(strip) = rest.first() {
            let mut pixels = 0;
            let fitting = rest.iter().take_while(|strip| {
                pixels += strip.pixels;
                pixels <= most_pixels
            });
            let (strips, later) = rest.split_at(fitting.count().max(1));
            let pixels = strips.iter().map(|strip| strip.pixels).sum();
            let mut filled = try_with_capacity(strips.len())?;
            let mut room = part.start(pixels, width)?;
            for strip in strips {
                let (target, others) = room.split_at_mut(strip.pixels * width.bytes());
                filled.push((strip, target));
                room = others;
            }
            threads.for_each(filled, |(strip, target)| fill(strip, labels, target, width))?;
            part.finish_uniform(width, mask_count)?;
            labelled(strip.first, part)?;
            rest = later;
        }
        Ok(())
    }
}

/// Writes the labels of a strip.
fn fill(strip: &Strip, labels: &[u32], target: &mut [u8], width: LabelWidth) {
    target.fill(0);
    let labels = &labels[strip.first_component..];
    let runs =
        strip.runs.iter().map(|run| (run.start as usize..run.end as usize, labels[run.component as usize]));
    match width {
        LabelWidth::One => runs.for_each(|(pixels, label)| target[pixels].fill(label as u8)),
        LabelWidth::Two => {
            let target = bytemuck::cast_slice_mut::<u8, u16>(target);
            runs.for_each(|(pixels, label)| target[pixels].fill(label as u16));
        }
        LabelWidth::Four => {
            let target = bytemuck::cast_slice_mut::<u8, u32>(target);
            runs.for_each(|(pixels, label)| target[pixels].fill(label));
        }
    }
}
