//! The CPU backend: the stages count, collect and label on the host's threads.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `backend` | the backend: what is kept from stage to stage |
//! | `plan` | pure arithmetic: size, threads and memory limit → what is kept, how large tables get |
//! | `count`, `tile_labels` | stage count where colours are few, and the labels that it leaves |
//! | `part` | the colours that one thread has counted |
//! | `collect` | stage collect |
//! | `label` | stage label |
//! | `pixels/` | dealing an image out to threads, and its pixels, split into runs and literals |
//! | `tables/` | from colours to colour indices: hash tables and the caches before them |
//! | `many/` | counting where colours are many: most are ruled out |

mod backend;
mod collect;
mod color_estimate;
mod count;
mod label;
mod many;
mod part;
mod pixels;
mod plan;
mod tables;
mod tile_labels;

pub(crate) use backend::{Cpu, HostCount};
pub(crate) use many::fingerprint_of;
pub(crate) use plan::CpuPlan;
pub(crate) use tables::key::Hasher;
