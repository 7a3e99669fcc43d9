//! Rings with fewer corners, within a tolerance, whose common edges stay common.
//!
//! **Problem.** A slope has a step at each pixel. Each ring is to keep only some of its corners, so that none that is left out
//! is farther than the tolerance from the edge in its place. Masks that touch must leave out the same ones, no ring may collapse,
//! and rings that did not cross must not.
//!
//! ```text
//! nodes: the points at which three or four edges meet, and the corners on the image's border: these are kept
//! arcs: what rings have from a node to the next, once for both of the masks that an arc parts, from its smaller end on; a ring
//!     without a node is an arc from its first corner, in reading order, back to it
//! for each arc: its ends are kept; where they are one point: the corner that is farthest from it, too
//!     between two that are kept (Douglas, Peucker): the corner that is farthest from the edge between them is kept, if it is
//!         beyond the tolerance; then the same on both of its sides
//! until nothing is found:
//!     find the edges that cannot stay (`output/crossings.rs`), and those of rings that turn the other way now
//!     of each the corner that is farthest from it is kept, and both of its sides are looked at again
//! rings: their arcs' corners that are kept, from the first one in reading order on
//! ```
//!
//! **Exact.** Both masks of an arc take its one list, so that they have the same edges. A node in the middle of a mask's edge is a
//! corner of its ring. Arcs begin at the end that is smaller by place and direction, which both rings agree on. Distances are
//! compared as squares of whole numbers: the same on every machine. They saturate for sides beyond 2^27 pixels; more corners may be
//! kept then, never fewer. The loop ends, since each round keeps a corner more, and rings with all of their corners do not cross.
//! Of two edges that lie on each other, as those of a collapsed ring do, one at least has corners to keep.
//!
//! **Cost.** With n corners: n log n as a rule; n² where a curve has each corner farther out than the next, and where very many
//! edges come to lie near each other, which takes a tolerance of the masks' own size. A map takes a few rounds; there are
//! never more than a corner has others above it. About 60 bytes a corner while a ring's arcs are made. No recursion.
//!
//! **Prior art.** Douglas, Peucker: *Algorithms for the Reduction of the Number of Points*, Cartographica 10, 1973. Arcs that are
//! shared are those of TopoJSON. That keeping the farthest corner of a crossing edge ends with none: Saalfeld: *Topologically
//! Consistent Line Simplification with the Douglas-Peucker Algorithm*, Cartography and Geographic Information Science 26, 1999.

use std::iter::{once, successors};
use std::ops::Range;

use crate::error::Error;
use crate::output::crossings::{Segment, misplaced};
use crate::output::rings::{Corner, ImageRings, Ring};
use crate::runtime::alloc::{try_push, try_with_capacity, try_zeroed};
use crate::runtime::call;

/// Column and row.
type Point = [u32; 2];

/// Steps of the tolerance in a pixel.
const STEPS: u128 = 256;

/// A part of a ring from a node to the next one.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// The smaller end: row, column and direction.
    end: [u32; 3],
    /// Where the ring comes to it.
    first: u32,
    /// Whether that is at the other end.
    is_reversed: bool,
}

/// The parts of all rings.
#[derive(Debug)]
struct Parts {
    /// Ring by ring.
    parts: Vec<Part>,
    /// Where each ring's begin, and where the last one's end.
    starts: Vec<u32>,
    /// The arc of each.
    arcs: Vec<u32>,
}

/// What parts of one or two rings are.
#[derive(Debug, Default)]
struct Arcs {
    /// Arc by arc, both ends included.
    points: Vec<Point>,
    /// Which of them rings keep.
    kept: Vec<bool>,
    /// Where each arc's begin, and where the last one's end.
    starts: Vec<u32>,
    /// 256ths of a pixel.
    tolerance: u64,
    /// Parts that are still to be looked at.
    waiting: Vec<[u32; 2]>,
}

/// Leaves out corners of rings within a tolerance of so many 256ths of a pixel. `nodes` says of each corner whether it stays.
pub(super) fn simplified(rings: ImageRings, nodes: &[bool], tolerance: u64) -> Result<ImageRings, Error> {
    let mut parts = Parts::new(&rings, nodes)?;
    let mut arcs = Arcs::new(&rings.corners, nodes, &mut parts, tolerance)?;
    loop {
        call::tick();
        call::check()?;
        let segments = arcs.segments()?;
        let mut wrong = misplaced(&arcs.points, &segments)?;
        let turned = turned_arcs(&rings.rings, &parts, &arcs)?;
        for (segment, wrong) in segments.iter().zip(&mut wrong) {
            *wrong = (*wrong || turned[segment.arc as usize]) && segment.is_shortcut();
        }
        if !wrong.contains(&true) {
            break;
        }
        for (segment, _) in segments.iter().zip(wrong).filter(|(_, wrong)| *wrong) {
            arcs.split(segment.from, segment.to)?;
        }
    }
    kept_rings(rings, &parts, &arcs)
}

/// A ring's corners from one on, up to the next node or itself.
fn from_node<'a>(corners: &'a [Corner], nodes: &'a [bool], first: u32) -> impl Iterator<Item = u32> + 'a {
    let next = move |at: u32| corners[at as usize].next;
    let is_last = move |at: u32| nodes[at as usize] || at == first;
    once(first).chain(successors(Some(next(first)), move |&at| (!is_last(at)).then(|| next(at))))
}

/// An end of an arc: row, column, and in which direction the arc goes from there.
fn end_of(end: Point, toward: Point) -> [u32; 3] {
    let direction = match [toward[0].cmp(&end[0]), toward[1].cmp(&end[1])] {
        [std::cmp::Ordering::Greater, _] => 0,
        [std::cmp::Ordering::Less, _] => 1,
        [_, std::cmp::Ordering::Greater] => 2,
        _ => 3,
    };
    [end[1], end[0], direction]
}

impl Parts {
    fn new(rings: &ImageRings, nodes: &[bool]) -> Result<Self, Error> {
        let ImageRings { corners, rings, .. } = rings;
        let mut parts = Vec::new();
        let mut starts = try_with_capacity(rings.len() + 1)?;
        for ring in rings {
            starts.push(parts.len() as u32); // no more than corners
            let all = successors(Some(ring.first), |&at| Some(corners[at as usize].next));
            let node = all.take(ring.corners as usize).find(|&at| nodes[at as usize]);
            let start = node.unwrap_or(ring.first);
            let mut first = start;
            loop {
                // The last two corners; an arc has at least two.
                let mut last = [first; 2];
                from_node(corners, nodes, first).for_each(|at| last = [last[1], at]);
                let at = |corner: u32| corners[corner as usize].at();
                let begin = end_of(at(first), at(corners[first as usize].next));
                let end = end_of(at(last[1]), at(last[0]));
                try_push(&mut parts, Part { end: begin.min(end), first, is_reversed: end < begin })?;
                first = last[1];
                if first == start {
                    break;
                }
            }
        }
        starts.push(parts.len() as u32);
        let arcs = try_zeroed(parts.len())?;
        Ok(Self { parts, starts, arcs })
    }

    /// Those of a ring.
    fn of_ring(&self, ring: usize) -> Range<usize> {
        self.starts[ring] as usize..self.starts[ring + 1] as usize
    }
}

impl Arcs {
    /// Finds the arcs, each of which is told once, and the corners that are to be kept as far as arcs are looked at alone.
    fn new(corners: &[Corner], nodes: &[bool], parts: &mut Parts, tolerance: u64) -> Result<Self, Error> {
        let mut arcs = Self { tolerance, ..Self::default() };
        let mut order: Vec<u32> = try_with_capacity(parts.parts.len())?;
        order.extend(0..parts.parts.len() as u32);
        order.sort_unstable_by_key(|&part| parts.parts[part as usize].end);
        let mut last = None;
        for part in order {
            let Part { end, first, is_reversed } = parts.parts[part as usize];
            if last != Some(end) {
                try_push(&mut arcs.starts, arcs.points.len() as u32)?;
                let begin = arcs.points.len();
                for corner in from_node(corners, nodes, first) {
                    try_push(&mut arcs.points, corners[corner as usize].at())?;
                }
                if is_reversed {
                    arcs.points[begin..].reverse();
                }
                if u32::try_from(arcs.points.len()).is_err() {
                    let text = "outputs.outlines is given and an image has too many corners to simplify; fewer than 2^31 \
                                are expected";
                    return Err(Error::Unsupported(text.to_owned()));
                }
            }
            last = Some(end);
            parts.arcs[part as usize] = arcs.starts.len() as u32 - 1;
        }
        try_push(&mut arcs.starts, arcs.points.len() as u32)?;
        arcs.kept = try_zeroed(arcs.points.len())?;
        for arc in 0..arcs.starts.len() - 1 {
            let [first, last] = [arcs.starts[arc], arcs.starts[arc + 1] - 1];
            (arcs.kept[first as usize], arcs.kept[last as usize]) = (true, true);
            if arcs.points[first as usize] == arcs.points[last as usize] {
                arcs.split(first, last)?;
            } else {
                arcs.keep_far_ones(first, last)?;
            }
        }
        Ok(arcs)
    }

    /// The edges between corners that are kept, arc by arc.
    fn segments(&self) -> Result<Vec<Segment>, Error> {
        let mut segments = Vec::new();
        for (arc, ends) in (0..).zip(self.starts.windows(2)) {
            let mut from = ends[0];
            for to in ends[0] + 1..ends[1] {
                if self.kept[to as usize] {
                    try_push(&mut segments, Segment { arc, from, to })?;
                    from = to;
                }
            }
        }
        Ok(segments)
    }

    /// Keeps the corner between two others that is farthest from the edge between them, and those of both sides that are beyond
    /// the tolerance then.
    fn split(&mut self, from: u32, to: u32) -> Result<(), Error> {
        let (middle, _) = self.farthest(from, to);
        self.kept[middle as usize] = true;
        self.keep_far_ones(from, middle)?;
        self.keep_far_ones(middle, to)
    }

    /// Keeps the corners between two others that are beyond the tolerance.
    fn keep_far_ones(&mut self, from: u32, to: u32) -> Result<(), Error> {
        try_push(&mut self.waiting, [from, to])?;
        while let Some([from, to]) = self.waiting.pop() {
            if from + 1 == to {
                continue;
            }
            let (middle, is_beyond) = self.farthest(from, to);
            if is_beyond {
                self.kept[middle as usize] = true;
                try_push(&mut self.waiting, [middle, to])?;
                try_push(&mut self.waiting, [from, middle])?;
            }
        }
        Ok(())
    }

    /// The corner between two others that is farthest from the edge between them, the first of equal ones, and whether it is
    /// beyond the tolerance.
    fn farthest(&self, from: u32, to: u32) -> (u32, bool) {
        let edge = Edge::new(self.points[from as usize], self.points[to as usize]);
        let mut farthest = (from + 1, 0);
        for index in from + 1..to {
            let distance = edge.distance(self.points[index as usize]);
            if distance > farthest.1 {
                farthest = (index, distance);
            }
        }
        (farthest.0, edge.is_beyond(farthest.1, self.tolerance))
    }

    /// Twice the area to the right of an arc, as far as it is closed by lines to the upper left corner of the image.
    fn area(&self, arc: usize) -> i128 {
        let points = self.starts[arc] as usize..self.starts[arc + 1] as usize;
        let mut kept =
            points.filter(|&point| self.kept[point]).map(|point| self.points[point].map(i128::from));
        let Some(mut from) = kept.next() else { return 0 };
        let mut area = 0;
        for to in kept {
            area += from[0] * to[1] - to[0] * from[1];
            from = to;
        }
        area
    }
}

/// An edge in place of corners.
struct Edge {
    from: [i64; 2],
    along: [i64; 2],
    /// Squared; 1 where it has none.
    length: u128,
}

impl Edge {
    fn new(from: Point, to: Point) -> Self {
        let [from, to] = [from.map(i64::from), to.map(i64::from)];
        let along = [to[0] - from[0], to[1] - from[1]];
        Self { from, along, length: square(along).max(1) }
    }

    /// The squared distance of a point, times the squared length.
    fn distance(&self, point: Point) -> u128 {
        let [x, y] = point.map(i64::from);
        let off = [x - self.from[0], y - self.from[1]];
        let product = |a: i64, b: i64| i128::from(a) * i128::from(b);
        let along = product(off[0], self.along[0]) + product(off[1], self.along[1]);
        if along <= 0 {
            return square(off).saturating_mul(self.length);
        }
        if along.unsigned_abs() >= self.length {
            let beyond = [off[0] - self.along[0], off[1] - self.along[1]];
            return square(beyond).saturating_mul(self.length);
        }
        let across = product(off[0], self.along[1]) - product(off[1], self.along[0]);
        across.unsigned_abs().saturating_mul(across.unsigned_abs())
    }

    /// Whether such a distance is beyond so many 256ths of a pixel; one that saturates is.
    fn is_beyond(&self, distance: u128, tolerance: u64) -> bool {
        let tolerance = u128::from(tolerance).saturating_mul(tolerance.into());
        let distance = distance.saturating_mul(STEPS * STEPS);
        distance == u128::MAX || distance > tolerance.saturating_mul(self.length)
    }
}

fn square([x, y]: [i64; 2]) -> u128 {
    let square = |side: i64| u128::from(side.unsigned_abs()) * u128::from(side.unsigned_abs());
    square(x) + square(y)
}

/// Which arcs are of rings that turn the other way now, or have no area.
fn turned_arcs(rings: &[Ring], parts: &Parts, arcs: &Arcs) -> Result<Vec<bool>, Error> {
    let count = arcs.starts.len() - 1;
    let mut areas: Vec<i128> = try_with_capacity(count)?;
    areas.extend((0..count).map(|arc| arcs.area(arc)));
    let mut turned = try_zeroed(count)?;
    for (number, ring) in rings.iter().enumerate() {
        let own = parts.of_ring(number);
        let of_part = |part: usize| {
            let area = areas[parts.arcs[part] as usize];
            if parts.parts[part].is_reversed { -area } else { area }
        };
        let area: i128 = own.clone().map(of_part).sum();
        if area == 0 || (area < 0) != ring.is_hole {
            own.for_each(|part| turned[parts.arcs[part] as usize] = true);
        }
    }
    Ok(turned)
}

/// The rings with the corners that are kept.
fn kept_rings(rings: ImageRings, parts: &Parts, arcs: &Arcs) -> Result<ImageRings, Error> {
    let ImageRings { mut rings, masks, .. } = rings;
    let mut corners: Vec<Corner> = Vec::new();
    for (number, ring) in rings.iter_mut().enumerate() {
        let start = corners.len() as u32; // fewer than before
        for part in parts.of_ring(number) {
            let arc = parts.arcs[part] as usize;
            let [begin, last] = [arcs.starts[arc] as usize, arcs.starts[arc + 1] as usize - 1];
            // The last one is the first of the next part.
            for step in 0..last - begin {
                let index = if parts.parts[part].is_reversed { last - step } else { begin + step };
                if arcs.kept[index] {
                    let [x, y] = arcs.points[index];
                    let next = corners.len() as u32 + 1;
                    try_push(&mut corners, Corner { x, y, next, mask: ring.mask })?;
                }
            }
        }
        if let Some(last) = corners.last_mut() {
            last.next = start;
        }
        let all = start..corners.len() as u32;
        ring.corners = all.len() as u32;
        let first = all.min_by_key(|&corner| {
            let [x, y] = corners[corner as usize].at();
            [y, x]
        });
        ring.first = first.unwrap_or(start);
    }
    Ok(ImageRings { corners, rings, masks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_from_the_edge_and_not_from_its_line() {
        let edge = Edge::new([2, 2], [6, 2]);
        for (point, squared) in [([4, 5], 9), ([2, 4], 4), ([0, 2], 4), ([9, 6], 25), ([5, 2], 0)] {
            assert_eq!(edge.distance(point), squared * 16);
        }
        assert!(!edge.is_beyond(9 * 16, 3 * 256) && edge.is_beyond(9 * 16, 3 * 256 - 1));
        assert_eq!(Edge::new([7, 7], [7, 7]).distance([10, 11]), 25);
    }

    /// Around a square's corners, as an exterior ring and as a hole, of which one turns the wrong way.
    #[test]
    fn rings_that_turn_the_other_way_are_found() {
        for is_hole in [false, true] {
            let corners = [[1, 1], [4, 1], [4, 4], [1, 4]];
            let corners =
                (1..).zip(corners).map(|(next, [x, y])| Corner { x, y, next: next % 4, mask: 0 }).collect();
            let rings = vec![Ring { first: 0, corners: 4, mask: 0, is_hole }];
            let rings = ImageRings { corners, rings, masks: vec![0, 1] };
            let mut parts = Parts::new(&rings, &[false; 4]).unwrap();
            let mut arcs = Arcs::new(&rings.corners, &[false; 4], &mut parts, 0).unwrap();
            assert_eq!(turned_arcs(&rings.rings, &parts, &arcs).unwrap(), [is_hole]);
            // Without an area it turns neither way.
            arcs.kept = vec![true, false, true, false, true];
            assert_eq!(turned_arcs(&rings.rings, &parts, &arcs).unwrap(), [true]);
        }
    }

    #[test]
    fn distances_that_saturate_are_beyond_any_tolerance() {
        let edge = Edge::new([0, 0], [u32::MAX, 1]);
        let far = edge.distance([u32::MAX / 2, u32::MAX]);
        assert!(edge.is_beyond(far, u64::MAX));
        assert!(!edge.is_beyond(edge.distance([1, 0]), 256));
    }
}
