//! Deliberate violations: the validation layer, synchronisation checks included, reports them. In a
//! test program of its own, since all others fail on a single message.

#![allow(missing_docs, unsafe_code)]

mod common;

use ash::vk;
use common::{set_up_vulkan, validation_messages};

#[test]
fn the_validation_layer_reports_misuse_and_hazards() {
    set_up_vulkan();
    // SAFETY: the calls are legal but for the two violations, which software drivers survive.
    unsafe {
        let loader = libloading::Library::new("libvulkan.so.1").unwrap();
        let get_instance_proc_addr = *loader.get(b"vkGetInstanceProcAddr").unwrap();
        let entry = ash::Entry::from_static_fn(ash::StaticFn { get_instance_proc_addr });
        let instance = entry.create_instance(&vk::InstanceCreateInfo::default(), None).unwrap();
        let physical = instance.enumerate_physical_devices().unwrap()[0];
        let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
        let device_info = vk::DeviceCreateInfo::default().queue_create_infos(&queues);
        let device = instance.create_device(physical, &device_info, None).unwrap();
        assert_eq!(validation_messages(), "");

        // 1. A buffer of no bytes.
        let usage = vk::BufferUsageFlags::TRANSFER_DST;
        let empty = vk::BufferCreateInfo::default().size(0).usage(usage);
        if let Ok(buffer) = device.create_buffer(&empty, None) {
            device.destroy_buffer(buffer, None);
        }
        let messages = validation_messages();
        assert!(messages.contains("VUID-VkBufferCreateInfo-size-00912"), "{messages}");

        // 2. Two writes to the same bytes without a barrier between them.
        let size = 2 << 20;
        let buffer = device.create_buffer(&empty.size(size), None).unwrap();
        let memory_info = vk::MemoryAllocateInfo::default()
            .allocation_size(device.get_buffer_memory_requirements(buffer).size);
        let memory = device.allocate_memory(&memory_info, None).unwrap();
        device.bind_buffer_memory(buffer, memory, 0).unwrap();
        let pool = device.create_command_pool(&vk::CommandPoolCreateInfo::default(), None).unwrap();
        let allocate = vk::CommandBufferAllocateInfo::default().command_pool(pool).command_buffer_count(1);
        let commands = device.allocate_command_buffers(&allocate).unwrap()[0];
        device.begin_command_buffer(commands, &vk::CommandBufferBeginInfo::default()).unwrap();
        device.cmd_fill_buffer(commands, buffer, 0, vk::WHOLE_SIZE, 1);
        device.cmd_fill_buffer(commands, buffer, 0, vk::WHOLE_SIZE, 2);
        device.end_command_buffer(commands).unwrap();
        let messages = validation_messages();
        assert!(messages.contains("SYNC-HAZARD-WRITE-AFTER-WRITE"), "{messages}");
    }
}
