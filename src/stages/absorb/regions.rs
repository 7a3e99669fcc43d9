//! Regions of a map of runs, and which of them are neighbours.

use crate::error::Error;
use crate::labels::run_map::{Run, RunMap};
use crate::runtime::alloc::{try_collect, try_push, try_with_capacity, try_zeroed};
use crate::runtime::call;
use crate::types::matching::Connectivity;

/// Connected pixels of a mask each, or of none, in the order of their first pixels.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    /// Of each run.
    pub(crate) of_run: Vec<u32>,
    pub(crate) masks: Vec<u32>,
    pub(crate) pixels: Vec<u64>,
    /// Whether the region has a pixel at the border of its image.
    pub(super) at_border: Vec<bool>,
}

impl Regions {
    pub(crate) fn new(map: &RunMap, connectivity: Connectivity) -> Result<Self, Error> {
        let count = u32::try_from(map.runs().len()).ok().filter(|&count| count < u32::MAX);
        let count = count.ok_or_else(|| {
            let runs = map.runs().len();
            Error::OutOfMemory(format!(
                "{runs} runs of pixels among which regions are to be found; 2^32 - 2 can be"
            ))
        })?;
        let mut parents: Vec<u32> = try_collect(0..count)?;
        for line in 0..map.lines() {
            check_now_and_then(line)?;
            map.for_each_touch(line, |above, below, sides| {
                let connects = sides > 0 || connectivity == Connectivity::Eight;
                if connects && map.runs()[above].mask == map.runs()[below].mask {
                    union(&mut parents, above as u32, below as u32); // fewer than `count`
                }
            });
        }
        let mut regions = Self { of_run: parents, ..Self::default() };
        regions.number(map)?;
        Ok(regions)
    }

    pub(super) fn len(&self) -> usize {
        self.masks.len()
    }

    /// Numbers the regions, and adds up what is known of their runs. `of_run` has an earlier run of the same region, or the
    /// run itself if it is the first.
    fn number(&mut self, map: &RunMap) -> Result<(), Error> {
        let frame = map.frame();
        let mut run = 0;
        for line in 0..map.lines() {
            check_now_and_then(line)?;
            let row = line % frame.height;
            let at_border = row == 0 || row + 1 == frame.height;
            for (Run { start, mask }, pixels) in map.line_with_lengths(line) {
                let earlier = self.of_run[run] as usize;
                let region = if earlier == run { self.masks.len() } else { self.of_run[earlier] as usize };
                if earlier == run {
                    try_push(&mut self.masks, mask)?;
                    try_push(&mut self.pixels, 0)?;
                    try_push(&mut self.at_border, false)?;
                }
                self.of_run[run] = region as u32; // no more than runs
                self.pixels[region] += u64::from(pixels);
                let touches = start == 0 || (start + pixels) as usize == frame.width;
                self.at_border[region] |= at_border || touches;
                run += 1;
            }
        }
        Ok(())
    }
}

/// The first run that is known to be of the same region. Paths are halved.
fn find(parents: &mut [u32], mut run: u32) -> u32 {
    while parents[run as usize] != run {
        let above = parents[parents[run as usize] as usize];
        parents[run as usize] = above;
        run = above;
    }
    run
}

fn union(parents: &mut [u32], one: u32, other: u32) {
    let (one, other) = (find(parents, one), find(parents, other));
    parents[one.max(other) as usize] = one.min(other);
}

/// A region that another touches, and by how many sides of pixels there; 0: by a corner.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Border {
    pub(super) region: u32,
    pub(super) sides: u32,
}

/// The neighbours of some regions.
#[derive(Debug)]
pub(super) struct Neighbors {
    /// Where each region's begin, and where the last one's end.
    starts: Vec<usize>,
    /// A neighbour may be there several times.
    borders: Vec<Border>,
}

impl Neighbors {
    /// Those of the regions for which `wanted` is true, with those that only touch by a corner if `corners` is.
    pub(super) fn new(
        map: &RunMap,
        regions: &Regions,
        wanted: &[bool],
        corners: bool,
    ) -> Result<Self, Error> {
        let mut starts: Vec<usize> = try_zeroed(regions.len() + 1)?;
        each_border(map, regions, corners, |one, _| {
            starts[one as usize] += usize::from(wanted[one as usize]);
        })?;
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end; // behind the region's own; filling goes from the end to the start
        }
        let mut borders: Vec<Border> = try_zeroed(end)?;
        each_border(map, regions, corners, |one, border| {
            if wanted[one as usize] {
                starts[one as usize] -= 1;
                borders[starts[one as usize]] = border;
            }
        })?;
        Ok(Self { starts, borders })
    }

    pub(super) fn of(&self, region: u32) -> &[Border] {
        &self.borders[self.starts[region as usize]..self.starts[region as usize + 1]]
    }
}

/// Calls `each` with a region and one that it touches, and the other way round, for all places where two touch.
fn each_border(
    map: &RunMap,
    regions: &Regions,
    corners: bool,
    mut each: impl FnMut(u32, Border),
) -> Result<(), Error> {
    let mut both = |one: usize, other: usize, sides: u32| {
        let (one, other) = (regions.of_run[one], regions.of_run[other]);
        if one != other {
            each(one, Border { region: other, sides });
            each(other, Border { region: one, sides });
        }
    };
    for line in 0..map.lines() {
        check_now_and_then(line)?;
        let runs = map.line_runs(line);
        (runs.start + 1..runs.end).for_each(|run| both(run - 1, run, 1));
        map.for_each_touch(line, |above, below, sides| {
            if sides > 0 || corners {
                both(above, below, sides);
            }
        });
    }
    Ok(())
}

/// Whether the call was cancelled, looked at for some of the lines or regions.
pub(super) fn check_now_and_then(index: usize) -> Result<(), Error> {
    if index.is_multiple_of(1024) {
        call::tick();
        call::check()?;
    }
    Ok(())
}

/// Of each region whether a condition holds.
pub(super) fn those(regions: &Regions, condition: impl Fn(usize) -> bool) -> Result<Vec<bool>, Error> {
    let mut marks = try_with_capacity(regions.len())?;
    marks.extend((0..regions.len()).map(condition));
    Ok(marks)
}
