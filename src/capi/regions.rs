//! The functions on `ctm_regions`: connected regions of parts of an image.

use std::ffi::c_void;

use crate::capi::boundary::guard;
use crate::capi::context::{Call, ctm_context, on_any_context, on_context};
use crate::capi::counts::check_no_planes;
use crate::capi::counts_handle::ctm_counts;
use crate::capi::extent::{ByteBuffer, Extent, check_all_apart, check_pointer, null};
use crate::capi::image::ctm_image;
use crate::capi::lists::Lists;
use crate::capi::outputs::{Formats, ctm_outputs};
use crate::capi::params::ctm_params;
use crate::capi::regions_handle::ctm_regions;
use crate::capi::result::{ResultTarget, ctm_result};
use crate::capi::status::ctm_status;
use crate::capi::structs::{Versioned, inside, read, read_or_init};
use crate::context::regions::PartCheck;
use crate::error::{Capacity, Error};
use crate::types::params::Params;
use crate::types::regions::ImageRegions;

/// Creates regions of an image, none of whose parts was added yet.
///
/// @param context A context of `ctm_create`, which is asked for the reason if the call fails; the regions may outlive it.
/// @param width Columns of the whole image, at least 1.
/// @param height Rows of the whole image, at least 1.
/// @param regions Receives the new regions, or NULL on any error. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT` or `CTM_ERROR_INTERNAL`. `ctm_last_error(context)` has the detail.
/// Ownership: the caller's, to be given back with `ctm_regions_destroy`.
/// Threads: any; does not wait for a running call.
///
/// # Safety
/// `context` is NULL or a living context; `regions` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_regions_create(
    context: *mut ctm_context,
    width: u32,
    height: u32,
    regions: *mut *mut ctm_regions,
) -> ctm_status {
    let work = |call: Option<&Call>| {
        check_pointer("regions", regions)?;
        // SAFETY: not NULL, aligned; the caller guarantees the rest.
        unsafe { *regions = std::ptr::null_mut() };
        call.ok_or_else(|| null("context", "a context made by ctm_create"))?;
        let made = ImageRegions::new(width, height)?;
        // SAFETY: as above.
        unsafe { *regions = ctm_regions::into_raw(made) };
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_any_context(context, work) }
}

/// Destroys regions. No other call may use them any more, now or later.
///
/// @param regions An object of `ctm_regions_create` or `ctm_regions_import`, or NULL: nothing happens.
/// Threads: any.
///
/// # Safety
/// `regions` is NULL or such an object that was not destroyed before, and no call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_regions_destroy(regions: *mut ctm_regions) {
    if regions.is_null() {
        return;
    }
    // SAFETY: the caller guarantees that it came from `into_raw` and is nobody else's.
    guard((), || drop(unsafe { Box::from_raw(regions) }));
}

/// Finds the connected regions of one more part of an image. Each pixel of the image is to be in one part; the order of the
/// parts, their sizes and shapes change nothing. A part may be one pixel wide.
///
/// What regions are connected of is decided by `params`, as on the whole image: pixels of equal colours, of colours that are
/// near one of the palette's, and so on. Which regions get a mask is decided later: without `counts`, `min_pixels` and
/// `max_count` make no difference here.
///
/// @param context A context of `ctm_create`; does the work. Different ones may add to the same regions.
/// @param regions What the part is added to. Must not be NULL.
/// @param image The part, in a struct that starts as `CTM_IMAGE_INIT`: a band, a tile or the whole image, in any layout, and
/// one image. `format` and `channels` must be those of the first part. Must not be NULL.
/// @param left The column of the whole image that the part begins at.
/// @param top The row of the whole image that the part begins at.
/// @param params A struct that starts as `CTM_PARAMS_INIT`; must not be NULL. `connected` must be 4 or 8. All but `min_pixels`,
/// `max_count` and `progress` must be those of the first part. With `nearest` or `merge` and no palette, which colours attract
/// others depends on all parts: `counts` must be those of the whole image then. Elsewhere they may be: colours with fewer
/// than `min_pixels` pixels are then left out at once, which saves memory where there are many. With `counts`, `min_pixels` is
/// the same in all calls. `progress` is called as by `ctm_analyze`. `regions`, `part_left` and `part_top` are not looked at.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, also where the part is not in the image, or overlaps one that was added;
/// `CTM_ERROR_UNSUPPORTED` for what cannot be exact by parts: `unmix_radius`, `absorb_pixels`, `absorb_unmasked` and
/// `fill_holes`, which look at what is around a region, a `batch` that is not `CTM_BATCH_ALL`, and several images in `image`;
/// `CTM_ERROR_UNLISTED_COLORS`; `CTM_ERROR_CANCELLED`; `CTM_ERROR_OUT_OF_MEMORY`, `CTM_ERROR_OUT_OF_DEVICE_MEMORY`,
/// `CTM_ERROR_DEVICE_LOST`, `CTM_ERROR_TIMEOUT`, `CTM_ERROR_DRIVER` or `CTM_ERROR_INTERNAL`. On any error the regions are what
/// they were. `ctm_last_error(context)` has the detail.
/// Ownership: the pixels stay the caller's and are used during the call only, whatever it returns. Beside what the regions
/// keep, the call takes 20 bytes for each run of equal pixels in a row, beside `memory_limit`.
/// Threads: any; calls on one context wait for each other, and those with different contexts work side by side.
/// `ctm_cancel` stops them.
/// Not promised: how long a call takes.
///
/// # Safety
/// Each pointer is NULL or points to what its type says, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_regions_add(
    context: *mut ctm_context,
    regions: *mut ctm_regions,
    image: *const ctm_image,
    left: u32,
    top: u32,
    params: *const ctm_params,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        // SAFETY: the caller guarantees the pointer.
        let regions = unsafe { ctm_regions::from_pointer("regions", regions) }?;
        // SAFETY: the caller guarantees the structs.
        let (image, params) = unsafe { (read("image", image)?, read("params", params)?) };
        // SAFETY: the caller guarantees the pixels, colours and counts.
        let ((map, _), settings, counts) =
            unsafe { (image.map()?, params.settings()?, ctm_counts::of_params(params.counts)?) };
        let settings = Params { counts: counts.as_deref(), ..settings };
        let check = PartCheck::new(&map, &settings, (left, top)).map_err(|error| inside("params", error))?;
        let prefixes = ["image.", "params."];
        let check_others = |regions: &ImageRegions| -> Result<(), Error> {
            regions.check_settings(&check.settings, prefixes)?;
            regions.check_place(&check.place)
        };
        check_others(&*regions.shared()?)?;
        call.check()?;
        let mut progress = params.progress();
        let progress = progress.as_mut().map(|progress| progress as _);
        let part = call.run(progress, |engine| engine.find_part(&check, &map, &settings))?;
        let mut regions = regions.exclusive()?;
        check_others(&regions)?; // another thread may have added parts meanwhile
        regions.add_part(check.settings, part)
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Adds the parts of others, for example those of another machine. Whatever the order and the grouping, equal parts come to
/// equal regions.
///
/// @param context A context of `ctm_create`.
/// @param regions What is added to. Must not be NULL.
/// @param other What is added; stays as it is. Must be of an image of the same size and, if both have parts, of the same
/// `format`, `channels` and params. No pixel may be in parts of both. Must not be NULL or `regions`.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_OUT_OF_MEMORY`; `CTM_ERROR_CANCELLED` where it has waited for
/// another call; `CTM_ERROR_INTERNAL`. On any error the regions are what they were. `ctm_last_error(context)` has the detail.
/// Threads: any; calls on one context wait for each other.
///
/// # Safety
/// Each pointer is NULL or points to what its type says, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_regions_merge(
    context: *mut ctm_context,
    regions: *mut ctm_regions,
    other: *const ctm_regions,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        let same = std::ptr::eq(regions, other);
        // SAFETY: the caller guarantees the pointers.
        let (regions, other) = unsafe {
            (ctm_regions::from_pointer("regions", regions)?, ctm_regions::from_pointer("other", other)?)
        };
        if same {
            let text = "other is the same object as regions; another one is expected".to_owned();
            return Err(Error::InvalidArgument(text));
        }
        call.check()?;
        call.run(None, |_| Ok(()))?; // waits for its turn
        let (mut regions, other) = if std::ptr::from_ref(regions) < std::ptr::from_ref(other) {
            let regions = regions.exclusive()?;
            (regions, other.shared()?)
        } else {
            let other = other.shared()?;
            (regions.exclusive()?, other)
        };
        regions.merge(&other)
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Regions as bytes, for `ctm_regions_import` in another process or on another machine, whatever its processor. Those of equal
/// parts are equal bytes, whatever order they came in. `docs/regions-format.md` describes them.
///
/// Ask for the size first, then for the bytes.
///
/// @param context A context of `ctm_create`.
/// @param regions The regions. Must not be NULL.
/// @param data Receives the bytes; any alignment. NULL: only their number is asked for.
/// @param size Holds the size of `data` in bytes, which does not matter when that is NULL; receives the number of bytes:
/// 128, 40 for each part, 48 for each of its regions, 8 for each run of pixels along its borders, 4 for each channel of each
/// colour. Must not be NULL, or in `data`.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*size` set to the size needed and `data` untouched;
/// `CTM_ERROR_INVALID_ARGUMENT`: nothing was written; `CTM_ERROR_OUT_OF_MEMORY` or `CTM_ERROR_INTERNAL`.
/// `ctm_last_error(context)` has the detail.
/// Ownership: the buffer stays the caller's and is used during the call only.
/// Threads: any; does not wait for a running call on the context.
///
/// # Safety
/// Each pointer is NULL or points to what its type says or to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_regions_export(
    context: *const ctm_context,
    regions: *const ctm_regions,
    data: *mut c_void,
    size: *mut usize,
) -> ctm_status {
    let work = |_: &Call| -> Result<(), Error> {
        // SAFETY: the caller guarantees the pointer.
        let regions = unsafe { ctm_regions::from_pointer("regions", regions) }?;
        // SAFETY: the caller guarantees the buffer.
        let target = unsafe { ByteBuffer::new(data, size) }?;
        let regions = regions.shared()?;
        // SAFETY: as above.
        unsafe { target.write(regions.bytes_len(), |room| regions.write_bytes(room)) }
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Regions from the bytes of `ctm_regions_export`. Whatever the bytes are, nothing worse happens than an error: lengths,
/// checksum, and each part are checked.
///
/// @param context A context of `ctm_create`.
/// @param data The bytes; any alignment. Must not be NULL.
/// @param size How many there are.
/// @param regions Receives the new regions, or NULL on any error. Must not be NULL, or in `data`.
/// @return `CTM_OK`; `CTM_ERROR_DATA` where the bytes are damaged, cut, or of an unknown version;
/// `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_OUT_OF_MEMORY`; `CTM_ERROR_CANCELLED` where it has waited for another call;
/// `CTM_ERROR_INTERNAL`. `ctm_last_error(context)` has the detail.
/// Ownership: the bytes stay the caller's and are used during the call only. The regions are the caller's, to be given
/// back with `ctm_regions_destroy`.
/// Threads: any; calls on one context wait for each other.
/// Not promised: that bytes made by somebody who wishes to deceive are those of any image; the checks find accidents.
///
/// # Safety
/// Each pointer is NULL or points to what its type says or to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_regions_import(
    context: *mut ctm_context,
    data: *const c_void,
    size: usize,
    regions: *mut *mut ctm_regions,
) -> ctm_status {
    let work = |call: Option<&Call>| -> Result<(), Error> {
        check_pointer("regions", regions)?;
        let extent = Extent::new("data", data.addr(), size, "bytes", 1)?;
        Extent::new("regions", regions.addr(), 1, "pointer", size_of::<*mut ctm_regions>())?
            .check_apart(&extent)?;
        // SAFETY: not NULL, aligned, apart from the bytes; the caller guarantees the rest.
        unsafe { *regions = std::ptr::null_mut() };
        let call = call.ok_or_else(|| null("context", "a context made by ctm_create"))?;
        if data.is_null() {
            return Err(null("data", "a buffer"));
        }
        call.check()?;
        call.run(None, |_| Ok(()))?; // waits for its turn
        // SAFETY: not NULL, no larger than memory can be; the caller guarantees the bytes.
        let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) };
        let imported = ImageRegions::from_bytes(bytes)?;
        // SAFETY: as above.
        unsafe { *regions = ctm_regions::into_raw(imported) };
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_any_context(context, work) }
}

/// The regions of the whole image that get a mask, in its order: their colours, how many pixels they have, and where they lie.
///
/// @param context A context of `ctm_create`.
/// @param regions The regions of all parts. Must not be NULL.
/// @param params A struct that starts as `CTM_PARAMS_INIT`; must not be NULL. `min_pixels` and `max_count` are of regions of the
/// whole; with `counts` in the parts' params, `min_pixels` must be theirs. All else must be as it was for the parts, but for
/// `counts`, `regions`, `part_left`, `part_top`, which are not looked at, and `progress`.
/// @param outputs A struct that starts as `CTM_OUTPUTS_INIT`, or NULL: nothing is written. `palette` receives an entry for each
/// region, as from `ctm_analyze` on the whole image, but that `mask_offset` is 0. `unlisted`, `merged`, `masks`, `labels`,
/// `masks_memory`, `labels_memory`, `runs` and `outlines` must be NULL.
/// @param result A struct that starts as `CTM_RESULT_INIT`; receives `mask_count` and `palette_len`, and 0 for all else. Must
/// not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*result` filled in and no list touched, where there are more regions
/// than `palette_capacity`; `CTM_ERROR_INVALID_ARGUMENT`, also where parts are missing, and `CTM_ERROR_UNSUPPORTED` as
/// `ctm_regions_add`: nothing was written, `*result` included; `CTM_ERROR_CANCELLED`, `CTM_ERROR_OUT_OF_MEMORY` or
/// `CTM_ERROR_INTERNAL`: the fields of `*result` are 0 and the palette's contents are unspecified. `ctm_last_error(context)` has
/// the detail.
/// Ownership: all buffers stay the caller's and are used during the call only.
/// Threads: any; calls on one context wait for each other.
///
/// # Safety
/// Each pointer is NULL or points to what its type says or to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_regions_select(
    context: *mut ctm_context,
    regions: *const ctm_regions,
    params: *const ctm_params,
    outputs: *const ctm_outputs,
    result: *mut ctm_result,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        // SAFETY: the caller guarantees the pointer.
        let regions = unsafe { ctm_regions::from_pointer("regions", regions) }?;
        // SAFETY: the caller guarantees the structs.
        let (params, fields, result) = unsafe {
            (read("params", params)?, read_or_init("outputs", outputs)?, ResultTarget::new(result)?)
        };
        // SAFETY: the caller guarantees the colours.
        let settings = unsafe { params.settings() }?;
        check_no_planes(&fields, "regions")?;
        check_no_colors(&fields)?;
        let lists = Lists::new(&fields)?;
        Formats::new(&fields)?;
        check_all_apart(&[vec![result.extent()?], lists.extents()?])?;
        call.check()?;
        let regions = regions.shared()?;
        let mut progress = params.progress();
        let progress = progress.as_mut().map(|progress| progress as _);
        let found = call.run(progress, |engine| engine.select_regions(&regions, &settings));
        // SAFETY: the caller guarantees the struct, which no other buffer has a part in.
        let report = |found| unsafe { result.write(found) };
        let analysis = match found {
            Ok(analysis) => analysis,
            Err(error @ (Error::InvalidArgument(_) | Error::Unsupported(_))) => return Err(error),
            Err(error) => {
                report(ctm_result::INIT);
                return Err(error);
            }
        };
        let (mask_count, needed) = (analysis.mask_count, analysis.mask_count.into());
        report(ctm_result { mask_count, palette_len: needed, ..ctm_result::INIT });
        let given = lists.palette_capacity();
        if needed > given {
            let (what, argument) = (Capacity::PaletteEntries, "outputs.palette_capacity");
            return Err(Error::too_small(what, argument, mask_count, needed, given));
        }
        // SAFETY: the caller guarantees the entries, whose number was checked.
        unsafe { lists.write_palette(&analysis, regions.format(), |_, _| 0) };
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Of regions it is not known which colours became others, or are in none.
fn check_no_colors(fields: &ctm_outputs) -> Result<(), Error> {
    let is_given = [("unlisted", fields.unlisted.is_null()), ("merged", fields.merged.is_null())];
    match is_given.iter().find(|(_, is_null)| !is_null) {
        None => Ok(()),
        Some((name, _)) => Err(Error::InvalidArgument(format!(
            "outputs.{name} is not NULL; NULL is expected, since regions know no other colours: ctm_counts_select does"
        ))),
    }
}
