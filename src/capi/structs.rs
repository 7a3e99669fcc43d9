//! Reading structs that say their own size, and what their fields have in common.

use crate::capi::options::checked_size;
use crate::error::Error;

/// Names the struct that an argument is a field of.
pub(super) fn inside(name: &str, error: Error) -> Error {
    match error {
        Error::InvalidArgument(text) => Error::InvalidArgument(format!("{name}.{text}")),
        error => error,
    }
}

/// Reads a caller's struct.
///
/// # Safety
/// `source` is not NULL and points to a `struct_size` followed by the bytes that it announces; any bits are valid
/// for all fields of `T`, and each published size is that of `T`.
pub(super) unsafe fn read<T: Copy>(
    source: *const T,
    name: &str,
    sizes: &[usize],
    init: &str,
) -> Result<T, Error> {
    // SAFETY: the caller vouches for it.
    unsafe {
        checked_size(name, source, sizes, init)?;
        Ok(source.read())
    }
}

/// The same, or `default` for NULL.
///
/// # Safety
/// As `read`, if `source` is not NULL.
pub(super) unsafe fn read_or<T: Copy>(
    name: &str,
    source: *const T,
    sizes: &[usize],
    init: &str,
    default: T,
) -> Result<T, Error> {
    if source.is_null() {
        return Ok(default);
    }
    // SAFETY: not NULL; the caller vouches for the rest.
    unsafe { read(source, name, sizes, init) }
}

pub(super) fn expect_zero(name: &str, value: u32) -> Result<(), Error> {
    match value {
        0 => Ok(()),
        _ => Err(Error::InvalidArgument(format!("{name} is {value}; 0 is expected"))),
    }
}

pub(super) fn unknown<T>(name: &str, value: u32, expected: &str) -> Result<T, Error> {
    Err(Error::InvalidArgument(format!("{name} is {value}; {expected} is expected")))
}
