//! Where a mask's pixels lie.

/// Where the pixels of a mask lie. Columns and rows count from 0, from the left and from the top.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MaskStats {
    /// How many there are. With none, all else is 0.
    pub pixels: u64,
    /// The bounding box's first column.
    pub left: u32,
    /// The bounding box's first row.
    pub top: u32,
    /// Columns of the bounding box.
    pub width: u32,
    /// Rows of the bounding box.
    pub height: u32,
    /// Column and row of the first pixel in reading order.
    pub first_pixel: (u32, u32),
    /// The mean of the pixels' columns and that of their rows: (0, 0) is the middle of the first pixel, as for
    /// OpenCV's moments and scikit-image's `regionprops`. Each is the exact sum, divided once.
    pub centroid: (f64, f64),
}
