//! Stores past the caches, a vector register of 32 bytes at a time.

#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm256_loadu_si256, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_stream_si256,
};

use std::mem::MaybeUninit;

use bytemuck::Pod;

use crate::output::stream::Zeros;
use crate::runtime::simd::{Avx2, Scalar, Sse2, Work};

/// Bytes of a vector register.
pub(super) const REGISTER: usize = 32;

impl Work<Sse2, ()> for Zeros<'_> {
    #[inline(always)]
    fn run(self, _: Sse2) {
        self.run(Scalar);
    }
}

impl Work<Avx2, ()> for Zeros<'_> {
    #[inline(always)]
    fn run(self, _: Avx2) {
        if self.stream {
            // SAFETY: the token says that the processor has AVX2.
            unsafe { stream_zeros(self) };
        } else {
            self.run(Scalar);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn stream_zeros(Zeros { bytes, stream }: Zeros) {
    let head = bytes.as_ptr().align_offset(REGISTER).min(bytes.len());
    let (head, rest) = bytes.split_at_mut(head);
    Zeros { bytes: head, stream }.run(Scalar);
    let mut registers = rest.chunks_exact_mut(REGISTER);
    for register in &mut registers {
        // SAFETY: there are 32 bytes, at an address that is a multiple of 32.
        unsafe { _mm256_stream_si256(register.as_mut_ptr().cast(), _mm256_setzero_si256()) };
    }
    Zeros { bytes: registers.into_remainder(), stream }.run(Scalar);
}

/// Copies to an address that is a multiple of 32, as many bytes on both sides. The caller fences.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn stream_copy(from: &[u8], to: &mut [MaybeUninit<u8>]) {
    debug_assert!(from.len() == to.len() && to.as_ptr().addr().is_multiple_of(REGISTER));
    let mut registers = to.chunks_exact_mut(REGISTER);
    let mut sources = from.chunks_exact(REGISTER);
    for (register, source) in (&mut registers).zip(&mut sources) {
        // SAFETY: there are 32 bytes on both sides, those to be written at an address that is a multiple of 32.
        unsafe {
            let bytes = _mm256_loadu_si256(source.as_ptr().cast());
            _mm256_stream_si256(register.as_mut_ptr().cast(), bytes);
        }
    }
    let rest = registers.into_remainder().iter_mut().zip(sources.remainder());
    rest.for_each(|(to, from)| _ = to.write(*from));
}

/// A value of 1, 2 or 4 bytes in each lane of its size.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn splat<V: Pod>(value: V) -> __m256i {
    const { assert!(matches!(size_of::<V>(), 1 | 2 | 4)) };
    match size_of::<V>() {
        1 => _mm256_set1_epi8(bytemuck::cast(value)),
        2 => _mm256_set1_epi16(bytemuck::cast(value)),
        _ => _mm256_set1_epi32(bytemuck::cast(value)),
    }
}
