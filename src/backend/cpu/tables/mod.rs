//! Tables from colours to colour indices, and the caches before them.

pub(crate) mod color_table;
pub(crate) mod key;
pub(crate) mod number_table;
pub(crate) mod pixel_cache;

/// Pixels that a cache looks up at a time at most.
pub(crate) const MOST_LOOKED_UP: usize = 128;
