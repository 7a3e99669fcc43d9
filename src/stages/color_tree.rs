//! Colours in a k-d tree: the nearest one to a colour, and the first one within a distance, without looking at all.
//!
//! **Problem.** Of m colours, the nearest to each of n others, or the first of those within a distance of it, where both
//! are millions and any number of them may lie within the distance: a grid with cells as wide as that has all in a few.
//!
//! ```text
//! build: halve the colours along the channel in which they differ most, until at most 8 are left;
//!        each part knows its bounding box and the first of its colours
//! nearest(q): of a part's halves the one whose box is nearer to q first; skip what is farther than the best so far
//! first(q):   the half with the earlier first colour first; skip what is too far, or has only later colours than the best;
//!             where all corners of the box are near enough, the first of its colours is the answer for it
//! ```
//!
//! **Why it is exact.** What is measured of a box is computed as the distance of a colour is, with the same roundings in
//! the same order, from differences that are no larger: rounding never turns an order round. So no colour in the box is
//! nearer than that, not by a bit. Of equally near colours the first is kept, whichever is seen first.
//!
//! **Cost.** O(m log m) to build. O(log m) expected for the nearest; O(m^(1 - 1/channels)) at most for the first one. The
//! nearest costs more only where very many colours are as far as the nearest is, as on a sphere around it.
//!
//! **Prior art.** Bentley: *Multidimensional Binary Search Trees Used for Associative Searching*, Communications of the ACM
//! 18, 1975; Friedman, Bentley, Finkel: *An Algorithm for Finding Best Matches in Logarithmic Expected Time*, ACM
//! Transactions on Mathematical Software 3, 1977; boxes as in Arya, Mount: *Algorithms for Fast Vector Quantization*, 1993.

use crate::error::Error;
use crate::runtime::alloc::{try_collect, try_push};
use crate::runtime::threads::Threads;
use crate::types::matching::Nearest;

/// Colours that are looked at one by one.
const LEAF: usize = 8;

/// With more colours than this, threads make a tree each.
const MANY: usize = 1 << 15;

/// Those trees, which each search asks.
const TREES: usize = 8;

/// No colour.
pub(crate) const NONE: u32 = u32::MAX;

/// A colour's values.
pub(crate) type Values = [f32; 4];

/// A colour and its number.
#[derive(Clone, Copy, Debug)]
struct Point {
    values: Values,
    number: u32,
}

/// Some of the colours.
#[derive(Clone, Copy, Debug)]
struct Node {
    low: Values,
    high: Values,
    /// The least number.
    first: u32,
    /// The node of its second half, whose first one follows it; 0: its colours are looked at one by one.
    second: u32,
    /// Where those are.
    start: u32,
    end: u32,
}

/// Colours in halves of halves.
#[derive(Debug, Default)]
struct Tree {
    nodes: Vec<Node>,
    points: Vec<Point>,
}

/// Colours to be searched. A few trees, made by all threads.
#[derive(Debug)]
pub(crate) struct ColorTree {
    trees: Vec<Tree>,
}

/// The nearest colour so far.
struct Best<'a> {
    nearest: Nearest,
    to: &'a [f64; 4],
    distance: f64,
    /// What is measured of nothing that is as near.
    most: f64,
    number: u32,
}

impl ColorTree {
    /// Colours that are numbered from 0 on, fewer than 2^32.
    pub(crate) fn new(colors: impl Iterator<Item = Values>, threads: &Threads) -> Result<Self, Error> {
        let mut points = try_collect((0..).zip(colors).map(|(number, values)| Point { values, number }))?;
        let mut parts = vec![&mut points[..]];
        while parts[0].len() > MANY && parts.len() < TREES {
            let halves = parts.into_iter().flat_map(|part| {
                let middle = halve(part, &Node::around(part));
                <[_; 2]>::from(part.split_at_mut(middle))
            });
            parts = halves.collect();
        }
        let trees = threads.map(parts, |part| {
            let mut points = try_collect(part.iter().copied())?;
            let mut tree = Tree::default();
            tree.build(&mut points, 0)?;
            Ok(Tree { points, ..tree })
        })?;
        Ok(Self { trees: trees.into_iter().collect::<Result<_, Error>>()? })
    }

    /// The nearest colour that is near enough, of equally near ones the first, or `NONE`.
    pub(crate) fn nearest(&self, to: &[f64; 4], nearest: Nearest) -> u32 {
        let (distance, most) = (nearest.tolerance, nearest.most(nearest.tolerance));
        let mut best = Best { nearest, to, distance, most, number: NONE };
        let measure =
            |tree: &Tree| tree.nodes.first().map_or(f64::INFINITY, |node| node.measure(nearest, to));
        // Of no colours there is one tree without nodes.
        let trees = || self.trees.iter().enumerate().filter(|(_, tree)| !tree.nodes.is_empty());
        let closest = trees().min_by(|a, b| measure(a.1).total_cmp(&measure(b.1)));
        let Some((closest, tree)) = closest else { return NONE };
        tree.nearest(0, &mut best);
        for (_, tree) in trees().filter(|&(index, _)| index != closest) {
            if measure(tree) <= best.most {
                tree.nearest(0, &mut best);
            }
        }
        best.number
    }

    /// The first colour that is near enough, or `NONE`.
    pub(crate) fn first(&self, to: &[f64; 4], near: Nearest) -> u32 {
        self.trees.iter().fold(NONE, |first, tree| tree.first(0, to, near, first))
    }
}

/// Puts the smaller half of some colours before the others, along the channel in which they differ most.
fn halve(points: &mut [Point], node: &Node) -> usize {
    let width = |channel: usize| match node.high[channel] > node.low[channel] {
        true => f64::from(node.high[channel]) - f64::from(node.low[channel]),
        false => 0.0,
    };
    let widest =
        (1..4).fold(0, |widest, channel| if width(channel) > width(widest) { channel } else { widest });
    let middle = points.len() / 2;
    points.select_nth_unstable_by(middle, |a, b| a.values[widest].total_cmp(&b.values[widest]));
    middle
}

impl Tree {
    /// Adds the nodes of some colours, of which the first will be at `start`.
    fn build(&mut self, points: &mut [Point], start: u32) -> Result<(), Error> {
        if points.is_empty() {
            return Ok(());
        }
        let own = self.nodes.len();
        // Lossless: there are fewer than 2^32 colours.
        let node = Node { start, end: start + points.len() as u32, ..Node::around(points) };
        try_push(&mut self.nodes, node)?;
        if points.len() > LEAF {
            let middle = halve(points, &node);
            let (low, high) = points.split_at_mut(middle);
            self.build(low, start)?;
            self.nodes[own].second = self.nodes.len() as u32;
            self.build(high, start + middle as u32)?;
        }
        Ok(())
    }

    fn nearest(&self, index: usize, best: &mut Best) {
        let node = &self.nodes[index];
        if node.second == 0 {
            self.points[node.start as usize..node.end as usize].iter().for_each(|point| best.see(point));
            return;
        }
        let halves = [index + 1, node.second as usize];
        let measures = halves.map(|half| self.nodes[half].measure(best.nearest, best.to));
        let nearer = usize::from(measures[1] < measures[0]);
        for half in [nearer, 1 - nearer] {
            if measures[half] <= best.most {
                self.nearest(halves[half], best);
            }
        }
    }

    /// The first of those colours that are near enough, or what was found before if that is earlier.
    fn first(&self, index: usize, to: &[f64; 4], near: Nearest, found: u32) -> u32 {
        let Some(node) = self.nodes.get(index) else { return found };
        if node.first >= found || node.measure(near, to) > near.most(near.tolerance) {
            return found;
        }
        if near.reaches(to, &node.farthest(to)) {
            return node.first;
        }
        if node.second == 0 {
            let points = &self.points[node.start as usize..node.end as usize];
            let near = points.iter().filter(|point| near.reaches(to, &point.values.map(f64::from)));
            return near.fold(found, |first, point| first.min(point.number));
        }
        let halves = [index + 1, node.second as usize];
        let earlier = usize::from(self.nodes[halves[1]].first < self.nodes[halves[0]].first);
        let found = self.first(halves[earlier], to, near, found);
        self.first(halves[1 - earlier], to, near, found)
    }
}

impl Node {
    /// The box of some colours, and the first of them.
    fn around(points: &[Point]) -> Self {
        let (low, high) = ([f32::INFINITY; 4], [f32::NEG_INFINITY; 4]);
        let mut node = Self { low, high, first: NONE, second: 0, start: 0, end: 0 };
        for Point { values, number } in points {
            for (channel, &value) in values.iter().enumerate() {
                node.low[channel] = node.low[channel].min(value);
                node.high[channel] = node.high[channel].max(value);
            }
            node.first = node.first.min(*number);
        }
        node
    }

    /// What is measured of no colour in the box is less.
    #[inline(always)]
    fn measure(&self, nearest: Nearest, to: &[f64; 4]) -> f64 {
        let inside: [f64; 4] = std::array::from_fn(|channel| {
            let (low, high) = (f64::from(self.low[channel]), f64::from(self.high[channel]));
            // There are no NaNs, which `max` and `min` would take time to look for.
            let at_least = if to[channel] > low { to[channel] } else { low };
            if at_least < high { at_least } else { high }
        });
        nearest.measure(to, &inside)
    }

    /// The corner of the box that is farthest from a colour.
    fn farthest(&self, to: &[f64; 4]) -> [f64; 4] {
        std::array::from_fn(|channel| {
            let (low, high) = (f64::from(self.low[channel]), f64::from(self.high[channel]));
            // Infinities are as far from themselves as other values.
            let distance = |other: f64| if other == to[channel] { 0.0 } else { (other - to[channel]).abs() };
            if distance(low) > distance(high) { low } else { high }
        })
    }
}

impl Best<'_> {
    #[inline(always)]
    fn see(&mut self, point: &Point) {
        let measure = self.nearest.measure(self.to, &point.values.map(f64::from));
        if measure > self.most {
            return; // no root is needed to see that it is farther away
        }
        let distance = self.nearest.distance(measure);
        if distance < self.distance || (distance == self.distance && point.number < self.number) {
            (self.distance, self.most, self.number) = (distance, self.nearest.most(distance), point.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::matching::Metric;

    fn random(state: &mut u64, below: u32) -> u32 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*state >> 33) % u64::from(below)) as u32
    }

    /// Values on a coarse lattice, so that many are as far as others, and extreme ones.
    fn colors(count: usize, lattice: u32, state: &mut u64) -> Vec<Values> {
        let extremes =
            [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::from_bits(1), -f32::from_bits(3), 0.3];
        let value = |state: &mut u64| match random(state, 50) {
            0 => extremes[random(state, 6) as usize],
            _ => random(state, lattice) as f32,
        };
        (0..count).map(|_| std::array::from_fn(|_| value(state))).collect()
    }

    /// What is found, by a look at all.
    fn oracle(colors: &[Values], to: &[f64; 4], near: Nearest) -> (u32, u32) {
        let distances = || {
            (0..)
                .zip(colors)
                .map(|(number, color)| (near.distance(near.measure(to, &color.map(f64::from))), number))
        };
        let reached = || distances().filter(|&(distance, _)| distance <= near.tolerance);
        let nearest = reached().min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        (nearest.map_or(NONE, |found| found.1), reached().map(|found| found.1).min().unwrap_or(NONE))
    }

    #[test]
    fn trees_find_what_a_look_at_all_finds() {
        let threads = Threads::new(2).unwrap();
        let state = &mut 5;
        for (count, lattice) in
            [(0, 9), (1, 9), (LEAF, 4), (LEAF + 1, 4), (500, 3), (3000, 40), (MANY + 1, 30), (3 * MANY, 100)]
        {
            let colors = colors(count, lattice, state);
            let tree = ColorTree::new(colors.iter().copied(), &threads).unwrap();
            let searches = super::tests::colors(if count > MANY { 40 } else { 300 }, lattice, state);
            for metric in [Metric::Euclidean, Metric::Chebyshev] {
                for tolerance in [0.0, 0.5, 1.0, 3.0_f64.sqrt(), 7.0, 60.0, 1e30, f64::INFINITY] {
                    let near = Nearest { metric, tolerance };
                    for to in searches.iter().chain(colors.iter().take(20)) {
                        let to = to.map(f64::from);
                        let found = (tree.nearest(&to, near), tree.first(&to, near));
                        assert_eq!(found, oracle(&colors, &to, near), "{count} colours, {near:?}, {to:?}");
                    }
                }
            }
        }
    }
}
