//! The rings of an image's masks: closed sequences of corners, each of which knows the next.

/// The rings of an image.
#[derive(Debug)]
pub(super) struct ImageRings {
    pub(super) corners: Vec<Corner>,
    /// Mask by mask; an exterior ring before its holes.
    pub(super) rings: Vec<Ring>,
    /// Where each mask's begin, and where the last one's end.
    pub(super) masks: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Corner {
    pub(super) x: u32,
    pub(super) y: u32,
    /// The one at the other end of the edge that goes from here.
    pub(super) next: u32,
    pub(super) mask: u32,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ring {
    /// The first corner in reading order.
    pub(super) first: u32,
    pub(super) corners: u32,
    pub(super) mask: u32,
    pub(super) is_hole: bool,
}

impl Corner {
    /// Column and row.
    pub(super) fn at(&self) -> [u32; 2] {
        [self.x, self.y]
    }
}
