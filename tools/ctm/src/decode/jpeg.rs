//! JPEG.

use anyhow::{anyhow, bail};
use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::stored::{Input, Stored, channels_text, check_size};
use crate::memory::zeroed;
use crate::picture::{Image, Values};
use crate::terminal::thousands;
use crate::words;

pub(super) fn decode(input: &mut dyn Input, budget: u64) -> anyhow::Result<Image> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    // The decoder would fill what is missing with grey, and grey would pass for a colour of the map.
    if !is_whole(&bytes) {
        bail!("the file ends too early");
    }
    let mut decoder = decoder(&bytes);
    decoder.decode_headers().map_err(plain)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| anyhow!("the file has no image"))?;
    let size = [u32::try_from(width)?, u32::try_from(height)?];
    let color_space = decoder.input_colorspace().unwrap_or(ColorSpace::Unknown);
    let (out, channels) = match color_space {
        ColorSpace::Luma => (ColorSpace::Luma, 1),
        ColorSpace::RGB | ColorSpace::YCbCr => (ColorSpace::RGB, 3),
        ColorSpace::CMYK | ColorSpace::YCCK => {
            bail!("holds CMYK colours, which become others as RGB; save the map as RGB")
        }
        _ => bail!("its colours are neither grey nor RGB, which is not supported; save the map as PNG"),
    };
    // A progressive image is held as coefficients of two bytes as well.
    let shape = check_size(size, channels, u64::from(channels) * 3, budget)?;
    check_length(&bytes, size)?;
    decoder.set_options(decoder.options().set_strict_mode(true).jpeg_set_out_colorspace(out));
    let mut values: Vec<u8> = zeroed(shape.floats() as u128, "the image needs")?;
    decoder.decode_into(&mut values).map_err(plain)?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    Stored {
        values: Values::U8(values),
        shape,
        kind: format!("JPEG, 8-bit {}", channels_text(channels)),
        lossy: Some("JPEG"),
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        hints: Vec::new(),
    }
    .turned()
}

fn decoder(bytes: &[u8]) -> JpegDecoder<ZCursor<&[u8]>> {
    let options = DecoderOptions::default().set_max_width(usize::MAX).set_max_height(usize::MAX);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
}

/// Refuses a file that is too short for its size: each block of 8 x 8 pixels takes a bit at least.
fn check_length(bytes: &[u8], [width, height]: [u32; 2]) -> anyhow::Result<()> {
    let blocks = u64::from(width.div_ceil(8)) * u64::from(height.div_ceil(8));
    if blocks / 8 > bytes.len() as u64 {
        bail!(
            "the file of {} bytes is too short for {width} x {height} pixels",
            thousands(bytes.len() as u64)
        );
    }
    Ok(())
}

/// Decodes a JPEG image inside another file, of which size and channels are known. `is_converted`: YCbCr becomes RGB.
pub(super) fn decode_part(
    bytes: &[u8],
    size: [u32; 2],
    channels: u32,
    is_converted: bool,
) -> anyhow::Result<Vec<u8>> {
    let mut decoder = decoder(bytes);
    decoder.decode_headers().map_err(plain)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    if (width, height) != (size[0] as usize, size[1] as usize) {
        bail!("holds a JPEG part of {width} x {height} pixels; {} x {} are expected", size[0], size[1]);
    }
    check_length(bytes, size)?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::Unknown);
    let out = if is_converted { ColorSpace::RGB } else { stored };
    if out.num_components() != channels as usize {
        bail!("holds a JPEG part of {} channels; {channels} are expected", out.num_components());
    }
    decoder.set_options(decoder.options().set_strict_mode(true).jpeg_set_out_colorspace(out));
    decoder.decode().map_err(plain)
}

/// An error as the tool tells it.
fn plain(error: DecodeErrors) -> anyhow::Error {
    match error {
        DecodeErrors::Format(text) => words::damaged(text),
        DecodeErrors::FormatStatic(text) => words::damaged(text),
        DecodeErrors::Unsupported(_) => anyhow!("its compression is not supported; save the map as PNG"),
        error => words::damaged(error),
    }
}

/// Whether the markers of a JPEG file lead to the one that ends the image.
fn is_whole(bytes: &[u8]) -> bool {
    // Behind the marker that starts the image.
    let mut position = 2;
    loop {
        // Image data, fill bytes and restart markers lie between the markers that matter.
        let Some(&[high, low]) = bytes.get(position..position + 2) else { return false };
        position += 1;
        if high != 0xff || matches!(low, 0x00 | 0xff | 0x01 | 0xd0..=0xd7) {
            continue;
        }
        if low == 0xd9 {
            return true;
        }
        let Some(&[high, low]) = bytes.get(position + 1..position + 3) else { return false };
        position += 1 + usize::from(u16::from_be_bytes([high, low]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_inside_a_segment_is_none() {
        let segment = b"\xff\xd8\xff\xe1\x00\x06\xff\xd9\xff\xd9";
        let data = b"\xff\xda\x00\x02\x12\xff\x00\xd9\xff\xd3\x34";
        assert!(!is_whole(segment));
        assert!(!is_whole(&[&segment[..], data].concat()));
        assert!(is_whole(&[&segment[..], data, b"\xff\xff\xd9 and more"].concat()));
        for bytes in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00"] {
            assert!(!is_whole(bytes));
        }
    }
}
