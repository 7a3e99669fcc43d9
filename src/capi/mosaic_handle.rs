//! `ctm_mosaic`: what stands for a mosaic, and who may use it when.

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::capi::extent::null;
use crate::error::Error;
use crate::labels::mosaic::Mosaic;

/// The label map of an image that comes in parts: bands of rows, or tiles.
///
/// A mask's outline, or its run lengths, go through many parts of an image that is too large for memory, or spread over
/// machines. `ctm_counts` gives each part the labels of the whole; a mosaic takes these, part by part, and then tells the masks
/// of the whole image as runs and outlines: those of one `ctm_analyze` on the whole image, to the bit. It holds 8 bytes for each
/// run of equal labels in a row of a part, and not the pixels.
///
/// Mosaics belong to no context: they may be used with any, and live until `ctm_mosaic_destroy`.
/// Threads: any; a call that changes a mosaic waits for those that use it, and the other way round.
pub struct ctm_mosaic {
    mosaic: RwLock<Mosaic>,
}

// As for counts: who holds a context's engine never waits for a mosaic, and who waits for two takes the one with the lower
// address first.
impl ctm_mosaic {
    /// # Safety
    /// `mosaic` is NULL or came from `ctm_mosaic_create` or `ctm_mosaic_import`, and lives for `'a`.
    pub(super) unsafe fn from_pointer<'a>(name: &str, mosaic: *const Self) -> Result<&'a Self, Error> {
        // SAFETY: the caller guarantees the pointer, if it is not NULL.
        unsafe { mosaic.as_ref() }
            .ok_or_else(|| null(name, "an object of ctm_mosaic_create or ctm_mosaic_import"))
    }

    pub(super) fn shared(&self) -> Result<RwLockReadGuard<'_, Mosaic>, Error> {
        self.mosaic.read().map_err(|_| Self::broken())
    }

    pub(super) fn exclusive(&self) -> Result<RwLockWriteGuard<'_, Mosaic>, Error> {
        self.mosaic.write().map_err(|_| Self::broken())
    }

    fn broken() -> Error {
        Error::Internal("an earlier call on this mosaic ended in an internal error".to_owned())
    }

    pub(super) fn into_raw(mosaic: Mosaic) -> *mut Self {
        Box::into_raw(Box::new(Self { mosaic: RwLock::new(mosaic) }))
    }
}
