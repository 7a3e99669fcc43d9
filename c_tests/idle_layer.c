/*
 * A Vulkan layer under which devices do less than they are told, and report no failure. The environment says what, and is
 * asked each time:
 *
 * CTM_IDLE=submissions     no command buffer is submitted, only the fence
 * CTM_IDLE=dispatches=N    every N-th vkCmdDispatch is left out
 * CTM_IDLE=workgroups      dispatches of several workgroups have one fewer
 * CTM_DISCRETE=1           all devices say that they are GPUs with memory of their own
 * CTM_WRITABLE=1           no memory is cached for the host: it writes to the device's, and reads it through other memory
 */

#include "layer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What lies under the layer for the devices with this dispatch table, and the queues and command buffers of theirs. */
typedef struct {
    void *key;
    PFN_vkGetDeviceProcAddr get;
    PFN_vkQueueSubmit submit;
    PFN_vkCmdDispatch dispatch;
} device_functions;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static device_functions devices[256];
static size_t device_count;
static unsigned long dispatches;

/* Of the one instance that a process has here. Asked for while it is made: later the loader would give the layer's own. */
static PFN_vkGetInstanceProcAddr get_instance;
static PFN_vkCreateDevice next_create_device;
static PFN_vkGetPhysicalDeviceProperties next_properties;
static PFN_vkGetPhysicalDeviceProperties2 next_properties2;
static PFN_vkGetPhysicalDeviceMemoryProperties next_memory;
static PFN_vkGetPhysicalDeviceMemoryProperties2 next_memory2;

static device_functions functions_of(const void *handle)
{
    device_functions found = { 0 };
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < device_count; i++) {
        if (devices[i].key == key_of(handle)) {
            found = devices[i];
        }
    }
    pthread_mutex_unlock(&mutex);
    return found;
}

/* Whether CTM_IDLE begins with this; what follows it. */
static const char *idle(const char *what)
{
    const char *value = getenv("CTM_IDLE");
    const size_t length = strlen(what);
    return value != NULL && strncmp(value, what, length) == 0 ? value + length : NULL;
}

static VKAPI_ATTR VkResult VKAPI_CALL queue_submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos,
                                                   VkFence fence)
{
    const PFN_vkQueueSubmit next = functions_of(queue).submit;
    return idle("submissions") != NULL ? next(queue, 0, NULL, fence) : next(queue, count, infos, fence);
}

static VKAPI_ATTR void VKAPI_CALL cmd_dispatch(VkCommandBuffer commands, uint32_t x, uint32_t y, uint32_t z)
{
    const char *every = idle("dispatches=");
    if (every != NULL) {
        pthread_mutex_lock(&mutex);
        const bool left_out = ++dispatches % strtoul(every, NULL, 10) == 0;
        pthread_mutex_unlock(&mutex);
        if (left_out) {
            return;
        }
    }
    if (idle("workgroups") != NULL && x > 1) {
        x--;
    }
    functions_of(commands).dispatch(commands, x, y, z);
}

static void pretend(VkPhysicalDeviceProperties *properties)
{
    if (getenv("CTM_DISCRETE") != NULL) {
        properties->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    }
}

static VKAPI_ATTR void VKAPI_CALL get_properties(VkPhysicalDevice device, VkPhysicalDeviceProperties *properties)
{
    next_properties(device, properties);
    pretend(properties);
}

static VKAPI_ATTR void VKAPI_CALL get_properties2(VkPhysicalDevice device, VkPhysicalDeviceProperties2 *properties)
{
    next_properties2(device, properties);
    pretend(&properties->properties);
}

static void pretend_memory(VkPhysicalDeviceMemoryProperties *memory)
{
    for (uint32_t i = 0; getenv("CTM_WRITABLE") != NULL && i < memory->memoryTypeCount; i++) {
        memory->memoryTypes[i].propertyFlags &= ~(VkMemoryPropertyFlags)VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    }
}

static VKAPI_ATTR void VKAPI_CALL get_memory(VkPhysicalDevice device, VkPhysicalDeviceMemoryProperties *memory)
{
    next_memory(device, memory);
    pretend_memory(memory);
}

static VKAPI_ATTR void VKAPI_CALL get_memory2(VkPhysicalDevice device, VkPhysicalDeviceMemoryProperties2 *memory)
{
    next_memory2(device, memory);
    pretend_memory(&memory->memoryProperties);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator, VkInstance *created)
{
    get_instance = under_instance(info);
    const VkResult result =
        ((PFN_vkCreateInstance)get_instance(NULL, "vkCreateInstance"))(info, allocator, created);
    if (result == VK_SUCCESS) {
        next_create_device = (PFN_vkCreateDevice)get_instance(*created, "vkCreateDevice");
        next_properties =
            (PFN_vkGetPhysicalDeviceProperties)get_instance(*created, "vkGetPhysicalDeviceProperties");
        next_properties2 =
            (PFN_vkGetPhysicalDeviceProperties2)get_instance(*created, "vkGetPhysicalDeviceProperties2");
        next_memory =
            (PFN_vkGetPhysicalDeviceMemoryProperties)get_instance(*created, "vkGetPhysicalDeviceMemoryProperties");
        next_memory2 =
            (PFN_vkGetPhysicalDeviceMemoryProperties2)get_instance(*created, "vkGetPhysicalDeviceMemoryProperties2");
    }
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkDevice *created)
{
    const PFN_vkGetDeviceProcAddr next_device = under_device(info);
    const VkResult result = next_create_device(physical, info, allocator, created);
    if (result != VK_SUCCESS) {
        return result;
    }
    const device_functions functions = {
        .key = key_of(*created),
        .get = next_device,
        .submit = (PFN_vkQueueSubmit)next_device(*created, "vkQueueSubmit"),
        .dispatch = (PFN_vkCmdDispatch)next_device(*created, "vkCmdDispatch"),
    };
    pthread_mutex_lock(&mutex);
    size_t place = 0; /* That of a destroyed device with the same key, if there was one. */
    while (place < device_count && devices[place].key != functions.key) {
        place++;
    }
    if (place == sizeof devices / sizeof *devices) {
        abort();
    }
    devices[place] = functions;
    device_count = place == device_count ? device_count + 1 : device_count;
    pthread_mutex_unlock(&mutex);
    return VK_SUCCESS;
}

static PFN_vkVoidFunction own_function(const char *name);

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc(VkDevice device, const char *name)
{
    const PFN_vkVoidFunction own = own_function(name);
    return own != NULL ? own : functions_of(device).get(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_proc(VkInstance of, const char *name)
{
    const PFN_vkVoidFunction own = own_function(name);
    return own != NULL ? own : get_instance(of, name);
}

static PFN_vkVoidFunction own_function(const char *name)
{
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } all[] = {
        { "vkCreateInstance", (PFN_vkVoidFunction)create_instance },
        { "vkCreateDevice", (PFN_vkVoidFunction)create_device },
        { "vkGetInstanceProcAddr", (PFN_vkVoidFunction)get_instance_proc },
        { "vkGetDeviceProcAddr", (PFN_vkVoidFunction)get_device_proc },
        { "vkGetPhysicalDeviceProperties", (PFN_vkVoidFunction)get_properties },
        { "vkGetPhysicalDeviceProperties2", (PFN_vkVoidFunction)get_properties2 },
        { "vkGetPhysicalDeviceMemoryProperties", (PFN_vkVoidFunction)get_memory },
        { "vkGetPhysicalDeviceMemoryProperties2", (PFN_vkVoidFunction)get_memory2 },
        { "vkQueueSubmit", (PFN_vkVoidFunction)queue_submit },
        { "vkCmdDispatch", (PFN_vkVoidFunction)cmd_dispatch },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i].name, name) == 0) {
            return all[i].function;
        }
    }
    return NULL;
}

VK_LAYER_EXPORT VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *interface)
{
    interface->loaderLayerInterfaceVersion = 2;
    interface->pfnGetInstanceProcAddr = get_instance_proc;
    interface->pfnGetDeviceProcAddr = get_device_proc;
    interface->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
