//! Files with the colours that are to get masks: lists of colours, tables, palettes of other programs, what `ctm segment
//! --json` has printed for another image, and images.

mod json;
mod lines;
mod table;

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use ctm::Format;

use crate::decode::{self, Part};
use crate::input::Reading;
use crate::picture::{Image, Values, byte, word};
use crate::source::{self, Source};
use crate::values::GivenColor;

/// A file of more bytes than this is no palette.
const MOST_BYTES: u64 = 64 << 20;
/// An image of more colours than this is none, either.
const MOST_COLORS: usize = 65_536;

/// What a file has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Palette {
    colors: Vec<GivenColor>,
    /// What to call the file.
    file: String,
}

/// Reads a palette. `max_memory`: what an image may take.
pub(crate) fn read(path: &Path, max_memory: u64) -> anyhow::Result<Palette> {
    let file = path.display().to_string();
    let colors = || -> anyhow::Result<Vec<GivenColor>> {
        let source = source::open(path)?;
        if let Source::File(mut open, len) = source {
            let head = source::head(&mut open)?;
            if len > 0 && decode::format_of(&head).is_ok() {
                return image_colors(path, max_memory);
            }
            return parse_bytes(Source::File(open, len));
        }
        parse_bytes(source)
    };
    let mut colors = colors().with_context(|| file.clone())?;
    for color in &mut colors {
        color.origin = format!("{file}, {}", color.origin);
    }
    Ok(Palette { colors, file })
}

fn parse_bytes(source: Source) -> anyhow::Result<Vec<GivenColor>> {
    let bytes = source.read_all(MOST_BYTES, "a palette is expected")?;
    if bytes.contains(&0) {
        bail!("is no text; a palette is expected");
    }
    // Provinces of old games have names in Latin-1, whose characters are the first of Unicode's.
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    let colors = parse(text.trim_start_matches('\u{feff}'))?;
    if colors.is_empty() {
        bail!("has no colours");
    }
    Ok(colors)
}

fn parse(text: &str) -> anyhow::Result<Vec<GivenColor>> {
    match text.trim_start().chars().next() {
        Some('{' | '[') => json::parse(text),
        _ if !lines::is_cvat(text) && table::is_one(text) => table::parse(text),
        _ => lines::parse(text),
    }
}

/// The colours of an image, in the order in which they come.
fn image_colors(path: &Path, max_memory: u64) -> anyhow::Result<Vec<GivenColor>> {
    let image = Image::read(path, &Reading { raw: None, max_memory, part: Part::default() })
        .map_err(|error| anyhow!(error.root_cause().to_string()))?;
    let channels = image.shape.channels() as usize;
    let value = |index: usize| match &image.values {
        Values::U8(values) => byte(values[index]),
        Values::U16(values) => word(values[index]),
        Values::F32(values) => values[index],
        Values::U32(values) => values[index] as f32,
        Values::I32(values) => values[index] as f32,
    };
    let id = |index: usize| match &image.values {
        Values::U32(values) => Some(values[index].into()),
        Values::I32(values) => Some(values[index].into()),
        Values::U8(_) | Values::U16(_) | Values::F32(_) => None,
    };
    let mut seen = std::collections::HashSet::new();
    let mut colors = Vec::new();
    for pixel in 0..image.shape.pixels() as usize {
        let values: Vec<f32> = (0..channels).map(|channel| value(pixel * channels + channel)).collect();
        let ids: Option<Vec<i64>> = (0..channels).map(|channel| id(pixel * channels + channel)).collect();
        let bits = || values.iter().map(|value| i64::from((value + 0.0).to_bits())).collect();
        let key: Vec<i64> = ids.clone().unwrap_or_else(bits);
        if values.iter().any(|value| value.is_nan()) || !seen.insert(key) {
            continue;
        }
        if colors.len() == MOST_COLORS {
            bail!("is an image of more than {MOST_COLORS} colours, which no palette has");
        }
        let (x, y) = (pixel % image.shape.width() as usize, pixel / image.shape.width() as usize);
        colors.push(GivenColor { ids, ..GivenColor::new(values, format!("column {x}, row {y}")) });
    }
    Ok(colors)
}

/// Whether all numbers of a list are whole, and written without a point: then they may be what images store, not 0 to 1. The
/// colour that says so: one beyond 1, where numbers of `format` in so many channels may count from 0 to 1 as well.
fn as_stored(colors: &[GivenColor], format: Format, channels: usize) -> Option<&GivenColor> {
    let mut plain = colors.iter().filter(|color| color.is_plain);
    let is_whole = |value: &f32| value.fract() == 0.0 && *value >= 0.0;
    if !plain.clone().all(|color| !color.has_point && color.values.iter().all(is_whole)) {
        return None;
    }
    let are_ids = are_ids(format, channels);
    plain.find(|color| are_ids || color.values.iter().any(|value| *value > 1.0))
}

/// Whether numbers are ids, of which 1 is the one behind 0: of one channel of 16 bits.
fn are_ids(format: Format, channels: usize) -> bool {
    format == Format::U16 && channels == 1
}

/// Where numbers are of two kinds: a colour of whole numbers beyond 1, and one of other numbers.
fn mixed(colors: &[GivenColor]) -> Option<[&GivenColor; 2]> {
    let is_whole =
        |color: &&GivenColor| !color.has_point && color.values.iter().all(|value| value.fract() == 0.0);
    let is_beyond = |color: &&GivenColor| is_whole(color) && color.values.iter().any(|value| *value > 1.0);
    let mut plain = colors.iter().filter(|color| color.is_plain);
    let other = plain.clone().find(|color| !is_whole(color))?;
    Some([plain.find(is_beyond)?, other])
}

/// The colours of several options: as [`Palette::in_image`] has them in an image of one channel of 16 bits, whose numbers
/// are often ids.
pub(crate) fn of_options<const N: usize>(
    lists: [&[GivenColor]; N],
    format: Format,
    channels: usize,
) -> anyhow::Result<[Vec<GivenColor>; N]> {
    let mut lists = lists.map(<[_]>::to_vec);
    if are_ids(format, channels) && as_stored(&lists.concat(), format, channels).is_some() {
        for color in lists.iter_mut().flatten() {
            scale(color, 65535.0, 65535.0)?;
        }
    }
    Ok(lists)
}

/// Makes a plain number of what images store one from 0 to 1.
fn scale(color: &mut GivenColor, largest: f32, scale: f32) -> anyhow::Result<()> {
    if !color.is_plain {
        return Ok(());
    }
    if let Some(value) = color.values.iter().find(|value| **value > largest) {
        bail!("{}: {value} is beyond {largest}", color.origin);
    }
    color.values.iter_mut().for_each(|value| *value /= scale);
    Ok(())
}

impl Palette {
    /// The colours, as values from 0 to 1 where an image has integers; and what is said about that. Whole numbers are
    /// decided for the whole file: what an image of one channel of 16 bits stores; where some are beyond 1, what an image of
    /// floats in one or two channels stores, or 0 to 255; else 0 to 1.
    pub(crate) fn in_image(
        &self,
        format: Format,
        channels: usize,
    ) -> anyhow::Result<(Vec<GivenColor>, Option<String>)> {
        if matches!(format, Format::U32 | Format::I32) {
            return Ok((self.colors.clone(), None));
        }
        let Some(stored) = as_stored(&self.colors, format, channels) else {
            if let (Format::U8 | Format::U16, Some([whole, other])) = (format, mixed(&self.colors)) {
                bail!(
                    "{} counts beyond 1, and {} from 0 to 1; the numbers of a file are decided for all of it: write all \
                     as whole numbers, or all from 0 to 1",
                    whole.origin,
                    other.origin.trim_start_matches(&format!("{}, ", self.file))
                );
            }
            let ones = || self.colors.iter().filter(|color| color.is_plain && !color.has_point);
            let is_said = ones().any(|color| color.values.contains(&1.0));
            let text = || format!("{}: whole numbers up to 1 only: they count from 0 to 1", self.file);
            return Ok((self.colors.clone(), is_said.then(text)));
        };
        // What a renderer writes for a colour of 8 bits is a float from 0 to 1.
        let is_of_floats = matches!(format, Format::F32 | Format::F16);
        let (largest, divisor, what) = match format {
            Format::F32 | Format::F16 if channels >= 3 => (255.0, 255.0, "count from 0 to 255"),
            Format::U16 if are_ids(format, channels) => {
                (65535.0, 65535.0, "are what the image stores, 0 to 65535")
            }
            Format::U8 | Format::U16 => (255.0, 255.0, "count from 0 to 255"),
            Format::F32 | Format::F16 | Format::U32 | Format::I32 => {
                (f32::INFINITY, 1.0, "are what the image stores")
            }
        };
        let mut colors = self.colors.clone();
        for color in &mut colors {
            scale(color, largest, divisor).map_err(|error| match is_of_floats {
                true => anyhow!("{error}; numbers with a point, such as 300.0, are what the image stores"),
                false => error,
            })?;
        }
        let text = format!("{}: whole numbers {what}, as '{}' shows", self.file, stored.text());
        Ok((colors, Some(text)))
    }
}

#[cfg(test)]
mod tests;
