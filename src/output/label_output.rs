//! Label map → the caller's label map: 0 where a pixel is in no mask, else the number of its mask plus one.
//! Shared by both backends.
//!
//! ```text
//! for each tile of 16,384 pixels, on all threads:
//!     kept as runs: each run's number once, then as many of it as the run has pixels
//!     kept pixel by pixel: each label's number, from a table
//! ```
//!
//! Where the caller's map is larger than the caches, numbers are put together in a vector register and written past the
//! caches, which spares reading what is overwritten; see `label_output_x86`.

use std::mem::MaybeUninit;

use crate::error::Error;
use crate::labels::{KeptTile, LabelMap, LabelScratch, Labels, NO_MASK, TILE};
use crate::output::stream::STREAM_BYTES;
use crate::runtime::alloc::{try_collect, try_with_capacity, uninit};
use crate::runtime::simd::Simd;
use crate::runtime::threads::Threads;
use crate::types::outputs::LabelOutput;

/// The caller's label map, which may not have been written yet.
#[derive(Debug)]
pub(crate) enum LabelTarget<'a> {
    U8(&'a mut [MaybeUninit<u8>]),
    U16(&'a mut [MaybeUninit<u16>]),
    U32(&'a mut [MaybeUninit<u32>]),
}

impl<'a> From<LabelOutput<'a>> for LabelTarget<'a> {
    fn from(output: LabelOutput<'a>) -> Self {
        match output {
            LabelOutput::U8(labels) => Self::U8(uninit(labels)),
            LabelOutput::U16(labels) => Self::U16(uninit(labels)),
            LabelOutput::U32(labels) => Self::U32(uninit(labels)),
        }
    }
}

impl LabelTarget<'_> {
    /// The largest number of masks whose labels fit.
    pub(crate) fn most_masks(&self) -> u32 {
        match self {
            Self::U8(_) => u8::MAX.into(),
            Self::U16(_) => u16::MAX.into(),
            Self::U32(_) => u32::MAX,
        }
    }

    /// Takes the first so many pixels' labels from it.
    pub(crate) fn split_off(&mut self, pixels: usize) -> Self {
        match self {
            Self::U8(labels) => Self::U8(labels.split_off_mut(..pixels).unwrap_or_default()),
            Self::U16(labels) => Self::U16(labels.split_off_mut(..pixels).unwrap_or_default()),
            Self::U32(labels) => Self::U32(labels.split_off_mut(..pixels).unwrap_or_default()),
        }
    }

    /// Says that no pixel is in a mask.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::U8(labels) => labels.fill(MaybeUninit::new(0)),
            Self::U16(labels) => labels.fill(MaybeUninit::new(0)),
            Self::U32(labels) => labels.fill(MaybeUninit::new(0)),
        }
    }

    /// Writes the labels of a part of the image, from `first_pixel` on. Their number fits.
    pub(crate) fn write(
        &mut self,
        labels: &LabelMap,
        first_pixel: usize,
        threads: &Threads,
    ) -> Result<(), Error> {
        match self {
            Self::U8(target) => write(labels, target, first_pixel, threads, |label| label as u8),
            Self::U16(target) => write(labels, target, first_pixel, threads, |label| label as u16),
            Self::U32(target) => write(labels, target, first_pixel, threads, |label| label),
        }
    }
}

fn write<T: Number>(
    labels: &LabelMap,
    target: &mut [MaybeUninit<T>],
    first_pixel: usize,
    threads: &Threads,
    narrow: impl Fn(u32) -> T + Sync,
) -> Result<(), Error> {
    let simd = Simd::current();
    // NO_MASK plus one is 0.
    const { assert!(NO_MASK == u32::MAX) };
    // Labels that are those of the caller already: their translation may be as long as an image.
    let masks = if labels.is_uniform() { Vec::new() } else { labels.masks_by_label()? };
    let mut translations = try_with_capacity(masks.len())?;
    for masks in masks {
        let mut numbers: Vec<T> = try_with_capacity(masks.len())?;
        numbers.extend(masks.iter().map(|mask| narrow(mask.wrapping_add(1))));
        translations.push(Translation { numbers });
    }
    let stream = size_of_val(target) as u64 > STREAM_BYTES;
    let tiles = labels.tiles().zip(target[first_pixel..].chunks_mut(TILE));
    let done = threads.share(try_collect(tiles)?, threads.count(), |queue| {
        let mut scratch = labels.scratch()?;
        while let Some((tile, target)) = queue.take() {
            match translations.get(tile.dictionary()) {
                Some(translation) => write_tile(simd, tile, &mut scratch, translation, target, stream),
                None => write_as_they_are(simd, tile.read(&mut scratch).labels, &narrow, target, stream),
            }
        }
        Ok(())
    })?;
    done.into_iter().collect()
}

fn write_tile<T: Number>(
    simd: Simd,
    tile: KeptTile,
    scratch: &mut LabelScratch,
    translation: &Translation<T>,
    target: &mut [MaybeUninit<T>],
    stream: bool,
) {
    if let Some(runs) = tile.runs() {
        let runs = runs.map(|(label, pixels)| (translation.number(label.into()), pixels));
        simd.run(WriteRuns { runs, target, stream });
        return;
    }
    match tile.read(scratch).labels {
        Labels::One(labels) => {
            // No label is beyond this table's end.
            let mut table = [T::zeroed(); 256];
            table.iter_mut().zip(&translation.numbers).for_each(|(to, from)| *to = *from);
            let translate = |label: u8| table[usize::from(label)];
            simd.run(WriteNumbers { labels, translate, target, stream });
        }
        Labels::Two(labels) => {
            let translate = |label: u16| translation.number(label.into());
            simd.run(WriteNumbers { labels, translate, target, stream });
        }
        Labels::Four(labels) => {
            let translate = |label: u32| translation.number(label);
            simd.run(WriteNumbers { labels, translate, target, stream });
        }
    }
}

/// Writes labels that are the numbers of masks plus one.
fn write_as_they_are<T: Number>(
    simd: Simd,
    labels: Labels,
    narrow: &impl Fn(u32) -> T,
    target: &mut [MaybeUninit<T>],
    stream: bool,
) {
    match labels {
        Labels::One(labels) => {
            simd.run(WriteNumbers { labels, translate: |label: u8| narrow(label.into()), target, stream });
        }
        Labels::Two(labels) => {
            simd.run(WriteNumbers { labels, translate: |label: u16| narrow(label.into()), target, stream });
        }
        Labels::Four(labels) => simd.run(WriteNumbers { labels, translate: narrow, target, stream }),
    }
}

/// What labels become: the numbers of masks plus one.
struct Translation<T> {
    /// By label; larger ones are in no mask.
    numbers: Vec<T>,
}

impl<T: Number> Translation<T> {
    #[inline(always)]
    fn number(&self, label: u32) -> T {
        self.numbers.get(label as usize).copied().unwrap_or(T::zeroed())
    }
}

/// What a pixel has in the caller's map.
pub(super) trait Number: bytemuck::Pod + Send + Sync {}

impl Number for u8 {}
impl Number for u16 {}
impl Number for u32 {}

/// Writes numbers that come so many times each.
pub(super) struct WriteRuns<'a, T, I> {
    /// For all of the target.
    pub(super) runs: I,
    pub(super) target: &'a mut [MaybeUninit<T>],
    /// Whether they are written past the caches.
    pub(super) stream: bool,
}

/// Writes the number of each label.
pub(super) struct WriteNumbers<'a, L, T, F> {
    pub(super) labels: &'a [L],
    pub(super) translate: F,
    /// As many as labels.
    pub(super) target: &'a mut [MaybeUninit<T>],
    /// Whether they are written past the caches.
    pub(super) stream: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::simd::at_each_level;

    /// Runs of lengths around those of registers and chunks, at addresses around those of registers.
    fn check<T: Number + PartialEq + std::fmt::Debug>(number: impl Fn(usize) -> T) {
        const MOST: usize = 40;
        let (before, simd) = (number(0xa5), Simd::current());
        for (start, step, stream) in (0..MOST)
            .flat_map(|start| (0..9).flat_map(move |step| [false, true].map(|stream| (start, step, stream))))
        {
            let lengths =
                (0..70).map(|run| 1 + (run * run * step + run) % [1, 3, 8, 33, 65, 130, 300, 31, 2][step]);
            let runs = || lengths.clone().enumerate().map(|(run, pixels)| (number(run), pixels));
            for count in [0, 1, 2, 70] {
                let expected: Vec<T> = runs().take(count).flat_map(|(n, pixels)| vec![n; pixels]).collect();
                let mut memory = vec![before; expected.len() + 2 * MOST];
                let target = &mut memory[start..start + expected.len()];
                simd.run(WriteRuns { runs: runs().take(count), target: uninit(target), stream });
                assert_eq!(*target, expected, "{start}, {step}, {count}, {stream}");
                target.fill(before);
                let labels: Vec<u32> = (0..expected.len() as u32).collect();
                let translate = |label: u32| expected[label as usize];
                simd.run(WriteNumbers { labels: &labels, translate, target: uninit(target), stream });
                assert_eq!(*target, expected, "{start}, {step}, {count}, {stream}");
                memory.drain(start..start + expected.len());
                assert!(memory.iter().all(|&number| number == before), "{start}, {step}, {count}, {stream}");
            }
        }
    }

    #[test]
    fn runs_of_any_length_and_labels_become_numbers_at_any_address() {
        at_each_level(|_| {
            check(|number| number as u8);
            check(|number| number as u16 * 259);
            check(|number| number as u32 * 0x0103_0507);
        });
    }
}
