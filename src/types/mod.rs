//! What the layers above speak of: images, params, outputs, palettes.

pub(crate) mod call_stats;
pub(crate) mod color_counts;
mod color_counts_format;
pub(crate) mod device_memory;
pub(crate) mod devices;
pub(crate) mod encoding;
pub(crate) mod geometry;
pub(crate) mod histogram;
pub(crate) mod image;
pub(crate) mod matching;
pub(crate) mod memory_limit;
pub(crate) mod options;
pub(crate) mod outlines;
pub(crate) mod outputs;
pub(crate) mod palette;
pub(crate) mod params;
pub(crate) mod regions;
mod regions_format;
pub(crate) mod runs;
pub(crate) mod sorted_counts;
pub(crate) mod stats;
pub(crate) mod wire;
