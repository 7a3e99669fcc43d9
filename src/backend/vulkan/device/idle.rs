//! The pool of idle devices. An open device, with its queue and pipelines, is one context's at a time; where it is cheap to
//! keep, it then waits in the pool for the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vulkano::device::physical::{PhysicalDevice, PhysicalDeviceType};
use vulkano::device::{Device, DeviceCreateInfo, DeviceExtensions, Queue, QueueCreateInfo};

use crate::backend::vulkan::device::error::driver_error;
use crate::backend::vulkan::device::instance::{compute_queue_family, transfer_queue_family};
use crate::backend::vulkan::device::pipeline_cache::Cache;
use crate::backend::vulkan::device::pipelines::Pipelines;
use crate::error::Error;

/// A logical device that is open.
#[derive(Clone, Debug)]
pub(crate) struct OpenDevice {
    pub(crate) device: Arc<Device>,
    pub(crate) queue: Arc<Queue>,
    /// One that only copies, where there is one.
    pub(crate) transfer_queue: Option<Arc<Queue>>,
    pub(crate) pipelines: Pipelines,
    /// Those that were asked for.
    extensions: DeviceExtensions,
}

/// Devices that no context has now, one of each physical device and set of extensions. Software rasterisers only: they give
/// nothing out of their pipeline caches, so that each device compiles anew, and an open one costs only
/// memory of the host. An open GPU takes memory of its own and may be kept from sleep.
static IDLE: Mutex<Vec<OpenDevice>> = Mutex::new(Vec::new());

fn idle() -> MutexGuard<'static, Vec<OpenDevice>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenDevice {
    /// An open device with these extensions that is the caller's alone.
    pub(crate) fn take(physical: Arc<PhysicalDevice>, extensions: DeviceExtensions) -> Result<Self, Error> {
        let mut idle = idle();
        match idle.iter().position(|device| device.is(&physical, &extensions)) {
            Some(position) => Ok(idle.swap_remove(position)),
            None => {
                drop(idle); // opening takes a while
                Self::new(physical, extensions)
            }
        }
    }

    fn is(&self, physical: &PhysicalDevice, extensions: &DeviceExtensions) -> bool {
        **self.device.physical_device() == *physical && self.extensions == *extensions
    }

    fn new(physical: Arc<PhysicalDevice>, extensions: DeviceExtensions) -> Result<Self, Error> {
        let no_queue = || Error::NoDevice("the device cannot compute".to_owned());
        let families =
            [Some(compute_queue_family(&physical).ok_or_else(no_queue)?), transfer_queue_family(&physical)];
        let queues = families.into_iter().flatten();
        let queues =
            queues.map(|queue_family_index| QueueCreateInfo { queue_family_index, ..Default::default() });
        let create_info = DeviceCreateInfo {
            enabled_extensions: extensions,
            queue_create_infos: queues.collect(),
            ..Default::default()
        };
        let (device, mut queues) =
            Device::new(physical, create_info).map_err(driver_error("opening the device"))?;
        let queue = queues.next().ok_or_else(no_queue)?;
        let transfer_queue = queues.next();
        let pipelines = Pipelines::new(Cache::new(&device));
        Ok(Self { device, queue, transfer_queue, pipelines, extensions })
    }

    /// Hands the device on to a later context. Nothing may be at work on it.
    pub(crate) fn give_back(self) {
        let physical = self.device.physical_device();
        if physical.properties().device_type != PhysicalDeviceType::Cpu {
            return;
        }
        let mut idle = idle();
        if !idle.iter().any(|device| device.is(physical, &self.extensions)) {
            idle.push(self);
        }
    }
}
