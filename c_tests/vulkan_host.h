/*
 * A host that lives on Vulkan: a device of its own, made of the physical device that a context works on, with buffers in
 * memory that it exports as file descriptors. What lies in them is written and read by this device only.
 */

#ifndef VULKAN_HOST_H
#define VULKAN_HOST_H

#include "ctm.h"

#include <stdbool.h>
#include <stddef.h>
#include <vulkan/vulkan.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    VkQueue queue;
    VkCommandPool pool;
    bool exports; /* Whether it can export memory; nothing below works where it cannot. */
} vulkan_host;

/* A buffer at the start of its memory. */
typedef struct {
    VkBuffer buffer;
    VkDeviceMemory memory;
    VkDeviceSize size;
    ctm_device_memory lent; /* The whole of it. */
} exported;

vulkan_host make_host(const ctm_context *context);
void destroy_host(vulkan_host *host);

/* Memory of `size` bytes that are all `fill`, released to other devices. */
exported make_exported(const vulkan_host *host, size_t size, unsigned char fill);
void destroy_exported(const vulkan_host *host, exported *buffer);

/* Writes bytes, waits for the device and releases the buffer to other devices. */
void upload(const vulkan_host *host, const exported *buffer, size_t offset, const void *data, size_t size);

/* Acquires the buffer from other devices, reads bytes, and releases it again. */
void download(const vulkan_host *host, const exported *buffer, size_t offset, void *data, size_t size);

/* How many file descriptors of this process are memory as this one is; others come and go with a driver's caches. */
int memory_files(const exported *like);

#ifdef __cplusplus
}
#endif

#endif
