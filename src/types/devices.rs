//! Devices, as callers are told of them.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::types::options::Backend;

/// What kind of device this is. The order is that in which devices are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceKind {
    /// A GPU with its own memory.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU seen through a virtual machine.
    Virtual,
    /// Something that says no more of itself.
    Other,
    /// A rasteriser that runs on the processor; never chosen unless asked for.
    Software,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Other => "other device",
            Self::Software => "software rasteriser",
        })
    }
}

/// A Vulkan device of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its name, as its driver gives it.
    pub name: String,
    /// Its kind.
    pub kind: DeviceKind,
}

/// What [`check_devices`](crate::check_devices) has found out about a device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceCheck {
    /// `Vulkan` or `Cpu`.
    pub backend: Backend,
    /// Its name, as its driver gives it, or "CPU" with the number of threads.
    pub name: String,
    /// Its kind; `None`: the processor.
    pub kind: Option<DeviceKind>,
    /// Why it cannot be trusted, or not be tested; `None`: all results were right.
    pub failure: Option<Error>,
    /// How long it took to open it.
    pub opening: Duration,
    /// How long the first test took, in which drivers compile.
    pub first_run: Duration,
    /// How long the same took once more.
    pub warm_run: Duration,
}
