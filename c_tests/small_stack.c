/*
 * The calling thread works, too: a stack of 64 KiB is enough for it on the CPU, and one of 128 KiB, as musl's threads have
 * it, on a device. That holds for every function.
 */

#include "every_call.h"
#include "oracle.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CPU_STACK = 64 << 10, DEVICE_STACK = 128 << 10, CHANNELS = 4, SIZES = 2, KINDS = 3 };

static const uint32_t widths[SIZES] = {31, 700}, heights[SIZES] = {17, 300};

/* Regions, a few colours at random, and a colour for nearly each pixel. */
static float value(int kind, uint32_t x, uint32_t y, uint64_t *state)
{
    switch (kind) {
    case 0:
        return (float)(x / 40 + y / 30);
    case 1:
        return (float)(next_random(state) % 3);
    default:
        return (float)(next_random(state) % 1000);
    }
}

static int32_t progress(void *user, double done)
{
    return done < 0 ? *(int *)user : 0;
}

static void *work(void *device)
{
    ctm_context *context = context_for(device);
    for (int kind = 0; kind < call_kinds(); kind++) {
        outcome_of(context, kind, progress, NULL);
    }
    size_t bytes = 0;
    CHECK_STATUS(context, ctm_context_pipeline_cache(context, NULL, &bytes), CTM_OK);
    for (int size = 0; size < SIZES; size++) {
        for (int kind = 0; kind < KINDS; kind++) {
            const uint32_t width = widths[size], height = heights[size];
            float *map = allocate((size_t)width * height * CHANNELS * sizeof *map, 0);
            uint64_t state = 5;
            for (size_t i = 0; i < (size_t)width * height * CHANNELS; i++) {
                const uint32_t pixel = (uint32_t)(i / CHANNELS);
                map[i] = value(kind, pixel % width, pixel / width, &state);
            }
            check_against_oracle(context, map, width, height, CHANNELS, 1, 5);
            free(map);
        }
    }
    if (strcmp(device, "cpu") != 0) {
        CHECK(ctm_device_name(1000) == NULL); /* Asks the drivers. */
    }
    ctm_cancel(context);
    ctm_destroy(context);
    return NULL;
}

int main(int argc, char **argv)
{
    char *device = (char *)device_argument(argc, argv);
    const size_t stack = strcmp(device, "cpu") == 0 ? CPU_STACK : DEVICE_STACK;
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, stack) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, &attributes, work, device) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(pthread_attr_destroy(&attributes) == 0);
    return 0;
}
