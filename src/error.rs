//! What can go wrong. Each message names the argument, its value and what was expected.

use crate::color::ImageColor;

/// Why a call failed. Its text is one sentence for the person who reads the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is outside its range; nothing was read or written.
    #[error("{0}")]
    InvalidArgument(String),
    /// A buffer is too small for what it is to receive, or labels are too narrow. Nothing was written.
    #[error("{}", too_small(*what, argument, *mask_count, *needed, *given))]
    TooSmall {
        /// What it is to receive, and the unit of the numbers.
        what: Capacity,
        /// The argument that says how large it is.
        argument: &'static str,
        /// How many masks there are; 0 where there are none.
        mask_count: u32,
        /// What is needed, in that unit.
        needed: u64,
        /// What there is, in that unit.
        given: u64,
    },
    /// The image has colours that the given palette does not have. Nothing was written.
    #[error(
        "{pixels} pixels have {colors} colours that the palette does not have; the most frequent is {color}, \
         first at column {}, row {}",
        first_pixel.0, first_pixel.1
    )]
    UnlistedColors {
        /// Pixels of such colours.
        pixels: u64,
        /// How many such colours there are.
        colors: u64,
        /// The most frequent one.
        color: ImageColor,
        /// Column and row of its first pixel; rows of several images are counted one below the other.
        first_pixel: (u32, u32),
    },
    /// The call was stopped, by [`Canceller::cancel`](crate::Canceller::cancel) or by its progress function. The contents
    /// of what it was to write are unspecified. The context stays usable.
    #[error("the call was cancelled")]
    Cancelled,
    /// Bytes that are damaged, or not what they should be.
    #[error("{0}")]
    Data(String),
    /// The host has too little memory. The context stays usable.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
    /// The device has too little memory. The context stays usable.
    #[error("out of device memory: {0}")]
    OutOfDeviceMemory(String),
    /// No Vulkan device fits the options.
    #[error("no device: {0}")]
    NoDevice(String),
    /// The device was lost. The context can only be dropped.
    #[error("the device was lost: {0}")]
    DeviceLost(String),
    /// The device did not finish in time. The context can only be dropped. A hardware device may still use memory that
    /// was lent to it by file descriptor, but no other of the caller's.
    #[error("the device did not finish in time: {0}")]
    Timeout(String),
    /// The Vulkan driver refused a call that should have worked, or the device has not done what it was told, though its
    /// driver reported no failure. The context stays usable.
    #[error("the Vulkan driver failed: {0}")]
    Driver(String),
    /// The device, its driver or ctm cannot do what is asked, with this context or at all. Nothing was written.
    #[error("{0}")]
    Unsupported(String),
    /// A defect in ctm, or a context that one has left unusable.
    #[error("internal error: {0}")]
    Internal(String),
}

/// What a buffer is to receive whose size is stated, and the unit that the size is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capacity {
    /// Masks, in bytes.
    Masks,
    /// Masks, in floats, as `ctm_run` counts them.
    MaskFloats,
    /// Labels, in bytes.
    Labels,
    /// The numbers of masks, of which a type of labels can tell so many apart.
    LabelNumbers,
    /// Entries of a palette: one for each mask and image.
    PaletteEntries,
    /// The lengths of the masks' runs.
    RunCounts,
    /// Where each mask's runs begin.
    RunOffsets,
    /// The corners of the masks' outlines.
    OutlinePoints,
    /// Where each ring of outlines begins.
    RingOffsets,
    /// Which exterior ring each ring of outlines belongs to.
    RingExteriors,
    /// Where each mask's rings begin.
    MaskOffsets,
    /// Bytes that stand for an object: counts, or a pipeline cache.
    Bytes,
}

impl Error {
    /// What does not fit a buffer or type, whose size is `argument`.
    pub(crate) fn too_small(
        what: Capacity,
        argument: &'static str,
        mask_count: u32,
        needed: u64,
        given: u64,
    ) -> Self {
        Self::TooSmall { what, argument, mask_count, needed, given }
    }
}

fn too_small(what: Capacity, argument: &str, mask_count: u32, needed: u64, given: u64) -> String {
    match what {
        Capacity::Masks => format!("{argument} is {given}; {mask_count} masks need {needed} bytes"),
        Capacity::MaskFloats => format!("{argument} is {given}; {mask_count} masks need {needed} floats"),
        Capacity::Labels => format!("{argument} is {given}; the labels need {needed} bytes"),
        Capacity::LabelNumbers => format!("{argument} numbers {given} masks; there are {needed}"),
        Capacity::PaletteEntries => {
            format!("{argument} is {given}; {mask_count} masks need {needed} entries")
        }
        Capacity::RunCounts => {
            format!("{argument} is {given}; the runs of {mask_count} masks need {needed} numbers")
        }
        Capacity::RunOffsets => {
            format!("{argument} is {given}; the runs of {mask_count} masks need {needed} offsets")
        }
        Capacity::OutlinePoints => {
            format!("{argument} is {given}; the outlines of {mask_count} masks need {needed} corners")
        }
        Capacity::RingOffsets | Capacity::RingExteriors | Capacity::MaskOffsets => {
            format!("{argument} is {given}; the outlines of {mask_count} masks need {needed} values")
        }
        Capacity::Bytes => format!("{argument} is {given}; {needed} bytes are needed"),
    }
}
