//! GIF: frames as they are shown, each once those before it were.

use anyhow::{anyhow, bail};
use ctm::Shape;
use gif::{ColorOutput, DecodeOptions, DecodingError};
use image::codecs::gif::GifDecoder;
use image::metadata::Orientation;
use image::{AnimationDecoder as _, ImageDecoder as _};

use super::part::Part;
use super::simple::plain;
use super::stored::{Input, Stored, channels_text, check_size};
use crate::memory::zeroed;
use crate::picture::{Image, Values};
use crate::terminal::thousands;
use crate::words;

/// A code of 12 bits stands for so many pixels at most.
const MOST_PIXELS: u64 = 4096;

pub(super) fn decode(input: &mut dyn Input, len: u64, part: &Part, budget: u64) -> anyhow::Result<Image> {
    let count = count_frames(input)?;
    let place = part.place(count, "frame")?;
    let mut frames = frames(input, len, budget)?;
    let mut image = frames.nth(place as usize).ok_or_else(|| anyhow!("the frame is missing"))??;
    let others =
        part.others("frame", || format!("is an animation of {count} frames; only the first image is read"));
    image.hints.extend(others.filter(|_| count > 1));
    Ok(image)
}

/// All frames, one after the other.
pub(super) fn frames<'a>(
    input: &'a mut dyn Input,
    len: u64,
    budget: u64,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Image>> + 'a> {
    input.rewind()?;
    let decoder = GifDecoder::new(input).map_err(plain)?;
    let (width, height) = decoder.dimensions();
    // The canvas, a frame, and what is shown of both.
    let shape = check_size([width, height], 4, 12, budget)?;
    if shape.pixels() / MOST_PIXELS > len {
        bail!("the file of {} bytes is too short for {width} x {height} pixels", thousands(len));
    }
    Ok(decoder.into_frames().map(move |frame| image(frame.map_err(plain)?.into_buffer().into_raw(), shape)))
}

/// A canvas as an image, without alpha where all is opaque.
fn image(pixels: Vec<u8>, shape: Shape) -> anyhow::Result<Image> {
    let is_opaque = pixels.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == u8::MAX);
    let channels = if is_opaque { 3 } else { 4 };
    let values = if is_opaque {
        let mut colors: Vec<u8> = zeroed(shape.pixels() as u128 * 3, "the image needs")?;
        colors.as_chunks_mut::<3>().0.iter_mut().zip(pixels.as_chunks::<4>().0).for_each(|(to, from)| {
            to.copy_from_slice(&from[..3]);
        });
        colors
    } else {
        pixels
    };
    Stored {
        values: Values::U8(values),
        shape: Shape::new(shape.width(), shape.height(), channels)?,
        kind: format!("GIF, 8-bit {} from a palette", channels_text(channels)),
        lossy: None,
        orientation: Orientation::NoTransforms,
        hints: Vec::new(),
    }
    .turned()
}

/// Walks over the frames without looking at their pixels. What ends too early does so behind its last whole frame.
pub(super) fn count_frames(input: &mut dyn Input) -> anyhow::Result<u32> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(input).map_err(io_error)?;
    let mut frames = 0;
    while decoder.next_frame_info().map_err(io_error)?.is_some() {
        frames += 1;
    }
    if frames == 0 {
        bail!("has no frame");
    }
    Ok(frames)
}

/// An error that keeps its cause, if it has one.
fn io_error(error: DecodingError) -> anyhow::Error {
    match error {
        DecodingError::Io(error) => anyhow!(error),
        DecodingError::Format(error) => words::damaged(error),
        error => words::damaged(error),
    }
}
