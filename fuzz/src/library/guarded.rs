//! Memory of exactly the size that a call is told: a byte further is a page that nobody may touch.

use std::cell::RefCell;
use std::ffi::c_void;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};

/// What lies before the memory, and may not be written.
const CANARY: u8 = 0xc5;
/// How much of that is looked at.
const LOOKED_AT: usize = 256;
const PAGE: usize = 4096;

/// Pages between two that nobody may touch.
struct Pages {
    start: *mut u8,
    size: usize,
}

thread_local! {
    /// Those that are not in use: mapping them anew each time would be most of the work.
    static FREE: RefCell<Vec<Pages>> = const { RefCell::new(Vec::new()) };
}

impl Pages {
    fn new(size: usize) -> Self {
        let size = size.next_multiple_of(PAGE).max(16 * PAGE);
        // SAFETY: new memory; the two pages at its ends are its own.
        unsafe {
            let none = ProtFlags::empty();
            let whole =
                mmap_anonymous(std::ptr::null_mut(), size + 2 * PAGE, none, MapFlags::PRIVATE).unwrap();
            let start = whole.cast::<u8>().add(PAGE);
            mprotect(start.cast::<c_void>(), size, MprotectFlags::READ | MprotectFlags::WRITE).unwrap();
            Self { start, size }
        }
    }
}

/// A buffer that ends, or begins, where nothing may be touched.
pub struct Guarded {
    pages: Option<Pages>,
    start: *mut u8,
    len: usize,
}

impl Guarded {
    /// `at_start`: it begins right behind such a page, else it ends right before one.
    pub fn new(len: usize, at_start: bool) -> Self {
        let fitting = FREE.with_borrow_mut(|free| {
            let index = free.iter().position(|pages| pages.size >= len + LOOKED_AT)?;
            Some(free.swap_remove(index))
        });
        let pages = fitting.unwrap_or_else(|| Pages::new(len + LOOKED_AT));
        let offset = if at_start { 0 } else { pages.size - len };
        // SAFETY: within the pages, which are nobody else's.
        let start = unsafe {
            let start = pages.start.add(offset);
            let (other, room) =
                if at_start { (start.add(len), pages.size - len) } else { (start.sub(LOOKED_AT), LOOKED_AT) };
            other.write_bytes(CANARY, room.min(LOOKED_AT));
            start
        };
        Self { pages: Some(pages), start, len }
    }

    pub fn filled(len: usize, at_start: bool, byte: u8) -> Self {
        let mut memory = Self::new(len, at_start);
        memory.bytes_mut().fill(byte);
        memory
    }

    /// A copy of a struct's first bytes.
    pub fn of<T: Copy>(value: &T, size: usize) -> Self {
        let memory = Self::filled(size, false, 0);
        let size = size.min(size_of::<T>());
        // SAFETY: so many bytes are there, in both.
        unsafe { std::ptr::from_ref(value).cast::<u8>().copy_to_nonoverlapping(memory.start, size) };
        memory
    }

    pub fn pointer<T>(&self) -> *mut T {
        self.start.cast()
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: this buffer's own; whatever bytes were written are bytes.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let pages = self.pages.take().unwrap();
        let at_start = self.start == pages.start;
        // SAFETY: within the pages, written by `new`.
        let other = unsafe {
            if at_start {
                std::slice::from_raw_parts(self.start.add(self.len), (pages.size - self.len).min(LOOKED_AT))
            } else {
                std::slice::from_raw_parts(self.start.sub(LOOKED_AT), LOOKED_AT)
            }
        };
        let whole = other.iter().all(|&byte| byte == CANARY);
        FREE.with_borrow_mut(|free| free.push(pages));
        assert!(
            whole || std::thread::panicking(),
            "memory beside a buffer of {} bytes was written",
            self.len
        );
    }
}
