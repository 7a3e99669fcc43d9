//! `ctm_counters`: what a run has cost, in a struct that says its own size.

use crate::capi::context::{Call, ctm_context, on_context};
use crate::capi::status::ctm_status;
use crate::capi::structs::{self, Versioned};
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
    /// Of `bytes_to_device`, bytes of pixels that the host has written while the device was at work on others. 0 on the CPU,
    /// and for images that are copied in one part, of some 4 MB.
    pub bytes_overlapped: u64,
}

// SAFETY: as the trait says.
unsafe impl Versioned for ctm_counters {
    /// Initialises a `ctm_counters` to be filled: `ctm_counters counters = CTM_COUNTERS_INIT;`
    const INIT: Self = Self {
        struct_size: size_of::<Self>(),
        bytes_to_device: 0,
        bytes_from_device: 0,
        bytes_imported: 0,
        dispatches: 0,
        submissions: 0,
        device_allocations: 0,
        pipelines: 0,
        pixels_read: 0,
        device_bytes: 0,
        bytes_overlapped: 0,
    };
    const SIZES: &'static [usize] = &[size_of::<Self>()];
    const MACRO: &'static str = "CTM_COUNTERS_INIT";
}

/// Writes the defaults to a `ctm_counters`: all 0, to be filled by a call. It does what `CTM_COUNTERS_INIT` does, for languages that
/// cannot see a macro.
///
/// @param counters Receives `size` bytes; may be uninitialised. Must not be NULL.
/// @param size `sizeof(ctm_counters)`, as the caller's declaration has it: every size ever published works.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, where `counters` is NULL or misaligned or the size
/// is none that was published; `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Threads: any, at any time.
///
/// # Safety
/// `counters` is NULL or can be written to for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_counters_init(counters: *mut ctm_counters, size: usize) -> ctm_status {
    // SAFETY: the caller guarantees the struct.
    unsafe { structs::initialize("counters", counters, size) }
}

impl From<CallStats> for ctm_counters {
    fn from(counters: CallStats) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            bytes_to_device: counters.bytes_to_device,
            bytes_from_device: counters.bytes_from_device,
            bytes_imported: counters.bytes_imported,
            dispatches: counters.dispatches,
            submissions: counters.submissions,
            device_allocations: counters.device_allocations,
            pipelines: counters.pipelines,
            pixels_read: counters.pixels_read,
            device_bytes: counters.device_bytes,
            bytes_overlapped: counters.bytes_overlapped,
        }
    }
}

/// What the last `ctm_run`, `ctm_analyze` or `ctm_counts_add` on a context has cost: bytes moved, dispatches, memory.
///
/// @param context A context of `ctm_create`.
/// @param counters Starts as `CTM_COUNTERS_INIT`; receives the counters of the last run that has
/// ended, one that failed on its way included: all 0 before the first. Runs whose arguments were
/// refused do not count. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, or `CTM_ERROR_INTERNAL`.
/// `ctm_last_error(context)` has the detail.
/// Threads: any; does not wait for a running call.
/// Not promised: that another version or another device counts the same for the same image.
///
/// # Safety
/// `context` is NULL or a living context; `counters` is NULL or points to a struct of the size that
/// it states.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_context_counters(
    context: *const ctm_context,
    counters: *mut ctm_counters,
) -> ctm_status {
    let work = |call: &Call| {
        // SAFETY: the caller guarantees it.
        let size = unsafe { structs::stated_size("counters", counters) }?;
        call.context.check_process()?;
        // SAFETY: as above, and a published size.
        unsafe { structs::write(counters, size, call.context.counters().into()) };
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}
