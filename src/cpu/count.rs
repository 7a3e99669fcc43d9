//! Stage count: how many pixels each exact colour has.
//!
//! Each thread counts the part of the image that it takes in a table of its own, which numbers the colours,
//! and keeps each pixel's number: then labelling needs no second look at the pixels. Where a part has
//! more colours than such a table can hold with profit, the image is counted by `many_colors`.

use std::sync::atomic::{AtomicBool, Ordering};

use super::support::color_table::ColorTable;
use super::support::key::{Hasher, Key};
use super::support::pixel_cache::PixelCache;
use super::support::plan::{CpuPlan, FewColors};
use super::support::runs::Piece;
use super::support::spans;
use super::support::tiles::{TilePieces, Tiles, tiles_of};
use crate::error::Error;
use crate::labels::{LabelWidth, TILE};
use crate::memory::zeros;
use crate::threads::Threads;

/// The colours of a part of the image.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) table: ColorTable,
    /// Pixels by colour number; those at 0 have no colour. A part has less than 2^32 pixels.
    pub(super) counts: Vec<u32>,
    /// The tiles it has, with the width of their labels.
    pub(super) tiles: Vec<(usize, LabelWidth)>,
    /// Pixels of the tiles that are done.
    seen: usize,
}

/// Why counting stopped.
pub(super) enum Stop {
    TooManyColors,
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Counts all pixels and writes each one's colour number to `labels`, tile by tile, in as many bytes as the tile's take, if
/// it is there; `None` where there are too many colours, and `labels` is then of unspecified content.
pub(super) fn count<const C: usize>(
    pixels: Tiles<C>,
    labels: Option<&mut [u16]>,
    plan: &CpuPlan,
    seed: u64,
    threads: &Threads,
) -> Result<Option<Vec<Part>>, Error> {
    let given_up = AtomicBool::new(false);
    let parts = spans::share(pixels.len(), labels, plan, threads, |spans| {
        let part = count_part(pixels, spans, plan.few, seed, &given_up);
        if !matches!(part, Ok(Some(_))) {
            given_up.store(true, Ordering::Relaxed);
        }
        part
    })?;
    parts.into_iter().collect()
}

fn count_part<const C: usize>(
    pixels: Tiles<C>,
    spans: spans::Part<u16>,
    few: FewColors,
    seed: u64,
    given_up: &AtomicBool,
) -> Result<Option<Part>, Error> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        #[allow(unsafe_code)]
        return unsafe { count_part_avx2(pixels, spans, few, seed, given_up) };
    }
    count_part_generic(pixels, spans, few, seed, given_up)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn count_part_avx2<const C: usize>(
    pixels: Tiles<C>,
    spans: spans::Part<u16>,
    few: FewColors,
    seed: u64,
    given_up: &AtomicBool,
) -> Result<Option<Part>, Error> {
    count_part_generic(pixels, spans, few, seed, given_up)
}

/// `None` where there are too many colours, or another part has `given_up`.
#[inline(always)]
fn count_part_generic<const C: usize>(
    pixels: Tiles<C>,
    spans: spans::Part<u16>,
    few: FewColors,
    seed: u64,
    given_up: &AtomicBool,
) -> Result<Option<Part>, Error> {
    let mut part = Part::new(seed)?;
    let mut cache = PixelCache::new(Hasher::new(seed))?;
    let mut mixed = MixedCounts::default();
    let mut numbers = zeros::<u16>(TILE)?;
    let mut room = pixels.room()?;
    for span in spans {
        let mut rooms = span.kept.into_iter().flat_map(|labels| labels.chunks_mut(TILE));
        for tile in tiles_of(span.pixels) {
            if given_up.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let (index, len) = (tile.start / TILE, tile.len());
            let labels = rooms.next();
            let is_kept = labels.is_some();
            // Numbers that take two bytes are written where they stay.
            let (wide, narrow) = match LabelWidth::for_labels_up_to(part.table.len()) {
                LabelWidth::One => (None, labels),
                _ => (labels, None),
            };
            let numbers = wide.unwrap_or(&mut numbers[..len]);
            let pieces = pixels.pieces(tile, &mut room);
            match part.count_tile(pieces, &mut cache, &mut mixed, numbers, few) {
                Ok(()) => part.seen += len,
                Err(Stop::TooManyColors) => return Ok(None),
                Err(Stop::Error(error)) => return Err(error),
            }
            let width = LabelWidth::for_labels_up_to(part.table.len());
            if is_kept {
                part.tiles.push((index, width));
            }
            match (narrow, width) {
                (None, _) => {}
                (Some(labels), LabelWidth::One) => {
                    let labels = bytemuck::cast_slice_mut::<u16, u8>(labels);
                    labels.iter_mut().zip(&*numbers).for_each(|(label, &number)| *label = number as u8);
                }
                (Some(labels), _) => labels.copy_from_slice(numbers),
            }
        }
    }
    mixed.pour(&mut part.counts);
    Ok(Some(part))
}

/// Counters of single pixels whose numbers take a byte. Neighbours have counters of their own: of few
/// colours the next pixel often has the same, and one counter would have to wait for itself.
#[derive(Debug)]
struct MixedCounts {
    lanes: [[u32; 256]; 4],
}

impl Default for MixedCounts {
    fn default() -> Self {
        Self { lanes: [[0; 256]; 4] }
    }
}

impl MixedCounts {
    /// Counts a pixel for each number, in `counts` where they do not fit.
    #[inline(always)]
    fn add(&mut self, numbers: &[u16], counts: &mut [u32]) {
        if counts.len() > 256 {
            let mut add = |number: u16| counts[usize::from(number)] += 1;
            let (eights, rest) = numbers.as_chunks::<8>();
            eights.iter().flatten().chain(rest).for_each(|&number| add(number));
            return;
        }
        let (quads, rest) = numbers.as_chunks::<4>();
        for quad in quads {
            for (lane, &number) in self.lanes.iter_mut().zip(quad) {
                lane[usize::from(number as u8)] += 1;
            }
        }
        rest.iter().for_each(|&number| self.lanes[0][usize::from(number as u8)] += 1);
    }

    fn pour(&mut self, counts: &mut [u32]) {
        for lane in &self.lanes {
            counts.iter_mut().zip(lane).for_each(|(count, more)| *count += more);
        }
    }
}

/// Writes a number so many times, and perhaps a few times more: what is behind is still to be written.
///
/// Whole chunks only: as many branches, of which runs of any length have most mispredicted, are not needed then.
#[inline(always)]
fn fill(numbers: &mut [u16], count: usize, number: u16) {
    const CHUNK: usize = 64;
    match numbers.as_chunks_mut::<CHUNK>().0.get_mut(..count.div_ceil(CHUNK)) {
        Some(chunks) => chunks.iter_mut().for_each(|chunk| *chunk = [number; CHUNK]),
        None => numbers[..count].fill(number),
    }
}

impl Part {
    pub(super) fn new(seed: u64) -> Result<Self, Error> {
        Ok(Self { table: ColorTable::new(seed)?, counts: vec![0], tiles: Vec::new(), seen: 0 })
    }

    /// Counts a tile and writes its pixels' numbers.
    #[inline(always)]
    fn count_tile<const C: usize>(
        &mut self,
        mut pieces: TilePieces<C>,
        cache: &mut PixelCache<C>,
        mixed: &mut MixedCounts,
        numbers: &mut [u16],
        few: FewColors,
    ) -> Result<(), Stop> {
        while let Some((start, piece, pixels)) = pieces.next() {
            let (Piece::Run(length) | Piece::Mixed(length)) = piece;
            match piece {
                Piece::Run(length) => {
                    let number = match cache.find(&pixels[0]) {
                        Some(number) => number,
                        None => self.look_up(cache, &pixels[0])? as u16,
                    };
                    fill(&mut numbers[start..], length, number);
                    self.counts[usize::from(number)] += length as u32;
                }
                Piece::Mixed(_) => {
                    let numbers = &mut numbers[start..start + length];
                    let mut misses = cache.find_all(pixels, numbers);
                    while misses != 0 {
                        let index = misses.trailing_zeros() as usize;
                        numbers[index] = self.look_up(cache, &pixels[index])? as u16;
                        misses &= misses - 1;
                    }
                    mixed.add(numbers, &mut self.counts);
                }
            }
            if !few.include(self.table.len(), self.seen + start) {
                return Err(Stop::TooManyColors);
            }
        }
        Ok(())
    }

    /// The number of a pixel's colour, 0 where it has none, for a pixel that the cache does not have.
    #[cold]
    #[inline(never)]
    fn look_up<const C: usize>(&mut self, cache: &mut PixelCache<C>, pixel: &[u32; C]) -> Result<u32, Error> {
        let number = Key::of_pixel(pixel).map_or(Ok(0), |key| self.number(key))?;
        cache.fit(self.table.len())?;
        cache.insert(pixel, number);
        Ok(number)
    }

    /// A colour's number; a new colour gets the next one.
    #[inline]
    pub(super) fn number(&mut self, key: Key) -> Result<u32, Error> {
        let number = self.table.find_or_add(key)?;
        if number as usize == self.counts.len() {
            self.counts.try_reserve(1).map_err(|_| Error::OutOfMemory("counting colours".to_owned()))?;
            self.counts.push(0);
        }
        Ok(number)
    }
}
