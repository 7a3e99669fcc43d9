//! The stages, with the values of their specialisation constants, and how their work is distributed over invocations.

use crate::backend::vulkan::device::shaders::{self, Shader, constant};
use crate::backend::vulkan::plan::WORKGROUP_SIZE;
use crate::types::options::DeviceLimits;
use crate::types::outputs::LabelWidth;

/// The variants of the stage count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counting {
    /// Colours, with each pixel's colour index.
    Indices,
    /// Colours in wanted buckets.
    Wanted,
    /// Buckets.
    Buckets,
}

/// What shaders are told of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PixelWords {
    /// Words of a pixel.
    pub(crate) count: u32,
    /// Bytes from a pixel to the next: those of its words, or only those of its values, see `Pixels::value_bytes`.
    pub(crate) bytes: u32,
    /// Whether all different words are different values, and none is a NaN.
    pub(crate) are_integers: bool,
}

impl PixelWords {
    fn constants(self) -> [(u32, u32); 3] {
        [
            (constant::CHANNELS, self.count),
            (constant::PIXEL_BYTES, self.bytes),
            (constant::INTEGERS, u32::from(self.are_integers)),
        ]
    }
}

/// A stage and the values of those of its specialisation constants that do not follow from the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Count {
        counting: Counting,
        words: PixelWords,
        copies: u32,
    },
    /// Fingerprints of pixels.
    Fingerprints {
        words: PixelWords,
    },
    Collect {
        copies: u32,
    },
    /// Reads pixels for the host.
    CollectColors {
        words: PixelWords,
    },
    /// `words`: colours are looked up; `None`: pixels have colour indices.
    Label {
        words: Option<PixelWords>,
        width: LabelWidth,
    },
    Expand {
        width: LabelWidth,
    },
}

/// Specialisation constants: their numbers and values.
pub(crate) type Constants = Vec<(u32, u32)>;

impl Stage {
    /// Its shader.
    pub(crate) fn shader(self) -> &'static Shader {
        match self {
            Self::Count { counting: Counting::Indices, .. } => &shaders::COUNT_INDICES,
            Self::Count { counting: Counting::Wanted, .. } => &shaders::COUNT_WANTED,
            Self::Count { counting: Counting::Buckets, .. } => &shaders::COUNT_BUCKETS,
            Self::Fingerprints { .. } => &shaders::FINGERPRINTS,
            Self::Collect { .. } => &shaders::COLLECT,
            Self::CollectColors { .. } => &shaders::COLLECT_COLORS,
            Self::Label { words: None, .. } => &shaders::LABEL,
            Self::Label { words: Some(_), .. } => &shaders::LABEL_COLORS,
            Self::Expand { .. } => &shaders::EXPAND,
        }
    }

    /// All of its shader's specialisation constants, on a device with these limits.
    pub(crate) fn constants(self, limits: &DeviceLimits) -> Constants {
        let distribution = WorkDistribution::new(limits);
        let mut constants = vec![
            (constant::WORKGROUP_SIZE, limits.workgroup_size),
            (constant::ITEMS_PER_INVOCATION, distribution.items(self)),
            (constant::BLOCKED, u32::from(distribution.order == Order::Blocked)),
        ];
        match self {
            Self::Count { words, copies, .. } => {
                constants.extend(words.constants());
                constants.extend([
                    (constant::WORKGROUP_SLOTS, distribution.count_workgroup_slots),
                    (constant::COPIES, copies),
                ]);
            }
            Self::Fingerprints { words } | Self::CollectColors { words } => {
                constants.extend(words.constants())
            }
            Self::Collect { copies } => constants.push((constant::COPIES, copies)),
            Self::Label { words, width } => {
                constants.extend(words.into_iter().flat_map(PixelWords::constants));
                constants.push((constant::LABEL_BITS, 8 * width.bytes() as u32));
            }
            Self::Expand { width } => constants.push((constant::LABEL_BITS, 8 * width.bytes() as u32)),
        }
        constants
    }

    /// Pixels, or slots, of one item: what an invocation works on at a time.
    fn item_size(self) -> u32 {
        match self {
            Self::Count { .. } | Self::Fingerprints { .. } => 2,
            Self::Collect { .. } | Self::CollectColors { .. } | Self::Expand { .. } => 1,
            Self::Label { .. } => 4,
        }
    }
}

/// In which order invocations have their items, see shaders/work_distribution.glsl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Each has consecutive ones.
    Blocked,
    /// Neighbours have neighbouring ones.
    Striped,
}

/// How a dispatch's items are distributed over its invocations.
///
/// A GPU wants many invocations; a software rasteriser, with few invocations in a workgroup, wants few
/// workgroups, each of which costs it about as much as a hundred pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkDistribution {
    order: Order,
    /// Pairs of pixels that one invocation of the stages count and fingerprints works on.
    count_pairs: u32,
    /// Slots of the table in which a workgroup adds up its counts; 1: none, which is cheaper where shared
    /// memory is memory like any other.
    count_workgroup_slots: u32,
    collect_slots: u32,
    /// Groups of four pixels that one invocation of the stage label works on, where pixels have colour indices
    /// and where colours are looked up.
    label_groups: u32,
    label_color_groups: u32,
    /// Pixels that one invocation of the stage expand works on.
    expand_pixels: u32,
}

impl WorkDistribution {
    /// What suits a device.
    pub(crate) fn new(limits: &DeviceLimits) -> Self {
        if limits.workgroup_size >= WORKGROUP_SIZE {
            Self {
                order: Order::Striped,
                count_pairs: 8,
                count_workgroup_slots: 256,
                collect_slots: 4,
                label_groups: 4,
                label_color_groups: 4,
                expand_pixels: 4,
            }
        } else {
            // Not more: lavapipe silently ends all loops of an invocation after 65,535 rounds altogether,
            // those of searches included.
            Self {
                order: Order::Blocked,
                count_pairs: 240,
                count_workgroup_slots: 1,
                collect_slots: 64,
                label_groups: 512,
                label_color_groups: 16,
                expand_pixels: 128,
            }
        }
    }

    /// Items of an invocation.
    fn items(&self, stage: Stage) -> u32 {
        match stage {
            Stage::Count { .. } | Stage::Fingerprints { .. } => self.count_pairs,
            Stage::Collect { .. } | Stage::CollectColors { .. } => self.collect_slots,
            Stage::Label { words: None, .. } => self.label_groups,
            Stage::Label { words: Some(_), .. } => self.label_color_groups,
            Stage::Expand { .. } => self.expand_pixels,
        }
    }

    /// Pixels, or slots, that one invocation of a stage works on.
    pub(crate) fn per_invocation(&self, stage: Stage) -> u32 {
        stage.item_size() * self.items(stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::vulkan::plan::{MOST_PLANES, max_probes};
    use crate::backend::vulkan::stages::palette_table::GOOD_PROBES;

    #[test]
    fn no_invocation_has_more_rounds_than_lavapipe_allows() {
        for workgroup_size in [8, 64] {
            let distribution = WorkDistribution::new(&DeviceLimits {
                max_storage_buffer_range: 1 << 27,
                max_workgroups: 65_535,
                memory_bytes: 1 << 31,
                unified_memory: true,
                writable_memory: false,
                workgroup_size,
                count_copies: 1,
            });
            // Each pixel searched for, and the loops around the search.
            assert!(2 * distribution.count_pairs * (max_probes(u32::MAX) + 2) < 65_535);
            assert!(4 * distribution.label_color_groups * (8 * GOOD_PROBES + 2) < 65_535);
            // Each plane of each pixel.
            assert!(distribution.expand_pixels * (MOST_PLANES + 1) < 65_535);
        }
    }
}
