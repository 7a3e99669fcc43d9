//! A cache in front of a `ColorTable`: from a pixel's bits, as they stand in the image, to its colour index.
//!
//! **Problem.** Literal pixels come in any order, so that each branch that depends on one is mispredicted half of the time: at
//! some 15 cycles, more than all the rest of a search. And each search should touch one cache line, of as few as can be.
//!
//! ```text
//! hash of a pixel = sum of odd factor × (w ^ w >> 15) over its words: with the other words it tells the first one
//! set = upper bits of the hash; a way = the other bits of the hash, then the colour index in as many bits as number the set;
//!       and the pixel's other words as they are
//! for up to 128 words of pixels:
//!     sets and tags                                  in vector instructions
//!     both ways of each set ^ tag, the smaller one:  the index, or at least "free" where neither way is the pixel's
//! for each miss: ask the table, and remember the answer in place of the older way
//! ```
//!
//! **Exact.** A cache holds no truth: a pixel that has no way is asked for. The set's bits, the way's and the other words
//! are all bits of a permutation of the pixel: equal ones are the same pixel. Raw bits are compared, so that −0.0 and 0.0 are
//! two entries with the same index, and NaNs have the index 0.
//!
//! **Cost.** 8 bytes a set and word, one or two cache lines a pixel, and no branch but one for a block of pixels. It grows with
//! the colours, to 512 KiB a word at most.
//!
//! **Prior art.** Quotienting: what the place says is not stored (Knuth, 1973, exercise 6.4.13; Cleary, 1984; quotient filters,
//! Bender et al., 2012). Two-way set-associative processor caches, in software; branch-free probes of both places as in cuckoo
//! hashing on vectors (Ross, 2007; Polychroniou et al., 2015).

use std::array;

use crate::backend::cpu::tables::MOST_LOOKED_UP;
use crate::backend::cpu::tables::key::Hasher;
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_with_capacity};

/// A set-associative cache, two ways a set. It holds no truth of its own: what it does not have is
/// asked for and remembered, and what it has may be thrown out.
///
/// Keys are raw bit patterns, so that the common case needs no look at −0.0 or NaN.
#[derive(Debug)]
#[repr(align(64))] // Vectors of its arrays are then in one cache line each.
pub(crate) struct PixelCache<const C: usize> {
    sets: Vec<[Way<C>; 2]>,
    hasher: Hasher,
    /// Bits of a hash that number the set, and bits of a way that are the colour's index.
    set_bits: u32,
    /// Pixels that were thrown out since the cache grew last.
    thrown_out: usize,
    /// Of the pixels that are looked up: the places of their sets, what their ways have above the index, and their sets.
    places: [u32; MOST_LOOKED_UP],
    tags: [u32; MOST_LOOKED_UP],
    /// The latter of pixels that are one word.
    found: [[u32; 2]; MOST_LOOKED_UP],
}

/// The bits of the hash that do not number the set, and the colour's index below; then the pixel's words but the first.
type Way<const C: usize> = [u32; C];

const FIRST_SET_BITS: u32 = 8;
/// In few steps, since each is a look at all sets.
const GROWTH_BITS: u32 = 2;
/// A way of so many sets can hold all indices but the one that says that it is free.
const MOST_SET_BITS: u32 = FIRST_SET_BITS + MOST_GROWN * GROWTH_BITS;
const MOST_GROWN: u32 = 4;

/// How many sets there are after so many steps.
const fn sets_grown(steps: u32) -> usize {
    1 << (FIRST_SET_BITS + steps * GROWTH_BITS)
}

impl<const C: usize> PixelCache<C> {
    /// Sets for a colour, at least. More than two colours for a set are rare then; each costs a second look at many blocks.
    const SETS_PER_COLOR: usize = if C == 1 { 16 } else { 4 };

    /// An empty cache.
    #[inline(always)] // Built where it stays.
    pub(crate) fn new(hasher: Hasher) -> Result<Self, Error> {
        let mut cache = Self {
            sets: Vec::new(),
            hasher,
            set_bits: FIRST_SET_BITS,
            thrown_out: 0,
            places: [0; MOST_LOOKED_UP],
            tags: [0; MOST_LOOKED_UP],
            found: [[0; 2]; MOST_LOOKED_UP],
        };
        cache.sets = try_with_capacity(1 << FIRST_SET_BITS)?;
        cache.sets.resize(1 << FIRST_SET_BITS, cache.free_set());
        Ok(cache)
    }

    /// Makes the cache larger if it is too small for so many colours, or has three in one set, which would push each other out
    /// again and again. Called for each new colour, its ways can hold all indices.
    pub(crate) fn fit(&mut self, colors: usize) -> Result<(), Error> {
        let is_large = Self::SETS_PER_COLOR * colors <= self.sets.len() && self.thrown_out <= self.sets.len();
        if is_large || self.set_bits == MOST_SET_BITS {
            return Ok(());
        }
        let (old_bits, old_free, old_sets) = (self.set_bits, self.free(), self.sets.len());
        let sets = old_sets << GROWTH_BITS;
        self.sets.try_reserve_exact(sets - old_sets).map_err(|_| no_memory::<[Way<C>; 2]>(sets))?;
        self.set_bits += GROWTH_BITS;
        let free_set = self.free_set();
        self.sets.resize(sets, free_set);
        // In place and backwards: a set becomes several that lie side by side, none of them before it.
        for set in (0..old_sets).rev() {
            let ways = self.sets[set];
            self.sets[set << GROWTH_BITS..(set + 1) << GROWTH_BITS].fill(free_set);
            // The older one first, as it was before.
            for way in ways.into_iter().rev() {
                let index = way[0] & old_free;
                if index != old_free {
                    let hash = (set as u32) << (u32::BITS - old_bits) | way[0] >> old_bits;
                    self.insert_hash(hash, &way, index);
                }
            }
        }
        self.thrown_out = 0;
        Ok(())
    }

    /// The index of a way that is free.
    fn free(&self) -> u32 {
        (1 << self.set_bits) - 1
    }

    fn free_set(&self) -> [Way<C>; 2] {
        let mut way = [0; C];
        way[0] = self.free();
        [way; 2]
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

    /// Looks up to 128 words of pixels up: writes their colour indices, and returns a bit for each that the cache
    /// does not have, whose index is of no meaning.
    ///
    /// No branch depends on a pixel: on mixed pixels it would be mispredicted.
    #[inline(always)]
    pub(crate) fn find_all(&mut self, pixels: &[[u32; C]], indices: &mut [u16]) -> u128 {
        let Self { sets, hasher, set_bits, places, tags, found, .. } = self;
        let (set_bits, free) = (*set_bits, (1 << *set_bits) - 1);
        // In loops of their own, the first and the last of which the compiler turns into vector instructions.
        for ((place, tag), pixel) in places.iter_mut().zip(&mut *tags).zip(pixels) {
            let hash = hasher.hash(pixel);
            (*place, *tag) = (hash >> (u32::BITS - set_bits), hash << set_bits);
        }
        let used_tags = &tags[..pixels.len()];
        let mut most = 0;
        if C == 1 {
            gather_sets(sets.as_flattened().as_flattened().as_chunks().0, places, found, pixels.len());
            for ((index, ways), tag) in indices.iter_mut().zip(&*found).zip(used_tags) {
                let [first, second] = *ways;
                let differing = (first ^ tag).min(second ^ tag);
                most = most.max(differing);
                *index = differing as u16;
            }
            if most < free {
                return 0;
            }
            // Once more: kept above, they would cost each block more than they cost the blocks that need them.
            let blocks = places.as_chunks_mut::<8>().0.iter_mut();
            for ((places, found), tags) in blocks.zip(found.as_chunks::<8>().0).zip(tags.as_chunks::<8>().0) {
                *places = array::from_fn(|i| (found[i][0] ^ tags[i]).min(found[i][1] ^ tags[i]));
            }
            return at_least(free, places, pixels.len());
        }
        let all_places = places;
        let places = &mut all_places[..pixels.len()];
        for (((index, place), tag), pixel) in indices.iter_mut().zip(&mut *places).zip(used_tags).zip(pixels)
        {
            let differing = differing(&sets[*place as usize], pixel, *tag);
            most = most.max(differing);
            (*index, *place) = (differing as u16, differing);
        }
        if most < free { 0 } else { at_least(free, all_places, pixels.len()) }
    }

    /// The colour index of one pixel, if the cache has it.
    #[inline(always)]
    pub(crate) fn find(&self, pixel: &[u32; C]) -> Option<u16> {
        let hash = self.hasher.hash(pixel);
        let differing = differing(&self.sets[self.set(hash)], pixel, self.tag(hash));
        (differing < self.free()).then_some(differing as u16)
    }

    /// Remembers the colour index of a pixel that the cache did not have.
    pub(crate) fn insert(&mut self, pixel: &[u32; C], index: u32) {
        self.insert_hash(self.hasher.hash(pixel), pixel, index);
    }

    fn insert_hash(&mut self, hash: u32, pixel: &[u32; C], index: u32) {
        if index >= self.free() {
            return; // It does not fit: there are too many colours.
        }
        let (set, free, mut way) = (self.set(hash), self.free(), *pixel);
        way[0] = self.tag(hash) | index;
        let [first, second] = &mut self.sets[set];
        self.thrown_out += usize::from(second[0] & free != free);
        *second = *first;
        *first = way;
    }
}

/// The index that a pixel's way has, if one of the set is its own: no bits are left above it. Another's are more than any
/// index.
#[inline(always)]
fn differing<const C: usize>(ways: &[Way<C>; 2], pixel: &[u32; C], tag: u32) -> u32 {
    // Two words at a time.
    let pair = |words: &[u32; C], word: usize| {
        let bits = |word: usize| u64::from(if word < C { words[word] } else { 0 });
        bits(word) | bits(word + 1) << u32::BITS
    };
    if C == 4 {
        // In two loads a way: what is left of both pairs is an index, or more than any.
        let wanted = [u64::from(tag) | pair(pixel, 1) << u32::BITS, pair(pixel, 2)];
        let [first, second] = ways.each_ref().map(|way| {
            let others = u64::from(pair(way, 2) != wanted[1]).wrapping_neg();
            (pair(way, 0) ^ wanted[0]) | others
        });
        return u32::try_from(first.min(second)).unwrap_or(u32::MAX);
    }
    let [first, second] = ways.each_ref().map(|way| {
        let others = pair(way, 1) ^ pair(pixel, 1);
        (way[0] ^ tag) | u32::from(others != 0).wrapping_neg()
    });
    first.min(second)
}

/// A bit for each of the first values that is at least this.
#[inline(always)]
fn at_least(least: u32, values: &[u32; MOST_LOOKED_UP], count: usize) -> u128 {
    // A product puts the lowest bits of eight bytes side by side, without a step for each.
    const SIDE_BY_SIDE: u64 = 0x0102_0408_1020_4080;
    let mut bits = [0; MOST_LOOKED_UP / 8];
    for (bits, values) in bits.iter_mut().zip(values.as_chunks::<8>().0) {
        let bytes = u64::from_le_bytes(values.map(|value| u8::from(value >= least)));
        *bits = (bytes.wrapping_mul(SIDE_BY_SIDE) >> 56) as u8;
    }
    let beyond = MOST_LOOKED_UP - count;
    u128::from_le_bytes(bits) << beyond >> beyond
}

/// Copies the sets of so many pixels. Of all sets there is a constant number: a test for each place would take as long as
/// copying.
#[inline(always)]
fn gather_sets(
    sets: &[[u32; 2]],
    places: &[u32; MOST_LOOKED_UP],
    found: &mut [[u32; 2]; MOST_LOOKED_UP],
    count: usize,
) {
    let steps = (sets.len().trailing_zeros() - FIRST_SET_BITS) / GROWTH_BITS;
    let gather = match steps {
        0 => gather::<{ sets_grown(0) }>,
        1 => gather::<{ sets_grown(1) }>,
        2 => gather::<{ sets_grown(2) }>,
        3 => gather::<{ sets_grown(3) }>,
        _ => gather::<{ sets_grown(MOST_GROWN) }>,
    };
    gather(sets, places, found, count);
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_have_their_indices() {
        check::<1>();
        check::<2>();
        check::<3>();
        check::<4>();
    }

    /// Three pixels of one set soon have sets of their own.
    #[test]
    fn pixels_do_not_push_each_other_out_for_ever() {
        let hasher = Hasher::new(5);
        let set = |pixel: u32| hasher.hash(&[pixel]) >> (u32::BITS - FIRST_SET_BITS);
        let pixels: Vec<u32> = (0..).filter(|&pixel| set(pixel) == set(0)).take(3).collect();
        let mut cache = PixelCache::<1>::new(hasher).unwrap();
        let mut misses = 0;
        for _ in 0..10_000 {
            for (pixel, index) in pixels.iter().zip(1..) {
                if cache.find(&[*pixel]).is_none() {
                    misses += 1;
                    cache.fit(3).unwrap();
                    cache.insert(&[*pixel], index);
                }
                assert_eq!(cache.find(&[*pixel]), Some(index as u16));
            }
        }
        assert!(misses < 2000, "{misses} misses");
    }

    /// What there is has its own index; what there is not, is not found, whatever else has its set.
    fn check<const C: usize>() {
        let hasher = Hasher::new(5);
        for (count, spread) in [(1, 1), (40, 1), (5000, 0x0001_0001), (65_534, 0x9e37_79b1u32)] {
            for different in 0..C {
                // They differ in one word, which may be any.
                let pixel = |number: u32| {
                    let mut pixel = [7; C];
                    pixel[different] = number.wrapping_mul(spread);
                    pixel
                };
                check_pixels(PixelCache::new(hasher).unwrap(), count, pixel);
            }
        }
    }

    fn check_pixels<const C: usize>(mut cache: PixelCache<C>, count: u32, pixel: impl Fn(u32) -> [u32; C]) {
        let name = format!("{count} pixels of {C} words");
        for number in 0..count {
            cache.fit(number as usize + 1).unwrap();
            assert_eq!(cache.find(&pixel(number)), None, "{number} of {name}");
            assert_eq!(cache.find_all(&[pixel(number)], &mut [7]), 1, "{number} of {name}");
            cache.insert(&pixel(number), number);
            assert_eq!(cache.find(&pixel(number)), Some(number as u16), "{number} of {name}");
        }
        let all: Vec<_> = (0..2 * count).map(pixel).collect();
        let block_len = MOST_LOOKED_UP / C - 1;
        let mut lost = 0;
        for (block, pixels) in all.chunks(block_len).enumerate() {
            let mut indices = [7; MOST_LOOKED_UP];
            let misses = cache.find_all(pixels, &mut indices);
            assert_eq!(misses >> (pixels.len() - 1) >> 1, 0);
            for (index, pixel) in pixels.iter().enumerate() {
                let wanted = (block * block_len + index) as u32;
                let found = (misses >> index & 1 == 0).then_some(indices[index]);
                assert_eq!(found, cache.find(pixel), "{wanted} of {name}");
                match found {
                    Some(number) => assert_eq!(u32::from(number), wanted, "{name}"),
                    None => lost += u32::from(wanted < count),
                }
            }
        }
        // Sets are few for the last ones only.
        let most = if count <= 5000 { count / 50 } else { count / 4 };
        assert!(lost <= most, "{lost} of {name} were thrown out");
    }
}
