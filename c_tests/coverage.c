/*
 * ctm_params.unmix_radius and CTM_MASK_COVERAGE: a real map, averaged over blocks of pixels as anti-aliasing does, has
 * the shares that the map's pixels have in each block.
 */

#include "golden_map.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4, WIDTH = MAP_WIDTH / BLOCK, HEIGHT = MAP_HEIGHT / BLOCK, PIXELS = WIDTH * HEIGHT, MOST_COLORS = 64 };

/* The map's colours as a palette of 4 floats each, and each pixel's number in it. */
static uint32_t colors_of(const float *map, float *palette, uint32_t *numbers)
{
    uint32_t count = 0;
    for (size_t p = 0; p < (size_t)MAP_WIDTH * MAP_HEIGHT; p++) {
        uint32_t number = 0;
        while (number < count && memcmp(palette + 4 * number, map + 3 * p, 3 * sizeof *map) != 0) {
            number++;
        }
        if (number == count) {
            CHECK(count < MOST_COLORS);
            memcpy(palette + 4 * count++, map + 3 * p, 3 * sizeof *map);
        }
        numbers[p] = number;
    }
    return count;
}

int main(int argc, char **argv)
{
    enum { BEHIND = 64 };
    ctm_context *context = context_for(device_argument(argc, argv));
    float *map = golden_map();
    float palette[4 * MOST_COLORS] = { 0 };
    uint32_t *numbers = allocate(sizeof *numbers * MAP_WIDTH * MAP_HEIGHT, 0);
    const uint32_t count = colors_of(map, palette, numbers);
    CHECK(count > 20);

    /* Each block's mean colour, and how much of it each colour has. */
    float *soft = allocate(sizeof *soft * PIXELS * 3, 0);
    float *expected = allocate(sizeof *expected * PIXELS * count, 0);
    for (size_t p = 0; p < PIXELS; p++) {
        double sums[3] = { 0, 0, 0 };
        for (size_t i = 0; i < BLOCK * BLOCK; i++) {
            const size_t pixel = (p / WIDTH * BLOCK + i / BLOCK) * MAP_WIDTH + p % WIDTH * BLOCK + i % BLOCK;
            expected[numbers[pixel] * PIXELS + p] += 1.0f / (BLOCK * BLOCK);
            for (size_t channel = 0; channel < 3; channel++) {
                sums[channel] += map[3 * pixel + channel];
            }
        }
        for (size_t channel = 0; channel < 3; channel++) {
            soft[3 * p + channel] = (float)(sums[channel] / (BLOCK * BLOCK));
        }
    }

    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = soft;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.channels = 3;
    ctm_params params = CTM_PARAMS_INIT;
    params.palette = palette;
    params.palette_count = count;
    params.unmix_radius = 2;
    const size_t values = (size_t)PIXELS * count;
    float *coverage = allocate(sizeof *coverage * values + BEHIND, 0x55);
    uint32_t *labels = allocate(sizeof *labels * PIXELS, 0x55);
    ctm_palette_entry entries[MOST_COLORS];
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = coverage;
    outputs.masks_size = sizeof *coverage * values + BEHIND;
    outputs.mask_format = CTM_MASK_COVERAGE;
    outputs.labels = labels;
    outputs.labels_size = sizeof *labels * PIXELS;
    outputs.palette = entries;
    outputs.palette_capacity = MOST_COLORS;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == count && result.masks_size == sizeof *coverage * values);
    CHECK(all_bytes_are(coverage + values, BEHIND, 0x55));

    size_t edges = 0, right = 0;
    uint64_t counted = 0;
    for (size_t p = 0; p < PIXELS; p++) {
        float sum = 0, most = 0, largest_error = 0;
        uint32_t label = 0;
        bool whole = false;
        for (uint32_t mask = 0; mask < count; mask++) {
            const float share = coverage[mask * PIXELS + p];
            CHECK(share >= 0 && share <= 1);
            sum += share;
            whole = whole || expected[mask * PIXELS + p] == 1;
            largest_error = fmaxf(largest_error, fabsf(share - expected[mask * PIXELS + p]));
            if (share > most) {
                most = share;
                label = mask + 1;
            }
        }
        CHECK(sum == 1 || sum == 0);
        CHECK(labels[p] == label);
        CHECK(!whole || largest_error == 0);
        edges += !whole;
        right += !whole && largest_error < 0.002f;
        counted += label > 0;
    }
    for (uint32_t mask = 0; mask < count; mask++) {
        counted -= entries[mask].pixel_count;
    }
    CHECK(counted == 0);
    /* Others have the colour of a mask of which no whole pixel is near. */
    printf("%zu of %zu mixed pixels have the shares that were mixed\n", right, edges);
    CHECK(edges > 100 && right * 10 > edges * 7);

    params.unmix_radius = 17;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "params.unmix_radius is 17; 0 (off) to 16 are expected") != NULL);
    free(labels);
    free(coverage);
    free(expected);
    free(soft);
    free(numbers);
    free(map);
    ctm_destroy(context);
    return 0;
}
