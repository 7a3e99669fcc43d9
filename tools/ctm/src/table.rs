//! The CSV table: a row for each mask in each image.

use std::io::{self, IsTerminal, Write};

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

/// Writes the table. What a mask without a pixel does not have is empty.
pub(crate) fn write(outcomes: &[Outcome], out: &mut dyn Write) -> anyhow::Result<()> {
    let is_shown = is_standard_output(outcomes) && io::stdout().is_terminal();
    let text = |text: String| if is_shown { shown(&text) } else { text };
    let mut table = csv::Writer::from_writer(out);
    table.write_record(HEAD).map_err(io::Error::from)?;
    let images = outcomes.iter().flat_map(|outcome| {
        outcome.maps.files.iter().enumerate().map(move |(map, image)| (outcome, map, image))
    });
    for (outcome, map, image) in images {
        for (index, mask) in outcome.masks.iter().enumerate() {
            let part = &mask.parts[map];
            let region = &part.region;
            let mut row = vec![
                text(image.path.display().to_string()),
                (index + 1).to_string(),
                mask.text.clone(),
                text(mask.name.clone().unwrap_or_default()),
                region.pixels.to_string(),
                outcome.share_of_one(region.pixels).to_string(),
            ];
            row.extend(place(region));
            row.push(part.file.as_ref().map_or(String::new(), |file| text(file.display().to_string())));
            table.write_record(row).map_err(io::Error::from)?;
        }
    }
    Ok(table.flush()?)
}

fn is_standard_output(outcomes: &[Outcome]) -> bool {
    let table = outcomes.first().and_then(|outcome| outcome.args.outputs.table.as_deref());
    table.is_some_and(names::is_standard_output)
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
