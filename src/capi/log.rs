//! The levels of messages, and the host's log function.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use log::Level;

use crate::capi::structs::unknown;
use crate::error::Error;
use crate::runtime::call::{CancelToken, LogFn, ProgressFn, Scope};

/// `ctm_options.log_level`, and the level of a message: why a call failed that should have worked, as far as the machine is to blame.
pub const CTM_LOG_ERROR: u32 = 1;
/// `ctm_options.log_level`, and the level of a message: something that costs time or memory and can be helped.
pub const CTM_LOG_WARNING: u32 = 2;
/// `ctm_options.log_level`, and the level of a message: what was chosen, and why.
pub const CTM_LOG_INFO: u32 = 3;
/// `ctm_options.log_level`, and the level of a message: how each call was done, and how long it took.
pub const CTM_LOG_DEBUG: u32 = 4;

type LogFunction = unsafe extern "C" fn(user: *mut c_void, level: u32, message: *const c_char);

/// A host's log function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    function: LogFunction,
    user: *mut c_void,
    /// The largest level of which it wants messages.
    most: Level,
}

// SAFETY: the pointer is handed to the host's function and to nobody else; the host is told that calls on a context may come
// from any thread that it makes them on.
unsafe impl Send for Log {}
// SAFETY: as above.
unsafe impl Sync for Log {}

impl Log {
    /// Of the fields `log`, `log_user` and `log_level`; `None` where there is no function.
    pub(super) fn new(
        function: Option<LogFunction>,
        user: *mut c_void,
        level: u32,
    ) -> Result<Option<Self>, Error> {
        let most = match level {
            0 | CTM_LOG_WARNING => Level::Warn,
            CTM_LOG_ERROR => Level::Error,
            CTM_LOG_INFO => Level::Info,
            CTM_LOG_DEBUG => Level::Debug,
            level => {
                let expected = "0 (warnings and errors), 1 (errors), 2 (warnings), 3 (info) or 4 (debug)";
                return unknown("options.log_level", level, expected);
            }
        };
        Ok(function.map(|function| Self { function, user, most }))
    }

    /// Does a call's work; its messages go to the host's function, if there is one.
    pub(super) fn within<R>(
        log: Option<Self>,
        stop: Arc<CancelToken>,
        progress: Option<ProgressFn>,
        work: impl FnOnce() -> Result<R, Error>,
    ) -> Result<R, Error> {
        let write = log.map(|log| move |level, text: &str| log.write(level, text));
        let sink = log.zip(write.as_ref()).map(|(log, write)| (log.most, write as LogFn));
        Scope::new(stop).with_progress(progress).with_log(sink).run(work)
    }

    fn write(self, level: Level, message: &str) {
        let message = message.replace(['\0', '\n'], " ");
        let message = CString::new(message).unwrap_or_default();
        // SAFETY: the caller of `ctm_create` guarantees the function.
        unsafe { (self.function)(self.user, level as u32, message.as_ptr()) }
    }
}
