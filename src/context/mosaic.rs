//! Runs and outlines of a whole image from the label maps of its parts.

use crate::context::Context;
use crate::context::emit::{FoundSizes, OutlinesWanted, RunsWanted};
use crate::context::shapes::Shapes;
use crate::error::Error;
use crate::labels::mosaic::Mosaic;
use crate::output::outlines::TracedOutlines;
use crate::output::runs::CountedRuns;
use crate::types::outlines::{MaskOutlines, OutlineSettings};
use crate::types::runs::{MaskRuns, RunOrder};

/// What is to be found of so many masks of a mosaic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MosaicWanted {
    pub(crate) mask_count: u32,
    pub(crate) runs: Option<RunsWanted>,
    pub(crate) outlines: Option<OutlinesWanted>,
}

impl Context {
    /// Finds what is wanted of a mosaic, within a call. `sizes` says how much there is, also where there is no room for it.
    pub(crate) fn mosaic_shapes(
        &mut self,
        mosaic: &Mosaic,
        wanted: &MosaicWanted,
        sizes: &mut FoundSizes,
    ) -> Result<(Option<MaskRuns>, Option<MaskOutlines>), Error> {
        let MosaicWanted { mask_count, runs, outlines } = *wanted;
        let map = mosaic.run_map(mask_count)?;
        let map = (mask_count > 0).then_some(map);
        let shapes = Shapes::new(map, runs, outlines, mask_count, None, &self.threads)?;
        *sizes = shapes.sizes();
        shapes.check(runs, outlines, mask_count, 1)?;
        let Shapes { runs: found_runs, outlines: found_outlines } = shapes;
        let runs = found_runs.filter(|_| runs.is_some_and(|runs| runs.is_written()));
        let outlines = found_outlines.filter(|_| outlines.is_some_and(|outlines| outlines.is_written()));
        Ok((runs.map(CountedRuns::write).transpose()?, outlines.map(TracedOutlines::write).transpose()?))
    }
}

impl Mosaic {
    /// The masks of the whole image as run lengths: what [`Context::analyze`] gives for it in one call with
    /// [`Outputs::runs`](crate::Outputs::runs) and as many masks.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] where parts are missing, or a label is above `mask_count`; too little memory.
    pub fn runs(&self, context: &mut Context, mask_count: u32, order: RunOrder) -> Result<MaskRuns, Error> {
        let wanted = MosaicWanted { mask_count, runs: Some(RunsWanted::all(order)), outlines: None };
        let mut sizes = FoundSizes::default();
        let (runs, _) = context.call(None, |context| context.mosaic_shapes(self, &wanted, &mut sizes))?;
        Ok(runs.unwrap_or_default())
    }

    /// The masks of the whole image as polygons: what [`Context::analyze`] gives for it in one call with
    /// [`Outputs::outlines`](crate::Outputs::outlines) and as many masks.
    ///
    /// # Errors
    /// As [`Mosaic::runs`]; [`Error::InvalidArgument`] for a tolerance that is none.
    pub fn outlines(
        &self,
        context: &mut Context,
        mask_count: u32,
        settings: OutlineSettings,
    ) -> Result<MaskOutlines, Error> {
        settings.check("tolerance")?;
        let wanted = MosaicWanted { mask_count, runs: None, outlines: Some(OutlinesWanted::all(settings)) };
        let mut sizes = FoundSizes::default();
        let (_, outlines) = context.call(None, |context| context.mosaic_shapes(self, &wanted, &mut sizes))?;
        Ok(outlines.unwrap_or_default())
    }
}
