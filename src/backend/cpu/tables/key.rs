//! A pixel's colour as a table's key.

use crate::color::{Color, WordKind};

/// The canonical words of a colour, unused ones 0, two to a word here; of integers of 32 bits, which have two at most, a tag
/// in place of the fourth.
///
/// Two words and not an array: the compiler keeps them in registers, while an array is written to
/// memory in pieces and read back whole, which stalls the processor at every pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    low: u64,
    high: u64,
}

impl Key {
    /// The key of a pixel, or `None` when a channel is NaN.
    #[inline(always)]
    pub(crate) fn of_pixel<const C: usize>(pixel: &[u32; C], kind: WordKind) -> Option<Self> {
        // One test for all channels: NaN is rare.
        let any_nan = pixel.iter().fold(false, |any, &word| any | kind.is_nan(word));
        let key = Self::of_canonical(&pixel.map(|word| kind.canonical(word)), kind);
        if any_nan { None } else { Some(key) }
    }

    /// The key of a pixel whose channels are canonical and no NaN.
    #[inline(always)]
    pub(crate) fn of_canonical<const C: usize>(pixel: &[u32; C], kind: WordKind) -> Self {
        let word = |index: usize| if index < C { u64::from(pixel[index]) } else { 0 };
        let tag = if C <= 2 { u64::from(kind.tag()) } else { 0 };
        Self { low: word(0) | word(1) << 32, high: word(2) | (word(3) | tag) << 32 }
    }

    pub(crate) fn of_color(color: &Color) -> Self {
        let [a, b, c, d] = color.tagged_words().map(u64::from);
        Self { low: a | b << 32, high: c | d << 32 }
    }

    pub(crate) fn color(self) -> Color {
        let Self { low, high } = self;
        Color::from_tagged([low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32])
    }

    /// A hash; without knowing `seed` nobody can make keys that collide. Its upper and its lower bits are equally good.
    #[inline(always)]
    pub(crate) fn hash(self, seed: u64) -> u64 {
        // Multiply and fold: each half of the product's bits depends on all bits of both factors.
        let left = self.low ^ seed;
        let right = self.high ^ seed.rotate_left(32) ^ 0xe703_7ed1_a0b4_28db;
        let product = u128::from(left) * u128::from(right);
        let folded = (product >> 64) as u64 ^ product as u64;
        folded ^ folded >> 32
    }
}

/// Hashes of raw pixels for caches and counters, computed for many pixels at a time.
///
/// Weaker than [`Key::hash`], which decides nothing but speed: whoever uses these hashes must be right,
/// and not hopelessly slow, with any collisions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hasher {
    factors: [u32; 4],
}

impl Hasher {
    pub(crate) fn new(seed: u64) -> Self {
        let factor = |channel: u64| {
            let key = Key { low: channel, high: !channel };
            key.hash(seed) as u32 | 1
        };
        Self { factors: [factor(1), factor(2), factor(3), factor(4)] }
    }

    /// What each channel is multiplied with; `shaders/fingerprints.comp` computes the same hash.
    pub(crate) fn factors(self) -> [u32; 4] {
        self.factors
    }

    /// A hash whose upper bits are the better ones; that of pixels of one word is a permutation: an odd factor can be
    /// divided by, and folding undone.
    #[inline(always)]
    pub(crate) fn hash<const C: usize>(self, pixel: &[u32; C]) -> u32 {
        // Round numbers have their bits on top, where a product would not spread them.
        let folded = |bits: u32| bits ^ bits >> 15;
        (0..C).fold(0, |sum: u32, channel| {
            sum.wrapping_add(folded(pixel[channel]).wrapping_mul(self.factors[channel]))
        })
    }
}
