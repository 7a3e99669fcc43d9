//! `ctm_counts`: what stands for the counts, and who may use them when.

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::capi::extent::null;
use crate::error::Error;
use crate::types::color_counts::ColorCounts;

/// The exact pixel counts of all colours of some parts of an image: bands of rows, tiles, or whole images.
///
/// An image that is too large for memory, or spread over machines, is worked on in two rounds: `ctm_counts_add` for each
/// part, then `ctm_analyze` for each part with `ctm_params.counts` set. The masks and labels of each part are those that
/// one `ctm_analyze` on the whole image would give there, to the bit.
///
/// Counts belong to no context: they may be used with any, and live until `ctm_counts_destroy`.
/// Threads: any; a call that changes counts waits for those that use them, and the other way round. So a progress
/// function must not change the `ctm_params.counts` of the call that it is called from: it would wait for ever.
pub struct ctm_counts {
    counts: RwLock<ColorCounts>,
}

// Who holds a context's engine never waits for counts; who waits for two counts takes the one with the lower address
// first. So nobody waits for somebody who waits for him.
impl ctm_counts {
    /// # Safety
    /// `counts` is NULL or came from `ctm_counts_create` or `ctm_counts_import`, and lives for `'a`.
    pub(super) unsafe fn from_pointer<'a>(name: &str, counts: *const Self) -> Result<&'a Self, Error> {
        // SAFETY: the caller guarantees the pointer, if it is not NULL.
        unsafe { counts.as_ref() }
            .ok_or_else(|| null(name, "an object of ctm_counts_create or ctm_counts_import"))
    }

    pub(super) fn shared(&self) -> Result<RwLockReadGuard<'_, ColorCounts>, Error> {
        self.counts.read().map_err(|_| Self::broken())
    }

    pub(super) fn exclusive(&self) -> Result<RwLockWriteGuard<'_, ColorCounts>, Error> {
        self.counts.write().map_err(|_| Self::broken())
    }

    fn broken() -> Error {
        Error::Internal("an earlier call on these counts ended in an internal error".to_owned())
    }

    /// The counts that `ctm_params.counts` names, for as long as they are held.
    ///
    /// # Safety
    /// As `from_pointer`.
    pub(super) unsafe fn of_params<'a>(
        counts: *const Self,
    ) -> Result<Option<RwLockReadGuard<'a, ColorCounts>>, Error> {
        if counts.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller guarantees it.
        unsafe { Self::from_pointer("params.counts", counts) }?.shared().map(Some)
    }

    pub(super) fn into_raw(counts: ColorCounts) -> *mut Self {
        Box::into_raw(Box::new(Self { counts: RwLock::new(counts) }))
    }
}
