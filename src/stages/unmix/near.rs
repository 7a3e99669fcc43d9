//! The masks around a pixel, ring by ring.

use super::shares::MOST_MASKS;

/// A few masks.
#[derive(Debug, Default)]
pub(super) struct Near {
    pub(super) masks: [u32; MOST_MASKS],
    pub(super) count: usize,
}

/// The masks of the pixels at a distance.
pub(super) struct Ring<'a> {
    /// Those that are nearer.
    pub(super) near: &'a Near,
    /// How many pixels others have, and which they are: a few.
    pub(super) found: &'a mut Vec<(u32, u32)>,
    /// The label before, and its place in `found` if it is there: most pixels beside each other have the same.
    pub(super) last: Option<(u32, Option<usize>)>,
}

impl Ring<'_> {
    /// Adds a pixel's label, which is that of a mask.
    #[inline]
    pub(super) fn add(&mut self, label: u32) {
        let place = match self.last {
            Some((last, place)) if last == label => place,
            _ => {
                let mask = label - 1;
                let place = (!self.near.masks().contains(&mask)).then(|| {
                    let known = self.found.iter().position(|entry| entry.1 == mask);
                    known.unwrap_or_else(|| {
                        self.found.push((0, mask));
                        self.found.len() - 1
                    })
                });
                self.last = Some((label, place));
                place
            }
        };
        if let Some(place) = place {
            self.found[place].0 += 1;
        }
    }
}

impl Near {
    pub(super) fn masks(&self) -> &[u32] {
        &self.masks[..self.count]
    }
}

/// Puts the masks that have most pixels first. Apart, so that there is one of it for all labels.
pub(super) fn sort_by_pixels(found: &mut [(u32, u32)]) {
    found.sort_unstable_by_key(|&(pixels, mask)| (u32::MAX - pixels, mask));
}
