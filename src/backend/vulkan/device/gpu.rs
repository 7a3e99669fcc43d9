//! One context's device: its limits, what it can do, and what is known of its state.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use log::Level;
use vulkano::buffer::{BufferUsage, ExternalBufferInfo};
use vulkano::device::physical::PhysicalDevice;
use vulkano::device::{Device, DeviceExtensions, Queue};
use vulkano::memory::{ExternalMemoryHandleType, MemoryPropertyFlags};
use vulkano::sync::fence::Fence;

use crate::backend::vulkan::device::idle::OpenDevice;
use crate::backend::vulkan::device::import::Import;
use crate::backend::vulkan::device::instance::{choose, is_software};
use crate::backend::vulkan::device::pipelines::Pipeline;
use crate::backend::vulkan::device::pools::{CommandBuffers, DescriptorSets, Recorded};
use crate::backend::vulkan::device::stage::{Stage, WorkDistribution};
use crate::backend::vulkan::plan::{self, WORKGROUP_SIZE};
use crate::error::Error;
use crate::runtime::call;
use crate::types::call_stats::CallStats;
use crate::types::memory_limit;
use crate::types::options::{DeviceLimits, Options};

/// Memory that the host reads and writes as fast as its own, and that is the device's.
pub(crate) const UNIFIED: MemoryPropertyFlags = MemoryPropertyFlags::DEVICE_LOCAL
    .union(MemoryPropertyFlags::HOST_VISIBLE)
    .union(MemoryPropertyFlags::HOST_COHERENT)
    .union(MemoryPropertyFlags::HOST_CACHED);

/// The device's memory that the host writes over the bus. It is read some hundred times slower than its own.
pub(crate) const WRITABLE: MemoryPropertyFlags = MemoryPropertyFlags::DEVICE_LOCAL
    .union(MemoryPropertyFlags::HOST_VISIBLE)
    .union(MemoryPropertyFlags::HOST_COHERENT);

/// Devices whose memory is not visible as a whole have a window of so many bytes, which all programs and the driver share.
const WINDOW: u64 = 256 << 20;

/// A device that is one context's.
#[derive(Debug)]
pub(crate) struct Gpu {
    pub(crate) device: Arc<Device>,
    pub(crate) limits: DeviceLimits,
    pub(crate) sets: Arc<DescriptorSets>,
    pub(crate) command_buffers: Arc<CommandBuffers>,
    /// Bytes of buffers on the device and in staging memory.
    pub(crate) allocated_bytes: Cell<u64>,
    /// Bytes of the memory behind them, which is rounded up.
    pub(crate) held_bytes: Cell<u64>,
    /// What the present call has cost.
    pub(crate) counters: Cell<CallStats>,
    /// To what the caller's memory must be aligned to be imported; `None`: the device cannot.
    pub(crate) import_alignment: Option<u64>,
    pub(super) open: OpenDevice,
    pub(super) timeout: Duration,
    pub(super) failure: Option<Error>,
    /// Whether it has not done its work although the driver reported no failure.
    pub(crate) was_idle: Cell<bool>,
    /// What was submitted and not yet waited for, in order. What it uses must not be freed.
    pub(super) in_flight: VecDeque<(Ticket, Recorded, Fence)>,
    pub(super) next_ticket: Ticket,
    /// Imported memory that what is in flight may use, though the call that lent it has ended.
    pub(super) left: Vec<Import>,
    /// Whether the device is a program of this machine: what it has begun ends, so that it can be waited for.
    pub(super) is_software: bool,
}

/// Stands for a submission; later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(super) u64);

impl Gpu {
    /// Opens the first device that fits the options, can be opened, and is accepted.
    pub(crate) fn open<T>(
        options: &Options,
        mut accept: impl FnMut(Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut failure = None;
        for physical in choose(options)? {
            match Self::open_device(physical, options).and_then(&mut accept) {
                Ok(accepted) => return Ok(accepted),
                Err(error) => {
                    call::message(Level::Warn, format_args!("a Vulkan device cannot be used: {error}"));
                    failure = failure.or(Some(error));
                }
            }
        }
        Err(failure.unwrap_or_else(|| Error::NoDevice("no device fits the options".to_owned())))
    }

    pub(crate) fn open_device(physical: Arc<PhysicalDevice>, options: &Options) -> Result<Self, Error> {
        let supported = physical.supported_extensions();
        let unified = options
            .debug
            .device_limits
            .as_ref()
            .map_or(limits_of(&physical).unified_memory, |limits| limits.unified_memory);
        // What a hardware device still reads after a time-out cannot be waited for, and the caller's memory is lent for
        // the call only. Over a bus, the device would read it again and again.
        let is_software = is_software(&physical);
        let imports = supported.ext_external_memory_host
            && is_software
            && unified
            && !options.debug.copy_pixels
            && imports_buffers(&physical, ExternalMemoryHandleType::HostAllocation);
        let imports_fds = supported.khr_external_memory_fd
            && !options.debug.no_memory_fds
            && imports_buffers(&physical, ExternalMemoryHandleType::OpaqueFd);
        let extensions = DeviceExtensions {
            ext_external_memory_host: imports,
            khr_external_memory_fd: imports_fds,
            ..DeviceExtensions::empty()
        };
        let import_alignment = physical.properties().min_imported_host_pointer_alignment;
        let mut limits = match &options.debug.device_limits {
            Some(limits) => limits.clone(),
            None => limits_of(&physical),
        };
        limits.memory_bytes = limits.memory_bytes.min(memory_limit::device_share(options.memory_limit));
        let open = OpenDevice::take(physical, extensions)?;
        if let Some(packed) = &options.pipeline_cache {
            open.pipelines.cache.add_packed(packed)?;
        }
        let device = open.device.clone();
        Ok(Self {
            limits,
            sets: Arc::new(DescriptorSets::new(device.clone())),
            command_buffers: Arc::new(CommandBuffers::new(device.clone())),
            allocated_bytes: Cell::new(0),
            held_bytes: Cell::new(0),
            counters: Cell::default(),
            import_alignment: import_alignment.filter(|_| imports),
            open,
            device,
            timeout: options.device_timeout,
            failure: None,
            was_idle: Cell::new(false),
            in_flight: VecDeque::new(),
            next_ticket: Ticket::default(),
            left: Vec::new(),
            is_software,
        })
    }

    /// The name that the driver gives the device.
    pub(crate) fn name(&self) -> &str {
        &self.device.physical_device().properties().device_name
    }

    /// The UUIDs of the device and its driver, if it has any.
    pub(crate) fn uuids(&self) -> Option<[[u8; 16]; 2]> {
        let properties = self.device.physical_device().properties();
        Some([properties.device_uuid?, properties.driver_uuid?])
    }

    /// The queue that works.
    pub(super) fn queue(&self) -> &Arc<Queue> {
        &self.open.queue
    }

    /// Its family.
    pub(crate) fn queue_family_index(&self) -> u32 {
        self.queue().queue_family_index()
    }

    /// The queue that copies what the host has written while the other one computes, where the device has such a one, and
    /// something is copied.
    pub(super) fn transfer_queue(&self) -> Option<&Arc<Queue>> {
        let copies = !self.limits.unified_memory && !self.limits.writable_memory;
        self.open.transfer_queue.as_ref().filter(|_| copies)
    }

    /// The pipeline of a stage, which this context or one that had the device before may have made.
    pub(crate) fn pipeline(&self, stage: Stage) -> Result<Arc<Pipeline>, Error> {
        let (pipeline, is_new) = self.open.pipelines.get(&self.device, &self.limits, stage)?;
        if is_new {
            self.count(|counters| counters.pipelines += 1);
        }
        Ok(pipeline)
    }

    /// Splits the items of a stage into the ranges of single dispatches, and says how many workgroups each has.
    pub(crate) fn dispatches(
        &self,
        stage: Stage,
        items: u32,
    ) -> impl Iterator<Item = (Range<u32>, u32)> + use<> {
        let per_invocation = WorkDistribution::new(&self.limits).per_invocation(stage);
        plan::dispatches(items, per_invocation, &self.limits)
    }

    /// Compiled pipelines for a later process.
    pub(crate) fn pipeline_cache(&self) -> Result<Vec<u8>, Error> {
        self.open.pipelines.cache.packed()
    }

    /// Fails once the device was lost or hung: nothing may be submitted to it any more.
    pub(crate) fn check_usable(&self) -> Result<(), Error> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// Counts what something has cost.
    pub(crate) fn count(&self, add: impl FnOnce(&mut CallStats)) {
        let mut counters = self.counters.get();
        add(&mut counters);
        self.counters.set(counters);
    }

    /// Whether nothing that was submitted is still to be waited for.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Keeps imported memory until what is in flight has ended.
    pub(crate) fn keep(&mut self, import: Import) {
        self.left.push(import);
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        if self.failure.is_none() {
            self.open.clone().give_back();
        }
    }
}

/// Whether a storage buffer, which is also copied to, can be made of such memory.
fn imports_buffers(physical: &PhysicalDevice, handle_type: ExternalMemoryHandleType) -> bool {
    let usage = match handle_type {
        ExternalMemoryHandleType::HostAllocation => BufferUsage::STORAGE_BUFFER,
        _ => BufferUsage::STORAGE_BUFFER | BufferUsage::TRANSFER_DST,
    };
    let info = ExternalBufferInfo { usage, ..ExternalBufferInfo::handle_type(handle_type) };
    physical.external_buffer_properties(info).is_ok_and(|properties| {
        let properties = properties.external_memory_properties;
        properties.importable && !properties.dedicated_only
    })
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
        writable_memory: unified.is_none() && local_heap(WRITABLE).is_some_and(|bytes| bytes > WINDOW),
        // A software rasteriser executes a workgroup of more invocations bit by bit, at a cost.
        workgroup_size: match is_software(physical) {
            true => properties.subgroup_size.unwrap_or(8).clamp(1, 16),
            false => WORKGROUP_SIZE,
        },
        count_copies: match is_software(physical) {
            true => std::thread::available_parallelism().map_or(1, |count| count.get().min(8) as u32),
            false => 1,
        },
    }
}
