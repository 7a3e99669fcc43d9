//! A hash table from colours to small numbers, for tables that fit the caches.

use super::key::Key;
use crate::error::Error;

/// Numbers colours 1, 2, 3 … as they are added. Open addressing, at most a quarter full, so that
/// most searches end at the first slot, without a mispredicted branch.
#[derive(Debug)]
pub(crate) struct ColorTable {
    slots: Vec<Slot>,
    len: u32,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: Key,
    /// 0: the slot is free.
    number: u32,
}

const FIRST_SLOTS: usize = 256;

impl ColorTable {
    /// An empty table.
    pub(crate) fn new(seed: u64) -> Result<Self, Error> {
        Ok(Self { slots: slots(FIRST_SLOTS)?, len: 0, seed })
    }

    /// One that has room for so many colours without growing.
    pub(crate) fn with_room_for(colors: usize, seed: u64) -> Result<Self, Error> {
        Ok(Self { slots: slots((4 * colors).next_power_of_two().max(FIRST_SLOTS))?, len: 0, seed })
    }

    /// How many colours it has.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// The number of a colour, or 0 where the table does not have it.
    #[inline(always)]
    pub(crate) fn find(&self, key: Key) -> u32 {
        self.slots[self.slot(key)].number
    }

    /// The number of a colour, which is added if it is new.
    pub(crate) fn find_or_add(&mut self, key: Key) -> Result<u32, Error> {
        let slot = self.slot(key);
        match self.slots[slot].number {
            0 => self.add(slot, key),
            number => Ok(number),
        }
    }

    /// All colours with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, u32)> {
        self.slots.iter().filter(|slot| slot.number != 0).map(|slot| (slot.key, slot.number))
    }

    /// The colour's slot, or the free one where it belongs.
    #[inline(always)]
    fn slot(&self, key: Key) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = key.hash(self.seed) as usize & mask;
        while self.slots[slot].number != 0 && self.slots[slot].key != key {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn add(&mut self, slot: usize, key: Key) -> Result<u32, Error> {
        self.len += 1;
        self.slots[slot] = Slot { key, number: self.len };
        if self.len() * 4 > self.slots.len() {
            let old = std::mem::take(&mut self.slots);
            self.slots = slots(old.len() * 4)?;
            for full in old.into_iter().filter(|slot| slot.number != 0) {
                let slot = self.slot(full.key);
                self.slots[slot] = full;
            }
        }
        Ok(self.len)
    }
}

fn slots(count: usize) -> Result<Vec<Slot>, Error> {
    let mut slots = Vec::new();
    slots.try_reserve_exact(count).map_err(|_| Error::OutOfMemory(format!("a table of {count} colours")))?;
    slots.resize(count, Slot { key: Key::default(), number: 0 });
    Ok(slots)
}
