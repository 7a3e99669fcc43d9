//! Holes in masks: small regions that a mask encloses.
//!
//! A hole is connected by the other of 4 and 8 than masks are, and so consists of whole 4-connected regions: pixels that share
//! a side and are both not of the mask are in the same hole. A search goes from region to region, and ends where it comes to
//! one that is too large or at the image's border. What a search of the same mask has seen before it need not be gone
//! through again: it is no hole, else it would be the mask's now.

use crate::error::Error;
use crate::labels::NO_MASK;
use crate::labels::run_map::RunMap;
use crate::runtime::alloc::{try_push, try_zeroed};
use crate::stages::absorb::regions::{Neighbors, Regions, check_now_and_then, those};
use crate::types::matching::Connectivity;
use crate::types::outputs::AbsorbedRegions;

/// Searches for holes.
struct Search {
    regions: Regions,
    neighbors: Neighbors,
    /// Which regions are small enough, and not at the border.
    inner: Vec<bool>,
    most: u64,
    /// The last search that has come to each region; they are numbered from 1 on.
    seen: Vec<u64>,
    /// The first search for the mask at hand, and the one that is going on.
    first: u64,
    current: u64,
    /// The regions that it has found.
    found: Vec<u32>,
}

/// Fills holes of at most so many pixels.
pub(super) fn fill(
    map: &mut RunMap,
    most: u64,
    connectivity: Connectivity,
    report: &mut AbsorbedRegions,
) -> Result<(), Error> {
    let regions = Regions::new(map, Connectivity::Four)?;
    let inner = those(&regions, |region| regions.pixels[region] <= most && !regions.at_border[region])?;
    let neighbors = Neighbors::new(map, &regions, &inner, connectivity == Connectivity::Four)?;
    let mut starts: Vec<(u32, u32)> = Vec::new();
    for region in 0..regions.len() as u32 {
        check_now_and_then(region as usize)?;
        for border in neighbors.of(region) {
            let mask = regions.masks[border.region as usize];
            if mask != NO_MASK && mask != regions.masks[region as usize] {
                try_push(&mut starts, (mask, region))?;
            }
        }
    }
    starts.sort_unstable();
    starts.dedup();
    let seen = try_zeroed(regions.len())?;
    let mut search =
        Search { regions, neighbors, inner, most, seen, first: 1, current: 0, found: Vec::new() };
    let mut last = NO_MASK;
    for (index, &(mask, region)) in starts.iter().enumerate() {
        check_now_and_then(index)?;
        search.current += 1;
        if mask != last {
            (search.first, last) = (search.current, mask);
        }
        if let Some(pixels) = search.hole_at(region, mask)? {
            search.found.iter().for_each(|&region| search.regions.masks[region as usize] = mask);
            report.holes += 1;
            report.hole_pixels += pixels;
        }
    }
    let Regions { of_run, masks, .. } = &search.regions;
    map.relabel(|run| masks[of_run[run] as usize]);
    Ok(())
}

impl Search {
    /// Finds the hole of a mask that has this region, and how many pixels the hole has; `None` where it is in none.
    fn hole_at(&mut self, region: u32, mask: u32) -> Result<Option<u64>, Error> {
        self.found.clear();
        if self.regions.masks[region as usize] == mask || self.seen[region as usize] >= self.first {
            return Ok(None); // was filled, or is known to be in no hole
        }
        self.seen[region as usize] = self.current;
        try_push(&mut self.found, region)?;
        let mut pixels = self.regions.pixels[region as usize];
        let mut done = 0;
        while let Some(&region) = self.found.get(done) {
            done += 1;
            check_now_and_then(done)?;
            for border in self.neighbors.of(region) {
                let neighbor = border.region as usize;
                if self.regions.masks[neighbor] == mask || self.seen[neighbor] == self.current {
                    continue;
                }
                pixels += self.regions.pixels[neighbor];
                if !self.inner[neighbor] || self.seen[neighbor] >= self.first || pixels > self.most {
                    return Ok(None);
                }
                self.seen[neighbor] = self.current;
                try_push(&mut self.found, border.region)?;
            }
        }
        Ok(Some(pixels))
    }
}
