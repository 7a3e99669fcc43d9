//! What simplified outlines have to be, told by the exact ones and the labels.

use std::collections::{HashMap, HashSet};

use ctm::MaskOutlines;

use super::outlines::Labels;

/// Column and row.
type Point = [u32; 2];
type Edge = [Point; 2];

/// A ring.
struct Ring<'a> {
    slot: usize,
    is_hole: bool,
    exterior: usize,
    points: &'a [Point],
}

/// All rings of outlines.
fn rings(outlines: &MaskOutlines) -> Vec<Ring<'_>> {
    let slots = outlines.mask_offsets.windows(2).enumerate();
    let numbers =
        slots.flat_map(|(slot, ends)| (ends[0] as usize..ends[1] as usize).map(move |ring| (slot, ring)));
    numbers
        .map(|(slot, ring)| {
            let exterior = outlines.ring_exteriors[ring] as usize;
            let ends = outlines.ring_offsets[ring] as usize..outlines.ring_offsets[ring + 1] as usize;
            Ring { slot, is_hole: exterior != ring, exterior, points: &outlines.points[ends] }
        })
        .collect()
}

/// All points of a ring, those in the middle of its edges included.
fn all_points(ring: &[Point]) -> Vec<Point> {
    let mut all = Vec::new();
    for (index, &from) in ring.iter().enumerate() {
        let to = ring[(index + 1) % ring.len()];
        let step = |axis: usize| (i64::from(to[axis]) - i64::from(from[axis])).signum();
        let mut at = from;
        while at != to {
            all.push(at);
            at = [0, 1].map(|axis| (i64::from(at[axis]) + step(axis)) as u32);
        }
    }
    all
}

fn area([from, to]: Edge) -> i64 {
    i64::from(from[0]) * i64::from(to[1]) - i64::from(to[0]) * i64::from(from[1])
}

fn edges(ring: &[Point]) -> impl Iterator<Item = Edge> + '_ {
    (0..ring.len()).map(|index| [ring[index], ring[(index + 1) % ring.len()]])
}

/// How far a point is from an edge.
fn distance(point: Point, [from, to]: Edge) -> f64 {
    let [point, from, to] = [point, from, to].map(|point| point.map(f64::from));
    let [x, y] = [to[0] - from[0], to[1] - from[1]];
    let along = ((point[0] - from[0]) * x + (point[1] - from[1]) * y) / (x * x + y * y);
    let along = along.clamp(0.0, 1.0);
    (point[0] - from[0] - along * x).hypot(point[1] - from[1] - along * y)
}

/// The parts of a ring that simplified edges stand for, if all of its points come in the same order; `None`: they do not.
fn replaced(exact: &[Point], simple: &[Point]) -> Option<Vec<Vec<Point>>> {
    let starts = (0..exact.len()).filter(|&start| exact[start] == simple[0]);
    starts.into_iter().find_map(|start| {
        let mut at = 0;
        let mut parts = Vec::new();
        for edge in edges(simple) {
            let from = at;
            // One full turn at most.
            at = (from + 1..=exact.len()).find(|&step| exact[(start + step) % exact.len()] == edge[1])?;
            parts.push((from..=at).map(|step| exact[(start + step) % exact.len()]).collect());
        }
        (at == exact.len()).then_some(parts)
    })
}

fn cross(a: Point, b: Point, point: Point) -> i64 {
    let [a, b, point] = [a, b, point].map(|point| point.map(i64::from));
    ((b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])).signum()
}

/// Whether two edges have a point in common that is no end of both.
fn cross_each_other([a, b]: Edge, [c, d]: Edge) -> bool {
    let on = |[a, b]: Edge, point: Point| {
        let within = |axis: usize| (a[axis].min(b[axis])..=a[axis].max(b[axis])).contains(&point[axis]);
        cross(a, b, point) == 0 && within(0) && within(1)
    };
    let inner = |edge: Edge, point: Point| on(edge, point) && !edge.contains(&point);
    let proper = cross(a, b, c) * cross(a, b, d) < 0 && cross(c, d, a) * cross(c, d, b) < 0;
    proper || inner([a, b], c) || inner([a, b], d) || inner([c, d], a) || inner([c, d], b)
}

/// Whether a point is within a ring or on it.
fn is_within(ring: &[Point], point: Point) -> bool {
    let mut inside = false;
    for [a, b] in edges(ring) {
        let [low, high] = if a[1] <= b[1] { [a, b] } else { [b, a] };
        let side = cross(low, high, point);
        let [left, right] = [a[0].min(b[0]), a[0].max(b[0])];
        if side == 0 && (low[1]..=high[1]).contains(&point[1]) && (left..=right).contains(&point[0]) {
            return true;
        }
        inside ^= low[1] <= point[1] && point[1] < high[1] && side > 0;
    }
    inside
}

impl Labels<'_> {
    /// Checks everything that is said of simplified outlines; `crossings`: that none cross, too, which takes time.
    pub fn check_simplified(
        &self,
        exact: &MaskOutlines,
        simple: &MaskOutlines,
        tolerance: f32,
        crossings: bool,
    ) {
        assert_eq!(exact.mask_offsets, simple.mask_offsets);
        assert_eq!(exact.ring_exteriors, simple.ring_exteriors);
        assert_eq!(*simple.ring_offsets.last().unwrap(), simple.points.len() as u64);
        let (exact, all) = (rings(exact), rings(simple));
        // The edges of each mask and image.
        let mut found: HashSet<(usize, Edge)> = HashSet::new();
        let mut beside = Vec::new();
        for (exact, simple) in exact.iter().zip(&all) {
            assert!(simple.points.len() >= 3);
            let first = simple.points.iter().min_by_key(|[x, y]| (y, x)).unwrap();
            assert_eq!(simple.points[0], *first, "rings begin with the first corner in reading order");
            let total: i64 = edges(simple.points).map(area).sum();
            assert!(total != 0 && (total < 0) == simple.is_hole, "a ring turns as it did");
            let outer = all[simple.exterior].points;
            assert!(
                simple.points.iter().all(|&point| is_within(outer, point)),
                "a hole is in its exterior ring"
            );
            let parts =
                replaced(&all_points(exact.points), simple.points).expect("corners in the same order");
            for (edge, part) in edges(simple.points).zip(parts) {
                for point in &part {
                    assert!(distance(*point, edge) <= f64::from(tolerance) + 1e-9, "{point:?} from {edge:?}");
                }
                assert!(found.insert((simple.slot, edge)), "{edge:?} is there twice");
                beside.push((simple.slot, edge, self.beside(simple.slot, &part)));
            }
        }
        for (slot, edge, other) in beside {
            let label = other.map(|mask| mask * self.images + slot % self.images);
            if let Some(other) = label {
                let back = [edge[1], edge[0]];
                assert!(
                    found.contains(&(other, back)),
                    "{edge:?} of {slot} is none of its neighbour {other}"
                );
            }
        }
        if crossings {
            self.check_crossings(&found);
        }
    }

    /// The mask to the left of a part of a ring, which is the same all along.
    fn beside(&self, slot: usize, part: &[Point]) -> Option<usize> {
        let image = slot % self.images;
        let mut masks = part.windows(2).map(|step| {
            let [[x, y], [to_x, to_y]] = [step[0].map(i64::from), step[1].map(i64::from)];
            let (column, row) = match (to_x - x, to_y - y) {
                (1, 0) => (x, y - 1),
                (-1, 0) => (x - 1, y),
                (0, 1) => (x, y),
                _ => (x - 1, y - 1),
            };
            let inside = (0..self.width as i64).contains(&column) && (0..self.height as i64).contains(&row);
            let pixel = (image * self.height) as i64 * self.width as i64 + row * self.width as i64 + column;
            if inside { self.labels[pixel as usize].checked_sub(1).map(|mask| mask as usize) } else { None }
        });
        let first = masks.next().unwrap();
        assert!(masks.all(|mask| mask == first), "an edge is beside one neighbour");
        first
    }

    fn check_crossings(&self, found: &HashSet<(usize, Edge)>) {
        let mut images: HashMap<usize, HashSet<Edge>> = HashMap::new();
        for (slot, edge) in found {
            images
                .entry(slot % self.images)
                .or_default()
                .insert([edge[0].min(edge[1]), edge[0].max(edge[1])]);
        }
        for edges in images.values() {
            let edges: Vec<Edge> = edges.iter().copied().collect();
            for (index, &edge) in edges.iter().enumerate() {
                let other = edges[..index].iter().find(|&&other| cross_each_other(edge, other));
                assert!(other.is_none(), "{edge:?} crosses {other:?}");
            }
        }
    }
}
