//! The C interface: everything that `include/ctm.h` declares, and nothing else.
//!
//! Each function checks its pointers, calls the safe library, and turns what comes back into a
//! status. `cbindgen` makes the header out of this folder's files, in the order of `C_INTERFACE` in
//! `build.rs`; a test compares it with the committed one.

// cbindgen takes what is `pub`.
#![allow(unsafe_code, non_camel_case_types, unreachable_pub)]

mod analyze;
mod boundary;
mod buffers;
mod context;
mod counters;
mod counts;
mod device_memory;
mod image;
mod options;
mod outputs;
mod params;
mod status;
mod structs;
