/*
 * What a run has cost can be read after it: nothing crosses a bus on the CPU; a device reads each
 * pixel once, gives back a label a pixel, whatever the number of masks, and a warm run makes no
 * pipeline and allocates none of its memory.
 */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of tables, lists and reports of so few colours, at most. */
enum { TABLES = 32 << 10 };

enum { SIDE = 256, PIXELS = SIDE * SIDE, CHANNELS = 4, COLORS = 9, MASKS = 5 };

static ctm_counters counters_of(const ctm_context *context)
{
    ctm_counters counters;
    memset(&counters, 0xa5, sizeof counters);
    counters.struct_size = sizeof counters;
    CHECK_STATUS(context, ctm_context_counters(context, &counters), CTM_OK);
    CHECK(counters.struct_size == sizeof counters);
    return counters;
}

static bool all_zero(const ctm_counters *counters)
{
    const size_t first = offsetof(ctm_counters, bytes_to_device);
    return all_bytes_are((const char *)counters + first, sizeof *counters - first, 0);
}

static float *image(void)
{
    float *map = allocate(sizeof *map * PIXELS * CHANNELS, 0);
    for (size_t i = 0; i < PIXELS; i++) {
        map[i * CHANNELS] = (float)(i % COLORS);
    }
    return map;
}

static ctm_counters counters_of_run(ctm_context *context, const float *map, uint32_t max_count)
{
    float *masks = allocate(sizeof *masks * PIXELS * MASKS, 0);
    uint32_t mask_count = 0;
    CHECK_STATUS(context,
                 ctm_run(context, map, SIDE, SIDE, CHANNELS, 1, max_count, masks, PIXELS * MASKS,
                         &mask_count),
                 CTM_OK);
    CHECK(mask_count == max_count);
    free(masks);
    return counters_of(context);
}

static void check_bus(const ctm_counters *counters)
{
    const uint64_t pixels = sizeof(float) * CHANNELS * PIXELS;
    const uint64_t to_device = counters->bytes_to_device + counters->bytes_imported;
    CHECK(to_device >= pixels && to_device <= pixels + TABLES);
    CHECK(counters->bytes_imported == 0 || counters->bytes_to_device <= TABLES);
    CHECK(counters->bytes_from_device >= PIXELS && counters->bytes_from_device <= PIXELS + TABLES);
    CHECK(counters->bytes_overlapped <= counters->bytes_to_device);
    CHECK(counters->dispatches >= 2);
    CHECK(counters->submissions >= 1 && counters->submissions <= counters->dispatches);
}

static void runs(const char *device)
{
    float *map = image();
    ctm_context *context = context_for(device);
    const ctm_counters before = counters_of(context);
    CHECK(all_zero(&before));
    const ctm_counters first = counters_of_run(context, map, MASKS);
    CHECK(first.pixels_read >= PIXELS);
    if (ctm_context_backend(context) == CTM_BACKEND_VULKAN) {
        CHECK(first.device_allocations >= 1);
        CHECK(first.pipelines >= 1); /* Others were made for the self-test. */
        CHECK(first.device_bytes >= PIXELS);
        check_bus(&first);
    }
    for (int warm = 0; warm < 3; warm++) {
        const ctm_counters counters = counters_of_run(context, map, MASKS);
        CHECK(counters.device_allocations == 0);
        CHECK(counters.pipelines == 0);
        CHECK(counters.device_bytes == first.device_bytes);
        CHECK(counters.pixels_read == first.pixels_read);
        if (ctm_context_backend(context) == CTM_BACKEND_VULKAN) {
            check_bus(&counters);
            const ctm_counters one_mask = counters_of_run(context, map, 1);
            check_bus(&one_mask);
        } else {
            CHECK(counters.bytes_to_device == 0 && counters.bytes_from_device == 0);
            CHECK(counters.bytes_imported == 0 && counters.device_bytes == 0 && counters.bytes_overlapped == 0);
            CHECK(counters.dispatches == 0 && counters.submissions == 0);
        }
    }

    /* A run that was refused leaves the counters of the one before. */
    const ctm_counters last = counters_of(context);
    uint32_t mask_count = 77;
    CHECK_STATUS(context, ctm_run(context, map, 0, SIDE, CHANNELS, 1, 1, NULL, 0, &mask_count),
                 CTM_ERROR_INVALID_ARGUMENT);
    const ctm_counters after = counters_of(context);
    CHECK(memcmp(&last, &after, sizeof last) == 0);
    ctm_destroy(context);
    free(map);
}

static void refused(const ctm_context *context, ctm_counters *counters, const char *name,
                    const char *value, int line)
{
    const ctm_status status = ctm_context_counters(context, counters);
    const char *text = ctm_last_error(context);
    if (status != CTM_ERROR_INVALID_ARGUMENT || strstr(text, name) == NULL ||
        strstr(text, value) == NULL) {
        fprintf(stderr, "%s:%d: status %d; \"%s\" is expected to name \"%s\" and \"%s\"\n", __FILE__,
                line, (int)status, text, name, value);
        exit(1);
    }
}

#define REFUSED(context, counters, name, value) \
    refused((context), (counters), (name), (value), __LINE__)

static void arguments(const char *device)
{
    ctm_context *context = context_for(device);
    ctm_counters counters = CTM_COUNTERS_INIT;
    REFUSED(NULL, &counters, "context", "NULL");
    REFUSED(context, NULL, "counters", "NULL");

    const size_t size = sizeof(ctm_counters);
    const size_t wrong[] = { 0, 1, 8, 16, size - 8, size - 1, size + 1, size + 8, SIZE_MAX };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char value[32];
        snprintf(value, sizeof value, "%zu", wrong[i]);
        memset(&counters, 0x5a, sizeof counters);
        counters.struct_size = wrong[i];
        REFUSED(context, &counters, "struct_size", value);
        CHECK(counters.struct_size == wrong[i]);
        CHECK(all_bytes_are((char *)&counters + sizeof(size_t), size - sizeof(size_t), 0x5a));
    }

    char memory[sizeof(ctm_counters) + 64];
    char *aligned = memory + (8 - (uintptr_t)memory % 8) % 8;
    memset(memory, 0x5a, sizeof memory);
    for (int shift = 1; shift < 8; shift++) {
        REFUSED(context, (ctm_counters *)(void *)(aligned + shift), "counters", "multiple of 8");
        CHECK(all_bytes_are(memory, sizeof memory, 0x5a));
    }
    check_small_image(context);
    ctm_destroy(context);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    runs(device);
    arguments(device);
    return 0;
}
