//! The label map as runs of lines, kept as a whole: what masks' runs and outlines are made of. Lines are rows, or columns.
//!
//! **Problem.** Who writes runs or outlines must know how long they are before anything is written, needs neighbouring rows
//! at the same time, and, for runs of columns, all rows. Labels come in tiles, of which rows are no multiple, and are gone when
//! the next ones come.
//!
//! ```text
//! for each tile, on all threads: its runs, cut at the ends of rows: (first column, mask), gaps included
//! all tiles' one behind the other; a tile's first run is left out where the last one goes on in it
//!
//! transposed: for each block of 256 columns, on all threads:
//!     for each row: where its mask is not that of the row above, each of these columns gets a run
//!     first they are counted, then each is put where its column's next one belongs
//! ```
//!
//! **Exact.** A run's end is the next one's start, so that runs cover each line, and two of the same mask never touch.
//!
//! **Cost.** 8 bytes a run and a line, twice while they are put together. The transposition costs as many steps as there are
//! runs of rows, twice, and of columns; no pixel is looked at.

use std::ops::Range;

use crate::error::Error;
use crate::labels::runs::for_each_run_of_tile;
use crate::labels::{KeptTile, LabelMap, LabelScratch, NO_MASK, TILE};
use crate::runtime::alloc::{no_memory, try_collect, try_push, try_with_capacity, try_zeroed};
use crate::runtime::threads::Threads;
use crate::types::geometry::Frame;

/// Pixels of a line from a position on, up to the next run's or the line's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u32,
    /// `NO_MASK` where they are in none.
    pub(crate) mask: u32,
}

/// Images as runs.
#[derive(Debug)]
pub(crate) struct RunMap {
    /// How long a line is, how many an image has, and how many images there are.
    frame: Frame,
    runs: Vec<Run>,
    /// Where each line's runs begin, and where the last one's end.
    starts: Vec<usize>,
}

impl RunMap {
    /// How long a line is (`width`), how many an image has (`height`), and how many images there are.
    pub(crate) fn frame(&self) -> Frame {
        self.frame
    }

    /// Of no line.
    pub(crate) fn empty(frame: Frame) -> Self {
        Self { frame, runs: Vec::new(), starts: Vec::new() }
    }

    /// Of lines as they are.
    #[cfg(test)]
    pub(crate) fn of_lines(frame: Frame, lines: &[Vec<Run>]) -> Self {
        let mut all = Lines::new(frame).unwrap();
        lines.iter().for_each(|line| all.add(line, std::iter::once(0)).unwrap());
        all.finish()
    }

    /// The runs of a line, of which there is at least one. Those of all images are counted.
    pub(crate) fn line(&self, line: usize) -> &[Run] {
        &self.runs[self.starts[line]..self.starts[line + 1]]
    }

    /// How many lines all images have.
    pub(crate) fn lines(&self) -> usize {
        self.frame.height * self.frame.images
    }

    /// The runs of all lines, one line's behind the other's.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Which of all runs are those of a line.
    pub(crate) fn line_runs(&self, line: usize) -> Range<usize> {
        self.starts[line]..self.starts[line + 1]
    }

    /// The runs of a line, and how many pixels each has.
    pub(crate) fn line_with_lengths(&self, line: usize) -> impl Iterator<Item = (Run, u32)> + '_ {
        let runs = self.line(line);
        let ends = runs[1..].iter().map(|run| run.start);
        // Lossless: an image's sides are u32s.
        let ends = ends.chain(std::iter::once(self.frame.width as u32));
        runs.iter().zip(ends).map(|(&run, end)| (run, end - run.start))
    }

    /// Calls `each` with all pairs of a run of the line above and one of this line that touch, as positions among all runs, and
    /// with how many pixels above each other they have; 0: they touch by a corner only. An image's first line has none.
    pub(crate) fn for_each_touch(&self, line: usize, mut each: impl FnMut(usize, usize, u32)) {
        if line.is_multiple_of(self.frame.height) {
            return;
        }
        let (above, below) = (self.line_runs(line - 1), self.line_runs(line));
        let width = self.frame.width as u32; // lossless: an image's sides are u32s
        let end_of = |run: usize, end: usize| if run + 1 < end { self.runs[run + 1].start } else { width };
        let (mut a, mut b) = (above.start, below.start);
        let mut from = 0;
        while from < width {
            let (a_end, b_end) = (end_of(a, above.end), end_of(b, below.end));
            let to = a_end.min(b_end);
            each(a, b, to - from);
            if a_end == b_end && to < width {
                each(a, b + 1, 0);
                each(a + 1, b, 0);
            }
            a += usize::from(a_end == to);
            b += usize::from(b_end == to);
            from = to;
        }
    }

    /// Gives each run the mask that `mask` says, by its position among all runs; neighbours of the same mask become one run.
    pub(crate) fn relabel(&mut self, mask: impl Fn(usize) -> u32) {
        let (mut kept, mut begin) = (0, 0);
        for line in 0..self.starts.len() - 1 {
            let end = self.starts[line + 1];
            let line_start = kept;
            for run in begin..end {
                let (start, mask) = (self.runs[run].start, mask(run));
                if kept == line_start || self.runs[kept - 1].mask != mask {
                    self.runs[kept] = Run { start, mask };
                    kept += 1;
                }
            }
            (self.starts[line], begin) = (line_start, end);
        }
        self.runs.truncate(kept);
        if let Some(end) = self.starts.last_mut() {
            *end = kept;
        }
    }

    /// Runs whose lines are columns where these have rows, and rows where they have columns.
    pub(crate) fn transposed(&self, threads: &Threads) -> Result<Self, Error> {
        /// Lines that are made at a time: they fit the caches.
        const BLOCK: usize = 256;
        let Frame { width, height, images } = self.frame;
        let blocks =
            (0..images).flat_map(|image| (0..width).step_by(BLOCK).map(move |column| (image, column)));
        let blocks = try_collect(blocks)?;
        let made =
            threads.map(blocks, |(image, first)| self.columns(image, first, BLOCK.min(width - first)))?;
        let mut all = Lines::new(Frame { width: height, height: width, images })?;
        for block in made {
            let (runs, counts) = block?; // given back as soon as they are copied
            let starts = counts.iter().scan(0, |end, &count| Some(std::mem::replace(end, *end + count)));
            all.add(&runs, starts)?;
        }
        Ok(all.finish())
    }

    /// The runs of some columns of an image, one column's behind the other's, and how many each has.
    fn columns(&self, image: usize, first: usize, count: usize) -> Result<(Vec<Run>, Vec<usize>), Error> {
        let (mut counts, mut changes) = (try_zeroed(count)?, Vec::new());
        self.each_change(image, first, count, |columns, run| {
            counts[columns.clone()].iter_mut().for_each(|count| *count += 1);
            try_push(&mut changes, (columns, run))
        })?;
        let mut next = try_with_capacity(count)?;
        let mut total = 0;
        for &count in &counts {
            next.push(total);
            total += count;
        }
        let mut runs = try_zeroed(total)?;
        for (columns, run) in changes {
            for next in &mut next[columns] {
                runs[*next] = run;
                *next += 1;
            }
        }
        Ok((runs, counts))
    }

    /// Calls `each` for each row of some columns with those whose mask is not that of the row above, and the run that begins
    /// there.
    fn each_change(
        &self,
        image: usize,
        first: usize,
        count: usize,
        mut each: impl FnMut(Range<usize>, Run) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let height = self.frame.height;
        let nothing = [Run { start: 0, mask: NO_MASK }];
        for row in 0..height {
            let line = self.line(image * height + row);
            let above = if row == 0 { &nothing } else { self.line(image * height + row - 1) };
            // Lossless: an image's sides are u32s.
            let (begin, end) = (first as u32, (first + count) as u32);
            let mut done = Ok(());
            for_each_pair(above, line, begin, end, |from, to, above, mask| {
                if (above != mask || row == 0) && done.is_ok() {
                    done =
                        each((from - begin) as usize..(to - begin) as usize, Run { start: row as u32, mask });
                }
            });
            done?;
        }
        Ok(())
    }
}

/// Calls `each` with all parts of two lines in which neither mask changes: where a part begins and ends, and both masks.
#[inline]
pub(crate) fn for_each_pair(
    above: &[Run],
    below: &[Run],
    begin: u32,
    end: u32,
    mut each: impl FnMut(u32, u32, u32, u32),
) {
    let position = |runs: &[Run]| runs.partition_point(|run| run.start <= begin).saturating_sub(1);
    let (mut a, mut b) = (position(above), position(below));
    let next = |runs: &[Run], index: usize| runs.get(index + 1).map_or(end, |run| run.start.min(end));
    let mut from = begin;
    while from < end {
        let (a_end, b_end) = (next(above, a), next(below, b));
        let to = a_end.min(b_end);
        each(from, to, above[a].mask, below[b].mask);
        a += usize::from(a_end == to);
        b += usize::from(b_end == to);
        from = to;
    }
}

/// Runs that are put together line by line.
pub(super) struct Lines {
    frame: Frame,
    runs: Vec<Run>,
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(frame: Frame) -> Result<Self, Error> {
        Ok(Self { frame, runs: Vec::new(), starts: try_with_capacity(frame.height * frame.images + 1)? })
    }

    /// Adds runs, and which of them begin a line.
    fn add(&mut self, runs: &[Run], starts: impl Iterator<Item = usize>) -> Result<(), Error> {
        let len = self.runs.len();
        self.runs.try_reserve(runs.len()).map_err(|_| no_memory::<Run>(len + runs.len()))?;
        self.runs.extend_from_slice(runs);
        self.starts.extend(starts.map(|start| len + start)); // there is room
        Ok(())
    }

    /// Adds a line that lies in several parts, of each of which it gives the first position and the runs.
    pub(super) fn add_joined<'a>(
        &mut self,
        parts: impl Iterator<Item = (u32, &'a [Run])>,
    ) -> Result<(), Error> {
        let line_start = self.runs.len();
        self.starts.push(line_start); // there is room
        for (first, runs) in parts {
            let goes_on = self.runs.len() > line_start
                && self.runs.last().map(|run| run.mask) == runs.first().map(|run| run.mask);
            let added = &runs[usize::from(goes_on)..];
            self.runs
                .try_reserve(added.len())
                .map_err(|_| no_memory::<Run>(self.runs.len() + added.len()))?;
            self.runs.extend(added.iter().map(|run| Run { start: first + run.start, ..*run }));
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> RunMap {
        self.starts.push(self.runs.len()); // there is room
        RunMap { frame: self.frame, runs: self.runs, starts: self.starts }
    }
}

/// Runs that are found part by part.
#[derive(Debug)]
pub(crate) struct RunMapBuilder {
    frame: Frame,
    /// In the order of their pixels.
    parts: Vec<Part>,
}

/// The runs of a tile.
#[derive(Debug)]
struct Part {
    first: usize,
    runs: Vec<Run>,
    /// Which of them begin a row.
    starts: Vec<u16>,
}

impl RunMapBuilder {
    pub(crate) fn new(frame: Frame) -> Self {
        Self { frame, parts: Vec::new() }
    }

    /// Adds a part of the images, from `first_pixel` on. Parts come in order; one that comes again takes the place of itself
    /// and all behind it.
    pub(crate) fn add(
        &mut self,
        labels: &LabelMap,
        first_pixel: usize,
        threads: &Threads,
    ) -> Result<(), Error> {
        let frame = self.frame;
        self.parts.truncate(self.parts.partition_point(|part| part.first < first_pixel));
        let masks = labels.masks_by_label()?;
        let tiles = try_collect(labels.tiles().zip((first_pixel..).step_by(TILE)))?;
        let count = tiles.len();
        let found = threads.share(tiles, threads.count(), |queue| {
            let (mut scratch, mut room) = (labels.scratch()?, TileRuns::new()?);
            let mut parts = Vec::new();
            while let Some((tile, first)) = queue.take() {
                room.find(&tile, &mut scratch, &masks[tile.dictionary()], first, frame);
                parts.try_reserve(1).map_err(|_| no_memory::<Part>(count))?;
                parts.push(Part { first, runs: copy(&room.runs)?, starts: copy(&room.starts)? });
            }
            Ok::<_, Error>(parts)
        })?;
        self.parts.try_reserve(count).map_err(|_| no_memory::<Part>(self.parts.len() + count))?;
        for parts in found {
            self.parts.append(&mut parts?); // there is room
        }
        self.parts.sort_unstable_by_key(|part| part.first);
        Ok(())
    }

    /// All of them. Their parts cover the images.
    pub(crate) fn finish(self) -> Result<RunMap, Error> {
        let mut lines = Lines::new(self.frame)?;
        for part in self.parts {
            let last = lines.runs.last().map(|run| run.mask);
            let goes_on =
                !part.first.is_multiple_of(self.frame.width) && last == part.runs.first().map(|run| run.mask);
            let left_out = usize::from(goes_on);
            lines.add(
                &part.runs[left_out..],
                part.starts.iter().map(|&start| usize::from(start) - left_out),
            )?;
        }
        Ok(lines.finish())
    }
}

fn copy<T: Copy>(values: &[T]) -> Result<Vec<T>, Error> {
    let mut copy = try_with_capacity(values.len())?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// A thread's memory for the runs of a tile.
struct TileRuns {
    runs: Vec<Run>,
    starts: Vec<u16>,
}

impl TileRuns {
    /// There is room for any tile: no run and no row has less than a pixel.
    fn new() -> Result<Self, Error> {
        Ok(Self { runs: try_with_capacity(TILE)?, starts: try_with_capacity(TILE)? })
    }

    fn find(
        &mut self,
        tile: &KeptTile,
        scratch: &mut LabelScratch,
        masks: &[u32],
        first: usize,
        frame: Frame,
    ) {
        self.runs.clear();
        self.starts.clear();
        let mut next = first;
        let mut column = first % frame.width;
        for_each_run_of_tile(tile, scratch, masks, first, frame, |run| {
            if next < run.first {
                column = self.push(NO_MASK, run.first - next, column, frame.width);
            }
            column = self.push(run.mask, run.pixels, column, frame.width);
            next = run.first + run.pixels;
        });
        self.push(NO_MASK, first + tile.len() - next, column, frame.width);
    }

    /// Adds so many pixels of a mask, from a column on, and gives the column behind them.
    #[inline]
    fn push(&mut self, mask: u32, mut pixels: usize, mut column: usize, width: usize) -> usize {
        while pixels > 0 {
            if column == 0 {
                self.starts.push(self.runs.len() as u16); // fewer than the tile has pixels
            }
            if column == 0 || self.runs.last().is_none_or(|last| last.mask != mask) {
                self.runs.push(Run { start: column as u32, mask }); // an image's sides are u32s
            }
            let own = pixels.min(width - column);
            pixels -= own;
            column = if column + own == width { 0 } else { column + own };
        }
        column
    }
}
