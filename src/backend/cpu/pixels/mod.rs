//! The pixels of a part of an image, split into runs.

mod compare;
mod compare_scalar;
#[cfg(target_arch = "x86_64")]
mod compare_x86;
pub(crate) mod pieces;
pub(crate) mod prefetch;
#[cfg(not(target_arch = "x86_64"))]
mod prefetch_scalar;
#[cfg(target_arch = "x86_64")]
mod prefetch_x86;
pub(crate) mod spans;
mod stored_runs;
pub(crate) mod tiles;
mod word_runs;
