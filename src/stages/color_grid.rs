//! Colours in cells as wide as a distance: what is near a colour lies in its cell or in one beside it.
//!
//! A cell is a box of the colour space. A colour's neighbours are looked for in the 3ᶜ cells around it, for c channels. No
//! neighbour is missed, since no channel differs by more than the distance, which is a cell's side; what else is found is
//! measured. Where there may be only so many cells, a table has them all, else a hash table those that
//! hold a colour. Colours that are all farther than the distance from each other are a few in each cell, so that a
//! search looks at a bounded number.
//!
//! The idea is old: Bentley, Stanat, Williams, "The Complexity of Finding Fixed-Radius Near Neighbors", Information
//! Processing Letters, 1977.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_collect, try_push, try_with_capacity};
use crate::stages::color_tree::NONE;
use crate::types::matching::Nearest;

/// What ends a cell's list.
const END: u32 = u32::MAX;

/// A table may have so many cells, or as many as colours.
const TABLE: f64 = (1 << 16) as f64;

/// A cell's number along each channel.
type Cell = [i32; 4];

/// Colours' values, numbered as they were added.
#[derive(Debug)]
pub(crate) struct ColorGrid {
    /// A cell's side.
    side: f64,
    cells: Cells,
    /// The steps to the cells around one.
    around: Vec<Cell>,
    /// Each colour and the one that was added to its cell next.
    colors: Vec<([f64; 4], u32)>,
}

/// The first and the last colour of a cell's list, as they were added.
type Ends = [u32; 2];

/// What is in each cell.
#[derive(Debug)]
enum Cells {
    Table {
        /// One before the first cell, along each channel.
        first: Cell,
        /// From a cell to the next one, along each channel.
        strides: [usize; 4],
        ends: Vec<Ends>,
    },
    Map(HashMap<Cell, Ends, RandomState>),
}

impl ColorGrid {
    /// For colours with so many channels and values, whose distances are at least the largest of their channels'
    /// differences.
    pub(crate) fn new(
        tolerance: f64,
        channels: usize,
        all: impl ExactSizeIterator<Item = [f64; 4]>,
    ) -> Result<Self, Error> {
        // Somewhat wider, so that rounding puts no near colour two cells away.
        let side = tolerance * (1.0 + 1e-6);
        let count = all.len();
        let (mut low, mut high) = ([i32::MAX; 4], [i32::MIN; 4]);
        for values in all {
            let cell = cell(&values, side);
            low = std::array::from_fn(|channel| low[channel].min(cell[channel]));
            high = std::array::from_fn(|channel| high[channel].max(cell[channel]));
        }
        let around = (0..3_u32.pow(channels as u32))
            .map(|number| [1, 3, 9, 27].map(|digit| [0, 1, -1][(number / digit % 3) as usize]));
        let around = try_collect(around)?;
        let cells = Cells::between(&low, &high, count)?;
        Ok(Self { side, cells, around, colors: Vec::new() })
    }

    /// How many colours were added.
    pub(crate) fn len(&self) -> usize {
        self.colors.len()
    }

    /// Adds one of the colours, of which there may be 2^32 − 1.
    pub(crate) fn add(&mut self, values: [f64; 4]) -> Result<(), Error> {
        let number = self.colors.len() as u32;
        let ends = self.cells.ends_mut(&cell(&values, self.side))?;
        try_push(&mut self.colors, (values, END))?;
        match ends {
            [END, _] => *ends = [number; 2],
            [_, last] => self.colors[std::mem::replace(last, number) as usize].1 = number,
        }
        Ok(())
    }

    /// The first colour that is near enough, of those from a number on, or `NONE`. The values are those of one of the
    /// colours.
    #[inline]
    pub(crate) fn first(&self, values: &[f64; 4], near: Nearest, from: u32) -> u32 {
        const { assert!(END == NONE, "no colour has that number") };
        let middle = cell(values, self.side);
        let mut first = NONE;
        for step in &self.around {
            let cell = std::array::from_fn(|channel| middle[channel].saturating_add(step[channel]));
            let [mut next, _] = self.cells.ends(&cell);
            // What follows in a cell was added later.
            while next < first {
                let (other, after) = &self.colors[next as usize];
                if next >= from && near.reaches(values, other) {
                    first = next;
                }
                next = *after;
            }
        }
        first
    }
}

/// Values far beyond the cells' numbers share the last one.
#[inline]
fn cell(values: &[f64; 4], side: f64) -> Cell {
    values.map(|value| {
        let place = value / side;
        let truncated = place as i32; // `floor` is a call where the processor may lack the instruction
        truncated.saturating_sub((place < f64::from(truncated)).into())
    })
}

impl Cells {
    /// For cells from one to another, of so many colours.
    fn between(low: &Cell, high: &Cell, colors: usize) -> Result<Self, Error> {
        // With a cell beside each.
        let sides: [f64; 4] =
            std::array::from_fn(|channel| f64::from(high[channel]) - f64::from(low[channel]) + 3.0);
        if colors == 0 || sides.iter().product::<f64>() > TABLE.max(4.0 * colors as f64) {
            return Ok(Self::Map(HashMap::default()));
        }
        let mut strides = [1; 4];
        for channel in 1..4 {
            strides[channel] = strides[channel - 1] * sides[channel - 1] as usize;
        }
        let cells = strides[3] * sides[3] as usize;
        let mut ends = try_with_capacity(cells)?;
        ends.resize(cells, [END; 2]);
        Ok(Self::Table { first: low.map(|low| low.saturating_sub(1)), strides, ends })
    }

    /// A cell's list.
    #[inline]
    fn ends(&self, cell: &Cell) -> Ends {
        let ends = match self {
            Self::Table { first, strides, ends } => ends.get(place(cell, first, strides)),
            Self::Map(cells) => cells.get(cell),
        };
        ends.copied().unwrap_or([END; 2])
    }

    /// A cell's list, to be changed.
    fn ends_mut(&mut self, cell: &Cell) -> Result<&mut Ends, Error> {
        match self {
            Self::Table { first, strides, ends } => {
                let ends = ends.get_mut(place(cell, first, strides));
                ends.ok_or_else(|| Error::Internal("a colour lies in no cell".to_owned()))
            }
            Self::Map(cells) => {
                cells.try_reserve(1).map_err(|_| no_memory::<(Cell, Ends)>(cells.len() + 1))?;
                Ok(cells.entry(*cell).or_insert([END; 2]))
            }
        }
    }
}

/// Where a table has a cell.
#[inline]
fn place(cell: &Cell, first: &Cell, strides: &[usize; 4]) -> usize {
    let along = |channel: usize| (cell[channel].wrapping_sub(first[channel])) as usize * strides[channel];
    (along(0) + along(1)) + (along(2) + along(3))
}
