//! `ctm_options`: a struct that says its own size, so that it can grow.

use std::ffi::{CStr, c_char};
use std::mem::offset_of;
use std::time::Duration;

use crate::error::Error;
use crate::params::{Backend, Options};

/// `ctm_options.backend`: a hardware Vulkan device where there is one, else the CPU.
pub const CTM_BACKEND_AUTO: u32 = 0;
/// `ctm_options.backend`: a Vulkan device, software rasterisers included; where there is none,
/// `ctm_create` fails.
pub const CTM_BACKEND_VULKAN: u32 = 1;
/// `ctm_options.backend`: the processor.
pub const CTM_BACKEND_CPU: u32 = 2;

/// How a context is set up. Start from `CTM_OPTIONS_INIT`; a field that is 0 or NULL means its
/// default.
///
/// Every backend and every device gives the same bits.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_options {
    /// `sizeof(ctm_options)` as the caller's header has it; `CTM_OPTIONS_INIT` fills it in. Every
    /// size ever published keeps working; any other is an error.
    pub struct_size: usize,
    /// One of the `CTM_BACKEND_…` numbers. Any other is an error.
    pub backend: u32,
    /// Threads of the host that work at most. 0: one per processor; more than there are processors
    /// means as many as there are.
    pub max_threads: u32,
    /// Part of the Vulkan device's name, upper and lower case alike, as `ctm_device_name` lists it;
    /// with it, `CTM_BACKEND_AUTO` takes software rasterisers too, and fails where no name fits.
    /// NULL or "": the first device in the order of `ctm_device_name`. Must be NULL
    /// or "" for `CTM_BACKEND_CPU`. NUL-terminated UTF-8, read during `ctm_create` only.
    pub device_name: *const c_char,
    /// Milliseconds that one piece of work on the device may take before the device counts as hung
    /// (`CTM_ERROR_TIMEOUT`). 0: 60,000. A piece is at most 4 million pixels.
    pub device_timeout_ms: u32,
    /// Must be 0.
    pub reserved: u32,
}

/// The sizes of `ctm_options` that were ever published: that of version 0.1 ends behind `reserved`.
const PUBLISHED_SIZES: [usize; 1] = [offset_of!(ctm_options, reserved) + size_of::<u32>()];

impl ctm_options {
    /// Reads the options behind a pointer; NULL stands for the defaults.
    ///
    /// # Safety
    /// `options` is NULL or points to a `struct_size` followed by the bytes that it announces, and
    /// `device_name` is NULL or points to a NUL-terminated string.
    pub(super) unsafe fn read(options: *const Self) -> Result<Options, Error> {
        if options.is_null() {
            return Ok(Options::default());
        }
        if !options.is_aligned() {
            return Err(Error::InvalidArgument(format!(
                "options is {options:p}; an address that is a multiple of {} is expected",
                align_of::<Self>()
            )));
        }
        // SAFETY: the pointer is aligned and not NULL; the caller vouches for the first field.
        let struct_size = unsafe { (*options).struct_size };
        if !PUBLISHED_SIZES.contains(&struct_size) {
            return Err(Error::InvalidArgument(format!(
                "options.struct_size is {struct_size}; this library, version {}, knows {PUBLISHED_SIZES:?} \
                 (start from CTM_OPTIONS_INIT)",
                crate::VERSION
            )));
        }
        // SAFETY: the size is a known one, the only one, so that all fields are there.
        let fields = unsafe { *options };
        if fields.reserved != 0 {
            return Err(Error::InvalidArgument(format!(
                "options.reserved is {}; 0 is expected",
                fields.reserved
            )));
        }
        let mut read = Options {
            backend: match fields.backend {
                CTM_BACKEND_AUTO => Backend::Auto,
                CTM_BACKEND_VULKAN => Backend::Vulkan,
                CTM_BACKEND_CPU => Backend::Cpu,
                unknown => {
                    return Err(Error::InvalidArgument(format!(
                        "options.backend is {unknown}; 0 (auto), 1 (Vulkan) or 2 (CPU) is expected"
                    )));
                }
            },
            max_threads: fields.max_threads,
            ..Options::default()
        };
        if fields.device_timeout_ms != 0 {
            read.device_timeout = Duration::from_millis(fields.device_timeout_ms.into());
        }
        if !fields.device_name.is_null() {
            // SAFETY: the caller vouches for the string.
            let name = unsafe { CStr::from_ptr(fields.device_name) };
            let name = name.to_str().map_err(|_| {
                Error::InvalidArgument(format!("options.device_name is {name:?}; UTF-8 is expected"))
            })?;
            read.device_name = Some(name.to_owned());
        }
        Ok(read)
    }
}
