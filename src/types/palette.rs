//! Colours with their pixel counts: what counting finds, and what gets a mask.

use crate::color::Color;

/// A colour and how many pixels have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColorCount {
    /// The colour.
    pub color: Color,
    /// Its pixels.
    pub pixels: u64,
}

/// The colours that get a mask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// One entry per mask, most frequent first, equal counts by colour.
    pub colors: Vec<ColorCount>,
    /// How many different colours the whole image has; `None` where rare colours were ruled out
    /// without being counted, which may differ from call to call. Pixels with a NaN have no colour.
    pub distinct_colors: Option<u64>,
}

/// What the stages count and collect find.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Colours with enough pixels, in any order, among them all that are to be selected.
    pub(crate) colors: Vec<ColorCount>,
    /// How many are to be selected, where that is more than there was room for: then `colors` has none.
    pub(crate) too_many: Option<u64>,
    /// How many colours there are, those with too few pixels included, if that is known.
    pub(crate) distinct: Option<u64>,
}
