//! Pure arithmetic: an image's shape and a device's limits → chunks, table sizes, dispatches.
//!
//! Nothing here touches a device, so that sizes which no test machine holds are tested as well.

use std::ops::Range;

use crate::error::Error;
use crate::labels::TILE;
use crate::types::geometry::PixelGrid;
use crate::types::options::DeviceLimits;

/// Chunks begin at multiples of this many pixels, which keeps every buffer offset legal on every
/// device, where a pixel has two bytes or more, and every label word whole.
const CHUNK_ALIGNMENT: u64 = 128;

/// Chunks have this many pixels at most: enough to keep a device busy, few enough for copying, computing
/// and expanding to overlap, and for a dispatch to take well under the time after which a system resets a
/// slow device (2 s on Windows).
const MOST_CHUNK_PIXELS: u64 = 1 << 21;

/// Bytes of the ring through which pixels are copied, where the device cannot read the caller's memory.
const RING_BYTES: u64 = 16 << 20;

/// Chunks that are worked on at a time: one by the device, the other by the host.
pub(crate) const CHUNKS_IN_FLIGHT: u64 = 2;

/// One dispatch works on this many pixels or slots at most, as for chunks.
const MOST_DISPATCH_ITEMS: u32 = 1 << 22;

/// Invocations of a workgroup on a GPU: a multiple of every GPU's subgroup size.
pub(crate) const WORKGROUP_SIZE: u32 = 64;

/// Slots of the first table tried. Most colour maps have a few hundred colours.
pub(crate) const FIRST_TABLE_SLOTS: u32 = 1 << 12;

/// Slots of the largest table whose colour indices, slots plus one, fit two bytes.
const MOST_INDEXED_SLOTS: u32 = 1 << 15;

/// How an image is worked on where its pixels get colour indices or labels, chunk by chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pixels: u64,
    /// Pixels of every chunk but the last, which may be smaller.
    pub(crate) chunk_pixels: u64,
    /// Bytes of a pixel that is copied to where the device can read it.
    copied_bytes: Option<u64>,
    /// Whether the device keeps two bytes of each pixel, colour indices or fingerprints, from count to label.
    pub(crate) keeps_indices: bool,
    /// Chunks of which one buffer holds those.
    pub(crate) chunks_per_block: u64,
    /// Colours of the palette that are looked up in one go; more come in several parts.
    pub(crate) palette_part_colors: usize,
    /// Copies of a table's counts.
    pub(crate) count_copies: u32,
}

/// Where the parts of the memory of a chunk in flight begin, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkLayout {
    /// The chunk's pixels, where they are copied.
    pub(crate) pixels: u64,
    /// The table: pixels and counts of its slots.
    pub(crate) slot_pixels: u64,
    pub(crate) counts: u64,
    /// What count and collect report, and the list.
    pub(crate) report: u64,
    /// The label of each colour index.
    pub(crate) label_of_index: u64,
    /// All of it.
    pub(crate) words: u64,
}

/// Words of the report before the list.
pub(crate) const REPORT_WORDS: u64 = 5;

/// Words of an entry of the list.
pub(crate) const ENTRY_WORDS: u64 = 3;

impl Plan {
    /// Plans an image; `copied_bytes`: of a pixel, where pixels must be copied to where the device can read them.
    pub(crate) fn new(
        grid: PixelGrid,
        limits: &DeviceLimits,
        copied_bytes: Option<u64>,
    ) -> Result<Self, Error> {
        let pixels = grid.pixels();
        let word_bytes = 4 * u64::from(grid.words);
        let pixel_bytes = copied_bytes.unwrap_or(word_bytes);
        let range = limits.max_storage_buffer_range;
        let sides = sides(limits);
        // The palette gets a quarter of the memory.
        let palette_memory = limits.memory_bytes / 4;
        let chunk_memory = limits.memory_bytes - palette_memory;
        // At most, for each pixel of a chunk in flight: the pixel, a label, a colour index where these are not kept; and 8/3
        // slots with counts and a label each, and an entry, though no more than have indices.
        let copy_memory = copied_bytes.unwrap_or(0) * sides;
        let copies = u64::from(limits.count_copies.max(1));
        let pixel_memory = copy_memory + 4 * sides + 2;
        let table_memory = 3 * (4 + 4 * copies + 4 * sides) + 12 * sides;
        let most_table_memory = u64::from(MOST_INDEXED_SLOTS) * (4 + 4 * copies + 4 + 12) * sides;
        let memory_of_chunk =
            |pixels: u64| pixels * pixel_memory + (pixels * table_memory).min(most_table_memory);
        let chunk_limit = chunk_memory / CHUNKS_IN_FLIGHT;
        let fitting = (chunk_limit.saturating_sub(most_table_memory) / pixel_memory)
            .max(chunk_limit / (pixel_memory + table_memory));
        let largest = [
            // The colour map; imported, it begins somewhere behind the last legal offset.
            range.saturating_sub(4 * OFFSET_WORDS) / pixel_bytes,
            range / 16, // the list with the report, and the labels
            // The table, at three quarters full, its counts, and its labels.
            largest_power_of_two(range / (4 * copies.max(2))) / 4 * 3,
            (RING_BYTES / CHUNKS_IN_FLIGHT).checked_div(copy_memory).unwrap_or(u64::MAX),
            fitting,
            MOST_CHUNK_PIXELS,
        ];
        let largest = largest.into_iter().fold(u64::MAX, u64::min);
        let alignment = if largest >= TILE as u64 { TILE as u64 } else { CHUNK_ALIGNMENT };
        let largest = largest / alignment * alignment;
        if largest == 0 {
            return Err(Error::OutOfDeviceMemory(format!(
                "chunks of {CHUNK_ALIGNMENT} pixels do not fit (storage buffers of {range} bytes, {} bytes of memory)",
                limits.memory_bytes
            )));
        }
        // Chunks of equal size: a short last one would leave the device idle.
        let chunks = pixels.div_ceil(largest);
        let chunk_pixels = match chunks {
            1 => pixels.next_multiple_of(CHUNK_ALIGNMENT),
            _ => pixels.div_ceil(chunks).next_multiple_of(alignment),
        };
        let in_flight_bytes = CHUNKS_IN_FLIGHT.min(chunks) * memory_of_chunk(chunk_pixels);
        let index_bytes = 2 * u128::from(pixels.div_ceil(chunk_pixels)) * u128::from(chunk_pixels);
        let keeps_indices = index_bytes + u128::from(in_flight_bytes) <= u128::from(chunk_memory);
        let chunks_per_block = (range.min(MOST_BLOCK_BYTES) / (2 * chunk_pixels)).max(1);
        // At least half of the palette's hash table stays free, so that searches end.
        let slot_bytes = 4 + word_bytes;
        let palette_slots = largest_power_of_two(range.min(palette_memory / sides) / slot_bytes);
        let palette_part_colors = usize::try_from(palette_slots / 2).unwrap_or(usize::MAX).max(1);
        Ok(Self {
            pixels,
            chunk_pixels,
            copied_bytes,
            keeps_indices,
            chunks_per_block,
            palette_part_colors,
            count_copies: limits.count_copies.max(1),
        })
    }

    /// How many chunks there are.
    pub(crate) fn chunk_count(&self) -> u64 {
        self.pixels.div_ceil(self.chunk_pixels)
    }

    /// Pixels of the image.
    pub(crate) fn pixels(&self) -> u64 {
        self.pixels
    }

    /// The pixels of each chunk.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        chunks(self.pixels, self.chunk_pixels)
    }

    /// Slots of the largest table that is of use: a chunk whose pixels all differ fills three quarters;
    /// and whose slots fit colour indices.
    pub(crate) fn most_table_slots(&self) -> u32 {
        most_table_slots(self.chunk_pixels).min(MOST_INDEXED_SLOTS)
    }

    /// Entries of a list that can hold all colours of a chunk's table.
    pub(crate) fn most_entries(&self) -> u64 {
        self.chunk_pixels.min(self.most_table_slots().into())
    }

    /// What the memory of a chunk in flight is divided into.
    pub(crate) fn chunk_layout(&self) -> ChunkLayout {
        let slots = u64::from(self.most_table_slots());
        let mut end = 0;
        let mut place = |words: u64| {
            let start = end;
            end = start + words.next_multiple_of(OFFSET_WORDS);
            start
        };
        let pixels = place(self.chunk_pixels * self.copied_bytes.unwrap_or(0) / 4);
        let slot_pixels = place(slots);
        let counts = place(slots * u64::from(self.count_copies));
        let report = place(REPORT_WORDS + ENTRY_WORDS * self.most_entries());
        let label_of_index = place(slots + 1);
        ChunkLayout { pixels, slot_pixels, counts, report, label_of_index, words: end }
    }
}

/// Buffers that are bound begin at a multiple of this many words, which suits every device.
pub(crate) const OFFSET_WORDS: u64 = 64;

/// Bytes of one block of colour indices at most.
const MOST_BLOCK_BYTES: u64 = 64 << 20;

/// How the colours of some pixels are counted exactly, where the image has too many for a small table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExactPlan {
    /// Pixels of every chunk but the last.
    pub(crate) chunk_pixels: u64,
    /// Pixels of the image that are counted in one go.
    pub(crate) group_pixels: u64,
}

/// Most bytes of a pixel that is counted exactly on the host: its list entry, its colour, the histogram's
/// share, which doubles as it grows.
const HOST_BYTES_PER_COLOR: u64 = 160;

impl ExactPlan {
    /// Plans an image; `copied_bytes` as for `Plan`.
    pub(crate) fn new(
        grid: PixelGrid,
        limits: &DeviceLimits,
        copied_bytes: Option<u64>,
        host_bytes: u64,
    ) -> Self {
        let range = limits.max_storage_buffer_range;
        let pixel_bytes = copied_bytes.unwrap_or(4 * u64::from(grid.words));
        let sides = sides(limits);
        // A quarter for the buckets' counters, colour indices and other buffers that the call has made.
        let memory = limits.memory_bytes / 4;
        let copied_pixels = copied_bytes.map_or(u64::MAX, |bytes| memory / (bytes * sides));
        let chunk =
            [range.saturating_sub(4 * OFFSET_WORDS) / pixel_bytes, copied_pixels, MOST_EXACT_CHUNK_PIXELS]
                .into_iter()
                .fold(u64::MAX, u64::min);
        let chunk = (chunk / CHUNK_ALIGNMENT * CHUNK_ALIGNMENT).max(CHUNK_ALIGNMENT);
        let group = [
            (range / 16).max(1),
            largest_power_of_two(range / 4) / 4 * 3,
            2 * memory / (3 * 8 + 12 * sides),
            host_bytes / HOST_BYTES_PER_COLOR,
            MOST_EXACT_CHUNK_PIXELS,
        ];
        let group_pixels = group.into_iter().fold(u64::MAX, u64::min).max(1);
        let chunks = grid.pixels().div_ceil(chunk);
        let chunk_pixels = grid.pixels().div_ceil(chunks).next_multiple_of(CHUNK_ALIGNMENT);
        Self { chunk_pixels, group_pixels }
    }

    /// Slots of the largest table that is of use for so many pixels of which nothing is known.
    pub(crate) fn most_table_slots(&self, pixels: u64) -> u32 {
        most_table_slots(pixels.min(self.chunk_pixels))
    }
}

/// A chunk is never larger than this, whatever the limits: indices into its words stay below 2^30.
const MOST_EXACT_CHUNK_PIXELS: u64 = 1 << 28;

/// How many copies of what the host reads or writes there are.
fn sides(limits: &DeviceLimits) -> u64 {
    if limits.unified_memory { 1 } else { 2 }
}

fn most_table_slots(pixels: u64) -> u32 {
    // Lossless: no chunk has more than 2^28 pixels.
    ((pixels * 4).div_ceil(3) as u32).next_power_of_two()
}

/// How many bits tell the buckets of an image: some 16 pixels a bucket, so that few of them add up
/// to what looks like a frequent colour.
pub(crate) fn bucket_bits(pixels: u64, limits: &DeviceLimits) -> u32 {
    // One more word counts the pixels without a colour.
    let counters = (limits.max_storage_buffer_range / 4).saturating_sub(1);
    let fitting = counters.min(limits.memory_bytes / 64).max(1).ilog2();
    (pixels / 16).max(1).ilog2().clamp(4, 20).min(fitting).max(1)
}

/// The ranges of chunks of `chunk_pixels` pixels.
pub(crate) fn chunks(pixels: u64, chunk_pixels: u64) -> impl Iterator<Item = Range<u64>> {
    (0..pixels.div_ceil(chunk_pixels))
        .map(move |index| index * chunk_pixels..((index + 1) * chunk_pixels).min(pixels))
}

/// Slots of the next table to try, after one of `slots` slots was too small.
pub(crate) fn grown_table_slots(slots: u32, most: u32) -> u32 {
    slots.saturating_mul(8).min(most)
}

/// Slots that a search of a table looks at before it gives up. The largest table is at most three
/// quarters full: there all probes fail once in 10^16 searches.
pub(crate) fn max_probes(slots: u32) -> u32 {
    slots.min(128)
}

/// Slots of a table for about `distinct` colours.
pub(crate) fn table_slots_for(distinct: u32) -> u32 {
    (4 * u64::from(distinct)).next_power_of_two().clamp(FIRST_TABLE_SLOTS.into(), 1 << 31) as u32
}

/// Splits `0..items` into the ranges of single dispatches, and says how many workgroups each has, in
/// which an invocation works on `items_per_invocation` items.
pub(crate) fn dispatches(
    items: u32,
    items_per_invocation: u32,
    limits: &DeviceLimits,
) -> impl Iterator<Item = (Range<u32>, u32)> + use<> {
    let per_workgroup = limits.workgroup_size * items_per_invocation;
    let workgroups = (MOST_DISPATCH_ITEMS / per_workgroup).min(limits.max_workgroups).max(1);
    let step = workgroups * per_workgroup;
    (0..items.div_ceil(step)).map(move |index| {
        let start = index * step;
        let end = start.saturating_add(step).min(items);
        (start..end, (end - start).div_ceil(per_workgroup))
    })
}

/// Planes that one dispatch of the stage expand writes at most: enough for a label to be read seldom, few enough for
/// the dispatch to be short.
pub(crate) const MOST_PLANES: u32 = 16;

/// How many planes, of `plane_pixels` floats each, a dispatch writes a chunk's part of: the first plane's part and the
/// last one's are in one storage buffer, which begins at a legal offset before the former.
pub(crate) fn planes_per_dispatch(plane_pixels: u64, chunk_pixels: u64, limits: &DeviceLimits) -> u32 {
    let words = (limits.max_storage_buffer_range / 4).saturating_sub(OFFSET_WORDS + chunk_pixels);
    // Lossless: at most MOST_PLANES.
    (words / plane_pixels + 1).min(MOST_PLANES.into()) as u32
}

fn largest_power_of_two(at_most: u64) -> u64 {
    at_most.checked_ilog2().map_or(0, |exponent| 1 << exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// lavapipe's, as it reports them.
    const SMALL: DeviceLimits = DeviceLimits {
        max_storage_buffer_range: 1 << 27,
        max_workgroups: 65_535,
        memory_bytes: 1 << 31,
        unified_memory: true,
        writable_memory: false,
        workgroup_size: 8,
        count_copies: 2,
    };

    fn plan(width: u32, height: u32, channels: u32, limits: &DeviceLimits) -> Plan {
        Plan::new(PixelGrid::new(width, height, 1, channels).unwrap(), limits, Some(4 * u64::from(channels)))
            .unwrap()
    }

    fn check(grid: PixelGrid, limits: &DeviceLimits, copied_bytes: Option<u64>) {
        let Ok(plan) = Plan::new(grid, limits, copied_bytes) else {
            assert!(limits.memory_bytes < 1 << 16, "{grid:?} {limits:?}");
            return;
        };
        let chunk = plan.chunk_pixels;
        let range = limits.max_storage_buffer_range;
        let word_bytes = 4 * u64::from(grid.words);
        let pixel_bytes = copied_bytes.unwrap_or(word_bytes);
        assert!(chunk >= 128 && chunk.is_multiple_of(128) && chunk <= 1 << 21, "{plan:?}");
        assert!(chunk * pixel_bytes + 252 <= range, "{plan:?}");
        let slots = u64::from(plan.most_table_slots());
        assert!((slots + 1) * 4 <= range && slots <= 1 << 15, "{plan:?} {slots}");
        assert!(slots * 4 * u64::from(plan.count_copies) <= range, "{plan:?} {slots}");
        assert!(slots * 3 >= chunk * 4 || slots == 1 << 15, "{plan:?} {slots}");
        assert!(4 * (REPORT_WORDS + ENTRY_WORDS * plan.most_entries()) <= range, "{plan:?}");
        assert!(2 * chunk * plan.chunks_per_block <= range, "{plan:?}");
        let palette = (2 * plan.palette_part_colors as u64).next_power_of_two() * (4 + word_bytes);
        assert!(palette <= range.max(2 * (4 + word_bytes)), "{plan:?}");
        // What is allocated: of the memory of chunks in flight all copies, labels, colour indices, and the palette.
        let layout = plan.chunk_layout();
        let in_flight = CHUNKS_IN_FLIGHT.min(plan.chunk_count());
        let chunk_words = sides(limits) * (layout.words + chunk);
        let index_chunks = if plan.keeps_indices { plan.chunk_count() } else { in_flight };
        let memory = in_flight * 4 * chunk_words + index_chunks * 2 * chunk + palette * sides(limits);
        let rounded = in_flight * sides(limits) * 4 * 5 * OFFSET_WORDS;
        assert!(memory <= limits.memory_bytes + rounded, "{plan:?} {memory} {limits:?}");
        let mut chunks = plan.chunks();
        assert_eq!(chunks.next().map(|c| c.start), Some(0));
        let last = (plan.chunk_count() - 1) * chunk..grid.pixels();
        assert!(!last.is_empty() && last.end - last.start <= chunk, "{plan:?} {last:?}");
        assert!(plan.chunk_count() == 1 || plan.chunks().nth(1).unwrap().start == chunk);
    }

    fn check_exact(grid: PixelGrid, limits: &DeviceLimits, copied: Option<u64>, host_bytes: u64) {
        let plan = ExactPlan::new(grid, limits, copied, host_bytes);
        let range = limits.max_storage_buffer_range;
        let pixel_bytes = copied.unwrap_or(4 * u64::from(grid.words));
        assert!(plan.chunk_pixels.is_multiple_of(128) && plan.group_pixels > 0, "{plan:?}");
        assert!(plan.chunk_pixels * pixel_bytes + 252 <= range, "{plan:?}");
        assert!(plan.chunk_pixels <= 1 << 28, "{plan:?}");
        let counted = plan.group_pixels.min(plan.chunk_pixels);
        let slots = u64::from(plan.most_table_slots(plan.group_pixels));
        assert!(slots * 3 >= counted * 4 && slots * 4 <= range, "{plan:?} {slots}");
        assert!(4 * (REPORT_WORDS + ENTRY_WORDS * counted) <= range, "{plan:?}");
        let copied_bytes = copied.unwrap_or(0) * plan.chunk_pixels * sides(limits);
        let memory = copied_bytes + slots * 8 + 12 * counted * sides(limits);
        assert!(memory <= limits.memory_bytes, "{plan:?} {memory} {limits:?}");
        assert!(plan.group_pixels <= (host_bytes / HOST_BYTES_PER_COLOR).max(1));
    }

    #[test]
    fn chunks_fit_the_limits_at_any_size() {
        let sides = [1, 7, 64, 1920, 7680, 65_537, 1 << 20, (1 << 24) + 1, u32::MAX];
        let ranges = [1 << 13, 1 << 16, (1 << 20) + 4, 1 << 27, u64::from(u32::MAX), 1 << 40];
        for width in sides {
            for height in sides {
                for channels in 1..=4 {
                    let Ok(grid) = PixelGrid::new(width, height, 1, channels) else { continue };
                    for max_storage_buffer_range in ranges {
                        for memory_bytes in [1 << 14, 1 << 16, 1 << 24, 1 << 31, 1 << 40] {
                            let words = Some(4 * u64::from(channels));
                            for (unified_memory, copied) in
                                [(true, words), (true, None), (false, words), (false, Some(3))]
                            {
                                let limits = DeviceLimits {
                                    max_storage_buffer_range,
                                    memory_bytes,
                                    unified_memory,
                                    writable_memory: false,
                                    ..SMALL
                                };
                                check(grid, &limits, copied);
                                if memory_bytes >= 1 << 16 {
                                    check_exact(grid, &limits, copied, memory_bytes / 3);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn larger_images_are_worked_on_in_chunks_of_whole_tiles() {
        let full_hd = PixelGrid::new(1920, 1080, 1, 3).unwrap();
        let imported = Plan::new(full_hd, &SMALL, None).unwrap();
        assert_eq!((imported.chunk_count(), imported.chunk_pixels), (1, 2_073_600));
        let copied = plan(1920, 1080, 3, &SMALL);
        assert_eq!((copied.chunk_count(), copied.chunk_pixels), (4, 32 * TILE as u64));
        let eight_k = Plan::new(PixelGrid::new(7680, 4320, 1, 3).unwrap(), &SMALL, None).unwrap();
        assert_eq!((eight_k.chunk_count(), eight_k.chunk_pixels % TILE as u64), (16, 0));
        assert!(imported.keeps_indices && copied.keeps_indices && eight_k.keeps_indices);
        let huge = plan(1_000_000, 1_000_000, 4, &SMALL);
        assert!(!huge.keeps_indices);
        assert_eq!(huge.chunks().map(|c| c.end - c.start).sum::<u64>(), 1_000_000_000_000);
    }

    #[test]
    fn too_small_a_device_is_an_error() {
        let limits = DeviceLimits { memory_bytes: 1000, ..SMALL };
        let refused = Plan::new(PixelGrid::new(8, 8, 1, 1).unwrap(), &limits, Some(4));
        assert!(matches!(refused, Err(Error::OutOfDeviceMemory(_))), "{refused:?}");
    }

    #[test]
    fn tables_grow_and_end_at_the_most() {
        let plan = plan(1920, 1080, 3, &SMALL);
        assert_eq!(plan.most_table_slots(), 1 << 15);
        assert_eq!(grown_table_slots(1 << 10, 1 << 15), 1 << 13);
        assert_eq!(grown_table_slots(1 << 13, 1 << 15), 1 << 15);
        assert_eq!(max_probes(1 << 22), 128);
        assert_eq!(max_probes(64), 64);
        assert_eq!(table_slots_for(100), FIRST_TABLE_SLOTS);
        assert_eq!(table_slots_for(u32::MAX), 1 << 31);
        let grid = PixelGrid::new(1920, 1080, 1, 3).unwrap();
        let exact = ExactPlan::new(grid, &SMALL, None, u64::MAX);
        assert_eq!(exact.most_table_slots(u64::MAX), 1 << 22);
        assert_eq!(exact.most_table_slots(768), 1 << 10);
        assert_eq!(exact.most_table_slots(769), 1 << 11);
    }

    #[test]
    fn buckets_are_as_many_as_serve_and_fit() {
        assert_eq!(bucket_bits(1, &SMALL), 4);
        assert_eq!(bucket_bits(1920 * 1080, &SMALL), 16);
        assert_eq!(bucket_bits(u64::MAX, &SMALL), 20);
        assert_eq!(bucket_bits(u64::MAX, &DeviceLimits { max_storage_buffer_range: 8192, ..SMALL }), 10);
        assert_eq!(bucket_bits(u64::MAX, &DeviceLimits { memory_bytes: 1 << 16, ..SMALL }), 10);
    }

    #[test]
    fn dispatches_cover_all_items_once_within_the_limits() {
        for (max_workgroups, workgroup_size) in [(1, 8), (3, 64), (65_535, 4), (65_535, 64)] {
            let limits = DeviceLimits { max_workgroups, workgroup_size, ..SMALL };
            for items in [1, 63, 64, 65, 1 << 14, 1_000_003] {
                for per_invocation in [1, 4, 16, 512] {
                    let mut next = 0;
                    for (range, workgroups) in dispatches(items, per_invocation, &limits) {
                        assert_eq!(range.start, next);
                        assert!(range.start.is_multiple_of(workgroup_size * per_invocation));
                        assert!(workgroups >= 1 && workgroups <= max_workgroups);
                        let covered = workgroups * workgroup_size * per_invocation;
                        assert!(covered >= range.end - range.start);
                        next = range.end;
                    }
                    assert_eq!(next, items);
                }
            }
        }
    }

    #[test]
    fn planes_that_are_written_in_one_go_fit_a_storage_buffer() {
        let full_hd = 1920 * 1080;
        assert_eq!(planes_per_dispatch(full_hd, full_hd, &SMALL), 16);
        let wide = DeviceLimits { max_storage_buffer_range: u32::MAX.into(), ..SMALL };
        for limits in [SMALL, wide, DeviceLimits { max_storage_buffer_range: 8192, ..SMALL }] {
            let range = limits.max_storage_buffer_range;
            for (width, height) in [(1, 1), (127, 1), (1920, 1080), (100_000, 40_000), (u32::MAX, 1)] {
                let grid = PixelGrid::new(width, height, 1, 1).unwrap();
                let plan = Plan::new(grid, &limits, None).unwrap();
                let planes = planes_per_dispatch(grid.pixels(), plan.chunk_pixels, &limits);
                assert!((1..=MOST_PLANES).contains(&planes));
                let words = |planes: u32| {
                    u64::from(planes - 1) * grid.pixels()
                        + plan.chunk_pixels.min(grid.pixels())
                        + OFFSET_WORDS
                };
                assert!(4 * words(planes) <= range, "{planes} planes of {grid:?} in {range}");
                // No word's index in such a buffer is too large for a shader.
                assert!(u32::try_from(words(planes)).is_ok());
                // And not fewer than could be.
                let padded = u64::from(planes) * grid.pixels() + plan.chunk_pixels + OFFSET_WORDS;
                assert!(
                    planes == MOST_PLANES || 4 * padded > range,
                    "{planes} planes of {grid:?} in {range}"
                );
            }
        }
    }

    #[test]
    fn a_large_palette_comes_in_parts() {
        assert_eq!(plan(64, 64, 3, &SMALL).palette_part_colors, 1 << 22);
        let narrow = DeviceLimits { max_storage_buffer_range: 8192, ..SMALL };
        assert_eq!(plan(64, 64, 4, &narrow).palette_part_colors, 128);
    }
}
