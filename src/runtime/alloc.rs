//! Memory that may not be there: a failure is an error, where `Vec` would end the host.
//!
//! Large memory is not the stack's either: the caller's thread works, too, and its stack may be small.

use std::mem::MaybeUninit;

use crate::error::Error;

/// So many zeros.
pub(crate) fn try_zeroed<T: Clone + Default>(count: usize) -> Result<Vec<T>, Error> {
    let mut zeros = try_with_capacity(count)?;
    zeros.resize(count, T::default());
    Ok(zeros)
}

/// An empty list that can take so many entries.
pub(crate) fn try_with_capacity<T>(count: usize) -> Result<Vec<T>, Error> {
    let mut list = Vec::new();
    list.try_reserve_exact(count).map_err(|_| no_memory::<T>(count))?;
    Ok(list)
}

/// All that an iterator gives.
pub(crate) fn try_collect<T>(items: impl Iterator<Item = T>) -> Result<Vec<T>, Error> {
    let mut list = try_with_capacity(items.size_hint().0)?;
    for item in items {
        try_push(&mut list, item)?;
    }
    Ok(list)
}

/// A copy of a list.
pub(crate) fn try_copy<T: Copy>(values: &[T]) -> Result<Vec<T>, Error> {
    let mut copy = try_with_capacity(values.len())?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// Adds to a list.
pub(crate) fn try_push<T>(list: &mut Vec<T>, item: T) -> Result<(), Error> {
    let len = list.len();
    if len == list.capacity() {
        list.try_reserve(1).map_err(|_| no_memory::<T>(len + 1))?;
    }
    list.push(item);
    Ok(())
}

/// The error for so many entries.
pub(crate) fn no_memory<T>(count: usize) -> Error {
    no_memory_for(count, size_of::<T>())
}

/// Apart, so that there is one of it for all types.
#[cold]
fn no_memory_for(count: usize, bytes: usize) -> Error {
    Error::OutOfMemory(format!("{count} entries of {bytes} bytes for counting and labelling"))
}

/// Values that may be written without being read.
pub(crate) fn uninit<T>(values: &mut [T]) -> &mut [MaybeUninit<T>] {
    // SAFETY: a value is a valid `MaybeUninit`, and the crate only ever writes whole values there, so that
    // they stay valid.
    #[allow(unsafe_code)]
    unsafe {
        std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len())
    }
}
