//! The hash table in which the stage label looks up colours. `shaders/label.comp` reads it.

use std::ops::Range;

use crate::error::Error;
use crate::runtime::alloc::try_zeroed;
use crate::runtime::seeds::Seeds;
use crate::stages::group::Masked;

/// A hash table with open addressing, at least half of it free.
#[derive(Debug)]
pub(crate) struct PaletteTable {
    /// Per slot a label, 0 where the slot is free, and the colour's words.
    pub(crate) words: Vec<u32>,
    /// Slots − 1; their number is a power of two.
    pub(crate) slot_mask: u32,
    pub(crate) seed: u32,
    /// Each colour is found within so many probes.
    pub(crate) max_probes: u32,
}

/// A table in which a search can take longer is made again with another seed, a few times.
pub(crate) const GOOD_PROBES: u32 = 64;
const SEEDS_TRIED: usize = 4;

impl PaletteTable {
    /// The table of a part of `palette`.
    pub(crate) fn new(
        palette: &Masked,
        part: &Range<usize>,
        channels: usize,
        seeds: &mut Seeds,
    ) -> Result<Self, Error> {
        let slots = (2 * part.len()).next_power_of_two();
        let words = try_zeroed(slots * (1 + channels))?;
        let mut table = Self { words, slot_mask: (slots - 1) as u32, seed: 0, max_probes: 0 };
        for _ in 0..SEEDS_TRIED {
            table.fill(palette, part, channels, seeds.take() as u32);
            if table.max_probes <= GOOD_PROBES {
                break;
            }
        }
        Ok(table)
    }

    fn fill(&mut self, palette: &Masked, part: &Range<usize>, channels: usize, seed: u32) {
        let stride = 1 + channels;
        self.words.fill(0);
        self.seed = seed;
        self.max_probes = 1;
        for (index, entry) in part.clone().zip(&palette.colors[part.clone()]) {
            let color = &entry.color.words()[..channels];
            let hash = hash(color, seed);
            let (mut slot, mut probes) = (hash & self.slot_mask, 1);
            while self.words[slot as usize * stride] != 0 {
                slot = slot.wrapping_add(probe_step(hash)) & self.slot_mask;
                probes += 1;
            }
            let words = &mut self.words[slot as usize * stride..][..stride];
            words[0] = palette.label(index);
            words[1..].copy_from_slice(color);
            self.max_probes = self.max_probes.max(probes);
        }
    }
}

/// `hash_color` of `shaders/color.glsl`.
pub(crate) fn hash(color: &[u32], seed: u32) -> u32 {
    let mut hash = seed;
    for &bits in color {
        hash = (hash ^ bits).wrapping_mul(0x9e37_79b1);
        hash ^= hash >> 15;
    }
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^ (hash >> 13)
}

/// `probe_step` of `shaders/color.glsl`.
fn probe_step(hash: u32) -> u32 {
    (hash.wrapping_mul(0xc2b2_ae35) >> 16) | 1
}
