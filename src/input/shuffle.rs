//! Several pixels' bytes at a time: a register of 16 bytes is read, its bytes change places, and it is written.

#![allow(unsafe_code)]

use crate::types::encoding::BytePlace;

/// Bytes of a register.
pub(super) const REGISTER: usize = 16;

/// Words of a register.
pub(super) const REGISTER_WORDS: usize = 4;

/// Pixels of a row as they are stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredRow {
    pub(super) first: *const u8,
    /// Bytes from a pixel to the next.
    pub(super) stride: isize,
    pub(super) count: usize,
    /// Bytes behind the last pixel's that can be read, too.
    pub(super) more: usize,
}

/// Where the bytes of a register come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shuffle {
    /// From the first byte of the register that is read, or `ZERO`.
    pub(super) sources: [u8; REGISTER],
    pub(super) pixels: usize,
    /// From the first pixel to the register's first byte.
    pub(super) start: isize,
    /// From there to the first pixel's last byte.
    pub(super) reach: isize,
}

/// Says that a byte is 0.
const ZERO: u8 = 0x80;

impl Shuffle {
    /// For pixels `stride` bytes apart whose bytes have these offsets; if they lie close enough together.
    pub(super) fn new(offsets: &[isize], place: BytePlace, words: usize, stride: isize) -> Option<Self> {
        if cfg!(target_endian = "big") {
            return None;
        }
        let low = offsets.iter().copied().min().unwrap_or(0);
        let reach = offsets.iter().copied().max().unwrap_or(0) - low;
        // Pixels whose bytes lie in a register that is read, and whose words lie in one that is written.
        let last = REGISTER as isize - 1;
        let read = if reach <= last { 1 + (last - reach) / stride } else { 0 };
        let pixels = (read as usize).min(REGISTER_WORDS / words);
        if pixels == 0 {
            return None;
        }
        let mut sources = [ZERO; REGISTER];
        for pixel in 0..pixels {
            for (byte, offset) in offsets.iter().enumerate() {
                let (word, shift) = place(byte);
                let target = 4 * (pixel * words + word) + shift as usize / 8;
                // Lossless: within the register.
                sources[target] = (pixel as isize * stride + offset - low) as u8;
            }
        }
        Some(Self { sources, pixels, start: low, reach })
    }

    /// What reads one pixel in one go, if no byte before it has to be read.
    pub(super) fn register_reader(&self) -> Option<RegisterReader> {
        Some(RegisterReader { sources: self.sources, start: usize::try_from(self.start).ok()? })
    }
}

/// Tokens of levels that can, or cannot, let the bytes of a register change places in one instruction.
pub(crate) trait ShuffleBytes: Copy {
    /// Whether it can.
    const HAS_SHUFFLE: bool;

    /// A register whose bytes are those of `register` at `sources`.
    fn shuffle(self, register: &[u8; REGISTER], sources: &[u8; REGISTER]) -> [u32; REGISTER_WORDS];
}

/// Reads one pixel from a register, and others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegisterReader {
    sources: [u8; REGISTER],
    /// From the first pixel to the register's first byte.
    start: usize,
}

impl RegisterReader {
    /// The words of the pixel that `stored` begins with, and others, unless too few bytes follow it.
    #[inline(always)]
    pub(crate) fn read<L: ShuffleBytes>(self, level: L, stored: &[u8]) -> Option<[u32; REGISTER_WORDS]> {
        if !L::HAS_SHUFFLE {
            return None;
        }
        let register = stored.get(self.start..)?.first_chunk()?;
        Some(level.shuffle(register, &self.sources))
    }
}

/// Reads as many pixels of a row as can be read without a byte too many; how many.
pub(super) struct ShuffleRow<'a> {
    pub(super) shuffle: &'a Shuffle,
    pub(super) row: StoredRow,
    pub(super) target: &'a mut [u32],
    /// Words of a pixel.
    pub(super) words: usize,
}

impl<'a> ShuffleRow<'a> {
    /// # Safety
    /// The bytes that the shuffle was made for can be read for all pixels of the row, and what the row says is behind
    /// them; `target` is as long as their words.
    pub(super) unsafe fn new(
        shuffle: &'a Shuffle,
        row: StoredRow,
        target: &'a mut [u32],
        words: usize,
    ) -> Self {
        Self { shuffle, row, target, words }
    }

    /// Registers that can be read and written.
    pub(super) fn rounds(&self) -> usize {
        let &Shuffle { pixels, reach, .. } = self.shuffle;
        let StoredRow { stride, count, more, .. } = self.row;
        // Behind the last word nothing is written.
        let readable = (count as isize - 1) * stride + reach + 1 + more as isize;
        let step = pixels as isize * stride;
        let by_writing = match self.target.len() {
            0..REGISTER_WORDS => 0,
            len if self.is_dense() => len / REGISTER_WORDS,
            len => 1 + (len - REGISTER_WORDS) / (pixels * self.words),
        };
        const READ: isize = REGISTER as isize;
        match readable {
            // The usual case, without a division.
            _ if (by_writing as isize - 1) * step + READ <= readable => by_writing,
            READ.. => by_writing.min(1 + ((readable - READ) / step) as usize),
            _ => 0,
        }
    }

    /// Whether the words of a register's pixels fill one.
    pub(super) fn is_dense(&self) -> bool {
        self.shuffle.pixels * self.words == REGISTER_WORDS
    }
}
