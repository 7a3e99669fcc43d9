//! `ctm_device_memory`: pixels and outputs in the memory of a Vulkan device that is the caller's own.

use crate::capi::context::{Call, ctm_context, on_context};
use crate::capi::extent::null;
use crate::capi::status::ctm_status;
use crate::capi::structs::{self, Versioned, expect_zero, inside};
use crate::error::Error;
use crate::types::device_memory::{self, DeviceMemory};

/// `ctm_device_memory.handle_type`: an opaque file descriptor, Vulkan's
/// `VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT`.
pub const CTM_HANDLE_OPAQUE_FD: u32 = 1;

const _: () = assert!(CTM_HANDLE_OPAQUE_FD == device_memory::OPAQUE_FD);

/// Memory of a Vulkan device, exported by the caller as a file descriptor (`VK_KHR_external_memory_fd`), for pixels or
/// outputs of `ctm_analyze`. Start from `CTM_DEVICE_MEMORY_INIT`.
///
/// The memory must be of the context's device and driver (`ctm_context_device_uuid`), allocated without
/// `VkMemoryDedicatedAllocateInfo`, with a buffer in mind: the caller's own buffer in it is made with the same handle
/// type and used by one queue family at a time (`VK_SHARING_MODE_EXCLUSIVE`).
///
/// Who may touch it when: before the call, the caller's device has finished with the part that is lent (a fence was waited
/// for), has made its writes available, and has released it to `VK_QUEUE_FAMILY_EXTERNAL`. During the call it is the
/// library's. The call waits for its own device and releases the part to `VK_QUEUE_FAMILY_EXTERNAL`, with the outputs
/// written: from then on the caller's device may acquire it from there, after an error, too. No semaphore is needed. A part
/// for outputs whose old contents do not matter needs no release before the call. After `CTM_ERROR_TIMEOUT` or
/// `CTM_ERROR_DEVICE_LOST` nothing was released, and what outputs contain is unspecified. After `CTM_ERROR_TIMEOUT` a
/// hardware device may still read and write the part, until it has done the work that it was given. The library keeps
/// the memory imported for so long, so that the caller may free its own objects at any time; but the caller may
/// use the part again only when `ctm_destroy` has returned, and if that took two seconds, not even then. In all
/// other cases, and with a software rasteriser always, nothing touches the part once the call has returned.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_device_memory {
    /// `sizeof(ctm_device_memory)` as the caller's header has it; `CTM_DEVICE_MEMORY_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// The memory's size in bytes, exactly as it was allocated (`VkMemoryAllocateInfo.allocationSize`).
    pub allocation_size: u64,
    /// Where the pixels or outputs begin, in bytes from the memory's start on. A multiple of 4.
    pub offset: u64,
    /// The file descriptor. It stays the caller's, whatever the call returns, and may be used for further calls: the
    /// library imports a duplicate, which is gone when the call returns; after `CTM_ERROR_TIMEOUT`, when the device has
    /// finished and `ctm_destroy` has returned.
    pub fd: i32,
    /// `CTM_HANDLE_OPAQUE_FD`.
    pub handle_type: u32,
    /// The memory type that it was allocated with.
    pub memory_type_index: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: as the trait says.
unsafe impl Versioned for ctm_device_memory {
    /// Initialises a `ctm_device_memory`: the sizes, the file descriptor and the memory type are to be filled in.
    const INIT: Self = Self {
        struct_size: size_of::<Self>(),
        allocation_size: 0,
        offset: 0,
        fd: -1,
        handle_type: CTM_HANDLE_OPAQUE_FD,
        memory_type_index: 0,
        reserved: 0,
    };
    const SIZES: &'static [usize] = &[size_of::<Self>()];
    const MACRO: &'static str = "CTM_DEVICE_MEMORY_INIT";
}

/// Writes the defaults to a `ctm_device_memory`: the sizes, the file descriptor and the memory type are to be filled in. It does what `CTM_DEVICE_MEMORY_INIT` does, for languages that
/// cannot see a macro.
///
/// @param device_memory Receives `size` bytes; may be uninitialised. Must not be NULL.
/// @param size `sizeof(ctm_device_memory)`, as the caller's declaration has it: every size ever published works.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, where `device_memory` is NULL or misaligned or the size
/// is none that was published; `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Threads: any, at any time.
///
/// # Safety
/// `device_memory` is NULL or can be written to for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_device_memory_init(
    device_memory: *mut ctm_device_memory,
    size: usize,
) -> ctm_status {
    // SAFETY: the caller guarantees the struct.
    unsafe { structs::initialize("device_memory", device_memory, size) }
}

impl ctm_device_memory {
    /// The memory that a field points to, of which `size` bytes are used; `None` for NULL. It is not touched.
    ///
    /// # Safety
    /// `source` is NULL or points to a `struct_size` followed by the bytes that it announces.
    pub(super) unsafe fn external(
        source: *const Self,
        name: &'static str,
        size: u64,
    ) -> Result<Option<DeviceMemory>, Error> {
        if source.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller guarantees it.
        let fields: Self = unsafe { structs::read(name, source) }?;
        expect_zero("reserved", fields.reserved).map_err(|error| inside(name, error))?;
        if fields.handle_type != CTM_HANDLE_OPAQUE_FD {
            return Err(Error::Unsupported(format!(
                "{name}.handle_type is {}; {CTM_HANDLE_OPAQUE_FD} (an opaque file descriptor) is supported",
                fields.handle_type
            )));
        }
        let memory = DeviceMemory {
            name,
            fd: fields.fd,
            allocation_size: fields.allocation_size,
            memory_type_index: fields.memory_type_index,
            offset: fields.offset,
            size,
        };
        memory.check()?;
        Ok(Some(memory))
    }
}

/// The UUIDs of the Vulkan device and the driver that a context works on. Memory can be lent to the context
/// (`ctm_device_memory`) by devices made of the physical device that has both of them: its
/// `VkPhysicalDeviceIDProperties.deviceUUID` and `driverUUID`.
///
/// @param context A context of `ctm_create`.
/// @param device_uuid Receives 16 bytes. Must not be NULL.
/// @param driver_uuid Receives 16 bytes. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_UNSUPPORTED` where the context works on the CPU or the
/// driver tells no UUIDs; `CTM_ERROR_INTERNAL`. Nothing is written on an error. `ctm_last_error(context)` has the detail.
/// Ownership: the buffers stay the caller's and are used during the call only.
/// Threads: any; does not wait for a running call.
/// Not promised: that the driver takes memory: only the call that lends some tells.
///
/// # Safety
/// `context` is NULL or a living context; the other pointers are NULL or point to 16 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_context_device_uuid(
    context: *const ctm_context,
    device_uuid: *mut u8,
    driver_uuid: *mut u8,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Error> {
        let context = &call.context;
        for (name, uuid) in [("device_uuid", device_uuid), ("driver_uuid", driver_uuid)] {
            if uuid.is_null() {
                return Err(null(name, "a buffer of 16 bytes"));
            }
        }
        let [device, driver] = context.device_uuids().ok_or_else(|| {
            Error::Unsupported("the context works on the CPU or on a driver without UUIDs".to_owned())
        })?;
        // SAFETY: not NULL; the caller guarantees 16 bytes each.
        unsafe {
            device_uuid.copy_from(device.as_ptr(), device.len());
            driver_uuid.copy_from(driver.as_ptr(), driver.len());
        }
        Ok(())
    };
    // SAFETY: the caller guarantees the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}
