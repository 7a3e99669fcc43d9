//! All masks of an image in one file, for `--format`.

pub(crate) mod coco;
pub(crate) mod exr;
mod indexed;
pub(crate) mod npz;
mod svg;
pub(crate) mod tiff;

use std::collections::HashSet;

use anyhow::{Context as _, bail};

use crate::args::{FormatArg, MaskFormatArg};
use crate::find::{Found, row_bytes};
use crate::labels::Labels;
use crate::masks::Mask;
use crate::outcome::Outcome;
use crate::save;
use crate::terminal::thousands;

/// The masks of one image, as exports want them.
struct Masks<'a> {
    outcome: &'a Outcome<'a>,
    found: &'a Found,
    /// Which of the images.
    map: usize,
}

impl Masks<'_> {
    fn all(&self) -> &[Mask] {
        &self.outcome.masks
    }

    fn size(&self) -> [u32; 2] {
        [self.outcome.maps.shape.width(), self.outcome.maps.shape.height()]
    }

    /// A mask's pixels, 0 to 255.
    fn plane(&self, mask: usize) -> Vec<u8> {
        let args = &self.outcome.args.outputs;
        let [width, height] = self.size();
        let row = row_bytes(width, args);
        let plane = row * height as usize;
        let first = (mask * self.outcome.maps.files.len() + self.map) * plane;
        let bytes = &self.found.planes[first..first + plane];
        match args.mask_format {
            MaskFormatArg::EightBit => bytes.to_vec(),
            MaskFormatArg::OneBit => {
                let pixel = |row: &[u8], x: usize| if row[x / 8] & 0x80 >> (x % 8) == 0 { 0 } else { 255 };
                let rows = bytes.chunks_exact(row);
                rows.flat_map(|row| (0..width as usize).map(move |x| pixel(row, x))).collect()
            }
        }
    }

    /// The labels of all images, and where this one's begin.
    fn labels(&self) -> anyhow::Result<(&Labels, usize)> {
        let labels = self.found.labels.as_ref().context("there are no labels")?;
        Ok((labels, self.map * self.outcome.maps.plane()))
    }

    /// What each mask is called, none as another: its name, else its number and colour.
    fn names(&self) -> Vec<String> {
        unique(self.all().iter().map(|mask| mask.called().to_owned()), &[])
    }

    /// What class each mask is of, which several regions may be: its name, else its colour.
    fn classes(&self) -> Vec<String> {
        let class = |mask: &Mask| mask.name.clone().unwrap_or_else(|| mask.text.clone());
        self.all().iter().map(class).collect()
    }
}

/// Names of which none is as another, nor as one of those that are taken: what would be the same gets its number added.
fn unique(names: impl Iterator<Item = String>, taken: &[&str]) -> Vec<String> {
    let mut seen: HashSet<String> = taken.iter().copied().map(str::to_owned).collect();
    let one = |(index, mut name): (usize, String)| {
        while !seen.insert(name.clone()) {
            name = format!("{name}-{}", index + 1);
        }
        name
    };
    names.enumerate().map(one).collect()
}

/// Fails where a format has no room for so many masks.
pub(crate) fn check_count(outcome: &Outcome) -> anyhow::Result<()> {
    let has_indexed = outcome.exports.iter().flatten().any(|(format, _)| *format == FormatArg::Indexed);
    let (count, most) = (outcome.masks.len(), indexed::most_masks(outcome));
    if has_indexed && count > most {
        let count = thousands(count as u64);
        bail!("--format indexed: {count} masks; a palette has {most} at most: lower --max-count");
    }
    Ok(())
}

/// What COCO's file has of each image.
pub(crate) fn coco_images(outcome: &Outcome, found: &Found) -> Vec<coco::Image> {
    let images = 0..outcome.maps.files.len();
    images.filter_map(|map| coco::image(&Masks { outcome, found, map })).collect()
}

/// Writes the files of all images.
pub(crate) fn write(outcome: &Outcome, found: &Found) -> anyhow::Result<()> {
    for (map, exports) in outcome.exports.iter().enumerate() {
        let masks = Masks { outcome, found, map };
        for (format, file) in exports {
            let encoded = match format {
                FormatArg::Tiff => tiff::encoded(&masks),
                FormatArg::Exr => exr::encoded(&masks),
                FormatArg::Npz => npz::encoded(&masks),
                FormatArg::Svg => svg::encoded(&masks),
                FormatArg::Indexed if file.extension().is_some_and(|extension| extension == "txt") => {
                    Ok(indexed::label_map(&masks))
                }
                FormatArg::Indexed => indexed::encoded(&masks),
                // COCO's file is of all images.
                FormatArg::Png | FormatArg::Coco => continue,
            };
            let encoded = encoded.with_context(|| format!("{}: cannot be encoded", file.display()))?;
            save::bytes(file, &encoded)?;
        }
    }
    Ok(())
}
