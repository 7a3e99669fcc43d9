/*
 * An invalid argument gives its status and a text that names the argument and its value; no buffer
 * is touched, and the context works on.
 */

#define _DEFAULT_SOURCE

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Addresses that end the program when they are touched: sizes are checked before anything else. */
static char *forbidden_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

/* All arguments of ctm_run, so that a test can spoil one of them. */
typedef struct {
    ctm_context *context;
    const float *color_map;
    uint32_t width, height, channels;
    float *masks;
    size_t masks_len;
    uint32_t *mask_count;
} arguments;

static ctm_status run(arguments a)
{
    return ctm_run(a.context, a.color_map, a.width, a.height, a.channels, 1, 5, a.masks,
                   a.masks_len, a.mask_count);
}

static void check_text(const ctm_context *context, const char *name, const char *value, int line)
{
    const char *text = ctm_last_error(context);
    if (strstr(text, name) == NULL || strstr(text, value) == NULL) {
        fprintf(stderr, "%s:%d: \"%s\" does not name \"%s\" and \"%s\"\n", __FILE__, line, text,
                name, value);
        exit(1);
    }
}

static void refused(arguments a, const char *name, const char *value, int line)
{
    if (run(a) != CTM_ERROR_INVALID_ARGUMENT) {
        fprintf(stderr, "%s:%d: %s, %s: not refused\n", __FILE__, line, name, value);
        exit(1);
    }
    check_text(a.context, name, value, line);
    if (a.context != NULL) {
        check_small_image(a.context);
        check_text(a.context, name, value, line); /* A success does not clear it. */
    }
}

#define REFUSED(arguments, name, value) refused((arguments), (name), (value), __LINE__)

static const char *address(const void *pointer)
{
    static char text[32];
    snprintf(text, sizeof text, "%p", pointer);
    return text;
}

static void numbers_and_pointers(ctm_context *context)
{
    /* 12 x 10 x 3: the forbidden map and masks lie far apart, and only mask_count can be written. */
    char *memory = forbidden_memory(1 << 20);
    uint32_t mask_count = 12345;
    const arguments valid = { context, (float *)(void *)memory, 12, 10, 3,
                              (float *)(void *)(memory + 65536), 600, &mask_count };
    arguments a;

    a = valid, a.context = NULL, REFUSED(a, "context", "NULL");
    a = valid, a.color_map = NULL, REFUSED(a, "color_map", "NULL");
    a = valid, a.masks = NULL, REFUSED(a, "masks", "NULL");
    a = valid, a.mask_count = NULL, REFUSED(a, "mask_count", "NULL");

    a = valid, a.width = 0, REFUSED(a, "width", "0");
    a = valid, a.height = 0, REFUSED(a, "height", "0");
    a = valid, a.channels = 0, REFUSED(a, "channels", "0");
    a = valid, a.channels = 5, REFUSED(a, "channels", "5");
    a = valid, a.channels = UINT32_MAX, REFUSED(a, "channels", "4294967295");

    a = valid, a.width = a.height = UINT32_MAX, a.channels = 4;
    REFUSED(a, "width", "4294967295 x 4294967295 x 4");
    a.channels = 1, REFUSED(a, "height", "4294967295 x 4294967295 x 1");
    a = valid, a.width = UINT32_MAX, a.height = UINT32_MAX / 2, REFUSED(a, "channels", "2147483647");

    for (int shift = 1; shift < 4; shift++) {
        a = valid, a.color_map = (float *)(void *)(memory + shift);
        REFUSED(a, "color_map", address(a.color_map));
        a = valid, a.masks = (float *)(void *)(memory + 65536 + shift);
        REFUSED(a, "masks", address(a.masks));
        a = valid, a.mask_count = (uint32_t *)(void *)(memory + 32768 + shift);
        REFUSED(a, "mask_count", address(a.mask_count));
    }

    /* Too many floats for an address, in bytes, with the sign bit, and behind the given start. */
    a = valid, a.masks_len = SIZE_MAX, REFUSED(a, "masks", "18446744073709551615");
    a = valid, a.masks_len = SIZE_MAX / 4, REFUSED(a, "masks", "4611686018427387903");
    a = valid, a.masks_len = SIZE_MAX / 4 + 1, REFUSED(a, "masks", "4611686018427387904");
    a = valid, a.masks_len = SIZE_MAX / 8 + 1, REFUSED(a, "masks", "2305843009213693952");
    a = valid, a.masks = NULL, a.masks_len = SIZE_MAX, REFUSED(a, "masks", "NULL");

    CHECK(mask_count == 12345);
    CHECK(munmap(memory, 1 << 20) == 0);
}

/* The small image has 36 floats; its masks are said to have 24. */
static void overlaps(ctm_context *context)
{
    const size_t map_floats = SMALL_PIXELS * SMALL_CHANNELS;
    const size_t masks_floats = SMALL_PIXELS * SMALL_MASKS;
    char *memory = forbidden_memory(65536);
    float *base = (float *)(void *)(memory + 4096);
    uint32_t mask_count = 12345;
    const arguments valid = { context, base, SMALL_WIDTH, SMALL_HEIGHT, SMALL_CHANNELS,
                              base + 1000, masks_floats, &mask_count };
    arguments a;

    a = valid, a.masks = base, REFUSED(a, "masks", "color_map");
    a = valid, a.masks = base + map_floats - 1, REFUSED(a, "masks", "color_map");
    a = valid, a.masks = base - masks_floats + 1, REFUSED(a, "masks", "color_map");
    a = valid, a.masks = base + 1, a.masks_len = 1, REFUSED(a, "masks", "color_map");
    a = valid, a.mask_count = (uint32_t *)(void *)base, REFUSED(a, "mask_count", "color_map");
    a = valid, a.mask_count = (uint32_t *)(void *)(base + map_floats - 1);
    REFUSED(a, "mask_count", "color_map");
    a = valid, a.mask_count = (uint32_t *)(void *)a.masks, REFUSED(a, "mask_count", "masks");
    a = valid, a.mask_count = (uint32_t *)(void *)(a.masks + masks_floats - 1);
    REFUSED(a, "mask_count", "masks");
    CHECK(mask_count == 12345);
    CHECK(munmap(memory, 65536) == 0);

    /* 65536 x 65536 pixels are 2^32, not 0: the overlap is in the last of 16 GiB. */
    const size_t large = (size_t)16 << 30;
    memory = forbidden_memory(large + 65536);
    a = valid, a.width = a.height = 65536, a.channels = 1;
    a.color_map = (float *)(void *)memory;
    a.masks = (float *)(void *)(memory + large - 4);
    REFUSED(a, "masks", "color_map");
    CHECK(munmap(memory, large + 65536) == 0);
}

/* Buffers that touch, in both orders, do not overlap; and nothing overlaps an empty one. */
static void neighbours(ctm_context *context)
{
    enum { MAP = SMALL_PIXELS * SMALL_CHANNELS, MASKS = SMALL_PIXELS * SMALL_MASKS };
    float memory[1 + MAP + MASKS + 1];
    uint32_t number;

    memcpy(memory + 1, small_image, sizeof small_image);
    arguments a = { context, memory + 1, SMALL_WIDTH, SMALL_HEIGHT, SMALL_CHANNELS,
                    memory + 1 + MAP, MASKS, (uint32_t *)(void *)memory };
    const ctm_status before = ctm_run(context, a.color_map, a.width, a.height, a.channels, 2, 5,
                                      a.masks, a.masks_len, a.mask_count);
    CHECK_STATUS(context, before, CTM_OK);
    memcpy(&number, memory, sizeof number);
    CHECK(number == SMALL_MASKS);
    CHECK(memcmp(a.masks, small_masks, sizeof small_masks) == 0);

    memcpy(memory + MASKS, small_image, sizeof small_image);
    a.masks = memory, a.color_map = memory + MASKS;
    a.mask_count = (uint32_t *)(void *)(memory + MASKS + MAP);
    const ctm_status behind = ctm_run(context, a.color_map, a.width, a.height, a.channels, 2, 5,
                                      a.masks, a.masks_len, a.mask_count);
    CHECK_STATUS(context, behind, CTM_OK);
    memcpy(&number, memory + MASKS + MAP, sizeof number);
    CHECK(number == SMALL_MASKS);
    CHECK(memcmp(a.masks, small_masks, sizeof small_masks) == 0);

    a.masks = memory + MASKS, a.masks_len = 0;
    CHECK_STATUS(context, run(a), CTM_ERROR_BUFFER_TOO_SMALL);
    CHECK(memcmp(a.color_map, small_image, sizeof small_image) == 0);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    numbers_and_pointers(context);
    overlaps(context);
    neighbours(context);
    check_small_image(context);
    ctm_destroy(context);
    return 0;
}
