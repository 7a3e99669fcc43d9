//! Label map → mask planes. Shared by both backends: the host has to write the caller's memory
//! anyway, and one byte a pixel crosses the bus more cheaply than four bytes a pixel and mask.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::labels::{Label, LabelsMut};

/// Pixels that one task expands: its labels stay in the first-level cache.
const TILE: usize = 16 * 1024;

/// Writes `masks.len() / labels.len()` planes: 1.0 where the label is the plane's, else 0.0.
pub(crate) fn expand(labels: &LabelsMut, masks: &mut [MaybeUninit<f32>]) {
    match labels {
        LabelsMut::One(labels) => expand_as(labels, masks),
        LabelsMut::Two(labels) => expand_as(labels, masks),
        LabelsMut::Four(labels) => expand_as(labels, masks),
    }
}

fn expand_as<L: Label>(labels: &[L], masks: &mut [MaybeUninit<f32>]) {
    masks.par_chunks_exact_mut(labels.len()).enumerate().for_each(|(index, plane)| {
        let wanted = L::from_number(index as u32 + 1);
        plane.par_chunks_mut(TILE).zip(labels.par_chunks(TILE)).for_each(|(plane, labels)| {
            for (value, &label) in plane.iter_mut().zip(labels) {
                value.write(if label == wanted { 1.0 } else { 0.0 });
            }
        });
    });
}
