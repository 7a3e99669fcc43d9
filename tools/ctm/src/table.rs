//! The CSV table: a row for each mask in each image.

use std::path::Path;

use anyhow::Context as _;

use crate::color;
use crate::segment::Outcome;

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
pub(crate) fn write(outcomes: &[Outcome], file: &Path) -> anyhow::Result<()> {
    let write = || -> Result<(), csv::Error> {
        let mut table = csv::Writer::from_path(file)?;
        table.write_record(HEAD)?;
        let images = outcomes.iter().flat_map(|outcome| {
            outcome.maps.files.iter().enumerate().map(move |(map, image)| (outcome, map, image))
        });
        for (outcome, map, image) in images {
            for (index, mask) in outcome.masks.iter().enumerate() {
                let part = &mask.parts[map];
                let region = &part.region;
                let (first, centroid) = (region.first_pixel, region.centroid);
                let box_and_points = [
                    region.left.to_string(),
                    region.top.to_string(),
                    region.width.to_string(),
                    region.height.to_string(),
                    first.0.to_string(),
                    first.1.to_string(),
                    centroid.0.to_string(),
                    centroid.1.to_string(),
                ];
                let place = if region.pixels == 0 { [const { String::new() }; 8] } else { box_and_points };
                let mut row = vec![
                    image.path.display().to_string(),
                    (index + 1).to_string(),
                    color::text(&mask.color),
                    mask.name.clone().unwrap_or_default(),
                    region.pixels.to_string(),
                    outcome.share_of_one(region.pixels).to_string(),
                ];
                row.extend(place);
                row.push(part.file.as_ref().map_or(String::new(), |file| file.display().to_string()));
                table.write_record(row)?;
            }
        }
        Ok(table.flush()?)
    };
    write().with_context(|| format!("{}: cannot be written", file.display()))
}
