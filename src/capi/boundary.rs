//! What lies between a host and ctm: panics stop here, the host's floating-point state is put aside, and nobody cancels
//! the thread.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::runtime::float_state;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs the work of a function of the interface; a panic gives `fallback`. All that can panic is to be in here.
pub(super) fn guard<R>(fallback: R, work: impl FnOnce() -> R) -> R {
    let _cancellation = Cancellation::disable();
    float_state::within(|| catch(work)).unwrap_or(fallback)
}

/// Runs `work`, within `guard`; a panic in it becomes `Err` with the panic's message, and nothing is printed.
pub(super) fn catch<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    install_hook();
    let before = SILENT.replace(true);
    // A context knows that `work` has left it half done.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    SILENT.set(before);
    outcome.map_err(|payload| message(payload.as_ref()).to_owned())
}

use cancellation::Cancellation;

/// Systems where one thread can cancel another (`pthread_cancel`), which would leave locks held: ctm's and drivers'.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
mod cancellation {
    use std::ffi::c_int;

    const DISABLE: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };

    unsafe extern "C" {
        // Of the C library, as POSIX has it; the crate libc does not declare it for these systems.
        fn pthread_setcancelstate(state: c_int, old_state: *mut c_int) -> c_int;
    }

    /// Puts back what the host had.
    pub(super) struct Cancellation(c_int);

    impl Cancellation {
        pub(super) fn disable() -> Self {
            let mut before = DISABLE;
            // SAFETY: a legal state, and room for the old one.
            unsafe { pthread_setcancelstate(DISABLE, &mut before) };
            Self(before)
        }
    }

    impl Drop for Cancellation {
        fn drop(&mut self) {
            let mut ours = DISABLE;
            // SAFETY: as above.
            unsafe { pthread_setcancelstate(self.0, &mut ours) };
        }
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
mod cancellation {
    /// Nobody cancels threads here.
    pub(super) struct Cancellation;

    impl Cancellation {
        pub(super) fn disable() -> Self {
            Self
        }
    }
}

/// A panic on this thread, one of ctm's own, is reported by a status and not on the console.
pub(crate) fn silence_panics_of_this_thread() {
    SILENT.set(true);
}

/// Keeps the panics that `catch` catches off the console; all others go where they went before.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::thread::panicking() {
            return; // The hook cannot be set now; the panic is still caught.
        }
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // No access: the thread is ending, and its panic cannot be one of ours.
            if !SILENT.try_with(Cell::get).unwrap_or(false) {
                previous(info);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "unknown panic"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_message() {
        assert_eq!(catch(|| 7), Ok(7));
        assert_eq!(catch(|| -> u32 { panic!("slot {}", 3) }), Err("slot 3".to_owned()));
        assert_eq!(catch(|| -> u32 { panic!("plain") }), Err("plain".to_owned()));
        assert_eq!(guard(3, || -> u32 { panic!("plain") }), 3);
        assert!(!SILENT.get());
    }
}
