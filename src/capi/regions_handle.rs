//! `ctm_regions`: what stands for the regions, and who may use them when.

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::capi::extent::null;
use crate::error::Error;
use crate::types::regions::ImageRegions;

/// The connected regions of an image that comes in parts: bands of rows, tiles.
///
/// An image that is too large for memory, or spread over machines, is worked on in two rounds: `ctm_regions_add` for each
/// part, which finds its regions and keeps what others may go on with at its borders; then `ctm_analyze` for each part with
/// `ctm_params.regions`, `part_left` and `part_top` set. The masks and labels of each part are those that one `ctm_analyze`
/// with the same `connected` on the whole image would give there, to the bit.
///
/// Regions belong to no context: they may be used with any, and live until `ctm_regions_destroy`. They take 48 bytes for each
/// region of a part and 8 for each run of pixels along its four borders; once they are used, 4 more for each region of a part
/// and 80 for each of the whole. The number of pixels makes no difference.
/// Threads: any; a call that changes regions waits for those that use them, and the other way round. So a progress
/// function must not change the `ctm_params.regions` of the call that it is called from: it would wait for ever.
pub struct ctm_regions {
    regions: RwLock<ImageRegions>,
}

// As with counts: who holds a context's engine never waits for regions; who waits for two takes the one with the lower
// address first; who needs counts, too, takes those first, and never to change them.
impl ctm_regions {
    /// # Safety
    /// `regions` is NULL or came from `ctm_regions_create` or `ctm_regions_import`, and lives for `'a`.
    pub(super) unsafe fn from_pointer<'a>(name: &str, regions: *const Self) -> Result<&'a Self, Error> {
        // SAFETY: the caller guarantees the pointer, if it is not NULL.
        unsafe { regions.as_ref() }
            .ok_or_else(|| null(name, "an object of ctm_regions_create or ctm_regions_import"))
    }

    pub(super) fn shared(&self) -> Result<RwLockReadGuard<'_, ImageRegions>, Error> {
        self.regions.read().map_err(|_| Self::broken())
    }

    pub(super) fn exclusive(&self) -> Result<RwLockWriteGuard<'_, ImageRegions>, Error> {
        self.regions.write().map_err(|_| Self::broken())
    }

    fn broken() -> Error {
        Error::Internal("an earlier call on these regions ended in an internal error".to_owned())
    }

    /// The regions that `ctm_params.regions` names, for as long as they are held.
    ///
    /// # Safety
    /// As `from_pointer`.
    pub(super) unsafe fn of_params<'a>(
        regions: *const Self,
    ) -> Result<Option<RwLockReadGuard<'a, ImageRegions>>, Error> {
        if regions.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller guarantees it.
        unsafe { Self::from_pointer("params.regions", regions) }?.shared().map(Some)
    }

    pub(super) fn into_raw(regions: ImageRegions) -> *mut Self {
        Box::into_raw(Box::new(Self { regions: RwLock::new(regions) }))
    }
}
