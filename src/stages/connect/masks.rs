//! The labels of regions' pixels.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::error::Error;
use crate::labels::LabelMap;
use crate::output::label_output::LabelTarget;
use crate::runtime::alloc::{try_with_capacity, uninit};
use crate::runtime::threads::Threads;
use crate::stages::connect::borders::Components;
use crate::stages::connect::numbers::Numbers;
use crate::stages::connect::strip::{Pieces, RegionMemory, STRIP, Strip};
use crate::types::outputs::LabelWidth;

/// The masks of regions.
#[derive(Debug)]
pub(crate) struct ConnectedMasks {
    count: usize,
    found: Found,
    part: LabelMap,
}

/// What each pixel's label is found by.
#[derive(Debug)]
struct Found {
    strips: Vec<Strip>,
    components: Components,
    numbers: Numbers,
}

impl ConnectedMasks {
    /// For so many regions.
    pub(super) fn new(count: usize, strips: Vec<Strip>, components: Components, numbers: Numbers) -> Self {
        Self { count, found: Found { strips, components, numbers }, part: LabelMap::default() }
    }

    /// Their memory.
    pub(crate) fn into_memory(self) -> RegionMemory {
        let pixels = self.found.strips.into_iter().filter_map(|strip| match strip.pieces {
            Pieces::Pixels(pixels) => Some(pixels),
            Pieces::Runs(_) => None,
        });
        RegionMemory { pixels: pixels.collect(), components: self.found.components }
    }

    /// Hands on the labels of the images, part by part, for so many masks, of which there are regions for the first ones.
    pub(crate) fn label(
        &mut self,
        mask_count: usize,
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { count, found, part } = self;
        let width = LabelWidth::for_labels_up_to(*count);
        // Whoever gets a part makes a table of all masks.
        let most_pixels = (4 * STRIP * threads.count()).max(mask_count);
        let mut start = 0;
        while let Some(first) = found.strips.get(start) {
            let mut pixels = 0;
            let fitting = found.strips[start..].iter().take_while(|strip| {
                pixels += strip.pixels;
                pixels <= most_pixels
            });
            let strips = start..start + fitting.count().max(1);
            let pixels = found.strips[strips.clone()].iter().map(|strip| strip.pixels).sum();
            let bytes = part.start(pixels, width)?;
            start = strips.end;
            match width {
                LabelWidth::One => found.fill(strips, uninit(bytes), threads, |label| label as u8),
                LabelWidth::Two => {
                    let labels = uninit(bytemuck::cast_slice_mut(bytes));
                    found.fill(strips, labels, threads, |label| label as u16)
                }
                LabelWidth::Four => {
                    let labels = uninit(bytemuck::cast_slice_mut(bytes));
                    found.fill(strips, labels, threads, |label| label)
                }
            }?;
            part.finish_uniform(width, mask_count)?;
            labelled(first.first, part)?;
        }
        Ok(())
    }

    /// Writes the labels of the images to the caller's memory, from `start` on. Their number fits.
    pub(crate) fn write(
        &self,
        target: &mut LabelTarget,
        start: usize,
        threads: &Threads,
    ) -> Result<(), Error> {
        let all = 0..self.found.strips.len();
        match target {
            LabelTarget::U8(target) => {
                self.found.fill(all, &mut target[start..], threads, |label| label as u8)
            }
            LabelTarget::U16(target) => {
                self.found.fill(all, &mut target[start..], threads, |label| label as u16)
            }
            LabelTarget::U32(target) => self.found.fill(all, &mut target[start..], threads, |label| label),
        }
    }
}

impl Found {
    /// Writes the labels of consecutive strips.
    fn fill<T: Copy + Send + Sync>(
        &self,
        range: Range<usize>,
        mut target: &mut [MaybeUninit<T>],
        threads: &Threads,
        narrow: impl Fn(u32) -> T + Sync,
    ) -> Result<(), Error> {
        let mut parts = try_with_capacity(range.len())?;
        for index in range {
            let (own, others) = target.split_at_mut(self.strips[index].pixels);
            parts.push((index, own));
            target = others;
        }
        threads.for_each(parts, |(index, target)| {
            let (components, numbers) = (&self.components[index], self.numbers.of_strip(index));
            let label =
                |component: u32| MaybeUninit::new(narrow(numbers.label(components[component as usize])));
            match &self.strips[index].pieces {
                Pieces::Pixels(pieces) => {
                    for (target, &component) in target.iter_mut().zip(pieces) {
                        *target = label(component.into());
                    }
                }
                Pieces::Runs(runs) => {
                    let mut end = 0;
                    for run in runs {
                        target[end..run.start as usize].fill(MaybeUninit::new(narrow(0)));
                        end = run.end as usize;
                        target[run.start as usize..end].fill(label(run.component));
                    }
                    target[end..].fill(MaybeUninit::new(narrow(0)));
                }
            }
        })
    }
}
