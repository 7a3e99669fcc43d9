//! The command line and the maps become the library's settings: colours and distances in the units of the images.

use std::collections::HashMap;

use anyhow::{anyhow, bail};
use ctm::{
    Absorb, Alpha, Batch, Connectivity, Format, Matching, Merge, Metric, Nearest, Params, Selection, Unlisted,
};

use crate::args::{
    AlphaArg, BatchArg, ColorArgs, ConnectedArg, MatchArg, MetricArg, SegmentArgs, UnlistedArg,
};
use crate::color;
use crate::decode::channels_text;
use crate::maps::Maps;
use crate::palette::{self, Palette};
use crate::values::{AlphaUse, GivenColor, most, within};

/// The settings, and the colours that they borrow.
#[derive(Debug)]
pub(crate) struct Choice {
    plain: Params<'static>,
    palette: Option<Given>,
    /// What the palette calls its colours.
    names: Vec<Option<String>>,
    /// The first place of each colour in a palette with names, whose regions may be many.
    places: HashMap<[u32; 4], usize>,
    ignored: Given,
    format: Format,
    /// Whether the maps' floats are numbers rather than shades: of one channel, and some beyond 0 to 1.
    pub(crate) has_numbers: bool,
    /// Channels that are part of a colour.
    pub(crate) channels: usize,
    /// What is to be said about the palette's numbers.
    pub(crate) hint: Option<String>,
}

/// Floats beyond this are all whole.
const MOST_WHOLE: f32 = 16_777_216.0;

/// Colours that were given, as the library wants them.
#[derive(Debug)]
enum Given {
    /// In the units of the image.
    Values(Vec<[f32; 4]>),
    /// As images of ids store them.
    Ids(Vec<[u32; 4]>),
}

impl Given {
    fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Ids(ids) => ids.len(),
        }
    }

    fn values(&self) -> Option<&[[f32; 4]]> {
        if let Self::Values(values) = self { Some(values) } else { None }
    }

    fn ids(&self) -> Option<&[[u32; 4]]> {
        if let Self::Ids(ids) = self { Some(ids) } else { None }
    }

    /// A key for each colour: those that are equal have equal keys.
    fn keys(&self, channels: usize) -> Vec<[u32; 4]> {
        match self {
            Self::Values(values) => values.iter().map(|color| bits(color, channels)).collect(),
            Self::Ids(ids) => ids.clone(),
        }
    }
}

/// Checks that no colour is given twice, and says where it is.
fn check_different(
    given: &[GivenColor],
    units: &Given,
    args: &ColorArgs,
    format: Format,
) -> anyhow::Result<()> {
    let compared = |value: f32| match args.matching {
        MatchArg::Exact => value + 0.0, // -0 is 0
        MatchArg::EightBit => (value / most(format) * 255.0).round() + 0.0,
    };
    let mut first = HashMap::new();
    let keys: Vec<[u32; 4]> = match units {
        Given::Values(values) => {
            values.iter().map(|color| color.map(|value| compared(value).to_bits())).collect()
        }
        Given::Ids(ids) => ids.clone(),
    };
    for (color, key) in given.iter().zip(keys) {
        if let Some(other) = first.insert(key, &color.origin) {
            bail!("{} is the same colour as {other}; different colours are expected", color.origin);
        }
    }
    Ok(())
}

impl Choice {
    /// `given`: what the file of --palette has.
    pub(crate) fn new(args: &SegmentArgs, maps: &Maps, given: Option<&Palette>) -> anyhow::Result<Self> {
        let colors = &args.colors;
        let format = maps.format();
        let stored = maps.shape.channels() as usize;
        if maps.is_cmyk() && colors.alpha != AlphaArg::Color {
            bail!("--alpha: the image has CMYK colours, of which no channel is alpha");
        }
        if stored % 2 == 1 && colors.alpha != AlphaArg::Color {
            let channels = channels_text(maps.shape.channels());
            bail!("--alpha: the image has no alpha; its pixels are {channels}");
        }
        let channels = if colors.alpha == AlphaArg::Color { stored } else { stored - 1 };
        let alpha = match colors.alpha {
            AlphaArg::Color if maps.has_alpha() => AlphaUse::Part,
            AlphaArg::Color => AlphaUse::Absent,
            AlphaArg::Ignored | AlphaArg::AtLeast(_) => AlphaUse::Ignored,
        };
        if maps.has_ids() {
            check_ids(colors)?;
        }
        let mut hint = None;
        let units = |list: &[GivenColor], option: &str| -> anyhow::Result<Given> {
            let named = |why: String| anyhow!("{option}{why}");
            if maps.has_ids() {
                let ids = list.iter().map(|color| color.as_ids(format, channels).map_err(named));
                return Ok(Given::Ids(ids.collect::<Result<_, _>>()?));
            }
            let units = list.iter().map(|color| color.in_units(format, channels, alpha).map_err(named));
            Ok(Given::Values(units.collect::<Result<_, _>>()?))
        };
        let [listed, mut ignored] = palette::of_options([&colors.color, &colors.ignore], format, channels)?;
        // What no pixel can be need not be ignored.
        ignored.retain(|color| !color.is_translucent(channels, alpha));
        let (palette, names) = if let Some(palette) = given {
            let (given, scale) = palette.in_image(format, channels)?;
            hint = scale;
            let units = units(&given, "")?;
            check_different(&given, &units, colors, format)?;
            (Some(units), given.into_iter().map(|color| color.name).collect())
        } else if !colors.color.is_empty() {
            let units = units(&listed, "--color ")?;
            check_different(&listed, &units, colors, format)?;
            (Some(units), Vec::new())
        } else {
            (None, Vec::new())
        };
        let plain = params(args, format, channels)?;
        let mut places = HashMap::new();
        if names.iter().any(Option::is_some) && plain.connected.is_some() {
            let keys = palette.as_ref().map(|palette: &Given| palette.keys(channels)).unwrap_or_default();
            for (place, key) in keys.into_iter().enumerate() {
                places.entry(key).or_insert(place);
            }
        }
        let ignored = units(&ignored, "--ignore ")?;
        let has_numbers = channels == 1 && maps.floats().is_some_and(|floats| has_numbers(floats, stored));
        Ok(Self { plain, palette, names, places, ignored, format, has_numbers, channels, hint })
    }

    /// As the library wants them.
    pub(crate) fn settings(&self) -> Params<'_> {
        Params {
            palette: self.palette.as_ref().and_then(Given::values),
            palette_stored: self.palette.as_ref().and_then(Given::ids),
            ignored: self.ignored.values().unwrap_or_default(),
            ignored_stored: self.ignored.ids().unwrap_or_default(),
            ..self.plain
        }
    }

    /// Whether colours are ignored.
    pub(crate) fn has_ignored(&self) -> bool {
        self.ignored.len() > 0
    }

    /// Those that find all colours of the maps.
    pub(crate) fn all_colors(&self) -> Params<'_> {
        Params {
            selection: Selection { min_pixels: 1, max_count: u32::MAX },
            matching: self.plain.matching,
            alpha: self.plain.alpha,
            batch: self.plain.batch,
            ..Params::default()
        }
    }

    /// The most masks that there can be.
    pub(crate) fn most_masks(&self) -> u64 {
        match &self.palette {
            Some(palette) if self.plain.connected.is_none() => palette.len() as u64,
            _ => self.plain.selection.max_count.into(),
        }
    }

    /// Whether the masks, and their number, are known before the maps are looked at.
    pub(crate) fn has_palette(&self) -> bool {
        self.palette.is_some() && self.plain.connected.is_none()
    }

    /// Whether there is a palette, be it of masks or of regions.
    pub(crate) fn is_given(&self) -> bool {
        self.palette.is_some()
    }

    /// What the palette calls the colour of a mask.
    pub(crate) fn name(&self, mask: usize, color: &ctm::Color) -> Option<String> {
        // Several regions have the same colour.
        let place = if self.has_palette() {
            mask
        } else {
            let key = match self.format {
                Format::U32 | Format::I32 => color.stored(self.format),
                _ => bits(&color.values(), self.channels),
            };
            *self.places.get(&key)?
        };
        self.names.get(place).cloned().flatten()
    }

    /// The integers that the maps store for a colour, if it is integers that they store.
    pub(crate) fn stored(&self, color: &ctm::Color) -> Option<Vec<i64>> {
        let integer = |word: u32| if self.format == Format::I32 { (word as i32).into() } else { word.into() };
        match self.format {
            Format::F32 | Format::F16 => None,
            Format::U8 | Format::U16 | Format::U32 | Format::I32 => {
                Some(color.stored(self.format)[..self.channels].iter().map(|&word| integer(word)).collect())
            }
        }
    }

    /// A colour as people read it: `#ff8000`, or all values so that they read back exactly. Of more than 8 bits, the integers
    /// that are stored, which are often ids, where there is one channel beside alpha or no `#ff8000`.
    pub(crate) fn text(&self, color: &ctm::Color) -> String {
        match self.stored(color) {
            Some(stored) if self.format != Format::U8 && (self.channels < 3 || self.hex(color).is_none()) => {
                color::list(stored.iter().map(i64::to_string))
            }
            _ => match self.hex(color) {
                Some(hex) => format!("#{hex}"),
                None => color::text(&self.color(color)),
            },
        }
    }

    /// Two hexadecimal digits per channel, if every value is exactly n/255. Ids have none, nor have numbers.
    pub(crate) fn hex(&self, color: &ctm::Color) -> Option<String> {
        match self.format {
            Format::U32 | Format::I32 => None,
            _ if self.has_numbers => None,
            _ => color::hex(&self.color(color)),
        }
    }

    /// The integers of a colour: those that the maps store, or the float that is one.
    pub(crate) fn ids(&self, color: &ctm::Color) -> Option<Vec<i64>> {
        let number = || color.values()[0];
        let is_whole = || number().abs() <= MOST_WHOLE && number().fract() == 0.0;
        self.stored(color).or_else(|| (self.has_numbers && is_whole()).then(|| vec![number() as i64]))
    }

    /// What tells a colour from others in a name: the integers where they are ids, else hexadecimal digits.
    pub(crate) fn suffix(&self, color: &ctm::Color) -> Option<String> {
        let are_ids = match self.format {
            Format::U8 => false,
            Format::U16 => self.channels == 1,
            Format::U32 | Format::I32 | Format::F16 | Format::F32 => true,
        };
        match self.ids(color).filter(|_| are_ids) {
            Some(ids) => Some(ids.iter().map(i64::to_string).collect::<Vec<_>>().join("-")),
            None => self.hex(color),
        }
    }

    /// A colour that the library has found, its values from 0 to 1 where the maps hold integers.
    pub(crate) fn color(&self, color: &ctm::Color) -> Vec<f32> {
        color.values()[..self.channels].iter().map(|value| value / most(self.format)).collect()
    }
}

/// What the options say, but for given colours, in the units of the maps.
fn params(args: &SegmentArgs, format: Format, channels: usize) -> anyhow::Result<Params<'static>> {
    let colors = &args.colors;
    let metric = match colors.metric {
        Some(MetricArg::Largest) => Metric::Chebyshev,
        Some(MetricArg::Euclidean) | None => Metric::Euclidean,
    };
    // With distance 0 colours join their own masks only; the metric is that of unlisted colours, then.
    let is_for_unlisted = colors.metric.is_some() && colors.unlisted == UnlistedArg::Nearest;
    let tolerance = colors.tolerance.or(is_for_unlisted.then_some(0.0));
    // The channels that are compared by how far they are apart.
    let largest = if metric == Metric::Chebyshev { 1.0 } else { (channels as f64).sqrt() };
    let distance = |distance, option| within(distance, largest, format, option).map_err(|why| anyhow!(why));
    let tolerance = tolerance.map(|number| distance(number, "--tolerance")).transpose()?;
    let merge = colors.merge.map(|number| distance(number, "--merge")).transpose()?;
    Ok(Params {
        selection: Selection { min_pixels: args.min_pixels(), max_count: args.max_count() },
        matching: match colors.matching {
            MatchArg::Exact => Matching::Exact,
            MatchArg::EightBit => Matching::EightBit,
        },
        merge: merge.map(|tolerance| Merge { metric, tolerance, most_pixels: colors.merge_most_pixels }),
        nearest: tolerance.map(|tolerance| Nearest { metric, tolerance }),
        unlisted: match colors.unlisted {
            UnlistedArg::Ignore => Unlisted::Ignore,
            UnlistedArg::Error => Unlisted::Error,
            UnlistedArg::Nearest => Unlisted::Nearest,
        },
        alpha: match colors.alpha {
            AlphaArg::Color => Alpha::Color,
            AlphaArg::Ignored => Alpha::Ignored,
            AlphaArg::AtLeast(least) => Alpha::AtLeast(
                within(least, 1.0, format, "--alpha at-least").map_err(|why| anyhow!(why))? as f32,
            ),
        },
        unmix_radius: colors.unmix.unwrap_or(0),
        connected: colors.connected.map(|connected| match connected {
            ConnectedArg::Four => Connectivity::Four,
            ConnectedArg::Eight => Connectivity::Eight,
        }),
        absorb: Absorb {
            pixels: colors.absorb.unwrap_or(0),
            unmasked: colors.absorb_unmasked.unwrap_or(0),
            holes: colors.fill_holes.unwrap_or(0),
            connectivity: None,
        },
        batch: match colors.batch {
            BatchArg::All | BatchArg::Each | BatchArg::Stream => Batch::All, // each in a call of its own
            BatchArg::First => Batch::First,
        },
        ..Params::default()
    })
}

/// Whether the first value of some pixel is finite, and neither 0 to 1 nor in between.
fn has_numbers(floats: &[f32], channels: usize) -> bool {
    floats.iter().step_by(channels).any(|value| value.is_finite() && !(0.0..=1.0).contains(value))
}

/// Refuses what measures distances, which ids do not have.
fn check_ids(colors: &ColorArgs) -> anyhow::Result<()> {
    let asked = [
        ("--match 8bit", colors.matching == MatchArg::EightBit),
        ("--alpha at-least", matches!(colors.alpha, AlphaArg::AtLeast(_))),
        ("--merge", colors.merge.is_some()),
        ("--tolerance", colors.tolerance.is_some()),
        ("--unmix", colors.unmix.is_some()),
        ("--unlisted nearest", colors.unlisted == UnlistedArg::Nearest),
    ];
    match asked.into_iter().find(|(_, is_asked)| *is_asked) {
        Some((option, _)) => {
            bail!("{option}: the image has 32-bit integers, ids that are not near each other")
        }
        None => Ok(()),
    }
}

/// A key for a colour: colours that are equal as floats have equal keys.
fn bits(values: &[f32], channels: usize) -> [u32; 4] {
    // The sum is +0.0 for -0.0.
    std::array::from_fn(|channel| if channel < channels { (values[channel] + 0.0).to_bits() } else { 0 })
}
