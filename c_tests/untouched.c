/* The input and everything behind the planes keep their bytes, NaN payloads included. */

#include "oracle.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_COUNT = 6 };

/* Bit patterns that a copy through a float register or a conversion could change. */
static const uint32_t fragile[] = {
    0x7f800001u, 0xff800001u, 0x7fbfffffu, 0x7fc12345u, 0xffffffffu, /* NaNs, signalling first */
    0x80000000u, 0x00000001u, 0x807fffffu, 0x7f800000u,              /* -0, subnormals, Inf */
};

static void fill_with_fragile(float *floats, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const uint32_t bits = fragile[i % (sizeof fragile / sizeof *fragile)];
        set_bits(&floats[i], bits ^ (uint32_t)(i & 0x100)); /* And some other payloads. */
    }
}

static void check_image(ctm_context *context, uint32_t width, uint32_t height, uint32_t channels,
                        uint64_t min_pixels, size_t slack)
{
    const size_t pixels = (size_t)width * height;
    const size_t map_bytes = pixels * channels * sizeof(float);
    float *map = allocate(map_bytes, 0);
    fill_with_fragile(map, pixels * channels);
    uint64_t seed = pixels;
    for (size_t i = 0; i < pixels; i++) {
        if (next_random(&seed) % 4 != 0) { /* Three pixels of four have one of few colours. */
            for (uint32_t channel = 0; channel < channels; channel++) {
                map[i * channels + channel] = (float)(next_random(&seed) % 2);
            }
        }
    }
    float *map_before = allocate(map_bytes, 0);
    memcpy(map_before, map, map_bytes);

    uint32_t *labels = allocate(pixels * sizeof *labels, 0);
    const uint32_t expected = oracle(map, pixels, channels, min_pixels, MAX_COUNT, labels);
    const size_t needed = expected * pixels;
    const size_t masks_bytes = (needed + slack) * sizeof(float);
    float *masks = allocate(masks_bytes, 0);
    fill_with_fragile(masks, needed + slack);
    float *masks_before = allocate(masks_bytes, 0);
    memcpy(masks_before, masks, masks_bytes);

    uint32_t mask_count = 77;
    CHECK_STATUS(context,
                 ctm_run(context, map, width, height, channels, min_pixels, MAX_COUNT, masks,
                         needed + slack, &mask_count),
                 CTM_OK);
    CHECK(mask_count == expected);
    CHECK(memcmp(map, map_before, map_bytes) == 0);
    CHECK(memcmp(masks + needed, masks_before + needed, slack * sizeof(float)) == 0);

    if (needed > 0) {
        memcpy(masks, masks_before, masks_bytes);
        CHECK_STATUS(context,
                     ctm_run(context, map, width, height, channels, min_pixels, MAX_COUNT, masks,
                             needed - 1, &mask_count),
                     CTM_ERROR_BUFFER_TOO_SMALL);
        CHECK(memcmp(map, map_before, map_bytes) == 0);
        CHECK(memcmp(masks, masks_before, masks_bytes) == 0);
    }
    free(masks_before);
    free(masks);
    free(labels);
    free(map_before);
    free(map);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    for (uint32_t channels = 1; channels <= 4; channels++) {
        check_image(context, 13, 7, channels, 1, 1);
        check_image(context, 13, 7, channels, 1, 0);
        check_image(context, 64, 48, channels, 1, 5000);
        check_image(context, 127, 129, channels, 20, 127 * 129 * 3); /* Whole planes behind. */
        check_image(context, 127, 129, channels, UINT64_MAX, 127 * 129);
    }
    ctm_destroy(context);
    return 0;
}
