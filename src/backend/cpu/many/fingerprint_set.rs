//! Sets of fingerprints, and looking for pixels whose fingerprints are in one.
//!
//! Where a set is small, vectors of fingerprints are compared with each of its members, without a look at memory; else
//! each fingerprint is looked up in a bitmap of all 65,536, which fits a first-level cache.

use crate::backend::cpu::many::fingerprints::FINGERPRINTS;
use crate::backend::cpu::pixels::tiles::{BLOCK, Tiles};
use crate::runtime::simd::{Simd, Work};

/// Fingerprints in a vector register.
pub(super) const LANES: usize = 16;

/// Fingerprints compared with those of a small set at a time: two vector registers, which are one of bytes.
pub(super) const COMPARED: usize = 2 * LANES;

/// Fingerprints of a small set at most.
const MOST_FEW: usize = 48;

/// A set of fingerprints.
#[derive(Debug)]
pub(crate) struct FingerprintSet {
    bits: Box<[u64; FINGERPRINTS / 64]>,
    /// The upper bits of a small set's members, each as often as fit a vector register.
    few: Option<Vec<[u16; LANES]>>,
    /// Lower bits of a fingerprint that do not matter to a small set.
    any_bits: u32,
}

/// Tokens of levels that compare many fingerprints with few others at a time, if they can.
pub(crate) trait MatchFew: Copy {
    /// A bit for each fingerprint that is one of `few` without its lower bits; `None` where looking them up one by one is
    /// faster.
    fn match_few(self, fingerprints: &[u16; COMPARED], few: &[[u16; LANES]], any_bits: u32) -> Option<u32>;
}

struct MatchOnce<'a> {
    fingerprints: &'a [u16; COMPARED],
    few: &'a [[u16; LANES]],
    any_bits: u32,
}

impl<L: MatchFew> Work<L, Option<u32>> for MatchOnce<'_> {
    #[inline(always)]
    fn run(self, level: L) -> Option<u32> {
        level.match_few(self.fingerprints, self.few, self.any_bits)
    }
}

/// For code that is not compiled by level: the level is asked for each time.
impl MatchFew for Simd {
    #[inline(always)]
    fn match_few(self, fingerprints: &[u16; COMPARED], few: &[[u16; LANES]], any_bits: u32) -> Option<u32> {
        self.run(MatchOnce { fingerprints, few, any_bits })
    }
}

impl FingerprintSet {
    /// The set of these fingerprints.
    pub(crate) fn new(fingerprints: impl Iterator<Item = u16>) -> Self {
        Self::with_upper_bits(fingerprints, 0)
    }

    /// The set of all fingerprints that have one of these above their lower bits.
    pub(crate) fn with_upper_bits(upper_bits: impl Iterator<Item = u16>, any_bits: u32) -> Self {
        let mut bits = Box::new([0; FINGERPRINTS / 64]);
        let mut few = Vec::new();
        for upper in upper_bits {
            let first = upper << any_bits;
            if bits[usize::from(first >> 6)] >> (first & 63) & 1 == 0 && few.len() <= MOST_FEW {
                few.push([upper; LANES]);
            }
            for fingerprint in first..=first | ((1 << any_bits) - 1) {
                bits[usize::from(fingerprint >> 6)] |= 1 << (fingerprint & 63);
            }
        }
        Self { bits, few: (few.len() <= MOST_FEW).then_some(few), any_bits }
    }

    /// Calls `each` with each pixel whose fingerprint is in the set, and its position among `fingerprints`, which are those
    /// of the image's pixels from `first` on.
    #[inline(always)]
    pub(crate) fn find<const C: usize, E>(
        &self,
        level: impl MatchFew,
        fingerprints: &[u16],
        pixels: Tiles<C>,
        first: usize,
        mut each: impl FnMut(usize, &[u32; C]) -> Result<(), E>,
    ) -> Result<(), E> {
        /// Blocks that are searched before the first one's pixels are looked at, which lie anywhere.
        const AHEAD: usize = 8;
        let (mut found, start) = ([0; AHEAD], first);
        for (group, fingerprints) in fingerprints.chunks(AHEAD * BLOCK).enumerate() {
            let first = first + group * AHEAD * BLOCK;
            for (block, (found, fingerprints)) in found.iter_mut().zip(fingerprints.chunks(BLOCK)).enumerate()
            {
                // Without a branch, which pixels that come as they like would have mispredicted.
                *found = self.find_in_block(level, fingerprints);
                pixels.ask_for(first + block * BLOCK, *found);
            }
            for (block, found) in found.iter_mut().enumerate() {
                pixels.for_each_wanted(first + block * BLOCK, std::mem::take(found), |index, pixel| {
                    each(index - start, pixel)
                })?;
            }
        }
        Ok(())
    }

    /// A bit for each fingerprint that is in the set, of 64 at most.
    #[inline(always)]
    pub(crate) fn find_in_block(&self, level: impl MatchFew, fingerprints: &[u16]) -> u64 {
        if let (Some(few), (parts, [])) = (&self.few, fingerprints.as_chunks())
            && let Some(found) = parts.iter().enumerate().try_fold(0, |found, (part, fingerprints)| {
                let bits = level.match_few(fingerprints, few, self.any_bits)?;
                Some(found | u64::from(bits) << (COMPARED * part))
            })
        {
            return found;
        }
        let bit = |fingerprint: u16| self.bits[usize::from(fingerprint >> 6)] >> (fingerprint & 63) & 1;
        fingerprints
            .iter()
            .enumerate()
            .fold(0, |found, (index, &fingerprint)| found | bit(fingerprint) << index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::simd::at_each_level;

    /// Small sets and large ones, with and without bits that do not matter, in whole blocks and in parts of one.
    #[test]
    fn members_are_found_and_nothing_else_at_every_level() {
        let fingerprints: Vec<u16> =
            (0..64u32).map(|index| (index.wrapping_mul(0x9e37_79b1) >> 16) as u16).collect();
        for any_bits in [0, 1, 5] {
            for members in [0, 1, 7, 48, 49, 300] {
                let upper = || {
                    (0..members).map(|member| fingerprints[member * 5 % 64] >> any_bits ^ (member as u16 / 9))
                };
                let set = FingerprintSet::with_upper_bits(upper(), any_bits);
                let has = |fingerprint: u16| upper().any(|upper| upper == fingerprint >> any_bits);
                for len in [64, 32, 31, 1, 0] {
                    let expected =
                        (0..len).fold(0, |bits, index| bits | u64::from(has(fingerprints[index])) << index);
                    at_each_level(|level| {
                        let found = set.find_in_block(Simd::current(), &fingerprints[..len]);
                        assert_eq!(found, expected, "{level:?}, {members} members, {any_bits} bits, {len}");
                    });
                }
            }
        }
    }
}
