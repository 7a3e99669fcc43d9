//! `ctm_version`.

use std::ffi::c_char;

use crate::capi::boundary::guard;

/// The version of the library that is loaded, `"major.minor.patch"`; compare it with `CTM_VERSION`,
/// the version of the header.
///
/// @return A NUL-terminated string that is never NULL and lives as long as the library is loaded.
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ctm_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    guard(c"".as_ptr(), || VERSION.as_ptr().cast())
}
