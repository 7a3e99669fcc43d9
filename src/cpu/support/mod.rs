//! What the stages share.

pub(super) mod bucket_set;
pub(super) mod codes;
pub(super) mod color_table;
pub(super) mod key;
pub(super) mod many_colors;
pub(super) mod pixel_cache;
pub(super) mod plan;
pub(super) mod prefetch;
pub(super) mod runs;
pub(super) mod sample;
pub(super) mod spans;
pub(super) mod tiles;
mod watch;
mod word_cache;
