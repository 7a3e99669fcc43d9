//! Recording commands. A barrier stands where a command needs what others have written, and nowhere else: a copy of pixels to
//! memory that nobody uses begins while the device still works on the chunk before, and copies that follow each other, which
//! are of different parts, do not wait for each other. Where the device has a queue that only copies, copies of what the host
//! has written are recorded for that, and what else is recorded waits for them.

#![allow(unsafe_code)]

use std::ops::Range;
use std::sync::Arc;

use ash::vk;
use bytemuck::NoUninit;
use vulkano::command_buffer::{CommandBufferBeginInfo, RecordingCommandBuffer};
use vulkano::command_buffer::{CommandBufferLevel, CommandBufferUsage, CopyBufferInfo};
use vulkano::descriptor_set::{DescriptorSet, WriteDescriptorSet};
use vulkano::device::Queue;
use vulkano::pipeline::PipelineBindPoint;
use vulkano::sync::semaphore::{Semaphore, SemaphoreCreateInfo};
use vulkano::sync::{
    AccessFlags, BufferMemoryBarrier, DependencyInfo, MemoryBarrier, PipelineStages,
    QueueFamilyOwnershipTransfer,
};
use vulkano::{ValidationError, VulkanObject};

use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::error::driver_error;
use crate::backend::vulkan::device::gpu::Gpu;
use crate::backend::vulkan::device::pipelines::Pipeline;
use crate::backend::vulkan::device::pools::{Recorded, SemaphoreUse};
use crate::backend::vulkan::device::stage::Stage;
use crate::error::Error;

/// All that the commands here do on the device.
const COMPUTE: PipelineStages = PipelineStages::COMPUTE_SHADER;
const TRANSFER: PipelineStages = PipelineStages::ALL_TRANSFER;
const DEVICE_STAGES: PipelineStages = COMPUTE.union(TRANSFER);
const COMPUTE_ACCESS: AccessFlags = AccessFlags::SHADER_READ.union(AccessFlags::SHADER_WRITE);
const TRANSFER_ACCESS: AccessFlags = AccessFlags::TRANSFER_READ.union(AccessFlags::TRANSFER_WRITE);
const DEVICE_ACCESS: AccessFlags = COMPUTE_ACCESS.union(TRANSFER_ACCESS);

/// Commands that are being recorded.
pub(crate) struct Commands<'a> {
    gpu: &'a Gpu,
    recording: RecordingCommandBuffer,
    /// For the queue that only copies.
    copies: Option<RecordingCommandBuffer>,
    sets: Vec<Arc<DescriptorSet>>,
    /// What has been at work since the last barrier; at first, earlier submissions.
    unseen: PipelineStages,
}

impl<'a> Commands<'a> {
    /// Begins to record.
    pub(crate) fn begin(gpu: &'a Gpu) -> Result<Self, Error> {
        let recording = begin(gpu, gpu.queue())?;
        Ok(Self { gpu, recording, copies: None, sets: Vec::new(), unseen: DEVICE_STAGES })
    }

    /// Ends recording: what the commands write will be there for the host, which a fence alone does not see to. Copies for the
    /// queue that only copies, if there are any, are to be done before the rest begins.
    pub(crate) fn end(mut self) -> Result<(Option<Recorded>, Recorded), Error> {
        self.barrier(DEVICE_STAGES, PipelineStages::HOST, AccessFlags::HOST_READ)?;
        let end = |recording: RecordingCommandBuffer| {
            // SAFETY: each command was recorded with its requirements met, see there.
            unsafe { recording.end() }.map_err(driver_error("recording commands"))
        };
        let queue = self.gpu.queue().clone();
        let commands = end(self.recording)?;
        let Some((copies, transfer_queue)) = self.copies.zip(self.gpu.transfer_queue()) else {
            return Ok((None, Recorded::new(commands, queue, None, self.sets)));
        };
        let copied = Semaphore::new(self.gpu.device.clone(), SemaphoreCreateInfo::default())
            .map_err(driver_error("making a semaphore"))?;
        let copied = Arc::new(copied);
        let signal = Some(SemaphoreUse::Signal(copied.clone()));
        let copies = Recorded::new(end(copies)?, transfer_queue.clone(), signal, Vec::new());
        Ok((Some(copies), Recorded::new(commands, queue, Some(SemaphoreUse::Wait(copied)), self.sets)))
    }

    /// Fills different buffers with zeros, on which nothing that was submitted or recorded works.
    pub(crate) fn clear(&mut self, buffers: impl IntoIterator<Item = Bytes>) -> Result<(), Error> {
        for words in buffers {
            // SAFETY: the caller of `Gpu::submit` keeps the buffer until the commands are done; other commands work
            // elsewhere, or come behind a barrier.
            unsafe { self.recording.fill_buffer(&words.reinterpret(), 0) }.map_err(misuse)?;
        }
        self.unseen |= TRANSFER;
        Ok(())
    }

    /// Copies what the host has written to a buffer of the same length. Nothing that was submitted or recorded works on
    /// either, so that it may begin at once.
    pub(crate) fn copy_from_host(&mut self, from: Bytes, to: Bytes) -> Result<(), Error> {
        let Some(queue) = self.gpu.transfer_queue() else {
            return self.copy_at_once(from, to);
        };
        let copies = match &mut self.copies {
            Some(copies) => copies,
            None => self.copies.insert(begin(self.gpu, queue)?),
        };
        // SAFETY: as for `clear`; what uses the copy waits for it on its queue.
        unsafe { copies.copy_buffer(&CopyBufferInfo::buffers(from, to)) }.map_err(misuse)?;
        Ok(())
    }

    /// Copies to a buffer of the same length, without a barrier.
    fn copy_at_once(&mut self, from: Bytes, to: Bytes) -> Result<(), Error> {
        // SAFETY: as for `clear`.
        unsafe { self.recording.copy_buffer(&CopyBufferInfo::buffers(from, to)) }.map_err(misuse)?;
        self.unseen |= TRANSFER;
        Ok(())
    }

    /// Copies what stages have written to a buffer of the same length, on which nothing else that was recorded works.
    pub(crate) fn copy(&mut self, from: Bytes, to: Bytes) -> Result<(), Error> {
        if self.unseen.intersects(COMPUTE) {
            self.barrier(self.unseen, TRANSFER, TRANSFER_ACCESS)?;
        }
        self.copy_at_once(from, to)
    }

    /// The device that the commands are for.
    pub(crate) fn gpu(&self) -> &'a Gpu {
        self.gpu
    }

    /// Runs a stage on all of its items, in as many dispatches as they take; gives the number of workgroups.
    /// `push_constants` says what is to be told to a dispatch of some items.
    pub(crate) fn dispatch<P: NoUninit>(
        &mut self,
        stage: Stage,
        items: u32,
        buffers: &[(u32, Bytes)],
        push_constants: impl Fn(Range<u32>) -> P,
    ) -> Result<u32, Error> {
        let pipeline = self.gpu.pipeline(stage)?;
        let mut all = 0;
        for (range, workgroups) in self.gpu.dispatches(stage, items) {
            self.dispatch_once(&pipeline, buffers, &push_constants(range), workgroups)?;
            all += workgroups;
        }
        Ok(all)
    }

    /// Runs a pipeline once with buffers at its bindings.
    pub(crate) fn dispatch_once(
        &mut self,
        pipeline: &Pipeline,
        buffers: &[(u32, Bytes)],
        push_constants: &impl NoUninit,
        workgroups: u32,
    ) -> Result<(), Error> {
        let layout = pipeline.layout();
        let writes =
            buffers.iter().map(|(binding, words)| WriteDescriptorSet::buffer(*binding, words.clone()));
        let set = DescriptorSet::new(self.gpu.sets.clone(), layout.set_layouts()[0].clone(), writes, [])
            .map_err(driver_error("binding buffers"))?;
        let functions = &self.gpu.device.fns().v1_0;
        let push_constants = bytemuck::bytes_of(push_constants);
        if !self.unseen.is_empty() {
            self.barrier(self.unseen, COMPUTE, COMPUTE_ACCESS)?;
        }
        // SAFETY: the pipeline, the buffers and the set are kept until the commands are done, the pipeline with its
        // device, the set by `self`; the set has the layout that the pipeline states, which has room for the push
        // constants, the stage's own (`shaders.rs`); the shaders stay within the buffers by what the push constants say,
        // see shaders/README.md; the number of workgroups comes from `plan`.
        unsafe {
            (functions.cmd_bind_pipeline)(
                self.recording.handle(),
                vk::PipelineBindPoint::COMPUTE,
                pipeline.handle(),
            );
            self.recording
                .bind_descriptor_sets(PipelineBindPoint::Compute, layout, 0, &[set.as_raw()], &[])
                .map_err(misuse)?;
            (functions.cmd_push_constants)(
                self.recording.handle(),
                layout.handle(),
                vk::ShaderStageFlags::COMPUTE,
                0,
                push_constants.len() as u32, // Lossless: they are a few words.
                push_constants.as_ptr().cast(),
            );
            self.recording.dispatch([workgroups, 1, 1]).map_err(misuse)?;
        }
        self.sets.push(set);
        self.unseen = COMPUTE;
        self.gpu.count(|counters| counters.dispatches += 1);
        Ok(())
    }

    /// Takes buffers over from another Vulkan device, with what it has written to them.
    pub(crate) fn acquire(&mut self, buffers: &[Bytes]) -> Result<(), Error> {
        let transfer =
            QueueFamilyOwnershipTransfer::ExclusiveFromExternal { dst_index: self.gpu.queue_family_index() };
        self.transfer(buffers, transfer, |barrier| BufferMemoryBarrier {
            src_stages: PipelineStages::TOP_OF_PIPE,
            dst_stages: DEVICE_STAGES,
            dst_access: DEVICE_ACCESS,
            ..barrier
        })
    }

    /// Hands buffers back to another Vulkan device, with what was written to them.
    pub(crate) fn release(&mut self, buffers: &[Bytes]) -> Result<(), Error> {
        let transfer =
            QueueFamilyOwnershipTransfer::ExclusiveToExternal { src_index: self.gpu.queue_family_index() };
        self.transfer(buffers, transfer, |barrier| BufferMemoryBarrier {
            src_stages: DEVICE_STAGES,
            src_access: AccessFlags::SHADER_WRITE | AccessFlags::TRANSFER_WRITE,
            dst_stages: PipelineStages::BOTTOM_OF_PIPE,
            ..barrier
        })
    }

    fn transfer(
        &mut self,
        buffers: &[Bytes],
        transfer: QueueFamilyOwnershipTransfer,
        complete: impl Fn(BufferMemoryBarrier) -> BufferMemoryBarrier,
    ) -> Result<(), Error> {
        let barriers = buffers.iter().map(|bytes| {
            complete(BufferMemoryBarrier {
                queue_family_ownership_transfer: Some(transfer),
                range: bytes.offset()..bytes.offset() + bytes.size(),
                ..BufferMemoryBarrier::buffer(bytes.buffer().clone())
            })
        });
        let dependency = DependencyInfo { buffer_memory_barriers: barriers.collect(), ..Default::default() };
        // SAFETY: the buffers are kept until the commands are done. Each is taken over before its first use and handed
        // back after its last, by this queue's family.
        unsafe { self.recording.pipeline_barrier(&dependency) }.map_err(misuse)?;
        Ok(())
    }

    /// What comes now at `stages` waits for what was at work at `before`, and sees what it has written.
    fn barrier(
        &mut self,
        before: PipelineStages,
        stages: PipelineStages,
        access: AccessFlags,
    ) -> Result<(), Error> {
        let of = |stage, access| if before.intersects(stage) { access } else { AccessFlags::empty() };
        let barrier = MemoryBarrier {
            src_stages: before,
            src_access: of(COMPUTE, AccessFlags::SHADER_WRITE) | of(TRANSFER, AccessFlags::TRANSFER_WRITE),
            dst_stages: stages,
            dst_access: access,
            ..Default::default()
        };
        let dependency =
            DependencyInfo { memory_barriers: std::iter::once(barrier).collect(), ..Default::default() };
        // SAFETY: a global memory barrier has no requirement but valid flags, which are checked.
        unsafe { self.recording.pipeline_barrier(&dependency) }.map_err(misuse)?;
        self.unseen = PipelineStages::empty();
        Ok(())
    }
}

/// Begins to record for a queue.
fn begin(gpu: &Gpu, queue: &Queue) -> Result<RecordingCommandBuffer, Error> {
    let begin_info =
        CommandBufferBeginInfo { usage: CommandBufferUsage::OneTimeSubmit, ..Default::default() };
    RecordingCommandBuffer::new(
        gpu.command_buffers.clone(),
        queue.queue_family_index(),
        CommandBufferLevel::Primary,
        begin_info,
    )
    .map_err(driver_error("recording commands"))
}

/// vulkano found a command to be illegal: a defect here.
fn misuse(error: Box<ValidationError>) -> Error {
    Error::Internal(format!("a Vulkan command is illegal: {error}"))
}
