//! How the values of a colour become words that compare as colours do.

use half::f16;

use crate::color::Color;
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
            (Matching::Exact, Format::F32) => None,
        }
    }

    /// Channels that are part of the colour.
    pub(crate) fn channels(self) -> usize {
        self.channels
    }

    /// Words of a pixel.
    pub(crate) fn words(self) -> usize {
        self.value_bits().map_or(self.channels, |bits| (self.channels * bits as usize).div_ceil(24))
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
            let [first, second, ..] = *color.bits();
            let bytes = [first >> 16, first >> 8, first, second >> 16].map(|bits| f32::from(bits as u8));
            return std::array::from_fn(|channel| if channel < self.channels { bytes[channel] } else { 0.0 });
        }
        let mut values = [0.0; 4];
        for (channel, value) in values.iter_mut().enumerate().take(self.channels) {
            let first = self.first_byte(channel);
            let code = (first..first + bits as usize / 8).fold(0, |code, byte| {
                let (word, shift) = place(byte);
                code << 8 | (color.bits()[word] >> shift & 0xff)
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
        let mut words = [0; 4];
        for (channel, &value) in values.iter().enumerate().take(self.channels) {
            let wrong = |expected: &str| Err(format!("channel {channel} is {value}; {expected} is expected"));
            if value.is_nan() {
                return wrong("a number");
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
        Color::from_bits(&words).ok_or_else(|| "numbers are expected".to_owned())
    }
}

/// Bits of a word that integers use.
pub(crate) const WORD_BITS: u32 = 24;

/// The word that a byte of all values is in, and how far it is shifted.
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
