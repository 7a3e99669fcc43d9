/*
 * absorbing IMAGE.png [cpu|vulkan|DEVICE [OUT.png]]: specks, and pixels without a mask, go to the masks around them.
 *
 * For maps that were scanned, scaled or drawn with a brush. OUT.png gets the masks in their colours.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct picture picture;
    const char *out;
    ctm_context *context = start(argc, argv, &picture, &out);
    const ctm_image image = image_of(&picture);
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 500;
    ctm_result result = CTM_RESULT_INIT;
    ctm_palette_entry *before = find_palette(context, &image, &params, &result);

    params.absorb_pixels = 30;           /* Regions of fewer pixels, each mask's own ones included. */
    params.absorb_unmasked = UINT64_MAX; /* All pixels without a mask, however many lie together. */
    ctm_palette_entry *after = find_palette(context, &image, &params, &result);
    uint16_t *labels = allocate((uint64_t)picture.width * picture.height, sizeof *labels);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = labels;
    outputs.labels_size = (size_t)picture.width * picture.height * sizeof *labels;
    outputs.label_format = CTM_LABEL_U16;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));

    /* The masks are the same, and in the same order. */
    printf("%" PRIu64 " regions with %" PRIu64 " pixels went to the masks around them\n", result.absorbed_regions,
           result.absorbed_pixels);
    printf("mask  colour     pixels  afterwards\n");
    for (uint32_t i = 0; i < result.mask_count; i++) {
        printf("%4" PRIu32 "  %s   %8" PRIu64 "    %8" PRIu64 "\n", i + 1, hex(before[i].color, picture.channels),
               before[i].pixel_count, after[i].pixel_count);
    }
    write_labels(out, &picture, labels, after);
    free(labels);
    free(after);
    free(before);
    ctm_destroy(context);
    free(picture.pixels);
    return 0;
}
