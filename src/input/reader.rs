//! How a row of stored pixels becomes words: copied, byte by byte in other places, or value by value.

#![allow(unsafe_code)]

use half::f16;

use crate::input::bytes::BytePlaces;
use crate::input::codes::{Codes, NO_COLOR};
use crate::input::planes::FloatRow;
use crate::input::shuffle::{RegisterReader, ShuffleBytes, StoredRow};
use crate::runtime::simd::Simd;
use crate::types::encoding::{Encoding, f16_code, packed_place, place, put};
use crate::types::image::Format;
use crate::types::matching::Matching;

/// Makes words of stored pixels.
#[derive(Clone, Debug)]
pub(super) struct PixelReader {
    encoding: Encoding,
    /// Words of a pixel.
    words: usize,
    /// Bytes from a pixel to the next.
    stride: isize,
    /// Bytes from a pixel to its channels.
    offsets: [isize; 4],
    /// Bytes from a pixel to its alpha, and the least value of pixels that have a colour.
    alpha: Option<(isize, f32)>,
    conversion: Conversion,
    simd: Simd,
}

#[derive(Clone, Debug)]
enum Conversion {
    /// The pixels are the words.
    Copy,
    /// Their bytes only change places.
    BytePlaces(BytePlaces),
    /// They are rounded first.
    Codes(Codes),
    /// Value by value: those of 32 bits with gaps, and halves that are not packed.
    Values,
}

impl Conversion {
    fn new(encoding: Encoding, stride: isize, offsets: [isize; 4]) -> Self {
        let Encoding { format, matching, channels } = encoding;
        let in_order = |(channel, &offset): (usize, &isize)| offset == 4 * channel as isize;
        match (format, matching) {
            (Format::F32 | Format::U32 | Format::I32, Matching::Exact)
                if stride == 4 * channels as isize
                    && offsets.iter().enumerate().take(channels).all(in_order) =>
            {
                Self::Copy
            }
            (Format::U8, _) => {
                let bytes = offsets[..channels].iter().copied();
                Self::BytePlaces(BytePlaces::new(bytes, place, encoding.words(), stride))
            }
            (Format::U16, Matching::Exact) => {
                let [high, low] = if cfg!(target_endian = "little") { [1, 0] } else { [0, 1] };
                let bytes = offsets[..channels].iter().flat_map(|offset| [offset + high, offset + low]);
                Self::BytePlaces(BytePlaces::new(bytes, place, encoding.words(), stride))
            }
            (_, Matching::EightBit) => Self::Codes(Codes::new(encoding, stride, offsets)),
            _ => Self::Values,
        }
    }
}

impl PixelReader {
    pub(super) fn new(
        encoding: Encoding,
        stride: isize,
        offsets: [isize; 4],
        alpha: Option<(isize, f32)>,
    ) -> Self {
        let conversion = Conversion::new(encoding, stride, offsets);
        let words = encoding.words();
        Self { encoding, words, stride, offsets, alpha, conversion, simd: Simd::current() }
    }

    /// What reads the same pixels' bytes as they are stored, packed to so many words.
    pub(super) fn packed(&self, words: usize) -> Self {
        let value = self.encoding.format.bytes() as isize;
        let channels = self.offsets[..self.encoding.channels].iter();
        let bytes = channels.flat_map(|&offset| offset..offset + value);
        let bytes = BytePlaces::new(bytes, packed_place, words, self.stride);
        Self { words, conversion: Conversion::BytePlaces(bytes), ..self.clone() }
    }

    /// Whether pixels have a colour whatever their alpha is.
    pub(super) fn takes_any_alpha(&self) -> bool {
        self.alpha.is_none()
    }

    /// Reads `count` pixels of one row, behind the last one of which `more` bytes can be read.
    ///
    /// # Safety
    /// The pixels lie `stride` bytes apart from `first` on, their channels and alpha as many bytes from them as `new`
    /// was told; all can be read, and what is behind them.
    pub(super) unsafe fn read_row(&self, first: *const u8, count: usize, target: &mut [u32], more: usize) {
        let (stride, words) = (self.stride, self.words);
        // SAFETY: the caller guarantees it.
        unsafe {
            match &self.conversion {
                Conversion::Copy => {
                    let bytes = size_of_val(target);
                    target.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(first, bytes);
                }
                Conversion::BytePlaces(bytes) => {
                    bytes.read(StoredRow { first, stride, count, more }, target, words, self.simd);
                }
                Conversion::Codes(codes) => {
                    codes.read(StoredRow { first, stride, count, more }, target, words, self.simd);
                }
                Conversion::Values => self.read_values(first, target),
            }
            if let Some((offset, least)) = self.alpha {
                self.hide_transparent(first.wrapping_offset(offset), least, target);
            }
        }
    }

    /// Reads one pixel of `C` words; its bytes and those of others can be read.
    ///
    /// # Safety
    /// The pixel's channels lie in `stored`, whose first byte is the pixel's.
    #[inline(always)]
    pub(super) unsafe fn read_one(&self, stored: &[u8], target: &mut [u32]) {
        // SAFETY: the caller guarantees it.
        unsafe {
            match &self.conversion {
                Conversion::BytePlaces(bytes) if self.alpha.is_none() => {
                    bytes.read_one(stored.as_ptr(), target)
                }
                _ => {
                    let more = stored.len() - self.stride.unsigned_abs();
                    self.read_row(stored.as_ptr(), 1, target, more);
                }
            }
        }
    }

    /// What reads one pixel that is stored side by side with others in one go, where there is such a thing.
    pub(super) fn register_reader<L: ShuffleBytes>(&self) -> Option<RegisterReader> {
        match &self.conversion {
            Conversion::BytePlaces(bytes) if L::HAS_SHUFFLE && self.alpha.is_none() => {
                bytes.register_reader()
            }
            _ => None,
        }
    }

    /// Takes the colour of pixels whose alpha is less than it may be.
    ///
    /// # Safety
    /// Alpha can be read from `first` on, for as many pixels as `target` has.
    unsafe fn hide_transparent(&self, first: *const u8, least: f32, target: &mut [u32]) {
        // SAFETY: the caller guarantees it.
        let alpha: fn(*const u8) -> f32 = unsafe {
            match self.encoding.format {
                // Those of ids say nothing of whether there is a colour: see `Pixels::new`.
                Format::F32 | Format::U32 | Format::I32 => |at| at.cast::<f32>().read_unaligned(),
                Format::F16 => |at| f16::from_bits(at.cast::<u16>().read_unaligned()).to_f32(),
                Format::U16 => |at| at.cast::<u16>().read_unaligned().into(),
                Format::U8 => |at| at.read().into(),
            }
        };
        for (index, pixel) in target.chunks_exact_mut(self.encoding.words()).enumerate() {
            let alpha = alpha(first.wrapping_offset(index as isize * self.stride));
            if alpha.is_nan() || alpha < least {
                pixel[0] = NO_COLOR;
            }
        }
    }

    /// # Safety
    /// As `read_row` says.
    unsafe fn read_values(&self, first: *const u8, target: &mut [u32]) {
        let stride = self.stride;
        let Encoding { format, channels, .. } = self.encoding;
        if format.bytes() == 4 && stride == 4 && channels > 1 {
            // SAFETY: the caller guarantees the channels.
            self.simd.run(unsafe { FloatRow::new(first, &self.offsets[..channels], target) });
            return;
        }
        for channel in 0..channels {
            let first = first.wrapping_offset(self.offsets[channel]);
            // SAFETY: the caller guarantees the channels.
            unsafe {
                if format.bytes() == 4 {
                    for (index, to) in target[channel..].iter_mut().step_by(channels).enumerate() {
                        *to = first.offset(index as isize * stride).cast::<u32>().read_unaligned();
                    }
                } else {
                    self.read_codes(channel, target, |index| {
                        let bits = first.offset(index as isize * stride).cast::<u16>().read_unaligned();
                        (f16_code(bits), f16::from_bits(bits).is_nan())
                    });
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
