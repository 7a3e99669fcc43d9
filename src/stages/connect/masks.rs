//! The labels of regions' pixels.

use std::mem::MaybeUninit;

use crate::error::Error;
use crate::labels::LabelMap;
use crate::output::label_output::LabelTarget;
use crate::runtime::alloc::{try_collect, try_with_capacity, uninit};
use crate::runtime::threads::Threads;
use crate::stages::connect::borders::Components;
use crate::stages::connect::strip::{Component, Pieces, RegionMemory, STRIP, Strip};
use crate::types::outputs::LabelWidth;

/// The masks of regions.
#[derive(Debug)]
pub(crate) struct ConnectedMasks {
    count: usize,
    strips: Vec<Strip>,
    /// With the labels of their masks.
    components: Components,
    part: LabelMap,
}

impl ConnectedMasks {
    /// For so many regions.
    pub(super) fn new(count: usize, strips: Vec<Strip>, components: Components) -> Self {
        Self { count, strips, components, part: LabelMap::default() }
    }

    /// Their memory.
    pub(crate) fn into_memory(self) -> RegionMemory {
        let pixels = self.strips.into_iter().filter_map(|strip| match strip.pieces {
            Pieces::Pixels(pixels) => Some(pixels),
            Pieces::Runs(_) => None,
        });
        RegionMemory { pixels: pixels.collect(), components: self.components }
    }

    /// Hands on the labels of the images, part by part, for so many masks, of which there are regions for the first ones.
    pub(crate) fn label(
        &mut self,
        mask_count: usize,
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { count, strips, components, part } = self;
        let width = LabelWidth::for_labels_up_to(*count);
        // Whoever gets a part makes a table of all masks.
        let most_pixels = (4 * STRIP * threads.count()).max(mask_count);
        let mut start = 0;
        while let Some(first) = strips.get(start) {
            let mut pixels = 0;
            let fitting = strips[start..].iter().take_while(|strip| {
                pixels += strip.pixels;
                pixels <= most_pixels
            });
            let end = start + fitting.count().max(1);
            let (strips, components) = (&strips[start..end], &components[start..end]);
            let bytes = part.start(strips.iter().map(|strip| strip.pixels).sum(), width)?;
            match width {
                LabelWidth::One => fill(strips, components, uninit(bytes), threads, |label| label as u8),
                LabelWidth::Two => {
                    let labels = uninit(bytemuck::cast_slice_mut(bytes));
                    fill(strips, components, labels, threads, |label| label as u16)
                }
                LabelWidth::Four => {
                    let labels = uninit(bytemuck::cast_slice_mut(bytes));
                    fill(strips, components, labels, threads, |label| label)
                }
            }?;
            part.finish_uniform(width, mask_count)?;
            labelled(first.first, part)?;
            start = end;
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
        let Self { strips, components, .. } = self;
        match target {
            LabelTarget::U8(target) => {
                fill(strips, components, &mut target[start..], threads, |label| label as u8)
            }
            LabelTarget::U16(target) => {
                fill(strips, components, &mut target[start..], threads, |label| label as u16)
            }
            LabelTarget::U32(target) => {
                fill(strips, components, &mut target[start..], threads, |label| label)
            }
        }
    }
}

/// Writes the labels of consecutive strips.
fn fill<T: Copy + Send + Sync>(
    strips: &[Strip],
    components: &[Vec<Component>],
    mut target: &mut [MaybeUninit<T>],
    threads: &Threads,
    narrow: impl Fn(u32) -> T + Sync,
) -> Result<(), Error> {
    let mut parts = try_with_capacity(strips.len())?;
    for (strip, components) in strips.iter().zip(components) {
        let (own, others) = target.split_at_mut(strip.pixels);
        parts.push((strip, components, own));
        target = others;
    }
    threads.for_each(try_collect(parts.into_iter())?, |(strip, components, target)| {
        let label = |component: u32| MaybeUninit::new(narrow(components[component as usize].number));
        match &strip.pieces {
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
