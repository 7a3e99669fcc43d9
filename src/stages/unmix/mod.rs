//! Pixels whose colour is in no mask are shared out to the masks around them: anti-aliased edges. Shared by both
//! backends.
//!
//! **Problem.** A renderer's edge pixel is a mix of the two to four flat colours around it, and exact matching leaves it
//! without a mask. Find for each such pixel the shares of the masks around it.
//!
//! ```text
//! for each pixel with a colour that is in no mask and not ignored:
//!     candidates: for each mask with a pixel within `radius` columns and rows, how near its nearest one is, and how many
//!         it has at that distance; the best 4 by (distance, pixels there, mask)
//!     for each subset of the candidates, of 1 to 4 colours c_i:
//!         shares a_i that minimise |sum a_i c_i - pixel|^2 with sum a_i = 1 (normal equations); all a_i >= 0, or skip it
//!     keep the subset with the least residual, of equal ones the first
//!     round the shares to 2^-16 so that they sum to 1; the largest share labels the pixel
//! ```
//!
//! **Why it is exact.** The optimum of least squares over the simplex lies in the inside of one face, and is there the
//! optimum of the problem without `a_i >= 0`. With at most 4 colours all 15 faces are tried, so that the best one that is
//! in the simplex is the optimum. The candidates' order and the rounding are fixed by the image alone.
//!
//! **Cost.** Linear in the pixels that have no mask, times the square of twice the radius for candidates at most: pixels that
//! are in no mask are skipped by the distance to the next one that is, two bytes a pixel.
//!
//! **Prior art.** Fully constrained linear unmixing of remote sensing (Heinz, Chang: *Fully Constrained Least Squares
//! Linear Spectral Mixture Analysis*, IEEE Transactions on Geoscience and Remote Sensing 39, 2001), which iterates where
//! this enumerates: there are few endmembers here.
//!
//! All arithmetic is with 64-bit floats, in an order that the code fixes, so that the shares are the same everywhere.

mod gaps;
mod near;
mod shares;

use std::ops::Range;

use gaps::Gaps;
pub(crate) use gaps::MOST_RADIUS;
use near::{Near, Ring, sort_by_pixels};
use shares::{MOST_MASKS, PARTS, Point, Share, Shares, exact, shares};

use crate::color::Color;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::labels::{LabelMap, Labels, TILE};
use crate::output::planes::Planes;
use crate::runtime::alloc::{no_memory, try_collect, try_with_capacity, try_zeroed};
use crate::runtime::threads::Threads;
use crate::types::geometry::Frame;
use crate::types::outputs::LabelWidth;
use crate::types::palette::ColorCount;
use crate::types::stats::MaskStats;

/// The pixels of a tile that are shared out, by their position in it.
#[derive(Debug, Default)]
struct Mixed {
    /// The mask that has most of each.
    masks: Vec<(u32, u32)>,
    /// Who else has how much, if that is wanted.
    shares: Vec<Shares>,
}

/// What is needed to know to share pixels out.
#[derive(Debug)]
pub(crate) struct Unmixing<'a> {
    pub(crate) pixels: &'a Pixels<'a>,
    pub(crate) frame: Frame,
    /// Of the masks.
    pub(crate) palette: &'a [ColorCount],
    /// Sorted.
    pub(crate) ignored: &'a [Color],
    pub(crate) radius: u32,
    /// Whether all shares are wanted, or only who has the largest.
    pub(crate) shares: bool,
}

/// The label map of all images with the pixels that were shared out.
#[derive(Debug)]
pub(crate) struct Unmixed {
    labels: LabelMap,
    /// By tile.
    mixed: Vec<Mixed>,
    width: LabelWidth,
}

impl Unmixing<'_> {
    /// Shares out what has no label, 0, among labels of this width.
    pub(crate) fn unmix(
        &self,
        mut labels: LabelMap,
        width: LabelWidth,
        threads: &Threads,
    ) -> Result<Unmixed, Error> {
        let mut points = try_with_capacity(self.palette.len())?;
        points.extend(self.palette.iter().map(|entry| self.point(&entry.color)));
        let mixed = match labels.all(width) {
            Labels::One(labels) => self.mix(labels, &points, threads),
            Labels::Two(labels) => self.mix(labels, &points, threads),
            Labels::Four(labels) => self.mix(labels, &points, threads),
        }?;
        let bytes = labels.filled(width);
        for (mixed, target) in mixed.iter().zip(bytes.chunks_mut(TILE * width.bytes())) {
            for &(pixel, mask) in &mixed.masks {
                let pixel = pixel as usize;
                match width {
                    LabelWidth::One => target[pixel] = mask as u8 + 1,
                    LabelWidth::Two => bytemuck::cast_slice_mut::<u8, u16>(target)[pixel] = mask as u16 + 1,
                    LabelWidth::Four => bytemuck::cast_slice_mut::<u8, u32>(target)[pixel] = mask + 1,
                }
            }
        }
        labels.finish_uniform(width, self.palette.len())?;
        Ok(Unmixed { labels, mixed, width })
    }

    fn mix<L: Copy + Into<u32> + Sync>(
        &self,
        labels: &[L],
        points: &[Option<Point>],
        threads: &Threads,
    ) -> Result<Vec<Mixed>, Error> {
        let tiles = try_collect((0..labels.len()).step_by(TILE))?;
        let is_usable =
            |&label: &L| matches!(points.get(label.into().wrapping_sub(1) as usize), Some(Some(_)));
        let gaps = match labels.iter().any(|&label| label.into() == 0) {
            true => Gaps::new(labels, self.frame, is_usable, threads)?,
            false => Gaps::default(), // nobody asks for them
        };
        let mixed = threads.map(tiles, |first| self.mix_tile(labels, &gaps, points, first))?;
        let mut all = try_with_capacity(mixed.len())?;
        for mixed in mixed {
            all.push(mixed?);
        }
        Ok(all)
    }

    fn mix_tile<L: Copy + Into<u32>>(
        &self,
        labels: &[L],
        gaps: &Gaps,
        points: &[Option<Point>],
        first: usize,
    ) -> Result<Mixed, Error> {
        let mut mixed = Mixed::default();
        let tile = &labels[first..labels.len().min(first + TILE)];
        let is_free = |label: &L| Into::<u32>::into(*label) == 0;
        if !tile.iter().any(is_free) {
            return Ok(mixed);
        }
        let within_reach = self.within_reach(labels, first..first + tile.len())?;
        let (words, kind) = (self.pixels.encoding().words(), self.pixels.encoding().word_kind());
        let mut colors: Vec<u32> = try_zeroed(tile.len() * words)?;
        self.pixels.read(first, &mut colors);
        // A ring of the largest radius has so many pixels.
        let mut found = try_with_capacity(8 * MOST_RADIUS as usize)?;
        for (index, (label, color)) in tile.iter().zip(colors.chunks_exact(words)).enumerate() {
            if !is_free(label) || !within_reach[index] {
                continue;
            }
            let Some(color) = Color::from_words(color, kind) else { continue };
            if self.ignored.binary_search(&color).is_ok() {
                continue;
            }
            let Some(point) = self.point(&color) else { continue };
            let near = self.near(labels, gaps, first + index, &mut found);
            let Some(shares) = shares(near.masks(), &point, points) else { continue };
            let most = shares.iter().fold(shares[0], |most, share| {
                let more = (share.parts, u32::MAX - share.mask) > (most.parts, u32::MAX - most.mask);
                if more { *share } else { most }
            });
            let len = mixed.masks.len() + 1;
            mixed.masks.try_reserve(1).map_err(|_| no_memory::<(u32, u32)>(len))?;
            mixed.masks.push((index as u32, most.mask)); // less than a tile's pixels
            if self.shares {
                mixed.shares.try_reserve(1).map_err(|_| no_memory::<Shares>(len))?;
                mixed.shares.push(shares);
            }
        }
        Ok(mixed)
    }

    /// Of consecutive pixels, whether any in a mask is within the radius: each row's from the rows around it, then from the
    /// columns around, many pixels at a time.
    fn within_reach<L: Copy + Into<u32>>(
        &self,
        labels: &[L],
        pixels: Range<usize>,
    ) -> Result<Vec<bool>, Error> {
        let (Frame { width, height, .. }, radius) = (self.frame, self.radius as usize);
        let mut reached = try_zeroed(pixels.len())?;
        let mut in_columns = try_with_capacity(pixels.len().min(width) + 2 * radius)?;
        let mut start = pixels.start;
        while start < pixels.end {
            let (row, column) = (start / width, start % width);
            let count = (width - column).min(pixels.end - start);
            let image = row / height * height;
            let rows = row.saturating_sub(radius).max(image)..(row + radius + 1).min(image + height);
            let columns = column.saturating_sub(radius)..(column + count + radius).min(width);
            // With a column more on either side for each of the radius, which may be outside the image.
            in_columns.clear();
            in_columns.resize(count + 2 * radius, false);
            for row in rows {
                let labels = &labels[row * width..][columns.clone()];
                let in_row = in_columns[columns.start + radius - column..].iter_mut();
                in_row.zip(labels).for_each(|(any, &label)| *any |= label.into() != 0);
            }
            let reached = &mut reached[start - pixels.start..][..count];
            for columns in in_columns.windows(count) {
                reached.iter_mut().zip(columns).for_each(|(any, in_column)| *any |= in_column);
            }
            start += count;
        }
        Ok(reached)
    }

    /// The masks that a pixel is shared out to, those with the nearest pixels first.
    fn near<L: Copy + Into<u32>>(
        &self,
        labels: &[L],
        gaps: &Gaps,
        pixel: usize,
        found: &mut Vec<(u32, u32)>,
    ) -> Near {
        let Frame { width, height, .. } = self.frame;
        let (row, column) = (pixel / width, pixel % width);
        let image = row / height * height;
        let (first_row, last_row) = (image, image + height - 1);
        let mut near = Near::default();
        for distance in 1..=self.radius as usize {
            // The ring of the pixels at this distance.
            let rows = [row.saturating_sub(distance).max(first_row), (row + distance).min(last_row)];
            let columns = [column.saturating_sub(distance), (column + distance).min(width - 1)];
            let mut ring = Ring { near: &near, found, last: None };
            let in_row = |row: usize| row * width + columns[0]..row * width + columns[1] + 1;
            if row >= first_row + distance {
                gaps.each_in_row(in_row(row - distance), |pixel| ring.add(labels[pixel].into()));
            }
            if row + distance <= last_row {
                gaps.each_in_row(in_row(row + distance), |pixel| ring.add(labels[pixel].into()));
            }
            // Of the sides what is not in those rows.
            let top = if row >= first_row + distance { rows[0] + 1 } else { rows[0] };
            let end = if row + distance <= last_row { rows[1] } else { rows[1] + 1 };
            let in_column = |column: usize| top * width + column..end * width;
            if column >= distance {
                gaps.each_in_column(in_column(column - distance), width, |pixel| {
                    ring.add(labels[pixel].into())
                });
            }
            if column + distance < width {
                gaps.each_in_column(in_column(column + distance), width, |pixel| {
                    ring.add(labels[pixel].into())
                });
            }
            sort_by_pixels(found);
            for (_, mask) in found.drain(..).take(MOST_MASKS - near.count) {
                near.masks[near.count] = mask;
                near.count += 1;
            }
            if near.count == MOST_MASKS {
                break;
            }
        }
        near
    }

    /// A colour's values; `None` where one is infinite.
    fn point(&self, color: &Color) -> Option<Point> {
        let values = self.pixels.encoding().values(color);
        values.iter().all(|value| value.is_finite()).then(|| values.map(exact))
    }
}

impl Unmixed {
    /// The labels of all images.
    pub(crate) fn labels(&self) -> &LabelMap {
        &self.labels
    }

    /// The labels for so many masks, of which those that were not known are empty.
    pub(crate) fn labels_of(&mut self, mask_count: usize) -> Result<&LabelMap, Error> {
        self.labels.finish_uniform(self.width, mask_count)?;
        Ok(&self.labels)
    }

    /// Makes the boxes hold all pixels of which the masks have a share. The first pixel of these images is `start` of
    /// those of the frame.
    pub(crate) fn grow(&self, regions: &mut [MaskStats], start: usize, frame: Frame) {
        let Frame { width, height, images } = frame;
        for (first, mixed) in self.tiles(start) {
            mixed.each_share(|pixel, share| {
                let (row, column) = ((first + pixel) / width, (first + pixel) % width);
                let region = &mut regions[share.mask as usize * images + row / height];
                // Lossless: the image's sides are u32s.
                let (x, y) = (column as u32, (row % height) as u32);
                let right = (region.left + region.width).max(x + 1);
                let bottom = (region.top + region.height).max(y + 1);
                (region.left, region.top) = (region.left.min(x), region.top.min(y));
                (region.width, region.height) = (right - region.left, bottom - region.top);
            });
        }
    }

    /// Writes the shares where the planes have whole pixels as yet; `start` is the first pixel of these images there.
    pub(crate) fn write_shares(&self, planes: &Planes, start: usize, threads: &Threads) -> Result<(), Error> {
        threads.for_each(try_collect(self.tiles(start))?, |(first, mixed): (usize, &Mixed)| {
            mixed.each_share(|pixel, share| {
                // SAFETY: no two threads have the same tile.
                #[allow(unsafe_code)]
                unsafe {
                    planes.write_float(share.mask as usize, first + pixel, share.parts as f32 / PARTS as f32);
                }
            });
        })
    }

    /// Each tile with its first pixel.
    fn tiles(&self, start: usize) -> impl Iterator<Item = (usize, &Mixed)> {
        (start..).step_by(TILE).zip(&self.mixed)
    }
}

impl Mixed {
    /// Calls `each` with the masks that have a share, pixel by pixel.
    fn each_share(&self, mut each: impl FnMut(usize, &Share)) {
        for (&(pixel, _), shares) in self.masks.iter().zip(&self.shares) {
            shares.iter().filter(|share| share.parts > 0).for_each(|share| each(pixel as usize, share));
        }
    }
}
