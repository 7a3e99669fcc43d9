//! An image and what is asked of it, made of a fuzzer's bytes: valid, small, and of every layout.

use arbitrary::{Result, Unstructured};

use super::c::{Image, Params};
use super::guarded::Guarded;

const VALUE_BYTES: [usize; 6] = [4, 2, 2, 1, 4, 4];
/// From this format on values are ids.
const IDS: u32 = 4;
/// Those with which most goes wrong.
const FLOATS: [u32; 12] = [
    0,
    0x8000_0000,
    0x3f80_0000,
    0x7fc0_0000,
    0xffff_ffff,
    0x7f80_0001,
    0x7f80_0000,
    0xff80_0000,
    1,
    0x8000_0001,
    0x7f7f_ffff,
    0x3f00_0000,
];
const HALVES: [u16; 10] = [0, 0x8000, 0x3c00, 0x7e00, 0x7c01, 0x7c00, 0xfc00, 1, 0x8001, 0x7bff];

/// How pixels lie in memory, with no stride left to default.
#[derive(Clone, Copy)]
pub struct Layout {
    pub pixel: usize,
    pub row: isize,
    pub plane: usize,
    pub image: usize,
    pub bytes: usize,
}

pub struct Case {
    pub image: Image,
    pub params: Params,
    pub layout: Layout,
    pub pixels: Guarded,
    pub palette: Option<Guarded>,
    pub ignored: Option<Guarded>,
}

/// Picks one of the numbers from 0 on.
fn number(u: &mut Unstructured, below: u32) -> Result<u32> {
    u.int_in_range(0..=below - 1)
}

/// A gap that is mostly not there.
fn gap(u: &mut Unstructured) -> Result<usize> {
    Ok(match u.arbitrary::<u8>()? {
        0..=199 => 0,
        byte => usize::from(byte - 199),
    })
}

fn stored_value(u: &mut Unstructured, format: u32) -> Result<[u8; 4]> {
    let special: u8 = u.arbitrary()?;
    let mut bytes = [0; 4];
    match format {
        0 | 4 | 5 if special < 160 => bytes = FLOATS[usize::from(special) % FLOATS.len()].to_ne_bytes(),
        1 if special < 160 => {
            bytes[..2].copy_from_slice(&HALVES[usize::from(special) % HALVES.len()].to_ne_bytes());
        }
        0 => bytes = (f32::from(special) / 32.0).to_ne_bytes(),
        _ => bytes = u32::from_ne_bytes([special; 4]).rotate_left(4).to_ne_bytes(),
    }
    if special == 255 {
        bytes = u.arbitrary()?;
    }
    Ok(bytes)
}

impl Case {
    pub fn new(u: &mut Unstructured) -> Result<Self> {
        let mut image = Image::init();
        image.format = number(u, 6)?;
        image.channels = 1 + number(u, if image.format < IDS { 4 } else { 2 })?;
        image.planar = number(u, 2)?;
        image.channel_order = match image.channels {
            4 => number(u, 4)?,
            3 => number(u, 2)?,
            _ => 0,
        };
        let side: u8 = u.arbitrary()?;
        (image.width, image.height) = match side {
            0..=99 => (1 + number(u, 9)?, 1 + number(u, 6)?),
            100..=199 => (1 + number(u, 40)?, 1 + number(u, 4)?),
            _ => (1 + number(u, 150)?, 1 + number(u, 12)?),
        };
        let images = if u.ratio(1u8, 4u8)? { 1 + number(u, 4)? } else { 1 };
        image.image_count = if images == 1 { number(u, 2)? } else { images };
        let value = VALUE_BYTES[image.format as usize];
        let (width, height) = (image.width as usize, image.height as usize);
        let planes = if image.planar == 1 { image.channels as usize } else { 1 };
        let pixel_bytes = value * image.channels as usize / planes;
        let pixel = pixel_bytes + gap(u)?;
        let row = pixel * (width - 1) + pixel_bytes + gap(u)?;
        let row = if pixel > pixel_bytes { row.max(pixel * width) } else { row };
        let plane_bytes = row * (height - 1) + pixel * (width - 1) + pixel_bytes;
        let plane = plane_bytes.max(row * height) + if planes > 1 { gap(u)? } else { 0 };
        let image_bytes = plane * (planes - 1) + plane_bytes;
        let image_stride = image_bytes.max(plane * planes) + gap(u)?;
        let bytes = image_stride * (images as usize - 1) + image_bytes;
        let bottom_up = u.ratio(1u8, 4u8)?;
        let row = if bottom_up { -row.cast_signed() } else { row.cast_signed() };
        let layout = Layout { pixel, row, plane, image: image_stride, bytes };
        // A stride of 0 says the same where there is no gap.
        let said =
            |stride: usize, least: usize, says: bool| if stride == least && !says { 0 } else { stride };
        let says: u8 = u.arbitrary()?;
        image.pixel_stride = said(pixel, pixel_bytes, says & 1 == 0);
        let dense = pixel * width;
        image.row_stride = if row == dense.cast_signed() && says & 2 == 0 { 0 } else { row };
        image.plane_stride = match image.planar {
            0 => 0,
            _ => said(plane, row.unsigned_abs() * height, says & 4 == 0),
        };
        image.image_stride = said(image_stride, plane * planes, says & 8 == 0);
        if u.ratio(1u8, 4u8)? {
            image.left = number(u, image.width)?;
            image.top = number(u, image.height)?;
            image.rectangle_width = number(u, image.width - image.left + 1)?;
            image.rectangle_height = number(u, image.height - image.top + 1)?;
        }
        let mut case = Self {
            pixels: Guarded::filled(bytes, u.arbitrary()?, 0xa5),
            image,
            params: Params::init(),
            layout,
            palette: None,
            ignored: None,
        };
        case.image.pixels = case.pixels.pointer();
        case.paint(u)?;
        case.ask(u)?;
        Ok(case)
    }

    /// Whether each number is a colour of its own, and none is a float.
    pub fn has_ids(&self) -> bool {
        self.image.format >= IDS
    }

    pub fn images(&self) -> usize {
        self.image.image_count.max(1) as usize
    }

    /// Where a value lies: of a channel as it is stored.
    fn offset(&self, image: usize, x: usize, y: usize, channel: usize) -> usize {
        let value = VALUE_BYTES[self.image.format as usize];
        let row = match self.layout.row {
            row if row < 0 => row.unsigned_abs() * (self.image.height as usize - 1 - y),
            row => row.unsigned_abs() * y,
        };
        let channel = channel * if self.image.planar == 1 { self.layout.plane } else { value };
        image * self.layout.image + row + x * self.layout.pixel + channel
    }

    /// Runs and noise of few colours.
    fn paint(&mut self, u: &mut Unstructured) -> Result<()> {
        let value = VALUE_BYTES[self.image.format as usize];
        let colors: Vec<[[u8; 4]; 4]> = (0..1 + number(u, 12)?)
            .map(|_| {
                let mut color = [[0; 4]; 4];
                for channel in &mut color {
                    *channel = stored_value(u, self.image.format)?;
                }
                Ok(color)
            })
            .collect::<Result<_>>()?;
        let all_different = u.ratio(1u8, 16u8)?;
        let (mut run, mut color) = (0u8, 0usize);
        let mut pixel = 0u32;
        for image in 0..self.images() {
            for y in 0..self.image.height as usize {
                for x in 0..self.image.width as usize {
                    if run == 0 {
                        let byte: u8 = u.arbitrary()?;
                        (run, color) =
                            (if byte >= 128 { byte - 127 } else { 1 }, usize::from(byte) % colors.len());
                    }
                    run -= 1;
                    pixel += 1;
                    let channels = self.image.channels as usize;
                    for (channel, &stored) in colors[color].iter().take(channels).enumerate() {
                        let offset = self.offset(image, x, y, channel);
                        let bytes = if all_different && channel == 0 { pixel.to_ne_bytes() } else { stored };
                        self.pixels.bytes_mut()[offset..offset + value].copy_from_slice(&bytes[..value]);
                    }
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, u: &mut Unstructured) -> Result<()> {
        let params = &mut self.params;
        let has_ids = self.image.format >= IDS;
        params.matching = u32::from(u.ratio(1u8, 4u8)? && !has_ids);
        if matches!(self.image.channels, 2 | 4) && u.ratio(1u8, 3u8)? {
            params.alpha = 1 + number(u, if has_ids { 1 } else { 2 })?;
            params.least_alpha = [0.0, 0.5, 1.0, 64.0, 255.0][number(u, 5)? as usize];
        }
        params.min_pixels = match u.arbitrary::<u8>()? {
            0..=127 => 1,
            128 => u64::MAX,
            byte => u64::from(byte - 128),
        };
        params.max_count = match u.arbitrary::<u8>()? {
            0..=127 => u32::MAX,
            byte => u32::from(byte - 128) / 4,
        };
        params.batch = number(u, 3)?;
        Ok(())
    }

    /// The pixels of the rectangle as the caller's units have them, in reading order, image by image: red, green, blue,
    /// alpha, or grey, alpha. Ids are the bits of the floats.
    pub fn values(&self) -> Vec<[f32; 4]> {
        let image = &self.image;
        let [left, top, width, height] = self.rectangle();
        let order: &[usize] = match (image.channels, image.channel_order) {
            (3, 1) => &[2, 1, 0],
            (4, 1) => &[2, 1, 0, 3],
            (4, 2) => &[1, 2, 3, 0],
            (4, 3) => &[3, 2, 1, 0],
            (channels, _) => &[0, 1, 2, 3][..channels as usize],
        };
        let mut values = Vec::with_capacity(self.images() * width * height);
        for index in 0..self.images() {
            for y in top..top + height {
                for x in left..left + width {
                    let mut pixel = [0.0; 4];
                    for (value, &channel) in pixel.iter_mut().zip(order) {
                        let bytes = &self.pixels.bytes()[self.offset(index, x, y, channel)..];
                        *value = match image.format {
                            0 | 4 | 5 => f32::from_ne_bytes(bytes[..4].try_into().unwrap()),
                            1 => half::f16::from_ne_bytes(bytes[..2].try_into().unwrap()).to_f32(),
                            2 => f32::from(u16::from_ne_bytes(bytes[..2].try_into().unwrap())),
                            _ => f32::from(bytes[0]),
                        };
                    }
                    values.push(pixel);
                }
            }
        }
        values
    }

    /// Left, top, width and height of what is looked at.
    pub fn rectangle(&self) -> [usize; 4] {
        let image = &self.image;
        let side = |side: u32, whole: u32, start: u32| if side == 0 { whole - start } else { side };
        let width = side(image.rectangle_width, image.width, image.left);
        let height = side(image.rectangle_height, image.height, image.top);
        [image.left, image.top, width, height].map(|number| number as usize)
    }

    /// Gives some colours of the image, and some others, as a palette or as ignored ones.
    pub fn give_colors(&mut self, u: &mut Unstructured, colors: &[[f32; 4]]) -> Result<()> {
        let what = number(u, 6)?;
        if what > 1 || (what == 0 && self.params.batch == 2) {
            return Ok(());
        }
        let mut given = Vec::new();
        for color in colors {
            if u.ratio(1u8, 2u8)? {
                given.push(*color);
            }
        }
        if u.ratio(1u8, 2u8)? {
            given.reverse();
        }
        let memory = Guarded::new(given.len() * 16, false);
        for (index, color) in given.iter().enumerate() {
            // SAFETY: so many colours are there.
            unsafe { memory.pointer::<[f32; 4]>().add(index).write(*color) };
        }
        let (has_ids, count) = (self.has_ids(), given.len() as u32);
        let params = &mut self.params;
        match (what == 0, has_ids) {
            (true, false) => params.palette = memory.pointer(),
            (true, true) => params.palette_stored = memory.pointer(),
            (false, false) => params.ignored = memory.pointer(),
            (false, true) => params.ignored_stored = memory.pointer(),
        }
        if what == 0 {
            params.palette_count = count;
            self.palette = Some(memory);
        } else {
            params.ignored_count = count;
            self.ignored = Some(memory);
        }
        Ok(())
    }
}
