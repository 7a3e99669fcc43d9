//! Labels become values or bits, a vector register of 32 bytes at a time.
//!
//! Labels are compared as they are, 8 or 32 at a time, which gives lanes with all bits set or none; these are widened or
//! packed to lanes of the values' size, and an "and" with the value in each lane gives the values.

#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm_cmpeq_epi8, _mm_cmpeq_epi16, _mm_loadl_epi64, _mm_loadu_si128, _mm_set1_epi8,
    _mm_set1_epi16, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_cmpeq_epi16, _mm256_cmpeq_epi32,
    _mm256_cvtepi8_epi32, _mm256_cvtepi16_epi32, _mm256_loadu_si256, _mm256_movemask_epi8,
    _mm256_packs_epi16, _mm256_packs_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setr_epi8, _mm256_shuffle_epi8, _mm256_store_si256, _mm256_stream_si256,
};
use std::mem::MaybeUninit;

use crate::output::expand::{Label, Value, WriteBits, WriteValues};
use crate::output::stream_x86::{REGISTER, splat};
use crate::runtime::simd::{Avx2, Scalar, Sse2, Work};

impl<T: Label, V: Value> Work<Sse2, ()> for WriteValues<'_, T, V> {
    #[inline(always)]
    fn run(self, _: Sse2) {
        self.run(Scalar); // The compiler does as well.
    }
}

impl<T: Label> Work<Sse2, ()> for WriteBits<'_, T> {
    #[inline(always)]
    fn run(self, _: Sse2) {
        self.run(Scalar);
    }
}

impl<T: Label, V: Value> Work<Avx2, ()> for WriteValues<'_, T, V> {
    #[inline(always)]
    fn run(self, _: Avx2) {
        // SAFETY: the token says that the processor has AVX2.
        unsafe { write_values(self) };
    }
}

impl<T: Label> Work<Avx2, ()> for WriteBits<'_, T> {
    #[inline(always)]
    fn run(self, _: Avx2) {
        // SAFETY: as above.
        unsafe { write_bits(self) };
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn write_values<T: Label, V: Value>(work: WriteValues<T, V>) {
    let WriteValues { labels, wanted, values, inside, stream } = work;
    let lanes = REGISTER / size_of::<V>();
    // The caller's planes are aligned for single values only.
    let head = values.as_ptr().align_offset(REGISTER).min(values.len());
    let (head_labels, labels) = labels.split_at(head);
    let (head_values, values) = values.split_at_mut(head);
    WriteValues { labels: head_labels, wanted, values: head_values, inside, stream }.run(Scalar);

    let inside_lanes = splat(inside);
    let rest = values.len() - values.len() % lanes;
    let (labels, rest_labels) = labels.split_at(rest);
    let (values, rest_values) = values.split_at_mut(rest);
    for (labels, values) in labels.chunks_exact(lanes).zip(values.chunks_exact_mut(lanes)) {
        // SAFETY: there are so many labels.
        let equal = unsafe { equal_lanes::<T, V>(labels.as_ptr(), wanted) };
        let register = _mm256_and_si256(equal, inside_lanes);
        // SAFETY: there is room for so many values, at an address that is a multiple of 32.
        unsafe {
            if stream {
                _mm256_stream_si256(values.as_mut_ptr().cast(), register);
            } else {
                _mm256_store_si256(values.as_mut_ptr().cast(), register);
            }
        }
    }
    WriteValues { labels: rest_labels, wanted, values: rest_values, inside, stream }.run(Scalar);
}

#[inline]
#[target_feature(enable = "avx2")]
fn write_bits<T: Label>(WriteBits { labels, wanted, bytes }: WriteBits<T>) {
    // The first pixel's bit is the highest of its byte, and the first lane's the lowest: bytes are turned around.
    let turned = _mm256_setr_epi8(
        7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10,
        9, 8,
    );
    let mut targets = bytes.chunks_exact_mut(4);
    let mut parts = labels.chunks_exact(32);
    for (target, labels) in targets.by_ref().zip(parts.by_ref()) {
        // SAFETY: there are 32 labels.
        let equal = unsafe { equal_32(labels.as_ptr(), wanted) };
        let bits = _mm256_movemask_epi8(_mm256_shuffle_epi8(equal, turned)).to_le_bytes();
        target.copy_from_slice(&bits.map(MaybeUninit::new));
    }
    let done = labels.len() / 32;
    WriteBits { labels: &labels[32 * done..], wanted, bytes: &mut bytes[4 * done..] }.run(Scalar);
}

/// All bits set in each lane of a value's size whose label is `wanted`.
///
/// # Safety
/// As many labels can be read as there are such lanes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn equal_lanes<T: Label, V: Value>(labels: *const T, wanted: T) -> __m256i {
    match size_of::<V>() {
        // SAFETY: there are 32 lanes of one byte.
        1 => unsafe { equal_32(labels, wanted) },
        // SAFETY: there are 8 lanes of four bytes.
        _ => unsafe { equal_8(labels, wanted) },
    }
}

/// All bits set in each of 8 lanes whose label is `wanted`.
///
/// # Safety
/// 8 labels can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn equal_8<T: Label>(labels: *const T, wanted: T) -> __m256i {
    let word: u32 = wanted.into();
    match size_of::<T>() {
        1 => {
            // SAFETY: 8 bytes can be read.
            let labels = unsafe { _mm_loadl_epi64(labels.cast()) };
            _mm256_cvtepi8_epi32(_mm_cmpeq_epi8(labels, _mm_set1_epi8((word as u8).cast_signed())))
        }
        2 => {
            // SAFETY: 16 bytes can be read.
            let labels = unsafe { _mm_loadu_si128(labels.cast()) };
            _mm256_cvtepi16_epi32(_mm_cmpeq_epi16(labels, _mm_set1_epi16((word as u16).cast_signed())))
        }
        _ => {
            // SAFETY: 32 bytes can be read.
            let labels = unsafe { _mm256_loadu_si256(labels.cast()) };
            _mm256_cmpeq_epi32(labels, _mm256_set1_epi32(word.cast_signed()))
        }
    }
}

/// All bits set in each of 32 lanes whose label is `wanted`.
///
/// # Safety
/// 32 labels can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn equal_32<T: Label>(labels: *const T, wanted: T) -> __m256i {
    // Packing leaves quarters in the order 0, 2, 1, 3.
    let in_order = _mm256_permute4x64_epi64::<0b11_01_10_00>;
    let word: u32 = wanted.into();
    match size_of::<T>() {
        1 => {
            // SAFETY: 32 bytes can be read.
            let labels = unsafe { _mm256_loadu_si256(labels.cast()) };
            _mm256_cmpeq_epi8(labels, _mm256_set1_epi8((word as u8).cast_signed()))
        }
        2 => {
            let wanted = _mm256_set1_epi16((word as u16).cast_signed());
            // SAFETY: 64 bytes can be read.
            let halves = [0, 16].map(|first| unsafe { _mm256_loadu_si256(labels.add(first).cast()) });
            let [low, high] = halves.map(|labels| _mm256_cmpeq_epi16(labels, wanted));
            in_order(_mm256_packs_epi16(low, high))
        }
        _ => {
            // SAFETY: 4 times 8 labels can be read.
            let [a, b, c, d] = [0, 8, 16, 24].map(|first| unsafe { equal_8(labels.add(first), wanted) });
            let (low, high) = (in_order(_mm256_packs_epi32(a, b)), in_order(_mm256_packs_epi32(c, d)));
            in_order(_mm256_packs_epi16(low, high))
        }
    }
}
