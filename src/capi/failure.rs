//! How a call that has failed says so: by its status, and by the sentence that `ctm_last_error` returns.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::sync::{Mutex, PoisonError};

use crate::capi::boundary::guard;
use crate::capi::status::{CTM_ERROR_INTERNAL, CTM_OK, ctm_status, status_of};
use crate::error::Error;
use crate::runtime::panics::catch;

thread_local! {
    /// Why the last call without a context failed on this thread.
    static OF_THREAD: RefCell<CString> = RefCell::default();
    /// What the last `ctm_last_error` on this thread returned.
    static RETURNED: RefCell<CString> = RefCell::default();
}

/// Why the last call on a context failed.
#[derive(Default)]
pub(super) struct LastError(Mutex<CString>);

/// Does the work of a call that has no context; a failure or a panic becomes the status and the thread's last error.
pub(super) fn on_thread(work: impl FnOnce() -> Result<(), Error>) -> ctm_status {
    guard(CTM_ERROR_INTERNAL, || finish(catch(work), None))
}

/// Turns what a call came to into a status, and keeps the reason: for the context, or for the thread without one.
pub(super) fn finish(outcome: Result<Result<(), Error>, String>, kept: Option<&LastError>) -> ctm_status {
    let error = match outcome {
        Ok(Ok(())) => return CTM_OK,
        Ok(Err(error)) => error,
        Err(panic) => Error::Internal(format!(
            "{panic}; a defect in ctm, unless the pixels have changed during the call"
        )),
    };
    let text = c_string(&error.to_string());
    match kept {
        Some(kept) => *kept.0.lock().unwrap_or_else(PoisonError::into_inner) = text,
        None => OF_THREAD.set(text),
    }
    status_of(&error)
}

/// Gives the kept reason to `read`; the text is there until the thread's next call of this.
pub(super) fn last<R>(kept: Option<&LastError>, read: impl FnOnce(&CStr) -> R) -> R {
    let text = match kept {
        Some(kept) => kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        None => OF_THREAD.with_borrow(CString::clone),
    };
    RETURNED.with_borrow_mut(|returned| {
        *returned = text;
        read(returned)
    })
}

/// A text as C has it.
pub(super) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).unwrap_or_default()
}
