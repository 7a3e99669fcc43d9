//! The colours of a part of the image, with how many pixels each has: what one thread counts.

use crate::backend::cpu::plan::FewColors;
use crate::backend::cpu::tables::color_table::ColorTable;
use crate::backend::cpu::tables::key::Key;
use crate::backend::cpu::tables::pixel_cache::PixelCache;
use crate::error::Error;
use crate::labels::TileForm;

/// The colours of a part of the image.
#[derive(Debug)]
pub(crate) struct PartColors {
    pub(crate) table: ColorTable,
    /// Pixels by colour index; those at 0 have no colour. A part has less than 2^32 pixels.
    pub(crate) counts: Vec<u32>,
    /// The tiles it has, and how their labels are kept.
    pub(crate) tiles: Vec<(usize, TileForm)>,
    /// Pixels of the tiles that are done.
    seen: usize,
}

/// Why counting stopped.
pub(crate) enum CountStop {
    TooManyColors,
    Error(Error),
}

impl From<Error> for CountStop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// While the first tile is counted the cache is made for so many colours at most: a tile of very many, as of a photo, is
/// mostly given up before a larger one has paid.
const MOST_OF_FIRST_TILE: usize = 1024;

impl PartColors {
    pub(crate) fn new(seed: u64) -> Result<Self, Error> {
        Ok(Self { table: ColorTable::new(seed)?, counts: vec![0], tiles: Vec::new(), seen: 0 })
    }

    /// Its pixels, those without a colour included.
    pub(crate) fn pixels(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }

    /// Those with a colour.
    pub(crate) fn colored(&self) -> u64 {
        self.pixels() - u64::from(self.counts[0])
    }

    /// How many pixels of tiles there were that are done.
    pub(crate) fn seen(&self) -> usize {
        self.seen
    }

    /// Pixels of tiles that are done: so many more.
    pub(crate) fn see(&mut self, pixels: usize) {
        self.seen += pixels;
    }

    /// Stops where there are too many colours for the pixels that have been counted, so many of this tile.
    #[inline(always)]
    pub(crate) fn stop_at_many(&self, few: FewColors, counted: usize) -> Result<(), CountStop> {
        match few.include(self.table.len(), self.seen + counted) {
            true => Ok(()),
            false => Err(CountStop::TooManyColors),
        }
    }

    /// The index of a pixel's colour, 0 where it has no `key`, for a pixel that the cache does not have.
    #[cold]
    #[inline(never)]
    pub(crate) fn look_up<const C: usize>(
        &mut self,
        cache: &mut PixelCache<C>,
        pixel: &[u32; C],
        key: Option<Key>,
    ) -> Result<u16, Error> {
        let index = key.map_or(Ok(0), |key| self.index(key))?;
        let colors = self.table.len();
        cache.fit(if self.seen == 0 { colors.min(MOST_OF_FIRST_TILE) } else { colors })?;
        cache.insert(pixel, index);
        Ok(index as u16) // Too many colours for two bytes are given up soon.
    }

    /// A colour's index; a new colour gets the next one.
    #[inline]
    pub(crate) fn index(&mut self, key: Key) -> Result<u32, Error> {
        let index = self.table.find_or_add(key)?;
        if index as usize == self.counts.len() {
            self.counts.try_reserve(1).map_err(|_| Error::OutOfMemory("counting colours".to_owned()))?;
            self.counts.push(0);
        }
        Ok(index)
    }
}

/// Fails unless all pixels were counted that there are.
pub(crate) fn check_sum(counted: u64, pixels: u64) -> Result<(), Error> {
    if counted == pixels {
        return Ok(());
    }
    Err(Error::Internal(format!(
        "{counted} pixels were counted where there are {pixels}; they may have changed during the call"
    )))
}
