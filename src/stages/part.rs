//! The regions of a part of an image by itself, and what of them others may go on in: its borders.
//!
//! **Problem.** A region may go on in parts that are elsewhere, or are gone. What is kept of a part must suffice to find the
//! regions of the whole, and may not be as large as its pixels.
//!
//! ```text
//! runs of rows; union runs that touch and are in the same mask        (absorb/regions.rs)
//! number the regions by their first pixels, those without a mask left out
//! of each: colour, pixels, box, first pixel, sums of columns and rows
//! of the first and last row, of the first and last column: the region of each run of pixels
//! ```
//!
//! **Exact.** Pixels of different parts touch at borders only, and all borders are kept. Of whatever regions of parts are put
//! together, pixels and sums are sums, and boxes and first pixels are minima and maxima.
//!
//! **Cost.** Linear in the runs of rows, on one thread; 12 bytes a run meanwhile, and for good 48 bytes a region and 8 a run of
//! a border.
//!
//! **Prior art.** As of `connect`, whose strips keep their last rows in the same way.

use crate::color::Color;
use crate::error::Error;
use crate::labels::NO_MASK;
use crate::labels::run_map::RunMap;
use crate::runtime::alloc::{try_push, try_with_capacity, try_zeroed};
use crate::stages::absorb::regions::Regions;
use crate::stages::select::sort_by_color;
use crate::types::matching::Connectivity;
use crate::types::palette::ColorCount;
use crate::types::regions::{BOTTOM, BorderRun, LEFT, NO_REGION, Part, Place, RIGHT, Region, TOP};

/// A part, and the region of each of its runs.
#[derive(Debug)]
pub(crate) struct FoundPart {
    pub(crate) part: Part,
    /// `NO_REGION` for those in none.
    pub(crate) of_run: Vec<u32>,
}

impl FoundPart {
    /// The regions of a map of one image. Colours are numbered as the palette's where one is given, else by their order among
    /// those of the part.
    pub(crate) fn new(
        map: &RunMap,
        palette: &[ColorCount],
        is_given: bool,
        place: Place,
        connectivity: Connectivity,
    ) -> Result<Self, Error> {
        let Regions { mut of_run, masks, pixels, .. } = Regions::new(map, connectivity)?;
        let (colors, numbers) = if is_given {
            (Vec::new(), None)
        } else {
            let (colors, numbers) = colors_of(&masks, palette)?;
            (colors, Some(numbers))
        };
        let color_of = |mask: u32| numbers.as_ref().map_or(mask, |numbers| numbers[mask as usize]);
        let mut regions = try_with_capacity(masks.iter().filter(|&&mask| mask != NO_MASK).count())?;
        let mut kept: Vec<u32> = try_with_capacity(masks.len())?;
        for (&mask, &pixels) in masks.iter().zip(&pixels) {
            if mask == NO_MASK {
                kept.push(NO_REGION);
                continue;
            }
            kept.push(regions.len() as u32); // fewer than runs, which a u32 counts
            regions.push(Region { pixels, ..none_of(color_of(mask)) });
        }
        of_run.iter_mut().for_each(|region| *region = kept[*region as usize]);
        measure(map, &of_run, &mut regions);
        let borders = borders(map, &of_run)?;
        Ok(Self { part: Part { place, colors, regions, borders }, of_run })
    }
}

/// A region of a colour whose pixels are still to be added.
fn none_of(color: u32) -> Region {
    Region { color, first: (0, 0), left: u32::MAX, right: 0, bottom: 0, pixels: 0, columns: 0, rows: 0 }
}

/// The colours of the masks that have regions, in their order; of each mask that has one the number of its colour.
fn colors_of(masks: &[u32], palette: &[ColorCount]) -> Result<(Vec<Color>, Vec<u32>), Error> {
    let mut numbers: Vec<u32> = try_zeroed(palette.len())?;
    let mut present = Vec::new();
    for &mask in masks.iter().filter(|&&mask| mask != NO_MASK) {
        if std::mem::replace(&mut numbers[mask as usize], 1) == 0 {
            try_push(&mut present, mask)?;
        }
    }
    sort_by_color(&mut present, palette);
    let mut colors = try_with_capacity(present.len())?;
    for (number, &mask) in (0..).zip(&present) {
        numbers[mask as usize] = number;
        colors.push(palette[mask as usize].color);
    }
    Ok((colors, numbers))
}

/// Finds where regions lie whose pixels are counted.
fn measure(map: &RunMap, of_run: &[u32], regions: &mut [Region]) {
    let mut run = 0;
    for line in 0..map.lines() {
        for (found, pixels) in map.line_with_lengths(line) {
            let region = regions.get_mut(of_run[run] as usize).filter(|_| of_run[run] != NO_REGION);
            run += 1;
            let Some(region) = region else { continue };
            let (row, start, last) = (line as u32, found.start, found.start + (pixels - 1)); // sides are u32s
            if region.left == u32::MAX {
                region.first = (start, row);
            }
            region.left = region.left.min(start);
            region.right = region.right.max(last);
            region.bottom = row;
            // They fit: `Place::fits`.
            region.columns += (u64::from(start) + u64::from(last)) * u64::from(pixels) / 2;
            region.rows += u64::from(row) * u64::from(pixels);
        }
    }
}

/// The regions along the borders.
fn borders(map: &RunMap, of_run: &[u32]) -> Result<[Vec<BorderRun>; 4], Error> {
    let mut borders = [const { Vec::new() }; 4];
    let last = map.lines() - 1; // no image is without a row
    for (border, line) in [(TOP, 0), (BOTTOM, last)] {
        let mut end = 0;
        for ((_, pixels), run) in map.line_with_lengths(line).zip(map.line_runs(line)) {
            end += pixels;
            push(&mut borders[border], end, of_run[run])?;
        }
    }
    for line in 0..map.lines() {
        let (runs, end) = (map.line_runs(line), line as u32 + 1); // sides are u32s
        push(&mut borders[LEFT], end, of_run[runs.start])?;
        push(&mut borders[RIGHT], end, of_run[runs.end - 1])?;
    }
    Ok(borders)
}

/// Adds pixels of a region up to a position.
fn push(border: &mut Vec<BorderRun>, end: u32, region: u32) -> Result<(), Error> {
    match border.last_mut() {
        Some(last) if last.region == region => {
            last.end = end;
            Ok(())
        }
        _ => try_push(border, BorderRun { end, region }),
    }
}
