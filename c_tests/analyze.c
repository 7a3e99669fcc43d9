/*
 * ctm_analyze: any storage of an image gives the masks that ctm_run gives for its floats; every output says the same;
 * what is wrong is refused by name.
 */

#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 157, HEIGHT = 203, PIXELS = WIDTH * HEIGHT, CHANNELS = 4, MASKS = 6 };

/* Colours of 8 bits a channel in short runs; alpha is 255 in most of them. */
static void random_pixels(unsigned char *pixels)
{
    uint64_t state = 5;
    uint64_t color = 0;
    for (size_t p = 0; p < PIXELS; p++) {
        if (next_random(&state) % 4 == 0) {
            color = next_random(&state) % 40;
        }
        pixels[p * CHANNELS] = (unsigned char)(color * 6);
        pixels[p * CHANNELS + 1] = (unsigned char)(color % 3);
        pixels[p * CHANNELS + 2] = (unsigned char)(255 - color);
        pixels[p * CHANNELS + 3] = color % 7 == 0 ? 100 : 255;
    }
}

static ctm_image image_of(const void *pixels)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = pixels;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.channels = CHANNELS;
    return image;
}

static ctm_params few_masks(void)
{
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 20;
    params.max_count = MASKS;
    return params;
}

/* The masks of an image, as bytes of 0 and 1. */
static uint32_t masks_of(ctm_context *context, const ctm_image *image, unsigned char *masks)
{
    const ctm_params params = few_masks();
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = masks;
    outputs.masks_size = (size_t)MASKS * PIXELS;
    outputs.mask_format = CTM_MASK_U8_ONE;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, image, &params, &outputs, &result), CTM_OK);
    return result.mask_count;
}

/* The same image in many ways, and the masks of its floats by ctm_run. */
static void storages(ctm_context *context, const unsigned char *pixels)
{
    enum { PADDING = 13, ROW = WIDTH * CHANNELS + PADDING };
    const size_t mask_bytes = (size_t)MASKS * PIXELS;
    float *floats = allocate(sizeof *floats * PIXELS * CHANNELS, 0);
    float *expected = allocate(sizeof *expected * MASKS * PIXELS, 0);
    uint16_t *words = allocate(sizeof *words * PIXELS * CHANNELS, 0);
    unsigned char *padded = allocate((size_t)HEIGHT * ROW, 0x77);
    unsigned char *planes = allocate((size_t)PIXELS * CHANNELS, 0);
    unsigned char *masks = allocate(mask_bytes, 0);
    for (size_t i = 0; i < (size_t)PIXELS * CHANNELS; i++) {
        const size_t p = i / CHANNELS, channel = i % CHANNELS, y = p / WIDTH, x = p % WIDTH;
        floats[i] = pixels[i];
        words[i] = (uint16_t)(pixels[i] * 257);
        /* Bottom-up, and alpha, blue, green, red. */
        padded[(HEIGHT - 1 - y) * ROW + x * CHANNELS + (CHANNELS - 1 - channel)] = pixels[i];
        planes[channel * PIXELS + p] = pixels[i];
    }
    uint32_t mask_count = 0;
    CHECK_STATUS(context,
                 ctm_run(context, floats, WIDTH, HEIGHT, CHANNELS, 20, MASKS, expected,
                         (size_t)MASKS * PIXELS, &mask_count), CTM_OK);
    CHECK(mask_count == MASKS);

    ctm_image images[5] = { image_of(floats), image_of(pixels), image_of(words), image_of(padded), image_of(planes) };
    images[1].format = CTM_FORMAT_U8;
    images[2].format = CTM_FORMAT_U16;
    images[3].format = CTM_FORMAT_U8;
    images[3].channel_order = CTM_ORDER_ABGR;
    images[3].row_stride = -ROW;
    images[4].format = CTM_FORMAT_U8;
    images[4].planar = 1;
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        memset(masks, 9, mask_bytes);
        CHECK(masks_of(context, &images[i], masks) == MASKS);
        for (size_t j = 0; j < mask_bytes; j++) {
            CHECK((float)masks[j] == expected[j]);
        }
    }
    free(masks);
    free(planes);
    free(padded);
    free(words);
    free(expected);
    free(floats);
}

/* Masks, labels and palette of one call agree; the size query knew what they need; nothing behind them is touched. */
static void outputs_agree(ctm_context *context, const unsigned char *pixels)
{
    enum { MORE = 8 };
    ctm_image image = image_of(pixels);
    image.format = CTM_FORMAT_U8;
    const ctm_params params = few_masks();
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.mask_format = CTM_MASK_U8;
    outputs.label_format = CTM_LABEL_U16;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == MASKS && result.palette_len == MASKS);
    CHECK(result.masks_size == (uint64_t)MASKS * PIXELS && result.labels_size == 2 * PIXELS);
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, NULL, &result), CTM_OK);
    CHECK(result.mask_count == MASKS && result.masks_size == (uint64_t)MASKS * PIXELS * 4);

    unsigned char *masks = allocate((size_t)MASKS * PIXELS + MORE, 0x55);
    uint16_t *labels = allocate(sizeof *labels * PIXELS + MORE, 0x55);
    ctm_palette_entry palette[MASKS + 1];
    memset(palette, 0x55, sizeof palette);
    outputs.masks = masks;
    outputs.masks_size = (size_t)MASKS * PIXELS + MORE;
    outputs.labels = labels;
    outputs.labels_size = sizeof *labels * PIXELS + MORE;
    outputs.palette = palette;
    outputs.palette_capacity = MASKS + 1;

    /* Each buffer too small in its turn: nothing is written, and the result says what is needed. */
    for (int small = 0; small < 3; small++) {
        ctm_outputs less = outputs;
        less.masks_size = small == 0 ? (size_t)MASKS * PIXELS - 1 : outputs.masks_size;
        less.labels_size = small == 1 ? sizeof *labels * PIXELS - 1 : outputs.labels_size;
        less.palette_capacity = small == 2 ? MASKS - 1 : outputs.palette_capacity;
        memset(&result.mask_count, 0, sizeof result - offsetof(ctm_result, mask_count));
        CHECK_STATUS(context, ctm_analyze(context, &image, &params, &less, &result), CTM_ERROR_BUFFER_TOO_SMALL);
        CHECK(result.mask_count == MASKS && result.palette_len == MASKS);
        CHECK(result.masks_size == (uint64_t)MASKS * PIXELS && result.labels_size == 2 * PIXELS);
        CHECK(all_bytes_are(masks, outputs.masks_size, 0x55));
        CHECK(all_bytes_are(labels, outputs.labels_size, 0x55));
        CHECK(all_bytes_are(palette, sizeof palette, 0x55));
    }

    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == MASKS && result.distinct_colors == 40);
    CHECK(all_bytes_are(masks + (size_t)MASKS * PIXELS, MORE, 0x55));
    CHECK(all_bytes_are(labels + PIXELS, MORE, 0x55));
    CHECK(all_bytes_are(&palette[MASKS], sizeof *palette, 0x55));
    for (uint32_t k = 0; k < MASKS; k++) {
        uint64_t count = 0, columns = 0, rows = 0;
        size_t first = PIXELS;
        uint32_t left = WIDTH, right = 0, top = HEIGHT, bottom = 0;
        for (uint32_t p = 0; p < PIXELS; p++) {
            bool inside = true;
            for (uint32_t channel = 0; channel < CHANNELS; channel++) {
                inside = inside && (float)pixels[p * CHANNELS + channel] == palette[k].color[channel];
            }
            CHECK(masks[(size_t)k * PIXELS + p] == (inside ? 255 : 0));
            CHECK((labels[p] == k + 1) == inside);
            if (inside) {
                const uint32_t x = p % WIDTH, y = p / WIDTH;
                count++;
                columns += x;
                rows += y;
                first = first < p ? first : p;
                left = left < x ? left : x;
                right = right > x ? right : x;
                top = top < y ? top : y;
                bottom = bottom > y ? bottom : y;
            }
        }
        CHECK(palette[k].pixel_count == count && count >= 20);
        CHECK(palette[k].left == left && palette[k].width == right - left + 1);
        CHECK(palette[k].top == top && palette[k].height == bottom - top + 1);
        CHECK(palette[k].first_x == first % WIDTH && palette[k].first_y == first / WIDTH);
        CHECK(palette[k].centroid_x == (double)columns / (double)count);
        CHECK(palette[k].centroid_y == (double)rows / (double)count);
    }
    free(labels);
    free(masks);
}

/* The value of a mask at a pixel, of whichever format, in a row. */
static int value_at(const unsigned char *row, uint32_t format, uint32_t x)
{
    float value = 0;
    switch (format) {
    case CTM_MASK_F32:
        memcpy(&value, row + 4 * x, sizeof value);
        return value == 1.0f ? 1 : value == 0.0f ? 0 : -1;
    case CTM_MASK_U8:
        return row[x] == 255 ? 1 : row[x] == 0 ? 0 : -1;
    case CTM_MASK_U8_ONE:
        return row[x] <= 1 ? row[x] : -1;
    default:
        return row[x / 8] >> (7 - x % 8) & 1;
    }
}

static size_t row_bytes(uint32_t format, uint32_t width)
{
    return format == CTM_MASK_F32 ? 4 * width : format == CTM_MASK_BITS ? (width + 7) / 8 : width;
}

/* Masks of two images in every format, with gaps, upside down, image by image, and cropped: as the labels say. */
static void layouts(ctm_context *context, const unsigned char *pixels)
{
    enum { ROWS = HEIGHT / 2, IMAGES = 2, GAP = 8 };
    ctm_image image = image_of(pixels);
    image.format = CTM_FORMAT_U8;
    image.height = ROWS;
    image.image_count = IMAGES;
    ctm_params params = few_masks();
    unsigned char *labels = allocate(IMAGES * ROWS * WIDTH, 0);
    for (uint32_t format = CTM_MASK_F32; format <= CTM_MASK_BITS; format++) {
        for (int kind = 0; kind < 4; kind++) {
            const bool cropped = kind == 3;
            const size_t row = row_bytes(format, WIDTH) + (kind == 0 || cropped ? 0 : GAP);
            const size_t plane = row * ROWS + (kind == 0 ? 0 : GAP);
            ctm_palette_entry palette[MASKS * IMAGES];
            ctm_outputs outputs = CTM_OUTPUTS_INIT;
            outputs.labels = labels;
            outputs.labels_size = IMAGES * ROWS * WIDTH;
            outputs.label_format = CTM_LABEL_U8;
            outputs.mask_format = format;
            outputs.palette = palette;
            outputs.palette_capacity = MASKS * IMAGES;
            outputs.cropped = cropped;
            if (kind == 1) {
                outputs.mask_row_stride = (ptrdiff_t)row;
                outputs.mask_image_stride = plane;
            } else if (kind == 2) {
                /* All masks of an image, bottom-up, before those of the next. */
                outputs.mask_row_stride = -(ptrdiff_t)row;
                outputs.mask_stride = plane;
                outputs.mask_image_stride = plane * MASKS;
            }
            ctm_result result = CTM_RESULT_INIT;
            CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
            const size_t needed = (size_t)result.masks_size;
            CHECK(result.mask_count == MASKS && needed > 0);
            ctm_outputs without_palette = outputs;
            without_palette.palette = NULL;
            without_palette.palette_capacity = 0;
            CHECK_STATUS(context, ctm_analyze(context, &image, &params, &without_palette, &result), CTM_OK);
            CHECK(result.masks_size == needed);
            unsigned char *masks = allocate(needed + 1, 0x55);
            outputs.masks = masks;
            outputs.masks_size = needed - 1;
            CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_BUFFER_TOO_SMALL);
            CHECK(result.masks_size == needed && all_bytes_are(masks, needed + 1, 0x55));
            outputs.masks_size = needed;
            CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
            CHECK(result.masks_size == needed && masks[needed] == 0x55);
            size_t untouched = needed;
            for (uint32_t i = 0; i < MASKS * IMAGES; i++) {
                const uint32_t mask = i / IMAGES, index = i % IMAGES;
                const ctm_palette_entry *entry = &palette[i];
                const uint32_t left = cropped ? entry->left : 0, top = cropped ? entry->top : 0;
                const uint32_t width = cropped ? entry->width : WIDTH, height = cropped ? entry->height : ROWS;
                const size_t stride = cropped ? row_bytes(format, width) : row;
                CHECK(entry->mask_offset < needed);
                for (uint32_t y = 0; y < height; y++) {
                    const uint32_t stored = kind == 2 ? height - 1 - y : y;
                    const unsigned char *start = masks + entry->mask_offset + stored * stride;
                    untouched -= row_bytes(format, width);
                    for (uint32_t x = 0; x < width; x++) {
                        const size_t pixel = ((size_t)index * ROWS + top + y) * WIDTH + left + x;
                        CHECK(value_at(start, format, x) == (labels[pixel] == mask + 1));
                    }
                    for (uint32_t x = width; format == CTM_MASK_BITS && x % 8 != 0; x++) {
                        CHECK(value_at(start, format, x) == 0);
                    }
                }
            }
            /* What is not a mask's has what it had. */
            size_t kept = 0;
            for (size_t byte = 0; byte < needed; byte++) {
                kept += masks[byte] == 0x55;
            }
            CHECK(format == CTM_MASK_BITS ? kept >= untouched : kept == untouched);
            CHECK((untouched == 0) == (kind == 0 || cropped));
            free(masks);
        }
    }
    free(labels);
}

/* A palette of the caller's, an ignored colour, alpha, a rectangle, several images. */
static void settings(ctm_context *context, const unsigned char *pixels)
{
    ctm_image image = image_of(pixels);
    image.format = CTM_FORMAT_U8;
    static const float palette[2][4] = { { 1, 2, 3, 4 }, { 60, 1, 245, 255 } };
    ctm_params params = CTM_PARAMS_INIT;
    params.palette = palette[0];
    params.palette_count = 2;
    ctm_palette_entry entries[80];
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.palette = entries;
    outputs.palette_capacity = 80;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == 2 && entries[0].pixel_count == 0 && entries[0].color[3] == 4);
    CHECK(entries[1].pixel_count > 0 && entries[1].color[0] == 60);
    const uint64_t pixel_count = entries[1].pixel_count;

    params = (ctm_params)CTM_PARAMS_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == 40);
    params.ignored = palette[0];
    params.ignored_count = 2;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == 39);
    for (uint32_t i = 0; i < result.mask_count; i++) {
        CHECK(entries[i].color[0] != 60);
    }
    params.alpha = CTM_ALPHA_AT_LEAST;
    params.least_alpha = 101;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == 33 && entries[0].color[3] == 0); /* 6 of the colours have an alpha of 100. */

    /* Halves of the image as two images, and one of them as a rectangle. */
    params = (ctm_params)CTM_PARAMS_INIT;
    params.palette = palette[1];
    params.palette_count = 1;
    image.height = HEIGHT / 2;
    image.image_count = 2;
    image.image_stride = (size_t)(HEIGHT / 2 + 1) * WIDTH * CHANNELS;
    outputs.palette_capacity = 2;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == 1 && result.palette_len == 2);
    const uint64_t halves = entries[0].pixel_count + entries[1].pixel_count;
    CHECK(halves <= pixel_count && halves + WIDTH >= pixel_count);
    ctm_palette_entry lower = entries[1];
    CHECK(lower.mask_offset == sizeof(float) * (HEIGHT / 2) * WIDTH);
    lower.mask_offset = 0;
    image = image_of(pixels);
    image.format = CTM_FORMAT_U8;
    image.top = HEIGHT / 2 + 1;
    outputs.palette_capacity = 1;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(memcmp(&entries[0], &lower, sizeof lower) == 0);
}

/* Colours that join the nearest one's mask, and those that a palette does not have. */
static void nearest(ctm_context *context)
{
    static const unsigned char grey[10] = { 10, 11, 12, 50, 10, 53, 90, 90, 200, 91 };
    static const float palette[2][4] = { { 52 }, { 11 } };
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = grey;
    image.width = 5;
    image.height = 2;
    image.channels = 1;
    image.format = CTM_FORMAT_U8;
    ctm_params params = CTM_PARAMS_INIT;
    params.palette = palette[0];
    params.palette_count = 2;
    params.nearest = CTM_NEAREST_CHEBYSHEV;
    params.tolerance = 2;
    unsigned char labels[10];
    ctm_palette_entry missing[3];
    memset(missing, 0x55, sizeof missing);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = labels;
    outputs.labels_size = sizeof labels;
    outputs.label_format = CTM_LABEL_U8;
    outputs.unlisted = missing;
    outputs.unlisted_capacity = 2;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(memcmp(labels, "\2\2\2\1\2\1\0\0\0\0", sizeof labels) == 0);
    CHECK(result.unlisted_pixels == 4 && result.unlisted_colors == 3);
    CHECK(missing[0].color[0] == 90 && missing[0].pixel_count == 2);
    CHECK(missing[0].first_x == 1 && missing[0].first_y == 1);
    CHECK(missing[1].color[0] == 91 && missing[1].pixel_count == 1 && missing[1].width == 0);
    CHECK(all_bytes_are(&missing[2], sizeof *missing, 0x55));

    params.unlisted = CTM_UNLISTED_NEAREST;
    outputs.unlisted = NULL;
    outputs.unlisted_capacity = 0;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(memcmp(labels, "\2\2\2\1\2\1\1\1\1\1", sizeof labels) == 0);
    CHECK(result.unlisted_colors == 0);
    outputs.report_unlisted = 1;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.unlisted_pixels == 4 && result.unlisted_colors == 3);

    params.unlisted = CTM_UNLISTED_ERROR;
    memset(labels, 77, sizeof labels);
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_UNLISTED_COLORS);
    CHECK(all_bytes_are(labels, sizeof labels, 77));
    CHECK(result.mask_count == 0 && result.unlisted_pixels == 4 && result.unlisted_colors == 3);
    CHECK(strstr(ctm_last_error(context), "4 pixels have 3 colours") != NULL);
    CHECK(strstr(ctm_last_error(context), "column 1, row 1") != NULL);
    params.ignored = (const float[]){ 90, 0, 0, 0, 91, 0, 0, 0, 200, 0, 0, 0 };
    params.ignored_count = 3;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);

    params = (ctm_params)CTM_PARAMS_INIT;
    params.max_count = 1;
    params.nearest = CTM_NEAREST_EUCLIDEAN;
    params.tolerance = 40;
    outputs.report_unlisted = 0;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == 1); /* 10, the smaller of two colours with two pixels */
    CHECK(memcmp(labels, "\1\1\1\1\1\0\0\0\0\0", sizeof labels) == 0);
}

/* The call is refused, its reason begins like this, and nothing is written. */
static void check_refused(ctm_context *context, const ctm_image *image, const ctm_params *params,
                          const ctm_outputs *outputs, const char *reason)
{
    ctm_result result = CTM_RESULT_INIT;
    memset(&result.mask_count, 0x55, sizeof result - offsetof(ctm_result, mask_count));
    const ctm_result before = result;
    CHECK_STATUS(context, ctm_analyze(context, image, params, outputs, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(memcmp(&result, &before, sizeof result) == 0);
    if (strncmp(ctm_last_error(context), reason, strlen(reason)) != 0) {
        check_failed(__FILE__, __LINE__, ctm_last_error(context));
    }
}

static void refusals(ctm_context *context, const unsigned char *pixels)
{
    ctm_image good = image_of(pixels);
    good.format = CTM_FORMAT_U8;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, NULL, NULL, NULL, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK_STATUS(context, ctm_analyze(context, &good, NULL, NULL, NULL), CTM_ERROR_INVALID_ARGUMENT);
    CHECK_STATUS(NULL, ctm_analyze(NULL, &good, NULL, NULL, &result), CTM_ERROR_INVALID_ARGUMENT);
    result.struct_size--;
    CHECK_STATUS(context, ctm_analyze(context, &good, NULL, NULL, &result), CTM_ERROR_INVALID_ARGUMENT);

#define REFUSED_IMAGE(assignment, reason)                         \
    do {                                                          \
        ctm_image image = good;                                   \
        image.assignment;                                         \
        check_refused(context, &image, NULL, NULL, reason);       \
    } while (0)
    REFUSED_IMAGE(struct_size = 7, "image.struct_size is 7;");
    REFUSED_IMAGE(pixels = NULL, "image.pixels is NULL;");
    REFUSED_IMAGE(width = 0, "image.width is 0;");
    REFUSED_IMAGE(channels = 5, "image.channels is 5;");
    REFUSED_IMAGE(format = 6, "image.format is 6;");
    REFUSED_IMAGE(channel_order = 4, "image.channel_order is 4;");
    REFUSED_IMAGE(channels = 3; image.channel_order = 3, "image.channel_order is 'abgr' and channels is 3;");
    REFUSED_IMAGE(planar = 2, "image.planar is 2;");
    REFUSED_IMAGE(pixel_stride = 3, "image.pixel_stride is 3; 0 or at least 4 is expected");
    REFUSED_IMAGE(row_stride = -5, "image.row_stride is 5; 0 or at least 628 is expected");
    REFUSED_IMAGE(plane_stride = 5, "image.plane_stride is 5 and");
    REFUSED_IMAGE(image_stride = 5, "image.image_stride is 5; 0 or at least");
    REFUSED_IMAGE(image_count = UINT32_MAX, "image.image_count is 4294967295 and height is 203;");
    REFUSED_IMAGE(reserved = 1, "image.reserved is 1; 0 is expected");
    REFUSED_IMAGE(left = WIDTH, "image.left is 157 and the rectangle's width is 0;");
    REFUSED_IMAGE(rectangle_height = HEIGHT + 1, "image.top is 0 and the rectangle's height is 204;");

    static const float colors[3][4] = { { 1, 2, 3, 4 }, { 0.5f, 0, 0, 0 }, { 1, 2, 3, 4 } };
#define REFUSED_PARAMS(assignments, reason)                       \
    do {                                                          \
        ctm_params params = CTM_PARAMS_INIT;                      \
        assignments;                                              \
        check_refused(context, &good, &params, NULL, reason);     \
    } while (0)
    REFUSED_PARAMS(params.struct_size = 8, "params.struct_size is 8;");
    REFUSED_PARAMS(params.matching = 2, "params.matching is 2;");
    REFUSED_PARAMS(params.alpha = 3, "params.alpha is 3;");
    REFUSED_PARAMS(params.batch = 3, "params.batch is 3;");
    REFUSED_PARAMS(params.nearest = 3, "params.nearest is 3;");
    REFUSED_PARAMS(params.tolerance = 3, "params.tolerance is 3 and params.nearest is 0;");
    REFUSED_PARAMS(params.nearest = 1; params.tolerance = -1, "params.tolerance is -1;");
    REFUSED_PARAMS(params.unlisted = 3, "params.unlisted is 3;");
    REFUSED_PARAMS(params.unlisted = 1, "params.unlisted is 'error' and no palette is given;");
    REFUSED_PARAMS(params.alpha = 1; params.palette = colors[0]; params.palette_count = 3, "params.palette[1]: channel");
    REFUSED_PARAMS(params.alpha = 2; params.least_alpha = NAN, "params.least_alpha is NaN; a number is expected");
    REFUSED_PARAMS(params.batch = 2; params.palette = colors[0]; params.palette_count = 1, "params.batch is 'each' and a palette is given");
    REFUSED_PARAMS(params.merge = 3, "params.merge is 3;");
    REFUSED_PARAMS(params.merge_tolerance = 3, "params.merge_tolerance is 3, params.merge_most_pixels is 0 and params.merge is 0;");
    REFUSED_PARAMS(params.merge = 1; params.merge_tolerance = -1, "params.merge_tolerance is -1;");
    REFUSED_PARAMS(params.merge = 1; params.palette = colors[0]; params.palette_count = 1, "params.merge is on and a palette is given;");
    REFUSED_PARAMS(params.palette_count = 1, "params.palette is NULL;");
    REFUSED_PARAMS(params.ignored_count = 1, "params.ignored is NULL;");
    REFUSED_PARAMS(params.palette = colors[0]; params.palette_count = 2, "params.palette[1]: channel 0 is 0.5;");
    REFUSED_PARAMS(params.ignored = colors[1]; params.ignored_count = 1, "params.ignored[0]: channel 0 is 0.5;");

    float masks[16] = { 0 };
#define REFUSED_OUTPUTS(assignments, reason)                      \
    do {                                                          \
        ctm_outputs outputs = CTM_OUTPUTS_INIT;                   \
        assignments;                                              \
        check_refused(context, &good, NULL, &outputs, reason);    \
    } while (0)
    REFUSED_OUTPUTS(outputs.struct_size = 8, "outputs.struct_size is 8;");
    REFUSED_OUTPUTS(outputs.masks_size = 8, "outputs.masks is NULL;");
    REFUSED_OUTPUTS(outputs.labels_size = 8, "outputs.labels is NULL;");
    REFUSED_OUTPUTS(outputs.palette_capacity = 8, "outputs.palette is NULL;");
    REFUSED_OUTPUTS(outputs.mask_format = 5, "outputs.mask_format is 5;");
    REFUSED_OUTPUTS(outputs.cropped = 2, "outputs.cropped is 2;");
    REFUSED_OUTPUTS(outputs.cropped = 1; outputs.mask_stride = 4, "outputs.cropped is 1 and");
    REFUSED_OUTPUTS(outputs.mask_row_stride = -626, "outputs.mask_row_stride is 626; a multiple of 4");
    REFUSED_OUTPUTS(outputs.mask_row_stride = 624, "outputs.mask_row_stride is 624; 0 or at least 628");
    REFUSED_OUTPUTS(outputs.mask_image_stride = 4, "outputs.mask_image_stride is 4; 0 or at least");
    REFUSED_OUTPUTS(outputs.mask_stride = 4, "outputs.mask_stride is 4; 0 or at least");
    REFUSED_OUTPUTS(outputs.label_format = 3, "outputs.label_format is 3;");
    REFUSED_OUTPUTS(outputs.unlisted_capacity = 8, "outputs.unlisted is NULL;");
    REFUSED_OUTPUTS(outputs.merged_capacity = 8, "outputs.merged is NULL;");
    REFUSED_OUTPUTS(outputs.report_unlisted = 2, "outputs.report_unlisted is 2;");
    REFUSED_OUTPUTS(outputs.palette_entry_size = 8, "outputs.palette_entry_size is 8;");
    REFUSED_OUTPUTS(outputs.masks = (char *)masks + 1; outputs.masks_size = 16, "outputs.masks is 0x");
    REFUSED_OUTPUTS(outputs.masks = masks; outputs.masks_size = 64; outputs.labels = masks + 15; outputs.labels_size = 4,
                    "outputs.labels (0x");
    REFUSED_OUTPUTS(outputs.masks = (void *)pixels; outputs.masks_size = 4, "outputs.masks (0x");
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    unsigned char *pixels = allocate((size_t)PIXELS * CHANNELS, 0);
    random_pixels(pixels);
    storages(context, pixels);
    outputs_agree(context, pixels);
    layouts(context, pixels);
    settings(context, pixels);
    nearest(context);
    refusals(context, pixels);
    check_small_image(context);
    free(pixels);
    ctm_destroy(context);
    return 0;
}
