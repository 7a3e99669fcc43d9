/* The size of the mask buffer: asking for it, one float too few, none, and exactly enough. */

#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 31, HEIGHT = 17, PIXELS = WIDTH * HEIGHT, COLORS = 6, FILL = 0xa5 };

static ctm_context *context;
static float color_map[PIXELS]; /* One channel; color c has at least PIXELS / COLORS pixels. */
static float masks[PIXELS * COLORS];
static uint32_t mask_count;

static ctm_status run(uint64_t min_pixels, uint32_t max_count, float *buffer, size_t len)
{
    memset(masks, FILL, sizeof masks);
    mask_count = 0xdeadbeefu;
    return ctm_run(context, color_map, WIDTH, HEIGHT, 1, min_pixels, max_count, buffer, len,
                   &mask_count);
}

static bool untouched_from(size_t floats)
{
    return all_bytes_are(masks + floats, sizeof masks - floats * sizeof *masks, FILL);
}

static void check_planes(uint32_t planes)
{
    /* 527 pixels: colours 0 to 4 have 88 pixels each, colour 5 has 87. */
    for (size_t i = 0; i < (size_t)planes * PIXELS; i++) {
        const bool inside = i % PIXELS % COLORS == i / PIXELS;
        CHECK(bits_of(&masks[i]) == (inside ? 0x3f800000u : 0));
    }
    CHECK(untouched_from((size_t)planes * PIXELS));
}

static void sizes(void)
{
    for (uint32_t max_count = 1; max_count <= COLORS; max_count++) {
        const size_t needed = (size_t)max_count * PIXELS;

        CHECK_STATUS(context, run(1, max_count, NULL, 0), CTM_OK); /* Asks for the number only. */
        CHECK(mask_count == max_count);

        CHECK_STATUS(context, run(1, max_count, masks, needed), CTM_OK);
        CHECK(mask_count == max_count);
        check_planes(max_count);

        const size_t too_small[] = { 0, 1, PIXELS - 1, needed - PIXELS, needed - 1 };
        for (size_t i = 0; i < sizeof too_small / sizeof *too_small; i++) {
            CHECK_STATUS(context, run(1, max_count, masks, too_small[i]),
                         CTM_ERROR_BUFFER_TOO_SMALL);
            CHECK(mask_count == max_count);
            CHECK(untouched_from(0));
            CHECK(strstr(ctm_last_error(context), "masks_len") != NULL);
        }
    }
    /* max_count has no upper bound, and more than the buffer holds is no error by itself. */
    CHECK_STATUS(context, run(1, UINT32_MAX, masks, PIXELS * COLORS), CTM_OK);
    CHECK(mask_count == COLORS);
    check_planes(COLORS);
    CHECK_STATUS(context, run(1, UINT32_MAX, NULL, 0), CTM_OK);
    CHECK(mask_count == COLORS);
}

static void no_mask(uint64_t min_pixels, uint32_t max_count)
{
    const size_t lens[] = { 0, 1, PIXELS * COLORS };
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        CHECK_STATUS(context, run(min_pixels, max_count, masks, lens[i]), CTM_OK);
        CHECK(mask_count == 0);
        CHECK(untouched_from(0));
    }
    CHECK_STATUS(context, run(min_pixels, max_count, NULL, 0), CTM_OK);
    CHECK(mask_count == 0);
}

static void min_pixels(void)
{
    for (uint64_t limit = 0; limit <= 87; limit += 29) { /* 0 means 1; all colours have 87. */
        CHECK_STATUS(context, run(limit, 10, masks, PIXELS * COLORS), CTM_OK);
        CHECK(mask_count == COLORS);
        check_planes(COLORS);
    }
    CHECK_STATUS(context, run(88, 10, masks, PIXELS * COLORS), CTM_OK);
    CHECK(mask_count == COLORS - 1);
    check_planes(COLORS - 1);

    /* The low 32 bits of some of these are 0 or 1, and the last ones are negative as int64_t. */
    static const uint64_t too_many[] = { 89, PIXELS, PIXELS + 1, UINT64_C(1) << 32,
                                         (UINT64_C(1) << 32) + 1, UINT64_C(1) << 40,
                                         UINT64_C(1) << 63, UINT64_MAX };
    for (size_t i = 0; i < sizeof too_many / sizeof *too_many; i++) {
        no_mask(too_many[i], 10);
    }
}

int main(int argc, char **argv)
{
    context = context_for(device_argument(argc, argv));
    for (int i = 0; i < PIXELS; i++) {
        color_map[i] = (float)(i % COLORS);
    }
    sizes();
    min_pixels();
    no_mask(0, 0);
    no_mask(1, 0);
    no_mask(UINT64_MAX, 0);
    ctm_destroy(context);
    return 0;
}
