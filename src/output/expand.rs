//! Label map → mask planes. Shared by both backends: the host has to write the caller's memory
//! anyway, and one byte a pixel crosses the bus more cheaply than four bytes a pixel and mask.
//!
//! **Problem.** Five masks of floats are five times as many bytes as a colour map of floats of one channel: writing them takes
//! longer than all else, and is bound by memory.
//!
//! ```text
//! for each group of a few tiles, of 16,384 pixels each, on all threads:
//!     for each tile:
//!         its labels, one or two bytes each, stay in the caches
//!         which labels it has: of its runs, or of its pixels where there are many masks
//!         for each mask whose label in this tile, which the tile's dictionary tells, the tile has:
//!             for each row of the mask, or all rows if they lie together:
//!                 value = label equals the mask's ? inside : 0          many at a time, see `expand_x86`
//!     for each mask: zeros in the tiles that do not have its label, in one go where these lie together
//! bits that share a byte with those of the tile before: in a last pass
//! ```
//!
//! Small boxes of many masks are written run by run instead, see `scatter`.
//!
//! **Exact.** Each value is written once, by the thread that has its tile; bytes of bits by the tile that has their first bit.
//!
//! **Cost.** One compare a value, of masks with a pixel in the tile; all values once to memory. Masks that are larger together than the caches are written
//! past them, which spares reading what is overwritten.
//!
//! **Prior art.** Dictionary-encoded columns decoded by comparing codes (Lemke et al., 2010; Parquet); streaming stores as in STREAM.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use bytemuck::Pod;

use crate::error::Error;
use crate::labels::{KeptTile, LabelMap, LabelledTile, Labels, NO_LABEL, TILE};
use crate::output::planes::{Bits, Planes};
use crate::output::scatter::scatter;
use crate::output::stream::{STREAM_BYTES, Zeros, fence};
use crate::runtime::alloc::{try_collect, try_with_capacity, try_zeroed};
use crate::runtime::call;
use crate::runtime::simd::Simd;
use crate::runtime::threads::Threads;
use crate::types::outputs::MaskFormat;

/// Tiles of a group at most, and groups that each thread has at least, if there are so many tiles.
const MOST_TILES: usize = 8;
const GROUPS_A_THREAD: usize = 16;
/// What a group's lists of labels may take of memory.
const MOST_BYTES: usize = 1 << 20;

/// What a mask has for a pixel that is in it; one that is not has 0, which is all zeros.
pub(super) trait Value: Pod + Send + Sync {}

impl Value for f32 {}
impl Value for u8 {}

/// Writes each mask's values for consecutive pixels from `first_pixel` on, whose labels these are. Small boxes of many
/// masks have been cleared, see `scatter::clear`.
pub(crate) fn expand(
    labels: &LabelMap,
    first_pixel: usize,
    planes: &Planes,
    threads: &Threads,
) -> Result<(), Error> {
    if planes.sparse_crops().is_some() {
        return scatter(labels, first_pixel, planes, threads);
    }
    let simd = Simd::current();
    let tiles: Vec<(KeptTile, usize)> = try_collect(labels.tiles().zip((first_pixel..).step_by(TILE)))?;
    let most_tiles = (MOST_BYTES / (labels.largest_label() as usize + 2)).clamp(1, MOST_TILES);
    let group = (tiles.len() / (threads.count() * GROUPS_A_THREAD)).clamp(1, most_tiles);
    // A tile of all planes at a time, so that its labels are read once.
    let found = threads.share(try_collect(tiles.chunks(group))?, threads.count(), |queue| {
        let mut scratch = labels.scratch()?;
        let mut present = try_with_capacity(group)?;
        for _ in 0..group {
            present.push(PresentLabels::new(labels)?);
        }
        while let Some(tiles) = queue.take() {
            let goes_on = || queue.goes_on();
            for ((kept, first), present) in tiles.iter().zip(&mut present) {
                let tile = kept.read(&mut scratch);
                present.find(kept, tile.labels);
                let job = TileJob { simd, tile, first: *first, planes, present };
                match planes.format() {
                    // SAFETY: the type is the format's, and no two threads have the same tile.
                    MaskFormat::F32 | MaskFormat::Coverage => unsafe { job.write_values(1.0f32, goes_on) },
                    // SAFETY: as above.
                    MaskFormat::U8(inside) => unsafe { job.write_values(inside, goes_on) },
                    MaskFormat::Bits => job.write_whole_bytes(goes_on),
                }
            }
            // SAFETY: no two threads have the same tile.
            unsafe { write_zeros(simd, tiles, &present, planes, goes_on) };
        }
        fence();
        Ok(())
    })?;
    found.into_iter().collect::<Result<(), Error>>()?;
    if planes.format() == MaskFormat::Bits {
        // Bytes that begin in one tile and end in another.
        let mut scratch = labels.scratch()?;
        for &(tile, first) in &tiles {
            call::check()?;
            if begins_within_a_byte(&tile, first, planes) {
                write_begun_bytes(tile.read(&mut scratch), first, planes);
            }
        }
    }
    Ok(())
}

/// Writes what masks have in tiles of which no pixel is theirs: what lies together in one go.
///
/// # Safety
/// Nobody else writes these pixels' values.
unsafe fn write_zeros(
    simd: Simd,
    tiles: &[(KeptTile, usize)],
    present: &[PresentLabels],
    planes: &Planes,
    goes_on: impl Fn() -> bool,
) {
    let masks = tiles.first().map_or(0, |(tile, _)| tile.mask_count());
    let stream = streams(planes, masks);
    let write = |first: *mut u8, len: usize| {
        if len > 0 {
            // SAFETY: whoever made the planes guarantees the memory, and the caller that nobody else writes there.
            let bytes = unsafe { std::slice::from_raw_parts_mut(first.cast(), len) };
            simd.run(Zeros { bytes, stream });
        }
    };
    for mask in (0..masks).take_while(|_| goes_on()) {
        let (mut first, mut len) = (std::ptr::null_mut::<u8>(), 0);
        for ((tile, first_pixel), present) in tiles.iter().zip(present) {
            if present.has(tile.wanted()[mask]) {
                continue;
            }
            for segment in planes.segments(*first_pixel, tile.len()) {
                let Some((next, more)) = planes.whole_bytes(mask, segment) else { continue };
                if next != first.wrapping_add(len) {
                    write(first, len);
                    (first, len) = (next, 0);
                }
                len += more;
            }
        }
        write(first, len);
    }
}

/// Which labels a tile has.
struct PresentLabels {
    /// By label; the last one stands for all that are larger.
    has: Vec<bool>,
}

impl PresentLabels {
    /// Masks from which on a tile's pixels are gone through, which takes as long as writing two or three masks.
    const MANY: usize = 64;

    fn new(labels: &LabelMap) -> Result<Self, Error> {
        Ok(Self { has: try_zeroed(labels.largest_label() as usize + 2)? })
    }

    fn find(&mut self, tile: &KeptTile, labels: Labels) {
        if let Some(runs) = tile.runs() {
            self.collect(runs.map(|(label, _)| label.into()));
        } else if tile.mask_count() < Self::MANY {
            self.has.fill(true); // as far as is known
        } else {
            match labels {
                Labels::One(labels) => self.collect(labels.iter().map(|&label| label.into())),
                Labels::Two(labels) => self.collect(labels.iter().map(|&label| label.into())),
                Labels::Four(labels) => self.collect(labels.iter().copied()),
            }
        }
    }

    fn collect(&mut self, labels: impl Iterator<Item = u32>) {
        self.has.fill(false);
        let larger = self.has.len() - 1;
        labels.for_each(|label| self.has[larger.min(label as usize)] = true);
    }

    /// Whether the tile has the label of a mask.
    fn has(&self, label: u32) -> bool {
        label != NO_LABEL && self.has[label as usize]
    }
}

/// A tile whose pixels' values are to be written.
struct TileJob<'a> {
    simd: Simd,
    tile: LabelledTile<'a>,
    /// The tile's first pixel.
    first: usize,
    planes: &'a Planes<'a>,
    present: &'a PresentLabels,
}

/// Whether so many masks are written past the caches: such stores want long rows.
fn streams(planes: &Planes, masks: usize) -> bool {
    planes.is_dense() && planes.bytes_of(masks) > STREAM_BYTES
}

impl TileJob<'_> {
    /// # Safety
    /// `V` is the type of the planes' format, which is not bits; nobody else writes these pixels' values.
    unsafe fn write_values<V: Value>(&self, inside: V, goes_on: impl Fn() -> bool) {
        let Self { simd, tile, first, planes, present } = *self;
        let stream = streams(planes, tile.wanted.len());
        let segments = planes.segments(first, tile.labels.len());
        let masks = tile.wanted.iter().enumerate().take_while(|_| goes_on());
        for (mask, &label) in masks.filter(|(_, label)| present.has(**label)) {
            for segment in segments.clone() {
                let Some((pixels, first)) = planes.values(mask, segment) else { continue };
                // SAFETY: whoever made the planes guarantees the memory, and the caller that nobody else writes there.
                let plane = unsafe { std::slice::from_raw_parts_mut(first.cast(), pixels.len()) };
                write_values(simd, tile.labels.part(pixels), label, plane, inside, stream);
            }
        }
    }

    /// Writes the bytes whose first bit is a pixel's of this tile.
    fn write_whole_bytes(&self, goes_on: impl Fn() -> bool) {
        let Self { simd, tile, first, planes, present } = *self;
        let segments = planes.segments(first, tile.labels.len());
        let masks = tile.wanted.iter().enumerate().take_while(|_| goes_on());
        for (mask, &label) in masks.filter(|(_, label)| present.has(**label)) {
            for segment in segments.clone() {
                let Some(Bits { pixels, begun, whole, bytes, .. }) = planes.bits(mask, segment) else {
                    continue;
                };
                // SAFETY: whoever made the planes guarantees the memory; no two threads have the same tile, and bytes
                // that another has begun are not among these.
                let bytes = unsafe { std::slice::from_raw_parts_mut(whole.cast(), bytes) };
                write_bits(simd, tile.labels.part(pixels.start + begun..pixels.end), label, bytes);
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
fn write_bits(simd: Simd, labels: Labels, wanted: u32, bytes: &mut [MaybeUninit<u8>]) {
    // A label that these are too narrow for is not among them.
    match labels {
        Labels::One(labels) => {
            simd.run(WriteBits { labels, wanted: u8::try_from(wanted).unwrap_or(u8::MAX), bytes });
        }
        Labels::Two(labels) => {
            simd.run(WriteBits { labels, wanted: u16::try_from(wanted).unwrap_or(u16::MAX), bytes });
        }
        Labels::Four(labels) => simd.run(WriteBits { labels, wanted, bytes }),
    }
}

/// A value for each label.
fn write_values<V: Value>(
    simd: Simd,
    labels: Labels,
    wanted: u32,
    values: &mut [MaybeUninit<V>],
    inside: V,
    stream: bool,
) {
    match labels {
        Labels::One(labels) => {
            let wanted = u8::try_from(wanted).unwrap_or(u8::MAX);
            simd.run(WriteValues { labels, wanted, values, inside, stream });
        }
        Labels::Two(labels) => {
            let wanted = u16::try_from(wanted).unwrap_or(u16::MAX);
            simd.run(WriteValues { labels, wanted, values, inside, stream });
        }
        Labels::Four(labels) => {
            debug_assert_eq!(NO_LABEL, u32::MAX);
            simd.run(WriteValues { labels, wanted, values, inside, stream });
        }
    }
}

/// What a mask has for consecutive pixels, one by one.
pub(super) struct WriteValues<'a, T, V> {
    pub(super) labels: &'a [T],
    /// The label of the mask's pixels.
    pub(super) wanted: T,
    /// As many as labels.
    pub(super) values: &'a mut [MaybeUninit<V>],
    /// The value of the mask's pixels; the others' is 0.
    pub(super) inside: V,
    /// Whether they are written past the caches; the caller fences then.
    pub(super) stream: bool,
}

/// What a mask of bits has for consecutive pixels, from a byte's first bit on.
pub(super) struct WriteBits<'a, T> {
    pub(super) labels: &'a [T],
    /// The label of the mask's pixels.
    pub(super) wanted: T,
    pub(super) bytes: &'a mut [MaybeUninit<u8>],
}

/// Labels as they are compared: integers of one, two or four bytes.
pub(super) trait Label: Copy + Eq + Into<u32> {}

impl Label for u8 {}
impl Label for u16 {}
impl Label for u32 {}

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
        crate::runtime::simd::at_each_level(|_| check_all_formats_and_layouts());
    }

    fn check_all_formats_and_layouts() {
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
}
