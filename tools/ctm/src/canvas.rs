//! A picture in memory that rectangles and text can be drawn on.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use rayon::prelude::*;

/// A screen colour.
pub(crate) type Rgb = [u8; 3];

/// A position and a size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rect {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Rect {
    /// The same with so many pixels less on each side.
    pub(crate) fn inset(self, by: u32) -> Self {
        Self { x: self.x + by, y: self.y + by, width: self.width - 2 * by, height: self.height - 2 * by }
    }
}

/// A font of the embedded family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Font {
    weight: FontWeight,
    size: RasterHeight,
}

impl Font {
    pub(crate) const TITLE: Self = Self { weight: FontWeight::Bold, size: RasterHeight::Size32 };
    pub(crate) const HEADING: Self = Self { weight: FontWeight::Bold, size: RasterHeight::Size24 };
    pub(crate) const LARGE: Self = Self { weight: FontWeight::Regular, size: RasterHeight::Size20 };
    pub(crate) const LARGE_BOLD: Self = Self { weight: FontWeight::Bold, size: RasterHeight::Size20 };
    pub(crate) const SMALL: Self = Self { weight: FontWeight::Regular, size: RasterHeight::Size16 };
    pub(crate) const SMALL_BOLD: Self = Self { weight: FontWeight::Bold, size: RasterHeight::Size16 };

    /// Height of a line in pixels.
    pub(crate) fn height(self) -> u32 {
        self.size.val() as u32
    }

    /// Width of a text in pixels.
    pub(crate) fn width(self, text: &str) -> u32 {
        (get_raster_width(self.weight, self.size) * text.chars().count()) as u32
    }

    /// Whether there is a picture of each character.
    pub(crate) fn has(self, text: &str) -> bool {
        text.chars().all(|character| get_raster(character, self.weight, self.size).is_some())
    }

    /// The text, shortened at its end to fit a width.
    pub(crate) fn fitted(self, text: &str, width: u32) -> String {
        if self.width(text) <= width {
            return text.into();
        }
        let room = (width / self.width("0")) as usize;
        let kept: String = text.chars().take(room.saturating_sub(3)).collect();
        kept.trim_end().to_owned() + "..."
    }
}

/// The picture: RGB rows from the top.
#[derive(Debug)]
pub(crate) struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<Rgb>,
}

impl Canvas {
    /// A picture of one colour.
    pub(crate) fn new(width: u32, height: u32, background: Rgb) -> Self {
        Self { width, height, pixels: vec![background; width as usize * height as usize] }
    }

    pub(crate) fn width(&self) -> u32 {
        self.width
    }

    pub(crate) fn height(&self) -> u32 {
        self.height
    }

    /// The bytes for an encoder.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.pixels.as_flattened()
    }

    /// So many rows from one on, for several threads.
    pub(crate) fn rows(&mut self, top: u32, height: u32) -> impl IndexedParallelIterator<Item = &mut [Rgb]> {
        let width = self.width as usize;
        self.pixels[top as usize * width..][..height as usize * width].par_chunks_exact_mut(width)
    }

    pub(crate) fn fill(&mut self, rect: Rect, color: Rgb) {
        let [left, right] = [rect.x, rect.x + rect.width].map(|x| x.min(self.width) as usize);
        let rows = self.pixels.chunks_exact_mut(self.width as usize);
        for row in rows.skip(rect.y as usize).take(rect.height as usize) {
            row[left..right].fill(color);
        }
    }

    /// A filled rectangle with a border of one pixel.
    pub(crate) fn framed(&mut self, rect: Rect, border: Rgb, inside: Rgb) {
        self.fill(rect, border);
        self.fill(rect.inset(1), inside);
    }

    /// Draws a line of text with its upper left corner at x, y; returns where it ends.
    pub(crate) fn text(&mut self, x: u32, y: u32, font: Font, color: Rgb, text: &str) -> u32 {
        let mut left = x;
        for character in text.chars() {
            let glyph = get_raster(character, font.weight, font.size)
                .or_else(|| get_raster('?', font.weight, font.size));
            let rows = glyph.as_ref().map_or(&[][..], |glyph| glyph.raster());
            for (row, y) in rows.iter().zip(y..) {
                for (&coverage, x) in row.iter().zip(left..) {
                    if let Some(pixel) = self.pixel(x, y) {
                        *pixel = mixed(*pixel, color, f32::from(coverage) / 255.0);
                    }
                }
            }
            left += font.width("0");
        }
        left
    }

    fn pixel(&mut self, x: u32, y: u32) -> Option<&mut Rgb> {
        if x >= self.width {
            return None;
        }
        self.pixels.get_mut(y as usize * self.width as usize + x as usize)
    }
}

/// So much of one colour (0: none, 1: all) over another.
pub(crate) fn mixed(under: Rgb, over: Rgb, share: f32) -> Rgb {
    let mix = |under: u8, over: u8| {
        let (under, over) = (f32::from(under), f32::from(over));
        (under + (over - under) * share + 0.5) as u8 // `round` is a call of the C library
    };
    [mix(under[0], over[0]), mix(under[1], over[1]), mix(under[2], over[2])]
}
