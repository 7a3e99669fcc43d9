//! A table of colours and their pixel counts on the host.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::color::Color;
use crate::error::Error;
use crate::pipeline::ColorCount;

/// Pixel counts by colour, unused channels 0. Keys are canonical bit patterns.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: HashMap<[u32; 4], u64, FixedState>,
}

impl Tally {
    /// Adds pixels to a colour's count.
    pub(crate) fn add(&mut self, key: [u32; 4], pixels: u64) -> Result<(), Error> {
        if let Some(count) = self.counts.get_mut(&key) {
            *count += pixels;
            return Ok(());
        }
        // Grown by hand, since a failure inside `insert` would abort the host.
        if self.counts.len() == self.counts.capacity() {
            self.counts
                .try_reserve(1)
                .map_err(|_| Error::OutOfMemory(format!("counting {} colours", self.counts.len() + 1)))?;
        }
        self.counts.insert(key, pixels);
        Ok(())
    }

    /// How many colours there are.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The colours that have at least `min_pixels` pixels, in no particular order.
    pub(crate) fn colors(&self, min_pixels: u64) -> Result<Vec<ColorCount>, Error> {
        let kept = || self.counts.iter().filter(|&(_, &pixels)| pixels >= min_pixels);
        let mut colors = Vec::new();
        let count = kept().count();
        colors
            .try_reserve_exact(count)
            .map_err(|_| Error::OutOfMemory(format!("listing {count} colours")))?;
        colors
            .extend(kept().filter_map(|(key, &pixels)| {
                Color::from_bits(key).map(|color| ColorCount { color, pixels })
            }));
        Ok(colors)
    }
}
