//! A hash table from colours to colour indices, for tables that fit the caches.
//!
//! **Problem.** Each colour of a part of an image gets an index, and is looked up whenever a cache does not have it. New tables
//! are made in each call and mostly stay small.
//!
//! ```text
//! slots: colour indices, 0 where free; keys: the colours in the order of their indices
//! slot = hash of the colour with the table's seed, modulo the slots
//! while the slot has an index whose key is another colour: the next slot
//! more than a quarter of the slots taken: four times as many, filled anew from the keys
//! ```
//!
//! **Exact.** Keys are compared in full.
//!
//! **Cost.** One slot of 4 bytes and one key of 16 a search, mostly without a mispredicted branch. Keys are not in the slots, most
//! of which are free: pages that are written for the first time are what a new table's time goes to.
//!
//! **Prior art.** Linear probing (Amdahl et al., 1954; Knuth, 1963) over indices into a dense list, as in CPython's dict and
//! indexmap; the hash is a folded 128-bit product, as in wyhash (Wang Yi, 2019), with a random seed against made collisions.

use crate::backend::cpu::tables::key::Key;
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_with_capacity, try_zeroed};

/// Gives colours the indices 1, 2, 3 … as they are added. Open addressing, at most a quarter full, so that
/// most searches end at the first slot, without a mispredicted branch.
#[derive(Debug)]
pub(crate) struct ColorTable {
    /// Colour indices; 0: the slot is free.
    slots: Vec<u32>,
    /// The colours by index, from 1 on.
    keys: Vec<Key>,
    seed: u64,
}

const FIRST_SLOTS: usize = 256;

impl ColorTable {
    /// An empty table.
    pub(crate) fn new(seed: u64) -> Result<Self, Error> {
        Ok(Self { slots: try_zeroed(FIRST_SLOTS)?, keys: Vec::new(), seed })
    }

    /// A copy.
    pub(crate) fn try_clone(&self) -> Result<Self, Error> {
        let (mut slots, mut keys) =
            (try_with_capacity(self.slots.len())?, try_with_capacity(self.keys.len())?);
        slots.extend_from_slice(&self.slots);
        keys.extend_from_slice(&self.keys);
        Ok(Self { slots, keys, seed: self.seed })
    }

    /// How many colours it has.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The index of a colour, or 0 where the table does not have it.
    #[inline(always)]
    pub(crate) fn find(&self, key: Key) -> u32 {
        self.slots[self.slot(key)]
    }

    /// The index of a colour, which is added if it is new.
    pub(crate) fn find_or_add(&mut self, key: Key) -> Result<u32, Error> {
        let slot = self.slot(key);
        match self.slots[slot] {
            0 => self.add(slot, key),
            index => Ok(index),
        }
    }

    /// All colours with their indices, in the order of these.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, u32)> {
        self.keys.iter().copied().zip(1..)
    }

    /// The colour's slot, or the free one where it belongs.
    #[inline(always)]
    fn slot(&self, key: Key) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = key.hash(self.seed) as usize & mask;
        while let index = self.slots[slot]
            && index != 0
            && self.keys[index as usize - 1] != key
        {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn add(&mut self, slot: usize, key: Key) -> Result<u32, Error> {
        self.keys.try_reserve(1).map_err(|_| no_memory::<Key>(self.len() + 1))?;
        self.keys.push(key);
        let index = self.len() as u32;
        self.slots[slot] = index;
        if self.len() * 4 > self.slots.len() {
            self.slots = try_zeroed(self.slots.len() * 4)?;
            let mask = self.slots.len() - 1;
            for (key, index) in self.keys.iter().zip(1..) {
                // No two are the same.
                let mut slot = key.hash(self.seed) as usize & mask;
                while self.slots[slot] != 0 {
                    slot = (slot + 1) & mask;
                }
                self.slots[slot] = index;
            }
        }
        Ok(index)
    }
}
