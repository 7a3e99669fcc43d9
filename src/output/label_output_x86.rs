//! Runs and labels become numbers, a vector register of 32 bytes at a time.

#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm_sfence, _mm256_blendv_epi8, _mm256_cmpgt_epi8, _mm256_set1_epi8, _mm256_setr_epi8,
    _mm256_setzero_si256, _mm256_store_si256, _mm256_storeu_si256, _mm256_stream_si256,
};
use std::ops::Range;

use crate::output::expand::Label;
use crate::output::label_output::{Number, WriteNumbers, WriteRuns};
use crate::output::stream::bytes_of;
use crate::output::stream_x86::{REGISTER, splat, stream_copy};
use crate::runtime::alloc::uninit;
use crate::runtime::simd::{Avx2, Scalar, Sse2, Work};

/// Numbers that are made before they are written past the caches, so few that they stay in the first-level cache.
const PIECE: usize = 1024;

impl<T: Number, I: Iterator<Item = (T, usize)>> Work<Sse2, ()> for WriteRuns<'_, T, I> {
    #[inline(always)]
    fn run(self, _: Sse2) {
        self.run(Scalar);
    }
}

impl<L: Label, T: Number, F: Fn(L) -> T> Work<Sse2, ()> for WriteNumbers<'_, L, T, F> {
    #[inline(always)]
    fn run(self, _: Sse2) {
        self.run(Scalar);
    }
}

impl<T: Number, I: Iterator<Item = (T, usize)>> Work<Avx2, ()> for WriteRuns<'_, T, I> {
    #[inline(always)]
    fn run(self, _: Avx2) {
        // SAFETY: the token says that the processor has AVX2.
        unsafe { write_runs(self) };
    }
}

impl<L: Label, T: Number, F: Fn(L) -> T> Work<Avx2, ()> for WriteNumbers<'_, L, T, F> {
    #[inline(always)]
    fn run(self, _: Avx2) {
        if self.stream {
            // SAFETY: the token says that the processor has AVX2.
            unsafe { stream_numbers(self) };
        } else {
            self.run(Scalar);
        }
    }
}

/// Puts whole registers together: of a run's first register, what is behind the run's first number becomes that
/// number, and is stored when a run goes on in the next register.
#[inline]
#[target_feature(enable = "avx2")]
fn write_runs<T: Number, I: Iterator<Item = (T, usize)>>(
    WriteRuns { runs, target, stream }: WriteRuns<T, I>,
) {
    let target = bytes_of(target);
    // Registers are counted from an address that is a multiple of 32, perhaps before the target.
    let head = target.as_ptr().addr() % REGISTER;
    let first = target.as_mut_ptr().wrapping_sub(head);
    let end = head + target.len();
    let store = |index: usize, register: __m256i, bytes: Range<usize>| {
        let place = first.wrapping_add(index * REGISTER).cast::<__m256i>();
        // SAFETY: these bytes of the register are in the target, whose whole registers are aligned.
        unsafe {
            match bytes.len() {
                REGISTER if stream => _mm256_stream_si256(place, register),
                REGISTER => _mm256_store_si256(place, register),
                count => {
                    let mut all = [0u8; REGISTER];
                    _mm256_storeu_si256(all.as_mut_ptr().cast(), register);
                    let place = place.cast::<u8>().add(bytes.start);
                    place.copy_from_nonoverlapping(all.as_ptr().add(bytes.start), count);
                }
            }
        }
    };
    let begin = |index: usize| if index == 0 { head } else { 0 };
    let lanes = _mm256_setr_epi8(
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
        28, 29, 30, 31,
    );
    let (mut at, mut register) = (head, _mm256_setzero_si256());
    for (number, pixels) in runs {
        let number = splat(number);
        // Lossless: less than 32.
        let behind = _mm256_cmpgt_epi8(lanes, _mm256_set1_epi8((at % REGISTER) as i8 - 1));
        register = _mm256_blendv_epi8(register, number, behind);
        let index = at / REGISTER;
        at = end.min(at + pixels * size_of::<T>());
        if at / REGISTER > index {
            store(index, register, begin(index)..REGISTER);
            (index + 1..at / REGISTER).for_each(|index| store(index, number, 0..REGISTER));
            register = number;
        }
    }
    if at % REGISTER > 0 {
        let index = at / REGISTER;
        store(index, register, begin(index)..at % REGISTER);
    }
    if stream {
        // Streamed stores are ordered before what tells the caller that we are done.
        _mm_sfence();
    }
}

/// Makes numbers piece by piece, and copies those past the caches.
#[inline]
#[target_feature(enable = "avx2")]
fn stream_numbers<L: Label, T: Number, F: Fn(L) -> T>(work: WriteNumbers<L, T, F>) {
    let WriteNumbers { labels, translate, target, stream } = work;
    let translate = &translate;
    let mut numbers = [T::zeroed(); PIECE];
    // All pieces but the first begin with a register.
    let head = target.as_ptr().align_offset(REGISTER).min(target.len());
    let ((head_labels, labels), (head, target)) = (labels.split_at(head), target.split_at_mut(head));
    WriteNumbers { labels: head_labels, translate, target: head, stream }.run(Scalar);
    for (labels, to) in labels.chunks(PIECE).zip(target.chunks_mut(PIECE)) {
        let numbers = &mut numbers[..labels.len()];
        WriteNumbers { labels, translate, target: uninit(numbers), stream }.run(Scalar);
        stream_copy(bytemuck::cast_slice(numbers), bytes_of(to));
    }
    _mm_sfence();
}
