//! Formats whose files hold one image and little else, by the decoders of the crate `image`: BMP, PNM and PAM, TGA, QOI,
//! farbfeld, HDR. These keep what a file stores: what they widen (few bits) stays different.

use std::error::Error as _;

use anyhow::{anyhow, bail};
use bytemuck::cast_slice_mut;
use image::codecs::{bmp, farbfeld, hdr, qoi, tga};
use image::error::ImageError;
use image::metadata::Orientation;
use image::{ColorType, ExtendedColorType, ImageDecoder, ImageFormat};

use super::stored::{Input, Stored, channels_text, check_size};
use crate::memory::zeroed;
use crate::picture::{Image, Values};
use crate::terminal::thousands;
use crate::words;

/// TGA has no mark at its start: whether a file's first bytes are such a header and no other.
pub(super) fn is_tga(head: &[u8]) -> bool {
    let Some(head) = head.first_chunk::<18>() else { return false };
    let &[_, has_map, kind, ref map @ .., width_0, width_1, height_0, height_1, bits, flags] = head;
    let is_mapped = matches!(kind, 1 | 9);
    let fits_map = match has_map {
        0 => !is_mapped && map[..5] == [0; 5],
        1 => matches!(map[4], 15 | 16 | 24 | 32) && map[2..4] != [0, 0],
        _ => false,
    };
    let fits_kind = match kind {
        1 | 9 => matches!(bits, 8 | 16),
        2 | 10 => matches!(bits, 15 | 16 | 24 | 32),
        3 | 11 => matches!(bits, 8 | 16),
        _ => false,
    };
    let has_size = (width_0 | width_1) != 0 && (height_0 | height_1) != 0;
    fits_map && fits_kind && has_size && flags & 0xc0 == 0
}

pub(super) fn decode(
    input: &mut dyn Input,
    len: u64,
    format: ImageFormat,
    budget: u64,
) -> anyhow::Result<Image> {
    let stored = match format {
        ImageFormat::Bmp => read(bmp::BmpDecoder::new(&mut *input).map_err(plain)?, len, "BMP", 0, budget),
        ImageFormat::Tga => read(tga::TgaDecoder::new(&mut *input).map_err(plain)?, len, "TGA", 128, budget),
        ImageFormat::Qoi => read(qoi::QoiDecoder::new(&mut *input).map_err(plain)?, len, "QOI", 62, budget),
        ImageFormat::Farbfeld => {
            read(farbfeld::FarbfeldDecoder::new(&mut *input).map_err(plain)?, len, "farbfeld", 1, budget)
        }
        ImageFormat::Hdr => read(hdr::HdrDecoder::new(&mut *input).map_err(plain)?, len, "HDR", 64, budget),
        _ => super::pnm::decode(input, len, budget),
    };
    let mut stored = stored?;
    // Files of this format may hold several images, one behind the other.
    if format == ImageFormat::Pnm && input.fill_buf()?.iter().any(|byte| !byte.is_ascii_whitespace()) {
        stored.hints.push("goes on behind its first image, which alone is read".into());
    }
    stored.turned()
}

/// Reads an image. `most`: the pixels that a byte of the file can stand for, 0 where there is no such number.
pub(super) fn read(
    mut decoder: impl ImageDecoder,
    len: u64,
    name: &str,
    most: u64,
    budget: u64,
) -> anyhow::Result<Stored> {
    let (width, height) = decoder.dimensions();
    let (channels, bytes) = match decoder.color_type() {
        ColorType::L8 => (1, 1),
        ColorType::La8 => (2, 1),
        ColorType::Rgb8 => (3, 1),
        ColorType::Rgba8 => (4, 1),
        ColorType::L16 => (1, 2),
        ColorType::La16 => (2, 2),
        ColorType::Rgb16 => (3, 2),
        ColorType::Rgba16 => (4, 2),
        ColorType::Rgb32F => (3, 4),
        ColorType::Rgba32F => (4, 4),
        _ => bail!("pixels of this kind are not supported; save the map as PNG"),
    };
    // A decoder may hold the file's bytes beside the pixels.
    let shape = check_size([width, height], channels, 2 * u64::from(channels) * bytes, budget)?;
    if most > 0 && shape.pixels() / most > len {
        bail!("the file of {} bytes is too short for {width} x {height} pixels", thousands(len));
    }
    let original = decoder.original_color_type();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let what = "the image needs";
    let count = shape.floats() as u128;
    let values = match bytes {
        1 => {
            let mut values: Vec<u8> = zeroed(count, what)?;
            decoder.read_image(&mut values).map_err(plain)?;
            Values::U8(values)
        }
        2 => {
            let mut values: Vec<u16> = zeroed(count, what)?;
            decoder.read_image(cast_slice_mut(&mut values)).map_err(plain)?;
            Values::U16(values)
        }
        _ => {
            let mut values: Vec<f32> = zeroed(count, what)?;
            decoder.read_image(cast_slice_mut(&mut values)).map_err(plain)?;
            Values::F32(values)
        }
    };
    let depth = if bytes == 4 { "32-bit float".into() } else { format!("{}-bit", bytes * 8) };
    let from = match original {
        ExtendedColorType::L1 => " from 1 bit",
        _ => "",
    };
    let kind = format!("{name}, {depth} {}{from}", channels_text(channels));
    Ok(Stored { values, shape, kind, lossy: None, orientation, hints: Vec::new() })
}

/// An error that keeps its cause, if it has one.
pub(super) fn plain(error: ImageError) -> anyhow::Error {
    match error {
        ImageError::IoError(error) => anyhow!(error),
        ImageError::Decoding(error) => match error.source() {
            Some(cause) => words::damaged(cause),
            None => words::damaged(""),
        },
        ImageError::Unsupported(_) => anyhow!("a file of this kind is not supported; save the map as PNG"),
        error => words::damaged(error),
    }
}
