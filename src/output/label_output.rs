//! Label map → the caller's label map: 0 where a pixel is in no mask, else the number of its mask plus one.
//! Shared by both backends.

use std::mem::MaybeUninit;

use crate::error::Error;
use crate::labels::{LabelMap, Labels, NO_MASK, TILE};
use crate::runtime::alloc::{try_collect, try_with_capacity, uninit};
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
            Self::U8(target) => write(labels, &mut target[first_pixel..], threads, |label| label as u8),
            Self::U16(target) => write(labels, &mut target[first_pixel..], threads, |label| label as u16),
            Self::U32(target) => write(labels, &mut target[first_pixel..], threads, |label| label),
        }
    }
}

fn write<T: Copy + Send + Sync>(
    labels: &LabelMap,
    target: &mut [MaybeUninit<T>],
    threads: &Threads,
    narrow: impl Fn(u32) -> T + Sync,
) -> Result<(), Error> {
    let outside = narrow(0);
    // NO_MASK plus one is 0.
    const { assert!(NO_MASK == u32::MAX) };
    let masks = labels.masks_by_label()?;
    let mut translations = Vec::with_capacity(masks.len());
    for masks in masks {
        let mut translation: Vec<T> = try_with_capacity(masks.len())?;
        translation.extend(masks.iter().map(|mask| narrow(mask.wrapping_add(1))));
        translations.push(translation);
    }
    let tiles = labels.tiles().zip(target.chunks_mut(TILE));
    let done = threads.share(try_collect(tiles)?, threads.count(), |queue| {
        let mut scratch = labels.scratch()?;
        while let Some((tile, target)) = queue.take() {
            let tile = tile.read(&mut scratch);
            let translation = &translations[tile.dictionary];
            match tile.labels {
                Labels::One(labels) => translate(labels, translation, outside, target),
                Labels::Two(labels) => translate(labels, translation, outside, target),
                Labels::Four(labels) => translate(labels, translation, outside, target),
            }
        }
        Ok(())
    })?;
    done.into_iter().collect()
}

fn translate<L: Copy + Into<u32>, T: Copy>(
    labels: &[L],
    translation: &[T],
    outside: T,
    target: &mut [MaybeUninit<T>],
) {
    for (target, &label) in target.iter_mut().zip(labels) {
        let label: u32 = label.into();
        target.write(translation.get(label as usize).copied().unwrap_or(outside));
    }
}
