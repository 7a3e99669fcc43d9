//! Pixels whose bytes only change places on their way into words.

#![allow(unsafe_code)]

use crate::input::planes::{Move, PlaneMove, PlaneRow};
use crate::input::shuffle::{RegisterReader, Shuffle, ShuffleRow, StoredRow};
use crate::runtime::simd::Simd;
use crate::types::encoding::BytePlace;

/// Where the bytes of a pixel's words come from.
#[derive(Clone, Debug)]
pub(super) struct BytePlaces {
    /// Of all values, one behind the other.
    moves: Vec<Move>,
    /// The same where each channel's values lie side by side, in one or two bytes.
    plane_moves: Vec<PlaneMove>,
    shuffle: Option<Shuffle>,
}

impl BytePlaces {
    /// For pixels `stride` bytes apart, whose bytes have these offsets and go where `place` says, in so many words.
    pub(super) fn new(
        offsets: impl Iterator<Item = isize>,
        place: BytePlace,
        words: usize,
        stride: isize,
    ) -> Self {
        let offsets: Vec<isize> = offsets.collect();
        let shuffle = Shuffle::new(&offsets, place, words, stride);
        let moves = offsets.into_iter().enumerate().map(|(byte, offset)| {
            let (word, shift) = place(byte);
            Move { offset, word, shift }
        });
        let moves: Vec<Move> = moves.collect();
        let plane_moves = if matches!(stride, 1 | 2) { PlaneMove::of(&moves, stride) } else { Vec::new() };
        Self { moves, plane_moves, shuffle }
    }

    /// # Safety
    /// The offsets from `pixel` on can be read.
    #[inline(always)]
    pub(super) unsafe fn read_one(&self, pixel: *const u8, target: &mut [u32]) {
        target.fill(0);
        for &Move { offset, word, shift } in &self.moves {
            // SAFETY: the caller guarantees it.
            target[word] |= u32::from(unsafe { pixel.offset(offset).read() }) << shift;
        }
    }

    /// # Safety
    /// The offsets can be read for all pixels of the row, and what it says is behind them.
    pub(super) unsafe fn read(&self, row: StoredRow, target: &mut [u32], words: usize, simd: Simd) {
        let done = match &self.shuffle {
            // SAFETY: the caller guarantees what the shuffle was made for.
            Some(shuffle) => simd.run(unsafe { ShuffleRow::new(shuffle, row, target, words) }),
            // SAFETY: the caller guarantees what the moves were made for.
            None if matches!(row.stride, 1 | 2) => {
                simd.run(unsafe { PlaneRow::new(&self.plane_moves, row, target, words) })
            }
            None => 0,
        };
        for (index, pixel) in target.chunks_exact_mut(words).enumerate().skip(done) {
            // SAFETY: the caller guarantees it.
            unsafe { self.read_one(row.first.offset(index as isize * row.stride), pixel) };
        }
    }

    /// What reads one pixel in one go, if its bytes lie close together.
    pub(super) fn register_reader(&self) -> Option<RegisterReader> {
        self.shuffle.as_ref().and_then(Shuffle::register_reader)
    }
}
