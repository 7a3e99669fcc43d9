/* A memory limit changes no mask, however many colours there are. */

#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1300, HEIGHT = 1001, PIXELS = WIDTH * HEIGHT, CHANNELS = 3, MASKS = 4 };

static uint32_t run(ctm_context *context, const float *map, uint64_t min_pixels, float *masks)
{
    uint32_t mask_count = 0;
    CHECK_STATUS(context,
                 ctm_run(context, map, WIDTH, HEIGHT, CHANNELS, min_pixels, MASKS, masks,
                         (size_t)MASKS * PIXELS, &mask_count),
                 CTM_OK);
    return mask_count;
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    static const uint64_t limits[] = { UINT64_C(32) << 20, UINT64_C(64) << 20, UINT64_MAX };
    static const uint64_t colors[] = { 16, 30000, PIXELS };
    const size_t bytes = sizeof(float) * MASKS * PIXELS;
    float *map = allocate(sizeof *map * PIXELS * CHANNELS, 0);
    float *expected = allocate(bytes, 0);
    float *masks = allocate(bytes, 0);

    ctm_context *unlimited = context_for(device);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        ctm_options options = options_for(device);
        options.memory_limit = limits[i];
        ctm_context *limited = NULL;
        CHECK_STATUS(NULL, ctm_create(&options, &limited), CTM_OK);
        for (size_t j = 0; j < sizeof colors / sizeof *colors; j++) {
            uint64_t state = 7;
            for (size_t p = 0; p < PIXELS; p++) {
                /* The last image has one colour a pixel; the others have them at random. */
                const uint64_t color = colors[j] == PIXELS ? p : next_random(&state) % colors[j];
                map[p * CHANNELS] = (float)(color % 256);
                map[p * CHANNELS + 1] = (float)(color / 256 % 256);
                map[p * CHANNELS + 2] = (float)(color / 65536);
            }
            memset(expected, 0, bytes);
            memset(masks, 0, bytes);
            const uint32_t count = run(unlimited, map, 1, expected);
            CHECK(count == MASKS);
            CHECK(run(limited, map, 1, masks) == count);
            CHECK(memcmp(masks, expected, bytes) == 0);
            CHECK(run(limited, map, 40, masks) == run(unlimited, map, 40, expected));
            CHECK(memcmp(masks, expected, bytes) == 0);
        }
        /* The last image's colours are counted, however many; a list of them would not fit the first limit. */
        uint32_t mask_count = 0;
        CHECK_STATUS(limited,
                     ctm_run(limited, map, WIDTH, HEIGHT, CHANNELS, 1, UINT32_MAX, NULL, 0, &mask_count), CTM_OK);
        CHECK(mask_count == PIXELS);
        check_small_image(limited);
        ctm_destroy(limited);
    }
    ctm_destroy(unlimited);
    free(masks);
    free(expected);
    free(map);
    return 0;
}
