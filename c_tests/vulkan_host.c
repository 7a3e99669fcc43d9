#define _POSIX_C_SOURCE 200809L

#include "test.h"
#include "vulkan_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Smaller allocations are bad practice, says the validation layer. */
enum { LEAST_ALLOCATION = (1 << 20) + (1 << 16) };

#define HANDLE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT

#define CHECK_VK(call) CHECK((call) == VK_SUCCESS)

/* The physical device that has the context's UUIDs. */
static VkPhysicalDevice find_physical(VkInstance instance, const ctm_context *context)
{
    uint8_t device_uuid[16], driver_uuid[16];
    CHECK_STATUS(context, ctm_context_device_uuid(context, device_uuid, driver_uuid), CTM_OK);
    VkPhysicalDevice devices[16];
    uint32_t count = sizeof devices / sizeof *devices;
    CHECK_VK(vkEnumeratePhysicalDevices(instance, &count, devices));
    for (uint32_t i = 0; i < count; i++) {
        VkPhysicalDeviceIDProperties ids = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES };
        VkPhysicalDeviceProperties2 properties = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &ids
        };
        vkGetPhysicalDeviceProperties2(devices[i], &properties);
        if (memcmp(ids.deviceUUID, device_uuid, 16) == 0 && memcmp(ids.driverUUID, driver_uuid, 16) == 0) {
            CHECK(strcmp(properties.properties.deviceName, ctm_context_device_name(context)) == 0);
            return devices[i];
        }
    }
    check_failed(__FILE__, __LINE__, "one of the devices has the context's UUIDs");
    return NULL;
}

static bool has_extension(VkPhysicalDevice physical, const char *name)
{
    uint32_t count;
    CHECK_VK(vkEnumerateDeviceExtensionProperties(physical, NULL, &count, NULL));
    VkExtensionProperties *extensions = allocate(count * sizeof *extensions, 0);
    CHECK_VK(vkEnumerateDeviceExtensionProperties(physical, NULL, &count, extensions));
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        found = found || strcmp(extensions[i].extensionName, name) == 0;
    }
    free(extensions);
    return found;
}

vulkan_host make_host(const ctm_context *context)
{
    vulkan_host host = { 0 };
    const VkApplicationInfo application = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                            .apiVersion = VK_API_VERSION_1_1 };
    const VkInstanceCreateInfo instance_info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                                 .pApplicationInfo = &application };
    CHECK_VK(vkCreateInstance(&instance_info, NULL, &host.instance));
    host.physical = find_physical(host.instance, context);

    const char *extension = VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME;
    host.exports = has_extension(host.physical, extension);
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue_info = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                                 .queueCount = 1,
                                                 .pQueuePriorities = &priority };
    const VkDeviceCreateInfo device_info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                             .queueCreateInfoCount = 1,
                                             .pQueueCreateInfos = &queue_info,
                                             .enabledExtensionCount = host.exports ? 1 : 0,
                                             .ppEnabledExtensionNames = &extension };
    CHECK_VK(vkCreateDevice(host.physical, &device_info, NULL, &host.device));
    vkGetDeviceQueue(host.device, 0, 0, &host.queue);
    const VkCommandPoolCreateInfo pool_info = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                                .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT };
    CHECK_VK(vkCreateCommandPool(host.device, &pool_info, NULL, &host.pool));
    return host;
}

void destroy_host(vulkan_host *host)
{
    vkDestroyCommandPool(host->device, host->pool, NULL);
    vkDestroyDevice(host->device, NULL);
    vkDestroyInstance(host->instance, NULL);
}

/* Allocates memory for a buffer and binds it; `next` extends the allocation. Returns the allocation's size. */
static VkDeviceSize bind_memory(const vulkan_host *host, VkBuffer buffer, VkMemoryPropertyFlags flags,
                                const void *next, VkDeviceMemory *memory, uint32_t *type)
{
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(host->device, buffer, &needs);
    VkPhysicalDeviceMemoryProperties memories;
    vkGetPhysicalDeviceMemoryProperties(host->physical, &memories);
    *type = 0;
    while ((needs.memoryTypeBits >> *type & 1) == 0 ||
           (memories.memoryTypes[*type].propertyFlags & flags) != flags) {
        ++*type;
        CHECK(*type < memories.memoryTypeCount);
    }
    const VkMemoryAllocateInfo allocation = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = next,
        .allocationSize = needs.size > LEAST_ALLOCATION ? needs.size : LEAST_ALLOCATION,
        .memoryTypeIndex = *type
    };
    CHECK_VK(vkAllocateMemory(host->device, &allocation, NULL, memory));
    CHECK_VK(vkBindBufferMemory(host->device, buffer, *memory, 0));
    return allocation.allocationSize;
}

static VkCommandBuffer begin_commands(const vulkan_host *host)
{
    const VkCommandBufferAllocateInfo allocation = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = host->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1
    };
    VkCommandBuffer commands;
    CHECK_VK(vkAllocateCommandBuffers(host->device, &allocation, &commands));
    const VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                             .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT };
    CHECK_VK(vkBeginCommandBuffer(commands, &begin));
    return commands;
}

/* Runs commands and waits on a fence until they are done. */
static void run_commands(const vulkan_host *host, VkCommandBuffer commands)
{
    CHECK_VK(vkEndCommandBuffer(commands));
    const VkFenceCreateInfo fence_info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
    VkFence fence;
    CHECK_VK(vkCreateFence(host->device, &fence_info, NULL, &fence));
    const VkSubmitInfo submission = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                      .commandBufferCount = 1,
                                      .pCommandBuffers = &commands };
    CHECK_VK(vkQueueSubmit(host->queue, 1, &submission, fence));
    CHECK_VK(vkWaitForFences(host->device, 1, &fence, VK_TRUE, UINT64_C(60000000000)));
    vkDestroyFence(host->device, fence, NULL);
    vkFreeCommandBuffers(host->device, host->pool, 1, &commands);
}

static VkBufferMemoryBarrier barrier_for(VkBuffer buffer)
{
    return (VkBufferMemoryBarrier){ .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
                                    .buffer = buffer,
                                    .size = VK_WHOLE_SIZE };
}

static void acquire(VkCommandBuffer commands, VkBuffer buffer)
{
    VkBufferMemoryBarrier barrier = barrier_for(buffer);
    barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_EXTERNAL;
    barrier.dstQueueFamilyIndex = 0;
    barrier.dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0,
                         NULL, 1, &barrier, 0, NULL);
}

static void release(VkCommandBuffer commands, VkBuffer buffer)
{
    VkBufferMemoryBarrier barrier = barrier_for(buffer);
    barrier.srcQueueFamilyIndex = 0;
    barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_EXTERNAL;
    barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0, 0,
                         NULL, 1, &barrier, 0, NULL);
}

exported make_exported(const vulkan_host *host, size_t size, unsigned char fill)
{
    exported made = { .size = (size + 3) / 4 * 4 };
    const VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, .handleTypes = HANDLE
    };
    const VkBufferCreateInfo buffer_info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = &external,
        .size = made.size,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                 VK_BUFFER_USAGE_TRANSFER_DST_BIT
    };
    CHECK_VK(vkCreateBuffer(host->device, &buffer_info, NULL, &made.buffer));
    const VkExportMemoryAllocateInfo export_info = { .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
                                                     .handleTypes = HANDLE };
    uint32_t type;
    const VkDeviceSize allocated = bind_memory(host, made.buffer, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                                               &export_info, &made.memory, &type);
    const VkMemoryGetFdInfoKHR fd_info = { .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
                                           .memory = made.memory,
                                           .handleType = HANDLE };
    const PFN_vkGetMemoryFdKHR get_memory_fd =
        (PFN_vkGetMemoryFdKHR)vkGetDeviceProcAddr(host->device, "vkGetMemoryFdKHR");
    CHECK(get_memory_fd != NULL);
    ctm_device_memory lent = CTM_DEVICE_MEMORY_INIT;
    CHECK_VK(get_memory_fd(host->device, &fd_info, &lent.fd));
    lent.allocation_size = allocated;
    lent.memory_type_index = type;
    made.lent = lent;

    VkCommandBuffer commands = begin_commands(host);
    vkCmdFillBuffer(commands, made.buffer, 0, made.size, fill * UINT32_C(0x01010101));
    release(commands, made.buffer);
    run_commands(host, commands);
    return made;
}

void destroy_exported(const vulkan_host *host, exported *buffer)
{
    CHECK(close(buffer->lent.fd) == 0);
    vkDestroyBuffer(host->device, buffer->buffer, NULL);
    vkFreeMemory(host->device, buffer->memory, NULL);
}

/* Copies bytes between a buffer and the host, by way of a buffer that both see. */
static void transfer(const vulkan_host *host, const exported *buffer, size_t offset, const void *from, void *to,
                     size_t size)
{
    if (size == 0) {
        return;
    }
    CHECK(offset + size <= buffer->size);
    const VkBufferCreateInfo buffer_info = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                             .size = size,
                                             .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                                      VK_BUFFER_USAGE_TRANSFER_DST_BIT };
    VkBuffer staging;
    VkDeviceMemory memory;
    uint32_t type;
    CHECK_VK(vkCreateBuffer(host->device, &buffer_info, NULL, &staging));
    bind_memory(host, staging, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, NULL,
                &memory, &type);
    void *mapped;
    CHECK_VK(vkMapMemory(host->device, memory, 0, VK_WHOLE_SIZE, 0, &mapped));
    if (from != NULL) {
        memcpy(mapped, from, size);
    }
    VkCommandBuffer commands = begin_commands(host);
    acquire(commands, buffer->buffer);
    const VkBufferCopy region = { .srcOffset = from != NULL ? 0 : offset,
                                  .dstOffset = from != NULL ? offset : 0,
                                  .size = size };
    vkCmdCopyBuffer(commands, from != NULL ? staging : buffer->buffer, from != NULL ? buffer->buffer : staging, 1,
                    &region);
    const VkMemoryBarrier to_host = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                      .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                      .dstAccessMask = VK_ACCESS_HOST_READ_BIT };
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &to_host, 0,
                         NULL, 0, NULL);
    release(commands, buffer->buffer);
    run_commands(host, commands);
    if (to != NULL) {
        memcpy(to, mapped, size);
    }
    vkUnmapMemory(host->device, memory);
    vkDestroyBuffer(host->device, staging, NULL);
    vkFreeMemory(host->device, memory, NULL);
}

void upload(const vulkan_host *host, const exported *buffer, size_t offset, const void *data, size_t size)
{
    transfer(host, buffer, offset, data, NULL, size);
}

void download(const vulkan_host *host, const exported *buffer, size_t offset, void *data, size_t size)
{
    transfer(host, buffer, offset, NULL, data, size);
}

/* What a file descriptor stands for. */
static bool file_name(int fd, char *name, size_t size)
{
    char path[64];
    CHECK(snprintf(path, sizeof path, "/proc/self/fd/%d", fd) < (int)sizeof path);
    const ssize_t length = readlink(path, name, size - 1);
    name[length > 0 ? length : 0] = '\0';
    return length > 0;
}

int memory_files(const exported *like)
{
    char expected[256], name[256];
    CHECK(file_name(like->lent.fd, expected, sizeof expected));
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        count += file_name(fd, name, sizeof name) && strcmp(name, expected) == 0;
    }
    return count;
}
