//! Sets of hash buckets.
//!
//! **Problem.** A pass over the image wants the pixels of some buckets, of up to a million, and most pixels are of others.
//!
//! ```text
//! for each block of 64 fingerprints:
//!     which of them are those of wanted buckets?   vector compares, or a bitmap of 8 KiB
//! for each pixel of these:
//!     is the bit of its whole hash's bucket set?   a bitmap with a bit for each bucket
//! ```
//!
//! **Exact.** The first question has false positives, where a fingerprint is that of several buckets, and no false negatives;
//! the second has neither.
//!
//! **Cost.** Two bytes read a pixel, and the image only where the first question says yes.
//!
//! **Prior art.** Two tests, a cheap one with false positives first, as with Bloom's filters (1970); semi-join reduction in
//! databases (Bernstein and Chiu, 1981). The bitmaps themselves are exact, since fingerprints and buckets are small numbers.

use crate::backend::cpu::many::fingerprint_set::FingerprintSet;
use crate::backend::cpu::many::fingerprints::FINGERPRINT_BITS;
use crate::backend::cpu::tables::key::Hasher;
use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::try_zeroed;

/// Some of the buckets that the upper bits of hashes number.
#[derive(Debug)]
pub(crate) struct BucketSet {
    /// Those that pixels of these buckets have, and perhaps others.
    pub(crate) fingerprints: FingerprintSet,
    /// A bit for each bucket.
    bits: Vec<u64>,
    /// From a hash to a bucket.
    shift: u32,
}

impl BucketSet {
    /// Buckets of as many as have numbers of so many bits.
    pub(crate) fn new(bucket_bits: u32, buckets: impl Iterator<Item = u32> + Clone) -> Result<Self, Error> {
        let mut bits = try_zeroed::<u64>((1usize << bucket_bits).div_ceil(64))?;
        for bucket in buckets.clone() {
            bits[bucket as usize / 64] |= 1 << (bucket % 64);
        }
        // A bucket has several fingerprints, or is one of several of a fingerprint.
        let more = bucket_bits.saturating_sub(FINGERPRINT_BITS);
        let fewer = FINGERPRINT_BITS.saturating_sub(bucket_bits);
        let fingerprints =
            FingerprintSet::with_upper_bits(buckets.map(|bucket| (bucket >> more) as u16), fewer);
        Ok(Self { fingerprints, bits, shift: u32::BITS - bucket_bits })
    }

    /// As many buckets as it has some of.
    pub(crate) fn all(&self) -> usize {
        1 << (u32::BITS - self.shift)
    }

    /// Whether it has the bucket.
    #[inline(always)]
    pub(crate) fn has(&self, bucket: u32) -> bool {
        self.bits[bucket as usize / 64] >> (bucket % 64) & 1 != 0
    }

    /// From a hash to a bucket: so many bits to the right.
    pub(crate) fn shift(&self) -> u32 {
        self.shift
    }

    /// Whether it has the bucket of pixels of this hash.
    #[inline(always)]
    pub(crate) fn has_hash(&self, hash: u32) -> bool {
        self.has(hash >> self.shift)
    }

    /// Whether it has the bucket of a colour of `C` words.
    pub(crate) fn has_color<const C: usize>(&self, color: &Color, hasher: Hasher) -> bool {
        let words = color.words();
        self.has_hash(hasher.hash::<C>(&std::array::from_fn(|channel| words[channel])))
    }
}
