/*
 * palette IMAGE.png [cpu|vulkan|DEVICE [OUT.png]]: what is known of each mask, and masks and labels in one call.
 *
 * Shows the size query in several formats; statistics alone, without any mask; then labels, masks of bits cropped to
 * their bounding boxes, and the palette together. OUT.png gets the masks in their colours.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints a cropped mask of bits, some of its pixels only: rows begin with a byte, the first pixel has the highest bit. */
static void draw(const unsigned char *plane, const ctm_palette_entry *entry)
{
    const size_t row_bytes = (entry->width + 7) / 8;
    const uint32_t step = (entry->width + 47) / 48;
    for (uint32_t y = 0; y < entry->height; y += 2 * step) {
        for (uint32_t x = 0; x < entry->width; x += step) {
            putchar(plane[y * row_bytes + x / 8] >> (7 - x % 8) & 1 ? '#' : '.');
        }
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    struct picture picture;
    const char *out;
    ctm_context *context = start(argc, argv, &picture, &out);
    const ctm_image image = image_of(&picture);
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 5000;
    params.max_count = 12;

    /* 1. How much room would it all need? */
    static const struct { const char *name; uint32_t format, cropped; } kinds[] = {
        {"floats", CTM_MASK_F32, 0}, {"bytes", CTM_MASK_U8, 0}, {"bits", CTM_MASK_BITS, 0}, {"cropped bits", CTM_MASK_BITS, 1}};
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.label_format = CTM_LABEL_U16;
    ctm_result result = CTM_RESULT_INIT;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        outputs.mask_format = kinds[i].format;
        outputs.cropped = kinds[i].cropped;
        check(context, ctm_analyze(context, &image, &params, &outputs, &result));
        printf("%2" PRIu32 " masks of %-12s: %9" PRIu64 " bytes\n", result.mask_count, kinds[i].name, result.masks_size);
    }
    printf("labels of 16 bits       : %9" PRIu64 " bytes\n\n", result.labels_size);
    outputs.masks_size = (size_t)result.masks_size; /* The last query was for cropped bits. */
    outputs.labels_size = (size_t)result.labels_size;

    /* 2. Statistics alone: no mask is made for them. */
    ctm_palette_entry *palette = allocate(result.palette_len, sizeof *palette);
    ctm_outputs statistics = CTM_OUTPUTS_INIT;
    statistics.palette = palette;
    statistics.palette_capacity = (size_t)result.palette_len;
    check(context, ctm_analyze(context, &image, &params, &statistics, &result));
    printf("mask  colour     pixels  box                     first pixel  centroid\n");
    for (uint32_t i = 0; i < result.mask_count; i++) {
        const ctm_palette_entry *entry = &palette[i];
        printf("%4" PRIu32 "  %-8s %8" PRIu64 "  %4" PRIu32 " x %4" PRIu32 " at %4" PRIu32 ", %4" PRIu32 "  %4" PRIu32
               ", %4" PRIu32 "   %7.2f, %7.2f\n", i + 1, hex(entry->color, picture.channels), entry->pixel_count,
               entry->width, entry->height, entry->left, entry->top, entry->first_x, entry->first_y, entry->centroid_x,
               entry->centroid_y);
    }

    /* 3. Everything in one call. */
    unsigned char *masks = allocate(outputs.masks_size, 1);
    uint16_t *labels = allocate(outputs.labels_size, 1);
    outputs.masks = masks;
    outputs.labels = labels;
    outputs.palette = palette;
    outputs.palette_capacity = (size_t)result.palette_len;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));
    if (result.mask_count > 0) {
        const ctm_palette_entry *last = &palette[result.mask_count - 1];
        printf("\nmask %" PRIu32 ":\n", result.mask_count);
        draw(masks + last->mask_offset, last);
    }
    write_labels(out, &picture, labels, palette);
    free(labels);
    free(masks);
    free(palette);
    ctm_destroy(context);
    free(picture.pixels);
    return 0;
}
