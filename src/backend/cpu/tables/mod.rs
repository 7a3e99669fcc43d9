//! Tables from colours to numbers, and the caches before them.

pub(crate) mod color_table;
pub(crate) mod key;
pub(crate) mod pixel_cache;
pub(crate) mod word_cache;
