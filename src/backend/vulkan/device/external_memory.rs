//! Work with memory of others: it is the device's for as long as a call takes, and is handed back whatever happens.

use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::gpu::Gpu;
use crate::backend::vulkan::device::import::Import;
use crate::error::Error;

/// Memory that the device imports for a while.
pub(crate) trait ExternalMemory {
    /// Each part of it; `None` where there is none.
    fn imports(&mut self) -> impl Iterator<Item = &mut Option<Import>>;
}

/// Those of its buffers that are another device's before and after.
fn foreign_buffers(memory: &mut impl ExternalMemory) -> Vec<Bytes> {
    let imports = memory.imports().filter_map(|import| import.as_ref());
    imports.filter(|import| import.is_foreign()).map(|import| import.buffer().clone()).collect()
}

/// Runs `work` with imported memory. However it ends, the device has finished with the memory afterwards, and has it no
/// more, unless it hangs: then the memory, which is another device's, stays imported until this one has ended. What is
/// another device's is taken over before and handed back after.
pub(crate) fn with_external_memory<W, M: ExternalMemory, R>(
    this: &mut W,
    gpu: fn(&mut W) -> &mut Gpu,
    memory: M,
    work: impl FnOnce(&mut W, &M) -> Result<R, Error>,
) -> Result<R, Error> {
    struct Guard<'a, W, M: ExternalMemory> {
        this: &'a mut W,
        gpu: fn(&mut W) -> &mut Gpu,
        memory: M,
    }
    impl<W, M: ExternalMemory> Drop for Guard<'_, W, M> {
        fn drop(&mut self) {
            let gpu = (self.gpu)(self.this);
            let _ = gpu.finish(); // its failure is remembered
            if !gpu.is_idle() {
                self.memory.imports().filter_map(Option::take).for_each(|import| gpu.keep(import));
            }
        }
    }
    let guard = &mut Guard { this, gpu, memory };
    let foreign = foreign_buffers(&mut guard.memory);
    if foreign.is_empty() {
        return work(guard.this, &guard.memory);
    }
    gpu(guard.this).run(|commands| commands.acquire(&foreign))?;
    let done = work(guard.this, &guard.memory);
    let gpu = gpu(guard.this);
    let released = gpu.finish().and_then(|()| gpu.run(|commands| commands.release(&foreign)));
    done.and_then(|done| released.map(|()| done))
}
