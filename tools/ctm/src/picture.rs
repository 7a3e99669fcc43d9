//! An image in memory, as its file has it.

use bytemuck::{Zeroable, cast_slice};
use ctm::{Format, Shape};

use crate::memory::zeroed;

/// The channel values of an image's pixels, row by row from the top.
#[derive(Debug)]
pub(crate) enum Values {
    U8(Vec<u8>),
    U16(Vec<u16>),
    F32(Vec<f32>),
    /// Ids, each a colour of its own.
    U32(Vec<u32>),
    I32(Vec<i32>),
}

impl Values {
    /// What a value is stored as.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::U8(_) => Format::U8,
            Self::U16(_) => Format::U16,
            Self::F32(_) => Format::F32,
            Self::U32(_) => Format::U32,
            Self::I32(_) => Format::I32,
        }
    }

    /// As the library wants them.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::U8(values) => values,
            Self::U16(values) => cast_slice(values),
            Self::F32(values) => cast_slice(values),
            Self::U32(values) => cast_slice(values),
            Self::I32(values) => cast_slice(values),
        }
    }
}

impl Values {
    /// With an alpha channel that says that every pixel is opaque.
    pub(crate) fn opaque(self, shape: Shape) -> anyhow::Result<Self> {
        fn add<T: Zeroable + Copy>(values: &[T], channels: usize, most: T) -> anyhow::Result<Vec<T>> {
            let pixels = values.len() / channels;
            let mut all: Vec<T> = zeroed((pixels * (channels + 1)) as u128, "the image with alpha needs")?;
            for (to, from) in all.chunks_exact_mut(channels + 1).zip(values.chunks_exact(channels)) {
                to[..channels].copy_from_slice(from);
                to[channels] = most;
            }
            Ok(all)
        }
        let channels = shape.channels() as usize;
        Ok(match self {
            Self::U8(values) => Self::U8(add(&values, channels, u8::MAX)?),
            Self::U16(values) => Self::U16(add(&values, channels, u16::MAX)?),
            Self::F32(values) => Self::F32(add(&values, channels, 1.0)?),
            Self::U32(values) => Self::U32(add(&values, channels, u32::MAX)?),
            Self::I32(values) => Self::I32(add(&values, channels, i32::MAX)?),
        })
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
