//! Splitting pixels into runs of the same colour and single pixels.

use super::prefetch::prefetch;
use crate::labels::TILE;

/// Words compared at a time when looking for a run, and those of a mixed piece behind a run: soon there may be another run.
/// A multiple of every channel count.
const BLOCK_WORDS: usize = 48;

/// Words of other mixed pieces: what each piece costs is shared by more pixels.
const MIXED_WORDS: usize = 2 * BLOCK_WORDS;

/// Words that a mixed piece of stored pixels becomes at most, and half of them behind a run.
pub(crate) const STORED_WORDS: usize = 128;

/// What is asked for with a mixed piece of stored pixels: that many bytes it has, if they are three a pixel.
const PREFETCHED: usize = 3 * STORED_WORDS;

/// How far ahead blocks are asked for. The processor's own prefetching comes too late where each block has much to
/// be done.
const AHEAD_BYTES: usize = 4096;

/// A piece of a row of pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece {
    /// This many pixels with the same bit patterns.
    Run(usize),
    /// This many pixels, at most `STORED_WORDS / C`, of which nothing is known.
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
    /// Pixels of a mixed piece, if the next one is.
    mixed: usize,
}

impl<'a, const C: usize> Pieces<'a, C> {
    #[inline(always)]
    pub(crate) fn new(pixels: &'a [[u32; C]]) -> Self {
        Self { pixels, start: 0, mixed: BLOCK_WORDS / C }
    }
}

impl<const C: usize> Iterator for Pieces<'_, C> {
    type Item = (usize, Piece);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let Self { pixels, start, mixed } = *self;
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
            self.mixed = block;
            Piece::Run(end - start)
        } else {
            ask_for_words(words, start * C + BLOCK_WORDS);
            self.mixed = MIXED_WORDS / C;
            end = (start + mixed).min(pixels.len());
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
    /// Pixels of a mixed piece at most, and of the next piece, if it is mixed.
    longest: usize,
    mixed: usize,
    start: usize,
}

impl<'a> StoredPieces<'a> {
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8], stride: usize, longest: usize) -> Self {
        debug_assert!(bytes.len() <= TILE * size_of::<[f32; 4]>());
        let pixels_per_byte = (1u64 << u32::BITS).div_ceil(stride as u64);
        Self {
            bytes,
            stride,
            pixels_per_byte,
            len: bytes.len() / stride,
            longest,
            mixed: longest.div_ceil(2),
            start: 0,
        }
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
        let Self { bytes, stride, pixels_per_byte, len, longest, mixed, start } = *self;
        if start >= len {
            return None;
        }
        let first = start * stride;
        // The first byte that is not the next pixel's is one of the last pixel of a run.
        let differing = first_difference(bytes, first, stride);
        let piece = if differing >= first + stride {
            let last = (differing as u64 * pixels_per_byte) >> u32::BITS;
            self.mixed = longest / 2;
            Piece::Run(last as usize + 1 - start)
        } else {
            prefetch::<PREFETCHED>(bytes.as_ptr().wrapping_add(first + AHEAD_BYTES));
            self.mixed = longest;
            Piece::Mixed(mixed.min(len - start))
        };
        let (Piece::Run(length) | Piece::Mixed(length)) = piece;
        self.start += length;
        Some((start, piece))
    }
}

/// The first byte from `from` on that differs from the one `stride` bytes behind it; of the last `stride` bytes, behind
/// which there is none, the first.
#[inline(always)]
fn first_difference(bytes: &[u8], from: usize, stride: usize) -> usize {
    let end = bytes.len() - stride;
    let (blocks, rest) = bytes[from..end].as_chunks();
    let (behind, rest_behind) = bytes[from + stride..].as_chunks();
    let mut at = from;
    for (block, behind) in blocks.iter().zip(behind) {
        prefetch::<COMPARED>(block.as_ptr().wrapping_add(AHEAD_BYTES));
        let differing = differences(block, behind);
        if differing != 0 {
            return at + differing.trailing_zeros() as usize;
        }
        at += COMPARED;
    }
    at + rest.iter().zip(rest_behind).take_while(|(byte, behind)| byte == behind).count()
}

/// Bytes compared at a time.
const COMPARED: usize = 64;

/// A bit for each byte that differs.
#[inline(always)]
fn differences(before: &[u8; COMPARED], behind: &[u8; COMPARED]) -> u64 {
    let ([a, b, c, d], []) = before.as_chunks::<16>() else { unreachable!() };
    let ([e, f, g, h], []) = behind.as_chunks::<16>() else { unreachable!() };
    // In pairs, of which the compiler makes one comparison where registers are that long.
    let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
    let low = pair(equal_bytes(*a, *e), equal_bytes(*b, *f));
    let high = pair(equal_bytes(*c, *g), equal_bytes(*d, *h));
    !(u64::from(low) | u64::from(high) << 32)
}

/// A bit for each byte that is the same.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn equal_bytes(before: [u8; 16], behind: [u8; 16]) -> u16 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8};

    let vector = |bytes: [u8; 16]| -> __m128i { bytemuck::cast(bytes) };
    // SAFETY: each x86-64 processor has SSE2.
    #[allow(unsafe_code)]
    let equal = unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(vector(before), vector(behind))) };
    equal as u16 // all its bits
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn equal_bytes(before: [u8; 16], behind: [u8; 16]) -> u16 {
    // What the compiler can make of one comparison of all bytes first.
    if before == behind {
        return u16::MAX;
    }
    let pairs = before.iter().zip(&behind).enumerate();
    pairs.fold(0, |equal, (index, (before, behind))| equal | u16::from(before == behind) << index)
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
                    Piece::Mixed(length) => {
                        let mut pixels = bytes[start * stride..].chunks(stride);
                        assert_ne!(pixels.next(), pixels.next(), "a run was not found");
                        length
                    }
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
