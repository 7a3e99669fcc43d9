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
//! One pixel's way is count → collect → select → label → expand. Layers, from the top down; an import goes down or
//! sideways, and `ARCHITECTURE.md` says where a change belongs:
//!
//! | folder | what it holds |
//! | --- | --- |
//! | `capi` | the C functions of `include/ctm.h` |
//! | `context` | [`Context`]: what a call asks for, and its steps |
//! | `backend` | the two backends, which count, collect and label; whether a device can be trusted |
//! | `stages` | which colours get a mask, which join another's, and what becomes of pixels without one: on the host |
//! | `output` | labels → masks and labels in the caller's memory |
//! | `input` | stored pixels → words that the backends compare |
//! | `labels` | the label map between counting and masks |
//! | `types` | what comes in and goes out: image, params, outputs, palette, options |
//! | `runtime` | threads, memory that may not be there, cancellation and progress, the processor |
//! | `error`, `color` | why a call failed; what "the same colour" and "the smaller colour" mean |

mod backend;
#[cfg(feature = "capi")]
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
pub use color::{Color, ImageColor};
pub use context::Context;
pub use context::check::check_devices;
pub use error::{Capacity, Error};
pub use labels::mosaic::{Mosaic, PartArea, PartLabels};
pub use runtime::buffer::Buffer;
pub use runtime::call::Canceller;
pub use types::call_stats::CallStats;
pub use types::color_counts::ColorCounts;
pub use types::devices::{DeviceCheck, DeviceInfo, DeviceKind};
pub use types::geometry::Shape;
pub use types::image::{ChannelOrder, ColorMap, Format, Layout};
pub use types::matching::{Absorb, Alpha, Connectivity, Matching, Merge, Metric, Nearest};
pub use types::options::{Backend, Options};
pub use types::outlines::{MaskOutlines, OutlineSettings};
pub use types::outputs::{
    AbsorbedRegions, Analysis, LabelOutput, MaskLayout, MaskOutput, MergedColor, MergedColors, Outputs,
    UnlistedColor, UnlistedColors,
};
pub use types::palette::{ColorCount, Palette};
pub use types::params::{Batch, Params, Selection, Unlisted};
pub use types::regions::{ImageRegions, PartOf};
pub use types::runs::{MaskRuns, RunOrder};
pub use types::stats::MaskStats;

#[doc(hidden)]
pub use runtime::seeds::Seeds;
#[doc(hidden)]
pub use runtime::simd::SimdLevel;
#[doc(hidden)]
pub use types::options::{DebugOptions, DeviceLimits};

/// This library's version, `major.minor.patch`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
