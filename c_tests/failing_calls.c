/*
 * Calls of Vulkan that fail (failing_loader.c): a call of ctm gives the right masks or a status that fits, the context works
 * on unless the device was lost, and when it is destroyed, nothing is left behind. A Vulkan that could not be opened is
 * tried again.
 */

#define _GNU_SOURCE /* RTLD_DEFAULT */

#include "test.h"

#include <vulkan/vulkan_core.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two chunks. */
enum { WIDTH = 2100, HEIGHT = 1100, PIXELS = WIDTH * HEIGHT, CHANNELS = 3, MASKS = 4, FEW_COLORS = 50 };

static long (*fail_calls)(const char *name, VkResult result, long before, bool forever);
static long (*living_objects)(void);

static const struct {
    const char *name;
    VkResult result;
    bool forever;
    /* What the call may return; CTM_OK beside it, where `may_work`. */
    ctm_status status;
    bool may_work;
} cases[] = {
    { "vkWaitForFences", VK_ERROR_OUT_OF_HOST_MEMORY, false, CTM_OK, true },
    { "vkWaitForFences", VK_ERROR_OUT_OF_DEVICE_MEMORY, true, CTM_OK, true },
    { "vkWaitForFences", VK_ERROR_DEVICE_LOST, false, CTM_ERROR_DEVICE_LOST, false },
    { "Wait", VK_ERROR_OUT_OF_HOST_MEMORY, true, CTM_ERROR_OUT_OF_MEMORY, false },
    { "Wait", VK_ERROR_OUT_OF_DEVICE_MEMORY, true, CTM_ERROR_OUT_OF_DEVICE_MEMORY, false },
    { "vkQueueSubmit", VK_ERROR_DEVICE_LOST, false, CTM_ERROR_DEVICE_LOST, false },
    { "vkQueueSubmit", VK_ERROR_OUT_OF_HOST_MEMORY, false, CTM_ERROR_OUT_OF_MEMORY, false },
    { "vkAllocateDescriptorSets", VK_ERROR_FRAGMENTED_POOL, false, CTM_OK, true },
    { "vkAllocateDescriptorSets", VK_ERROR_FRAGMENTED_POOL, true, CTM_ERROR_OUT_OF_DEVICE_MEMORY, false },
    { "vkAllocateDescriptorSets", VK_ERROR_OUT_OF_POOL_MEMORY, true, CTM_ERROR_OUT_OF_DEVICE_MEMORY, false },
    { "vkAllocateDescriptorSets", VK_ERROR_UNKNOWN, true, CTM_ERROR_OUT_OF_DEVICE_MEMORY, false },
    { "vkCreateDescriptorPool", VK_ERROR_FRAGMENTATION, true, CTM_ERROR_OUT_OF_DEVICE_MEMORY, false },
    { "vkBeginCommandBuffer", VK_ERROR_OUT_OF_HOST_MEMORY, false, CTM_ERROR_OUT_OF_MEMORY, false },
    { "vkBeginCommandBuffer", VK_ERROR_OUT_OF_DEVICE_MEMORY, true, CTM_ERROR_OUT_OF_DEVICE_MEMORY, false },
    { "vkMapMemory", VK_ERROR_MEMORY_MAP_FAILED, false, CTM_OK, true },
    { "vkMapMemory", VK_ERROR_MEMORY_MAP_FAILED, true, CTM_ERROR_OUT_OF_DEVICE_MEMORY, false },
};

static ctm_status run(ctm_context *context, const float *map, float *masks)
{
    uint32_t mask_count = 77;
    const ctm_status status = ctm_run(context, map, WIDTH, HEIGHT, CHANNELS, 1, MASKS, masks,
                                      (size_t)PIXELS * MASKS, &mask_count);
    CHECK(mask_count == (status == CTM_OK ? MASKS : 0));
    return status;
}

/* Opening Vulkan fails now and then; nobody remembers it. */
static void check_opening(const char *device)
{
    static const struct {
        const char *name;
        VkResult result;
        ctm_status status;
    } opening[] = {
        { "vkEnumerateInstanceVersion", VK_ERROR_OUT_OF_HOST_MEMORY, CTM_ERROR_OUT_OF_MEMORY },
        { "vkEnumerateInstanceExtensionProperties", VK_ERROR_OUT_OF_DEVICE_MEMORY,
          CTM_ERROR_OUT_OF_DEVICE_MEMORY },
        { "vkCreateInstance", VK_ERROR_OUT_OF_HOST_MEMORY, CTM_ERROR_OUT_OF_MEMORY },
        { "vkCreateInstance", VK_ERROR_INITIALIZATION_FAILED, CTM_ERROR_DRIVER },
        { "vkEnumeratePhysicalDevices", VK_ERROR_OUT_OF_HOST_MEMORY, CTM_ERROR_OUT_OF_MEMORY },
        { "vkEnumeratePhysicalDevices", VK_ERROR_OUT_OF_DEVICE_MEMORY, CTM_ERROR_OUT_OF_DEVICE_MEMORY },
    };
    ctm_options options = options_for(device);
    for (size_t i = 0; i < sizeof opening / sizeof *opening; i++) {
        ctm_context *context = (ctm_context *)(void *)&options; /* Not NULL: it must become so. */
        fail_calls(opening[i].name, opening[i].result, 0, false);
        CHECK_STATUS(NULL, ctm_create(&options, &context), opening[i].status);
        CHECK(context == NULL);
        printf("%s\n", ctm_last_error(NULL));
        CHECK(fail_calls(opening[i].name, opening[i].result, 0, false) == 1);
        CHECK(ctm_device_name(0) == NULL);
        CHECK(fail_calls(NULL, VK_SUCCESS, 0, false) == 1);
    }
    CHECK(ctm_device_name(0) != NULL);
}

/* One case, at each call of the function in turn. */
static void check_case(size_t i, const char *device, const float *map, const float *expected, float *masks)
{
    const ctm_status status = cases[i].status;
    printf("%s %d%s\n", cases[i].name, cases[i].result, cases[i].forever ? " from then on" : "");
    for (long before = 0;; before++) {
        const long objects = living_objects();
        ctm_context *context = context_for(device);
        fail_calls(cases[i].name, cases[i].result, before, cases[i].forever);
        const ctm_status found = run(context, map, masks);
        const bool has_failed = fail_calls(NULL, VK_SUCCESS, 0, false) > 0;
        if (has_failed && !(found == CTM_OK && cases[i].may_work)) {
            CHECK_STATUS(context, found, status);
        } else {
            CHECK_STATUS(context, found, CTM_OK);
        }
        CHECK(found != CTM_OK || memcmp(masks, expected, sizeof *masks * PIXELS * MASKS) == 0);
        if (found == CTM_ERROR_DEVICE_LOST) {
            CHECK(run(context, map, masks) == CTM_ERROR_DEVICE_LOST);
        } else {
            check_small_image(context);
        }
        ctm_destroy(context);
        CHECK(living_objects() == objects);
        if (!has_failed) {
            CHECK(before > 0);
            return;
        }
    }
}

/* A context is destroyed while no wait works: what it has to keep is freed when there is another. */
static void check_destroying(const char *device, const float *map, float *masks)
{
    const long objects = living_objects();
    ctm_context *context = context_for(device);
    fail_calls("Wait", VK_ERROR_OUT_OF_HOST_MEMORY, 0, true);
    CHECK_STATUS(context, run(context, map, masks), CTM_ERROR_OUT_OF_MEMORY);
    ctm_destroy(context);
    CHECK(fail_calls(NULL, VK_SUCCESS, 0, false) > 0);
    CHECK(living_objects() > objects);
    ctm_context *another = context_for(device);
    check_small_image(another);
    ctm_destroy(another);
    CHECK(living_objects() == objects);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    *(void **)&fail_calls = dlsym(RTLD_DEFAULT, "fail_calls");
    *(void **)&living_objects = dlsym(RTLD_DEFAULT, "living_objects");
    CHECK(fail_calls != NULL && living_objects != NULL);
    check_opening(device);

    float *map = allocate(sizeof *map * PIXELS * CHANNELS, 0);
    float *expected = allocate(sizeof *expected * PIXELS * MASKS, 0);
    float *masks = allocate(sizeof *masks * PIXELS * MASKS, 0xa5);
    for (size_t i = 0; i < PIXELS; i++) {
        map[i * CHANNELS] = (float)(i / 7 % FEW_COLORS);
    }
    ctm_context *cpu = context_for("cpu");
    CHECK_STATUS(cpu, run(cpu, map, expected), CTM_OK);
    ctm_destroy(cpu);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_case(i, device, map, expected, masks);
    }
    check_destroying(device, map, masks);
    free(masks);
    free(expected);
    free(map);
    return 0;
}
