/*
 * ids IMAGE.png [cpu|vulkan|DEVICE]: an image of ids, numbers of 32 bits, as renderers and annotation tools write them.
 *
 * The picture's colours are the ids here, with an upper byte that no float could hold exactly beside them. `stored[0]` of
 * a palette entry is the id; ids that the program knows are given by `palette_stored` and `ignored_stored`.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 5 };

int main(int argc, char **argv)
{
    struct picture picture;
    ctm_context *context = start(argc, argv, &picture, NULL);
    const size_t pixels = (size_t)picture.width * picture.height;
    uint32_t *ids = allocate(pixels, sizeof *ids);
    for (size_t i = 0; i < pixels; i++) {
        ids[i] = 0xd5000000;
        for (uint32_t c = 0; c < picture.channels; c++) {
            ids[i] ^= (uint32_t)picture.pixels[i * picture.channels + c] << (16 - 8 * (c % 3));
        }
    }
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = ids;
    image.width = picture.width;
    image.height = picture.height;
    image.channels = 1;
    image.format = CTM_FORMAT_U32;

    ctm_params params = CTM_PARAMS_INIT;
    params.max_count = MOST;
    ctm_palette_entry palette[MOST];
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.palette = palette;
    outputs.palette_capacity = MOST;
    ctm_result result = CTM_RESULT_INIT;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));
    printf("the most frequent ids\n");
    for (uint32_t i = 0; i < result.mask_count; i++) {
        printf("%12" PRIu32 ": %8" PRIu64 " pixels\n", palette[i].stored[0], palette[i].pixel_count);
    }

    /* Four numbers each, of which an image of one channel uses the first: the last two that were found; the first is none. */
    uint32_t known[2][4] = {{0}}, none[1][4] = {{0}};
    for (uint32_t i = 0; i < 2; i++) {
        known[i][0] = palette[result.mask_count - 1 - i].stored[0];
    }
    none[0][0] = palette[0].stored[0];
    params.palette_stored = known[0];
    params.palette_count = 2;
    params.ignored_stored = none[0];
    params.ignored_count = 1;
    ctm_palette_entry other;
    outputs.unlisted = &other;
    outputs.unlisted_capacity = 1;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));
    printf("ids that are given, without %" PRIu32 "\n", none[0][0]);
    for (uint32_t i = 0; i < result.mask_count; i++) {
        printf("%12" PRIu32 ": %8" PRIu64 " pixels\n", palette[i].stored[0], palette[i].pixel_count);
    }
    printf("in neither: %" PRIu64 " pixels of %" PRIu64 " ids", result.unlisted_pixels, result.unlisted_colors);
    if (result.unlisted_colors > 0) {
        printf(", most of them of %" PRIu32, other.stored[0]);
    }
    printf("\n");
    free(ids);
    ctm_destroy(context);
    free(picture.pixels);
    return 0;
}
