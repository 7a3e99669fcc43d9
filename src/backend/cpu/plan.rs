//! Pure arithmetic: an image's size, threads and memory → what is kept, and how large tables get.

use crate::labels::TILE;
use crate::types::params::SelectionRule;

/// How an image is worked on. With less memory than it would like the backend reads the image more often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuPlan {
    /// Parts of the image that are counted at the same time, each with tables of its own.
    pub(crate) parts: usize,
    /// Pixels that a thread takes at a time at most; a multiple of `TILE`.
    pub(crate) span_pixels: usize,
    /// Whether two bytes a pixel are kept from counting to labelling.
    pub(crate) keep_labels: bool,
    /// When a part has so many colours that they are counted otherwise.
    pub(crate) few: FewColors,
    /// Whether a thread begins a new part, with new tables, where a part has all colours that it can have.
    pub(crate) grows_parts: bool,
    /// Counters that bound the counts of colours from above, as a power of two; fewer where a sample says that they do.
    pub(crate) bucket_bits: u32,
    /// Buckets whose colours are counted first, to raise the threshold quickly; more where many masks are asked for.
    pub(crate) first_buckets: usize,
    /// Colours of those that are counted in one table at most; with more, the work is split.
    pub(crate) table_colors: usize,
    /// Pixels that are sorted by bucket in one go.
    pub(crate) group_pixels: usize,
    /// Pixels that are labelled and expanded in one go where labels are not kept; a multiple of `TILE`.
    pub(crate) band_pixels: usize,
}

/// When a part has few colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FewColors {
    /// Up to so many colours are few.
    pub(crate) always: usize,
    /// More are few, too, while there are so many pixels to each …
    pub(crate) pixels_per_color: usize,
    /// … but never more than this; at most 65,534, of which two bytes tell all.
    pub(crate) most: usize,
}

impl FewColors {
    pub(crate) fn include(self, colors: usize, pixels: usize) -> bool {
        colors <= self.always || (colors <= self.most && self.have_many_pixels(colors, pixels))
    }

    /// Whether there are many pixels to each colour.
    pub(crate) fn have_many_pixels(self, colors: usize, pixels: usize) -> bool {
        colors.saturating_mul(self.pixels_per_color) <= pixels
    }
}

/// Bytes that a colour takes at most in a part's tables and in the merged one: 16 slots of 4 bytes and a quarter of them while
/// the table grows, and a key of 16 bytes and two while their list does, twice; in the cache 8 sets of 40 bytes, or 64 of 8
/// and a quarter of them while it grows; counts and the list.
const BYTES_PER_FEW_COLOR: u64 = 2 * 128 + 640 + 64;

/// Bytes that a bucket takes beside a counter of 4 bytes for each part: its total, and its place in the
/// list of those that matter.
const BYTES_PER_BUCKET: u64 = 16;

/// Bytes that a pixel takes at most while it is sorted by bucket: its colour and a count; where all are of
/// one partition, 8 slots of 4 bytes and the colour and count in its table; and the colour found.
const BYTES_PER_GROUP_PIXEL: u64 = 20 + 8 * 4 + 20 + 24;

impl CpuPlan {
    /// Plans an image of so many pixels for so many threads; `memory_limit` 0 stands for no limit.
    pub(crate) fn new(pixels: usize, threads: usize, memory_limit: u64) -> Self {
        let kept = 2 * pixels as u64;
        let keep_labels = memory_limit == 0 || kept <= memory_limit / 2;
        let rest = match memory_limit {
            0 => u64::MAX,
            limit => limit - if keep_labels { kept } else { 0 },
        };
        // The buffer for sorted pixels stays from call to call; the others follow each other.
        let (sorted, others) = (rest / 4, rest / 2);

        let per_thread = others / threads as u64 / BYTES_PER_FEW_COLOR;
        let most = per_thread.clamp(512, 65_534);
        let parts = (others / (most * BYTES_PER_FEW_COLOR)).clamp(1, threads as u64);

        // Some for each thread, so that none has to wait long for another.
        let span_tiles = (pixels / TILE / (8 * parts as usize)).clamp(1, 16);

        // A bucket for 64 pixels: few pixels of other colours make a colour's bound too high.
        let wanted_bits = (pixels as u64 / 64).next_power_of_two().trailing_zeros().clamp(12, 20);
        let bucket_bits = (others / (4 * parts + BYTES_PER_BUCKET)).ilog2().min(wanted_bits);

        let group_pixels = (sorted / BYTES_PER_GROUP_PIXEL).min(8 << 20);
        let band_tiles = (rest / 16 / (4 * TILE as u64)).clamp(1, 16 * threads as u64);
        Self {
            parts: parts as usize,
            span_pixels: span_tiles * TILE,
            keep_labels,
            grows_parts: memory_limit == 0,
            // The cache for 4,096 colours takes half of a second-level cache.
            few: FewColors { always: 4096.min(most) as usize, pixels_per_color: 16, most: most as usize },
            bucket_bits,
            first_buckets: 8,
            // All parts' tables have the memory that those of few colours would have.
            table_colors: most.min(8192) as usize,
            group_pixels: group_pixels as usize,
            band_pixels: band_tiles as usize * TILE,
        }
    }

    /// Buckets whose colours are counted first where so many masks are asked for.
    pub(crate) fn wanted_buckets(&self, selection: &SelectionRule) -> usize {
        self.first_buckets.max((2 * selection.max_count as usize).min(4096))
    }

    /// Colours that are tracked in one table at most: parts of the image are not of the same size, and with more the work
    /// is for nothing.
    pub(crate) fn tracked_colors(&self) -> usize {
        (2 * self.table_colors).min(self.few.most)
    }

    /// A plan that takes the code paths of large images with small ones.
    pub(crate) fn small(pixels: usize, threads: usize, keep_labels: bool) -> Self {
        let few = FewColors { always: 3, pixels_per_color: usize::MAX, most: 3 };
        let plan = Self::new(pixels, threads, 0);
        Self {
            keep_labels,
            few,
            grows_parts: false,
            bucket_bits: 4,
            first_buckets: 2,
            group_pixels: 300,
            band_pixels: TILE,
            ..plan
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a plan takes at most: what stays, and the more hungry of the two ways to count.
    fn bytes(plan: &CpuPlan, pixels: usize) -> u64 {
        let kept = if plan.keep_labels { 2 * pixels as u64 } else { 0 };
        let few = plan.parts * plan.few.most;
        let buckets = (1 << plan.bucket_bits) * (4 * plan.parts as u64 + BYTES_PER_BUCKET);
        let sorted = plan.group_pixels as u64 * BYTES_PER_GROUP_PIXEL;
        let band = 4 * plan.band_pixels as u64;
        kept + (few as u64 * BYTES_PER_FEW_COLOR).max(buckets) + sorted + band
    }

    #[test]
    fn plans_keep_the_limit() {
        for pixels in [1, 4096, 2_073_600, 8_294_400, 33_177_600, 10_000_000_000] {
            for threads in [1, 2, 16, 64, 512] {
                for limit in [32 << 20, 33 << 20, 64 << 20, 1 << 30, 1 << 40] {
                    let plan = CpuPlan::new(pixels, threads, limit);
                    assert!(bytes(&plan, pixels) <= limit, "{pixels} {threads} {limit} {plan:?}");
                    assert!(plan.parts >= 1 && plan.parts <= threads, "{plan:?}");
                    assert!(plan.few.always >= 512 && plan.few.most <= 65_534, "{plan:?}");
                    assert!((10..=20).contains(&plan.bucket_bits), "{plan:?}");
                    assert!(plan.band_pixels.is_multiple_of(TILE) && plan.band_pixels > 0, "{plan:?}");
                    assert!((1 << 15..=8 << 20).contains(&plan.group_pixels), "{plan:?}");
                }
            }
        }
    }

    #[test]
    fn without_a_limit_all_threads_count_and_labels_are_kept() {
        for pixels in [1, 33_177_600, 10_000_000_000] {
            let plan = CpuPlan::new(pixels, 64, 0);
            assert_eq!((plan.parts, plan.keep_labels, plan.few.most), (64, true, 65_534));
        }
        assert_eq!(CpuPlan::new(8_294_400, 2, 0).bucket_bits, 17);
    }

    #[test]
    fn labels_are_kept_where_they_take_half_of_the_memory_at_most() {
        assert!(CpuPlan::new(8 << 20, 2, 32 << 20).keep_labels);
        assert!(!CpuPlan::new((8 << 20) + 1, 2, 32 << 20).keep_labels);
    }
}
