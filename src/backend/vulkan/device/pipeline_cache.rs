//! Compiled pipelines for later contexts: what a driver's pipeline cache holds, kept for the process,
//! and as bytes that a host may keep for the next one.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use ash::vk;
use log::Level;
use vulkano::device::Device;
use vulkano::device::physical::PhysicalDevice;
use vulkano::pipeline::cache::{PipelineCache, PipelineCacheCreateInfo};
use vulkano::{VulkanError, VulkanObject};

use crate::backend::vulkan::device::error::driver_error;
use crate::error::Error;
use crate::runtime::alloc::{try_with_capacity, try_zeroed};
use crate::runtime::call;
use crate::runtime::checksum::checksum;

/// The first bytes of a packed cache: the version, since other shaders need other pipelines, and the
/// number of the format. The driver's version, the data's length and a checksum follow, then the data.
const MAGIC: &[u8] = concat!("ctm ", env!("CARGO_PKG_VERSION"), " pipelines 1\n").as_bytes();

/// Bytes of Vulkan's own header, with which a driver's data begin: VkPipelineCacheHeaderVersionOne.
const VULKAN_HEADER: usize = 32;

/// For which device and driver a cache is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    vendor: u32,
    device: u32,
    driver_version: u32,
    uuid: [u8; 16],
}

impl Identity {
    fn of(physical: &PhysicalDevice) -> Self {
        let properties = physical.properties();
        Self {
            vendor: properties.vendor_id,
            device: properties.device_id,
            driver_version: properties.driver_version,
            uuid: properties.pipeline_cache_uuid,
        }
    }

    /// The header with which the data of this device's caches begin.
    fn vulkan_header(&self) -> [u8; VULKAN_HEADER] {
        const VERSION_ONE: u32 = 1;
        let mut header = [0; VULKAN_HEADER];
        let words = [VULKAN_HEADER as u32, VERSION_ONE, self.vendor, self.device];
        header[..16].copy_from_slice(bytemuck::cast_slice(&words.map(u32::to_le)));
        header[16..].copy_from_slice(&self.uuid);
        header
    }

    fn pack(&self, data: &[u8]) -> Result<Vec<u8>, Error> {
        let mut packed = Vec::new();
        let size = MAGIC.len() + 4 + 8 + 8 + data.len();
        packed
            .try_reserve_exact(size)
            .map_err(|_| Error::OutOfMemory(format!("copying the pipeline cache, {size} bytes")))?;
        packed.extend_from_slice(MAGIC);
        packed.extend_from_slice(&self.driver_version.to_le_bytes());
        packed.extend_from_slice(&(data.len() as u64).to_le_bytes());
        packed.extend_from_slice(&checksum(&[&packed, data]).to_le_bytes());
        packed.extend_from_slice(data);
        Ok(packed)
    }

    /// The data of a packed cache, if it is whole and this device's. A driver trusts them blindly.
    fn unpack<'a>(&self, packed: &'a [u8]) -> Option<&'a [u8]> {
        let (head, rest) = packed.split_at_checked(MAGIC.len() + 4 + 8)?;
        let (sum, data) = rest.split_first_chunk()?;
        let fields = head.strip_prefix(MAGIC)?;
        let (driver_version, length) = fields.split_first_chunk()?;
        let fits = u32::from_le_bytes(*driver_version) == self.driver_version
            && length == (data.len() as u64).to_le_bytes()
            && u64::from_le_bytes(*sum) == checksum(&[head, data])
            && data.starts_with(&self.vulkan_header());
        fits.then_some(data)
    }
}

/// What the caches of contexts held last, for contexts to come. Of software drivers that is nothing but
/// a header.
static KEPT: Mutex<Vec<(Identity, Vec<u8>)>> = Mutex::new(Vec::new());

/// A driver's pipeline cache. Where the driver makes none, pipelines are compiled without.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    identity: Identity,
    cache: Option<Arc<PipelineCache>>,
}

impl Cache {
    /// A cache with what earlier contexts of the process have compiled.
    pub(crate) fn new(device: &Arc<Device>) -> Self {
        let identity = Identity::of(device.physical_device());
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.iter().find(|(of, _)| *of == identity).and_then(|(_, data)| copied(data).ok());
        let cache = kept.and_then(|kept| make(device, kept)).or_else(|| make(device, Vec::new()));
        Self { identity, cache }
    }

    /// Adds what a host has kept, if it fits.
    pub(crate) fn add_packed(&self, packed: &[u8]) -> Result<(), Error> {
        let (Some(cache), Some(data)) = (&self.cache, self.identity.unpack(packed)) else {
            let reason = match &self.cache {
                None => "the driver has none",
                Some(_) if !packed.starts_with(MAGIC) => "it is of another version of ctm, or none at all",
                Some(_) => "it is damaged, or of another device or driver",
            };
            call::message(
                Level::Info,
                format_args!("the pipeline cache of the options is not used: {reason}"),
            );
            return Ok(());
        };
        // Whatever the driver has against it, pipelines can be compiled.
        let merged = make(device_of(cache), copied(data)?).map(|added| cache.merge([&*added]));
        let verb = if matches!(merged, Some(Ok(()))) { "is used" } else { "is refused by the driver" };
        call::message(Level::Info, format_args!("the pipeline cache of the options {verb}"));
        Ok(())
    }

    /// What the cache holds, for a host to keep.
    pub(crate) fn packed(&self) -> Result<Vec<u8>, Error> {
        match &self.cache {
            Some(cache) => self.identity.pack(&data_of(cache)?),
            None => Ok(Vec::new()),
        }
    }

    /// Keeps what the cache holds for contexts to come.
    pub(crate) fn keep(&self) {
        let Some(Ok(data)) = self.cache.as_ref().map(|cache| data_of(cache)) else { return };
        if !data.starts_with(&self.identity.vulkan_header()) {
            return;
        }
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(of, _)| *of != self.identity);
        kept.push((self.identity, data));
    }

    /// As vulkano takes it.
    pub(crate) fn for_pipelines(&self) -> Option<Arc<PipelineCache>> {
        self.cache.clone()
    }
}

fn device_of(cache: &PipelineCache) -> &Arc<Device> {
    vulkano::device::DeviceOwned::device(cache)
}

/// A copy of a cache's data, if there is memory for it.
fn copied(data: &[u8]) -> Result<Vec<u8>, Error> {
    let mut copy = try_with_capacity(data.len())?;
    copy.extend_from_slice(data);
    Ok(copy)
}

/// What a cache holds. By hand, since vulkano would end the process where there is no memory for it.
fn data_of(cache: &PipelineCache) -> Result<Vec<u8>, Error> {
    let device = device_of(cache);
    let read = |size: &mut usize, data: *mut c_void| {
        // SAFETY: the cache is the device's, and the data have the size that is said, or there are none.
        unsafe { (device.fns().v1_0.get_pipeline_cache_data)(device.handle(), cache.handle(), size, data) }
    };
    let failed = |result| driver_error("reading the pipeline cache")(VulkanError::from(result));
    loop {
        let mut size = 0;
        read(&mut size, ptr::null_mut()).result().map_err(failed)?;
        let mut data = try_zeroed::<u8>(size)?;
        match read(&mut size, data.as_mut_ptr().cast()) {
            vk::Result::INCOMPLETE => {} // it has grown meanwhile
            result => {
                result.result().map_err(failed)?;
                data.truncate(size);
                return Ok(data);
            }
        }
    }
}

/// A driver's cache that begins with these data, which [`Identity::unpack`] has checked or the driver
/// has given out in this process.
fn make(device: &Arc<Device>, initial_data: Vec<u8>) -> Option<Arc<PipelineCache>> {
    let create_info = PipelineCacheCreateInfo { initial_data, ..Default::default() };
    // SAFETY: the data are a driver's: of this device and driver, and unchanged.
    unsafe { PipelineCache::new(device.clone(), create_info) }.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: Identity =
        Identity { vendor: 0x10005, device: 7, driver_version: 0x0058_0006, uuid: *b"0123456789abcdef" };

    fn packed() -> Vec<u8> {
        DEVICE.pack(&[&DEVICE.vulkan_header()[..], b"compiled"].concat()).unwrap()
    }

    #[test]
    fn a_packed_cache_comes_back_whole() {
        let packed = packed();
        let data = DEVICE.unpack(&packed).unwrap();
        assert_eq!(data.split_at(VULKAN_HEADER), (&DEVICE.vulkan_header()[..], &b"compiled"[..]));
        let only_header = DEVICE.pack(&DEVICE.vulkan_header()).unwrap();
        assert_eq!(DEVICE.unpack(&only_header), Some(&DEVICE.vulkan_header()[..]));
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let packed = packed();
        for bit in 0..8 * packed.len() {
            let mut changed = packed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(DEVICE.unpack(&changed), None, "bit {bit}");
        }
    }

    #[test]
    fn every_other_length_is_noticed() {
        let packed = packed();
        for length in 0..packed.len() {
            assert_eq!(DEVICE.unpack(&packed[..length]), None, "{length} bytes");
        }
        assert_eq!(DEVICE.unpack(&[&packed[..], b"\0"].concat()), None);
        // Too short for Vulkan's header, and yet with the right checksum.
        for length in 0..VULKAN_HEADER {
            let short = DEVICE.pack(&DEVICE.vulkan_header()[..length]).unwrap();
            assert_eq!(DEVICE.unpack(&short), None, "{length} bytes of data");
        }
    }

    #[test]
    fn another_device_or_driver_is_noticed() {
        let uuid = *b"0123456789abcdeg";
        for other in [
            Identity { vendor: 1, ..DEVICE },
            Identity { device: 1, ..DEVICE },
            Identity { driver_version: 1, ..DEVICE },
            Identity { uuid, ..DEVICE },
        ] {
            assert_eq!(other.unpack(&packed()), None, "{other:?}");
        }
    }

    #[test]
    fn vulkans_header_must_be_version_one() {
        for (place, value) in [(0, 31), (0, 33), (4, 0), (4, 2)] {
            let mut header = DEVICE.vulkan_header();
            header[place] = value;
            assert_eq!(DEVICE.unpack(&DEVICE.pack(&header).unwrap()), None, "{value} at {place}");
        }
    }
}
