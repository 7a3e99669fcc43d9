//! Shapes and positions: how large an image is, and where pixels lie.

use crate::error::Error;

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

/// The images that the pixels are those of, one behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) images: usize,
}

impl Frame {
    /// One image that has all of their rows.
    pub(crate) fn as_one(self) -> Self {
        Self { height: self.height * self.images, images: 1, ..self }
    }
}

/// The pixels of a call as the backends see them: the images one below the other, and words in place of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PixelGrid {
    pub(crate) width: u32,
    /// Of one image.
    pub(crate) rows: u32,
    pub(crate) images: u32,
    /// Of a pixel, 1 to 4.
    pub(crate) words: u32,
}

impl PixelGrid {
    /// Checks a grid as [`Shape::new`] checks an image.
    pub(crate) fn new(width: u32, rows: u32, images: u32, words: u32) -> Result<Self, Error> {
        Shape::new(width, rows.saturating_mul(images), words)?;
        Ok(Self { width, rows, images, words })
    }

    /// Pixels of all images.
    pub(crate) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.rows) * u64::from(self.images)
    }

    /// Pixels of all images, as lengths are counted.
    pub(crate) fn len(&self) -> usize {
        // Lossless: `new` has bounded the product by what a usize counts.
        self.pixels() as usize
    }

    /// Words of all pixels.
    pub(crate) fn all_words(&self) -> usize {
        self.len() * self.words as usize
    }

    /// Where its pixels lie.
    pub(crate) fn frame(&self) -> Frame {
        let [width, height, images] = [self.width, self.rows, self.images].map(|count| count as usize);
        Frame { width, height, images }
    }
}

/// More than a 64-bit process can address; a size above it is a mistake, not an image.
pub(crate) const MAX_BYTES: u128 = if usize::BITS == 64 { 1 << 56 } else { isize::MAX as u128 };
