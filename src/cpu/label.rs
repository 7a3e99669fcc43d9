//! Stage label: each pixel's label.

use std::convert::Infallible;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rayon::prelude::*;

use super::{for_runs, key};
use crate::error::Error;
use crate::labels::{Label, LabelsMut};
use crate::pipeline::ColorCount;
use crate::threads::Threads;

/// Pixels that one task labels.
const TILE: usize = 64 * 1024;

type LabelOfColor<const C: usize, L> = HashMap<[u32; C], L, FixedState>;

/// Writes one label per pixel: the position of its colour in `palette` plus one, else 0.
pub(super) fn label<const C: usize>(
    pixels: &[[u32; C]],
    palette: &[ColorCount],
    labels: &mut LabelsMut,
    threads: &Threads,
) -> Result<(), Error> {
    match labels {
        LabelsMut::One(labels) => label_as(pixels, palette, labels, threads),
        LabelsMut::Two(labels) => label_as(pixels, palette, labels, threads),
        LabelsMut::Four(labels) => label_as(pixels, palette, labels, threads),
    }
}

fn label_as<const C: usize, L: Label>(
    pixels: &[[u32; C]],
    palette: &[ColorCount],
    labels: &mut [L],
    threads: &Threads,
) -> Result<(), Error> {
    let mut label_of_color = LabelOfColor::<C, L>::default();
    label_of_color
        .try_reserve(palette.len())
        .map_err(|_| Error::OutOfMemory(format!("a table of {} masks", palette.len())))?;
    for (number, entry) in (1..).zip(palette) {
        if let Some(&key) = entry.color.bits().first_chunk() {
            label_of_color.insert(key, L::from_number(number));
        }
    }
    threads.run(|| {
        pixels
            .par_chunks(TILE)
            .zip(labels.par_chunks_mut(TILE))
            .for_each(|(pixels, labels)| label_tile(pixels, &label_of_color, labels));
    });
    Ok(())
}

fn label_tile<const C: usize, L: Label>(
    pixels: &[[u32; C]],
    label_of_color: &LabelOfColor<C, L>,
    labels: &mut [L],
) {
    let mut start = 0;
    let labelled = for_runs(pixels, |pixel, length| {
        let label = key(pixel).and_then(|key| label_of_color.get(&key));
        labels[start..start + length].fill(label.copied().unwrap_or(L::from_number(0)));
        start += length;
        Ok::<(), Infallible>(())
    });
    match labelled {
        Ok(()) => {}
        Err(never) => match never {},
    }
}
