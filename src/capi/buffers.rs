//! The caller's pointers and buffers, checked before any of them is touched.

use crate::error::Error;

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
