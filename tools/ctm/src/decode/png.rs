//! PNG. Its decoder keeps to a limit, so it runs in this process.

use std::io::ErrorKind;

use anyhow::{anyhow, bail};
use bytemuck::cast_slice_mut;
use image::metadata::Orientation;
use png::{
    BitDepth, BlendOp, ColorType, DecodeOptions, Decoder, DecodingError, Info, Limits, Transformations,
};

use super::part::Part;
use super::stored::{Input, Stored, channels_text, check_size};
use crate::memory::zeroed;
use crate::picture::{Image, Values};
use crate::terminal::{count, thousands};
use crate::words;

/// What the decoder may hold beside the pixels and a few rows of them: a palette, a chunk of metadata.
const METADATA: u64 = 16 << 20;
/// Deflate makes at most so many bytes of one.
const MOST_EXPANSION: u64 = 1032;

pub(super) fn decode(input: &mut dyn Input, len: u64, part: &Part, budget: u64) -> anyhow::Result<Image> {
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(input, options);
    // Palettes become colours, bits bytes, and a transparent colour alpha.
    decoder.set_transformations(Transformations::EXPAND);
    let info = decoder.read_header_info().map_err(plain)?;
    let size = [info.width, info.height];
    // The transparent colour, which follows the header, may add a channel.
    let most_channels =
        if info.color_type == ColorType::Indexed { 4 } else { info.color_type.samples() as u64 + 1 };
    let value_bytes = if info.bit_depth == BitDepth::Sixteen { 2 } else { 1 };
    let shape = check_size(size, 1, info.color_type.samples() as u64 * value_bytes, budget)?;
    let packed = info.raw_row_length() as u64 * u64::from(size[1]);
    if packed / MOST_EXPANSION > len {
        bail!("the file of {} bytes is too short for {} x {} pixels", thousands(len), size[0], size[1]);
    }
    let row = u64::from(size[0]) * most_channels * value_bytes;
    decoder.set_limits(Limits { bytes: usize::try_from(METADATA + 4 * row)? });
    let mut reader = decoder.read_info().map_err(plain)?;
    let (color_type, depth) = reader.output_color_type();
    let channels = color_type.samples() as u32;
    let shape =
        check_size([shape.width(), shape.height()], channels, u64::from(channels) * value_bytes, budget)?;
    let frames = info_frames(reader.info());
    let place = part.place(frames, "frame")?;
    skip_frames(&mut reader, place, shape)?;
    let values = if depth == BitDepth::Sixteen {
        let mut values: Vec<u16> = zeroed(shape.floats() as u128, "the image needs")?;
        reader.next_frame(cast_slice_mut(&mut values)).map_err(plain)?;
        values.iter_mut().for_each(|value| *value = u16::from_be(*value));
        Values::U16(values)
    } else {
        let mut values: Vec<u8> = zeroed(shape.floats() as u128, "the image needs")?;
        reader.next_frame(&mut values).map_err(plain)?;
        Values::U8(values)
    };
    let info = reader.info();
    let orientation = info.exif_metadata.as_deref().and_then(Orientation::from_exif_chunk);
    Stored {
        values,
        shape,
        kind: format!("PNG, {}-bit {}{}", depth as u8, channels_text(channels), origin(info)),
        lossy: None,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        hints: (frames > 1)
            .then(|| {
                part.others("frame", || {
                    format!("is an animation of {frames} frames; only the first image is read")
                })
            })
            .flatten()
            .into_iter()
            .collect(),
    }
    .turned()
}

/// What the values were before they became what they are.
fn origin(info: &Info) -> String {
    match (info.color_type, info.bit_depth, &info.trns) {
        (ColorType::Indexed, ..) => " from a palette".into(),
        (_, _, Some(_)) => " with a transparent colour".into(),
        (_, BitDepth::Eight | BitDepth::Sixteen, None) => String::new(),
        (_, depth, None) => format!(" from {}", count(depth as u64, "bit")),
    }
}

/// How many images there are.
fn info_frames(info: &Info) -> u32 {
    info.animation_control.map_or(1, |control| control.num_frames.max(1))
}

pub(super) fn count_frames(input: &mut dyn Input) -> anyhow::Result<u32> {
    let reader = Decoder::new(input).read_info().map_err(plain)?;
    Ok(info_frames(reader.info()))
}

/// Goes to a frame of an animation, which must stand for itself: all of its pixels, each in place of what was there.
fn skip_frames(
    reader: &mut png::Reader<&mut dyn Input>,
    place: u32,
    shape: ctm::Shape,
) -> anyhow::Result<()> {
    if place == 0 {
        return Ok(());
    }
    // An image that is no part of the animation comes before its frames.
    let is_apart = reader.info().frame_control.is_none();
    for _ in 0..place + u32::from(is_apart) {
        reader.next_frame_info().map_err(plain)?;
    }
    let control = reader.info().frame_control.ok_or_else(|| anyhow!("the frame has no size"))?;
    let is_whole = (control.width, control.height) == (shape.width(), shape.height());
    if !is_whole || (control.blend_op == BlendOp::Over && shape.channels().is_multiple_of(2)) {
        bail!(
            "frame {} is drawn over those before it; only frames that replace the whole image can be read",
            place + 1
        );
    }
    Ok(())
}

/// An error as the tool tells it.
fn plain(error: DecodingError) -> anyhow::Error {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            anyhow!("the file ends too early")
        }
        DecodingError::LimitsExceeded => {
            anyhow!("the decoder needs more memory than an image of this size should")
        }
        DecodingError::Format(error) => words::damaged(with_chunk_names(&error.to_string())),
        error => words::damaged(error),
    }
}

/// What the decoder says, with `IDAT` for `ChunkType { type: IDAT, critical: true, .. }`.
fn with_chunk_names(text: &str) -> String {
    let mut parts = text.split("ChunkType { type: ");
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        named.extend([name.split(',').next().unwrap_or_default(), rest]);
    }
    named
}
