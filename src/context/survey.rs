//! What must be known of the masks before anything is written: where they lie, if they are cropped, and how many runs and
//! corners they have.

use crate::context::Context;
use crate::context::chosen::{Chosen, Found};
use crate::context::emit::{Emit, FoundSizes, OutputPlan};
use crate::context::label::{each_unmixed, label_images};
use crate::context::request::Request;
use crate::context::shapes::Shapes;
use crate::error::Error;
use crate::labels::run_map::{RunMap, RunMapBuilder};
use crate::output::outlines::TracedOutlines;
use crate::output::planes::{Crops, Places};
use crate::output::runs::CountedRuns;
use crate::runtime::call::ProgressSpan;
use crate::stages::measure::StatsBuilder;
use crate::types::geometry::Frame;
use crate::types::stats::MaskStats;

/// What is known before anything is written.
pub(super) struct Survey {
    /// Where the masks lie; empty where that was not looked for.
    pub(super) mask_stats: Vec<MaskStats>,
    /// Where they go.
    pub(super) places: Places,
    /// Their runs, if those are to be written.
    pub(super) runs: Option<CountedRuns>,
    /// Their outlines, if those are to be written.
    pub(super) outlines: Option<TracedOutlines>,
}

impl Context {
    /// Labels the pixels for what depends on them as a whole, and checks that there is room for it.
    pub(super) fn survey(
        &mut self,
        requests: &[Request],
        found: &mut Found,
        plan: &OutputPlan,
        emit: &mut Emit,
    ) -> Result<Survey, Error> {
        let mask_count = found.mask_count;
        let (mask_stats, map) = if mask_count > 0 && emit.surveys() {
            self.look(requests, found, plan, emit)?
        } else {
            (Vec::new(), None)
        };
        let crops = if emit.cropped && mask_count > 0 {
            Some(Crops::new(&mask_stats, emit.mask_format)?)
        } else {
            None
        };
        let boxes = crops.is_some().then_some(&mask_stats[..]);
        let shapes = Shapes::new(map, emit.runs, emit.outlines, mask_count, boxes, &self.threads)?;
        let bytes = plan.strides.bytes_of(mask_count.into());
        let masks = Some(crops.as_ref().map_or(bytes, |crops| crops.bytes));
        emit.sizes = FoundSizes { masks, ..shapes.sizes() };
        crops.iter().try_for_each(|crops| plan.check_crops(crops, mask_count))?;
        shapes.check(emit.runs, emit.outlines, mask_count, plan.frame.images)?;
        let Shapes { runs, outlines } = shapes;
        let outlines_are_written = emit.outlines.is_some_and(|wanted| wanted.is_written());
        let is_written = emit.runs.is_some_and(|wanted| wanted.is_written());
        let places = crops.map_or(Places::Full(plan.strides), Places::Cropped);
        Ok(Survey {
            mask_stats,
            places,
            runs: runs.filter(|_| is_written),
            outlines: outlines.filter(|_| outlines_are_written),
        })
    }

    /// Finds where the masks lie, if that is asked for, and their runs.
    fn look(
        &mut self,
        requests: &[Request],
        found: &mut Found,
        plan: &OutputPlan,
        emit: &Emit,
    ) -> Result<(Vec<MaskStats>, Option<RunMap>), Error> {
        let _finding = ProgressSpan::new(0.5);
        let (frame, mask_count) = (plan.frame, found.mask_count as usize);
        let (threads, labeler) = (&self.threads, &mut self.backends[self.labeler]);
        let needs_runs = emit.runs.is_some() || emit.outlines.is_some();
        let mut runs = needs_runs.then(|| RunMapBuilder::new(frame));
        let mut stats = match emit.cropped || emit.mask_stats {
            true => Some(StatsBuilder::new(frame, mask_count)?),
            false => None,
        };
        label_images(
            labeler,
            requests,
            &mut found.chosen,
            mask_count,
            threads,
            &mut |first_pixel, labels| {
                if let Some(runs) = &mut runs {
                    runs.add(labels, first_pixel, threads)?;
                }
                stats.as_mut().map_or(Ok(()), |stats| stats.add(labels, first_pixel, threads))
            },
        )?;
        let stats = stats.map(|stats| with_unmixed(stats, requests, &found.chosen, frame)).transpose()?;
        Ok((stats.unwrap_or_default(), runs.map(RunMapBuilder::finish).transpose()?))
    }
}

/// The masks' places, those of pixels included that were shared out.
pub(super) fn with_unmixed(
    stats: StatsBuilder,
    requests: &[Request],
    chosen: &[Chosen],
    frame: Frame,
) -> Result<Vec<MaskStats>, Error> {
    let mut stats = stats.finish()?;
    each_unmixed(requests, chosen, |unmixed, start| {
        unmixed.grow(&mut stats, start, frame);
        Ok(())
    })?;
    Ok(stats)
}
