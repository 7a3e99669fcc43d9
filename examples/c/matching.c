/*
 * matching IMAGE.png [cpu|vulkan|DEVICE [OUT.png]]: which colours are the same, which are near enough, and alpha.
 *
 * The picture must be RGB. OUT.png gets the masks with the largest tolerance, in their colours.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints how many masks there are, and how many pixels are in one. */
static void count(ctm_context *context, const char *name, const ctm_image *image, const ctm_params *params)
{
    ctm_result result = CTM_RESULT_INIT;
    ctm_palette_entry *palette = find_palette(context, image, params, &result);
    uint64_t pixels = 0;
    for (uint32_t i = 0; i < result.mask_count; i++) pixels += palette[i].pixel_count;
    printf("%-46s %5" PRIu32 " %8" PRIu64 "\n", name, result.mask_count, pixels);
    free(palette);
}

int main(int argc, char **argv)
{
    struct picture picture;
    const char *out;
    ctm_context *context = start(argc, argv, &picture, &out);
    if (picture.channels != 3) {
        fprintf(stderr, "%s: RGB is expected\n", argv[1]);
        return 1;
    }
    const size_t pixels = (size_t)picture.width * picture.height;
    float *floats = allocate(pixels * 3, sizeof *floats);
    unsigned char *rgba = allocate(pixels, 4);
    for (size_t p = 0; p < pixels; p++) {
        /* A little off, as after a change of colour space and back; opaque in the right half. */
        const float off = (float)(p % 3) * 0.0005f;
        for (size_t channel = 0; channel < 3; channel++) {
            floats[p * 3 + channel] = (float)picture.pixels[p * 3 + channel] / 255.0f + off;
            rgba[p * 4 + channel] = picture.pixels[p * 3 + channel];
        }
        rgba[p * 4 + 3] = (unsigned char)(p % picture.width * 256 / picture.width);
    }
    printf("%-46s %5s %8s\n", "", "masks", "pixels");

    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 500;
    ctm_image image = image_of(&picture);
    count(context, "bytes", &image, &params);
    image.pixels = floats;
    image.format = CTM_FORMAT_F32;
    count(context, "floats that are a little off", &image, &params);
    params.matching = CTM_MATCH_8_BIT;
    count(context, "the same, matched with 8 bits", &image, &params);
    params.matching = CTM_MATCH_EXACT;

    image = image_of(&picture);
    params.nearest = CTM_NEAREST_EUCLIDEAN;
    params.tolerance = 10; /* In the units of the image: 0 to 255. */
    count(context, "bytes, 10 around the colours of masks", &image, &params);
    params.nearest = CTM_NEAREST_CHEBYSHEV;
    count(context, "bytes, 10 around them in each channel", &image, &params);
    params.tolerance = 40;
    count(context, "bytes, 40 around them in each channel", &image, &params);

    ctm_result result = CTM_RESULT_INIT;
    ctm_palette_entry *palette = find_palette(context, &image, &params, &result);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    uint16_t *labels = allocate(pixels, sizeof *labels);
    outputs.labels = labels;
    outputs.labels_size = pixels * sizeof *labels;
    outputs.label_format = CTM_LABEL_U16;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));
    write_labels(out, &picture, labels, palette);
    params.nearest = CTM_NEAREST_NONE;
    params.tolerance = 0;

    image.pixels = rgba;
    image.channels = 4;
    count(context, "with alpha as part of the colour", &image, &params);
    params.alpha = CTM_ALPHA_IGNORED;
    count(context, "with alpha ignored", &image, &params);
    params.alpha = CTM_ALPHA_AT_LEAST;
    params.least_alpha = 128;
    count(context, "where alpha is at least 128", &image, &params);

    free(labels);
    free(palette);
    free(rgba);
    free(floats);
    ctm_destroy(context);
    free(picture.pixels);
    return 0;
}
