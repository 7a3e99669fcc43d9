//! WebP.

use anyhow::{anyhow, bail};
use image::metadata::Orientation;
use image_webp::{DecodingError, WebPDecoder};

use super::{Input, Stored, channels_text, check_size};
use crate::input::{Image, Values};
use crate::memory::zeroed;

/// The format's images are no larger. A canvas of frames may claim to be, with nothing to fill it.
const MOST_SIDE: u32 = 16_384;

pub(super) fn decode(input: &mut dyn Input, budget: u64) -> anyhow::Result<Image> {
    let mut decoder = WebPDecoder::new(input).map_err(plain)?;
    decoder.set_memory_limit(usize::try_from(budget)?);
    let (width, height) = decoder.dimensions();
    if width.max(height) > MOST_SIDE {
        bail!("{width} x {height} pixels are more than the {MOST_SIDE} x {MOST_SIDE} of the format");
    }
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    // Beside the pixels the decoder holds four bytes for each.
    let shape = check_size([width, height], channels, u64::from(channels) + 4, budget)?;
    let lossy = decoder.is_lossy().then_some("WebP's lossy compression");
    let exif = decoder.exif_metadata().map_err(plain)?;
    let orientation = exif.as_deref().and_then(Orientation::from_exif_chunk);
    let mut values: Vec<u8> = zeroed(shape.floats() as u128, "the image needs")?;
    decoder.read_image(&mut values).map_err(plain)?;
    let frames = decoder.num_frames();
    let hint = (decoder.is_animated() && frames > 1)
        .then(|| format!("is an animation of {frames} frames; only the first image is read, and blending may have changed its values by 1"));
    Stored {
        values: Values::U8(values),
        shape,
        kind: format!("WebP, 8-bit {}", channels_text(channels)),
        lossy,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        hints: hint.into_iter().collect(),
    }
    .turned()
}

/// An error that keeps its cause, if it has one.
fn plain(error: DecodingError) -> anyhow::Error {
    match error {
        DecodingError::IoError(error) => anyhow!(error),
        error => anyhow!(error),
    }
}
