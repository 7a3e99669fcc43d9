//! Chunks: pixels that are worked on together.

use std::ops::Range;

use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::buffers::Shared;
use crate::backend::vulkan::device::commands::Commands;
use crate::backend::vulkan::plan::{CHUNKS_IN_FLIGHT, Plan};
use crate::error::Error;

/// Pixels that are worked on together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    pub(crate) index: u64,
    /// Its first pixel.
    pub(crate) start: usize,
    pub(crate) pixels: u32,
    /// Which of the memories of chunks in flight it has.
    pub(crate) memory: usize,
}

impl Chunk {
    /// The chunks of a plan.
    pub(crate) fn all(plan: &Plan) -> impl Iterator<Item = Self> + use<> {
        // Lossless: the image is in memory, so that its indices are a usize, and `plan` bounds chunks.
        (0u64..).zip(plan.chunks()).map(|(index, pixels)| Self {
            index,
            start: pixels.start as usize,
            pixels: (pixels.end - pixels.start) as u32,
            memory: (index % CHUNKS_IN_FLIGHT) as usize,
        })
    }

    /// Its pixels in the image.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.start + self.pixels as usize
    }
}

/// The memory of one chunk in flight. There are two, so that the host fills and empties one while
/// the device works on the other.
#[derive(Debug, Default)]
pub(crate) struct ChunkMemory {
    /// Divided as `ChunkLayout` says.
    pub(crate) shared: Option<Shared>,
    pub(crate) labels: Option<Shared>,
    /// Workgroups that were dispatched to work on its labels.
    pub(crate) workgroups: u32,
}

impl ChunkMemory {
    /// What was divided, which a stage before has made.
    pub(crate) fn shared(&self) -> Result<&Shared, Error> {
        self.shared.as_ref().ok_or_else(|| Error::Internal("a chunk has no memory".to_owned()))
    }

    /// Its labels, for which a stage before has made room.
    pub(crate) fn labels(&self) -> Result<&Shared, Error> {
        self.labels.as_ref().ok_or_else(|| Error::Internal("a chunk has no labels".to_owned()))
    }
}

/// A chunk's pixels on the device.
pub(crate) struct ChunkPixels {
    pub(crate) words: Bytes,
    /// The position of the chunk's first word in the buffer.
    pub(crate) first_word: u32,
    /// What is still to be copied within the chunk's memory: the first word, and how many.
    pub(crate) copied: Option<(u64, u64)>,
}

impl ChunkPixels {
    /// Records the copy, if there is one to make.
    pub(crate) fn upload(&self, memory: Option<&Shared>, commands: &mut Commands) -> Result<(), Error> {
        match (self.copied, memory) {
            (Some((start, words)), Some(memory)) => memory.upload(commands, start, words),
            _ => Ok(()),
        }
    }
}
