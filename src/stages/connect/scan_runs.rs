//! The components of a strip, run by run: for pixels most of which equal their neighbours.

use crate::error::Error;
use crate::labels::LabelledTile;
use crate::labels::runs::{MaskRun, for_each_run};
use crate::runtime::alloc::{try_push, try_with_capacity};
use crate::stages::connect::strip::{Area, Component, ComponentRun};

/// A component while it is being found.
#[derive(Clone, Copy, Debug)]
struct Growing {
    mask: u32,
    /// An earlier component that it is connected with, or itself.
    parent: u32,
    pixels: u32,
}

/// What is found in a strip.
pub(super) struct RunScan {
    area: Area,
    first: usize,
    runs: Vec<ComponentRun>,
    components: Vec<Growing>,
    /// The first run that may touch those to come.
    above: usize,
}

impl RunScan {
    pub(super) fn new(area: Area, first: usize) -> Self {
        Self { area, first, runs: Vec::new(), components: Vec::new(), above: 0 }
    }

    /// Adds a tile.
    pub(super) fn add(&mut self, tile: &LabelledTile, masks: &[u32], first: usize) -> Result<(), Error> {
        let mut outcome = Ok(());
        for_each_run(tile.labels, masks, first, self.area.frame, |run| {
            if outcome.is_ok() && !(run.image > 0 && self.area.first_image) {
                outcome = self.add_run(run);
            }
        });
        outcome
    }

    #[inline]
    fn add_run(&mut self, run: MaskRun) -> Result<(), Error> {
        let Self { area, first, runs, components, .. } = self;
        // Lossless: a strip has less pixels.
        let start = (run.first - *first) as u32;
        let mut component = None;
        // A run may have begun in the tile before.
        if run.column > 0
            && let Some(left) = runs.last()
            && left.end == start
            && components[left.component as usize].mask == run.mask
        {
            component = Some(root(components, left.component));
        }
        if let Some(above) = area.above(run.row, run.column, run.first..run.first + run.pixels)
            && above.end > *first
        {
            let (from, to) = (above.start.saturating_sub(*first) as u32, (above.end - *first) as u32);
            while runs.get(self.above).is_some_and(|other| other.end <= from) {
                self.above += 1;
            }
            for other in runs[self.above..].iter().take_while(|other| other.start < to) {
                if components[other.component as usize].mask == run.mask {
                    component = Some(match component {
                        None => root(components, other.component),
                        Some(component) => union(components, component, other.component),
                    });
                }
            }
        }
        let component = match component {
            Some(component) => component,
            None => {
                let parent = components.len() as u32; // less than pixels
                try_push(components, Growing { mask: run.mask, parent, pixels: 0 })?;
                parent
            }
        };
        components[component as usize].pixels += run.pixels as u32;
        try_push(runs, ComponentRun { start, end: start + run.pixels as u32, component })
    }

    /// The runs, and their components, of which those that are connected have become one.
    pub(super) fn finish(self) -> Result<(Vec<ComponentRun>, Vec<Component>), Error> {
        let Self { mut runs, mut components, .. } = self;
        flatten(&mut components);
        let mut numbers: Vec<u32> = try_with_capacity(components.len())?;
        let mut kept: Vec<Component> = Vec::new();
        for (number, component) in (0..).zip(&components) {
            if component.parent == number {
                numbers.push(kept.len() as u32);
                try_push(&mut kept, Component { mask_label: component.mask + 1, number: component.pixels })?;
            } else {
                numbers.push(numbers[component.parent as usize]);
            }
        }
        runs.iter_mut().for_each(|run| run.component = numbers[run.component as usize]);
        // Without the room that they grew into.
        runs.shrink_to_fit();
        Ok((runs, kept))
    }
}

/// The component that stands for all that this one is connected with.
#[inline]
fn root(components: &mut [Growing], mut number: u32) -> u32 {
    loop {
        let parent = components[number as usize].parent;
        if parent == number {
            return number;
        }
        let next = components[parent as usize].parent;
        components[number as usize].parent = next;
        number = next;
    }
}

/// Connects two components; the earlier one stands for both.
#[inline]
fn union(components: &mut [Growing], a: u32, b: u32) -> u32 {
    let (a, b) = (root(components, a), root(components, b));
    let (earlier, later) = (a.min(b), a.max(b));
    components[later as usize].parent = earlier;
    earlier
}

/// Makes the parent of each component the one that stands for it, and gives that one the pixels of all.
fn flatten(components: &mut [Growing]) {
    for number in 0..components.len() {
        // Parents come first, so that the parent's parent is final.
        let root = components[components[number].parent as usize].parent;
        components[number].parent = root;
        if root as usize != number {
            components[root as usize].pixels += components[number].pixels;
        }
    }
}
