//! What can go wrong. Each message names the argument, its value and what was expected.

use crate::color::Color;

/// Why a call failed. Its text is one sentence for the person who reads the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is outside its range; nothing was read or written.
    #[error("{0}")]
    InvalidArgument(String),
    /// The masks found do not fit the caller's buffer, which was not touched.
    #[error(
        "masks_len is {len}; {mask_count} masks of {width} x {height} pixels need {} values",
        u128::from(*mask_count) * u128::from(*width) * u128::from(*height)
    )]
    BufferTooSmall {
        /// How many masks there are.
        mask_count: u32,
        /// Columns of the image.
        width: u32,
        /// Rows of the image; of several images those of all.
        height: u32,
        /// The length of the caller's buffer in values.
        len: usize,
    },
    /// The masks found do not fit the caller's buffer, which was not touched: cropped ones, or ones with gaps.
    #[error("there is room for {room} bytes of masks; {mask_count} masks need {needed}")]
    MasksTooLarge {
        /// How many masks there are.
        mask_count: u32,
        /// Bytes that they need.
        needed: u64,
        /// Bytes that there are.
        room: usize,
    },
    /// There are more masks than the type of the labels can number. Nothing was written.
    #[error("the labels' type numbers {most} masks; there are {mask_count}")]
    LabelsTooNarrow {
        /// How many masks there are.
        mask_count: u32,
        /// How many the type numbers.
        most: u32,
    },
    /// There is less room for the palette than it needs. Nothing was written.
    #[error("there is room for {room} palette entries; {needed} are needed")]
    PaletteTooLarge {
        /// How many masks there are.
        mask_count: u32,
        /// Entries that are needed: one for each mask and image.
        needed: u64,
        /// Entries that there is room for.
        room: u64,
    },
    /// The image has colours that the given palette does not have. Nothing was written.
    #[error(
        "{pixels} pixels have {colors} colours that the palette does not have; the most frequent is {:?}, \
         first at column {}, row {}",
        color.values(), first_pixel.0, first_pixel.1
    )]
    UnlistedColors {
        /// Pixels of such colours.
        pixels: u64,
        /// How many such colours there are.
        colors: u64,
        /// The most frequent one.
        color: Color,
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
