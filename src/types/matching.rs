//! Which colours count as the same, and which pixels belong together.

use std::fmt;

/// What alpha, the last of two or four channels, means.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Alpha {
    /// It is part of the colour.
    #[default]
    Color,
    /// It is ignored.
    Ignored,
    /// Pixels whose alpha is less than this value, in the units of the image, or NaN, have no colour; the others'
    /// is ignored.
    AtLeast(f32),
}

/// As messages have it: `color`, `ignored`, `at least 0.5`.
impl fmt::Display for Alpha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Color => f.pad("color"),
            Self::Ignored => f.pad("ignored"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

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

/// As messages have it: `euclidean`, `chebyshev`.
impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Euclidean => "euclidean",
            Self::Chebyshev => "chebyshev",
        })
    }
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

/// As messages have it: `euclidean, at most 20 away`.
impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at most {} away", self.metric, self.tolerance)
    }
}

impl Nearest {
    /// The distance, or its square, which is found sooner.
    #[inline(always)]
    pub(crate) fn measure(self, a: &[f64; 4], b: &[f64; 4]) -> f64 {
        let differences: [f64; 4] = std::array::from_fn(|channel| {
            // Infinities are as far from themselves as other values.
            if a[channel] == b[channel] { 0.0 } else { a[channel] - b[channel] }
        });
        match self.metric {
            Metric::Euclidean => {
                let [a, b, c, d] = differences.map(|difference| difference * difference);
                (a + b) + (c + d)
            }
            Metric::Chebyshev => differences.into_iter().map(f64::abs).fold(0.0, f64::max),
        }
    }

    /// The distance that was measured. Different squares may have the same root.
    #[inline(always)]
    pub(crate) fn distance(self, measure: f64) -> f64 {
        match self.metric {
            Metric::Euclidean => measure.sqrt(),
            Metric::Chebyshev => measure,
        }
    }

    /// What is measured of no distance up to this one is more.
    #[inline(always)]
    pub(crate) fn most(self, distance: f64) -> f64 {
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

/// Near-duplicates of more frequent colours become those colours, before any is selected.
///
/// The colours are gone through in the order of masks: the most frequent one first, equal counts by colour. Each becomes
/// the first one that is near enough and did not become another's itself, or else stays what it is. So a colour moves
/// once at most, and never farther than the tolerance. Distances, which are 64-bit floats, are compared with the tolerance, not
/// their squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Merge {
    /// What "near" means.
    pub metric: Metric,
    /// How far the other colour may be, at least 0.
    pub tolerance: f64,
    /// Colours with more pixels than this stay what they are; 0: there is no such bound.
    pub most_pixels: u64,
}

/// As messages have it: `chebyshev, at most 5 away`, and `, colours of at most 9 pixels` where there is such a bound.
impl fmt::Display for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at most {} away", self.metric, self.tolerance)?;
        match self.most_pixels {
            0 => Ok(()),
            most => write!(f, ", colours of at most {most} pixels"),
        }
    }
}

impl Merge {
    pub(crate) fn most_pixels(self) -> u64 {
        if self.most_pixels == 0 { u64::MAX } else { self.most_pixels }
    }
}

/// Which pixels are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connectivity {
    /// Those that share a side.
    Four,
    /// Those that share a side or a corner.
    Eight,
}

/// As messages have it: `4`, `8`.
impl fmt::Display for Connectivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Four => "4",
            Self::Eight => "8",
        })
    }
}

/// Small regions that go to the masks around them, and holes that are filled: specks of noise. The default is none.
///
/// Regions are connected pixels of one mask, or of none. A region is small that has fewer pixels than is said here. It gets
/// the mask with which it has the most sides of pixels in common, of equal ones the first mask. Only borders with regions that
/// are not small count, and with small ones that were given away in an earlier round: in the first round all small regions
/// beside one that is not small are given away, then those beside them, until none is left to which a mask can come. A small
/// region stays what it is where nothing but small regions and pixels without a mask can be reached from it.
///
/// Then holes are filled, those of the first mask first. A hole is a region of pixels that are not of a mask, of whatever masks
/// they are, that does not touch the border of its image. Pixels of a hole are connected by sides where those of regions are by
/// sides or corners, and the other way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Absorb {
    /// Regions of a mask with fewer pixels than this go to other masks. 0 and 1: none does.
    pub pixels: u64,
    /// Regions of pixels without a mask with fewer pixels than this go to masks, for whatever reason they have none: their
    /// colour is rare, ignored or unlisted, or they have no colour. 0 and 1: none does; `u64::MAX`: all do.
    pub unmasked: u64,
    /// Holes in masks of at most so many pixels are filled with the mask. 0: none is.
    pub holes: u64,
    /// Which pixels are connected; `None`: as [`Params::connected`](crate::Params::connected) says, by sides where that is
    /// `None`.
    pub connectivity: Option<Connectivity>,
}

/// What makes two pixels' colours the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Matching {
    /// All values are equal.
    #[default]
    Exact,
    /// All values are equal once they are rounded to 8 bits: floats are clamped to 0 to 1, multiplied by 255 and
    /// rounded, ties to even; integers of 16 bits are divided by 257 and rounded. A pixel with a NaN has no
    /// colour.
    EightBit,
}

/// As messages have it: `exact`, `8-bit`.
impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exact => "exact",
            Self::EightBit => "8-bit",
        })
    }
}
