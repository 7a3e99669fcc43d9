//! Fingerprints compared with few others, 32 at a time.

use std::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm256_cmpeq_epi16, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_packs_epi16, _mm256_permute4x64_epi64, _mm256_setzero_si256, _mm256_srl_epi16,
};

use crate::backend::cpu::many::fingerprint_set::{COMPARED, LANES, MatchFew};
use crate::runtime::simd::{Avx2, Sse2};

impl MatchFew for Sse2 {
    #[inline(always)]
    fn match_few(self, _: &[u16; COMPARED], _: &[[u16; LANES]], _: u32) -> Option<u32> {
        None // Half as long vectors are no faster than looking up.
    }
}

impl MatchFew for Avx2 {
    #[inline(always)]
    fn match_few(self, fingerprints: &[u16; COMPARED], few: &[[u16; LANES]], any_bits: u32) -> Option<u32> {
        // SAFETY: the token says that the processor has AVX2.
        #[allow(unsafe_code)]
        Some(unsafe { match_few(fingerprints, few, any_bits) })
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn match_few(fingerprints: &[u16; COMPARED], few: &[[u16; LANES]], any_bits: u32) -> u32 {
    let vector = |lanes: [u16; LANES]| -> __m256i { bytemuck::cast(lanes) };
    let fingerprints: [[u16; LANES]; 2] = bytemuck::cast(*fingerprints);
    let any_bits = _mm_cvtsi32_si128(any_bits.cast_signed());
    let [low, high] = fingerprints.map(|half| _mm256_srl_epi16(vector(half), any_bits));
    let [mut in_low, mut in_high] = [_mm256_setzero_si256(); 2];
    for &wanted in few {
        let wanted = vector(wanted);
        in_low = _mm256_or_si256(in_low, _mm256_cmpeq_epi16(low, wanted));
        in_high = _mm256_or_si256(in_high, _mm256_cmpeq_epi16(high, wanted));
    }
    // Packing leaves the registers' halves in the wrong order.
    let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi16(in_low, in_high));
    _mm256_movemask_epi8(bytes).cast_unsigned()
}
