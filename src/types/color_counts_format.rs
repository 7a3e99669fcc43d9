//! Counts as bytes, for other processes and machines: docs/counts-format.md.

use std::mem::MaybeUninit;

use bytemuck::allocation::try_zeroed_vec;

use crate::color::{Color, WordKind};
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_with_capacity, uninit};
use crate::runtime::checksum::{Checksum, checksum};
use crate::types::color_counts::{ColorCounts, Kind};
use crate::types::encoding::Encoding;
use crate::types::geometry::Shape;
use crate::types::image::Format;
use crate::types::matching::{Alpha, Matching};
use crate::types::palette::ColorCount;
use crate::types::sorted_counts::{SortedCounts, check_room};

const MAGIC: &[u8; 8] = b"ctmCOUNT";
/// Of floats and integers of at most 16 bits, whose values are written as floats.
const FLOATS: u32 = 1;
/// Of integers of 32 bits, whose values are written as they are.
const INTEGERS: u32 = 2;
const HEADER: usize = 48;
const CHECKSUM: usize = 8;
const FORMATS: [Format; 6] = [Format::F32, Format::F16, Format::U16, Format::U8, Format::U32, Format::I32];

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
        let len = self.bytes_len();
        let mut bytes = try_zeroed_vec(len).map_err(|()| no_memory::<u8>(len))?;
        self.write_bytes(uninit(&mut bytes))?;
        Ok(bytes)
    }

    /// Writes the counts as bytes to memory of `bytes_len`; nothing on an error.
    pub(crate) fn write_bytes(&self, room: &mut [MaybeUninit<u8>]) -> Result<(), Error> {
        let colors = self.colors.as_list()?;
        let len = self.bytes_len();
        if room.len() != len {
            return Err(Error::Internal(format!(
                "there is room for {} of {len} bytes of counts",
                room.len()
            )));
        }
        let mut writer = Writer { words: room.as_chunks_mut().0.iter_mut(), sum: Checksum::new() };
        MAGIC.as_chunks().0.iter().for_each(|&word| writer.word(word));
        let mut fields = [FLOATS, 0, 0, 0, 0, 0];
        if let Some(Kind { format, channels, matching, alpha }) = self.kind {
            let number = FORMATS.iter().position(|&known| known == format);
            let (alpha, least) = match alpha {
                Alpha::Color => (0, 0.0),
                Alpha::Ignored => (1, 0.0),
                Alpha::AtLeast(least) => (2, least),
            };
            let version = version_of(format);
            // Lossless: there are few formats.
            let format = number.unwrap_or(FORMATS.len()) as u32;
            fields = [
                version,
                format,
                channels,
                u32::from(matching == Matching::EightBit),
                alpha,
                least.to_bits(),
            ];
        }
        fields.iter().for_each(|field| writer.word(field.to_le_bytes()));
        writer.long(colors.len() as u64);
        writer.long(len as u64);
        if let Some(encoding) = self.kind.map(|kind| kind.encoding()) {
            match encoding.channels() {
                1 => writer.entries::<1>(&colors, encoding),
                2 => writer.entries::<2>(&colors, encoding),
                3 => writer.entries::<3>(&colors, encoding),
                _ => writer.entries::<4>(&colors, encoding),
            }
        }
        writer.long(writer.sum.value());
        Ok(())
    }

    /// The counts that these bytes are.
    ///
    /// # Errors
    /// [`Error::Data`] when the bytes are damaged, or not what [`ColorCounts::to_bytes`] gives; too little memory.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_bytes_up_to(bytes, usize::MAX)
    }

    /// The counts that these bytes are, if there are not more than `most` colours.
    pub(crate) fn from_bytes_up_to(bytes: &[u8], most: usize) -> Result<Self, Error> {
        let (kind, count, mut entries) = header(bytes)?;
        check_room(count, most)?;
        let mut counts = Self { kind, ..Self::default() };
        let Some(encoding) = kind.map(|kind| kind.encoding()) else { return Ok(counts) };
        let mut colors = try_with_capacity(count)?;
        let mut last: Option<Color> = None;
        for index in 0..count {
            let (color, pixels) = entries.entry(index, encoding)?;
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
            colors.push(ColorCount { color, pixels });
            last = Some(color);
        }
        counts.colors = SortedCounts::new(colors);
        Ok(counts)
    }
}

/// Writes words one behind the other, for which there is room, and sums them up on the way: an entry is written while the
/// one before is still being added, where each multiplication waits for another.
struct Writer<'a> {
    words: std::slice::IterMut<'a, [MaybeUninit<u8>; 4]>,
    sum: Checksum,
}

impl Writer<'_> {
    #[inline(always)]
    fn word(&mut self, word: [u8; 4]) {
        if let Some(room) = self.words.next() {
            *room = word.map(MaybeUninit::new);
        }
        self.sum = self.sum.with_word(word);
    }

    #[inline(always)]
    fn long(&mut self, number: u64) {
        number.to_le_bytes().as_chunks().0.iter().for_each(|&word| self.word(word));
    }

    /// Entries of so many channels.
    fn entries<const CHANNELS: usize>(&mut self, colors: &[ColorCount], encoding: Encoding) {
        let encoding = Encoding { channels: CHANNELS, ..encoding }; // which the compiler knows then
        for ColorCount { color, pixels } in colors {
            let words = match encoding.word_kind() {
                WordKind::Floats => encoding.values(color).map(f32::to_bits),
                WordKind::Unsigned | WordKind::Signed => color.words(),
            };
            (0..CHANNELS).for_each(|channel| self.word(words[channel].to_le_bytes()));
            self.long(*pixels);
        }
    }
}

/// Checks all but the entries: gives what the parts have in common, the number of entries, and a reader of those.
fn header(bytes: &[u8]) -> Result<(Option<Kind>, usize, Reader<'_>), Error> {
    let size = bytes.len();
    let (body, sum) = match bytes.split_last_chunk() {
        Some((body, &sum)) if body.len() >= HEADER => (body, u64::from_le_bytes(sum)),
        _ => {
            let least = HEADER + CHECKSUM;
            return damaged(format!("counts have {size} bytes; at least {least} are expected"));
        }
    };
    let mut reader = Reader(body);
    if reader.take::<8>()? != *MAGIC {
        return damaged("counts begin with other bytes than ctmCOUNT".to_owned());
    }
    let version = reader.number()?;
    if version != FLOATS && version != INTEGERS {
        return damaged(format!("counts are of version {version}; {FLOATS} or {INTEGERS} is expected"));
    }
    let fields = [reader.number()?, reader.number()?, reader.number()?, reader.number()?, reader.number()?];
    let (count, len) = (reader.long()?, reader.long()?);
    if len != size as u64 {
        return damaged(format!("counts have {size} bytes; {len} are expected"));
    }
    let expected = checksum(&[body]);
    if sum != expected {
        return damaged(format!("counts have the checksum {sum:#018x}; {expected:#018x} is expected"));
    }
    let kind = kind(fields)?;
    if version != kind.map_or(FLOATS, |kind| version_of(kind.format)) {
        return damaged(format!("counts are of version {version}, in which their format is unknown"));
    }
    let entry = entry_len(kind.as_ref()) as u64;
    if count.checked_mul(entry) != Some(reader.0.len() as u64) || (kind.is_none() && count > 0) {
        return damaged(format!("counts have {count} colours in {} bytes", reader.0.len()));
    }
    // Lossless: there are as many bytes, and more.
    Ok((kind, count as usize, reader))
}

/// The version of the bytes of such counts.
fn version_of(format: Format) -> u32 {
    if format.has_ids() { INTEGERS } else { FLOATS }
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
    if Shape::new(1, 1, channels).is_err() || channels > stored.most_channels() {
        return Err(wrong("channels", channels));
    }
    let kind = Kind {
        format: stored,
        channels,
        matching: match matching {
            0 => Matching::Exact,
            1 if stored != Format::U8 && !stored.has_ids() => Matching::EightBit,
            _ => return Err(wrong("matching", matching)),
        },
        alpha: match (alpha, f32::from_bits(least)) {
            (0, _) if least == 0 => Alpha::Color,
            (1, _) if least == 0 && channels % 2 == 0 => Alpha::Ignored,
            (2, value)
                if !stored.has_ids()
                    && !value.is_nan()
                    && (value != 0.0 || least == 0)
                    && channels % 2 == 0 =>
            {
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
    /// The next entry: a colour and its pixels.
    fn entry(&mut self, index: usize, encoding: Encoding) -> Result<(Color, u64), Error> {
        let mut words = [0; 4];
        for word in &mut words[..encoding.channels()] {
            *word = self.number()?;
        }
        let pixels = self.long()?;
        let kind = encoding.word_kind();
        if let (WordKind::Unsigned | WordKind::Signed, Some(color)) = (kind, Color::from_words(&words, kind))
        {
            return Ok((color, pixels)); // there is one for all words
        }
        let values = words.map(f32::from_bits);
        match encoding.color(&values) {
            Ok(color) if encoding.values(&color).map(f32::to_bits) == values.map(f32::to_bits) => {
                Ok((color, pixels))
            }
            _ => {
                damaged(format!("colour {index} of the counts is {values:?}, which the format does not have"))
            }
        }
    }

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
