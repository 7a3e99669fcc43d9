//! Pixels as they are stored become words that the backends compare.

mod bytes;
mod codes;
pub(crate) mod pixels;
mod planes;
mod reader;
pub(crate) mod shuffle;
mod shuffle_scalar;
#[cfg(target_arch = "x86_64")]
mod shuffle_x86;
mod value_bytes;
