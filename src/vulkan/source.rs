//! Where the device reads pixels: in the caller's memory, which it imports, or in a copy.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::Arc;

use ash::vk;
use log::Level;
use vulkano::VulkanObject;
use vulkano::buffer::sys::RawBuffer;
use vulkano::buffer::{BufferCreateInfo, BufferUsage, Subbuffer};
use vulkano::device::Device;
use vulkano::memory::{ExternalMemoryHandleTypes, MemoryPropertyFlags};

use super::commands::Bytes;
use super::gpu::Gpu;
use crate::control;
use crate::error::Error;
use crate::pixels::Pixels;
use crate::plan::OFFSET_WORDS;

/// Less is copied sooner than imported.
const LEAST_IMPORT_BYTES: u64 = 1 << 20;

/// A call's pixels.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) pixels: &'a Pixels<'a>,
    imported: Option<Import>,
}

impl<'a> Source<'a> {
    /// Imports the image's memory if that can be done; nothing is lost if it cannot.
    pub(super) fn new(gpu: &Gpu, pixels: &'a Pixels) -> Self {
        let words = pixels.words().zip(gpu.import_alignment);
        let imported = words.filter(|(words, _)| size_of_val(*words) as u64 >= LEAST_IMPORT_BYTES).and_then(
            |(words, alignment)| {
                let imported = Import::new(gpu, words, alignment);
                if imported.is_none() {
                    control::message(
                        Level::Info,
                        format_args!("{} cannot import the pixels' memory: they are copied", gpu.name()),
                    );
                }
                imported
            },
        );
        if imported.is_some() {
            let words = pixels.shape().floats() as u64;
            gpu.count(|counters| counters.bytes_imported += 4 * words);
        }
        Self { pixels, imported }
    }

    /// Whether pixels must be copied to where the device can read them.
    pub(super) fn is_copied(&self) -> bool {
        self.imported.is_none()
    }

    /// How many words some pixels have.
    pub(super) fn word_count(&self, pixels: u32) -> u64 {
        u64::from(pixels) * u64::from(self.pixels.shape().channels())
    }

    /// The same in the imported memory: a buffer, and the position of the first word in it.
    pub(super) fn imported(&self, first_pixel: usize, pixels: u32) -> Option<(Bytes, u32)> {
        let import = self.imported.as_ref()?;
        let channels = u64::from(self.pixels.shape().channels());
        let first_word = import.first_word + first_pixel as u64 * channels;
        let start = first_word / OFFSET_WORDS * OFFSET_WORDS;
        let end = first_word + u64::from(pixels) * channels;
        // Lossless: less than OFFSET_WORDS.
        Some((import.buffer().clone().slice(4 * start..4 * end), (first_word - start) as u32))
    }

    /// For the end of a call after which the device may still read: the memory stays imported for ever.
    pub(super) fn forget(&mut self) {
        std::mem::forget(self.imported.take());
    }
}

/// Memory of the caller's that the device reads where it is. Not a `DeviceMemory` of vulkano's, which
/// knows of no import of this kind.
#[derive(Debug)]
struct Import {
    /// `None` only while dropping.
    buffer: Option<Bytes>,
    memory: vk::DeviceMemory,
    device: Arc<Device>,
    /// The position of the first word in the buffer, which begins with a page.
    first_word: u64,
}

impl Import {
    /// Imports the pages that the words touch; `None` where the driver refuses.
    fn new(gpu: &Gpu, words: &[u32], alignment: u64) -> Option<Self> {
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
        let raw = RawBuffer::new(gpu.device.clone(), create_info).ok()?;
        let requirements = *raw.memory_requirements();
        if requirements.layout.size() > pages {
            return None;
        }
        let device = gpu.device.clone();
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
        let mut memory = vk::DeviceMemory::null();
        // SAFETY: pointer and size are multiples of the alignment, and the type is one that the driver
        // names for this pointer. The memory is only read, and freed before the caller's call returns.
        let allocated = unsafe {
            (device.fns().v1_0.allocate_memory)(
                device.handle(),
                &allocate_info,
                std::ptr::null(),
                &mut memory,
            )
        };
        if allocated != vk::Result::SUCCESS {
            return None;
        }
        // From here on, dropping `import` frees the memory.
        let mut import = Self { buffer: None, memory, device, first_word: (address - start) / 4 };
        // SAFETY: the buffer is unbound; the memory has its size and one of its types.
        let bound = unsafe {
            (import.device.fns().v1_0.bind_buffer_memory)(import.device.handle(), raw.handle(), memory, 0)
        };
        if bound != vk::Result::SUCCESS {
            return None;
        }
        // SAFETY: it has just been bound to memory that outlives it, see `drop`.
        let buffer = unsafe { raw.assume_bound() };
        import.buffer = Some(Subbuffer::new(Arc::new(buffer)));
        Some(import)
    }

    fn buffer(&self) -> &Bytes {
        match &self.buffer {
            Some(buffer) => buffer,
            None => unreachable!("only `new` and `drop` know an import without a buffer"),
        }
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        self.buffer = None;
        // SAFETY: whoever drops a source has waited for all work that uses it, else it is forgotten.
        unsafe {
            (self.device.fns().v1_0.free_memory)(self.device.handle(), self.memory, std::ptr::null());
        }
    }
}

/// Runs `work` with a call's pixels. However it ends, the caller may free them afterwards: the device
/// has finished with them, or, if it hangs, keeps them imported.
pub(super) fn with_source<W, R>(
    this: &mut W,
    gpu: fn(&mut W) -> &mut Gpu,
    pixels: &Pixels,
    work: impl FnOnce(&mut W, &Source) -> Result<R, Error>,
) -> Result<R, Error> {
    struct Guard<'a, 'm, W> {
        this: &'a mut W,
        gpu: fn(&mut W) -> &mut Gpu,
        source: Source<'m>,
    }
    impl<W> Drop for Guard<'_, '_, W> {
        fn drop(&mut self) {
            let gpu = (self.gpu)(self.this);
            let _ = gpu.finish(); // its failure is remembered
            if !gpu.is_idle() {
                self.source.forget();
            }
        }
    }
    let source = Source::new(gpu(this), pixels);
    let guard = Guard { this, gpu, source };
    work(guard.this, &guard.source)
}
