//! A sample of an image of very many colours: which few buckets all frequent colours are in, most likely.

use std::ops::{Range, RangeInclusive};

use crate::backend::cpu::many::fingerprints;
use crate::backend::cpu::pixels::tiles::Tiles;
use crate::backend::cpu::plan::CpuPlan;
use crate::backend::cpu::tables::key::Hasher;
use crate::error::Error;
use crate::runtime::alloc::{try_with_capacity, try_zeroed};
use crate::types::params::SelectionRule;

/// So many buckets' counters fit a first-level cache, or nearly.
const FEW_BUCKET_BITS: RangeInclusive<u32> = 12..=14;

/// Places where samples are taken, and pixels at each. Many places: pixels side by side say little more than one of them.
const PLACES: usize = 1024;
const AT_A_PLACE: usize = 64;

/// One pixel in so many at most is watched for though its bucket is not one of the fullest ones that are asked for.
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
        hasher: Hasher,
    ) -> Result<Option<Self>, Error> {
        let Some(before_last) = (selection.max_count as usize).checked_sub(1) else { return Ok(None) };
        if pixels.len() < PLACES * AT_A_PLACE
            || plan.bucket_bits <= *FEW_BUCKET_BITS.start()
            || before_last >= 1 << FEW_BUCKET_BITS.end()
        {
            return Ok(None);
        }
        let (mut hashes, mut tile_room) = (try_with_capacity(PLACES * AT_A_PLACE)?, pixels.room()?);
        for place in places(pixels.len()) {
            let mut add = |hash: u32, length: usize| hashes.extend(std::iter::repeat_n(hash, length));
            fingerprints::encode(pixels, place, &mut tile_room, hasher, None, &mut add);
        }
        // In the sample's units.
        let least =
            selection.min_pixels.get().saturating_mul((PLACES * AT_A_PLACE) as u64) / pixels.len() as u64;
        let least = u32::try_from(least).unwrap_or(u32::MAX);
        for bits in FEW_BUCKET_BITS.take_while(|&bits| bits < plan.bucket_bits) {
            let mut counters = try_zeroed::<u32>(1 << bits)?;
            for hash in &hashes {
                counters[(hash >> (u32::BITS - bits)) as usize] += 1;
            }
            let mut sorted = try_with_capacity(counters.len())?;
            sorted.extend_from_slice(&counters);
            if before_last >= sorted.len() {
                continue;
            }
            let (_, &mut last, rest) =
                sorted.select_nth_unstable_by(before_last, |one, other| other.cmp(one));
            // What the least frequent of the colours that are asked for has, at least: other colours are in its bucket, too.
            let bar = least.max(last.saturating_sub((hashes.len() >> bits) as u32));
            // A sample's count is off by its square root, and more where colours lie together.
            let bar = bar.saturating_sub(3 * bar.isqrt());
            let watched = || (0..).zip(&counters).filter(|&(_, &counter)| counter >= bar);
            let others: u64 =
                rest.iter().filter(|&&counter| counter >= bar).map(|&counter| u64::from(counter)).sum();
            // On average, if all pixels of other colours are different.
            let colors = watched().count().saturating_mul(pixels.len()) >> bits;
            if bar > 0
                && others <= (hashes.len() / PIXELS_PER_OTHER) as u64
                && colors <= plan.parts * plan.table_colors
            {
                let mut buckets = try_with_capacity(watched().count())?;
                buckets.extend(watched().map(|(bucket, _)| bucket));
                return Ok(Some(Self { bucket_bits: bits, buckets }));
            }
        }
        Ok(None)
    }
}

/// Where samples of an image of so many pixels are taken: evenly spread, but not one below the other.
pub(crate) fn places(pixels: usize) -> impl Iterator<Item = Range<usize>> {
    let step = pixels / PLACES;
    (0..PLACES).map(move |place| {
        let first = place * step + place.wrapping_mul(0x9e37_79b1) % (step - AT_A_PLACE + 1);
        first..first + AT_A_PLACE
    })
}
