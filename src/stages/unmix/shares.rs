//! How a colour is shared out to a few masks: least squares over the simplex of their colours, all of whose faces are tried.

/// Masks that share a pixel, at most.
pub(super) const MOST_MASKS: usize = 4;

/// Shares are multiples of one part in so many.
pub(super) const PARTS: u32 = 1 << 16;

/// A mask's part of a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) mask: u32,
    /// Of `PARTS`.
    pub(super) parts: u32,
}

pub(super) type Shares = [Share; MOST_MASKS];

/// A colour's values.
pub(super) type Point = [f64; 4];

/// The value of a float, also where subnormal ones are taken for zero in float arithmetic.
pub(super) fn exact(value: f32) -> f64 {
    let bits = value.to_bits();
    if bits & 0x7f80_0000 != 0 {
        return value.into();
    }
    let size = f64::from(bits & 0x7f_ffff) / (1u64 << 63) as f64 / (1u64 << 63) as f64 / (1u64 << 23) as f64;
    if bits >> 31 == 1 { -size } else { size }
}

/// Which of a few masks' colours are mixed, as bits: few before many.
const SUBSETS: [u8; 15] = [1, 2, 4, 8, 3, 5, 6, 9, 10, 12, 7, 11, 13, 14, 15];

/// What is less than this part of what it is the difference of is rounding.
const ROUNDING: f64 = 1e-10;

/// How a colour is shared out to a few masks; `None` where there is none, or one's colour is infinite.
pub(super) fn shares(masks: &[u32], point: &Point, points: &[Option<Point>]) -> Option<Shares> {
    let mut colors = [[0.0; 4]; MOST_MASKS];
    for (color, &mask) in colors.iter_mut().zip(masks) {
        *color = points[mask as usize]?;
    }
    if masks.is_empty() {
        return None;
    }
    let weights = weights(&colors[..masks.len()], point);
    let mut shares = Shares::default();
    let mut rest = PARTS;
    let mut largest = 0;
    for (index, ((share, &weight), &mask)) in shares.iter_mut().zip(&weights).zip(masks).enumerate() {
        // Lossless: a weight is 0 to 1.
        let parts = ((weight * f64::from(PARTS) + 0.5) as u32).min(rest);
        *share = Share { mask, parts };
        rest -= parts;
        if weight > weights[largest] {
            largest = index;
        }
    }
    shares[largest].parts += rest;
    Some(shares)
}

/// How much of each colour makes the mix that is nearest to `point`: at least 0, together 1.
///
/// The mix is the foot of the perpendicular on the plane through some of the colours: through those that have a part in
/// it. So all choices are tried; where several are as near, the first.
fn weights(colors: &[Point], point: &Point) -> [f64; MOST_MASKS] {
    let mut best = [0.0; MOST_MASKS];
    let mut least = f64::INFINITY;
    let scale = colors.iter().map(|color| squared(color, point)).fold(0.0, f64::max);
    for subset in SUBSETS {
        if subset >> colors.len() != 0 || least == 0.0 {
            continue;
        }
        let Some(weights) = foot(colors, point, subset) else { continue };
        let mut mix = [0.0; 4];
        for (color, weight) in colors.iter().zip(weights) {
            for (mix, value) in mix.iter_mut().zip(color) {
                *mix += weight * value;
            }
        }
        let distance = squared(&mix, point);
        if distance < least - ROUNDING * ROUNDING * scale || least == f64::INFINITY {
            (least, best) = (distance, weights);
        }
    }
    best
}

fn squared(a: &Point, b: &Point) -> f64 {
    let difference: Point = std::array::from_fn(|channel| a[channel] - b[channel]);
    dot(&difference, &difference)
}

fn dot(a: &Point, b: &Point) -> f64 {
    (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3])
}

/// The weights, together 1, of the point nearest to `point` in the plane through a subset of the colours; `None` where
/// one is below 0, or fewer colours span the same plane.
fn foot(colors: &[Point], point: &Point, subset: u8) -> Option<[f64; MOST_MASKS]> {
    let mut weights = [0.0; MOST_MASKS];
    let first = subset.trailing_zeros() as usize;
    let minus_first = |other: &Point| -> Point { std::array::from_fn(|i| other[i] - colors[first][i]) };
    let (mut sides, mut places, mut count) = ([[0.0; 4]; 3], [0; 3], 0);
    for (place, color) in colors.iter().enumerate().skip(first + 1) {
        if subset >> place & 1 == 1 {
            (sides[count], places[count]) = (minus_first(color), place);
            count += 1;
        }
    }
    // The normal equations, by Cholesky's method without roots.
    let target = minus_first(point);
    let (mut lower, mut pivots, mut values) = ([[0.0; 3]; 3], [0.0; 3], [0.0; 3]);
    for row in 0..count {
        let (mut value, mut pivot) = (dot(&sides[row], &target), dot(&sides[row], &sides[row]));
        let length = pivot;
        for column in 0..row {
            let mut entry = dot(&sides[row], &sides[column]);
            for before in 0..column {
                entry -= lower[row][before] * lower[column][before] * pivots[before];
            }
            lower[row][column] = entry / pivots[column];
            value -= lower[row][column] * values[column];
            pivot -= lower[row][column] * lower[row][column] * pivots[column];
        }
        if pivot <= ROUNDING * length {
            return None;
        }
        (pivots[row], values[row]) = (pivot, value);
    }
    let mut rest = 1.0;
    for row in (0..count).rev() {
        let mut weight = values[row] / pivots[row];
        for after in row + 1..count {
            weight -= lower[after][row] * weights[places[after]];
        }
        weights[places[row]] = weight;
        rest -= weight;
    }
    weights[first] = rest;
    weights.iter().all(|&weight| weight >= 0.0).then_some(weights)
}
