//! The functions on `ctm_mosaic`: runs and outlines of an image that comes in parts.

use std::ffi::c_void;

use crate::capi::analyze::named;
use crate::capi::boundary::guard;
use crate::capi::context::{Call, ctm_context, on_any_context, on_context};
use crate::capi::extent::{ByteBuffer, Extent, check_all_apart, check_pointer, check_values, null};
use crate::capi::mosaic_handle::ctm_mosaic;
use crate::capi::outlines::OutlinesTarget;
use crate::capi::outputs::{CTM_LABEL_U8, CTM_LABEL_U16, CTM_LABEL_U32, ctm_outputs};
use crate::capi::result::{ResultTarget, ctm_result};
use crate::capi::runs::RunsTarget;
use crate::capi::status::ctm_status;
use crate::capi::structs::{Versioned, read_or_init, unknown};
use crate::context::emit::FoundSizes;
use crate::context::mosaic::MosaicWanted;
use crate::error::Error;
use crate::labels::Labels;
use crate::labels::mosaic::{Mosaic, Part, PartArea};
use crate::types::outputs::LabelWidth;

/// Creates a mosaic without any part.
///
/// @param context A context of `ctm_create`, which is asked for the reason if the call fails; the mosaic may outlive it.
/// @param width Columns of the whole image, at least 1.
/// @param height Rows of the whole image, at least 1.
/// @param mosaic Receives the new mosaic, or NULL on any error. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT` or `CTM_ERROR_INTERNAL`. `ctm_last_error(context)` has the detail.
/// Ownership: the caller's, to be given back with `ctm_mosaic_destroy`.
/// Threads: any; does not wait for a running call.
///
/// # Safety
/// `context` is NULL or a living context; `mosaic` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_mosaic_create(
    context: *mut ctm_context,
    width: u32,
    height: u32,
    mosaic: *mut *mut ctm_mosaic,
) -> ctm_status {
    let work = |call: Option<&Call>| {
        check_pointer("mosaic", mosaic)?;
        // SAFETY: not NULL, aligned; the caller guarantees the rest.
        unsafe { *mosaic = std::ptr::null_mut() };
        call.ok_or_else(|| null("context", "a context made by ctm_create"))?;
        let made = Mosaic::new(width, height)?;
        // SAFETY: as above.
        unsafe { *mosaic = ctm_mosaic::into_raw(made) };
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_any_context(context, work) }
}

/// Destroys a mosaic. No other call may use it any more, now or later.
///
/// @param mosaic An object of `ctm_mosaic_create` or `ctm_mosaic_import`, or NULL: nothing happens.
/// Threads: any.
///
/// # Safety
/// `mosaic` is NULL or such an object that was not destroyed before, and no call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_mosaic_destroy(mosaic: *mut ctm_mosaic) {
    if mosaic.is_null() {
        return;
    }
    // SAFETY: the caller guarantees that it came from `into_raw` and is nobody else's.
    guard((), || drop(unsafe { Box::from_raw(mosaic) }));
}

/// Adds a part of the image. Each pixel is to be added once; the order of the parts, their sizes and shapes change nothing.
///
/// @param context A context of `ctm_create`. Different ones may add to the same mosaic.
/// @param mosaic What the part is added to. Must not be NULL.
/// @param left The image's column in which the part begins.
/// @param top The image's row in which the part begins.
/// @param width Columns of the part, at least 1.
/// @param height Rows of the part, at least 1. All of the part is in the image, and no pixel in a part that was added before.
/// @param labels What `ctm_outputs.labels` of a `ctm_analyze` on the part has received: row by row, 0 where a pixel is in no
/// mask, else the number of its mask plus one. Aligned for its values. Must not be NULL.
/// @param label_format One of the `CTM_LABEL_…` numbers: of how many bits the labels are.
/// @param row_stride Bytes from a row's first label to the next row's: 0, if rows follow each other, or a multiple of a label's
/// bytes, at least those of `width` labels.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_UNSUPPORTED` for more than 1,048,576 parts;
/// `CTM_ERROR_CANCELLED`, `CTM_ERROR_OUT_OF_MEMORY` or `CTM_ERROR_INTERNAL`. On any error the mosaic is what it was.
/// `ctm_last_error(context)` has the detail.
/// Ownership: the labels stay the caller's and are used during the call only. The mosaic takes 8 bytes for each run of equal
/// labels in a row.
/// Threads: any; calls on one context wait for each other, and those with different contexts work side by side. `ctm_cancel`
/// stops them.
///
/// # Safety
/// Each pointer is NULL or points to what its type says or to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "flat arguments, for any language")]
pub unsafe extern "C" fn ctm_mosaic_add(
    context: *mut ctm_context,
    mosaic: *mut ctm_mosaic,
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    labels: *const c_void,
    label_format: u32,
    row_stride: usize,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        // SAFETY: the caller guarantees the pointer.
        let mosaic = unsafe { ctm_mosaic::from_pointer("mosaic", mosaic) }?;
        let area = PartArea { left, top, width, height };
        mosaic.shared()?.check_part(&area)?;
        let rows = Rows::new(labels, &area, label_format, row_stride)?;
        call.check()?;
        // SAFETY: the caller guarantees the labels, whose size was checked.
        let part = call.run(None, |_| Part::new(area, |row| unsafe { rows.row(row) }))?;
        mosaic.exclusive()?.insert(part)
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// The caller's labels.
struct Rows {
    labels: *const c_void,
    width: usize,
    format: LabelWidth,
    stride: usize,
}

impl Rows {
    fn new(labels: *const c_void, area: &PartArea, format: u32, stride: usize) -> Result<Self, Error> {
        let (format, bytes) = match format {
            CTM_LABEL_U32 => (LabelWidth::Four, 4),
            CTM_LABEL_U16 => (LabelWidth::Two, 2),
            CTM_LABEL_U8 => (LabelWidth::One, 1),
            format => return unknown("label_format", format, "0 (u32), 1 (u16) or 2 (u8)"),
        };
        let (width, height) = (area.width as usize, area.height as usize);
        let least = width * bytes; // checked with the mosaic's size
        if stride != 0 && (stride < least || !stride.is_multiple_of(bytes)) {
            return Err(Error::InvalidArgument(format!(
                "row_stride is {stride}; 0, or a multiple of {bytes} of at least {least} is expected"
            )));
        }
        let stride = if stride == 0 { least } else { stride };
        check_values("labels", labels, height, bytes)?;
        Extent::new("labels", labels.addr(), height, "rows", stride)?;
        Ok(Self { labels, width, format, stride })
    }

    /// # Safety
    /// The labels are there, of as many rows.
    unsafe fn row<'a>(&self, row: usize) -> Labels<'a> {
        let Self { labels, width, format, stride } = *self;
        // SAFETY: the caller guarantees the labels; `new` has checked that they are aligned, as rows are then, and that they fit
        // the address space.
        unsafe {
            let first = labels.byte_add(row * stride);
            match format {
                LabelWidth::One => Labels::One(std::slice::from_raw_parts(first.cast(), width)),
                LabelWidth::Two => Labels::Two(std::slice::from_raw_parts(first.cast(), width)),
                LabelWidth::Four => Labels::Four(std::slice::from_raw_parts(first.cast(), width)),
            }
        }
    }
}

/// Adds the parts of another mosaic of the same image, for example of another machine. Whatever the order and the grouping, equal
/// parts come to equal mosaics.
///
/// @param context A context of `ctm_create`.
/// @param mosaic What is added to. Must not be NULL.
/// @param other What is added; stays as it is. Of an image of the same size, and without a pixel that `mosaic` has. Must not be
/// NULL or `mosaic`.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_UNSUPPORTED` for more than 1,048,576 parts;
/// `CTM_ERROR_CANCELLED` where it has waited for another call; `CTM_ERROR_OUT_OF_MEMORY` or `CTM_ERROR_INTERNAL`. On any error the
/// mosaic is what it was. `ctm_last_error(context)` has the detail.
/// Threads: any; calls on one context wait for each other.
///
/// # Safety
/// Each pointer is NULL or points to what its type says, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_mosaic_merge(
    context: *mut ctm_context,
    mosaic: *mut ctm_mosaic,
    other: *const ctm_mosaic,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        let same = std::ptr::eq(mosaic, other);
        // SAFETY: the caller guarantees the pointers.
        let (mosaic, other) = unsafe {
            (ctm_mosaic::from_pointer("mosaic", mosaic)?, ctm_mosaic::from_pointer("other", other)?)
        };
        if same {
            let text = "other is the same object as mosaic; another one is expected".to_owned();
            return Err(Error::InvalidArgument(text));
        }
        call.check()?;
        call.run(None, |_| Ok(()))?; // its turn
        let (mut mosaic, other) = if std::ptr::from_ref(mosaic) < std::ptr::from_ref(other) {
            let mosaic = mosaic.exclusive()?;
            (mosaic, other.shared()?)
        } else {
            let other = other.shared()?;
            (mosaic.exclusive()?, other)
        };
        mosaic.merge(&other)
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// A mosaic as bytes, for `ctm_mosaic_import` in another process or on another machine, whatever its processor. Equal mosaics
/// give equal bytes.
///
/// Ask for the size first, then for the bytes.
///
/// @param context A context of `ctm_create`.
/// @param mosaic The mosaic. Must not be NULL.
/// @param data Receives the bytes; any alignment. NULL: only their number is asked for.
/// @param size Holds the size of `data` in bytes, which does not matter when that is NULL; receives the number of bytes: 40, and
/// for each part 16, for each of its rows 4, for each run 8. Must not be NULL, or in `data`.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*size` set to the size needed and `data` untouched;
/// `CTM_ERROR_INVALID_ARGUMENT`: nothing was written; `CTM_ERROR_OUT_OF_MEMORY` or `CTM_ERROR_INTERNAL`.
/// `ctm_last_error(context)` has the detail.
/// Ownership: the buffer stays the caller's and is used during the call only.
/// Threads: any; does not wait for a running call on the context.
/// Not promised: the bytes' layout. Later versions read those of earlier ones.
///
/// # Safety
/// Each pointer is NULL or points to what its type says or to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_mosaic_export(
    context: *const ctm_context,
    mosaic: *const ctm_mosaic,
    data: *mut c_void,
    size: *mut usize,
) -> ctm_status {
    let work = |_: &Call| -> Result<(), Error> {
        // SAFETY: the caller guarantees the pointer.
        let mosaic = unsafe { ctm_mosaic::from_pointer("mosaic", mosaic) }?;
        // SAFETY: the caller guarantees the buffer.
        let target = unsafe { ByteBuffer::new(data, size) }?;
        let mosaic = mosaic.shared()?;
        // SAFETY: as above.
        unsafe { target.write(mosaic.bytes_len(), |room| mosaic.write_bytes(room)) }
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// A mosaic from the bytes of `ctm_mosaic_export`. Whatever the bytes are, nothing worse happens than an error: lengths,
/// checksum, and each part and run are checked.
///
/// @param context A context of `ctm_create`.
/// @param data The bytes; any alignment. Must not be NULL.
/// @param size How many there are.
/// @param mosaic Receives the new mosaic, or NULL on any error. Must not be NULL, or in `data`.
/// @return `CTM_OK`; `CTM_ERROR_DATA` where the bytes are damaged, cut, or of an unknown version;
/// `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_CANCELLED`, `CTM_ERROR_OUT_OF_MEMORY` or `CTM_ERROR_INTERNAL`.
/// `ctm_last_error(context)` has the detail.
/// Ownership: the bytes stay the caller's and are used during the call only. The mosaic is the caller's, to be given back with
/// `ctm_mosaic_destroy`.
/// Threads: any; calls on one context wait for each other.
///
/// # Safety
/// Each pointer is NULL or points to what its type says or to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_mosaic_import(
    context: *mut ctm_context,
    data: *const c_void,
    size: usize,
    mosaic: *mut *mut ctm_mosaic,
) -> ctm_status {
    let work = |call: Option<&Call>| -> Result<(), Error> {
        check_pointer("mosaic", mosaic)?;
        let extent = Extent::new("data", data.addr(), size, "bytes", 1)?;
        Extent::new("mosaic", mosaic.addr(), 1, "pointer", size_of::<*mut ctm_mosaic>())?
            .check_apart(&extent)?;
        // SAFETY: not NULL, aligned, apart from the bytes; the caller guarantees the rest.
        unsafe { *mosaic = std::ptr::null_mut() };
        let call = call.ok_or_else(|| null("context", "a context made by ctm_create"))?;
        if data.is_null() {
            return Err(null("data", "a buffer"));
        }
        call.check()?;
        // SAFETY: not NULL, no larger than memory can be; the caller guarantees the bytes.
        let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) };
        let imported = call.run(None, |_| Mosaic::from_bytes(bytes))?;
        // SAFETY: as above.
        unsafe { *mosaic = ctm_mosaic::into_raw(imported) };
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_any_context(context, work) }
}

/// Writes the masks of the whole image as run lengths, as outlines, or as both: what one `ctm_analyze` on the whole image writes,
/// to the bit, if it finds as many masks.
///
/// Ask for the sizes first, with `ctm_runs` and `ctm_outlines` that have no buffers, then for the numbers.
///
/// @param context A context of `ctm_create`.
/// @param mosaic The mosaic, with all parts of the image. Must not be NULL.
/// @param mask_count How many masks there are: `ctm_result.mask_count` of the parts' `ctm_analyze`. No label may be above it.
/// @param outputs A struct that starts as `CTM_OUTPUTS_INIT`, with `runs` or `outlines`, or with both, or NULL: then only what is
/// wrong is found. All other pointers must be NULL, and `cropped` 0: a mosaic has no pixels. `ctm_outlines.connected` 0 is
/// `CTM_CONNECTED_4`.
/// @param result A struct that starts as `CTM_RESULT_INIT`: receives `mask_count`, `palette_len`, `run_counts_len`,
/// `outline_points_len` and `outline_rings_len`; the other fields are 0. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*result` filled in and no buffer touched;
/// `CTM_ERROR_INVALID_ARGUMENT`, also where parts are missing or a label is above `mask_count`: nothing was written;
/// `CTM_ERROR_UNSUPPORTED`, `CTM_ERROR_CANCELLED`, `CTM_ERROR_OUT_OF_MEMORY` or `CTM_ERROR_INTERNAL`: no buffer was touched.
/// `ctm_last_error(context)` has the detail.
/// Ownership: all buffers stay the caller's and are used during the call only. Meanwhile the context holds as much as the mosaic
/// takes, and what runs and outlines of one call take.
/// Threads: any; calls on one context wait for each other. `ctm_cancel` stops them.
///
/// # Safety
/// Each pointer is NULL or points to what its type says or to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_mosaic_write(
    context: *mut ctm_context,
    mosaic: *const ctm_mosaic,
    mask_count: u32,
    outputs: *const ctm_outputs,
    result: *mut ctm_result,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        // SAFETY: the caller guarantees the pointer.
        let mosaic = unsafe { ctm_mosaic::from_pointer("mosaic", mosaic) }?;
        // SAFETY: the caller guarantees the structs.
        let (fields, result) = unsafe { (read_or_init("outputs", outputs)?, ResultTarget::new(result)?) };
        check_no_pixels(&fields)?;
        // SAFETY: as above.
        let (runs, outlines) =
            unsafe { (RunsTarget::new(fields.runs)?, OutlinesTarget::new(fields.outlines)?) };
        let mut extents = vec![vec![result.extent()?]];
        if let Some(runs) = &runs {
            extents.push(runs.extents()?.into());
        }
        if let Some(outlines) = &outlines {
            extents.push(outlines.extents()?);
        }
        check_all_apart(&extents)?;
        call.check()?;
        let mosaic = mosaic.shared()?;
        let wanted = MosaicWanted {
            mask_count,
            runs: runs.as_ref().map(RunsTarget::wanted),
            outlines: outlines.as_ref().map(|outlines| outlines.wanted(None)),
        };
        let mut sizes = FoundSizes::default();
        let found = call.run(None, |engine| engine.mosaic_shapes(&mosaic, &wanted, &mut sizes));
        if matches!(found, Ok(_) | Err(Error::TooSmall { .. })) {
            let told = ctm_result { mask_count, palette_len: mask_count.into(), ..ctm_result::INIT };
            // SAFETY: the caller guarantees the struct, which no other buffer has a part in.
            unsafe { result.write(told.with_sizes(sizes)) };
        }
        let (found_runs, found_outlines) = found.map_err(named)?;
        // SAFETY: the caller guarantees the buffers, whose sizes were checked.
        unsafe {
            if let (Some(target), Some(runs)) = (&runs, &found_runs) {
                target.write(runs);
            }
            if let (Some(target), Some(outlines)) = (&outlines, &found_outlines) {
                target.write(outlines);
            }
        }
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// A mosaic has no pixels, colours or boxes.
fn check_no_pixels(fields: &ctm_outputs) -> Result<(), Error> {
    for (name, pointer) in [
        ("masks", fields.masks.cast_const()),
        ("labels", fields.labels.cast_const()),
        ("palette", fields.palette.cast_const().cast()),
        ("unlisted", fields.unlisted.cast_const().cast()),
        ("merged", fields.merged.cast_const().cast()),
        ("masks_memory", fields.masks_memory.cast()),
        ("labels_memory", fields.labels_memory.cast()),
    ] {
        if !pointer.is_null() {
            return Err(Error::InvalidArgument(format!(
                "outputs.{name} is {pointer:p}; NULL is expected, since a mosaic has runs and outlines only"
            )));
        }
    }
    if fields.cropped != 0 {
        return Err(Error::InvalidArgument(format!(
            "outputs.cropped is {}; 0 is expected, since a mosaic has runs and outlines of the whole image only",
            fields.cropped
        )));
    }
    Ok(())
}
