//! The Vulkan backend: the stages count, collect and label as compute pipelines.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `instance` | the process's Vulkan instance; which devices there are, in which order |
//! | `opened` | a logical device with its queue and pipelines, handed from context to context |
//! | `gpu` | one context's device: its limits, running commands on it and waiting for them |
//! | `memory` | buffers, staging |
//! | `stages` | shaders and pipelines |
//! | `pipeline_cache` | compiled pipelines for later contexts and processes |
//! | `commands` | recording: fill, copy, dispatch, barriers |
//! | `palette_table` | the hash table that the stage label searches |
//! | `backend` | the stages' host side: chunks, growing tables, what is kept from call to call |

mod backend;
mod commands;
mod gpu;
mod instance;
mod memory;
mod opened;
mod palette_table;
mod pipeline_cache;
mod stages;

pub(crate) use backend::Vulkan;
pub use instance::{DeviceInfo, DeviceKind, devices};

pub use crate::plan::DeviceLimits;
