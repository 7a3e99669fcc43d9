//! Colours: equality and order, decided on bit patterns so that no float unit has a say.
//!
//! A host or a device may flush subnormals to zero in float arithmetic, hence no comparison here
//! uses floats. `shaders/color.glsl` is this file's twin.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

/// What pixels' words stand for, which says when they are the same, which are no colour, and how they sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum WordKind {
    /// Floats, or integers that share words and sort like them: −0.0 is the same as +0.0, a NaN is no colour.
    #[default]
    Floats,
    /// Integers of 32 bits: all are different, none is no colour. There are two to a pixel at most.
    Unsigned,
    Signed,
}

impl WordKind {
    /// The word that stands for the same value: −0.0 becomes +0.0.
    #[inline(always)]
    pub(crate) fn canonical(self, word: u32) -> u32 {
        // No branch: what it is compared with stays the same for a whole image.
        let negative_zero = if self == Self::Floats { 0x8000_0000 } else { 0 };
        if word == negative_zero { 0 } else { word }
    }

    /// Whether a word is a NaN.
    #[inline(always)]
    pub(crate) fn is_nan(self, word: u32) -> bool {
        let magnitude = if self == Self::Floats { 0x7fff_ffff } else { 0 };
        word & magnitude > 0x7f80_0000
    }

    /// A pixel's canonical words, and whether it has a colour.
    #[inline(always)]
    pub(crate) fn canonical_pixel<const C: usize>(self, pixel: &[u32; C]) -> ([u32; C], bool) {
        // A branch, which is always the same, and constants behind it: for one pixel at a time that takes less.
        match self {
            Self::Floats => {
                let has_nan = pixel.iter().any(|&word| Self::Floats.is_nan(word));
                (pixel.map(|word| Self::Floats.canonical(word)), !has_nan)
            }
            Self::Unsigned | Self::Signed => (*pixel, true),
        }
    }

    /// What the fourth word of a colour of integers is, which no colour of floats has there; 0 for floats.
    #[inline(always)]
    pub(crate) fn tag(self) -> u32 {
        match self {
            Self::Floats => 0,
            Self::Unsigned => UNSIGNED,
            Self::Signed => SIGNED,
        }
    }

    /// The kind of a colour, by its fourth word.
    #[inline(always)]
    fn of_tag(word: u32) -> Self {
        match word {
            UNSIGNED => Self::Unsigned,
            SIGNED => Self::Signed,
            _ => Self::Floats,
        }
    }

    /// From integers to bit patterns of floats that sort as they do, NaNs being the largest and the smallest.
    #[inline(always)]
    fn sorting(self, word: u32) -> u32 {
        if self == Self::Floats {
            return word;
        }
        let key = if self == Self::Signed { word ^ SIGN } else { word };
        if key & SIGN == 0 { !key } else { key ^ SIGN }
    }

    /// From the result of `sorting` to the word.
    #[inline(always)]
    fn unsorting(self, bits: u32) -> u32 {
        if self == Self::Floats {
            return bits;
        }
        let key = order_key(bits);
        if self == Self::Signed { key ^ SIGN } else { key }
    }
}

const SIGN: u32 = 0x8000_0000;

/// Fourth words of colours of integers: −0.0 and a NaN.
const UNSIGNED: u32 = 0x8000_0000;
const SIGNED: u32 = 0x7fc0_0001;

/// One exact colour: the canonical bit patterns of its 1 to 4 channels, unused channels 0. Of integers of 32 bits, of which
/// it has two at most, bit patterns that sort alike, and behind them what says so.
///
/// −0.0 is stored as +0.0. The order is that of the channel values, first channel first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color([u32; 4]);

impl Color {
    /// The colour of a pixel of 1 to 4 floats given as bit patterns, or `None` when one is NaN.
    #[inline]
    pub(crate) fn from_bits(pixel: &[u32]) -> Option<Self> {
        Self::from_words(pixel, WordKind::Floats)
    }

    /// The colour of a pixel of 1 to 4 words, or 2 of integers, behind which there may be zeros; `None` when one is NaN.
    #[inline]
    pub(crate) fn from_words(pixel: &[u32], kind: WordKind) -> Option<Self> {
        let mut words = [0; 4];
        for (to, &from) in words.iter_mut().zip(pixel) {
            if kind.is_nan(from) {
                return None;
            }
            *to = kind.canonical(from);
        }
        words[3] |= kind.tag();
        Some(Self::from_tagged(words))
    }

    /// The colour of canonical words that are not NaN, the fourth of which tells integers; unused ones are 0.
    #[inline]
    pub(crate) fn from_tagged(words: [u32; 4]) -> Self {
        match WordKind::of_tag(words[3]) {
            WordKind::Floats => Self(words),
            kind => Self([kind.sorting(words[0]), kind.sorting(words[1]), 0, words[3]]),
        }
    }

    /// The colour with these bit patterns, which are canonical floats and not NaN; unused channels are 0.
    #[inline]
    pub(crate) fn from_canonical_bits(bits: [u32; 4]) -> Self {
        Self(bits)
    }

    /// What its words stand for.
    #[inline]
    pub(crate) fn kind(&self) -> WordKind {
        WordKind::of_tag(self.0[3])
    }

    /// Its words as pixels have them, unused ones 0.
    #[inline]
    pub(crate) fn words(&self) -> [u32; 4] {
        match self.kind() {
            WordKind::Floats => self.0,
            kind => [kind.unsorting(self.0[0]), kind.unsorting(self.0[1]), 0, 0],
        }
    }

    /// Its words, and of integers the tag in place of the fourth: `from_tagged` takes them.
    #[inline]
    pub(crate) fn tagged_words(&self) -> [u32; 4] {
        let mut words = self.words();
        words[3] |= self.kind().tag();
        words
    }

    /// How the first channels compare.
    #[inline(always)]
    pub(crate) fn first_channel_cmp(&self, other: &Self) -> Ordering {
        order_key(self.0[0]).cmp(&order_key(other.0[0]))
    }

    /// The channels' values; channels that the image does not have are 0. Integers of more than 24 bits are rounded:
    /// [`Color::stored`] has all as they are.
    #[must_use]
    pub fn values(&self) -> [f32; 4] {
        let words = self.words();
        match self.kind() {
            WordKind::Floats => words.map(f32::from_bits),
            WordKind::Unsigned => words.map(|word| word as f32),
            WordKind::Signed => words.map(|word| word as i32 as f32),
        }
    }
}

impl Ord for Color {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // One number each: channel by channel there would be as many branches, which colours have mispredicted.
        let key =
            |color: &Self| color.0.iter().fold(0u128, |key, &bits| key << 32 | u128::from(order_key(bits)));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Color {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A [`Color`], to which it derefs, and how many channels of the image are part of it.
///
/// Written, it is their values: `7`; `(0.5, 1, 0)`. Integers are exact, also those that [`Color::values`] rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageColor {
    color: Color,
    channels: usize,
}

impl ImageColor {
    pub(crate) fn new(color: Color, channels: usize) -> Self {
        Self { color, channels }
    }

    /// How many channels it has: 1 to 4. Alpha that is no part of the colour is none of them.
    #[must_use]
    pub fn channels(&self) -> u32 {
        self.channels as u32 // 4 at most
    }
}

impl Deref for ImageColor {
    type Target = Color;

    fn deref(&self) -> &Color {
        &self.color
    }
}

impl fmt::Display for ImageColor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.color.words();
        let words = &words[..self.channels];
        f.pad(&match self.color.kind() {
            WordKind::Floats => values_text(words, |word| float_text(f32::from_bits(word))),
            WordKind::Unsigned => values_text(words, |word| word.to_string()),
            WordKind::Signed => values_text(words, |word| (word as i32).to_string()),
        })
    }
}

/// A colour's values, as messages have them.
pub(crate) fn values_text<T: Copy>(values: &[T], text: impl Fn(T) -> String) -> String {
    match values {
        &[one] => text(one),
        several => {
            let texts: Vec<_> = several.iter().map(|&value| text(value)).collect();
            format!("({})", texts.join(", "))
        }
    }
}

/// A float, as messages have it: one that is an integer looks like one, and large or small ones have an exponent.
pub(crate) fn float_text(value: f32) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// An integer that sorts canonical bit patterns as their float values sort.
#[inline]
fn order_key(bits: u32) -> u32 {
    if bits >> 31 == 1 { !bits } else { bits | 0x8000_0000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(values: &[f32]) -> Color {
        let bits: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
        Color::from_bits(&bits).unwrap()
    }

    #[test]
    fn sorts_like_floats() {
        let tiny = f32::from_bits(1);
        let ascending =
            [f32::NEG_INFINITY, -1.5, -1.0, -tiny, 0.0, tiny, f32::MIN_POSITIVE, 0.5, f32::INFINITY];
        for pair in ascending.windows(2) {
            assert!(color(&[pair[0]]) < color(&[pair[1]]), "{pair:?}");
            assert!(color(&[7.0, pair[0], 9.0]) < color(&[7.0, pair[1], 1.0]), "{pair:?}");
        }
    }

    #[test]
    fn negative_zero_is_zero_and_nan_is_no_color() {
        assert_eq!(color(&[-0.0, 1.0]), color(&[0.0, 1.0]));
        assert_eq!(color(&[-0.0]).values()[0].to_bits(), 0);
        for nan in [f32::NAN.to_bits(), 0xffff_ffff, 0x7f80_0001, 0xff80_0001] {
            assert_eq!(Color::from_bits(&[0, nan]), None);
        }
    }

    #[test]
    fn as_text_a_color_is_its_values() {
        let text = |floats: &[f32]| ImageColor::new(color(floats), floats.len()).to_string();
        assert_eq!(text(&[200.0]), "200");
        assert_eq!(text(&[-0.0, 0.1, 1e30, f32::NEG_INFINITY]), "(0, 0.1, 1e30, -inf)");
        let ids = |words: &[u32], kind| {
            ImageColor::new(Color::from_words(words, kind).unwrap(), words.len()).to_string()
        };
        assert_eq!(ids(&[u32::MAX, 16_777_217], WordKind::Unsigned), "(4294967295, 16777217)");
        assert_eq!(ids(&[u32::MAX], WordKind::Signed), "-1");
    }

    #[test]
    fn integers_sort_like_integers() {
        let ascending = [0, 1, 0x7f80_0000, 0x7fc0_0000, 0x7fff_ffff, 0x8000_0000, 0xff80_0001, u32::MAX];
        let color = |word: u32, kind| Color::from_words(&[7, word], kind).unwrap();
        for pair in ascending.windows(2) {
            assert!(color(pair[0], WordKind::Unsigned) < color(pair[1], WordKind::Unsigned), "{pair:?}");
            let [low, high] = [pair[0] ^ SIGN, pair[1] ^ SIGN];
            assert!(color(low, WordKind::Signed) < color(high, WordKind::Signed), "{pair:?}");
        }
        for kind in [WordKind::Unsigned, WordKind::Signed] {
            for word in ascending {
                let color = color(word, kind);
                assert_eq!(color.words(), [7, word, 0, 0]);
                assert_eq!((color.kind(), Color::from_tagged(color.tagged_words())), (kind, color));
            }
        }
        assert_eq!(color(u32::MAX - 1, WordKind::Signed).values(), [7.0, -2.0, 0.0, 0.0]);
        assert_eq!(color(u32::MAX - 1, WordKind::Unsigned).values(), [7.0, 4_294_967_296.0, 0.0, 0.0]);
    }
}
