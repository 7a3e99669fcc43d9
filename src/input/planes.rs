//! Pixels whose channels have planes of their own, on their way into words.
//!
//! **Problem.** Channels that lie far apart cannot be read with a pixel's other ones, and one value at a time takes longer than
//! all the rest of the count.
//!
//! ```text
//! for 32 pixels at a time:
//!     for each word: its bytes of all pixels, plane by plane, in vector instructions
//!     the words of each pixel side by side
//! ```
//!
//! **Exact.** Bytes go where they would go one by one.
//!
//! **Cost.** One pass; 32 pixels' words stay in registers or a first-level cache.

#![allow(unsafe_code)]

use crate::input::shuffle::StoredRow;
use crate::runtime::simd::Work;

/// Pixels that are read at a time.
const BLOCK: usize = 32;

/// Where a byte comes from and where it goes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    /// Bytes from a pixel's first one.
    pub(super) offset: isize,
    pub(super) word: usize,
    pub(super) shift: u32,
}

/// One byte of each pixel of a plane, or two that stay side by side, and where they go to.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlaneMove {
    /// Of the byte, or of the lower one.
    from: Move,
    is_wide: bool,
}

impl PlaneMove {
    /// Puts bytes together that lie side by side and stay so, where values have two; `stride` is from a pixel to the next.
    pub(super) fn of(moves: &[Move], stride: isize) -> Vec<Self> {
        let mut of_planes: Vec<Self> = Vec::new();
        for &from in moves {
            // The one before may be its upper byte, or its lower one.
            if stride == 2
                && cfg!(target_endian = "little")
                && let Some(last) = of_planes.last_mut()
                && let distance = last.from.offset - from.offset
                && !last.is_wide
                && last.from.word == from.word
                && distance.abs() == 1
                && 8 * distance == last.from.shift as isize - from.shift as isize
            {
                *last = Self { from: if distance < 0 { last.from } else { from }, is_wide: true };
            } else {
                of_planes.push(Self { from, is_wide: false });
            }
        }
        of_planes
    }

    /// Adds its bytes to the words of a block of pixels that lie so many bytes apart.
    ///
    /// # Safety
    /// The bytes can be read from the block's first pixel on, for all of its pixels.
    #[inline(always)]
    unsafe fn add<const STRIDE: usize>(self, first: *const u8, words: &mut [u32; BLOCK]) {
        let Move { offset, shift, .. } = self.from;
        let values = first.wrapping_offset(offset);
        // SAFETY: the caller guarantees it. As whole arrays, for vector instructions.
        unsafe {
            match (self.is_wide, STRIDE) {
                (true, _) => {
                    let values = values.cast::<[u16; BLOCK]>().read_unaligned();
                    words.iter_mut().zip(values).for_each(|(word, value)| *word |= u32::from(value) << shift);
                }
                (false, 1) => {
                    let values = values.cast::<[u8; BLOCK]>().read_unaligned();
                    words.iter_mut().zip(values).for_each(|(word, value)| *word |= u32::from(value) << shift);
                }
                (false, _) => {
                    // Not with the byte behind the last one.
                    let pairs = values.cast::<[[u8; STRIDE]; BLOCK - 1]>().read_unaligned();
                    let last = values.wrapping_add(STRIDE * (BLOCK - 1)).read();
                    words.iter_mut().zip(pairs).for_each(|(word, pair)| *word |= u32::from(pair[0]) << shift);
                    words[BLOCK - 1] |= u32::from(last) << shift;
                }
            }
        }
    }

    /// As `add`, for fewer pixels than a block.
    ///
    /// # Safety
    /// The bytes can be read from the first pixel on, for as many pixels as there are words.
    #[inline(always)]
    unsafe fn add_some<const STRIDE: usize>(self, first: *const u8, words: &mut [u32]) {
        let Move { offset, shift, .. } = self.from;
        let first = first.wrapping_offset(offset);
        for (index, word) in words.iter_mut().enumerate() {
            let place = first.wrapping_add(index * STRIDE);
            // SAFETY: the caller guarantees the bytes of each value.
            let bytes: u32 = unsafe {
                if self.is_wide { place.cast::<u16>().read_unaligned().into() } else { place.read().into() }
            };
            *word |= bytes << shift;
        }
    }
}

/// Reads all pixels of a row whose values have one or two bytes; how many.
pub(super) struct PlaneRow<'a> {
    moves: &'a [PlaneMove],
    row: StoredRow,
    target: &'a mut [u32],
    /// Words of a pixel.
    words: usize,
}

impl<'a> PlaneRow<'a> {
    /// # Safety
    /// The bytes can be read for all pixels of the row, of which `target` has the words.
    pub(super) unsafe fn new(
        moves: &'a [PlaneMove],
        row: StoredRow,
        target: &'a mut [u32],
        words: usize,
    ) -> Self {
        Self { moves, row, target, words }
    }

    /// Values of so many bytes.
    #[inline(always)]
    fn read<const STRIDE: usize>(self) -> usize {
        match self.words {
            1 => self.read_words::<STRIDE, 1>(),
            2 => self.read_words::<STRIDE, 2>(),
            3 => self.read_words::<STRIDE, 3>(),
            _ => self.read_words::<STRIDE, 4>(),
        }
    }

    /// Pixels of so many words.
    #[inline(always)]
    fn read_words<const STRIDE: usize, const WORDS: usize>(self) -> usize {
        let Self { moves, row, target, .. } = self;
        if WORDS == 1 && STRIDE == 1 {
            return read_bytes(moves, row, target);
        }
        for (block, target) in target.chunks_mut(BLOCK * WORDS).enumerate() {
            let first = row.first.wrapping_add(block * BLOCK * STRIDE);
            let count = target.len() / WORDS;
            let mut read = [[0; BLOCK]; WORDS];
            for &one in moves {
                let Some(to) = read.get_mut(one.from.word) else { continue };
                // SAFETY: whoever made this guarantees the bytes.
                unsafe {
                    match count {
                        BLOCK => one.add::<STRIDE>(first, to),
                        _ => one.add_some::<STRIDE>(first, &mut to[..count]),
                    }
                }
            }
            interleave(&read, target);
        }
        row.count
    }
}

/// Reads pixels of one word, whose values are bytes.
#[inline(always)]
fn read_bytes(moves: &[PlaneMove], row: StoredRow, target: &mut [u32]) -> usize {
    for (block, target) in target.chunks_mut(BLOCK).enumerate() {
        let first = row.first.wrapping_add(block * BLOCK);
        let mut words = [0; BLOCK];
        for one in moves {
            // SAFETY: whoever made the row guarantees the bytes.
            unsafe {
                match target.len() {
                    BLOCK => one.add::<1>(first, &mut words),
                    count => one.add_some::<1>(first, &mut words[..count]),
                }
            }
        }
        target.copy_from_slice(&words[..target.len()]);
    }
    row.count
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

/// Reads floats whose channels lie side by side each, as many to a pixel as it has words.
pub(super) struct FloatRow<'a> {
    first: *const u8,
    /// From a pixel to its channels.
    offsets: &'a [isize],
    target: &'a mut [u32],
}

impl<'a> FloatRow<'a> {
    /// # Safety
    /// The floats can be read for all pixels, of which `target` has the words.
    pub(super) unsafe fn new(first: *const u8, offsets: &'a [isize], target: &'a mut [u32]) -> Self {
        Self { first, offsets, target }
    }
}

impl<L> Work<L, ()> for FloatRow<'_> {
    #[inline(always)]
    fn run(self, _: L) {
        match self.offsets.len() {
            2 => self.read_words::<2>(),
            3 => self.read_words::<3>(),
            _ => self.read_words::<4>(),
        }
    }
}

impl FloatRow<'_> {
    /// Pixels of so many words.
    #[inline(always)]
    fn read_words<const WORDS: usize>(self) {
        let Self { first, offsets, target } = self;
        for (block, target) in target.chunks_mut(BLOCK * WORDS).enumerate() {
            let first = first.wrapping_add(block * BLOCK * size_of::<f32>()).cast::<[u32; BLOCK]>();
            let count = target.len() / WORDS;
            let mut read = [[0; BLOCK]; WORDS];
            for (read, &offset) in read.iter_mut().zip(offsets) {
                let plane = first.wrapping_byte_offset(offset);
                // SAFETY: whoever made this guarantees the floats.
                unsafe {
                    match count {
                        BLOCK => *read = plane.read_unaligned(),
                        _ => read.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(plane.cast(), 4 * count),
                    }
                }
            }
            interleave(&read, target);
        }
    }
}

/// Writes the words of each pixel side by side, as many as `target` has.
#[inline(always)]
fn interleave<const WORDS: usize>(read: &[[u32; BLOCK]; WORDS], target: &mut [u32]) {
    if WORDS == 1 {
        return target.copy_from_slice(&read.as_flattened()[..target.len()]);
    }
    for (index, pixel) in target.as_chunks_mut::<WORDS>().0.iter_mut().enumerate() {
        *pixel = std::array::from_fn(|word| read[word][index % BLOCK]);
    }
}
