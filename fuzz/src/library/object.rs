//! What the library makes of parts of an image, gives back as bytes and reads again: counts, regions and mosaics.

use std::ffi::c_void;

use arbitrary::{Result, Unstructured};

use super::c::{self, BUFFER_TOO_SMALL, Context, Counts, INTERNAL, Mosaic, OK, Regions, Shared};
use super::call::CONTEXTS;
use super::guarded::Guarded;

type Destroy<T> = unsafe extern "C" fn(*mut T);
type Merge<T> = unsafe extern "C" fn(*mut Context, *mut T, *const T) -> i32;
type Export<T> = unsafe extern "C" fn(*const Context, *const T, *mut c_void, *mut usize) -> i32;
type Import<T> = unsafe extern "C" fn(*mut Context, *const c_void, usize, *mut *mut T) -> i32;

/// The functions that each kind of object has.
pub(crate) trait Object: Sized {
    const DESTROY: Destroy<Self>;
    const MERGE: Merge<Self>;
    const EXPORT: Export<Self>;
    const IMPORT: Import<Self>;
}

impl Object for Counts {
    const DESTROY: Destroy<Self> = c::ctm_counts_destroy;
    const MERGE: Merge<Self> = c::ctm_counts_merge;
    const EXPORT: Export<Self> = c::ctm_counts_export;
    const IMPORT: Import<Self> = c::ctm_counts_import;
}

impl Object for Regions {
    const DESTROY: Destroy<Self> = c::ctm_regions_destroy;
    const MERGE: Merge<Self> = c::ctm_regions_merge;
    const EXPORT: Export<Self> = c::ctm_regions_export;
    const IMPORT: Import<Self> = c::ctm_regions_import;
}

impl Object for Mosaic {
    const DESTROY: Destroy<Self> = c::ctm_mosaic_destroy;
    const MERGE: Merge<Self> = c::ctm_mosaic_merge;
    const EXPORT: Export<Self> = c::ctm_mosaic_export;
    const IMPORT: Import<Self> = c::ctm_mosaic_import;
}

/// An object that is given back, and a context that is asked for errors.
pub(crate) struct Owned<T: Object>(pub(crate) Shared, pub(crate) *mut T);

impl<T: Object> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: made by the library, given back once.
        unsafe { T::DESTROY(self.1) };
    }
}

impl<T: Object> Owned<T> {
    /// What a function makes that writes the object to where it is told.
    pub(crate) fn new(
        context: Shared,
        make: impl FnOnce(*mut *mut T) -> i32,
    ) -> std::result::Result<Self, i32> {
        let handle = Guarded::filled(size_of::<usize>(), false, 0xee);
        let status = make(handle.pointer());
        // SAFETY: there is room for the pointer.
        let object = unsafe { handle.pointer::<*mut T>().read() };
        assert_ne!(status, INTERNAL, "{}", c::last_error(context.0));
        assert_eq!(object.is_null(), status != OK, "status {status}");
        if status == OK { Ok(Self(context, object)) } else { Err(status) }
    }

    pub(crate) fn import(context: Shared, bytes: &[u8], at_start: bool) -> std::result::Result<Self, i32> {
        let mut memory = Guarded::new(bytes.len(), at_start);
        memory.bytes_mut().copy_from_slice(bytes);
        // SAFETY: all is there, and as large as it says.
        Self::new(context, |object| unsafe { T::IMPORT(context.0, memory.pointer(), bytes.len(), object) })
    }

    pub(crate) fn export(&self, at_start: bool) -> Vec<u8> {
        let mut size = 0;
        // SAFETY: all is there, and as large as it says.
        unsafe {
            assert_eq!(T::EXPORT(self.0.0, self.1, std::ptr::null_mut(), &mut size), OK);
            let memory = Guarded::filled(size, at_start, 0xee);
            let mut less = size - 1;
            assert_eq!(T::EXPORT(self.0.0, self.1, memory.pointer(), &mut less), BUFFER_TOO_SMALL);
            assert!(less == size && memory.bytes().iter().all(|byte| *byte == 0xee));
            assert_eq!(T::EXPORT(self.0.0, self.1, memory.pointer(), &mut size), OK);
            memory.bytes().to_vec()
        }
    }

    pub(crate) fn merge(&self, other: &Self) -> i32 {
        // SAFETY: all is there.
        let status = unsafe { T::MERGE(self.0.0, self.1, other.1) };
        assert_ne!(status, INTERNAL, "{}", c::last_error(self.0.0));
        status
    }

    /// Adds another one, which has to go.
    pub(crate) fn take(&self, other: &Self) {
        assert_eq!(self.merge(other), OK, "{}", c::last_error(self.0.0));
    }
}

/// One of the contexts.
pub(crate) fn context(u: &mut Unstructured) -> Result<Shared> {
    Ok(CONTEXTS[usize::from(u.arbitrary::<u8>()?) % CONTEXTS.len()])
}

/// FNV-1a, as `docs/counts-format.md` has it: what is damaged on purpose gets past it.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Changes some bytes, or all, mostly with the right checksum at the end.
pub(crate) fn damage(u: &mut Unstructured, bytes: &mut Vec<u8>) -> Result<()> {
    for _ in 0..u.int_in_range(0..=3u8)? {
        let at = u.choose_index(bytes.len())?;
        bytes[at] = u.arbitrary()?;
    }
    match u.int_in_range(0..=9u8)? {
        0 => bytes.truncate(u.choose_index(bytes.len())?),
        1 => bytes.extend(u.arbitrary::<[u8; 3]>()?),
        2 => *bytes = u.arbitrary()?,
        _ => {}
    }
    if bytes.len() >= 8 && u.ratio(7u8, 8u8)? {
        let end = bytes.len() - 8;
        let sum = checksum(&bytes[..end]).to_le_bytes();
        bytes[end..].copy_from_slice(&sum);
    }
    Ok(())
}
