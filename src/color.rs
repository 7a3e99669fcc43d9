//! Colours: equality and order, decided on bit patterns so that no float unit has a say.
//!
//! A host or a device may flush subnormals to zero in float arithmetic, hence no comparison here
//! uses floats. `shaders/color.glsl` is this file's twin.

use std::cmp::Ordering;

/// One exact colour: the canonical bit patterns of its 1 to 4 channels, unused channels 0.
///
/// −0.0 is stored as +0.0. The order is that of the channel values, first channel first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color([u32; 4]);

impl Color {
    /// The colour of a pixel of 1 to 4 channels given as bit patterns, or `None` when one is NaN.
    #[inline]
    pub(crate) fn from_bits(pixel: &[u32]) -> Option<Self> {
        let mut bits = [0; 4];
        for (to, &from) in bits.iter_mut().zip(pixel) {
            if is_nan(from) {
                return None;
            }
            *to = canonical(from);
        }
        Some(Self(bits))
    }

    /// The colour with these bit patterns, which are canonical and not NaN; unused channels are 0.
    #[inline]
    pub(crate) fn from_canonical_bits(bits: [u32; 4]) -> Self {
        Self(bits)
    }

    /// The canonical bit patterns.
    #[inline]
    pub(crate) fn bits(&self) -> &[u32; 4] {
        &self.0
    }

    /// How the first channels compare.
    #[inline(always)]
    pub(crate) fn first_channel_cmp(&self, other: &Self) -> Ordering {
        order_key(self.0[0]).cmp(&order_key(other.0[0]))
    }

    /// The channels' values; channels that the image does not have are 0.
    #[must_use]
    pub fn values(&self) -> [f32; 4] {
        self.0.map(f32::from_bits)
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

/// The bit pattern that stands for a channel value: −0.0 becomes +0.0.
#[inline]
pub(crate) fn canonical(bits: u32) -> u32 {
    if bits == 0x8000_0000 { 0 } else { bits }
}

/// Whether a bit pattern is a NaN.
#[inline]
pub(crate) fn is_nan(bits: u32) -> bool {
    bits & 0x7fff_ffff > 0x7f80_0000
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
}
