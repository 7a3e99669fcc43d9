//! Sets of hash buckets.

use crate::backend::cpu::many::fingerprints::{CODE_BITS, CodeSet};
use crate::backend::cpu::tables::key::Hasher;
use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::try_zeroed;

/// Some of the buckets that the upper bits of hashes number.
#[derive(Debug)]
pub(crate) struct BucketSet {
    /// Those that pixels of these buckets have, and perhaps others.
    pub(crate) codes: CodeSet,
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
        // A bucket has several codes, or is one of several of a code.
        let (more, fewer) = (bucket_bits.saturating_sub(CODE_BITS), CODE_BITS.saturating_sub(bucket_bits));
        let codes = CodeSet::with_upper_bits(buckets.map(|bucket| (bucket >> more) as u16), fewer);
        Ok(Self { codes, bits, shift: u32::BITS - bucket_bits })
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
        let words = color.bits();
        self.has_hash(hasher.hash::<C>(&std::array::from_fn(|channel| words[channel])))
    }
}
