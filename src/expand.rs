//! Label map → mask planes. Shared by both backends: the host has to write the caller's memory
//! anyway, and one byte a pixel crosses the bus more cheaply than four bytes a pixel and mask.

#![cfg_attr(target_arch = "x86_64", allow(unsafe_code))]

use std::mem::MaybeUninit;

use crate::labels::{LabelMap, LabelledTile, Labels, NO_LABEL, TILE};
use crate::threads::Threads;

/// Masks larger than this together are written past the caches, since they will not stay there.
const STREAM_BYTES: usize = 8 << 20;

/// What a mask has for a pixel that is not in it is 0.
pub(crate) trait Value: Lane + Copy + Default + Send + Sync {}

impl Value for f32 {}
impl Value for u8 {}

/// Writes a part of each mask's plane of `plane` values: `inside` where the pixel has the mask's label,
/// else 0. The labels are those of consecutive pixels from `first_pixel` on.
pub(crate) fn expand<V: Value>(
    labels: &LabelMap,
    first_pixel: usize,
    plane: usize,
    masks: &mut [MaybeUninit<V>],
    inside: V,
    threads: &Threads,
) {
    /// Pieces of planes listed at a time, 16 bytes each.
    const MOST_PIECES: usize = 1 << 16;
    let mask_count = masks.len() / plane;
    let tiles_at_a_time = (MOST_PIECES / mask_count).max(threads.count());
    expand_tiles(labels, first_pixel, plane, masks, inside, threads, tiles_at_a_time);
}

fn expand_tiles<V: Value>(
    labels: &LabelMap,
    first_pixel: usize,
    plane: usize,
    masks: &mut [MaybeUninit<V>],
    inside: V,
    threads: &Threads,
    tiles_at_a_time: usize,
) {
    let stream = size_of_val(masks) > STREAM_BYTES;
    let mask_count = masks.len() / plane;
    let mut next = labels.tiles().zip((first_pixel..).step_by(TILE)).peekable();
    while let Some(&(_, first_pixel)) = next.peek() {
        // A tile of all planes at a time, so that its labels are read once.
        let tiles = next.by_ref().take(tiles_at_a_time);
        let mut tiles: Vec<_> = tiles.map(|(tile, _)| (tile, Vec::with_capacity(mask_count))).collect();
        for plane in masks.chunks_exact_mut(plane) {
            for ((_, planes), part) in tiles.iter_mut().zip(plane[first_pixel..].chunks_mut(TILE)) {
                planes.push(part);
            }
        }
        threads.for_each(tiles, |(tile, planes): (LabelledTile, Vec<&mut [MaybeUninit<V>]>)| {
            for (plane, &label) in planes.into_iter().zip(tile.wanted) {
                write_plane(tile.labels, label, plane, inside, stream);
            }
        });
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
        _mm256_packs_epi16, _mm256_packs_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi8,
        _mm256_set1_epi16, _mm256_set1_epi32, _mm256_store_si256, _mm256_stream_si256,
    };
    use std::mem::MaybeUninit;

    use super::{Value, write_equal_plainly};

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
    use crate::labels::LabelWidth;

    /// A plane with a tile before the labels; tiles are listed one or two at a time, or all at once.
    fn check<V: Value + PartialEq + std::fmt::Debug>(width: LabelWidth, before: V, inside: V) {
        let pixels = 3 * TILE + 5;
        let label = |pixel: usize| pixel / 7 % 4;
        let mut labels = LabelMap::default();
        let bytes = labels.start(pixels, width).unwrap();
        for (pixel, bytes) in bytes.chunks_mut(width.bytes()).enumerate() {
            bytes.copy_from_slice(&label(pixel).to_ne_bytes()[..width.bytes()]); // little endian
        }
        labels.finish_uniform(width, 3).unwrap();
        let threads = Threads::new(2).unwrap();
        let plane = TILE + pixels;
        for tiles_at_a_time in [1, 2, 9] {
            // A plane that is aligned for single values only.
            let mut masks = vec![MaybeUninit::new(before); 3 * plane + 1];
            expand_tiles(&labels, TILE, plane, &mut masks[1..], inside, &threads, tiles_at_a_time);
            for (index, value) in masks[1..].iter().enumerate() {
                // SAFETY: all were initialised above.
                #[allow(unsafe_code)]
                let value = unsafe { value.assume_init() };
                let (mask, pixel) = (index / plane, index % plane);
                let expected = match pixel.checked_sub(TILE) {
                    None => before, // not touched
                    Some(pixel) if label(pixel) == mask + 1 => inside,
                    Some(_) => V::default(),
                };
                assert_eq!(value, expected, "{width:?}, {tiles_at_a_time} tiles, mask {mask}, pixel {pixel}");
            }
        }
    }

    #[test]
    fn labels_of_any_width_are_expanded_in_any_number_of_rounds() {
        for width in [LabelWidth::One, LabelWidth::Two, LabelWidth::Four] {
            check(width, 0.5f32, 1.0);
            check(width, 9u8, 255);
        }
    }
}
