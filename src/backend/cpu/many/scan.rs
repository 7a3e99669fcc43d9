//! Passes over an image for the pixels of some buckets.

use std::ops::Range;
use std::sync::Arc;

use crate::backend::cpu::many::bucket_set::BucketSet;
use crate::backend::cpu::many::fingerprints::Fingerprints;
use crate::backend::cpu::pixels::tiles::{Tiles, tiles_of};
use crate::backend::cpu::tables::key::Hasher;
use crate::error::Error;
use crate::labels::TILE;
use crate::runtime::alloc::try_zeroed;
use crate::runtime::call;
use crate::runtime::simd::Simd;

/// An image and what is known of its pixels.
#[derive(Debug)]
pub(super) struct Scan<'a, const C: usize> {
    pub(super) simd: Simd,
    pub(super) pixels: Tiles<'a, C>,
    pub(super) fingerprints: Fingerprints<'a>,
    pub(super) hasher: Hasher,
    /// Whether a device has written the fingerprints and they tell all of a bucket: then a pixel that is found and is not of a
    /// wanted bucket has another fingerprint than its colour.
    pub(super) by_device: bool,
    pub(super) cancel: Arc<call::CancelToken>,
}

impl<const C: usize> Scan<'_, C> {
    /// Pixels of the image that a pass reads: none where their fingerprints are kept.
    pub(super) fn pixels_read(&self) -> u64 {
        match self.fingerprints {
            Fingerprints::Kept { .. } => 0,
            Fingerprints::Computed(_) => self.pixels.len() as u64,
        }
    }

    /// Calls `each` for every pixel of some ranges whose fingerprint is wanted.
    #[inline(always)]
    pub(super) fn for_fingerprints<E>(
        &self,
        ranges: impl Iterator<Item = Range<usize>>,
        wanted: &BucketSet,
        mut each: impl FnMut(&[u32; C]) -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<Error>,
    {
        let &Self { simd, pixels, .. } = self;
        let (mut computed, mut scratch) = (try_zeroed(TILE)?, pixels.scratch()?);
        for tile in ranges.flat_map(tiles_of) {
            // A part may be most of the image.
            call::tick();
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled.into());
            }
            let first = tile.start;
            let fingerprints = self.fingerprints.of(simd, pixels, tile, &mut scratch, &mut computed);
            wanted.fingerprints.find(simd, fingerprints, pixels, first, |_, pixel| each(pixel))?;
        }
        Ok(())
    }

    /// A pixel's canonical channels and its hash, if it is wanted.
    #[inline(always)]
    pub(super) fn if_wanted(
        &self,
        pixel: &[u32; C],
        wanted: &BucketSet,
    ) -> Result<Option<([u32; C], u32)>, Error> {
        let (pixel, has_color) = self.pixels.kind().canonical_pixel(pixel);
        let hash = self.hasher.hash(&pixel);
        match wanted.has_hash(hash) && has_color {
            true => Ok(Some((pixel, hash))),
            false if self.by_device && has_color => Err(other_fingerprint()),
            false => Ok(None),
        }
    }

    /// Calls `each` for every pixel of some ranges that is wanted, with the pixel's canonical channels and its hash.
    #[inline(always)]
    pub(super) fn for_wanted<E>(
        &self,
        ranges: impl Iterator<Item = Range<usize>>,
        wanted: &BucketSet,
        mut each: impl FnMut(&[u32; C], u32) -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<Error>,
    {
        self.for_fingerprints(ranges, wanted, |pixel| match self.if_wanted(pixel, wanted)? {
            Some((pixel, hash)) => each(&pixel, hash),
            None => Ok(()),
        })
    }
}

/// A device has written another fingerprint for a pixel than its colour has.
#[cold]
fn other_fingerprint() -> Error {
    Error::Driver(
        "the device has not written the pixels' codes, or the pixels have changed during the call".to_owned(),
    )
}
