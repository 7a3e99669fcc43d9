//! One context's device: its limits, running commands on it and waiting for them.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use ash::vk;
use log::Level;
use vulkano::buffer::{BufferContents, BufferUsage, ExternalBufferInfo};
use vulkano::device::physical::PhysicalDevice;
use vulkano::device::{Device, DeviceExtensions};
use vulkano::memory::{ExternalMemoryHandleType, MemoryPropertyFlags};
use vulkano::sync::fence::{Fence, FenceCreateInfo};
use vulkano::{VulkanError, VulkanObject};

use crate::backend::vulkan::device::commands::{Bytes, Commands, Recorded};
use crate::backend::vulkan::device::error::driver_error;
use crate::backend::vulkan::device::idle::Opened;
use crate::backend::vulkan::device::import::Import;
use crate::backend::vulkan::device::instance::{choose, is_software};
use crate::backend::vulkan::device::pipelines::Pipeline;
use crate::backend::vulkan::device::pools::{CommandBuffers, DescriptorSets};
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
    /// Whether it imports other devices' memory by file descriptor.
    pub(crate) imports_fds: bool,
    opened: Opened,
    timeout: Duration,
    failure: Option<Error>,
    /// Whether it has not done its work although the driver reported no failure.
    pub(crate) was_idle: Cell<bool>,
    /// What was submitted and not yet waited for, in order. What it uses must not be freed.
    in_flight: VecDeque<(Ticket, Recorded, Fence)>,
    next_ticket: Ticket,
    /// Imported memory that what is in flight may use, though the call that lent it has ended.
    left: Vec<Import>,
    /// Whether the device is a program of this machine: what it has begun ends, so that it can be waited for.
    is_software: bool,
}

/// Stands for a submission; later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// How long a context that is dropped waits for a device that timed out.
pub(crate) const LAST_WAIT: Duration = Duration::from_secs(2);

/// How often a driver is asked again that cannot say whether the device has finished, and the time between.
const ASKED_AGAIN: u32 = 10;
const ASKED_AFTER: Duration = Duration::from_millis(4);

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
        let opened = Opened::take(physical, extensions)?;
        if let Some(packed) = &options.pipeline_cache {
            opened.pipelines.cache.add_packed(packed)?;
        }
        let device = opened.device.clone();
        Ok(Self {
            limits,
            sets: Arc::new(DescriptorSets::new(device.clone())),
            command_buffers: Arc::new(CommandBuffers::new(device.clone())),
            allocated_bytes: Cell::new(0),
            held_bytes: Cell::new(0),
            counters: Cell::default(),
            import_alignment: import_alignment.filter(|_| imports),
            imports_fds,
            opened,
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

    /// The family of the queue that works.
    pub(crate) fn queue_family_index(&self) -> u32 {
        self.opened.queue.queue_family_index()
    }

    /// The pipeline of a stage, which this context or one that had the device before may have made.
    pub(crate) fn pipeline(&self, stage: Stage) -> Result<Arc<Pipeline>, Error> {
        let (pipeline, is_new) = self.opened.pipelines.get(&self.device, &self.limits, stage)?;
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
        self.opened.pipelines.cache.packed()
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

    /// Gives a device that may still be at work so long to finish; says whether it is idle then, so that what it uses may
    /// be freed.
    pub(crate) fn is_idle_at_last(&mut self, patience: Duration) -> bool {
        if !self.is_idle()
            && let Err(error) = self.settle(patience)
        {
            self.failure = Some(driver_error("closing the device")(error));
        }
        self.is_idle()
    }

    /// Records commands and starts them, unless the call is to stop. What they use must be kept until they were waited
    /// for.
    pub(crate) fn submit(
        &mut self,
        record: impl FnOnce(&mut Commands<'_>) -> Result<(), Error>,
    ) -> Result<Ticket, Error> {
        call::tick();
        call::check()?;
        self.check_usable()?;
        let mut commands = Commands::begin(self, self.queue_family_index())?;
        record(&mut commands)?;
        let recorded = commands.end()?;
        let fence = Fence::new(self.device.clone(), FenceCreateInfo::default())
            .map_err(driver_error("making a fence"))?;
        // Once it is submitted, nothing may fail any more.
        self.in_flight
            .try_reserve(1)
            .map_err(|_| Error::OutOfMemory("a list of what is in flight".to_owned()))?;
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
            return Err(self.fail(VulkanError::from(submitted), "submitting work"));
        }
        self.count(|counters| counters.submissions += 1);
        let ticket = self.next_ticket;
        self.next_ticket = Ticket(ticket.0 + 1);
        self.in_flight.push_back((ticket, recorded, fence));
        Ok(ticket)
    }

    /// Waits until a submission, and all before it, are done.
    pub(crate) fn wait(&mut self, ticket: Ticket) -> Result<(), Error> {
        self.check_usable()?;
        while let Some((.., fence)) = self.in_flight.front().filter(|(first, ..)| *first <= ticket) {
            let ended = match fence.wait(Some(self.timeout)) {
                Ok(()) => {
                    self.in_flight.pop_front();
                    continue;
                }
                Err(error @ (VulkanError::Timeout | VulkanError::DeviceLost)) => Err(error),
                // The driver is short of memory, say; the device works on.
                Err(_) => self.settle(self.timeout),
            };
            ended.map_err(|error| self.fail(error, "waiting for the device"))?;
        }
        if self.is_idle() {
            self.left.clear();
        }
        Ok(())
    }

    /// Waits for all that was submitted, so that what it uses may be changed or freed.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        match self.in_flight.back() {
            Some(&(last, ..)) => self.wait(last),
            None => Ok(()),
        }
    }

    /// Whether nothing that was submitted is still to be waited for.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Records commands, runs them, and waits until they are done.
    pub(crate) fn run(
        &mut self,
        record: impl FnOnce(&mut Commands<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let ticket = self.submit(record)?;
        self.wait(ticket)
    }

    /// Starts a stage on all of its items with a submission for each dispatch, so that no watchdog takes the device for
    /// hung.
    pub(crate) fn submit_dispatches<P: BufferContents>(
        &mut self,
        stage: Stage,
        items: u32,
        buffers: &[(u32, Bytes)],
        push_constants: impl Fn(Range<u32>) -> P,
    ) -> Result<(), Error> {
        let pipeline = self.pipeline(stage)?;
        for (range, workgroups) in self.dispatches(stage, items) {
            let push_constants = push_constants(range);
            self.submit(|commands| commands.dispatch_once(&pipeline, buffers, &push_constants, workgroups))?;
        }
        Ok(())
    }

    /// Keeps imported memory until what is in flight has ended.
    pub(crate) fn keep(&mut self, import: Import) {
        self.left.push(import);
    }

    /// What a failed submission or wait means. After a time-out or a loss nothing is submitted any more; what is in flight
    /// is waited for where that ends, since it may use the caller's memory.
    fn fail(&mut self, error: VulkanError, doing: &str) -> Error {
        let error = match error {
            VulkanError::Timeout => Error::Timeout(format!(
                "{} did not finish within {} ms",
                self.name(),
                self.timeout.as_millis()
            )),
            error => driver_error(doing)(error),
        };
        let is_lost = matches!(error, Error::DeviceLost(_));
        if is_lost || matches!(error, Error::Timeout(_)) {
            self.failure = Some(error.clone());
            if is_lost || self.is_software {
                let _ = self.settle(LAST_WAIT); // `is_idle` tells
            }
        }
        error
    }

    /// Waits until the device does nothing more, whatever the driver says to that; `is_idle` tells whether it worked.
    /// A hardware device gets `patience`; a software rasteriser is waited for as long as it takes.
    fn settle(&mut self, patience: Duration) -> Result<(), VulkanError> {
        let mut asked = 0;
        loop {
            let ended = self.in_flight.iter().try_for_each(|(.., fence)| fence.wait(Some(patience)));
            let is_late = ended == Err(VulkanError::Timeout);
            if is_late && !self.is_software {
                return ended; // waiting for the device as a whole might never end
            }
            // SAFETY: the device is this context's alone, which is here.
            let idle = unsafe { self.device.wait_idle() };
            let is_lost = [ended, idle].contains(&Err(VulkanError::DeviceLost));
            // Either alone says that the device has finished; only both, that it was lost before it had.
            if ended.is_ok() || idle.is_ok() || (ended == idle && is_lost) {
                self.in_flight.clear();
                self.left.clear();
                return if is_late || ended == Err(VulkanError::DeviceLost) { ended } else { Ok(()) };
            }
            asked += 1;
            if asked > ASKED_AGAIN {
                return ended;
            }
            std::thread::sleep(ASKED_AFTER);
        }
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        if self.failure.is_none() {
            self.opened.clone().give_back();
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
