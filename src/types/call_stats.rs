//! What a call costs, counted by the code that does it.

use std::iter::Sum;

/// What a context's last call has cost.
///
/// Bytes are those of pixels, tables, lists and labels; what a driver moves for itself is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallStats {
    /// Bytes copied to the device.
    pub bytes_to_device: u64,
    /// Bytes copied from the device.
    pub bytes_from_device: u64,
    /// Bytes of the caller's memory that the device has read where they lie.
    pub bytes_imported: u64,
    /// Dispatches of compute shaders.
    pub dispatches: u64,
    /// Submissions to the device's queue.
    pub submissions: u64,
    /// Allocations of device memory, imports of the caller's memory not among them.
    pub device_allocations: u64,
    /// Compute pipelines made.
    pub pipelines: u64,
    /// Pixels read by the host or the device: the image's number of pixels for each pass over it. A pass
    /// that is given up counts, too; single pixels that are looked at again do not. May differ from call to
    /// call on the same image.
    pub pixels_read: u64,
    /// Bytes of device memory that the context holds.
    pub device_bytes: u64,
    /// Of `bytes_to_device`, pixels' bytes that the host has written while the device was at work.
    pub bytes_overlapped: u64,
}

impl Sum for CallStats {
    fn sum<I: Iterator<Item = Self>>(counters: I) -> Self {
        counters.fold(Self::default(), |a, b| Self {
            bytes_to_device: a.bytes_to_device + b.bytes_to_device,
            bytes_from_device: a.bytes_from_device + b.bytes_from_device,
            bytes_imported: a.bytes_imported + b.bytes_imported,
            dispatches: a.dispatches + b.dispatches,
            submissions: a.submissions + b.submissions,
            device_allocations: a.device_allocations + b.device_allocations,
            pipelines: a.pipelines + b.pipelines,
            pixels_read: a.pixels_read + b.pixels_read,
            device_bytes: a.device_bytes + b.device_bytes,
            bytes_overlapped: a.bytes_overlapped + b.bytes_overlapped,
        })
    }
}
