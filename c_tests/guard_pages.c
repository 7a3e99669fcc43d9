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
        }
    }
    ctm_destroy(context);
    return 0;
}
