//! A device and what runs commands on it.

pub(crate) mod buffers;
pub(crate) mod commands;
pub(crate) mod error;
pub(crate) mod external_memory;
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
pub(crate) mod submission;

use vulkano::buffer::Subbuffer;

/// Part of a buffer, a multiple of words. vulkano casts only memory of its own to words, and imported
/// memory is not.
pub(crate) type Bytes = Subbuffer<[u8]>;
