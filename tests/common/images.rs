//! Images that tests make up: floats of one channel, and pixels without a colour.

use bytemuck::cast_slice;
use ctm::{ColorMap, Format, Layout, Shape};

use super::Random;

/// Images of one channel, one behind the other.
pub struct Images {
    /// Width, height, and how many there are.
    pub size: [usize; 3],
    pub pixels: Vec<f32>,
}

impl Images {
    /// Runs of random colours, some pixels without any.
    pub fn runs(random: &mut Random, size: [usize; 3], colors: u32, longest_run: u32) -> Self {
        let len = size.iter().product();
        let mut pixels = Vec::new();
        while pixels.len() < len {
            let color = match random.below(colors + 1) {
                0 => f32::NAN,
                color => color as f32,
            };
            pixels.extend(std::iter::repeat_n(color, 1 + random.below(longest_run) as usize));
        }
        pixels.truncate(len);
        Self { size, pixels }
    }

    pub fn map(&self) -> ColorMap<'_> {
        let [width, height, image_count] = self.size.map(|side| side as u32);
        let layout = Layout { format: Format::F32, image_count, ..Layout::default() };
        let shape = Shape::new(width, height, 1).unwrap();
        ColorMap::with_layout(cast_slice(&self.pixels), shape, &layout).unwrap()
    }
}
