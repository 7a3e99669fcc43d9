//! `ctm_options`: a struct that says its own size, so that it can grow.

use std::ffi::{CStr, c_char, c_void};
use std::mem::offset_of;
use std::time::Duration;

use crate::capi::log::Log;
use crate::capi::status::ctm_status;
use crate::capi::structs::{self, Versioned, expect_zero, unknown};
use crate::error::Error;
use crate::types::options::{Backend, Options};

/// `ctm_options.backend`: the CPU, and a hardware Vulkan device where there is one that has passed its self-test; each call is
/// done where it is done soonest. The masks are the same.
///
/// A call with memory on the device (`ctm_device_memory`) goes to the device. Any other goes to the CPU at first, and always
/// where moving the pixels to the device would take longer than the CPU takes, or where there are few of them. Else the
/// device is tried now and then for each kind of call, by size, format, look of the image and what is asked for, and does
/// such calls where it is faster. Tries lose about a 64th of the time of all calls at most, beside the first.
/// `ctm_options.log` gets messages of `CTM_LOG_INFO` that say what was chosen, and why.
///
/// Where the device fails in a call, by a driver error, a loss, a time-out, or counts that are not those of all pixels, the
/// CPU does that call and all later ones of the context; `ctm_options.log` gets one warning that says why. Where the device
/// has too little memory, the CPU does such calls. A call with memory on the device fails instead.
pub const CTM_BACKEND_AUTO: u32 = 0;
/// `ctm_options.backend`: a Vulkan device, software rasterisers included; where there is none, or none that has passed its
/// self-test, `ctm_create` fails.
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
    /// Threads of the host that work at most, the calling one included. 0: one per processor; more than
    /// there are processors means as many as there are.
    pub max_threads: u32,
    /// Part of the Vulkan device's name, upper and lower case alike, as `ctm_device_name` lists it;
    /// with it, `CTM_BACKEND_AUTO` takes software rasterisers, too, and fails where no name fits, though not where the
    /// device itself does. NULL or "": the first device in the order of `ctm_device_name`. Must be NULL or "" for
    /// `CTM_BACKEND_CPU`. NUL-terminated UTF-8, read during `ctm_create` only.
    pub device_name: *const c_char,
    /// Milliseconds that one piece of work on the device may take before the device counts as hung
    /// (`CTM_ERROR_TIMEOUT`). 0: 60,000. A piece is at most 4 million pixels. A software rasteriser, which reads the
    /// caller's pixels where they lie, is waited for even then, so that the call returns when its pieces are done.
    pub device_timeout_ms: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Bytes of memory, of the host and of the device together, that the context may hold during a
    /// call beside the caller's buffers. 0: as many as serve the speed; else at least 33,554,432
    /// (32 MiB). With less memory an image of many colours takes longer; its masks are the same. What
    /// does not fit all the same is `CTM_ERROR_OUT_OF_MEMORY` or `CTM_ERROR_OUT_OF_DEVICE_MEMORY`.
    /// What a Vulkan driver holds for itself is not counted.
    pub memory_limit: u64,
    /// What `ctm_context_pipeline_cache` wrote in an earlier process: the pipelines in it need not be
    /// compiled again. Read during `ctm_create` only; any alignment. NULL: none. A cache that is
    /// damaged, of another version of the library, or not of this device and driver is silently not
    /// used; so is any for the CPU. The checks find accidents, not malice: keep it where nobody else
    /// can write.
    pub pipeline_cache: *const c_void,
    /// The size of `pipeline_cache` in bytes. Must be 0 where that is NULL.
    pub pipeline_cache_size: usize,
    /// Is called with what the library has to say about this context, from `ctm_create` on: `level` is one of the
    /// `CTM_LOG_…` numbers, `message` one line of UTF-8, without a line feed, that is there during the call only. NULL:
    /// nothing is said.
    ///
    /// It is called on the threads that call the library, within `ctm_create` and the calls on the context, of which one
    /// at a time is at work; never on a thread of the library's. For what it may do see `ctm_params.progress`.
    pub log: Option<unsafe extern "C" fn(user: *mut c_void, level: u32, message: *const c_char)>,
    /// The first argument of each call of `log`; the library does nothing else with it.
    pub log_user: *mut c_void,
    /// The largest level of which there are messages. 0: `CTM_LOG_WARNING`.
    pub log_level: u32,
    /// Must be 0.
    pub reserved_2: u32,
}

// SAFETY: as the trait says; the first size ended behind `reserved`, the second behind `pipeline_cache_size`.
unsafe impl Versioned for ctm_options {
    /// Initialises a `ctm_options` to the defaults: `ctm_options options = CTM_OPTIONS_INIT;`
    const INIT: Self = Self {
        struct_size: size_of::<Self>(),
        backend: CTM_BACKEND_AUTO,
        max_threads: 0,
        device_name: std::ptr::null(),
        device_timeout_ms: 0,
        reserved: 0,
        memory_limit: 0,
        pipeline_cache: std::ptr::null(),
        pipeline_cache_size: 0,
        log: None,
        log_user: std::ptr::null_mut(),
        log_level: 0,
        reserved_2: 0,
    };
    const SIZES: &'static [usize] = &[
        offset_of!(ctm_options, reserved) + size_of::<u32>(),
        offset_of!(ctm_options, log),
        size_of::<ctm_options>(),
    ];
    const MACRO: &'static str = "CTM_OPTIONS_INIT";
}

/// Writes the defaults to a `ctm_options`: the CPU with all processors, and a hardware device where there is one. It does what `CTM_OPTIONS_INIT` does, for languages that
/// cannot see a macro.
///
/// @param options Receives `size` bytes; may be uninitialised. Must not be NULL.
/// @param size `sizeof(ctm_options)`, as the caller's declaration has it: every size ever published works.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, where `options` is NULL or misaligned or the size
/// is none that was published; `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Threads: any, at any time.
///
/// # Safety
/// `options` is NULL or can be written to for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_options_init(options: *mut ctm_options, size: usize) -> ctm_status {
    // SAFETY: the caller guarantees the struct.
    unsafe { structs::initialize("options", options, size) }
}

impl ctm_options {
    /// Reads the options behind a pointer; NULL stands for the defaults.
    ///
    /// # Safety
    /// `options` is NULL or points to a `struct_size` followed by the bytes that it announces, and
    /// `device_name` is NULL or points to a NUL-terminated string, `pipeline_cache` to as many bytes
    /// as `pipeline_cache_size` says; `log` is NULL or a function as declared, for as long as the context is there.
    pub(super) unsafe fn read(options: *const Self) -> Result<(Options, Option<Log>), Error> {
        if options.is_null() {
            return Ok((Options::default(), None));
        }
        // SAFETY: the caller guarantees it.
        let fields: Self = unsafe { structs::read("options", options) }?;
        expect_zero("options.reserved", fields.reserved)?;
        expect_zero("options.reserved_2", fields.reserved_2)?;
        let log = Log::new(fields.log, fields.log_user, fields.log_level)?;
        let mut read = Options {
            backend: match fields.backend {
                CTM_BACKEND_AUTO => Backend::Auto,
                CTM_BACKEND_VULKAN => Backend::Vulkan,
                CTM_BACKEND_CPU => Backend::Cpu,
                backend => return unknown("options.backend", backend, "0 (auto), 1 (Vulkan) or 2 (CPU)"),
            },
            max_threads: fields.max_threads,
            memory_limit: fields.memory_limit,
            ..Options::default()
        };
        if fields.device_timeout_ms != 0 {
            read.device_timeout = Duration::from_millis(fields.device_timeout_ms.into());
        }
        if !fields.device_name.is_null() {
            // SAFETY: the caller guarantees the string.
            let name = unsafe { CStr::from_ptr(fields.device_name) };
            let name = name.to_str().map_err(|_| {
                Error::InvalidArgument(format!("options.device_name is {name:?}; UTF-8 is expected"))
            })?;
            read.device_name = Some(name.to_owned());
        }
        // SAFETY: the caller guarantees the buffer.
        read.pipeline_cache = unsafe { copy_cache(fields.pipeline_cache, fields.pipeline_cache_size) }?;
        Ok((read, log))
    }
}

/// Copies the caller's pipeline cache; `None` where there is none.
///
/// # Safety
/// `cache` is NULL or points to `size` bytes.
unsafe fn copy_cache(cache: *const c_void, size: usize) -> Result<Option<Vec<u8>>, Error> {
    if cache.is_null() && size != 0 {
        return Err(Error::InvalidArgument(format!(
            "options.pipeline_cache is NULL; a buffer of options.pipeline_cache_size = {size} bytes is expected"
        )));
    }
    if isize::try_from(size).ok().and_then(|_| cache.addr().checked_add(size)).is_none() {
        return Err(Error::InvalidArgument(format!(
            "options.pipeline_cache_size is {size}; a size that fits the address space is expected"
        )));
    }
    if size == 0 {
        return Ok(None);
    }
    let mut copy = Vec::new();
    copy.try_reserve_exact(size)
        .map_err(|_| Error::OutOfMemory(format!("copying options.pipeline_cache, {size} bytes")))?;
    // SAFETY: not NULL, no larger than memory can be; the caller guarantees its size.
    copy.extend_from_slice(unsafe { std::slice::from_raw_parts(cache.cast::<u8>(), size) });
    Ok(Some(copy))
}
