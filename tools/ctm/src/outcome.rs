//! What came of maps that share their masks.

use std::path::PathBuf;
use std::time::Duration;

use ctm::{AbsorbedRegions, Backend, MergedColors, UnlistedColors};

use crate::args::{FormatArg, SegmentArgs};
use crate::color::Display;
use crate::export::coco;
use crate::maps::Maps;
use crate::masks::Mask;
use crate::settings::Choice;

/// All that is known when the work is done on maps that share their masks.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    /// The command line.
    pub(crate) args: &'a SegmentArgs,
    /// The colour maps.
    pub(crate) maps: &'a Maps,
    /// What they were made masks by.
    pub(crate) choice: &'a Choice,
    /// The maps' screen colours.
    pub(crate) display: Display,
    /// Which backend did the work.
    pub(crate) backend: Backend,
    /// And on which device.
    pub(crate) device: String,
    /// How long counting and masking took.
    pub(crate) duration: Duration,
    /// Different colours in all maps that were counted.
    pub(crate) distinct_colors: u64,
    /// How many colours or regions have enough pixels, and no mask all the same.
    pub(crate) left_out: u64,
    /// Masks, and files of all masks, of an earlier run that are still in the folders.
    pub(crate) stale: Vec<PathBuf>,
    /// The masks, most frequent colour first, or as the palette is.
    pub(crate) masks: Vec<Mask>,
    /// Colours that the palette does not have, if they were asked for.
    pub(crate) unlisted: Option<UnlistedColors>,
    /// Colours that became others, if they were to.
    pub(crate) merged: Option<MergedColors>,
    /// Small regions and holes that became other masks', if they were to.
    pub(crate) absorbed: Option<AbsorbedRegions>,
    /// The overview picture of each map, if there are any.
    pub(crate) overviews: Vec<PathBuf>,
    /// The files that have all masks of a map, for each map.
    pub(crate) exports: Vec<Vec<(FormatArg, PathBuf)>>,
    /// What COCO's file has of each map, if there is one.
    pub(crate) coco: Vec<coco::Image>,
    /// The label picture of each map, if there are any.
    pub(crate) labels: Vec<PathBuf>,
}

impl Outcome<'_> {
    /// How much of all maps so many pixels are, 0 to 1.
    pub(crate) fn share(&self, pixels: u64) -> f64 {
        pixels as f64 / self.maps.pixels() as f64
    }

    /// How much of one map so many pixels are, 0 to 1.
    pub(crate) fn share_of_one(&self, pixels: u64) -> f64 {
        pixels as f64 / self.maps.shape.pixels() as f64
    }

    /// Pixels that lie in some mask.
    pub(crate) fn covered(&self) -> u64 {
        self.masks.iter().map(|mask| mask.pixels).sum()
    }
}
