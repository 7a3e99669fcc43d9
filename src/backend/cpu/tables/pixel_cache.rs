//! A cache in front of a `ColorTable`: from a pixel's bits, as they stand in the image, to its colour index.
//!
//! **Problem.** Literal pixels come in any order, so that each branch that depends on one is mispredicted half of the time: at
//! some 15 cycles, more than all the rest of a search.
//!
//! ```text
//! for up to 128 words of pixels:
//!     set = hash of the raw bits                     in vector instructions
//!     both ways of the set compared: two bits, no branch
//!     index = that of the way that is equal, or anything; a bit for each miss
//! for each miss: ask the table, and remember the answer in place of the older way
//! ```
//!
//! **Exact.** A cache holds no truth: a way is compared in full, and a pixel that has none is asked for. Raw bits are compared, so
//! that −0.0 and 0.0 are two entries with the same index and NaNs have the index 0.
//!
//! **Cost.** One set of two ways, in one or two cache lines, a pixel. It grows with the colours until it fills a second-level
//! cache.
//!
//! **Prior art.** Two-way set-associative processor caches, in software; branch-free probes of both places as in cuckoo hashing
//! on vectors (Ross, 2007; Polychroniou et al., 2015).

use crate::backend::cpu::tables::MOST_LOOKED_UP;
use crate::backend::cpu::tables::key::Hasher;
use crate::backend::cpu::tables::word_cache::WordCache;
use crate::error::Error;

/// A set-associative cache, two ways a set. It holds no truth of its own: what it does not have is
/// asked for and remembered, and what it has may be thrown out.
///
/// Keys are raw bit patterns, so that the common case needs no look at −0.0 or NaN.
#[derive(Debug)]
pub(crate) struct PixelCache<const C: usize> {
    /// All there is, where a pixel is one word.
    words: WordCache,
    /// Else these.
    sets: Vec<[Way<C>; 2]>,
    hasher: Hasher,
    /// From a hash to a set.
    shift: u32,
    /// The sets of the pixels that are looked up.
    sets_of: [u32; MOST_LOOKED_UP],
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Way<const C: usize> {
    /// At most 65,534, where colours are not too many.
    index: u32,
    pixel: [u32; C],
}

const FIRST_SETS: usize = 256;
/// So many sets fill a second-level cache.
const MOST_SETS: usize = 1 << 15;

impl<const C: usize> PixelCache<C> {
    /// An empty cache.
    #[inline(always)] // Built where it stays.
    pub(crate) fn new(hasher: Hasher) -> Result<Self, Error> {
        let words = WordCache::new(hasher)?;
        let mut cache = Self { words, sets: Vec::new(), hasher, shift: 0, sets_of: [0; MOST_LOOKED_UP] };
        if C != 1 {
            cache.reset(FIRST_SETS)?;
        }
        Ok(cache)
    }

    /// Makes the cache larger if it is too small for so many colours; then it is empty again.
    pub(crate) fn fit(&mut self, colors: usize) -> Result<(), Error> {
        if C == 1 {
            return self.words.fit(colors);
        }
        // More than two colours for a set are rare then.
        if 4 * colors > self.sets.len() && self.sets.len() < MOST_SETS {
            self.reset(2 * self.sets.len())?;
        }
        Ok(())
    }

    fn reset(&mut self, sets: usize) -> Result<(), Error> {
        self.sets.clear();
        self.sets
            .try_reserve_exact(sets)
            .map_err(|_| Error::OutOfMemory(format!("a cache of {} colours", 2 * sets)))?;
        // A free way has a pixel that belongs to another set, where alone it would be looked for: black,
        // but for the set of black itself.
        let black = Way { pixel: [0; C], index: 0 };
        self.sets.resize(sets, [black; 2]);
        self.shift = u32::BITS - sets.trailing_zeros();
        let set = |pixel: &[u32; C]| (self.hasher.hash(pixel) >> self.shift) as usize;
        let another = (1..).map(|bits| [bits; C]).find(|pixel| set(pixel) != set(&[0; C]));
        let set_of_black = set(&[0; C]);
        self.sets[set_of_black] = [Way { pixel: another.unwrap_or([1; C]), index: 0 }; 2];
        Ok(())
    }

    /// Looks up to 128 words of pixels up: writes their colour indices, and returns a bit for each that the cache
    /// does not have, whose index is of no meaning.
    ///
    /// No branch depends on a pixel: on mixed pixels it would be mispredicted.
    #[inline(always)]
    pub(crate) fn find_all(&mut self, pixels: &[[u32; C]], indices: &mut [u16]) -> u128 {
        if C == 1 {
            return self.words.find_all(pixels.as_flattened(), indices);
        }
        let Self { sets, hasher, shift, sets_of, .. } = self;
        // In a loop of its own, which the compiler turns into vector instructions.
        for (set, pixel) in sets_of.iter_mut().zip(pixels) {
            *set = hasher.hash(pixel) >> *shift;
        }
        let mut misses = 0u64;
        for (position, ((pixel, &set), index)) in pixels.iter().zip(&*sets_of).zip(indices).enumerate() {
            let [first, second] = &sets[set as usize];
            let in_first = u64::from(first.pixel == *pixel);
            let in_second = u64::from(second.pixel == *pixel);
            *index = if in_second != 0 { second.index } else { first.index } as u16;
            misses |= (1 - (in_first | in_second)) << position;
        }
        misses.into()
    }

    /// The colour index of one pixel, if the cache has it.
    #[inline(always)]
    pub(crate) fn find(&self, pixel: &[u32; C]) -> Option<u16> {
        if C == 1 {
            return self.words.find(pixel[0]);
        }
        let ways = &self.sets[(self.hasher.hash(pixel) >> self.shift) as usize];
        ways.iter().find(|way| way.pixel == *pixel).map(|way| way.index as u16)
    }

    /// Remembers the colour index of a pixel that the cache did not have.
    pub(crate) fn insert(&mut self, pixel: &[u32; C], index: u32) {
        if C == 1 {
            return self.words.insert(pixel[0], index);
        }
        let [first, second] = &mut self.sets[(self.hasher.hash(pixel) >> self.shift) as usize];
        *second = *first;
        *first = Way { pixel: *pixel, index };
    }
}
