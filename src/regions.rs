//! Where the masks' pixels lie, from the label map. Shared by both backends.

use crate::error::Error;
use crate::labels::{LabelMap, Labels, NO_MASK, TILE};
use crate::threads::Threads;

/// Where the pixels of a mask lie. Columns and rows count from 0, from the left and from the top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// The bounding box's first column.
    pub left: u32,
    /// The bounding box's first row.
    pub top: u32,
    /// Columns of the bounding box.
    pub width: u32,
    /// Rows of the bounding box.
    pub height: u32,
    /// Column and row of the first pixel in reading order.
    pub first_pixel: (u32, u32),
    /// The mean of the pixels' columns and that of their rows: (0, 0) is the middle of the first pixel, as for
    /// OpenCV's moments and scikit-image's `regionprops`. Each is the exact sum, divided once.
    pub centroid: (f64, f64),
}

/// With more masks than this one thread does the work: each needs sums of its own.
const MOST_SHARED_MASKS: usize = 1 << 14;

/// What is added up for each mask.
#[derive(Debug)]
pub(crate) struct Regions {
    width: usize,
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

impl Regions {
    /// For an image with rows of `width` pixels and so many masks.
    pub(crate) fn new(width: u32, mask_count: usize) -> Result<Self, Error> {
        Ok(Self { width: width as usize, sums: sums(mask_count)? })
    }

    /// Adds a part of the image, from `first_pixel` on. A mask's pixels may come in any number of parts.
    pub(crate) fn add(
        &mut self,
        labels: &LabelMap,
        first_pixel: usize,
        threads: &Threads,
    ) -> Result<(), Error> {
        let masks = labels.masks_by_label();
        let mask_count = self.sums.len();
        let tiles = labels.tiles().zip((first_pixel..).step_by(TILE));
        let tiles = tiles.map(|(tile, first)| (first, tile.labels, &masks[tile.dictionary][..])).collect();
        let workers = if mask_count > MOST_SHARED_MASKS { 1 } else { threads.count() };
        let width = self.width;
        let found = threads.share(tiles, workers, |queue| {
            let mut found = sums(mask_count)?;
            while let Some((first, labels, masks)) = queue.take() {
                match labels {
                    Labels::One(labels) => add_tile(labels, masks, first, width, &mut found),
                    Labels::Two(labels) => add_tile(labels, masks, first, width, &mut found),
                    Labels::Four(labels) => add_tile(labels, masks, first, width, &mut found),
                }
            }
            Ok::<_, Error>(found)
        });
        for found in found {
            self.sums.iter_mut().zip(&found?).for_each(|(sums, found)| sums.merge(found));
        }
        Ok(())
    }

    /// The regions of all masks, each of which has a pixel.
    pub(crate) fn finish(self) -> Vec<Region> {
        let width = self.width as u64;
        let region = |sums: Sums| Region {
            left: sums.left,
            top: sums.top,
            width: sums.right - sums.left + 1,
            height: sums.bottom - sums.top + 1,
            // Lossless: the image's sides are u32s.
            first_pixel: ((sums.first % width) as u32, (sums.first / width) as u32),
            centroid: (sums.columns as f64 / sums.pixels as f64, sums.rows as f64 / sums.pixels as f64),
        };
        self.sums.into_iter().map(region).collect()
    }
}

fn sums(mask_count: usize) -> Result<Vec<Sums>, Error> {
    let mut sums = Vec::new();
    sums.try_reserve_exact(mask_count)
        .map_err(|_| Error::OutOfMemory(format!("adding up {mask_count} regions")))?;
    sums.resize(mask_count, Sums::NONE);
    Ok(sums)
}

/// Adds the runs of a tile whose first pixel is the image's pixel `first`.
fn add_tile<L: Copy + Eq + Into<u32>>(
    labels: &[L],
    masks: &[u32],
    first: usize,
    width: usize,
    sums: &mut [Sums],
) {
    let (mut row, mut column) = (first / width, first % width);
    let mut start = 0;
    while start < labels.len() {
        let row_end = labels.len().min(start + (width - column));
        while start < row_end {
            let length = run_length(&labels[start..row_end]);
            let label: u32 = labels[start].into();
            let mask = masks.get(label as usize).copied().unwrap_or(NO_MASK);
            if mask != NO_MASK {
                // Lossless: the image's sides are u32s.
                sums[mask as usize].add(row as u32, column as u32, length as u32, (first + start) as u64);
            }
            start += length;
            column += length;
        }
        (row, column) = (row + 1, 0);
    }
}

/// How many labels equal the first one, from there on.
fn run_length<L: Copy + Eq>(labels: &[L]) -> usize {
    const BLOCK: usize = 32;
    let label = labels[0];
    let blocks = labels.as_chunks::<BLOCK>().0.iter();
    let equal = blocks.take_while(|block| block.iter().fold(true, |equal, &other| equal & (other == label)));
    let start = BLOCK * equal.count();
    start + labels[start..].iter().take_while(|&&other| other == label).count()
}
