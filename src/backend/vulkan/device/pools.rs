//! Command buffers and descriptor sets, which are used again and again. vulkano's own allocators panic where a driver
//! refuses what a pool has room for, and lose the pool of a command buffer that cannot be begun.

#![allow(unsafe_code)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ash::vk;
use vulkano::command_buffer::allocator::{CommandBufferAlloc, CommandBufferAllocator};
use vulkano::command_buffer::pool::{
    CommandBufferAllocateInfo, CommandPool, CommandPoolCreateInfo, CommandPoolResetFlags,
};
use vulkano::command_buffer::{CommandBuffer, CommandBufferLevel};
use vulkano::descriptor_set::DescriptorSet;
use vulkano::descriptor_set::allocator::{AllocationHandle, DescriptorSetAlloc, DescriptorSetAllocator};
use vulkano::descriptor_set::layout::DescriptorSetLayout;
use vulkano::descriptor_set::pool::{DescriptorPool, DescriptorPoolCreateInfo, DescriptorSetAllocateInfo};
use vulkano::device::{Device, DeviceOwned, Queue};
use vulkano::sync::semaphore::Semaphore;
use vulkano::{Validated, ValidationError, VulkanError, VulkanObject};

/// Sets that are made together.
const SETS_PER_POOL: u32 = 32;

/// Recorded commands for one queue, with what they use.
#[derive(Debug)]
pub(crate) struct Recorded {
    commands: CommandBuffer,
    queue: Arc<Queue>,
    semaphore: Option<SemaphoreUse>,
    _sets: Vec<Arc<DescriptorSet>>,
}

/// What commands do with a semaphore, which orders those of two queues.
#[derive(Debug)]
pub(crate) enum SemaphoreUse {
    /// It is signalled when they are done.
    Signal(Arc<Semaphore>),
    /// They begin when it is signalled.
    Wait(Arc<Semaphore>),
}

impl Recorded {
    /// Commands for a queue that use these sets.
    pub(crate) fn new(
        commands: CommandBuffer,
        queue: Arc<Queue>,
        semaphore: Option<SemaphoreUse>,
        sets: Vec<Arc<DescriptorSet>>,
    ) -> Self {
        Self { commands, queue, semaphore, _sets: sets }
    }

    /// The semaphore that orders them and those of another queue, if one does.
    pub(crate) fn semaphore(&self) -> Option<&SemaphoreUse> {
        self.semaphore.as_ref()
    }

    /// The queue that they were recorded for.
    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// The Vulkan handle.
    pub(crate) fn handle(&self) -> vk::CommandBuffer {
        self.commands.handle()
    }
}

/// Command buffers, each with a pool of its own, which is reset before it is used again.
#[derive(Debug)]
pub(crate) struct CommandBuffers {
    device: Arc<Device>,
    idle: Mutex<Vec<CommandBufferAlloc>>,
}

// SAFETY: a pool is used by who has its only command buffer, or under the lock.
unsafe impl Send for CommandBuffers {}
// SAFETY: as above.
unsafe impl Sync for CommandBuffers {}

impl CommandBuffers {
    /// None yet.
    pub(crate) fn new(device: Arc<Device>) -> Self {
        Self { device, idle: Mutex::default() }
    }
}

// SAFETY: an allocation is given out once until it comes back, and keeps its pool alive.
unsafe impl CommandBufferAllocator for CommandBuffers {
    fn allocate(
        &self,
        queue_family_index: u32,
        level: CommandBufferLevel,
    ) -> Result<CommandBufferAlloc, Validated<VulkanError>> {
        let mut idle = lock(&self.idle);
        let fits = |one: &CommandBufferAlloc| {
            one.pool.queue_family_index() == queue_family_index && one.inner.level() == level
        };
        if let Some(position) = idle.iter().rposition(fits) {
            let one = idle.swap_remove(position);
            // SAFETY: its command buffer is idle, since nobody has it.
            unsafe { one.pool.reset(CommandPoolResetFlags::empty()) }?;
            return Ok(one);
        }
        let create_info = CommandPoolCreateInfo { queue_family_index, ..Default::default() };
        let pool = CommandPool::new(self.device.clone(), create_info)?;
        let allocate_info =
            CommandBufferAllocateInfo { level, command_buffer_count: 1, ..Default::default() };
        let inner = pool.allocate_command_buffers(allocate_info)?.next().ok_or_else(nothing)?;
        #[allow(clippy::arc_with_non_send_sync)] // vulkano wants it so
        let pool = Arc::new(pool);
        let handle = vulkano::command_buffer::allocator::AllocationHandle::null();
        Ok(CommandBufferAlloc { inner, pool, handle })
    }

    unsafe fn deallocate(&self, allocation: CommandBufferAlloc) {
        lock(&self.idle).push(allocation);
    }
}

// SAFETY: it is the device that all pools are made on.
unsafe impl DeviceOwned for CommandBuffers {
    fn device(&self) -> &Arc<Device> {
        &self.device
    }
}

/// Descriptor sets. Those of one layout are made together, in a pool with exactly the room that they take.
#[derive(Debug)]
pub(crate) struct DescriptorSets {
    device: Arc<Device>,
    idle: Mutex<Vec<DescriptorSetAlloc>>,
}

impl DescriptorSets {
    /// None yet.
    pub(crate) fn new(device: Arc<Device>) -> Self {
        Self { device, idle: Mutex::default() }
    }

    fn make(
        &self,
        layout: &Arc<DescriptorSetLayout>,
    ) -> Result<Vec<DescriptorSetAlloc>, Validated<VulkanError>> {
        let counts = layout.descriptor_counts().iter();
        let create_info = DescriptorPoolCreateInfo {
            max_sets: SETS_PER_POOL,
            pool_sizes: counts.map(|(&kind, &count)| (kind, count * SETS_PER_POOL)).collect(),
            ..Default::default()
        };
        #[allow(clippy::arc_with_non_send_sync)] // vulkano wants it so
        let pool = Arc::new(DescriptorPool::new(self.device.clone(), create_info)?);
        let sets = (0..SETS_PER_POOL).map(|_| DescriptorSetAllocateInfo::new(layout.clone()));
        // SAFETY: the pool is new and used by nobody else; each set keeps it alive.
        let sets = unsafe { pool.allocate_descriptor_sets(sets) }?;
        let handle = AllocationHandle::null();
        Ok(sets.map(|inner| DescriptorSetAlloc { inner, pool: pool.clone(), handle }).collect())
    }
}

// SAFETY: a set is given out once until it comes back, and keeps its pool alive; no set is ever freed.
unsafe impl DescriptorSetAllocator for DescriptorSets {
    fn allocate(
        &self,
        layout: &Arc<DescriptorSetLayout>,
        _variable_descriptor_count: u32,
    ) -> Result<DescriptorSetAlloc, Validated<VulkanError>> {
        let mut idle = lock(&self.idle);
        if let Some(position) = idle.iter().rposition(|set| set.inner.layout() == layout) {
            return Ok(idle.swap_remove(position));
        }
        idle.extend(self.make(layout)?);
        idle.pop().ok_or_else(nothing)
    }

    unsafe fn deallocate(&self, allocation: DescriptorSetAlloc) {
        lock(&self.idle).push(allocation);
    }
}

// SAFETY: it is the device that all pools are made on.
unsafe impl DeviceOwned for DescriptorSets {
    fn device(&self) -> &Arc<Device> {
        &self.device
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A driver that succeeds and gives nothing.
fn nothing() -> Validated<VulkanError> {
    let problem = "the driver has given out nothing".into();
    Validated::ValidationError(Box::new(ValidationError { problem, ..Default::default() }))
}
