//! The floor: reads the input once and writes as many planes as there are masks. No library can do
//! the job with less.
//!
//! Some processors write cache lines of zeros in half the time of others, so the floor writes as many
//! of these as the masks have.

#![cfg_attr(target_arch = "x86_64", allow(unsafe_code))]

use std::hint::black_box;

use rayon::ThreadPool;
use rayon::prelude::*;

/// Pixels read, then written in all planes, before the next ones.
const TILE: usize = 1 << 14;

/// How the memory is walked and written. The fastest one is the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Tile by tile, reading and writing, with ordinary stores.
    Plain,
    /// Tile by tile, with stores past the caches.
    Streaming,
    /// All reading first; stores past the caches.
    Apart,
}

/// What is read and written, in words of four bytes.
pub struct Traffic<'a> {
    pub input: &'a [u32],
    /// Bytes of a pixel of the input.
    pub pixel_bytes: usize,
    pub masks: &'a mut [u32],
    /// Words of a mask.
    pub plane: usize,
    /// Bytes of a mask's pixel.
    pub mask_bytes: usize,
    /// The share of the masks that is `one`; the rest is 0.
    pub share_of_ones: f64,
    pub one: u32,
}

pub fn run(pool: &ThreadPool, traffic: Traffic, manner: Manner) {
    let Traffic { input, pixel_bytes, masks, plane, mask_bytes, share_of_ones, one } = traffic;
    let (tile_in, tile_out) = (TILE * pixel_bytes / 4, TILE * mask_bytes / 4);
    let mut tiles: Vec<(&[u32], Vec<&mut [u32]>)> =
        input.chunks(tile_in).map(|tile| (tile, Vec::with_capacity(masks.len() / plane))).collect();
    for plane in masks.chunks_exact_mut(plane) {
        for ((_, planes), part) in tiles.iter_mut().zip(plane.chunks_mut(tile_out)) {
            planes.push(part);
        }
    }
    pool.install(|| {
        if manner == Manner::Apart {
            input.par_chunks(tile_in).for_each(read);
        }
        tiles.into_par_iter().for_each(|(tile, planes)| {
            if manner != Manner::Apart {
                read(tile);
            }
            for plane in planes {
                let (ones, zeros) = plane.split_at_mut((plane.len() as f64 * share_of_ones) as usize);
                for (part, value) in [(ones, one), (zeros, 0)] {
                    match manner {
                        Manner::Plain => part.fill(value),
                        Manner::Streaming | Manner::Apart => stream(part, value),
                    }
                }
            }
        });
    });
}

/// The share of cache lines in `masks` that are not all zeros.
pub fn share_of_ones(pool: &ThreadPool, masks: &[u32]) -> f64 {
    let lines = masks.as_chunks::<16>().0;
    let ones = pool.install(|| lines.par_iter().filter(|line| **line != [0; 16]).count());
    ones as f64 / lines.len().max(1) as f64
}

fn read(tile: &[u32]) {
    black_box(tile.iter().fold(0, |all, word| all ^ word));
}

#[cfg(not(target_arch = "x86_64"))]
fn stream(plane: &mut [u32], value: u32) {
    plane.fill(value);
}

#[cfg(target_arch = "x86_64")]
fn stream(plane: &mut [u32], value: u32) {
    if !is_x86_feature_detected!("avx2") {
        plane.fill(value);
        return;
    }
    // Whole cache lines.
    let head = plane.as_ptr().align_offset(64).min(plane.len());
    let (head, rest) = plane.split_at_mut(head);
    head.fill(value);
    let (lines, tail) = rest.as_chunks_mut::<16>();
    tail.fill(value);
    // SAFETY: the processor has AVX2, and the lines' addresses are multiples of 64.
    unsafe { stream_lines(lines, value) };
}

/// # Safety
/// The processor has AVX2; `lines` is aligned to 32 bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn stream_lines(lines: &mut [[u32; 16]], value: u32) {
    use std::arch::x86_64::{_mm_sfence, _mm256_set1_epi32, _mm256_stream_si256};

    let values = _mm256_set1_epi32(value.cast_signed());
    for line in lines {
        let (left, right) = line.split_at_mut(8);
        // SAFETY: both have eight words, at addresses that are multiples of 32.
        unsafe {
            _mm256_stream_si256(left.as_mut_ptr().cast(), values);
            _mm256_stream_si256(right.as_mut_ptr().cast(), values);
        }
    }
    _mm_sfence();
}
