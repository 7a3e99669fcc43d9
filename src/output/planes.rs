//! Where the masks' values lie in the caller's memory: planes with any strides, or cropped to boxes.

#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

use crate::error::Error;
use crate::runtime::alloc::try_with_capacity;
use crate::types::geometry::Frame;
use crate::types::outputs::{MaskFormat, MaskLayout};
use crate::types::stats::MaskStats;

/// The strides of a layout, none of which lets planes overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strides {
    row: usize,
    image: usize,
    mask: usize,
    bottom_up: bool,
    plane_bytes: usize,
    images: usize,
}

impl Strides {
    pub(crate) fn new(layout: &MaskLayout, format: MaskFormat, frame: Frame) -> Result<Self, Error> {
        let Frame { width, height, images } = frame;
        let row_bytes = format.row_bytes(width);
        let stride = |name: &str, value: usize, least: usize| match value {
            0 => Ok(least),
            value if value >= least => Ok(value),
            value => {
                Err(Error::InvalidArgument(format!("{name} is {value}; 0 or at least {least} is expected")))
            }
        };
        let value_bytes = format.alignment();
        for (name, stride) in [
            ("mask_row_stride", layout.row_stride.unsigned_abs()),
            ("mask_image_stride", layout.image_stride),
            ("mask_stride", layout.mask_stride),
        ] {
            if !stride.is_multiple_of(value_bytes) {
                return Err(Error::InvalidArgument(format!(
                    "{name} is {stride}; a multiple of {value_bytes} is expected"
                )));
            }
        }
        let overflow = || Error::InvalidArgument("the masks' strides reach beyond all memory".to_owned());
        let row = stride("mask_row_stride", layout.row_stride.unsigned_abs(), row_bytes)?;
        let dense = row.checked_mul(height).ok_or_else(overflow)?;
        let plane_bytes = dense - row + row_bytes;
        let image = if layout.image_stride == 0 { dense } else { layout.image_stride };
        stride("mask_image_stride", image, plane_bytes)?;
        let all_images = image.checked_mul(images - 1).and_then(|bytes| bytes.checked_add(plane_bytes));
        let all_images = all_images.ok_or_else(overflow)?;
        let mask = match layout.mask_stride {
            0 => image.checked_mul(images).ok_or_else(overflow)?,
            // Masks of an image lie between two images.
            mask if images > 1 && mask < all_images => stride("mask_stride", mask, plane_bytes)?,
            mask => stride("mask_stride", mask, all_images)?,
        };
        let [row_limit, mask_limit] = [row, mask].map(|stride| isize::try_from(stride).is_ok());
        if !(row_limit && mask_limit && isize::try_from(all_images).is_ok()) {
            return Err(overflow());
        }
        Ok(Self { row, image, mask, bottom_up: layout.row_stride < 0, plane_bytes, images })
    }

    /// How many masks fit so many bytes.
    pub(crate) fn masks_in(&self, bytes: usize) -> usize {
        let all_images = self.image * (self.images - 1) + self.plane_bytes;
        let Some(more) = bytes.checked_sub(all_images) else { return 0 };
        let fitting = 1 + more / self.mask;
        if self.images > 1 && self.mask < all_images {
            // Those of an image before the next image's begin.
            return fitting.min(1 + (self.image - self.plane_bytes) / self.mask);
        }
        fitting
    }

    /// Bytes that so many masks take.
    pub(crate) fn bytes_of(&self, masks: u64) -> u64 {
        let all_images = (self.image * (self.images - 1) + self.plane_bytes) as u64;
        match masks {
            0 => 0,
            masks => (masks - 1).saturating_mul(self.mask as u64).saturating_add(all_images),
        }
    }

    /// Bytes from the first mask's plane to another one's.
    pub(crate) fn offset(&self, mask: usize, image: usize) -> usize {
        mask * self.mask + image * self.image
    }
}

/// Boxes that masks are cropped to, one behind the other, without gaps.
#[derive(Debug)]
pub(crate) struct Crops {
    /// Of mask 0 in all images, then of mask 1.
    boxes: Vec<MaskStats>,
    /// Where each begins, in bytes.
    pub(crate) starts: Vec<u64>,
    /// All of them, in bytes.
    pub(crate) bytes: u64,
}

impl Crops {
    pub(crate) fn new(regions: &[MaskStats], format: MaskFormat) -> Result<Self, Error> {
        let (mut boxes, mut starts) = (try_with_capacity(regions.len())?, try_with_capacity(regions.len())?);
        let mut bytes = 0u64;
        for region in regions {
            boxes.push(*region);
            starts.push(bytes);
            let rows = u64::from(region.height);
            bytes = bytes.saturating_add(rows.saturating_mul(format.row_bytes(region.width as usize) as u64));
        }
        Ok(Self { boxes, starts, bytes })
    }
}

/// Memory for masks.
#[derive(Debug)]
pub(crate) struct Planes<'a> {
    first: *mut u8,
    format: MaskFormat,
    frame: Frame,
    places: Places,
    lifetime: PhantomData<&'a mut [u8]>,
}

#[derive(Debug)]
pub(crate) enum Places {
    Full(Strides),
    Cropped(Crops),
}

// SAFETY: it is an exclusive borrow of bytes.
unsafe impl Send for Planes<'_> {}
// SAFETY: it gives out addresses only.
unsafe impl Sync for Planes<'_> {}

/// Consecutive pixels of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// The first one's position in the tile.
    pub(crate) offset: usize,
    pub(crate) len: usize,
    pub(crate) image: usize,
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl<'a> Planes<'a> {
    /// # Safety
    /// Where `places` says that masks are, there is memory for the values, aligned for them, behind `first`, that
    /// nobody else touches during `'a`.
    pub(crate) unsafe fn new(first: *mut u8, format: MaskFormat, frame: Frame, places: Places) -> Self {
        Self { first, format, frame, places, lifetime: PhantomData }
    }

    pub(crate) fn format(&self) -> MaskFormat {
        self.format
    }

    pub(crate) fn frame(&self) -> Frame {
        self.frame
    }

    /// Bytes of so many whole masks.
    pub(crate) fn bytes_of(&self, masks: usize) -> u64 {
        match &self.places {
            Places::Full(strides) => strides.bytes_of(masks as u64),
            Places::Cropped(crops) => crops.bytes,
        }
    }

    /// Whether a plane's values follow each other in reading order.
    pub(crate) fn is_dense(&self) -> bool {
        match &self.places {
            Places::Full(strides) => {
                // Rows of bits may end within a byte.
                (self.format != MaskFormat::Bits || self.frame.width.is_multiple_of(8))
                    && !strides.bottom_up
                    && (strides.row == self.format.row_bytes(self.frame.width) || self.frame.height == 1)
            }
            Places::Cropped(_) => false,
        }
    }

    /// The bytes of all cropped masks, where most masks have no pixel in most rows: those are cleared, and then written
    /// run by run.
    pub(crate) fn sparse_crops(&self) -> Option<*mut [MaybeUninit<u8>]> {
        /// Bytes that are written in the time in which a mask is found to have no pixel in a row.
        const ROW_BYTES: u64 = 64;
        let Places::Cropped(crops) = &self.places else { return None };
        let rows = (crops.boxes.len() as u64).saturating_mul(self.frame.height as u64);
        let is_sparse = rows.saturating_mul(ROW_BYTES) > crops.bytes;
        // Lossless: there is memory for so many.
        is_sparse.then(|| std::ptr::slice_from_raw_parts_mut(self.first.cast(), crops.bytes as usize))
    }

    /// The parts of a tile of `len` pixels, from the pixel `first` of all images on, that are written in one go.
    pub(crate) fn segments(&self, first: usize, len: usize) -> impl Iterator<Item = Segment> + Clone + use<> {
        let Frame { width, height, .. } = self.frame;
        let dense = self.is_dense();
        let (mut offset, mut row, mut column) = (0, first / width, first % width);
        let mut image = row / height;
        row %= height;
        std::iter::from_fn(move || {
            let rows = if dense { height - row } else { 1 };
            let segment_len = (rows * width - column).min(len - offset);
            let segment = Segment { offset, len: segment_len, image, row, column };
            // Behind a shorter one nothing follows.
            (offset, row, column) = (offset + segment_len, row + rows, 0);
            if row == height {
                (image, row) = (image + 1, 0);
            }
            (segment_len > 0).then_some(segment)
        })
    }

    /// Which of a segment's pixels a mask has values for, as positions in the tile, and the address of the first one's, or
    /// for bits its row's, with its position in the row.
    #[inline]
    pub(crate) fn place(&self, mask: usize, segment: Segment) -> Option<(Range<usize>, *mut u8, usize)> {
        let Segment { offset, len, image, row, column } = segment;
        let value = |position: usize| match self.format {
            MaskFormat::Bits => 0,
            format => format.row_bytes(position),
        };
        let (start, pixels, position) = match &self.places {
            Places::Full(strides) => {
                let row = if strides.bottom_up { self.frame.height - 1 - row } else { row };
                (strides.offset(mask, image) + row * strides.row, offset..offset + len, column)
            }
            Places::Cropped(crops) => {
                let index = mask * self.frame.images + image;
                let MaskStats { left, top, width, height, .. } = crops.boxes[index];
                let [left, top, width, height] = [left, top, width, height].map(|side| side as usize);
                let (first, end) = (column.max(left), (column + len).min(left + width));
                if row < top || row >= top + height || first >= end {
                    return None;
                }
                let start = crops.starts[index] as usize + (row - top) * self.format.row_bytes(width);
                (start, offset + first - column..offset + end - column, first - left)
            }
        };
        Some((pixels, self.first.wrapping_add(start + value(position)), position))
    }

    /// Which of a segment's pixels a mask has values for, as positions in the tile, and where those lie in memory; not for
    /// bits.
    pub(crate) fn values(&self, mask: usize, segment: Segment) -> Option<(Range<usize>, *mut u8)> {
        self.place(mask, segment).map(|(pixels, first, _)| (pixels, first))
    }

    /// Where the values of a segment's pixels lie in memory, and how many bytes they are; of bits those of which the first
    /// is a pixel's of the segment.
    pub(crate) fn whole_bytes(&self, mask: usize, segment: Segment) -> Option<(*mut u8, usize)> {
        match self.format {
            MaskFormat::Bits => self.bits(mask, segment).map(|bits| (bits.whole, bits.bytes)),
            format => {
                self.values(mask, segment).map(|(pixels, first)| (first, format.row_bytes(pixels.len())))
            }
        }
    }

    /// Writes a mask's value for one pixel of all images, where the mask has one; for floats only.
    ///
    /// # Safety
    /// Nobody else writes this pixel's values.
    pub(crate) unsafe fn write_float(&self, mask: usize, pixel: usize, value: f32) {
        debug_assert_eq!(self.format.row_bytes(1), size_of::<f32>());
        let Frame { width, height, .. } = self.frame;
        let (row, column) = (pixel / width, pixel % width);
        let segment = Segment { offset: 0, len: 1, image: row / height, row: row % height, column };
        if let Some((_, place)) = self.values(mask, segment) {
            // SAFETY: who made the planes guarantees the memory, and the caller for nobody else writing there.
            unsafe { place.cast::<f32>().write(value) };
        }
    }

    /// Which of a segment's pixels a mask of bits has, and where those bits lie in memory.
    pub(crate) fn bits(&self, mask: usize, segment: Segment) -> Option<Bits> {
        let (pixels, row, position) = self.place(mask, segment)?;
        let end = position + pixels.len();
        let first_byte = position.div_ceil(8);
        Some(Bits {
            begun: (8 * first_byte - position).min(pixels.len()),
            bit: position % 8,
            begun_byte: row.wrapping_add(position / 8),
            whole: row.wrapping_add(first_byte),
            bytes: end.div_ceil(8).saturating_sub(first_byte),
            pixels,
        })
    }
}

/// Where a mask's bits lie for some pixels of a row.
#[derive(Clone, Debug)]
pub(crate) struct Bits {
    /// Their positions in the tile.
    pub(crate) pixels: Range<usize>,
    /// How many of them have bits of a byte that another tile has begun, that byte, and the first one's bit in it.
    pub(crate) begun: usize,
    pub(crate) begun_byte: *mut u8,
    pub(crate) bit: usize,
    /// The others' bytes, and how many.
    pub(crate) whole: *mut u8,
    pub(crate) bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_that_let_planes_overlap_are_refused() {
        let frame = Frame { width: 10, height: 3, images: 2 };
        let refused = |row_stride, image_stride, mask_stride| {
            let layout = MaskLayout { row_stride, image_stride, mask_stride };
            Strides::new(&layout, MaskFormat::F32, frame).unwrap_err().to_string()
        };
        assert_eq!(refused(-42, 0, 0), "mask_row_stride is 42; a multiple of 4 is expected");
        assert_eq!(refused(-36, 0, 0), "mask_row_stride is 36; 0 or at least 40 is expected");
        assert_eq!(refused(0, 116, 0), "mask_image_stride is 116; 0 or at least 120 is expected");
        assert_eq!(refused(0, 0, 116), "mask_stride is 116; 0 or at least 120 is expected");
        let strides = |image_stride, mask_stride| {
            let layout = MaskLayout { row_stride: 0, image_stride, mask_stride };
            Strides::new(&layout, MaskFormat::F32, frame).unwrap()
        };
        assert_eq!(strides(0, 0).masks_in(239), 0);
        assert_eq!(strides(0, 0).masks_in(480), 2);
        // There is room for two masks between the images.
        assert_eq!(strides(240, 120).masks_in(10_000), 2);
        assert_eq!(strides(240, 120).masks_in(480), 2);
        assert_eq!(strides(240, 120).masks_in(479), 1);
    }
}
