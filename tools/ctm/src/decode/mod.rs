//! Image files become pixels: one module a format. What a file stores is read exactly, or refused with a sentence.

mod cryptomatte;
mod cryptomatte_header;
mod exr;
mod exr_channels;
mod gif;
mod jpeg;
mod part;
mod png;
mod pnm;
mod simple;
mod stored;
mod tiff;
mod turn;
mod webp;

use std::panic::{self, AssertUnwindSafe};

use anyhow::{Context as _, anyhow, bail};
pub(crate) use cryptomatte::Ranks;
use image::ImageFormat;
pub(crate) use part::Part;
use stored::Input;
pub(crate) use stored::channels_text;

use crate::picture::Image;
use crate::{terminal, words};

/// What can be read.
pub(crate) const SUPPORTED: &str = "PNG, JPEG, TIFF, WebP, OpenEXR, BMP, GIF, PNM, PAM, TGA, QOI, farbfeld and HDR images can be read, and raw values with \
     --raw";

/// Of which format a file is, by its first bytes.
pub(crate) fn format_of(head: &[u8]) -> anyhow::Result<ImageFormat> {
    // The 64-bit kind of TIFF.
    if head.starts_with(b"II+\0\x08\0") || head.starts_with(b"MM\0+\0\x08") {
        return Ok(ImageFormat::Tiff);
    }
    match image::guess_format(head) {
        Err(_) if simple::is_tga(head) => Ok(ImageFormat::Tga),
        Ok(format) if is_supported(format) => Ok(format),
        Ok(format) => {
            bail!("is an image in the format {}, which is not supported; {SUPPORTED}", name(format))
        }
        Err(_) if head.is_empty() => bail!("is empty; an image is expected"),
        Err(_) => bail!("is no image of a known format; {SUPPORTED}"),
    }
}

fn is_supported(format: ImageFormat) -> bool {
    use ImageFormat::{Bmp, Farbfeld, Gif, Hdr, Jpeg, OpenExr, Png, Pnm, Qoi, Tga, Tiff, WebP};
    matches!(format, Png | Jpeg | Tiff | WebP | OpenExr | Bmp | Farbfeld | Gif | Hdr | Pnm | Qoi | Tga)
}

/// A format as people write it.
pub(crate) fn name(format: ImageFormat) -> String {
    match format {
        ImageFormat::OpenExr => "OpenEXR".into(),
        ImageFormat::WebP => "WebP".into(),
        ImageFormat::Farbfeld => "farbfeld".into(),
        format => format!("{format:?}").to_uppercase(),
    }
}

/// Decodes an image of `len` bytes within so many bytes of memory.
pub(crate) fn decode(
    mut input: impl Input,
    len: u64,
    format: ImageFormat,
    part: &Part,
    budget: u64,
) -> anyhow::Result<Image> {
    guarded(format, || {
        part.check(format)?;
        match format {
            ImageFormat::Png => png::decode(&mut input, len, part, budget),
            ImageFormat::Jpeg => jpeg::decode(&mut input, budget),
            ImageFormat::Tiff => tiff::decode(&mut input, len, part, budget),
            ImageFormat::WebP => webp::decode(&mut input, part, budget),
            ImageFormat::Gif => gif::decode(&mut input, len, part, budget),
            ImageFormat::OpenExr => exr::decode(&mut input, len, part, budget),
            format => simple::decode(&mut input, len, format, budget),
        }
    })
}

/// Decodes the Cryptomatte of an OpenEXR image of `len` bytes: the layer that `part` has, or the only one.
pub(crate) fn cryptomatte(
    mut input: impl Input,
    len: u64,
    format: ImageFormat,
    part: &Part,
    budget: u64,
) -> anyhow::Result<Ranks> {
    guarded(format, || match format {
        ImageFormat::OpenExr => cryptomatte::decode(&mut input, len, part.layer.as_deref(), budget),
        _ => bail!("is {}; only OpenEXR images have a Cryptomatte (--cryptomatte)", name(format)),
    })
}

/// Whether each frame is drawn over those before it, so that all are decoded to have the last.
pub(crate) fn is_sequence(format: ImageFormat) -> bool {
    format == ImageFormat::Gif
}

/// Decodes the frames of such an image, one after the other.
pub(crate) fn frames(
    mut input: impl Input,
    len: u64,
    format: ImageFormat,
    budget: u64,
    mut each: impl FnMut(Image) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    guarded(format, || gif::frames(&mut input, len, budget)?.try_for_each(|frame| each(frame?)))
}

/// How many frames or pages an image of `len` bytes has.
pub(crate) fn count_frames(mut input: impl Input, len: u64, format: ImageFormat) -> anyhow::Result<u32> {
    guarded(format, || match format {
        ImageFormat::Png => png::count_frames(&mut input),
        ImageFormat::Tiff => tiff::count_pages(&mut input, len),
        ImageFormat::WebP => webp::count_frames(&mut input),
        ImageFormat::Gif => gif::count_frames(&mut input),
        _ => Ok(1),
    })
}

/// Has a decoder, which is others' code, at work on what may be anything.
fn guarded<T>(format: ImageFormat, decode: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    panic::catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|panic| Err(anyhow!("the decoder failed: {}", terminal::panic_text(panic.as_ref()))))
        .map_err(words::of_decoder)
        .with_context(|| format!("cannot be read as {}", name(format)))
}
