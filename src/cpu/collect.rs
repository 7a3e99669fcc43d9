//! Stage collect: the threads' tables become one list of colours and counts.

use crate::error::Error;
use crate::pipeline::Counts;
use crate::tally::Tally;

/// Merges the tallies and lists the colours that have at least `min_pixels` pixels.
pub(super) fn collect<const C: usize>(mut tallies: Vec<Tally<C>>, min_pixels: u64) -> Result<Counts, Error> {
    // The largest takes in the others, so that the fewest colours move.
    tallies.sort_unstable_by_key(Tally::len);
    let mut all = tallies.pop().unwrap_or_default();
    for tally in tallies {
        all.merge(tally)?;
    }
    Ok(Counts { colors: all.colors(min_pixels)?, distinct: all.len() as u64 })
}
