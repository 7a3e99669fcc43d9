//! Label maps become masks and labels in the caller's memory.

pub(crate) mod expand;
pub(crate) mod label_output;
pub(crate) mod planes;
