//! Splitting pixels into runs of the same colour and single pixels.

use super::prefetch::prefetch;
use crate::labels::TILE;

/// Words compared at a time when looking for a run; a multiple of every channel count.
pub(crate) const BLOCK_WORDS: usize = 48;

/// How far ahead blocks are asked for. The processor's own prefetching comes too late where each block has much to
/// be done.
const AHEAD_BYTES: usize = 4096;

/// A piece of a row of pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece {
    /// This many pixels with the same bit patterns.
    Run(usize),
    /// This many pixels, at most `BLOCK_WORDS / C`, of which nothing is known.
    Mixed(usize),
}

impl Piece {
    /// How many of its pixels have to be looked at.
    pub(crate) fn looked_at(self) -> usize {
        match self {
            Self::Run(_) => 1,
            Self::Mixed(length) => length,
        }
    }
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
        ask_for_words(words, start * C);
        while alike && end + block <= pixels.len() && equals_shifted::<C>(words, (end - 1) * C) {
            end += block;
            ask_for_words(words, end * C);
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

/// The same for pixels as they are stored, side by side, so many bytes each.
#[derive(Clone, Debug)]
pub(crate) struct StoredPieces<'a> {
    bytes: &'a [u8],
    /// Bytes of a pixel.
    stride: usize,
    /// One pixel in so many bytes, in parts of 2³²: dividing by multiplying, which is exact for what fits a tile.
    pixels_per_byte: u64,
    len: usize,
    /// Pixels of a mixed piece.
    block: usize,
    start: usize,
}

impl<'a> StoredPieces<'a> {
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8], stride: usize, block: usize) -> Self {
        debug_assert!(bytes.len() <= TILE * size_of::<[f32; 4]>());
        let pixels_per_byte = (1u64 << u32::BITS).div_ceil(stride as u64);
        Self { bytes, stride, pixels_per_byte, len: bytes.len() / stride, block, start: 0 }
    }

    /// How many pixels there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of a pixel and of all behind it.
    #[inline(always)]
    pub(crate) fn from(&self, pixel: usize) -> &'a [u8] {
        &self.bytes[pixel * self.stride..]
    }
}

impl Iterator for StoredPieces<'_> {
    type Item = (usize, Piece);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let Self { bytes, stride, pixels_per_byte, len, block, start } = *self;
        let first = start * stride;
        if start >= len {
            return None;
        }
        prefetch::<{ 4 * BLOCK_WORDS }>(bytes.as_ptr().wrapping_add(first + AHEAD_BYTES));
        let next = first + stride;
        let alike = start + 1 < len && (0..stride).all(|byte| bytes[first + byte] == bytes[next + byte]);
        let piece = if alike {
            // The pixel that has the first byte which is not the next pixel's is the last one of the run.
            let last = first_difference(bytes, next, stride) as u64 * pixels_per_byte;
            Piece::Run((last >> u32::BITS) as usize + 1 - start)
        } else {
            Piece::Mixed(block.min(len - start))
        };
        let (Piece::Run(length) | Piece::Mixed(length)) = piece;
        self.start += length;
        Some((start, piece))
    }
}

/// The first byte from `at` on that differs from the one `stride` bytes behind it; of the last `stride` bytes, behind
/// which there is none, the first.
#[inline(always)]
fn first_difference(bytes: &[u8], mut at: usize, stride: usize) -> usize {
    const BLOCK: usize = 64;
    const WORD: usize = size_of::<u64>();
    /// A vector register's words.
    const LANES: usize = 4;
    let end = bytes.len() - stride;
    while at + BLOCK <= end {
        let before = bytes[at..at + BLOCK].as_chunks::<WORD>().0;
        let behind = bytes[at + stride..at + stride + BLOCK].as_chunks::<WORD>().0;
        let mut differing = [0; LANES];
        for (before, behind) in before.as_chunks::<LANES>().0.iter().zip(behind.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                differing[lane] |= u64::from_le_bytes(before[lane]) ^ u64::from_le_bytes(behind[lane]);
            }
        }
        if differing.iter().fold(0, |any, bits| any | bits) != 0 {
            return at + first_difference_in_block(before, behind);
        }
        at += BLOCK;
        prefetch::<BLOCK>(bytes.as_ptr().wrapping_add(at + AHEAD_BYTES));
    }
    while at < end && bytes[at] == bytes[at + stride] {
        at += 1;
    }
    at
}

/// The first byte that differs, of those of a few words.
///
/// Without branches, which would be mispredicted: runs are of any length.
#[inline(always)]
fn first_difference_in_block(before: &[[u8; 8]], behind: &[[u8; 8]]) -> usize {
    let pairs = before.iter().zip(behind);
    let differing = pairs.map(|(before, behind)| u64::from_le_bytes(*before) ^ u64::from_le_bytes(*behind));
    let (index, bits) = differing.enumerate().rev().fold((0, 0), |first, (index, bits)| match bits {
        0 => first,
        bits => (index, bits),
    });
    index * size_of::<u64>() + bits.trailing_zeros() as usize / 8
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

        // One byte of each pixel of the same colours, and several: runs are as long as they can be.
        for stride in [1, C, 4 * C] {
            let mut bytes = Vec::new();
            for (color, &length) in lengths.iter().enumerate() {
                let mut pixel = vec![7; stride];
                pixel[color % stride] = color as u8;
                bytes.extend(pixel.repeat(length));
            }
            let mut next = 0;
            for (start, piece) in StoredPieces::new(&bytes, stride, 16) {
                assert_eq!(start, next);
                next += match piece {
                    Piece::Run(length) => {
                        let pixels = bytes[start * stride..].chunks(stride);
                        let alike = pixels.take_while(|pixel| *pixel == &bytes[start * stride..][..stride]);
                        assert_eq!(alike.count(), length);
                        length
                    }
                    Piece::Mixed(length) => length,
                };
            }
            assert_eq!(next * stride, bytes.len());
        }
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
