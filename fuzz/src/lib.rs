//! What the fuzz targets do with bytes, as functions: `fuzz_targets/` hands libFuzzer's to them, `tests/fuzz_corpora.rs` and the
//! tool's those of the corpora. A finding is a panic, a touched guard page, or what a sanitizer says.

#![allow(missing_docs)]

pub mod library;

include!("tool.rs");

pub mod decoders;
pub mod palettes;

pub use library::{counts, devices, interface, mosaics, pipeline_cache, regions};
