//! The process's Vulkan instance, and the devices it offers.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use vulkano::device::QueueFlags;
use vulkano::device::physical::{PhysicalDevice, PhysicalDeviceType};
use vulkano::instance::{Instance, InstanceCreateFlags, InstanceCreateInfo};
use vulkano::{LoadingError, Validated, Version, VulkanError, VulkanLibrary};

use crate::backend::vulkan::device::error::driver_error;
use crate::error::Error;
use crate::runtime::float_state;
use crate::types::devices::{DeviceInfo, DeviceKind};
use crate::types::options::{Backend, Options};

/// The Vulkan devices that ctm can use, in the order in which they are chosen: by kind, within a
/// kind as the drivers list them.
///
/// # Errors
/// [`Error::NoDevice`] where there is no Vulkan at all.
pub fn devices() -> Result<Vec<DeviceInfo>, Error> {
    // The threads that a driver starts have the state of the one that opens it.
    float_state::within(|| Ok(candidates()?.iter().map(|device| info(device)).collect()))
}

/// The devices that fit the options, the first choice first; at least one.
pub(crate) fn choose(options: &Options) -> Result<Vec<Arc<PhysicalDevice>>, Error> {
    let candidates = candidates()?;
    let names: Vec<_> = candidates.iter().map(|device| format!("\"{}\"", info(device).name)).collect();
    let name = options.device_name().map(str::to_lowercase);
    let mut fitting = candidates;
    fitting.retain(|device| {
        let DeviceInfo { name: its_name, kind } = info(device);
        match &name {
            Some(name) => its_name.to_lowercase().contains(name),
            None => kind != DeviceKind::Software || options.backend == Backend::Vulkan,
        }
    });
    if !fitting.is_empty() {
        return Ok(fitting);
    }
    Err(Error::NoDevice(match (options.device_name(), names.is_empty()) {
        (_, true) => "no Vulkan driver offers a device that can compute".to_owned(),
        (Some(name), _) => {
            format!("device_name is \"{name}\"; part of one of these names is expected: {}", names.join(", "))
        }
        (None, _) => format!("there are only software rasterisers: {}", names.join(", ")),
    }))
}

/// The queue family to work on: one for computing alone where there is one, since the graphics queue
/// is the desktop's.
pub(crate) fn compute_queue_family(device: &PhysicalDevice) -> Option<u32> {
    (0..)
        .zip(device.queue_family_properties())
        .filter(|(_, family)| family.queue_flags.intersects(QueueFlags::COMPUTE))
        .min_by_key(|(_, family)| family.queue_flags.intersects(QueueFlags::GRAPHICS))
        .map(|(index, _)| index)
}

/// The queue family that only copies, if there is one: on a GPU it does so while others compute.
pub(crate) fn transfer_queue_family(device: &PhysicalDevice) -> Option<u32> {
    const COPIES_ONLY: QueueFlags =
        QueueFlags::TRANSFER.union(QueueFlags::SPARSE_BINDING).union(QueueFlags::PROTECTED);
    (0..)
        .zip(device.queue_family_properties())
        .find(|(_, family)| {
            family.queue_flags.intersects(QueueFlags::TRANSFER) && COPIES_ONLY.contains(family.queue_flags)
        })
        .map(|(index, _)| index)
}

/// Whether a device is a program that runs on the processor.
pub(crate) fn is_software(device: &PhysicalDevice) -> bool {
    info(device).kind == DeviceKind::Software
}

fn info(device: &PhysicalDevice) -> DeviceInfo {
    let properties = device.properties();
    let kind = match properties.device_type {
        PhysicalDeviceType::DiscreteGpu => DeviceKind::Discrete,
        PhysicalDeviceType::IntegratedGpu => DeviceKind::Integrated,
        PhysicalDeviceType::VirtualGpu => DeviceKind::Virtual,
        PhysicalDeviceType::Cpu => DeviceKind::Software,
        _ => DeviceKind::Other,
    };
    DeviceInfo { name: properties.device_name.clone(), kind }
}

fn candidates() -> Result<Vec<Arc<PhysicalDevice>>, Error> {
    let mut devices: Vec<_> = instance()?
        .enumerate_physical_devices()
        .map_err(|error| match error {
            // So loaders say that there is none.
            VulkanError::InitializationFailed => {
                Error::NoDevice("no Vulkan driver offers a device".to_owned())
            }
            error => driver_error("listing the devices")(error),
        })?
        .filter(|device| compute_queue_family(device).is_some())
        .collect();
    devices.sort_by_key(|device| info(device).kind);
    Ok(devices)
}

/// The one instance of the process. It is never destroyed: making and destroying instances again
/// and again is known to crash drivers. A failure is not remembered: the next call tries again.
fn instance() -> Result<&'static Arc<Instance>, Error> {
    static INSTANCE: OnceLock<(u32, Arc<Instance>)> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());
    if INSTANCE.get().is_none() {
        let _guard = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if INSTANCE.get().is_none() {
            let _ = INSTANCE.set((std::process::id(), make_instance()?));
        }
    }
    match INSTANCE.get() {
        Some((process, instance)) if *process == std::process::id() => Ok(instance),
        // The drivers' threads stayed behind: work would be accepted and never done.
        _ => Err(Error::NoDevice("Vulkan does not outlive a fork; the parent has used it".to_owned())),
    }
}

fn make_instance() -> Result<Arc<Instance>, Error> {
    // The loader is opened here, at run time.
    let library = VulkanLibrary::new().map_err(|error| match error {
        LoadingError::VulkanError(error) => driver_error("asking the Vulkan loader")(error),
        error => Error::NoDevice(format!("there is no Vulkan loader: {error}")),
    })?;
    let create_info = InstanceCreateInfo {
        application_name: Some("ctm".to_owned()),
        // No later version has anything for ctm; so all devices take the same code path.
        max_api_version: Some(Version::V1_1),
        // Layered implementations such as MoltenVK are listed only when asked for.
        flags: InstanceCreateFlags::ENUMERATE_PORTABILITY,
        ..InstanceCreateInfo::default()
    };
    Instance::new(library, create_info).map_err(|error| match error {
        Validated::Error(VulkanError::IncompatibleDriver) => {
            Error::NoDevice("there is no Vulkan driver".to_owned())
        }
        error => driver_error("making a Vulkan instance")(error),
    })
}
