//! Ctrl-C: the work ends where nothing is left half done.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use ctm::{Canceller, Context};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static CANCELLER: Mutex<Option<Canceller>> = Mutex::new(None);

/// Why the work has ended.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// From now on, Ctrl-C stops this context's calls, and `check` fails.
pub(crate) fn listen(context: &Context) {
    *CANCELLER.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.canceller());
    // Where there is no such thing as Ctrl-C, it ends the program as ever.
    let _ = ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        let canceller = CANCELLER.lock().unwrap_or_else(PoisonError::into_inner);
        canceller.iter().for_each(Canceller::cancel);
    });
}

/// Fails once Ctrl-C was pressed.
pub(crate) fn check() -> Result<(), Interrupted> {
    if INTERRUPTED.load(Ordering::SeqCst) { Err(Interrupted) } else { Ok(()) }
}
