//! How the values of a colour become words that compare as colours do.

use half::f16;

use crate::color::{Color, WordKind};
use crate::types::image::Format;
use crate::types::matching::Matching;

/// How a colour's values become words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) format: Format,
    pub(crate) matching: Matching,
    /// Channels that are part of the colour.
    pub(crate) channels: usize,
}

impl Encoding {
    pub(crate) fn new(format: Format, matching: Matching, channels: usize) -> Self {
        // Bytes are integers of 8 bits already.
        let matching = if format == Format::U8 { Matching::Exact } else { matching };
        Self { format, matching, channels }
    }

    /// Bits of a value in words that several share; `None`: each value has a word of its own.
    pub(crate) fn value_bits(self) -> Option<u32> {
        match (self.matching, self.format) {
            (Matching::EightBit, _) | (_, Format::U8) => Some(8),
            (Matching::Exact, Format::U16 | Format::F16) => Some(16),
            (Matching::Exact, Format::F32 | Format::U32 | Format::I32) => None,
        }
    }

    /// What the words stand for.
    pub(crate) fn word_kind(self) -> WordKind {
        self.format.word_kind()
    }

    /// Channels that are part of the colour.
    pub(crate) fn channels(self) -> usize {
        self.channels
    }

    /// Words of a pixel.
    pub(crate) fn words(self) -> usize {
        self.value_bits().map_or(self.channels, |bits| (self.channels * bits as usize).div_ceil(24))
    }

    /// Words of a pixel whose bytes are packed as they are stored, where those are fewer than `words`, or made with less
    /// work.
    pub(crate) fn packed_words(self) -> Option<usize> {
        let packed = (self.channels * self.format.bytes()).div_ceil(4);
        match (self.matching, self.format) {
            (Matching::Exact, Format::U8 | Format::U16) => (packed < self.words()).then_some(packed),
            (Matching::Exact, Format::F16) => Some(packed),
            _ => None,
        }
    }

    /// The words of a pixel whose bytes are packed, and zeros; `None` where a channel is NaN.
    pub(crate) fn unpack(self, packed: &[u32]) -> Option<[u32; 4]> {
        let byte = |number: usize| {
            let (word, shift) = packed_place(number);
            (packed[word] >> shift) as u8
        };
        let mut words = [0; 4];
        for channel in 0..self.channels {
            let (first, value_bits) = (self.first_byte(channel), 8 * self.format.bytes() as u32);
            let bits = match value_bits {
                8 => byte(first).into(),
                _ => u16::from_ne_bytes([byte(first), byte(first + 1)]),
            };
            let code = match self.format {
                Format::F16 if f16::from_bits(bits).is_nan() => return None,
                Format::F16 => f16_code(bits),
                _ => bits,
            };
            put(&mut words, code, first, value_bits);
        }
        Some(words)
    }

    /// The bytes of all values, one behind the other.
    pub(crate) fn value_bytes(self) -> usize {
        self.first_byte(self.channels)
    }

    /// The byte of all values, one behind the other, that a channel's value begins with.
    pub(crate) fn first_byte(self, channel: usize) -> usize {
        channel * self.value_bits().unwrap_or(32) as usize / 8
    }

    /// A colour's values, in the image's units; 0 for channels that are not part of the colour.
    #[inline]
    pub(crate) fn values(self, color: &Color) -> [f32; 4] {
        let Some(bits) = self.value_bits() else { return color.values() };
        if self.format == Format::U8 {
            // As below, without loops: lists of colours are as long as images.
            let byte = |channel| {
                let (word, shift) = place(channel);
                (color.words()[word] >> shift) as u8
            };
            let value = |channel| if channel < self.channels { byte(channel).into() } else { 0.0 };
            return std::array::from_fn(value);
        }
        let mut values = [0.0; 4];
        for (channel, value) in values.iter_mut().enumerate().take(self.channels) {
            let first = self.first_byte(channel);
            let code = (first..first + bits as usize / 8).fold(0, |code, byte| {
                let (word, shift) = place(byte);
                code << 8 | (color.words()[word] >> shift & 0xff)
            });
            *value = self.value(code as u16);
        }
        values
    }

    /// The value that a code stands for.
    pub(crate) fn value(self, code: u16) -> f32 {
        match (self.matching, self.format) {
            (Matching::EightBit, Format::U16) => f32::from(code) * 257.0,
            (Matching::EightBit, Format::F32 | Format::F16) => f32::from(code) / 255.0,
            (Matching::Exact, Format::F16) => {
                f16::from_bits(if code >> 15 == 1 { code ^ 0x8000 } else { !code }).to_f32()
            }
            _ => code.into(),
        }
    }

    /// The colour that has these values, in the image's units; what is wrong with them where none has.
    pub(crate) fn color(self, values: &[f32; 4]) -> Result<Color, String> {
        if self.format == Format::U8
            && let Some(color) = self.color_of_bytes(values)
        {
            return Ok(color);
        }
        let mut words = [0; 4];
        for (channel, &value) in values.iter().enumerate().take(self.channels) {
            let wrong = |expected: &str| Err(format!("channel {channel} is {value}; {expected} is expected"));
            if value.is_nan() {
                return wrong("a number");
            }
            if self.format.has_ids() {
                match self.id(value) {
                    Ok(word) => words[channel] = word,
                    Err(expected) => return wrong(expected),
                }
                continue;
            }
            let Some(bits) = self.value_bits() else {
                words[channel] = value.to_bits();
                continue;
            };
            let code = match (self.format, self.format.most()) {
                (_, Some(most)) => {
                    if value.fract() != 0.0 || !(0.0..=f32::from(most)).contains(&value) {
                        return wrong(&format!("an integer from 0 to {most}"));
                    }
                    if self.matching == Matching::EightBit { round_u16(value as u16) } else { value as u16 }
                }
                _ if self.matching == Matching::EightBit => round_f32(value),
                _ => {
                    let half = f16::from_f32(value);
                    if half.to_f32() != value {
                        return wrong("a value of the image's format");
                    }
                    f16_code(half.to_bits())
                }
            };
            put(&mut words, code, self.first_byte(channel), bits);
        }
        Color::from_words(&words, self.word_kind()).ok_or_else(|| "numbers are expected".to_owned())
    }

    /// The word of an integer of 32 bits that is given as a float; what is expected instead where none is.
    fn id(self, value: f32) -> Result<u32, &'static str> {
        /// From here on a float may be another number that was rounded.
        const ROUNDED: f32 = (1 << 24) as f32;
        let (least, expected) = match self.format {
            Format::I32 => {
                (-ROUNDED, "an integer from -16777215 to 16777215, or one that is given as it is stored,")
            }
            _ => (-1.0, "an integer from 0 to 16777215, or one that is given as it is stored,"),
        };
        let is_exact = value.fract() == 0.0 && value > least && value < ROUNDED;
        if is_exact { Ok(value as i32 as u32) } else { Err(expected) }
    }

    /// The colour whose values are stored like this: integers, or floats' bits; what is wrong with them where none is.
    pub(crate) fn color_of_stored(self, stored: &[u32; 4]) -> Result<Color, String> {
        let mut values = [0.0; 4];
        for (channel, &bits) in stored.iter().enumerate().take(self.channels) {
            let most = match self.format {
                Format::F32 | Format::U32 | Format::I32 => u32::MAX,
                Format::F16 | Format::U16 => u16::MAX.into(),
                Format::U8 => u8::MAX.into(),
            };
            if bits > most {
                return Err(format!("channel {channel} is {bits}, as it is stored; 0 to {most} is expected"));
            }
            values[channel] = match self.format {
                Format::F16 => f16::from_bits(bits as u16).to_f32(),
                Format::U16 | Format::U8 => bits as f32,
                Format::F32 | Format::U32 | Format::I32 => f32::from_bits(bits),
            };
        }
        match self.format {
            Format::U32 | Format::I32 => {
                let ids = &stored[..self.channels];
                Color::from_words(ids, self.word_kind()).ok_or_else(|| "numbers are expected".to_owned())
            }
            _ => self.color(&values),
        }
    }

    /// The colour of bytes that has these values, if they are bytes: a shorter way than `color`, which tells what is wrong.
    #[inline]
    fn color_of_bytes(self, values: &[f32; 4]) -> Option<Color> {
        let mut words = [0; 4];
        for (channel, &value) in values.iter().enumerate().take(self.channels) {
            let byte = value as u8;
            if f32::from(byte) != value {
                return None;
            }
            put(&mut words, byte.into(), self.first_byte(channel), 8);
        }
        Color::from_bits(&words)
    }
}

impl Color {
    /// The channels' values as an image of the format stores them: integers, of [`Format::I32`] in two's complement, or
    /// floats' bits, of [`Format::F16`] those of the nearest one; 0 for channels that the image does not have.
    #[must_use]
    pub fn stored(&self, format: Format) -> [u32; 4] {
        match format {
            Format::F32 | Format::U32 | Format::I32 => self.words(),
            Format::F16 => self.values().map(|value| f16::from_f32(value).to_bits().into()),
            Format::U16 | Format::U8 => self.values().map(|value| value as u32),
        }
    }
}

/// Bits of a word that integers of 8 and 16 bits use.
pub(crate) const WORD_BITS: u32 = 24;

/// The word that a byte of all values is in, and how far it is shifted: by a byte's number.
pub(crate) type BytePlace = fn(usize) -> (usize, u32);

/// A [`BytePlace`]: four bytes to a word.
pub(crate) fn packed_place(byte: usize) -> (usize, u32) {
    (byte / 4, 8 * (byte % 4) as u32)
}

/// A [`BytePlace`]: three bytes to a word, so that words sort like the values, and none is −0.0 or NaN.
pub(crate) fn place(byte: usize) -> (usize, u32) {
    (byte / 3, WORD_BITS - 8 - 8 * (byte % 3) as u32)
}

pub(crate) fn round_f32(value: f32) -> u16 {
    // A NaN becomes 0 here, and its pixel has no colour.
    (value.clamp(0.0, 1.0) * 255.0).round_ties_even() as u16
}

pub(crate) fn round_u16(value: u16) -> u16 {
    // 257 is odd: there are no ties.
    ((u32::from(value) + 128) / 257) as u16
}

/// Adds a code of 8 or 16 bits to a pixel's words, which have zeros there.
#[inline(always)]
pub(crate) fn put(words: &mut [u32], code: u16, first_byte: usize, bits: u32) {
    if bits == 16 {
        let (word, shift) = place(first_byte);
        words[word] |= u32::from(code >> 8) << shift;
        let (word, shift) = place(first_byte + 1);
        words[word] |= u32::from(code & 0xff) << shift;
    } else {
        let (word, shift) = place(first_byte);
        words[word] |= u32::from(code) << shift;
    }
}

/// Sorts like the values; −0.0 becomes +0.0.
pub(crate) fn f16_code(bits: u16) -> u16 {
    let bits = if bits == 0x8000 { 0 } else { bits };
    if bits >> 15 == 1 { !bits } else { bits | 0x8000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_values_come_back_as_they_are() {
        let formats = [
            (Format::F32, [0x3f80_0001, 0xff80_0000]),
            (Format::F16, [0x3c01, 0xfc00]),
            (Format::U16, [26_001, 65_535]),
            (Format::U8, [7, 255]),
            (Format::U32, [u32::MAX, 16_777_217]),
            (Format::I32, [0x8000_0000, 0x7fff_ffff]),
        ];
        for (format, [first, second]) in formats {
            let encoding = Encoding::new(format, Matching::Exact, 2);
            let color = encoding.color_of_stored(&[first, second, 9, 9]).unwrap();
            let reported = match format.has_ids() {
                true => color,
                false => Color::from_bits(&encoding.values(&color).map(f32::to_bits)).unwrap(),
            };
            assert_eq!(reported.stored(format), [first, second, 0, 0], "{format:?}");
        }
        let wrong =
            |format, stored| Encoding::new(format, Matching::Exact, 1).color_of_stored(&stored).unwrap_err();
        assert_eq!(
            wrong(Format::U16, [65_536, 0, 0, 0]),
            "channel 0 is 65536, as it is stored; 0 to 65535 is expected"
        );
        assert_eq!(wrong(Format::F16, [0x7e00, 0, 0, 0]), "channel 0 is NaN; a number is expected");
    }

    #[test]
    fn ids_are_floats_only_where_those_are_exact() {
        let color = |format, value| Encoding::new(format, Matching::Exact, 1).color(&[value, 0.0, 0.0, 0.0]);
        assert_eq!(color(Format::U32, 16_777_215.0).unwrap().words(), [16_777_215, 0, 0, 0]);
        assert_eq!(color(Format::I32, -2.0).unwrap().words(), [-2i32 as u32, 0, 0, 0]);
        assert_eq!(color(Format::U32, -0.0).unwrap().words(), [0; 4]);
        for (format, value) in [
            (Format::U32, -1.0),
            (Format::U32, 0.5),
            (Format::U32, 16_777_216.0),
            (Format::I32, -16_777_216.0),
        ] {
            assert!(color(format, value).unwrap_err().contains("as it is stored, is expected"), "{value}");
        }
    }

    #[test]
    fn colors_of_all_formats_sort_like_their_values() {
        let values: [f32; 9] = [f32::NEG_INFINITY, -2.5, -1.0, 0.0, 0.25, 1.0, 7.0, 255.0, f32::INFINITY];
        for (format, matching) in [(Format::F32, Matching::Exact), (Format::F16, Matching::Exact)] {
            let encoding = Encoding::new(format, matching, 2);
            for pair in values.windows(2) {
                let color = |value: f32| encoding.color(&[value, -value, 0.0, 0.0]).unwrap();
                assert!(color(pair[0]) < color(pair[1]), "{format:?}: {pair:?}");
            }
        }
        let encoding = Encoding::new(Format::U16, Matching::Exact, 4);
        let color = |values: [f32; 4]| encoding.color(&values).unwrap();
        assert!(color([0.0, 65535.0, 1.0, 9.0]) < color([0.0, 65535.0, 256.0, 0.0]));
        assert!(color([1.0, 0.0, 0.0, 0.0]) > color([0.0, 65535.0, 65535.0, 65535.0]));
    }

    #[test]
    fn a_color_that_no_pixel_can_have_is_refused() {
        let refused =
            |format, values: [f32; 4]| Encoding::new(format, Matching::Exact, 2).color(&values).unwrap_err();
        assert_eq!(
            refused(Format::U8, [1.0, 256.0, 0.0, 0.0]),
            "channel 1 is 256; an integer from 0 to 255 is expected"
        );
        assert_eq!(
            refused(Format::U16, [0.5, 0.0, 0.0, 0.0]),
            "channel 0 is 0.5; an integer from 0 to 65535 is expected"
        );
        assert_eq!(refused(Format::F32, [f32::NAN, 0.0, 0.0, 0.0]), "channel 0 is NaN; a number is expected");
        assert_eq!(
            refused(Format::F16, [0.1, 0.0, 0.0, 0.0]),
            "channel 0 is 0.1; a value of the image's format is expected"
        );
    }
}
