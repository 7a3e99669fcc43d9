//! Panics that become values, without a word on the console.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, within `guard`; a panic in it becomes `Err` with the panic's message, and nothing is printed.
pub(crate) fn catch<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    install_hook();
    let before = SILENT.replace(true);
    // A context knows that `work` has left it half done.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    SILENT.set(before);
    outcome.map_err(|payload| message(payload.as_ref()).to_owned())
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
        assert!(!SILENT.get());
    }
}
