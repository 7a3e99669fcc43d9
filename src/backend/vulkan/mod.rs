//! The Vulkan backend: the stages count, collect and label as compute pipelines.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `instance` | the process's Vulkan instance; which devices there are, in which order |
//! | `opened` | a logical device with its queue and pipelines, handed from context to context |
//! | `gpu` | one context's device: its limits, running commands on it and waiting for them |
//! | `memory` | buffers, and memory that the host and the device share |
//! | `import` | memory of the host's or of another Vulkan device's, used where it is |
//! | `source` | where the device reads pixels: imported from the caller, or copied |
//! | `stages` | shaders and pipelines |
//! | `pipeline_cache` | compiled pipelines for later contexts and processes |
//! | `commands` | recording: fill, copy, dispatch, barriers |
//! | `pools` | command buffers and descriptor sets |
//! | `palette_table` | the hash table that the stage label searches |
//! | `backend` | the call: chunks, what is kept from call to call, less memory than hoped for |
//! | `numbers` | counting where colours are few: each pixel gets a number |
//! | `codes` | counting where colours are many, with the host: most are ruled out |
//! | `many_colors` | the same by the device alone |
//! | `read` | pixels that only the device can read, for the host |
//! | `trust` | which devices have passed their self-test |
//! | `receipts` | what tells that the device has done its work |
//! | `labels` | the stage label's host side |
//! | `expand` | the stage expand's host side: labels and planes in the caller's memory on the device |

mod backend;
mod device;
#[cfg(all(test, unix))]
mod external_memory_tests;
pub(crate) mod plan;
mod stages;
mod trust;

pub(crate) use backend::Vulkan;
pub use device::instance::devices;
pub(crate) use trust::check_devices;
