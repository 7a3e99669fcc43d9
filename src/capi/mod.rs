//! The C interface: everything that `include/ctm.h` declares, and nothing else.
//!
//! Each function checks its pointers, calls the safe library, and turns what comes back into a
//! status. `cbindgen` makes the header out of this folder's files, by topic: `HEADER` in `build_header.rs`
//! has their order. A test compares it with the committed one.
//!
//! | files | what they hold |
//! | --- | --- |
//! | `boundary`, `extent`, `structs`, `failure` | what every function does with panics, pointers, sized structs and errors |
//! | `status`, `last_error`, `version` | what a call returns, and why; what is loaded |
//! | `context`, `create`, `run`, `destroy` | a context and the plain functions on it |
//! | `options`, `log`, `queries` | how a context is set up, what it says, what it works on |
//! | `image`, `params`, `outputs`, `runs`, `outlines`, `lists`, `planes`, `result`, `analyze` | `ctm_analyze` and its structs |
//! | `buffer` | memory for outputs |
//! | `counts_handle`, `counts` | `ctm_counts` and the functions on it |
//! | `regions_handle`, `regions` | `ctm_regions` and the functions on it |
//! | `mosaic_handle`, `mosaic` | `ctm_mosaic` and the functions on it |
//! | `device_memory` | pixels and outputs in a device's memory |
//! | `cancel`, `counters`, `pipeline_cache` | stopping calls, what they have cost, compiled pipelines |

// cbindgen takes what is `pub`.
#![allow(unsafe_code, non_camel_case_types, unreachable_pub)]

mod analyze;
mod boundary;
mod buffer;
mod cancel;
mod context;
mod counters;
mod counts;
mod counts_handle;
mod create;
mod destroy;
mod device_memory;
mod extent;
mod failure;
mod image;
mod last_error;
#[cfg(test)]
mod layout;
mod lists;
mod log;
mod mosaic;
mod mosaic_handle;
mod options;
mod outlines;
mod outputs;
mod params;
mod pipeline_cache;
mod planes;
mod queries;
mod regions;
mod regions_handle;
mod result;
mod run;
mod runs;
mod status;
mod structs;
mod version;
