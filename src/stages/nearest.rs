//! Which mask each colour belongs to where colours of masks attract others.

use crate::error::Error;
use crate::input::pixels::Encoding;
use crate::runtime::alloc::{room, try_collect};
use crate::runtime::call;
use crate::runtime::threads::Threads;
use crate::stages::color_grid::ColorGrid;
use crate::types::palette::ColorCount;

/// How far a colour is from another: of their channels' differences, in the units of the image. Distances are computed with
/// 64-bit floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The root of the sum of the squares, `sqrt((a² + b²) + (c² + d²))`, of which each step is rounded.
    #[default]
    Euclidean,
    /// The largest.
    Chebyshev,
}

/// Colours without a mask of their own join the mask of the nearest colour that has one; of several the first
/// mask's. Distances are equal where the 64-bit floats are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Nearest {
    /// What "near" means.
    pub metric: Metric,
    /// How far that colour may be, at least 0; infinity: any distance.
    pub tolerance: f64,
}

impl Nearest {
    /// The distance, or its square, which is found sooner.
    #[inline(always)]
    fn measure(self, a: &[f64; 4], b: &[f64; 4]) -> f64 {
        let differences: [f64; 4] = std::array::from_fn(|channel| {
            // Infinities are as far from themselves as other values.
            if a[channel] == b[channel] { 0.0 } else { (a[channel] - b[channel]).abs() }
        });
        match self.metric {
            Metric::Euclidean => {
                let [a, b, c, d] = differences.map(|difference| difference * difference);
                (a + b) + (c + d)
            }
            Metric::Chebyshev => differences.into_iter().fold(0.0, f64::max),
        }
    }

    /// The distance that was measured. Different squares may have the same root.
    #[inline(always)]
    fn distance(self, measure: f64) -> f64 {
        match self.metric {
            Metric::Euclidean => measure.sqrt(),
            Metric::Chebyshev => measure,
        }
    }

    /// What is measured of no distance up to this one is more.
    #[inline(always)]
    fn most(self, distance: f64) -> f64 {
        match self.metric {
            // Some more than what rounding makes of squares whose root is the distance.
            Metric::Euclidean => distance * distance * (1.0 + 8.0 * f64::EPSILON),
            Metric::Chebyshev => distance,
        }
    }

    /// Whether two colours are near enough.
    #[inline]
    pub(crate) fn reaches(self, a: &[f64; 4], b: &[f64; 4]) -> bool {
        let measure = self.measure(a, b);
        measure <= self.most(self.tolerance) && self.distance(measure) <= self.tolerance
    }
}

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
    let mut points: Vec<[f64; 4]> = room(palette.len())?;
    points.extend(palette.iter().map(values));
    let mut grid = None;
    if points.len() > FEW && nearest.tolerance.is_finite() {
        let grid = grid.insert(ColorGrid::new(nearest.tolerance, encoding.channels()));
        points.iter().try_for_each(|&point| grid.add(point))?;
    }
    let mut assigned = room(colors.len())?;
    assigned.resize(colors.len(), NONE);
    let most = nearest.most(nearest.tolerance);
    let parts = try_collect(colors.chunks(PART).zip(assigned.chunks_mut(PART)))?;
    let stop = call::stop();
    threads.for_each(parts, |(colors, assigned): (&[ColorCount], &mut [u32])| {
        for (entry, assigned) in colors.iter().zip(assigned) {
            call::pulse();
            if stop.is_set() {
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
