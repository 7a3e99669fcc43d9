//! `ctm_context_pipeline_cache`.

use std::ffi::c_void;

use crate::capi::context::{Call, ctm_context, on_context};
use crate::capi::extent::ByteBuffer;
use crate::capi::status::ctm_status;

/// The pipelines that a context's device has compiled so far, for `ctm_options.pipeline_cache` of a
/// later process. Within a process contexts learn from each other without it.
///
/// Ask for the size first, then for the bytes. The cache grows with the kinds of images that were
/// worked on (number of channels, number of masks): read it out when the work is done, not at the
/// start.
///
/// @param context A context of `ctm_create`.
/// @param data Receives the cache; any alignment. NULL: only its size is asked for.
/// @param size Holds the size of `data` in bytes, which does not matter when that is NULL; receives the
/// size of the cache: 0 on the CPU, where there is nothing to compile. Must not be NULL, or in `data`.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*size` set to the size needed and `data`
/// untouched, also when the cache has grown since its size was asked for;
/// `CTM_ERROR_INVALID_ARGUMENT`: nothing was written; `CTM_ERROR_CANCELLED` where it has waited for another call;
/// `CTM_ERROR_OUT_OF_MEMORY`, `CTM_ERROR_DRIVER` or `CTM_ERROR_INTERNAL`. `ctm_last_error(context)` has the detail.
/// Ownership: the buffer stays the caller's and is used during the call only.
/// Threads: any; calls on one context wait for each other.
/// Not promised: that the cache holds anything but its header (software rasterisers give out nothing
/// more), or that it is the same each time.
///
/// # Safety
/// `context` is NULL or a living context; the other pointers are NULL or point to memory of the size
/// stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_context_pipeline_cache(
    context: *const ctm_context,
    data: *mut c_void,
    size: *mut usize,
) -> ctm_status {
    let work = |call: &Call| {
        // SAFETY: the caller guarantees the pointers.
        let target = unsafe { ByteBuffer::new(data, size) }?;
        call.check()?;
        let cache = call.pipeline_cache()?;
        // SAFETY: as above.
        unsafe {
            target.write(cache.len(), |room| {
                room.iter_mut().zip(cache).for_each(|(room, byte)| _ = room.write(byte));
                Ok(())
            })
        }
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}
