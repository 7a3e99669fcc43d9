#define _GNU_SOURCE

#include "shim.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vulkan/vulkan.h>

enum { MOST_CODES = 16 };

static VkResult fault_of(int function);
static void while_waiting(VkResult fault, VkDevice device, uint64_t timeout);
static const VkMemoryAllocateInfo *with_real_memory_type(const VkMemoryAllocateInfo *info);
static void pretend_memory_types(uint32_t *bits);
static const VkCommandPoolCreateInfo *with_real_family(const VkCommandPoolCreateInfo *info);
static const VkDeviceCreateInfo *with_real_queues(const VkDeviceCreateInfo *info);
static const VkBufferCreateInfo *with_real_sharing(const VkBufferCreateInfo *info);
static VkResult submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence);
static void submit_copies(void);
static void count_object(int kind, int change);
static PFN_vkVoidFunction real_symbol(const char *name);

#include "vulkan_wrappers.inc"

/* The real loader. */

static PFN_vkVoidFunction real_symbol(const char *name)
{
    static void *library;
    if (library == NULL) {
        library = dlopen(REAL_VULKAN, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    }
    void *symbol = library != NULL ? dlsym(library, name) : NULL;
    if (symbol == NULL) {
        fprintf(stderr, "shim: %s\n", dlerror());
        abort();
    }
    PFN_vkVoidFunction function; /* C knows no cast from one to the other. */
    memcpy(&function, &symbol, sizeof function);
    return function;
}

/* Faults. */

static _Atomic bool armed;
static shim_fault chosen = { .function = -1 };
static _Atomic long failed_calls;
static _Atomic long calls[FUNCTIONS];

void shim_arm(const shim_fault *fault)
{
    chosen = fault != NULL ? *fault : (shim_fault){ .function = -1 };
    failed_calls = 0;
    for (int function = 0; function < FUNCTIONS; function++) {
        calls[function] = 0;
    }
    armed = true;
}

long shim_disarm(void)
{
    armed = false;
    return failed_calls;
}

long shim_calls(int function)
{
    return calls[function];
}

static bool may_return(int function, VkResult code)
{
    for (const VkResult *legal = functions[function].codes; *legal != VK_SUCCESS; legal++) {
        if (*legal == code) {
            return true;
        }
    }
    return false;
}

static bool works_on_queue(int function)
{
    return function == FUNCTION_vkQueueSubmit || function == FUNCTION_vkWaitForFences || function == FUNCTION_vkGetFenceStatus ||
           function == FUNCTION_vkQueueWaitIdle || function == FUNCTION_vkDeviceWaitIdle;
}

static bool fails_later(int function)
{
    switch (chosen.persistence) {
    case FAULT_FUNCTION:
        return function == chosen.function;
    case FAULT_ALL:
        return may_return(function, (VkResult)chosen.code);
    case FAULT_LOST:
        return works_on_queue(function);
    default:
        return false;
    }
}

static VkResult fault_of(int function)
{
    if (!armed) {
        return VK_SUCCESS;
    }
    const long call = atomic_fetch_add(&calls[function], 1);
    const bool is_chosen = function == chosen.function && call == chosen.call;
    if (!is_chosen && (failed_calls == 0 || !fails_later(function))) {
        return VK_SUCCESS;
    }
    atomic_fetch_add(&failed_calls, 1);
    return (VkResult)chosen.code;
}

/* What a wait does before it returns a fault. */
static void while_waiting(VkResult fault, VkDevice device, uint64_t timeout)
{
    if (fault == VK_ERROR_DEVICE_LOST) {
        /* A device that is lost does nothing more. */
        ((PFN_vkDeviceWaitIdle)real_symbol("vkDeviceWaitIdle"))(device);
    }
    if (fault == VK_TIMEOUT) {
        /* Not longer than this, or a sweep takes all day. */
        const uint64_t most = 20 * 1000 * 1000;
        const struct timespec duration = { 0, (long)(timeout < most ? timeout : most) };
        nanosleep(&duration, NULL);
    }
}

const char *shim_function_name(int function)
{
    return function < FUNCTIONS ? functions[function].name : NULL;
}

const int *shim_codes(int function)
{
    return (const int *)functions[function].codes;
}

const char *shim_code_name(int code)
{
    for (size_t i = 0; i < sizeof code_names / sizeof *code_names; i++) {
        if ((int)code_names[i].code == code) {
            return code_names[i].name;
        }
    }
    return "?";
}

int shim_code(const char *name)
{
    for (size_t i = 0; i < sizeof code_names / sizeof *code_names; i++) {
        if (strcmp(code_names[i].name, name) == 0) {
            return (int)code_names[i].code;
        }
    }
    return 0;
}

/* Objects. */

static _Atomic long objects[KINDS];

static void count_object(int kind, int change)
{
    atomic_fetch_add(&objects[kind], change);
}

const char *shim_kind_name(int kind)
{
    return kind < KINDS ? kind_names[kind] : NULL;
}

long shim_objects(int kind)
{
    return objects[kind];
}

/* Other devices. A discrete one has each type of memory twice: the first for the device alone, the second for the host. It has a
 * queue family more, which only copies: its queue is the first family's. */

static shim_device pretended;
static uint32_t real_memory_types;
static uint32_t real_families = UINT32_MAX;

void shim_pretend(shim_device device)
{
    pretended = device;
}

static void pretend_memory(VkPhysicalDeviceMemoryProperties *memory)
{
    const uint32_t types = memory->memoryTypeCount;
    if (!pretended.discrete || 2 * types > VK_MAX_MEMORY_TYPES) {
        return;
    }
    real_memory_types = types;
    memory->memoryTypeCount = 2 * types;
    for (uint32_t type = 0; type < types; type++) {
        memory->memoryTypes[types + type].heapIndex = memory->memoryTypes[type].heapIndex;
        memory->memoryTypes[types + type].propertyFlags = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
        if (!pretended.uncached) {
            memory->memoryTypes[types + type].propertyFlags |= VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
        }
        memory->memoryTypes[type].propertyFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    }
}

static void pretend_memory_types(uint32_t *bits)
{
    *bits |= *bits << real_memory_types;
}

static const VkMemoryAllocateInfo *with_real_memory_type(const VkMemoryAllocateInfo *info)
{
    static _Thread_local VkMemoryAllocateInfo real;
    real = *info;
    if (real_memory_types != 0) {
        real.memoryTypeIndex %= real_memory_types;
    }
    return &real;
}

static uint32_t real_family(uint32_t family)
{
    return family < real_families ? family : 0;
}

static const VkCommandPoolCreateInfo *with_real_family(const VkCommandPoolCreateInfo *info)
{
    static _Thread_local VkCommandPoolCreateInfo real;
    real = *info;
    real.queueFamilyIndex = real_family(real.queueFamilyIndex);
    return &real;
}

/* A device without the queue that it does not have. */
static const VkDeviceCreateInfo *with_real_queues(const VkDeviceCreateInfo *info)
{
    static _Thread_local VkDeviceCreateInfo real;
    real = *info;
    while (real.queueCreateInfoCount > 0 && real.pQueueCreateInfos[real.queueCreateInfoCount - 1].queueFamilyIndex >= real_families) {
        real.queueCreateInfoCount--;
    }
    return &real;
}

/* A buffer that families share belongs to one. */
static const VkBufferCreateInfo *with_real_sharing(const VkBufferCreateInfo *info)
{
    static _Thread_local VkBufferCreateInfo real;
    real = *info;
    real.sharingMode = VK_SHARING_MODE_EXCLUSIVE;
    real.queueFamilyIndexCount = 0;
    return &real;
}

/* Copies that a semaphore tells the end of are begun as late as can be: when somebody waits for them. What reads them and does not wait
 * has come too soon. */

static struct {
    VkQueue queue; /* NULL: there are none. */
    VkCommandBuffer commands;
    VkSemaphore semaphore;
    VkFence fence;
} copies;

static void submit_copies(void)
{
    if (copies.queue == NULL) {
        return;
    }
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &copies.commands,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &copies.semaphore,
    };
    if (next_vkQueueSubmit(copies.queue, 1, &info, copies.fence) != VK_SUCCESS) {
        abort();
    }
    copies.queue = NULL;
}

static VkResult submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence)
{
    if (count == 1 && infos->signalSemaphoreCount == 1 && infos->commandBufferCount == 1) {
        submit_copies();
        copies.queue = queue;
        copies.commands = *infos->pCommandBuffers;
        copies.semaphore = *infos->pSignalSemaphores;
        copies.fence = fence;
        return VK_SUCCESS;
    }
    if (count > 0 && infos->waitSemaphoreCount > 0) {
        submit_copies();
    }
    return next_vkQueueSubmit(queue, count, infos, fence);
}

static void pretend_properties(VkPhysicalDeviceProperties *properties)
{
    if (pretended.discrete) {
        properties->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    }
    if (pretended.max_storage_range != 0) {
        properties->limits.maxStorageBufferRange = pretended.max_storage_range;
    }
}

static PFN_vkGetPhysicalDeviceMemoryProperties next_memory_properties;
static PFN_vkGetPhysicalDeviceMemoryProperties2 next_memory_properties_2;
static PFN_vkGetPhysicalDeviceProperties next_properties;
static PFN_vkGetPhysicalDeviceProperties2 next_properties_2;
static PFN_vkGetPhysicalDeviceQueueFamilyProperties2 next_families;
static PFN_vkGetDeviceQueue2 next_queue;
static PFN_vkGetBufferMemoryRequirements next_requirements;
static PFN_vkGetBufferMemoryRequirements2 next_requirements_2;

static VKAPI_ATTR void VKAPI_CALL memory_properties(VkPhysicalDevice device, VkPhysicalDeviceMemoryProperties *properties)
{
    next_memory_properties(device, properties);
    pretend_memory(properties);
}

static VKAPI_ATTR void VKAPI_CALL memory_properties_2(VkPhysicalDevice device, VkPhysicalDeviceMemoryProperties2 *properties)
{
    next_memory_properties_2(device, properties);
    pretend_memory(&properties->memoryProperties);
}

static VKAPI_ATTR void VKAPI_CALL device_properties(VkPhysicalDevice device, VkPhysicalDeviceProperties *properties)
{
    next_properties(device, properties);
    pretend_properties(properties);
}

static VKAPI_ATTR void VKAPI_CALL device_properties_2(VkPhysicalDevice device, VkPhysicalDeviceProperties2 *properties)
{
    next_properties_2(device, properties);
    pretend_properties(&properties->properties);
}

static VKAPI_ATTR void VKAPI_CALL families(VkPhysicalDevice device, uint32_t *count, VkQueueFamilyProperties2 *properties)
{
    uint32_t real = 0;
    next_families(device, &real, NULL);
    if (!pretended.discrete) {
        next_families(device, count, properties);
        return;
    }
    real_families = real;
    if (properties == NULL) {
        *count = real + 1;
        return;
    }
    const uint32_t room = *count;
    *count = room < real ? room : real; /* Not all drivers say how many there are. */
    next_families(device, count, properties);
    if (room > real) {
        properties[real].queueFamilyProperties =
            (VkQueueFamilyProperties){ .queueFlags = VK_QUEUE_TRANSFER_BIT, .queueCount = 1 };
        *count = real + 1;
    }
}

static VKAPI_ATTR void VKAPI_CALL device_queue(VkDevice device, const VkDeviceQueueInfo2 *info, VkQueue *queue)
{
    VkDeviceQueueInfo2 real = *info;
    real.queueFamilyIndex = real_family(real.queueFamilyIndex);
    next_queue(device, &real, queue);
}

static VKAPI_ATTR void VKAPI_CALL requirements(VkDevice device, VkBuffer buffer, VkMemoryRequirements *needs)
{
    next_requirements(device, buffer, needs);
    pretend_memory_types(&needs->memoryTypeBits);
}

static VKAPI_ATTR void VKAPI_CALL requirements_2(VkDevice device, const VkBufferMemoryRequirementsInfo2 *info,
                                                 VkMemoryRequirements2 *needs)
{
    next_requirements_2(device, info, needs);
    pretend_memory_types(&needs->memoryRequirements.memoryTypeBits);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_function(VkDevice device, const char *name);

static const struct {
    const char *name;
    PFN_vkVoidFunction wrapper;
    PFN_vkVoidFunction *next;
} pretenders[] = {
    { "vkGetPhysicalDeviceMemoryProperties", (PFN_vkVoidFunction)memory_properties, (PFN_vkVoidFunction *)&next_memory_properties },
    { "vkGetPhysicalDeviceMemoryProperties2", (PFN_vkVoidFunction)memory_properties_2, (PFN_vkVoidFunction *)&next_memory_properties_2 },
    { "vkGetPhysicalDeviceProperties", (PFN_vkVoidFunction)device_properties, (PFN_vkVoidFunction *)&next_properties },
    { "vkGetPhysicalDeviceProperties2", (PFN_vkVoidFunction)device_properties_2, (PFN_vkVoidFunction *)&next_properties_2 },
    { "vkGetPhysicalDeviceQueueFamilyProperties2", (PFN_vkVoidFunction)families, (PFN_vkVoidFunction *)&next_families },
    { "vkGetDeviceQueue2", (PFN_vkVoidFunction)device_queue, (PFN_vkVoidFunction *)&next_queue },
    { "vkGetBufferMemoryRequirements", (PFN_vkVoidFunction)requirements, (PFN_vkVoidFunction *)&next_requirements },
    { "vkGetBufferMemoryRequirements2", (PFN_vkVoidFunction)requirements_2, (PFN_vkVoidFunction *)&next_requirements_2 },
};

/* The way in. */

static VkInstance last_instance;
static PFN_vkGetDeviceProcAddr next_device_function;

static PFN_vkVoidFunction wrap(const char *name, PFN_vkVoidFunction next)
{
    if (next == NULL) {
        return NULL;
    }
    if (strcmp(name, "vkGetDeviceProcAddr") == 0) {
        next_device_function = (PFN_vkGetDeviceProcAddr)next;
        return (PFN_vkVoidFunction)device_function;
    }
    for (size_t i = 0; i < sizeof pretenders / sizeof *pretenders; i++) {
        if (strcmp(name, pretenders[i].name) == 0) {
            *pretenders[i].next = next;
            return pretenders[i].wrapper;
        }
    }
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        if (strcmp(name, wrappers[i].name) == 0) {
            *wrappers[i].next = next;
            return wrappers[i].wrapper;
        }
    }
    return next;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(VkInstance instance, const char *name)
{
    static PFN_vkGetInstanceProcAddr next;
    if (next == NULL) {
        next = (PFN_vkGetInstanceProcAddr)real_symbol("vkGetInstanceProcAddr");
    }
    if (strcmp(name, "vkGetInstanceProcAddr") == 0) {
        return (PFN_vkVoidFunction)vkGetInstanceProcAddr;
    }
    if (instance != NULL) {
        last_instance = instance;
    }
    return wrap(name, next(instance, name));
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_function(VkDevice device, const char *name)
{
    if (next_device_function(device, name) == NULL) {
        return NULL;
    }
    /* The loader's own function works for every device, so that one pointer is enough for all of them. */
    return vkGetInstanceProcAddr(last_instance, name);
}
