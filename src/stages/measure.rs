//! Where the masks' pixels lie, from the label map. Shared by both backends.
//!
//! Runs of a label add to its mask's sums at once: pixels, the sums of columns and rows (128 bits, so that they are exact
//! and no order of adding matters), the box, the first pixel. Threads add up tables of their own, as long as those are
//! small. Centroids are quotients of exact sums, rounded once.

use crate::error::Error;
use crate::labels::runs::for_each_run;
use crate::labels::{LabelMap, Labels, TILE};
use crate::runtime::alloc::{try_collect, try_with_capacity};
use crate::runtime::call;
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
        let masks = labels.masks_by_label()?;
        let tiles = labels.tiles().zip((first_pixel..).step_by(TILE));
        let sum_count = sums.len();
        if sum_count.saturating_mul(threads.count()) > MOST_SUMS {
            let mut room = labels.scratch()?;
            for (tile, first) in tiles {
                call::tick();
                call::check()?;
                let tile = tile.read(&mut room);
                add_tile(tile.labels, &masks[tile.dictionary], first, *frame, sums);
            }
            return Ok(());
        }
        let found = threads.share(try_collect(tiles)?, threads.count(), |queue| {
            let (mut found, mut room) = (none(sum_count)?, labels.scratch()?);
            while let Some((tile, first)) = queue.take() {
                let tile = tile.read(&mut room);
                add_tile(tile.labels, &masks[tile.dictionary], first, *frame, &mut found);
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

/// Adds the runs of a tile whose first pixel is the image's pixel `first`.
fn add_tile(labels: Labels, masks: &[u32], first: usize, frame: Frame, sums: &mut [Sums]) {
    for_each_run(labels, masks, first, frame, |run| {
        let sums = &mut sums[run.mask as usize * frame.images + run.image];
        let pixel = run.row * frame.width + run.column;
        // Lossless: the image's sides are u32s.
        sums.add(run.row as u32, run.column as u32, run.pixels as u32, pixel as u64);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
