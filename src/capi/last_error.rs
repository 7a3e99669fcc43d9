//! `ctm_last_error`.

use std::ffi::{CStr, c_char};

use crate::capi::boundary::guard;
use crate::capi::context::ctm_context;
use crate::capi::failure::last;

/// Why the last failing call failed, in one English sentence that names the argument, its value and
/// what was expected.
///
/// @param context A context: the last failure of a call on it, by whichever thread. NULL: the last
/// failure on the calling thread of `ctm_create`, or of a call whose context was NULL.
/// @return A NUL-terminated UTF-8 string, "" when nothing failed yet, that lives until the calling
/// thread's next `ctm_last_error` or its end. A later success does not clear it.
/// Threads: any; does not wait for a running call.
///
/// # Safety
/// `context` is NULL or a living context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_last_error(context: *const ctm_context) -> *const c_char {
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    let context = unsafe { context.as_ref() };
    guard(c"".as_ptr(), || last(context.map(|context| &context.last_error), CStr::as_ptr))
}
