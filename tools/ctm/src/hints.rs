//! Advice: which option helps where a map is not flat, where there is no mask, or where no pixel has the colours that were
//! given.

use ctm::{Analysis, ColorMap, Context, Format, Matching, Outputs, Palette, Params, Selection};

use crate::args::{AlphaArg, MatchArg, SegmentArgs, UnlistedArg};
use crate::find::Found;
use crate::maps::Maps;
use crate::progress::analyze;
use crate::settings::Choice;
use crate::terminal::{self, count, thousands};

/// What advice is about.
pub(crate) struct Advice<'a> {
    pub(crate) maps: &'a Maps,
    pub(crate) color_map: &'a ColorMap<'a>,
    pub(crate) choice: &'a Choice,
    pub(crate) args: &'a SegmentArgs,
    pub(crate) found: &'a Found,
    /// Colours of the maps.
    pub(crate) distinct: u64,
    /// Colours that have enough pixels, and no mask.
    pub(crate) left_out: u64,
}

impl Advice<'_> {
    /// Says what helps, if something is wrong.
    pub(crate) fn give(&self, context: &mut Context) -> anyhow::Result<()> {
        let colors = &self.found.analysis.palette.colors;
        let lossy = self.maps.files.iter().find_map(|file| file.lossy.as_ref());
        if colors.is_empty() {
            let text = self.no_mask(context)?;
            self.say(&text);
        } else if self.choice.has_palette() && !has_pixels(&self.found.analysis) {
            let text = self.no_given_color(context)?;
            self.say(&text);
        } else if let Some(lossy) = lossy {
            if self.distinct > colors.len() as u64 && !self.joins_near_colors() {
                self.say(&format!(
                    "{lossy} changes colours, so that masks get holes; save colour maps as PNG, or try --merge 8/255"
                ));
            }
        } else if let Some(text) = self.not_flat(context)? {
            self.say(&text);
        }
        Ok(())
    }

    /// Says it, and of which of several images.
    fn say(&self, text: &str) {
        match (self.args.inputs.len(), &self.maps.files[..]) {
            (2.., [file]) => terminal::hint(&format!("{}: {text}", file.input)),
            _ => terminal::hint(text),
        }
    }

    /// Whether colours that are not exactly a mask's may be in it.
    fn joins_near_colors(&self) -> bool {
        let colors = &self.args.colors;
        colors.tolerance.is_some() || colors.merge.is_some() || colors.unlisted == UnlistedArg::Nearest
    }

    /// Which setting stands in the way of a mask.
    fn no_mask(&self, context: &mut Context) -> anyhow::Result<String> {
        let colors = &self.args.colors;
        let one = Selection { min_pixels: 1, max_count: 1 };
        let settings = Params { selection: one, ..self.choice.settings() };
        let most = self.palette(context, &settings)?;
        let is_region = colors.connected.is_some();
        let [most_of, what] = if is_region { ["largest", "region"] } else { ["most frequent", "colour"] };
        let leaves_out = !colors.ignore.is_empty() || matches!(colors.alpha, AlphaArg::AtLeast(_));
        let few = self.args.min_pixels();
        Ok(match most.colors.first() {
            _ if self.args.max_count() == 0 => "no mask, since --max-count is 0".into(),
            None if self.choice.is_given() => self.no_given_color(context)?,
            None if leaves_out => "no mask, since every pixel is ignored, transparent or has a NaN".into(),
            None => "no mask, since every pixel has a NaN".into(),
            Some(most) => {
                let begin = format!(
                    "no {what} has {}; the {most_of} one has {}",
                    count(few, "pixel"),
                    thousands(most.pixels)
                );
                let eight = Params { matching: Matching::EightBit, ..settings };
                let rounded = self.is_finer_than_8_bits() && {
                    let most = self.palette(context, &eight)?;
                    most.colors.first().is_some_and(|most| most.pixels >= few)
                };
                let is_cared_for = !self.has_shades() || is_region || self.joins_near_colors();
                let noise = if is_cared_for { None } else { noise(self.maps, self.args.colors.matching) };
                match noise {
                    _ if rounded => format!("{begin}; rounded to 8 bits, one has enough: try --match 8bit"),
                    Some(Noise { most, is_everywhere: true }) => {
                        format!("{begin}; the map is noisy, or a photo: try --merge {most}/255")
                    }
                    _ => format!("{begin}: try a lower --min-pixels"),
                }
            }
        })
    }

    /// What the maps have in place of the colours that were given.
    fn no_given_color(&self, context: &mut Context) -> anyhow::Result<String> {
        let begin = "no pixel has any of the colours that were given";
        if self.is_finer_than_8_bits() && !self.choice.has_ignored() {
            let eight = Params { matching: Matching::EightBit, ..self.choice.settings() };
            // Two colours may be the same then, which is an error.
            let outputs = Outputs { mask_stats: true, ..Outputs::default() };
            let rounded = analyze(context, self.color_map, &eight, outputs);
            if rounded.is_ok_and(|analysis| has_pixels(&analysis)) {
                return Ok(format!("{begin}; rounded to 8 bits, some have: try --match 8bit"));
            }
        }
        let selection = Selection { min_pixels: 1, max_count: 3 };
        let frequent = self.palette(context, &Params { selection, ..self.choice.all_colors() })?;
        let texts: Vec<String> = frequent.colors.iter().map(|entry| self.choice.text(&entry.color)).collect();
        Ok(match &texts[..] {
            [] => format!("{begin}: each has a NaN"),
            [one] => format!("{begin}; all are {one}"),
            [first @ .., last] => {
                format!("{begin}; the image's most frequent are {} and {last}", first.join(", "))
            }
        })
    }

    /// The most frequent colours of a map that is painted flat are most of its colours; elsewhere, which option helps.
    fn not_flat(&self, context: &mut Context) -> anyhow::Result<Option<String>> {
        /// A map of fewer colours may be flat.
        const MANY: u64 = 256;
        /// So many times more colours than masks are no flat map's.
        const MUCH: u64 = 8;
        /// Fewer colours are no noise.
        const NOISE: u64 = 16;
        let colors = &self.args.colors;
        // Programs have the numbers.
        let is_cared_for = self.args.json
            || self.joins_near_colors()
            || colors.unmix.is_some()
            || colors.connected.is_some()
            || self.choice.is_given();
        if !self.has_shades() || self.distinct < NOISE || is_cared_for {
            return Ok(None);
        }
        let frequent = self.found.analysis.palette.colors.len() as u64 + self.left_out;
        let is_flat = self.distinct < MANY || self.distinct / MUCH < frequent;
        let begin = format!(
            "{} have fewer than {} each",
            count(self.distinct.saturating_sub(frequent), "colour"),
            count(self.args.min_pixels(), "pixel")
        );
        if !is_flat && self.is_finer_than_8_bits() {
            let settings = Params { matching: Matching::EightBit, ..self.choice.all_colors() };
            if u64::from(context.mask_count(self.color_map, &settings)?) < self.distinct / 4 {
                let text = format!("{begin}; they differ by less than 8 bits tell: try --match 8bit");
                return Ok(Some(text));
            }
        }
        match noise(self.maps, colors.matching) {
            Some(Noise { most, is_everywhere }) if is_everywhere || !is_flat => Ok(Some(format!(
                "pixels differ a little from those beside them, as {} show: the map is noisy, or a photo: try --merge \
                 {most}/255",
                count(self.distinct, "colour")
            ))),
            _ if is_flat => Ok(None),
            _ => {
                let advice = match self.covered(context)? as f64 / self.maps.pixels() as f64 {
                    0.5.. => "edges are anti-aliased: try --unmix 2",
                    _ => "the map is noisy, or a photo: try --merge 16/255",
                };
                Ok(Some(format!("{begin}; {advice}")))
            }
        }
    }

    /// Pixels of all colours that have enough of them.
    fn covered(&self, context: &mut Context) -> anyhow::Result<u64> {
        if self.left_out == 0 {
            return Ok(self.found.analysis.palette.colors.iter().map(|color| color.pixels).sum());
        }
        let settings = self.choice.settings();
        let selection = Selection { max_count: u32::MAX, ..settings.selection };
        let all = self.palette(context, &Params { selection, ..settings })?;
        Ok(all.colors.iter().map(|color| color.pixels).sum())
    }

    /// Whether shades that differ may be the same in 8 bits.
    fn is_finer_than_8_bits(&self) -> bool {
        let is_exact = self.args.colors.matching == MatchArg::Exact;
        is_exact && self.maps.format() != Format::U8 && self.has_shades()
    }

    /// Whether values are shades, of which those that are near look alike, and not ids or other numbers.
    fn has_shades(&self) -> bool {
        !self.maps.has_ids() && !self.choice.has_numbers
    }

    fn palette(&self, context: &mut Context, settings: &Params) -> anyhow::Result<Palette> {
        Ok(analyze(context, self.color_map, settings, Outputs::default())?.palette)
    }
}

/// Whether there is a pixel in some mask.
fn has_pixels(analysis: &Analysis) -> bool {
    analysis.mask_stats.iter().any(|mask| mask.pixels > 0)
}

/// How a noisy map is.
#[derive(Debug, PartialEq)]
struct Noise {
    /// In 255ths, how far apart the colours of one region are, and what `--merge` is to be told.
    most: u32,
    /// Whether much of the map is noisy, and not only what is rare.
    is_everywhere: bool,
}

/// Whether pixels differ for noise, or as those on anti-aliased edges do. Noise is a little off to any side, so that a value
/// is often above those of both its neighbours in the row, or below; at an edge it lies between them, or is far from both.
fn noise(maps: &Maps, matching: MatchArg) -> Option<Noise> {
    /// Rows of each map that are looked at.
    const ROWS: usize = 64;
    let [width, height] = [maps.shape.width() as usize, maps.shape.height() as usize];
    let compared = |value: f32| match matching {
        MatchArg::Exact => value,
        MatchArg::EightBit => (value * 255.0).round() / 255.0,
    };
    let mut line = vec![[0.0; 4]; width];
    let mut votes = Votes::default();
    for map in 0..maps.files.len().min(8) {
        for row in (0..height).step_by(height.div_ceil(ROWS)) {
            maps.read_row(map, row, &mut line, |pixel| {
                std::array::from_fn(|channel| compared(pixel.get(channel).copied().unwrap_or(0.0)))
            });
            line.windows(3).for_each(|pixels| votes.add(pixels));
        }
    }
    votes.noise()
}

#[derive(Debug, Default)]
struct Votes {
    pixels: u64,
    edge: u64,
    /// Of noise by at most 5 and at most 12 255ths.
    near: u64,
    far: u64,
}

impl Votes {
    /// Of three pixels of a row, looks at the second.
    fn add(&mut self, pixels: &[[f32; 4]]) {
        let [left, pixel, right] = pixels else { return };
        self.pixels += 1;
        if pixel == left || pixel == right {
            return;
        }
        let apart = |other: &[f32; 4]| {
            let each = pixel.iter().zip(other).map(|(a, b)| (a - b).abs());
            each.fold(0.0, f32::max) * 255.0
        };
        let is_outside = (0..4).any(|channel| {
            let [a, b] = [left[channel], right[channel]];
            pixel[channel] < a.min(b) || pixel[channel] > a.max(b)
        });
        match apart(left).min(apart(right)) {
            ..=5.01 if is_outside => self.near += 1,
            ..=12.01 if is_outside => self.far += 1,
            _ => self.edge += 1,
        }
    }

    fn noise(&self) -> Option<Noise> {
        let all = self.near + self.far;
        // Some percent may be what a drawing has.
        let is_noise = all > self.edge && all * 50 > self.pixels;
        is_noise.then_some(Noise {
            most: if self.far * 50 < all { 8 } else { 16 },
            is_everywhere: all * 4 > self.pixels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(values: &[u8]) -> Option<Noise> {
        let pixels: Vec<[f32; 4]> = values.iter().map(|&value| [f32::from(value) / 255.0; 4]).collect();
        let mut votes = Votes::default();
        pixels.windows(3).for_each(|pixels| votes.add(pixels));
        votes.noise()
    }

    #[test]
    fn noise_is_off_to_any_side_and_edges_are_between() {
        assert_eq!(votes(&[9, 10, 8, 11, 9, 12, 10, 9]), Some(Noise { most: 8, is_everywhere: true }));
        assert_eq!(votes(&[20, 30, 20, 30, 20, 28]), Some(Noise { most: 16, is_everywhere: true }));
        assert_eq!(votes(&[0, 0, 100, 255, 255, 200, 0, 0]), None, "edges");
        assert_eq!(votes(&[1, 2, 3, 4, 5, 6, 7, 8]), None, "a gradient");
        assert_eq!(votes(&[7, 7, 7, 200, 200, 7]), None, "flat regions");
        assert_eq!(votes(&[0, 90, 0, 90, 0, 90]), None, "a pattern");
    }
}
