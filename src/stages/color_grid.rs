//! Colours in cells as wide as a distance: what is near a colour lies in its cell or in one beside it.
//!
//! A cell is a box of the colour space; a hash table has those that hold a colour. A colour's neighbours are looked
//! for in the 3ᶜ cells around it, for c channels: at most 81 look-ups, however many colours there are. No neighbour is
//! missed, since no channel differs by more than the distance, which is a cell's side; what else is found is for the
//! caller to measure. The idea is old: Bentley, Stanat, Williams, "The Complexity of Finding Fixed-Radius Near
//! Neighbors", Information Processing Letters, 1977.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::error::Error;
use crate::runtime::alloc::no_memory;

/// What ends a cell's list.
const END: u32 = u32::MAX;

/// Colours' values, numbered as they were added.
#[derive(Debug)]
pub(crate) struct ColorGrid {
    /// A cell's side.
    side: f64,
    channels: usize,
    /// The last colour that was added to each cell.
    cells: HashMap<[i32; 4], u32, RandomState>,
    /// Each colour and the one that was added to its cell before.
    colors: Vec<([f64; 4], u32)>,
}

impl ColorGrid {
    /// For colours with so many channels, whose distances are at least the largest of their channels' differences.
    pub(crate) fn new(tolerance: f64, channels: usize) -> Self {
        // Somewhat wider, so that rounding puts no near colour two cells away.
        let side = tolerance * (1.0 + 1e-6);
        Self { side, channels, cells: HashMap::with_hasher(RandomState::default()), colors: Vec::new() }
    }

    /// Adds a colour, of which there may be 2^32 − 1.
    pub(crate) fn add(&mut self, values: [f64; 4]) -> Result<(), Error> {
        let number = self.colors.len();
        let missing = no_memory::<([f64; 4], u32)>(number + 1);
        self.colors.try_reserve(1).map_err(|_| missing.clone())?;
        self.cells.try_reserve(1).map_err(|_| missing)?;
        let cell = self.cell(&values);
        let before = self.cells.insert(cell, number as u32);
        self.colors.push((values, before.unwrap_or(END)));
        Ok(())
    }

    /// Shows the number and the values of each colour that is not farther away than the tolerance, and of some that
    /// are, some of them twice.
    pub(crate) fn near(&self, values: &[f64; 4], mut show: impl FnMut(u32, &[f64; 4])) {
        let middle = self.cell(values);
        // Without a tolerance no cell is beside another.
        let cells = if self.side == 0.0 { 1 } else { 3_u32.pow(self.channels as u32) };
        for cell in 0..cells {
            let cell = if cells == 1 { middle } else { beside(middle, cell) };
            let mut next = self.cells.get(&cell).copied().unwrap_or(END);
            while next != END {
                let (values, before) = &self.colors[next as usize];
                show(next, values);
                next = *before;
            }
        }
    }

    /// Values far beyond the cells' numbers share the last one.
    fn cell(&self, values: &[f64; 4]) -> [i32; 4] {
        if self.side == 0.0 {
            return values.map(|value| (value as f32).to_bits() as i32);
        }
        values.map(|value| (value / self.side).floor() as i32)
    }
}

/// One of the cells around another, or itself: of its number each digit to the base 3 moves it along one channel.
fn beside(cell: [i32; 4], mut number: u32) -> [i32; 4] {
    cell.map(|place| {
        let step = [0, 1, -1][number as usize % 3];
        number /= 3;
        place.saturating_add(step)
    })
}
