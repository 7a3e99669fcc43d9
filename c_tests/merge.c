/* On a photo, near-duplicates become the most frequent colour near them, and are reported. */

#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 128, HEIGHT = 96, PIXELS = WIDTH * HEIGHT, MASKS = 12, TOLERANCE = 20 };

struct color {
    unsigned char values[3];
    uint64_t pixels;
    /* What it becomes: itself, or a colour before it. */
    size_t into;
};

/* Most pixels first, then ascending. */
static int in_order(const void *a, const void *b)
{
    const struct color *one = a, *other = b;
    if (one->pixels != other->pixels) {
        return one->pixels > other->pixels ? -1 : 1;
    }
    return memcmp(one->values, other->values, 3);
}

static bool is_near(const struct color *a, const struct color *b)
{
    int squares = 0;
    for (int c = 0; c < 3; c++) {
        const int difference = a->values[c] - b->values[c];
        squares += difference * difference;
    }
    return squares <= TOLERANCE * TOLERANCE;
}

/* The image's colours and what they become; returns how many there are. */
static size_t merged_colors(const unsigned char *pixels, struct color *colors)
{
    size_t count = 0;
    for (size_t p = 0; p < PIXELS; p++) {
        size_t at = 0;
        while (at < count && memcmp(colors[at].values, pixels + 3 * p, 3) != 0) {
            at++;
        }
        if (at == count) {
            memcpy(colors[count++].values, pixels + 3 * p, 3);
        }
        colors[at].pixels++;
    }
    qsort(colors, count, sizeof *colors, in_order);
    for (size_t i = 0; i < count; i++) {
        colors[i].into = i;
        for (size_t j = 0; j < i && colors[i].into == i; j++) {
            if (colors[j].into == j && is_near(&colors[i], &colors[j])) {
                colors[i].into = j;
            }
        }
    }
    return count;
}

static void check_color(const float *found, const unsigned char *expected)
{
    for (int c = 0; c < 3; c++) {
        CHECK(found[c] == expected[c]);
    }
    CHECK(found[3] == 0);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    size_t bytes;
    unsigned char *file = read_golden("29-astronaut-crop", "color_map.f32", &bytes);
    CHECK(bytes == (size_t)PIXELS * 3 * sizeof(float));
    unsigned char *pixels = allocate((size_t)PIXELS * 3, 0);
    for (size_t i = 0; i < (size_t)PIXELS * 3; i++) {
        float value;
        memcpy(&value, file + i * sizeof value, sizeof value);
        pixels[i] = (unsigned char)(value * 255 + 0.5f);
    }
    struct color *colors = allocate(PIXELS * sizeof *colors, 0);
    const size_t count = merged_colors(pixels, colors);

    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = pixels;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.channels = 3;
    image.format = CTM_FORMAT_U8;
    ctm_params params = CTM_PARAMS_INIT;
    params.max_count = MASKS;
    params.merge = CTM_MERGE_EUCLIDEAN;
    params.merge_tolerance = TOLERANCE;
    unsigned char *labels = allocate(PIXELS, 0xee);
    ctm_merged_color *merged = allocate((size_t)PIXELS * sizeof *merged, 0xee);
    ctm_palette_entry palette[MASKS];
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = labels;
    outputs.labels_size = PIXELS;
    outputs.label_format = CTM_LABEL_U8;
    outputs.palette = palette;
    outputs.palette_capacity = MASKS;
    outputs.merged = merged;
    outputs.merged_capacity = PIXELS;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);

    /* The merge map. */
    uint64_t moved = 0, moved_pixels = 0;
    for (size_t i = 0; i < count; i++) {
        if (colors[i].into != i) {
            check_color(merged[moved].color, colors[i].values);
            check_color(merged[moved].into, colors[colors[i].into].values);
            CHECK(merged[moved].pixel_count == colors[i].pixels);
            moved++;
            moved_pixels += colors[i].pixels;
        }
    }
    CHECK(moved > 1000); /* Or the image proves nothing. */
    CHECK(result.merged_colors == moved);
    CHECK(result.merged_pixels == moved_pixels);
    CHECK(all_bytes_are(merged + moved, (PIXELS - moved) * sizeof *merged, 0xee));

    /* The masks: of what is left, the most frequent, with all their pixels. */
    struct color *left = allocate(count * sizeof *left, 0);
    size_t left_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (colors[i].into == i) {
            left[left_count] = (struct color){ { 0 }, 0, i };
            memcpy(left[left_count].values, colors[i].values, 3);
            for (size_t j = 0; j < count; j++) {
                left[left_count].pixels += colors[j].into == i ? colors[j].pixels : 0;
            }
            left_count++;
        }
    }
    qsort(left, left_count, sizeof *left, in_order);
    CHECK(left_count > MASKS && result.mask_count == MASKS);
    for (size_t m = 0; m < MASKS; m++) {
        check_color(palette[m].color, left[m].values);
        CHECK(palette[m].pixel_count == left[m].pixels);
    }
    for (size_t p = 0; p < PIXELS; p++) {
        size_t at = 0;
        while (memcmp(colors[at].values, pixels + 3 * p, 3) != 0) {
            at++;
        }
        size_t label = 0;
        for (size_t m = 0; m < MASKS; m++) {
            label = left[m].into == colors[at].into ? m + 1 : label;
        }
        CHECK(labels[p] == label);
    }

    /* Room for few, and none. */
    memset(merged, 0xee, 2 * sizeof *merged);
    outputs.merged_capacity = 1;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.merged_colors == moved);
    CHECK(all_bytes_are(merged + 1, sizeof *merged, 0xee));

    free(left);
    free(merged);
    free(labels);
    free(colors);
    free(pixels);
    free(file);
    ctm_destroy(context);
    return 0;
}
