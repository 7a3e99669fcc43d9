//! Adds up the pixel counts of an image's chunks, colour by colour.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::try_with_capacity;
use crate::types::palette::ColorCount;

/// Pixel counts by colour.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: HashMap<Color, u64, RandomState>,
}

impl Histogram {
    /// Adds pixels to a colour's count.
    pub(crate) fn add(&mut self, color: Color, pixels: u64) -> Result<(), Error> {
        if let Some(count) = self.counts.get_mut(&color) {
            *count += pixels;
            return Ok(());
        }
        // Grown by hand, since a failure inside `insert` would abort the host.
        if self.counts.len() == self.counts.capacity() {
            let more = self.counts.try_reserve(1);
            more.map_err(|_| Error::OutOfMemory(format!("counting {} colours", self.counts.len() + 1)))?;
        }
        self.counts.insert(color, pixels);
        Ok(())
    }

    /// How many colours there are.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The colours that have at least `min_pixels` pixels, in no particular order.
    pub(crate) fn colors(&self, min_pixels: u64) -> Result<Vec<ColorCount>, Error> {
        let kept = || self.counts.iter().filter(|&(_, &pixels)| pixels >= min_pixels);
        let count = kept().count();
        let mut colors = try_with_capacity(count)?;
        colors.extend(kept().map(|(&color, &pixels)| ColorCount { color, pixels }));
        Ok(colors)
    }
}
