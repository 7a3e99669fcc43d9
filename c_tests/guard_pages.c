/*
 * Nothing is read or written outside the stated buffers: each lies directly before, then directly
 * behind, a page that must not be touched; the input's own pages can only be read.
 */

#define _DEFAULT_SOURCE

#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum side { AT_END, AT_START };

typedef struct {
    char *mapping;
    size_t mapped, inside; /* Bytes in all, and between the guard pages. */
    void *start;           /* Of the buffer. */
} guarded;

static guarded guard(size_t bytes, enum side side)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    guarded g;
    g.inside = (bytes + page - 1) / page * page;
    g.mapped = g.inside + 2 * page;
    g.mapping = mmap(NULL, g.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(g.mapping != MAP_FAILED);
    CHECK(mprotect(g.mapping + page, g.inside, PROT_READ | PROT_WRITE) == 0);
    memset(g.mapping + page, 0xa5, g.inside);
    g.start = g.mapping + page + (side == AT_END ? g.inside - bytes : 0);
    return g;
}

static void read_only(const guarded *g)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    CHECK(mprotect(g->mapping + page, g->inside, PROT_READ) == 0);
}

static void release(const guarded *g)
{
    CHECK(munmap(g->mapping, g->mapped) == 0);
}

static void check_image(ctm_context *context, uint32_t width, uint32_t height, uint32_t channels,
                        enum side side)
{
    const size_t pixels = (size_t)width * height;
    const size_t floats = pixels * channels;
    guarded map = guard(floats * sizeof(float), side);
    float *color_map = map.start;
    uint64_t seed = floats;
    for (size_t i = 0; i < floats; i++) {
        color_map[i] = (float)(next_random(&seed) % 2);
    }
    read_only(&map);

    uint32_t *labels = allocate(pixels * sizeof *labels, 0);
    const uint32_t expected = oracle(color_map, pixels, channels, 1, 3, labels);
    const size_t needed = expected * pixels;
    guarded masks = guard(needed * sizeof(float), side);
    guarded count = guard(sizeof(uint32_t), side);
    float *planes = masks.start;
    uint32_t *mask_count = count.start;

    CHECK_STATUS(context,
                 ctm_run(context, color_map, width, height, channels, 1, 3, planes, needed,
                         mask_count),
                 CTM_OK);
    CHECK(*mask_count == expected);
    for (size_t i = 0; i < needed; i++) {
        const bool inside = labels[i % pixels] == i / pixels + 1;
        CHECK(bits_of(&planes[i]) == (inside ? 0x3f800000u : 0));
    }
    release(&count);
    release(&masks);
    release(&map);
    free(labels);
}

/* The same by ctm_analyze, for integers with or without gaps, masks and labels of bytes, and the palette. */
static void check_integers(ctm_context *context, uint32_t width, uint32_t height, uint32_t channels,
                           size_t value_bytes, size_t gap, enum side side)
{
    const size_t pixels = (size_t)width * height;
    const size_t pixel_bytes = channels * value_bytes, row = width * pixel_bytes + gap;
    guarded map = guard((height - 1) * row + width * pixel_bytes, side);
    float *color_map = allocate(pixels * channels * sizeof *color_map, 0);
    uint64_t seed = pixels + gap;
    for (size_t i = 0; i < pixels * channels; i++) {
        /* The top row comes last. */
        const size_t y = height - 1 - i / channels / width, x = i / channels % width;
        const uint16_t value = (uint16_t)(next_random(&seed) % 2 * (value_bytes == 1 ? 201 : 51205));
        unsigned char *stored = (unsigned char *)map.start + y * row + x * pixel_bytes + i % channels * value_bytes;
        const unsigned char byte = (unsigned char)value;
        memcpy(stored, value_bytes == 1 ? (const void *)&byte : (const void *)&value, value_bytes);
        color_map[i] = value;
    }
    read_only(&map);

    uint32_t *expected_labels = allocate(pixels * sizeof *expected_labels, 0);
    const uint32_t expected = oracle(color_map, pixels, channels, 1, 3, expected_labels);
    guarded masks = guard(expected * pixels, side);
    guarded labels = guard(pixels, side);
    guarded palette = guard(expected * sizeof(ctm_palette_entry), side);
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map.start;
    image.width = width;
    image.height = height;
    image.channels = channels;
    image.format = value_bytes == 1 ? CTM_FORMAT_U8 : CTM_FORMAT_U16;
    image.row_stride = -(ptrdiff_t)row;
    ctm_params params = CTM_PARAMS_INIT;
    params.max_count = 3;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = masks.start;
    outputs.masks_size = expected * pixels;
    outputs.mask_format = CTM_MASK_U8_ONE;
    outputs.labels = labels.start;
    outputs.labels_size = pixels;
    outputs.label_format = CTM_LABEL_U8;
    outputs.palette = palette.start;
    outputs.palette_capacity = expected;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == expected);
    for (size_t i = 0; i < pixels; i++) {
        CHECK(((unsigned char *)labels.start)[i] == expected_labels[i]);
        for (size_t k = 0; k < expected; k++) {
            CHECK(((unsigned char *)masks.start)[k * pixels + i] == (expected_labels[i] == k + 1));
        }
    }
    release(&palette);
    release(&labels);
    release(&masks);
    release(&map);
    free(expected_labels);
    free(color_map);
}

int main(int argc, char **argv)
{
    static const uint32_t shapes[][2] = {
        { 1, 1 },  { 2, 1 },   { 1, 3 },   { 5, 1 },   { 7, 3 },    { 16, 16 },  { 31, 33 },
        { 64, 1 }, { 63, 65 }, { 257, 3 }, { 1, 1025 }, { 113, 127 }, { 256, 128 }, { 1021, 517 },
    };
    ctm_context *context = context_for(device_argument(argc, argv));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (uint32_t channels = 1; channels <= 4; channels++) {
            printf("%u x %u x %u\n", (unsigned)shapes[i][0], (unsigned)shapes[i][1],
                   (unsigned)channels);
            fflush(stdout); /* So that the image that ends the program is the last one named. */
            check_image(context, shapes[i][0], shapes[i][1], channels, AT_END);
            check_image(context, shapes[i][0], shapes[i][1], channels, AT_START);
            for (size_t value_bytes = 1; value_bytes <= 2; value_bytes++) {
                for (size_t gap = 0; gap <= 6; gap += 3) {
                    check_integers(context, shapes[i][0], shapes[i][1], channels, value_bytes, gap, AT_END);
                    check_integers(context, shapes[i][0], shapes[i][1], channels, value_bytes, gap, AT_START);
                }
            }
        }
    }
    ctm_destroy(context);
    return 0;
}
