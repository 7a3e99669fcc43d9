//! A device and what runs commands on it.

pub(crate) mod buffers;
pub(crate) mod commands;
pub(crate) mod error;
pub(crate) mod gpu;
pub(crate) mod idle;
pub(crate) mod import;
pub(crate) mod instance;
pub(crate) mod pipeline_cache;
pub(crate) mod pipelines;
pub(crate) mod pools;
pub(crate) mod receipts;
pub(crate) mod shaders;
pub(crate) mod source;
pub(crate) mod stage;
