//! Where the masks' pixels lie, from the label map. Shared by both backends.
//!
//! Runs of a label add to its mask's sums at once: pixels, the sums of columns and rows (128 bits, so that they are exact
//! and no order of adding matters), the box, the first pixel. Threads add up tables of their own, as long as those are
//! small. Centroids are quotients of exact sums, rounded once.
//!
//! Where pixels are so mixed that a tile is not kept as runs, each run would cost a mispredicted branch. For few masks each
//! row is gone through once for each of them then, without a branch:
//!
//! ```text
//! for each block of 32 labels: for each lane:
//!     count[lane] += label equals the mask's ? 1 : 0
//!     later[lane] += count[lane]
//! ```
//!
//! With `B` blocks, a lane's pixel in block `b` is in `later` `B - b` times. So the sum of the pixels' positions, which is
//! that of `32 b + lane`, follows from both, and there is no position in the loop. All of it fits a label's width for
//! 16 blocks.

use std::ops::AddAssign;

use bytemuck::Pod;

use crate::error::Error;
use crate::labels::runs::for_each_run_of_tile;
use crate::labels::{KeptTile, LabelMap, LabelScratch, LabelledTile, Labels, TILE};
use crate::runtime::alloc::{try_collect, try_with_capacity};
use crate::runtime::call;
use crate::runtime::simd::{Simd, Work};
use crate::runtime::threads::Threads;
use crate::types::geometry::Frame;
use crate::types::stats::MaskStats;

/// One thread does the work where all threads' sums would be more, about 1 MiB.
const MOST_SUMS: usize = 1 << 14;

/// What is added up for each mask.
#[derive(Debug)]
pub(crate) struct StatsBuilder {
    frame: Frame,
    /// Of each mask, those of all images.
    sums: Vec<Sums>,
}

#[derive(Clone, Copy, Debug)]
struct Sums {
    pixels: u64,
    columns: u128,
    rows: u128,
    left: u32,
    /// The last column.
    right: u32,
    top: u32,
    /// The last row.
    bottom: u32,
    /// In reading order.
    first: u64,
}

impl Sums {
    const NONE: Self = Self {
        pixels: 0,
        columns: 0,
        rows: 0,
        left: u32::MAX,
        right: 0,
        top: u32::MAX,
        bottom: 0,
        first: u64::MAX,
    };

    /// Adds consecutive pixels of a row, less than a tile.
    fn add(&mut self, row: u32, column: u32, pixels: u32, first: u64) {
        let last = column + (pixels - 1);
        self.pixels += u64::from(pixels);
        self.columns += u128::from((u64::from(column) + u64::from(last)) * u64::from(pixels) / 2);
        self.rows += u128::from(u64::from(row) * u64::from(pixels));
        self.left = self.left.min(column);
        self.right = self.right.max(last);
        self.top = self.top.min(row);
        self.bottom = self.bottom.max(row);
        self.first = self.first.min(first);
    }

    fn merge(&mut self, other: &Self) {
        self.pixels += other.pixels;
        self.columns += other.columns;
        self.rows += other.rows;
        self.left = self.left.min(other.left);
        self.right = self.right.max(other.right);
        self.top = self.top.min(other.top);
        self.bottom = self.bottom.max(other.bottom);
        self.first = self.first.min(other.first);
    }
}

impl StatsBuilder {
    /// For so many masks of each image.
    pub(crate) fn new(frame: Frame, mask_count: usize) -> Result<Self, Error> {
        Ok(Self { frame, sums: none(mask_count.saturating_mul(frame.images))? })
    }

    /// Adds a part of the image, from `first_pixel` on. Parts come in order; at an image's first pixel that image and those
    /// behind it begin anew.
    pub(crate) fn add(
        &mut self,
        labels: &LabelMap,
        first_pixel: usize,
        threads: &Threads,
    ) -> Result<(), Error> {
        let Self { frame, sums } = self;
        let plane = frame.width * frame.height;
        if first_pixel.is_multiple_of(plane) {
            sums.chunks_mut(frame.images).for_each(|images| images[first_pixel / plane..].fill(Sums::NONE));
        }
        let simd = Simd::current();
        let masks = labels.masks_by_label()?;
        let tiles = labels.tiles().zip((first_pixel..).step_by(TILE));
        let sum_count = sums.len();
        if sum_count.saturating_mul(threads.count()) > MOST_SUMS {
            let mut room = labels.scratch()?;
            for (tile, first) in tiles {
                call::tick();
                call::check()?;
                add_tile(simd, &tile, &mut room, &masks[tile.dictionary()], first, *frame, sums);
            }
            return Ok(());
        }
        let found = threads.share(try_collect(tiles)?, threads.count(), |queue| {
            let (mut found, mut room) = (none(sum_count)?, labels.scratch()?);
            while let Some((tile, first)) = queue.take() {
                add_tile(simd, &tile, &mut room, &masks[tile.dictionary()], first, *frame, &mut found);
            }
            Ok::<_, Error>(found)
        })?;
        for found in found {
            sums.iter_mut().zip(&found?).for_each(|(sums, found)| sums.merge(found));
        }
        Ok(())
    }

    /// The regions of all masks, and of each in all images.
    pub(crate) fn finish(self) -> Result<Vec<MaskStats>, Error> {
        let width = self.frame.width as u64;
        let region = |sums: Sums| match sums.pixels {
            0 => MaskStats::default(),
            _ => region(sums, width),
        };
        let mut regions = try_with_capacity(self.sums.len())?;
        regions.extend(self.sums.into_iter().map(region));
        Ok(regions)
    }
}

/// The region of some pixels.
fn region(sums: Sums, width: u64) -> MaskStats {
    MaskStats {
        pixels: sums.pixels,
        left: sums.left,
        top: sums.top,
        width: sums.right - sums.left + 1,
        height: sums.bottom - sums.top + 1,
        // Lossless: the image's sides are u32s.
        first_pixel: ((sums.first % width) as u32, (sums.first / width) as u32),
        centroid: (sums.columns as f64 / sums.pixels as f64, sums.rows as f64 / sums.pixels as f64),
    }
}

fn none(mask_count: usize) -> Result<Vec<Sums>, Error> {
    let mut sums = try_with_capacity(mask_count)?;
    sums.resize(mask_count, Sums::NONE);
    Ok(sums)
}

/// Bytes of labels that are compared for each pixel of a mixed tile, at most: masks times the bytes of a label.
const MOST_COMPARED: usize = 128;

/// Pixels of a row from which on that pays.
const LEAST_COMPARED: usize = 64;

/// Adds a tile whose first pixel is the image's pixel `first`.
fn add_tile(
    simd: Simd,
    tile: &KeptTile,
    scratch: &mut LabelScratch,
    masks: &[u32],
    first: usize,
    frame: Frame,
    sums: &mut [Sums],
) {
    if tile.runs().is_none() && frame.width >= LEAST_COMPARED {
        let LabelledTile { labels, wanted, .. } = tile.read(scratch);
        let is_worth_it = |label_bytes: usize| wanted.len() * label_bytes <= MOST_COMPARED;
        match labels {
            Labels::One(labels) if is_worth_it(1) => {
                return add_rows(simd, labels, wanted, first, frame, sums);
            }
            Labels::Two(labels) if is_worth_it(2) => {
                return add_rows(simd, labels, wanted, first, frame, sums);
            }
            Labels::Four(labels) if is_worth_it(4) => {
                return add_rows(simd, labels, wanted, first, frame, sums);
            }
            _ => {}
        }
    }
    for_each_run_of_tile(tile, scratch, masks, first, frame, |run| {
        let sums = &mut sums[run.mask as usize * frame.images + run.image];
        let pixel = run.row * frame.width + run.column;
        // Lossless: the image's sides are u32s.
        sums.add(run.row as u32, run.column as u32, run.pixels as u32, pixel as u64);
    });
}

/// Adds the rows of a tile, mask by mask.
fn add_rows<T: Lane>(
    simd: Simd,
    labels: &[T],
    wanted: &[u32],
    first: usize,
    Frame { width, height, images }: Frame,
    sums: &mut [Sums],
) {
    let (mut row, mut column) = (first / width, first % width);
    let mut rest = labels;
    while !rest.is_empty() {
        let (labels, behind) = rest.split_at(rest.len().min(width - column));
        for (mask, &label) in wanted.iter().enumerate() {
            // A label that these are too narrow for is not among them.
            let Ok(label) = T::try_from(label) else { continue };
            let sums = &mut sums[mask * images + row / height];
            let (pixels, positions) = simd.run(CountRow { labels, label });
            if pixels > 0 {
                add_row(labels, label, (row % height, column, width), (pixels, positions), sums);
            }
        }
        (rest, row, column) = (behind, row + 1, 0);
    }
}

/// Adds the pixels of a row that have a label, of which so many are known, and the sum of their positions.
fn add_row<T: Lane>(
    labels: &[T],
    label: T,
    (row, column, width): (usize, usize, usize),
    (pixels, positions): (u64, u64),
    sums: &mut Sums,
) {
    sums.pixels += pixels;
    sums.columns += u128::from(column as u64 * pixels + positions);
    sums.rows += u128::from(row as u64 * pixels);
    // Lossless: the image's sides are u32s.
    sums.top = sums.top.min(row as u32);
    sums.bottom = sums.bottom.max(row as u32);
    let is_wanted = |other: &T| *other == label;
    // Only what is outside the box so far is looked at.
    let left = labels.len().min((sums.left as usize).saturating_sub(column));
    if let Some(position) = labels[..left].iter().position(is_wanted) {
        sums.left = (column + position) as u32;
    }
    let right = labels.len().min((sums.right as usize + 1).saturating_sub(column));
    if let Some(position) = labels[right..].iter().rposition(is_wanted) {
        sums.right = (column + right + position) as u32;
    }
    let first = (row * width + column) as u64;
    if first < sums.first
        && let Some(position) = labels.iter().position(is_wanted)
    {
        sums.first = sums.first.min(first + position as u64);
    }
}

/// Finds how many labels equal one, and the sum of these labels' positions.
struct CountRow<'a, T> {
    labels: &'a [T],
    label: T,
}

/// A label as it is compared and counted.
trait Lane: Pod + Eq + AddAssign + From<bool> + Into<u32> + TryFrom<u32> {}

impl Lane for u8 {}
impl Lane for u16 {}
impl Lane for u32 {}

impl<V, T: Lane> Work<V, (u64, u64)> for CountRow<'_, T> {
    #[inline(always)]
    fn run(self, _: V) -> (u64, u64) {
        const LANES: usize = 32;
        const BLOCKS: usize = 16; // 1 + 2 + ... + 16 fits a byte
        let Self { labels, label } = self;
        let (mut pixels, mut positions) = (0u64, 0u64);
        let (blocks, rest) = labels.as_chunks::<LANES>();
        for (part, blocks) in blocks.chunks(BLOCKS).enumerate() {
            let (mut count, mut later) = ([T::zeroed(); LANES], [T::zeroed(); LANES]);
            for block in blocks {
                for lane in 0..LANES {
                    count[lane] += T::from(block[lane] == label);
                    later[lane] += count[lane];
                }
            }
            let (mut counted, mut lanes, mut before_end) = (0u32, 0u32, 0u32);
            for lane in 0..LANES {
                let in_lane: u32 = count[lane].into();
                counted += in_lane;
                lanes += in_lane * lane as u32;
                before_end += later[lane].into();
            }
            let block_numbers = blocks.len() as u32 * counted - before_end;
            let start = (part * BLOCKS * LANES) as u64;
            pixels += u64::from(counted);
            positions += start * u64::from(counted) + u64::from(lanes + LANES as u32 * block_numbers);
        }
        let start = labels.len() - rest.len();
        for (position, _) in (start..).zip(rest).filter(|&(_, other)| *other == label) {
            pixels += 1;
            positions += position as u64;
        }
        (pixels, positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::simd::at_each_level;
    use crate::types::outputs::LabelWidth;

    /// A backend that runs out of memory on the way begins anew.
    #[test]
    fn parts_that_come_again_from_the_start_count_once() {
        let threads = Threads::new(2).unwrap();
        let mut labels = LabelMap::default();
        let bytes = labels.start(TILE, LabelWidth::One).unwrap();
        bytes.iter_mut().enumerate().for_each(|(pixel, label)| *label = (pixel / 100 % 3) as u8);
        labels.finish_uniform(LabelWidth::One, 2).unwrap();
        let regions = |parts: &[usize]| {
            let frame = Frame { width: 100, height: TILE, images: 1 };
            let mut regions = StatsBuilder::new(frame, 2).unwrap();
            parts.iter().for_each(|&first| regions.add(&labels, first, &threads).unwrap());
            regions.finish().unwrap()
        };
        let once = regions(&[0, TILE, 2 * TILE]);
        assert_eq!(regions(&[0, TILE, 0, TILE, 2 * TILE]), once);
        assert_eq!((once[0].first_pixel, once[1].first_pixel), ((0, 1), (0, 2)));
    }

    /// Labels of all widths, as rows that are gone through mask by mask and as runs, against sums made one by one.
    #[test]
    fn mixed_pixels_are_summed_like_single_ones() {
        at_each_level(|_| {
            for frame in
                [(64, 700, 1), (65, 300, 2), (1000, 23, 2), (3001, 12, 1), (TILE + 700, 2, 1), (63, 300, 1)]
            {
                let (width, height, images) = frame;
                let frame = Frame { width, height, images };
                for label_width in [LabelWidth::One, LabelWidth::Two, LabelWidth::Four] {
                    for mask_count in
                        [3, MOST_COMPARED / label_width.bytes(), MOST_COMPARED / label_width.bytes() + 1]
                    {
                        check_mixed(frame, label_width, mask_count);
                    }
                }
            }
        });
    }

    fn check_mixed(frame: Frame, label_width: LabelWidth, mask_count: usize) {
        let Frame { width, height, images } = frame;
        // The last mask has few pixels, and some rows have none of some masks.
        let label = |pixel: usize| match pixel * 7919 % 1013 {
            0 => mask_count,
            other if (pixel / width).is_multiple_of(3) => other % 2,
            other => other % mask_count,
        };
        let mut labels = LabelMap::default();
        let bytes = labels.start(width * height * images, label_width).unwrap();
        for (pixel, bytes) in bytes.chunks_mut(label_width.bytes()).enumerate() {
            bytes.copy_from_slice(&label(pixel).to_le_bytes()[..label_width.bytes()]);
        }
        labels.finish_uniform(label_width, mask_count).unwrap();
        let mut stats = StatsBuilder::new(frame, mask_count).unwrap();
        stats.add(&labels, 0, &Threads::new(2).unwrap()).unwrap();
        let mut expected = vec![Sums::NONE; mask_count * images];
        for pixel in (0..width * height * images).filter(|&pixel| label(pixel) > 0) {
            let (row, column) = (pixel / width % height, (pixel % width) as u32);
            let sums = &mut expected[(label(pixel) - 1) * images + pixel / (width * height)];
            sums.add(row as u32, column, 1, (row * width) as u64 + u64::from(column));
        }
        let expected = StatsBuilder { frame, sums: expected }.finish().unwrap();
        assert_eq!(stats.finish().unwrap(), expected, "{frame:?}, {label_width:?}, {mask_count}");
    }
}
