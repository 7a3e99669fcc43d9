//! Runs among pixels as they are stored, before they are made words.
//!
//! **Problem.** A map of bytes has runs that are told by comparing bytes, which is cheaper than making words of pixels:
//! whole flat parts need one pixel a run. But a loop that compares block after block until one has a difference leaves
//! the processor guessing at each run's end, and a map has millions of those.
//!
//! ```text
//! one by one (`next`):                         many at a time (`runs`), where the last run was long:
//!     compare the bytes from here on with          compare 32 blocks of 64 bytes with those one pixel
//!     those one pixel behind                         behind: a bit for each byte that differs
//!     the first difference is in the run's         keep the blocks that have any, without a branch
//!       last pixel: a run                          for each bit: its pixel is the last one of a run
//!     none within the first pixels: a literal      too many for their bytes: these are mixed pixels;
//!                                                    look one by one, and for longer each time
//! ```
//!
//! **Exact.** A pixel whose bytes all equal the next one's has its words, too. A byte that differs from the one a pixel
//! behind it ends a run in its own pixel, and nothing else does. Listing gives the same runs or gives up before it has
//! given any.
//!
//! **Cost.** Each byte is compared once, but for those before giving up; the pause after that doubles, so that giving up
//! costs a logarithm of the row's length. Byte to pixel is a multiplication.
//!
//! **Prior art.** Run-length encoding with literals (PackBits, Apple 1984); a mask of bits from a vector comparison, worked off
//! from its lowest bit, as in simdjson (Langdale and Lemire, 2019), which also lists positions first and looks at them later.

use crate::backend::cpu::pixels::compare::{COMPARED, CompareBytes, differences};
use crate::backend::cpu::pixels::pieces::{Piece, STORED_WORDS};
use crate::backend::cpu::pixels::prefetch::{AHEAD_BYTES, prefetch};
use crate::labels::TILE;

/// What is asked for with a literal: that many bytes it has, if they are three a pixel.
const PREFETCHED: usize = 3 * STORED_WORDS;

/// Pixels side by side, as they are stored.
#[derive(Clone, Copy, Debug)]
struct StoredPixels<'a> {
    bytes: &'a [u8],
    /// Where each channel has a plane of its own: as many bytes of the channels but the first; else none.
    others: [&'a [u8]; 3],
    /// Bytes of a pixel, in each plane.
    stride: usize,
    /// One pixel in so many bytes, in parts of 2³²: dividing by multiplying, which is exact for what fits a tile.
    pixels_per_byte: u64,
    len: usize,
}

impl<'a> StoredPixels<'a> {
    #[inline(always)]
    fn new(planes: [&'a [u8]; 4], stride: usize) -> Self {
        let [bytes, others @ ..] = planes;
        debug_assert!(bytes.len() <= TILE * size_of::<[f32; 4]>());
        let pixels_per_byte = (1u64 << u32::BITS).div_ceil(stride as u64);
        Self { bytes, others, stride, pixels_per_byte, len: bytes.len() / stride }
    }

    /// A bit for each byte of a block that differs from the one a pixel behind it in any of the other planes.
    #[inline(always)]
    fn other_differences<L: CompareBytes>(&self, level: L, at: usize) -> u64 {
        if self.others[0].is_empty() {
            return 0;
        }
        let of_plane = |plane: &&[u8]| match (
            plane.get(at..).and_then(<[u8]>::first_chunk),
            plane.get(at + self.stride..).and_then(<[u8]>::first_chunk),
        ) {
            (Some(block), Some(behind)) => differences(level, block, behind),
            _ => 0,
        };
        self.others.iter().map(of_plane).fold(0, |all, differing| all | differing)
    }

    /// Which of these blocks, the first of which begins with the byte `from`, have differences, and these; how many.
    #[inline(always)]
    fn changes<L: CompareBytes>(
        &self,
        level: L,
        blocks: &[[u8; COMPARED]],
        from: usize,
        changes: &mut [(usize, u64); BLOCKS_AHEAD],
    ) -> usize {
        // Without a branch that depends on them.
        let (mut at, mut changed) = (from, 0);
        for (block, behind) in blocks.iter().zip(self.bytes[from + self.stride..].as_chunks().0) {
            prefetch::<COMPARED>(block.as_ptr().wrapping_add(AHEAD_BYTES));
            let differing = differences(level, block, behind) | self.other_differences(level, at);
            changes[changed % BLOCKS_AHEAD] = (at, differing);
            changed += usize::from(differing != 0);
            at += COMPARED;
        }
        changed
    }

    /// A bit for each byte from `from` on that differs from the one a pixel behind it, where that is less than a block.
    fn last_differences(&self, from: usize) -> u64 {
        let end = self.bytes.len() - self.stride;
        (from..end).fold(0, |bits, at| bits | u64::from(!self.is_same_behind(at)) << (at - from))
    }

    /// Whether a byte is the same as the one a pixel behind it in all planes.
    fn is_same_behind(&self, at: usize) -> bool {
        let is_same = |plane: &[u8]| plane.get(at) == plane.get(at + self.stride);
        is_same(self.bytes) && self.others.iter().all(|plane| is_same(plane))
    }

    /// The pixel that a byte is of.
    #[inline(always)]
    fn pixel_of(&self, byte: usize) -> usize {
        ((byte as u64 * self.pixels_per_byte) >> u32::BITS) as usize
    }

    /// The first byte from `from` on that differs from the one a pixel behind it; of the last pixel, behind which there is
    /// none, the first.
    #[inline(always)]
    fn first_difference<L: CompareBytes>(&self, level: L, from: usize) -> usize {
        let &Self { bytes, stride, .. } = self;
        let end = bytes.len() - stride;
        let blocks = bytes[from..end].as_chunks().0;
        let behind = bytes[from + stride..].as_chunks().0;
        let mut at = from;
        for (block, behind) in blocks.iter().zip(behind) {
            prefetch::<COMPARED>(block.as_ptr().wrapping_add(AHEAD_BYTES));
            let differing = differences(level, block, behind) | self.other_differences(level, at);
            if differing != 0 {
                return at + differing.trailing_zeros() as usize;
            }
            at += COMPARED;
        }
        at + (at..end).take_while(|&at| self.is_same_behind(at)).count()
    }
}

/// Shorter runs are literal pixels: each run costs a search and a mispredicted branch, which must be shared by some pixels.
const SHORTEST_RUN: usize = 16;

/// So many shorter ones may follow a longer one, and one a literal, which may have ended within a long run: where pixels are
/// flat, a literal would swallow the next long run.
const SHORT_RUNS: u32 = 4;

/// Consecutive pieces of stored pixels, with the position of each.
#[derive(Clone, Debug)]
pub(super) struct StoredPieces<'a, L> {
    pixels: StoredPixels<'a>,
    level: L,
    start: usize,
    /// Pixels of a literal at most, and of the next piece, if it is one.
    longest: usize,
    literal: usize,
    /// Short runs that may still follow.
    short_runs: u32,
    flatness: Flatness,
}

/// Whether it pays to list many runs at a time.
#[derive(Clone, Copy, Debug)]
struct Flatness {
    /// Whether there are probably runs next.
    is_likely: bool,
    /// The byte up to which no run ends from the next piece on.
    compared: usize,
    /// The byte up to which pixels are taken to be mixed, and how far behind the next ones that are.
    mixed_up_to: usize,
    pause: usize,
}

/// Bytes behind mixed pixels that are taken to be mixed, too, at first.
const LEAST_PAUSE: usize = BLOCKS_AHEAD * COMPARED;

impl Flatness {
    const UNKNOWN: Self = Self { is_likely: false, compared: 0, mixed_up_to: 0, pause: LEAST_PAUSE };

    /// There were too many runs up to a byte: others are asked for later each time.
    fn was_mixed_up_to(&mut self, byte: usize) {
        self.is_likely = false;
        self.mixed_up_to = byte + self.pause;
        self.pause *= 2;
    }

    /// All runs up to a byte were listed.
    fn was_flat_up_to(&mut self, byte: usize) {
        self.compared = byte;
        self.pause = LEAST_PAUSE;
    }
}

impl<'a, L: CompareBytes> StoredPieces<'a, L> {
    /// Of pixels with so many bytes each in every plane, of which the first has all there are where channels have no planes;
    /// literals have at most `longest` pixels.
    #[inline(always)]
    pub(super) fn new(level: L, planes: [&'a [u8]; 4], stride: usize, longest: usize) -> Self {
        let pixels = StoredPixels::new(planes, stride);
        Self {
            pixels,
            level,
            start: 0,
            longest,
            literal: longest.div_ceil(2),
            short_runs: SHORT_RUNS,
            flatness: Flatness::UNKNOWN,
        }
    }

    /// Where there are runs next: the first one's first pixel, and the last pixels of it and of those that follow it; some may
    /// have one pixel only. What is left is for `next`.
    ///
    /// If block after block were compared until one has a difference, the processor would guess wrong at each run's end.
    /// So many are compared first, and then all ends are listed.
    #[inline(always)]
    pub(super) fn runs<'r>(&mut self, scratch: &'r mut RunEnds) -> Option<(usize, &'r [u32])> {
        let Self { pixels, level, start, .. } = *self;
        let StoredPixels { bytes, stride, len, .. } = pixels;
        if !self.flatness.is_likely || start >= len {
            return None;
        }
        let last = len - 1;
        loop {
            let from = self.flatness.compared.max(start * stride);
            let blocks = bytes[from..last * stride].as_chunks().0;
            let blocks = &blocks[..blocks.len().min(BLOCKS_AHEAD)];
            let mut changes = [(0, 0); BLOCKS_AHEAD];
            let (listed, end) = if blocks.is_empty() {
                changes[0] = (from, pixels.last_differences(from));
                let listed = scratch.list(pixels, &changes[..1], 1);
                (listed.map(|count| scratch.add(count, last)), len * stride)
            } else {
                let changed = pixels.changes(level, blocks, from, &mut changes);
                let listed = scratch.list(pixels, &changes[..changed], blocks.len());
                (listed, from + blocks.len() * COMPARED)
            };
            let Some(count) = listed else {
                self.flatness.was_mixed_up_to(end);
                return None;
            };
            self.flatness.was_flat_up_to(end);
            if count > 0 {
                let ends = &scratch.0[..count];
                self.start = ends[count - 1] as usize + 1;
                return Some((start, ends));
            }
        }
    }

    /// How many pixels there are.
    pub(super) fn len(&self) -> usize {
        self.pixels.len
    }

    /// The bytes of a pixel and of all behind it.
    #[inline(always)]
    pub(super) fn from(&self, pixel: usize) -> &'a [u8] {
        &self.pixels.bytes[pixel * self.pixels.stride..]
    }
}

impl<L: CompareBytes> Iterator for StoredPieces<'_, L> {
    type Item = (usize, Piece);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let Self { pixels, level, start, longest, literal, .. } = *self;
        if start >= pixels.len {
            return None;
        }
        let first = start * pixels.stride;
        // The first byte that is not the next pixel's is one of the last pixel of a run.
        let differing = pixels.first_difference(level, first);
        let is_long = differing >= first + (SHORTEST_RUN - 1) * pixels.stride;
        let is_run = is_long || (self.short_runs > 0 && differing >= first + pixels.stride);
        let piece = if is_run {
            self.short_runs = if is_long { SHORT_RUNS } else { self.short_runs - 1 };
            if is_long {
                self.literal = longest / 2;
            }
            // A short one may be chance.
            self.flatness.is_likely |=
                differing - first >= COMPARED && differing >= self.flatness.mixed_up_to;
            Piece::Run(pixels.pixel_of(differing) + 1 - start)
        } else {
            prefetch::<PREFETCHED>(pixels.bytes.as_ptr().wrapping_add(first + AHEAD_BYTES));
            self.literal = longest;
            self.short_runs = 1;
            self.flatness.is_likely = false;
            Piece::Literal(literal.min(pixels.len - start))
        };
        self.start += piece.len();
        Some((start, piece))
    }
}

/// Scratch memory for the last pixels of runs.
#[derive(Debug)]
pub(super) struct RunEnds([u32; 256]);

/// Blocks compared before the ends in them are looked at.
const BLOCKS_AHEAD: usize = 32;

/// Pixels are mixed where there are more runs than one for so many of them, and more than a few.
const PIXELS_PER_RUN: usize = 8;
const FEW_RUNS: usize = 2;

impl RunEnds {
    pub(super) fn new() -> Self {
        Self([0; 256])
    }

    /// Lists the pixels that have these differences, of so many blocks; how many, if they are not mixed and there is capacity
    /// for all.
    #[inline(always)]
    fn list(&mut self, pixels: StoredPixels, changes: &[(usize, u64)], blocks: usize) -> Option<usize> {
        let stride = pixels.stride;
        let most = (blocks * COMPARED / (PIXELS_PER_RUN * stride)).max(FEW_RUNS);
        // Where most blocks have some, there are probably too many; to list them takes longer than comparing.
        if changes.len() > FEW_RUNS + blocks * 7 / 8 {
            return None;
        }
        let (mut count, mut last) = (0, usize::MAX);
        for &(at, mut differing) in changes {
            if count > most || count + COMPARED >= self.0.len() {
                return None;
            }
            while differing != 0 {
                let pixel = pixels.pixel_of(at + differing.trailing_zeros() as usize);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::simd::{Scalar, Simd, Work, at_each_level};

    /// Pixels of colours that follow each other, so many each.
    fn check(lengths: &[usize]) {
        // One byte of each pixel of the same colours, and several: runs are as long as they can be.
        for stride in [1, 2, 3, 4, 8, 12, 16] {
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

    struct Check<'a> {
        planes: [&'a [u8]; 4],
        stride: usize,
        asks_for_runs: bool,
    }

    impl<L: CompareBytes> Work<L, usize> for Check<'_> {
        fn run(self, level: L) -> usize {
            let Self { planes, stride, asks_for_runs } = self;
            let pixel = |index: usize| planes.map(|plane| plane.get(index * stride..(index + 1) * stride));
            let len = planes[0].len() / stride;
            let run_from =
                |start: usize| (start..len).take_while(|&index| pixel(index) == pixel(start)).count();
            let mut scratch = RunEnds::new();
            let mut pieces = StoredPieces::new(level, planes, stride, 16);
            let (mut next, mut listed) = (0, 0);
            loop {
                if asks_for_runs && let Some((start, ends)) = pieces.runs(&mut scratch) {
                    assert_eq!(start, next);
                    for &end in ends {
                        assert_eq!(end as usize + 1 - next, run_from(next), "{next}");
                        next = end as usize + 1;
                    }
                    listed += ends.len();
                }
                let Some((start, piece)) = pieces.next() else { break };
                assert_eq!(start, next);
                match piece {
                    Piece::Run(length) => assert_eq!(length, run_from(next)),
                    Piece::Literal(_) => {
                        assert!(run_from(next) < SHORTEST_RUN, "a run was not found");
                    }
                }
                next += piece.len();
            }
            assert_eq!(next, len);
            listed
        }
    }

    /// The pieces of stored pixels, with or without asking for runs first, at every level; how many of these there were.
    fn check_stored(bytes: &[u8], stride: usize, asks_for_runs: bool) -> usize {
        check_planes([bytes, &[], &[], &[]], stride, asks_for_runs)
    }

    fn check_planes(planes: [&[u8]; 4], stride: usize, asks_for_runs: bool) -> usize {
        let mut listed = Vec::new();
        at_each_level(|_| listed.push(Simd::current().run(Check { planes, stride, asks_for_runs })));
        assert!(listed.iter().all(|&count| count == listed[0]), "{listed:?}");
        listed[0]
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
                    let listed = check_stored(&bytes[..len], stride, true);
                    assert!(listed > 0 || longest < 900 || len < 100 * stride, "{stride}");
                }
            }
        }
    }

    /// Runs end where any channel changes, wherever it is stored.
    #[test]
    fn planes_are_compared_like_pixels() {
        let mut random = 7u32;
        let mut next = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random >> 8
        };
        for value in [1, 2, 4] {
            for channels in 2..=4 {
                let mut planes = vec![Vec::new(); 4];
                let mut colors = [[0u8; 4]; 4];
                while planes[0].len() < 9000 * value {
                    // One byte of one channel changes, after a run of any length.
                    let (channel, byte) = (next() as usize % channels, next() as usize % value);
                    colors[channel][byte] = colors[channel][byte].wrapping_add(1);
                    let longest = [1, 3, 900][planes[0].len() / value / 1024 % 3];
                    for _ in 0..1 + next() as usize % longest {
                        for channel in 0..channels {
                            planes[channel].extend_from_slice(&colors[channel][..value]);
                        }
                    }
                }
                for len in [planes[0].len(), planes[0].len() - 5 * value, 70 * value, 2 * value, value] {
                    let part =
                        std::array::from_fn(|channel| &planes[channel][..len.min(planes[channel].len())]);
                    check_planes(part, value, false);
                    check_planes(part, value, true);
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
            let (mut scratch, mut pieces) =
                (RunEnds::new(), StoredPieces::new(Scalar, [&bytes, &[], &[], &[]], 3, 128));
            let mut refused = 0;
            loop {
                let is_flat = pieces.flatness.is_likely;
                if pieces.runs(&mut scratch).is_none() {
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
                if lengths.iter().sum::<usize>() > 0 {
                    check(lengths);
                }
            }
        }
    }
}
