//! The label map of an image that comes in parts, kept as runs: what runs and outlines of the whole are made of.
//!
//! **Problem.** A mask's outline goes through many parts of an image that is nowhere as a whole. Parts come in any order, from
//! several machines, and may be many.
//!
//! ```text
//! add: the part's runs, row by row; refused where it overlaps another
//! merge: the parts of both, from the top down: refused where two overlap
//! the whole: for each row, the parts that it goes through, from the left: their runs, those that go on in the next part joined
//! ```
//!
//! **Exact.** The runs of the whole are those that one call finds, so that all that is made of them is the same to the bit.
//!
//! **Cost.** 8 bytes a run and a row of a part; as much again for the whole while it is put together. A part is compared with all
//! others that are there.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::labels::run_map::{Lines, Run, RunMap};
use crate::labels::runs::run_length;
use crate::labels::{Labels, NO_MASK};
use crate::runtime::alloc::{no_memory, try_push, try_with_capacity};
use crate::runtime::call;
use crate::types::geometry::{Frame, Shape};

/// Parts that a mosaic has at most.
pub(super) const MOST_PARTS: usize = 1 << 20;

/// The label map of an image that comes in bands or tiles, for the runs and outlines of the whole.
///
/// Each part's labels are added in any order, mosaics of several machines are merged, and then the masks are told as run lengths
/// and as polygons: those that one call on the whole image gives, to the bit. It takes 8 bytes for each run of a row of a part,
/// not for each pixel.
///
/// ```
/// use ctm::{Connectivity, Context, Mosaic, Options, PartArea, PartLabels, RunOrder};
///
/// let mut mosaic = Mosaic::new(4, 2)?;
/// for left in [2, 0] {
///     let labels = if left == 0 { [1, 1, 0, 1] } else { [1, 2, 1, 2] };
///     mosaic.add(PartLabels::U8(&labels), PartArea { left, top: 0, width: 2, height: 2 })?;
/// }
/// let mut context = Context::new(&Options { backend: ctm::Backend::Cpu, ..Options::default() })?;
/// let runs = mosaic.runs(&mut context, 2, RunOrder::Rows)?;
/// assert_eq!(runs.counts, [0, 3, 2, 2, 1, 3, 1, 3, 1]);
/// let outlines = mosaic.outlines(&mut context, 2, Connectivity::Four.into())?;
/// assert_eq!(outlines.points[6..], [[3, 0], [4, 0], [4, 2], [3, 2]]);
/// # Ok::<(), ctm::Error>(())
/// ```
#[derive(Debug, PartialEq)]
pub struct Mosaic {
    pub(super) width: u32,
    pub(super) height: u32,
    /// From the top down, those of the same first row from the left.
    pub(super) parts: Vec<Part>,
    pub(super) pixels: u64,
}

/// Where a part of an image lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartArea {
    /// Its first column.
    pub left: u32,
    /// Its first row.
    pub top: u32,
    /// Its columns.
    pub width: u32,
    /// Its rows.
    pub height: u32,
}

/// The labels of a part, row by row: 0 where a pixel is in no mask, else the number of its mask plus one.
#[derive(Clone, Copy, Debug)]
pub enum PartLabels<'a> {
    /// Of 8 bits.
    U8(&'a [u8]),
    /// Of 16 bits.
    U16(&'a [u16]),
    /// Of 32 bits.
    U32(&'a [u32]),
}

/// The runs of a part.
#[derive(Debug, PartialEq)]
pub(crate) struct Part {
    pub(super) area: PartArea,
    pub(super) runs: Vec<Run>,
    /// Where each row's begin, and where the last one's end.
    pub(super) starts: Vec<usize>,
}

impl PartArea {
    fn right(&self) -> u64 {
        u64::from(self.left) + u64::from(self.width)
    }

    fn bottom(&self) -> u64 {
        u64::from(self.top) + u64::from(self.height)
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    fn text(&self) -> String {
        format!("{} x {} pixels at column {}, row {}", self.width, self.height, self.left, self.top)
    }

    fn overlaps(&self, other: &Self) -> bool {
        u64::from(self.left) < other.right()
            && u64::from(other.left) < self.right()
            && u64::from(self.top) < other.bottom()
            && u64::from(other.top) < self.bottom()
    }

    /// The error where two of them overlap.
    fn overlapping(&self, other: &Self) -> Error {
        Error::InvalidArgument(format!(
            "a part is {} and another is {}, which overlap; parts that do not are expected",
            self.text(),
            other.text()
        ))
    }
}

impl Part {
    /// The runs of an area whose rows `row` gives, from the top.
    pub(crate) fn new<'a>(area: PartArea, row: impl Fn(usize) -> Labels<'a>) -> Result<Self, Error> {
        let height = area.height as usize;
        let mut part = Self { area, runs: Vec::new(), starts: try_with_capacity(height + 1)? };
        for number in 0..height {
            if number.is_multiple_of(1024) {
                call::tick();
                call::check()?;
            }
            part.starts.push(part.runs.len());
            match row(number) {
                Labels::One(labels) => push_runs(labels, &mut part.runs),
                Labels::Two(labels) => push_runs(labels, &mut part.runs),
                Labels::Four(labels) => push_runs(labels, &mut part.runs),
            }?;
        }
        part.starts.push(part.runs.len());
        part.runs.shrink_to_fit();
        Ok(part)
    }

    /// The runs of one of its rows.
    fn row(&self, row: usize) -> &[Run] {
        &self.runs[self.starts[row]..self.starts[row + 1]]
    }

    fn copy(&self) -> Result<Self, Error> {
        let Self { area, runs, starts } = self;
        let mut copy = Self {
            area: *area,
            runs: try_with_capacity(runs.len())?,
            starts: try_with_capacity(starts.len())?,
        };
        copy.runs.extend_from_slice(runs);
        copy.starts.extend_from_slice(starts);
        Ok(copy)
    }
}

fn push_runs<L: Copy + Eq + Into<u32>>(labels: &[L], runs: &mut Vec<Run>) -> Result<(), Error> {
    let mut start = 0;
    while start < labels.len() {
        let mask = labels[start].into().wrapping_sub(1); // `NO_MASK` for 0
        try_push(runs, Run { start: start as u32, mask })?; // an image's sides are u32s
        start += run_length(&labels[start..]);
    }
    Ok(())
}

const _: () = assert!(NO_MASK == 0u32.wrapping_sub(1), "label 0 is no mask");

impl Mosaic {
    /// An image without any part yet.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] where a side is 0, or there are more pixels than memory could hold.
    pub fn new(width: u32, height: u32) -> Result<Self, Error> {
        Shape::new(width, height, 1)?;
        Ok(Self { width, height, parts: Vec::new(), pixels: 0 })
    }

    /// Columns of the image.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows of the image.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Pixels of the parts that were added: all parts are there once that is the width times the height.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        self.pixels
    }

    /// Adds a part of the image.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] where the part is empty, not within the image, overlaps another one, or there are not as many
    /// labels as it has pixels; [`Error::Unsupported`] for more than 1,048,576 parts; too little memory. The mosaic is what it
    /// was then.
    pub fn add(&mut self, labels: PartLabels, area: PartArea) -> Result<(), Error> {
        let labels = match labels {
            PartLabels::U8(labels) => Labels::One(labels),
            PartLabels::U16(labels) => Labels::Two(labels),
            PartLabels::U32(labels) => Labels::Four(labels),
        };
        self.check_part(&area)?;
        if labels.len() as u64 != area.pixels() {
            return Err(Error::InvalidArgument(format!(
                "labels has {} values; {} x {} = {} are expected",
                labels.len(),
                area.width,
                area.height,
                area.pixels()
            )));
        }
        let width = area.width as usize;
        self.insert(Part::new(area, |row| labels.part(row * width..(row + 1) * width))?)
    }

    /// Checks that a part is in the image and overlaps no other.
    pub(crate) fn check_part(&self, area: &PartArea) -> Result<(), Error> {
        let Self { width, height, parts, .. } = self;
        if area.pixels() == 0 || area.right() > (*width).into() || area.bottom() > (*height).into() {
            return Err(Error::InvalidArgument(format!(
                "the part is {}; one of at least a pixel within the image's {width} x {height} is expected",
                area.text()
            )));
        }
        check_count(parts.len() + 1)?;
        let other = parts.iter().find(|part| part.area.overlaps(area));
        other.map_or(Ok(()), |other| Err(area.overlapping(&other.area)))
    }

    /// Adds a part.
    pub(crate) fn insert(&mut self, part: Part) -> Result<(), Error> {
        self.check_part(&part.area)?;
        self.parts.try_reserve(1).map_err(|_| no_memory::<Part>(self.parts.len() + 1))?;
        self.pixels += part.area.pixels();
        let place = |part: &Part| (part.area.top, part.area.left);
        let index = self.parts.partition_point(|other| place(other) < place(&part));
        self.parts.insert(index, part);
        Ok(())
    }

    /// Adds the parts of another mosaic of the same image.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] where it is of another size, or two parts overlap; as [`Mosaic::add`] else.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if (self.width, self.height) != (other.width, other.height) {
            return Err(Error::InvalidArgument(format!(
                "other is of an image of {} x {} pixels; {} x {} is expected",
                other.width, other.height, self.width, self.height
            )));
        }
        let count = self.parts.len() + other.parts.len();
        check_count(count)?;
        let mut areas = try_with_capacity(count)?;
        areas.extend(self.parts.iter().chain(&other.parts).map(|part| part.area));
        check_apart(&mut areas)?;
        let mut copies = try_with_capacity(other.parts.len())?;
        for part in &other.parts {
            copies.push(part.copy()?);
        }
        self.parts.try_reserve(copies.len()).map_err(|_| no_memory::<Part>(count))?;
        self.parts.append(&mut copies); // there is room
        self.parts.sort_unstable_by_key(|part| (part.area.top, part.area.left));
        self.pixels += other.pixels;
        Ok(())
    }

    /// The runs of the whole image, whose masks are fewer than so many.
    pub(crate) fn run_map(&self, mask_count: u32) -> Result<RunMap, Error> {
        let runs = self.parts.iter().flat_map(|part| &part.runs);
        let masks = runs.map(|run| run.mask).filter(|&mask| mask != NO_MASK);
        if let Some(highest) = masks.max().filter(|&highest| highest >= mask_count) {
            let label = u64::from(highest) + 1;
            return Err(Error::InvalidArgument(format!(
                "mask_count is {mask_count} and a label is {label}; at least {label} is expected"
            )));
        }
        if self.pixels < u64::from(self.width) * u64::from(self.height) {
            return Err(self.incomplete()?);
        }
        let [width, height] = [self.width, self.height].map(|side| side as usize);
        let mut lines = Lines::new(Frame { width, height, images: 1 })?;
        self.each_row(|row, parts| {
            let runs = |&part: &usize| {
                let part = &self.parts[part];
                (part.area.left, part.row((row - part.area.top) as usize))
            };
            lines.add_joined(parts.iter().map(runs))?;
            Ok(true)
        })?;
        Ok(lines.finish())
    }

    /// Calls `each` for each row with the parts that it goes through, from the left, until it gives `false`.
    fn each_row(&self, mut each: impl FnMut(u32, &[usize]) -> Result<bool, Error>) -> Result<(), Error> {
        let mut active: Vec<usize> = Vec::new();
        let mut next = 0;
        for row in 0..self.height {
            if row.is_multiple_of(1024) {
                call::tick();
                call::check()?;
            }
            active.retain(|&part| self.parts[part].area.bottom() > row.into());
            while self.parts.get(next).is_some_and(|part| part.area.top == row) {
                let left = |part: usize| self.parts[part].area.left;
                let index = active.partition_point(|&other| left(other) < left(next));
                active.try_reserve(1).map_err(|_| no_memory::<usize>(active.len() + 1))?;
                active.insert(index, next);
                next += 1;
            }
            if !each(row, &active)? {
                break;
            }
        }
        Ok(())
    }

    /// The error where parts are missing, with the first pixel that is.
    fn incomplete(&self) -> Result<Error, Error> {
        let mut first = (0, 0);
        self.each_row(|row, parts| {
            let mut end = 0;
            for area in parts.iter().map(|&part| self.parts[part].area) {
                if u64::from(area.left) > end {
                    break;
                }
                end = area.right();
            }
            first = (end, row);
            Ok(end == self.width.into())
        })?;
        let (column, row) = first;
        let (pixels, parts) = (self.pixels, self.parts.len());
        let all = u64::from(self.width) * u64::from(self.height);
        Ok(Error::InvalidArgument(format!(
            "the mosaic has {pixels} of {all} pixels, in {parts} parts: the first that is missing is in column {column}, row \
             {row}; parts of the whole image are expected"
        )))
    }
}

/// Checks how many parts there are.
pub(super) fn check_count(parts: usize) -> Result<(), Error> {
    if parts > MOST_PARTS {
        return Err(Error::Unsupported(format!(
            "a mosaic of {parts} parts is asked for; {MOST_PARTS} at most are supported"
        )));
    }
    Ok(())
}

/// Checks that no part overlaps another; they are sorted meanwhile.
pub(super) fn check_apart(areas: &mut [PartArea]) -> Result<(), Error> {
    areas.sort_unstable_by_key(|area| (area.top, area.left));
    // Those that a row goes through, by where they begin, and some that end above it.
    let mut active: BTreeMap<u32, PartArea> = BTreeMap::new();
    for area in areas.iter() {
        let last = (area.right() - 1) as u32; // an image's sides are u32s
        let before =
            |active: &BTreeMap<u32, PartArea>| active.range(..=last).next_back().map(|(_, other)| *other);
        while let Some(other) = before(&active) {
            if other.bottom() <= area.top.into() {
                active.remove(&other.left);
            } else if other.right() > area.left.into() {
                return Err(area.overlapping(&other));
            } else {
                break; // and all before it end before it begins
            }
        }
        active.insert(area.left, *area);
    }
    Ok(())
}
