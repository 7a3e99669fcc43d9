/*
 * Ids: integers of 32 bits are told apart to the last bit, in their order, and are given and reported as they are stored.
 */

#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 61, HEIGHT = 47, PIXELS = WIDTH * HEIGHT, IDS = 7 };

/* Ids that floats confuse: as floats the last two are NaNs. */
static const uint32_t some_ids[IDS] = { 16777217u, 16777216u, 4294967295u, 0u, 2147483648u, 2143289344u, 4290772992u };

/* A colour of one channel as it is stored; what is behind that channel is not looked at. */
static void fill(uint32_t *stored, uint32_t id)
{
    stored[0] = id;
    stored[1] = 0x7fc00000u;
    stored[2] = stored[3] = 5;
}

static ctm_image image_of(const uint32_t *pixels, uint32_t format)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = pixels;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.channels = 1;
    image.format = format;
    return image;
}

/* What counts of the ids: number i of them has i + 1 parts of 28 of the pixels, nearly. */
static void random_pixels(uint32_t *pixels, uint64_t counts[IDS])
{
    uint64_t state = 17;
    memset(counts, 0, IDS * sizeof *counts);
    for (size_t p = 0; p < PIXELS; p++) {
        size_t part = (size_t)(next_random(&state) % 28), id = 0;
        while (part > id) {
            part -= ++id;
        }
        pixels[p] = some_ids[id];
        counts[id]++;
    }
}

/* Labels and palette are those of the ids: given ones in their order, with one that no pixel has. */
static void given_ids(ctm_context *context, const uint32_t *pixels, const uint64_t counts[IDS], uint32_t format)
{
    enum { GIVEN = IDS };
    uint32_t palette[GIVEN * 4], ignored[4];
    for (size_t i = 0; i + 1 < GIVEN; i++) {
        fill(palette + 4 * i, some_ids[i]);
    }
    fill(palette + 4 * (GIVEN - 1), 77);
    fill(ignored, some_ids[IDS - 1]);
    const ctm_image image = image_of(pixels, format);
    ctm_params params = CTM_PARAMS_INIT;
    params.palette_stored = palette;
    params.palette_count = GIVEN;
    params.ignored_stored = ignored;
    params.ignored_count = 1;
    params.unlisted = CTM_UNLISTED_ERROR;
    uint8_t *labels = allocate(PIXELS, 99);
    ctm_palette_entry entries[GIVEN];
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = labels;
    outputs.labels_size = PIXELS;
    outputs.label_format = CTM_LABEL_U8;
    outputs.palette = entries;
    outputs.palette_capacity = GIVEN;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == GIVEN);
    for (size_t i = 0; i < GIVEN; i++) {
        CHECK(entries[i].stored[0] == palette[4 * i]);
        CHECK(entries[i].stored[1] == 0 && entries[i].stored[2] == 0 && entries[i].stored[3] == 0);
        CHECK(entries[i].pixel_count == (i + 1 < GIVEN ? counts[i] : 0));
    }
    for (size_t p = 0; p < PIXELS; p++) {
        const uint32_t label = labels[p];
        CHECK(label == 0 ? pixels[p] == ignored[0] : pixels[p] == palette[4 * (label - 1)]);
    }
    free(labels);
}

/* The order of ids with as many pixels each: by value, negative ones first where there are any. */
static void order(ctm_context *context, uint32_t format)
{
    const uint32_t pixels[4] = { 4294967295u, 1, 2147483648u, 0 };
    const uint32_t unsigned_order[4] = { 0, 1, 2147483648u, 4294967295u };
    const uint32_t signed_order[4] = { 2147483648u, 4294967295u, 0, 1 };
    const float signed_values[4] = { -2147483648.0f, -1.0f, 0.0f, 1.0f };
    ctm_image image = image_of(pixels, format);
    image.width = 2;
    image.height = 2;
    ctm_palette_entry entries[4];
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.palette = entries;
    outputs.palette_capacity = 4;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, NULL, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == 4);
    for (size_t i = 0; i < 4; i++) {
        CHECK(entries[i].stored[0] == (format == CTM_FORMAT_I32 ? signed_order : unsigned_order)[i]);
        CHECK(format != CTM_FORMAT_I32 || entries[i].color[0] == signed_values[i]);
    }
}

/* Other formats have stored values, too: a 16-bit id is that number, a float its bits. */
static void other_formats(ctm_context *context)
{
    const uint16_t words[3] = { 26001, 26001, 7 };
    const float floats[3] = { 0.1f, 0.1f, -2.0f };
    for (int is_float = 0; is_float < 2; is_float++) {
        ctm_image image = image_of(NULL, is_float ? CTM_FORMAT_F32 : CTM_FORMAT_U16);
        image.pixels = is_float ? (const void *)floats : (const void *)words;
        image.width = 3;
        image.height = 1;
        ctm_palette_entry entries[2];
        ctm_outputs outputs = CTM_OUTPUTS_INIT;
        outputs.palette = entries;
        outputs.palette_capacity = 2;
        ctm_result result = CTM_RESULT_INIT;
        CHECK_STATUS(context, ctm_analyze(context, &image, NULL, &outputs, &result), CTM_OK);
        CHECK(entries[0].stored[0] == (is_float ? bits_of(&floats[0]) : 26001));
        CHECK(entries[1].stored[0] == (is_float ? bits_of(&floats[2]) : 7));
        /* What comes back can be given. */
        ctm_params params = CTM_PARAMS_INIT;
        params.palette_stored = entries[1].stored;
        params.palette_count = 1;
        outputs.palette_capacity = 1;
        CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
        CHECK(entries[0].pixel_count == 1 && entries[0].stored[0] == params.palette_stored[0]);
    }
}

static void refused(ctm_context *context, const uint32_t *pixels)
{
    const float colors[4] = { 0, 0, 0, 0 };
    const uint32_t stored[4] = { 0, 0, 0, 0 };
    ctm_image image = image_of(pixels, CTM_FORMAT_U32);
    ctm_result result = CTM_RESULT_INIT;
    const struct {
        ctm_params params;
        const char *text;
    } cases[] = {
        { { .struct_size = sizeof(ctm_params), .matching = CTM_MATCH_8_BIT }, "params.matching" },
        { { .struct_size = sizeof(ctm_params), .nearest = CTM_NEAREST_EUCLIDEAN }, "params.nearest is on and format is u32" },
        { { .struct_size = sizeof(ctm_params), .merge = CTM_MERGE_CHEBYSHEV }, "params.merge is on and format is u32" },
        { { .struct_size = sizeof(ctm_params), .unmix_radius = 3 }, "params.unmix_radius" },
        { { .struct_size = sizeof(ctm_params), .palette = colors, .palette_stored = stored, .palette_count = 1 },
          "params.palette and params.palette_stored are given" },
        { { .struct_size = sizeof(ctm_params), .ignored = colors, .ignored_stored = stored, .ignored_count = 1 },
          "params.ignored and params.ignored_stored are given" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_STATUS(context, ctm_analyze(context, &image, &cases[i].params, NULL, &result),
                     CTM_ERROR_INVALID_ARGUMENT);
        CHECK(strstr(ctm_last_error(context), cases[i].text) != NULL);
    }
    image.channels = 3;
    image.width = 1;
    CHECK_STATUS(context, ctm_analyze(context, &image, NULL, NULL, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "image.channels is 3 and format is u32; 1 or 2 are expected") != NULL);
    image.format = 6;
    CHECK_STATUS(context, ctm_analyze(context, &image, NULL, NULL, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "image.format is 6") != NULL);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    uint32_t *pixels = allocate(sizeof *pixels * PIXELS, 0);
    uint64_t counts[IDS];
    random_pixels(pixels, counts);
    given_ids(context, pixels, counts, CTM_FORMAT_U32);
    given_ids(context, pixels, counts, CTM_FORMAT_I32);
    order(context, CTM_FORMAT_U32);
    order(context, CTM_FORMAT_I32);
    other_formats(context);
    refused(context, pixels);
    free(pixels);
    ctm_destroy(context);
    return 0;
}
