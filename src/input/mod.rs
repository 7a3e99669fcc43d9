//! Pixels as they are stored become words that the backends compare.

pub(crate) mod pixels;
