//! The label map: per pixel 0 for "in no mask", or the mask's number plus one.

use crate::error::Error;

/// Bytes of one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LabelWidth {
    /// Up to 254 masks.
    One,
    /// Up to 65,534 masks.
    Two,
    /// Any number of masks.
    Four,
}

impl LabelWidth {
    /// The narrowest width for `mask_count` masks.
    pub(crate) fn for_masks(mask_count: usize) -> Self {
        match mask_count {
            0..=254 => Self::One,
            255..=65_534 => Self::Two,
            _ => Self::Four,
        }
    }

    /// Bytes of one label.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// A label type.
pub(crate) trait Label: bytemuck::Pod + Send + Sync + Eq {
    /// The label with this number, which the chosen [`LabelWidth`] can hold.
    fn from_number(number: u32) -> Self;
}

impl Label for u8 {
    fn from_number(number: u32) -> Self {
        number as Self
    }
}

impl Label for u16 {
    fn from_number(number: u32) -> Self {
        number as Self
    }
}

impl Label for u32 {
    fn from_number(number: u32) -> Self {
        number
    }
}

/// Room for a label map, kept from call to call.
#[derive(Debug, Default)]
pub(crate) struct LabelBuffer {
    words: Vec<u32>,
}

/// The labels of a whole image while a backend writes them.
#[derive(Debug)]
pub(crate) enum LabelsMut<'a> {
    One(&'a mut [u8]),
    Two(&'a mut [u16]),
    Four(&'a mut [u32]),
}

impl LabelBuffer {
    /// Labels of the given width for `pixels` pixels, of unspecified content.
    pub(crate) fn labels(&mut self, pixels: usize, width: LabelWidth) -> Result<LabelsMut<'_>, Error> {
        let words = (pixels * width.bytes()).div_ceil(4);
        if words > self.words.len() {
            self.words
                .try_reserve_exact(words - self.words.len())
                .map_err(|_| Error::OutOfMemory(format!("the label map needs {} bytes", words * 4)))?;
            self.words.resize(words, 0);
        }
        let words = &mut self.words[..words];
        Ok(match width {
            LabelWidth::One => LabelsMut::One(&mut bytemuck::cast_slice_mut(words)[..pixels]),
            LabelWidth::Two => LabelsMut::Two(&mut bytemuck::cast_slice_mut(words)[..pixels]),
            LabelWidth::Four => LabelsMut::Four(words),
        })
    }
}

impl LabelsMut<'_> {
    /// The labels as bytes, in the host's byte order.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::One(labels) => labels,
            Self::Two(labels) => bytemuck::cast_slice_mut(labels),
            Self::Four(labels) => bytemuck::cast_slice_mut(labels),
        }
    }

    /// The labels' width.
    pub(crate) fn width(&self) -> LabelWidth {
        match self {
            Self::One(_) => LabelWidth::One,
            Self::Two(_) => LabelWidth::Two,
            Self::Four(_) => LabelWidth::Four,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_leave_room_for_label_zero() {
        for (masks, bytes) in [(0, 1), (254, 1), (255, 2), (65_534, 2), (65_535, 4)] {
            assert_eq!(LabelWidth::for_masks(masks).bytes(), bytes, "{masks}");
        }
    }
}
