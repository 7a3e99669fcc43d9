//! The Vulkan backend: the stages count, collect and label as compute pipelines.
//!
//! From the top down; a file imports those below it only:
//!
//! | file | what it holds |
//! | --- | --- |
//! | `trust` | which devices have passed their self-test |
//! | `backend` | the backend: which stages a call takes |
//! | `stages/label` | the stage label's host side |
//! | `stages/expand` | the stage expand's host side: labels and planes in the caller's memory on the device |
//! | `stages/label_target` | where labels go |
//! | `stages/palette_table` | the hash table that the stage label searches |
//! | `stages/count_few` | counting where colours are few: each pixel gets a colour index |
//! | `stages/fingerprints` | counting where colours are many, with the host: most are ruled out |
//! | `stages/count_many` | counting where colours are many, by the device alone |
//! | `stages/read` | pixels that only the device can read, for the host |
//! | `stages/work` | what the stages work with: buffers, what is kept from stage to stage, less memory than hoped for |
//! | `stages/chunk` | pixels that are worked on together |
//! | `device/source` | where the device reads pixels: imported from the caller, or copied |
//! | `device/external_memory` | work with memory of others |
//! | `device/receipts` | what tells that the device has done its work |
//! | `device/buffers` | buffers, and memory that the host and the device share |
//! | `device/submission` | starting work on the device, and waiting for it |
//! | `device/commands` | recording: fill, copy, dispatch, barriers |
//! | `device/gpu` | one context's device: its limits, what it can do |
//! | `device/import` | memory of the host's or of another Vulkan device's, used where it is |
//! | `device/idle` | the pool of idle devices, handed from context to context |
//! | `device/instance` | the process's Vulkan instance; which devices there are, in which order |
//! | `device/pipelines` | a pipeline for each stage and each value of its constants |
//! | `device/pipeline_cache` | compiled pipelines for later contexts and processes |
//! | `device/pools` | command buffers and descriptor sets |
//! | `device/stage` | the stages, and how their work is distributed over invocations |
//! | `device/shaders` | the compiled shaders, and what Rust knows of them |
//! | `device/error` | what a driver's failures mean |
//! | `plan` | pure arithmetic: chunks, table sizes, dispatches |

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
