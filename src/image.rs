//! The colour map and its shape. All size arithmetic is done here, once, before memory is touched.

use crate::error::Error;

/// More than a 64-bit process can address; a size above it is a mistake, not an image.
const MAX_BYTES: u128 = if usize::BITS == 64 { 1 << 56 } else { isize::MAX as u128 };

/// Width, height and channels of a colour map, known to be in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    width: u32,
    height: u32,
    channels: u32,
}

impl Shape {
    /// Checks a shape: no side is 0, 1 to 4 channels, and a size in bytes that memory could hold.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] names the argument at fault.
    pub fn new(width: u32, height: u32, channels: u32) -> Result<Self, Error> {
        for (name, value) in [("width", width), ("height", height)] {
            if value == 0 {
                return Err(Error::InvalidArgument(format!("{name} is 0; at least 1 is expected")));
            }
        }
        if !(1..=4).contains(&channels) {
            return Err(Error::InvalidArgument(format!("channels is {channels}; 1 to 4 are supported")));
        }
        let bytes = u128::from(width) * u128::from(height) * u128::from(channels) * 4;
        if bytes > MAX_BYTES {
            return Err(Error::InvalidArgument(format!(
                "width x height x channels is {width} x {height} x {channels} floats, {bytes} bytes; \
                 no memory can hold more than {MAX_BYTES}"
            )));
        }
        Ok(Self { width, height, channels })
    }

    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Floats in a pixel, 1 to 4.
    #[must_use]
    pub fn channels(&self) -> u32 {
        self.channels
    }

    /// Pixels in the image.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Floats in the image.
    #[must_use]
    pub fn floats(&self) -> usize {
        self.plane() * self.channels as usize
    }

    /// Floats in one mask.
    pub(crate) fn plane(&self) -> usize {
        // Lossless: `new` has bounded the product by what a usize counts.
        self.pixels() as usize
    }
}

/// A borrowed colour map: rows from the top, pixels interleaved, no padding.
#[derive(Clone, Copy, Debug)]
pub struct ColorMap<'a> {
    shape: Shape,
    floats: &'a [f32],
}

impl<'a> ColorMap<'a> {
    /// Wraps `height * width * channels` floats.
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
        Ok(Self { shape, floats })
    }

    /// The image's shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// All channel values as bit patterns.
    pub(crate) fn bits(&self) -> &'a [u32] {
        bytemuck::cast_slice(self.floats)
    }

    /// The bit patterns of one pixel.
    pub(crate) fn pixel(&self, index: usize) -> &'a [u32] {
        let channels = self.shape.channels as usize;
        &self.bits()[index * channels..][..channels]
    }
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
