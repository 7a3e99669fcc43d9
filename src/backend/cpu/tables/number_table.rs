//! The labels of very many colours that are numbers of 24 bits.
//!
//! **Problem.** All colours of a photo are labelled, a million of them. A hash table of so many is larger than the caches, and
//! each pixel waits for one of its slots and for one of its keys.
//!
//! ```text
//! page of a number = its upper 14 bits; pages that have colours are numbered from 1 on, others are page 0
//! labels = 1,024 for each page, 0 where there is no colour
//! label of a number = labels[page of the number, lower 10 bits]
//! ```
//!
//! **Exact.** There is a place for each number: nothing is compared.
//!
//! **Cost.** Two reads a pixel that wait for no other pixel's, the first one in 32 KiB. A photo's colours are similar, so that
//! they share pages: 4 KiB of memory for a page, up to 64 MiB. Colours that have most pages for themselves are left to the hash
//! table, which takes less then.
//!
//! **Prior art.** Page tables of two levels.

use crate::backend::cpu::pixels::tiles::Tiles;
use crate::error::Error;
use crate::runtime::alloc::try_zeroed;
use crate::types::encoding::WORD_BITS;
use crate::types::palette::ColorCount;

/// Bits of a number that are its place in its page.
const PLACE_BITS: u32 = 10;
const PLACES: usize = 1 << PLACE_BITS;
const PAGES: usize = 1 << (WORD_BITS - PLACE_BITS);

/// With fewer colours a hash table fits the caches.
const LEAST_COLORS: usize = 1 << 14;

/// What a colour may take on average: lists of colours are as long as a memory limit has room for so much.
const MOST_BYTES_PER_COLOR: usize = 96;

/// From numbers of 24 bits to labels.
#[derive(Debug)]
pub(crate) struct NumberTable {
    /// The page of each number's upper bits, and page 0 for what is no number of 24 bits.
    pages: Vec<u16>,
    labels: Vec<u32>,
}

impl NumberTable {
    /// A table of colours, each of which has its position plus one as label; `None` where a hash table is better.
    pub(crate) fn new<const C: usize>(
        pixels: Tiles<C>,
        palette: &[ColorCount],
    ) -> Result<Option<Self>, Error> {
        if palette.len() < LEAST_COLORS || !pixels.are_24_bits() {
            return Ok(None);
        }
        let number = |entry: &ColorCount| entry.color.words()[0];
        let mut pages = try_zeroed::<u16>(PAGES + 1)?;
        // Given colours that no pixel can have are larger numbers, too.
        let is_number = |entry: &&ColorCount| number(entry) >> WORD_BITS == 0;
        palette.iter().filter(is_number).for_each(|entry| pages[page(number(entry))] = 1);
        let mut count = 1;
        for page in pages.iter_mut().filter(|page| **page != 0) {
            *page = count;
            count += 1;
        }
        let places = usize::from(count) * PLACES;
        if places * size_of::<u32>() > palette.len() * MOST_BYTES_PER_COLOR {
            return Ok(None);
        }
        let mut table = Self { pages, labels: try_zeroed(places)? };
        for (entry, label) in palette.iter().zip(1..).filter(|(entry, _)| is_number(entry)) {
            let place = table.place(number(entry));
            // As in a hash table, the first one counts.
            if table.labels[place] == 0 {
                table.labels[place] = label;
            }
        }
        Ok(Some(table))
    }

    #[inline(always)]
    fn place(&self, number: u32) -> usize {
        usize::from(self.pages[page(number)]) * PLACES + number as usize % PLACES
    }

    /// The label of a number, 0 where it has none or is none.
    #[inline(always)]
    pub(crate) fn label(&self, number: u32) -> u32 {
        self.labels[self.place(number)]
    }
}

/// The upper bits of a number; the last page is that of what is no number of 24 bits.
#[inline(always)]
fn page(number: u32) -> usize {
    ((number >> PLACE_BITS) as usize).min(PAGES)
}
