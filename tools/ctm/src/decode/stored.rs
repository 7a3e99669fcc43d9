//! What decoders share: what they read from, and an image as its file stores it.

use std::io::{BufRead, Seek};

use anyhow::bail;
use ctm::Shape;

use super::turn;
use crate::picture::{Image, Values};
use crate::terminal::thousands;

/// What a decoder reads from: a file, or what came through a pipe.
pub(crate) trait Input: BufRead + Seek {}
impl<T: BufRead + Seek> Input for T {}

/// Checks a size before anything of it is allocated: `held` bytes a pixel are needed at once.
pub(super) fn check_size(size: [u32; 2], channels: u32, held: u64, budget: u64) -> anyhow::Result<Shape> {
    let [width, height] = size;
    let bytes = (u64::from(width) * u64::from(height)).saturating_mul(held);
    if bytes > budget {
        bail!(
            "{width} x {height} pixels need {} bytes; {} are allowed (--max-memory)",
            thousands(bytes),
            thousands(budget)
        );
    }
    Ok(Shape::new(width, height, channels)?)
}

/// What so many channels are called where the file does not say.
pub(crate) fn channels_text(channels: u32) -> &'static str {
    ["grey", "grey + alpha", "RGB", "RGBA"][channels as usize - 1]
}

/// An image as its file stores it, to be turned as the file asks viewers to.
pub(super) struct Stored {
    pub(super) values: Values,
    pub(super) shape: Shape,
    pub(super) kind: String,
    pub(super) lossy: Option<&'static str>,
    pub(super) orientation: image::metadata::Orientation,
    pub(super) hints: Vec<String>,
}

impl Stored {
    pub(super) fn turned(self) -> anyhow::Result<Image> {
        let (values, shape) = match self.values {
            Values::U8(v) => turn::turned(v, self.shape, self.orientation).map(|(v, s)| (Values::U8(v), s)),
            Values::U16(v) => turn::turned(v, self.shape, self.orientation).map(|(v, s)| (Values::U16(v), s)),
            Values::F32(v) => turn::turned(v, self.shape, self.orientation).map(|(v, s)| (Values::F32(v), s)),
            Values::U32(v) => turn::turned(v, self.shape, self.orientation).map(|(v, s)| (Values::U32(v), s)),
            Values::I32(v) => turn::turned(v, self.shape, self.orientation).map(|(v, s)| (Values::I32(v), s)),
        }?;
        let lossy = self.lossy.map(String::from);
        Ok(Image { values, shape, kind: self.kind, lossy, hints: self.hints })
    }
}
