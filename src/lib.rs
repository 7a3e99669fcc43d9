//! ctm turns colour maps into masks, on the GPU or the CPU.
//!
//! A *colour map* is an image in which each region is painted in one flat colour: an ID pass from a
//! renderer, a segmentation map, a regional-prompt map. ctm counts how many pixels each exact
//! colour has, keeps the colours with enough pixels, takes the most frequent of them, and writes
//! one binary mask for each into memory that the caller owns.
//!
//! This crate is the Rust face of the library; the C face is `include/ctm.h`, whose functions are
//! thin shells around [`Context`].
//!
//! ```
//! use ctm::{ColorMap, Context, Options, Selection};
//!
//! let pixels = [1.0, 0.0, 0.0,  1.0, 0.0, 0.0,  0.0, 0.0, 1.0]; // red, red, blue
//! let map = ColorMap::new(&pixels, 3, 1, 3)?;
//! let mut context = Context::new(&Options { backend: ctm::Backend::Cpu, ..Options::default() })?;
//! let mut masks = [0.5; 6];
//! let palette = context.run(&map, &Selection { min_pixels: 1, max_count: 5 }, &mut masks)?;
//! assert_eq!(palette.colors.len(), 2);
//! assert_eq!(masks, [1.0, 1.0, 0.0,  0.0, 0.0, 1.0]);
//! # Ok::<(), ctm::Error>(())
//! ```
//!
//! # Where things are
//!
//! One pixel's way is count → select → label → expand.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `image`, `selection` | what comes in: the colour map, the params of a call and of a context |
//! | `color` | what "the same colour" and "the smaller colour" mean |
//! | `color_counts` | the pixel counts of parts of an image, added up, and as bytes |
//! | `checksum` | finds out whether bytes were damaged |
//! | `pixels` | what is stored as whatever becomes words that the backends compare |
//! | `counters` | what a call has cost |
//! | `control` | stopping a call, telling how far it is, messages |
//! | `device_memory` | memory on a device, lent by the caller, for pixels or outputs |
//! | `histogram` | adds up the pixel counts of an image's chunks |
//! | `memory` | memory that may not be there |
//! | `float_state` | the processor's rounding and exceptions, the host's and ctm's |
//! | `threads`, `processor` | the threads that work, and where they run |
//! | `seeds` | seeds of hash functions |
//! | `select` | which colours get a mask, and in which order; the only place that decides it |
//! | `labels` | the label map between counting and masks |
//! | `color_grid` | finds colours near another |
//! | `merge` | which colours become another's, as its near-duplicates |
//! | `nearest` | which mask a colour joins that has none of its own |
//! | `grouping` | label map by colour → label map by mask |
//! | `unmixing` | which masks share a pixel whose colour is in none |
//! | `connected` | label map by colour → label map by connected region |
//! | `outputs` | what a call is to write, and what it found |
//! | `planes` | where the masks' values lie in the caller's memory |
//! | `expand` | label map → mask planes |
//! | `label_output` | label map → the caller's label map |
//! | `regions` | where the masks' pixels lie |
//! | `runs` | label map → runs of equal labels |
//! | `plan` | pure arithmetic: image and device limits → chunks, table sizes, dispatches |
//! | `self_test` | whether a device can be trusted: images with known answers |
//! | `pipeline` | [`Context`]: runs the stages in order on the backend of each |
//! | `cpu`, `vulkan` | the two backends: the stages count, collect and label |
//! | `capi` | the C functions of `include/ctm.h` |

mod backend;
mod capi;
mod color;
mod context;
mod error;
mod input;
mod labels;
mod output;
mod runtime;
mod stages;
mod types;

pub use backend::vulkan::devices;
pub use color::Color;
pub use context::Context;
pub use context::check::check_devices;
pub use error::Error;
pub use runtime::call::Canceller;
pub use types::call_stats::CallStats;
pub use types::color_counts::ColorCounts;
pub use types::devices::{DeviceCheck, DeviceInfo, DeviceKind};
pub use types::geometry::Shape;
pub use types::image::{ChannelOrder, ColorMap, Format, Layout};
pub use types::matching::{Alpha, Connectivity, Matching, Merge, Metric, Nearest};
pub use types::options::{Backend, Options};
pub use types::outputs::{
    Analysis, LabelOutput, MaskLayout, MaskOutput, MergedColor, MergedColors, Outputs, UnlistedColor,
    UnlistedColors,
};
pub use types::palette::{ColorCount, Palette};
pub use types::params::{Batch, Params, Selection, Unlisted};
pub use types::stats::MaskStats;

#[doc(hidden)]
pub use runtime::seeds::Seeds;
#[doc(hidden)]
pub use runtime::simd::SimdLevel;
#[doc(hidden)]
pub use types::options::{DebugOptions, DeviceLimits};

/// This library's version, `major.minor.patch`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
