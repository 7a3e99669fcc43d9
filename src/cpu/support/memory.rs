//! Memory that may not be there. It is not the stack's: the caller's thread works, too, and its stack may be
//! small.

use crate::error::Error;

/// So many zeros.
pub(crate) fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>, Error> {
    let mut zeros = room(count)?;
    zeros.resize(count, T::default());
    Ok(zeros)
}

/// Nothing, and room for so many entries.
pub(crate) fn room<T>(count: usize) -> Result<Vec<T>, Error> {
    let mut room = Vec::new();
    room.try_reserve_exact(count).map_err(|_| no_memory(count))?;
    Ok(room)
}

pub(crate) fn no_memory(entries: usize) -> Error {
    Error::OutOfMemory(format!("counting colours, {entries} entries"))
}
