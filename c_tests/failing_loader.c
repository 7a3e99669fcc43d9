/*
 * Preloaded: a Vulkan loader that hands all calls on to the real one, but fails those that a test asks for, and counts
 * the objects that live. For failing_calls.c, which declares the functions at the end.
 */

#define _GNU_SOURCE /* RTLD_NEXT, dladdr */
#define VK_NO_PROTOTYPES

#include <vulkan/vulkan_core.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *failing;
static VkResult failure;
static long calls_before;
static bool for_good;
static long failures;
static long objects;

static bool fails(const char *name)
{
    if (failing == NULL || strstr(name, failing) == NULL || calls_before-- > 0) {
        return false;
    }
    failures++;
    if (!for_good) {
        failing = NULL;
    }
    return true;
}

/* A function that may fail. */
#define CALL(name, parameters, ...)                                                    \
    static PFN_##name real_##name;                                                     \
    static VKAPI_ATTR VkResult VKAPI_CALL own_##name parameters                        \
    {                                                                                  \
        return fails(#name) ? failure : real_##name(__VA_ARGS__);                      \
    }

/* One that makes an object. */
#define CREATE(name, parameters, ...)                                                  \
    static PFN_##name real_##name;                                                     \
    static VKAPI_ATTR VkResult VKAPI_CALL own_##name parameters                        \
    {                                                                                  \
        const VkResult result = fails(#name) ? failure : real_##name(__VA_ARGS__);     \
        objects += result == VK_SUCCESS;                                               \
        return result;                                                                 \
    }

/* One that destroys an object. */
#define DESTROY(name, type)                                                            \
    static PFN_##name real_##name;                                                     \
    static VKAPI_ATTR void VKAPI_CALL own_##name(VkDevice device, type object,         \
                                                 const VkAllocationCallbacks *calls)   \
    {                                                                                  \
        objects -= object != VK_NULL_HANDLE;                                           \
        real_##name(device, object, calls);                                            \
    }

CALL(vkEnumerateInstanceVersion, (uint32_t *version), version)
CALL(vkEnumerateInstanceExtensionProperties,
     (const char *layer, uint32_t *count, VkExtensionProperties *properties), layer, count, properties)
CALL(vkCreateInstance,
     (const VkInstanceCreateInfo *info, const VkAllocationCallbacks *calls, VkInstance *instance), info,
     calls, instance)
CALL(vkEnumeratePhysicalDevices, (VkInstance instance, uint32_t *count, VkPhysicalDevice *devices), instance,
     count, devices)
CALL(vkMapMemory,
     (VkDevice device, VkDeviceMemory memory, VkDeviceSize offset, VkDeviceSize size, VkMemoryMapFlags flags,
      void **data),
     device, memory, offset, size, flags, data)
CALL(vkAllocateDescriptorSets,
     (VkDevice device, const VkDescriptorSetAllocateInfo *info, VkDescriptorSet *sets), device, info, sets)
CALL(vkBeginCommandBuffer, (VkCommandBuffer buffer, const VkCommandBufferBeginInfo *info), buffer, info)
CALL(vkQueueSubmit, (VkQueue queue, uint32_t count, const VkSubmitInfo *submits, VkFence fence), queue, count,
     submits, fence)
CALL(vkWaitForFences,
     (VkDevice device, uint32_t count, const VkFence *fences, VkBool32 all, uint64_t timeout), device, count,
     fences, all, timeout)
CALL(vkDeviceWaitIdle, (VkDevice device), device)
CREATE(vkAllocateMemory,
       (VkDevice device, const VkMemoryAllocateInfo *info, const VkAllocationCallbacks *calls,
        VkDeviceMemory *memory),
       device, info, calls, memory)
CREATE(vkCreateBuffer,
       (VkDevice device, const VkBufferCreateInfo *info, const VkAllocationCallbacks *calls, VkBuffer *buffer),
       device, info, calls, buffer)
CREATE(vkCreateFence,
       (VkDevice device, const VkFenceCreateInfo *info, const VkAllocationCallbacks *calls, VkFence *fence),
       device, info, calls, fence)
CREATE(vkCreateCommandPool,
       (VkDevice device, const VkCommandPoolCreateInfo *info, const VkAllocationCallbacks *calls,
        VkCommandPool *pool),
       device, info, calls, pool)
CREATE(vkCreateDescriptorPool,
       (VkDevice device, const VkDescriptorPoolCreateInfo *info, const VkAllocationCallbacks *calls,
        VkDescriptorPool *pool),
       device, info, calls, pool)
DESTROY(vkFreeMemory, VkDeviceMemory)
DESTROY(vkDestroyBuffer, VkBuffer)
DESTROY(vkDestroyFence, VkFence)
DESTROY(vkDestroyCommandPool, VkCommandPool)
DESTROY(vkDestroyDescriptorPool, VkDescriptorPool)

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL own_vkGetDeviceProcAddr(VkDevice device, const char *name);
static PFN_vkGetDeviceProcAddr real_vkGetDeviceProcAddr;
static PFN_vkGetInstanceProcAddr real_vkGetInstanceProcAddr;
static VkInstance the_instance;

#define OWN(name) { #name, (PFN_vkVoidFunction)own_##name, (PFN_vkVoidFunction *)(void *)&real_##name }

static const struct {
    const char *name;
    PFN_vkVoidFunction own;
    PFN_vkVoidFunction *real;
} functions[] = {
    OWN(vkGetDeviceProcAddr),      OWN(vkEnumerateInstanceVersion),
    OWN(vkCreateInstance),         OWN(vkEnumerateInstanceExtensionProperties),
    OWN(vkMapMemory),              OWN(vkEnumeratePhysicalDevices),
    OWN(vkAllocateDescriptorSets), OWN(vkBeginCommandBuffer),
    OWN(vkQueueSubmit),            OWN(vkWaitForFences),
    OWN(vkDeviceWaitIdle),         OWN(vkAllocateMemory),
    OWN(vkCreateBuffer),           OWN(vkCreateFence),
    OWN(vkCreateCommandPool),      OWN(vkCreateDescriptorPool),
    OWN(vkFreeMemory),             OWN(vkDestroyBuffer),
    OWN(vkDestroyFence),           OWN(vkDestroyCommandPool),
    OWN(vkDestroyDescriptorPool),
};

static PFN_vkVoidFunction function(const char *name, PFN_vkVoidFunction real)
{
    for (size_t i = 0; real != NULL && i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(name, functions[i].name) == 0) {
            *functions[i].real = real;
            return functions[i].own;
        }
    }
    return real;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL own_vkGetDeviceProcAddr(VkDevice device, const char *name)
{
    /* The instance's serve all devices. */
    PFN_vkVoidFunction real = real_vkGetInstanceProcAddr(the_instance, name);
    return function(name, real != NULL ? real : real_vkGetDeviceProcAddr(device, name));
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(VkInstance instance, const char *name)
{
    if (instance != NULL) {
        the_instance = instance;
    }
    return function(name, real_vkGetInstanceProcAddr(instance, name));
}

void *dlopen(const char *name, int flags)
{
    void *(*real)(const char *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "dlopen");
    if (real == NULL) {
        abort();
    }
    void *opened = real(name, flags);
    if (opened == NULL || name == NULL || strncmp(name, "libvulkan.so", strlen("libvulkan.so")) != 0) {
        return opened;
    }
    *(void **)&real_vkGetInstanceProcAddr = dlsym(opened, "vkGetInstanceProcAddr");
    Dl_info own;
    if (real_vkGetInstanceProcAddr == NULL || dladdr((void *)&failures, &own) == 0) {
        abort();
    }
    return real(own.dli_fname, flags);
}

/*
 * From now on, the call with number `before` (from 0 on) of the functions whose names contain `name` fails with `result`,
 * and so do those after it if `forever`. NULL: none. Gives the number of calls that have failed since the last time.
 */
long fail_calls(const char *name, VkResult result, long before, bool forever)
{
    const long failed = failures;
    failing = name;
    failure = result;
    calls_before = before;
    for_good = forever;
    failures = 0;
    return failed;
}

/* How many buffers, fences, pools and allocations of memory there are. */
long living_objects(void)
{
    return objects;
}
