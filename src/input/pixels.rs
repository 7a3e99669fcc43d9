//! Pixels as the backends read them: one to four words each, whatever they are stored as.
//!
//! Words compare as colours do: they are floats' bit patterns, or integers that sort like them. A pixel
//! with a NaN among its words has no colour. Integers of 8 and 16 bits share words of 24 bits: such words
//! are neither −0.0 nor NaN, so that no stage has to know what they stand for.

#![allow(unsafe_code)]

use std::ops::Range;

use half::f16;

use crate::error::Error;
use crate::types::device_memory::DeviceMemory;
use crate::types::encoding::{Encoding, f16_code, place, put, round_f32, round_u16};
use crate::types::geometry::Shape;
use crate::types::image::{ColorMap, Format};
use crate::types::matching::{Alpha, Matching};

/// A word that says that a pixel has no colour: a NaN.
pub(crate) const NO_COLOR: u32 = 0x7fc0_0000;

/// The pixels of a call: those of all images, one below the other.
#[derive(Clone, Debug)]
pub(crate) struct Pixels<'a> {
    map: ColorMap<'a>,
    /// The width, all rows, and words as channels.
    shape: Shape,
    encoding: Encoding,
    /// The pixels themselves, where they are words in reading order.
    words: Option<&'a [u32]>,
    reader: Reader,
    /// Bytes from a pixel to its alpha, and the least value.
    alpha: Option<(isize, f32)>,
}

impl<'a> Pixels<'a> {
    pub(crate) fn new(map: &ColorMap<'a>, matching: Matching, alpha: Alpha) -> Result<Self, Error> {
        let stored = map.shape().channels() as usize;
        let has_alpha = stored == 2 || stored == 4;
        if alpha != Alpha::Color && !has_alpha {
            return Err(Error::InvalidArgument(format!(
                "alpha is {alpha:?} and channels is {stored}; 2 or 4, the last of which is alpha, are expected"
            )));
        }
        if let Alpha::AtLeast(least) = alpha
            && least.is_nan()
        {
            return Err(Error::InvalidArgument("the least alpha is NaN; a number is expected".to_owned()));
        }
        let channels = if alpha == Alpha::Color { stored } else { stored - 1 };
        let encoding = Encoding::new(map.format(), matching, channels);
        let offsets = map.channel_offsets();
        if map.memory().is_some() && (encoding.value_bits().is_some() || channels != stored) {
            return Err(Error::Unsupported(format!(
                "matching is {matching:?} and alpha is {alpha:?}; pixels in a device's memory are compared as they \
                 are: {:?} and {:?}",
                Matching::Exact,
                Alpha::Color
            )));
        }
        Ok(Self {
            map: *map,
            shape: Shape::new(map.shape().width(), map.rows(), encoding.words() as u32)?,
            encoding,
            words: map.words().filter(|_| encoding.value_bits().is_none() && channels == stored),
            reader: Reader::new(encoding, map.pixel_stride(), offsets),
            alpha: match alpha {
                Alpha::AtLeast(least) => Some((offsets[stored - 1], least)),
                _ => None,
            },
        })
    }

    /// The width, the rows of all images, and as channels a pixel's words.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
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
        let words = self.encoding.words();
        debug_assert!(first + target.len() / words <= self.shape.plane());
        if let Some(all) = self.words {
            target.copy_from_slice(&all[first * words..][..target.len()]);
            return;
        }
        let width = self.shape.width() as usize;
        let (mut row, mut column) = (first / width, first % width);
        let mut rest = target;
        while !rest.is_empty() {
            let pixels = (width - column).min(rest.len() / words);
            let (part, later) = rest.split_at_mut(pixels * words);
            // The row's other pixels can be read, too.
            let more = (width - column - pixels) * self.map.pixel_stride().unsigned_abs();
            // Lossless: the image's sides are u32s.
            self.read_row(self.map.pixel(row as u32, column as u32), pixels, part, more);
            rest = later;
            (row, column) = (row + 1, 0);
        }
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

    /// Takes the first pixels of a range, as they are stored, from it: those of a row, where they lie side by side, and of
    /// more rows where there is no gap between them.
    pub(crate) fn stored_row(&self, range: &mut Range<usize>) -> &'a [u8] {
        let width = self.shape.width() as usize;
        let bytes = self.stored_bytes().unwrap_or_default();
        let (row, column) = (range.start / width, range.start % width);
        // Lossless: the image's sides are u32s.
        let first = self.map.pixel(row as u32, column as u32);
        let mut count = (width - column).min(range.len());
        let is_behind = |count: usize| {
            let next = (range.start + count) / width;
            self.map.pixel(next as u32, 0) == first.wrapping_add(count * bytes)
        };
        while count < range.len() && is_behind(count) {
            count += width.min(range.len() - count);
        }
        range.start += count;
        // SAFETY: the pixels lie side by side, and all of them are the caller's, who lends them for `'a`.
        unsafe { std::slice::from_raw_parts(first, count * bytes) }
    }

    /// Writes the words of the pixels that `stored` begins with.
    #[inline]
    pub(crate) fn read_stored<const C: usize>(&self, stored: &[u8], target: &mut [[u32; C]]) {
        let bytes = target.len() * self.map.pixel_stride().unsigned_abs();
        assert!(bytes <= stored.len());
        let more = stored.len() - bytes;
        self.read_row(stored.as_ptr(), target.len(), target.as_flattened_mut(), more);
    }

    /// The same for one pixel.
    #[inline(always)]
    pub(crate) fn read_one_stored<const C: usize>(&self, stored: &[u8], target: &mut [u32; C]) {
        match &self.reader {
            Reader::Bytes(bytes) if self.alpha.is_none() => {
                assert!(self.map.pixel_stride().unsigned_abs() <= stored.len());
                // SAFETY: the pixel's bytes are all of its channels'.
                unsafe { bytes.read_one(stored.as_ptr(), target) };
            }
            _ => self.read_stored(stored, std::slice::from_mut(target)),
        }
    }

    /// What reads one pixel that is stored side by side with others in one go, where there is such a thing.
    pub(crate) fn register_reader(&self) -> Option<RegisterReader> {
        match &self.reader {
            #[cfg(target_arch = "x86_64")]
            Reader::Bytes(Bytes { shuffle: Some(shuffle), .. })
                if self.alpha.is_none() && is_x86_feature_detected!("avx2") =>
            {
                Some(RegisterReader { sources: shuffle.sources, start: usize::try_from(shuffle.start).ok()? })
            }
            _ => None,
        }
    }

    /// The words of one pixel, and zeros.
    pub(crate) fn pixel(&self, index: usize) -> [u32; 4] {
        let mut pixel = [0; 4];
        self.read(index, &mut pixel[..self.encoding.words()]);
        pixel
    }

    /// Reads `count` pixels of one row, behind the last one of which `more` bytes can be read.
    fn read_row(&self, first: *const u8, count: usize, target: &mut [u32], more: usize) {
        let stride = self.map.pixel_stride();
        let words = self.encoding.words();
        // SAFETY: the pixels of the row lie `stride` bytes apart from `first` on, and their channels where the map
        // says: the caller of `ColorMap` vouches for them.
        unsafe {
            match &self.reader {
                Reader::Copy => {
                    let bytes = size_of_val(target);
                    target.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(first, bytes);
                }
                Reader::Bytes(bytes) => bytes.read(StoredRow { first, stride, count, more }, target, words),
                Reader::Values => self.read_values(first, stride, target),
            }
            if let Some((offset, least)) = self.alpha {
                let alpha: fn(*const u8) -> f32 = match self.map.format() {
                    Format::F32 => |at| at.cast::<f32>().read_unaligned(),
                    Format::F16 => |at| f16::from_bits(at.cast::<u16>().read_unaligned()).to_f32(),
                    Format::U16 => |at| at.cast::<u16>().read_unaligned().into(),
                    Format::U8 => |at| at.read().into(),
                };
                for index in 0..count {
                    let alpha = alpha(first.offset(index as isize * stride + offset));
                    if alpha.is_nan() || alpha < least {
                        target[index * words] = NO_COLOR;
                    }
                }
            }
        }
    }

    /// # Safety
    /// As `read_row` says.
    unsafe fn read_values(&self, first: *const u8, stride: isize, target: &mut [u32]) {
        let Encoding { format, matching, channels } = self.encoding;
        for channel in 0..channels {
            let first = first.wrapping_offset(self.map.channel_offsets()[channel]);
            // SAFETY: the caller vouches for the channels.
            unsafe {
                match (matching, format) {
                    (Matching::Exact, Format::F32) => {
                        let pixels = target.chunks_exact_mut(channels).enumerate();
                        for (index, pixel) in pixels {
                            pixel[channel] =
                                first.offset(index as isize * stride).cast::<u32>().read_unaligned();
                        }
                    }
                    (Matching::EightBit, Format::F32) => self.read_codes(channel, target, |index| {
                        let value = first.offset(index as isize * stride).cast::<f32>().read_unaligned();
                        (round_f32(value), value.is_nan())
                    }),
                    (Matching::EightBit, Format::F16) => self.read_codes(channel, target, |index| {
                        let bits = first.offset(index as isize * stride).cast::<u16>().read_unaligned();
                        let value = f16::from_bits(bits);
                        (round_f32(value.to_f32()), value.is_nan())
                    }),
                    (Matching::Exact, Format::F16) => self.read_codes(channel, target, |index| {
                        let bits = first.offset(index as isize * stride).cast::<u16>().read_unaligned();
                        (f16_code(bits), f16::from_bits(bits).is_nan())
                    }),
                    (Matching::EightBit, Format::U16) => self.read_codes(channel, target, |index| {
                        let value = first.offset(index as isize * stride).cast::<u16>().read_unaligned();
                        (round_u16(value), false)
                    }),
                    // These are read byte by byte.
                    (_, Format::U8) | (Matching::Exact, Format::U16) => {}
                }
            }
        }
    }

    /// Adds a channel's codes to the pixels' words; `code` says whether the value is a NaN, too.
    #[inline(always)]
    fn read_codes(&self, channel: usize, target: &mut [u32], code: impl Fn(usize) -> (u16, bool)) {
        let words = self.encoding.words();
        let bits = self.encoding.value_bits().unwrap_or(16);
        let first_byte = self.encoding.first_byte(channel);
        for (index, pixel) in target.chunks_exact_mut(words).enumerate() {
            let (code, nan) = code(index);
            if channel == 0 {
                pixel.fill(0);
            }
            put(pixel, code, first_byte, bits);
            if nan {
                pixel[0] |= NO_COLOR; // and stays one: bits are only added
            }
        }
    }
}

/// Pixels of a row as they are stored.
#[derive(Clone, Copy, Debug)]
struct StoredRow {
    first: *const u8,
    /// Bytes from a pixel to the next.
    stride: isize,
    count: usize,
    /// Bytes behind the last pixel's that can be read, too.
    more: usize,
}

/// How a row's pixels become words.
#[derive(Clone, Debug)]
enum Reader {
    /// They are the words.
    Copy,
    /// Their bytes only change places.
    Bytes(Bytes),
    /// Value by value.
    Values,
}

impl Reader {
    fn new(encoding: Encoding, stride: isize, offsets: [isize; 4]) -> Self {
        let Encoding { format, matching, channels } = encoding;
        let in_order = |(channel, &offset): (usize, &isize)| offset == 4 * channel as isize;
        match (format, matching) {
            (Format::F32, Matching::Exact)
                if stride == 4 * channels as isize
                    && offsets.iter().enumerate().take(channels).all(in_order) =>
            {
                Self::Copy
            }
            (Format::U8, _) => Self::Bytes(Bytes::new(offsets[..channels].iter().copied(), encoding, stride)),
            (Format::U16, Matching::Exact) => {
                let [high, low] = if cfg!(target_endian = "little") { [1, 0] } else { [0, 1] };
                let bytes = offsets[..channels].iter().flat_map(|offset| [offset + high, offset + low]);
                Self::Bytes(Bytes::new(bytes, encoding, stride))
            }
            _ => Self::Values,
        }
    }
}

/// Where the bytes of a pixel's words come from.
#[derive(Clone, Debug)]
struct Bytes {
    /// Of all values, one behind the other.
    moves: Vec<Move>,
    shuffle: Option<Shuffle>,
}

/// Where a byte comes from and where it goes to.
#[derive(Clone, Copy, Debug)]
struct Move {
    /// Bytes from a pixel's first one.
    offset: isize,
    word: usize,
    shift: u32,
}

/// The same for several pixels at a time, in registers of 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Shuffle {
    /// From the first byte of a register that is read.
    sources: [u8; 16],
    pixels: usize,
    /// From the first pixel to the register's first byte.
    start: isize,
    /// From there to the first pixel's last byte.
    reach: isize,
}

impl Bytes {
    fn new(offsets: impl Iterator<Item = isize>, encoding: Encoding, stride: isize) -> Self {
        let offsets: Vec<isize> = offsets.collect();
        let words = encoding.words();
        let low = offsets.iter().copied().min().unwrap_or(0);
        let reach = offsets.iter().copied().max().unwrap_or(0) - low;
        // Pixels whose bytes lie in a register that is read, and whose words lie in one that is written.
        let read = if reach < 16 { 1 + (15 - reach) / stride } else { 0 };
        let pixels = (read as usize).min(4 / words);
        let shuffle = (pixels > 0).then(|| {
            const ZERO: u8 = 0x80;
            let mut sources = [ZERO; 16];
            for pixel in 0..pixels {
                for (byte, offset) in offsets.iter().enumerate() {
                    let (word, shift) = place(byte);
                    let target = 4 * (pixel * words + word) + shift as usize / 8;
                    // Lossless: within the register.
                    sources[target] = (pixel as isize * stride + offset - low) as u8;
                }
            }
            Shuffle { sources, pixels, start: low, reach }
        });
        let shuffle = shuffle.filter(|_| cfg!(target_endian = "little"));
        let moves = offsets.into_iter().enumerate().map(|(byte, offset)| {
            let (word, shift) = place(byte);
            Move { offset, word, shift }
        });
        Self { moves: moves.collect(), shuffle }
    }

    /// # Safety
    /// The offsets from `pixel` on can be read.
    #[inline(always)]
    unsafe fn read_one(&self, pixel: *const u8, target: &mut [u32]) {
        target.fill(0);
        for &Move { offset, word, shift } in &self.moves {
            // SAFETY: the caller vouches for it.
            target[word] |= u32::from(unsafe { pixel.offset(offset).read() }) << shift;
        }
    }

    /// # Safety
    /// The offsets can be read for all pixels of the row, and what it says is behind them.
    unsafe fn read(&self, row: StoredRow, target: &mut [u32], words: usize) {
        let mut done = 0;
        #[cfg(target_arch = "x86_64")]
        if let Some(shuffle) = &self.shuffle
            && is_x86_feature_detected!("avx2")
        {
            // SAFETY: the processor has AVX2, which includes SSSE3; the caller vouches for the rest.
            done = unsafe { shuffle_row(shuffle, row, target, words) };
        }
        for (index, pixel) in target.chunks_exact_mut(words).enumerate().skip(done) {
            // SAFETY: the caller vouches for it.
            unsafe { self.read_one(row.first.offset(index as isize * row.stride), pixel) };
        }
    }
}

/// Reads one pixel from a register of 16 bytes. There is none but on a processor that has AVX2.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) struct RegisterReader {
    sources: [u8; 16],
    /// From the first pixel to the register's first byte.
    start: usize,
}

impl RegisterReader {
    /// The words of the pixel that `stored` begins with, and others, unless too few bytes follow it.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn read(self, stored: &[u8]) -> Option<[u32; 4]> {
        let register = stored.get(self.start..)?.first_chunk()?;
        // SAFETY: the processor has AVX2.
        Some(unsafe { shuffle_one(register, &self.sources) })
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn read(self, _stored: &[u8]) -> Option<[u32; 4]> {
        None
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn shuffle_one(register: &[u8; 16], sources: &[u8; 16]) -> [u32; 4] {
    use std::arch::x86_64::{__m128i, _mm_shuffle_epi8};

    let vector = |bytes: [u8; 16]| -> __m128i { bytemuck::cast(bytes) };
    bytemuck::cast(_mm_shuffle_epi8(vector(*register), vector(*sources)))
}

/// Reads as many pixels of a row as can be read without a byte too many; how many.
///
/// # Safety
/// As `Bytes::read`; the processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn shuffle_row(shuffle: &Shuffle, row: StoredRow, target: &mut [u32], words: usize) -> usize {
    use std::arch::x86_64::{
        _mm_loadu_si128, _mm_shuffle_epi8, _mm_storeu_si128, _mm256_broadcastsi128_si256,
        _mm256_loadu2_m128i, _mm256_shuffle_epi8, _mm256_storeu_si256,
    };

    const REGISTER: usize = 4;
    let &Shuffle { sources, pixels, start, reach } = shuffle;
    let StoredRow { first, stride, count, more } = row;
    // Behind the last word nothing is written.
    let readable = (count as isize - 1) * stride + reach + 1 + more as isize;
    let step = pixels as isize * stride;
    let dense = pixels * words == REGISTER;
    let by_writing = match target.len() {
        0..REGISTER => 0,
        len if dense => len / REGISTER,
        len => 1 + (len - REGISTER) / (pixels * words),
    };
    let rounds = match readable {
        // The usual case, without a division.
        _ if (by_writing as isize - 1) * step + 16 <= readable => by_writing,
        16.. => by_writing.min(1 + ((readable - 16) / step) as usize),
        _ => 0,
    };
    // Two registers at a time, where their words follow each other: whoever reads the words soon reads as many.
    let pairs = if dense { rounds / 2 } else { 0 };
    // SAFETY: all rounds stay within what is readable and writable.
    unsafe {
        let sources = _mm_loadu_si128(sources.as_ptr().cast());
        let both_sources = _mm256_broadcastsi128_si256(sources);
        let mut from = first.wrapping_offset(start);
        let mut to = target.as_mut_ptr();
        for _ in 0..pairs {
            let both = _mm256_loadu2_m128i(from.wrapping_offset(step).cast(), from.cast());
            _mm256_storeu_si256(to.cast(), _mm256_shuffle_epi8(both, both_sources));
            from = from.wrapping_offset(2 * step);
            to = to.wrapping_add(2 * REGISTER);
        }
        for _ in 2 * pairs..rounds {
            _mm_storeu_si128(to.cast(), _mm_shuffle_epi8(_mm_loadu_si128(from.cast()), sources));
            from = from.wrapping_offset(step);
            to = to.wrapping_add(pixels * words);
        }
    }
    (rounds * pixels).min(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::Color;
    use crate::types::image::{ChannelOrder, Layout};

    /// What `Pixels` makes of some bytes, by the plainest code there is.
    fn expected(bytes: &[u8], shape: Shape, layout: &Layout, matching: Matching) -> Vec<Option<[f32; 4]>> {
        let size = layout.format.bytes();
        let channels = shape.channels() as usize;
        let value = |at: usize| match layout.format {
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
                            let name = format!("{layout:?}, {shape:?}, {matching:?}, pixel {index}");
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
    fn colors_of_all_formats_sort_like_their_values() {
        let values: [f32; 9] = [f32::NEG_INFINITY, -2.5, -1.0, 0.0, 0.25, 1.0, 7.0, 255.0, f32::INFINITY];
        for (format, matching) in [(Format::F32, Matching::Exact), (Format::F16, Matching::Exact)] {
            let encoding = Encoding::new(format, matching, 2);
            for pair in values.windows(2) {
                let color = |value: f32| encoding.color(&[value, -value, 0.0, 0.0]).unwrap();
                assert!(color(pair[0]) < color(pair[1]), "{format:?}: {pair:?}");
            }
        }
        let encoding = Encoding::new(Format::U16, Matching::Exact, 4);
        let color = |values: [f32; 4]| encoding.color(&values).unwrap();
        assert!(color([0.0, 65535.0, 1.0, 9.0]) < color([0.0, 65535.0, 256.0, 0.0]));
        assert!(color([1.0, 0.0, 0.0, 0.0]) > color([0.0, 65535.0, 65535.0, 65535.0]));
    }

    #[test]
    fn a_color_that_no_pixel_can_have_is_refused() {
        let refused =
            |format, values: [f32; 4]| Encoding::new(format, Matching::Exact, 2).color(&values).unwrap_err();
        assert_eq!(
            refused(Format::U8, [1.0, 256.0, 0.0, 0.0]),
            "channel 1 is 256; an integer from 0 to 255 is expected"
        );
        assert_eq!(
            refused(Format::U16, [0.5, 0.0, 0.0, 0.0]),
            "channel 0 is 0.5; an integer from 0 to 65535 is expected"
        );
        assert_eq!(refused(Format::F32, [f32::NAN, 0.0, 0.0, 0.0]), "channel 0 is NaN; a number is expected");
        assert_eq!(
            refused(Format::F16, [0.1, 0.0, 0.0, 0.0]),
            "channel 0 is 0.1; a value of the image's format is expected"
        );
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
