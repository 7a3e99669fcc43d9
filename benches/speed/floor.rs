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

pub fn run(
    pool: &ThreadPool,
    floats: &[f32],
    channels: usize,
    plane: usize,
    masks: &mut [f32],
    share_of_ones: f64,
    manner: Manner,
) {
    let mut tiles: Vec<(&[f32], Vec<&mut [f32]>)> =
        floats.chunks(TILE * channels).map(|tile| (tile, Vec::with_capacity(masks.len() / plane))).collect();
    for plane in masks.chunks_exact_mut(plane) {
        for ((_, planes), part) in tiles.iter_mut().zip(plane.chunks_mut(TILE)) {
            planes.push(part);
        }
    }
    pool.install(|| {
        if manner == Manner::Apart {
            floats.par_chunks(TILE * channels).for_each(read);
        }
        tiles.into_par_iter().for_each(|(tile, planes)| {
            if manner != Manner::Apart {
                read(tile);
            }
            for plane in planes {
                let (ones, zeros) = plane.split_at_mut((plane.len() as f64 * share_of_ones) as usize);
                for (part, value) in [(ones, 1.0), (zeros, 0.0)] {
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
pub fn share_of_ones(pool: &ThreadPool, masks: &[f32]) -> f64 {
    let lines = masks.as_chunks::<16>().0;
    let ones = pool.install(|| lines.par_iter().filter(|line| **line != [0.0; 16]).count());
    ones as f64 / lines.len().max(1) as f64
}

fn read(tile: &[f32]) {
    black_box(tile.iter().fold(0, |all, value| all ^ value.to_bits()));
}

#[cfg(not(target_arch = "x86_64"))]
fn stream(plane: &mut [f32], value: f32) {
    plane.fill(value);
}

#[cfg(target_arch = "x86_64")]
fn stream(plane: &mut [f32], value: f32) {
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
unsafe fn stream_lines(lines: &mut [[f32; 16]], value: f32) {
    use std::arch::x86_64::{_mm_sfence, _mm256_set1_ps, _mm256_stream_ps};

    let values = _mm256_set1_ps(value);
    for line in lines {
        let (left, right) = line.split_at_mut(8);
        // SAFETY: both have eight floats, at addresses that are multiples of 32.
        unsafe {
            _mm256_stream_ps(left.as_mut_ptr(), values);
            _mm256_stream_ps(right.as_mut_ptr(), values);
        }
    }
    _mm_sfence();
}
