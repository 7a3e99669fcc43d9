/* Connected regions of an image in bands and tiles: what is found part by part, here or by others, gives each part the labels
   of one call on the whole. Exports that are damaged are refused. */

#include "golden_map.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = MAP_WIDTH, HEIGHT = MAP_HEIGHT, PIXELS = WIDTH * HEIGHT, LEAST = 3, MOST = 200 };

/* A part of the world map, as bytes. */
static unsigned char map[PIXELS * 3];

static ctm_params params_of(uint32_t connected)
{
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = LEAST;
    params.max_count = MOST;
    params.connected = connected;
    return params;
}

struct found {
    unsigned char masks[MOST * PIXELS / 8 + MOST * HEIGHT];
    uint16_t labels[PIXELS];
    ctm_palette_entry palette[MOST];
    ctm_result result;
};

static void analyze(ctm_context *context, const ctm_image *image, const ctm_params *params, struct found *found)
{
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = found->masks;
    outputs.masks_size = sizeof found->masks;
    outputs.mask_format = CTM_MASK_BITS;
    outputs.cropped = 1;
    outputs.labels = found->labels;
    outputs.labels_size = sizeof found->labels;
    outputs.label_format = CTM_LABEL_U16;
    outputs.palette = found->palette;
    outputs.palette_capacity = MOST;
    found->result = (ctm_result)CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, image, params, &outputs, &found->result), CTM_OK);
}

static ctm_regions *create(ctm_context *context)
{
    ctm_regions *regions = NULL;
    CHECK_STATUS(context, ctm_regions_create(context, WIDTH, HEIGHT, &regions), CTM_OK);
    CHECK(regions != NULL);
    return regions;
}

static unsigned char *export(ctm_context *context, const ctm_regions *regions, size_t *size)
{
    CHECK_STATUS(context, ctm_regions_export(context, regions, NULL, size), CTM_OK);
    unsigned char *data = allocate(*size + 1, 0x5a);
    const size_t needed = *size;
    CHECK_STATUS(context, ctm_regions_export(context, regions, data, size), CTM_OK);
    CHECK(*size == needed && data[needed] == 0x5a);
    return data;
}

/* Each part has the labels, cropped masks and entries that it has in the whole. */
static void check_part(ctm_context *context, const ctm_regions *regions, const struct found *whole, ctm_params params,
                       const uint32_t place[4], uint64_t pixels[MOST])
{
    struct found *found = allocate(sizeof *found, 0x5a);
    const ctm_image image = golden_map_part(map, place[0], place[1], place[2], place[3]);
    params.regions = regions;
    params.part_left = place[0];
    params.part_top = place[1];
    analyze(context, &image, &params, found);
    CHECK(found->result.mask_count == whole->result.mask_count);
    const uint16_t *labels = found->labels;
    for (uint32_t y = 0; y < place[3]; y++) {
        const size_t there = (size_t)(place[1] + y) * WIDTH + place[0];
        CHECK(memcmp(labels + (size_t)y * place[2], whole->labels + there, place[2] * sizeof *labels) == 0);
    }
    for (uint32_t i = 0; i < found->result.mask_count; i++) {
        const ctm_palette_entry *entry = &found->palette[i];
        CHECK(memcmp(entry->color, whole->palette[i].color, sizeof entry->color) == 0);
        const size_t row_bytes = (entry->width + 7) / 8;
        uint64_t inside = 0;
        for (uint32_t y = 0; y < entry->height; y++) {
            for (uint32_t x = 0; x < entry->width; x++) {
                const unsigned char byte = found->masks[entry->mask_offset + y * row_bytes + x / 8];
                const size_t pixel = (size_t)(entry->top + y) * place[2] + entry->left + x;
                CHECK((byte >> (7 - x % 8) & 1) == (labels[pixel] == i + 1));
                inside += labels[pixel] == i + 1;
            }
        }
        CHECK(inside == entry->pixel_count);
        pixels[i] += inside;
    }
    free(found);
}

/* The regions of the whole are known without its pixels. */
static void check_selected(ctm_context *context, const ctm_regions *regions, const struct found *whole, const ctm_params *params)
{
    ctm_palette_entry palette[MOST + 1];
    memset(palette, 0x5a, sizeof palette);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.palette = palette;
    outputs.palette_capacity = MOST;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_regions_select(context, regions, params, &outputs, &result), CTM_OK);
    const uint32_t count = result.mask_count;
    CHECK(count == whole->result.mask_count && result.palette_len == count && result.masks_size == 0);
    for (uint32_t i = 0; i < count; i++) {
        ctm_palette_entry expected = whole->palette[i];
        expected.mask_offset = 0;
        CHECK(memcmp(&palette[i], &expected, sizeof expected) == 0);
    }
    CHECK(all_bytes_are(palette + count, (MOST + 1 - count) * sizeof *palette, 0x5a));
    CHECK_STATUS(context, ctm_regions_select(context, regions, params, NULL, &result), CTM_OK);
    CHECK(result.mask_count == count);
    memset(palette, 0x5a, sizeof palette);
    outputs.palette_capacity = count - 1;
    CHECK_STATUS(context, ctm_regions_select(context, regions, params, &outputs, &result), CTM_ERROR_BUFFER_TOO_SMALL);
    CHECK(result.mask_count == count && all_bytes_are(palette, sizeof palette, 0x5a));
}

static void bands_and_tiles(ctm_context *context, uint32_t connected)
{
    const ctm_params params = params_of(connected);
    struct found *whole = allocate(sizeof *whole, 0x5a);
    const ctm_image image = golden_map_part(map, 0, 0, 0, 0);
    analyze(context, &image, &params, whole);
    CHECK(whole->result.mask_count > 20 && whole->result.mask_count < MOST);
    static const uint32_t sizes[][2] = { { WIDTH, 1 }, { WIDTH, 64 }, { 50, 37 }, { 1, HEIGHT }, { WIDTH, HEIGHT } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const uint32_t width = sizes[i][0], height = sizes[i][1];
        ctm_regions *halves[2] = { create(context), create(context) };
        uint32_t places[WIDTH + HEIGHT][4];
        size_t count = 0;
        for (uint32_t top = 0; top < HEIGHT; top += height) {
            for (uint32_t left = 0; left < WIDTH; left += width) {
                uint32_t *place = places[count];
                place[0] = left;
                place[1] = top;
                place[2] = WIDTH - left < width ? WIDTH - left : width;
                place[3] = HEIGHT - top < height ? HEIGHT - top : height;
                const ctm_image tile = golden_map_part(map, left, top, place[2], place[3]);
                CHECK_STATUS(context, ctm_regions_add(context, halves[count % 2], &tile, left, top, &params), CTM_OK);
                count++;
            }
        }
        /* The second half by way of bytes. */
        size_t size;
        unsigned char *data = export(context, halves[1], &size);
        ctm_regions_destroy(halves[1]);
        CHECK_STATUS(context, ctm_regions_import(context, data, size, &halves[1]), CTM_OK);
        free(data);
        CHECK_STATUS(context, ctm_regions_merge(context, halves[1], halves[0]), CTM_OK);
        uint64_t pixels[MOST] = { 0 };
        for (size_t at = 0; at < count; at++) {
            check_part(context, halves[1], whole, params, places[at], pixels);
        }
        for (uint32_t at = 0; at < whole->result.mask_count; at++) {
            CHECK(pixels[at] == whole->palette[at].pixel_count);
        }
        check_selected(context, halves[1], whole, &params);
        ctm_regions_destroy(halves[0]);
        ctm_regions_destroy(halves[1]);
    }
    free(whole);
}

static void refuse(ctm_context *context, const unsigned char *data, size_t size)
{
    /* At the end of its memory, where a sanitizer sees what is read behind it. */
    unsigned char *copy = allocate(size, 0);
    memcpy(copy, data, size);
    ctm_regions *regions = (ctm_regions *)(void *)copy;
    CHECK_STATUS(context, ctm_regions_import(context, copy, size, &regions), CTM_ERROR_DATA);
    CHECK(regions == NULL);
    CHECK(strstr(ctm_last_error(context), "regions") != NULL);
    free(copy);
}

static void damaged(ctm_context *context)
{
    ctm_regions *regions = NULL;
    CHECK_STATUS(context, ctm_regions_create(context, 6, 5, &regions), CTM_OK);
    const ctm_params params = params_of(CTM_CONNECTED_8);
    const ctm_image image = golden_map_part(map, 20, 20, 6, 5);
    CHECK_STATUS(context, ctm_regions_add(context, regions, &image, 0, 0, &params), CTM_OK);
    size_t size;
    unsigned char *data = export(context, regions, &size);
    CHECK(size > 128 + 40 && memcmp(data, "ctmREGNS", 8) == 0);
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            data[i] ^= (unsigned char)(1 << bit);
            refuse(context, data, size);
            data[i] ^= (unsigned char)(1 << bit);
        }
        if (i > 0) {
            refuse(context, data, i);
        }
    }
    ctm_regions_destroy(regions);
    free(data);
}

#define REFUSED_AS(call, status, text)                          \
    do {                                                        \
        CHECK_STATUS(context, (call), (status));                \
        CHECK(strstr(ctm_last_error(context), (text)) != NULL); \
    } while (0)
#define REFUSED(call, text) REFUSED_AS(call, CTM_ERROR_INVALID_ARGUMENT, text)

static void pointers(ctm_context *context, ctm_regions *regions, const ctm_image *image, const ctm_params *params)
{
    ctm_result result = CTM_RESULT_INIT;
    ctm_regions *none = regions;
    CHECK_STATUS(NULL, ctm_regions_create(NULL, 1, 1, &none), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(none == NULL && strstr(ctm_last_error(NULL), "context is NULL") != NULL);
    REFUSED(ctm_regions_create(context, 1, 1, NULL), "regions is NULL");
    REFUSED(ctm_regions_create(context, 1, 0, &none), "height is 0");
    REFUSED(ctm_regions_add(context, NULL, image, 0, 0, params), "regions is NULL");
    REFUSED(ctm_regions_add(context, regions, NULL, 0, 0, params), "image is NULL");
    REFUSED(ctm_regions_add(context, regions, image, 0, 0, NULL), "params is NULL");
    REFUSED(ctm_regions_merge(context, regions, NULL), "other is NULL");
    REFUSED(ctm_regions_merge(context, regions, regions), "other is the same object as regions");
    size_t size = 0;
    REFUSED(ctm_regions_export(context, NULL, NULL, &size), "regions is NULL");
    REFUSED(ctm_regions_export(context, regions, NULL, NULL), "size is NULL");
    REFUSED(ctm_regions_import(context, NULL, 0, &none), "data is NULL");
    REFUSED(ctm_regions_import(context, &none, sizeof none, &none), "overlaps data");
    REFUSED(ctm_regions_select(context, NULL, params, NULL, &result), "regions is NULL");
    REFUSED(ctm_regions_select(context, regions, params, NULL, NULL), "result is NULL");
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    float masks[4] = { 0 };
    outputs.masks = masks;
    outputs.masks_size = sizeof masks;
    REFUSED(ctm_regions_select(context, regions, params, &outputs, &result), "since regions have no pixels");
    outputs = (ctm_outputs)CTM_OUTPUTS_INIT;
    ctm_palette_entry entry;
    outputs.unlisted = &entry;
    outputs.unlisted_capacity = 1;
    REFUSED(ctm_regions_select(context, regions, params, &outputs, &result), "outputs.unlisted is not NULL");
    ctm_regions_destroy(NULL);
}

static void arguments(ctm_context *context)
{
    ctm_regions *regions = create(context);
    const ctm_params params = params_of(CTM_CONNECTED_4);
    const ctm_image top = golden_map_part(map, 0, 0, WIDTH, 50), bottom = golden_map_part(map, 0, 50, WIDTH, HEIGHT - 50);
    CHECK_STATUS(context, ctm_regions_add(context, regions, &top, 0, 0, &params), CTM_OK);
    pointers(context, regions, &top, &params);
    size_t size;
    unsigned char *before = export(context, regions, &size);
    ctm_result result = CTM_RESULT_INIT;
    REFUSED(ctm_regions_select(context, regions, &params, NULL, &result), "160 x 120 = 19200 pixels");
    REFUSED(ctm_regions_add(context, regions, &bottom, 0, 49, &params), "overlaps one of 160 x 50 from 0, 0");
    REFUSED(ctm_regions_add(context, regions, &bottom, 0, 51, &params), "160 x 70 pixels from column 0, row 51");
    ctm_params wrong = params;
    wrong.connected = 0;
    REFUSED(ctm_regions_add(context, regions, &bottom, 0, 50, &wrong), "params.connected is off");
    wrong.connected = CTM_CONNECTED_8;
    REFUSED(ctm_regions_add(context, regions, &bottom, 0, 50, &wrong), "params.connected is 8; 4");
    wrong = params;
    wrong.unmix_radius = 1;
    REFUSED_AS(ctm_regions_add(context, regions, &bottom, 0, 50, &wrong), CTM_ERROR_UNSUPPORTED, "unmix_radius is 1");
    wrong = params;
    wrong.absorb_pixels = 4;
    REFUSED_AS(ctm_regions_select(context, regions, &wrong, NULL, &result), CTM_ERROR_UNSUPPORTED, "absorb_pixels is 4");
    ctm_image floats = bottom;
    floats.format = CTM_FORMAT_U16;
    floats.width /= 2;
    floats.rectangle_width /= 2;
    REFUSED(ctm_regions_add(context, regions, &floats, 0, 50, &params), "image.format is u16; u8");
    size_t again = size;
    unsigned char *after = export(context, regions, &again);
    CHECK(again == size && memcmp(before, after, size) == 0); /* No error has changed them. */
    free(after);
    free(before);

    CHECK_STATUS(context, ctm_regions_add(context, regions, &bottom, 0, 50, &params), CTM_OK);
    ctm_params whole = params;
    whole.part_top = 50;
    REFUSED(ctm_analyze(context, &bottom, &whole, NULL, &result), "params.part_top is 50 and params.regions is NULL");
    whole.regions = regions;
    result.mask_count = 77;
    REFUSED(ctm_analyze(context, &top, &whole, NULL, &result), "params.part_left is 0 and part_top is 50");
    CHECK(result.mask_count == 77);
    CHECK_STATUS(context, ctm_analyze(context, &bottom, &whole, NULL, &result), CTM_OK);
    whole.batch = CTM_BATCH_FIRST;
    REFUSED_AS(ctm_analyze(context, &bottom, &whole, NULL, &result), CTM_ERROR_UNSUPPORTED, "batch is 'first'");
    whole.batch = CTM_BATCH_ALL;
    uint16_t labels[WIDTH * (HEIGHT - 50)];
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = labels;
    outputs.labels_size = sizeof labels;
    outputs.label_format = CTM_LABEL_U16;
    ctm_image other = golden_map_part(map, 0, 49, WIDTH, HEIGHT - 50); /* Other pixels of the same size. */
    REFUSED_AS(ctm_analyze(context, &other, &whole, &outputs, &result), CTM_ERROR_DATA, "row 50");
    CHECK(result.mask_count == 0);
    ctm_regions_destroy(regions);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    golden_map_bytes(map);
    bands_and_tiles(context, CTM_CONNECTED_4);
    bands_and_tiles(context, CTM_CONNECTED_8);
    damaged(context);
    arguments(context);
    ctm_destroy(context);
    return 0;
}
