//! The floor: reads the input once and writes as many planes as there are masks. No library can do
//! the job with less.

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
                match manner {
                    Manner::Plain => plane.fill(1.0),
                    Manner::Streaming | Manner::Apart => stream(plane),
                }
            }
        });
    });
}

fn read(tile: &[f32]) {
    black_box(tile.iter().fold(0, |all, value| all ^ value.to_bits()));
}

#[cfg(not(target_arch = "x86_64"))]
fn stream(plane: &mut [f32]) {
    plane.fill(1.0);
}

#[cfg(target_arch = "x86_64")]
fn stream(plane: &mut [f32]) {
    if !is_x86_feature_detected!("avx2") {
        plane.fill(1.0);
        return;
    }
    // Whole cache lines.
    let head = plane.as_ptr().align_offset(64).min(plane.len());
    let (head, rest) = plane.split_at_mut(head);
    head.fill(1.0);
    let (lines, tail) = rest.as_chunks_mut::<16>();
    tail.fill(1.0);
    // SAFETY: the processor has AVX2, and the lines' addresses are multiples of 64.
    unsafe { stream_lines(lines) };
}

/// # Safety
/// The processor has AVX2; `lines` is aligned to 32 bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn stream_lines(lines: &mut [[f32; 16]]) {
    use std::arch::x86_64::{_mm_sfence, _mm256_set1_ps, _mm256_stream_ps};

    let ones = _mm256_set1_ps(1.0);
    for line in lines {
        let (left, right) = line.split_at_mut(8);
        // SAFETY: both have eight floats, at addresses that are multiples of 32.
        unsafe {
            _mm256_stream_ps(left.as_mut_ptr(), ones);
            _mm256_stream_ps(right.as_mut_ptr(), ones);
        }
    }
    _mm_sfence();
}
