//! The colour map, its shape, and how it lies in memory. All size arithmetic is done here, once, before memory is touched.

use std::fmt;
use std::marker::PhantomData;

use crate::color::WordKind;
use crate::error::Error;
use crate::types::device_memory::DeviceMemory;
use crate::types::geometry::{MAX_BYTES, Shape};

/// What a channel is stored as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats (IEEE 754 binary16).
    F16,
    /// 16-bit integers.
    U16,
    /// 8-bit integers.
    U8,
    /// 32-bit integers, such as ids: one or two channels. Each number is a colour of its own, with no distance to others.
    U32,
    /// 32-bit integers with a sign, in two's complement: as [`Format::U32`].
    I32,
}

/// As messages have it: `f32`, `f16`, `u16`, `u8`, `u32`, `i32`.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::U16 => "u16",
            Self::U8 => "u8",
            Self::U32 => "u32",
            Self::I32 => "i32",
        })
    }
}

impl Format {
    /// Bytes of a channel.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::F16 | Self::U16 => 2,
            Self::U8 => 1,
        }
    }

    /// Channels of a pixel at most.
    pub(crate) fn most_channels(self) -> u32 {
        if self.has_ids() { 2 } else { 4 }
    }

    /// Whether values are numbers that name something, and are neither rounded nor compared by distance.
    pub(crate) fn has_ids(self) -> bool {
        matches!(self, Self::U32 | Self::I32)
    }

    /// What words of pixels of this format stand for.
    pub(crate) fn word_kind(self) -> WordKind {
        match self {
            Self::F32 | Self::F16 | Self::U16 | Self::U8 => WordKind::Floats,
            Self::U32 => WordKind::Unsigned,
            Self::I32 => WordKind::Signed,
        }
    }

    /// The largest value, where it is an integer of 16 bits or less.
    pub(crate) fn most(self) -> Option<u16> {
        match self {
            Self::F32 | Self::F16 | Self::U32 | Self::I32 => None,
            Self::U16 => Some(u16::MAX),
            Self::U8 => Some(u8::MAX.into()),
        }
    }
}

/// The order in which a pixel's channels are stored. Colours are compared and reported as red, green, blue,
/// alpha, however they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// As they come: grey; grey, alpha; red, green, blue; red, green, blue, alpha.
    #[default]
    Rgba,
    /// Blue, green, red, and alpha if there are four.
    Bgra,
    /// Alpha, red, green, blue. Four channels.
    Argb,
    /// Alpha, blue, green, red. Four channels.
    Abgr,
}

/// As messages have it: `rgba`, `bgra`, `argb`, `abgr`.
impl fmt::Display for ChannelOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rgba => "rgba",
            Self::Bgra => "bgra",
            Self::Argb => "argb",
            Self::Abgr => "abgr",
        })
    }
}

impl ChannelOrder {
    /// Where red, green, blue and alpha, or grey and alpha, are stored; `None` where the order does not go
    /// with the number of channels.
    fn positions(self, channels: u32) -> Option<[u8; 4]> {
        match (self, channels) {
            (Self::Rgba, _) => Some([0, 1, 2, 3]),
            (Self::Bgra, 3 | 4) => Some([2, 1, 0, 3]),
            (Self::Argb, 4) => Some([1, 2, 3, 0]),
            (Self::Abgr, 4) => Some([3, 2, 1, 0]),
            _ => None,
        }
    }
}

/// How the pixels of a colour map lie in memory. The default is what [`ColorMap::new`] takes: floats, rows
/// from the top, pixels interleaved, no gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// What a channel is stored as.
    pub format: Format,
    /// The order of a pixel's channels.
    pub order: ChannelOrder,
    /// Whether each channel has a plane of its own.
    pub planar: bool,
    /// Bytes from a pixel to the next one of its row; 0: no gap.
    pub pixel_stride: usize,
    /// Bytes from a row to the next in memory, negative where the bottom row comes first; 0: no gap.
    pub row_stride: isize,
    /// Bytes from a channel's plane to the next one's, where they have planes of their own; 0: no gap.
    pub plane_stride: usize,
    /// How many images there are, all of the same shape; 0: one.
    pub image_count: u32,
    /// Bytes from an image to the next; 0: no gap.
    pub image_stride: usize,
}

/// A borrowed colour map, or several of the same shape.
#[derive(Clone, Copy, Debug)]
pub struct ColorMap<'a> {
    /// Of one image.
    shape: Shape,
    images: u32,
    format: Format,
    /// The first pixel of the first image's top row.
    first: *const u8,
    /// In bytes.
    pixel_stride: isize,
    row_stride: isize,
    image_stride: isize,
    /// From a pixel to its red, green, blue and alpha, or grey and alpha.
    channels: [isize; 4],
    /// Where the pixels are in a device's memory: then there are none at `first`.
    memory: Option<DeviceMemory>,
    lifetime: PhantomData<&'a [u8]>,
}

// SAFETY: it is a shared borrow of bytes.
#[allow(unsafe_code)]
unsafe impl Send for ColorMap<'_> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for ColorMap<'_> {}

impl<'a> ColorMap<'a> {
    /// Wraps `height * width * channels` floats: rows from the top, pixels interleaved, no gaps.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the shape is out of range or the slice has another length.
    pub fn new(floats: &'a [f32], width: u32, height: u32, channels: u32) -> Result<Self, Error> {
        let shape = Shape::new(width, height, channels)?;
        if floats.len() != shape.floats() {
            return Err(Error::InvalidArgument(format!(
                "color_map has {} floats; width x height x channels is {width} x {height} x {channels} = {}",
                floats.len(),
                shape.floats()
            )));
        }
        Self::with_layout(bytemuck::cast_slice(floats), shape, &Layout::default())
    }

    /// Wraps pixels that lie at the start of `bytes` as `layout` says.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the layout contradicts itself or takes more bytes than there are.
    pub fn with_layout(bytes: &'a [u8], shape: Shape, layout: &Layout) -> Result<Self, Error> {
        let extent = ImageExtent::new(shape, layout)?;
        if extent.bytes > bytes.len() {
            return Err(Error::InvalidArgument(format!(
                "the color map has {} bytes; its shape and layout need {}",
                bytes.len(),
                extent.bytes
            )));
        }
        // SAFETY: all pixels lie in `bytes`.
        #[allow(unsafe_code)]
        Ok(unsafe { Self::from_raw(bytes.as_ptr(), shape, layout.format, &extent) })
    }

    /// As `with_layout`, for memory of which only the channels may be touched.
    ///
    /// # Safety
    /// `extent` is that of a layout with this shape and format. All channels of all pixels, in memory that
    /// begins with `bytes`, can be read for `'a`, and are not written to.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn from_raw(
        bytes: *const u8,
        shape: Shape,
        format: Format,
        extent: &ImageExtent,
    ) -> Self {
        let &ImageExtent { pixel_stride, row_stride, image_stride, images, channels, top_row, .. } = extent;
        Self {
            shape,
            images,
            format,
            first: bytes.wrapping_offset(top_row),
            pixel_stride,
            row_stride,
            image_stride,
            channels,
            memory: None,
            lifetime: PhantomData,
        }
    }

    /// Pixels in a device's memory: dense floats, or integers of 32 bits, in reading order, image behind image.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where they lie otherwise.
    #[cfg(any(feature = "capi", test))]
    pub(crate) fn on_device(
        memory: DeviceMemory,
        shape: Shape,
        format: Format,
        extent: &ImageExtent,
    ) -> Result<Self, Error> {
        let &ImageExtent { pixel_stride, row_stride, image_stride, images, channels, .. } = extent;
        let map = Self {
            shape,
            images,
            format,
            first: std::ptr::null(),
            pixel_stride,
            row_stride,
            image_stride,
            channels,
            memory: Some(memory),
            lifetime: PhantomData,
        };
        if !map.is_dense() {
            return Err(Error::Unsupported(
                "pixels in a device's memory are of 32 bits a channel and in reading order, channels in their default \
                 order, without gaps"
                    .to_owned(),
            ));
        }
        Ok(map)
    }

    /// The device's memory that the pixels are in, if they are.
    pub(crate) fn memory(&self) -> Option<DeviceMemory> {
        self.memory
    }

    /// A rectangle of each image.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the rectangle is empty or not within the image.
    pub fn crop(&self, left: u32, top: u32, width: u32, height: u32) -> Result<Self, Error> {
        for (name, start, size, most) in
            [("left", left, width, self.shape.width()), ("top", top, height, self.shape.height())]
        {
            let side = if name == "left" { "width" } else { "height" };
            if size == 0 || u64::from(start) + u64::from(size) > u64::from(most) {
                return Err(Error::InvalidArgument(format!(
                    "{name} is {start} and the rectangle's {side} is {size}; a part of an image with {side} {most} is expected"
                )));
            }
        }
        let offset = left as isize * self.pixel_stride + top as isize * self.row_stride;
        let shape = Shape::new(width, height, self.shape.channels())?;
        if self.memory.is_some() && shape != self.shape {
            return Err(Error::Unsupported(format!(
                "the rectangle is {width} x {height}; of pixels in a device's memory all are worked on, {} x {}",
                self.shape.width(),
                self.shape.height()
            )));
        }
        Ok(Self { shape, first: self.first.wrapping_offset(offset), ..*self })
    }

    /// One of the images, which count from 0.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when there are not so many.
    pub fn image(&self, index: u32) -> Result<Self, Error> {
        if index >= self.images {
            return Err(Error::InvalidArgument(format!(
                "image {index} is asked for; there are {}, which count from 0",
                self.images
            )));
        }
        let offset = index as isize * self.image_stride;
        let bytes = 4 * self.shape.floats() as u64; // as many to a value, if they are in a device's memory
        let memory = self.memory.map(|memory| memory.part(u64::from(index) * bytes, bytes));
        Ok(Self { images: 1, first: self.first.wrapping_offset(offset), memory, ..*self })
    }

    /// The shape of each image.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many images there are.
    #[must_use]
    pub fn images(&self) -> u32 {
        self.images
    }

    /// What a channel is stored as.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Bytes from a pixel to the next.
    pub(crate) fn pixel_stride(&self) -> isize {
        self.pixel_stride
    }

    /// Bytes from a pixel to its red, green, blue and alpha, or grey and alpha.
    pub(crate) fn channel_offsets(&self) -> [isize; 4] {
        self.channels
    }

    /// How many rows of all images' rows follow each other without a gap: all of them, those of each image, or one.
    pub(crate) fn rows_without_gap(&self) -> usize {
        let (width, height) = (self.shape.width() as isize, self.shape.height() as isize);
        let row = width * self.pixel_stride;
        if height > 1 && self.row_stride != row {
            return 1;
        }
        // Lossless: images have less than 2^32 rows together.
        let images = if self.image_stride == height * row { self.images as usize } else { 1 };
        images * height as usize
    }

    /// A pixel of the row `row` of all images' rows.
    pub(crate) fn pixel(&self, row: u32, column: u32) -> *const u8 {
        let (image, row) = (row / self.shape.height(), row % self.shape.height());
        let offset = image as isize * self.image_stride
            + row as isize * self.row_stride
            + column as isize * self.pixel_stride;
        self.first.wrapping_offset(offset)
    }

    /// All channels as bit patterns, where they have 32 bits and lie in reading order without gaps.
    pub(crate) fn words(&self) -> Option<&'a [u32]> {
        let dense = self.is_dense() && self.memory.is_none() && self.first.cast::<u32>().is_aligned();
        let count = self.shape.floats() * self.images as usize;
        // SAFETY: aligned, and all of them are the caller's, who lends them for `'a`.
        #[allow(unsafe_code)]
        dense.then(|| unsafe { std::slice::from_raw_parts(self.first.cast(), count) })
    }

    /// Whether they have 32 bits each and lie in reading order without gaps.
    fn is_dense(&self) -> bool {
        let rows = self.shape.height() as usize * self.images as usize;
        self.format.bytes() == 4
            && self.pixel_stride == 4 * self.shape.channels() as isize
            && self.rows_without_gap() == rows
            && (0..self.shape.channels() as usize)
                .all(|channel| self.channels[channel] == 4 * channel as isize)
    }
}

/// The strides of a layout, and the bytes it takes.
#[derive(Debug)]
pub(crate) struct ImageExtent {
    pixel_stride: isize,
    row_stride: isize,
    image_stride: isize,
    images: u32,
    channels: [isize; 4],
    /// From the lowest byte to the first image's top row.
    top_row: isize,
    /// All bytes, from the lowest one to the highest.
    pub(crate) bytes: usize,
}

impl ImageExtent {
    pub(crate) fn new(shape: Shape, layout: &Layout) -> Result<Self, Error> {
        let (width, height, channels) = (shape.width(), shape.height(), shape.channels());
        let size = layout.format.bytes() as u128;
        let images = layout.image_count.max(1);
        let positions = check_layout(shape, layout, images)?;
        // Each stride is at least the bytes of what it leads over.
        let stride = |name: &str, value: usize, least: u128| match value as u128 {
            0 => Ok(least),
            stride if stride >= least => Ok(stride),
            stride => {
                Err(Error::InvalidArgument(format!("{name} is {stride}; 0 or at least {least} is expected")))
            }
        };
        let planes = if layout.planar { u128::from(channels) } else { 1 };
        let pixel_bytes = size * if layout.planar { 1 } else { u128::from(channels) };
        let pixel_stride = stride("pixel_stride", layout.pixel_stride, pixel_bytes)?;
        let row_bytes = pixel_stride * u128::from(width - 1) + pixel_bytes;
        let row_stride = match layout.row_stride {
            0 => pixel_stride * u128::from(width),
            given => stride("row_stride", given.unsigned_abs(), row_bytes)?,
        };
        let plane_bytes = row_stride * u128::from(height - 1) + row_bytes;
        let plane_stride = match layout.plane_stride {
            0 => row_stride * u128::from(height),
            given => stride("plane_stride", given, plane_bytes)?,
        };
        let image_bytes = plane_stride * (planes - 1) + plane_bytes;
        let image_stride = match layout.image_stride {
            0 => plane_stride * planes,
            given => stride("image_stride", given, image_bytes)?,
        };
        let bytes = image_stride * u128::from(images - 1) + image_bytes;
        if bytes > MAX_BYTES {
            return Err(Error::InvalidArgument(format!(
                "the image's strides reach over {bytes} bytes; no memory can hold more than {MAX_BYTES}"
            )));
        }
        // Lossless from here on: all are at most `bytes`, or lead over the only one of its kind.
        let step = |stride: u128, count: u128| if count > 1 { stride as isize } else { 0 };
        let row_step = step(row_stride, height.into());
        let bottom_up = layout.row_stride < 0;
        let mut channel_offsets = [0; 4];
        for (offset, position) in channel_offsets.iter_mut().zip(positions).take(channels as usize) {
            let position = u128::from(position);
            *offset = if layout.planar { plane_stride * position } else { size * position } as isize;
        }
        Ok(Self {
            pixel_stride: pixel_stride.min(MAX_BYTES) as isize,
            row_stride: if bottom_up { -row_step } else { row_step },
            image_stride: step(image_stride, images.into()),
            images,
            channels: channel_offsets,
            top_row: if bottom_up { row_step * (height as isize - 1) } else { 0 },
            bytes: bytes as usize,
        })
    }
}

/// Checks what a layout says beside its strides; gives the position of each channel in a pixel.
fn check_layout(shape: Shape, layout: &Layout, images: u32) -> Result<[u8; 4], Error> {
    let invalid = |text: String| Err(Error::InvalidArgument(text));
    if u64::from(shape.height()) * u64::from(images) > u32::MAX.into() {
        return invalid(format!(
            "image_count is {images} and height is {}; at most {} rows together are expected",
            shape.height(),
            u32::MAX
        ));
    }
    if shape.channels() > layout.format.most_channels() {
        return invalid(format!(
            "channels is {} and format is {}; 1 or 2 are expected",
            shape.channels(),
            layout.format
        ));
    }
    let Some(positions) = layout.order.positions(shape.channels()) else {
        return invalid(format!(
            "channel_order is '{}' and channels is {}; they do not go together",
            layout.order,
            shape.channels()
        ));
    };
    if !layout.planar && layout.plane_stride != 0 {
        return invalid(format!(
            "plane_stride is {} and the channels are interleaved; 0 is expected",
            layout.plane_stride
        ));
    }
    Ok(positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(width: u32, height: u32, channels: u32) -> String {
        match Shape::new(width, height, channels) {
            Err(Error::InvalidArgument(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refuses_what_is_no_image() {
        assert_eq!(refused(0, 1, 1), "width is 0; at least 1 is expected");
        assert_eq!(refused(1, 0, 1), "height is 0; at least 1 is expected");
        assert_eq!(refused(1, 1, 0), "channels is 0; 1 to 4 are supported");
        assert_eq!(refused(1, 1, 7), "channels is 7; 1 to 4 are supported");
        assert!(refused(u32::MAX, u32::MAX, 4).contains("no memory can hold"));
        assert!(refused(u32::MAX, u32::MAX, 1).contains("no memory can hold"));
    }

    #[test]
    fn takes_what_memory_could_hold() {
        let large = Shape::new(1 << 26, 1 << 26, 4).unwrap();
        assert_eq!(large.pixels(), 1 << 52);
        assert_eq!(large.floats(), 1 << 54);
    }
}
