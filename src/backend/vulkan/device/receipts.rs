//! What tells that a device has done what it was told. A device that does nothing, or leaves out some of it, need not
//! report any failure, and what an earlier call has left in its memory may look like results.
//!
//! So all counts are summed up, and stages without counts report how many workgroups have worked. The host writes what
//! no device would report to where the report will be.

use std::fmt::Display;

use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::buffers::Shared;
use crate::backend::vulkan::device::commands::Commands;
use crate::backend::vulkan::device::gpu::Gpu;
use crate::backend::vulkan::plan::OFFSET_WORDS;
use crate::error::Error;

/// What the host writes where a device will report how many pixels it has counted: more than there can be.
pub(crate) const NEVER: u32 = u32::MAX;

impl Gpu {
    /// An error: the device has not done what it was told, though the driver reported no failure.
    fn not_done(&self, what: impl Display) -> Error {
        self.was_idle.set(true);
        Error::Driver(format!("{} {what}", self.name()))
    }
}

/// How many pixels a device has counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<N> {
    pub(crate) counted: N,
    pub(crate) colorless: N,
}

impl<N: Copy + Display + Into<u64>> Counted<N> {
    /// Fails unless these are all pixels.
    pub(crate) fn check(self, gpu: &Gpu, pixels: impl Into<u64>) -> Result<(), Error> {
        let (Self { counted, colorless }, pixels) = (self, pixels.into());
        if counted.into().checked_add(colorless.into()) == Some(pixels) {
            return Ok(());
        }
        let counted = Reported(counted.into());
        let colorless = Reported(colorless.into());
        Err(gpu.not_done(format_args!(
            "has counted {counted} pixels with a colour and {colorless} without; {pixels} together are expected"
        )))
    }
}

/// A number that a device has reported, if it has.
struct Reported(u64);

impl Display for Reported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 >= NEVER.into() { f.write_str("no") } else { self.0.fmt(f) }
    }
}

/// Fails where a device has counted other pixels of wanted buckets than those buckets have.
pub(crate) fn same_as_buckets(gpu: &Gpu, counted: u64, pixels: u64) -> Result<(), Error> {
    if counted == pixels {
        return Ok(());
    }
    Err(gpu.not_done(format_args!(
        "has counted {counted} pixels of colours whose buckets have {pixels}; the pixels may have changed during the call"
    )))
}

/// Fails where a device reports a number that cannot be.
pub(crate) fn within(what: &str, number: u32, most: u64, gpu: &Gpu) -> Result<(), Error> {
    if u64::from(number) <= most {
        return Ok(());
    }
    Err(gpu.not_done(format_args!("reports {number} as {what}; at most {most} is expected")))
}

/// Fails where the fingerprint that a device has written for a pixel is not that of its colour.
pub(crate) fn same_fingerprint(
    gpu: &Gpu,
    pixel: usize,
    fingerprint: u16,
    expected: u16,
) -> Result<(), Error> {
    if fingerprint == expected {
        return Ok(());
    }
    Err(gpu.not_done(format_args!(
        "has written {fingerprint:#06x} as the fingerprint of pixel {pixel}; {expected:#06x} is expected, unless the pixels have \
         changed during the call"
    )))
}

/// A word behind others in shared memory, in which a device counts the workgroups that have worked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receipt {
    /// The word's place.
    pub(crate) at: u64,
}

impl Receipt {
    /// Behind so many words.
    pub(crate) fn behind(words: u64) -> Self {
        Self { at: words.next_multiple_of(OFFSET_WORDS) }
    }

    /// All words up to it.
    pub(crate) fn end(self) -> u64 {
        self.at + 1
    }

    /// The word, to be bound.
    pub(crate) fn part(self, memory: &Shared) -> Bytes {
        memory.part(self.at, 1)
    }

    /// Nothing is done yet; `upload` is to follow.
    pub(crate) fn clear(self, memory: &mut Shared) -> Result<(), Error> {
        memory.write(self.at, &[0])
    }

    /// Records what lets the device have the cleared word.
    pub(crate) fn upload(self, memory: &Shared, commands: &mut Commands) -> Result<(), Error> {
        memory.upload(commands, self.at, 1)
    }

    /// Records what lets the host have the word.
    pub(crate) fn download(self, memory: &Shared, commands: &mut Commands) -> Result<(), Error> {
        memory.download(commands, self.at, 1)
    }

    /// Fails unless so many workgroups have worked.
    pub(crate) fn check(self, memory: &Shared, gpu: &Gpu, workgroups: u32) -> Result<(), Error> {
        let mut done = [0u32];
        memory.read(self.at, bytemuck::cast_slice_mut(&mut done))?;
        if done[0] == workgroups {
            return Ok(());
        }
        Err(gpu.not_done(format_args!("has executed {} workgroups; {workgroups} are expected", done[0])))
    }
}
