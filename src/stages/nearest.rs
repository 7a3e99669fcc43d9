//! Which mask each colour belongs to where colours of masks attract others.
//!
//! **Problem.** For each of n colours the nearest of m palette colours within a distance, of equally near ones the first.
//!
//! ```text
//! without a distance: put the palette into a hash table
//! else: put it into a k-d tree (color_tree.rs)
//! for each colour, on all threads: look it up
//! ```
//!
//! **Why it is exact.** Different colours have different values, so that nothing but the colour itself is at no distance.
//! Distances are compared as the rounded 64-bit floats that the interface promises, not as their squares: two squares can
//! differ whose roots are equal.
//!
//! **Cost.** O(m log m + n log m) expected; see there.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_collect, try_with_capacity};
use crate::runtime::call;
use crate::runtime::threads::Threads;
use crate::stages::color_tree::{self, ColorTree};
use crate::types::encoding::Encoding;
use crate::types::matching::Nearest;
use crate::types::palette::ColorCount;

/// No mask.
pub(crate) const NONE: u32 = color_tree::NONE;

/// For each colour the position of the nearest colour of the palette, or `NONE` where that is too far.
pub(crate) fn assign(
    colors: &[ColorCount],
    palette: &[ColorCount],
    encoding: Encoding,
    nearest: Nearest,
    threads: &Threads,
) -> Result<Vec<u32>, Error> {
    if nearest.tolerance == 0.0 {
        let mut masks: HashMap<Color, u32, RandomState> = HashMap::default();
        masks.try_reserve(palette.len()).map_err(|_| no_memory::<(Color, u32)>(palette.len()))?;
        masks.extend(palette.iter().map(|entry| entry.color).zip(0..));
        return for_each(colors, threads, |entry| masks.get(&entry.color).copied().unwrap_or(NONE));
    }
    let tree = ColorTree::new(palette.iter().map(|entry| encoding.values(&entry.color)), threads)?;
    for_each(colors, threads, |entry| tree.nearest(&encoding.values(&entry.color).map(f64::from), nearest))
}

/// What is found for each colour, on all threads.
pub(super) fn for_each<T: Sync>(
    colors: &[T],
    threads: &Threads,
    find: impl Fn(&T) -> u32 + Sync,
) -> Result<Vec<u32>, Error> {
    /// Colours that a thread takes at a time.
    const PART: usize = 1024;
    /// Searches after which the call may have been stopped.
    const SOME: usize = 64;
    let mut all = try_with_capacity(colors.len())?;
    all.resize(colors.len(), NONE);
    let parts = try_collect(colors.chunks(PART).zip(all.chunks_mut(PART)))?;
    let token = call::cancel_token();
    threads.for_each(parts, |(colors, found): (&[T], &mut [u32])| {
        for (colors, found) in colors.chunks(SOME).zip(found.chunks_mut(SOME)) {
            call::tick();
            if token.is_cancelled() {
                return;
            }
            for (color, found) in colors.iter().zip(found) {
                *found = find(color);
            }
        }
    })?;
    Ok(all)
}
