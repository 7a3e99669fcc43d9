//! Rare colours that are another's near-duplicates, as compression and resampling leave them, become that colour.
//!
//! **Problem.** Each colour with few pixels becomes the most frequent colour that stays within a distance of it, if there
//! is one.
//!
//! ```text
//! sort the colours, the most frequent first, equal counts by colour
//! those with too many pixels stay: put them into a k-d tree; each other colour within the distance of one becomes the
//!     first of those, on all threads
//! for each batch of the rest, in order:
//!     on all threads: for each colour, the first of those that stay already and are within the distance
//!     for each colour for which there is none, in order: the first within the distance of those that came to stay in
//!         this batch, or else it stays: add it to the grid
//! ```
//!
//! **Why it is exact.** A colour can only become one that comes before it in the order of masks, and those are decided
//! already; what stays never changes. So no chain of colours grows, and the result depends on counts and colours alone. What
//! stayed before a batch comes before all that stays in it, so that the first of it is the first of all. Colours with too
//! many pixels come first in the order.
//!
//! **Cost.** Sorting; for each colour the ones that stay in the cells around it, of which there are a bounded number, since
//! they are farther than the distance from each other; and for a tree of m colours O(m^(1 - 1/channels)) at most.
//!
//! **Prior art.** Leader clustering (Hartigan: *Clustering Algorithms*, Wiley, 1975), with frequency as the order.

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::{try_collect, try_push, try_with_capacity};
use crate::runtime::threads::Threads;
use crate::stages::color_grid::ColorGrid;
use crate::stages::color_tree::ColorTree;
use crate::stages::nearest::{NONE, for_each};
use crate::stages::select::order;
use crate::stages::sort::sorted;
use crate::types::encoding::Encoding;
use crate::types::matching::{Merge, Nearest};
use crate::types::outputs::{MergedColor, MergedColors};
use crate::types::palette::ColorCount;

/// What the colours of a list become.
#[derive(Debug)]
pub(crate) struct Merging {
    /// For each colour the position of the one that it becomes, or its own.
    into: Vec<u32>,
}

impl Merging {
    /// Decides what the colours become, and gives those that stay the others' pixels. Those that do not stay have none
    /// then.
    pub(crate) fn new(
        colors: &mut [ColorCount],
        encoding: Encoding,
        merge: Merge,
        threads: &Threads,
    ) -> Result<Self, Error> {
        let into = decide(colors, encoding, merge, threads)?;
        for (position, &other) in into.iter().enumerate() {
            if other as usize != position {
                colors[other as usize].pixels += std::mem::take(&mut colors[position].pixels);
            }
        }
        Ok(Self { into })
    }

    /// Gives each colour the mask of what it becomes.
    pub(crate) fn apply(&self, masks: &mut [u32]) {
        for (position, &other) in self.into.iter().enumerate() {
            masks[position] = masks[other as usize]; // what stays has its own already
        }
    }

    /// What a caller is told: `colors` are those of the list with their pixels, `most` of which are wanted.
    pub(crate) fn report(
        &self,
        colors: &[ColorCount],
        most: u32,
        reported: impl Fn(&Color) -> Result<Color, Error>,
    ) -> Result<MergedColors, Error> {
        let moved = || (0..).zip(&self.into).filter(|&(position, &other)| position != other);
        let count = moved().count();
        let mut report = MergedColors { colors: count as u64, ..MergedColors::default() };
        let mut positions: Vec<(u32, u32)> = try_with_capacity(count)?;
        positions.extend(moved().map(|(position, &other)| (position, other)));
        report.pixels = positions.iter().map(|&(position, _)| colors[position as usize].pixels).sum();
        let by_mask = |a: &(u32, u32), b: &(u32, u32)| order(&colors[a.0 as usize], &colors[b.0 as usize]);
        if positions.len() > most as usize {
            positions.select_nth_unstable_by(most as usize, by_mask);
            positions.truncate(most as usize);
        }
        positions.sort_unstable_by(by_mask);
        report.most_frequent = try_with_capacity(positions.len())?;
        for (position, other) in positions {
            let ColorCount { color, pixels } = colors[position as usize];
            let into = reported(&colors[other as usize].color)?;
            report.most_frequent.push(MergedColor { color: reported(&color)?, pixels, into });
        }
        Ok(report)
    }
}

/// `all` with the pixels that their colours have in `counted`, or none.
pub(crate) fn with_all(mut counted: Vec<ColorCount>, all: &[ColorCount]) -> Result<Vec<ColorCount>, Error> {
    counted.sort_unstable_by_key(|entry| entry.color);
    let mut colors = try_with_capacity(all.len())?;
    colors.extend(all.iter().map(|&ColorCount { color, .. }| {
        let found = counted.binary_search_by(|entry| entry.color.cmp(&color));
        ColorCount { color, pixels: found.map_or(0, |at| counted[at].pixels) }
    }));
    Ok(colors)
}

/// Colours that are looked for on all threads before any of them is added.
const BATCH: usize = 1 << 14;

/// For each colour the position of the one that it becomes, or its own.
fn decide(
    colors: &[ColorCount],
    encoding: Encoding,
    merge: Merge,
    threads: &Threads,
) -> Result<Vec<u32>, Error> {
    // A list of colours is bounded by a u32.
    let mut into = try_collect(0..colors.len() as u32)?;
    if merge.tolerance == 0.0 {
        return Ok(into); // the colours are all different
    }
    let near = Nearest { metric: merge.metric, tolerance: merge.tolerance };
    let ranked = ranked(colors, threads)?;
    let staying = ranked.partition_point(|entry| entry.pixels() > merge.most_pixels());
    let (staying, others) = ranked.split_at(staying);
    let values = |entry: &Ranked| encoding.values(&entry.color);
    let mut rest: Vec<Ranked> = try_with_capacity(others.len())?;
    if staying.is_empty() {
        rest.extend_from_slice(others);
    } else {
        let tree = ColorTree::new(staying.iter().map(values), threads)?;
        let found = for_each(others, threads, |entry| tree.first(&values(entry).map(f64::from), near))?;
        for (entry, first) in others.iter().zip(found) {
            match staying.get(first as usize) {
                Some(other) => into[entry.position as usize] = other.position,
                None => rest.push(*entry), // there is room
            }
        }
    }
    lead(&rest, encoding, near, threads, &mut into)?;
    Ok(into)
}

/// A colour in the order of masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    /// The more pixels, the less.
    fewer: u64,
    color: Color,
    position: u32,
}

impl Ranked {
    fn pixels(&self) -> u64 {
        u64::MAX - self.fewer
    }
}

/// The colours in the order of masks.
fn ranked(colors: &[ColorCount], threads: &Threads) -> Result<Vec<Ranked>, Error> {
    let ranked = colors.iter().zip(0..).map(|(&ColorCount { color, pixels }, position)| Ranked {
        fewer: u64::MAX - pixels,
        color,
        position,
    });
    sorted(try_collect(ranked)?, threads)
}

/// Makes each of the colours, in order, the first before it that is near and stays.
fn lead(
    colors: &[Ranked],
    encoding: Encoding,
    near: Nearest,
    threads: &Threads,
    into: &mut [u32],
) -> Result<(), Error> {
    let values = |entry: &Ranked| encoding.values(&entry.color).map(f64::from);
    let mut grid = ColorGrid::new(near.tolerance, encoding.channels(), colors.iter().map(values))?;
    // Those that stay what they are, in the order of masks.
    let mut staying: Vec<u32> = Vec::new();
    for batch in colors.chunks(BATCH) {
        let found = for_each(batch, threads, |entry| grid.first(&values(entry), near, 0))?;
        let before = grid.len() as u32;
        for (entry, mut first) in batch.iter().zip(found) {
            let values = values(entry);
            if first == NONE {
                first = grid.first(&values, near, before);
            }
            match staying.get(first as usize) {
                Some(&other) => into[entry.position as usize] = other,
                None => {
                    grid.add(values)?;
                    try_push(&mut staying, entry.position)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::image::Format;
    use crate::types::matching::{Matching, Metric};

    /// What the colours become, one after the other.
    fn oracle(colors: &[ColorCount], encoding: Encoding, merge: Merge) -> Vec<u32> {
        let mut ranked: Vec<u32> = (0..colors.len() as u32).collect();
        ranked.sort_by(|&a, &b| order(&colors[a as usize], &colors[b as usize]));
        let near = Nearest { metric: merge.metric, tolerance: merge.tolerance };
        let values = |at: u32| encoding.values(&colors[at as usize].color).map(f64::from);
        let (mut into, mut staying) = ((0..colors.len() as u32).collect::<Vec<_>>(), Vec::new());
        for at in ranked {
            let own = values(at);
            let may_go = colors[at as usize].pixels <= merge.most_pixels();
            match staying.iter().find(|(_, other)| may_go && near.reaches(&own, other)) {
                Some(&(other, _)) => into[at as usize] = other,
                None => staying.push((at, own)),
            }
        }
        into
    }

    /// More than a batch of them, and more than one tree has.
    #[test]
    fn many_colors_become_what_they_become_one_by_one() {
        let threads = Threads::new(2).unwrap();
        let encoding = Encoding::new(Format::U8, Matching::Exact, 3);
        for (colors, side, pixels) in [(40_000, 64, 3), (40_000, 250, 40), (90_000, 60, 2)] {
            // All different: 7919 is prime to the number of colours there can be.
            let color = |number: u64| {
                let place = number * 7919 % (side * side * side);
                let [r, g, b] = [place / side / side, place / side % side, place % side];
                let color = Color::from_canonical_bits([(r << 16 | g << 8 | b) as u32, 0, 0, 0]);
                ColorCount { color, pixels: 1 + number * number % 101 % pixels }
            };
            let colors: Vec<ColorCount> = (0..colors).map(color).collect();
            for (metric, tolerance, most_pixels) in [
                (Metric::Euclidean, 12.0, 0),
                (Metric::Euclidean, 3.0, 1),
                (Metric::Chebyshev, 2.0, 2),
                (Metric::Chebyshev, 30.0, 1),
            ] {
                let merge = Merge { metric, tolerance, most_pixels };
                let found = decide(&colors, encoding, merge, &threads).unwrap();
                assert!(found == oracle(&colors, encoding, merge), "{} colours, {merge:?}", colors.len());
            }
        }
    }
}
