//! Buffers in device memory, and memory that the host and the device share.

#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;

use vulkano::buffer::sys::RawBuffer;
use vulkano::buffer::{BufferCreateInfo, BufferUsage, Subbuffer};
use vulkano::memory::{
    DeviceMemory, MemoryAllocateInfo, MemoryMapInfo, MemoryPropertyFlags, MemoryRequirements, ResourceMemory,
};
use vulkano::sync::Sharing;

use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::commands::Commands;
use crate::backend::vulkan::device::error::driver_error;
use crate::backend::vulkan::device::gpu::{Gpu, UNIFIED, WRITABLE};
use crate::error::Error;

/// Drivers work best with few large allocations; smaller ones are rounded up to a little more.
const SMALLEST_ALLOCATION: u64 = (1 << 20) + (1 << 16);

/// Where a buffer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Location {
    /// In the device's memory; the host sees it where memory is unified.
    Device,
    /// In the device's memory; the host writes to it where it can.
    Shared,
    /// In the host's memory, for both to read and write.
    Host,
}

/// A buffer of 32-bit words.
#[derive(Debug)]
pub(crate) struct Buffer {
    words: Subbuffer<[u32]>,
    mapped: Option<NonNull<u32>>,
    /// Bytes of the memory that it has.
    allocation_size: u64,
}

// SAFETY: the pointer is into memory that the buffer keeps alive and mapped, on no thread's behalf.
unsafe impl Send for Buffer {}

impl Buffer {
    /// A buffer. Its contents are unspecified.
    fn new(gpu: &Gpu, words: u64, location: Location) -> Result<Self, Error> {
        let doing = "allocating device memory";
        let size = words * 4;
        let transfer = BufferUsage::TRANSFER_SRC | BufferUsage::TRANSFER_DST;
        let usage = match location {
            Location::Device | Location::Shared => BufferUsage::STORAGE_BUFFER | transfer,
            Location::Host => transfer,
        };
        let sharing = match gpu.transfer_queue() {
            Some(queue) if location != Location::Device => {
                let families = [gpu.queue_family_index(), queue.queue_family_index()];
                Sharing::Concurrent(families.into_iter().collect())
            }
            _ => Sharing::Exclusive,
        };
        let create_info = BufferCreateInfo { size, usage, sharing, ..Default::default() };
        let raw = RawBuffer::new(gpu.device.clone(), create_info).map_err(driver_error(doing))?;
        let requirements = *raw.memory_requirements();
        let allocation_size = requirements.layout.size().max(SMALLEST_ALLOCATION);
        let (memory_type_index, visible) = memory_type(gpu, &requirements, location)?;
        let allocated = gpu.allocated_bytes.get() + size;
        if allocated > gpu.limits.memory_bytes {
            return Err(Error::OutOfDeviceMemory(format!(
                "{allocated} bytes are needed, {} has {}",
                gpu.name(),
                gpu.limits.memory_bytes
            )));
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
        gpu.allocated_bytes.set(allocated);
        gpu.held_bytes.set(gpu.held_bytes.get() + allocation_size);
        gpu.count(|counters| counters.device_allocations += 1);
        Ok(Self { words: Subbuffer::new(Arc::new(buffer)).cast_aligned(), mapped, allocation_size })
    }

    /// Makes `slot` a device buffer of at least `words` words; its contents are then unspecified.
    pub(crate) fn ensure<'a>(
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

    /// Gives a buffer back.
    pub(crate) fn release(slot: &mut Option<Self>, gpu: &Gpu) {
        if let Some(old) = slot.take() {
            gpu.allocated_bytes.set(gpu.allocated_bytes.get() - old.words.size());
            gpu.held_bytes.set(gpu.held_bytes.get() - old.allocation_size);
        }
    }

    /// Its words, where the host sees the device's memory; no submission in flight may write to it.
    pub(crate) fn host_words(&self) -> Result<&[u32], Error> {
        let missing = || Error::Internal("the host does not see a buffer".to_owned());
        let pointer = self.mapped.ok_or_else(missing)?;
        // SAFETY: the mapping is as long as the buffer, any bits are words, and nobody writes to them now.
        Ok(unsafe { std::slice::from_raw_parts(pointer.as_ptr(), self.len() as usize) })
    }

    /// Where the host finds the words from `start`, of which there are at least `words`.
    fn mapped(&self, start: u64, words: u64) -> Result<NonNull<u32>, Error> {
        match self.mapped {
            // SAFETY: the offset is inside the mapping, which is as long as the buffer.
            Some(pointer) if start + words <= self.len() => Ok(unsafe { pointer.add(start as usize) }),
            _ => Err(Error::Internal(format!("{words} words at {start} are not in the host's memory"))),
        }
    }

    /// Its length in words.
    fn len(&self) -> u64 {
        self.words.len()
    }

    /// The `words` words from `start`, as vulkano passes them around.
    pub(crate) fn part(&self, start: u64, words: u64) -> Bytes {
        self.words.clone().slice(start..start + words).into_bytes()
    }
}

/// Memory that both the host and the device reach: one buffer where memory is unified, else two, whose
/// parts are copied by the commands that use them. What the host writes goes to the device's at once where that can be.
///
/// The host may only touch parts that no submission in flight works on.
#[derive(Debug)]
pub(crate) struct Shared {
    device: Buffer,
    staging: Option<Buffer>,
}

impl Shared {
    /// Makes `slot` at least `words` words long; the contents are then unspecified.
    pub(crate) fn ensure<'a>(
        slot: &'a mut Option<Self>,
        gpu: &Gpu,
        words: u64,
    ) -> Result<&'a mut Self, Error> {
        if slot.as_ref().is_some_and(|shared| shared.device.len() < words) {
            Self::release(slot, gpu);
        }
        match slot {
            Some(shared) => Ok(shared),
            None => {
                let device = Buffer::new(gpu, words.max(1), Location::Shared)?;
                if gpu.limits.unified_memory {
                    return Ok(slot.insert(Self { device, staging: None }));
                }
                match Buffer::new(gpu, words.max(1), Location::Host) {
                    Ok(staging) => Ok(slot.insert(Self { device, staging: Some(staging) })),
                    Err(error) => {
                        Buffer::release(&mut Some(device), gpu);
                        Err(error)
                    }
                }
            }
        }
    }

    /// Gives it back.
    pub(crate) fn release(slot: &mut Option<Self>, gpu: &Gpu) {
        if let Some(Self { device, staging }) = slot.take() {
            Buffer::release(&mut Some(device), gpu);
            Buffer::release(&mut { staging }, gpu);
        }
    }

    /// The `words` words from `start` on the device.
    pub(crate) fn part(&self, start: u64, words: u64) -> Bytes {
        self.device.part(start, words)
    }

    /// What the host writes to.
    fn written(&self) -> &Buffer {
        self.staging.as_ref().filter(|_| self.device.mapped.is_none()).unwrap_or(&self.device)
    }

    /// What the host reads.
    fn read_back(&self) -> &Buffer {
        self.staging.as_ref().unwrap_or(&self.device)
    }

    /// Has `fill` write words where `upload` finds them.
    pub(crate) fn fill(
        &mut self,
        start: u64,
        words: u64,
        fill: impl FnOnce(&mut [u32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let pointer = self.written().mapped(start, words)?;
        // SAFETY: the words are inside the mapping, any bits are words, and neither the device nor anybody else
        // works on this part: the buffer is borrowed exclusively.
        fill(unsafe { std::slice::from_raw_parts_mut(pointer.as_ptr(), words as usize) })
    }

    /// Writes words where `upload` finds them, and where the host reads: until the device has answered, that is what is there,
    /// and not the answer to an earlier question.
    pub(crate) fn write(&mut self, start: u64, words: &[u32]) -> Result<(), Error> {
        let others = self.staging.iter().filter(|_| self.device.mapped.is_some());
        for buffer in std::iter::once(self.written()).chain(others) {
            let pointer = buffer.mapped(start, words.len() as u64)?;
            // SAFETY: the words are inside the mapping, the source is another allocation, and the device does
            // not work on this part.
            unsafe { pointer.as_ptr().copy_from_nonoverlapping(words.as_ptr(), words.len()) };
        }
        Ok(())
    }

    /// Reads bytes that `download` has left.
    pub(crate) fn read(&self, start: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let pointer = self.read_back().mapped(start, bytes.len().div_ceil(4) as u64)?;
        // SAFETY: as above; the memory is coherent, and each submission ends with a barrier that makes the
        // device's writes visible to the host.
        unsafe { pointer.as_ptr().cast::<u8>().copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    /// Lets the device have what the host has written, in a part that no submission in flight works on.
    pub(crate) fn upload(&self, commands: &mut Commands, start: u64, words: u64) -> Result<(), Error> {
        commands.gpu().count(|counters| counters.bytes_to_device += 4 * words);
        match &self.staging {
            Some(staging) if words > 0 && self.device.mapped.is_none() => {
                commands.copy_from_host(staging.part(start, words), self.part(start, words))
            }
            _ => Ok(()),
        }
    }

    /// Lets the host have what submissions that were waited for have written.
    pub(crate) fn fetch(&self, gpu: &mut Gpu, start: u64, words: u64) -> Result<(), Error> {
        match &self.staging {
            Some(_) => gpu.run(|commands| self.download(commands, start, words)),
            None => {
                gpu.count(|counters| counters.bytes_from_device += 4 * words);
                Ok(())
            }
        }
    }

    /// Lets the host have what the device has written.
    pub(crate) fn download(&self, commands: &mut Commands, start: u64, words: u64) -> Result<(), Error> {
        commands.gpu().count(|counters| counters.bytes_from_device += 4 * words);
        match &self.staging {
            Some(staging) if words > 0 => commands.copy(self.part(start, words), staging.part(start, words)),
            _ => Ok(()),
        }
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
        Location::Device | Location::Shared if gpu.limits.unified_memory => &[(UNIFIED, true)],
        Location::Shared if gpu.limits.writable_memory => &[(WRITABLE, true)],
        Location::Device | Location::Shared => &[(Flags::DEVICE_LOCAL, false), (Flags::empty(), false)],
        Location::Host => &[(host.union(Flags::HOST_CACHED), true), (host, true)],
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
