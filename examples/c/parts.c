/*
 * parts IMAGE.png [cpu|vulkan|DEVICE]: an image that comes in tiles has the connected regions and the outlines of the whole.
 *
 * Each tile is looked at by itself, as if the others were on other machines, and both objects could be sent as bytes. huge.c
 * does the same for colours, of an image that is too large for memory.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { COLUMNS = 3, ROWS = 2 };

/* A tile, as a rectangle of the picture. */
static ctm_image tile_of(const struct picture *picture, int number)
{
    const uint32_t column = (uint32_t)number % COLUMNS, row = (uint32_t)number / COLUMNS;
    ctm_image image = image_of(picture);
    image.left = picture->width * column / COLUMNS;
    image.top = picture->height * row / ROWS;
    image.rectangle_width = picture->width * (column + 1) / COLUMNS - image.left;
    image.rectangle_height = picture->height * (row + 1) / ROWS - image.top;
    return image;
}

int main(int argc, char **argv)
{
    struct picture picture;
    ctm_context *context = start(argc, argv, &picture, NULL);
    ctm_params params = CTM_PARAMS_INIT;
    params.connected = CTM_CONNECTED_8;

    /* 1. The regions of each tile, and what touches at its borders. */
    ctm_regions *regions;
    check(context, ctm_regions_create(context, picture.width, picture.height, &regions));
    for (int number = 0; number < COLUMNS * ROWS; number++) {
        const ctm_image tile = tile_of(&picture, number);
        check(context, ctm_regions_add(context, regions, &tile, tile.left, tile.top, &params));
    }

    /* 2. Those of the whole: how many pixels they have, and where they lie. */
    params.min_pixels = 100; /* Of a region of the whole. */
    ctm_result result = CTM_RESULT_INIT;
    check(context, ctm_regions_select(context, regions, &params, NULL, &result));
    ctm_outputs list = CTM_OUTPUTS_INIT;
    list.palette_capacity = (size_t)result.palette_len;
    list.palette = allocate(result.palette_len, sizeof *list.palette);
    check(context, ctm_regions_select(context, regions, &params, &list, &result));
    const uint32_t mask_count = result.mask_count;
    printf("%" PRIu32 " regions of at least %" PRIu64 " pixels, the largest\n", mask_count, params.min_pixels);
    printf("region  colour    pixels  box\n");
    for (uint32_t i = 0; i < mask_count && i < 12; i++) {
        const ctm_palette_entry *entry = &list.palette[i];
        printf("%6" PRIu32 "  %-8s %7" PRIu64 "  %4" PRIu32 " x %4" PRIu32 " at %4" PRIu32 ", %4" PRIu32 "\n", i + 1,
               hex(entry->color, picture.channels), entry->pixel_count, entry->width, entry->height, entry->left, entry->top);
    }
    free(list.palette);

    /* 3. Each tile gets the labels that it has in the whole; a mosaic collects them, as runs. */
    ctm_mosaic *mosaic;
    check(context, ctm_mosaic_create(context, picture.width, picture.height, &mosaic));
    params.regions = regions;
    for (int number = 0; number < COLUMNS * ROWS; number++) {
        const ctm_image tile = tile_of(&picture, number);
        const uint64_t pixels = (uint64_t)tile.rectangle_width * tile.rectangle_height;
        ctm_outputs outputs = CTM_OUTPUTS_INIT;
        outputs.labels = allocate(pixels, sizeof(uint32_t));
        outputs.labels_size = (size_t)pixels * sizeof(uint32_t);
        params.part_left = tile.left;
        params.part_top = tile.top;
        check(context, ctm_analyze(context, &tile, &params, &outputs, &result));
        check(context, ctm_mosaic_add(context, mosaic, tile.left, tile.top, tile.rectangle_width, tile.rectangle_height,
                                      outputs.labels, CTM_LABEL_U32, 0));
        free(outputs.labels);
    }

    /* 4. Outlines of the whole: here, how many rings and corners. */
    ctm_outlines outlines = CTM_OUTLINES_INIT;
    outlines.connected = CTM_CONNECTED_8;
    ctm_outputs shapes = CTM_OUTPUTS_INIT;
    shapes.outlines = &outlines;
    check(context, ctm_mosaic_write(context, mosaic, mask_count, &shapes, &result));
    printf("their outlines have %" PRIu64 " corners\n", result.outline_points_len);

    ctm_mosaic_destroy(mosaic);
    ctm_regions_destroy(regions);
    ctm_destroy(context);
    free(picture.pixels);
    return 0;
}
