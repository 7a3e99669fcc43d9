/*
 * A Vulkan layer that writes down each compute pipeline that is made, so that pipelines.c can make it again on another
 * device. The folder is that of CTM_RECORD. It gets `pipelines`, a line for each pipeline:
 *
 *     module=N constant=ID:VALUE … binding=NUMBER:TYPE:COUNT … push=OFFSET:SIZE …
 *
 * and N.spv, the words of each shader module. Whatever goes wrong ends the process, as do pipelines that such a line cannot
 * describe: a record that lacks something would prove nothing.
 */

#define _POSIX_C_SOURCE 200809L /* open_memstream */

#include "layer.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Of all instances and devices that a process has here, which are one driver's. */
static PFN_vkGetInstanceProcAddr get_instance;
static PFN_vkGetDeviceProcAddr get_device;
static PFN_vkCreateDevice next_create_device;
static PFN_vkCreateShaderModule next_create_module;
static PFN_vkCreateDescriptorSetLayout next_create_set_layout;
static PFN_vkCreatePipelineLayout next_create_layout;
static PFN_vkCreateComputePipelines next_create_pipelines;

/* What is known of an object: its part of a pipeline's line. */
typedef struct {
    VkObjectType type;
    uint64_t handle;
    char *text;
} known;

static known *all_known;
static size_t known_count, modules;

static void fail(const char *why)
{
    fprintf(stderr, "recording_layer: %s\n", why);
    abort();
}

/* NULL where the mode asks for a new file, and there is one. */
static FILE *open_file(const char *name, const char *mode)
{
    char path[4096];
    const char *folder = getenv("CTM_RECORD");
    if (folder == NULL || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        fail("CTM_RECORD does not name a folder");
    }
    FILE *file = fopen(path, mode);
    if (file == NULL && !(errno == EEXIST && strchr(mode, 'x') != NULL)) {
        fail("a file of CTM_RECORD cannot be opened");
    }
    return file;
}

static void close_file(FILE *file)
{
    if (fclose(file) != 0) {
        fail("a file was not written");
    }
}

/* What is written to the file becomes the text. */
static FILE *open_text(char **text)
{
    static size_t size;
    FILE *file = open_memstream(text, &size);
    if (file == NULL) {
        fail("no memory");
    }
    return file;
}

static void remember(VkObjectType type, uint64_t handle, char *text)
{
    known *grown = realloc(all_known, (known_count + 1) * sizeof *grown);
    if (grown == NULL) {
        fail("no memory");
    }
    all_known = grown;
    all_known[known_count++] = (known){ type, handle, text };
}

/* The last object that had the handle: those of destroyed ones are used again. */
static const char *recall(VkObjectType type, uint64_t handle)
{
    for (size_t i = known_count; i-- > 0;) {
        if (all_known[i].type == type && all_known[i].handle == handle) {
            return all_known[i].text;
        }
    }
    fail("an object was not seen being made");
    return NULL;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_module(VkDevice device, const VkShaderModuleCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkShaderModule *created)
{
    const VkResult result = next_create_module(device, info, allocator, created);
    if (result == VK_SUCCESS) {
        pthread_mutex_lock(&mutex);
        char name[32], *text;
        FILE *words;
        do { /* Other processes may have written to the folder. */
            snprintf(name, sizeof name, "%zu.spv", modules++);
            words = open_file(name, "wbx");
        } while (words == NULL);
        fwrite(info->pCode, 1, info->codeSize, words);
        close_file(words);
        FILE *file = open_text(&text);
        fprintf(file, "module=%zu", modules - 1);
        close_file(file);
        remember(VK_OBJECT_TYPE_SHADER_MODULE, (uint64_t)(uintptr_t)*created, text);
        pthread_mutex_unlock(&mutex);
    }
    return result;
}

/* Bindings without their set's number, which the pipeline layout knows. */
static VKAPI_ATTR VkResult VKAPI_CALL create_set_layout(VkDevice device, const VkDescriptorSetLayoutCreateInfo *info,
                                                        const VkAllocationCallbacks *allocator,
                                                        VkDescriptorSetLayout *created)
{
    const VkResult result = next_create_set_layout(device, info, allocator, created);
    if (result == VK_SUCCESS) {
        pthread_mutex_lock(&mutex);
        char *text;
        FILE *file = open_text(&text);
        for (uint32_t i = 0; i < info->bindingCount; i++) {
            const VkDescriptorSetLayoutBinding *binding = &info->pBindings[i];
            fprintf(file, " binding=%u:%d:%u", binding->binding, (int)binding->descriptorType, binding->descriptorCount);
        }
        close_file(file);
        remember(VK_OBJECT_TYPE_DESCRIPTOR_SET_LAYOUT, (uint64_t)(uintptr_t)*created, text);
        pthread_mutex_unlock(&mutex);
    }
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_layout(VkDevice device, const VkPipelineLayoutCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkPipelineLayout *created)
{
    const VkResult result = next_create_layout(device, info, allocator, created);
    if (result == VK_SUCCESS) {
        pthread_mutex_lock(&mutex);
        if (info->setLayoutCount > 1) {
            fail("a pipeline has several descriptor sets");
        }
        char *text;
        FILE *file = open_text(&text);
        for (uint32_t i = 0; i < info->setLayoutCount; i++) {
            fputs(recall(VK_OBJECT_TYPE_DESCRIPTOR_SET_LAYOUT, (uint64_t)(uintptr_t)info->pSetLayouts[i]), file);
        }
        for (uint32_t i = 0; i < info->pushConstantRangeCount; i++) {
            fprintf(file, " push=%u:%u", info->pPushConstantRanges[i].offset, info->pPushConstantRanges[i].size);
        }
        close_file(file);
        remember(VK_OBJECT_TYPE_PIPELINE_LAYOUT, (uint64_t)(uintptr_t)*created, text);
        pthread_mutex_unlock(&mutex);
    }
    return result;
}

static void record_pipeline(const VkComputePipelineCreateInfo *info)
{
    FILE *file = open_file("pipelines", "a");
    fputs(recall(VK_OBJECT_TYPE_SHADER_MODULE, (uint64_t)(uintptr_t)info->stage.module), file);
    const VkSpecializationInfo *constants = info->stage.pSpecializationInfo;
    for (uint32_t i = 0; constants != NULL && i < constants->mapEntryCount; i++) {
        const VkSpecializationMapEntry *entry = &constants->pMapEntries[i];
        uint32_t value;
        if (entry->size != sizeof value) {
            fail("a constant is not of 32 bits");
        }
        memcpy(&value, (const char *)constants->pData + entry->offset, sizeof value);
        fprintf(file, " constant=%u:%u", entry->constantID, value);
    }
    fprintf(file, "%s\n", recall(VK_OBJECT_TYPE_PIPELINE_LAYOUT, (uint64_t)(uintptr_t)info->layout));
    close_file(file);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                       const VkComputePipelineCreateInfo *infos,
                                                       const VkAllocationCallbacks *allocator, VkPipeline *created)
{
    pthread_mutex_lock(&mutex);
    for (uint32_t i = 0; i < count; i++) {
        record_pipeline(&infos[i]);
    }
    pthread_mutex_unlock(&mutex);
    return next_create_pipelines(device, cache, count, infos, allocator, created);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator, VkInstance *created)
{
    get_instance = under_instance(info);
    const VkResult result = ((PFN_vkCreateInstance)get_instance(NULL, "vkCreateInstance"))(info, allocator, created);
    if (result == VK_SUCCESS) {
        next_create_device = (PFN_vkCreateDevice)get_instance(*created, "vkCreateDevice");
    }
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkDevice *created)
{
    get_device = under_device(info);
    const VkResult result = next_create_device(physical, info, allocator, created);
    if (result == VK_SUCCESS) {
        next_create_module = (PFN_vkCreateShaderModule)get_device(*created, "vkCreateShaderModule");
        next_create_set_layout =
            (PFN_vkCreateDescriptorSetLayout)get_device(*created, "vkCreateDescriptorSetLayout");
        next_create_layout = (PFN_vkCreatePipelineLayout)get_device(*created, "vkCreatePipelineLayout");
        next_create_pipelines = (PFN_vkCreateComputePipelines)get_device(*created, "vkCreateComputePipelines");
    }
    return result;
}

static PFN_vkVoidFunction own_function(const char *name);

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc(VkDevice device, const char *name)
{
    const PFN_vkVoidFunction own = own_function(name);
    return own != NULL ? own : get_device(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_proc(VkInstance instance, const char *name)
{
    const PFN_vkVoidFunction own = own_function(name);
    return own != NULL ? own : get_instance(instance, name);
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
        { "vkCreateShaderModule", (PFN_vkVoidFunction)create_module },
        { "vkCreateDescriptorSetLayout", (PFN_vkVoidFunction)create_set_layout },
        { "vkCreatePipelineLayout", (PFN_vkVoidFunction)create_layout },
        { "vkCreateComputePipelines", (PFN_vkVoidFunction)create_pipelines },
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
