//! The CSV table: a row for each mask in each image.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use ctm::MaskStats;

use crate::names;
use crate::outcome::Outcome;
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

/// Writes the table.
pub(crate) fn write(file: &Path, rows: &[Row], out: &mut dyn Write) -> anyhow::Result<()> {
    let is_shown = names::is_standard_output(file) && io::stdout().is_terminal();
    let mut table = csv::Writer::from_writer(out);
    table.write_record(HEAD).map_err(io::Error::from)?;
    for row in rows {
        match is_shown {
            true => table.write_record(row.iter().map(|text| shown(text))),
            false => table.write_record(row),
        }
        .map_err(io::Error::from)?;
    }
    Ok(table.flush()?)
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
