//! Masks as polygons.

use crate::error::Error;
use crate::types::matching::Connectivity;

/// How masks are told as polygons. `Connectivity::Four.into()` tells them exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutlineSettings {
    /// Whether pixels of a mask that only touch by a corner are of one region.
    pub connectivity: Connectivity,
    /// How far, in pixels, a corner may be from the edge that is there in its place: then corners are left out, so that slopes
    /// are slopes and not stairs. 0 leaves out none. Finite, 0 or more; taken in steps of 1/256, rounded down.
    pub tolerance: f32,
}

impl From<Connectivity> for OutlineSettings {
    fn from(connectivity: Connectivity) -> Self {
        Self { connectivity, tolerance: 0.0 }
    }
}

impl OutlineSettings {
    /// The tolerance in 256ths of a pixel.
    pub(crate) fn tolerance_steps(&self) -> u64 {
        (f64::from(self.tolerance) * 256.0) as u64 // saturates; exact before it is cut
    }

    /// Whether the tolerance is one.
    pub(crate) fn check(&self, name: &str) -> Result<(), Error> {
        let tolerance = self.tolerance;
        if tolerance.is_finite() && tolerance >= 0.0 {
            return Ok(());
        }
        Err(Error::InvalidArgument(format!(
            "{name} is {tolerance}; a finite number of pixels, 0 or more, is expected"
        )))
    }
}

/// Masks as polygons along the edges of their pixels.
///
/// A ring is a closed sequence of corners, of which the first does not come again at the end. Between two corners lies a
/// vertical or a horizontal edge; corners in the middle of an edge are left out. The corner (x, y) is the upper left one of
/// the pixel in column x and row y; the last ones are (width, height).
///
/// Exterior rings go clockwise as the image is seen, with y downwards; holes counter-clockwise: the mask is to the right of
/// whoever walks. Filled by the even-odd or the non-zero rule, the rings of a mask give its pixels, to the bit. Masks that
/// touch have the edge between them in common.
///
/// With [`OutlineSettings::tolerance`] corners are left out, and edges go in any direction. Each corner that is left out is
/// within the tolerance of the edge in its place. Masks that touch still have each edge between them in common, between the
/// same two corners: where three masks meet, all of them have a corner. Corners on the image's border stay. There are the same
/// rings, in the same order, of three corners or more; they turn as before, and meet only where corners touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaskOutlines {
    /// Column and row of each corner, ring by ring.
    pub points: Vec<[u32; 2]>,
    /// Where each ring's corners begin, and where the last one's end: one more than there are rings.
    pub ring_offsets: Vec<u64>,
    /// For each ring the number of the exterior ring that it is a hole in; its own number, where it is an exterior ring.
    pub ring_exteriors: Vec<u64>,
    /// Where the rings of each mask and image begin, and where the last ones end: of mask 0 in all images, then of mask 1;
    /// one more than there are masks times images. Each exterior ring is followed by its holes.
    pub mask_offsets: Vec<u64>,
}
