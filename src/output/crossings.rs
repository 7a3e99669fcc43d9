//! Which edges of simplified rings cannot stay where they are.
//!
//! **Problem.** An edge that replaces several others may meet one that those did not meet, or leave a ring on its other side.
//!
//! ```text
//! cells: squares of 8 x 8 pixels; each edge is noted in those that it goes through
//! for each edge that replaces others: those in its cells that meet it anywhere but at a common end: both are misplaced
//!     each end of an edge in the cells of what lies between it and those that it replaces: if these go around the end, the edge
//!         is misplaced
//! ```
//!
//! **Exact.** Whole numbers of enough bits decide on which side of an edge a point is. Two edges that meet have the cell of that
//! point in common. What goes around a point is told by its winding number. A ring that is nowhere crossed, and whose
//! replaced parts go around no end of another's edge, has these on the side on which they were.
//!
//! **Cost.** Sorting 16 bytes for each edge and cell; then in proportion to pairs of edges in a cell, few as a rule.
//!
//! **Prior art.** A grid of cells in place of a sweep: Franklin et al.: *Uniform Grids: A Technique for Intersection Detection on
//! Serial and Parallel Machines*, Auto-Carto 9, 1989.

use std::cmp::Ordering;

use crate::error::Error;
use crate::runtime::alloc::{try_push, try_zeroed};

/// Column and row.
type Point = [u32; 2];

/// Cells have 2^3 pixels a side.
const CELL: u32 = 3;

/// An edge between two of the points of an arc.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) arc: u32,
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Segment {
    /// Whether it replaces other edges.
    pub(super) fn is_shortcut(&self) -> bool {
        self.to - self.from > 1
    }
}

/// An edge in a cell.
type Entry = (u64, u32);

/// The edges of all arcs.
struct Map<'a> {
    points: &'a [Point],
    segments: &'a [Segment],
    /// In the order of the cells, row by row.
    entries: Vec<Entry>,
}

/// Which segments cannot stay. Of those that replace nothing some are named, too, beside the ones that do.
pub(super) fn misplaced(points: &[Point], segments: &[Segment]) -> Result<Vec<bool>, Error> {
    let mut wrong = try_zeroed(segments.len())?;
    if !segments.iter().any(Segment::is_shortcut) {
        return Ok(wrong);
    }
    let map = Map::new(points, segments)?;
    map.find_crossing(&mut wrong);
    map.find_jumped(&mut wrong)?;
    Ok(wrong)
}

fn cell(row: u32, column: u32) -> u64 {
    u64::from(row) << 32 | u64::from(column)
}

/// The cells' row of a point's row, or column.
fn of(position: u32) -> u32 {
    position >> CELL
}

/// Calls `each` with the first and the last column of points that an edge has in each row of cells that it goes through.
fn for_each_row(
    a: Point,
    b: Point,
    mut each: impl FnMut(u32, [u32; 2]) -> Result<(), Error>,
) -> Result<(), Error> {
    let [top, bottom] = if a[1] <= b[1] { [a, b] } else { [b, a] };
    let column = |y: u64| {
        let [x, from_y] = top.map(i128::from);
        let [to_x, to_y] = bottom.map(i128::from);
        let across = (to_x - x) * (i128::from(y) - from_y);
        (x + across.div_euclid((to_y - from_y).max(1))) as u32 // between both ends
    };
    for row in of(top[1])..=of(bottom[1]) {
        let first = u64::from(top[1]).max(u64::from(row) << CELL);
        let last = u64::from(bottom[1]).min((u64::from(row) + 1) << CELL);
        let [from, to] =
            if top[1] == bottom[1] { [top[0], bottom[0]] } else { [column(first), column(last)] };
        each(row, [from.min(to), from.max(to)])?;
    }
    Ok(())
}

impl<'a> Map<'a> {
    fn new(points: &'a [Point], segments: &'a [Segment]) -> Result<Self, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        for (number, segment) in (0..).zip(segments) {
            let [a, b] = [points[segment.from as usize], points[segment.to as usize]];
            for_each_row(a, b, |row, [first, last]| {
                (of(first)..=of(last))
                    .try_for_each(|column| try_push(&mut entries, (cell(row, column), number)))
            })?;
        }
        entries.sort_unstable();
        Ok(Self { points, segments, entries })
    }

    fn ends(&self, segment: u32) -> [Point; 2] {
        let Segment { from, to, .. } = self.segments[segment as usize];
        [from, to].map(|point| self.points[point as usize])
    }

    /// Finds the edges that meet others anywhere but at a common end.
    fn find_crossing(&self, wrong: &mut [bool]) {
        for entries in self.entries.chunk_by(|one, other| one.0 == other.0) {
            for (index, &(_, number)) in entries.iter().enumerate() {
                if !self.segments[number as usize].is_shortcut() {
                    continue;
                }
                for (place, &(_, other)) in entries.iter().enumerate() {
                    // Two shortcuts are looked at once.
                    let is_later = place > index || !self.segments[other as usize].is_shortcut();
                    if is_later && meet(self.ends(number), self.ends(other)) {
                        (wrong[number as usize], wrong[other as usize]) = (true, true);
                    }
                }
            }
        }
    }

    /// Finds the edges that have left an end of another one on their other side.
    fn find_jumped(&self, wrong: &mut [bool]) -> Result<(), Error> {
        let mut rows: Vec<[u32; 2]> = Vec::new();
        for (number, segment) in (0u32..).zip(self.segments) {
            let replaced = &self.points[segment.from as usize..=segment.to as usize];
            let side = |axis: usize| {
                let values = replaced.iter().map(|point| point[axis]);
                [values.clone().min().unwrap_or(0), values.max().unwrap_or(0)]
            };
            // No point is within a square of one pixel.
            let [[left, right], [top, bottom]] = [side(0), side(1)];
            if !segment.is_shortcut() || right - left < 2 || bottom - top < 2 || wrong[number as usize] {
                continue;
            }
            rows.clear();
            (of(top)..=of(bottom)).try_for_each(|_| try_push(&mut rows, [u32::MAX, 0]))?;
            let closing = [replaced[replaced.len() - 1], replaced[0]];
            for edge in replaced.windows(2).chain([&closing[..]]) {
                for_each_row(edge[0], edge[1], |row, [first, last]| {
                    let columns = &mut rows[(row - of(top)) as usize];
                    *columns = [columns[0].min(first), columns[1].max(last)];
                    Ok(())
                })?;
            }
            let is_jumped = |point: Point| !closing.contains(&point) && winds_around(replaced, point);
            wrong[number as usize] = (of(top)..).zip(&rows).any(|(row, columns)| {
                let [first, last] = columns.map(|column| cell(row, of(column)));
                let first = self.entries.partition_point(|entry| entry.0 < first);
                let near = self.entries[first..].iter().take_while(|entry| entry.0 <= last);
                near.flat_map(|entry| self.ends(entry.1)).any(is_jumped)
            });
        }
        Ok(())
    }
}

/// On which side of the line from `a` to `b` a point is.
fn side([a, b]: [Point; 2], point: Point) -> Ordering {
    let [a, b, point] = [a, b, point].map(|point| point.map(i128::from));
    ((b[0] - a[0]) * (point[1] - a[1])).cmp(&((b[1] - a[1]) * (point[0] - a[0])))
}

/// Whether two edges meet anywhere but at a common end.
fn meet(one: [Point; 2], other: [Point; 2]) -> bool {
    let apart = |axis: usize| {
        let [a, b, c, d] = [one[0], one[1], other[0], other[1]].map(|point| point[axis]);
        a.max(b) < c.min(d) || c.max(d) < a.min(b)
    };
    if apart(0) || apart(1) {
        return false;
    }
    for (common, end) in [(one[0], one[1]), (one[1], one[0])] {
        for (other_common, other_end) in [(other[0], other[1]), (other[1], other[0])] {
            if common == other_common {
                // In the same direction from there.
                let [from, to, other] = [common, end, other_end].map(|point| point.map(i128::from));
                let along =
                    (to[0] - from[0]) * (other[0] - from[0]) + (to[1] - from[1]) * (other[1] - from[1]);
                return side([common, end], other_end) == Ordering::Equal && along > 0;
            }
        }
    }
    let parts = |edge: [Point; 2], ends: [Point; 2]| {
        let sides = ends.map(|end| side(edge, end));
        sides[0] != sides[1] || sides[0] == Ordering::Equal
    };
    parts(one, other) && parts(other, one)
}

/// Whether edges one behind the other, closed by one from their last point to the first, go around a point that is on none.
fn winds_around(edges: &[Point], point: Point) -> bool {
    let closing = [edges[edges.len() - 1], edges[0]];
    let mut winding = 0;
    for edge in edges.windows(2).chain([&closing[..]]) {
        let (from, to) = (edge[0], edge[1]);
        let is_below = |end: Point| end[1] > point[1];
        match (is_below(from), is_below(to)) {
            (false, true) if side([from, to], point) == Ordering::Greater => winding += 1,
            (true, false) if side([to, from], point) == Ordering::Greater => winding -= 1,
            _ => {}
        }
    }
    winding != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_meet_where_they_have_a_point_in_common_that_is_no_end_of_both() {
        let edge = [[2, 2], [8, 4]];
        for (other, expected) in [
            ([[5, 0], [5, 9]], true),
            ([[5, 3], [5, 9]], true), // from its middle on
            ([[5, 4], [5, 9]], false),
            ([[8, 4], [9, 9]], false),  // from its end on
            ([[2, 2], [5, 3]], true),   // a part of it
            ([[5, 3], [11, 5]], true),  // on each other in part
            ([[8, 4], [11, 5]], false), // goes on
            ([[8, 4], [2, 2]], true),   // itself
            ([[3, 3], [9, 5]], false),  // beside it
            ([[0, 0], [1, 9]], false),
        ] {
            for other in [other, [other[1], other[0]]] {
                assert_eq!((meet(edge, other), meet(other, edge)), (expected, expected), "{other:?}");
            }
        }
    }

    #[test]
    fn edges_go_around_what_they_surround() {
        let square = [[1, 1], [5, 1], [5, 5], [1, 5]];
        for (x, y) in (0..7).flat_map(|x| (0..7).map(move |y| (x, y))) {
            let on_edge = |side: u32| side == 1 || side == 5;
            let within = |side: u32| (1..=5).contains(&side);
            if !(within(x) && within(y) && (on_edge(x) || on_edge(y))) {
                assert_eq!(winds_around(&square, [x, y]), within(x) && within(y), "{x}, {y}");
            }
        }
    }

    /// An edge is in the cells of all of its points.
    #[test]
    fn edges_are_noted_in_all_cells_that_they_go_through() {
        let ends = [[0, 0], [7, 8], [8, 7], [40, 3], [3, 50], [64, 64], [16, 33]];
        for (a, b) in ends.iter().flat_map(|&a| ends.map(|b| (a, b))) {
            let mut rows = Vec::new();
            for_each_row(a, b, |row, columns| {
                rows.push((row, columns));
                Ok(())
            })
            .unwrap();
            for step in 0..=1000 {
                let at = |axis: usize| {
                    (f64::from(a[axis])
                        + (f64::from(b[axis]) - f64::from(a[axis])) * f64::from(step) / 1000.0)
                        as u32
                };
                let columns = rows.iter().find(|(row, _)| *row == of(at(1))).unwrap().1;
                assert!((of(columns[0])..=of(columns[1])).contains(&of(at(0))), "{a:?} {b:?} {step}");
            }
        }
    }

    #[test]
    fn a_ring_that_is_left_on_the_other_side_is_found() {
        // A wide notch that an edge replaces, and a square within it.
        let notch = [[0, 0], [0, 9], [30, 9], [30, 0]];
        let square = |x: u32, y: u32| [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1], [x, y]];
        for (place, expected) in [([4, 4], true), ([4, 20], false), ([40, 4], false)] {
            let points: Vec<Point> = notch.into_iter().chain(square(place[0], place[1])).collect();
            let mut segments = vec![Segment { arc: 0, from: 0, to: 3 }];
            segments.extend((4..8).map(|from| Segment { arc: 1, from, to: from + 1 }));
            assert_eq!(misplaced(&points, &segments).unwrap(), [expected, false, false, false, false]);
        }
    }
}
