//! Pipelines, one for each stage and each value of its specialisation constants.
//!
//! They are made by Vulkan's own calls. vulkano would read each module at run time, for which it allocates up to 220 KiB
//! at once and ends the process where there is no memory; what it would find out, `shaders` has.

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ash::vk;
use vulkano::descriptor_set::layout::{
    DescriptorSetLayout, DescriptorSetLayoutBinding, DescriptorSetLayoutCreateInfo, DescriptorType,
};
use vulkano::device::Device;
use vulkano::pipeline::PipelineLayout;
use vulkano::pipeline::layout::{PipelineLayoutCreateInfo, PushConstantRange};
use vulkano::shader::ShaderStages;
use vulkano::{Validated, VulkanError, VulkanObject};

use crate::backend::vulkan::device::error::driver_error;
use crate::backend::vulkan::device::pipeline_cache::Cache;
use crate::backend::vulkan::device::shaders::Shader;
use crate::backend::vulkan::device::stage::{Constants, Stage};
use crate::error::Error;
use crate::types::options::DeviceLimits;

/// A compute pipeline with its layout.
#[derive(Debug)]
pub(crate) struct Pipeline {
    handle: vk::Pipeline,
    layout: Arc<PipelineLayout>,
    device: Arc<Device>,
}

impl Pipeline {
    /// The Vulkan handle.
    pub(crate) fn handle(&self) -> vk::Pipeline {
        self.handle
    }

    /// Its set of buffers, and its push constants.
    pub(crate) fn layout(&self) -> &Arc<PipelineLayout> {
        &self.layout
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // SAFETY: a device's pipelines are dropped after all that was submitted to it has ended.
        unsafe {
            (self.device.fns().v1_0.destroy_pipeline)(self.device.handle(), self.handle, std::ptr::null());
        }
    }
}

/// Pipelines by stage and constants: contexts that have a device one after the other may want
/// different ones of the same stage.
type Made = HashMap<(Stage, Constants), Arc<Pipeline>>;

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

    /// The pipeline of a stage, made when first asked for, and whether it was made now.
    pub(crate) fn get(
        &self,
        device: &Arc<Device>,
        limits: &DeviceLimits,
        stage: Stage,
    ) -> Result<(Arc<Pipeline>, bool), Error> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (stage, stage.constants(limits));
        if let Some(pipeline) = made.get(&key) {
            return Ok((pipeline.clone(), false));
        }
        let pipeline =
            make(device, &self.cache, stage.shader(), &key.1).map_err(driver_error("making a pipeline"))?;
        let pipeline = Arc::new(pipeline);
        made.insert(key, pipeline.clone());
        self.cache.keep();
        Ok((pipeline, true))
    }
}

/// A shader module, which only the making of pipelines needs.
struct Module {
    handle: vk::ShaderModule,
    #[cfg(feature = "compile-shaders")]
    _compiled: Arc<vulkano::shader::ShaderModule>,
    #[cfg(not(feature = "compile-shaders"))]
    device: Arc<Device>,
}

#[cfg(feature = "compile-shaders")]
impl Module {
    fn new(device: &Arc<Device>, shader: &Shader) -> Result<Self, Validated<VulkanError>> {
        let compiled = (shader.load)(device.clone())?;
        Ok(Self { handle: compiled.handle(), _compiled: compiled })
    }
}

#[cfg(not(feature = "compile-shaders"))]
impl Module {
    fn new(device: &Arc<Device>, shader: &Shader) -> Result<Self, Validated<VulkanError>> {
        let create_info = vk::ShaderModuleCreateInfo::default().code(shader.words);
        let mut handle = vk::ShaderModule::null();
        // SAFETY: the words are a legal module, which scripts/shaders has had checked, and need nothing but Vulkan 1.0.
        let made = unsafe {
            let create = device.fns().v1_0.create_shader_module;
            create(device.handle(), &create_info, std::ptr::null(), &mut handle)
        };
        made.result().map_err(VulkanError::from)?;
        Ok(Self { handle, device: device.clone() })
    }
}

#[cfg(not(feature = "compile-shaders"))]
impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: pipelines that were made of it do not need it any more.
        unsafe {
            let destroy = self.device.fns().v1_0.destroy_shader_module;
            destroy(self.device.handle(), self.handle, std::ptr::null());
        }
    }
}

fn make(
    device: &Arc<Device>,
    cache: &Cache,
    shader: &Shader,
    constants: &[(u32, u32)],
) -> Result<Pipeline, Validated<VulkanError>> {
    let layout = layout(device, shader)?;
    let module = Module::new(device, shader)?;
    let values: Vec<u32> = constants.iter().map(|&(_, value)| value).collect();
    let entry = |(index, &(id, _)): (u32, &_)| {
        vk::SpecializationMapEntry::default().constant_id(id).offset(4 * index).size(4)
    };
    let entries: Vec<_> = (0..).zip(constants).map(entry).collect();
    let specialization =
        vk::SpecializationInfo::default().map_entries(&entries).data(bytemuck::cast_slice(&values));
    let stage = vk::PipelineShaderStageCreateInfo::default()
        .stage(vk::ShaderStageFlags::COMPUTE)
        .module(module.handle)
        .name(c"main")
        .specialization_info(&specialization);
    let create_info = vk::ComputePipelineCreateInfo::default().stage(stage).layout(layout.handle());
    let cache = cache.for_pipelines();
    let cache = cache.as_ref().map_or(vk::PipelineCache::null(), |cache| cache.handle());
    let mut handle = vk::Pipeline::null();
    // SAFETY: module, layout and cache are this device's. The layout has the bindings and the push constants that the
    // module has, and the constants are the module's, which tests compare.
    let made = unsafe {
        let create = device.fns().v1_0.create_compute_pipelines;
        create(device.handle(), cache, 1, &create_info, std::ptr::null(), &mut handle)
    };
    made.result().map_err(VulkanError::from)?;
    Ok(Pipeline { handle, layout, device: device.clone() })
}

/// The layout of a shader's bindings and push constants.
fn layout(device: &Arc<Device>, shader: &Shader) -> Result<Arc<PipelineLayout>, Validated<VulkanError>> {
    let buffer = DescriptorSetLayoutBinding {
        stages: ShaderStages::COMPUTE,
        ..DescriptorSetLayoutBinding::descriptor_type(DescriptorType::StorageBuffer)
    };
    let create_info = DescriptorSetLayoutCreateInfo {
        bindings: shader.bindings.iter().map(|&binding| (binding, buffer.clone())).collect(),
        ..Default::default()
    };
    let push_constants =
        PushConstantRange { stages: ShaderStages::COMPUTE, offset: 0, size: shader.push_constant_bytes() };
    let create_info = PipelineLayoutCreateInfo {
        set_layouts: vec![DescriptorSetLayout::new(device.clone(), create_info)?],
        push_constant_ranges: vec![push_constants],
        ..Default::default()
    };
    PipelineLayout::new(device.clone(), create_info)
}
