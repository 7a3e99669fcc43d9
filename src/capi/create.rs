//! `ctm_create`.

use std::sync::Arc;

use crate::capi::context::ctm_context;
use crate::capi::extent::check_pointer;
use crate::capi::failure::on_thread;
use crate::capi::options::ctm_options;
use crate::capi::status::ctm_status;

/// Creates a context.
///
/// @param options NULL for the defaults, or a struct that starts as `CTM_OPTIONS_INIT`; read during
/// the call only.
/// @param context Receives the new context, or NULL on any error. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_NO_DEVICE` when the options ask for a
/// Vulkan device that is not there; `CTM_ERROR_OUT_OF_MEMORY`, `CTM_ERROR_OUT_OF_DEVICE_MEMORY`,
/// `CTM_ERROR_DRIVER`, also when the device has not passed the self-test that comes before the process uses it for the first
/// time, or `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Ownership: the caller's, to be given back with `ctm_destroy`.
/// Threads: any, at any time.
/// Not promised: that two contexts with the same options run on the same device.
///
/// # Safety
/// `options` and `context` are NULL or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_create(
    options: *const ctm_options,
    context: *mut *mut ctm_context,
) -> ctm_status {
    on_thread(|| {
        check_pointer("context", context)?;
        // SAFETY: not NULL, aligned, and the caller guarantees the rest.
        unsafe { *context = std::ptr::null_mut() };
        // SAFETY: the caller guarantees the options.
        let (options, log) = unsafe { ctm_options::read(options) }?;
        let created = Arc::new(ctm_context::open(&options, log)?);
        // SAFETY: as above.
        unsafe { *context = Arc::into_raw(created).cast_mut() };
        Ok(())
    })
}
