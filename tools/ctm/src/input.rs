//! A picture or a raw file becomes pixels in memory: integers and floats as they are, with the channels that the file
//! has.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use bytemuck::cast_slice_mut;
use ctm::Shape;
use image::ImageFormat;

use crate::memory::zeroed;
use crate::picture::{Image, Values};
use crate::source::{self, Source};
use crate::terminal::thousands;
use crate::{decode, decoder_process};

/// How images are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The shape of raw floats; none: an image file.
    pub(crate) raw: Option<Shape>,
    /// The most bytes of memory that decoding an image may take.
    pub(crate) max_memory: u64,
}

impl Image {
    /// Reads a file, a pipe or standard input: raw floats of the given shape, or else a picture.
    pub(crate) fn read(path: &Path, reading: Reading) -> anyhow::Result<Self> {
        Self::read_source(path, reading).with_context(|| path.display().to_string())
    }

    fn read_source(path: &Path, reading: Reading) -> anyhow::Result<Self> {
        let source = source::open(path)?;
        match reading.raw {
            Some(shape) => read_raw(source, shape),
            None => read_picture(source, reading.max_memory).map_err(|error| advised(error, path)),
        }
    }
}

/// Reads little-endian floats.
fn read_raw(source: Source, shape: Shape) -> anyhow::Result<Image> {
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
    let mut reader: Box<dyn Read> = match source {
        Source::File(_, len) if len != bytes => return Err(wrong_size(thousands(len))),
        Source::File(file, _) => Box::new(file),
        Source::Stream(stream) => Box::new(stream),
    };
    let mut floats: Vec<f32> = zeroed(shape.floats() as u128, "the floats need")?;
    match reader.read_exact(cast_slice_mut(&mut floats)) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(wrong_size("fewer".into()));
        }
        result => result.context("cannot be read")?,
    }
    // A pipe has no length to check beforehand.
    if reader.read(&mut [0]).context("cannot be read")? > 0 {
        return Err(wrong_size("more".into()));
    }
    for value in &mut floats {
        *value = f32::from_bits(u32::from_le(value.to_bits()));
    }
    let channels = ["grey", "grey + alpha", "RGB", "RGBA"][shape.channels() as usize - 1];
    let kind = format!("raw floats, {channels}");
    Ok(Image { values: Values::F32(floats), shape, kind, lossy: None, hints: Vec::new() })
}

/// Reads an image file; its first bytes, not its name, say of which format.
fn read_picture(source: Source, max_memory: u64) -> anyhow::Result<Image> {
    let (mut file, len) = match source {
        Source::File(file, len) => (file, len),
        Source::Stream(stream) => return decoder_process::decode_stream(stream, max_memory),
    };
    let format = decode::format_of(&head(&mut file)?)?;
    if format == ImageFormat::Png {
        // Its decoder keeps to a limit.
        return decode::decode(BufReader::new(file), len, format, max_memory);
    }
    decoder_process::decode_file(file, len, format, max_memory)
}

/// The first bytes of a file.
pub(crate) fn head(file: &mut File) -> anyhow::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(16).read_to_end(&mut head).context("cannot be read")?;
    file.seek(SeekFrom::Start(0)).context("cannot be read")?;
    Ok(head)
}

/// What to say about a file that is called as raw floats often are.
fn advised(error: anyhow::Error, path: &Path) -> anyhow::Error {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_unknown = error.to_string().starts_with("is no image of a known format");
    if is_unknown && ["f32", "raw", "bin", "dat"].contains(&extension.as_str()) {
        return anyhow!("is no image; raw floats need their size: --raw WIDTHxHEIGHTxCHANNELS");
    }
    error
}
