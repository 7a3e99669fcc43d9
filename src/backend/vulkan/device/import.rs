//! Memory of others that the device uses where it is: the host's, or another Vulkan device's.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::Arc;
#[cfg(unix)]
use std::{
    fs::File,
    mem::ManuallyDrop,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, RawFd},
    os::unix::fs::{FileTypeExt, MetadataExt},
};

use ash::vk;
use vulkano::VulkanObject;
use vulkano::buffer::sys::RawBuffer;
use vulkano::buffer::{BufferCreateInfo, BufferUsage, Subbuffer};
use vulkano::device::Device;
use vulkano::memory::{ExternalMemoryHandleTypes, MemoryPropertyFlags};

use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::error::driver_error;
use crate::backend::vulkan::plan::OFFSET_WORDS;
use crate::error::Error;
use crate::types::device_memory::DeviceMemory;

/// Less of the host's memory is copied sooner than imported.
pub(crate) const LEAST_IMPORT_BYTES: u64 = 1 << 20;

/// Imported memory with a buffer in it. Not a `DeviceMemory` of vulkano's, which knows of no import of the host's memory
/// and loses file descriptors where the driver takes none.
#[derive(Debug)]
pub(crate) struct Import {
    /// `None` only while dropping.
    buffer: Option<Bytes>,
    memory: vk::DeviceMemory,
    device: Arc<Device>,
    /// The position of the first word in the buffer.
    first_word: u64,
    /// Whether another Vulkan device owns it before and after.
    foreign: bool,
}

impl Import {
    /// Imports the host's pages that the words touch; `None` where the driver refuses. The device only reads them.
    pub(crate) fn of_host(device: &Arc<Device>, words: &[u32], alignment: u64) -> Option<Self> {
        let address = words.as_ptr().addr() as u64;
        let start = address / alignment * alignment;
        let end = address + size_of_val(words) as u64;
        let pages = (end - start).next_multiple_of(alignment);
        let pointer = words.as_ptr().with_addr(start as usize).cast_mut().cast::<c_void>();
        let create_info = BufferCreateInfo {
            size: end - start,
            usage: BufferUsage::STORAGE_BUFFER,
            external_memory_handle_types: ExternalMemoryHandleTypes::HOST_ALLOCATION,
            ..Default::default()
        };
        let raw = RawBuffer::new(device.clone(), create_info).ok()?;
        let requirements = *raw.memory_requirements();
        if requirements.layout.size() > pages {
            return None;
        }
        let handle_type = vk::ExternalMemoryHandleTypeFlags::HOST_ALLOCATION_EXT;
        let mut properties = vk::MemoryHostPointerPropertiesEXT::default();
        let extension = &device.fns().ext_external_memory_host;
        // SAFETY: the extension is enabled where the alignment is known, the pointer is so aligned, and
        // the pages it points to are the caller's.
        let found = unsafe {
            (extension.get_memory_host_pointer_properties_ext)(
                device.handle(),
                handle_type,
                pointer,
                &mut properties,
            )
        };
        let types = properties.memory_type_bits & requirements.memory_type_bits;
        let wanted = MemoryPropertyFlags::HOST_VISIBLE | MemoryPropertyFlags::HOST_COHERENT;
        let memory_types = &device.physical_device().memory_properties().memory_types;
        let index = (0u32..)
            .zip(memory_types)
            .find(|(index, kind)| types & (1 << index) != 0 && kind.property_flags.contains(wanted));
        let (vk::Result::SUCCESS, Some((memory_type_index, _))) = (found, index) else { return None };
        let mut import_info =
            vk::ImportMemoryHostPointerInfoEXT::default().handle_type(handle_type).host_pointer(pointer);
        let allocate_info = vk::MemoryAllocateInfo::default()
            .allocation_size(pages)
            .memory_type_index(memory_type_index)
            .push_next(&mut import_info);
        // SAFETY: pointer and size are multiples of the alignment, and the type is one that the driver
        // names for this pointer. The memory is only read, and freed before the caller's call returns. The buffer
        // begins with it.
        unsafe { Self::new(device.clone(), &allocate_info, raw, 0, (address - start) / 4, false) }.ok()
    }

    /// Imports a device's memory. The caller's file descriptor stays the caller's: the driver gets a duplicate.
    #[cfg(unix)]
    pub(crate) fn of_device(device: &Arc<Device>, memory: &DeviceMemory) -> Result<Self, Error> {
        let &DeviceMemory { name, fd, allocation_size, memory_type_index, offset, .. } = memory;
        memory.check()?;
        let device_name = &device.physical_device().properties().device_name;
        if !device.enabled_extensions().khr_external_memory_fd {
            return Err(Error::Unsupported(format!(
                "{name}: {device_name} does not import memory by file descriptor (VK_KHR_external_memory_fd)"
            )));
        }
        let (raw, before) = buffer_for(device, memory)?;
        let duplicate = duplicate(memory)?;
        let mut import_info = vk::ImportMemoryFdInfoKHR::default()
            .handle_type(vk::ExternalMemoryHandleTypeFlags::OPAQUE_FD)
            .fd(duplicate.as_raw_fd());
        let allocate_info = vk::MemoryAllocateInfo::default()
            .allocation_size(allocation_size)
            .memory_type_index(memory_type_index)
            .push_next(&mut import_info);
        // SAFETY: the caller guarantees what the descriptor stands for, and its size and type; the memory is freed
        // before the call returns. The buffer begins where it may and fits.
        let imported =
            unsafe { Self::new(device.clone(), &allocate_info, raw, offset - before, before / 4, true) };
        // On success it is the driver's now. After a failure it should be ours; but some drivers have closed it.
        let number = duplicate.into_raw_fd();
        let error = match imported {
            Ok(import) => return Ok(import),
            Err(error) => error,
        };
        close_if_same(number, fd);
        match error {
            vk::Result::ERROR_INVALID_EXTERNAL_HANDLE | vk::Result::ERROR_MEMORY_MAP_FAILED => {
                Err(Error::InvalidArgument(format!(
                    "{name}.fd is {fd}, in which {device_name} finds no memory of its own; memory of the same device, driver and \
                     allocation_size is expected"
                )))
            }
            error => Err(driver_error("importing memory")(vulkano::VulkanError::from(error))),
        }
    }

    /// There are no such file descriptors here.
    #[cfg(not(unix))]
    pub(crate) fn of_device(_device: &Arc<Device>, memory: &DeviceMemory) -> Result<Self, Error> {
        let name = memory.name;
        Err(Error::Unsupported(format!("{name}: this system has no memory by file descriptor")))
    }

    /// Allocates memory by importing it and binds a buffer to it, from `start` on.
    ///
    /// # Safety
    /// The import is a legal one. The buffer is unbound; the memory has its size from `start` on, which is aligned for
    /// it, and one of its types.
    unsafe fn new(
        device: Arc<Device>,
        allocate_info: &vk::MemoryAllocateInfo,
        raw: RawBuffer,
        start: u64,
        first_word: u64,
        foreign: bool,
    ) -> Result<Self, vk::Result> {
        let mut memory = vk::DeviceMemory::null();
        // SAFETY: the caller says so.
        let allocated = unsafe {
            (device.fns().v1_0.allocate_memory)(device.handle(), allocate_info, std::ptr::null(), &mut memory)
        };
        if allocated != vk::Result::SUCCESS {
            return Err(allocated);
        }
        // From here on, dropping `import` frees the memory.
        let mut import = Self { buffer: None, memory, device, first_word, foreign };
        // SAFETY: the caller says so.
        let bound = unsafe {
            (import.device.fns().v1_0.bind_buffer_memory)(import.device.handle(), raw.handle(), memory, start)
        };
        if bound != vk::Result::SUCCESS {
            return Err(bound);
        }
        // SAFETY: it has just been bound to memory that outlives it, see `drop`.
        let buffer = unsafe { raw.assume_bound() };
        import.buffer = Some(Subbuffer::new(Arc::new(buffer)));
        Ok(import)
    }

    /// Whether another Vulkan device owns it before and after.
    pub(crate) fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// All of it that is used, with what lies before the first word.
    pub(crate) fn buffer(&self) -> &Bytes {
        match &self.buffer {
            Some(buffer) => buffer,
            None => unreachable!("only `new` and `drop` know an import without a buffer"),
        }
    }

    /// The `words` words from `start` on for a shader: what is to be bound, and the position of the first word in it.
    pub(crate) fn words(&self, start: u64, words: u64) -> (Bytes, u32) {
        let first_word = self.first_word + start;
        let bound = first_word / OFFSET_WORDS * OFFSET_WORDS;
        // Lossless: less than OFFSET_WORDS.
        (self.buffer().clone().slice(4 * bound..4 * (first_word + words)), (first_word - bound) as u32)
    }

    /// The `size` bytes from `start` on, for a copy.
    pub(crate) fn bytes(&self, start: u64, size: u64) -> Bytes {
        let start = 4 * self.first_word + start;
        self.buffer().clone().slice(start..start + size)
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        self.buffer = None;
        // SAFETY: whoever drops an import has waited for all work that uses it, else `Gpu::keep` has it.
        unsafe {
            (self.device.fns().v1_0.free_memory)(self.device.handle(), self.memory, std::ptr::null());
        }
    }
}

/// A buffer for a device's memory, which is unbound, and the bytes of it before the offset where the memory is used.
#[cfg(unix)]
fn buffer_for(device: &Arc<Device>, memory: &DeviceMemory) -> Result<(RawBuffer, u64), Error> {
    let &DeviceMemory { name, allocation_size, memory_type_index, offset, size, .. } = memory;
    let types = device.physical_device().memory_properties().memory_types.len();
    let wrong_type = |expected: &str| {
        Error::InvalidArgument(format!(
            "{name}.memory_type_index is {memory_type_index}; {expected} is expected"
        ))
    };
    if memory_type_index as usize >= types {
        return Err(wrong_type(&format!("one of the device's {types} memory types")));
    }
    let make_buffer = |size: u64| {
        let create_info = BufferCreateInfo {
            size: size.max(4),
            usage: BufferUsage::STORAGE_BUFFER | BufferUsage::TRANSFER_DST,
            external_memory_handle_types: ExternalMemoryHandleTypes::OPAQUE_FD,
            ..Default::default()
        };
        RawBuffer::new(device.clone(), create_info).map_err(driver_error("making a buffer"))
    };
    let mut raw = make_buffer(size)?;
    // The buffer begins with the last place before the offset where it may.
    let alignment = raw.memory_requirements().layout.alignment().as_devicesize();
    let before = offset % alignment;
    if before > 0 {
        raw = make_buffer(size + before)?;
    }
    let requirements = *raw.memory_requirements();
    if requirements.memory_type_bits & (1 << memory_type_index) == 0 {
        return Err(wrong_type(&format!(
            "a type for storage buffers ({:#x})",
            requirements.memory_type_bits
        )));
    }
    let needed = requirements.layout.size();
    if allocation_size - (offset - before) < needed {
        return Err(Error::InvalidArgument(format!(
            "{name}.allocation_size is {allocation_size}; {size} bytes from offset {offset} on are used, whose buffer \
             takes {needed} from {} on, and as many are expected",
            offset - before
        )));
    }
    Ok((raw, before))
}

/// A duplicate of the caller's file descriptor, if it can stand for memory.
#[cfg(unix)]
fn duplicate(memory: &DeviceMemory) -> Result<File, Error> {
    let &DeviceMemory { name, fd, .. } = memory;
    let not_open = |error| {
        Error::InvalidArgument(format!("{name}.fd is {fd}; an open file descriptor is expected ({error})"))
    };
    // SAFETY: it is used for duplicating it only, which the system refuses if it is not open.
    let duplicate = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned().map_err(not_open)?;
    let duplicate = File::from(duplicate);
    // A driver may read from what it is given, and would wait for ever.
    let kind = duplicate.metadata().map_err(not_open)?.file_type();
    if kind.is_fifo() || kind.is_socket() || kind.is_dir() {
        return Err(Error::InvalidArgument(format!(
            "{name}.fd is {fd}, a pipe, a socket or a folder; memory of a device is expected"
        )));
    }
    Ok(duplicate)
}

/// Closes a file descriptor that may have been closed already: only if it still stands for the same file as `original`.
#[cfg(unix)]
fn close_if_same(number: RawFd, original: RawFd) {
    // SAFETY: neither is closed here; the system refuses to look at one that is not open.
    let [file, original] = [number, original].map(|fd| ManuallyDrop::new(unsafe { File::from_raw_fd(fd) }));
    let identity = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino()));
    if let (Ok(its), Ok(same)) = (identity(&file), identity(&original))
        && its == same
    {
        drop(ManuallyDrop::into_inner(file));
    }
}
