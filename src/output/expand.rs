//! Label map → mask planes. Shared by both backends: the host has to write the caller's memory
//! anyway, and one byte a pixel crosses the bus more cheaply than four bytes a pixel and mask.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use crate::error::Error;
use crate::labels::{KeptTile, LabelMap, LabelledTile, Labels, NO_LABEL, TILE};
use crate::output::planes::{Bits, Planes};
use crate::runtime::alloc::try_collect;
use crate::runtime::call;
use crate::runtime::threads::Threads;
use crate::types::outputs::MaskFormat;

/// Masks larger than this together are written past the caches, since they will not stay there.
const STREAM_BYTES: u64 = 8 << 20;

/// What a mask has for a pixel that is not in it is 0.
pub(crate) trait Value: Lane + Copy + Default + Send + Sync {}

impl Value for f32 {}
impl Value for u8 {}

/// Writes each mask's values for consecutive pixels from `first_pixel` on, whose labels these are.
pub(crate) fn expand(
    labels: &LabelMap,
    first_pixel: usize,
    planes: &Planes,
    threads: &Threads,
) -> Result<(), Error> {
    let tiles = || labels.tiles().zip((first_pixel..).step_by(TILE));
    // A tile of all planes at a time, so that its labels are read once.
    let found = threads.share(try_collect(tiles())?, threads.count(), |queue| {
        let mut room = labels.tile_room()?;
        while let Some((tile, first)) = queue.take() {
            let tile = tile.read(&mut room);
            let goes_on = || queue.goes_on();
            match planes.format() {
                // SAFETY: the type is the format's, and no two threads have the same tile.
                MaskFormat::F32 | MaskFormat::Coverage => unsafe {
                    write_tile(tile, first, planes, 1.0f32, goes_on)
                },
                // SAFETY: as above.
                MaskFormat::U8(inside) => unsafe { write_tile(tile, first, planes, inside, goes_on) },
                MaskFormat::Bits => write_whole_bytes(tile, first, planes, goes_on),
            }
        }
        Ok(())
    })?;
    found.into_iter().collect::<Result<(), Error>>()?;
    if planes.format() == MaskFormat::Bits {
        // Bytes that begin in one tile and end in another.
        let mut room = labels.tile_room()?;
        for (tile, first) in tiles() {
            call::check()?;
            if begins_within_a_byte(&tile, first, planes) {
                write_begun_bytes(tile.read(&mut room), first, planes);
            }
        }
    }
    Ok(())
}

/// # Safety
/// `V` is the type of the planes' format, which is not bits; nobody else writes these pixels' values.
unsafe fn write_tile<V: Value>(
    tile: LabelledTile,
    first: usize,
    planes: &Planes,
    inside: V,
    goes_on: impl Fn() -> bool,
) {
    // Streamed stores want long rows.
    let stream = planes.is_dense() && planes.bytes_of(tile.wanted.len()) > STREAM_BYTES;
    for (mask, &label) in tile.wanted.iter().enumerate().take_while(|_| goes_on()) {
        for segment in planes.segments(first, tile.labels.len()) {
            if let Some((pixels, first)) = planes.values(mask, segment) {
                // SAFETY: whoever made the planes vouches for the memory, and the caller for nobody else writing there.
                let plane = unsafe { std::slice::from_raw_parts_mut(first.cast(), pixels.len()) };
                write_plane(tile.labels.part(pixels), label, plane, inside, stream);
            }
        }
    }
}

/// Writes the bytes whose first bit is a pixel's of this tile.
fn write_whole_bytes(tile: LabelledTile, first: usize, planes: &Planes, goes_on: impl Fn() -> bool) {
    for (mask, &label) in tile.wanted.iter().enumerate().take_while(|_| goes_on()) {
        for segment in planes.segments(first, tile.labels.len()) {
            let Some(Bits { pixels, begun, whole, bytes, .. }) = planes.bits(mask, segment) else { continue };
            // SAFETY: whoever made the planes vouches for the memory; no two threads have the same tile, and bytes that
            // another has begun are not among these.
            let bytes = unsafe { std::slice::from_raw_parts_mut(whole.cast(), bytes) };
            match tile.labels.part(pixels.start + begun..pixels.end) {
                Labels::One(labels) => write_bits(labels, u8::try_from(label).unwrap_or(u8::MAX), bytes),
                Labels::Two(labels) => write_bits(labels, u16::try_from(label).unwrap_or(u16::MAX), bytes),
                Labels::Four(labels) => write_bits(labels, label, bytes),
            }
        }
    }
}

/// Whether another tile has begun a byte that this one's first pixels have bits of.
fn begins_within_a_byte(tile: &KeptTile, first: usize, planes: &Planes) -> bool {
    let Some(segment) = planes.segments(first, tile.len()).next() else { return false };
    (0..tile.mask_count()).any(|mask| planes.bits(mask, segment).is_some_and(|bits| bits.begun > 0))
}

/// Adds the bits of bytes that another tile has begun.
fn write_begun_bytes(tile: LabelledTile, first: usize, planes: &Planes) {
    for (mask, &label) in tile.wanted.iter().enumerate() {
        // Only the tile's first row can begin within a byte, and a cropped mask's may begin there with any of its own.
        let Some(segment) = planes.segments(first, tile.labels.len()).next() else { continue };
        let Some(Bits { pixels, begun, begun_byte, bit, .. }) = planes.bits(mask, segment) else { continue };
        for (index, pixel) in pixels.take(begun).enumerate() {
            if tile.labels.is(pixel, label) {
                // SAFETY: the tile before has written the byte, and no thread is at work.
                unsafe { *begun_byte |= 0x80 >> (bit + index) };
            }
        }
    }
}

/// A bit for each label, the first one's the highest of its byte.
fn write_bits<L: Lanes>(labels: &[L], wanted: L, bytes: &mut [MaybeUninit<u8>]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { x86::write_bits(labels, wanted, bytes) };
        return;
    }
    write_bits_plainly(labels, wanted, bytes);
}

fn write_bits_plainly<L: Copy + Eq>(labels: &[L], wanted: L, bytes: &mut [MaybeUninit<u8>]) {
    for (byte, labels) in bytes.iter_mut().zip(labels.chunks(8)) {
        let bits = labels.iter().zip(0..).map(|(&label, bit)| u8::from(label == wanted) << (7 - bit));
        byte.write(bits.fold(0, |byte, bit| byte | bit));
    }
}

fn write_plane<V: Value>(labels: Labels, wanted: u32, plane: &mut [MaybeUninit<V>], inside: V, stream: bool) {
    // A label that these are too narrow for is not among them.
    match labels {
        Labels::One(labels) => {
            let wanted = u8::try_from(wanted).unwrap_or(u8::MAX);
            write_equal(labels, wanted, plane, inside, stream);
        }
        Labels::Two(labels) => {
            let wanted = u16::try_from(wanted).unwrap_or(u16::MAX);
            write_equal(labels, wanted, plane, inside, stream);
        }
        Labels::Four(labels) => {
            debug_assert_eq!(NO_LABEL, u32::MAX);
            write_equal(labels, wanted, plane, inside, stream);
        }
    }
}

fn write_equal<L: Lanes, V: Value>(
    labels: &[L],
    wanted: L,
    plane: &mut [MaybeUninit<V>],
    inside: V,
    stream: bool,
) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { x86::write_equal(labels, wanted, plane, inside, stream) };
        return;
    }
    let _ = stream;
    write_equal_plainly(labels, wanted, plane, inside);
}

fn write_equal_plainly<L: Eq + Copy, V: Value>(
    labels: &[L],
    wanted: L,
    plane: &mut [MaybeUninit<V>],
    inside: V,
) {
    for (value, &label) in plane.iter_mut().zip(labels) {
        value.write(if label == wanted { inside } else { V::default() });
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod plain {
    pub(crate) trait Lane {}
    impl<V> Lane for V {}
    pub(crate) trait Lanes: Copy + Eq {}
    impl<L: Copy + Eq> Lanes for L {}
}

#[cfg(not(target_arch = "x86_64"))]
use plain::{Lane, Lanes};

#[cfg(target_arch = "x86_64")]
use x86::{Lane, Lanes};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm_cmpeq_epi8, _mm_cmpeq_epi16, _mm_loadl_epi64, _mm_loadu_si128, _mm_set1_epi8,
        _mm_set1_epi16, _mm_sfence, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_cmpeq_epi16,
        _mm256_cmpeq_epi32, _mm256_cvtepi8_epi32, _mm256_cvtepi16_epi32, _mm256_loadu_si256,
        _mm256_movemask_epi8, _mm256_packs_epi16, _mm256_packs_epi32, _mm256_permute4x64_epi64,
        _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_store_si256, _mm256_stream_si256,
    };
    use std::mem::MaybeUninit;

    use super::{Value, write_bits_plainly, write_equal_plainly};

    /// Labels that are compared many at a time.
    pub(crate) trait Lanes: Copy + Eq {
        /// All bits set in each of 8 lanes whose label is `wanted`.
        ///
        /// # Safety
        /// The processor has AVX2; 8 labels can be read.
        unsafe fn equal_8(labels: *const Self, wanted: Self) -> __m256i;

        /// All bits set in each of 32 lanes whose label is `wanted`.
        ///
        /// # Safety
        /// The processor has AVX2; 32 labels can be read.
        unsafe fn equal_32(labels: *const Self, wanted: Self) -> __m256i;
    }

    impl Lanes for u8 {
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal_8(labels: *const Self, wanted: Self) -> __m256i {
            // SAFETY: 8 bytes can be read.
            let labels = unsafe { _mm_loadl_epi64(labels.cast()) };
            _mm256_cvtepi8_epi32(_mm_cmpeq_epi8(labels, _mm_set1_epi8(wanted.cast_signed())))
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal_32(labels: *const Self, wanted: Self) -> __m256i {
            // SAFETY: 32 bytes can be read.
            let labels = unsafe { _mm256_loadu_si256(labels.cast()) };
            _mm256_cmpeq_epi8(labels, _mm256_set1_epi8(wanted.cast_signed()))
        }
    }

    impl Lanes for u16 {
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal_8(labels: *const Self, wanted: Self) -> __m256i {
            // SAFETY: 16 bytes can be read.
            let labels = unsafe { _mm_loadu_si128(labels.cast()) };
            _mm256_cvtepi16_epi32(_mm_cmpeq_epi16(labels, _mm_set1_epi16(wanted.cast_signed())))
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal_32(labels: *const Self, wanted: Self) -> __m256i {
            let wanted = _mm256_set1_epi16(wanted.cast_signed());
            // SAFETY: 64 bytes can be read.
            let halves = [0, 16].map(|first| unsafe { _mm256_loadu_si256(labels.add(first).cast()) });
            let [low, high] = halves.map(|labels| _mm256_cmpeq_epi16(labels, wanted));
            // Packing leaves quarters in the order 0, 2, 1, 3.
            _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi16(low, high))
        }
    }

    impl Lanes for u32 {
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal_8(labels: *const Self, wanted: Self) -> __m256i {
            // SAFETY: 32 bytes can be read.
            let labels = unsafe { _mm256_loadu_si256(labels.cast()) };
            _mm256_cmpeq_epi32(labels, _mm256_set1_epi32(wanted.cast_signed()))
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal_32(labels: *const Self, wanted: Self) -> __m256i {
            // SAFETY: 4 times 8 labels can be read.
            let quarters = [0, 8, 16, 24].map(|first| unsafe { Self::equal_8(labels.add(first), wanted) });
            let [a, b, c, d] = quarters;
            let in_order = _mm256_permute4x64_epi64::<0b11_01_10_00>;
            let low = in_order(_mm256_packs_epi32(a, b));
            let high = in_order(_mm256_packs_epi32(c, d));
            in_order(_mm256_packs_epi16(low, high))
        }
    }

    /// Values of which a vector register is written at a time.
    pub(crate) trait Lane: Sized {
        /// Values in a vector register.
        const COUNT: usize;

        /// The value in each lane.
        ///
        /// # Safety
        /// The processor has AVX2.
        unsafe fn splat(self) -> __m256i;

        /// All bits set in each lane whose label is `wanted`.
        ///
        /// # Safety
        /// The processor has AVX2; `COUNT` labels can be read.
        unsafe fn equal<L: Lanes>(labels: *const L, wanted: L) -> __m256i;
    }

    impl Lane for f32 {
        const COUNT: usize = 8;

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn splat(self) -> __m256i {
            _mm256_set1_epi32(self.to_bits().cast_signed())
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal<L: Lanes>(labels: *const L, wanted: L) -> __m256i {
            // SAFETY: 8 labels can be read.
            unsafe { L::equal_8(labels, wanted) }
        }
    }

    impl Lane for u8 {
        const COUNT: usize = 32;

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn splat(self) -> __m256i {
            _mm256_set1_epi8(self.cast_signed())
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal<L: Lanes>(labels: *const L, wanted: L) -> __m256i {
            // SAFETY: 32 labels can be read.
            unsafe { L::equal_32(labels, wanted) }
        }
    }

    /// # Safety
    /// The processor has AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn write_bits<L: Lanes>(labels: &[L], wanted: L, bytes: &mut [MaybeUninit<u8>]) {
        let mut targets = bytes.chunks_exact_mut(4);
        let mut parts = labels.chunks_exact(32);
        for (target, labels) in targets.by_ref().zip(parts.by_ref()) {
            // SAFETY: there are 32 labels.
            let equal = unsafe { L::equal_32(labels.as_ptr(), wanted) };
            // The first label's bit is the lowest.
            let bits = _mm256_movemask_epi8(equal).cast_unsigned().reverse_bits().to_be_bytes();
            target.copy_from_slice(&bits.map(MaybeUninit::new));
        }
        let done = labels.len() / 32;
        write_bits_plainly(&labels[32 * done..], wanted, &mut bytes[4 * done..]);
    }

    /// # Safety
    /// The processor has AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn write_equal<L: Lanes, V: Value>(
        labels: &[L],
        wanted: L,
        plane: &mut [MaybeUninit<V>],
        inside: V,
        stream: bool,
    ) {
        // The caller's planes are aligned for single values only.
        let head = plane.as_ptr().align_offset(32).min(plane.len());
        let (head_labels, labels) = labels.split_at(head);
        let (head_plane, plane) = plane.split_at_mut(head);
        write_equal_plainly(head_labels, wanted, head_plane, inside);

        // SAFETY: the processor has AVX2.
        let inside_lanes = unsafe { inside.splat() };
        let rest = plane.len() - plane.len() % V::COUNT;
        let (labels, rest_labels) = labels.split_at(rest);
        let (plane, rest_plane) = plane.split_at_mut(rest);
        for (labels, plane) in labels.chunks_exact(V::COUNT).zip(plane.chunks_exact_mut(V::COUNT)) {
            // SAFETY: there are so many labels.
            let equal = unsafe { V::equal(labels.as_ptr(), wanted) };
            let values = _mm256_and_si256(equal, inside_lanes);
            // SAFETY: there is room for so many values, at an address that is a multiple of 32.
            unsafe {
                if stream {
                    _mm256_stream_si256(plane.as_mut_ptr().cast(), values);
                } else {
                    _mm256_store_si256(plane.as_mut_ptr().cast(), values);
                }
            }
        }
        write_equal_plainly(rest_labels, wanted, rest_plane, inside);
        if stream {
            // Streamed stores are ordered before what tells the caller that we are done.
            _mm_sfence();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::planes::{Places, Strides};
    use crate::types::geometry::Frame;
    use crate::types::outputs::{LabelWidth, MaskLayout};

    /// Planes with a tile before the labels, in all formats and layouts.
    fn check(width: LabelWidth, format: MaskFormat, layout: MaskLayout) {
        const BEFORE: u8 = 0xa5;
        let frame = Frame { width: 37, height: 999, images: 2 };
        let pixels = frame.width * frame.height * frame.images - TILE;
        let label = |pixel: usize| pixel / 7 % 4;
        let mut labels = LabelMap::default();
        let bytes = labels.start(pixels, width).unwrap();
        for (pixel, bytes) in bytes.chunks_mut(width.bytes()).enumerate() {
            bytes.copy_from_slice(&label(pixel).to_ne_bytes()[..width.bytes()]); // little endian
        }
        labels.finish_uniform(width, 3).unwrap();
        let threads = Threads::new(2).unwrap();
        let strides = Strides::new(&layout, format, frame).unwrap();
        let size = strides.bytes_of(3) as usize;
        assert_eq!((strides.masks_in(size), strides.masks_in(size - 1)), (3, 2));
        let value_bytes = format.alignment();
        // Aligned for single values only, with some more behind.
        let mut memory = vec![u32::from_ne_bytes([BEFORE; 4]); size.div_ceil(4) + 2];
        let memory: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut memory)[value_bytes..][..size + 3];
        // SAFETY: the memory is as large as the strides ask for.
        let planes = unsafe { Planes::new(memory.as_mut_ptr(), format, frame, Places::Full(strides)) };
        expand(&labels, TILE, &planes, &threads).unwrap();
        drop(planes);
        let mut expected = vec![BEFORE; memory.len()];
        for (mask, pixel) in (0..3).flat_map(|mask| (TILE..TILE + pixels).map(move |pixel| (mask, pixel))) {
            let inside = label(pixel - TILE) == mask + 1;
            let (row, column) = (pixel / frame.width, pixel % frame.width);
            let (image, row) = (row / frame.height, row % frame.height);
            let row_bytes = format.row_bytes(frame.width);
            let row_stride =
                if layout.row_stride == 0 { row_bytes } else { layout.row_stride.unsigned_abs() };
            let row = if layout.row_stride < 0 { frame.height - 1 - row } else { row };
            let at = strides.offset(mask, image) + row * row_stride;
            match format {
                MaskFormat::F32 | MaskFormat::Coverage => {
                    expected[at + 4 * column..][..4]
                        .copy_from_slice(&f32::from(u8::from(inside)).to_ne_bytes());
                }
                MaskFormat::U8(value) => expected[at + column] = if inside { value } else { 0 },
                MaskFormat::Bits => {
                    let byte = &mut expected[at + column / 8];
                    if column % 8 == 0 {
                        *byte = 0;
                    }
                    *byte |= u8::from(inside) << (7 - column % 8);
                }
            }
        }
        // The byte that the tile before has begun keeps what it had.
        let differing = memory.iter().zip(&expected).position(|(a, b)| a != b);
        assert_eq!(differing, None, "{width:?}, {format:?}, {layout:?}");
    }

    #[test]
    fn labels_of_any_width_become_masks_in_any_format_and_layout() {
        for width in [LabelWidth::One, LabelWidth::Two, LabelWidth::Four] {
            for format in [MaskFormat::F32, MaskFormat::U8(255), MaskFormat::Bits] {
                let row = format.row_bytes(37);
                let plane = 999 * (row + 4);
                check(width, format, MaskLayout::default());
                check(width, format, MaskLayout { row_stride: -(row as isize) - 4, ..MaskLayout::default() });
                check(
                    width,
                    format,
                    MaskLayout { row_stride: row as isize + 4, image_stride: plane + 8, mask_stride: 0 },
                );
                // All masks of an image, then those of the next.
                let layout = MaskLayout { row_stride: 0, image_stride: 3 * plane, mask_stride: 999 * row };
                check(width, format, layout);
            }
        }
    }

    #[test]
    fn strides_that_let_planes_overlap_are_refused() {
        let frame = Frame { width: 10, height: 3, images: 2 };
        let refused = |row_stride, image_stride, mask_stride| {
            let layout = MaskLayout { row_stride, image_stride, mask_stride };
            Strides::new(&layout, MaskFormat::F32, frame).unwrap_err().to_string()
        };
        assert_eq!(refused(-42, 0, 0), "mask_row_stride is 42; a multiple of 4 is expected");
        assert_eq!(refused(-36, 0, 0), "mask_row_stride is 36; 0 or at least 40 is expected");
        assert_eq!(refused(0, 116, 0), "mask_image_stride is 116; 0 or at least 120 is expected");
        assert_eq!(refused(0, 0, 116), "mask_stride is 116; 0 or at least 120 is expected");
        let strides = |image_stride, mask_stride| {
            let layout = MaskLayout { row_stride: 0, image_stride, mask_stride };
            Strides::new(&layout, MaskFormat::F32, frame).unwrap()
        };
        assert_eq!(strides(0, 0).masks_in(239), 0);
        assert_eq!(strides(0, 0).masks_in(480), 2);
        // There is room for two masks between the images.
        assert_eq!(strides(240, 120).masks_in(10_000), 2);
        assert_eq!(strides(240, 120).masks_in(480), 2);
        assert_eq!(strides(240, 120).masks_in(479), 1);
    }
}
