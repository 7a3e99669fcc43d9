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

use std::ops::Range;

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

/// The largest radius.
pub(crate) const MOST_RADIUS: u32 = 16;

/// Masks that share a pixel, at most.
const MOST_MASKS: usize = 4;

/// Shares are multiples of one part in so many.
const PARTS: u32 = 1 << 16;

/// A mask's part of a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    mask: u32,
    /// Of `PARTS`.
    parts: u32,
}

type Shares = [Share; MOST_MASKS];

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
            let Some(shares) = near.shares(&point, points) else { continue };
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

/// Puts the masks that have most pixels first. Apart, so that there is one of it for all labels.
fn sort_by_pixels(found: &mut [(u32, u32)]) {
    found.sort_unstable_by_key(|&(pixels, mask)| (u32::MAX - pixels, mask));
}

/// A colour's values.
type Point = [f64; 4];

/// The value of a float, also where subnormal ones are taken for zero in float arithmetic.
fn exact(value: f32) -> f64 {
    let bits = value.to_bits();
    if bits & 0x7f80_0000 != 0 {
        return value.into();
    }
    let size = f64::from(bits & 0x7f_ffff) / (1u64 << 63) as f64 / (1u64 << 63) as f64 / (1u64 << 23) as f64;
    if bits >> 31 == 1 { -size } else { size }
}

/// A few masks.
#[derive(Debug, Default)]
struct Near {
    masks: [u32; MOST_MASKS],
    count: usize,
}

/// The masks of the pixels at a distance.
struct Ring<'a> {
    /// Those that are nearer.
    near: &'a Near,
    /// How many pixels others have, and which they are: a few.
    found: &'a mut Vec<(u32, u32)>,
    /// The label before, and its place in `found` if it is there: most pixels beside each other have the same.
    last: Option<(u32, Option<usize>)>,
}

impl Ring<'_> {
    /// Adds a pixel's label, which is that of a mask.
    #[inline]
    fn add(&mut self, label: u32) {
        let place = match self.last {
            Some((last, place)) if last == label => place,
            _ => {
                let mask = label - 1;
                let place = (!self.near.masks().contains(&mask)).then(|| {
                    let known = self.found.iter().position(|entry| entry.1 == mask);
                    known.unwrap_or_else(|| {
                        self.found.push((0, mask));
                        self.found.len() - 1
                    })
                });
                self.last = Some((label, place));
                place
            }
        };
        if let Some(place) = place {
            self.found[place].0 += 1;
        }
    }
}

/// How far it is to the next pixel in a mask: where few are, most of those around a pixel need not be looked at.
#[derive(Debug, Default)]
struct Gaps {
    /// From each pixel to the right; 0: it is in a mask itself. What is farther away than a byte says, or in no mask of
    /// the row, is at least so far.
    right: Vec<u8>,
    /// And down.
    down: Vec<u8>,
}

impl Gaps {
    /// Rows that a thread takes at a time.
    const ROWS: usize = 256;

    fn new<L: Copy + Sync>(
        labels: &[L],
        frame: Frame,
        is_usable: impl Fn(&L) -> bool + Sync,
        threads: &Threads,
    ) -> Result<Self, Error> {
        let Frame { width, height, .. } = frame;
        let (mut right, mut down): (Vec<u8>, Vec<u8>) =
            (try_zeroed(labels.len())?, try_zeroed(labels.len())?);
        let bands = right.chunks_mut(Self::ROWS * width).zip(down.chunks_mut(Self::ROWS * width)).enumerate();
        let outcomes = threads.map(try_collect(bands)?, |(band, (right, down))| {
            let first = band * Self::ROWS * width;
            let labels_in_band = &labels[first..first + right.len()];
            for (right, labels) in right.chunks_mut(width).zip(labels_in_band.chunks(width)) {
                let mut gap = u8::MAX;
                for (right, label) in right.iter_mut().zip(labels).rev() {
                    gap = if is_usable(label) { 0 } else { gap.saturating_add(1) };
                    *right = gap;
                }
            }
            // What is below the band matters as far as rings reach.
            let below = labels.len().min(first + down.len() + 2 * MOST_RADIUS as usize * width);
            let mut gaps: Vec<u8> = try_zeroed(width)?;
            gaps.fill(u8::MAX);
            for start in (first..below).step_by(width).rev() {
                let row = start / width;
                if row % height == height - 1 {
                    gaps.fill(u8::MAX); // the last row of an image
                }
                for (gap, label) in gaps.iter_mut().zip(&labels[start..start + width]) {
                    *gap = if is_usable(label) { 0 } else { gap.saturating_add(1) };
                }
                if let Some(down) = down.get_mut(start - first..start - first + width) {
                    down.copy_from_slice(&gaps);
                }
            }
            Ok(())
        })?;
        outcomes.into_iter().collect::<Result<(), Error>>()?;
        Ok(Self { right, down })
    }

    /// Calls `each` with the pixels in masks among some of a row.
    #[inline]
    fn each_in_row(&self, pixels: Range<usize>, mut each: impl FnMut(usize)) {
        let mut pixel = pixels.start;
        while pixel < pixels.end {
            match self.right[pixel] {
                0 => {
                    each(pixel);
                    pixel += 1;
                }
                gap => pixel += usize::from(gap),
            }
        }
    }

    /// Calls `each` with the pixels in masks among those below a pixel, it included, that come before another one.
    #[inline]
    fn each_in_column(&self, pixels: Range<usize>, width: usize, mut each: impl FnMut(usize)) {
        let mut pixel = pixels.start;
        while pixel < pixels.end {
            match self.down[pixel] {
                0 => {
                    each(pixel);
                    pixel += width;
                }
                gap => pixel += usize::from(gap) * width,
            }
        }
    }
}

/// Which of a few masks' colours are mixed, as bits: few before many.
const SUBSETS: [u8; 15] = [1, 2, 4, 8, 3, 5, 6, 9, 10, 12, 7, 11, 13, 14, 15];

/// What is less than this part of what it is the difference of is rounding.
const ROUNDING: f64 = 1e-10;

impl Near {
    fn masks(&self) -> &[u32] {
        &self.masks[..self.count]
    }

    /// How a colour is shared out; `None` where there is no mask.
    fn shares(&self, point: &Point, points: &[Option<Point>]) -> Option<Shares> {
        let mut colors = [[0.0; 4]; MOST_MASKS];
        for (color, &mask) in colors.iter_mut().zip(self.masks()) {
            *color = points[mask as usize]?;
        }
        if self.count == 0 {
            return None;
        }
        let weights = weights(&colors[..self.count], point);
        let mut shares = Shares::default();
        let mut rest = PARTS;
        let mut largest = 0;
        for (index, (share, &weight)) in shares.iter_mut().zip(&weights).enumerate().take(self.count) {
            // Lossless: a weight is 0 to 1.
            let parts = ((weight * f64::from(PARTS) + 0.5) as u32).min(rest);
            *share = Share { mask: self.masks[index], parts };
            rest -= parts;
            if weight > weights[largest] {
                largest = index;
            }
        }
        shares[largest].parts += rest;
        Some(shares)
    }
}

/// How much of each colour makes the mix that is nearest to `point`: at least 0, together 1.
///
/// The mix is the foot of the perpendicular on the plane through some of the colours: through those that have a part in
/// it. So all choices are tried; where several are as near, the first.
fn weights(colors: &[Point], point: &Point) -> [f64; MOST_MASKS] {
    let mut best = [0.0; MOST_MASKS];
    let mut least = f64::INFINITY;
    let scale = colors.iter().map(|color| squared(color, point)).fold(0.0, f64::max);
    for subset in SUBSETS {
        if subset >> colors.len() != 0 || least == 0.0 {
            continue;
        }
        let Some(weights) = foot(colors, point, subset) else { continue };
        let mut mix = [0.0; 4];
        for (color, weight) in colors.iter().zip(weights) {
            for (mix, value) in mix.iter_mut().zip(color) {
                *mix += weight * value;
            }
        }
        let distance = squared(&mix, point);
        if distance < least - ROUNDING * ROUNDING * scale || least == f64::INFINITY {
            (least, best) = (distance, weights);
        }
    }
    best
}

fn squared(a: &Point, b: &Point) -> f64 {
    let difference: Point = std::array::from_fn(|channel| a[channel] - b[channel]);
    dot(&difference, &difference)
}

fn dot(a: &Point, b: &Point) -> f64 {
    (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3])
}

/// The weights, together 1, of the point nearest to `point` in the plane through a subset of the colours; `None` where
/// one is below 0, or fewer colours span the same plane.
fn foot(colors: &[Point], point: &Point, subset: u8) -> Option<[f64; MOST_MASKS]> {
    let mut weights = [0.0; MOST_MASKS];
    let first = subset.trailing_zeros() as usize;
    let minus_first = |other: &Point| -> Point { std::array::from_fn(|i| other[i] - colors[first][i]) };
    let (mut sides, mut places, mut count) = ([[0.0; 4]; 3], [0; 3], 0);
    for (place, color) in colors.iter().enumerate().skip(first + 1) {
        if subset >> place & 1 == 1 {
            (sides[count], places[count]) = (minus_first(color), place);
            count += 1;
        }
    }
    // The normal equations, by Cholesky's method without roots.
    let target = minus_first(point);
    let (mut lower, mut pivots, mut values) = ([[0.0; 3]; 3], [0.0; 3], [0.0; 3]);
    for row in 0..count {
        let (mut value, mut pivot) = (dot(&sides[row], &target), dot(&sides[row], &sides[row]));
        let length = pivot;
        for column in 0..row {
            let mut entry = dot(&sides[row], &sides[column]);
            for before in 0..column {
                entry -= lower[row][before] * lower[column][before] * pivots[before];
            }
            lower[row][column] = entry / pivots[column];
            value -= lower[row][column] * values[column];
            pivot -= lower[row][column] * lower[row][column] * pivots[column];
        }
        if pivot <= ROUNDING * length {
            return None;
        }
        (pivots[row], values[row]) = (pivot, value);
    }
    let mut rest = 1.0;
    for row in (0..count).rev() {
        let mut weight = values[row] / pivots[row];
        for after in row + 1..count {
            weight -= lower[after][row] * weights[places[after]];
        }
        weights[places[row]] = weight;
        rest -= weight;
    }
    weights[first] = rest;
    weights.iter().all(|&weight| weight >= 0.0).then_some(weights)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Images higher than the rows that a thread takes, with few pixels in masks, and none in most columns.
    #[test]
    fn gaps_lead_from_each_pixel_in_a_mask_to_the_next() {
        let threads = Threads::new(2).unwrap();
        for (width, height, images) in
            [(1, 1, 1), (70, 700, 1), (300, 3, 2), (33, 300, 3), (600, 1, 4), (1, 900, 1)]
        {
            let frame = Frame { width, height, images };
            let pixels = width * height * images;
            let labels: Vec<u8> = (0..pixels).map(|pixel| u8::from(pixel * pixel % 1009 % 211 < 3)).collect();
            let gaps = Gaps::new(&labels, frame, |&label| label == 1, &threads).unwrap();
            let most = 2 * MOST_RADIUS as usize + 1;
            for pixel in 0..pixels {
                let (row, column) = (pixel / width, pixel % width);
                let in_row = pixel..pixel + most.min(width - column);
                let in_column = pixel..pixel + most.min(height - row % height) * width;
                let (mut found, mut below) = (Vec::new(), Vec::new());
                gaps.each_in_row(in_row.clone(), |pixel| found.push(pixel));
                gaps.each_in_column(in_column.clone(), width, |pixel| below.push(pixel));
                let is_in_mask = |&pixel: &usize| labels[pixel] == 1;
                assert!(in_row.filter(is_in_mask).eq(found), "{frame:?}, {pixel}");
                assert!(in_column.step_by(width).filter(is_in_mask).eq(below), "{frame:?}, {pixel}");
            }
        }
    }
}
