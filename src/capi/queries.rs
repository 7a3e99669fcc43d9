//! Which devices there are, and which one a context works on.

use std::ffi::{CString, c_char};
use std::sync::OnceLock;

use crate::capi::boundary::guard;
use crate::capi::context::ctm_context;
use crate::capi::failure::c_string;
use crate::capi::options::CTM_BACKEND_AUTO;

/// The name of a Vulkan device of this machine.
///
/// Devices come in the order in which they are chosen: discrete, integrated, virtual, other, and
/// software rasterisers last; within a kind in the driver's order. The list is made at the first
/// call that gets it from the driver, and stays the same until the process ends.
///
/// @param index 0 for the first device.
/// @return A NUL-terminated string that lives as long as the library is loaded; NULL where there is
/// no such device, so that the first NULL ends a loop over the devices.
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ctm_device_name(index: u32) -> *const c_char {
    static NAMES: OnceLock<Vec<CString>> = OnceLock::new();
    guard(std::ptr::null(), || {
        if NAMES.get().is_none() {
            // A failure is not remembered: the next call tries again.
            let Ok(devices) = crate::backend::vulkan::devices() else { return std::ptr::null() };
            let _ = NAMES.set(devices.iter().map(|device| c_string(&device.name)).collect());
        }
        let names = NAMES.get().map_or(&[][..], Vec::as_slice);
        names.get(index as usize).map_or(std::ptr::null(), |name| name.as_ptr())
    })
}

/// The backend that a context works on.
///
/// @param context A context of `ctm_create`, or NULL.
/// @return `CTM_BACKEND_VULKAN` or `CTM_BACKEND_CPU`, never `CTM_BACKEND_AUTO`, which is what NULL
/// gives. For a context that was made with `CTM_BACKEND_AUTO`, `CTM_BACKEND_VULKAN` means that it has a device, which does
/// the calls that are done soonest there; the CPU may do the others. It changes to the CPU, for good, in the call in which
/// the device fails.
/// Threads: any; does not wait for a running call.
///
/// # Safety
/// `context` is NULL or a living context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_context_backend(context: *const ctm_context) -> u32 {
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    let context = unsafe { context.as_ref() };
    guard(CTM_BACKEND_AUTO, || context.map_or(CTM_BACKEND_AUTO, ctm_context::backend))
}

/// The device of a context, see `ctm_context_backend`: the Vulkan device's name as its driver gives it, or "CPU"
/// with the number of threads. The name changes when the backend does; the old string lives on.
///
/// @param context A context of `ctm_create`, or NULL.
/// @return A NUL-terminated string that lives as long as the context; "" for NULL.
/// Threads: any; does not wait for a running call.
///
/// # Safety
/// `context` is NULL or a living context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_context_device_name(context: *const ctm_context) -> *const c_char {
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    let context = unsafe { context.as_ref() };
    guard(c"".as_ptr(), || context.map_or(c"", ctm_context::device_name).as_ptr())
}
