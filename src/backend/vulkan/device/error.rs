//! What a driver's failures mean.

use vulkano::{Validated, VulkanError};

use crate::error::Error;

/// Turns what vulkano reports into an error that says what was being done.
pub(crate) fn driver_error<E: Into<Validated<VulkanError>>>(doing: &str) -> impl FnOnce(E) -> Error {
    move |error| match error.into() {
        Validated::Error(VulkanError::OutOfHostMemory) => Error::OutOfMemory(doing.to_owned()),
        Validated::Error(
            VulkanError::OutOfDeviceMemory
            | VulkanError::TooManyObjects
            | VulkanError::MemoryMapFailed
            | VulkanError::OutOfPoolMemory
            | VulkanError::FragmentedPool
            | VulkanError::Fragmentation,
        ) => Error::OutOfDeviceMemory(doing.to_owned()),
        Validated::Error(error @ VulkanError::DeviceLost) => Error::DeviceLost(format!("{doing}: {error}")),
        Validated::Error(error) => Error::Driver(format!("{doing}: {error}")),
        Validated::ValidationError(error) => Error::Driver(format!("{doing}: {error}")),
    }
}
