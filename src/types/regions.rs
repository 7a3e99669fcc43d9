//! The connected regions of an image that comes in parts: what is known of the parts that were added so far.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::OnceLock;

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_copy, try_with_capacity};
use crate::types::color_counts::{Difference, Kind, differing};
#[cfg(feature = "capi")]
use crate::types::image::Format;
use crate::types::matching::{Connectivity, Merge, Nearest};
use crate::types::stats::MaskStats;

/// The connected regions of an image that comes in parts: bands of rows, tiles.
///
/// Parts are added one by one, and those of several machines are merged, in any order and grouping to the same regions.
/// [`Params::part`](crate::Params::part) then gives every part the masks of regions that one call on the whole image would
/// give it. Each pixel of the image is to be in one part.
///
/// ```
/// use ctm::{ColorMap, Connectivity, Context, ImageRegions, LabelOutput, Options, Outputs, Params, PartOf};
///
/// let bands = [[0.5, 0.25, 0.5], [0.5, 0.5, 0.5]]; // of one row each: what is apart in the first is connected by the second
/// let bands = [ColorMap::new(&bands[0], 3, 1, 1)?, ColorMap::new(&bands[1], 3, 1, 1)?];
/// let mut context = Context::new(&Options { backend: ctm::Backend::Cpu, ..Options::default() })?;
/// let params = Params { connected: Some(Connectivity::Four), ..Params::default() };
/// let mut regions = ImageRegions::new(3, 2)?;
/// for (band, top) in bands.iter().zip(0..) {
///     regions.add(&mut context, band, (0, top), &params)?;
/// }
/// let mut labels = [[0; 3]; 2];
/// for ((band, labels), top) in bands.iter().zip(&mut labels).zip(0..) {
///     let params = Params { part: Some(PartOf { regions: &regions, place: (0, top) }), ..params };
///     let outputs = Outputs { labels: Some(LabelOutput::U8(labels)), ..Outputs::default() };
///     context.analyze(band, &params, outputs)?;
/// }
/// assert_eq!(labels, [[1, 2, 1], [1, 1, 1]]);
/// # Ok::<(), ctm::Error>(())
/// ```
#[derive(Debug)]
pub struct ImageRegions {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Of the first part; `None`: no part was added yet.
    pub(super) settings: Option<PartSettings>,
    /// By rows and columns of their corners; no two have a pixel in common.
    pub(super) parts: Vec<Part>,
    /// Kept until a part is added.
    joined: OnceLock<Joined>,
}

/// An image of which a call's image is a part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartOf<'a> {
    /// The regions of all parts.
    pub regions: &'a ImageRegions,
    /// Column and row of the image that the part's first pixel is.
    pub place: (u32, u32),
}

/// What calls on parts must have in common.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PartSettings {
    pub(crate) kind: Kind,
    pub(crate) connectivity: Connectivity,
    pub(crate) palette: Option<Vec<Color>>,
    /// In their order.
    pub(crate) ignored: Vec<Color>,
    pub(crate) nearest: Option<Nearest>,
    /// Whether colours that the palette does not have join the nearest one's, at any distance.
    pub(crate) joins_unlisted: bool,
    pub(crate) merge: Option<Merge>,
    /// Where colours were selected from the counts of the whole image, how many pixels they have at least.
    pub(crate) least: Option<u64>,
}

impl PartSettings {
    /// The first field that differs from those of other parts, and its value there and here.
    fn difference(&self, other: &Self) -> Option<Difference> {
        let palettes = || match (&self.palette, &other.palette) {
            (Some(own), Some(there)) if own.len() == there.len() => {
                let index = own.iter().zip(there).position(|(own, there)| own != there)?;
                let there = format!("a list with another colour {index}");
                Some(("palette", "the same".to_owned(), there))
            }
            (own, there) => {
                let text = |colors: &Option<Vec<Color>>| match colors {
                    Some(colors) => format!("a list of {}", colors.len()),
                    None => "not given".to_owned(),
                };
                (own.is_some() || there.is_some()).then(|| ("palette", text(own), text(there)))
            }
        };
        let ignored = || {
            let (own, there) = (&self.ignored, &other.ignored);
            let (own_len, len) = (own.len(), there.len());
            let text = || ("ignored", format!("the list of {own_len}"), format!("another list, of {len}"));
            (own != there).then(text)
        };
        self.kind
            .difference(&other.kind)
            .or_else(|| differing("connected", &self.connectivity, &other.connectivity))
            .or_else(palettes)
            .or_else(ignored)
            .or_else(|| differing_options("nearest", self.nearest, other.nearest))
            .or_else(|| {
                let policy = |joins| if joins { "'nearest'" } else { "'ignore' or 'error'" };
                let (own, there) = (policy(self.joins_unlisted), policy(other.joins_unlisted));
                (own != there).then(|| ("unlisted", own.to_owned(), there.to_owned()))
            })
            .or_else(|| differing_options("merge", self.merge, other.merge))
            .or_else(|| match (self.least, other.least) {
                (Some(_), None) => Some(("counts", "given".to_owned(), "not given".to_owned())),
                (None, Some(_)) => Some(("counts", "not given".to_owned(), "given".to_owned())),
                (Some(own), Some(there)) => differing("min_pixels", &own, &there),
                (None, None) => None,
            })
    }
}

/// What may be off, where it differs.
fn differing_options<T: Display + PartialEq>(
    name: &'static str,
    own: Option<T>,
    other: Option<T>,
) -> Option<Difference> {
    let text = |value: Option<T>| value.map_or_else(|| "off".to_owned(), |value| value.to_string());
    (own != other).then(|| (name, text(own), text(other)))
}

/// A rectangle of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Place {
    pub(crate) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The column behind its last one. A part is in its image, so that this is no more than the image's width.
    pub(crate) fn right(&self) -> u32 {
        self.left + self.width
    }

    /// The row below its last one.
    pub(crate) fn bottom(&self) -> u32 {
        self.top + self.height
    }

    /// Whether both have a pixel.
    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right()
            && other.left < self.right()
            && self.top < other.bottom()
            && other.top < self.bottom()
    }

    /// Whether it is in an image of this size, and small enough that sums of its columns and rows fit 64 bits.
    pub(super) fn fits(&self, width: u32, height: u32) -> bool {
        let inside =
            |start: u32, len: u32, all: u32| len > 0 && u64::from(start) + u64::from(len) <= u64::from(all);
        let sums = u128::from(self.pixels()) * u128::from(self.width.max(self.height));
        inside(self.left, self.width, width)
            && inside(self.top, self.height, height)
            && u64::try_from(sums).is_ok()
    }
}

/// What stands for a border's pixels that are in no region.
pub(crate) const NO_REGION: u32 = u32::MAX;

/// The regions of a part by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) place: Place,
    /// The colours of its regions, ascending; none where a palette is given.
    pub(crate) colors: Vec<Color>,
    /// In the order of their first pixels.
    pub(crate) regions: Vec<Region>,
    /// Its first and last row, its first and last column.
    pub(crate) borders: [Vec<BorderRun>; 4],
}

pub(crate) const TOP: usize = 0;
pub(crate) const BOTTOM: usize = 1;
pub(crate) const LEFT: usize = 2;
pub(crate) const RIGHT: usize = 3;

/// Connected pixels of a part. Columns and rows are the part's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// The number of its colour: in the palette, or among the part's.
    pub(crate) color: u32,
    /// Column and row of its first pixel in reading order, so that no row above has any.
    pub(crate) first: (u32, u32),
    pub(crate) left: u32,
    /// Its last column.
    pub(crate) right: u32,
    /// Its last row.
    pub(crate) bottom: u32,
    pub(crate) pixels: u64,
    /// The sum of its pixels' columns.
    pub(crate) columns: u64,
    pub(crate) rows: u64,
}

/// Pixels of a border that are in the same region, from behind the run before on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BorderRun {
    /// The position behind its last pixel.
    pub(crate) end: u32,
    pub(crate) region: u32,
}

impl Part {
    /// A copy, if there is memory for it.
    fn try_clone(&self) -> Result<Self, Error> {
        let [top, bottom, left, right] = &self.borders;
        Ok(Self {
            place: self.place,
            colors: try_copy(&self.colors)?,
            regions: try_copy(&self.regions)?,
            borders: [try_copy(top)?, try_copy(bottom)?, try_copy(left)?, try_copy(right)?],
        })
    }
}

/// The regions of the whole image.
#[derive(Debug)]
pub(crate) struct Joined {
    /// The colours of regions, in the order in which equally large regions come.
    pub(crate) colors: Vec<Color>,
    /// In the order of masks.
    pub(crate) regions: Vec<WholeRegion>,
    /// Of each part, where its regions begin in `numbers`.
    pub(crate) firsts: Vec<usize>,
    /// Of each region of each part, the number of the one that it is a part of.
    pub(crate) numbers: Vec<u32>,
}

/// A region of the whole image, in whose columns and rows it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeRegion {
    pub(crate) color: u32,
    pub(crate) pixels: u64,
    /// Row and column.
    pub(crate) first: (u32, u32),
    pub(crate) left: u32,
    pub(crate) right: u32,
    pub(crate) bottom: u32,
    pub(crate) columns: u128,
    pub(crate) rows: u128,
}

impl WholeRegion {
    pub(crate) fn stats(&self) -> MaskStats {
        let (top, first_column) = self.first;
        MaskStats {
            pixels: self.pixels,
            left: self.left,
            top,
            width: self.right - self.left + 1,
            height: self.bottom - top + 1,
            first_pixel: (first_column, top),
            centroid: (self.columns as f64 / self.pixels as f64, self.rows as f64 / self.pixels as f64),
        }
    }
}

impl ImageRegions {
    /// Of an image of this size, none of whose parts was added yet.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when a side is 0.
    pub fn new(width: u32, height: u32) -> Result<Self, Error> {
        for (name, value) in [("width", width), ("height", height)] {
            if value == 0 {
                return Err(Error::InvalidArgument(format!("{name} is 0; at least 1 is expected")));
            }
        }
        Ok(Self { width, height, settings: None, parts: Vec::new(), joined: OnceLock::new() })
    }

    /// Columns of the whole image.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows of the whole image.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// How many pixels the parts have.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        self.parts.iter().map(|part| part.place.pixels()).sum() // no more than the image has
    }

    /// Adds the parts of others.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when they are of an image of another size, their params differ, or a pixel is in parts of
    /// both; too little memory. The regions are what they were then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if (other.width, other.height) != (self.width, self.height) {
            return Err(Error::InvalidArgument(format!(
                "other is of an image of {} x {} pixels; {} x {} are expected",
                other.width, other.height, self.width, self.height
            )));
        }
        let Some(settings) = &other.settings else { return Ok(()) };
        self.check_settings(settings, ["other."; 2])?;
        let count = self.parts.len() + other.parts.len();
        let mut places = try_with_capacity(count)?;
        places.extend(self.parts.iter().chain(&other.parts).map(|part| part.place));
        places.sort_unstable_by_key(|place| (place.top, place.left));
        if let Some((one, two)) = first_overlap(&places) {
            return Err(overlapping("with other, a part", &two, &one));
        }
        let mut added = try_with_capacity(other.parts.len())?;
        for part in &other.parts {
            added.push(part.try_clone()?);
        }
        let settings = if self.settings.is_none() { Some(settings.clone()) } else { None };
        self.parts.try_reserve(added.len()).map_err(|_| no_memory::<Part>(count))?;
        self.parts.append(&mut added);
        self.parts.sort_unstable_by_key(|part| (part.place.top, part.place.left));
        if settings.is_some() {
            self.settings = settings;
        }
        self.joined = OnceLock::new();
        Ok(())
    }

    /// The format of the parts, that of floats if there is none.
    #[cfg(feature = "capi")]
    pub(crate) fn format(&self) -> Format {
        self.settings.as_ref().map_or_else(Format::default, |settings| settings.kind.format)
    }

    /// What the parts have in common, if there is one.
    pub(crate) fn settings(&self) -> Option<&PartSettings> {
        self.settings.as_ref()
    }

    /// Checks that a part's params are those of the others; `prefixes` are those of its own fields' names and the params'.
    pub(crate) fn check_settings(&self, part: &PartSettings, prefixes: [&str; 2]) -> Result<(), Error> {
        let Some((name, own, there)) = self.settings.as_ref().and_then(|own| own.difference(part)) else {
            return Ok(());
        };
        let prefix = prefixes[usize::from(name != "format" && name != "channels")];
        Err(Error::InvalidArgument(format!(
            "{prefix}{name} is {there}; {own}, as for the parts added before, is expected"
        )))
    }

    /// Checks that the regions are those of an image and params that they are to be used with.
    pub(crate) fn check_use(&self, part: &PartSettings) -> Result<(), Error> {
        let Some((name, own, there)) = self.settings.as_ref().and_then(|own| own.difference(part)) else {
            return Ok(());
        };
        Err(Error::InvalidArgument(format!(
            "regions are of parts whose {name} is {own}; {name} is {there}, and the same is expected"
        )))
    }

    /// Checks that a part is in the image, and that none of its pixels was added before.
    pub(crate) fn check_place(&self, place: &Place) -> Result<(), Error> {
        let Place { left, top, width, height } = *place;
        if !place.fits(self.width, self.height) {
            return Err(Error::InvalidArgument(format!(
                "the part has {width} x {height} pixels from column {left}, row {top} on; a part of the image of {} x {} \
                 pixels is expected",
                self.width, self.height
            )));
        }
        match self.parts.iter().find(|part| part.place.overlaps(place)) {
            Some(part) => Err(overlapping("the part", place, &part.place)),
            None => Ok(()),
        }
    }

    /// Adds a part, whose settings and place are checked.
    pub(crate) fn add_part(&mut self, settings: PartSettings, part: Part) -> Result<(), Error> {
        self.check_settings(&settings, ["", ""])?;
        self.check_place(&part.place)?;
        let key = |place: &Place| (place.top, place.left);
        let at = self.parts.partition_point(|other| key(&other.place) < key(&part.place));
        self.parts.try_reserve(1).map_err(|_| no_memory::<Part>(self.parts.len() + 1))?;
        self.parts.insert(at, part);
        self.settings.get_or_insert(settings);
        self.joined = OnceLock::new();
        Ok(())
    }

    /// A part that was added, and its number.
    pub(crate) fn part_at(&self, place: &Place) -> Result<(usize, &Part), Error> {
        let key = |place: &Place| (place.top, place.left);
        let found = self.parts.binary_search_by_key(&key(place), |part| key(&part.place));
        let found =
            found.ok().map(|index| (index, &self.parts[index])).filter(|(_, part)| part.place == *place);
        found.ok_or_else(|| {
            let Place { left, top, width, height } = place;
            Error::InvalidArgument(format!(
                "part_left is {left} and part_top is {top} for a part of {width} x {height} pixels; a part that was added \
                 to the regions is expected"
            ))
        })
    }

    /// Checks that no part is missing.
    pub(crate) fn check_whole(&self) -> Result<(), Error> {
        let (pixels, all) = (self.pixels(), u64::from(self.width) * u64::from(self.height));
        if pixels == all {
            return Ok(());
        }
        Err(Error::InvalidArgument(format!(
            "regions have {} parts of {pixels} pixels; {} x {} = {all} pixels, those of the whole image, are expected",
            self.parts.len(),
            self.width,
            self.height
        )))
    }

    /// The regions of the whole image, which `join` finds if that was not done before.
    pub(crate) fn joined(
        &self,
        join: impl FnOnce(&PartSettings, &[Part]) -> Result<Joined, Error>,
    ) -> Result<&Joined, Error> {
        self.check_whole()?;
        if let Some(joined) = self.joined.get() {
            return Ok(joined);
        }
        let Some(settings) = &self.settings else {
            return Err(Error::Internal("regions have parts and no settings".to_owned()));
        };
        let joined = join(settings, &self.parts)?;
        // Of two threads at the same time both find the same.
        Ok(self.joined.get_or_init(|| joined))
    }
}

impl PartialEq for ImageRegions {
    fn eq(&self, other: &Self) -> bool {
        let sizes = |regions: &Self| (regions.width, regions.height);
        sizes(self) == sizes(other) && self.settings == other.settings && self.parts == other.parts
    }
}

fn overlapping(what: &str, place: &Place, other: &Place) -> Error {
    Error::InvalidArgument(format!(
        "{what} of {} x {} pixels from column {}, row {} on overlaps one of {} x {} from {}, {} on; each pixel once is \
         expected",
        place.width, place.height, place.left, place.top, other.width, other.height, other.left, other.top
    ))
}

/// Two rectangles that have a pixel in common, if there are such; they come by rows and columns of their corners.
pub(super) fn first_overlap(places: &[Place]) -> Option<(Place, Place)> {
    // By their first columns, those that no later one has replaced: of these no two have a column in common.
    let mut open: BTreeMap<u32, Place> = BTreeMap::new();
    for place in places {
        while let Some((&left, other)) = open.range(..place.right()).next_back()
            && other.right() > place.left
        {
            if other.overlaps(place) {
                return Some((*other, *place));
            }
            open.remove(&left);
        }
        open.insert(place.left, *place);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_found() {
        let mut random = 7u32;
        let mut below = |bound: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % bound
        };
        let mut overlaps = 0;
        for round in 0..3000 {
            let mut places: Vec<Place> = (0..1 + round % 7)
                .map(|_| Place { left: below(12), top: below(12), width: 1 + below(4), height: 1 + below(4) })
                .collect();
            places.sort_by_key(|place| (place.top, place.left));
            let pairs = (0..places.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
            let expected = pairs.into_iter().any(|(a, b)| places[a].overlaps(&places[b]));
            assert_eq!(first_overlap(&places).is_some(), expected, "{places:?}");
            overlaps += u32::from(expected);
        }
        assert!((500..2500).contains(&overlaps), "{overlaps} rounds of both kinds");
    }
}
