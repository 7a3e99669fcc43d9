//! Starting work on a device, and waiting for it.
//!
//! Vulkan frees nothing by itself, and work that was submitted may use what it was told to use until its fence says that it
//! has ended. So everything is waited for, in order, also where a driver fails: then the device is asked until it is idle,
//! or else what it uses is kept for good.

#![allow(unsafe_code)]

use std::ops::Range;
use std::time::Duration;

use ash::vk;
use bytemuck::NoUninit;
use vulkano::sync::fence::{Fence, FenceCreateInfo};
use vulkano::{VulkanError, VulkanObject};

use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::commands::Commands;
use crate::backend::vulkan::device::error::driver_error;
use crate::backend::vulkan::device::gpu::{Gpu, Ticket};
use crate::backend::vulkan::device::pools::{Recorded, SemaphoreUse};
use crate::backend::vulkan::device::stage::Stage;
use crate::error::Error;
use crate::runtime::call;

/// How long a context that is dropped waits for a device that timed out.
pub(crate) const LAST_WAIT: Duration = Duration::from_secs(2);

/// How often a driver is asked again that cannot say whether the device has finished, and the time between.
const ASKED_AGAIN: u32 = 10;
const ASKED_AFTER: Duration = Duration::from_millis(4);

impl Gpu {
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
        let mut commands = Commands::begin(self)?;
        record(&mut commands)?;
        let (copies, recorded) = commands.end()?;
        if let Some(copies) = copies {
            self.start(copies)?;
        }
        self.start(recorded)
    }

    /// Starts recorded commands.
    fn start(&mut self, recorded: Recorded) -> Result<Ticket, Error> {
        let fence = Fence::new(self.device.clone(), FenceCreateInfo::default())
            .map_err(driver_error("making a fence"))?;
        // Once it is submitted, nothing may fail any more.
        self.in_flight
            .try_reserve(1)
            .map_err(|_| Error::OutOfMemory("a list of what is in flight".to_owned()))?;
        let handles = [recorded.handle()];
        let semaphores: &[_] = match recorded.semaphore() {
            Some(SemaphoreUse::Signal(semaphore) | SemaphoreUse::Wait(semaphore)) => &[semaphore.handle()],
            None => &[],
        };
        let submit_info = vk::SubmitInfo::default().command_buffers(&handles);
        let submit_info = match recorded.semaphore() {
            Some(SemaphoreUse::Signal(_)) => submit_info.signal_semaphores(semaphores),
            Some(SemaphoreUse::Wait(_)) => submit_info
                .wait_semaphores(semaphores)
                .wait_dst_stage_mask(&[vk::PipelineStageFlags::ALL_COMMANDS]),
            None => submit_info,
        };
        let queue = recorded.queue();
        let submitted = queue.with(|_guard| {
            // SAFETY: the guard synchronises the queue. The command buffer was recorded on this
            // device for this queue's family, is submitted once, and outlives its work together
            // with all that it uses: everything is kept until the fence is signalled, or leaked.
            // A semaphore is signalled once, and waited for once, by what is submitted next.
            unsafe { (self.device.fns().v1_0.queue_submit)(queue.handle(), 1, &submit_info, fence.handle()) }
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
    pub(crate) fn submit_dispatches<P: NoUninit>(
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
