//! Tests: memory of a second device, on the code paths of other devices. What other tests find with memory of the host's
//! is expected here.

use std::fs::File;
use std::os::fd::AsRawFd;

use vulkano::buffer::sys::RawBuffer;
use vulkano::buffer::{BufferCreateInfo, BufferUsage};
use vulkano::device::DeviceExtensions;
use vulkano::memory::{
    DeviceMemory as Memory, ExternalMemoryHandleType, ExternalMemoryHandleTypes, MemoryAllocateInfo,
    MemoryMapInfo, MemoryPropertyFlags,
};

use crate::backend::Backend as _;
use crate::backend::vulkan::Vulkan;
use crate::backend::vulkan::device::idle::OpenDevice;
use crate::backend::vulkan::device::instance::choose;
use crate::context::Context;
use crate::context::emit::Emit;
use crate::error::Error;
use crate::runtime::seeds::Seeds;
use crate::types::device_memory::DeviceMemory;
use crate::types::geometry::Shape;
use crate::types::image::{ColorMap, Format, ImageExtent, Layout};
use crate::types::options::{Backend, DebugOptions, DeviceLimits, Options};
use crate::types::outputs::{DeviceOutputs, LabelOutput, LabelWidth, MaskOutput, Outputs};
use crate::types::params::{Params, Selection};

const BEFORE: usize = 68;
const BEHIND: usize = 132;
const FILL: u8 = 0xa5;

/// Memory that another device exports and the host sees.
struct Exported {
    memory: Memory,
    file: File,
    allocation_size: u64,
    memory_type_index: u32,
    size: usize,
}

impl Exported {
    /// Room for `size` bytes, with others around them.
    fn new(lender: &OpenDevice, size: usize) -> Self {
        let handle_types = ExternalMemoryHandleTypes::OPAQUE_FD;
        let create_info = BufferCreateInfo {
            size: (BEFORE + size + BEHIND) as u64,
            usage: BufferUsage::STORAGE_BUFFER | BufferUsage::TRANSFER_DST,
            external_memory_handle_types: handle_types,
            ..Default::default()
        };
        let requirements = *RawBuffer::new(lender.device.clone(), create_info).unwrap().memory_requirements();
        let types = &lender.device.physical_device().memory_properties().memory_types;
        let memory_type_index = (0..types.len() as u32)
            .find(|&index| {
                let flags = types[index as usize].property_flags;
                requirements.memory_type_bits & (1 << index) != 0
                    && flags.contains(MemoryPropertyFlags::HOST_VISIBLE | MemoryPropertyFlags::HOST_COHERENT)
            })
            .unwrap();
        let allocation_size = requirements.layout.size();
        let mut memory = Memory::allocate(
            lender.device.clone(),
            MemoryAllocateInfo {
                allocation_size,
                memory_type_index,
                export_handle_types: handle_types,
                ..Default::default()
            },
        )
        .unwrap();
        let file = memory.export_fd(ExternalMemoryHandleType::OpaqueFd).unwrap();
        memory.map(MemoryMapInfo { size: allocation_size, ..Default::default() }).unwrap();
        let mut exported = Self { memory, file, allocation_size, memory_type_index, size };
        exported.bytes().fill(FILL);
        exported
    }

    fn with(lender: &OpenDevice, content: &[u8]) -> Self {
        let mut exported = Self::new(lender, content.len());
        exported.bytes()[BEFORE..][..content.len()].copy_from_slice(content);
        exported
    }

    fn bytes(&mut self) -> &mut [u8] {
        let start = self.memory.mapping_state().unwrap().ptr();
        // SAFETY: so many are mapped; no device is at work on them, and the memory is borrowed exclusively.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(start.as_ptr().cast(), BEFORE + self.size + BEHIND)
        }
    }

    fn lend(&self) -> DeviceMemory {
        DeviceMemory {
            name: "memory",
            fd: self.file.as_raw_fd(),
            allocation_size: self.allocation_size,
            memory_type_index: self.memory_type_index,
            offset: BEFORE as u64,
            size: self.size as u64,
        }
    }

    /// Checks that it holds `expected`, and around it what it had before.
    fn check(&mut self, expected: &[u8], what: &str) {
        let bytes = self.bytes();
        assert!(bytes[..BEFORE].iter().all(|&byte| byte == FILL), "before {what}");
        assert!(bytes[BEFORE + expected.len()..].iter().all(|&byte| byte == FILL), "behind {what}");
        assert!(bytes[BEFORE..][..expected.len()] == *expected, "{what}");
    }
}

/// Does an image with memory of the host's on the CPU, and with memory of another device on `context`: of floats, and of
/// integers with the same bits, if those can have as many channels.
fn hold(context: &mut Context, lender: &OpenDevice, pixels: &[f32], shape: Shape, selection: Selection) {
    for format in [Format::F32, Format::U32, Format::I32] {
        if shape.channels() <= format.most_channels() {
            hold_format(context, lender, pixels, format, shape, selection);
        }
    }
}

fn hold_format(
    context: &mut Context,
    lender: &OpenDevice,
    pixels: &[f32],
    format: Format,
    shape: Shape,
    selection: Selection,
) {
    let layout = Layout { format, ..Layout::default() };
    let map = ColorMap::with_layout(bytemuck::cast_slice(pixels), shape, &layout).unwrap();
    let mut cpu = Context::new(&Options { backend: Backend::Cpu, ..Options::default() }).unwrap();
    let params = Params::from(selection);
    let mask_count = cpu.mask_count(&map, &params).unwrap() as usize;
    let mut masks = vec![0.5f32; mask_count * shape.plane()];
    let mut labels = vec![7u16; shape.plane()];
    let outputs = Outputs {
        masks: Some(MaskOutput::F32(&mut masks)),
        labels: Some(LabelOutput::U16(&mut labels)),
        ..Outputs::default()
    };
    let expected = cpu.analyze(&map, &params, outputs).unwrap();

    let exported_pixels = Exported::with(lender, bytemuck::cast_slice(pixels));
    let mut exported_masks = Exported::new(lender, size_of_val(&masks[..]));
    let mut exported_labels = Exported::new(lender, size_of_val(&labels[..]));
    let extent = ImageExtent::new(shape, &layout).unwrap();
    let map = ColorMap::on_device(exported_pixels.lend(), shape, format, &extent).unwrap();
    let device = DeviceOutputs {
        masks: Some(exported_masks.lend()),
        labels: Some((exported_labels.lend(), LabelWidth::Two)),
    };
    let work = |context: &mut Context| {
        context.check_memory(&map, &params, &device)?;
        context.emit(&map, &params, &mut Emit { device, ..Emit::default() })
    };
    let found = context.call(None, work).unwrap();
    assert_eq!(found.palette.colors, expected.palette.colors);
    exported_masks.check(bytemuck::cast_slice(&masks), "the masks");
    exported_labels.check(bytemuck::cast_slice(&labels), "the labels");
}

/// The devices that lend, and options for contexts on them.
fn lenders() -> Vec<(OpenDevice, Options)> {
    let all = Options { backend: Backend::Vulkan, ..Options::default() };
    let mut lenders = Vec::new();
    for physical in choose(&all).unwrap() {
        if physical.supported_extensions().khr_external_memory_fd {
            let options =
                Options { device_name: Some(physical.properties().device_name.clone()), ..all.clone() };
            let extensions = DeviceExtensions { khr_external_memory_fd: true, ..DeviceExtensions::empty() };
            lenders.push((OpenDevice::take(physical, extensions).unwrap(), options));
        }
    }
    lenders
}

/// Runs of colours, NaNs among them.
fn random_pixels(shape: Shape, colors: u32, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut below = |limit: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(state) * u64::from(limit)) >> 32) as u32
    };
    let mut pixels = Vec::new();
    while pixels.len() < shape.floats() {
        let color = below(colors);
        for _ in 0..=below(9) {
            for channel in 0..shape.channels() {
                let value = if color == 3 { f32::NAN } else { (color / (channel + 1)) as f32 };
                pixels.push(value);
            }
        }
    }
    pixels.truncate(shape.floats());
    pixels
}

#[test]
fn external_memory_gives_the_same_bits_on_all_code_paths() {
    let limits = |max_storage_buffer_range, max_workgroups, unified_memory| DeviceLimits {
        max_storage_buffer_range,
        max_workgroups,
        memory_bytes: 1 << 30,
        unified_memory,
        writable_memory: false,
        workgroup_size: 64,
        count_copies: 1,
    };
    let code_paths = [
        DebugOptions::default(),
        DebugOptions { many_device_colors: true, ..DebugOptions::default() },
        // Chunks of 384 pixels and less, storage buffers that hold few planes' parts, few workgroups.
        DebugOptions { device_limits: Some(limits(8192, 3, true)), ..DebugOptions::default() },
        DebugOptions {
            device_limits: Some(limits(8192, 1, false)),
            many_device_colors: true,
            ..DebugOptions::default()
        },
        DebugOptions { device_limits: Some(limits(1 << 30, 65_535, false)), ..DebugOptions::default() },
    ];
    for (lender, options) in lenders() {
        for debug in &code_paths {
            let mut context = Context::new(&Options { debug: debug.clone(), ..options.clone() }).unwrap();
            for (width, height, channels, colors, max_count) in
                [(1, 1, 1, 1, 1), (129, 3, 3, 9, 5), (97, 31, 4, 60, 40), (333, 100, 2, 3000, 300)]
            {
                let shape = Shape::new(width, height, channels).unwrap();
                let pixels = random_pixels(shape, colors, width);
                hold(&mut context, &lender, &pixels, shape, Selection { min_pixels: 1, max_count });
            }
        }
    }
}

/// A context that may choose has the CPU do what is in the host's memory, and the device what is in its own.
#[test]
fn external_memory_goes_to_the_device_with_auto() {
    let shape = Shape::new(400, 200, 3).unwrap();
    let pixels = random_pixels(shape, 60, 1);
    let map = ColorMap::new(&pixels, 400, 200, 3).unwrap();
    let selection = Selection { min_pixels: 1, max_count: 9 };
    for (lender, options) in lenders() {
        for memory_limit in [0, 64 << 20] {
            let options = Options { backend: Backend::Auto, memory_limit, ..options.clone() };
            let mut context = Context::new(&options).unwrap();
            for _ in 0..2 {
                hold(&mut context, &lender, &pixels, shape, selection);
                assert!(context.call_stats().dispatches > 0);
                context.palette(&map, &selection).unwrap();
                assert_eq!(context.call_stats().dispatches, 0);
            }
        }
    }
}

/// Where no table of the device's works, the host counts; it has no pixels of its own.
#[test]
fn external_pixels_are_counted_where_every_seed_fails() {
    // Two-channel colours that all have the same hash under the seed 0, by the first steps of `hash_color`.
    let shape = Shape::new(68, 68, 2).unwrap();
    let mut pixels = Vec::new();
    for first in 1u32.. {
        let mixed = first.wrapping_mul(0x9e37_79b1);
        let second = f32::from_bits((mixed ^ (mixed >> 15)) ^ 0x1234_5678);
        if pixels.len() == shape.floats() {
            break;
        }
        if !second.is_nan() && second != 0.0 {
            pixels.extend([f32::from_bits(first), second]);
        }
    }
    for (lender, options) in lenders() {
        let debug = DebugOptions { hash_seeds: Some(Seeds { next: 0, step: 0 }), ..DebugOptions::default() };
        let mut context = Context::new(&Options { debug, ..options }).unwrap();
        hold(&mut context, &lender, &pixels, shape, Selection { min_pixels: 1, max_count: 20 });
    }
}

#[test]
fn a_driver_that_imports_nothing_is_named() {
    let debug = DebugOptions { no_memory_fds: true, ..DebugOptions::default() };
    let options = Options { backend: Backend::Vulkan, debug, ..Options::default() };
    let mut vulkan = Vulkan::new(&options).unwrap();
    let memory = DeviceMemory {
        name: "image.device_memory",
        fd: 0,
        allocation_size: 4096,
        memory_type_index: 0,
        offset: 0,
        size: 64,
    };
    let Err(Error::Unsupported(text)) = vulkan.check_memory(&memory) else { panic!("it imports") };
    assert!(text.contains("image.device_memory") && text.contains(vulkan.device_name()), "{text}");
}
