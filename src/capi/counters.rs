//! `ctm_counters`: what a run has cost, in a struct that says its own size.

use crate::capi::options::checked_size;
use crate::error::Error;
use crate::types::call_stats::CallStats;

/// What the last `ctm_run` or `ctm_analyze` on a context has cost. Start from `CTM_COUNTERS_INIT`.
///
/// Counted is what the library does itself: bytes of pixels, tables, lists and labels. What a driver
/// copies, allocates or compiles beyond that is unknown.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_counters {
    /// `sizeof(ctm_counters)` as the caller's header has it; `CTM_COUNTERS_INIT` fills it in. Every
    /// size ever published keeps working; any other is an error.
    pub struct_size: usize,
    /// Bytes copied to the device's memory. 0 on the CPU.
    pub bytes_to_device: u64,
    /// Bytes copied from the device's memory. 0 on the CPU.
    pub bytes_from_device: u64,
    /// Bytes of the caller's memory that the device has read where they lie, without a copy: a software rasteriser
    /// pixels in the host's memory, any device those in its own (`ctm_device_memory`).
    pub bytes_imported: u64,
    /// Dispatches of compute shaders.
    pub dispatches: u64,
    /// Submissions to the device's queue, each of which is waited for.
    pub submissions: u64,
    /// Allocations of device memory; imports of the caller's memory are not among them.
    pub device_allocations: u64,
    /// Compute pipelines made, from a cache or not; those that were there already are not counted.
    pub pipelines: u64,
    /// Pixels read by the host or the device: the image's number of pixels for each pass over it. A pass
    /// that is given up counts, too; single pixels that are looked at again do not. May differ from call to
    /// call on the same image.
    pub pixels_read: u64,
    /// Bytes of device memory that the context holds now, for this image and those to come; imports
    /// of the caller's memory are not among them.
    pub device_bytes: u64,
}

/// The sizes of `ctm_counters` that were ever published.
const PUBLISHED_SIZES: [usize; 1] = [size_of::<ctm_counters>()];

impl ctm_counters {
    /// Writes counters to a caller's struct: the fields that it has.
    ///
    /// # Safety
    /// `target` is not NULL and points to a `struct_size` followed by the bytes that it announces.
    pub(super) unsafe fn write(target: *mut Self, counters: &CallStats) -> Result<(), Error> {
        // SAFETY: the caller vouches for it.
        let struct_size = unsafe { checked_size("counters", target, &PUBLISHED_SIZES, "CTM_COUNTERS_INIT") }?;
        let fields = Self {
            struct_size,
            bytes_to_device: counters.bytes_to_device,
            bytes_from_device: counters.bytes_from_device,
            bytes_imported: counters.bytes_imported,
            dispatches: counters.dispatches,
            submissions: counters.submissions,
            device_allocations: counters.device_allocations,
            pipelines: counters.pipelines,
            pixels_read: counters.pixels_read,
            device_bytes: counters.device_bytes,
        };
        // SAFETY: the caller vouches for so many bytes; no published size is larger than the struct.
        unsafe {
            let source = std::ptr::from_ref(&fields).cast::<u8>();
            target.cast::<u8>().copy_from_nonoverlapping(source, struct_size);
        }
        Ok(())
    }
}
