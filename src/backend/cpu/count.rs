//! Stage count: how many pixels each exact colour has.
//!
//! Each thread counts the part of the image that it takes in a table of its own, which gives colours indices,
//! and keeps each pixel's colour index: then labelling needs no second look at the pixels. Where a part has
//! more colours than such a table can hold with profit, the image is counted by `many`.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::cpu::color_estimate::estimate_colors;
use crate::backend::cpu::part::{CountStop, PartColors};
use crate::backend::cpu::pixels::pieces::{Piece, STORED_WORDS};
use crate::backend::cpu::pixels::spans::{self, PartSpans};
use crate::backend::cpu::pixels::tiles::{PixelCode, TilePieces, Tiles, tiles_of};
use crate::backend::cpu::plan::{CpuPlan, FewColors};
use crate::backend::cpu::tables::MOST_LOOKED_UP;
use crate::backend::cpu::tables::key::Hasher;
use crate::backend::cpu::tables::pixel_cache::PixelCache;
use crate::backend::cpu::tile_labels::TileLabels;
use crate::error::Error;
use crate::labels::TILE;
use crate::runtime::alloc::{no_memory, try_push, try_zeroed};
use crate::runtime::simd::{Simd, Work};
use crate::runtime::threads::Threads;

/// Counts all pixels and writes each one's colour index to `labels`, tile by tile, in as many bytes as the tile's take, if
/// it is there; `None` where there are too many colours, and `labels` is then of unspecified content.
pub(crate) fn count<const C: usize>(
    pixels: Tiles<C>,
    labels: Option<&mut [u16]>,
    plan: &CpuPlan,
    seed: u64,
    threads: &Threads,
) -> Result<Option<Vec<PartColors>>, Error> {
    let (simd, given_up) = (Simd::current(), AtomicBool::new(false));
    let parts = spans::share(pixels.len(), labels, plan, threads, |spans| {
        let part = simd.run(CountPart { pixels, spans, plan, seed, given_up: &given_up });
        if !matches!(part, Ok(Some(_))) {
            given_up.store(true, Ordering::Relaxed);
        }
        part
    })?;
    let mut all = Vec::new();
    for part in parts {
        let Some(of_thread) = part? else { return Ok(None) };
        all.try_reserve(of_thread.len()).map_err(|_| no_memory::<PartColors>(of_thread.len()))?;
        all.extend(of_thread);
    }
    Ok(Some(all))
}

/// Counts what one thread takes of the image: mostly one part, more where its colours do not fit one. `None` where there are
/// too many colours, or another thread has `given_up`.
struct CountPart<'a, 's, 'q, const C: usize> {
    pixels: Tiles<'a, C>,
    spans: PartSpans<'s, 'q, u16>,
    plan: &'a CpuPlan,
    seed: u64,
    given_up: &'a AtomicBool,
}

impl<L: PixelCode, const C: usize> Work<L, Result<Option<Vec<PartColors>>, Error>>
    for CountPart<'_, '_, '_, C>
{
    #[inline(always)]
    fn run(self, level: L) -> Result<Option<Vec<PartColors>>, Error> {
        let Self { pixels, spans, plan, seed, given_up } = self;
        let mut counter = Counter::new(pixels, plan.few, seed)?;
        let mut parts = Vec::new();
        let (mut no_labels, mut scratch) = (Vec::new(), pixels.scratch()?);
        for span in spans {
            let mut kept = span.kept.into_iter().flat_map(|labels| labels.chunks_mut(TILE));
            for tile in tiles_of(span.pixels) {
                if given_up.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                if plan.grows_parts && counter.may_overflow() {
                    let full = std::mem::replace(&mut counter, Counter::new(pixels, plan.few, seed)?);
                    try_push(&mut parts, full.finish())?;
                }
                let (index, len, kept) = (tile.start / TILE, tile.len(), kept.next());
                let is_kept = kept.is_some();
                if !is_kept && no_labels.is_empty() {
                    no_labels = try_zeroed::<u16>(TILE)?;
                }
                let mut labels = TileLabels::new(kept.unwrap_or_else(|| &mut no_labels[..len]));
                match counter.count_tile(pixels.pieces(level, tile, &mut scratch), &mut labels) {
                    Ok(()) => counter.part.see(len),
                    Err(CountStop::TooManyColors) => return Ok(None),
                    Err(CountStop::Error(error)) => return Err(error),
                }
                if is_kept {
                    try_push(&mut counter.part.tiles, (index, labels.form()))?;
                }
            }
        }
        try_push(&mut parts, counter.finish())?;
        Ok(Some(parts))
    }
}

/// What a thread counts with.
struct Counter<'a, const C: usize> {
    part: PartColors,
    cache: PixelCache<C>,
    literals: LiteralCounts,
    few: FewColors,
    /// Whether the number of the image's colours was estimated.
    has_estimated: bool,
    /// The image.
    pixels: Tiles<'a, C>,
}

impl<'a, const C: usize> Counter<'a, C> {
    fn new(pixels: Tiles<'a, C>, few: FewColors, seed: u64) -> Result<Self, Error> {
        Ok(Self {
            part: PartColors::new(seed)?,
            cache: PixelCache::new(Hasher::new(seed))?,
            literals: LiteralCounts::default(),
            few,
            has_estimated: false,
            pixels,
        })
    }

    /// Whether the next tile may have more new colours than fit, though there are many pixels to each so far.
    fn may_overflow(&self) -> bool {
        self.part.table.len() + TILE > self.few.most
            && self.few.have_many_pixels(self.part.table.len(), self.part.seen())
    }

    /// Stops where there are too many colours for the pixels that have been counted, so many of this tile.
    #[inline(always)]
    fn stop_at_many(&mut self, counted: usize) -> Result<(), CountStop> {
        match self.part.stop_at_many(self.few, counted) {
            Ok(()) => Ok(()),
            Err(stop) => self.stop_unless_few_are_expected(stop),
        }
    }

    #[cold]
    #[inline(never)]
    fn stop_unless_few_are_expected(&mut self, stop: CountStop) -> Result<(), CountStop> {
        let most = self.few.most;
        if self.has_estimated
            || self.part.table.len() > most
            || estimate_colors(self.pixels, &self.part.table)? > most
        {
            return Err(stop);
        }
        self.has_estimated = true;
        self.few.always = most;
        Ok(())
    }

    /// What was counted.
    fn finish(mut self) -> PartColors {
        self.literals.pour(&mut self.part.counts);
        self.part
    }

    /// Counts a tile and writes its pixels' labels.
    #[inline(always)]
    fn count_tile<L: PixelCode>(
        &mut self,
        mut pieces: TilePieces<C, L>,
        labels: &mut TileLabels,
    ) -> Result<(), CountStop> {
        loop {
            if let Some(runs) = pieces.runs() {
                for (start, length, pixel) in runs {
                    self.count_run(start, length, &pixel, labels)?;
                }
                continue;
            }
            let Some((start, piece, pixels)) = pieces.next() else { return Ok(()) };
            match piece {
                Piece::Run(length) => self.count_run(start, length, &pixels[0], labels)?,
                Piece::Literal(_) => self.count_literal(start, pixels, labels)?,
            }
        }
    }

    /// Counts pixels one by one and writes their labels.
    #[inline(always)]
    fn count_literal(
        &mut self,
        start: usize,
        pixels: &[[u32; C]],
        labels: &mut TileLabels,
    ) -> Result<(), CountStop> {
        const { assert!(STORED_WORDS <= MOST_LOOKED_UP) };
        let mut narrow = [0; MOST_LOOKED_UP];
        // Labels of two bytes are written where they stay.
        let wide = labels.wide_from(start);
        let is_wide = wide.is_some();
        let indices = &mut wide.unwrap_or(&mut narrow)[..pixels.len()];
        let mut misses = self.cache.find_all(pixels, indices);
        while misses != 0 {
            let pixel = misses.trailing_zeros() as usize;
            indices[pixel] = self.look_up(&pixels[pixel])?;
            misses &= misses - 1;
        }
        self.literals.add(indices, &mut self.part.counts);
        if !is_wide {
            labels.write(start, &narrow[..pixels.len()], self.part.table.len());
        }
        self.stop_at_many(start)
    }

    /// The colour index of a pixel that the cache did not have.
    #[cold]
    #[inline(never)]
    fn look_up(&mut self, pixel: &[u32; C]) -> Result<u16, Error> {
        // A pixel before it may have had the same colour: twice in a set, that would leave no way for another one.
        if let Some(index) = self.cache.find(pixel) {
            return Ok(index);
        }
        self.part.look_up(&mut self.cache, pixel, self.pixels.key(pixel))
    }

    /// Counts a run of a tile's pixels and writes its label.
    #[inline(always)]
    fn count_run(
        &mut self,
        start: usize,
        length: usize,
        pixel: &[u32; C],
        labels: &mut TileLabels,
    ) -> Result<(), CountStop> {
        let index = match self.cache.find(pixel) {
            Some(index) => index,
            None => {
                let index = self.look_up(pixel)?;
                self.stop_at_many(start)?;
                index
            }
        };
        self.part.counts[usize::from(index)] += length as u32;
        labels.write_run(start, length, index);
        Ok(())
    }
}

/// Counters of single pixels whose colour indices take a byte. Neighbours have counters of their own: of few
/// colours the next pixel often has the same, and one counter would have to wait for itself.
#[derive(Debug)]
struct LiteralCounts {
    lanes: [[u32; 256]; 4],
}

impl Default for LiteralCounts {
    fn default() -> Self {
        Self { lanes: [[0; 256]; 4] }
    }
}

impl LiteralCounts {
    /// Counts a pixel for each colour index, in `counts` where they do not fit.
    #[inline(always)]
    fn add(&mut self, indices: &[u16], counts: &mut [u32]) {
        if counts.len() > 256 {
            // Several to a round; a chain of iterators would have a condition for each.
            let mut add = |index: u16| counts[usize::from(index)] += 1;
            let (eights, rest) = indices.as_chunks::<8>();
            for eight in eights {
                eight.iter().for_each(|&index| add(index));
            }
            rest.iter().for_each(|&index| add(index));
            return;
        }
        let (quads, rest) = indices.as_chunks::<4>();
        for quad in quads {
            for (lane, &index) in self.lanes.iter_mut().zip(quad) {
                lane[usize::from(index as u8)] += 1;
            }
        }
        rest.iter().for_each(|&index| self.lanes[0][usize::from(index as u8)] += 1);
    }

    fn pour(&mut self, counts: &mut [u32]) {
        for lane in &self.lanes {
            counts.iter_mut().zip(lane).for_each(|(count, more)| *count += more);
        }
    }
}
