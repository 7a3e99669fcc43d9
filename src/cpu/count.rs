//! Stage count: how many pixels each exact colour has.
//!
//! Each thread counts the part of the image that it takes in a table of its own, which numbers the colours,
//! and keeps each pixel's number: then labelling needs no second look at the pixels. Where a part has
//! more colours than such a table can hold with profit, the image is counted by `many_colors`.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::color_table::ColorTable;
use super::support::key::{Hasher, Key};
use super::support::pixel_cache::PixelCache;
use super::support::plan::{CpuPlan, FewColors};
use super::support::runs::{BLOCK_WORDS, Piece, Pieces};
use super::support::spans;
use super::support::tiles::{Tiles, tiles_of};
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

/// Counts all pixels and writes each one's colour number to `labels`, which has two bytes for each, or
/// is not there; `None` where there are too many colours, and `labels` is then of unspecified content.
pub(super) fn count<const C: usize>(
    pixels: Tiles<C>,
    labels: Option<&mut [u8]>,
    plan: &CpuPlan,
    seed: u64,
    threads: &Threads,
) -> Result<Option<Vec<Part>>, Error> {
    let labels = labels.map(|labels| labels.as_chunks_mut::<2>().0);
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
    spans: spans::Part<[u8; 2]>,
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
    spans: spans::Part<[u8; 2]>,
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
    spans: spans::Part<[u8; 2]>,
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
            let index = tile.start / TILE;
            let pixels = pixels.pixels(tile, &mut room);
            let numbers = &mut numbers[..pixels.len()];
            if part.count_tile(pixels, &mut cache, &mut mixed, numbers, few)?.is_break() {
                return Ok(None);
            }
            part.seen += pixels.len();
            let Some(labels) = rooms.next() else { continue };
            let labels = labels.as_flattened_mut();
            let width = LabelWidth::for_labels_up_to(part.table.len());
            match width {
                LabelWidth::One => {
                    for (label, &number) in labels.iter_mut().zip(&*numbers) {
                        *label = number as u8;
                    }
                }
                _ => labels.copy_from_slice(bytemuck::cast_slice(numbers)),
            }
            part.tiles.push((index, width));
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
            numbers.iter().for_each(|&number| counts[usize::from(number)] += 1);
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

impl Part {
    pub(super) fn new(seed: u64) -> Result<Self, Error> {
        Ok(Self { table: ColorTable::new(seed)?, counts: vec![0], tiles: Vec::new(), seen: 0 })
    }

    /// Counts a tile and writes its pixels' numbers.
    #[inline(always)]
    fn count_tile<const C: usize>(
        &mut self,
        pixels: &[[u32; C]],
        cache: &mut PixelCache<C>,
        mixed: &mut MixedCounts,
        numbers: &mut [u16],
        few: FewColors,
    ) -> Result<ControlFlow<()>, Error> {
        let mut sets = [0; BLOCK_WORDS];
        for (start, piece) in Pieces::new(pixels) {
            let (Piece::Run(length) | Piece::Mixed(length)) = piece;
            let looked_up = if matches!(piece, Piece::Run(_)) { 1 } else { length };
            let pixels = &pixels[start..start + looked_up];
            let numbers = &mut numbers[start..start + length];
            let mut misses = cache.find_all(pixels, &mut sets, numbers);
            while misses != 0 {
                let index = misses.trailing_zeros() as usize;
                numbers[index] = self.look_up(cache, &pixels[index])? as u16;
                misses &= misses - 1;
            }
            match piece {
                Piece::Run(length) => {
                    let number = numbers[0];
                    numbers.fill(number);
                    self.counts[usize::from(number)] += length as u32;
                }
                Piece::Mixed(_) => mixed.add(numbers, &mut self.counts),
            }
            if !few.include(self.table.len(), self.seen + start) {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
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
