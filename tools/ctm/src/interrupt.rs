//! What ends the program from outside: Ctrl-C, and other requests to end. It ends at once, and files that are not whole
//! go away.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::terminal;

/// Files, and folders that go away if they are empty.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The files, and the empty folders, that must not stay if the program ends now. As long as it is locked, no request ends it.
pub(crate) fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what is unfinished and ends the program. Nothing is asked to stop first: a pipe that nobody reads or a slow
/// decoder would not.
fn end(why: &str, status: i32) -> ! {
    let unfinished = unfinished();
    // What is in a folder comes behind it.
    for path in unfinished.iter().rev() {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
    }
    if io::stderr().is_terminal() {
        // In place of a progress bar.
        let _ = write!(io::stderr(), "\r\x1b[2K");
    }
    terminal::error(why);
    exit(status)
}

/// From now on, requests to end the program go the way that [`end`] does.
#[cfg(unix)]
pub(crate) fn listen() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::{flag, iterator::Signals, low_level::signal_name};

    // A file that grows beyond the user's limit is an error of writing, as is a full disk.
    flag::register(SIGXFSZ, std::sync::Arc::default())?;
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM].into_iter().filter(|&signal| !is_ignored(signal)))?;
    std::thread::Builder::new().spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let status = 128 + signal; // as shells have it
            match signal_name(signal) {
                Some(name) if signal != SIGINT => end(&format!("ended by {name}"), status),
                _ => end("interrupted", status),
            }
        }
    })?;
    Ok(())
}

/// Whether whoever started the program wants it to outlive a signal, as `nohup` does.
#[cfg(unix)]
#[allow(unsafe_code, reason = "no crate asks without changing what it asks for")]
fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with no new action the call only writes the present one, whole where it returns 0.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(unix)]
fn exit(status: i32) -> ! {
    // Without the exit handlers of Vulkan drivers, which may be at work.
    signal_hook::low_level::exit(status)
}

/// From now on, Ctrl-C goes the way that [`end`] does.
#[cfg(not(unix))]
pub(crate) fn listen() -> io::Result<()> {
    ctrlc::set_handler(|| end("interrupted", 130)).map_err(io::Error::other)
}

#[cfg(not(unix))]
fn exit(status: i32) -> ! {
    std::process::exit(status)
}
