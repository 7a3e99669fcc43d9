//! The CSV table: a row for each mask in each image.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ctm::MaskStats;

use crate::files::Files;
use crate::names;
use crate::outcome::Outcome;
use crate::save::{Output, cannot_be_written};
use crate::terminal::shown;

const HEAD: [&str; 15] = [
    "image",
    "mask",
    "color",
    "name",
    "pixels",
    "share",
    "left",
    "top",
    "width",
    "height",
    "first_x",
    "first_y",
    "centroid_x",
    "centroid_y",
    "file",
];

/// One mask in one image. What a mask without a pixel does not have is empty.
pub(crate) type Row = Vec<String>;

/// The file, which grows row by row.
pub(crate) struct Table {
    writer: csv::Writer<Output>,
    /// Whether someone looks at it as it is written.
    is_shown: bool,
    file: PathBuf,
}

impl Table {
    /// Begins one in a file, or on standard output.
    pub(crate) fn new(file: &Path, files: &Files) -> anyhow::Result<Self> {
        let is_shown = names::is_standard_output(file) && io::stdout().is_terminal();
        let writer = csv::Writer::from_writer(files.open(file)?);
        let mut table = Self { writer, is_shown, file: file.to_owned() };
        table.record(&HEAD)?;
        Ok(table)
    }

    /// Writes rows at once: a program may wait for them.
    pub(crate) fn add(&mut self, rows: &[Row]) -> anyhow::Result<()> {
        rows.iter().try_for_each(|row| self.record(row))?;
        self.writer.flush().with_context(|| cannot_be_written(&self.file))
    }

    fn record(&mut self, row: &[impl AsRef<str>]) -> anyhow::Result<()> {
        let texts = row.iter().map(AsRef::as_ref);
        match self.is_shown {
            true => self.writer.write_record(texts.map(shown)),
            false => self.writer.write_record(texts),
        }
        .map_err(io::Error::from)
        .with_context(|| cannot_be_written(&self.file))
    }

    /// Gives the file its name. One that is not finished leaves what was there.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let end = || self.writer.into_inner().map_err(|failed| failed.into_error())?.finish();
        end().with_context(|| cannot_be_written(&self.file))
    }
}

/// The rows of images that share their masks.
pub(crate) fn rows(outcome: &Outcome) -> Vec<Row> {
    let mut rows = Vec::new();
    for (map, image) in outcome.maps.files.iter().enumerate() {
        for (index, mask) in outcome.masks.iter().enumerate() {
            let part = &mask.parts[map];
            let region = &part.region;
            let mut row = vec![
                image.input.to_string(),
                (index + 1).to_string(),
                mask.text.clone(),
                mask.name.clone().unwrap_or_default(),
                region.pixels.to_string(),
                outcome.share_of_one(region.pixels).to_string(),
            ];
            row.extend(place(region));
            row.push(part.file.as_ref().map_or(String::new(), |file| file.display().to_string()));
            rows.push(row);
        }
    }
    rows
}

/// Where a mask's pixels lie.
fn place(region: &MaskStats) -> [String; 8] {
    let &MaskStats { pixels, left, top, width, height, first_pixel: first, centroid } = region;
    if pixels == 0 {
        return [const { String::new() }; 8];
    }
    let whole = [left, top, width, height, first.0, first.1].map(|number| number.to_string());
    let [left, top, width, height, x, y] = whole;
    [left, top, width, height, x, y, centroid.0.to_string(), centroid.1.to_string()]
}
