//! Rows of runs → the masks' polygons, along the edges of pixels. Shared by both backends.
//!
//! **Problem.** All masks' rings are to be found in one pass, whose cost is that of the runs and corners, not of masks times
//! pixels; neighbours are to have the same edges, and a ring filled again the same pixels.
//!
//! ```text
//! for each line y between two rows, the one above the first and the one below the last included:
//!     for each x at which a run begins in the row above or the one below, with the masks of the four pixels around:
//!         for each of these masks: of the edges to the left, right, up and down, it has those that part it from others
//!             none, or two in a line: nothing begins or ends (unless a simplified ring needs the point: `output/simplify.rs`)
//!             two around a corner: a corner; four: two corners, which join or part the pixels that touch there
//!             a corner ends the edges to the left and up, whose other ends are known, and begins those to the right and down
//!     for each run below whose sides are new: both sides are of the same region
//! rings: from each corner along the edges until it comes again
//! regions: union of the rings that the sides of runs are on; the first ring of a region is the exterior one
//! ```
//!
//! **Exact.** Each edge between two pixels of different masks is a part of one edge of each of both masks, between whole
//! numbers: no seam is possible. With the mask to the right of all edges, each corner has one edge that comes and one that
//! goes, so that all corners are on rings. Runs of a region that overlap have sides on rings that are united: the edge that
//! parts two of them is on a ring with a side of each. A ring's first corner in reading order is the upper left one of
//! what it surrounds, so that of a region's rings the exterior one comes first.
//!
//! **Cost.** Linear in runs and corners; 16 bytes a corner, 8 a side of a run, 20 a ring. A thread an image.
//!
//! **Prior art.** Following cracks between pixels (Rosenfeld: *Connectivity in Digital Pictures*, Journal of the ACM 17,
//! 1970; Suzuki, Abe: *Topological Structural Analysis of Digitized Binary Images by Border Following*, CVGIP 30, 1985) goes
//! around one region at a time. A sweep over rows that keeps the open edges is what GDAL's polygonizer does.

use crate::error::Error;
use crate::labels::NO_MASK;
use crate::labels::run_map::{Run, RunMap};
use crate::output::rings::{Corner, ImageRings, Ring};
use crate::output::simplify::simplified;
use crate::runtime::alloc::{no_memory, try_push, try_with_capacity, try_zeroed};
use crate::runtime::call;
use crate::runtime::threads::Threads;
use crate::types::geometry::Frame;
use crate::types::matching::Connectivity;
use crate::types::outlines::{MaskOutlines, OutlineSettings};

/// What stands for no corner and for no ring.
const NONE: u32 = u32::MAX;

/// The rings of all masks.
#[derive(Debug)]
pub(crate) struct TracedOutlines {
    /// Of each image.
    images: Vec<ImageRings>,
    mask_count: usize,
    points: u64,
    rings: u64,
}

impl TracedOutlines {
    /// Finds the rings of so many masks. Pixels of a mask that only touch by a corner are of one region with 8-connectivity.
    /// With a tolerance they are simplified.
    pub(crate) fn new(
        map: &RunMap,
        mask_count: usize,
        settings: OutlineSettings,
        threads: &Threads,
    ) -> Result<Self, Error> {
        let OutlineSettings { connectivity, .. } = settings;
        let tolerance = settings.tolerance_steps();
        let mut all = try_with_capacity(map.frame().images)?;
        all.extend(0..map.frame().images);
        let joins = connectivity == Connectivity::Eight;
        let found = threads.map(all, |image| {
            let mut sweep = Sweep::new(joins, tolerance > 0).trace(map, image)?;
            let nodes = sweep.nodes.take();
            let rings = sweep.rings(mask_count)?;
            match nodes {
                Some(nodes) => simplified(rings, &nodes, tolerance),
                None => Ok(rings),
            }
        })?;
        let mut images = try_with_capacity(found.len())?;
        for rings in found {
            images.push(rings?);
        }
        let points = images.iter().map(|image| image.corners.len() as u64).sum();
        let rings = images.iter().map(|image| image.rings.len() as u64).sum();
        Ok(Self { images, mask_count, points, rings })
    }

    /// Those of no mask.
    pub(crate) fn none() -> Self {
        Self { images: Vec::new(), mask_count: 0, points: 0, rings: 0 }
    }

    /// How many corners there are.
    pub(crate) fn points(&self) -> u64 {
        self.points
    }

    /// How many rings there are.
    pub(crate) fn rings(&self) -> u64 {
        self.rings
    }

    /// The polygons.
    pub(crate) fn write(self) -> Result<MaskOutlines, Error> {
        let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let (points, rings) = (size(self.points), size(self.rings));
        let mut outlines = MaskOutlines {
            points: try_with_capacity(points)?,
            ring_offsets: try_with_capacity(rings + 1)?,
            ring_exteriors: try_with_capacity(rings)?,
            mask_offsets: try_with_capacity(self.mask_count * self.images.len() + 1)?,
        };
        let slots = (0..self.mask_count).flat_map(|mask| self.images.iter().map(move |image| (mask, image)));
        for (mask, image) in slots {
            outlines.mask_offsets.push(outlines.ring_exteriors.len() as u64);
            let mut exterior = 0;
            for ring in &image.rings[image.masks[mask] as usize..image.masks[mask + 1] as usize] {
                let number = outlines.ring_exteriors.len() as u64;
                exterior = if ring.is_hole { exterior } else { number };
                outlines.ring_exteriors.push(exterior);
                outlines.ring_offsets.push(outlines.points.len() as u64);
                let mut at = ring.first;
                for _ in 0..ring.corners {
                    let corner = image.corners[at as usize];
                    outlines.points.push(corner.at()); // there is room
                    at = corner.next;
                }
            }
        }
        outlines.ring_offsets.push(self.points);
        outlines.mask_offsets.push(self.rings);
        Ok(outlines)
    }
}

/// Corners so far, and the edges that have no end yet.
#[derive(Debug, Default)]
struct Sweep {
    joins: bool,
    corners: Vec<Corner>,
    /// Of each corner, whether simplified rings have to have it; `None`: they are not simplified.
    nodes: Option<Vec<bool>>,
    /// Corners at whose edges a run begins and ends.
    sides: Vec<[u32; 2]>,
    /// For each run of the row above, and for what is behind the last: the upper corners of the edge of the mask to the
    /// left and of that to the right of where it begins.
    above: Vec<[u32; 2]>,
    below: Vec<[u32; 2]>,
}

/// A line between two rows.
#[derive(Clone, Copy)]
struct Rows<'a> {
    y: u32,
    above: &'a [Run],
    below: &'a [Run],
    width: u32,
    /// Whether one of them is outside the image.
    is_border: bool,
}

/// The corners at the other ends of the edges that end at a point, and those of the edges that begin there. Horizontal edges
/// are of the mask above (0) or below (1), vertical ones of the mask to the left (0) or to the right (1).
struct Ends {
    left: [u32; 2],
    up: [u32; 2],
    right: [u32; 2],
    down: [u32; 2],
}

impl Sweep {
    fn new(joins: bool, finds_nodes: bool) -> Self {
        Self { joins, nodes: finds_nodes.then(Vec::new), ..Self::default() }
    }

    /// Finds the corners of an image, and what is next to each.
    fn trace(mut self, map: &RunMap, image: usize) -> Result<Self, Error> {
        let Frame { width, height, .. } = map.frame();
        let outside = [Run { start: 0, mask: NO_MASK }];
        try_push(&mut self.above, [NONE; 2])?;
        try_push(&mut self.above, [NONE; 2])?;
        for y in 0..=height {
            if y.is_multiple_of(256) {
                call::tick();
                call::check()?;
            }
            let above = if y == 0 { &outside } else { map.line(image * height + y - 1) };
            let below = if y == height { &outside } else { map.line(image * height + y) };
            // Lossless: an image's sides are u32s.
            let is_border = y == 0 || y == height;
            self.line(Rows { y: y as u32, above, below, width: width as u32, is_border })?;
        }
        Ok(self)
    }

    /// Goes along the line between two rows.
    fn line(&mut self, rows: Rows) -> Result<(), Error> {
        let Rows { y, above, below, width, is_border } = rows;
        let first_corner = self.corners.len() as u32; // checked by `corner`
        self.below.clear();
        let runs = below.len() + 1;
        self.below.try_reserve(runs).map_err(|_| no_memory::<[u32; 2]>(runs))?;
        // What begins at the next place of each row.
        let place =
            |runs: &[Run], next: usize| runs.get(next).map_or((width, NO_MASK), |run| (run.start, run.mask));
        let (mut i, mut j) = (0, 0);
        let (mut upper_left, mut lower_left) = (NO_MASK, NO_MASK);
        let mut left = [NONE; 2];
        while i <= above.len() || j <= below.len() {
            let ((upper_x, upper_mask), (lower_x, lower_mask)) = (place(above, i), place(below, j));
            let x = upper_x.min(lower_x);
            let (mut upper_right, mut lower_right, mut up) = (upper_left, lower_left, [NONE; 2]);
            if upper_x == x {
                (upper_right, up) = (upper_mask, self.above[i]);
                i += 1;
            }
            if lower_x == x {
                lower_right = lower_mask;
            }
            let mut ends = Ends { left, up, right: [NONE; 2], down: [NONE; 2] };
            let masks = [upper_left, upper_right, lower_left, lower_right];
            self.point([x, y], masks, is_border || x == 0 || x == width, &mut ends)?;
            if lower_x == x {
                self.below.push(ends.down); // there is room
                j += 1;
            }
            (left, upper_left, lower_left) = (ends.right, upper_right, lower_right);
        }
        for (_, sides) in below.iter().zip(self.below.windows(2)).filter(|(run, _)| run.mask != NO_MASK) {
            let sides = [sides[0][1], sides[1][0]];
            if sides.iter().any(|&corner| corner >= first_corner) {
                try_push(&mut self.sides, sides)?;
            }
        }
        std::mem::swap(&mut self.above, &mut self.below);
        Ok(())
    }

    /// Ends and begins the edges at a point; the masks are those to the upper left, upper right, lower left, lower right.
    #[inline]
    fn point(
        &mut self,
        at: [u32; 2],
        masks: [u32; 4],
        is_border: bool,
        ends: &mut Ends,
    ) -> Result<(), Error> {
        if masks[0] == masks[2] && masks[1] == masks[3] {
            ends.down = ends.up;
            return Ok(());
        }
        let is_node = self.nodes.is_some() && (is_border || edges_at(masks) > 2);
        for (index, &mask) in masks.iter().enumerate() {
            if mask == NO_MASK || masks[..index].contains(&mask) {
                continue;
            }
            let is = masks.map(|other| other == mask);
            let [left, right] = [is[0] != is[2], is[1] != is[3]];
            let [up, down] = [is[0] != is[1], is[2] != is[3]];
            match (left && right, up && down) {
                (true, true) => {
                    // The pixels touch from the upper left to the lower right, or in the other direction.
                    let first_up = is[0] != self.joins;
                    self.corner(at, mask, is, [true, first_up, false, !first_up], ends)?;
                    self.corner(at, mask, is, [false, !first_up, true, first_up], ends)?;
                }
                // Where two others meet beside an edge, it has a corner in its middle if that is a node.
                (true, false) if !is_node => ends.right[usize::from(is[3])] = ends.left[usize::from(is[2])],
                (false, true) if !is_node => ends.down[usize::from(is[3])] = ends.up[usize::from(is[1])],
                _ => self.corner(at, mask, is, [left, up, right, down], ends)?,
            }
        }
        if let Some(nodes) = &mut self.nodes {
            let corners = self.corners.len();
            nodes.try_reserve(corners - nodes.len()).map_err(|_| no_memory::<bool>(corners))?;
            nodes.resize(corners, is_node);
        }
        Ok(())
    }

    /// Adds a corner of a mask between two of its edges, those to the left, up, right and down.
    fn corner(
        &mut self,
        [x, y]: [u32; 2],
        mask: u32,
        is: [bool; 4],
        [left, up, right, down]: [bool; 4],
        ends: &mut Ends,
    ) -> Result<(), Error> {
        let number = self.corners.len() as u32;
        if number == NONE {
            return Err(Error::Unsupported(format!(
                "outputs.outlines is given and an image has more than {NONE} corners; fewer are expected"
            )));
        }
        try_push(&mut self.corners, Corner { x, y, next: NONE, mask })?;
        if left {
            // The edges of a mask below go to the right, those of one above to the left.
            self.link(ends.left[usize::from(is[2])], number, is[2]);
        }
        if right {
            ends.right[usize::from(is[3])] = number;
        }
        if up {
            // The edges of a mask to the left go down, those of one to the right up.
            self.link(ends.up[usize::from(is[1])], number, is[0]);
        }
        if down {
            ends.down[usize::from(is[3])] = number;
        }
        Ok(())
    }

    /// Says that an edge goes from an earlier corner to a later one, or back.
    fn link(&mut self, earlier: u32, later: u32, forth: bool) {
        let (from, to) = if forth { (earlier, later) } else { (later, earlier) };
        self.corners[from as usize].next = to;
    }

    /// The rings that the corners are on, in order.
    fn rings(self, mask_count: usize) -> Result<ImageRings, Error> {
        let Self { corners, sides, .. } = self;
        let mut found: Vec<Ring> = Vec::new();
        let mut ring_of = try_with_capacity(corners.len())?;
        ring_of.resize(corners.len(), NONE);
        for (first, corner) in (0..).zip(&corners) {
            if ring_of[first as usize] != NONE {
                continue;
            }
            let mut ring = Ring { first, corners: 0, mask: corner.mask, is_hole: false };
            let mut at = first;
            while ring_of[at as usize] == NONE {
                ring_of[at as usize] = found.len() as u32; // fewer than corners
                ring.corners += 1;
                at = corners[at as usize].next;
            }
            try_push(&mut found, ring)?;
        }
        let mut exteriors: Vec<u32> = try_with_capacity(found.len())?;
        exteriors.extend(0..found.len() as u32);
        for sides in sides {
            let [a, b] = sides.map(|corner| root(&mut exteriors, ring_of[corner as usize]));
            exteriors[a.max(b) as usize] = a.min(b);
        }
        drop(ring_of);
        for (ring, number) in found.iter_mut().zip(0..) {
            ring.is_hole = root(&mut exteriors, number) != number;
        }
        let roots = &mut exteriors;
        let (found, _) = sorted(&found, found.len(), |ring| root(roots, ring))?;
        let (rings, masks) = sorted(&found, mask_count, |ring| found[ring as usize].mask)?;
        Ok(ImageRings { corners, rings, masks })
    }
}

/// How many edges meet at a point between four pixels.
fn edges_at([upper_left, upper_right, lower_left, lower_right]: [u32; 4]) -> usize {
    let around = [upper_left, upper_right, lower_right, lower_left, upper_left];
    around.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// The exterior ring of a region.
fn root(parents: &mut [u32], mut ring: u32) -> u32 {
    while parents[ring as usize] != ring {
        parents[ring as usize] = parents[parents[ring as usize] as usize];
        ring = parents[ring as usize];
    }
    ring
}

/// Rings by a key below `keys`, those with the same key as they were; and where each key's begin and the last one's end.
fn sorted(
    rings: &[Ring],
    keys: usize,
    mut key: impl FnMut(u32) -> u32,
) -> Result<(Vec<Ring>, Vec<u32>), Error> {
    let mut starts: Vec<u32> = try_zeroed(keys + 1)?;
    for ring in 0..rings.len() as u32 {
        starts[key(ring) as usize + 1] += 1;
    }
    for index in 0..keys {
        starts[index + 1] += starts[index];
    }
    let mut next = try_with_capacity(keys)?;
    next.extend_from_slice(&starts[..keys]);
    let mut sorted = try_zeroed(rings.len())?;
    for (number, &ring) in (0..).zip(rings) {
        let next: &mut u32 = &mut next[key(number) as usize];
        sorted[*next as usize] = ring;
        *next += 1;
    }
    Ok((sorted, starts))
}
