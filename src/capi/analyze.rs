//! `ctm_analyze`: everything that `ctm_run` leaves out.

use crate::capi::buffers::{Extent, null};
use crate::capi::context::{Call, Failure, ctm_context, on_context};
use crate::capi::counts::ctm_counts;
use crate::capi::image::{IMAGE_SIZES, ctm_image};
use crate::capi::options::checked_size;
use crate::capi::outputs::{Checked, OUTPUTS_SIZES, ctm_outputs};
use crate::capi::params::{PARAMS_SIZES, ctm_params};
use crate::capi::status::ctm_status;
use crate::capi::structs::{inside, read, read_or};
use crate::error::Error;
use crate::types::outputs::Analysis;
use crate::types::params::Params;

/// What was found. Start from `CTM_RESULT_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_result {
    /// `sizeof(ctm_result)` as the caller's header has it; `CTM_RESULT_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// How many masks there are; with `CTM_BATCH_EACH` as many as the image with the most colours has.
    pub mask_count: u32,
    /// 0.
    pub reserved: u32,
    /// How many different colours the counted images have, ignored ones and those with too few pixels included; 0
    /// where that was not found out, which may differ from call to call, and with `CTM_BATCH_EACH`. To know it for
    /// certain, ask for the size alone, with `min_pixels` 1, `max_count` `UINT32_MAX`, no colour ignored, merged or given,
    /// and no regions: then `mask_count` is this number.
    pub distinct_colors: u64,
    /// Bytes that all masks need in `mask_format`.
    pub masks_size: u64,
    /// Bytes that the labels need in `label_format`.
    pub labels_size: u64,
    /// Entries that the palette needs.
    pub palette_len: u64,
    /// Pixels whose colours a given palette does not have, if they were looked for: not in it, not near enough to join
    /// one of its masks, and not ignored. `unlisted` changes nothing here.
    pub unlisted_pixels: u64,
    /// How many such colours there are.
    pub unlisted_colors: u64,
    /// Pixels whose colours `params.merge` has made others, if anything was to be written.
    pub merged_pixels: u64,
    /// How many such colours there are.
    pub merged_colors: u64,
}

pub(super) const RESULT_SIZES: [usize; 1] = [size_of::<ctm_result>()];

impl ctm_result {
    pub(super) const NOTHING: Self = Self {
        struct_size: size_of::<Self>(),
        mask_count: 0,
        reserved: 0,
        distinct_colors: 0,
        masks_size: 0,
        labels_size: 0,
        palette_len: 0,
        unlisted_pixels: 0,
        unlisted_colors: 0,
        merged_pixels: 0,
        merged_colors: 0,
    };

    /// What is told of an error.
    pub(super) fn of_error(error: &Error) -> Self {
        match *error {
            Error::UnlistedColors { pixels, colors, .. } => {
                Self { unlisted_pixels: pixels, unlisted_colors: colors, ..Self::NOTHING }
            }
            _ => Self::NOTHING,
        }
    }

    /// What is told of colours, wherever they lie.
    pub(super) fn of_colors(analysis: &Analysis) -> Self {
        let unlisted = analysis.unlisted.as_ref();
        Self {
            distinct_colors: analysis.palette.distinct_colors.unwrap_or(0),
            unlisted_pixels: unlisted.map_or(0, |unlisted| unlisted.pixels),
            unlisted_colors: unlisted.map_or(0, |unlisted| unlisted.colors),
            merged_pixels: analysis.merged.pixels,
            merged_colors: analysis.merged.colors,
            ..Self::NOTHING
        }
    }

    /// Writes as much of it as the caller's struct has room for.
    ///
    /// # Safety
    /// `result` can be written to, for `size` bytes, a published size.
    pub(super) unsafe fn write_to(self, result: *mut Self, size: usize) {
        let found = Self { struct_size: size, ..self };
        let source = std::ptr::from_ref(&found).cast::<u8>();
        // SAFETY: the caller vouches for it; no published size is larger than the struct.
        unsafe { result.cast::<u8>().copy_from_nonoverlapping(source, size) };
    }
}

/// Finds the colours that get a mask, as `ctm_run` does, and writes whatever is asked for, in one go: masks, labels,
/// the palette. It takes pixels as they are stored, and more than the most frequent colours.
///
/// An image that is not there as a whole is analyzed in bands or tiles: see `ctm_counts`.
///
/// With nothing to write it is the size query for everything: `result` tells how many masks there are and how much
/// room each output needs in the formats stated.
///
/// @param context A context of `ctm_create`.
/// @param image The pixels, in a struct that starts as `CTM_IMAGE_INIT`. Must not be NULL.
/// @param params A struct that starts as `CTM_PARAMS_INIT`, or NULL: the same as that.
/// @param outputs A struct that starts as `CTM_OUTPUTS_INIT`, or NULL: nothing is written. The buffers may not overlap
/// each other, the structs or the pixels.
/// @param result A struct that starts as `CTM_RESULT_INIT`; receives what was found. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*result` filled in and no output touched: a buffer is too small,
/// or `label_format` cannot number so many masks; `CTM_ERROR_UNLISTED_COLORS`, with only the unlisted colours counted
/// in `*result` and no output touched; `CTM_ERROR_INVALID_ARGUMENT`: nothing was written, `*result` included;
/// `CTM_ERROR_UNSUPPORTED`, with memory on a device only: nothing was written, `*result` included;
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
    let work = |call: &Call| -> Result<(), Failure> {
        if image.is_null() {
            return Err(null("image", "a struct that starts as CTM_IMAGE_INIT").into());
        }
        if result.is_null() {
            return Err(null("result", "a struct that starts as CTM_RESULT_INIT").into());
        }
        // SAFETY: not NULL where they must not be; the caller vouches for the rest.
        let (image_fields, params_fields, outputs_fields, result_size) = unsafe {
            (
                read(image, "image", &IMAGE_SIZES, "CTM_IMAGE_INIT")?,
                read_or("params", params, &PARAMS_SIZES, "CTM_PARAMS_INIT", ctm_params::INIT)?,
                read_or("outputs", outputs, &OUTPUTS_SIZES, "CTM_OUTPUTS_INIT", ctm_outputs::INIT)?,
                checked_size("result", result, &RESULT_SIZES, "CTM_RESULT_INIT")?,
            )
        };
        let result_extent = Extent::new("result", result.addr(), result_size, "bytes", 1)?;
        // SAFETY: the caller vouches for the pixels and colours.
        let (map, pixels) = unsafe { image_fields.map() }?;
        // SAFETY: as above.
        let settings = unsafe { params_fields.settings() }?;
        // SAFETY: the caller vouches for the counts.
        let counts = unsafe { ctm_counts::of_params(params_fields.counts) }?;
        let settings = Params { counts: counts.as_deref(), ..settings };
        // SAFETY: as above.
        let outputs = unsafe { Checked::new(&outputs_fields, &map) }?;
        outputs.check_apart(&pixels, &result_extent)?;
        for (lent, memory) in
            map.memory().iter().flat_map(|lent| outputs.device().memories().map(|of| (*lent, of)))
        {
            memory.check_apart(&lent)?;
        }
        settings.check(&map).map_err(|error| inside("params", error))?;
        settings.check_format(outputs.mask_format())?;
        call.check()?;
        let write_result = |found: ctm_result| {
            // SAFETY: the caller vouches for so many bytes, which no other buffer has a part in.
            unsafe { found.write_to(result, result_size) };
        };
        let mut progress = params_fields.progress();
        let progress = progress.as_mut().map(|progress| progress as _);
        let found = call.run(progress, |engine| {
            engine.check_memory(&map, &settings, outputs.device())?;
            write_result(ctm_result::NOTHING);
            if outputs.has_any() && !outputs.labels_are_too_small() {
                // SAFETY: the buffers are apart; the caller vouches for them.
                let analysis = engine.emit(&map, &settings, unsafe { outputs.emit() })?;
                Ok(Found::Analysis(Box::new(analysis)))
            } else {
                engine.count_masks(&map, &settings).map(Found::Count)
            }
        });
        let mask_count = match &found {
            Ok(Found::Analysis(analysis)) => analysis.mask_count,
            Ok(Found::Count(mask_count)) => *mask_count,
            Err(
                Error::BufferTooSmall { mask_count, .. }
                | Error::MasksTooLarge { mask_count, .. }
                | Error::LabelsTooNarrow { mask_count, .. }
                | Error::PaletteTooLarge { mask_count, .. },
            ) => *mask_count,
            Err(error) => {
                if error == &Error::Cancelled {
                    write_result(ctm_result::NOTHING); // perhaps before its turn has come
                }
                if matches!(error, Error::UnlistedColors { .. }) {
                    write_result(ctm_result::of_error(error));
                }
                return Err(error.clone().into());
            }
        };
        let mut filled = outputs.needed(mask_count);
        if let Ok(Found::Analysis(analysis)) = &found {
            let ctm_result { mask_count, masks_size: _, labels_size, palette_len, .. } = filled;
            filled = ctm_result {
                mask_count,
                masks_size: analysis.masks_size,
                labels_size,
                palette_len,
                ..ctm_result::of_colors(analysis)
            };
            // SAFETY: the caller vouches for the entries, whose number was checked.
            unsafe { outputs.write_palette(analysis) };
        }
        if let Err(Error::MasksTooLarge { needed, .. }) = &found {
            filled.masks_size = *needed;
        }
        write_result(filled);
        if matches!(found, Err(Error::BufferTooSmall { .. } | Error::MasksTooLarge { .. })) {
            let (size, needed) = (outputs_fields.masks_size, filled.masks_size);
            return Err(Failure::too_small(format!(
                "outputs.masks_size is {size}; {mask_count} masks need {needed} bytes"
            )));
        }
        if outputs.labels_are_too_small() {
            let (size, needed) = (outputs_fields.labels_size, filled.labels_size);
            return Err(Failure::too_small(format!(
                "outputs.labels_size is {size}; the labels need {needed} bytes"
            )));
        }
        found?;
        Ok(())
    };
    // SAFETY: the caller vouches for the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// What a call came to.
enum Found {
    Analysis(Box<Analysis>),
    Count(u32),
}
