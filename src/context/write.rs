//! The steps of a call: find what gets a mask, find where the masks lie, label, write.

use crate::context::Context;
use crate::context::chosen::{Chosen, Found, LabelSource};
use crate::context::emit::{Emit, OutputPlan};
use crate::context::label::{each_unmixed, label_images, write_regions};
use crate::context::request::Request;
use crate::context::survey::{Survey, with_unmixed};
use crate::error::Error;
use crate::output::expand::expand;
use crate::output::label_output::LabelTarget;
use crate::output::outlines::TracedOutlines;
use crate::output::planes::{Places, Planes};
use crate::output::runs::CountedRuns;
use crate::output::scatter::clear;
use crate::runtime::alloc::try_with_capacity;
use crate::runtime::call::ProgressSpan;
use crate::stages::group::Masked;
use crate::stages::measure::StatsBuilder;
use crate::types::geometry::Frame;
use crate::types::image::ColorMap;
use crate::types::outputs::{AbsorbedRegions, Analysis, DeviceOutputs, MaskFormat, MergedColors};
use crate::types::palette::Palette;
use crate::types::params::Params;
use crate::types::stats::MaskStats;

impl Context {
    /// Does what a call asks for; what cannot be written is an error before anything is.
    pub(super) fn find_and_write(
        &mut self,
        map: &ColorMap,
        params: &Params,
        emit: &mut Emit,
    ) -> Result<Analysis, Error> {
        params.check_format(emit.mask_format)?;
        let requests = Request::of_batch(map, params)?;
        let plan = OutputPlan::new(map, emit)?;
        let mut found = self.find(&requests, &plan, emit)?;
        let Survey { mut mask_stats, places, runs, outlines } =
            self.survey(&requests, &mut found, &plan, emit)?;
        let crop_starts = match &places {
            Places::Full(_) => Vec::new(),
            Places::Cropped(crops) => crops.starts.clone(),
        };
        let has_stats = !mask_stats.is_empty();
        if let Some(stats) = self.write_to_host(&requests, &mut found, plan.frame, places, emit, has_stats)? {
            mask_stats = stats;
        }
        if !emit.device.is_empty() {
            self.write_to_device(&requests[0], &found.chosen[0], &emit.device)?;
        }
        let runs = runs.map(CountedRuns::write).transpose()?;
        let outlines = outlines.map(TracedOutlines::write).transpose()?;
        let Found { mut chosen, mask_count, unlisted, merged, absorbed, .. } = found;
        for chosen in &mut chosen {
            if let LabelSource::Connected(masks) = std::mem::take(&mut chosen.source) {
                self.regions = masks.into_memory();
            }
        }
        let (palette, image_palettes) = palettes(&requests, chosen)?;
        Ok(Analysis {
            mask_count,
            palette,
            image_palettes,
            mask_stats,
            crop_starts,
            masks_size: emit.sizes.masks.unwrap_or(0),
            unlisted,
            merged,
            absorbed,
            runs,
            outlines,
        })
    }

    /// Finds how many masks there are.
    pub(super) fn find_mask_count(&mut self, map: &ColorMap, params: &Params) -> Result<u32, Error> {
        let requests = Request::of_batch(map, params)?;
        self.start_call();
        let mut most = 0;
        for (request, left) in requests.iter().zip((1..=requests.len()).rev()) {
            let _image = ProgressSpan::new(1.0 / left as f64);
            most = most.max(match (&request.rules.given, request.connected) {
                // Known without a look at the image. Lossless: checked by `ColorRules::new`.
                (Some(given), None) => given.len() as u32,
                _ => self.choose(request, 0, false, 0, false)?.mask_count,
            });
        }
        Ok(most)
    }

    /// Chooses what gets a mask, checks that it can be written, shares out pixels that are to be unmixed, and gives away small
    /// regions.
    fn find(&mut self, requests: &[Request], plan: &OutputPlan, emit: &Emit) -> Result<Found, Error> {
        let _counting = ProgressSpan::new(if emit.looks_at_labels() { 0.5 } else { 1.0 });
        self.start_call();
        let side_by_side = self.prepare_images(requests, emit)?;
        let mut chosen = if side_by_side {
            self.choose_images(requests, plan, emit)?
        } else {
            try_with_capacity(requests.len())?
        };
        for (request, left) in requests[chosen.len()..].iter().zip((1..=requests.len()).rev()) {
            let _image = ProgressSpan::new(1.0 / left as f64);
            chosen.push(self.choose(
                request,
                plan.useful(),
                emit.unlisted.is_some(),
                emit.merged,
                emit.palette,
            )?);
        }
        let mask_count = chosen.iter().map(|chosen| chosen.mask_count).max().unwrap_or(0);
        plan.check(mask_count)?;
        // A palette is given for all images.
        let (request, unlisted) = (&requests[0], chosen[0].unlisted.take());
        let unlisted = match unlisted.filter(|_| request.rules.given.is_some()) {
            Some(listed) => self.report(&request.rules, Some(&request.pixels), listed, emit.unlisted)?,
            None => None,
        };
        let merged = MergedColors::together(chosen.iter_mut().map(|chosen| &mut chosen.merged), emit.merged)?;
        for (request, chosen) in requests.iter().zip(&mut chosen) {
            if request.connected.is_some() {
                break; // Those of regions are unmixed and absorbed already.
            }
            if requests.len() > 1 {
                self.backends[self.labeler].forget_pixels();
            }
            self.unmix(request, chosen, emit.mask_format == MaskFormat::Coverage)?;
            self.absorb(request, chosen)?;
        }
        let absorbed = AbsorbedRegions::together(chosen.iter().map(|chosen| chosen.absorbed));
        Ok(Found { chosen, mask_count, unlisted, merged, absorbed, side_by_side })
    }

    /// Labels the pixels once, and writes and measures from the labels whatever is asked for on the host: gives the
    /// masks' places, if those are, and are not known.
    fn write_to_host(
        &mut self,
        requests: &[Request],
        found: &mut Found,
        frame: Frame,
        places: Places,
        emit: &mut Emit,
        has_stats: bool,
    ) -> Result<Option<Vec<MaskStats>>, Error> {
        let mask_count = found.mask_count as usize;
        if mask_count == 0 {
            emit.labels.iter_mut().for_each(LabelTarget::clear);
            return Ok(None);
        }
        let measures = emit.mask_stats && !has_stats;
        if emit.masks.is_none() && emit.labels.is_none() && !measures {
            return Ok(None);
        }
        // SAFETY: the masks fit their memory, which is aligned for them, and is this call's alone.
        #[allow(unsafe_code)]
        let mut planes = emit
            .masks
            .as_ref()
            .map(|masks| unsafe { Planes::new(masks.first, emit.mask_format, frame, places) });
        if let Some(planes) = &mut planes {
            clear(planes, &self.threads)?;
        }
        if found.side_by_side {
            return self.write_images(requests, &mut found.chosen, mask_count, frame, planes.as_ref(), emit);
        }
        let mut stats = if measures { Some(StatsBuilder::new(frame, mask_count)?) } else { None };
        let (threads, labeler) = (&self.threads, &mut self.backends[self.labeler]);
        if let (None, None, Some(output)) = (&planes, &stats, &mut emit.labels)
            && write_regions(requests, &found.chosen, output, threads)?
        {
            return Ok(None);
        }
        label_images(
            labeler,
            requests,
            &mut found.chosen,
            mask_count,
            threads,
            &mut |first_pixel, labels| {
                if let Some(planes) = &planes {
                    expand(labels, first_pixel, planes, threads)?;
                }
                if let Some(output) = &mut emit.labels {
                    output.write(labels, first_pixel, threads)?;
                }
                stats.as_mut().map_or(Ok(()), |stats| stats.add(labels, first_pixel, threads))
            },
        )?;
        if let Some(planes) = &planes {
            each_unmixed(requests, &found.chosen, |unmixed, start| {
                unmixed.write_shares(planes, start, threads)
            })?;
        }
        stats.map(|stats| with_unmixed(stats, requests, &found.chosen, frame)).transpose()
    }

    /// Labels and writes in the caller's memory on the device. There is one request: `check_memory` has seen to it.
    fn write_to_device(
        &mut self,
        request: &Request,
        chosen: &Chosen,
        outputs: &DeviceOutputs,
    ) -> Result<(), Error> {
        let masked = match &chosen.source {
            // Without any colour, no pixel is in a mask, and none has a colour of the palette.
            LabelSource::Grouped(grouping) if !grouping.colors.is_empty() => grouping.masked(),
            _ => Masked::each(&chosen.palette.colors),
        };
        self.backends[self.labeler].label_on_device(&request.pixels, &masked, &self.threads, outputs)
    }
}

/// The palette of all images, or that of each, as callers see them.
fn palettes(requests: &[Request], chosen: Vec<Chosen>) -> Result<(Palette, Vec<Palette>), Error> {
    let mut palettes = try_with_capacity(chosen.len())?;
    for (request, chosen) in requests.iter().zip(chosen) {
        palettes.push(request.rules.reported(chosen.palette)?);
    }
    let palette = if palettes.len() == 1 { palettes.pop() } else { None };
    Ok((palette.unwrap_or_default(), palettes))
}
