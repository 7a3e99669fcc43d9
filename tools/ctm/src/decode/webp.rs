//! WebP.

use std::io::{Cursor, Read as _, SeekFrom};

use anyhow::{anyhow, bail};
use image::metadata::Orientation;
use image_webp::{DecodingError, WebPDecoder};

use super::part::Part;
use super::stored::{Input, Stored, channels_text, check_size};
use crate::memory::zeroed;
use crate::picture::{Image, Values};
use crate::words;

/// The format's images are no larger. A canvas of frames may claim to be, with nothing to fill it.
const MOST_SIDE: u32 = 16_384;

pub(super) fn decode(input: &mut dyn Input, part: &Part, budget: u64) -> anyhow::Result<Image> {
    let mut decoder = open(&mut *input, budget)?;
    let size = decoder.dimensions();
    let exif = decoder.exif_metadata().map_err(plain)?;
    let orientation = exif.as_deref().and_then(Orientation::from_exif_chunk);
    let frames = if decoder.is_animated() { decoder.num_frames() } else { 0 };
    let place = part.place(frames.max(1), "frame")?;
    let mut stored = match frames {
        0 => still(decoder, budget)?,
        _ => {
            drop(decoder);
            let frame = frame(input, size, place)?;
            let budget = budget.saturating_sub(frame.len() as u64);
            still(open(Cursor::new(frame), budget)?, budget)?
        }
    };
    if frames > 1 {
        stored.hints.extend(
            part.others("frame", || {
                format!("is an animation of {frames} frames; only the first image is read")
            }),
        );
    }
    Stored { orientation: orientation.unwrap_or(Orientation::NoTransforms), ..stored }.turned()
}

pub(super) fn count_frames(input: &mut dyn Input) -> anyhow::Result<u32> {
    let decoder = open(input, u64::MAX)?;
    Ok(if decoder.is_animated() { decoder.num_frames().max(1) } else { 1 })
}

fn open<R: Input>(input: R, budget: u64) -> anyhow::Result<WebPDecoder<R>> {
    let mut decoder = WebPDecoder::new(input).map_err(plain)?;
    decoder.set_memory_limit(usize::try_from(budget)?);
    let (width, height) = decoder.dimensions();
    if width.max(height) > MOST_SIDE {
        bail!("{width} x {height} pixels are more than the {MOST_SIDE} x {MOST_SIDE} of the format");
    }
    Ok(decoder)
}

/// The image of a file that has one.
fn still<R: Input>(mut decoder: WebPDecoder<R>, budget: u64) -> anyhow::Result<Stored> {
    let (width, height) = decoder.dimensions();
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    // Beside the pixels the decoder holds four bytes for each.
    let shape = check_size([width, height], channels, u64::from(channels) + 4, budget)?;
    let lossy = decoder.is_lossy().then_some("WebP's lossy compression");
    let mut values: Vec<u8> = zeroed(shape.floats() as u128, "the image needs")?;
    decoder.read_image(&mut values).map_err(plain)?;
    Ok(Stored {
        values: Values::U8(values),
        shape,
        kind: format!("WebP, 8-bit {}", channels_text(channels)),
        lossy,
        orientation: Orientation::NoTransforms,
        hints: Vec::new(),
    })
}

/// An animation's frame as a file of its own. The decoder would blend it into the canvas, which changes values.
fn frame(input: &mut dyn Input, (width, height): (u32, u32), place: u32) -> anyhow::Result<Vec<u8>> {
    /// In front of a frame's image: its place, size, duration and flags.
    const FRAME_HEAD: usize = 16;
    const HAS_ALPHA: u8 = 0x10;
    const REPLACES: u8 = 2;

    input.seek(SeekFrom::Start(12))?; // behind "RIFF", the size and "WEBP"
    let mut before = 0;
    let frame = loop {
        let mut head = [0; 8];
        input.read_exact(&mut head)?;
        let [a, b, c, d] = [head[4], head[5], head[6], head[7]];
        let size = u64::from(u32::from_le_bytes([a, b, c, d]));
        let is_frame = head.starts_with(b"ANMF");
        if is_frame && before == place {
            let mut frame = Vec::new();
            (&mut *input).take(size).read_to_end(&mut frame)?;
            if frame.len() as u64 != size || frame.len() < FRAME_HEAD {
                bail!("the file ends too early");
            }
            break frame;
        }
        before += u32::from(is_frame);
        input.seek(SeekFrom::Current(i64::try_from(size.next_multiple_of(2))?))?;
    };
    let which = if place == 0 { "first frame".into() } else { format!("frame {}", place + 1) };
    let (head, image) = frame.split_at(FRAME_HEAD);
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
    if [0, 3, 6, 9].map(number) != [0, 0, width - 1, height - 1] {
        bail!("the animation's {which} covers only a part of it; save it as a still image");
    }
    let has_alpha = image.starts_with(b"ALPH") || image.starts_with(b"VP8L");
    if place > 0 && has_alpha && head[15] & REPLACES == 0 {
        bail!("the animation's {which} is drawn over those before it; save it as a still image");
    }
    let chunk = |name: &[u8; 4], content: &[u8]| {
        let size = u32::try_from(content.len()).map_err(|_| anyhow!("the {which} is too large"))?;
        anyhow::Ok([&name[..], &size.to_le_bytes(), content].concat())
    };
    // Where alpha is apart from the colours, a header in front of both says so.
    let header = match image.starts_with(b"ALPH") {
        true => chunk(b"VP8X", &[&[HAS_ALPHA, 0, 0, 0], &head[6..12]].concat())?,
        false => Vec::new(),
    };
    chunk(b"RIFF", &[b"WEBP", &header[..], image].concat())
}

/// An error that keeps its cause, if it has one.
fn plain(error: DecodingError) -> anyhow::Error {
    match error {
        DecodingError::IoError(error) => anyhow!(error),
        error => words::damaged(error),
    }
}
