//! `ctm_destroy`.

use std::sync::Arc;

use crate::capi::boundary::guard;
use crate::capi::context::ctm_context;

/// Destroys a context and gives back all that it holds. Waits for the calls that are still inside; no
/// call on the context may start once this one has. In a callback of the context it does not wait, see
/// `ctm_params.progress`. Of a software rasteriser the opened device and its
/// compiled pipelines, some megabytes, are kept for the next context.
///
/// @param context A context of `ctm_create`, or NULL: nothing happens.
/// Threads: any.
///
/// # Safety
/// `context` is NULL or came from `ctm_create` and was not destroyed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_destroy(context: *mut ctm_context) {
    if context.is_null() {
        return;
    }
    // SAFETY: the caller guarantees that it is a living context.
    let owned = unsafe { Arc::from_raw(context) };
    // A panic while dropping has nobody left to be reported to.
    guard((), || owned.close());
}
