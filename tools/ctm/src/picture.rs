//! An image in memory, as its file has it.

use bytemuck::cast_slice;
use ctm::{Format, Shape};

/// The channel values of an image's pixels, row by row from the top.
#[derive(Debug)]
pub(crate) enum Values {
    U8(Vec<u8>),
    U16(Vec<u16>),
    F32(Vec<f32>),
}

impl Values {
    /// What a value is stored as.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::U8(_) => Format::U8,
            Self::U16(_) => Format::U16,
            Self::F32(_) => Format::F32,
        }
    }

    /// As the library wants them.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::U8(values) => values,
            Self::U16(values) => cast_slice(values),
            Self::F32(values) => cast_slice(values),
        }
    }
}

/// A value of 8 bits as a float.
pub(crate) fn byte(value: u8) -> f32 {
    f32::from(value) / 255.0
}

/// A value of 16 bits as a float.
pub(crate) fn word(value: u16) -> f32 {
    f32::from(value) / 65535.0
}

/// An image in memory.
#[derive(Debug)]
pub(crate) struct Image {
    /// `height * width * channels` values.
    pub(crate) values: Values,
    /// Width, height and channels.
    pub(crate) shape: Shape,
    /// What the file holds: `PNG, 8-bit RGB`.
    pub(crate) kind: String,
    /// The file's compression, if it changes colours.
    pub(crate) lossy: Option<String>,
    /// What else there is to know about the file.
    pub(crate) hints: Vec<String>,
}
