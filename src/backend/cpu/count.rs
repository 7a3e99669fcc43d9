//! Stage count: how many pixels each exact colour has.
//!
//! Each thread counts the part of the image that it takes in a table of its own, which numbers the colours,
//! and keeps each pixel's number: then labelling needs no second look at the pixels. Where a part has
//! more colours than such a table can hold with profit, the image is counted by `many_colors`.

use std::sync::atomic::{AtomicBool, Ordering};

use bytemuck::Zeroable;

use crate::backend::cpu::pixels::runs::{Piece, STORED_WORDS};
use crate::backend::cpu::pixels::spans;
use crate::backend::cpu::pixels::tiles::{TilePieces, Tiles, tiles_of};
use crate::backend::cpu::plan::{CpuPlan, FewColors};
use crate::backend::cpu::tables::color_table::ColorTable;
use crate::backend::cpu::tables::key::{Hasher, Key};
use crate::backend::cpu::tables::pixel_cache::{MOST_LOOKED_UP, PixelCache};
use crate::error::Error;
use crate::labels::{Run, TILE, TileForm, fill, spell_out};
use crate::runtime::alloc::{try_push, try_zeroed};
use crate::runtime::threads::Threads;
use crate::types::outputs::LabelWidth;

/// The colours of a part of the image.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) table: ColorTable,
    /// Pixels by colour number; those at 0 have no colour. A part has less than 2^32 pixels.
    pub(crate) counts: Vec<u32>,
    /// The tiles it has, and how their labels are kept.
    pub(crate) tiles: Vec<(usize, TileForm)>,
    /// Pixels of the tiles that are done.
    seen: usize,
}

/// Why counting stopped.
pub(crate) enum Stop {
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
pub(crate) fn count<const C: usize>(
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
    let mut scratch = try_zeroed::<u16>(TILE)?;
    let mut room = pixels.room()?;
    for span in spans {
        let mut rooms = span.kept.into_iter().flat_map(|labels| labels.chunks_mut(TILE));
        for tile in tiles_of(span.pixels) {
            if given_up.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let (index, len) = (tile.start / TILE, tile.len());
            let kept = rooms.next();
            let is_kept = kept.is_some();
            let mut labels =
                TileLabels { room: kept.unwrap_or(&mut scratch[..len]), form: TileForm::Runs(0) };
            match part.count_tile(pixels.pieces(tile, &mut room), &mut cache, &mut mixed, &mut labels, few) {
                Ok(()) => part.seen += len,
                Err(Stop::TooManyColors) => return Ok(None),
                Err(Stop::Error(error)) => return Err(error),
            }
            if is_kept {
                try_push(&mut part.tiles, (index, labels.form))?;
            }
        }
    }
    mixed.pour(&mut part.counts);
    Ok(Some(part))
}

/// CallStats of single pixels whose numbers take a byte. Neighbours have counters of their own: of few
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
            // Several to a round; a chain of iterators would have a condition for each.
            let mut add = |number: u16| counts[usize::from(number)] += 1;
            let (eights, rest) = numbers.as_chunks::<8>();
            for eight in eights {
                eight.iter().for_each(|&number| add(number));
            }
            rest.iter().for_each(|&number| add(number));
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

/// The labels of the tile that is being counted: runs, unless there are many; then in a byte each until there are too many
/// colours.
struct TileLabels<'a> {
    /// Room for two bytes each.
    room: &'a mut [u16],
    form: TileForm,
}

/// Runs of a tile at most; spelt out, they have at least four times as many bytes.
const MOST_RUNS: usize = TILE / 16;

/// Pixels of a mixed piece for one that differs from the one before, at least, where labels are runs.
const PIXELS_PER_CHANGE: usize = 4;

impl TileLabels<'_> {
    #[cold]
    #[inline(never)]
    fn spell_out(&mut self, count: usize, largest: usize) {
        let mut runs = [Run::zeroed(); MOST_RUNS];
        let runs = &mut runs[..count];
        runs.copy_from_slice(&self.runs()[..count]);
        let largest = runs.iter().map(|run| usize::from(run.label)).fold(largest, usize::max);
        if LabelWidth::for_labels_up_to(largest) == LabelWidth::One {
            self.form = TileForm::Pixels(LabelWidth::One);
            spell_out(runs, self.bytes(), |label| label as u8);
        } else {
            self.form = TileForm::Pixels(LabelWidth::Two);
            spell_out(runs, self.room, |label| label);
        }
    }

    fn runs(&mut self) -> &mut [Run] {
        let room = self.room.len() / 2 * 2;
        bytemuck::cast_slice_mut(&mut self.room[..room])
    }

    fn bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(self.room)
    }

    /// Labels up to `largest` follow those of so many pixels. Whether all take two bytes now.
    #[inline(always)]
    fn make_room(&mut self, written: usize, largest: usize) -> bool {
        if self.form == TileForm::Pixels(LabelWidth::One)
            && LabelWidth::for_labels_up_to(largest) != LabelWidth::One
        {
            self.widen(written);
        }
        self.form == TileForm::Pixels(LabelWidth::Two)
    }

    #[cold]
    #[inline(never)]
    fn widen(&mut self, written: usize) {
        // Backwards, since each goes where later ones were.
        for index in (0..written).rev() {
            self.room[index] = self.bytes()[index].into();
        }
        self.form = TileForm::Pixels(LabelWidth::Two);
    }

    /// Writes the label of a run.
    #[inline(always)]
    fn write_run(&mut self, start: usize, length: usize, number: u16) {
        if let TileForm::Runs(count) = self.form {
            // The image's last tile may have room for fewer.
            if let Some(run) = self.runs().get_mut(count)
                && count < MOST_RUNS
            {
                *run = Run { label: number, length: length as u16 };
                self.form = TileForm::Runs(count + 1);
                return;
            }
            self.spell_out(count, number.into());
        }
        if self.make_room(start, number.into()) {
            fill(&mut self.room[start..], length, number);
        } else {
            fill(&mut self.bytes()[start..], length, number as u8);
        }
    }

    /// Writes the labels of pixels one by one, of which `largest` is not less than any.
    #[inline(always)]
    fn write(&mut self, start: usize, numbers: &[u16], largest: usize) {
        if let TileForm::Runs(count) = self.form {
            let changes =
                numbers.iter().zip(&numbers[1..]).map(|(before, behind)| u16::from(before != behind));
            if usize::from(changes.sum::<u16>()) * PIXELS_PER_CHANGE <= numbers.len() {
                let mut at = start;
                for run in numbers.chunk_by(|before, behind| before == behind) {
                    self.write_run(at, run.len(), run[0]);
                    at += run.len();
                }
                return;
            }
            self.spell_out(count, largest);
        }
        if self.make_room(start, largest) {
            self.room[start..start + numbers.len()].copy_from_slice(numbers);
        } else {
            let bytes = self.bytes()[start..].iter_mut();
            bytes.zip(numbers).for_each(|(byte, &number)| *byte = number as u8);
        }
    }
}

impl Part {
    pub(crate) fn new(seed: u64) -> Result<Self, Error> {
        Ok(Self { table: ColorTable::new(seed)?, counts: vec![0], tiles: Vec::new(), seen: 0 })
    }

    /// Its pixels, those without a colour included.
    pub(crate) fn pixels(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }

    /// Those with a colour.
    pub(crate) fn colored(&self) -> u64 {
        self.pixels() - u64::from(self.counts[0])
    }

    /// Counts a tile and writes its pixels' labels.
    #[inline(always)]
    fn count_tile<const C: usize>(
        &mut self,
        mut pieces: TilePieces<C>,
        cache: &mut PixelCache<C>,
        mixed: &mut MixedCounts,
        labels: &mut TileLabels,
        few: FewColors,
    ) -> Result<(), Stop> {
        const { assert!(STORED_WORDS <= MOST_LOOKED_UP) };
        let mut narrow = [0; MOST_LOOKED_UP];
        loop {
            if let Some(runs) = pieces.runs() {
                for (start, length, pixel) in runs {
                    self.count_run(start, length, &pixel, cache, labels, few)?;
                }
                continue;
            }
            let Some((start, piece, pixels)) = pieces.next() else { return Ok(()) };
            match piece {
                Piece::Run(length) => self.count_run(start, length, &pixels[0], cache, labels, few)?,
                Piece::Mixed(length) => {
                    // Labels of two bytes are written where they stay.
                    let is_wide = labels.form == TileForm::Pixels(LabelWidth::Two);
                    let room = if is_wide { &mut labels.room[start..] } else { &mut narrow[..] };
                    let numbers = &mut room[..length];
                    let mut misses = cache.find_all(pixels, numbers);
                    while misses != 0 {
                        let index = misses.trailing_zeros() as usize;
                        numbers[index] = self.look_up(cache, &pixels[index])?;
                        misses &= misses - 1;
                    }
                    mixed.add(numbers, &mut self.counts);
                    if !is_wide {
                        labels.write(start, &narrow[..length], self.table.len());
                    }
                    self.stop_at_many(few, start)?;
                }
            }
        }
    }

    /// Counts a run of a tile's pixels and writes its label.
    #[inline(always)]
    fn count_run<const C: usize>(
        &mut self,
        start: usize,
        length: usize,
        pixel: &[u32; C],
        cache: &mut PixelCache<C>,
        labels: &mut TileLabels,
        few: FewColors,
    ) -> Result<(), Stop> {
        let number = match cache.find(pixel) {
            Some(number) => number,
            None => {
                let number = self.look_up(cache, pixel)?;
                self.stop_at_many(few, start)?;
                number
            }
        };
        self.counts[usize::from(number)] += length as u32;
        labels.write_run(start, length, number);
        Ok(())
    }

    /// Stops where there are too many colours for the pixels that have been counted, so many of this tile.
    #[inline(always)]
    fn stop_at_many(&self, few: FewColors, counted: usize) -> Result<(), Stop> {
        match few.include(self.table.len(), self.seen + counted) {
            true => Ok(()),
            false => Err(Stop::TooManyColors),
        }
    }

    /// The number of a pixel's colour, 0 where it has none, for a pixel that the cache does not have.
    #[cold]
    #[inline(never)]
    pub(crate) fn look_up<const C: usize>(
        &mut self,
        cache: &mut PixelCache<C>,
        pixel: &[u32; C],
    ) -> Result<u16, Error> {
        let number = Key::of_pixel(pixel).map_or(Ok(0), |key| self.number(key))?;
        cache.fit(self.table.len())?;
        cache.insert(pixel, number);
        Ok(number as u16) // Too many colours for two bytes are given up soon.
    }

    /// A colour's number; a new colour gets the next one.
    #[inline]
    pub(crate) fn number(&mut self, key: Key) -> Result<u32, Error> {
        let number = self.table.find_or_add(key)?;
        if number as usize == self.counts.len() {
            self.counts.try_reserve(1).map_err(|_| Error::OutOfMemory("counting colours".to_owned()))?;
            self.counts.push(0);
        }
        Ok(number)
    }
}
