/*
 * regions IMAGE.png [cpu|vulkan|DEVICE [OUT.png]]: connected regions, each with a number, a size and a box of its own.
 *
 * OUT.png gets each region of 100 pixels or more in a grey of its own.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* How many regions of at least this size there are. */
static uint32_t count(ctm_context *context, const ctm_image *image, uint32_t connected, uint64_t min_pixels)
{
    ctm_params params = CTM_PARAMS_INIT;
    params.connected = connected;
    params.min_pixels = min_pixels;
    ctm_result result = CTM_RESULT_INIT;
    check(context, ctm_analyze(context, image, &params, NULL, &result)); /* The size query. */
    return result.mask_count;
}

int main(int argc, char **argv)
{
    struct picture picture;
    const char *out;
    ctm_context *context = start(argc, argv, &picture, &out);
    const size_t pixels = (size_t)picture.width * picture.height;
    const ctm_image image = image_of(&picture);
    printf("%" PRIu32 " regions where corners connect, %" PRIu32 " where they do not\n",
           count(context, &image, CTM_CONNECTED_8, 1), count(context, &image, CTM_CONNECTED_4, 1));

    ctm_params params = CTM_PARAMS_INIT;
    params.connected = CTM_CONNECTED_8;
    params.min_pixels = 100; /* Of a region: smaller ones are specks. */
    ctm_result result = CTM_RESULT_INIT;
    ctm_palette_entry *palette = find_palette(context, &image, &params, &result);
    printf("%" PRIu32 " regions of at least %" PRIu64 " pixels, the largest\n", result.mask_count, params.min_pixels);
    printf("region  colour    pixels  box\n");
    for (uint32_t i = 0; i < result.mask_count && i < 12; i++) {
        printf("%6" PRIu32 "  %-8s %7" PRIu64 "  %4" PRIu32 " x %4" PRIu32 " at %4" PRIu32 ", %4" PRIu32 "\n", i + 1,
               hex(palette[i].color, picture.channels), palette[i].pixel_count, palette[i].width, palette[i].height,
               palette[i].left, palette[i].top);
    }
    free(palette);

    /* Labels, 0 for none, tell which region a pixel is in: here, the one in the middle. */
    uint32_t *labels = allocate(pixels, sizeof *labels);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = labels;
    outputs.labels_size = pixels * sizeof *labels;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));
    printf("in the middle of the picture: region %" PRIu32 "\n",
           labels[(size_t)(picture.height / 2) * picture.width + picture.width / 2]);

    struct picture grey = {.pixels = allocate(pixels, 1), .width = picture.width, .height = picture.height, .channels = 1};
    for (size_t p = 0; p < pixels; p++) {
        grey.pixels[p] = labels[p] == 0 ? 0 : (unsigned char)(64 + labels[p] * 73 % 192);
    }
    const int written = out == NULL || write_picture(out, &grey);
    free(grey.pixels);
    free(labels);
    ctm_destroy(context);
    free(picture.pixels);
    return written ? 0 : 1;
}
