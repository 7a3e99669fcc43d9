//! A picture or a raw file becomes pixels in memory: integers and floats as they are, with the channels that the file
//! has.

use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use bytemuck::cast_slice_mut;
use ctm::Shape;
use half::f16;
use image::ImageFormat;

use crate::decode::{Part, Ranks, channels_text};
use crate::memory::zeroed;
use crate::picture::{Image, Values};
use crate::source::{self, Source};
use crate::terminal::{count, thousands};
use crate::{decode, decoder_process};

/// How images are read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// What raw files hold; none: an image file.
    pub(crate) raw: Option<Raw>,
    /// The most bytes of memory that decoding an image may take.
    pub(crate) max_memory: u64,
    /// Which part of an image file.
    pub(crate) part: Part,
}

/// What a raw file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) shape: Shape,
    pub(crate) format: RawFormat,
}

/// How a raw file stores a value, little-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RawFormat {
    #[default]
    F32,
    F16,
    U16,
    U8,
    U32,
    I32,
}

impl RawFormat {
    fn bytes(self) -> u64 {
        match self {
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::F16 | Self::U16 => 2,
            Self::U8 => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "32-bit floats",
            Self::F16 => "16-bit floats",
            Self::U16 => "16-bit integers",
            Self::U8 => "8-bit integers",
            Self::U32 => "32-bit integers",
            Self::I32 => "signed 32-bit integers",
        }
    }

    fn short_name(self) -> &'static str {
        if self == Self::F32 { "floats" } else { self.name() }
    }
}

impl Image {
    /// Reads a file, a pipe or standard input: raw floats of the given shape, or else a picture.
    pub(crate) fn read(path: &Path, reading: &Reading) -> anyhow::Result<Self> {
        Self::read_source(path, reading).with_context(|| path.display().to_string())
    }

    fn read_source(path: &Path, reading: &Reading) -> anyhow::Result<Self> {
        let source = source::open(path)?;
        match reading.raw {
            Some(raw) => read_raw(source, raw),
            None => read_picture(source, reading).map_err(|error| advised(error, path)),
        }
    }
}

/// Reads little-endian values.
fn read_raw(source: Source, raw: Raw) -> anyhow::Result<Image> {
    let (shape, name) = (raw.shape, raw.format.name());
    let bytes = shape.floats() as u64 * raw.format.bytes();
    let wrong_size = |found: String| {
        anyhow!(
            "holds {found} bytes; {} x {} pixels of {} ({name}) are {} bytes",
            shape.width(),
            shape.height(),
            count(shape.channels().into(), "value"),
            thousands(bytes)
        )
    };
    let mut reader: Box<dyn Read> = match source {
        Source::File(_, len) if len != bytes => return Err(wrong_size(thousands(len))),
        Source::File(file, _) => Box::new(file),
        Source::Stream(stream) => Box::new(stream),
    };
    let values = read_values(&mut reader, raw).map_err(|error| match error.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => wrong_size("fewer".into()),
        _ => error.context("cannot be read"),
    })?;
    // A pipe has no length to check beforehand.
    if reader.read(&mut [0]).context("cannot be read")? > 0 {
        return Err(wrong_size("more".into()));
    }
    let channels = match (raw.format, shape.channels()) {
        (RawFormat::U32 | RawFormat::I32, 1) => "an id a pixel",
        (RawFormat::U32 | RawFormat::I32, _) => "two ids a pixel",
        (_, channels) => channels_text(channels),
    };
    let kind = format!("raw {}, {channels}", raw.format.short_name());
    Ok(Image { values, shape, kind, lossy: None, hints: Vec::new() })
}

fn read_values(reader: &mut dyn Read, raw: Raw) -> anyhow::Result<Values> {
    let count = raw.shape.floats() as u128;
    let what = format!("the {} need", raw.format.short_name());
    let words = |reader: &mut dyn Read| -> anyhow::Result<Vec<u16>> {
        let mut words: Vec<u16> = zeroed(count, &what)?;
        reader.read_exact(cast_slice_mut(&mut words))?;
        words.iter_mut().for_each(|word| *word = u16::from_le(*word));
        Ok(words)
    };
    Ok(match raw.format {
        RawFormat::U8 => {
            let mut bytes: Vec<u8> = zeroed(count, &what)?;
            reader.read_exact(&mut bytes)?;
            Values::U8(bytes)
        }
        RawFormat::U16 => Values::U16(words(reader)?),
        RawFormat::F16 => {
            let halves = words(reader)?;
            let mut floats: Vec<f32> = zeroed(count, &what)?;
            floats.iter_mut().zip(halves).for_each(|(to, half)| *to = f16::from_bits(half).to_f32());
            Values::F32(floats)
        }
        RawFormat::F32 => {
            let mut floats: Vec<f32> = zeroed(count, &what)?;
            reader.read_exact(cast_slice_mut(&mut floats))?;
            floats.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
            Values::F32(floats)
        }
        RawFormat::U32 => {
            let mut ids: Vec<u32> = zeroed(count, &what)?;
            reader.read_exact(cast_slice_mut(&mut ids))?;
            ids.iter_mut().for_each(|id| *id = u32::from_le(*id));
            Values::U32(ids)
        }
        RawFormat::I32 => {
            let mut ids: Vec<i32> = zeroed(count, &what)?;
            reader.read_exact(cast_slice_mut(&mut ids))?;
            ids.iter_mut().for_each(|id| *id = i32::from_le(*id));
            Values::I32(ids)
        }
    })
}

/// Reads an image file; its first bytes, not its name, say of which format.
fn read_picture(source: Source, reading: &Reading) -> anyhow::Result<Image> {
    let (mut file, len) = match source {
        Source::File(file, len) => (file, len),
        Source::Stream(stream) => {
            return decoder_process::decode_stream(stream, &reading.part, reading.max_memory);
        }
    };
    let format = decode::format_of(&source::head(&mut file)?)?;
    if format == ImageFormat::Png {
        // Its decoder keeps to a limit.
        return decode::decode(BufReader::new(file), len, format, &reading.part, reading.max_memory);
    }
    decoder_process::decode_file(file, len, format, &reading.part, reading.max_memory)
}

/// Reads a Cryptomatte: the layer of this name, or the only one.
pub(crate) fn cryptomatte(path: &Path, reading: &Reading, layer: Option<&str>) -> anyhow::Result<Ranks> {
    let read = || match source::open(path)? {
        Source::Stream(_) => bail!("is a pipe; a Cryptomatte is read from a file (--cryptomatte)"),
        Source::File(mut file, len) => {
            let format = decode::format_of(&source::head(&mut file)?)?;
            let part = Part { layer: layer.map(str::to_owned), ..Part::default() };
            decoder_process::cryptomatte(file, len, format, &part, reading.max_memory)
        }
    };
    read().with_context(|| path.display().to_string())
}

/// How many frames, pages or layers of pages a file has, and whether each is drawn over those before it.
pub(crate) fn frames(path: &Path, max_memory: u64) -> anyhow::Result<(u32, bool)> {
    let count = || match source::open(path)? {
        Source::Stream(_) => bail!("is a pipe, whose frames cannot be counted beforehand; save it as a file"),
        Source::File(mut file, len) => {
            let format = decode::format_of(&source::head(&mut file)?)?;
            let count = decoder_process::count_frames(file, len, format, max_memory)?;
            Ok((count, decode::is_sequence(format)))
        }
    };
    count().with_context(|| path.display().to_string())
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
