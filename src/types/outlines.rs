//! Masks as polygons.

/// Masks as polygons along the edges of their pixels.
///
/// A ring is a closed sequence of corners, of which the first does not come again at the end. Between two corners lies a
/// vertical or a horizontal edge; corners in the middle of an edge are left out. The corner (x, y) is the upper left one of
/// the pixel in column x and row y; the last ones are (width, height).
///
/// Exterior rings go clockwise as the image is seen, with y downwards; holes counter-clockwise: the mask is to the right of
/// whoever walks. Filled by the even-odd or the non-zero rule, the rings of a mask give its pixels, to the bit. Masks that
/// touch have the edge between them in common.
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
