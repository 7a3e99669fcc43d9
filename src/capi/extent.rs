//! The caller's pointers and buffers, checked before any of them is touched.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use crate::error::{Capacity, Error};

/// The addresses of a caller's buffer.
pub(super) struct Extent {
    name: &'static str,
    start: usize,
    end: usize,
}

impl Extent {
    /// The extent of `len` values, called `unit`, of `bytes` bytes each.
    pub(super) fn new(
        name: &'static str,
        start: usize,
        len: usize,
        unit: &str,
        bytes: usize,
    ) -> Result<Self, Error> {
        let end = len
            .checked_mul(bytes)
            .filter(|&bytes| isize::try_from(bytes).is_ok())
            .and_then(|bytes| start.checked_add(bytes));
        match end {
            Some(end) => Ok(Self { name, start, end }),
            None => Err(Error::InvalidArgument(format!(
                "{name} is {len} {unit} at {start:#x}; a size that fits the address space is expected"
            ))),
        }
    }

    pub(super) fn check_apart(&self, other: &Self) -> Result<(), Error> {
        let apart = self.end <= other.start || other.end <= self.start;
        if apart || self.start == self.end || other.start == other.end {
            return Ok(());
        }
        Err(Error::InvalidArgument(format!(
            "{} ({:#x} to {:#x}) overlaps {} ({:#x} to {:#x}); separate buffers are expected",
            self.name, self.start, self.end, other.name, other.start, other.end
        )))
    }
}

/// Checks that no extent overlaps another one of any list.
pub(super) fn check_all_apart(lists: &[Vec<Extent>]) -> Result<(), Error> {
    let all: Vec<&Extent> = lists.iter().flatten().collect();
    for (index, extent) in all.iter().enumerate() {
        all[..index].iter().try_for_each(|other| extent.check_apart(other))?;
    }
    Ok(())
}

/// Checks the address of values with this alignment, of which there may be none.
pub(super) fn check_values(
    name: &str,
    pointer: *const c_void,
    size: usize,
    alignment: usize,
) -> Result<(), Error> {
    if pointer.is_null() && size != 0 {
        return Err(null(name, &format!("room for {size}")));
    }
    if !pointer.addr().is_multiple_of(alignment) {
        return Err(Error::InvalidArgument(format!(
            "{name} is {pointer:p}; an address that is a multiple of {alignment} is expected"
        )));
    }
    Ok(())
}

pub(super) fn check_pointer<T>(name: &str, pointer: *const T) -> Result<(), Error> {
    if pointer.is_null() {
        return Err(null(name, "a buffer"));
    }
    if !pointer.is_aligned() {
        return Err(Error::InvalidArgument(format!(
            "{name} is {pointer:p}; an address that is a multiple of {} is expected",
            align_of::<T>()
        )));
    }
    Ok(())
}

pub(super) fn null(name: &str, expected: &str) -> Error {
    Error::InvalidArgument(format!("{name} is NULL; {expected} is expected"))
}

/// A caller's buffer for bytes whose number is asked for first: `data`, which may be NULL, and `*size`.
pub(super) struct ByteBuffer {
    data: *mut c_void,
    size: *mut usize,
    given: usize,
}

impl ByteBuffer {
    /// # Safety
    /// The pointers are NULL, or `size` points to the number of bytes that `data` points to.
    pub(super) unsafe fn new(data: *mut c_void, size: *mut usize) -> Result<Self, Error> {
        check_pointer("size", size)?;
        // SAFETY: not NULL, aligned; the caller guarantees the rest.
        let given = if data.is_null() { 0 } else { unsafe { *size } };
        let extent = Extent::new("data", data.addr(), given, "bytes", 1)?;
        Extent::new("size", size.addr(), 1, "size", size_of::<usize>())?.check_apart(&extent)?;
        Ok(Self { data, size, given })
    }

    /// Tells how many bytes there are, and has them written if the buffer is there and large enough. Who fails to write them
    /// has written none.
    ///
    /// # Safety
    /// As [`ByteBuffer::new`].
    pub(super) unsafe fn write(
        self,
        needed: usize,
        write: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.data.is_null() || needed > self.given {
            // SAFETY: checked by `new`; the caller guarantees the rest.
            unsafe { *self.size = needed };
            return match self.data.is_null() {
                true => Ok(()),
                false => Err(Error::too_small(Capacity::Bytes, "*size", 0, needed as u64, self.given as u64)),
            };
        }
        // SAFETY: as above, and the buffer, which the size is no part of, is large enough.
        write(unsafe { std::slice::from_raw_parts_mut(self.data.cast(), needed) })?;
        // SAFETY: as above.
        unsafe { *self.size = needed };
        Ok(())
    }
}
