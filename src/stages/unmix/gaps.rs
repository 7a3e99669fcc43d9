//! Where the next pixel in a mask is.

use std::ops::Range;

use crate::error::Error;
use crate::runtime::alloc::{try_collect, try_zeroed};
use crate::runtime::threads::Threads;
use crate::types::geometry::Frame;

/// The largest radius, and so how far gaps are looked for.
pub(crate) const MOST_RADIUS: u32 = 16;

/// How far it is to the next pixel in a mask: where few are, most of those around a pixel need not be looked at.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// From each pixel to the right; 0: it is in a mask itself. What is farther away than a byte says, or in no mask of
    /// the row, is at least so far.
    right: Vec<u8>,
    /// And down.
    down: Vec<u8>,
}

impl Gaps {
    /// Rows that a thread takes at a time.
    const ROWS: usize = 256;

    pub(super) fn new<L: Copy + Sync>(
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
    pub(super) fn each_in_row(&self, pixels: Range<usize>, mut each: impl FnMut(usize)) {
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
    pub(super) fn each_in_column(&self, pixels: Range<usize>, width: usize, mut each: impl FnMut(usize)) {
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
