//! Splitting pixels into runs of the same colour and single pixels.

use super::prefetch::prefetch;

/// Words compared at a time when looking for a run; a multiple of every channel count.
pub(crate) const BLOCK_WORDS: usize = 48;

/// How far ahead blocks are asked for: 4 KiB. The processor's own prefetching comes too late where each block
/// has much to be done.
const AHEAD_WORDS: usize = 1024;

/// A piece of a row of pixels.
pub(crate) enum Piece {
    /// This many pixels with the same bit patterns.
    Run(usize),
    /// This many pixels, at most `BLOCK_WORDS / C`, of which nothing is known.
    Mixed(usize),
}

/// Consecutive pieces of some pixels, with the position of each.
///
/// Flat regions come as long runs, found by comparing whole blocks at a time, which the compiler
/// turns into vector instructions; all else comes as blocks of mixed pixels, where looking for short
/// runs would cost more in mispredicted branches than it saves.
#[derive(Clone, Debug)]
pub(crate) struct Pieces<'a, const C: usize> {
    pixels: &'a [[u32; C]],
    start: usize,
}

impl<'a, const C: usize> Pieces<'a, C> {
    #[inline(always)]
    pub(crate) fn new(pixels: &'a [[u32; C]]) -> Self {
        Self { pixels, start: 0 }
    }
}

impl<const C: usize> Iterator for Pieces<'_, C> {
    type Item = (usize, Piece);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let Self { pixels, start } = *self;
        if start >= pixels.len() {
            return None;
        }
        let block = BLOCK_WORDS / C;
        let words = pixels.as_flattened();
        // Pixel `end` is the first that was not yet seen to equal the one before it.
        let mut end = start + 1;
        // A look at two pixels first: most blocks of mixed pixels need no more.
        let alike = pixels.get(end) == Some(&pixels[start]);
        prefetch::<BLOCK_WORDS>(words, start * C + AHEAD_WORDS);
        while alike && end + block <= pixels.len() && equals_shifted::<C>(words, (end - 1) * C) {
            end += block;
            prefetch::<BLOCK_WORDS>(words, end * C + AHEAD_WORDS);
        }
        let piece = if end > start + 1 {
            while end < pixels.len() && pixels[end] == pixels[start] {
                end += 1;
            }
            Piece::Run(end - start)
        } else {
            end = (start + block).min(pixels.len());
            Piece::Mixed(end - start)
        };
        self.start = end;
        Some((start, piece))
    }
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
        for (start, piece) in Pieces::new(&pixels) {
            assert_eq!(start, next);
            next += match piece {
                Piece::Run(length) => {
                    assert!(pixels[start..start + length].iter().all(|pixel| *pixel == pixels[start]));
                    length
                }
                Piece::Mixed(length) => length,
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
