//! Label maps become masks and labels in the caller's memory.

pub(crate) mod expand;
mod expand_scalar;
#[cfg(target_arch = "x86_64")]
mod expand_x86;
pub(crate) mod label_output;
pub(crate) mod planes;
