//! Which mask each small region gets: a breadth-first search from the regions that are large enough.

use crate::error::Error;
use crate::labels::NO_MASK;
use crate::labels::run_map::RunMap;
use crate::runtime::alloc::{try_push, try_with_capacity};
use crate::stages::absorb::Absorbing;
use crate::stages::absorb::regions::{Neighbors, Regions, check_now_and_then, those};
use crate::types::outputs::AbsorbedRegions;

/// The round of a region that has no mask to give away, or none yet.
const NEVER: u32 = u32::MAX;

/// Small regions, and those that they may join.
struct Search {
    regions: Regions,
    neighbors: Neighbors,
    small: Vec<bool>,
    /// In which round each region's mask is known.
    rounds: Vec<u32>,
}

/// Gives small regions to the masks around them.
pub(super) fn absorb(
    map: &mut RunMap,
    absorbing: &Absorbing,
    report: &mut AbsorbedRegions,
) -> Result<(), Error> {
    let regions = Regions::new(map, absorbing.connectivity)?;
    let small = those(&regions, |region| {
        let least = if regions.masks[region] == NO_MASK { absorbing.unmasked } else { absorbing.pixels };
        regions.pixels[region] < least
    })?;
    if !small.contains(&true) {
        return Ok(());
    }
    let neighbors = Neighbors::new(map, &regions, &small, false)?;
    let mut rounds = try_with_capacity(regions.len())?;
    let is_source = |(&mask, &small): (&u32, &bool)| mask != NO_MASK && !small;
    let round = |region| if is_source(region) { 0 } else { NEVER };
    rounds.extend(regions.masks.iter().zip(&small).map(round));
    let mut search = Search { regions, neighbors, small, rounds };
    search.run(report)?;
    let Regions { of_run, masks, .. } = &search.regions;
    map.relabel(|run| masks[of_run[run] as usize]);
    Ok(())
}

impl Search {
    fn run(&mut self, report: &mut AbsorbedRegions) -> Result<(), Error> {
        let mut front = self.first_round()?;
        let (mut next, mut room) = (Vec::new(), Vec::new());
        let mut round = 1;
        while !front.is_empty() {
            for (index, &region) in front.iter().enumerate() {
                check_now_and_then(index)?;
                let mask = self.longest_border(region, round, &mut room)?;
                let Regions { masks, pixels, .. } = &mut self.regions;
                if std::mem::replace(&mut masks[region as usize], mask) != mask {
                    report.regions += 1;
                    report.pixels += pixels[region as usize];
                }
            }
            round += 1; // fewer than there are regions
            for (index, &region) in front.iter().enumerate() {
                check_now_and_then(index)?;
                for border in self.neighbors.of(region) {
                    let neighbor = border.region as usize;
                    if self.small[neighbor] && self.rounds[neighbor] == NEVER {
                        self.rounds[neighbor] = round;
                        try_push(&mut next, border.region)?;
                    }
                }
            }
            std::mem::swap(&mut front, &mut next);
            next.clear();
        }
        Ok(())
    }

    /// The small regions that have a large one beside them.
    fn first_round(&mut self) -> Result<Vec<u32>, Error> {
        let mut front = Vec::new();
        for region in 0..self.regions.len() as u32 {
            check_now_and_then(region as usize)?;
            let mut neighbors = self.neighbors.of(region).iter(); // those of small regions only
            if neighbors.any(|border| self.rounds[border.region as usize] == 0) {
                self.rounds[region as usize] = 1;
                try_push(&mut front, region)?;
            }
        }
        Ok(front)
    }

    /// The mask with which a region has the most sides in common, of those that were known before this round.
    fn longest_border(&self, region: u32, round: u32, room: &mut Vec<(u32, u64)>) -> Result<u32, Error> {
        room.clear();
        for border in self.neighbors.of(region) {
            let neighbor = border.region as usize;
            if self.rounds[neighbor] < round {
                try_push(room, (self.regions.masks[neighbor], u64::from(border.sides)))?;
            }
        }
        room.sort_unstable();
        let sums = room.chunk_by(|one, other| one.0 == other.0);
        let sums = sums.map(|equal| (equal.iter().map(|&(_, sides)| sides).sum::<u64>(), equal[0].0));
        // Of equal ones the first mask; each region of a round has one.
        Ok(sums.fold((0, NO_MASK), |most, sum| if sum.0 > most.0 { sum } else { most }).1)
    }
}
