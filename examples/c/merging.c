/*
 * merging IMAGE.png [cpu|vulkan|DEVICE [OUT.png]]: near-duplicates become the colours that they are near.
 *
 * For pictures that went through compression or a scaler, and for photos. OUT.png gets the masks in their colours.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 8 };

/* Prints how many masks of at least 100 pixels there are, and how many pixels are in one. */
static void count(const char *name, const ctm_palette_entry *palette, uint32_t masks)
{
    uint64_t pixels = 0;
    for (uint32_t i = 0; i < masks; i++) pixels += palette[i].pixel_count;
    printf("%-8s %5" PRIu32 " masks with %7" PRIu64 " pixels\n", name, masks, pixels);
}

int main(int argc, char **argv)
{
    struct picture picture;
    const char *out;
    ctm_context *context = start(argc, argv, &picture, &out);
    const ctm_image image = image_of(&picture);
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 100;
    ctm_result result = CTM_RESULT_INIT;
    ctm_palette_entry *palette = find_palette(context, &image, &params, &result);
    count("exact:", palette, result.mask_count);
    free(palette);

    params.merge = CTM_MERGE_EUCLIDEAN;
    params.merge_tolerance = 40; /* In the units of the image: 0 to 255. */
    palette = find_palette(context, &image, &params, &result);
    count("merged:", palette, result.mask_count);

    /* What became what, the most frequent ones, and the labels. */
    ctm_merged_color merged[ROOM];
    uint16_t *labels = allocate((uint64_t)picture.width * picture.height, sizeof *labels);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.merged = merged;
    outputs.merged_capacity = ROOM;
    outputs.labels = labels;
    outputs.labels_size = (size_t)picture.width * picture.height * sizeof *labels;
    outputs.label_format = CTM_LABEL_U16;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));
    printf("%" PRIu64 " colours with %" PRIu64 " pixels became another; most pixels had\n", result.merged_colors,
           result.merged_pixels);
    for (uint64_t i = 0; i < ROOM && i < result.merged_colors; i++) {
        printf("    %s: %" PRIu64 " pixels, now %s\n", hex(merged[i].color, picture.channels), merged[i].pixel_count,
               hex(merged[i].into, picture.channels));
    }
    write_labels(out, &picture, labels, palette);
    free(labels);
    free(palette);
    ctm_destroy(context);
    free(picture.pixels);
    return 0;
}
