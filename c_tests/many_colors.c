/* Images with very many colours, and numbers of masks around the limits of 8 and 16 bits. */

#define _GNU_SOURCE /* memfd_create */

#include "oracle.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* All pixels different, in an order that is not that of the colours. */
static float *all_different(size_t pixels, uint32_t channels)
{
    float *map = allocate(pixels * channels * sizeof *map, 0);
    for (size_t i = 0; i < pixels; i++) {
        const size_t color = i * 7919 % pixels; /* 7919 is prime and divides none of the sizes. */
        map[i * channels] = (float)(color % 256) - 100;
        map[i * channels + channels - 1] += (float)(color / 256) * 256;
    }
    return map;
}

static void check_counts(ctm_context *context, uint32_t width, uint32_t height, uint32_t channels,
                         const uint32_t *max_counts, size_t len)
{
    float *map = all_different((size_t)width * height, channels);
    for (size_t i = 0; i < len; i++) {
        check_against_oracle(context, map, width, height, channels, 1, max_counts[i]);
    }
    free(map);
}

/* More masks than any buffer here could hold: their number, and no byte touched. */
static void check_number_only(ctm_context *context)
{
    float *map = all_different(281 * 256, 3);
    static const uint32_t max_counts[] = { 65534, 65535, 65536, 70000, UINT32_MAX };
    static const uint32_t expected[] = { 65534, 65535, 65536, 70000, 281 * 256 };
    float masks[16];
    memset(masks, 0xa5, sizeof masks);
    for (int i = 0; i < 5; i++) {
        uint32_t mask_count = 0;
        CHECK_STATUS(context,
                     ctm_run(context, map, 281, 256, 3, 0, max_counts[i], NULL, 0, &mask_count),
                     CTM_OK);
        CHECK(mask_count == expected[i]);
        CHECK_STATUS(context,
                     ctm_run(context, map, 281, 256, 3, 0, max_counts[i], masks, 16, &mask_count),
                     CTM_ERROR_BUFFER_TOO_SMALL);
        CHECK(mask_count == expected[i]);
        CHECK(all_bytes_are(masks, sizeof masks, 0xa5));
    }
    free(map);
}

/*
 * 65536 masks of 65536 pixels are 16 GiB. All planes but a few share 16 MiB of memory, mapped 1024
 * times; the few around the limits have memory of their own and are checked.
 */
enum { SIDE = 256, PIXELS = SIDE * SIDE };

static void check_planes_beyond_16_bits(ctm_context *context)
{
    const size_t plane = PIXELS * sizeof(float), part = 64 * plane, whole = PIXELS * plane;
    static const uint32_t own[] = { 0, 253, 254, 255, 65533, 65534, 65535 };
    enum { OWN = sizeof own / sizeof *own };
    CHECK(plane % (size_t)sysconf(_SC_PAGESIZE) == 0);

    const int file = memfd_create("planes", 0);
    CHECK(file >= 0);
    CHECK(ftruncate(file, (off_t)(part + OWN * plane)) == 0);
    char *masks = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(masks != MAP_FAILED);
    for (size_t at = 0; at < whole; at += part) {
        CHECK(mmap(masks + at, part, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) ==
              masks + at);
    }
    for (size_t i = 0; i < OWN; i++) {
        char *at = masks + own[i] * plane;
        CHECK(mmap(at, plane, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
                   (off_t)(part + i * plane)) == at);
        memset(at, 0xa5, plane);
    }

    float *map = all_different(PIXELS, 2);
    uint32_t *labels = allocate(PIXELS * sizeof *labels, 0);
    CHECK(oracle(map, PIXELS, 2, 1, PIXELS, labels) == PIXELS);
    uint32_t mask_count = 0;
    CHECK_STATUS(context,
                 ctm_run(context, map, SIDE, SIDE, 2, 1, PIXELS, (float *)(void *)masks,
                         whole / sizeof(float), &mask_count),
                 CTM_OK);
    CHECK(mask_count == PIXELS);
    for (size_t i = 0; i < OWN; i++) {
        const float *values = (const float *)(const void *)(masks + own[i] * plane);
        for (size_t at = 0; at < PIXELS; at++) {
            CHECK(bits_of(&values[at]) == (labels[at] == own[i] + 1 ? 0x3f800000u : 0));
        }
    }
    free(labels);
    free(map);
    CHECK(munmap(masks, whole) == 0);
    CHECK(close(file) == 0);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    static const uint32_t few[] = { 1, 253, 254, 255, 256, 257, 300, UINT32_MAX };
    static const uint32_t thousands[] = { 254, 255, 1000, 5000 };
    for (uint32_t channels = 1; channels <= 4; channels++) {
        check_counts(context, 19, 17, channels, few, sizeof few / sizeof *few);
    }
    check_counts(context, 100, 50, 3, thousands, sizeof thousands / sizeof *thousands);
    check_counts(context, 320, 240, 4, few, 6);
    check_number_only(context);
    check_planes_beyond_16_bits(context);
    ctm_destroy(context);
    return 0;
}
