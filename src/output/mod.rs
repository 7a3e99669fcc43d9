//! Label maps become masks and labels in the caller's memory.

mod crossings;
pub(crate) mod expand;
mod expand_scalar;
#[cfg(target_arch = "x86_64")]
mod expand_x86;
pub(crate) mod label_output;
mod label_output_scalar;
#[cfg(target_arch = "x86_64")]
mod label_output_x86;
pub(crate) mod outlines;
pub(crate) mod planes;
mod rings;
pub(crate) mod runs;
pub(crate) mod scatter;
mod simplify;
mod stream;
#[cfg(target_arch = "x86_64")]
mod stream_x86;
