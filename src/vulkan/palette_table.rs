//! The hash table in which the stage label looks up colours. `shaders/label.comp` reads it.

use crate::error::Error;
use crate::pipeline::ColorCount;

/// A hash table with open addressing, at least half of it free.
#[derive(Debug)]
pub(super) struct PaletteTable {
    /// Per slot a label, 0 where the slot is free, and the colour's words.
    pub(super) words: Vec<u32>,
    /// Slots − 1; their number is a power of two.
    pub(super) slot_mask: u32,
}

impl PaletteTable {
    /// The table of `colors`, the first of which has the label `first_label`.
    pub(super) fn new(colors: &[ColorCount], first_label: u32, channels: usize) -> Result<Self, Error> {
        let slots = (2 * colors.len()).next_power_of_two();
        let stride = 1 + channels;
        let mut words = Vec::new();
        words
            .try_reserve_exact(slots * stride)
            .map_err(|_| Error::OutOfMemory(format!("a table of {} masks", colors.len())))?;
        words.resize(slots * stride, 0);
        for (label, entry) in (first_label..).zip(colors) {
            let color = &entry.color.bits()[..channels];
            let mut slot = hash(color) as usize & (slots - 1);
            while words[slot * stride] != 0 {
                slot = (slot + 1) & (slots - 1);
            }
            words[slot * stride] = label;
            words[slot * stride + 1..][..channels].copy_from_slice(color);
        }
        Ok(Self { words, slot_mask: (slots - 1) as u32 })
    }
}

/// `hash_color` of `shaders/color.glsl`.
fn hash(color: &[u32]) -> u32 {
    let mut hash = 0u32;
    for &bits in color {
        hash = (hash ^ bits).wrapping_mul(0x9e37_79b1);
        hash ^= hash >> 15;
    }
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^ (hash >> 13)
}
