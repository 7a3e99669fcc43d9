//! A sample of an image of very many colours: which few buckets all frequent colours are in, most likely.
//!
//! **Problem.** Counting in few buckets, whose counters fit a first-level cache, is fast, but few buckets bound colours
//! badly. Where the image has some colours that are far more frequent than all others, few buckets are enough, and those
//! colours can be counted in the same pass. Does this image have such colours, and in which buckets?
//!
//! ```text
//! hash 64 pixels at each of 1,024 places
//! for 2¹², 2¹³, 2¹⁴ buckets:
//!     count the sample's pixels in them
//!     threshold = the max_count-th fullest bucket's, less an average bucket's, less three standard deviations
//!     tracked   = buckets above the threshold
//!     few other pixels in those beyond the first max_count, and few colours expected in all of them: take these
//! none: there is no sample to go by
//! ```
//!
//! **Exact.** A sample decides nothing but what is counted first: the counters of all pixels tell afterwards where it was
//! wrong, and what is left is counted like any image.
//!
//! **Cost.** 65,536 pixels, hashed once: less than a millisecond, for images from 65,536 pixels on.
//!
//! **Prior art.** Sampling before heavy hitters, as in sample-and-hold (Estan and Varghese, 2002); stratified places after
//! quasi-random sequences, so that they are not one below the other.

use std::ops::{Range, RangeInclusive};

use crate::backend::cpu::many::fingerprints::HashTile;
use crate::backend::cpu::pixels::tiles::Tiles;
use crate::backend::cpu::plan::CpuPlan;
use crate::backend::cpu::tables::key::Hasher;
use crate::error::Error;
use crate::runtime::alloc::{try_with_capacity, try_zeroed};
use crate::runtime::simd::Simd;
use crate::types::params::SelectionRule;

/// So many buckets' counters fit a first-level cache, or nearly.
const FEW_BUCKET_BITS: RangeInclusive<u32> = 12..=14;

/// Places where samples are taken, and pixels at each. Many places: pixels side by side say little more than one of them.
const PLACES: usize = 1024;
const AT_A_PLACE: usize = 64;

/// One pixel in so many at most is tracked though its bucket is not one of the fullest ones that are asked for.
const PIXELS_PER_OTHER: usize = 16;

/// What a sample of an image says.
#[derive(Debug)]
pub(crate) struct Sample {
    /// How few buckets will rule nearly all colours out, as a power of two.
    pub(crate) bucket_bits: u32,
    /// Those of them that have all results, most likely.
    pub(crate) buckets: Vec<u32>,
}

impl Sample {
    /// Takes a sample. `None`: it does not say that some colours are far more frequent than all others.
    pub(crate) fn take<const C: usize>(
        pixels: Tiles<C>,
        selection: &SelectionRule,
        plan: &CpuPlan,
        seed: u64,
    ) -> Result<Option<Self>, Error> {
        let Some(before_last) = (selection.max_count as usize).checked_sub(1) else { return Ok(None) };
        if pixels.len() < PLACES * AT_A_PLACE
            || plan.bucket_bits <= *FEW_BUCKET_BITS.start()
            || before_last >= 1 << FEW_BUCKET_BITS.end()
        {
            return Ok(None);
        }
        let hashes = hash_places(Simd::current(), pixels, Hasher::new(seed))?;
        // In the sample's units.
        let least =
            selection.min_pixels.get().saturating_mul((PLACES * AT_A_PLACE) as u64) / pixels.len() as u64;
        let least = u32::try_from(least).unwrap_or(u32::MAX);
        for bits in FEW_BUCKET_BITS.take_while(|&bits| bits < plan.bucket_bits) {
            if before_last >> bits == 0
                && let Some(buckets) = fullest(&hashes, bits, before_last, least, pixels.len(), plan)?
            {
                return Ok(Some(Self { bucket_bits: bits, buckets }));
            }
        }
        Ok(None)
    }
}

/// The hashes of the sample's pixels, but for those without a colour.
fn hash_places<const C: usize>(simd: Simd, pixels: Tiles<C>, hasher: Hasher) -> Result<Vec<u32>, Error> {
    let (mut hashes, mut scratch) = (try_with_capacity(PLACES * AT_A_PLACE)?, pixels.scratch()?);
    for tile in places(pixels.len()) {
        let count = |hash: u32, length: usize| hashes.extend(std::iter::repeat_n(hash, length));
        simd.run(HashTile { pixels, tile, scratch: &mut scratch, hasher, fingerprints: None, count });
    }
    Ok(hashes)
}

/// Which of so few buckets all results are in, most likely: those that are as full as the colour that `before_last` others
/// are more frequent than. `None` where these are not far fuller than all others.
fn fullest(
    hashes: &[u32],
    bits: u32,
    before_last: usize,
    least: u32,
    pixels: usize,
    plan: &CpuPlan,
) -> Result<Option<Vec<u32>>, Error> {
    let mut counters = try_zeroed::<u32>(1 << bits)?;
    for hash in hashes {
        counters[(hash >> (u32::BITS - bits)) as usize] += 1;
    }
    let mut sorted = try_with_capacity(counters.len())?;
    sorted.extend_from_slice(&counters);
    let (_, &mut last, rest) = sorted.select_nth_unstable_by(before_last, |one, other| other.cmp(one));
    // What the least frequent of the colours that are asked for has, at least: other colours are in its bucket, too.
    let threshold = least.max(last.saturating_sub((hashes.len() >> bits) as u32));
    // A sample's count is off by its square root, and more where colours lie together.
    let threshold = threshold.saturating_sub(3 * threshold.isqrt());
    let tracked = || (0..).zip(&counters).filter(|&(_, &counter)| counter >= threshold);
    let others: u64 =
        rest.iter().filter(|&&counter| counter >= threshold).map(|&counter| u64::from(counter)).sum();
    // On average, if all pixels of other colours are different.
    let colors = tracked().count().saturating_mul(pixels) >> bits;
    if threshold == 0
        || others > (hashes.len() / PIXELS_PER_OTHER) as u64
        || colors > plan.parts * plan.table_colors
    {
        return Ok(None);
    }
    let mut buckets = try_with_capacity(tracked().count())?;
    buckets.extend(tracked().map(|(bucket, _)| bucket));
    Ok(Some(buckets))
}

/// Where samples of an image of so many pixels are taken: evenly spread, but not one below the other.
pub(crate) fn places(pixels: usize) -> impl Iterator<Item = Range<usize>> {
    let step = pixels / PLACES;
    (0..PLACES).map(move |place| {
        let first = place * step + place.wrapping_mul(0x9e37_79b1) % (step - AT_A_PLACE + 1);
        first..first + AT_A_PLACE
    })
}
