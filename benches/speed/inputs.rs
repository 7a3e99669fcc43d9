//! The inputs, generated in memory. Each is what users of colour maps have, or the worst they can have.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use rayon::prelude::*;

/// What an image shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Flat16,
    Flat1000,
    Noise16,
    Noise4096,
    WorldMap,
    Photo,
    AllDifferent,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Flat16,
        Self::Flat1000,
        Self::Noise16,
        Self::Noise4096,
        Self::WorldMap,
        Self::Photo,
        Self::AllDifferent,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Flat16 => "flat-16",
            Self::Flat1000 => "flat-1000",
            Self::Noise16 => "noise-16",
            Self::Noise4096 => "noise-4096",
            Self::WorldMap => "world-map",
            Self::Photo => "photo",
            Self::AllDifferent => "all-different",
        }
    }

    pub fn is_flat(self) -> bool {
        matches!(self, Self::Flat16 | Self::Flat1000)
    }

    pub fn is_noise(self) -> bool {
        matches!(self, Self::Noise16 | Self::Noise4096)
    }
}

/// An image in memory.
pub struct Input {
    pub kind: Kind,
    pub width: u32,
    pub height: u32,
    pub channels: u32,
    pub floats: Vec<f32>,
    /// Every value is n/255: rivals that pack 8-bit values can take part.
    pub eight_bit: bool,
}

impl Input {
    pub fn new(kind: Kind, (width, height): (u32, u32), channels: u32) -> Self {
        let pixels = width * height;
        let blank = || vec![0.0; pixels as usize * channels as usize];
        let mut input = Self { kind, width, height, channels, floats: blank(), eight_bit: true };
        match kind {
            Kind::Flat16 => input.paint_regions(16, 8),
            Kind::Flat1000 => input.paint_regions(1000, 40),
            Kind::Noise16 => input.paint_colors(16, |x, y| random(y * width + x) % 16),
            Kind::Noise4096 => input.paint_colors(4096, |x, y| random(y * width + x) % 4096),
            Kind::AllDifferent => input.paint_colors(pixels, |x, y| y * width + x),
            Kind::WorldMap => input.paint_world_map(),
            Kind::Photo => input.paint_photo(),
        }
        input
    }

    pub fn plane(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Writes each pixel; colours have up to four channels, of which the image takes the first ones.
    fn paint(&mut self, pixel: impl Fn(u32, u32) -> [f32; 4] + Sync) {
        let channels = self.channels as usize;
        let row = self.width as usize * channels;
        self.floats.par_chunks_mut(row).enumerate().for_each(|(y, row)| {
            for (x, to) in row.chunks_exact_mut(channels).enumerate() {
                to.copy_from_slice(&pixel(x as u32, y as u32)[..channels]);
            }
        });
    }

    /// Paints pixels with one of `colors` different colours, given by number.
    fn paint_colors(&mut self, colors: u32, number: impl Fn(u32, u32) -> u32 + Sync) {
        let color_channels = self.channels.min(3); // alpha stays 1
        let needed = (colors - 1).max(1).ilog2() + 1;
        let bits = needed.div_ceil(color_channels).max(8);
        self.eight_bit = bits == 8;
        let largest = (1u32 << bits) - 1;
        self.paint(|x, y| {
            let code = scatter(number(x, y), bits * color_channels);
            let mut color = [1.0; 4];
            for (channel, value) in color.iter_mut().take(color_channels as usize).enumerate() {
                let level = code >> (bits * channel as u32) & largest;
                *value = match bits {
                    0..=16 => level as f32 / largest as f32,
                    _ => f32::from_bits(0.25f32.to_bits() + level), // quotients would coincide
                };
            }
            color
        });
    }

    /// `cells` by `cells` regions, each what is nearest to one point: convex, with straight borders.
    fn paint_regions(&mut self, colors: u32, cells: u32) {
        let (width, height) = (self.width as f32 / cells as f32, self.height as f32 / cells as f32);
        // The borders' neighbourhood reaches one cell beyond the image.
        let side = cells + 2;
        let points: Vec<(f32, f32)> = (0..side * side)
            .map(|cell| {
                let unit = |seed| random(cell * 2 + seed) as f32 / u32::MAX as f32;
                ((cell % side) as f32 - 1.0 + unit(0), (cell / side) as f32 - 1.0 + unit(1))
            })
            .collect();
        self.paint_colors(colors, |x, y| {
            let (x, y) = (x as f32 / width, y as f32 / height);
            let (cell_x, cell_y) = (x as u32 + 1, y as u32 + 1);
            let distance = |cell: u32| {
                let (point_x, point_y) = points[cell as usize];
                (point_x - x) * (point_x - x) + (point_y - y) * (point_y - y)
            };
            let neighbours =
                (cell_y - 1..=cell_y + 1).flat_map(|y| (cell_x - 1..=cell_x + 1).map(move |x| y * side + x));
            let nearest = neighbours.min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or(0);
            nearest * 7 % colors // 7 has no factor in common with 16 and 1000
        });
    }

    fn paint_world_map(&mut self) {
        let map = Picture::load("world-countries-antialiased-2048.png");
        let (width, height) = (self.width, self.height);
        let gray = self.channels == 1;
        self.paint(|x, y| {
            let (x, y) = (x * map.width / width, y * map.height / height);
            levels_to_color(map.pixel(x, y).map(f32::from), gray)
        });
    }

    /// The portrait, scaled bilinearly, with the noise of a sensor on every pixel.
    fn paint_photo(&mut self) {
        let photo = Picture::load("astronaut-1024.png");
        let (width, height) = (self.width, self.height);
        let gray = self.channels == 1;
        let position = |at: u32, size: u32, of: u32| {
            let at = ((at as f32 + 0.5) * of as f32 / size as f32 - 0.5).clamp(0.0, of as f32 - 1.0);
            (at as u32, (at as u32 + 1).min(of - 1), at.fract())
        };
        self.paint(|x, y| {
            let (left, right, to_right) = position(x, width, photo.width);
            let (top, bottom, to_bottom) = position(y, height, photo.height);
            let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
            let levels = std::array::from_fn(|channel| {
                let at = |x, y| f32::from(photo.pixel(x, y)[channel]);
                let upper = mix(at(left, top), at(right, top), to_right);
                let lower = mix(at(left, bottom), at(right, bottom), to_right);
                mix(upper, lower, to_bottom) + 2.0 * gaussian((y * width + x) * 3 + channel as u32)
            });
            levels_to_color(levels, gray)
        });
    }
}

/// Levels from 0 to 255, rounded, as n/255; alpha 1.
fn levels_to_color([red, green, blue]: [f32; 3], gray: bool) -> [f32; 4] {
    let value = |level: f32| level.round().clamp(0.0, 255.0) / 255.0;
    if gray {
        return [value(0.299 * red + 0.587 * green + 0.114 * blue), 0.0, 0.0, 1.0];
    }
    [value(red), value(green), value(blue), 1.0]
}

/// An 8-bit RGB picture out of `data/`.
struct Picture {
    width: u32,
    height: u32,
    levels: Vec<u8>,
}

impl Picture {
    fn load(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name);
        let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reader = png::Decoder::new(BufReader::new(file)).read_info().expect("a PNG file");
        assert_eq!(reader.output_color_type(), (png::ColorType::Rgb, png::BitDepth::Eight));
        let mut levels = vec![0; reader.output_buffer_size().expect("a picture that fits the memory")];
        let frame = reader.next_frame(&mut levels).expect("a whole PNG file");
        Self { width: frame.width, height: frame.height, levels }
    }

    fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let index = 3 * (y as usize * self.width as usize + x as usize);
        [self.levels[index], self.levels[index + 1], self.levels[index + 2]]
    }
}

/// A random number that depends on `seed` alone: the finaliser of MurmurHash3, public domain, Austin Appleby.
fn random(seed: u32) -> u32 {
    let mut z = seed.wrapping_mul(0x9e37_79b9).wrapping_add(0x7f4a_7c15);
    z = (z ^ (z >> 16)).wrapping_mul(0x85eb_ca6b);
    z = (z ^ (z >> 13)).wrapping_mul(0xc2b2_ae35);
    z ^ (z >> 16)
}

/// Roughly normal, mean 0, standard deviation 1: the sum of four random bytes.
fn gaussian(seed: u32) -> f32 {
    let sum: u32 = random(seed).to_le_bytes().map(u32::from).iter().sum();
    (sum as f32 - 510.0) / 147.8
}

/// A permutation of the numbers of `bits` bits: different numbers stay different.
fn scatter(number: u32, bits: u32) -> u32 {
    let mask = u32::MAX >> (32 - bits);
    let mut z = number.wrapping_mul(0x9e37_79b1) & mask;
    z ^= z >> (bits / 2);
    z = z.wrapping_mul(0x85eb_ca6b) & mask;
    z ^ (z >> (bits / 2))
}
