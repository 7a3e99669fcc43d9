//! The regions of an image, from those of its parts.
//!
//! **Problem.** Parts are rectangles of any sizes that cover the image, not always in rows and columns. Of each its regions are
//! known, and which of them each of its borders' pixels is in. What touches across borders is to become one region, and all
//! are to come in the order in which one call on the whole image has them.
//!
//! ```text
//! all regions of all parts one behind the other, each by itself
//! for each line between two rows: those that end above it, those that begin below it, by columns
//!     union regions of the same colour whose runs touch: by sides, or up to one column farther for corners
//! the same for each line between two columns
//! add up what is known of each union's regions
//! sort by (pixels, colour, first pixel)
//! ```
//!
//! **Exact.** Two pixels of different parts that share a side are at both borders of a line. So are two that share a corner:
//! if the first one's part ended neither at the row between them nor at the column, it would have the other one, too; and
//! where it ends at the row while the other's part goes on above it, both parts are at the line between the columns. Order
//! and sums do not depend on which regions are put together first.
//!
//! **Cost.** Linear in regions and in the runs of borders, but for sorting; 12 bytes a region meanwhile, for good 4 bytes a
//! region of a part and 80 a region of the whole.
//!
//! **Prior art.** Union-find with path halving (Tarjan, van Leeuwen, 1984); merging the borders of blocks, as in dask-image's
//! labelling of chunks.

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::{try_collect, try_copy, try_push, try_with_capacity};
use crate::runtime::call;
use crate::types::matching::Connectivity;
use crate::types::regions::{
    BOTTOM, Joined, LEFT, NO_REGION, Part, PartSettings, RIGHT, Region, TOP, WholeRegion,
};

/// The regions of the whole image, which the parts cover.
pub(crate) fn join(settings: &PartSettings, parts: &[Part]) -> Result<Joined, Error> {
    let colors = match &settings.palette {
        Some(palette) => try_copy(palette)?,
        None => all_colors(parts)?,
    };
    let of_parts = if settings.palette.is_none() { Some(&colors[..]) } else { None };
    let (firsts, ranks) = ranks(parts, of_parts)?;
    let mut joining = Joining {
        parts,
        reach: u64::from(settings.connectivity == Connectivity::Eight),
        firsts,
        parents: try_collect(0..ranks.len() as u32)?, // checked by `ranks`
        ranks,
    };
    let rows = |part: &Part| (part.place.top, part.place.bottom(), part.place.left);
    let columns = |part: &Part| (part.place.left, part.place.right(), part.place.top);
    joining.across([BOTTOM, TOP], rows)?;
    joining.across([RIGHT, LEFT], columns)?;
    joining.finish(colors)
}

/// The colours of all parts, each once, in their order.
fn all_colors(parts: &[Part]) -> Result<Vec<Color>, Error> {
    let mut colors = try_with_capacity(parts.iter().map(|part| part.colors.len()).sum())?;
    parts.iter().for_each(|part| colors.extend_from_slice(&part.colors));
    colors.sort_unstable();
    colors.dedup();
    Ok(colors)
}

/// Where the regions of each part begin among those of all, and the colour of each: its number among all colours, or in the
/// palette where there are none.
fn ranks(parts: &[Part], colors: Option<&[Color]>) -> Result<(Vec<usize>, Vec<u32>), Error> {
    let count = parts.iter().map(|part| part.regions.len()).sum();
    if count >= NO_REGION as usize {
        return Err(Error::OutOfMemory(format!(
            "{count} regions of parts, of which regions of the whole are to be found; 2^32 - 2 can be"
        )));
    }
    let (mut firsts, mut ranks) = (try_with_capacity(parts.len())?, try_with_capacity(count)?);
    for part in parts {
        firsts.push(ranks.len());
        let mut numbers: Vec<u32> = try_with_capacity(part.colors.len())?;
        if let Some(colors) = colors {
            // Each is among them.
            numbers
                .extend(part.colors.iter().map(|color| colors.partition_point(|other| other < color) as u32));
        }
        let rank = |region: &Region| match colors {
            Some(_) => numbers[region.color as usize],
            None => region.color,
        };
        ranks.extend(part.regions.iter().map(rank)); // there is room
    }
    Ok((firsts, ranks))
}

/// Regions that are being put together.
struct Joining<'a> {
    parts: &'a [Part],
    /// By how many pixels runs on both sides of a line may miss each other and still touch.
    reach: u64,
    firsts: Vec<usize>,
    ranks: Vec<u32>,
    /// Of each region an earlier one that it is put together with, or itself.
    parents: Vec<u32>,
}

/// Pixels of a region along a line.
struct LineRun {
    start: u64,
    end: u64,
    region: u32,
}

/// A part's border at a line: the line, where it begins there, and the part's number.
type Edge = (u32, u32, usize);

impl Joining<'_> {
    /// Puts together what touches across lines between parts; `place` says where a part begins and ends across them, and where
    /// it begins along them.
    fn across(
        &mut self,
        [before, behind]: [usize; 2],
        place: impl Fn(&Part) -> (u32, u32, u32),
    ) -> Result<(), Error> {
        let edges = |line: fn((u32, u32, u32)) -> u32| -> Result<Vec<Edge>, Error> {
            let edge = |(index, part): (usize, &Part)| (line(place(part)), place(part).2, index);
            let mut edges = try_collect(self.parts.iter().enumerate().map(edge))?;
            edges.sort_unstable();
            Ok(edges)
        };
        let (ends, begins) = (edges(|(_, end, _)| end)?, edges(|(begin, ..)| begin)?);
        let (mut ends, mut begins) = (&ends[..], &begins[..]);
        while let (Some(end), Some(begin)) = (ends.first(), begins.first()) {
            let line = end.0.max(begin.0);
            let count = |edges: &[Edge]| edges.partition_point(|edge| edge.0 <= line);
            let (own, rest) = ends.split_at(count(ends));
            let (others, behind_them) = begins.split_at(count(begins));
            (ends, begins) = (rest, behind_them);
            call::tick();
            call::check()?;
            let at_line = |edges: &[Edge], border| {
                let first = edges.partition_point(|edge| edge.0 < line);
                self.runs(&edges[first..], border)
            };
            let (above, below) = (at_line(own, before)?, at_line(others, behind)?);
            self.touch(&above, &below);
        }
        Ok(())
    }

    /// The runs of these borders that are in regions.
    fn runs(&self, edges: &[Edge], border: usize) -> Result<Vec<LineRun>, Error> {
        let mut runs = Vec::new();
        for &(_, along, index) in edges {
            let mut start = 0;
            for run in &self.parts[index].borders[border] {
                let from = std::mem::replace(&mut start, run.end);
                if run.region != NO_REGION {
                    let [from, end] = [from, run.end].map(|at| u64::from(along) + u64::from(at));
                    let region = (self.firsts[index] + run.region as usize) as u32; // checked by `ranks`
                    try_push(&mut runs, LineRun { start: from, end, region })?;
                }
            }
        }
        Ok(runs)
    }

    /// Puts together regions whose runs on both sides of a line touch.
    fn touch(&mut self, above: &[LineRun], below: &[LineRun]) {
        let (mut first, reach) = (0, self.reach);
        for run in below {
            while above.get(first).is_some_and(|other| other.end + reach <= run.start) {
                first += 1;
            }
            for other in above[first..].iter().take_while(|other| other.start < run.end + reach) {
                if self.ranks[other.region as usize] == self.ranks[run.region as usize] {
                    self.union(other.region, run.region);
                }
            }
        }
    }

    /// The first region that is known to be put together with this one. Paths are halved.
    fn find(&mut self, mut region: u32) -> u32 {
        while self.parents[region as usize] != region {
            let above = self.parents[self.parents[region as usize] as usize];
            self.parents[region as usize] = above;
            region = above;
        }
        region
    }

    fn union(&mut self, one: u32, other: u32) {
        let (one, other) = (self.find(one), self.find(other));
        self.parents[one.max(other) as usize] = one.min(other);
    }

    /// Adds up what is known of the regions, and puts them in their order.
    fn finish(self, colors: Vec<Color>) -> Result<Joined, Error> {
        let Self { parts, firsts, ranks, parents: mut numbers, .. } = self;
        let mut wholes: Vec<WholeRegion> = Vec::new();
        let all = parts.iter().flat_map(|part| part.regions.iter().map(move |region| (part, region)));
        for (index, (part, region)) in all.enumerate() {
            let found = in_whole(part, region, ranks[index]);
            let parent = numbers[index] as usize;
            if parent == index {
                numbers[index] = wholes.len() as u32; // no more than regions of parts
                try_push(&mut wholes, found)?;
            } else {
                // The parent comes before, and has its number already.
                numbers[index] = numbers[parent];
                add(&mut wholes[numbers[index] as usize], &found);
            }
        }
        drop(ranks);
        let mut order: Vec<u32> = try_collect(0..wholes.len() as u32)?;
        order.sort_unstable_by_key(|&index| {
            let WholeRegion { color, pixels, first, .. } = wholes[index as usize];
            (u64::MAX - pixels, color, first)
        });
        let mut regions = try_with_capacity(wholes.len())?;
        regions.extend(order.iter().map(|&index| wholes[index as usize]));
        drop(wholes);
        // From a place in the order to a number, and the other way round.
        let mut places = try_collect(order.iter().map(|_| 0u32))?;
        (0..).zip(&order).for_each(|(place, &index)| places[index as usize] = place);
        numbers.iter_mut().for_each(|number| *number = places[*number as usize]);
        Ok(Joined { colors, regions, firsts, numbers })
    }
}

/// A region of a part, where it lies in the whole.
fn in_whole(part: &Part, region: &Region, rank: u32) -> WholeRegion {
    let place = &part.place;
    let moved = |sum: u64, by: u32| u128::from(sum) + u128::from(region.pixels) * u128::from(by);
    WholeRegion {
        color: rank,
        pixels: region.pixels,
        first: (place.top + region.first.1, place.left + region.first.0),
        left: place.left + region.left,
        right: place.left + region.right,
        bottom: place.top + region.bottom,
        columns: moved(region.columns, place.left),
        rows: moved(region.rows, place.top),
    }
}

fn add(whole: &mut WholeRegion, other: &WholeRegion) {
    whole.pixels += other.pixels; // no more than the image has
    whole.first = whole.first.min(other.first);
    whole.left = whole.left.min(other.left);
    whole.right = whole.right.max(other.right);
    whole.bottom = whole.bottom.max(other.bottom);
    whole.columns += other.columns;
    whole.rows += other.rows;
}
