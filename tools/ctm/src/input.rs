//! A picture or a raw file becomes pixels in memory: integers and floats as they are, with the channels that the file
//! has.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use bytemuck::{Pod, cast_slice, cast_slice_mut};
use ctm::{Format, Shape};
use image::error::LimitErrorKind;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::jpeg;
use crate::memory::zeroed;
use crate::terminal::{self, thousands};

/// A decoder may take this many bytes; 32,768 x 32,768 pixels of RGBA floats. Beyond it a file's
/// announced size is taken for a mistake or an attack.
const MAX_DECODED_BYTES: u64 = 16 << 30;

/// What can be read.
const SUPPORTED: &str = "PNG, JPEG, TIFF, WebP and OpenEXR images can be read, and raw floats with --raw";

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

    /// A value as a float: integers divided by the largest one.
    pub(crate) fn float(&self, index: usize) -> f32 {
        match self {
            Self::U8(values) => f32::from(values[index]) / 255.0,
            Self::U16(values) => f32::from(values[index]) / 65535.0,
            Self::F32(values) => values[index],
        }
    }
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
    /// Whether the file's compression changes colours.
    pub(crate) lossy: bool,
}

impl Image {
    /// Reads a file: raw floats of the given shape, or else a picture.
    pub(crate) fn read(path: &Path, raw: Option<Shape>) -> anyhow::Result<Self> {
        Self::read_file(path, raw).with_context(|| path.display().to_string())
    }

    fn read_file(path: &Path, raw: Option<Shape>) -> anyhow::Result<Self> {
        let metadata = path.metadata().context("cannot be opened")?;
        if metadata.is_dir() {
            bail!("is a folder; an image file is expected");
        }
        let file = File::open(path).context("cannot be opened")?;
        match raw {
            Some(shape) => read_raw(file, &metadata, shape),
            None => read_picture(file, &metadata, path),
        }
    }
}

/// Reads little-endian floats.
fn read_raw(mut file: File, metadata: &Metadata, shape: Shape) -> anyhow::Result<Image> {
    let bytes = shape.floats() as u64 * 4;
    let wrong_size = |found: String| {
        anyhow!(
            "holds {found} bytes; {} x {} pixels of {} 32-bit floats are {} bytes",
            shape.width(),
            shape.height(),
            shape.channels(),
            thousands(bytes)
        )
    };
    if metadata.is_file() && metadata.len() != bytes {
        return Err(wrong_size(thousands(metadata.len())));
    }
    let mut floats: Vec<f32> = zeroed(shape.floats() as u128, "the floats need")?;
    match file.read_exact(cast_slice_mut(&mut floats)) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(wrong_size("fewer".into()));
        }
        result => result.context("cannot be read")?,
    }
    // A pipe has no length to check beforehand.
    if file.read(&mut [0]).context("cannot be read")? > 0 {
        return Err(wrong_size("more".into()));
    }
    for value in &mut floats {
        *value = f32::from_bits(u32::from_le(value.to_bits()));
    }
    let kind = format!("raw floats, {}", channels_text(shape.channels()));
    Ok(Image { values: Values::F32(floats), shape, kind, lossy: false })
}

/// What a decoder reads from: the file itself, or what came through a pipe.
trait Source: BufRead + Seek {}
impl<T: BufRead + Seek> Source for T {}

/// Reads an image file; its first bytes, not its name, say of which format.
fn read_picture(mut file: File, metadata: &Metadata, path: &Path) -> anyhow::Result<Image> {
    let mut head = Vec::new();
    (&mut file).take(16).read_to_end(&mut head).context("cannot be read")?;
    let format = match image::guess_format(&head) {
        Ok(format) if format.reading_enabled() => format,
        Ok(format) => bail!("is a {} image; {SUPPORTED}", format_name(format)),
        Err(_) => return Err(unknown_format(&head, path)),
    };
    let source: Box<dyn Source> = if metadata.is_file() && format != ImageFormat::Jpeg {
        file.seek(SeekFrom::Start(0)).context("cannot be read")?;
        Box::new(BufReader::new(file))
    } else {
        file.take(MAX_DECODED_BYTES).read_to_end(&mut head).context("cannot be read")?;
        if format == ImageFormat::Jpeg && !jpeg::is_whole(&head) {
            bail!("cannot be read as JPEG: the file ends too early");
        }
        Box::new(Cursor::new(head))
    };
    // The decoders are others' code, and the file may be anything.
    panic::catch_unwind(AssertUnwindSafe(|| decode(source, format)))
        .unwrap_or_else(|panic| Err(anyhow!("the decoder failed: {}", terminal::panic_text(panic.as_ref()))))
        .with_context(|| format!("cannot be read as {}", format_name(format)))
}

/// What to say about a file that is no image.
fn unknown_format(head: &[u8], path: &Path) -> anyhow::Error {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match extension.as_str() {
        _ if head.is_empty() => anyhow!("is empty; an image is expected"),
        "f32" | "raw" | "bin" | "dat" => {
            anyhow!("is no image; raw floats need their size: --raw WIDTHxHEIGHTxCHANNELS")
        }
        _ => anyhow!("is no image of a known format; {SUPPORTED}"),
    }
}

fn decode(source: Box<dyn Source>, format: ImageFormat) -> anyhow::Result<Image> {
    let mut reader = ImageReader::with_format(source, format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(decoder_error)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let color_type = decoder.color_type();
    let (width, height) = decoder.dimensions();
    let shape = Shape::new(width, height, color_type.channel_count().into())?;
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        bail!(
            "{width} x {height} pixels are {} bytes; at most {} are supported",
            thousands(decoder.total_bytes()),
            thousands(MAX_DECODED_BYTES)
        );
    }
    let len = shape.floats();
    let depth = color_type.bytes_per_pixel() / color_type.channel_count();
    let (values, shape) = match depth {
        1 => turned(read_values(decoder, len)?, shape, orientation).map(|(v, s)| (Values::U8(v), s))?,
        2 => turned(read_values(decoder, len)?, shape, orientation).map(|(v, s)| (Values::U16(v), s))?,
        _ if matches!(color_type, ColorType::Rgb32F | ColorType::Rgba32F) => {
            turned(read_values(decoder, len)?, shape, orientation).map(|(v, s)| (Values::F32(v), s))?
        }
        _ => bail!("colours of type {color_type:?} are not supported"),
    };
    let depth_text = ["8-bit", "16-bit", "", "32-bit float"][usize::from(depth - 1)];
    let kind = format!("{}, {depth_text} {}", format_name(format), channels_text(shape.channels()));
    Ok(Image { values, shape, kind, lossy: format == ImageFormat::Jpeg })
}

/// Decodes the whole image into values of one type.
fn read_values<T: Pod>(decoder: impl ImageDecoder, len: usize) -> anyhow::Result<Vec<T>> {
    let mut values: Vec<T> = zeroed(len as u128, "the image needs")?;
    decoder.read_image(cast_slice_mut(&mut values)).map_err(decoder_error)?;
    Ok(values)
}

/// Turns an image as its file asks viewers to.
fn turned<T: Pod>(values: Vec<T>, shape: Shape, orientation: Orientation) -> anyhow::Result<(Vec<T>, Shape)> {
    // First mirrored left to right, then turned clockwise by so many quarters.
    let (mirrored, quarters) = match orientation {
        Orientation::NoTransforms => return Ok((values, shape)),
        Orientation::Rotate90 => (false, 1),
        Orientation::Rotate180 => (false, 2),
        Orientation::Rotate270 => (false, 3),
        Orientation::FlipHorizontal => (true, 0),
        Orientation::FlipVertical => (true, 2),
        Orientation::Rotate90FlipH => (true, 3),
        Orientation::Rotate270FlipH => (true, 1),
    };
    let (width, height) = (shape.width() as usize, shape.height() as usize);
    let channels = shape.channels() as usize;
    let new_shape =
        if quarters % 2 == 0 { shape } else { Shape::new(shape.height(), shape.width(), shape.channels())? };
    let mut out = zeroed(values.len() as u128, "turning the image needs")?;
    for (index, pixel) in out.chunks_exact_mut(channels).enumerate() {
        let (x, y) = (index % new_shape.width() as usize, index / new_shape.width() as usize);
        let (from_x, from_y) = match quarters {
            0 => (x, y),
            1 => (y, height - 1 - x),
            2 => (width - 1 - x, height - 1 - y),
            _ => (width - 1 - y, x),
        };
        let from_x = if mirrored { width - 1 - from_x } else { from_x };
        pixel.copy_from_slice(&values[(from_y * width + from_x) * channels..][..channels]);
    }
    Ok((out, new_shape))
}

/// An image error without its repetition of the format's name.
fn decoder_error(error: ImageError) -> anyhow::Error {
    match error {
        ImageError::Limits(error) if matches!(error.kind(), LimitErrorKind::InsufficientMemory) => anyhow!(
            "the image is larger than the {} bytes that are supported when decoded",
            thousands(MAX_DECODED_BYTES)
        ),
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            anyhow!("the file ends too early")
        }
        ImageError::IoError(error) => anyhow!(error),
        error => anyhow!(error.to_string()),
    }
}

fn format_name(format: ImageFormat) -> String {
    match format {
        ImageFormat::OpenExr => "OpenEXR".into(),
        ImageFormat::WebP => "WebP".into(),
        format => format!("{format:?}").to_uppercase(),
    }
}

fn channels_text(channels: u32) -> &'static str {
    ["grey", "grey + alpha", "RGB", "RGBA"][channels as usize - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, RgbImage};

    #[test]
    fn turns_like_the_image_crate() {
        let picture = RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8, y as u8, 7]));
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let mut expected = DynamicImage::ImageRgb8(picture.clone());
            expected.apply_orientation(orientation);
            let shape = Shape::new(5, 3, 3).unwrap();
            let (turned, shape) = turned(picture.as_raw().clone(), shape, orientation).unwrap();
            assert_eq!((shape.width(), shape.height()), (expected.width(), expected.height()));
            assert_eq!(turned, expected.into_bytes(), "{orientation:?}");
        }
    }
}
