//! Masks' runs and outlines, from the runs of all lines of the images.

use crate::context::emit::{FoundSizes, OutlinesWanted, RunsWanted};
use crate::error::Error;
use crate::labels::run_map::RunMap;
use crate::output::outlines::TracedOutlines;
use crate::output::runs::CountedRuns;
use crate::runtime::threads::Threads;
use crate::types::runs::RunOrder;
use crate::types::stats::MaskStats;

/// What is wanted of both.
pub(super) struct Shapes {
    pub(super) runs: Option<CountedRuns>,
    pub(super) outlines: Option<TracedOutlines>,
}

impl Shapes {
    /// Those of so many masks; `None`: there is none. With boxes runs are those within them.
    pub(super) fn new(
        map: Option<RunMap>,
        runs: Option<RunsWanted>,
        outlines: Option<OutlinesWanted>,
        mask_count: u32,
        boxes: Option<&[MaskStats]>,
        threads: &Threads,
    ) -> Result<Self, Error> {
        let masks = mask_count as usize;
        let outlines = match (outlines, &map) {
            (Some(wanted), Some(map)) => Some(TracedOutlines::new(map, masks, wanted.settings, threads)?),
            (Some(_), None) => Some(TracedOutlines::none()),
            (None, _) => None,
        };
        let runs = match (runs, map) {
            (Some(wanted), Some(map)) => {
                let map = match wanted.order {
                    RunOrder::Rows => map,
                    RunOrder::Columns => map.transposed(threads)?,
                };
                Some(CountedRuns::new(map, wanted.order, masks, boxes)?)
            }
            (Some(_), None) => Some(CountedRuns::none()),
            (None, _) => None,
        };
        Ok(Self { runs, outlines })
    }

    /// How much there is of them.
    pub(super) fn sizes(&self) -> FoundSizes {
        let outlines = self.outlines.as_ref();
        FoundSizes {
            masks: None,
            run_counts: self.runs.as_ref().map_or(0, CountedRuns::len),
            outline_points: outlines.map_or(0, TracedOutlines::points),
            outline_rings: outlines.map_or(0, TracedOutlines::rings),
        }
    }

    /// Whether there is room for them.
    pub(super) fn check(
        &self,
        runs: Option<RunsWanted>,
        outlines: Option<OutlinesWanted>,
        mask_count: u32,
        images: usize,
    ) -> Result<(), Error> {
        let FoundSizes { run_counts, outline_points, outline_rings, .. } = self.sizes();
        runs.map_or(Ok(()), |wanted| wanted.check(mask_count, images, run_counts))?;
        outlines.map_or(Ok(()), |wanted| wanted.check(mask_count, images, outline_points, outline_rings))
    }
}
