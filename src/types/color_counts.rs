//! How many pixels each colour has in the parts of an image that were counted so far.

use std::borrow::Cow;
use std::fmt::Display;

use crate::error::Error;
use crate::types::encoding::Encoding;
use crate::types::image::{ColorMap, Format};
use crate::types::matching::{Alpha, Matching};
use crate::types::palette::ColorCount;
use crate::types::sorted_counts::{SortedCounts, check_room};

/// The exact pixel counts of all colours of some parts of an image: bands, tiles, or whole images.
///
/// Parts are added one by one, and counts of several machines are merged, in any order and grouping to the same counts.
/// [`Params::counts`](crate::Params::counts) then gives every part the masks that one call on the whole image would
/// give it.
///
/// ```
/// use ctm::{ColorCounts, ColorMap, Context, LabelOutput, Options, Outputs, Params};
///
/// let bands = [[0.25, 0.5, 0.5], [0.5, 0.25, 0.75]]; // of one row each
/// let bands = [ColorMap::new(&bands[0], 3, 1, 1)?, ColorMap::new(&bands[1], 3, 1, 1)?];
/// let mut context = Context::new(&Options { backend: ctm::Backend::Cpu, ..Options::default() })?;
/// let params = Params::from(ctm::Selection { min_pixels: 1, max_count: 2 });
/// let mut counts = ColorCounts::new();
/// for band in &bands {
///     counts.add(&mut context, band, &params)?;
/// }
/// let params = Params { counts: Some(&counts), ..params };
/// let mut labels = [[0; 3]; 2];
/// for (band, labels) in bands.iter().zip(&mut labels) {
///     let outputs = Outputs { labels: Some(LabelOutput::U8(labels)), ..Outputs::default() };
///     context.analyze(band, &params, outputs)?;
/// }
/// assert_eq!(labels, [[2, 1, 1], [1, 2, 0]]);
/// # Ok::<(), ctm::Error>(())
/// ```
#[derive(Debug, Default, PartialEq)]
pub struct ColorCounts {
    /// `None`: no part was added yet.
    pub(super) kind: Option<Kind>,
    pub(super) colors: SortedCounts,
    /// Of all colours; since they are not too many for 64 bits, those of some are not either.
    pub(super) pixels: u64,
}

/// What parts must have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Kind {
    pub(super) format: Format,
    /// Alpha included.
    pub(super) channels: u32,
    pub(super) matching: Matching,
    pub(super) alpha: Alpha,
}

/// A field that two kinds differ in, and its value in each.
pub(super) type Difference = (&'static str, String, String);

/// A field's two values, where they differ.
pub(super) fn differing<T: Display + PartialEq>(
    name: &'static str,
    own: &T,
    other: &T,
) -> Option<Difference> {
    (own != other).then(|| (name, own.to_string(), other.to_string()))
}

/// The same of words, which would be taken for some of the sentence's.
fn differing_words<T: Display + PartialEq>(name: &'static str, own: &T, other: &T) -> Option<Difference> {
    (own != other).then(|| (name, format!("'{own}'"), format!("'{other}'")))
}

impl Kind {
    pub(crate) fn new(map: &ColorMap, matching: Matching, alpha: Alpha) -> Self {
        Self::of(map.format(), map.shape().channels(), matching, alpha)
    }

    fn of(format: Format, channels: u32, matching: Matching, alpha: Alpha) -> Self {
        // Bytes have 8 bits already.
        let matching = if format == Format::U8 { Matching::Exact } else { matching };
        let alpha = match alpha {
            Alpha::AtLeast(least) => Alpha::AtLeast(least + 0.0), // −0.0 becomes 0.0
            alpha => alpha,
        };
        Self { format, channels, matching, alpha }
    }

    /// The same pixels, with other params.
    pub(crate) fn with(&self, matching: Matching, alpha: Alpha) -> Self {
        Self::of(self.format, self.channels, matching, alpha)
    }

    pub(crate) fn encoding(&self) -> Encoding {
        let alpha = u32::from(self.alpha != Alpha::Color);
        Encoding::new(self.format, self.matching, (self.channels - alpha) as usize)
    }

    pub(super) fn difference(&self, other: &Self) -> Option<Difference> {
        differing("format", &self.format, &other.format)
            .or_else(|| differing("channels", &self.channels, &other.channels))
            .or_else(|| differing_words("matching", &self.matching, &other.matching))
            .or_else(|| differing_words("alpha", &self.alpha, &other.alpha))
    }
}

/// The colours of a part.
#[derive(Debug)]
pub(crate) struct PartCounts {
    kind: Kind,
    /// In their order.
    colors: Vec<ColorCount>,
}

impl PartCounts {
    /// The counts of different colours, in any order.
    pub(crate) fn new(kind: Kind, mut colors: Vec<ColorCount>) -> Self {
        if !colors.is_sorted_by(|one, other| one.color < other.color) {
            colors.sort_unstable_by_key(|entry| entry.color);
        }
        Self { kind, colors }
    }
}

impl ColorCounts {
    /// Counts of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many colours there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.colors.len()
    }

    /// Whether there is no colour.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a part was counted, also one without a colour.
    pub(crate) fn has_parts(&self) -> bool {
        self.kind.is_some()
    }

    /// How many pixels have a colour.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        self.pixels
    }

    /// Adds other counts.
    ///
    /// # Errors
    /// As [`ColorCounts::add`].
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.merge_up_to(other, usize::MAX)
    }

    /// The format of the parts, that of floats if there is none.
    #[cfg(feature = "capi")]
    pub(crate) fn format(&self) -> Format {
        self.kind.map_or_else(Format::default, |kind| kind.format)
    }

    /// Checks that a part is of the counts' kind; `prefixes` are those of its own fields' names and the params'.
    pub(crate) fn check_part(&self, part: &Kind, prefixes: [&str; 2]) -> Result<(), Error> {
        let Some((name, own, other)) = self.kind.and_then(|kind| kind.difference(part)) else {
            return Ok(());
        };
        let prefix = prefixes[usize::from(name == "matching" || name == "alpha")];
        Err(Error::InvalidArgument(format!(
            "{prefix}{name} is {other}; {own}, as in the counts, is expected"
        )))
    }

    /// How the colours of the counts are encoded, which the params must agree with.
    pub(crate) fn encoding_for(&self, matching: Matching, alpha: Alpha) -> Result<Encoding, Error> {
        let Some(kind) = self.kind else {
            return Ok(Encoding::new(Format::F32, Matching::Exact, 4)); // no colour: any will do
        };
        self.check_part(&kind.with(matching, alpha), ["", ""])?;
        Ok(kind.encoding())
    }

    /// Checks that the counts are of the kind of an image and params that they are to be used with.
    pub(crate) fn check_use(&self, image: &Kind) -> Result<(), Error> {
        let Some((name, own, other)) = self.kind.and_then(|kind| kind.difference(image)) else {
            return Ok(());
        };
        Err(Error::InvalidArgument(format!("counts are of {name} {own}; {name} {other} is expected")))
    }

    /// Adds a part's colours, if there are not more than `most` then.
    pub(crate) fn add_part(&mut self, part: PartCounts, most: usize) -> Result<(), Error> {
        let PartCounts { kind, colors } = part;
        self.check_part(&kind, ["", ""])?;
        self.add_all(Cow::Owned(colors), most)?;
        self.kind = Some(kind);
        Ok(())
    }

    /// Adds other counts, if there are not more than `most` colours then.
    pub(crate) fn merge_up_to(&mut self, other: &Self, most: usize) -> Result<(), Error> {
        let Some(kind) = other.kind else { return Ok(()) };
        self.check_part(&kind, ["other."; 2])?;
        self.add_all(other.colors.as_list()?, most)?;
        self.kind = Some(kind);
        Ok(())
    }

    fn add_all(&mut self, colors: Cow<[ColorCount]>, most: usize) -> Result<(), Error> {
        let pixels = colors.iter().try_fold(self.pixels, |sum, entry| sum.checked_add(entry.pixels));
        let pixels = pixels.ok_or_else(|| {
            Error::InvalidArgument("counts would have 2^64 pixels or more; fewer are expected".to_owned())
        })?;
        self.colors.add(colors, most)?;
        self.pixels = pixels;
        Ok(())
    }

    /// All colours, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ColorCount> + Clone + '_ {
        self.colors.iter()
    }

    /// A list of all colours, in their order, if there are not more than `most`.
    pub(crate) fn list(&self, most: usize) -> Result<Vec<ColorCount>, Error> {
        check_room(self.len(), most)?;
        self.colors.list()
    }
}
