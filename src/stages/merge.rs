//! Rare colours that are another's near-duplicates, as compression and resampling leave them, become that colour.
//!
//! **Problem.** Each colour with few pixels becomes the most frequent colour that stays within a distance of it, if there
//! is one.
//!
//! ```text
//! for each colour, the most frequent first, equal counts by colour:
//!     if it has few enough pixels, and a colour that stays is within the distance:
//!         it becomes the first of those in this order
//!     else it stays: add it to the grid
//! ```
//!
//! **Why it is exact.** A colour can only become one that comes before it in the order of masks, and those are decided
//! already; what stays never changes. So no chain of colours grows, and the result depends on counts and colours alone.
//!
//! **Cost.** Sorting, and for each colour the ones that stay in the cells around it.
//!
//! **Prior art.** Leader clustering (Hartigan: *Clustering Algorithms*, Wiley, 1975), with frequency as the order.

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_with_capacity};
use crate::runtime::call;
use crate::stages::color_grid::ColorGrid;
use crate::stages::select::order;
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
    pub(crate) fn new(colors: &mut [ColorCount], encoding: Encoding, merge: Merge) -> Result<Self, Error> {
        let into = decide(colors, encoding, merge)?;
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
        positions.sort_unstable_by(|a, b| order(&colors[a.0 as usize], &colors[b.0 as usize]));
        positions.truncate(most as usize);
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

/// For each colour the position of the one that it becomes, or its own.
fn decide(colors: &[ColorCount], encoding: Encoding, merge: Merge) -> Result<Vec<u32>, Error> {
    let mut into = try_with_capacity(colors.len())?;
    into.extend(0..colors.len() as u32); // a list of colours is bounded by a u32
    if merge.tolerance == 0.0 {
        return Ok(into); // the colours are all different
    }
    let mut ranked = try_with_capacity(colors.len())?;
    ranked.extend(0..colors.len() as u32);
    ranked.sort_unstable_by(|&a, &b| order(&colors[a as usize], &colors[b as usize]));
    let near = Nearest { metric: merge.metric, tolerance: merge.tolerance };
    // Those that stay what they are, in the order of masks.
    let mut grid = ColorGrid::new(merge.tolerance, encoding.channels());
    let mut staying: Vec<u32> = Vec::new();
    for position in ranked {
        call::tick();
        call::check()?;
        let entry = &colors[position as usize];
        let values = encoding.values(&entry.color).map(f64::from);
        let mut first = u32::MAX;
        if entry.pixels <= merge.most_pixels() {
            grid.near(&values, |number, other| {
                if number < first && near.reaches(&values, other) {
                    first = number;
                }
            });
        }
        match staying.get(first as usize) {
            Some(&other) => into[position as usize] = other,
            None => {
                grid.add(values)?;
                staying.try_reserve(1).map_err(|_| no_memory::<u32>(staying.len() + 1))?;
                staying.push(position);
            }
        }
    }
    Ok(into)
}
