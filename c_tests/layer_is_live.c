/*
 * Breaks rules of Vulkan without ctm: one of the core, two of synchronisation (within a command
 * buffer and between two), one of best practice. The messages prove that the layer looks.
 */

#include <vulkan/vulkan.h>

#include <stdio.h>
#include <stdlib.h>

static void check(VkResult result, const char *call)
{
    if (result != VK_SUCCESS) {
        fprintf(stderr, "%s returned %d\n", call, (int)result);
        exit(1);
    }
}

#define CHECK_VK(call) check((call), #call)

static VkDevice make_device(VkPhysicalDevice *physical)
{
    const VkApplicationInfo application = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                            .apiVersion = VK_API_VERSION_1_1 };
    const VkInstanceCreateInfo instance_info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                                 .pApplicationInfo = &application };
    VkInstance instance;
    CHECK_VK(vkCreateInstance(&instance_info, NULL, &instance));
    uint32_t count = 1;
    const VkResult found = vkEnumeratePhysicalDevices(instance, &count, physical);
    if (found != VK_INCOMPLETE) { /* There are two drivers. */
        CHECK_VK(found);
    }
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue_info = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                                 .queueCount = 1,
                                                 .pQueuePriorities = &priority };
    const VkDeviceCreateInfo device_info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                             .queueCreateInfoCount = 1,
                                             .pQueueCreateInfos = &queue_info };
    VkDevice device;
    CHECK_VK(vkCreateDevice(*physical, &device_info, NULL, &device));
    return device;
}

static VkBuffer make_buffer(VkPhysicalDevice physical, VkDevice device, VkDeviceSize size)
{
    const VkBufferCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                      .size = size,
                                      .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT };
    VkBuffer buffer;
    CHECK_VK(vkCreateBuffer(device, &info, NULL, &buffer));
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(device, buffer, &needs);
    VkPhysicalDeviceMemoryProperties memories;
    vkGetPhysicalDeviceMemoryProperties(physical, &memories);
    uint32_t type = 0;
    while ((needs.memoryTypeBits >> type & 1) == 0) {
        type++;
    }
    const VkMemoryAllocateInfo allocation = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                              .allocationSize = needs.size,
                                              .memoryTypeIndex = type };
    VkDeviceMemory memory;
    CHECK_VK(vkAllocateMemory(device, &allocation, NULL, &memory)); /* Best practice: so small! */
    CHECK_VK(vkBindBufferMemory(device, buffer, memory, 0));
    return buffer;
}

static VkCommandBuffer begin_commands(VkDevice device)
{
    const VkCommandPoolCreateInfo pool_info = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO };
    VkCommandPool pool;
    CHECK_VK(vkCreateCommandPool(device, &pool_info, NULL, &pool));
    const VkCommandBufferAllocateInfo allocation = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1
    };
    VkCommandBuffer commands;
    CHECK_VK(vkAllocateCommandBuffers(device, &allocation, &commands));
    const VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                             .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT };
    CHECK_VK(vkBeginCommandBuffer(commands, &begin));
    return commands;
}

/* A write after a write, without a barrier, in two command buffers of one submission. */
static void hazard_between_command_buffers(VkDevice device, VkBuffer buffer)
{
    VkCommandBuffer commands[2];
    for (uint32_t i = 0; i < 2; i++) {
        commands[i] = begin_commands(device);
        vkCmdFillBuffer(commands[i], buffer, 0, 4096, i);
        CHECK_VK(vkEndCommandBuffer(commands[i]));
    }
    const VkSubmitInfo submission = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                      .commandBufferCount = 2,
                                      .pCommandBuffers = commands };
    VkQueue queue;
    vkGetDeviceQueue(device, 0, 0, &queue);
    /* No check: the layer may refuse the submission. */
    vkQueueSubmit(queue, 1, &submission, VK_NULL_HANDLE);
    vkDeviceWaitIdle(device);
}

int main(void)
{
    VkPhysicalDevice physical;
    VkDevice device = make_device(&physical);
    VkBuffer buffer = make_buffer(physical, device, 4096);
    hazard_between_command_buffers(device, buffer);

    VkCommandBuffer never_submitted = begin_commands(device);
    vkCmdFillBuffer(never_submitted, buffer, 0, 4096, 1);
    vkCmdFillBuffer(never_submitted, buffer, 0, 4096, 2); /* The same in one command buffer. */
    vkCmdFillBuffer(never_submitted, buffer, 4096, 4, 3); /* Behind the buffer's end. */
    return 0;
}
