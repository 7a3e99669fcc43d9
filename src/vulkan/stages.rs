//! Shaders and pipelines, one for each stage and each value of its specialisation constants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use vulkano::pipeline::compute::ComputePipelineCreateInfo;
use vulkano::pipeline::layout::PipelineDescriptorSetLayoutCreateInfo;
use vulkano::pipeline::{ComputePipeline, PipelineLayout, PipelineShaderStageCreateInfo};
use vulkano::shader::{ShaderModule, SpecializationConstant};
use vulkano::{Validated, VulkanError};

use super::gpu::{Gpu, driver_error};
use super::pipeline_cache::Cache;
use crate::error::Error;
use crate::labels::LabelWidth;

/// Pixels that one invocation of the stage count works on: enough for runs to be worth while, few
/// enough for a full-HD image to fill a large GPU.
pub(super) const COUNT_PIXELS_PER_INVOCATION: u32 = 16;

/// Pixels that one invocation of the stage label works on: those of a word of the narrowest labels.
pub(super) const LABEL_PIXELS_PER_INVOCATION: u32 = 4;

/// The structs of the push constants are made from the shaders' source.
macro_rules! stage {
    ($name:ident, $path:literal) => {
        #[allow(missing_docs, unreachable_pub)]
        pub(super) mod $name {
            vulkano_shaders::shader! { ty: "compute", path: $path }
        }
    };
}

stage!(count, "shaders/count.comp");
stage!(collect, "shaders/collect.comp");
stage!(label, "shaders/label.comp");

/// A stage and the values of its specialisation constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Count { channels: u32 },
    Collect,
    Label { channels: u32, width: LabelWidth },
}

/// Specialisation constants: their numbers and values.
type Constants = Vec<(u32, u32)>;

/// Pipelines by stage and constants: contexts that have a device one after the other may want
/// different ones of the same stage.
type Made = HashMap<(Stage, Constants), Arc<ComputePipeline>>;

/// The pipelines made on a device so far, and the driver's cache behind them.
#[derive(Clone, Debug)]
pub(super) struct Pipelines {
    made: Arc<Mutex<Made>>,
    pub(super) cache: Cache,
}

impl Pipelines {
    /// No pipelines yet, but what the cache has.
    pub(super) fn new(cache: Cache) -> Self {
        Self { made: Arc::default(), cache }
    }

    /// The pipeline of a stage, made when first asked for.
    pub(super) fn get(&self, gpu: &Gpu, stage: Stage) -> Result<Arc<ComputePipeline>, Error> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (stage, constants(stage));
        if let Some(pipeline) = made.get(&key) {
            return Ok(pipeline.clone());
        }
        let pipeline = make(gpu, &self.cache, stage, &key.1).map_err(driver_error("making a pipeline"))?;
        made.insert(key, pipeline.clone());
        self.cache.keep();
        Ok(pipeline)
    }
}

fn constants(stage: Stage) -> Constants {
    match stage {
        Stage::Count { channels } => vec![(0, channels), (1, COUNT_PIXELS_PER_INVOCATION)],
        Stage::Collect => Vec::new(),
        Stage::Label { channels, width } => vec![(0, channels), (1, 8 * width.bytes() as u32)],
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
        Stage::Count { .. } => count::load,
        Stage::Collect => collect::load,
        Stage::Label { .. } => label::load,
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
        .map_err(|error| invalid(&error.to_string()))?;
    let layout = PipelineLayout::new(device.clone(), layout)?;
    ComputePipeline::new(
        device,
        cache.for_pipelines(),
        ComputePipelineCreateInfo::stage_layout(stage, layout),
    )
}
