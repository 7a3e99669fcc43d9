//! Lines of runs → each mask's run lengths, as COCO's data sets have them. Shared by both backends.
//!
//! **Problem.** A plane for each of a thousand masks is gigabytes; the masks' runs are a few numbers a row. How many they are
//! must be known before they are written.
//!
//! ```text
//! for each line, for each of its runs that is in a mask: its first pixel's position in the mask, line by line
//!     where the mask's last run ends there: that one is longer by this
//!     else: the last run's length, then that of the gap
//! for each mask: the last run's length, and that of the gap behind it
//! ```
//!
//! Twice: the first time numbers are only counted. Runs of columns are those of the transposed lines (`labels/run_map.rs`).
//!
//! **Exact.** Runs of a line come in order, and lines do; two runs of a mask that touch in the order of lines become one, so
//! that no number but the first can be 0, and there is one way to tell a mask.
//!
//! **Cost.** A step a run, and 16 bytes for each mask and image. One thread: it takes less time than labelling.
//!
//! **Prior art.** The numbers are those of COCO's API (Lin et al.: *Microsoft COCO: Common Objects in Context*, 2014), whose
//! `rleEncode` looks at each pixel of a plane for them.

use crate::error::Error;
use crate::labels::NO_MASK;
use crate::labels::run_map::RunMap;
use crate::runtime::alloc::{try_with_capacity, try_zeroed};
use crate::runtime::call;
use crate::types::geometry::Frame;
use crate::types::runs::{MaskRuns, RunOrder};
use crate::types::stats::MaskStats;

/// Masks whose runs are counted.
#[derive(Debug)]
pub(crate) struct CountedRuns {
    map: RunMap,
    /// Of each mask in all images: the part of the image that is told; none: all of it.
    windows: Vec<Window>,
    /// Where the numbers of each mask and image begin, and where the last ones end.
    offsets: Vec<u64>,
}

/// Some positions of some lines.
#[derive(Clone, Copy, Debug)]
struct Window {
    first_line: u32,
    lines: u32,
    first: u32,
    length: u32,
}

/// What is known of a mask's runs so far: the last one's first pixel, and the one behind it; both are 0 before the first.
#[derive(Clone, Copy, Debug, Default)]
struct LastRun {
    start: u64,
    end: u64,
}

impl Window {
    /// The box of a mask, in lines of an order.
    fn new(stats: &MaskStats, order: RunOrder) -> Self {
        let MaskStats { left, top, width, height, .. } = *stats;
        match order {
            RunOrder::Rows => Self { first_line: top, lines: height, first: left, length: width },
            RunOrder::Columns => Self { first_line: left, lines: width, first: top, length: height },
        }
    }

    fn pixels(&self) -> u64 {
        u64::from(self.lines) * u64::from(self.length)
    }

    /// Where a pixel that it has comes in it.
    fn position(&self, line: u32, position: u32) -> u64 {
        u64::from(line - self.first_line) * u64::from(self.length) + u64::from(position - self.first)
    }
}

impl CountedRuns {
    /// Counts the runs of so many masks in lines of an order, within boxes where there are some.
    pub(crate) fn new(
        map: RunMap,
        order: RunOrder,
        mask_count: usize,
        boxes: Option<&[MaskStats]>,
    ) -> Result<Self, Error> {
        let mut windows = try_with_capacity(boxes.map_or(0, <[_]>::len))?;
        windows.extend(boxes.unwrap_or_default().iter().map(|stats| Window::new(stats, order)));
        let slots = mask_count * map.frame().images;
        let mut offsets: Vec<u64> = try_zeroed(slots + 1)?;
        let mut counted = Self { map, windows, offsets: Vec::new() };
        counted.each_length(slots, |slot, length| offsets[slot + 1] += 1 + 2 * too_long(length))?;
        let mut end = 0;
        for offset in &mut offsets {
            end += *offset;
            *offset = end;
        }
        counted.offsets = offsets;
        Ok(counted)
    }

    /// Those of no mask.
    pub(crate) fn none() -> Self {
        let frame = Frame { width: 0, height: 0, images: 0 };
        Self { map: RunMap::empty(frame), windows: Vec::new(), offsets: vec![0] }
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> u64 {
        self.offsets.last().copied().unwrap_or(0)
    }

    /// The numbers, and where each mask's begin.
    pub(crate) fn write(self) -> Result<MaskRuns, Error> {
        let mut counts: Vec<u32> = try_zeroed(usize::try_from(self.len()).unwrap_or(usize::MAX))?;
        let slots = self.offsets.len() - 1;
        let mut next: Vec<u64> = try_with_capacity(slots)?;
        next.extend_from_slice(&self.offsets[..slots]);
        self.each_length(slots, |slot, length| {
            let next = &mut next[slot];
            let parts = too_long(length);
            for _ in 0..parts {
                counts[*next as usize] = u32::MAX; // and no pixel of the other kind
                *next += 2;
            }
            counts[*next as usize] = (length - parts * u64::from(u32::MAX)) as u32; // what is left fits
            *next += 1;
        })?;
        Ok(MaskRuns { counts, offsets: self.offsets })
    }

    /// Calls `each` with the lengths of all masks' gaps and runs, in order for each mask and image.
    fn each_length(&self, slots: usize, mut each: impl FnMut(usize, u64)) -> Result<(), Error> {
        let Frame { width, height, images } = self.map.frame();
        // Lossless: an image's sides are u32s.
        let whole = Window { first_line: 0, lines: height as u32, first: 0, length: width as u32 };
        let window = |slot: usize| self.windows.get(slot).unwrap_or(&whole);
        let mut last: Vec<LastRun> = try_zeroed(slots)?;
        for (image, line) in (0..images).flat_map(|image| (0..height).map(move |line| (image, line))) {
            if line.is_multiple_of(1024) {
                call::tick();
                call::check()?;
            }
            let runs = self.map.line(image * height + line);
            let ends = runs[1..].iter().map(|run| run.start).chain([width as u32]);
            for (run, end) in runs.iter().zip(ends).filter(|(run, _)| run.mask != NO_MASK) {
                let slot = run.mask as usize * images + image;
                let start = window(slot).position(line as u32, run.start);
                last[slot].add(start, u64::from(end - run.start), |length| each(slot, length));
            }
        }
        for (slot, last) in last.into_iter().enumerate() {
            last.finish(window(slot).pixels(), |length| each(slot, length));
        }
        Ok(())
    }
}

impl LastRun {
    #[inline]
    fn add(&mut self, start: u64, length: u64, mut each: impl FnMut(u64)) {
        if start != self.end || self.start == self.end {
            if self.start < self.end {
                each(self.end - self.start);
            }
            each(start - self.end);
            self.start = start;
        }
        self.end = start + length;
    }

    fn finish(self, pixels: u64, mut each: impl FnMut(u64)) {
        if self.start < self.end {
            each(self.end - self.start);
        }
        if self.end < pixels {
            each(pixels - self.end);
        }
    }
}

/// How many times `u32::MAX` a length has to be told before the rest fits.
fn too_long(length: u64) -> u64 {
    length.saturating_sub(1) / u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::run_map::Run;

    const MOST: u64 = u32::MAX as u64;

    /// Lines that no memory could hold as pixels.
    fn counted(width: u32, lines: &[&[(u32, u32)]]) -> Vec<Vec<u64>> {
        let runs = |line: &[(u32, u32)]| line.iter().map(|&(start, mask)| Run { start, mask }).collect();
        let lines: Vec<Vec<Run>> = lines.iter().map(|line| runs(line)).collect();
        let frame = Frame { width: width as usize, height: lines.len(), images: 1 };
        let counted = CountedRuns::new(RunMap::of_lines(frame, &lines), RunOrder::Rows, 2, None).unwrap();
        let MaskRuns { counts, offsets } = counted.write().unwrap();
        let of_mask = |ends: &[u64]| {
            counts[ends[0] as usize..ends[1] as usize].iter().map(|&count| count.into()).collect()
        };
        offsets.windows(2).map(of_mask).collect()
    }

    #[test]
    fn runs_of_more_pixels_than_a_number_tells_come_in_parts() {
        const NONE: u32 = NO_MASK;
        // 2^32 - 1 pixels fit, one more does not.
        let width = 1 << 31;
        assert_eq!(
            counted(width, &[&[(0, 0)], &[(0, 0), (width - 1, 1)]]),
            [vec![0, MOST, 1], vec![MOST, 1]]
        );
        assert_eq!(counted(width, &[&[(0, 0)], &[(0, 0)]]), [vec![0, MOST, 0, 1], vec![MOST, 0, 1]]);
        let lines: [&[(u32, u32)]; 5] =
            [&[(0, NONE)], &[(0, NONE), (5, 0)], &[(0, 0)], &[(0, 0)], &[(0, 0), (7, NONE)]];
        let (gap, run) = (u64::from(width) + 5, 3 * u64::from(width) + 2);
        assert_eq!(
            counted(width, &lines),
            [
                vec![gap, MOST, 0, run - MOST, u64::from(width) - 7],
                vec![MOST, 0, MOST, 0, 2 + u64::from(width)]
            ]
        );
    }
}
