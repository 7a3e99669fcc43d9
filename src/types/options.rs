//! How a context is set up.

use std::time::Duration;

use crate::error::Error;
use crate::runtime::seeds::Seeds;
use crate::runtime::simd::SimdLevel;

/// Where the work is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The CPU, and a hardware Vulkan device where there is one that has passed its self-test: each call is done where it
    /// is done soonest. What is in the device's memory goes to the device. Pixels in the host's go to the CPU at first;
    /// where the device could be faster it is tried, and does such calls from then on if it is. Where it fails in a call,
    /// the CPU does that call and all later ones, but those with memory on the device.
    #[default]
    Auto,
    /// A Vulkan device, software rasterisers included; an error where there is none, or none that has passed its
    /// self-test.
    Vulkan,
    /// The processor.
    Cpu,
}

/// How a [`Context`](crate::Context) is set up.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where the work is done.
    pub backend: Backend,
    /// Part of the Vulkan device's name, upper and lower case alike; `None` or empty: chosen by
    /// rule.
    pub device_name: Option<String>,
    /// Threads of the host that work at most, the calling one included; 0: one per processor.
    pub max_threads: u32,
    /// Bytes of memory that the context may hold during a call, on the host and on the device, beside
    /// the caller's buffers; 0: as much as serves the speed. With less an image of many colours takes
    /// longer. At least [`Options::LEAST_MEMORY_LIMIT`].
    pub memory_limit: u64,
    /// What [`Context::pipeline_cache`](crate::Context::pipeline_cache) gave in an earlier process. Not
    /// used, silently, where it is damaged or not of this device, driver and version of ctm. The checks
    /// find accidents, not malice.
    pub pipeline_cache: Option<Vec<u8>>,
    /// How long one submission to a device may take before the device counts as hung.
    pub device_timeout: Duration,
    /// For ctm's own tests.
    #[doc(hidden)]
    pub debug: DebugOptions,
}

impl Options {
    /// The least [`Options::memory_limit`].
    pub const LEAST_MEMORY_LIMIT: u64 = 32 << 20;

    /// The device's name, if one is asked for; bindings pass an empty one where none is meant.
    pub(crate) fn device_name(&self) -> Option<&str> {
        self.device_name.as_deref().filter(|name| !name.is_empty())
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if (1..Self::LEAST_MEMORY_LIMIT).contains(&self.memory_limit) {
            return Err(Error::InvalidArgument(format!(
                "options.memory_limit is {}; 0 (none) or at least {} (32 MiB) is expected",
                self.memory_limit,
                Self::LEAST_MEMORY_LIMIT
            )));
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            device_name: None,
            max_threads: 0,
            memory_limit: 0,
            pipeline_cache: None,
            device_timeout: Duration::from_secs(60),
            debug: DebugOptions::default(),
        }
    }
}

/// Switches for ctm's own tests: other devices' limits, and stages split over both backends.
#[derive(Clone, Debug, Default, PartialEq)]
#[doc(hidden)]
pub struct DebugOptions {
    /// Replaces the limits that the Vulkan device reports.
    pub device_limits: Option<DeviceLimits>,
    /// The backend of the stages count and label, in this order, where they are to differ from
    /// `Options::backend`. Each is `Vulkan` or `Cpu`.
    pub stages: Option<[Backend; 2]>,
    /// The seeds of the device's hash functions, which are random otherwise.
    pub hash_seeds: Option<Seeds>,
    /// Makes Vulkan devices that could read the caller's pixels where they are work on copies.
    pub copy_pixels: bool,
    /// Makes Vulkan devices import no memory by file descriptor.
    pub no_memory_fds: bool,
    /// Makes Vulkan devices count all images as they count images with very many colours.
    pub many_device_colors: bool,
    /// Makes the CPU count small images as it counts those with very many colours: with labels kept
    /// from counting to labelling, or without.
    pub small_cpu_tables: Option<bool>,
    /// How much longer the CPU takes to count.
    pub cpu_delay: Duration,
    /// The highest level of instructions that the host's code uses; `None`: all that the processor has.
    pub simd: Option<SimdLevel>,
}

/// What a device allows, and what suits it. The Vulkan backend fills it in; tests change it to walk
/// the code paths of other devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Bytes of one storage buffer.
    pub max_storage_buffer_range: u64,
    /// Workgroups of one dispatch.
    pub max_workgroups: u32,
    /// Bytes that may be allocated on the device, staging memory included.
    pub memory_bytes: u64,
    /// Whether the host reads and writes the device's memory as fast as its own; if not, buffers
    /// are copied through staging memory.
    pub unified_memory: bool,
    /// Whether the host may write pixels into the device's memory, over the bus, where memory is not unified: all of it is
    /// visible to the host, or much. It is read through staging memory all the same.
    pub writable_memory: bool,
    /// Invocations of a workgroup.
    pub workgroup_size: u32,
    /// Copies of a small table's counts, so that not all processors write to the same memory.
    pub count_copies: u32,
}
