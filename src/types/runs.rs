//! Masks as the lengths of their runs.

/// Which pixels of an image follow each other in runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RunOrder {
    /// Those of a row, from the left, then those of the next row.
    #[default]
    Rows,
    /// Those of a column, from the top, then those of the next column, as in COCO's data sets.
    Columns,
}

/// Masks as the lengths of their runs: how many pixels are outside, then how many are inside, then outside, and so on. The
/// first number is 0 where the first pixel is inside; the numbers of a mask sum to its pixels, or to those of the box that it
/// is cropped to.
///
/// A run of more than `u32::MAX` pixels, which only images of more than that have, is told as `u32::MAX`, 0 and the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaskRuns {
    /// Of mask 0 in all images, then of mask 1.
    pub counts: Vec<u32>,
    /// Where the numbers of each mask and image begin, and where the last ones end: one more than there are masks times
    /// images.
    pub offsets: Vec<u64>,
}
