//! One context's device: its limits, running commands on it and waiting for them.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use ash::vk;
use vulkano::command_buffer::allocator::{
    StandardCommandBufferAllocator, StandardCommandBufferAllocatorCreateInfo,
};
use vulkano::descriptor_set::allocator::StandardDescriptorSetAllocator;
use vulkano::device::physical::PhysicalDevice;
use vulkano::device::{Device, DeviceExtensions};
use vulkano::memory::MemoryPropertyFlags;
use vulkano::sync::fence::{Fence, FenceCreateInfo};
use vulkano::{Validated, VulkanError, VulkanObject};

use super::commands::{Commands, Recorded};
use super::instance::choose;
use super::opened::Opened;
use super::stages::Pipelines;
use crate::error::Error;
use crate::params::Options;
use crate::plan::{DeviceLimits, MAX_DISPATCH_ITEMS};

/// Memory that the host reads and writes as fast as its own, and that is the device's.
pub(super) const UNIFIED: MemoryPropertyFlags = MemoryPropertyFlags::DEVICE_LOCAL
    .union(MemoryPropertyFlags::HOST_VISIBLE)
    .union(MemoryPropertyFlags::HOST_COHERENT)
    .union(MemoryPropertyFlags::HOST_CACHED);

/// A device that is one context's.
#[derive(Debug)]
pub(super) struct Gpu {
    pub(super) device: Arc<Device>,
    pub(super) limits: DeviceLimits,
    pub(super) sets: Arc<StandardDescriptorSetAllocator>,
    pub(super) command_buffers: Arc<StandardCommandBufferAllocator>,
    /// Bytes allocated on the device.
    pub(super) allocated_bytes: Cell<u64>,
    opened: Opened,
    timeout: Duration,
    failure: Option<Error>,
    /// What the device was working on when waiting for it timed out.
    unfinished: Option<(Recorded, Fence)>,
}

/// Commands that belong in one submission, with the number of pixels or slots that they work on.
pub(super) struct Piece<'a> {
    items: u32,
    record: Box<Record<'a>>,
}

type Record<'a> = dyn FnOnce(&mut Commands<'_>) -> Result<(), Error> + 'a;

impl<'a> Piece<'a> {
    pub(super) fn new(items: u32, record: impl FnOnce(&mut Commands<'_>) -> Result<(), Error> + 'a) -> Self {
        Self { items, record: Box::new(record) }
    }
}

/// How long a context that is dropped waits for a device that timed out.
const LAST_WAIT: Duration = Duration::from_secs(2);

impl Gpu {
    /// Opens the first device that fits the options and can be opened.
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let mut failure = None;
        for physical in choose(options)? {
            match Self::open_device(physical, options) {
                Ok(gpu) => return Ok(gpu),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| Error::NoDevice("no device fits the options".to_owned())))
    }

    fn open_device(physical: Arc<PhysicalDevice>, options: &Options) -> Result<Self, Error> {
        let limits = match &options.debug.device_limits {
            Some(limits) => limits.clone(),
            None => limits_of(&physical),
        };
        let opened = Opened::take(physical, DeviceExtensions::empty())?;
        if let Some(packed) = &options.pipeline_cache {
            opened.pipelines.cache.add_packed(packed)?;
        }
        let device = opened.device.clone();
        let pool_size =
            StandardCommandBufferAllocatorCreateInfo { primary_buffer_count: 4, ..Default::default() };
        Ok(Self {
            limits,
            sets: Arc::new(StandardDescriptorSetAllocator::new(device.clone(), Default::default())),
            command_buffers: Arc::new(StandardCommandBufferAllocator::new(device.clone(), pool_size)),
            allocated_bytes: Cell::new(0),
            opened,
            device,
            timeout: options.device_timeout,
            failure: None,
            unfinished: None,
        })
    }

    /// The name that the driver gives the device.
    pub(super) fn name(&self) -> &str {
        &self.device.physical_device().properties().device_name
    }

    /// The pipelines made on the device, by this context and by those that had it before.
    pub(super) fn pipelines(&self) -> Pipelines {
        self.opened.pipelines.clone()
    }

    /// Fails once the device was lost or hung: nothing may be submitted to it any more.
    pub(super) fn check_usable(&self) -> Result<(), Error> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// Gives a device that timed out a last chance; says whether it is idle now, so that what it
    /// uses may be freed.
    pub(super) fn is_idle_at_last(&mut self) -> bool {
        self.unfinished.as_ref().is_none_or(|(_, fence)| fence.wait(Some(LAST_WAIT)).is_ok())
    }

    /// Runs pieces of work one after the other: as few submissions as possible, none of which works
    /// on more items than a single dispatch may.
    pub(super) fn run_pieces(&mut self, pieces: Vec<Piece<'_>>) -> Result<(), Error> {
        let mut pieces = pieces.into_iter().peekable();
        while let Some(first) = pieces.next() {
            self.run(|commands| {
                let mut items = first.items;
                (first.record)(commands)?;
                while let Some(next) = pieces.next_if(|next| items + next.items <= MAX_DISPATCH_ITEMS) {
                    items += next.items;
                    (next.record)(commands)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Records commands, runs them, and waits until they are done.
    pub(super) fn run(
        &mut self,
        record: impl FnOnce(&mut Commands<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.check_usable()?;
        let mut commands = Commands::begin(self, self.opened.queue.queue_family_index())?;
        record(&mut commands)?;
        let recorded = commands.end()?;
        let fence = Fence::new(self.device.clone(), FenceCreateInfo::default())
            .map_err(driver_error("making a fence"))?;
        let handles = [recorded.handle()];
        let submit_info = vk::SubmitInfo::default().command_buffers(&handles);
        let submitted = self.opened.queue.with(|_guard| {
            // SAFETY: the guard synchronises the queue. The command buffer was recorded on this
            // device for this queue's family, is submitted once, and outlives its work together
            // with all that it uses: everything is kept until the fence is signalled, or leaked.
            unsafe {
                (self.device.fns().v1_0.queue_submit)(
                    self.opened.queue.handle(),
                    1,
                    &submit_info,
                    fence.handle(),
                )
            }
        });
        if submitted != vk::Result::SUCCESS {
            let error = driver_error("submitting work")(VulkanError::from(submitted));
            if matches!(error, Error::DeviceLost(_)) {
                self.failure = Some(error.clone());
            }
            return Err(error);
        }
        match fence.wait(Some(self.timeout)) {
            Ok(()) => Ok(()),
            Err(error) => {
                if error != VulkanError::DeviceLost {
                    self.unfinished = Some((recorded, fence));
                }
                Err(self.fail(error, "waiting for the device"))
            }
        }
    }

    /// Remembers that waiting failed: nobody knows any more what the device is doing.
    fn fail(&mut self, error: VulkanError, doing: &str) -> Error {
        let error = match error {
            VulkanError::Timeout => Error::Timeout(format!(
                "{} did not finish within {} ms",
                self.name(),
                self.timeout.as_millis()
            )),
            error => Error::DeviceLost(format!("{doing}: {error}")),
        };
        self.failure = Some(error.clone());
        error
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        if self.failure.is_none() {
            self.opened.clone().give_back();
        }
    }
}

/// Turns what vulkano reports into an error that says what was being done.
pub(super) fn driver_error<E: Into<Validated<VulkanError>>>(doing: &str) -> impl FnOnce(E) -> Error {
    move |error| match error.into() {
        Validated::Error(VulkanError::OutOfHostMemory) => Error::OutOfMemory(doing.to_owned()),
        Validated::Error(VulkanError::OutOfDeviceMemory | VulkanError::TooManyObjects) => {
            Error::OutOfDeviceMemory(doing.to_owned())
        }
        Validated::Error(error @ VulkanError::DeviceLost) => Error::DeviceLost(format!("{doing}: {error}")),
        Validated::Error(error) => Error::Driver(format!("{doing}: {error}")),
        Validated::ValidationError(error) => Error::Driver(format!("{doing}: {error}")),
    }
}

fn limits_of(physical: &PhysicalDevice) -> DeviceLimits {
    let properties = physical.properties();
    let memory = physical.memory_properties();
    let local_heap = |flags| {
        memory
            .memory_types
            .iter()
            .filter(|memory_type| memory_type.property_flags.contains(flags))
            .map(|memory_type| memory.memory_heaps[memory_type.heap_index as usize].size)
            .max()
    };
    let unified = local_heap(UNIFIED);
    let largest_allocation = properties.max_memory_allocation_size.unwrap_or(u64::MAX);
    DeviceLimits {
        max_storage_buffer_range: u64::from(properties.max_storage_buffer_range).min(largest_allocation),
        max_workgroups: properties.max_compute_work_group_count[0],
        // Some of the heap is other programs'.
        memory_bytes: unified.or_else(|| local_heap(MemoryPropertyFlags::DEVICE_LOCAL)).unwrap_or(0) / 4 * 3,
        unified_memory: unified.is_some(),
    }
}
