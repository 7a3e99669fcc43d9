//! What a call has asked for, checked: its pixels, and which colours get which mask.

use std::num::NonZeroU64;

use crate::color::{Color, WordKind};
use crate::context::part::{Colors, RequestedPart, check_part_params};
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::runtime::alloc::try_with_capacity;
use crate::stages::absorb::Absorbing;
use crate::stages::unmix::MOST_RADIUS;
use crate::types::color_counts::{ColorCounts, Kind};
use crate::types::encoding::Encoding;
use crate::types::geometry::Frame;
use crate::types::image::ColorMap;
use crate::types::matching::{Absorb, Connectivity, Merge, Nearest};
use crate::types::outputs::MaskFormat;
use crate::types::palette::Palette;
use crate::types::params::{Batch, Params, SelectionRule, Unlisted};

/// A call's pixels and colours, as the backends compare them.
pub(super) struct Request<'a> {
    /// Of all images.
    pub(super) pixels: Pixels<'a>,
    /// Those that are counted, where they are others.
    pub(super) counted: Option<Pixels<'a>>,
    pub(super) frame: Frame,
    pub(super) unmix_radius: u32,
    /// What small regions and holes become, if anything.
    pub(super) absorbing: Option<Absorbing>,
    pub(super) connected: Option<Connectivity>,
    /// Which regions get a mask.
    pub(super) regions: SelectionRule,
    /// Of which image these pixels are a part, where regions go on in other parts.
    pub(super) part: Option<RequestedPart<'a>>,
    pub(super) rules: ColorRules<'a>,
}

/// Which colours get which mask, as the backends compare them.
pub(super) struct ColorRules<'a> {
    pub(super) encoding: Encoding,
    /// The image's colours, where the pixels at hand are not all of its.
    pub(super) counts: Option<&'a ColorCounts>,
    pub(super) selection: SelectionRule,
    pub(super) given: Option<Vec<Color>>,
    pub(super) ignored: Vec<Color>,
    pub(super) nearest: Option<Nearest>,
    pub(super) unlisted: Unlisted,
    pub(super) merge: Option<Merge>,
}

impl Params<'_> {
    /// Whether masks of this format can be made with them.
    pub(crate) fn check_format(&self, format: MaskFormat) -> Result<(), Error> {
        match self.connected {
            Some(connectivity) if format == MaskFormat::Coverage => Err(Error::InvalidArgument(format!(
                "the masks are coverage and connected is {connectivity}; other masks or no connected regions are expected"
            ))),
            _ => match self.absorbing() {
                Some(absorbing) if format == MaskFormat::Coverage => Err(Error::InvalidArgument(format!(
                    "the masks are coverage and {absorbing}; other masks or 0 are expected"
                ))),
                _ => Ok(()),
            },
        }
    }

    /// What small regions and holes become, if anything.
    pub(crate) fn absorbing(&self) -> Option<Absorbing> {
        let Absorb { pixels, unmasked, holes, connectivity } = self.absorb;
        let connectivity = connectivity.or(self.connected).unwrap_or(Connectivity::Four);
        (pixels > 1 || unmasked > 1 || holes > 0).then_some(Absorbing {
            pixels,
            unmasked,
            holes,
            connectivity,
        })
    }

    /// Whether they suit the image and do not contradict each other.
    pub(crate) fn check(&self, map: &ColorMap) -> Result<(), Error> {
        self.check_batch()?;
        Request::new(map, self).map(drop)
    }

    /// Whether they suit images each of which has a palette of its own, if they are such.
    fn check_batch(&self) -> Result<(), Error> {
        if self.batch == Batch::Each && self.given().is_some() {
            return Err(Error::InvalidArgument(
                "batch is 'each' and a palette is given, which is the same for all images; 'all' is expected"
                    .to_owned(),
            ));
        }
        if self.batch == Batch::Each && self.counts.is_some() {
            return Err(Error::InvalidArgument(
                "batch is 'each' and counts are given, which are the same for all images; 'all' is expected"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

impl<'a> Request<'a> {
    /// All images together, or each by itself where each has a palette of its own.
    pub(super) fn of_batch(map: &ColorMap<'a>, params: &Params<'a>) -> Result<Vec<Self>, Error> {
        let maps = if params.batch == Batch::Each { map.images() } else { 1 };
        if maps == 1 {
            params.check_batch()?;
        } else {
            params.check(map)?;
        }
        let mut requests = try_with_capacity(maps as usize)?;
        for index in 0..maps {
            let map = if maps > 1 { map.image(index)? } else { *map };
            requests.push(Self::new(&map, params)?);
        }
        Ok(requests)
    }

    pub(super) fn new(map: &ColorMap<'a>, params: &Params<'a>) -> Result<Self, Error> {
        let &Params { matching, alpha, batch, counts, unmix_radius, connected, .. } = params;
        check_part_params(map, params)?;
        let pixels = Pixels::new(map, matching, alpha)?;
        if let Some(counts) = counts {
            counts.check_use(&Kind::new(map, params.matching, params.alpha))?;
        }
        let counted = match batch {
            Batch::First if map.images() > 1 && counts.is_none() => {
                Some(Pixels::new(&map.image(0)?, matching, alpha)?)
            }
            _ => None,
        };
        let rules = ColorRules::new(pixels.encoding(), params)?;
        let frame = pixels.grid().frame();
        let (absorbing, regions) = (params.absorbing(), params.selection.into());
        let part =
            params.part.map(|part| RequestedPart::new(map, params, part, rules.colors())).transpose()?;
        Ok(Self { pixels, counted, frame, unmix_radius, absorbing, connected, regions, part, rules })
    }
}

impl<'a> ColorRules<'a> {
    pub(super) fn new(encoding: Encoding, params: &Params<'a>) -> Result<Self, Error> {
        check_contradictions(params)?;
        check_ids(encoding, params)?;
        let &Params { palette, palette_stored, nearest, unlisted, merge, counts, .. } = params;
        let mut selection = SelectionRule::from(params.selection);
        if params.connected.is_some() && selection.max_count > 0 {
            // Any colour with enough pixels may have the largest regions.
            selection.max_count = u32::MAX;
        }
        if params.part.is_some() && counts.is_none() {
            // How many pixels a colour has in other parts is not known.
            selection.min_pixels = NonZeroU64::MIN;
        }
        let of_values = |values: &[f32; 4]| encoding.color(values);
        let of_stored = |stored: &[u32; 4]| encoding.color_of_stored(stored);
        let mut ignored = colors("ignored", params.ignored, of_values)?;
        ignored.append(&mut colors("ignored_stored", params.ignored_stored, of_stored)?);
        let given = match (palette, palette_stored) {
            (Some(palette), _) => Some(colors("palette", palette, of_values)?),
            (None, Some(palette)) => Some(colors("palette_stored", palette, of_stored)?),
            (None, None) => None,
        };
        if let Some(given) = &given {
            check_different(given, &ignored)?;
        }
        ignored.sort_unstable();
        ignored.dedup();
        Ok(Self { encoding, counts, selection, given, ignored, nearest, unlisted, merge })
    }

    /// Those that the caller has given.
    pub(super) fn colors(&self) -> Colors<'_> {
        (self.given.as_deref(), &self.ignored)
    }

    pub(super) fn ignores(&self, color: &Color) -> bool {
        self.ignored.binary_search(color).is_ok()
    }

    /// Whether all colours must be known, rare ones included.
    pub(super) fn lists_all(&self, reports_unlisted: bool) -> bool {
        let unlisted = reports_unlisted || self.unlisted != Unlisted::Ignore;
        self.nearest.is_some() || self.merge.is_some() || (self.given.is_some() && unlisted)
    }

    /// A colour's values in place of the words that stand for them.
    pub(super) fn reported_color(&self, color: &Color) -> Result<Color, Error> {
        if self.encoding.word_kind() != WordKind::Floats {
            return Ok(*color);
        }
        let values = self.encoding.values(color).map(f32::to_bits);
        Color::from_bits(&values)
            .ok_or_else(|| Error::Internal("a colour has a value that is no number".to_owned()))
    }

    /// A palette with the colours' values in place of the words that stand for them.
    pub(super) fn reported(&self, mut palette: Palette) -> Result<Palette, Error> {
        for entry in &mut palette.colors {
            entry.color = self.reported_color(&entry.color)?;
        }
        Ok(palette)
    }
}

/// Checks what does not depend on the image.
fn check_contradictions(params: &Params) -> Result<(), Error> {
    let &Params {
        palette,
        palette_stored,
        nearest,
        unlisted,
        merge,
        counts,
        unmix_radius,
        connected,
        part,
        ..
    } = params;
    let is_given = params.given().is_some();
    let refuse = |text: String| Err(Error::InvalidArgument(text));
    if let (Some(connectivity), Some(_), None) = (connected, counts, part) {
        return refuse(format!(
            "connected is {connectivity} and counts are given; no connected regions, which may go on in other \
             parts, are expected, or regions"
        ));
    }
    if let (Some(absorbing), Some(_)) = (params.absorbing(), counts) {
        return refuse(format!(
            "{absorbing} and counts are given; 0, since regions may go on in other parts, is expected"
        ));
    }
    if palette.is_some() && palette_stored.is_some() {
        return refuse("palette and palette_stored are given; one of them is expected".to_owned());
    }
    let tolerances = [
        ("tolerance", nearest.map(|nearest| nearest.tolerance)),
        ("merge_tolerance", merge.map(|merge| merge.tolerance)),
    ];
    for (name, tolerance) in tolerances {
        if let Some(tolerance) = tolerance.filter(|tolerance| tolerance.is_nan() || *tolerance < 0.0) {
            return refuse(format!("{name} is {tolerance}; at least 0 is expected"));
        }
    }
    if merge.is_some() && is_given {
        return refuse(
            "merge is on and a palette is given; none of both, or nearest with a palette, is expected"
                .to_owned(),
        );
    }
    if !is_given && unlisted != Unlisted::Ignore {
        let expected = Unlisted::Ignore;
        return refuse(format!("unlisted is '{unlisted}' and no palette is given; '{expected}' is expected"));
    }
    if unmix_radius > MOST_RADIUS {
        return refuse(format!("unmix_radius is {unmix_radius}; 0 (off) to {MOST_RADIUS} are expected"));
    }
    Ok(())
}

/// Checks what cannot be done with ids.
fn check_ids(encoding: Encoding, params: &Params) -> Result<(), Error> {
    if !encoding.format.has_ids() {
        return Ok(());
    }
    let &Params { nearest, unlisted, merge, unmix_radius, .. } = params;
    let wrong = if nearest.is_some() {
        "nearest is on"
    } else if unlisted == Unlisted::Nearest {
        "unlisted is 'nearest'"
    } else if merge.is_some() {
        "merge is on"
    } else if unmix_radius > 0 {
        "unmix_radius is not 0"
    } else {
        return Ok(());
    };
    Err(Error::InvalidArgument(format!(
        "{wrong} and format is {}, whose numbers have no distances; none of nearest, merge and unmix_radius is expected",
        encoding.format
    )))
}

/// Colours that a caller has given, as words.
fn colors<T>(
    name: &str,
    values: &[T],
    color: impl Fn(&T) -> Result<Color, String>,
) -> Result<Vec<Color>, Error> {
    if u32::try_from(values.len()).is_err() {
        let count = values.len();
        return Err(Error::InvalidArgument(format!(
            "{name} has {count} colours; at most 2^32 - 1 are expected"
        )));
    }
    let mut colors = try_with_capacity(values.len())?;
    for (index, values) in values.iter().enumerate() {
        colors.push(
            color(values).map_err(|wrong| Error::InvalidArgument(format!("{name}[{index}]: {wrong}")))?,
        );
    }
    Ok(colors)
}

/// Checks that no colour of a given palette is there twice, nor ignored.
fn check_different(given: &[Color], ignored: &[Color]) -> Result<(), Error> {
    let mut sorted: Vec<(Color, usize)> = try_with_capacity(given.len() + ignored.len())?;
    sorted.extend(given.iter().copied().zip(0..));
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        if pair[0].0 == pair[1].0 {
            return Err(Error::InvalidArgument(format!(
                "palette[{}] is the same colour as palette[{}]; different colours are expected",
                pair[1].1, pair[0].1
            )));
        }
    }
    for (index, color) in ignored.iter().enumerate() {
        if let Ok(at) = sorted.binary_search_by(|(given, _)| given.cmp(color)) {
            return Err(Error::InvalidArgument(format!(
                "ignored[{index}] is the same colour as palette[{}]; a colour that gets no mask is expected",
                sorted[at].1
            )));
        }
    }
    Ok(())
}
