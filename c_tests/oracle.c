#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLACK = 64, FILL = 0xa5 }; /* Floats behind the planes, and what they hold. */

typedef struct {
    uint32_t key[4]; /* The channels, each mapped to an integer with the order of the floats. */
    size_t index;
} pixel;

typedef struct {
    uint32_t key[4];
    uint64_t count;
    size_t first; /* Where its pixels start in the sorted pixels. */
} color;

/* Integers all the way: float arithmetic could flush subnormals to zero. */
static bool is_nan(uint32_t bits)
{
    return (bits & 0x7fffffffu) > 0x7f800000u;
}

static uint32_t ordered(uint32_t bits)
{
    if (bits == 0x80000000u) {
        bits = 0; /* -0.0 is +0.0. */
    }
    return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

static int compare_keys(const uint32_t *a, const uint32_t *b)
{
    for (int i = 0; i < 4; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

static int compare_pixels(const void *a, const void *b)
{
    return compare_keys(((const pixel *)a)->key, ((const pixel *)b)->key);
}

static int compare_colors(const void *a, const void *b)
{
    const color *left = a;
    const color *right = b;
    if (left->count != right->count) {
        return left->count > right->count ? -1 : 1;
    }
    return compare_keys(left->key, right->key);
}

uint32_t oracle(const float *color_map, size_t pixels, uint32_t channels, uint64_t min_pixels,
                uint32_t max_count, uint32_t *labels)
{
    pixel *sorted = allocate(pixels * sizeof *sorted, 0);
    size_t colored = 0;
    for (size_t i = 0; i < pixels; i++) {
        pixel *next = &sorted[colored];
        bool nan = false;
        for (uint32_t channel = 0; channel < channels; channel++) {
            const uint32_t bits = bits_of(&color_map[i * channels + channel]);
            nan = nan || is_nan(bits);
            next->key[channel] = ordered(bits);
        }
        next->index = i;
        colored += nan ? 0 : 1;
        labels[i] = 0;
    }
    qsort(sorted, colored, sizeof *sorted, compare_pixels);

    color *colors = allocate(pixels * sizeof *colors, 0);
    size_t color_count = 0;
    for (size_t first = 0, end; first < colored; first = end) {
        end = first + 1;
        while (end < colored && compare_keys(sorted[end].key, sorted[first].key) == 0) {
            end++;
        }
        if (end - first >= min_pixels) {
            memcpy(colors[color_count].key, sorted[first].key, sizeof sorted[first].key);
            colors[color_count].count = end - first;
            colors[color_count].first = first;
            color_count++;
        }
    }
    qsort(colors, color_count, sizeof *colors, compare_colors);

    const uint32_t mask_count = color_count < max_count ? (uint32_t)color_count : max_count;
    for (uint32_t mask = 0; mask < mask_count; mask++) {
        for (uint64_t i = 0; i < colors[mask].count; i++) {
            labels[sorted[colors[mask].first + i].index] = mask + 1;
        }
    }
    free(colors);
    free(sorted);
    return mask_count;
}

void check_against_oracle(ctm_context *context, const float *color_map, uint32_t width,
                          uint32_t height, uint32_t channels, uint64_t min_pixels,
                          uint32_t max_count)
{
    const size_t pixels = (size_t)width * height;
    uint32_t *labels = allocate(pixels * sizeof *labels, 0);
    const uint32_t expected_count =
        oracle(color_map, pixels, channels, min_pixels, max_count, labels);
    const size_t needed = pixels * expected_count;
    float *masks = allocate((needed + SLACK) * sizeof *masks, FILL);

    uint32_t mask_count = 0xdeadbeefu;
    const ctm_status status = ctm_run(context, color_map, width, height, channels, min_pixels,
                                      max_count, masks, needed + SLACK, &mask_count);
    bool right = status == CTM_OK && mask_count == expected_count;
    size_t at = 0;
    while (right && at < needed) {
        const uint32_t expected = labels[at % pixels] == at / pixels + 1 ? 0x3f800000u : 0;
        right = bits_of(&masks[at]) == expected;
        at += right ? 1 : 0;
    }
    if (!right) {
        fprintf(stderr,
                "%u x %u pixels of %u channels, min_pixels %llu, max_count %u, on %s:\n"
                "    status %d, last error \"%s\", %u masks, expected %u;"
                " the first wrong value is in mask %zu, pixel %zu\n",
                (unsigned)width, (unsigned)height, (unsigned)channels,
                (unsigned long long)min_pixels, (unsigned)max_count,
                ctm_context_device_name(context), (int)status, ctm_last_error(context),
                (unsigned)mask_count, (unsigned)expected_count, at / pixels, at % pixels);
        exit(1);
    }
    CHECK(all_bytes_are(masks + needed, SLACK * sizeof *masks, FILL));
    free(masks);
    free(labels);
}
