//! Status codes. Their numbers are frozen: new ones are added at the end, none is reused.

use std::ffi::{CStr, c_char};

use crate::capi::boundary::guard;
use crate::error::Error;

/// What a call returns: `CTM_OK`, which is 0, or one of the positive `CTM_ERROR_…` numbers. A later
/// version of the library may return numbers that this header does not know; treat them as errors.
pub type ctm_status = i32;

/// The call did what was asked.
pub const CTM_OK: ctm_status = 0;
/// An argument is NULL, out of range, misaligned, or overlaps another. No buffer was read or written.
/// The context stays usable.
pub const CTM_ERROR_INVALID_ARGUMENT: ctm_status = 1;
/// A buffer is too small for what it is to receive, and what was to say how much there is says it: `*mask_count` of
/// `ctm_run`, `*result` of `ctm_analyze`, `ctm_counts_select` and `ctm_regions_select`, `*size` of what gives bytes. Or `label_format` cannot number
/// the masks. No output was touched. The context stays usable.
pub const CTM_ERROR_BUFFER_TOO_SMALL: ctm_status = 2;
/// The host ran out of memory or threads. The context stays usable.
pub const CTM_ERROR_OUT_OF_MEMORY: ctm_status = 3;
/// The Vulkan device ran out of memory. The context stays usable.
pub const CTM_ERROR_OUT_OF_DEVICE_MEMORY: ctm_status = 4;
/// No Vulkan device fits the options, or there is no Vulkan at all.
pub const CTM_ERROR_NO_DEVICE: ctm_status = 5;
/// The Vulkan device was lost. Every further run on the context fails; destroy it and create
/// another. A driver that was short of memory while it waited is no lost device.
pub const CTM_ERROR_DEVICE_LOST: ctm_status = 6;
/// The Vulkan device did not finish within `device_timeout_ms`. Every further run on the context
/// fails; destroy it and create another. All of the caller's memory of the host is the caller's again, as after
/// any other call; memory that was lent by `ctm_device_memory` may be in use still, see there. `ctm_destroy`
/// waits for a hardware device up to two seconds more; if it is still at work then, the memory that the
/// library has on the device is kept until a later `ctm_create` finds that it has finished, and a process that
/// ends meanwhile may crash inside the driver.
pub const CTM_ERROR_TIMEOUT: ctm_status = 7;
/// The Vulkan driver refused a call that should have worked, or the device has not done what it was told, though its driver
/// reported no failure. The context stays usable.
pub const CTM_ERROR_DRIVER: ctm_status = 8;
/// A defect in ctm, or pixels that have changed during the call, caught before it could reach the host. The context stays
/// usable: the next call throws away what this one has left. Please report it with the text of `ctm_last_error`.
pub const CTM_ERROR_INTERNAL: ctm_status = 9;

/// The image has colours that the given palette does not have, and `ctm_params.unlisted` makes that an error. No
/// output was touched. The context stays usable.
pub const CTM_ERROR_UNLISTED_COLORS: ctm_status = 10;

/// The call was stopped, by `ctm_cancel` or by its progress function. The contents of what it was to write are
/// unspecified, nothing else was touched. The context stays usable.
pub const CTM_ERROR_CANCELLED: ctm_status = 11;
/// What is asked cannot be done: not by this device or its driver, not on the CPU, or not with a device's memory. No
/// output was touched. The context stays usable.
pub const CTM_ERROR_UNSUPPORTED: ctm_status = 12;

/// Bytes that were handed in are damaged, or are not what they should be. Nothing was made of them. The context stays
/// usable.
pub const CTM_ERROR_DATA: ctm_status = 13;

/// A static English sentence for a status.
///
/// @param status Any number; one that the library does not know gives "unknown status".
/// @return A NUL-terminated string that is never NULL and lives as long as the library is loaded.
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ctm_status_string(status: ctm_status) -> *const c_char {
    guard(c"".as_ptr(), || text(status).as_ptr())
}

fn text(status: ctm_status) -> &'static CStr {
    match status {
        CTM_OK => c"success",
        CTM_ERROR_INVALID_ARGUMENT => c"an argument is invalid",
        CTM_ERROR_BUFFER_TOO_SMALL => c"the buffer is too small",
        CTM_ERROR_OUT_OF_MEMORY => c"out of memory",
        CTM_ERROR_OUT_OF_DEVICE_MEMORY => c"out of device memory",
        CTM_ERROR_NO_DEVICE => c"no Vulkan device fits the options",
        CTM_ERROR_DEVICE_LOST => c"the Vulkan device was lost",
        CTM_ERROR_TIMEOUT => c"the Vulkan device did not finish in time",
        CTM_ERROR_DRIVER => c"the Vulkan driver refused a call",
        CTM_ERROR_INTERNAL => c"internal error in ctm",
        CTM_ERROR_UNLISTED_COLORS => c"the image has colours that the palette does not have",
        CTM_ERROR_CANCELLED => c"the call was cancelled",
        CTM_ERROR_UNSUPPORTED => c"the device or its driver cannot do what is asked",
        CTM_ERROR_DATA => c"the data are damaged",
        _ => c"unknown status",
    }
}

/// The status that stands for an error.
pub(super) fn status_of(error: &Error) -> ctm_status {
    match error {
        Error::InvalidArgument(_) => CTM_ERROR_INVALID_ARGUMENT,
        Error::TooSmall { .. } => CTM_ERROR_BUFFER_TOO_SMALL,
        Error::UnlistedColors { .. } => CTM_ERROR_UNLISTED_COLORS,
        Error::Cancelled => CTM_ERROR_CANCELLED,
        Error::Data(_) => CTM_ERROR_DATA,
        Error::OutOfMemory(_) => CTM_ERROR_OUT_OF_MEMORY,
        Error::OutOfDeviceMemory(_) => CTM_ERROR_OUT_OF_DEVICE_MEMORY,
        Error::NoDevice(_) => CTM_ERROR_NO_DEVICE,
        Error::DeviceLost(_) => CTM_ERROR_DEVICE_LOST,
        Error::Timeout(_) => CTM_ERROR_TIMEOUT,
        Error::Driver(_) => CTM_ERROR_DRIVER,
        Error::Unsupported(_) => CTM_ERROR_UNSUPPORTED,
        Error::Internal(_) => CTM_ERROR_INTERNAL,
    }
}
