//! Pixels whose bytes only change places on their way into words.

#![allow(unsafe_code)]

use crate::input::shuffle::{RegisterReader, Shuffle, ShuffleRow, StoredRow};
use crate::runtime::simd::{Simd, Work};
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

/// Where a byte comes from and where it goes to.
#[derive(Clone, Copy, Debug)]
struct Move {
    /// BytePlaces from a pixel's first one.
    offset: isize,
    word: usize,
    shift: u32,
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
        let plane_moves = if matches!(stride, 1 | 2) { PlaneMove::of(&moves) } else { Vec::new() };
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
            None if matches!(row.stride, 1 | 2) => simd.run(PlaneRow { places: self, row, target, words }),
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

/// Reads pixels whose channels each lie side by side, in one or two bytes; how many: all of them.
struct PlaneRow<'a> {
    places: &'a BytePlaces,
    row: StoredRow,
    target: &'a mut [u32],
    /// Words of a pixel.
    words: usize,
}

impl<L> Work<L, usize> for PlaneRow<'_> {
    #[inline(always)]
    fn run(self, _: L) -> usize {
        match self.row.stride {
            1 => self.read::<1>(),
            _ => self.read::<2>(),
        }
    }
}

impl PlaneRow<'_> {
    /// Values of so many bytes.
    #[inline(always)]
    fn read<const STRIDE: usize>(self) -> usize {
        /// Pixels that are read at a time: few enough for registers.
        const BLOCK: usize = 32;
        let Self { places, row, target, words } = self;
        for (block, target) in target.chunks_mut(BLOCK * words).enumerate() {
            let first = row.first.wrapping_add(block * BLOCK * STRIDE);
            let count = target.len() / words;
            for word in 0..words {
                let mut sums = [0; BLOCK];
                for byte in places.plane_moves.iter().filter(|byte| byte.word == word) {
                    // SAFETY: the row's channels can be read, as whoever made it guarantees.
                    unsafe {
                        // A constant number, for vector instructions.
                        match count {
                            BLOCK => byte.add::<STRIDE>(first, &mut sums),
                            _ => byte.add::<STRIDE>(first, &mut sums[..count]),
                        }
                    }
                }
                if words == 1 {
                    target.copy_from_slice(&sums[..count]);
                    continue;
                }
                target.chunks_exact_mut(words).zip(sums).for_each(|(pixel, sum)| pixel[word] = sum);
            }
        }
        row.count
    }
}

/// One byte of each pixel of a plane, or both of them, and where it goes to.
#[derive(Clone, Copy, Debug)]
struct PlaneMove {
    from: Move,
    word: usize,
    is_wide: bool,
}

impl PlaneMove {
    /// A byte, or both bytes of values that stay together.
    fn of(moves: &[Move]) -> Vec<Self> {
        let mut of_planes: Vec<Self> = Vec::new();
        for &from in moves {
            let Move { word, .. } = from;
            // The one before may be its upper byte, or its lower one.
            if let Some(last) = of_planes.last_mut()
                && !last.is_wide
                && last.word == word
                && last.from.offset - from.offset == (last.from.shift as isize - from.shift as isize) / 8
                && (last.from.offset - from.offset).abs() == 1
                && cfg!(target_endian = "little")
            {
                let low = if last.from.offset < from.offset { last.from } else { from };
                *last = Self { from: low, word, is_wide: true };
            } else {
                of_planes.push(Self { from, word, is_wide: false });
            }
        }
        of_planes
    }

    /// Adds it to the words of pixels whose values have so many bytes.
    ///
    /// # Safety
    /// The values can be read from the first pixel on.
    #[inline(always)]
    unsafe fn add<const STRIDE: usize>(self, first: *const u8, sums: &mut [u32]) {
        let Move { offset, shift, .. } = self.from;
        let first = first.wrapping_offset(offset);
        for (index, sum) in sums.iter_mut().enumerate() {
            let at = first.wrapping_add(index * STRIDE);
            // SAFETY: the caller guarantees it; both bytes are one value's.
            let value: u32 = unsafe {
                if STRIDE == 2 && self.is_wide {
                    at.cast::<u16>().read_unaligned().into()
                } else {
                    at.read().into()
                }
            };
            *sum |= value << shift;
        }
    }
}
