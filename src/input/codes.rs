//! Values that become codes of 8 bits, many at a time; then only bytes change places.
//!
//! **Problem.** `Matching::EightBit` compares each value as the nearest n/255. One value at a time that takes longer than
//! all the rest of the count.
//!
//! ```text
//! for 64 pixels at a time:
//!     interleaved: all their values become bytes, side by side; else each channel's
//!     the bytes become words like those of an image of bytes
//!     if any value was NaN: look for the pixels that have one
//! ```
//!
//! **Exact.** Adding 2²³ to a float below it rounds to an integer, to even where two are equally near, which is then in the low
//! bits. A half's bits shifted to where a float has them are the half times 2⁻¹¹², subnormal or not. (255 v + 32895) / 2¹⁶ is
//! the integer nearest to v / 257 for each v of 16 bits; a test tries them all.
//!
//! **Cost.** One pass in vector instructions, with 64 pixels' bytes in a first-level cache.
//!
//! **Prior art.** The constants of rounding by addition are as old as IEEE 754; for halves see Giesen, "half_to_float_fast", 2012.

#![allow(unsafe_code)]

use half::f16;

use crate::input::bytes::BytePlaces;
use crate::input::shuffle::StoredRow;
use crate::runtime::simd::{Simd, Work};
use crate::types::encoding::{Encoding, place};
use crate::types::image::Format;

/// A word that says that a pixel has no colour: a NaN.
pub(super) const NO_COLOR: u32 = 0x7fc0_0000;

/// Pixels whose codes are computed at a time.
const BLOCK: usize = 64;

/// The channels of a pixel at most.
const CHANNELS: usize = 4;

/// How pixels' values become codes, and those words.
#[derive(Clone, Debug)]
pub(super) struct Codes {
    format: Format,
    /// Bytes from a pixel to the channels that are part of its colour.
    offsets: [isize; CHANNELS],
    channels: usize,
    /// Values from a pixel to the next, where all of them lie close together.
    interleaved: Option<usize>,
    bytes: BytePlaces,
}

impl Codes {
    /// For pixels `stride` bytes apart.
    pub(super) fn new(encoding: Encoding, stride: isize, offsets: [isize; CHANNELS]) -> Self {
        let Encoding { format, channels, .. } = encoding;
        let value = format.bytes() as isize;
        let used = &offsets[..channels];
        let is_interleaved = stride % value == 0
            && stride / value <= CHANNELS as isize
            && used.iter().all(|offset| (0..stride).contains(offset) && offset % value == 0)
            && channels > 1;
        let interleaved = is_interleaved.then_some((stride / value) as usize);
        let bytes = match interleaved {
            Some(values) => {
                let offsets = used.iter().map(|offset| offset / value);
                BytePlaces::new(offsets, place, encoding.words(), values as isize)
            }
            None => {
                let offsets = (0..channels).map(|channel| (channel * BLOCK) as isize);
                BytePlaces::new(offsets, place, encoding.words(), 1)
            }
        };
        Self { format, offsets, channels, interleaved, bytes }
    }

    /// # Safety
    /// The values can be read for all pixels of the row.
    pub(super) unsafe fn read(&self, row: StoredRow, target: &mut [u32], words: usize, simd: Simd) {
        let mut codes = [0; BLOCK * CHANNELS];
        let stride = self.interleaved.unwrap_or(1);
        for (block, target) in target.chunks_mut(BLOCK * words).enumerate() {
            let first = row.first.wrapping_offset((block * BLOCK) as isize * row.stride);
            let count = target.len() / words;
            let pixels = StoredRow { first, stride: row.stride, count, more: 0 };
            let more = codes.len() - count * stride;
            // SAFETY: the caller guarantees the values, and the codes of as many pixels are written.
            unsafe {
                let any_nan = self.code(pixels, &mut codes, simd);
                let coded = StoredRow { first: codes.as_ptr(), stride: stride as isize, count, more };
                self.bytes.read(coded, target, words, simd);
                if any_nan {
                    self.hide_nans(pixels, target, words);
                }
            }
        }
    }

    /// Writes the codes of a block's values; whether any is NaN.
    ///
    /// # Safety
    /// The values can be read.
    unsafe fn code(&self, pixels: StoredRow, codes: &mut [u8; BLOCK * CHANNELS], simd: Simd) -> bool {
        let StoredRow { first, stride, count, .. } = pixels;
        let value = self.format.bytes() as isize;
        let used = &self.offsets[..self.channels];
        let round = |first, stride, codes: &mut [u8]| {
            // SAFETY: the caller guarantees the values.
            simd.run(unsafe { Round::new(self.format, first, stride, codes) })
        };
        match self.interleaved {
            Some(values) => {
                // Behind the last one that is used there may be no memory.
                let last = used.iter().max().map_or(0, |offset| offset / value) as usize;
                round(first, value, &mut codes[..(count - 1) * values + last + 1])
            }
            None => {
                used.iter().zip(codes.chunks_exact_mut(BLOCK)).fold(false, |any_nan, (&offset, codes)| {
                    any_nan | round(first.wrapping_offset(offset), stride, &mut codes[..count])
                })
            }
        }
    }

    /// Takes the colour of pixels that have a NaN.
    ///
    /// # Safety
    /// The values can be read.
    unsafe fn hide_nans(&self, pixels: StoredRow, target: &mut [u32], words: usize) {
        for (index, pixel) in target.chunks_exact_mut(words).enumerate() {
            let first = pixels.first.wrapping_offset(index as isize * pixels.stride);
            let is_nan = |&offset: &isize| {
                let at = first.wrapping_offset(offset);
                // SAFETY: the caller guarantees the values.
                unsafe {
                    match self.format {
                        Format::F32 => at.cast::<f32>().read_unaligned().is_nan(),
                        Format::F16 => f16::from_bits(at.cast::<u16>().read_unaligned()).is_nan(),
                        Format::U16 | Format::U8 | Format::U32 | Format::I32 => false,
                    }
                }
            };
            if self.offsets[..self.channels].iter().any(is_nan) {
                pixel[0] |= NO_COLOR;
            }
        }
    }
}

/// Makes codes of values that lie as many bytes apart.
struct Round<'a> {
    format: Format,
    first: *const u8,
    stride: isize,
    codes: &'a mut [u8],
}

impl<'a> Round<'a> {
    /// # Safety
    /// A value can be read for each code.
    unsafe fn new(format: Format, first: *const u8, stride: isize, codes: &'a mut [u8]) -> Self {
        Self { format, first, stride, codes }
    }

    /// Whether any value is NaN, as `code` says beside its code.
    #[inline(always)]
    fn each<T: Copy>(self, code: impl Fn(T) -> (u8, bool)) -> bool {
        let Self { first, stride, codes, .. } = self;
        let mut any_nan = 0;
        let mut write = |stride: isize| {
            for (index, to) in codes.iter_mut().enumerate() {
                let at = first.wrapping_offset(index as isize * stride).cast::<T>();
                // SAFETY: whoever made this guarantees the values.
                let (code, is_nan) = code(unsafe { at.read_unaligned() });
                any_nan |= u32::from(is_nan);
                *to = code;
            }
        };
        // A constant stride, for vector instructions.
        if stride == size_of::<T>() as isize {
            write(size_of::<T>() as isize)
        } else {
            write(stride)
        }
        any_nan != 0
    }
}

impl<L> Work<L, bool> for Round<'_> {
    #[inline(always)]
    fn run(self, _: L) -> bool {
        match self.format {
            // Ids are not rounded: see `Pixels::new`.
            Format::F32 | Format::U32 | Format::I32 => {
                self.each(|value: f32| (code_of_float(value), value.is_nan()))
            }
            Format::F16 => self.each(|bits: u16| (code_of_half(bits), bits & 0x7fff > 0x7c00)),
            Format::U16 => self.each(|value: u16| (code_of_integer(value), false)),
            Format::U8 => self.each(|value: u8| (value, false)),
        }
    }
}

#[inline(always)]
fn code_of_float(value: f32) -> u8 {
    /// From here on floats are integers.
    const INTEGERS: f32 = (1 << 23) as f32;
    // Comparisons that are false for NaN.
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 1.0 { value } else { 1.0 };
    (value * 255.0 + INTEGERS).to_bits() as u8
}

#[inline(always)]
fn code_of_half(bits: u16) -> u8 {
    /// 2¹¹², the ratio of what exponents of floats and of halves stand for.
    const SCALE: f32 = f32::from_bits((127 + 112) << 23);
    // Infinity becomes 65,536.
    let size = f32::from_bits(u32::from(bits & 0x7fff) << 13) * SCALE;
    if bits >> 15 == 0 { code_of_float(size) } else { 0 }
}

#[inline(always)]
fn code_of_integer(value: u16) -> u8 {
    ((u32::from(value) * 255 + 32_895) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::encoding::{round_f32, round_u16};

    #[test]
    fn codes_are_those_of_the_nearest_n_of_255() {
        for bits in 0..=u16::MAX {
            assert_eq!(u16::from(code_of_integer(bits)), round_u16(bits), "{bits}");
            let half = f16::from_bits(bits);
            if !half.is_nan() {
                assert_eq!(u16::from(code_of_half(bits)), round_f32(half.to_f32()), "{half}");
            }
            // Floats near ties and all over the range.
            let tie = (f32::from(bits % 256) + 0.5) / 255.0;
            let floats =
                [tie, tie.next_up(), tie.next_down(), f32::from_bits(u32::from(bits) << 16 | 0x9abc)];
            for float in floats.into_iter().filter(|float| !float.is_nan()) {
                assert_eq!(u16::from(code_of_float(float)), round_f32(float), "{float:?}");
            }
        }
    }
}
