//! `ctm_analyze`: everything that `ctm_run` leaves out.

use crate::capi::context::{Call, ctm_context, on_context};
use crate::capi::counts_handle::ctm_counts;
use crate::capi::extent::{Extent, check_all_apart};
use crate::capi::image::ctm_image;
use crate::capi::lists::Lists;
use crate::capi::outlines::OutlinesTarget;
use crate::capi::outputs::{Formats, ctm_outputs};
use crate::capi::params::ctm_params;
use crate::capi::planes::Planes;
use crate::capi::regions_handle::ctm_regions;
use crate::capi::result::{ResultTarget, ctm_result};
use crate::capi::runs::RunsTarget;
use crate::capi::status::ctm_status;
use crate::capi::structs::{Versioned, inside, read, read_or_init};
use crate::context::Context;
use crate::context::emit::{Emit, FoundSizes};
use crate::error::{Capacity, Error};
use crate::types::image::{ColorMap, Format};
use crate::types::matching::Connectivity;
use crate::types::outputs::Analysis;
use crate::types::params::Params;

/// Finds the colours that get a mask, as `ctm_run` does, and writes whatever is asked for, in one go: masks, labels,
/// the palette. It takes pixels as they are stored, and more than the most frequent colours.
///
/// An image that is not there as a whole is analyzed in bands or tiles: see `ctm_counts`, and `ctm_regions` for connected
/// regions.
///
/// With nothing to write it is the size query for everything: `result` tells how many masks there are and how much
/// room each output needs in the formats stated.
///
/// @param context A context of `ctm_create`.
/// @param image The pixels, in a struct that starts as `CTM_IMAGE_INIT`. Must not be NULL.
/// @param params A struct that starts as `CTM_PARAMS_INIT`, or NULL for those defaults.
/// @param outputs A struct that starts as `CTM_OUTPUTS_INIT`, or NULL: nothing is written. The buffers may not overlap
/// each other, the structs or the pixels.
/// @param result A struct that starts as `CTM_RESULT_INIT`; receives what was found. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*result` filled in and no output touched: a buffer is too small,
/// or `label_format` cannot number so many masks; `CTM_ERROR_UNLISTED_COLORS`, with only the unlisted colours counted
/// in `*result` and no output touched; `CTM_ERROR_INVALID_ARGUMENT`: nothing was written, `*result` included;
/// `CTM_ERROR_UNSUPPORTED`, with memory on a device or `regions` only: nothing was written, `*result` included;
/// `CTM_ERROR_DATA`, with `regions` only: the part's pixels are others than when it was added; the fields of `*result` are 0 and
/// no output was touched;
/// `CTM_ERROR_CANCELLED`, `CTM_ERROR_OUT_OF_MEMORY`, `CTM_ERROR_OUT_OF_DEVICE_MEMORY`, `CTM_ERROR_DEVICE_LOST`,
/// `CTM_ERROR_TIMEOUT`, `CTM_ERROR_DRIVER` or `CTM_ERROR_INTERNAL`: the fields of `*result` are 0 and the outputs' contents are unspecified.
/// `ctm_last_error(context)` has the detail.
/// Ownership: all buffers stay the caller's and are used during the call only, whatever it returns.
/// Threads: any; calls on one context wait for each other. `ctm_cancel` stops them.
/// Not promised: how long a call takes.
///
/// # Safety
/// Each pointer is NULL or points to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_analyze(
    context: *mut ctm_context,
    image: *const ctm_image,
    params: *const ctm_params,
    outputs: *const ctm_outputs,
    result: *mut ctm_result,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        // SAFETY: the caller guarantees the structs.
        let (image, params, fields, result) = unsafe {
            (
                read("image", image)?,
                read_or_init("params", params)?,
                read_or_init("outputs", outputs)?,
                ResultTarget::new(result)?,
            )
        };
        // SAFETY: the caller guarantees the pixels and colours.
        let ((map, pixels), colors) = unsafe { (image.map()?, params.settings()?) };
        // SAFETY: the caller guarantees the counts and the regions.
        let (counts, regions) =
            unsafe { (ctm_counts::of_params(params.counts)?, ctm_regions::of_params(params.regions)?) };
        let part = params.part(regions.as_deref())?;
        let settings = Params { counts: counts.as_deref(), part, ..colors };
        let formats = Formats::new(&fields)?;
        let lists = Lists::new(&fields)?;
        // SAFETY: the caller guarantees the structs.
        let (planes, runs) =
            unsafe { (Planes::new(&fields, &formats, &map)?, RunsTarget::new(fields.runs)?) };
        // SAFETY: as above.
        let outlines = unsafe { OutlinesTarget::new(fields.outlines) }?;
        let connected = settings.connected;
        let outputs = Outputs { format: map.format(), formats, lists, planes, runs, outlines, connected };
        outputs.check_apart(vec![pixels, result.extent()?])?;
        outputs.planes.check_apart_on_device(&map)?;
        settings.check(&map).map_err(|error| inside("params", error))?;
        settings.check_format(outputs.formats.mask)?;
        call.check()?;
        let mut progress = params.progress();
        let progress = progress.as_mut().map(|progress| progress as _);
        // SAFETY: the caller guarantees the struct, which no other buffer has a part in.
        let report = |found| unsafe { result.write(found) };
        let mut sizes = FoundSizes::default();
        let found = call.run(progress, |engine| {
            engine.check_memory(&map, &settings, outputs.planes.device())?;
            report(ctm_result::INIT);
            outputs.find(engine, &map, &settings, &mut sizes)
        });
        outputs.finish(found, sizes, report)
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// What a call found.
enum Found {
    Analysis(Box<Analysis>),
    /// Where nothing is to be written.
    MaskCount(u32),
}

/// The outputs of a call, checked.
struct Outputs<'a> {
    /// Of the image.
    format: Format,
    formats: Formats,
    lists: Lists<'a>,
    planes: Planes<'a>,
    runs: Option<RunsTarget>,
    outlines: Option<OutlinesTarget>,
    /// As the params have it.
    connected: Option<Connectivity>,
}

impl<'a> Outputs<'a> {
    /// Checks that no buffer overlaps another, or one of these.
    fn check_apart(&self, others: Vec<Extent>) -> Result<(), Error> {
        let mut lists = vec![others, self.planes.extents()?, self.lists.extents()?];
        if let Some(runs) = &self.runs {
            lists.push(runs.extents()?.into());
        }
        if let Some(outlines) = &self.outlines {
            lists.push(outlines.extents()?);
        }
        check_all_apart(&lists)
    }

    /// The buffers as the engine takes them. They are apart, which was checked.
    fn emit(&self) -> Emit<'a> {
        // SAFETY: the caller of `ctm_analyze` guarantees the buffers.
        let (masks, labels) = unsafe { (self.planes.masks(), self.planes.labels()) };
        Emit {
            masks,
            mask_format: self.formats.mask,
            mask_layout: self.formats.layout,
            cropped: self.formats.cropped,
            labels,
            mask_stats: self.lists.has_palette(),
            runs: self.runs.as_ref().map(RunsTarget::wanted),
            outlines: self.outlines.as_ref().map(|outlines| outlines.wanted(self.connected)),
            palette: self.lists.has_palette(),
            unlisted: self.lists.unlisted(&self.formats),
            merged: self.lists.merged(),
            device: *self.planes.device(),
            most_entries: self.lists.palette_capacity(),
            sizes: FoundSizes::default(),
        }
    }

    /// Does what is asked for; where that is nothing, or labels do not fit, it counts the masks.
    fn find(
        &self,
        engine: &mut Context,
        map: &ColorMap,
        settings: &Params,
        sizes: &mut FoundSizes,
    ) -> Result<Found, Error> {
        let has_any = self.planes.has_any() || self.lists.has_any() || self.runs.is_some();
        let asks = has_any || self.outlines.is_some() || self.formats.asks_to_look();
        if !asks || self.planes.missing_labels().is_some() {
            return engine.count_masks(map, settings).map(Found::MaskCount);
        }
        let mut emit = self.emit();
        let analysis = engine.emit(map, settings, &mut emit);
        *sizes = emit.sizes;
        Ok(Found::Analysis(Box::new(analysis.map_err(named)?)))
    }

    /// Tells the caller what was found, also where it does not fit.
    fn finish(
        &self,
        found: Result<Found, Error>,
        sizes: FoundSizes,
        report: impl Fn(ctm_result),
    ) -> Result<(), Error> {
        let needed = |mask_count| self.planes.needed(mask_count).with_sizes(sizes);
        match found {
            Ok(Found::Analysis(analysis)) => {
                report(needed(analysis.mask_count).with_colors(&analysis));
                // SAFETY: the caller of `ctm_analyze` guarantees the buffers, whose sizes were checked.
                unsafe {
                    self.lists.write(&analysis, self.format);
                    self.lists
                        .write_palette(&analysis, self.format, |mask, image| self.planes.offset(mask, image));
                    if let (Some(target), Some(runs)) = (&self.runs, &analysis.runs) {
                        target.write(runs);
                    }
                    if let (Some(target), Some(outlines)) = (&self.outlines, &analysis.outlines) {
                        target.write(outlines);
                    }
                }
                Ok(())
            }
            Ok(Found::MaskCount(mask_count)) => {
                report(needed(mask_count));
                self.planes.missing_labels().map_or(Ok(()), Err)
            }
            Err(error) => {
                match error {
                    Error::TooSmall { mask_count, .. } => report(needed(mask_count)),
                    Error::UnlistedColors { .. } => report(ctm_result::of_error(&error)),
                    Error::Cancelled => report(ctm_result::INIT), // perhaps before its turn has come
                    _ => {}
                }
                Err(error)
            }
        }
    }
}

/// Of what does not fit, the field that says how large it is.
pub(super) fn named(error: Error) -> Error {
    let Error::TooSmall { what, mask_count, needed, given, .. } = error else { return error };
    let argument = match what {
        Capacity::LabelNumbers => "outputs.label_format",
        Capacity::PaletteEntries => "outputs.palette_capacity",
        Capacity::RunCounts => "outputs.runs.counts_capacity",
        Capacity::RunOffsets => "outputs.runs.offsets_capacity",
        Capacity::OutlinePoints => "outputs.outlines.points_capacity",
        Capacity::RingOffsets => "outputs.outlines.ring_offsets_capacity",
        Capacity::RingExteriors => "outputs.outlines.ring_exteriors_capacity",
        Capacity::MaskOffsets => "outputs.outlines.mask_offsets_capacity",
        _ => "outputs.masks_size",
    };
    Error::too_small(what, argument, mask_count, needed, given)
}
