//! Pure arithmetic: an image's shape and a device's limits → chunks, table sizes, dispatches.
//!
//! Nothing here touches a device, so that sizes which no test machine holds are tested as well.

use std::ops::Range;

use crate::error::Error;
use crate::image::Shape;

/// What a device allows. The Vulkan backend fills it in; tests lower it to walk the roads of other
/// devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Bytes of one storage buffer.
    pub max_storage_buffer_range: u64,
    /// Workgroups of one dispatch.
    pub max_workgroups: u32,
    /// Bytes that may be allocated on the device.
    pub memory_bytes: u64,
    /// Whether the host reads and writes the device's memory as fast as its own; if not, buffers
    /// are copied through staging memory.
    pub unified_memory: bool,
}

/// Chunks begin at multiples of this many pixels, which keeps every buffer offset legal on every
/// device and every label word whole.
const CHUNK_ALIGNMENT: u64 = 64;

/// Most bytes a chunk's buffers may take per pixel, the pixel's own channels aside: table slots
/// (fewer than 8/3 slots of 8 bytes), list entry (8), label (4), and room for staging.
const WORKING_BYTES_PER_PIXEL: u64 = 40;

/// A chunk is never larger than this, whatever the limits: indices into its words stay below 2^30.
const MAX_CHUNK_PIXELS: u64 = 1 << 28;

/// One dispatch, and one submission, works on this many pixels or slots at most, so that it takes well
/// under the time after which a system resets a slow device (2 s on Windows).
pub(crate) const MAX_DISPATCH_ITEMS: u32 = 1 << 22;

/// Invocations of a workgroup, in all shaders.
pub(crate) const WORKGROUP_SIZE: u32 = 64;

/// Slots of the first table tried. Most colour maps have a few hundred colours.
pub(crate) const FIRST_TABLE_SLOTS: u32 = 1 << 14;

/// How an image is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pixels: u64,
    /// Pixels of every chunk but the last, which may be smaller.
    pub(crate) chunk_pixels: u64,
    /// Whether all chunks stay on the device from count to label.
    pub(crate) resident: bool,
    /// Colours of the palette that are looked up in one go; more come in several parts.
    pub(crate) palette_part_colors: usize,
}

impl Plan {
    /// Plans an image.
    pub(crate) fn new(shape: Shape, limits: &DeviceLimits) -> Result<Self, Error> {
        let pixels = shape.pixels();
        let pixel_bytes = 4 * u64::from(shape.channels());
        let range = limits.max_storage_buffer_range;
        // The palette gets a quarter of the memory.
        let palette_memory = limits.memory_bytes / 4;
        let chunk_memory = limits.memory_bytes - palette_memory;
        let largest = [
            range / pixel_bytes,                     // the colour map
            range / 8,                               // the list, and the labels
            largest_power_of_two(range / 4) / 4 * 3, // the table, at three quarters full
            chunk_memory / (pixel_bytes + WORKING_BYTES_PER_PIXEL),
            MAX_CHUNK_PIXELS,
        ]
        .into_iter()
        .fold(u64::MAX, u64::min);
        let largest = largest / CHUNK_ALIGNMENT * CHUNK_ALIGNMENT;
        if largest == 0 {
            return Err(Error::OutOfDeviceMemory(format!(
                "chunks of {CHUNK_ALIGNMENT} pixels do not fit (storage buffers of {range} bytes, {} bytes of memory)",
                limits.memory_bytes
            )));
        }
        // Chunks of equal size: a short last one would leave the device idle.
        let chunks = pixels.div_ceil(largest);
        let chunk_pixels = pixels.div_ceil(chunks).next_multiple_of(CHUNK_ALIGNMENT);
        let working_bytes = chunk_pixels * WORKING_BYTES_PER_PIXEL;
        let image_bytes = u128::from(pixels.div_ceil(chunk_pixels)) * u128::from(chunk_pixels * pixel_bytes);
        let resident = image_bytes + u128::from(working_bytes) <= u128::from(chunk_memory);
        // At least half of the palette's hash table stays free, so that searches end.
        let slot_bytes = 4 + pixel_bytes;
        let palette_slots = largest_power_of_two(range.min(palette_memory) / slot_bytes);
        let palette_part_colors = usize::try_from(palette_slots / 2).unwrap_or(usize::MAX).max(1);
        Ok(Self { pixels, chunk_pixels, resident, palette_part_colors })
    }

    /// How many chunks there are.
    pub(crate) fn chunk_count(&self) -> u64 {
        self.pixels.div_ceil(self.chunk_pixels)
    }

    /// The pixels of each chunk.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        let Self { pixels, chunk_pixels, .. } = *self;
        (0..self.chunk_count())
            .map(move |index| index * chunk_pixels..((index + 1) * chunk_pixels).min(pixels))
    }

    /// Slots of the largest table that is of use: a chunk whose pixels all differ fills three quarters.
    pub(crate) fn most_table_slots(&self) -> u32 {
        // Lossless: `chunk_pixels` is at most MAX_CHUNK_PIXELS.
        ((self.chunk_pixels * 4).div_ceil(3) as u32).next_power_of_two()
    }

    /// Entries of a list that can hold all colours of a table.
    pub(crate) fn list_entries(&self, table_slots: u32) -> u64 {
        self.chunk_pixels.min(table_slots.into())
    }

    /// Slots of the next table to try, after one of `slots` slots in which `distinct` colours found
    /// a place and `lost` runs of pixels did not: room for the case that each has another colour.
    pub(crate) fn grown_table_slots(&self, slots: u32, distinct: u32, lost: u32) -> u32 {
        let wanted = 2 * (u64::from(distinct) + u64::from(lost));
        let most = u64::from(self.most_table_slots());
        // Lossless: bounded by `most`.
        wanted.next_power_of_two().max(4 * u64::from(slots)).min(most) as u32
    }
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

/// Splits `0..items` into the ranges of single dispatches in which an invocation works on
/// `items_per_invocation` items.
pub(crate) fn dispatches(
    items: u32,
    items_per_invocation: u32,
    limits: &DeviceLimits,
) -> impl Iterator<Item = (Range<u32>, u32)> + use<> {
    let per_workgroup = WORKGROUP_SIZE * items_per_invocation;
    let workgroups = (MAX_DISPATCH_ITEMS / per_workgroup).min(limits.max_workgroups).max(1);
    let step = workgroups * per_workgroup;
    (0..items.div_ceil(step)).map(move |index| {
        let start = index * step;
        let end = start.saturating_add(step).min(items);
        (start..end, (end - start).div_ceil(per_workgroup))
    })
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
    };

    fn plan(width: u32, height: u32, channels: u32, limits: &DeviceLimits) -> Plan {
        Plan::new(Shape::new(width, height, channels).unwrap(), limits).unwrap()
    }

    fn check(shape: Shape, limits: &DeviceLimits) {
        let plan = Plan::new(shape, limits).unwrap();
        let chunk = plan.chunk_pixels;
        let range = limits.max_storage_buffer_range;
        let pixel_bytes = 4 * u64::from(shape.channels());
        assert!(chunk >= 64 && chunk.is_multiple_of(64), "{plan:?}");
        assert!(chunk * pixel_bytes <= range, "{plan:?}");
        let slots = plan.most_table_slots();
        assert!(u64::from(slots) * 4 <= range, "{plan:?} {slots}");
        assert!(u64::from(slots) * 3 >= chunk * 4, "{plan:?} {slots}");
        let list = plan.list_entries(slots) * 8;
        assert!(list <= range, "{plan:?}");
        let palette = (2 * plan.palette_part_colors as u64).next_power_of_two() * (4 + pixel_bytes);
        assert!(palette <= range.max(2 * (4 + pixel_bytes)), "{plan:?}");
        let memory = chunk * pixel_bytes + u64::from(slots) * 8 + list + chunk * 4 + palette;
        assert!(memory <= limits.memory_bytes, "{plan:?} {memory}");
        let mut chunks = plan.chunks();
        assert_eq!(chunks.next().map(|c| c.start), Some(0));
        let last = (plan.chunk_count() - 1) * chunk..shape.pixels();
        assert!(!last.is_empty() && last.end - last.start <= chunk, "{plan:?} {last:?}");
        assert!(plan.chunk_count() == 1 || plan.chunks().nth(1).unwrap().start == chunk);
    }

    #[test]
    fn chunks_fit_the_limits_at_any_size() {
        let sides = [1, 7, 64, 1920, 7680, 65_537, 1 << 20, (1 << 24) + 1, u32::MAX];
        let ranges = [1 << 12, 1 << 16, (1 << 20) + 4, 1 << 27, u64::from(u32::MAX), 1 << 40];
        for width in sides {
            for height in sides {
                for channels in 1..=4 {
                    let Ok(shape) = Shape::new(width, height, channels) else { continue };
                    for max_storage_buffer_range in ranges {
                        for memory_bytes in [1 << 14, 1 << 24, 1 << 31, 1 << 40] {
                            check(shape, &DeviceLimits { max_storage_buffer_range, memory_bytes, ..SMALL });
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn full_hd_is_one_chunk_and_eight_k_is_three() {
        let full_hd = plan(1920, 1080, 3, &SMALL);
        assert_eq!((full_hd.chunk_count(), full_hd.chunk_pixels, full_hd.resident), (1, 2_073_600, true));
        let eight_k = plan(7680, 4320, 3, &SMALL);
        assert_eq!((eight_k.chunk_count(), eight_k.chunk_pixels, eight_k.resident), (3, 11_059_200, true));
        let huge = plan(1_000_000, 1_000_000, 4, &SMALL);
        assert!(!huge.resident);
        assert_eq!(huge.chunks().map(|c| c.end - c.start).sum::<u64>(), 1_000_000_000_000);
    }

    #[test]
    fn too_small_a_device_is_an_error() {
        let limits = DeviceLimits { memory_bytes: 1000, ..SMALL };
        let refused = Plan::new(Shape::new(8, 8, 1).unwrap(), &limits);
        assert!(matches!(refused, Err(Error::OutOfDeviceMemory(_))), "{refused:?}");
    }

    #[test]
    fn tables_grow_by_what_was_reported_and_end_at_the_most() {
        let plan = plan(1920, 1080, 3, &SMALL);
        assert_eq!(plan.most_table_slots(), 1 << 22);
        assert_eq!(plan.grown_table_slots(1 << 14, 10_000, 90_000), 1 << 18);
        assert_eq!(plan.grown_table_slots(1 << 14, 10_000, 1), 1 << 16);
        assert_eq!(plan.grown_table_slots(1 << 14, 10_000, 2_000_000), 1 << 22);
        assert_eq!(plan.grown_table_slots(1 << 20, u32::MAX, u32::MAX), 1 << 22);
        assert_eq!(max_probes(1 << 22), 128);
        assert_eq!(max_probes(64), 64);
        assert_eq!(table_slots_for(100), FIRST_TABLE_SLOTS);
        assert_eq!(table_slots_for(u32::MAX), 1 << 31);
    }

    #[test]
    fn dispatches_cover_all_items_once_within_the_limits() {
        for max_workgroups in [1, 3, 65_535] {
            let limits = DeviceLimits { max_workgroups, ..SMALL };
            for items in [1, 63, 64, 65, 1 << 14, 1_000_003] {
                for per_invocation in [1, 4, 16] {
                    let mut next = 0;
                    for (range, workgroups) in dispatches(items, per_invocation, &limits) {
                        assert_eq!(range.start, next);
                        assert!(range.start.is_multiple_of(64 * per_invocation));
                        assert!(workgroups >= 1 && workgroups <= max_workgroups);
                        let covered = workgroups * WORKGROUP_SIZE * per_invocation;
                        assert!(covered >= range.end - range.start);
                        next = range.end;
                    }
                    assert_eq!(next, items);
                }
            }
        }
    }

    #[test]
    fn a_large_palette_comes_in_parts() {
        assert_eq!(plan(64, 64, 3, &SMALL).palette_part_colors, 1 << 22);
        let narrow = DeviceLimits { max_storage_buffer_range: 4096, ..SMALL };
        assert_eq!(plan(64, 64, 4, &narrow).palette_part_colors, 64);
    }
}
