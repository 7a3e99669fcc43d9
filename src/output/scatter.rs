//! Label map → many masks that are cropped to small boxes.
//!
//! **Problem.** A map of 4,000 provinces has 4,000 boxes, of which each row of the image crosses a hundred. Asking each
//! mask for each row what it has there takes far longer than writing all of them.
//!
//! ```text
//! clear all boxes, on all threads
//! for each tile of 16,384 pixels, on all threads:
//!     for each run of a label in a row: write ones in the label's mask, where the box has that row
//! ```
//!
//! **Exact.** A pixel is in one mask at most, and its value is written by the thread that has its tile. Bits that share a
//! byte may be those of two threads: they are added atomically.
//!
//! **Cost.** The boxes' bytes once, each pixel's value once, and a few ns a run. `Planes::sparse_crops` says where this
//! is less than going through masks and rows.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::Error;
use crate::labels::runs::{MaskRun, for_each_run_of_tile};
use crate::labels::{LabelMap, TILE};
use crate::output::planes::{Planes, Segment};
use crate::output::stream::Zeros;
use crate::runtime::alloc::try_collect;
use crate::runtime::simd::Simd;
use crate::runtime::threads::Threads;
use crate::types::outputs::MaskFormat;

/// Bytes that are cleared by one thread at a time.
const PIECE: usize = 1 << 18;

/// Clears the boxes of masks that are then to be written run by run.
pub(crate) fn clear(planes: &mut Planes, threads: &Threads) -> Result<(), Error> {
    let Some(bytes) = planes.sparse_crops() else { return Ok(()) };
    // SAFETY: whoever made the planes guarantees the memory, and they are borrowed exclusively.
    let bytes = unsafe { &mut *bytes };
    let simd = Simd::current();
    // Most will be written again soon.
    threads.for_each(try_collect(bytes.chunks_mut(PIECE))?, |bytes| simd.run(Zeros { bytes, stream: false }))
}

/// Writes the pixels of masks whose boxes are cleared.
pub(super) fn scatter(
    labels: &LabelMap,
    first_pixel: usize,
    planes: &Planes,
    threads: &Threads,
) -> Result<(), Error> {
    let (masks, frame) = (labels.masks_by_label()?, planes.frame());
    let tiles = labels.tiles().zip((first_pixel..).step_by(TILE));
    let done = threads.share(try_collect(tiles)?, threads.count(), |queue| {
        let mut scratch = labels.scratch()?;
        while let Some((tile, first)) = queue.take() {
            let masks = &masks[tile.dictionary()];
            for_each_run_of_tile(&tile, &mut scratch, masks, first, frame, |run| {
                // SAFETY: no two threads have the same tile, and all write bits as this does.
                unsafe { write_run(planes, run) };
            });
        }
        Ok(())
    })?;
    done.into_iter().collect()
}

/// # Safety
/// Nobody else writes these pixels' values, but for bits in this way.
unsafe fn write_run(planes: &Planes, run: MaskRun) {
    let MaskRun { mask, pixels, column, row, image, .. } = run;
    let segment = Segment { offset: 0, len: pixels, image, row, column };
    let Some((pixels, place, position)) = planes.place(mask as usize, segment) else { return };
    let count = pixels.len();
    // SAFETY: whoever made the planes guarantees the memory, and the caller that nobody else writes there.
    unsafe {
        match planes.format() {
            MaskFormat::F32 | MaskFormat::Coverage => {
                std::slice::from_raw_parts_mut(place.cast(), count).fill(MaybeUninit::new(1.0f32));
            }
            MaskFormat::U8(inside) => {
                std::slice::from_raw_parts_mut(place.cast(), count).fill(MaybeUninit::new(inside));
            }
            MaskFormat::Bits => set_bits(place, position..position + count),
        }
    }
}

/// Sets some bits of a row, at least one.
///
/// # Safety
/// The row has these bits, their bytes have been written, and others write bits in this way only.
unsafe fn set_bits(row: *mut u8, bits: Range<usize>) {
    let (first, last) = (bits.start / 8, (bits.end - 1) / 8);
    let (head, tail) = (0xff >> (bits.start % 8), 0xff << (7 - (bits.end - 1) % 8));
    // SAFETY: these bytes have some of the bits.
    let add = |byte: usize, bits: u8| unsafe {
        AtomicU8::from_ptr(row.add(byte)).fetch_or(bits, Ordering::Relaxed);
    };
    if first == last {
        add(first, head & tail);
        return;
    }
    add(first, head);
    // SAFETY: the bytes between have bits of this run alone.
    unsafe { std::slice::from_raw_parts_mut(row.add(first + 1), last - first - 1).fill(0xff) };
    add(last, tail);
}
