//! Runs among pixels that are words already.
//!
//! **Problem.** Maps are flat: neighbours are mostly the same colour, and a run costs one search in a table instead of one
//! for each pixel. But looking for runs must cost next to nothing where there are none.
//!
//! ```text
//! while there are pixels:
//!     if the first one equals the next:                 one comparison
//!         while the next 48 words equal those one pixel before: go on
//!         go on pixel by pixel; a run ends
//!     else
//!         a literal: the next 48 words' pixels behind a run, 96 behind a literal
//! ```
//!
//! **Exact.** Every pixel is in one piece, and a run's pixels are equal bit by bit. Runs within a literal are not found,
//! which costs time only: looking for short ones would cost more in mispredicted branches than it saves.
//!
//! **Cost.** One pass. Blocks are compared without a branch within them, which the compiler turns into vector
//! instructions; so one branch a block, mispredicted once a run.
//!
//! **Prior art.** Run-length encoding with literals, as in PackBits (Apple, 1984) and TIFF.

use crate::backend::cpu::pixels::pieces::Piece;
use crate::backend::cpu::pixels::prefetch::{AHEAD_BYTES, prefetch};

/// Words compared at a time when looking for a run, and those of a literal behind a run: soon there may be another run.
/// A multiple of every channel count.
const BLOCK_WORDS: usize = 48;

/// Words of other literals: what each piece costs is shared by more pixels.
const LITERAL_WORDS: usize = 2 * BLOCK_WORDS;

/// Consecutive pieces of some pixels, with the position of each.
#[derive(Clone, Debug)]
pub(crate) struct WordPieces<'a, const C: usize> {
    pixels: &'a [[u32; C]],
    start: usize,
    /// Pixels of the next piece, if it is a literal.
    literal: usize,
}

impl<'a, const C: usize> WordPieces<'a, C> {
    #[inline(always)]
    pub(crate) fn new(pixels: &'a [[u32; C]]) -> Self {
        Self { pixels, start: 0, literal: BLOCK_WORDS / C }
    }
}

impl<const C: usize> Iterator for WordPieces<'_, C> {
    type Item = (usize, Piece);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let Self { pixels, start, literal } = *self;
        if start >= pixels.len() {
            return None;
        }
        let block = BLOCK_WORDS / C;
        let words = pixels.as_flattened();
        // Pixel `end` is the first that was not yet seen to equal the one before it.
        let mut end = start + 1;
        // A look at two pixels first: most blocks of differing pixels need no more.
        let alike = pixels.get(end) == Some(&pixels[start]);
        ask_for_words(words, start * C);
        while alike && end + block <= pixels.len() && equals_shifted::<C>(words, (end - 1) * C) {
            end += block;
            ask_for_words(words, end * C);
        }
        let piece = if end > start + 1 {
            while end < pixels.len() && pixels[end] == pixels[start] {
                end += 1;
            }
            self.literal = block;
            Piece::Run(end - start)
        } else {
            ask_for_words(words, start * C + BLOCK_WORDS);
            self.literal = LITERAL_WORDS / C;
            end = (start + literal).min(pixels.len());
            Piece::Literal(end - start)
        };
        self.start = end;
        Some((start, piece))
    }
}

#[inline(always)]
fn ask_for_words(words: &[u32], at: usize) {
    prefetch::<{ 4 * BLOCK_WORDS }>(words.as_ptr().wrapping_add(at).cast::<u8>().wrapping_add(AHEAD_BYTES));
}

/// Whether each pixel of a block equals the one before it; the block begins one pixel behind `at`.
#[inline(always)]
fn equals_shifted<const C: usize>(words: &[u32], at: usize) -> bool {
    /// A vector register's words: collected in as many, the differences stay in one.
    const LANES: usize = 8;
    let before = words[at..at + BLOCK_WORDS].as_chunks::<LANES>().0;
    let behind = words[at + C..at + C + BLOCK_WORDS].as_chunks::<LANES>().0;
    let mut differing = [0; LANES];
    for (before, behind) in before.iter().zip(behind) {
        for lane in 0..LANES {
            differing[lane] |= before[lane] ^ behind[lane];
        }
    }
    differing == [0; LANES]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const C: usize>(lengths: &[usize]) {
        let mut pixels = Vec::new();
        for (color, &length) in lengths.iter().enumerate() {
            pixels.extend(std::iter::repeat_n([color as u32; C], length));
        }
        let mut next = 0;
        for (start, piece) in WordPieces::new(&pixels) {
            assert_eq!(start, next);
            next += match piece {
                Piece::Run(length) => {
                    assert!(pixels[start..start + length].iter().all(|pixel| *pixel == pixels[start]));
                    length
                }
                Piece::Literal(length) => length,
            };
        }
        assert_eq!(next, pixels.len());
    }

    #[test]
    fn pieces_cover_all_pixels_once() {
        for length in 0..150 {
            for lengths in [&[length][..], &[1, length, 1], &[length, length, 3], &[200, 1, 1, length]] {
                check::<1>(lengths);
                check::<2>(lengths);
                check::<3>(lengths);
                check::<4>(lengths);
            }
        }
    }
}
