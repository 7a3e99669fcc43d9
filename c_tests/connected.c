/*
 * ctm_params.connected: each connected region of a real map's colours is a mask of its own, as a flood fill finds them;
 * statistics, labels and masks of one call agree; what is wrong is refused by name.
 */

#include "golden_map.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { PIXELS = MAP_WIDTH * MAP_HEIGHT, MIN_PIXELS = 4 };

typedef struct {
    size_t pixels;
    size_t first;
} region;

static bool same_color(const float *map, size_t a, size_t b)
{
    return memcmp(map + 3 * a, map + 3 * b, 3 * sizeof *map) == 0;
}

static int compare_colors(const float *a, const float *b)
{
    for (int channel = 0; channel < 3; channel++) {
        if (a[channel] != b[channel]) {
            return a[channel] < b[channel] ? -1 : 1;
        }
    }
    return 0;
}

static const float *compared_map;

static int compare_regions(const void *a, const void *b)
{
    const region *left = a;
    const region *right = b;
    if (left->pixels != right->pixels) {
        return left->pixels > right->pixels ? -1 : 1;
    }
    const int colors = compare_colors(compared_map + 3 * left->first, compared_map + 3 * right->first);
    if (colors != 0) {
        return colors;
    }
    return left->first < right->first ? -1 : 1;
}

/* Labels each pixel with the number of its region plus one, or 0, and lists the regions in the order of masks. */
static uint32_t flood(const float *map, bool corners, region *regions, uint32_t *labels)
{
    size_t *stack = allocate(PIXELS * sizeof *stack, 0);
    uint32_t *found = allocate(PIXELS * sizeof *found, 0); /* Numbers plus one, in the order of first pixels. */
    uint32_t count = 0;
    for (size_t first = 0; first < PIXELS; first++) {
        if (found[first] != 0) {
            continue;
        }
        size_t waiting = 1;
        stack[0] = first;
        found[first] = ++count;
        regions[count - 1] = (region){ .pixels = 0, .first = first };
        while (waiting > 0) {
            const size_t pixel = stack[--waiting];
            const int x = (int)(pixel % MAP_WIDTH), y = (int)(pixel / MAP_WIDTH);
            regions[count - 1].pixels++;
            for (int dy = -1; dy <= 1; dy++) {
                for (int dx = -1; dx <= 1; dx++) {
                    if ((!corners && dx != 0 && dy != 0) || x + dx < 0 || x + dx >= MAP_WIDTH || y + dy < 0
                        || y + dy >= MAP_HEIGHT) {
                        continue;
                    }
                    const size_t other = (size_t)(y + dy) * MAP_WIDTH + (size_t)(x + dx);
                    if (found[other] == 0 && same_color(map, pixel, other)) {
                        found[other] = count;
                        stack[waiting++] = other;
                    }
                }
            }
        }
    }
    compared_map = map;
    qsort(regions, count, sizeof *regions, compare_regions);
    uint32_t *numbers = allocate((count + 1) * sizeof *numbers, 0);
    uint32_t masks = 0;
    while (masks < count && regions[masks].pixels >= MIN_PIXELS) {
        numbers[found[regions[masks].first]] = masks + 1;
        masks++;
    }
    for (size_t p = 0; p < PIXELS; p++) {
        labels[p] = numbers[found[p]];
    }
    free(numbers);
    free(found);
    free(stack);
    return masks;
}

static void regions_of_a_map(ctm_context *context, const float *map, uint32_t connected)
{
    region *regions = allocate(PIXELS * sizeof *regions, 0);
    uint32_t *expected = allocate(PIXELS * sizeof *expected, 0);
    const uint32_t count = flood(map, connected == CTM_CONNECTED_8, regions, expected);
    CHECK(count > 26); /* More than there are colours. */

    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = MAP_WIDTH;
    image.height = MAP_HEIGHT;
    image.channels = 3;
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = MIN_PIXELS;
    params.connected = connected;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, NULL, &result), CTM_OK);
    CHECK(result.mask_count == count && result.palette_len == count);

    uint32_t *labels = allocate(PIXELS * sizeof *labels, 0x55);
    unsigned char *masks = allocate((size_t)PIXELS * count, 0x55);
    ctm_palette_entry *palette = allocate(count * sizeof *palette, 0x55);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.mask_format = CTM_MASK_U8_ONE;
    outputs.masks = masks;
    outputs.masks_size = (size_t)PIXELS * count;
    outputs.labels = labels;
    outputs.labels_size = PIXELS * sizeof *labels;
    outputs.palette = palette;
    outputs.palette_capacity = count;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(memcmp(labels, expected, PIXELS * sizeof *labels) == 0);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(palette[i].pixel_count == regions[i].pixels);
        CHECK(palette[i].first_x == regions[i].first % MAP_WIDTH);
        CHECK(palette[i].first_y == regions[i].first / MAP_WIDTH);
        CHECK(compare_colors(palette[i].color, map + 3 * regions[i].first) == 0);
        for (size_t p = 0; p < PIXELS; p++) {
            CHECK(masks[(size_t)i * PIXELS + p] == (expected[p] == i + 1));
        }
    }
    /* The largest three. */
    params.max_count = 3;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == 3);
    for (size_t p = 0; p < PIXELS; p++) {
        CHECK(labels[p] == (expected[p] <= 3 ? expected[p] : 0));
    }
    free(palette);
    free(masks);
    free(labels);
    free(expected);
    free(regions);
}

/* In a batch no region is in two images; the planes of the others are zero. */
static void regions_stay_in_their_image(ctm_context *context)
{
    const unsigned char pixels[2 * 6] = { 7, 7, 7, 1, 2, 7, /* the second image: */ 7, 1, 1, 7, 7, 1 };
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = pixels;
    image.width = 3;
    image.height = 2;
    image.channels = 1;
    image.format = CTM_FORMAT_U8;
    image.image_count = 2;
    ctm_params params = CTM_PARAMS_INIT;
    params.connected = CTM_CONNECTED_4;
    unsigned char labels[12];
    ctm_palette_entry palette[12];
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = labels;
    outputs.labels_size = sizeof labels;
    outputs.label_format = CTM_LABEL_U8;
    outputs.palette = palette;
    outputs.palette_capacity = 12;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    /* 7 of the first image, 1 and 7 of the second, which are equally large, then single pixels. */
    const unsigned char expected[12] = { 1, 1, 1, 4, 5, 1, 3, 2, 2, 3, 3, 2 };
    CHECK(result.mask_count == 5 && memcmp(labels, expected, sizeof labels) == 0);
    CHECK(palette[0].pixel_count == 4 && palette[1].pixel_count == 0 && palette[1].width == 0);
    CHECK(palette[2].pixel_count == 0 && palette[3].pixel_count == 3 && palette[3].left == 1);
}

static void wrong_values_are_refused(ctm_context *context, const float *map)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = MAP_WIDTH;
    image.height = MAP_HEIGHT;
    image.channels = 3;
    ctm_params params = CTM_PARAMS_INIT;
    params.connected = 6;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, NULL, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "params.connected is 6; 0 (none), 4 or 8 is expected") != NULL);
    params.connected = CTM_CONNECTED_4;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.mask_format = CTM_MASK_COVERAGE;
    result.mask_count = 77;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "connected") != NULL && result.mask_count == 77);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    float *map = golden_map();
    regions_of_a_map(context, map, CTM_CONNECTED_4);
    regions_of_a_map(context, map, CTM_CONNECTED_8);
    regions_stay_in_their_image(context);
    wrong_values_are_refused(context, map);
    free(map);
    ctm_destroy(context);
    return 0;
}
