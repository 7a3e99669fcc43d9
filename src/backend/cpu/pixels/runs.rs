//! Splitting pixels into runs of the same colour and single pixels.

use crate::backend::cpu::pixels::prefetch::prefetch;
use crate::labels::TILE;

/// Words compared at a time when looking for a run, and those of a mixed piece behind a run: soon there may be another run.
/// A multiple of every channel count.
const BLOCK_WORDS: usize = 48;

/// Words of other mixed pieces: what each piece costs is shared by more pixels.
const MIXED_WORDS: usize = 2 * BLOCK_WORDS;

/// Words that a mixed piece of stored pixels becomes at most; half of them behind a run, and first.
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
    /// Whether there are probably runs next.
    is_flat: bool,
    /// The byte up to which no run ends from `start` on.
    compared: usize,
    /// The byte up to which pixels are taken to be mixed, and how far behind the next ones that are.
    mixed_up_to: usize,
    pause: usize,
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
            is_flat: false,
            compared: 0,
            mixed_up_to: 0,
            pause: LEAST_PAUSE,
        }
    }

    /// Where there are runs next: the first one's first pixel, and the last pixels of it and of those that follow it; some may
    /// have one pixel only. What is left is for `next`.
    ///
    /// If block after block were compared until one has a difference, the processor would guess wrong at each run's end.
    /// So many are compared first, and then all ends are listed.
    #[inline(always)]
    pub(crate) fn runs<'r>(&mut self, room: &'r mut RunEnds) -> Option<(usize, &'r [u32])> {
        let Self { bytes, stride, pixels_per_byte, len, start, .. } = *self;
        if !self.is_flat || start >= len {
            return None;
        }
        let last = len - 1;
        loop {
            let from = self.compared.max(start * stride);
            let (blocks, rest) = bytes[from..last * stride].as_chunks();
            let blocks = &blocks[..blocks.len().min(BLOCKS_AHEAD)];
            let (listed, end) = if blocks.is_empty() {
                // As one block, in which what is behind the end is the same.
                let (mut block, mut behind) = ([0; COMPARED], [0; COMPARED]);
                block[..rest.len()].copy_from_slice(rest);
                behind[..rest.len()].copy_from_slice(&bytes[from + stride..]);
                let listed = room.list(&[block], &behind, from, stride, pixels_per_byte);
                (listed.map(|count| room.add(count, last)), len * stride)
            } else {
                let behind = &bytes[from + stride..];
                let listed = room.list(blocks, behind, from, stride, pixels_per_byte);
                (listed, from + blocks.len() * COMPARED)
            };
            let Some(count) = listed else {
                // Others are asked for later each time.
                self.is_flat = false;
                self.mixed_up_to = end + self.pause;
                self.pause *= 2;
                return None;
            };
            self.compared = end;
            self.pause = LEAST_PAUSE;
            if count > 0 {
                let ends = &room.0[..count];
                self.start = ends[count - 1] as usize + 1;
                return Some((start, ends));
            }
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
        let Self { bytes, stride, pixels_per_byte, len, longest, mixed, start, .. } = *self;
        if start >= len {
            return None;
        }
        let first = start * stride;
        // The first byte that is not the next pixel's is one of the last pixel of a run.
        let differing = first_difference(bytes, first, stride);
        let piece = if differing >= first + stride {
            self.mixed = longest / 2;
            // A short one may be chance.
            self.is_flat |= differing - first >= COMPARED && differing >= self.mixed_up_to;
            Piece::Run(pixel_of(differing, pixels_per_byte) + 1 - start)
        } else {
            prefetch::<PREFETCHED>(bytes.as_ptr().wrapping_add(first + AHEAD_BYTES));
            self.mixed = longest;
            self.is_flat = false;
            Piece::Mixed(mixed.min(len - start))
        };
        let (Piece::Run(length) | Piece::Mixed(length)) = piece;
        self.start += length;
        Some((start, piece))
    }
}

/// The pixel that a byte is of.
#[inline(always)]
fn pixel_of(byte: usize, pixels_per_byte: u64) -> usize {
    ((byte as u64 * pixels_per_byte) >> u32::BITS) as usize
}

/// Room for the last pixels of runs.
#[derive(Debug)]
pub(crate) struct RunEnds([u32; 256]);

/// Blocks compared before the ends in them are looked at.
const BLOCKS_AHEAD: usize = 32;

/// Pixels are mixed where there are more runs than one for so many of them, and more than a few.
const PIXELS_PER_RUN: usize = 8;
const FEW_RUNS: usize = 2;

/// Bytes behind mixed pixels that are taken to be mixed, too, at first.
const LEAST_PAUSE: usize = BLOCKS_AHEAD * COMPARED;

impl RunEnds {
    pub(crate) fn new() -> Self {
        Self([0; 256])
    }

    /// Lists the pixels that have differences in these blocks; how many, if they are not mixed and there is room for all.
    #[inline(always)]
    fn list(
        &mut self,
        blocks: &[[u8; COMPARED]],
        behind: &[u8],
        from: usize,
        stride: usize,
        pixels_per_byte: u64,
    ) -> Option<usize> {
        // Blocks with differences, without a branch that depends on them.
        let mut changes = [(0, 0); BLOCKS_AHEAD];
        let (mut at, mut changed) = (from, 0);
        for (block, behind) in blocks.iter().zip(behind.as_chunks().0) {
            prefetch::<COMPARED>(block.as_ptr().wrapping_add(AHEAD_BYTES));
            let differing = differences(block, behind);
            changes[changed % BLOCKS_AHEAD] = (at, differing);
            changed += usize::from(differing != 0);
            at += COMPARED;
        }
        let most = (blocks.len() * COMPARED / (PIXELS_PER_RUN * stride)).max(FEW_RUNS);
        // Where most blocks have some, there are probably too many; to list them takes longer than comparing.
        if changed > FEW_RUNS + blocks.len() * 7 / 8 {
            return None;
        }
        let (mut count, mut last) = (0, usize::MAX);
        for &(at, mut differing) in &changes[..changed] {
            if count > most || count + COMPARED >= self.0.len() {
                return None;
            }
            while differing != 0 {
                let pixel = pixel_of(at + differing.trailing_zeros() as usize, pixels_per_byte);
                self.0[count % self.0.len()] = pixel as u32;
                count += usize::from(pixel != last);
                last = pixel;
                // The next pixel's bytes, if they begin in this block.
                let next = (pixel + 1) * stride - at;
                differing = if next < COMPARED { differing >> next << next } else { 0 };
            }
        }
        (count <= most).then_some(count)
    }

    /// Adds the last pixel to so many; how many there are then.
    fn add(&mut self, count: usize, last: usize) -> usize {
        self.0[count] = last as u32;
        count + 1
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
            check_stored(&bytes, stride, false);
            check_stored(&bytes, stride, true);
        }
    }

    /// The pieces of stored pixels, with or without asking for runs first; how many of these there were.
    fn check_stored(bytes: &[u8], stride: usize, asks_for_runs: bool) -> usize {
        let pixel = |index: usize| &bytes[index * stride..(index + 1) * stride];
        let len = bytes.len() / stride;
        let run_from = |start: usize| (start..len).take_while(|&index| pixel(index) == pixel(start)).count();
        let mut room = RunEnds::new();
        let mut pieces = StoredPieces::new(bytes, stride, 16);
        let (mut next, mut told) = (0, 0);
        loop {
            if asks_for_runs && let Some((start, ends)) = pieces.runs(&mut room) {
                assert_eq!(start, next);
                for &end in ends {
                    assert_eq!(end as usize + 1 - next, run_from(next), "{next}");
                    next = end as usize + 1;
                }
                told += ends.len();
            }
            let Some((start, piece)) = pieces.next() else { break };
            assert_eq!(start, next);
            next += match piece {
                Piece::Run(length) => {
                    assert_eq!(length, run_from(next));
                    length
                }
                Piece::Mixed(length) => {
                    assert!(next + 1 == len || pixel(next) != pixel(next + 1), "a run was not found");
                    length
                }
            };
        }
        assert_eq!(next, len);
        told
    }

    /// Flat parts between mixed ones, with pixels of all sizes: runs are told and end where they should.
    #[test]
    fn runs_end_where_colors_change() {
        for stride in 1..=16 {
            for longest in [1, 3, 40, 900] {
                let mut bytes = Vec::new();
                let mut random = 1u32;
                while bytes.len() < 3 * BLOCKS_AHEAD * COMPARED {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let is_mixed = random >> 24 < 20;
                    let (runs, length) =
                        if is_mixed { (90, 1) } else { (1, 1 + random as usize / 7 % longest) };
                    for run in 0..runs {
                        // All bytes change, or one.
                        let mut pixel = vec![(random >> 8) as u8; stride];
                        pixel[run % stride] ^= run as u8;
                        bytes.extend(pixel.repeat(length));
                    }
                }
                for len in [bytes.len(), bytes.len() - 5 * stride, 70 * stride, 2 * stride, stride] {
                    check_stored(&bytes[..len], stride, false);
                    let told = check_stored(&bytes[..len], stride, true);
                    assert!(told > 0 || longest < 900 || len < 100 * stride, "{stride}");
                }
            }
        }
    }

    /// Flat and mixed pixels by turns: comparing in vain gets rare.
    #[test]
    fn mixed_pixels_are_rarely_compared_in_vain() {
        for (flat, mixed) in [(24, 64), (24, 3), (30, 200), (0, 64)] {
            let mut bytes = Vec::new();
            for pixel in 0..20_000u32 {
                let color = if pixel as usize % (flat + mixed) < flat { 0 } else { pixel };
                bytes.extend(&color.to_le_bytes()[..3]);
            }
            let (mut room, mut pieces) = (RunEnds::new(), StoredPieces::new(&bytes, 3, 128));
            let mut refused = 0;
            loop {
                let is_flat = pieces.is_flat;
                if pieces.runs(&mut room).is_none() {
                    refused += u32::from(is_flat);
                    if pieces.next().is_none() {
                        break;
                    }
                }
            }
            // Each time twice as far away; once more for an end that is flat.
            let most = (bytes.len() / LEAST_PAUSE).ilog2() + 2;
            assert!(refused <= most, "{flat} {mixed}: {refused}");
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
