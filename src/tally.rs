//! A table of colours and their pixel counts on the host.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::RawEntryMut;

use crate::error::Error;

/// Pixel counts by colour, for images of `C` channels. Keys are canonical bit patterns.
#[derive(Debug, Default)]
pub(crate) struct Tally<const C: usize> {
    counts: HashMap<[u32; C], u64, FixedState>,
}
