//! The cache of pixels that are one word: bytes with up to three channels, or one float.
//!
//! **Problem.** As `pixel_cache` has it, for pixels so small that key and index fit one word, and two ways one load.
//!
//! ```text
//! hash is a permutation of all words: odd factor times (w ^ w >> 15)
//! set = upper bits of the hash; a way = the other bits of the hash, then the colour index in as many bits as number the set
//! for 128 pixels: sets and tags                      in vector instructions
//!     copy both ways of each set                     a load each
//!     ways ^ tag, the smaller of both: is an index, or at least "free" where neither way is the pixel's
//! ```
//!
//! **Exact.** The set's bits and the way's are all bits of a permutation of the word: equal ones are the same word.
//!
//! **Cost.** 8 bytes a set, one load a pixel, and no branch but one for 128 pixels.
//!
//! **Prior art.** Quotienting: what the place says is not stored (Knuth, 1973, exercise 6.4.13; Cleary, 1984; quotient filters,
//! Bender et al., 2012).

use crate::backend::cpu::tables::MOST_LOOKED_UP;
use crate::backend::cpu::tables::key::Hasher;
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_with_capacity};

/// A set-associative cache, two ways a set, as `PixelCache` says.
///
/// The hash of a word is a permutation of all words: the bits of it that do not number the set tell the word. So a way has
/// them on top, and the colour's index below, where the others were: 32 bits together.
#[derive(Debug)]
pub(crate) struct WordCache {
    sets: Vec<[u32; 2]>,
    hasher: Hasher,
    /// Bits of a hash that number the set, and bits of a way that are the colour's index.
    set_bits: u32,
    /// Of the pixels that are looked up: the places of their sets, what their ways have above the index, and their sets.
    places: [u32; MOST_LOOKED_UP],
    tags: [u32; MOST_LOOKED_UP],
    found: [[u32; 2]; MOST_LOOKED_UP],
}

const FIRST_SET_BITS: u32 = 8;
/// In few steps, since each is a look at all sets.
const GROWTH_BITS: u32 = 2;
/// So many sets are 512 KiB, and a way of theirs can hold all indices but the one that says that it is free.
const MOST_SET_BITS: u32 = FIRST_SET_BITS + MOST_GROWN * GROWTH_BITS;
const MOST_GROWN: u32 = 4;

/// How many sets there are after so many steps.
const fn sets_grown(steps: u32) -> usize {
    1 << (FIRST_SET_BITS + steps * GROWTH_BITS)
}

impl WordCache {
    #[inline(always)] // Built where it stays.
    pub(crate) fn new(hasher: Hasher) -> Result<Self, Error> {
        let mut cache = Self {
            sets: Vec::new(),
            hasher,
            set_bits: FIRST_SET_BITS,
            places: [0; MOST_LOOKED_UP],
            tags: [0; MOST_LOOKED_UP],
            found: [[0; 2]; MOST_LOOKED_UP],
        };
        cache.sets = try_with_capacity(1 << FIRST_SET_BITS)?;
        cache.sets.resize(1 << FIRST_SET_BITS, [cache.free(); 2]);
        Ok(cache)
    }

    /// As `PixelCache::fit`, but it keeps what it has. Called for each new colour, its ways can hold all indices.
    pub(crate) fn fit(&mut self, colors: usize) -> Result<(), Error> {
        // More than two colours for a set are very rare then; each costs a second look at many blocks.
        if 16 * colors <= self.sets.len() || self.set_bits == MOST_SET_BITS {
            return Ok(());
        }
        let (old_bits, old_free, old_sets) = (self.set_bits, self.free(), self.sets.len());
        let sets = old_sets << GROWTH_BITS;
        self.sets.try_reserve_exact(sets - old_sets).map_err(|_| no_memory::<[u32; 2]>(sets))?;
        self.set_bits += GROWTH_BITS;
        let free_set = [self.free(); 2];
        self.sets.resize(sets, free_set);
        // In place and backwards: a set becomes several that lie side by side, none of them before it.
        for set in (0..old_sets).rev() {
            let ways = self.sets[set];
            self.sets[set << GROWTH_BITS..(set + 1) << GROWTH_BITS].fill(free_set);
            // The older one first, as it was before.
            for way in ways.into_iter().rev() {
                let index = way & old_free;
                if index != old_free {
                    self.insert_hash((set as u32) << (u32::BITS - old_bits) | way >> old_bits, index);
                }
            }
        }
        Ok(())
    }

    /// The index of a way that is free.
    fn free(&self) -> u32 {
        (1 << self.set_bits) - 1
    }

    /// What a way of this hash has above the index.
    #[inline(always)]
    fn tag(&self, hash: u32) -> u32 {
        hash << self.set_bits
    }

    #[inline(always)]
    fn set(&self, hash: u32) -> usize {
        (hash >> (u32::BITS - self.set_bits)) as usize
    }

    /// As `PixelCache::find_all`.
    #[inline(always)]
    pub(crate) fn find_all(&mut self, words: &[u32], indices: &mut [u16]) -> u128 {
        let Self { sets, hasher, set_bits, places, tags, found } = self;
        let (set_bits, free) = (*set_bits, (1 << *set_bits) - 1);
        // In loops of their own, the first and the last of which the compiler turns into vector instructions.
        for ((place, tag), &word) in places.iter_mut().zip(&mut *tags).zip(words) {
            let hash = hasher.hash(&[word]);
            (*place, *tag) = (hash >> (u32::BITS - set_bits), hash << set_bits);
        }
        let gather = match (set_bits - FIRST_SET_BITS) / GROWTH_BITS {
            0 => gather::<{ sets_grown(0) }>,
            1 => gather::<{ sets_grown(1) }>,
            2 => gather::<{ sets_grown(2) }>,
            3 => gather::<{ sets_grown(3) }>,
            _ => gather::<{ sets_grown(MOST_GROWN) }>,
        };
        gather(sets, places, found, words.len());
        let (tags, found) = (&tags[..words.len()], &found[..words.len()]);
        let mut most = 0;
        for ((index, ways), tag) in indices.iter_mut().zip(found).zip(tags) {
            let differing = differing(*ways, *tag);
            most = most.max(differing);
            *index = differing as u16;
        }
        if most < free {
            return 0;
        }
        let misses = found.iter().zip(tags).enumerate();
        misses.fold(0, |misses, (index, (ways, tag))| {
            misses | u128::from(differing(*ways, *tag) >= free) << index
        })
    }

    /// As `PixelCache::find`.
    #[inline(always)]
    pub(crate) fn find(&self, word: u32) -> Option<u16> {
        let hash = self.hasher.hash(&[word]);
        let differing = differing(self.sets[self.set(hash)], self.tag(hash));
        (differing < self.free()).then_some(differing as u16)
    }

    /// As `PixelCache::insert`.
    pub(crate) fn insert(&mut self, word: u32, index: u32) {
        self.insert_hash(self.hasher.hash(&[word]), index);
    }

    fn insert_hash(&mut self, hash: u32, index: u32) {
        if index >= self.free() {
            return; // It does not fit: there are too many colours.
        }
        let (set, tag) = (self.set(hash), self.tag(hash));
        let [first, second] = &mut self.sets[set];
        *second = *first;
        *first = tag | index;
    }
}

/// Copies the sets of so many pixels. Of all sets there is a constant number: a test for each place would take as long as
/// copying.
#[inline(never)]
fn gather<const SETS: usize>(
    sets: &[[u32; 2]],
    places: &[u32; MOST_LOOKED_UP],
    found: &mut [[u32; 2]; MOST_LOOKED_UP],
    count: usize,
) {
    const STEP: usize = 8;
    let Ok(sets) = <&[_; SETS]>::try_from(sets) else { unreachable!() };
    let (places, found) = (places.as_chunks::<STEP>().0, found.as_chunks_mut::<STEP>().0);
    for (found, places) in found.iter_mut().zip(places).take(count.div_ceil(STEP)) {
        for (found, &place) in found.iter_mut().zip(places) {
            *found = sets[place as usize % SETS];
        }
    }
}

/// The index that a word's way has, if one of the set is its own: no bits are left above it. Another's are more than any
/// index.
#[inline(always)]
fn differing(ways: [u32; 2], tag: u32) -> u32 {
    (ways[0] ^ tag).min(ways[1] ^ tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What there is has its own index; what there is not, is not found, whatever else has its set.
    #[test]
    fn words_have_their_indices() {
        let hasher = Hasher::new(5);
        for (count, spread) in [(1, 1), (40, 1), (5000, 0x0001_0001), (65_534, 0x9e37_79b1u32)] {
            let word = |index: u32| index.wrapping_mul(spread);
            let mut cache = WordCache::new(hasher).unwrap();
            for number in 0..count {
                cache.fit(number as usize + 1).unwrap();
                assert_eq!(cache.find(word(number)), None, "{number} of {count}");
                assert_eq!(cache.find_all(&[word(number)], &mut [7]), 1, "{number} of {count}");
                cache.insert(word(number), number);
                assert_eq!(cache.find(word(number)), Some(number as u16), "{number} of {count}");
            }
            let all: Vec<u32> = (0..2 * count).map(word).collect();
            let mut lost = 0;
            for (block, words) in all.chunks(MOST_LOOKED_UP - 1).enumerate() {
                let mut indices = [7; MOST_LOOKED_UP];
                let misses = cache.find_all(words, &mut indices);
                assert_eq!(misses >> (words.len() - 1) >> 1, 0);
                for (index, &word) in words.iter().enumerate() {
                    let wanted = (block * (MOST_LOOKED_UP - 1) + index) as u32;
                    let found = (misses >> index & 1 == 0).then_some(indices[index]);
                    assert_eq!(found, cache.find(word), "{wanted} of {count}");
                    match found {
                        Some(number) => assert_eq!(u32::from(number), wanted),
                        None => lost += u32::from(wanted < count),
                    }
                }
            }
            // Sets are few for the last ones only.
            let most = if count <= 5000 { count / 100 } else { count / 4 };
            assert!(lost <= most, "{lost} of {count} were thrown out");
        }
    }
}
