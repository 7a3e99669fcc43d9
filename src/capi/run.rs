//! `ctm_run`.

use std::marker::PhantomData;

use crate::capi::context::{Call, ctm_context, on_context};
use crate::capi::extent::{Extent, check_pointer, null};
use crate::capi::status::ctm_status;
use crate::context::emit::Emit;
use crate::error::{Capacity, Error};
use crate::types::geometry::Shape;
use crate::types::image::ColorMap;
use crate::types::outputs::Masks;
use crate::types::params::Selection;

/// Counts the exact colours of a colour map, keeps those with at least `min_pixels` pixels, takes
/// the `max_count` most frequent of them, and writes one mask for each, most frequent first.
///
/// Two pixels have the same colour when all their channels are equal as floats, alpha like any
/// other: no rounding, no tolerance; −0.0 equals +0.0; infinities and subnormals are ordinary
/// values. A pixel with a NaN in any channel has no colour and is 0 in every mask. Colours with
/// equal counts come in ascending order, first channel first, and the same order decides which of
/// them `max_count` keeps. The result is the same to the bit on every backend, device and number of
/// threads.
///
/// @param context A context of `ctm_create`.
/// @param color_map `height * width * channels` floats, rows from the top, pixels interleaved, no
/// padding. Never written to.
/// @param width Pixels in a row, at least 1.
/// @param height Rows, at least 1.
/// @param channels Floats in a pixel, 1 to 4.
/// @param min_pixels Colours with fewer pixels get no mask. The full 64-bit range; 0 means 1; more
/// than the image has: no mask.
/// @param max_count Masks at most. 0: no mask. No upper bound but `masks_len`.
/// @param masks Receives planes of `height * width` floats, each exactly 1.0f inside the colour's
/// region and 0.0f outside. Planes 0 to `*mask_count` − 1 are written whole, nothing behind them is
/// touched. May be uninitialised; may not overlap `color_map` or `mask_count`. NULL with
/// `masks_len` 0: only the number of masks is asked for. Memory that is kept from call to call is written many times as
/// fast as new memory: see `ctm_buffer_alloc`.
/// @param masks_len The size of `masks` in floats; all of it is the library's during the call.
/// @param mask_count Receives the number of masks: 0 when no colour qualifies, which is a success.
/// Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*mask_count` set to the number found and
/// `masks` untouched; `CTM_ERROR_INVALID_ARGUMENT`: nothing was written, `*mask_count` included;
/// `CTM_ERROR_CANCELLED`, `CTM_ERROR_OUT_OF_MEMORY`, `CTM_ERROR_OUT_OF_DEVICE_MEMORY`, `CTM_ERROR_DEVICE_LOST`,
/// `CTM_ERROR_TIMEOUT`, `CTM_ERROR_DRIVER` or `CTM_ERROR_INTERNAL`: `*mask_count` is 0 and the
/// planes' contents are unspecified. `ctm_last_error(context)` has the detail.
/// Ownership: all buffers stay the caller's and are used during the call only, whatever it returns.
/// Threads: any; calls on one context wait for each other.
/// Not promised: how long a call takes.
///
/// # Safety
/// Each pointer is NULL or points to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_run(
    context: *mut ctm_context,
    color_map: *const f32,
    width: u32,
    height: u32,
    channels: u32,
    min_pixels: u64,
    max_count: u32,
    masks: *mut f32,
    masks_len: usize,
    mask_count: *mut u32,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        let shape = Shape::new(width, height, channels)?;
        check_buffers(shape, color_map, masks, masks_len, mask_count)?;
        // SAFETY: not NULL, aligned, apart from the other buffers, and no larger than memory can
        // be; the caller guarantees its size.
        let floats = unsafe { std::slice::from_raw_parts(color_map, shape.floats()) };
        let map = ColorMap::new(floats, width, height, channels)?;
        let params = Selection { min_pixels, max_count }.into();
        call.check()?;
        // SAFETY: not NULL, aligned, and apart from the other buffers; the caller guarantees it.
        unsafe { *mask_count = 0 };
        let found = call.run(None, |engine| {
            if masks.is_null() {
                return engine.count_masks(&map, &params);
            }
            // Lossless: checked against the address space.
            let memory =
                Masks { first: masks.cast(), size: masks_len * size_of::<f32>(), lifetime: PhantomData };
            let mut emit = Emit { masks: Some(memory), ..Emit::default() };
            engine.emit(&map, &params, &mut emit).map(|analysis| analysis.mask_count)
        });
        let found = found.map_err(in_floats);
        let count = match &found {
            Ok(mask_count) | Err(Error::TooSmall { mask_count, .. }) => *mask_count,
            Err(_) => 0,
        };
        // SAFETY: not NULL, aligned, and apart from the other buffers; the caller guarantees it.
        unsafe { *mask_count = count };
        found.map(drop)
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Of masks that do not fit, the sizes in the unit of `masks_len`.
fn in_floats(error: Error) -> Error {
    let floats = |bytes: u64| bytes / size_of::<f32>() as u64;
    match error {
        Error::TooSmall { mask_count, needed, given, .. } => {
            Error::too_small(Capacity::MaskFloats, "masks_len", mask_count, floats(needed), floats(given))
        }
        error => error,
    }
}

/// Checks the buffers of `ctm_run` against each other before any of them is touched.
fn check_buffers(
    shape: Shape,
    color_map: *const f32,
    masks: *mut f32,
    masks_len: usize,
    mask_count: *mut u32,
) -> Result<(), Error> {
    check_pointer("color_map", color_map)?;
    check_pointer("mask_count", mask_count)?;
    if masks.is_null() {
        if masks_len != 0 {
            return Err(null("masks", &format!("a buffer of masks_len = {masks_len} floats")));
        }
    } else {
        check_pointer("masks", masks)?;
    }
    let color_map = Extent::new("color_map", color_map.addr(), shape.floats(), "floats", 4)?;
    let masks = Extent::new("masks", masks.addr(), masks_len, "floats", 4)?;
    let mask_count = Extent::new("mask_count", mask_count.addr(), 1, "number", 4)?;
    masks.check_apart(&color_map)?;
    mask_count.check_apart(&color_map)?;
    mask_count.check_apart(&masks)
}
