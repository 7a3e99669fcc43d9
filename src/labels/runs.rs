//! The label map as runs: pixels of a row that follow each other in the same mask.

use crate::labels::{KeptTile, LabelScratch, Labels, NO_MASK};
use crate::types::geometry::Frame;

/// Consecutive pixels of a row that are in the same mask. A longer run may come in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaskRun {
    pub(crate) mask: u32,
    /// The first pixel, in reading order, of all images.
    pub(crate) first: usize,
    pub(crate) pixels: usize,
    pub(crate) column: usize,
    /// In its image.
    pub(crate) row: usize,
    pub(crate) image: usize,
}

/// Calls `each` with the runs of a tile, whose first pixel is `first`; `masks` has the mask of each label. Runs that are
/// kept as such are not decoded.
#[inline]
pub(crate) fn for_each_run_of_tile(
    tile: &KeptTile,
    scratch: &mut LabelScratch,
    masks: &[u32],
    first: usize,
    frame: Frame,
    mut each: impl FnMut(MaskRun),
) {
    let Some(runs) = tile.runs() else {
        return for_each_run(tile.read(scratch).labels, masks, first, frame, each);
    };
    let Frame { width, height, .. } = frame;
    let (mut first, mut row, mut column) = (first, first / width, first % width);
    let mut image = row / height;
    row %= height;
    for (label, mut rest) in runs {
        let mask = masks.get(usize::from(label)).copied().unwrap_or(NO_MASK);
        while rest > 0 {
            let pixels = rest.min(width - column);
            if mask != NO_MASK {
                each(MaskRun { mask, first, pixels, column, row, image });
            }
            (first, rest, column) = (first + pixels, rest - pixels, column + pixels);
            if column == width {
                (row, column) = (row + 1, 0);
            }
            if row == height {
                (image, row) = (image + 1, 0);
            }
        }
    }
}

/// Calls `each` with the runs of some labels, whose first one is that of the pixel `first`; `masks` has the mask of
/// each label.
#[inline]
pub(crate) fn for_each_run(
    labels: Labels,
    masks: &[u32],
    first: usize,
    frame: Frame,
    mut each: impl FnMut(MaskRun),
) {
    match labels {
        Labels::One(labels) => runs(labels, masks, first, frame, &mut each),
        Labels::Two(labels) => runs(labels, masks, first, frame, &mut each),
        Labels::Four(labels) => runs(labels, masks, first, frame, &mut each),
    }
}

#[inline]
fn runs<L: Copy + Eq + Into<u32>>(
    labels: &[L],
    masks: &[u32],
    first: usize,
    frame: Frame,
    each: &mut impl FnMut(MaskRun),
) {
    let Frame { width, height, .. } = frame;
    let (mut row, mut column) = (first / width, first % width);
    let mut start = 0;
    while start < labels.len() {
        let (image, image_row) = (row / height, row % height);
        let row_end = labels.len().min(start + (width - column));
        while start < row_end {
            let pixels = run_length(&labels[start..row_end]);
            let label: u32 = labels[start].into();
            let mask = masks.get(label as usize).copied().unwrap_or(NO_MASK);
            if mask != NO_MASK {
                each(MaskRun { mask, first: first + start, pixels, column, row: image_row, image });
            }
            start += pixels;
            column += pixels;
        }
        (row, column) = (row + 1, 0);
    }
}

/// How many labels equal the first one, from there on.
pub(super) fn run_length<L: Copy + Eq>(labels: &[L]) -> usize {
    const BLOCK: usize = 32;
    let label = labels[0];
    let blocks = labels.as_chunks::<BLOCK>().0.iter();
    let equal = blocks.take_while(|block| block.iter().fold(true, |equal, &other| equal & (other == label)));
    let start = BLOCK * equal.count();
    start + labels[start..].iter().take_while(|&&other| other == label).count()
}
