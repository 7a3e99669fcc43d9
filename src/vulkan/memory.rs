//! Buffers in device memory, and the staging memory through which the host reaches those that it
//! cannot see.

#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;

use vulkano::buffer::sys::RawBuffer;
use vulkano::buffer::{BufferCreateInfo, BufferUsage, Subbuffer};
use vulkano::memory::{
    DeviceMemory, MemoryAllocateInfo, MemoryMapInfo, MemoryPropertyFlags, MemoryRequirements, ResourceMemory,
};

use super::gpu::{Gpu, UNIFIED, driver_error};
use crate::error::Error;

/// Drivers work best with few large allocations; smaller ones are rounded up to a little more.
const SMALLEST_ALLOCATION: u64 = (1 << 20) + (1 << 16);

/// Bytes that a staging buffer holds at most; larger transfers take several turns.
const STAGING_BYTES: u64 = 32 << 20;

/// Where a buffer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Location {
    /// In the device's memory; the host sees it where memory is unified.
    Device,
    /// In the host's memory, for the host to write.
    Upload,
    /// In the host's memory, for the host to read.
    Download,
}

/// A buffer of 32-bit words.
#[derive(Debug)]
pub(super) struct Buffer {
    words: Subbuffer<[u32]>,
    mapped: Option<NonNull<u32>>,
}

// SAFETY: the pointer is into memory that the buffer keeps alive and mapped, on no thread's behalf.
unsafe impl Send for Buffer {}

impl Buffer {
    /// A buffer in device memory. Its contents are unspecified.
    fn new(gpu: &Gpu, words: u64, location: Location) -> Result<Self, Error> {
        let doing = "allocating device memory";
        let size = words * 4;
        let raw = RawBuffer::new(
            gpu.device.clone(),
            BufferCreateInfo {
                size,
                usage: match location {
                    Location::Device => {
                        BufferUsage::STORAGE_BUFFER | BufferUsage::TRANSFER_SRC | BufferUsage::TRANSFER_DST
                    }
                    Location::Upload => BufferUsage::TRANSFER_SRC,
                    Location::Download => BufferUsage::TRANSFER_DST,
                },
                ..Default::default()
            },
        )
        .map_err(driver_error(doing))?;
        let requirements = *raw.memory_requirements();
        let allocation_size = requirements.layout.size().max(SMALLEST_ALLOCATION);
        let (memory_type_index, visible) = memory_type(gpu, &requirements, location)?;
        if location == Location::Device {
            let allocated = gpu.allocated_bytes.get() + size;
            if allocated > gpu.limits.memory_bytes {
                return Err(Error::OutOfDeviceMemory(format!(
                    "{allocated} bytes are needed, {} has {}",
                    gpu.name(),
                    gpu.limits.memory_bytes
                )));
            }
        }
        let mut memory = DeviceMemory::allocate(
            gpu.device.clone(),
            MemoryAllocateInfo { allocation_size, memory_type_index, ..Default::default() },
        )
        .map_err(driver_error(doing))?;
        let mut mapped = None;
        if visible {
            memory
                .map(MemoryMapInfo { size: allocation_size, ..Default::default() })
                .map_err(driver_error("mapping device memory"))?;
            mapped = memory.mapping_state().map(|state| state.ptr().cast());
        }
        let buffer = raw
            .bind_memory(ResourceMemory::new_dedicated(memory))
            .map_err(|(error, ..)| driver_error(doing)(error))?;
        if location == Location::Device {
            gpu.allocated_bytes.set(gpu.allocated_bytes.get() + size);
        }
        Ok(Self { words: Subbuffer::new(Arc::new(buffer)).cast_aligned(), mapped })
    }

    /// Makes `slot` a device buffer of at least `words` words; its contents are then unspecified.
    pub(super) fn ensure<'a>(
        slot: &'a mut Option<Self>,
        gpu: &Gpu,
        words: u64,
    ) -> Result<&'a mut Self, Error> {
        if slot.as_ref().is_some_and(|buffer| buffer.len() < words) {
            Self::release(slot, gpu);
        }
        match slot {
            Some(buffer) => Ok(buffer),
            // A buffer of no words is not legal.
            None => Ok(slot.insert(Self::new(gpu, words.max(1), Location::Device)?)),
        }
    }

    /// Gives a device buffer back.
    pub(super) fn release(slot: &mut Option<Self>, gpu: &Gpu) {
        if let Some(old) = slot.take() {
            gpu.allocated_bytes.set(gpu.allocated_bytes.get() - old.words.size());
        }
    }

    /// Its length in words.
    pub(super) fn len(&self) -> u64 {
        self.words.len()
    }

    /// The first `words` words, as vulkano passes them around.
    pub(super) fn first(&self, words: u64) -> Subbuffer<[u32]> {
        self.words.clone().slice(..words.min(self.len()))
    }

    /// The `words` words from `start`.
    fn part(&self, start: u64, words: u64) -> Subbuffer<[u32]> {
        self.words.clone().slice(start..start + words)
    }

    /// Copies words into memory that the host sees.
    fn write_mapped(&mut self, pointer: NonNull<u32>, words: &[u32]) {
        assert!(words.len() as u64 <= self.len());
        // SAFETY: the mapping is as long as the buffer, the source is another allocation, and the
        // device does nothing while the host is here: every submission is waited for.
        unsafe { pointer.as_ptr().copy_from_nonoverlapping(words.as_ptr(), words.len()) };
    }

    /// Copies words out of memory that the host sees, which the device has written.
    fn read_mapped(&self, pointer: NonNull<u32>, bytes: &mut [u8]) {
        assert!(bytes.len() as u64 <= self.len() * 4);
        // SAFETY: as above; and the memory is coherent, and each submission ends with a barrier
        // that makes the device's writes visible to the host.
        unsafe { pointer.as_ptr().cast::<u8>().copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
    }
}

/// The buffers through which the host reaches memory that it cannot see. Made when first needed.
#[derive(Debug, Default)]
pub(super) struct Staging {
    upload: Option<Buffer>,
    download: Option<Buffer>,
}

impl Staging {
    /// Copies words from the host to the start of a device buffer.
    pub(super) fn upload(&mut self, gpu: &mut Gpu, target: &mut Buffer, words: &[u32]) -> Result<(), Error> {
        if let Some(pointer) = target.mapped {
            target.write_mapped(pointer, words);
            return Ok(());
        }
        let mut done = 0;
        for words in words.chunks(STAGING_BYTES as usize / 4) {
            let staging = staging(&mut self.upload, gpu, words.len() as u64, Location::Upload)?;
            let count = words.len() as u64;
            if let Some(pointer) = staging.mapped {
                staging.write_mapped(pointer, words);
            }
            gpu.run(|commands| commands.copy(staging.first(count), target.part(done, count)))?;
            done += count;
        }
        Ok(())
    }

    /// Copies bytes from the start of a device buffer to the host.
    pub(super) fn download(&mut self, gpu: &mut Gpu, source: &Buffer, bytes: &mut [u8]) -> Result<(), Error> {
        if let Some(pointer) = source.mapped {
            source.read_mapped(pointer, bytes);
            return Ok(());
        }
        let mut done = 0;
        for bytes in bytes.chunks_mut(STAGING_BYTES as usize) {
            let count = bytes.len().div_ceil(4) as u64;
            let staging = staging(&mut self.download, gpu, count, Location::Download)?;
            gpu.run(|commands| commands.copy(source.part(done, count), staging.first(count)))?;
            if let Some(pointer) = staging.mapped {
                staging.read_mapped(pointer, bytes);
            }
            done += count;
        }
        Ok(())
    }
}

/// A staging buffer of at least `words` words.
fn staging<'a>(
    slot: &'a mut Option<Buffer>,
    gpu: &Gpu,
    words: u64,
    location: Location,
) -> Result<&'a mut Buffer, Error> {
    if slot.as_ref().is_none_or(|buffer| buffer.len() < words) {
        *slot = None; // first, so that both need not fit
    }
    match slot {
        Some(buffer) => Ok(buffer),
        None => Ok(slot.insert(Buffer::new(gpu, words, location)?)),
    }
}

/// The memory type for a buffer, and whether the host maps it.
fn memory_type(
    gpu: &Gpu,
    requirements: &MemoryRequirements,
    location: Location,
) -> Result<(u32, bool), Error> {
    use MemoryPropertyFlags as Flags;
    let host = Flags::HOST_VISIBLE | Flags::HOST_COHERENT;
    // The best first. Uncached memory is written quickly and read some hundred times slower.
    let wishes: &[(Flags, bool)] = match location {
        Location::Device if gpu.limits.unified_memory => &[(UNIFIED, true)],
        Location::Device => &[(Flags::DEVICE_LOCAL, false), (Flags::empty(), false)],
        Location::Upload => &[(host, true)],
        Location::Download => &[(host.union(Flags::HOST_CACHED), true), (host, true)],
    };
    let types = &gpu.device.physical_device().memory_properties().memory_types;
    for &(flags, visible) in wishes {
        for (index, memory_type) in (0u32..).zip(types) {
            let fits = requirements.memory_type_bits & (1 << index) != 0;
            if fits && memory_type.property_flags.contains(flags) {
                return Ok((index, visible));
            }
        }
    }
    Err(Error::Driver(format!("{} has no memory type for a storage buffer", gpu.name())))
}
