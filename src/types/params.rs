//! What decides which pixels get which mask.

use std::fmt;
use std::num::NonZeroU64;

use crate::types::color_counts::ColorCounts;
use crate::types::matching::{Absorb, Alpha, Connectivity, Matching, Merge, Nearest};
use crate::types::regions::PartOf;

/// Which colours get a mask. The default is all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Colours with fewer pixels than this get no mask. 0 means 1.
    pub min_pixels: u64,
    /// At most this many masks, the most frequent colours first. 0: no mask.
    pub max_count: u32,
}

impl Default for Selection {
    fn default() -> Self {
        Self { min_pixels: 1, max_count: u32::MAX }
    }
}

/// A [`Selection`] as everything behind the interface has it: 0 no longer means 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SelectionRule {
    pub(crate) min_pixels: NonZeroU64,
    pub(crate) max_count: u32,
}

impl SelectionRule {
    /// The rule that is meant by a caller's `min_pixels` and `max_count`.
    pub(crate) fn new(min_pixels: u64, max_count: u32) -> Self {
        Self { min_pixels: NonZeroU64::new(min_pixels).unwrap_or(NonZeroU64::MIN), max_count }
    }
}

impl From<Selection> for SelectionRule {
    fn from(selection: Selection) -> Self {
        Self::new(selection.min_pixels, selection.max_count)
    }
}

/// What decides which pixels get which mask: `ctm_params` in C. A [`Selection`] alone becomes one with `into`. The default
/// is a mask for each colour.
///
/// Colours are given as red, green, blue and alpha, or grey and alpha, in the units of the image: 0 to 255 for
/// bytes, 0 to 65,535 for integers of 16 bits. Values that are not part of the colour are not looked at. Numbers of
/// [`Format::U32`](crate::Format::U32) and [`Format::I32`](crate::Format::I32) have no distances: `nearest`,
/// [`Unlisted::Nearest`], `merge` and `unmix_radius` are not for them, nor are [`Matching::EightBit`] and
/// [`Alpha::AtLeast`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Params<'a> {
    /// Which colours get a mask, where `palette` does not say so.
    pub selection: Selection,
    /// The colours that get a mask, in this order, those without a pixel included; `None`: the most frequent ones,
    /// as `selection` says.
    pub palette: Option<&'a [[f32; 4]]>,
    /// In place of `palette` its colours, with values as they are stored, see [`Color::stored`](crate::Color::stored): all that
    /// there are can be given so.
    pub palette_stored: Option<&'a [[u32; 4]]>,
    /// Colours that get no mask, the background for example.
    pub ignored: &'a [[f32; 4]],
    /// More of them, with values as they are stored.
    pub ignored_stored: &'a [[u32; 4]],
    /// What makes two pixels' colours the same.
    pub matching: Matching,
    /// Which colours without a mask of their own join another's: `None`: no colour. The most frequent colours are
    /// found before others join them.
    pub nearest: Option<Nearest>,
    /// Where a palette is given, what becomes of colours that are not in it, are not near enough and are not ignored.
    pub unlisted: Unlisted,
    /// What alpha means.
    pub alpha: Alpha,
    /// Which images the most frequent colours are those of.
    pub batch: Batch,
    /// Whether near-duplicates become the colours that they are near, before the most frequent ones are selected. Without a
    /// palette of the caller's only. Ignored colours take part: what becomes one gets no mask.
    pub merge: Option<Merge>,
    /// How many pixels away, to all sides, masks may be into which pixels are unmixed: those that have a colour which
    /// is in no mask, nor ignored, as at the anti-aliased edge between two regions. Such a pixel is shared out to at
    /// most 4 masks, those that have the nearest pixels, by columns or rows whichever are more; of equally near ones
    /// those with the most pixels there, then the first ones. The shares are those at least 0, and together 1, whose
    /// mix of the masks' colours is nearest to the pixel's. It is in the mask that has the largest share, of equal ones
    /// the first; [`MaskOutput::Coverage`](crate::MaskOutput::Coverage) has all of them. Colours with infinities take no
    /// part. The most frequent colours are found before. 0: no pixel is unmixed; at most 16.
    pub unmix_radius: u32,
    /// Makes each connected region of a mask's pixels a mask of its own; `None`: a mask has all of them. `selection` then
    /// applies to regions, where a palette is given, too. The largest regions come first, equally large ones by colour
    /// or, where a palette is given, in its order, then by image and first pixel. A region is in one image; its planes
    /// of the other images are zero. With [`Batch::First`] only regions of the first image have masks, unless a palette
    /// is given; with [`Batch::Each`] each image has those of its own. With `nearest` and no palette, all colours with `min_pixels` pixels attract others.
    pub connected: Option<Connectivity>,
    /// Small regions that go to the masks around them, and holes that are filled, once pixels are unmixed and before
    /// `connected` finds regions. How many masks there are and in which order they come stays, so that a mask can be left
    /// without a pixel; with `connected`, which then makes masks of what is left, it does not. The palette says how many
    /// pixels masks have afterwards, in all images. Not with `counts`: regions may go on in other parts.
    pub absorb: Absorb,
    /// Where the pixels at hand are a part of an image, a band or a tile: the counts of all its parts. The colours that
    /// get a mask are selected from them, so that each part gets the masks that one call on the whole image would give
    /// it; `batch` makes no difference then. Format, number of channels, `matching` and `alpha` must be those of the
    /// counted parts. Pixels are unmixed into what the part has around them. With `connected` only where `part` is given, too;
    /// not with `absorb`. Counts without a part
    /// have no colour. Of colours that only the pixels at hand have it is not
    /// promised whether they get a mask.
    pub counts: Option<&'a ColorCounts>,
    /// With `connected`, where the image at hand is a part of a larger one: the regions of all its parts, and where this one
    /// is. Masks are then regions of the whole, in its order, as one call on it would give them: `selection` is of them. The
    /// part must have been added with the same pixels and the same params, `selection` and `progress` aside, else the call
    /// is [`Error::Data`] or [`Error::InvalidArgument`]. With `nearest` or `merge` and no palette `counts` are needed, too:
    /// which colours attract others depends on all parts. With `counts`, `selection.min_pixels` is the same in all calls.
    /// One image a call. With `unmix_radius`, `absorb`, and a `batch` that is not [`Batch::All`], it is
    /// [`Error::Unsupported`].
    pub part: Option<PartOf<'a>>,
}

impl Params<'_> {
    /// How many colours are given that get a mask; `None`: the most frequent ones do.
    pub(crate) fn given(&self) -> Option<usize> {
        self.palette.map(<[_]>::len).or_else(|| self.palette_stored.map(<[_]>::len))
    }
}

impl From<Selection> for Params<'_> {
    fn from(selection: Selection) -> Self {
        Self { selection, ..Self::default() }
    }
}

/// What becomes of colours that a given palette does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unlisted {
    /// They get no mask.
    #[default]
    Ignore,
    /// The call fails with [`Error::UnlistedColors`].
    Error,
    /// They join the nearest colour's mask, at any distance.
    Nearest,
}

/// As messages have it: `ignore`, `error`, `nearest`.
impl fmt::Display for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ignore => "ignore",
            Self::Error => "error",
            Self::Nearest => "nearest",
        })
    }
}

/// Of several images, those whose pixels are counted. All of them get the masks of the same colours, but with `Each`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Batch {
    /// All images together.
    #[default]
    All,
    /// The first one.
    First,
    /// Each by itself: mask `i` of an image is that of its own colour `i`. Images with fewer colours than others have
    /// empty masks behind theirs. Not with a palette of the caller's.
    Each,
}

/// As messages have it: `all`, `first`, `each`.
impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::All => "all",
            Self::First => "first",
            Self::Each => "each",
        })
    }
}
