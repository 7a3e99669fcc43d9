//! The rows of the table, on standard output and as CSV.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use ctm::Selection;

use crate::columns::{APART, FLOOR, STREAMING};
use crate::inputs::{Input, Kind};
use crate::measure::{Cell, Stats};

/// One job and how long each column took for it.
pub struct Row {
    pub kind: Kind,
    pub size: (u32, u32),
    pub channels: u32,
    pub selection: Selection,
    pub mask_count: usize,
    pub cells: Vec<Cell>,
}

impl Row {
    pub fn new(input: &Input, selection: Selection, mask_count: usize, cells: Vec<Cell>) -> Self {
        let size = (input.width, input.height);
        Self { kind: input.kind, size, channels: input.channels, selection, mask_count, cells }
    }

    pub fn label(&self) -> String {
        let (width, height) = self.size;
        let Selection { min_pixels, max_count } = self.selection;
        format!("{} {width}x{height}x{} K={max_count} min={min_pixels}", self.kind.name(), self.channels)
    }

    /// Of a floor, the fastest of its three columns.
    pub fn stats(&self, column: &str) -> Option<Stats> {
        let of = |name: &str| self.cells.iter().find(|cell| cell.column == name)?.stats;
        let manners = ["", STREAMING, APART].map(|manner| of(&format!("{column}{manner}")));
        manners.into_iter().flatten().min_by(|a, b| a.median.total_cmp(&b.median))
    }

    /// The median in milliseconds.
    pub fn ms(&self, column: &str) -> Option<f64> {
        Some(self.stats(column)?.median)
    }

    /// How many times as long `column` took as `other`.
    pub fn ratio(&self, column: &str, other: &str) -> Option<f64> {
        Some(self.ms(column)? / self.ms(other)?)
    }

    fn columns(&self) -> impl Iterator<Item = &str> {
        let names = self.cells.iter().map(|cell| cell.column.as_str());
        names.filter(|name| !name.ends_with(STREAMING) && !name.ends_with(APART))
    }
}

const LABEL: usize = 38;

/// A column's width, with a gap before it.
fn width(name: &str) -> usize {
    name.len().max(14) + 3
}

/// The table's head: prints like the rows that follow.
pub fn head(row: &Row) -> String {
    let mut text = format!("{:LABEL$} masks", "ms (times the floor), below min - max");
    for name in row.columns() {
        write!(text, "{name:>width$}", width = width(name)).expect("a String takes all");
    }
    text
}

/// A row: medians and ratios, below them the shortest and the longest time.
pub fn lines(row: &Row) -> String {
    let mut medians = format!("{:LABEL$} {:5}", row.label(), row.mask_count);
    let mut spreads = " ".repeat(LABEL + 6);
    for name in row.columns() {
        let (mut median, mut spread) = ("-".to_owned(), String::new());
        if let Some(stats) = row.stats(name) {
            let ratio = row.ratio(name, FLOOR).map_or(String::new(), |ratio| format!(" ({})", short(ratio)));
            median = format!("{}{ratio}", short(stats.median));
            spread = format!("{} - {}", short(stats.min), short(stats.max));
        }
        write!(medians, "{median:>width$}", width = width(name)).expect("a String takes all");
        write!(spreads, "{spread:>width$}", width = width(name)).expect("a String takes all");
    }
    format!("{medians}\n{}", spreads.trim_end())
}

/// Three digits that matter.
pub fn short(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

pub fn write_csv<'a>(path: &Path, rows: impl Iterator<Item = &'a Row>) -> io::Result<()> {
    let mut text = "input,width,height,channels,max_count,min_pixels,masks,\
                    column,runs,median_ms,min_ms,max_ms,times_the_floor\n"
        .to_owned();
    for row in rows {
        let ((width, height), Selection { min_pixels, max_count }) = (row.size, row.selection);
        for cell in &row.cells {
            let Some(Stats { median, min, max, runs }) = cell.stats else { continue };
            let ratio = row.ms(FLOOR).map_or(String::new(), |floor| format!("{:.3}", median / floor));
            writeln!(
                text,
                "{},{width},{height},{},{max_count},{min_pixels},{},\"{}\",{runs},{median:.4},{min:.4},{max:.4},{ratio}",
                row.kind.name(),
                row.channels,
                row.mask_count,
                cell.column
            )
            .expect("a String takes all");
        }
    }
    std::fs::write(path, text)
}
