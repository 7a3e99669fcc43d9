//! Bytes change places in registers of 16 bytes, with one instruction of SSSE3, which AVX2 includes.

#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m128i, _mm_loadu_si128, _mm_shuffle_epi8, _mm_storeu_si128, _mm256_broadcastsi128_si256,
    _mm256_loadu2_m128i, _mm256_shuffle_epi8, _mm256_storeu_si256,
};

use crate::input::shuffle::{REGISTER, REGISTER_WORDS, Shuffle, ShuffleBytes, ShuffleRow};
use crate::runtime::simd::{Avx2, Scalar, Sse2, Work};

impl Work<Sse2, usize> for ShuffleRow<'_> {
    #[inline(always)]
    fn run(self, _: Sse2) -> usize {
        self.run(Scalar)
    }
}

impl ShuffleBytes for Sse2 {
    const HAS_SHUFFLE: bool = false;

    fn shuffle(self, register: &[u8; REGISTER], sources: &[u8; REGISTER]) -> [u32; REGISTER_WORDS] {
        Scalar.shuffle(register, sources)
    }
}

impl Work<Avx2, usize> for ShuffleRow<'_> {
    #[inline(always)]
    fn run(self, _: Avx2) -> usize {
        // SAFETY: the token says that the processor has AVX2.
        unsafe { shuffle_row(self) }
    }
}

impl ShuffleBytes for Avx2 {
    const HAS_SHUFFLE: bool = true;

    #[inline(always)]
    fn shuffle(self, register: &[u8; REGISTER], sources: &[u8; REGISTER]) -> [u32; REGISTER_WORDS] {
        // SAFETY: as above.
        unsafe { shuffle(register, sources) }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn shuffle(register: &[u8; REGISTER], sources: &[u8; REGISTER]) -> [u32; REGISTER_WORDS] {
    let vector = |bytes: [u8; REGISTER]| -> __m128i { bytemuck::cast(bytes) };
    bytemuck::cast(_mm_shuffle_epi8(vector(*register), vector(*sources)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn shuffle_row(work: ShuffleRow) -> usize {
    let rounds = work.rounds();
    // Two registers at a time, where their words follow each other: whoever reads the words soon reads as many.
    let pairs = if work.is_dense() { rounds / 2 } else { 0 };
    let ShuffleRow { shuffle, row, target, words } = work;
    let &Shuffle { sources, pixels, start, .. } = shuffle;
    let step = pixels as isize * row.stride;
    // SAFETY: all rounds stay within what is readable and writable, as whoever made the work guarantees.
    unsafe {
        let sources = _mm_loadu_si128(sources.as_ptr().cast());
        let both_sources = _mm256_broadcastsi128_si256(sources);
        let mut from = row.first.wrapping_offset(start);
        let mut to = target.as_mut_ptr();
        for _ in 0..pairs {
            let both = _mm256_loadu2_m128i(from.wrapping_offset(step).cast(), from.cast());
            _mm256_storeu_si256(to.cast(), _mm256_shuffle_epi8(both, both_sources));
            from = from.wrapping_offset(2 * step);
            to = to.wrapping_add(2 * REGISTER_WORDS);
        }
        for _ in 2 * pairs..rounds {
            _mm_storeu_si128(to.cast(), _mm_shuffle_epi8(_mm_loadu_si128(from.cast()), sources));
            from = from.wrapping_offset(step);
            to = to.wrapping_add(pixels * words);
        }
    }
    (rounds * pixels).min(row.count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both kinds of code give the same bytes, and zeros where nothing is to go.
    #[test]
    fn a_shuffle_is_that_of_plain_code() {
        struct Both([u8; REGISTER], [u8; REGISTER]);

        impl<L: ShuffleBytes> Work<L, [u32; REGISTER_WORDS]> for Both {
            fn run(self, level: L) -> [u32; REGISTER_WORDS] {
                level.shuffle(&self.0, &self.1)
            }
        }

        let register = std::array::from_fn(|byte| byte as u8 + 100);
        let orders: [fn(usize) -> u8; 3] = [
            |byte| byte as u8,
            |byte| 15 - byte as u8,
            |byte| if byte % 4 == 3 { 0x80 } else { byte as u8 / 2 },
        ];
        for order in orders {
            let sources = std::array::from_fn(order);
            let expected = Scalar.shuffle(&register, &sources);
            crate::runtime::simd::at_each_level(|level| {
                let found = crate::runtime::simd::Simd::current().run(Both(register, sources));
                assert_eq!(found, expected, "{level:?}");
            });
        }
    }
}
