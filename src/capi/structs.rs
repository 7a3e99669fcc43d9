//! Structs that say their own size, so that they can grow: reading, writing and initializing them, and what their
//! fields have in common.

use crate::capi::extent::null;
use crate::capi::failure::on_thread;
use crate::capi::status::ctm_status;
use crate::error::Error;

/// A struct of the interface that says its own size.
///
/// # Safety
/// It is `repr(C)` and begins with a `usize`, `struct_size`. Each of `SIZES` ends behind one of its fields, none is larger
/// than the struct, and all fields may have any bits that a C program can put there.
pub(super) unsafe trait Versioned: Copy {
    /// What a C program starts from. `build_header.rs` makes the macro of it.
    const INIT: Self;
    /// The sizes that were ever published.
    const SIZES: &'static [usize];
    /// The name of the macro.
    const MACRO: &'static str;
}

/// The size that a struct of the caller's says it has, if it is a published one.
///
/// # Safety
/// `source` is NULL, or points to a `size_t` if it is aligned as one.
pub(super) unsafe fn stated_size<T: Versioned>(name: &str, source: *const T) -> Result<usize, Error> {
    // SAFETY: the caller guarantees it.
    let size = unsafe { *checked_start(name, source)? };
    check_size::<T>("struct_size", size).map_err(|error| inside(name, error))?;
    Ok(size)
}

/// Reads a caller's struct; fields that it does not have yet are at their defaults.
///
/// # Safety
/// `source` is NULL, or points to a `struct_size` followed by the bytes that it announces.
pub(super) unsafe fn read<T: Versioned>(name: &str, source: *const T) -> Result<T, Error> {
    // SAFETY: the caller guarantees it.
    let size = unsafe { stated_size(name, source) }?;
    let mut fields = T::INIT;
    // SAFETY: the caller guarantees so many bytes; no published size is larger than the struct, and any bits are valid.
    unsafe { source.cast::<u8>().copy_to_nonoverlapping(std::ptr::from_mut(&mut fields).cast(), size) };
    Ok(fields)
}

/// Reads a caller's struct, for which NULL stands for the defaults.
///
/// # Safety
/// As [`read`].
pub(super) unsafe fn read_or_init<T: Versioned>(name: &str, source: *const T) -> Result<T, Error> {
    if source.is_null() {
        return Ok(T::INIT);
    }
    // SAFETY: the caller guarantees it.
    unsafe { read(name, source) }
}

/// Writes as much of a struct as the caller's, of this size, has room for.
///
/// # Safety
/// `target` can be written to, for `size` bytes, a published size.
pub(super) unsafe fn write<T: Versioned>(target: *mut T, size: usize, fields: T) {
    let source = std::ptr::from_ref(&fields).cast::<u8>();
    // SAFETY: the caller guarantees it; no published size is larger than the struct, which begins with its size.
    unsafe {
        target.cast::<u8>().copy_from_nonoverlapping(source, size);
        target.cast::<usize>().write(size);
    }
}

/// What the exported initializers do: writes the defaults to a struct of a published size.
///
/// # Safety
/// `target` is NULL, or can be written to for `size` bytes, if that is a published size.
pub(super) unsafe fn initialize<T: Versioned>(name: &str, target: *mut T, size: usize) -> ctm_status {
    on_thread(|| {
        checked_start(name, target)?;
        check_size::<T>("struct_size", size)?;
        // SAFETY: not NULL, aligned, a published size; the caller guarantees the rest.
        unsafe { write(target, size, T::INIT) };
        Ok(())
    })
}

/// The first field.
fn checked_start<T: Versioned>(name: &str, source: *const T) -> Result<*const usize, Error> {
    if source.is_null() {
        return Err(null(name, &format!("a struct that starts as {}", T::MACRO)));
    }
    if !source.cast::<usize>().is_aligned() {
        return Err(Error::InvalidArgument(format!(
            "{name} is {source:p}; an address that is a multiple of {} is expected",
            align_of::<usize>()
        )));
    }
    Ok(source.cast())
}

fn check_size<T: Versioned>(name: &str, size: usize) -> Result<(), Error> {
    if T::SIZES.contains(&size) {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!(
        "{name} is {size}; this library, version {}, knows {:?} (start from {})",
        crate::VERSION,
        T::SIZES,
        T::MACRO
    )))
}

/// Names the struct that an argument is a field of.
pub(super) fn inside(name: &str, error: Error) -> Error {
    match error {
        Error::InvalidArgument(text) => Error::InvalidArgument(format!("{name}.{text}")),
        error => error,
    }
}

pub(super) fn expect_zero(name: &str, value: u32) -> Result<(), Error> {
    match value {
        0 => Ok(()),
        _ => unknown(name, value, "0"),
    }
}

/// A field that is 0 or 1.
pub(super) fn flag(name: &str, value: u32) -> Result<bool, Error> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => unknown(name, value, "0 or 1"),
    }
}

pub(super) fn unknown<T>(name: &str, value: u32, expected: &str) -> Result<T, Error> {
    Err(Error::InvalidArgument(format!("{name} is {value}; {expected} is expected")))
}
