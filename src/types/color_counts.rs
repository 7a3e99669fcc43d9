//! How many pixels each colour has in the parts of an image that were counted so far.

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::try_with_capacity;
use crate::runtime::checksum::checksum;
use crate::types::encoding::Encoding;
use crate::types::geometry::Shape;
use crate::types::histogram::Histogram;
use crate::types::image::{ColorMap, Format};
use crate::types::matching::{Alpha, Matching};
use crate::types::palette::ColorCount;

/// The exact pixel counts of all colours of some parts of an image: bands, tiles, or whole images.
///
/// Parts are added one by one, and counts of several machines are merged, in any order and grouping to the same counts.
/// [`Params::counts`](crate::Params::counts) then gives every part the masks that one call on the whole image would
/// give it.
///
/// ```
/// use ctm::{ColorCounts, ColorMap, Context, LabelOutput, Options, Outputs, Params};
///
/// let bands = [[0.25, 0.5, 0.5], [0.5, 0.25, 0.75]]; // of one row each
/// let bands = [ColorMap::new(&bands[0], 3, 1, 1)?, ColorMap::new(&bands[1], 3, 1, 1)?];
/// let mut context = Context::new(&Options { backend: ctm::Backend::Cpu, ..Options::default() })?;
/// let params = Params::from(ctm::Selection { min_pixels: 1, max_count: 2 });
/// let mut counts = ColorCounts::new();
/// for band in &bands {
///     counts.add(&mut context, band, &params)?;
/// }
/// let params = Params { counts: Some(&counts), ..params };
/// let mut labels = [[0; 3]; 2];
/// for (band, labels) in bands.iter().zip(&mut labels) {
///     let outputs = Outputs { labels: Some(LabelOutput::U8(labels)), ..Outputs::default() };
///     context.analyze(band, &params, outputs)?;
/// }
/// assert_eq!(labels, [[2, 1, 1], [1, 2, 0]]);
/// # Ok::<(), ctm::Error>(())
/// ```
#[derive(Debug, Default, PartialEq)]
pub struct ColorCounts {
    /// `None`: no part was added yet.
    kind: Option<Kind>,
    colors: Histogram,
    /// Of all colours; since they are not too many for 64 bits, those of some are not either.
    pixels: u64,
}

/// What parts must have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Kind {
    format: Format,
    /// Alpha included.
    channels: u32,
    matching: Matching,
    alpha: Alpha,
}

/// A field that two kinds differ in, and its value in each.
type Difference = (&'static str, String, String);

impl Kind {
    pub(crate) fn new(map: &ColorMap, matching: Matching, alpha: Alpha) -> Self {
        Self::of(map.format(), map.shape().channels(), matching, alpha)
    }

    fn of(format: Format, channels: u32, matching: Matching, alpha: Alpha) -> Self {
        // Bytes have 8 bits already.
        let matching = if format == Format::U8 { Matching::Exact } else { matching };
        let alpha = match alpha {
            Alpha::AtLeast(least) => Alpha::AtLeast(least + 0.0), // −0.0 becomes 0.0
            alpha => alpha,
        };
        Self { format, channels, matching, alpha }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        let alpha = u32::from(self.alpha != Alpha::Color);
        Encoding::new(self.format, self.matching, (self.channels - alpha) as usize)
    }

    fn difference(&self, other: &Self) -> Option<Difference> {
        let differing = |name, own: &dyn std::fmt::Debug, other: &dyn std::fmt::Debug| {
            let values = (format!("{own:?}"), format!("{other:?}"));
            (values.0 != values.1).then_some((name, values.0, values.1))
        };
        differing("format", &self.format, &other.format)
            .or_else(|| differing("channels", &self.channels, &other.channels))
            .or_else(|| differing("matching", &self.matching, &other.matching))
            .or_else(|| differing("alpha", &self.alpha, &other.alpha))
    }
}

/// The colours of a part.
#[derive(Debug)]
pub(crate) struct PartCounts {
    pub(crate) kind: Kind,
    /// All different.
    pub(crate) colors: Vec<ColorCount>,
}

impl ColorCounts {
    /// Counts of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many colours there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.colors.len()
    }

    /// Whether there is no colour.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many pixels have a colour.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        self.pixels
    }

    /// Adds other counts.
    ///
    /// # Errors
    /// As [`ColorCounts::add`].
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.merge_up_to(other, usize::MAX)
    }

    /// Checks that a part is of the counts' kind; `prefixes` are those of its own fields' names and the params'.
    pub(crate) fn check_part(&self, part: &Kind, prefixes: [&str; 2]) -> Result<(), Error> {
        let Some((name, own, other)) = self.kind.and_then(|kind| kind.difference(part)) else {
            return Ok(());
        };
        let prefix = prefixes[usize::from(name == "matching" || name == "alpha")];
        Err(Error::InvalidArgument(format!(
            "{prefix}{name} is {other}; {own}, as in the counts, is expected"
        )))
    }

    /// How the colours of the counts are encoded, which the params must agree with.
    pub(crate) fn encoding_for(&self, matching: Matching, alpha: Alpha) -> Result<Encoding, Error> {
        let Some(kind) = self.kind else {
            return Ok(Encoding::new(Format::F32, Matching::Exact, 4)); // no colour: any will do
        };
        self.check_part(&Kind::of(kind.format, kind.channels, matching, alpha), ["", ""])?;
        Ok(kind.encoding())
    }

    /// Checks that the counts are of the kind of an image and params that they are to be used with.
    pub(crate) fn check_use(&self, image: &Kind) -> Result<(), Error> {
        let Some((name, own, other)) = self.kind.and_then(|kind| kind.difference(image)) else {
            return Ok(());
        };
        Err(Error::InvalidArgument(format!("counts are of {name} {own}; {name} {other} is expected")))
    }

    /// Adds a part's colours, if there are not more than `most` then.
    pub(crate) fn add_part(&mut self, part: &PartCounts, most: usize) -> Result<(), Error> {
        self.check_part(&part.kind, ["", ""])?;
        self.add_all(part.colors.iter().copied(), most)?;
        self.kind = Some(part.kind);
        Ok(())
    }

    /// Adds other counts, if there are not more than `most` colours then.
    pub(crate) fn merge_up_to(&mut self, other: &Self, most: usize) -> Result<(), Error> {
        let Some(kind) = other.kind else { return Ok(()) };
        self.check_part(&kind, ["other."; 2])?;
        self.add_all(other.colors.iter(), most)?;
        self.kind = Some(kind);
        Ok(())
    }

    fn add_all(
        &mut self,
        colors: impl Iterator<Item = ColorCount> + Clone,
        most: usize,
    ) -> Result<(), Error> {
        let pixels = colors.clone().try_fold(self.pixels, |sum, entry| sum.checked_add(entry.pixels));
        let pixels = pixels.ok_or_else(|| {
            Error::InvalidArgument("counts would have 2^64 pixels or more; fewer are expected".to_owned())
        })?;
        let new = colors.clone().filter(|entry| !self.colors.has(&entry.color)).count();
        check_room(self.len() + new, most)?;
        self.colors.reserve(new)?;
        colors.into_iter().try_for_each(|entry| self.colors.add(entry.color, entry.pixels))?;
        self.pixels = pixels;
        Ok(())
    }

    /// All colours, in any order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ColorCount> + Clone + '_ {
        self.colors.iter()
    }

    /// A list of all colours, in any order, if there are not more than `most`.
    pub(crate) fn list(&self, most: usize) -> Result<Vec<ColorCount>, Error> {
        check_room(self.len(), most)?;
        self.colors.colors(1)
    }
}

fn check_room(colors: usize, most: usize) -> Result<(), Error> {
    if colors <= most {
        return Ok(());
    }
    Err(Error::OutOfMemory(format!(
        "the counts have {colors} colours; options.memory_limit has room for lists of {most}"
    )))
}

/// As bytes: docs/counts-format.md.
const MAGIC: &[u8; 8] = b"ctmCOUNT";
const VERSION: u32 = 1;
const HEADER: usize = 48;
const CHECKSUM: usize = 8;
const FORMATS: [Format; 4] = [Format::F32, Format::F16, Format::U16, Format::U8];

impl ColorCounts {
    /// How long `to_bytes` is.
    pub(crate) fn bytes_len(&self) -> usize {
        HEADER + self.len() * entry_len(self.kind.as_ref()) + CHECKSUM
    }

    /// The counts as bytes, for another process or machine: equal counts are equal bytes.
    ///
    /// # Errors
    /// Too little memory.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut colors = self.list(usize::MAX)?;
        colors.sort_unstable_by_key(|entry| entry.color);
        let len = self.bytes_len();
        let mut bytes = try_with_capacity(len)?;
        bytes.extend_from_slice(MAGIC);
        let mut fields = [VERSION, 0, 0, 0, 0, 0];
        if let Some(Kind { format, channels, matching, alpha }) = self.kind {
            let number = FORMATS.iter().position(|&known| known == format);
            let (alpha, least) = match alpha {
                Alpha::Color => (0, 0.0),
                Alpha::Ignored => (1, 0.0),
                Alpha::AtLeast(least) => (2, least),
            };
            // Lossless: there are four formats.
            let format = number.unwrap_or(FORMATS.len()) as u32;
            fields = [
                VERSION,
                format,
                channels,
                u32::from(matching == Matching::EightBit),
                alpha,
                least.to_bits(),
            ];
        }
        fields.iter().for_each(|field| bytes.extend_from_slice(&field.to_le_bytes()));
        bytes.extend_from_slice(&(colors.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&(len as u64).to_le_bytes());
        if let Some(encoding) = self.kind.map(|kind| kind.encoding()) {
            for ColorCount { color, pixels } in colors {
                for value in &encoding.values(&color)[..encoding.channels()] {
                    bytes.extend_from_slice(&value.to_le_bytes());
                }
                bytes.extend_from_slice(&pixels.to_le_bytes());
            }
        }
        let sum = checksum(&[&bytes]);
        bytes.extend_from_slice(&sum.to_le_bytes());
        Ok(bytes)
    }

    /// The counts that these bytes are.
    ///
    /// # Errors
    /// [`Error::Data`] when the bytes are damaged, or not what [`ColorCounts::to_bytes`] gives; too little memory.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_bytes_up_to(bytes, usize::MAX)
    }

    /// The same, if there are not more than `most` colours.
    pub(crate) fn from_bytes_up_to(bytes: &[u8], most: usize) -> Result<Self, Error> {
        let size = bytes.len();
        let (body, sum) = match bytes.split_last_chunk() {
            Some((body, &sum)) if body.len() >= HEADER => (body, u64::from_le_bytes(sum)),
            _ => {
                return damaged(format!(
                    "counts have {size} bytes; at least {} are expected",
                    HEADER + CHECKSUM
                ));
            }
        };
        let mut reader = Reader(body);
        if reader.take::<8>()? != *MAGIC {
            return damaged("counts begin with other bytes than ctmCOUNT".to_owned());
        }
        let version = reader.number()?;
        if version != VERSION {
            return damaged(format!("counts are of version {version}; {VERSION} is expected"));
        }
        let fields =
            [reader.number()?, reader.number()?, reader.number()?, reader.number()?, reader.number()?];
        let (count, len) = (reader.long()?, reader.long()?);
        if len != size as u64 {
            return damaged(format!("counts have {size} bytes; {len} are expected"));
        }
        let expected = checksum(&[body]);
        if sum != expected {
            return damaged(format!("counts have the checksum {sum:#018x}; {expected:#018x} is expected"));
        }
        let kind = kind(fields)?;
        let entry = entry_len(kind.as_ref()) as u64;
        if count.checked_mul(entry) != Some(reader.0.len() as u64) || (kind.is_none() && count > 0) {
            return damaged(format!("counts have {count} colours in {} bytes", reader.0.len()));
        }
        // Lossless: there are as many bytes, and more.
        let count = count as usize;
        check_room(count, most)?;
        let mut counts = Self { kind, ..Self::default() };
        let Some(encoding) = kind.map(|kind| kind.encoding()) else { return Ok(counts) };
        counts.colors.reserve(count)?;
        let mut last: Option<Color> = None;
        for index in 0..count {
            let mut values = [0.0; 4];
            for value in &mut values[..encoding.channels()] {
                *value = f32::from_bits(reader.number()?);
            }
            let pixels = reader.long()?;
            let color = match encoding.color(&values) {
                Ok(color) if encoding.values(&color).map(f32::to_bits) == values.map(f32::to_bits) => color,
                _ => {
                    return damaged(format!(
                        "colour {index} of the counts is {values:?}, which the format does not have"
                    ));
                }
            };
            if last.is_some_and(|last| last >= color) {
                return damaged(format!("colour {index} of the counts does not come after the one before"));
            }
            counts.pixels = match counts.pixels.checked_add(pixels) {
                Some(sum) if pixels > 0 => sum,
                _ => {
                    return damaged(format!(
                        "colour {index} of the counts has {pixels} pixels, none or too many"
                    ));
                }
            };
            counts.colors.add(color, pixels)?;
            last = Some(color);
        }
        Ok(counts)
    }
}

fn entry_len(kind: Option<&Kind>) -> usize {
    kind.map_or(0, |kind| 4 * kind.encoding().channels() + 8)
}

fn damaged<T>(text: String) -> Result<T, Error> {
    Err(Error::Data(text))
}

/// What the header says the parts have in common.
fn kind([format, channels, matching, alpha, least]: [u32; 5]) -> Result<Option<Kind>, Error> {
    if [format, channels, matching, alpha, least] == [0; 5] {
        return Ok(None);
    }
    let wrong =
        |name: &str, value: u32| Error::Data(format!("the counts' {name} is {value}, which is unknown"));
    let stored = *FORMATS.get(format as usize).ok_or_else(|| wrong("format", format))?;
    Shape::new(1, 1, channels).map_err(|_| wrong("channels", channels))?;
    let kind = Kind {
        format: stored,
        channels,
        matching: match matching {
            0 => Matching::Exact,
            1 if stored != Format::U8 => Matching::EightBit,
            _ => return Err(wrong("matching", matching)),
        },
        alpha: match (alpha, f32::from_bits(least)) {
            (0, _) if least == 0 => Alpha::Color,
            (1, _) if least == 0 && channels % 2 == 0 => Alpha::Ignored,
            (2, value) if !value.is_nan() && (value != 0.0 || least == 0) && channels % 2 == 0 => {
                Alpha::AtLeast(value)
            }
            _ => return Err(wrong("alpha", alpha)),
        },
    };
    Ok(Some(kind))
}

/// Reads numbers from the start of bytes.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const LEN: usize>(&mut self) -> Result<[u8; LEN], Error> {
        let end = || Error::Data("counts end too early".to_owned());
        let (&taken, rest) = self.0.split_first_chunk().ok_or_else(end)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn long(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.take()?))
    }
}
