//! The functions on `ctm_counts`: pixel counts of parts of an image.

use std::ffi::c_void;

use crate::capi::boundary::guard;
use crate::capi::context::{Call, ctm_context, on_any_context, on_context};
use crate::capi::counts_handle::ctm_counts;
use crate::capi::extent::{ByteBuffer, Extent, check_all_apart, check_pointer, null};
use crate::capi::image::ctm_image;
use crate::capi::lists::Lists;
use crate::capi::outputs::{Formats, ctm_outputs};
use crate::capi::params::ctm_params;
use crate::capi::result::{ResultTarget, ctm_result};
use crate::capi::status::ctm_status;
use crate::capi::structs::{Versioned, inside, read, read_or_init};
use crate::error::{Capacity, Error};
use crate::types::color_counts::{ColorCounts, Kind};

/// Creates counts of nothing.
///
/// @param context A context of `ctm_create`, which is asked for the reason if the call fails; the counts may outlive it.
/// @param counts Receives the new counts, or NULL on any error. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT` or `CTM_ERROR_INTERNAL`. `ctm_last_error(context)` has the detail.
/// Ownership: the caller's, to be given back with `ctm_counts_destroy`.
/// Threads: any; does not wait for a running call.
///
/// # Safety
/// `context` is NULL or a living context; `counts` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_counts_create(
    context: *mut ctm_context,
    counts: *mut *mut ctm_counts,
) -> ctm_status {
    let work = |call: Option<&Call>| {
        check_pointer("counts", counts)?;
        // SAFETY: not NULL, aligned; the caller guarantees the rest.
        unsafe { *counts = std::ptr::null_mut() };
        call.ok_or_else(|| null("context", "a context made by ctm_create"))?;
        // SAFETY: as above.
        unsafe { *counts = ctm_counts::into_raw(ColorCounts::new()) };
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_any_context(context, work) }
}

/// Destroys counts. No other call may use them any more, now or later.
///
/// @param counts An object of `ctm_counts_create` or `ctm_counts_import`, or NULL: nothing happens.
/// Threads: any.
///
/// # Safety
/// `counts` is NULL or such an object that was not destroyed before, and no call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_counts_destroy(counts: *mut ctm_counts) {
    if counts.is_null() {
        return;
    }
    // SAFETY: the caller guarantees that it came from `into_raw` and is nobody else's.
    guard((), || drop(unsafe { Box::from_raw(counts) }));
}

/// Counts the pixels of one more part of an image. Each pixel of the image is to be added once; the order of the parts,
/// their sizes and shapes change nothing.
///
/// @param context A context of `ctm_create`; does the counting. Different ones may add to the same counts.
/// @param counts What the part is added to. Must not be NULL.
/// @param image The part, in a struct that starts as `CTM_IMAGE_INIT`: a band, a tile or a whole image, in any layout.
/// `format` and `channels` must be those of the first part. Must not be NULL.
/// @param params A struct that starts as `CTM_PARAMS_INIT`, or NULL for those defaults. `matching` and `alpha` (with
/// `least_alpha`) must be those of the first part. Of several images in `image`, `CTM_BATCH_ALL` counts all, and
/// `CTM_BATCH_FIRST` the first. `progress` is called as by `ctm_analyze`. The other fields are checked and make no difference, `counts` included, which is not
/// looked at, nor are `regions`, `part_left` and `part_top`.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_CANCELLED`; `CTM_ERROR_OUT_OF_MEMORY`, also where the counts would have more
/// colours than the context's `memory_limit` has room for; `CTM_ERROR_OUT_OF_DEVICE_MEMORY`, `CTM_ERROR_DEVICE_LOST`,
/// `CTM_ERROR_TIMEOUT`, `CTM_ERROR_DRIVER` or `CTM_ERROR_INTERNAL`. On any error the counts are what they were.
/// `ctm_last_error(context)` has the detail.
/// Ownership: the pixels stay the caller's and are used during the call only, whatever it returns. Counts take 24 bytes a colour, twice
/// as many while they are added to.
/// Threads: any; calls on one context wait for each other, and those with different contexts count side by side.
/// `ctm_cancel` stops them.
/// Not promised: how long a call takes.
///
/// # Safety
/// Each pointer is NULL or points to what its type says, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_counts_add(
    context: *mut ctm_context,
    counts: *mut ctm_counts,
    image: *const ctm_image,
    params: *const ctm_params,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        // SAFETY: the caller guarantees the pointer.
        let counts = unsafe { ctm_counts::from_pointer("counts", counts) }?;
        // SAFETY: the caller guarantees the structs.
        let (image, params) = unsafe { (read("image", image)?, read_or_init("params", params)?) };
        // SAFETY: the caller guarantees the pixels and colours.
        let ((map, _), settings) = unsafe { (image.map()?, params.settings()?) };
        settings.check(&map).map_err(|error| inside("params", error))?;
        let prefixes = ["image.", "params."];
        let kind = Kind::new(&map, settings.matching, settings.alpha);
        counts.shared()?.check_part(&kind, prefixes)?;
        call.check()?;
        let mut progress = params.progress();
        let progress = progress.as_mut().map(|progress| progress as _);
        let (part, most) =
            call.run(progress, |engine| Ok((engine.count_part(&map, &settings)?, engine.most_listed())))?;
        let mut counts = counts.exclusive()?;
        counts.check_part(&kind, prefixes)?; // another thread may have added the first part meanwhile
        counts.add_part(part, most)?;
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Adds other counts, for example those of another machine. Whatever the order and the grouping, equal parts come to
/// equal counts.
///
/// @param context A context of `ctm_create`.
/// @param counts What is added to. Must not be NULL.
/// @param other What is added; stays as it is. Must be of the same format, number of channels, `matching` and `alpha`,
/// if both have parts. Must not be NULL or `counts`.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_OUT_OF_MEMORY`, also where the counts would have more
/// colours than the context's `memory_limit` has room for; `CTM_ERROR_CANCELLED` where it has waited for another call;
/// `CTM_ERROR_INTERNAL`. On any error the counts are what they
/// were. `ctm_last_error(context)` has the detail.
/// Threads: any; calls on one context wait for each other.
///
/// # Safety
/// Each pointer is NULL or points to what its type says, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_counts_merge(
    context: *mut ctm_context,
    counts: *mut ctm_counts,
    other: *const ctm_counts,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        let same = std::ptr::eq(counts, other);
        // SAFETY: the caller guarantees the pointers.
        let (counts, other) = unsafe {
            (ctm_counts::from_pointer("counts", counts)?, ctm_counts::from_pointer("other", other)?)
        };
        if same {
            let text = "other is the same object as counts; another one is expected".to_owned();
            return Err(Error::InvalidArgument(text));
        }
        call.check()?;
        let most = call.run(None, |engine| Ok(engine.most_listed()))?;
        let (mut counts, other) = if std::ptr::from_ref(counts) < std::ptr::from_ref(other) {
            let counts = counts.exclusive()?;
            (counts, other.shared()?)
        } else {
            let other = other.shared()?;
            (counts.exclusive()?, other)
        };
        counts.merge_up_to(&other, most)?;
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Counts as bytes, for `ctm_counts_import` in another process or on another machine, whatever its processor. Equal
/// counts give equal bytes. `docs/counts-format.md` describes them.
///
/// Ask for the size first, then for the bytes.
///
/// @param context A context of `ctm_create`.
/// @param counts The counts. Must not be NULL.
/// @param data Receives the bytes; any alignment. NULL: only their number is asked for.
/// @param size Holds the size of `data` in bytes, which does not matter when that is NULL; receives the number of bytes:
/// 56, and 12 to 24 for each colour, by the number of channels. Must not be NULL, or in `data`.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*size` set to the size needed and `data` untouched;
/// `CTM_ERROR_INVALID_ARGUMENT`: nothing was written; `CTM_ERROR_OUT_OF_MEMORY` or `CTM_ERROR_INTERNAL`.
/// `ctm_last_error(context)` has the detail.
/// Ownership: the buffer stays the caller's and is used during the call only.
/// Threads: any; does not wait for a running call on the context.
///
/// # Safety
/// Each pointer is NULL or points to what its type says or to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_counts_export(
    context: *const ctm_context,
    counts: *const ctm_counts,
    data: *mut c_void,
    size: *mut usize,
) -> ctm_status {
    let work = |_: &Call| -> Result<(), Error> {
        // SAFETY: the caller guarantees the pointer.
        let counts = unsafe { ctm_counts::from_pointer("counts", counts) }?;
        // SAFETY: the caller guarantees the buffer.
        let target = unsafe { ByteBuffer::new(data, size) }?;
        let counts = counts.shared()?;
        // SAFETY: as above.
        unsafe { target.write(counts.bytes_len(), |room| counts.write_bytes(room)) }
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Counts from the bytes of `ctm_counts_export`. Whatever the bytes are, nothing worse happens than an error: lengths,
/// checksum, and each colour are checked.
///
/// @param context A context of `ctm_create`.
/// @param data The bytes; any alignment. Must not be NULL.
/// @param size How many there are.
/// @param counts Receives the new counts, or NULL on any error. Must not be NULL, or in `data`.
/// @return `CTM_OK`; `CTM_ERROR_DATA` where the bytes are damaged, cut, or of an unknown version;
/// `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_OUT_OF_MEMORY`, also where there are more colours than the context's
/// `memory_limit` has room for; `CTM_ERROR_CANCELLED` where it has waited for another call; `CTM_ERROR_INTERNAL`.
/// `ctm_last_error(context)` has the detail.
/// Ownership: the bytes stay the caller's and are used during the call only. The counts are the caller's, to be given
/// back with `ctm_counts_destroy`.
/// Threads: any; calls on one context wait for each other.
/// Not promised: that bytes made by somebody who wishes to deceive are those of any image; the checks find accidents.
///
/// # Safety
/// Each pointer is NULL or points to what its type says or to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_counts_import(
    context: *mut ctm_context,
    data: *const c_void,
    size: usize,
    counts: *mut *mut ctm_counts,
) -> ctm_status {
    let work = |call: Option<&Call>| -> Result<(), Error> {
        check_pointer("counts", counts)?;
        let extent = Extent::new("data", data.addr(), size, "bytes", 1)?;
        Extent::new("counts", counts.addr(), 1, "pointer", size_of::<*mut ctm_counts>())?
            .check_apart(&extent)?;
        // SAFETY: not NULL, aligned, apart from the bytes; the caller guarantees the rest.
        unsafe { *counts = std::ptr::null_mut() };
        let call = call.ok_or_else(|| null("context", "a context made by ctm_create"))?;
        if data.is_null() {
            return Err(null("data", "a buffer"));
        }
        call.check()?;
        let most = call.run(None, |engine| Ok(engine.most_listed()))?;
        // SAFETY: not NULL, no larger than memory can be; the caller guarantees the bytes.
        let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) };
        let imported = ColorCounts::from_bytes_up_to(bytes, most)?;
        // SAFETY: as above.
        unsafe { *counts = ctm_counts::into_raw(imported) };
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_any_context(context, work) }
}

/// The palette of the whole image that counts are those of: the colours that get a mask, and how many pixels each mask
/// has in all parts together.
///
/// @param context A context of `ctm_create`.
/// @param counts The counts. Must not be NULL.
/// @param params A struct that starts as `CTM_PARAMS_INIT`, or NULL for those defaults. What it says is done as
/// `ctm_analyze` on the whole image would do it, but for `batch`, `counts`, `regions`, `part_left`, `part_top` and
/// `unmix_radius`, which are not looked at: pixels that would be unmixed are in no mask. `connected`, `absorb_pixels`,
/// `absorb_unmasked` and `fill_holes` must be 0. `matching` and `alpha` must be those of the parts, of which
/// `palette_stored` and `ignored_stored` need one.
/// @param outputs A struct that starts as `CTM_OUTPUTS_INIT`, or NULL: nothing is written. `palette`, `unlisted` and
/// `merged` receive what they do from `ctm_analyze`, but of each entry only the colour and the number of pixels are known,
/// and all else is 0. `masks`, `labels`, `masks_memory`, `labels_memory`, `runs` and
/// `outlines` must be NULL.
/// @param result A struct that starts as `CTM_RESULT_INIT`; receives what was found; its sizes of masks and labels are 0.
/// Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*result` filled in and no list touched, where the palette has more
/// colours than `palette_capacity`; `CTM_ERROR_UNLISTED_COLORS`, with only the unlisted colours counted in `*result` and no
/// list touched; `CTM_ERROR_INVALID_ARGUMENT`: nothing was written, `*result` included; `CTM_ERROR_CANCELLED`,
/// `CTM_ERROR_OUT_OF_MEMORY` or `CTM_ERROR_INTERNAL`: the fields of `*result` are 0 and the lists' contents are unspecified.
/// `ctm_last_error(context)` has the detail.
/// Ownership: all buffers stay the caller's and are used during the call only.
/// Threads: any; calls on one context wait for each other.
///
/// # Safety
/// Each pointer is NULL or points to what its type says or to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_counts_select(
    context: *mut ctm_context,
    counts: *const ctm_counts,
    params: *const ctm_params,
    outputs: *const ctm_outputs,
    result: *mut ctm_result,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        // SAFETY: the caller guarantees the pointer.
        let counts = unsafe { ctm_counts::from_pointer("counts", counts) }?;
        // SAFETY: the caller guarantees the structs.
        let (params, fields, result) = unsafe {
            (read_or_init("params", params)?, read_or_init("outputs", outputs)?, ResultTarget::new(result)?)
        };
        // SAFETY: the caller guarantees the colours.
        let settings = unsafe { params.settings() }?;
        check_no_planes(&fields, "counts")?;
        let (formats, lists) = (Formats::new(&fields)?, Lists::new(&fields)?);
        check_all_apart(&[vec![result.extent()?], lists.extents()?])?;
        call.check()?;
        let counts = counts.shared()?;
        let mut progress = params.progress();
        let progress = progress.as_mut().map(|progress| progress as _);
        let (unlisted, merged) = (lists.unlisted(&formats), lists.merged());
        let found = call.run(progress, |engine| engine.select_counts(&counts, &settings, unlisted, merged));
        // SAFETY: the caller guarantees the struct, which no other buffer has a part in.
        let report = |found| unsafe { result.write(found) };
        let analysis = match found {
            Ok(analysis) => analysis,
            Err(error @ Error::InvalidArgument(_)) => return Err(inside("params", error)),
            Err(error) => {
                report(ctm_result::of_error(&error));
                return Err(error);
            }
        };
        let (mask_count, needed) = (analysis.mask_count, analysis.mask_count.into());
        let sizes = ctm_result { mask_count, palette_len: needed, ..ctm_result::INIT };
        report(sizes.with_colors(&analysis));
        let given = lists.palette_capacity();
        if needed > given {
            let (what, argument) = (Capacity::PaletteEntries, "outputs.palette_capacity");
            return Err(Error::too_small(what, argument, mask_count, needed, given));
        }
        // SAFETY: the caller guarantees the entries, whose number was checked.
        unsafe {
            lists.write(&analysis, counts.format());
            lists.write_colors(&analysis.palette, counts.format());
        }
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Counts and regions have no pixels, of which there could be masks, labels, runs or outlines.
pub(super) fn check_no_planes(fields: &ctm_outputs, what: &str) -> Result<(), Error> {
    for (name, pointer) in [
        ("masks", fields.masks.cast_const()),
        ("labels", fields.labels.cast_const()),
        ("masks_memory", fields.masks_memory.cast()),
        ("labels_memory", fields.labels_memory.cast()),
        ("runs", fields.runs.cast()),
        ("outlines", fields.outlines.cast()),
    ] {
        if !pointer.is_null() {
            return Err(Error::InvalidArgument(format!(
                "outputs.{name} is {pointer:p}; NULL is expected, since {what} have no pixels"
            )));
        }
    }
    Ok(())
}
