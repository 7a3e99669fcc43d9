/*
 * What any Vulkan layer has to do: when an instance or a device is made, take from the chain of structs what lies under
 * the layer, and move the chain on to the next layer.
 */

#ifndef LAYER_H
#define LAYER_H

#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

static inline PFN_vkGetInstanceProcAddr under_instance(const VkInstanceCreateInfo *info)
{
    VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)info->pNext;
    while (link->sType != VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO) {
        link = (VkLayerInstanceCreateInfo *)link->pNext;
    }
    const PFN_vkGetInstanceProcAddr under = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    return under;
}

static inline PFN_vkGetDeviceProcAddr under_device(const VkDeviceCreateInfo *info)
{
    VkLayerDeviceCreateInfo *link = (VkLayerDeviceCreateInfo *)info->pNext;
    while (link->sType != VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO) {
        link = (VkLayerDeviceCreateInfo *)link->pNext;
    }
    const PFN_vkGetDeviceProcAddr under = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    return under;
}

/* The dispatch table that a device shares with its queues and command buffers. */
static inline void *key_of(const void *handle)
{
    return *(void *const *)handle;
}

#endif
