//! Label map → mask planes. Shared by both backends: the host has to write the caller's memory
//! anyway, and one byte a pixel crosses the bus more cheaply than four bytes a pixel and mask.

#![cfg_attr(target_arch = "x86_64", allow(unsafe_code))]

use std::mem::MaybeUninit;

use crate::labels::{LabelMap, Labels, NO_LABEL, TILE};
use crate::threads::Threads;

/// Masks larger than this together are written past the caches, since they will not stay there.
const STREAM_FLOATS: usize = 2 << 20;

type Plane<'a> = &'a mut [MaybeUninit<f32>];

/// Writes a part of each mask's plane of `plane` floats: 1.0 where the pixel has the mask's label,
/// else 0.0. The labels are those of consecutive pixels from `first_pixel` on.
pub(crate) fn expand(
    labels: &LabelMap,
    first_pixel: usize,
    plane: usize,
    masks: &mut [MaybeUninit<f32>],
    threads: &Threads,
) {
    /// Pieces of planes listed at a time, 16 bytes each.
    const MOST_PIECES: usize = 1 << 16;
    let mask_count = masks.len() / plane;
    let tiles_at_a_time = (MOST_PIECES / mask_count).max(threads.count());
    expand_tiles(labels, first_pixel, plane, masks, threads, tiles_at_a_time);
}

fn expand_tiles(
    labels: &LabelMap,
    first_pixel: usize,
    plane: usize,
    masks: &mut [MaybeUninit<f32>],
    threads: &Threads,
    tiles_at_a_time: usize,
) {
    let stream = masks.len() > STREAM_FLOATS;
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
        threads.for_each(tiles, |((labels, dictionary), planes): ((Labels, &[u32]), Vec<Plane>)| {
            for (plane, &label) in planes.into_iter().zip(dictionary) {
                write_plane(labels, label, plane, stream);
            }
        });
    }
}

fn write_plane(labels: Labels, wanted: u32, plane: Plane, stream: bool) {
    // A label that these are too narrow for is not among them.
    match labels {
        Labels::One(labels) => match u8::try_from(wanted) {
            Ok(wanted) => write_equal(labels, wanted, plane, stream),
            Err(_) => write_equal(labels, u8::MAX, plane, stream),
        },
        Labels::Two(labels) => match u16::try_from(wanted) {
            Ok(wanted) => write_equal(labels, wanted, plane, stream),
            Err(_) => write_equal(labels, u16::MAX, plane, stream),
        },
        Labels::Four(labels) => {
            debug_assert_eq!(NO_LABEL, u32::MAX);
            write_equal(labels, wanted, plane, stream);
        }
    }
}

fn write_equal<L: Lanes>(labels: &[L], wanted: L, plane: Plane, stream: bool) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { x86::write_equal(labels, wanted, plane, stream) };
        return;
    }
    let _ = stream;
    write_equal_plainly(labels, wanted, plane);
}

fn write_equal_plainly<L: Eq + Copy>(labels: &[L], wanted: L, plane: Plane) {
    for (value, &label) in plane.iter_mut().zip(labels) {
        value.write(if label == wanted { 1.0 } else { 0.0 });
    }
}

#[cfg(not(target_arch = "x86_64"))]
trait Lanes: Copy + Eq {}
#[cfg(not(target_arch = "x86_64"))]
impl<L: Copy + Eq> Lanes for L {}

#[cfg(target_arch = "x86_64")]
use x86::Lanes;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm_cmpeq_epi8, _mm_cmpeq_epi16, _mm_loadl_epi64, _mm_loadu_si128, _mm_set1_epi8,
        _mm_set1_epi16, _mm_sfence, _mm256_and_si256, _mm256_castsi256_ps, _mm256_cmpeq_epi32,
        _mm256_cvtepi8_epi32, _mm256_cvtepi16_epi32, _mm256_loadu_si256, _mm256_set1_epi32, _mm256_store_ps,
        _mm256_stream_ps,
    };

    use super::{Plane, write_equal_plainly};

    /// Labels of which eight are compared at a time.
    pub(super) trait Lanes: Copy + Eq {
        /// All bits set in each lane whose label is `wanted`.
        ///
        /// # Safety
        /// The processor has AVX2; eight labels can be read.
        unsafe fn equal_mask(labels: *const Self, wanted: Self) -> __m256i;
    }

    impl Lanes for u8 {
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal_mask(labels: *const Self, wanted: Self) -> __m256i {
            // SAFETY: eight bytes can be read.
            let labels = unsafe { _mm_loadl_epi64(labels.cast()) };
            _mm256_cvtepi8_epi32(_mm_cmpeq_epi8(labels, _mm_set1_epi8(wanted.cast_signed())))
        }
    }

    impl Lanes for u16 {
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal_mask(labels: *const Self, wanted: Self) -> __m256i {
            // SAFETY: sixteen bytes can be read.
            let labels = unsafe { _mm_loadu_si128(labels.cast()) };
            _mm256_cvtepi16_epi32(_mm_cmpeq_epi16(labels, _mm_set1_epi16(wanted.cast_signed())))
        }
    }

    impl Lanes for u32 {
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn equal_mask(labels: *const Self, wanted: Self) -> __m256i {
            // SAFETY: thirty-two bytes can be read.
            let labels = unsafe { _mm256_loadu_si256(labels.cast()) };
            _mm256_cmpeq_epi32(labels, _mm256_set1_epi32(wanted.cast_signed()))
        }
    }

    /// # Safety
    /// The processor has AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn write_equal<L: Lanes>(labels: &[L], wanted: L, plane: Plane, stream: bool) {
        // The caller's planes are aligned for floats only.
        let head = plane.as_ptr().align_offset(32).min(plane.len());
        let (head_labels, labels) = labels.split_at(head);
        let (head_plane, plane) = plane.split_at_mut(head);
        write_equal_plainly(head_labels, wanted, head_plane);

        let one = _mm256_set1_epi32(1.0f32.to_bits().cast_signed());
        let (eights, rest) = labels.as_chunks::<8>();
        let (plane_eights, plane_rest) = plane.as_chunks_mut::<8>();
        for (labels, plane) in eights.iter().zip(plane_eights) {
            // SAFETY: there are eight labels.
            let equal = unsafe { L::equal_mask(labels.as_ptr(), wanted) };
            let values = _mm256_castsi256_ps(_mm256_and_si256(equal, one));
            // SAFETY: there is room for eight floats, at an address that is a multiple of 32.
            unsafe {
                if stream {
                    _mm256_stream_ps(plane.as_mut_ptr().cast(), values);
                } else {
                    _mm256_store_ps(plane.as_mut_ptr().cast(), values);
                }
            }
        }
        write_equal_plainly(rest, wanted, plane_rest);
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
    #[test]
    fn tiles_are_expanded_in_any_number_of_rounds() {
        let pixels = 3 * TILE + 5;
        let label = |pixel: usize| (pixel / 7 % 4) as u8;
        let mut labels = LabelMap::default();
        let bytes = labels.start(pixels, LabelWidth::One).unwrap();
        bytes.iter_mut().enumerate().for_each(|(pixel, byte)| *byte = label(pixel));
        labels.finish_uniform(LabelWidth::One, 3);
        let threads = Threads::new(2).unwrap();
        let plane = TILE + pixels;
        for tiles_at_a_time in [1, 2, 9] {
            let mut masks = vec![MaybeUninit::new(0.5f32); 3 * plane];
            expand_tiles(&labels, TILE, plane, &mut masks, &threads, tiles_at_a_time);
            for (index, value) in masks.iter().enumerate() {
                // SAFETY: all were initialised above.
                #[allow(unsafe_code)]
                let value = unsafe { value.assume_init() };
                let (mask, pixel) = (index / plane, index % plane);
                let expected = match pixel.checked_sub(TILE) {
                    None => 0.5, // not touched
                    Some(pixel) if usize::from(label(pixel)) == mask + 1 => 1.0,
                    Some(_) => 0.0,
                };
                assert_eq!(value, expected, "{tiles_at_a_time} tiles, mask {mask}, pixel {pixel}");
            }
        }
    }
}
