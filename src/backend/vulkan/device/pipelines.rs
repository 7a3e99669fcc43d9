//! Shaders and pipelines, one for each stage and each value of its specialisation constants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use vulkano::pipeline::compute::ComputePipelineCreateInfo;
use vulkano::pipeline::layout::PipelineDescriptorSetLayoutCreateInfo;
use vulkano::pipeline::{ComputePipeline, PipelineLayout, PipelineShaderStageCreateInfo};
use vulkano::shader::{ShaderModule, SpecializationConstant};
use vulkano::{Validated, VulkanError};

use crate::backend::vulkan::device::gpu::{Gpu, driver_error};
use crate::backend::vulkan::device::pipeline_cache::Cache;
use crate::backend::vulkan::plan::WORKGROUP_SIZE;
#[cfg(test)]
use crate::backend::vulkan::stages::palette_table::GOOD_PROBES;
use crate::error::Error;
use crate::runtime::alloc::room;
use crate::types::options::DeviceLimits;
use crate::types::outputs::LabelWidth;

/// How a device's work is dealt to invocations.
///
/// A GPU wants many invocations; a software rasteriser, with few invocations in a workgroup, wants few
/// workgroups, each of which costs it about as much as a hundred pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deal {
    /// Whether an invocation's items are consecutive, see shaders/deal.glsl.
    consecutive: bool,
    /// Pairs of pixels that one invocation of the stages count and codes works on.
    count_pairs: u32,
    /// Slots of the table in which a workgroup adds up its counts; 1: none, which is cheaper where shared
    /// memory is memory like any other.
    count_workgroup_slots: u32,
    collect_slots: u32,
    /// Groups of four pixels that one invocation of the stage label works on, where pixels have numbers
    /// and where colours are looked up.
    label_groups: u32,
    label_color_groups: u32,
    /// Pixels that one invocation of the stage expand works on.
    expand_pixels: u32,
}

impl Deal {
    pub(crate) fn new(limits: &DeviceLimits) -> Self {
        if limits.workgroup_size >= WORKGROUP_SIZE {
            Self {
                consecutive: false,
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
                consecutive: true,
                count_pairs: 240,
                count_workgroup_slots: 1,
                collect_slots: 64,
                label_groups: 512,
                label_color_groups: 16,
                expand_pixels: 128,
            }
        }
    }

    /// Pixels, or slots, that one invocation of a stage works on.
    pub(crate) fn items_per_invocation(&self, stage: Stage) -> u32 {
        match stage {
            Stage::Count { .. } | Stage::Codes { .. } => 2 * self.count_pairs,
            Stage::Collect { .. } | Stage::CollectColors { .. } => self.collect_slots,
            Stage::Label { channels: None, .. } => 4 * self.label_groups,
            Stage::Label { channels: Some(_), .. } => 4 * self.label_color_groups,
            Stage::Expand { .. } => self.expand_pixels,
        }
    }
}

/// The structs of the push constants are made from the shaders' source.
macro_rules! stage {
    ($name:ident, $path:literal $(, $macro:literal)?) => {
        #[allow(missing_docs, unreachable_pub)]
        pub(crate) mod $name {
            vulkano_shaders::shader! { ty: "compute", path: $path $(, define: [($macro, "")])? }
        }
    };
}

stage!(count, "shaders/count.comp", "NUMBERS");
stage!(count_wanted, "shaders/count.comp", "WANTED");
stage!(count_buckets, "shaders/count.comp", "BUCKETS");
stage!(codes, "shaders/codes.comp");
stage!(collect, "shaders/collect.comp");
stage!(collect_colors, "shaders/collect.comp", "COLORS");
stage!(label, "shaders/label.comp");
stage!(label_colors, "shaders/label.comp", "COLORS");
stage!(expand, "shaders/expand.comp");

/// The variants of the stage count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counting {
    /// Colours, with a number for each pixel.
    Numbers,
    /// Colours in wanted buckets.
    Wanted,
    /// Buckets.
    Buckets,
}

/// A stage and the values of its specialisation constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Count {
        counting: Counting,
        channels: u32,
        copies: u32,
    },
    /// Codes of pixels.
    Codes {
        channels: u32,
    },
    Collect {
        copies: u32,
    },
    /// Reads pixels for the host.
    CollectColors {
        channels: u32,
    },
    /// `channels`: colours are looked up; `None`: pixels have numbers.
    Label {
        channels: Option<u32>,
        width: LabelWidth,
    },
    Expand {
        width: LabelWidth,
    },
}

/// More than vulkano takes to read a shader: some 220 KiB at once.
const READING_BYTES: usize = 1 << 20;

/// Specialisation constants: their numbers and values.
type Constants = Vec<(u32, u32)>;

/// Pipelines by stage and constants: contexts that have a device one after the other may want
/// different ones of the same stage.
type Made = HashMap<(Stage, Constants), Arc<ComputePipeline>>;

/// The pipelines made on a device so far, and the driver's cache behind them.
#[derive(Clone, Debug)]
pub(crate) struct Pipelines {
    made: Arc<Mutex<Made>>,
    pub(crate) cache: Cache,
}

impl Pipelines {
    /// No pipelines yet, but what the cache has.
    pub(crate) fn new(cache: Cache) -> Self {
        Self { made: Arc::default(), cache }
    }

    /// The pipeline of a stage, made when first asked for.
    pub(crate) fn get(&self, gpu: &Gpu, stage: Stage) -> Result<Arc<ComputePipeline>, Error> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (stage, constants(gpu, stage));
        if let Some(pipeline) = made.get(&key) {
            return Ok(pipeline.clone());
        }
        // vulkano ends the process where it has no memory for what it reads out of a shader.
        std::hint::black_box(room::<u8>(READING_BYTES)?);
        let pipeline = make(gpu, &self.cache, stage, &key.1).map_err(driver_error("making a pipeline"))?;
        made.insert(key, pipeline.clone());
        gpu.count(|counters| counters.pipelines += 1);
        self.cache.keep();
        Ok(pipeline)
    }
}

fn constants(gpu: &Gpu, stage: Stage) -> Constants {
    let deal = Deal::new(&gpu.limits);
    let size = (1, gpu.limits.workgroup_size);
    let bits = |width: LabelWidth| 8 * width.bytes() as u32;
    let dealt = (3, u32::from(deal.consecutive));
    match stage {
        Stage::Count { channels, copies, .. } => {
            let slots = (4, deal.count_workgroup_slots);
            vec![(0, channels), size, (2, deal.count_pairs), dealt, slots, (6, copies)]
        }
        Stage::Codes { channels } => vec![(0, channels), size, (2, deal.count_pairs), dealt],
        Stage::Collect { copies } => vec![size, (2, deal.collect_slots), dealt, (6, copies)],
        Stage::CollectColors { channels } => vec![(0, channels), size, (2, deal.collect_slots), dealt],
        Stage::Label { channels: None, width } => vec![size, (2, deal.label_groups), dealt, (5, bits(width))],
        Stage::Label { channels: Some(channels), width } => {
            vec![(0, channels), size, (2, deal.label_color_groups), dealt, (5, bits(width))]
        }
        Stage::Expand { width } => vec![size, (2, deal.expand_pixels), dealt, (5, bits(width))],
    }
}

fn make(
    gpu: &Gpu,
    cache: &Cache,
    stage: Stage,
    constants: &[(u32, u32)],
) -> Result<Arc<ComputePipeline>, Validated<VulkanError>> {
    let device = gpu.device.clone();
    let load = match stage {
        Stage::Count { counting: Counting::Numbers, .. } => count::load,
        Stage::Count { counting: Counting::Wanted, .. } => count_wanted::load,
        Stage::Count { counting: Counting::Buckets, .. } => count_buckets::load,
        Stage::Codes { .. } => codes::load,
        Stage::Collect { .. } => collect::load,
        Stage::CollectColors { .. } => collect_colors::load,
        Stage::Label { channels: None, .. } => label::load,
        Stage::Label { channels: Some(_), .. } => label_colors::load,
        Stage::Expand { .. } => expand::load,
    };
    let module: Arc<ShaderModule> = load(device.clone())?;
    let constants = constants.iter().map(|&(id, value)| (id, SpecializationConstant::U32(value)));
    let module = module.specialize(constants.collect())?;
    let invalid = |problem: &str| {
        Validated::ValidationError(Box::new(vulkano::ValidationError {
            problem: problem.to_owned().into(),
            ..Default::default()
        }))
    };
    let entry_point = module.entry_point("main").ok_or_else(|| invalid("the shader has no main"))?;
    let stage = PipelineShaderStageCreateInfo::new(entry_point);
    let layout = PipelineDescriptorSetLayoutCreateInfo::from_stages([&stage])
        .into_pipeline_layout_create_info(device.clone())
        .map_err(|error| error.error)?;
    let layout = PipelineLayout::new(device.clone(), layout)?;
    ComputePipeline::new(
        device,
        cache.for_pipelines(),
        ComputePipelineCreateInfo::stage_layout(stage, layout),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::vulkan::plan::{MOST_PLANES, max_probes};

    #[test]
    fn no_invocation_has_more_rounds_than_lavapipe_allows() {
        for workgroup_size in [8, 64] {
            let deal = Deal::new(&DeviceLimits {
                max_storage_buffer_range: 1 << 27,
                max_workgroups: 65_535,
                memory_bytes: 1 << 31,
                unified_memory: true,
                workgroup_size,
                count_copies: 1,
            });
            // Each pixel searched for, and the loops around the search.
            assert!(2 * deal.count_pairs * (max_probes(u32::MAX) + 2) < 65_535);
            assert!(4 * deal.label_color_groups * (8 * GOOD_PROBES + 2) < 65_535);
            // Each plane of each pixel.
            assert!(deal.expand_pixels * (MOST_PLANES + 1) < 65_535);
        }
    }
}
