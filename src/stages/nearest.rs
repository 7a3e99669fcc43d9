//! Which mask each colour belongs to where colours of masks attract others.
//!
//! **Problem.** For each of n colours the nearest of m palette colours within a distance, of equally near ones the first.
//!
//! ```text
//! if m > 128 and the distance is finite: put the palette into a grid with cells as wide as the distance
//! for each colour, on all threads:
//!     for each palette colour in the 3^channels cells around (or each at all), in the palette's order:
//!         keep it if it is nearer than the best so far
//! ```
//!
//! **Why it is exact.** What is within the distance lies in a neighbouring cell, since no channel differs by more than the
//! distance. Distances are compared as the rounded 64-bit floats that the interface promises, not as their squares: two
//! squares can differ whose roots are equal.
//!
//! **Cost.** n times the colours near each; n times m in the worst case, as where all lie in one cell.
//!
//! **Prior art.** The cell method for fixed-radius near neighbours (Bentley, Stanat, Williams: *The Complexity of Finding
//! Fixed-Radius Near Neighbors*, Information Processing Letters 6, 1977).

use crate::error::Error;
use crate::runtime::alloc::{try_collect, try_with_capacity};
use crate::runtime::call;
use crate::runtime::threads::Threads;
use crate::stages::color_grid::ColorGrid;
use crate::types::encoding::Encoding;
use crate::types::matching::Nearest;
use crate::types::palette::ColorCount;

/// No mask.
pub(crate) const NONE: u32 = u32::MAX;

/// For each colour the position of the nearest colour of the palette, or `NONE` where that is too far.
pub(crate) fn assign(
    colors: &[ColorCount],
    palette: &[ColorCount],
    encoding: Encoding,
    nearest: Nearest,
    threads: &Threads,
) -> Result<Vec<u32>, Error> {
    /// Colours that a thread takes at a time.
    const PART: usize = 1024;
    /// So many are looked at one by one faster than cells are looked up.
    const FEW: usize = 128;
    let values = |entry: &ColorCount| encoding.values(&entry.color).map(f64::from);
    let mut points: Vec<[f64; 4]> = try_with_capacity(palette.len())?;
    points.extend(palette.iter().map(values));
    let mut grid = None;
    if points.len() > FEW && nearest.tolerance.is_finite() {
        let grid = grid.insert(ColorGrid::new(nearest.tolerance, encoding.channels()));
        points.iter().try_for_each(|&point| grid.add(point))?;
    }
    let mut assigned = try_with_capacity(colors.len())?;
    assigned.resize(colors.len(), NONE);
    let most = nearest.most(nearest.tolerance);
    let parts = try_collect(colors.chunks(PART).zip(assigned.chunks_mut(PART)))?;
    let token = call::cancel_token();
    threads.for_each(parts, |(colors, assigned): (&[ColorCount], &mut [u32])| {
        for (entry, assigned) in colors.iter().zip(assigned) {
            call::tick();
            if token.is_cancelled() {
                return;
            }
            let values = values(entry);
            let (mut least, mut most) = (nearest.tolerance, most);
            let mut show = |mask: u32, point: &[f64; 4]| {
                let measure = nearest.measure(&values, point);
                if measure > most {
                    return; // no root is needed to see that it is farther away
                }
                let distance = nearest.distance(measure);
                if distance < least || (distance == least && mask < *assigned) {
                    (least, most, *assigned) = (distance, nearest.most(distance), mask);
                }
            };
            match &grid {
                Some(grid) => grid.near(&values, show),
                None => (0..).zip(&points).for_each(|(mask, point)| show(mask, point)),
            }
        }
    })?;
    Ok(assigned)
}
