//! `ctm_cancel`.

use crate::capi::boundary::guard;
use crate::capi::context::ctm_context;

/// Ends the calls that are inside a context at this moment with `CTM_ERROR_CANCELLED`, those that wait for their turn
/// included, as soon as that can be: within some milliseconds on the CPU, after one piece of work on a device.
/// Later calls are not affected; without a call inside nothing happens. Returns at once, usually before they end.
///
/// A call that is all but done may still succeed. While a driver compiles pipelines, which it does for the first
/// images of a process, and while long lists of colours are sorted a call does not hear of it.
///
/// @param context A context of `ctm_create`, or NULL: nothing happens.
/// Threads: any, at any time, callbacks of the context included; does not wait for a running call. Not in a signal
/// handler.
///
/// # Safety
/// `context` is NULL or a living context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_cancel(context: *mut ctm_context) {
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    let Some(context) = (unsafe { context.as_ref() }) else { return };
    guard((), || context.cancel());
}
