//! A pixel's colour as a table's key.

use crate::color::{canonical, is_nan};

/// Canonical bit patterns of `C` channels.
pub(crate) type Key<const C: usize> = [u32; C];

/// The key of a pixel, or `None` when a channel is NaN.
#[inline]
pub(crate) fn key<const C: usize>(pixel: &[u32; C]) -> Option<Key<C>> {
    // One test for all channels: NaN is rare.
    let any_nan = pixel.iter().fold(false, |any, &bits| any | is_nan(bits));
    if any_nan { None } else { Some(pixel.map(canonical)) }
}

/// A hash of a key; its upper and its lower bits are equally good.
#[inline]
pub(crate) fn hash<const C: usize>(key: &Key<C>) -> u64 {
    let word = |index: usize| if index < C { u64::from(key[index]) } else { 0 };
    // Multiply and fold: each half of the product's bits depends on all bits of both factors.
    let left = (word(0) | word(1) << 32) ^ 0x9e37_79b9_7f4a_7c15;
    let right = (word(2) | word(3) << 32) ^ 0xe703_7ed1_a0b4_28db;
    let product = u128::from(left) * u128::from(right);
    let folded = (product >> 64) as u64 ^ product as u64;
    folded ^ folded >> 32
}
