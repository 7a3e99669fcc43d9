//! The pixels of a part of an image, split into runs.

pub(crate) mod prefetch;
pub(crate) mod runs;
pub(crate) mod spans;
pub(crate) mod tiles;
