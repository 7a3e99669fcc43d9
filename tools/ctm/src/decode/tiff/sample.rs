//! Single values: how they are stored, and what holds them exactly.

use anyhow::bail;
use bytemuck::Pod;
use ctm::Shape;

use super::directory::{Directory, Reader, tag};
use super::{Colors, Page};
use crate::decode::stored::channels_text;
use crate::memory::zeroed;
use crate::picture::Values;

/// How a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 1, 2 or 4 bits.
    Bits(u8),
    U8,
    U16,
    U32,
    I8,
    I16,
    I32,
    F16,
    F32,
    F64,
}

impl Kind {
    pub(super) fn new(reader: &mut Reader, directory: &Directory) -> anyhow::Result<Self> {
        let bits = directory.numbers(reader, tag::BITS_PER_SAMPLE)?.unwrap_or_else(|| vec![1]);
        let formats = directory.numbers(reader, tag::SAMPLE_FORMAT)?.unwrap_or_else(|| vec![1]);
        let is_mixed = |list: &[u64]| list.iter().any(|value| *value != list[0]);
        if bits.is_empty() || formats.is_empty() {
            bail!("the file is damaged: it does not say how values are stored");
        }
        if is_mixed(&bits) {
            let bits: Vec<_> = bits.iter().map(u64::to_string).collect();
            bail!("channels of {} bits are not supported; all must have as many", bits.join(", "));
        }
        if is_mixed(&formats) {
            bail!("channels of different types are not supported; all must be integers, or all floats");
        }
        Ok(match (formats[0], bits[0]) {
            (1 | 4, bits @ (1 | 2 | 4)) => Self::Bits(bits as u8),
            (1 | 4, 8) => Self::U8,
            (1 | 4, 16) => Self::U16,
            (1 | 4, 32) => Self::U32,
            (2, 8) => Self::I8,
            (2, 16) => Self::I16,
            (2, 32) => Self::I32,
            (3, 16) => Self::F16,
            (3, 32) => Self::F32,
            (3, 64) => Self::F64,
            (format, bits) => {
                let format = match format {
                    1 | 4 => "unsigned integers",
                    2 => "signed integers",
                    3 => "floats",
                    _ => "complex numbers",
                };
                let hint = if bits == 64 {
                    "; ids can be saved as 32-bit integers, one or two to a pixel"
                } else {
                    ""
                };
                bail!("{format} of {bits} bits are not supported{hint}")
            }
        })
    }

    pub(super) fn bits(self) -> u32 {
        match self {
            Self::Bits(bits) => bits.into(),
            Self::U8 | Self::I8 => 8,
            Self::U16 | Self::I16 | Self::F16 => 16,
            Self::U32 | Self::I32 | Self::F32 => 32,
            Self::F64 => 64,
        }
    }

    pub(super) fn is_bits(self) -> bool {
        matches!(self, Self::Bits(_))
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }

    /// Bytes of a value in memory; of one that may not fit, both as it is and as it becomes.
    pub(super) fn held_bytes(self) -> u64 {
        match self {
            Self::Bits(_) | Self::U8 => 1,
            Self::U16 => 2,
            _ => 4,
        }
    }

    /// Bits of an index into a palette.
    pub(super) fn index_bits(self) -> anyhow::Result<u32> {
        match self {
            Self::Bits(_) | Self::U8 | Self::U16 => Ok(self.bits()),
            other => bail!("a palette with indices of {} is not supported", other.text(1)),
        }
    }

    /// Whether a pixel of so many of these is an id, which no float need hold.
    fn is_id(self, samples: u32) -> bool {
        matches!(self, Self::U32 | Self::I32) && samples <= 2
    }

    fn text(self, samples: u32) -> String {
        match self {
            Self::U32 if self.is_id(samples) => "32-bit integer".into(),
            Self::I32 if self.is_id(samples) => "signed 32-bit integer".into(),
            Self::Bits(_) | Self::U8 => "8-bit".into(),
            Self::U16 => "16-bit".into(),
            Self::F32 => "32-bit float".into(),
            Self::F16 | Self::F64 => format!("{}-bit float as 32-bit float", self.bits()),
            _ => format!("{}-bit integers as 32-bit float", self.bits()),
        }
    }
}

/// The values of a page, each in its place.
#[derive(Debug)]
pub(super) struct Samples {
    values: Values,
    /// The first value that a 32-bit float cannot hold: its place, and itself.
    inexact: Option<(usize, f64)>,
}

impl Samples {
    pub(super) fn zeroed(shape: Shape, kind: Kind) -> anyhow::Result<Self> {
        let (len, what) = (shape.floats(), "the image needs");
        let values = match kind {
            Kind::Bits(_) | Kind::U8 => Values::U8(zeroed(len as u128, what)?),
            Kind::U16 => Values::U16(zeroed(len as u128, what)?),
            Kind::U32 if kind.is_id(shape.channels()) => Values::U32(zeroed(len as u128, what)?),
            Kind::I32 if kind.is_id(shape.channels()) => Values::I32(zeroed(len as u128, what)?),
            _ => Values::F32(zeroed(len as u128, what)?),
        };
        Ok(Self { values, inexact: None })
    }

    /// Puts the first values of a row behind `first`, each `step` behind the one before.
    pub(super) fn put(&mut self, row: &[u8], first: usize, step: usize, count: usize, kind: Kind) {
        match (&mut self.values, kind) {
            (Values::U8(to), Kind::Bits(bits)) => {
                let value = |index: usize| {
                    let bit = index * usize::from(bits);
                    row[bit / 8] >> (8 - usize::from(bits) - bit % 8) & ((1u16 << bits) - 1) as u8
                };
                let to = to[first..].iter_mut().step_by(step).take(count);
                to.enumerate().for_each(|(index, to)| *to = value(index));
            }
            (Values::U8(to), _) => copy(row, &mut to[first..], step, count),
            (Values::U16(to), _) => copy(row, &mut to[first..], step, count),
            (Values::F32(to), Kind::F32) => copy(row, &mut to[first..], step, count),
            (Values::U32(to), _) => copy(row, &mut to[first..], step, count),
            (Values::I32(to), _) => copy(row, &mut to[first..], step, count),
            (Values::F32(to), _) => {
                let size = kind.bits() as usize / 8;
                for (index, bytes) in row.chunks_exact(size).take(count).enumerate() {
                    let place = first + index * step;
                    let value = number(bytes, kind);
                    to[place] = value as f32;
                    let is_same = f64::from(to[place]) == value || value.is_nan();
                    if !is_same && self.inexact.is_none() {
                        self.inexact = Some((place, value));
                    }
                }
            }
        }
    }
}

/// Values as they are.
fn copy<T: Pod>(row: &[u8], to: &mut [T], step: usize, count: usize) {
    if step == 1 {
        bytemuck::cast_slice_mut(&mut to[..count]).copy_from_slice(&row[..count * size_of::<T>()]);
        return;
    }
    for (bytes, to) in row.chunks_exact(size_of::<T>()).take(count).zip(to.iter_mut().step_by(step)) {
        *to = bytemuck::pod_read_unaligned(bytes);
    }
}

/// A number without hundreds of zeros.
fn number_text(value: f64) -> String {
    let is_long = value != 0.0 && !(1e-6..1e15).contains(&value.abs());
    if is_long { format!("{value:e}") } else { value.to_string() }
}

fn number(bytes: &[u8], kind: Kind) -> f64 {
    use bytemuck::pod_read_unaligned as read;
    match kind {
        Kind::U32 => read::<u32>(bytes).into(),
        Kind::I8 => read::<i8>(bytes).into(),
        Kind::I16 => read::<i16>(bytes).into(),
        Kind::I32 => read::<i32>(bytes).into(),
        Kind::F16 => half::f16::from_bits(read(bytes)).into(),
        _ => read::<f64>(bytes),
    }
}

impl Page {
    /// Values, shape and description of the image that these samples are.
    pub(super) fn finish(&self, samples: Samples) -> anyhow::Result<(Values, Shape, String)> {
        let [width, height] = self.size;
        if let Some((place, value)) = samples.inexact {
            let pixel = place / self.samples as usize;
            let (column, row) = (pixel % width as usize, pixel / width as usize);
            bail!(
                "channel {} has {} at column {column}, row {row}, which no 32-bit float holds, so that it cannot be read \
                 exactly; ids can be saved as 32-bit integers, one or two to a pixel",
                place % self.samples as usize,
                number_text(value)
            );
        }
        let shape = Shape::new(width, height, self.samples)?;
        let mut values = samples.values;
        let packed = match self.kind {
            Kind::Bits(bits) => format!(" from {bits} bit{}", if bits == 1 { "" } else { "s" }),
            _ => String::new(),
        };
        let kind = |name: &str| format!("TIFF, {} {name}{packed}", self.kind.text(self.samples));
        match &self.colors {
            Colors::Palette(table) => palette(&values, [width, height], table),
            Colors::YCbCr => Ok((values, shape, kind(channels_text(3)))),
            Colors::Named(name) => {
                spread(&mut values, self.kind);
                Ok((values, shape, kind(name)))
            }
            Colors::Inverted(name) => {
                match (&mut values, self.kind) {
                    (Values::U8(values), Kind::Bits(bits)) => {
                        values.iter_mut().for_each(|value| *value = ((1u16 << bits) - 1) as u8 - *value);
                    }
                    (Values::U8(values), _) => values.iter_mut().for_each(|value| *value = !*value),
                    (Values::U16(values), _) => values.iter_mut().for_each(|value| *value = !*value),
                    (Values::F32(_) | Values::U32(_) | Values::I32(_), kind) => {
                        let kind = kind.text(self.samples);
                        bail!("inverted values (white is 0) of {kind} are not supported")
                    }
                }
                spread(&mut values, self.kind);
                Ok((values, shape, kind(name) + ", stored inverted"))
            }
        }
    }
}

/// Values of few bits over the range of 8: the same number from 0 to 1.
fn spread(values: &mut Values, kind: Kind) {
    if let (Values::U8(values), Kind::Bits(bits)) = (values, kind) {
        let factor = (255 / ((1u16 << bits) - 1)) as u8;
        values.iter_mut().for_each(|value| *value *= factor);
    }
}

/// The colours of indices.
fn palette(
    indices: &Values,
    [width, height]: [u32; 2],
    table: &[u16],
) -> anyhow::Result<(Values, Shape, String)> {
    let shape = Shape::new(width, height, 3)?;
    let what = "the colours of the palette need";
    let count = table.len() / 3;
    let index = |pixel: usize| match indices {
        Values::U8(values) => usize::from(values[pixel]),
        Values::U16(values) => usize::from(values[pixel]),
        Values::F32(_) | Values::U32(_) | Values::I32(_) => 0,
    };
    let pixels = shape.pixels() as usize;
    // Palettes of bytes are stored as 257 times, or as 256 times what they are.
    let bytes = [257, 256].into_iter().find(|factor| table.iter().all(|value| value % factor == 0));
    if let Some(factor) = bytes {
        let mut colors: Vec<u8> = zeroed(shape.floats() as u128, what)?;
        for (pixel, color) in (0..pixels).zip(colors.chunks_exact_mut(3)) {
            let index = index(pixel);
            color.iter_mut().enumerate().for_each(|(c, v)| *v = (table[c * count + index] / factor) as u8);
        }
        return Ok((Values::U8(colors), shape, "TIFF, 8-bit RGB from a palette".into()));
    }
    let mut colors: Vec<u16> = zeroed(shape.floats() as u128, what)?;
    for (pixel, color) in (0..pixels).zip(colors.chunks_exact_mut(3)) {
        let index = index(pixel);
        color.iter_mut().enumerate().for_each(|(c, v)| *v = table[c * count + index]);
    }
    Ok((Values::U16(colors), shape, "TIFF, 16-bit RGB from a palette".into()))
}
