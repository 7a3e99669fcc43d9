//! Stage count: how many pixels each exact colour has, one table per thread.

use rayon::prelude::*;

use super::{for_runs, key};
use crate::error::Error;
use crate::tally::Tally;
use crate::threads::Threads;

/// One tally per thread, together those of the whole image.
pub(super) fn count<const C: usize>(pixels: &[[u32; C]], threads: &Threads) -> Result<Vec<Tally<C>>, Error> {
    let part = pixels.len().div_ceil(threads.count()).max(1);
    threads.run(|| pixels.par_chunks(part).map(count_part).collect())
}

fn count_part<const C: usize>(pixels: &[[u32; C]]) -> Result<Tally<C>, Error> {
    let mut tally = Tally::default();
    for_runs(pixels, |pixel, length| match key(pixel) {
        Some(key) => tally.add(key, length as u64),
        None => Ok(()),
    })?;
    Ok(tally)
}
