//! What counts, regions and mosaics have in common as bytes, for other processes and machines: numbers, colours, what parts have
//! in common, a checksum.

use std::mem::MaybeUninit;

use crate::color::{Color, WordKind, float_text, values_text};
use crate::error::Error;
use crate::runtime::checksum::Checksum;
use crate::types::color_counts::Kind;
use crate::types::encoding::Encoding;
use crate::types::geometry::Shape;
use crate::types::image::Format;
use crate::types::matching::{Alpha, Matching};

/// By their numbers in the bytes.
const FORMATS: [Format; 6] = [Format::F32, Format::F16, Format::U16, Format::U8, Format::U32, Format::I32];

/// Bytes of a checksum.
pub(crate) const CHECKSUM: usize = 8;

/// Writes words one behind the other, for which there is room, and sums them up on the way: an entry is written while the
/// one before is still being added, where each multiplication waits for another.
pub(crate) struct Writer<'a> {
    words: std::slice::IterMut<'a, [MaybeUninit<u8>; 4]>,
    sum: Checksum,
}

impl<'a> Writer<'a> {
    /// From the start of this memory on.
    pub(crate) fn new(room: &'a mut [MaybeUninit<u8>]) -> Self {
        Self { words: room.as_chunks_mut().0.iter_mut(), sum: Checksum::new() }
    }

    #[inline(always)]
    pub(super) fn word(&mut self, word: [u8; 4]) {
        if let Some(room) = self.words.next() {
            *room = word.map(MaybeUninit::new);
        }
        self.sum = self.sum.with_word(word);
    }

    #[inline(always)]
    pub(crate) fn number(&mut self, number: u32) {
        self.word(number.to_le_bytes());
    }

    #[inline(always)]
    pub(crate) fn long(&mut self, number: u64) {
        number.to_le_bytes().as_chunks().0.iter().for_each(|&word| self.word(word));
    }

    /// The name of the format.
    pub(crate) fn magic(&mut self, magic: [u8; 8]) {
        magic.as_chunks().0.iter().for_each(|&word| self.word(word));
    }

    /// The values of so many channels.
    #[inline(always)]
    pub(super) fn color<const CHANNELS: usize>(&mut self, color: &Color, encoding: Encoding) {
        let encoding = Encoding { channels: CHANNELS, ..encoding }; // which the compiler knows then
        let words = match encoding.word_kind() {
            WordKind::Floats => encoding.values(color).map(f32::to_bits),
            WordKind::Unsigned | WordKind::Signed => color.words(),
        };
        (0..CHANNELS).for_each(|channel| self.number(words[channel]));
    }

    /// The checksum of all that was written.
    pub(crate) fn checksum(&mut self) {
        self.long(self.sum.value());
    }
}

/// What parts have in common as numbers; all are 0 where there is no part.
pub(super) fn kind_fields(kind: Option<&Kind>) -> [u32; 5] {
    let Some(&Kind { format, channels, matching, alpha }) = kind else { return [0; 5] };
    let number = FORMATS.iter().position(|&known| known == format);
    let (alpha, least) = match alpha {
        Alpha::Color => (0, 0.0),
        Alpha::Ignored => (1, 0.0),
        Alpha::AtLeast(least) => (2, least),
    };
    // Lossless: there are few formats.
    let format = number.unwrap_or(FORMATS.len()) as u32;
    [format, channels, u32::from(matching == Matching::EightBit), alpha, least.to_bits()]
}

/// What the numbers of `what` say that the parts have in common.
pub(super) fn kind(fields: [u32; 5], what: &str) -> Result<Option<Kind>, Error> {
    if fields == [0; 5] {
        return Ok(None);
    }
    let [format, channels, matching, alpha, least] = fields;
    let wrong =
        |name: &str, value: u32| Error::Data(format!("the {what}' {name} is {value}, which is unknown"));
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
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    /// What they stand for.
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    /// How many bytes are left.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn take<const LEN: usize>(&mut self) -> Result<[u8; LEN], Error> {
        let end = || Error::Data(format!("{} end too early", self.what));
        let (&taken, rest) = self.bytes.split_first_chunk().ok_or_else(end)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn number(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    pub(crate) fn numbers<const COUNT: usize>(&mut self) -> Result<[u32; COUNT], Error> {
        let mut numbers = [0; COUNT];
        for number in &mut numbers {
            *number = self.number()?;
        }
        Ok(numbers)
    }

    pub(crate) fn long(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    /// The colour of this number.
    pub(crate) fn color(&mut self, index: usize, encoding: Encoding) -> Result<Color, Error> {
        let mut words = [0; 4];
        for word in &mut words[..encoding.channels()] {
            *word = self.number()?;
        }
        let kind = encoding.word_kind();
        if let (WordKind::Unsigned | WordKind::Signed, Some(color)) = (kind, Color::from_words(&words, kind))
        {
            return Ok(color); // there is one for all words
        }
        let values = words.map(f32::from_bits);
        match encoding.color(&values) {
            Ok(color) if encoding.values(&color).map(f32::to_bits) == values.map(f32::to_bits) => Ok(color),
            _ => Err(Error::Data(format!(
                "colour {index} of the {} is {}, which the format does not have",
                self.what,
                values_text(&values[..encoding.channels()], float_text)
            ))),
        }
    }
}
