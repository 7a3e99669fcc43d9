//! What every layer stands on: threads, cancelling, memory that may not be there, floating-point state.

pub(crate) mod alloc;
pub(crate) mod buffer;
pub(crate) mod call;
pub(crate) mod checksum;
pub(crate) mod float_state;
#[cfg(feature = "capi")]
pub(crate) mod panics;
pub(crate) mod processor;
pub(crate) mod seeds;
pub(crate) mod simd;
pub(crate) mod threads;
