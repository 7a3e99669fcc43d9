//! Pixels as the backends read them: one to four words each, whatever they are stored as.
//!
//! Words compare as colours do: they are floats' bit patterns, or integers that sort like them. A pixel
//! with a NaN among its words has no colour. Integers of 8 and 16 bits share words of 24 bits: such words
//! are neither −0.0 nor NaN, so that no stage has to know what they stand for. Integers of 32 bits are words as they are:
//! stages ask `WordKind` whether two are the same, or no colour.

#![allow(unsafe_code)]

use std::ops::Range;

use crate::color::Color;
use crate::error::Error;
use crate::input::reader::PixelReader;
use crate::input::shuffle::{RegisterReader, ShuffleBytes};
use crate::input::value_bytes;
use crate::types::device_memory::DeviceMemory;
use crate::types::encoding::Encoding;
use crate::types::geometry::PixelGrid;
use crate::types::image::{ColorMap, Format};
use crate::types::matching::{Alpha, Matching};

/// The pixels of a call: those of all images, one below the other.
#[derive(Clone, Debug)]
pub(crate) struct Pixels<'a> {
    map: ColorMap<'a>,
    grid: PixelGrid,
    encoding: Encoding,
    /// The pixels themselves, where they are words in reading order.
    words: Option<&'a [u32]>,
    /// Rows that follow each other without a gap, and the pixels of so many: rows of one pixel each are read as fast as
    /// one long row.
    rows_together: usize,
    pixels_together: usize,
    /// Whether the words are the stored bytes, packed.
    is_packed: bool,
    reader: PixelReader,
}

impl<'a> Pixels<'a> {
    pub(crate) fn new(map: &ColorMap<'a>, matching: Matching, alpha: Alpha) -> Result<Self, Error> {
        let shape = map.shape();
        let stored = shape.channels() as usize;
        let has_alpha = stored == 2 || stored == 4;
        if alpha != Alpha::Color && !has_alpha {
            return Err(Error::InvalidArgument(format!(
                "alpha is '{alpha}' and channels is {stored}; 2 or 4, the last of which is alpha, are expected"
            )));
        }
        if let Alpha::AtLeast(least) = alpha
            && least.is_nan()
        {
            return Err(Error::InvalidArgument("least_alpha is NaN; a number is expected".to_owned()));
        }
        check_ids(map.format(), matching, alpha)?;
        let channels = if alpha == Alpha::Color { stored } else { stored - 1 };
        let encoding = Encoding::new(map.format(), matching, channels);
        let offsets = map.channel_offsets();
        if map.memory().is_some() && (encoding.value_bits().is_some() || channels != stored) {
            return Err(Error::Unsupported(format!(
                "matching is '{matching}' and alpha is '{alpha}'; pixels in a device's memory are compared as they \
                 are: '{}' and '{}'",
                Matching::Exact,
                Alpha::Color
            )));
        }
        let least_alpha = match alpha {
            Alpha::AtLeast(least) => Some((offsets[stored - 1], least)),
            Alpha::Color | Alpha::Ignored => None,
        };
        let rows_together = map.rows_without_gap();
        Ok(Self {
            map: *map,
            grid: PixelGrid::new(shape.width(), shape.height(), map.images(), encoding.words() as u32)?,
            rows_together,
            pixels_together: rows_together * shape.width() as usize,
            is_packed: false,
            encoding,
            words: map.words().filter(|_| encoding.value_bits().is_none() && channels == stored),
            reader: PixelReader::new(encoding, map.pixel_stride(), offsets, least_alpha),
        })
    }

    /// The same pixels with their bytes as they are stored, packed to few words that are read with little work. Equal words
    /// are equal colours, but not the other way round: see `unpack`. `None` where nothing is gained by it.
    pub(crate) fn packed(&self) -> Option<Self> {
        let words = self.encoding.packed_words()?;
        if self.map.memory().is_some() || !self.reader.takes_any_alpha() {
            return None;
        }
        let grid = PixelGrid { words: words as u32, ..self.grid };
        Some(Self { grid, is_packed: true, reader: self.reader.packed(words), ..self.clone() })
    }

    /// The words of a colour and zeros, from its packed ones; `None`: the pixel has no colour. Pixels that are not packed have
    /// their words already.
    pub(crate) fn unpack(&self, packed: &[u32]) -> Option<[u32; 4]> {
        debug_assert!(self.is_packed);
        self.encoding.unpack(packed)
    }

    /// Whether the words are stored bytes, to be unpacked.
    pub(crate) fn is_packed(&self) -> bool {
        self.is_packed
    }

    /// How many pixels there are, and what they have.
    pub(crate) fn grid(&self) -> PixelGrid {
        self.grid
    }

    /// What the words stand for.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// All pixels' words, where they are the caller's own memory.
    pub(crate) fn words(&self) -> Option<&'a [u32]> {
        self.words
    }

    /// The device's memory that the pixels are in, if they are. Then only the device can read them.
    pub(crate) fn memory(&self) -> Option<DeviceMemory> {
        self.map.memory()
    }

    /// Writes the words of consecutive pixels, `first` being the first.
    pub(crate) fn read(&self, first: usize, target: &mut [u32]) {
        let words = self.grid.words as usize;
        debug_assert!(first + target.len() / words <= self.grid.len());
        if let Some(all) = self.words {
            target.copy_from_slice(&all[first * words..][..target.len()]);
            return;
        }
        let (mut first, mut rest) = (first, target);
        while !rest.is_empty() {
            let (pixel, left) = self.pixel_and_left(first);
            let pixels = left.min(rest.len() / words);
            let (part, later) = rest.split_at_mut(pixels * words);
            // The row's other pixels can be read, too.
            let more = (left - pixels) * self.map.pixel_stride().unsigned_abs();
            // SAFETY: the caller of `ColorMap` guarantees the pixels, and their channels where the map says.
            unsafe { self.reader.read_row(pixel, pixels, part, more) };
            rest = later;
            first += pixels;
        }
    }

    /// The bytes of a pixel's values, one behind the other, where they tell all that its words do: where each pixel has a
    /// colour. They are fewer than those of its words.
    pub(crate) fn value_bytes(&self) -> Option<usize> {
        let are_integers = matches!(self.map.format(), Format::U8 | Format::U16);
        (are_integers && self.reader.takes_any_alpha()).then(|| self.encoding.value_bytes())
    }

    /// Writes the value bytes of some pixels, four to a word.
    pub(crate) fn read_value_bytes(&self, mut pixels: Range<usize>, target: &mut [u32]) {
        /// A multiple of four, so that each block but the last fills its words.
        const BLOCK: usize = 512;
        let (words, bytes) = (self.grid.words as usize, self.encoding.value_bytes());
        if self.are_stored_as_value_bytes() {
            let mut target = &mut bytemuck::cast_slice_mut(target)[..pixels.len() * bytes];
            while !pixels.is_empty() {
                let stored = self.stored_row(&mut pixels);
                let (part, rest) = target.split_at_mut(stored.len());
                part.copy_from_slice(stored);
                target = rest;
            }
            return;
        }
        let mut block = [0; BLOCK * value_bytes::MOST_WORDS];
        for target in target.chunks_mut(BLOCK * bytes / 4) {
            let count = BLOCK.min(pixels.len());
            let block = &mut block[..count * words];
            self.read(pixels.start, block);
            value_bytes::write(block, bytes, target);
            pixels.start += count;
        }
    }

    /// Whether the stored bytes are the value bytes.
    fn are_stored_as_value_bytes(&self) -> bool {
        let bytes = self.encoding.value_bytes();
        let in_order =
            (0..).zip(&self.map.channel_offsets()[..bytes.min(4)]).all(|(byte, &offset)| byte == offset);
        self.map.format() == Format::U8
            && cfg!(target_endian = "little")
            && self.stored_bytes() == Some(bytes)
            && in_order
    }

    /// Where a pixel is, and how many there are from it on to the next gap between rows.
    fn pixel_and_left(&self, index: usize) -> (*const u8, usize) {
        let (group, position) = (index / self.pixels_together, index % self.pixels_together);
        // Lossless: images have less than 2^32 rows together.
        let first = self.map.pixel((group * self.rows_together) as u32, 0);
        let pixel = first.wrapping_offset(position as isize * self.map.pixel_stride());
        (pixel, self.pixels_together - position)
    }

    /// The bytes that a pixel is stored in, where those of a row lie side by side: equal bytes are equal colours.
    pub(crate) fn stored_bytes(&self) -> Option<usize> {
        let channels = self.map.shape().channels() as usize;
        let value = self.map.format().bytes();
        let bytes = value * channels;
        // Planes may begin within what would be a pixel, too, where there is only one.
        let within = |&offset: &isize| (0..=(bytes - value) as isize).contains(&offset);
        let side_by_side = self.map.memory().is_none()
            && self.map.pixel_stride() == bytes as isize
            && self.map.channel_offsets()[..channels].iter().all(within);
        side_by_side.then_some(bytes)
    }

    /// The bytes that a channel is stored in, where each channel's values lie side by side in a plane of its own.
    pub(crate) fn plane_bytes(&self) -> Option<usize> {
        let value = self.map.format().bytes();
        let is_planar = self.map.memory().is_none()
            && self.map.shape().channels() > 1
            && self.map.pixel_stride() == value as isize;
        is_planar.then_some(value)
    }

    /// Takes the first pixels of a range from it, as `stored_row` does: their values of each channel, where those lie in
    /// planes, and nothing for channels that there are not.
    pub(crate) fn stored_planes(&self, range: &mut Range<usize>) -> [&'a [u8]; 4] {
        let channels = self.map.shape().channels() as usize;
        let bytes = self.plane_bytes().unwrap_or_default();
        let (first, left) = self.pixel_and_left(range.start);
        let count = left.min(range.len());
        range.start += count;
        std::array::from_fn(|channel| {
            if channel >= channels {
                return &[][..];
            }
            let first = first.wrapping_offset(self.map.channel_offsets()[channel]);
            // SAFETY: the values lie side by side, and all of them are the caller's, who lends them for `'a`.
            unsafe { std::slice::from_raw_parts(first, count * bytes) }
        })
    }

    /// Takes the first pixels of a range, as they are stored, from it: those of a row, where they lie side by side, and of
    /// more rows where there is no gap between them.
    pub(crate) fn stored_row(&self, range: &mut Range<usize>) -> &'a [u8] {
        let bytes = self.stored_bytes().unwrap_or_default();
        let (first, left) = self.pixel_and_left(range.start);
        let count = left.min(range.len());
        range.start += count;
        // SAFETY: the pixels lie side by side, and all of them are the caller's, who lends them for `'a`.
        unsafe { std::slice::from_raw_parts(first, count * bytes) }
    }

    /// Writes the words of the pixels that `stored` begins with; they lie side by side.
    #[inline]
    pub(crate) fn read_stored<const C: usize>(&self, stored: &[u8], target: &mut [[u32; C]]) {
        let bytes = target.len() * self.map.pixel_stride().unsigned_abs();
        assert!(bytes <= stored.len());
        let more = stored.len() - bytes;
        // SAFETY: the pixels' bytes are all of their channels', see `stored_bytes`.
        unsafe { self.reader.read_row(stored.as_ptr(), target.len(), target.as_flattened_mut(), more) };
    }

    /// Writes the words of the pixel that `stored` begins with.
    #[inline(always)]
    pub(crate) fn read_one_stored<const C: usize>(&self, stored: &[u8], target: &mut [u32; C]) {
        assert!(self.map.pixel_stride().unsigned_abs() <= stored.len());
        // SAFETY: the pixel's bytes are all of its channels'.
        unsafe { self.reader.read_one(stored, target) };
    }

    /// What reads one pixel that is stored side by side with others in one go, where there is such a thing.
    pub(crate) fn register_reader<L: ShuffleBytes>(&self) -> Option<RegisterReader> {
        self.reader.register_reader::<L>()
    }

    /// The colour of one pixel, if it has one.
    pub(crate) fn color(&self, index: usize) -> Option<Color> {
        Color::from_words(&self.pixel(index), self.encoding.word_kind())
    }

    /// The words of one pixel, and zeros.
    pub(crate) fn pixel(&self, index: usize) -> [u32; 4] {
        let mut pixel = [0; 4];
        self.read(index, &mut pixel[..self.grid.words as usize]);
        pixel
    }
}

/// Checks what cannot be done with ids.
fn check_ids(format: Format, matching: Matching, alpha: Alpha) -> Result<(), Error> {
    let refuse = |text: String| Err(Error::InvalidArgument(text));
    match (matching, alpha) {
        _ if !format.has_ids() => Ok(()),
        (Matching::EightBit, _) => refuse(format!(
            "matching is '{matching}' and format is {format}, whose numbers are not rounded; '{}' is expected",
            Matching::Exact
        )),
        (_, Alpha::AtLeast(_)) => refuse(format!(
            "alpha is '{alpha}' and format is {format}, which has numbers in place of alpha; '{}' or '{}', which leaves \
             the second number out, are expected",
            Alpha::Color,
            Alpha::Ignored
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;
    use crate::runtime::simd::at_each_level;
    use crate::types::encoding::{packed_place, place};
    use crate::types::geometry::Shape;
    use crate::types::image::{ChannelOrder, Layout};

    /// What `Pixels` makes of some bytes, by the plainest code there is.
    fn expected(bytes: &[u8], shape: Shape, layout: &Layout, matching: Matching) -> Vec<Option<[f32; 4]>> {
        let size = layout.format.bytes();
        let channels = shape.channels() as usize;
        let value = |at: usize| match layout.format {
            // Of ids, numbers that floats can tell.
            Format::U32 => u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as f32,
            Format::I32 => i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as f32,
            Format::F32 => f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()),
            Format::F16 => f16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()).to_f32(),
            Format::U16 => u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()).into(),
            Format::U8 => bytes[at].into(),
        };
        let order = match layout.order {
            ChannelOrder::Rgba => [0, 1, 2, 3],
            ChannelOrder::Bgra => [2, 1, 0, 3],
            ChannelOrder::Argb => [1, 2, 3, 0],
            ChannelOrder::Abgr => [3, 2, 1, 0],
        };
        let mut pixels = Vec::new();
        for y in 0..shape.height() as usize {
            for x in 0..shape.width() as usize {
                let mut values = [0.0; 4];
                for channel in 0..channels {
                    let stored = order[channel];
                    let row = if layout.row_stride < 0 { shape.height() as usize - 1 - y } else { y };
                    let pixel = row * layout.row_stride.unsigned_abs() + x * layout.pixel_stride;
                    let channel_stride = if layout.planar { layout.plane_stride } else { size };
                    values[channel] = value(pixel + stored * channel_stride);
                }
                let rounded = values.map(|value| match (matching, layout.format) {
                    (Matching::EightBit, Format::F32 | Format::F16) => {
                        let scaled = value.clamp(0.0, 1.0) * 255.0;
                        let low = scaled.floor();
                        let up = scaled - low > 0.5 || (scaled - low == 0.5 && low % 2.0 == 1.0);
                        (low + f32::from(u8::from(up))) / 255.0
                    }
                    (Matching::EightBit, Format::U16) => (value / 257.0).round() * 257.0,
                    _ => value + 0.0,
                });
                let nan = values[..channels].iter().any(|value| value.is_nan());
                pixels.push((!nan).then_some(rounded));
            }
        }
        pixels
    }

    fn random_bytes(count: usize) -> Vec<u8> {
        let mut state = 0x1234_5678_9abc_def1_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn pixels_of_any_layout_have_the_values_that_are_stored() {
        at_each_level(|level| check_layouts(&format!("{level:?}")));
    }

    fn check_layouts(level: &str) {
        let bytes = random_bytes(1 << 14);
        let orders = [
            (ChannelOrder::Rgba, 1),
            (ChannelOrder::Rgba, 2),
            (ChannelOrder::Rgba, 3),
            (ChannelOrder::Rgba, 4),
            (ChannelOrder::Bgra, 3),
            (ChannelOrder::Bgra, 4),
            (ChannelOrder::Argb, 4),
            (ChannelOrder::Abgr, 4),
        ];
        for format in [Format::F32, Format::F16, Format::U16, Format::U8] {
            for (order, channels) in orders {
                for (planar, gap, width, bottom_up) in [
                    (false, 0, 1, false),
                    (false, 0, 17, true),
                    (false, 3, 9, false),
                    (false, 13, 6, true),
                    (true, 0, 19, false),
                    (true, 1, 5, true),
                ] {
                    let size = format.bytes();
                    let pixel_stride = gap + if planar { size } else { size * channels as usize };
                    let row = width * pixel_stride + 5;
                    let height = 3;
                    let layout = Layout {
                        format,
                        order,
                        planar,
                        pixel_stride,
                        row_stride: if bottom_up { -(row as isize) } else { row as isize },
                        plane_stride: if planar { height * row } else { 0 },
                        ..Layout::default()
                    };
                    let shape = Shape::new(width as u32, height as u32, channels).unwrap();
                    // Not a byte more than the image has: the last test of the readers' ends.
                    let extent = crate::types::image::ImageExtent::new(shape, &layout).unwrap();
                    let bytes = bytes[7..7 + extent.bytes].to_vec();
                    let map = ColorMap::with_layout(&bytes, shape, &layout).unwrap();
                    for matching in [Matching::Exact, Matching::EightBit] {
                        let pixels = Pixels::new(&map, matching, Alpha::Color).unwrap();
                        let wanted = expected(&bytes, shape, &layout, matching);
                        for (index, wanted) in wanted.into_iter().enumerate() {
                            let words = pixels.pixel(index);
                            let color = Color::from_bits(&words);
                            let name = format!("{level}, {layout:?}, {shape:?}, {matching:?}, pixel {index}");
                            let values = color.map(|color| pixels.encoding().values(&color));
                            assert_eq!(values, wanted, "{name}");
                            if let (Some(color), Some(values)) = (color, values) {
                                assert_eq!(pixels.encoding().color(&values), Ok(color), "{name}");
                            }
                        }
                        let mut all = vec![7; pixels.encoding().words() * (3 * width)];
                        pixels.read(0, &mut all);
                        for (index, words) in all.chunks(pixels.encoding().words()).enumerate() {
                            assert_eq!(&pixels.pixel(index)[..words.len()], words, "{layout:?}, {index}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn value_bytes_are_those_of_the_words() {
        let bytes = random_bytes(1 << 14);
        let formats = [
            (Format::U8, Matching::Exact),
            (Format::U16, Matching::Exact),
            (Format::U16, Matching::EightBit),
        ];
        for (format, matching) in formats {
            for (order, channels, gap) in [
                (ChannelOrder::Rgba, 1, 0),
                (ChannelOrder::Rgba, 2, 0),
                (ChannelOrder::Rgba, 3, 0),
                (ChannelOrder::Rgba, 3, 1),
                (ChannelOrder::Bgra, 3, 0),
                (ChannelOrder::Rgba, 4, 0),
                (ChannelOrder::Argb, 4, 0),
            ] {
                // Rows with something behind them, and one without: more pixels than are read at a time.
                for (width, height, behind) in [(1237, 1, 0), (411, 3, 6)] {
                    let pixel_stride = format.bytes() * channels as usize + gap;
                    let row_stride = (width * pixel_stride + behind) as isize;
                    let layout = Layout { format, order, pixel_stride, row_stride, ..Layout::default() };
                    let shape = Shape::new(width as u32, height, channels).unwrap();
                    let map = ColorMap::with_layout(&bytes, shape, &layout).unwrap();
                    let pixels = Pixels::new(&map, matching, Alpha::Color).unwrap();
                    let size = pixels.value_bytes().unwrap();
                    for range in [0..pixels.grid().len(), 0..1, 5..1031, 410..412] {
                        let mut read = vec![!0; (range.len() * size).div_ceil(4)];
                        pixels.read_value_bytes(range.clone(), &mut read);
                        for (index, pixel) in range.clone().enumerate() {
                            let words = pixels.pixel(pixel);
                            for byte in 0..size {
                                let (word, shift) = place(byte);
                                let (read_word, read_shift) = packed_place(index * size + byte);
                                assert_eq!(
                                    (read[read_word] >> read_shift) as u8,
                                    (words[word] >> shift) as u8,
                                    "{format:?}, {matching:?}, {order:?}, {channels}, {gap}, {range:?}, {pixel}, {byte}"
                                );
                            }
                        }
                    }
                }
            }
        }
        let image = |format, channels| {
            let layout = Layout { format, ..Layout::default() };
            ColorMap::with_layout(&bytes, Shape::new(9, 9, channels).unwrap(), &layout).unwrap()
        };
        for (map, alpha) in [
            (image(Format::F16, 3), Alpha::Color),
            (image(Format::U32, 1), Alpha::Color),
            (image(Format::U8, 4), Alpha::AtLeast(9.0)),
        ] {
            assert_eq!(Pixels::new(&map, Matching::Exact, alpha).unwrap().value_bytes(), None, "{map:?}");
        }
    }

    #[test]
    fn alpha_is_ignored_or_decides() {
        let bytes = [9, 8, 7, 100, 9, 8, 7, 99, 9, 8, 7, 0];
        let shape = Shape::new(3, 1, 4).unwrap();
        let layout = Layout { format: Format::U8, ..Layout::default() };
        let map = ColorMap::with_layout(&bytes, shape, &layout).unwrap();
        let colors = |alpha| {
            let pixels = Pixels::new(&map, Matching::Exact, alpha).unwrap();
            [0, 1, 2].map(|index| {
                let color = Color::from_bits(&pixels.pixel(index));
                color.map(|color| pixels.encoding().values(&color).map(|value| value as u8))
            })
        };
        assert_eq!(colors(Alpha::Color), [Some([9, 8, 7, 100]), Some([9, 8, 7, 99]), Some([9, 8, 7, 0])]);
        assert_eq!(colors(Alpha::Ignored), [Some([9, 8, 7, 0]); 3]);
        assert_eq!(colors(Alpha::AtLeast(100.0)), [Some([9, 8, 7, 0]), None, None]);
    }
}
