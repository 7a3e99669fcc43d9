//! Memory for outputs, on huge pages where the system has them.
//!
//! The system maps memory that a process has just got page by page, at the first write to each, and clears it: with pages
//! of 4 KiB that takes ten times as long as writing masks to it. On pages of 2 MiB it takes about as long as writing them,
//! and no time where a host keeps its buffer from call to call.

#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::error::Error;

/// Memory for masks or labels, whose bytes are 0 at first: aligned for any values, and on huge pages where the system
/// has them. Keep it from call to call: writing to new memory takes longer than all else.
///
/// ```
/// # use ctm::{Buffer, ColorMap, Context, MaskOutput, Options, Outputs, Params};
/// # let (width, height, pixels) = (2, 1, [255u8, 0, 0, 0, 0, 255]);
/// # let map = ColorMap::new(&[1.0, 0.0], 2, 1, 1)?;
/// # let mut context = Context::new(&Options { backend: ctm::Backend::Cpu, ..Options::default() })?;
/// let mut masks = Buffer::new(2 * width * height)?;
/// let outputs = Outputs { masks: Some(MaskOutput::U8 { masks: &mut masks, inside: 255 }), ..Outputs::default() };
/// context.analyze(&map, &Params::default(), outputs)?;
/// # assert_eq!(masks[..], [0, 255, 255, 0]);
/// # Ok::<(), ctm::Error>(())
/// ```
pub struct Buffer {
    memory: memory::Memory,
    first: NonNull<u8>,
    len: usize,
}

// SAFETY: it owns its bytes, as a `Box` does.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// What the address is a multiple of.
    pub const ALIGNMENT: usize = 64;

    /// Memory of so many bytes, at least 1.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for none, [`Error::OutOfMemory`] for more than there are.
    pub fn new(size: usize) -> Result<Self, Error> {
        if size == 0 {
            return Err(Error::InvalidArgument("size is 0; at least 1 is expected".to_owned()));
        }
        let missing = || Error::OutOfMemory(format!("a buffer of {size} bytes"));
        // No object is larger, and so sums with page sizes do not overflow.
        if size > isize::MAX as usize / 2 {
            return Err(missing());
        }
        let (memory, first) = memory::Memory::new(size).ok_or_else(missing)?;
        Ok(Self { memory, first, len: size })
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: so many bytes are there, all of which have been 0 at first.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and they are borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.first.as_ptr(), self.len) }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Buffer").field("first", &self.first).field("len", &self.len).finish_non_exhaustive()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.memory.free();
    }
}

/// Memory of the allocator.
mod heap {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    use super::Buffer;

    pub(super) struct Heap {
        first: NonNull<u8>,
        layout: Layout,
    }

    impl Heap {
        pub(super) fn new(size: usize) -> Option<(Self, NonNull<u8>)> {
            debug_assert!(size > 0);
            let layout = Layout::from_size_align(size, Buffer::ALIGNMENT).ok()?;
            // SAFETY: the size is not 0.
            let first = NonNull::new(unsafe { alloc_zeroed(layout) })?;
            Some((Self { first, layout }, first))
        }

        pub(super) fn free(&mut self) {
            // SAFETY: it came from the allocator with this layout, and is freed once, when its owner is dropped.
            unsafe { dealloc(self.first.as_ptr(), self.layout) };
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod memory {
    pub(super) use super::heap::Heap as Memory;
}

#[cfg(target_os = "linux")]
mod memory {
    use std::ptr::NonNull;

    use super::heap::Heap;

    /// Bytes of a huge page, on most processors.
    const HUGE_PAGE: usize = 2 << 20;

    /// Small memory comes from the allocator; large memory is mapped here, so that huge pages can be asked for before
    /// anything is written.
    pub(super) enum Memory {
        Heap(Heap),
        Mapped { first: NonNull<u8>, bytes: usize },
    }

    impl Memory {
        pub(super) fn new(size: usize) -> Option<(Self, NonNull<u8>)> {
            if size < HUGE_PAGE {
                return Heap::new(size).map(|(heap, first)| (Self::Heap(heap), first));
            }
            // SAFETY: it has no preconditions.
            let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
            let bytes = size.next_multiple_of(page);
            let first = map(bytes + HUGE_PAGE)?;
            // What is mapped around an address that is a multiple of a huge page is given back.
            let before = first.addr().get().next_multiple_of(HUGE_PAGE) - first.addr().get();
            // SAFETY: all of it is in what has been mapped, in whole pages that nobody uses yet. Where the system does not
            // know huge pages it says so, and small ones serve.
            unsafe {
                unmap(first, before);
                let first = first.add(before);
                unmap(first.add(bytes), HUGE_PAGE - before);
                libc::madvise(first.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE);
                Some((Self::Mapped { first, bytes }, first))
            }
        }

        pub(super) fn free(&mut self) {
            match self {
                Self::Heap(heap) => heap.free(),
                // SAFETY: it was mapped by `new`, and is unmapped once, when its owner is dropped.
                Self::Mapped { first, bytes } => unsafe { unmap(*first, *bytes) },
            }
        }
    }

    /// New memory, whose bytes are 0.
    fn map(bytes: usize) -> Option<NonNull<u8>> {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: the system chooses an address where nothing is.
        let first = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if first == libc::MAP_FAILED { None } else { NonNull::new(first.cast()) }
    }

    /// # Safety
    /// These are whole pages of `map`'s that nobody uses any more.
    unsafe fn unmap(first: NonNull<u8>, bytes: usize) {
        if bytes > 0 {
            // SAFETY: the caller guarantees it.
            unsafe { libc::munmap(first.as_ptr().cast(), bytes) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_of_any_size_are_aligned_zeroed_and_apart() {
        let mut buffers = Vec::new();
        for size in [1, 63, 64, 4097, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 9_000_001] {
            let mut buffer = Buffer::new(size).unwrap();
            assert_eq!(buffer.len(), size);
            assert!(buffer.as_ptr().addr().is_multiple_of(Buffer::ALIGNMENT));
            assert!(buffer.iter().all(|&byte| byte == 0));
            buffer.fill(size as u8);
            buffers.push(buffer);
        }
        assert!(buffers.iter().all(|buffer| buffer.iter().all(|&byte| byte == buffer.len() as u8)));
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let refused = |size| Buffer::new(size).unwrap_err().to_string();
        assert_eq!(refused(0), "size is 0; at least 1 is expected");
        for size in [usize::MAX, isize::MAX as usize, isize::MAX as usize / 2, 1 << 50] {
            assert!(matches!(Buffer::new(size), Err(Error::OutOfMemory(_))), "{size}: {}", refused(size));
        }
    }
}
