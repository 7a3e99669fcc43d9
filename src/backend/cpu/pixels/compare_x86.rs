//! Bytes compared in vector registers.

use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8};

use crate::backend::cpu::pixels::compare::CompareBytes;
use crate::runtime::simd::{Avx2, Sse2};

impl CompareBytes for Sse2 {
    #[inline(always)]
    fn equal_bytes(self, before: [u8; 16], behind: [u8; 16]) -> u16 {
        equal_bytes(before, behind)
    }
}

impl CompareBytes for Avx2 {
    #[inline(always)]
    fn equal_bytes(self, before: [u8; 16], behind: [u8; 16]) -> u16 {
        equal_bytes(before, behind) // of two of which the compiler makes one
    }
}

#[inline(always)]
fn equal_bytes(before: [u8; 16], behind: [u8; 16]) -> u16 {
    let vector = |bytes: [u8; 16]| -> __m128i { bytemuck::cast(bytes) };
    // SAFETY: each x86-64 processor has SSE2.
    #[allow(unsafe_code)]
    let equal = unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(vector(before), vector(behind))) };
    equal as u16 // all its bits
}
