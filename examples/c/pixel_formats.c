/*
 * pixel_formats IMAGE.png [cpu|vulkan|DEVICE]: the same picture, stored in six ways, has the same masks.
 *
 * Nothing is converted for the library: it takes pixels as they lie in memory. The picture must be RGB.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Labels an image, prints how many pixels are in masks, and whether it is labelled as before. Returns the labels. */
static uint16_t *label(ctm_context *context, const char *name, const ctm_image *image, uint32_t alpha,
                       const uint16_t *before, int *all_same)
{
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 500;
    params.alpha = alpha;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.label_format = CTM_LABEL_U16;
    ctm_result result = CTM_RESULT_INIT;
    check(context, ctm_analyze(context, image, &params, &outputs, &result));
    uint16_t *labels = allocate(result.labels_size, 1);
    outputs.labels = labels;
    outputs.labels_size = (size_t)result.labels_size;
    check(context, ctm_analyze(context, image, &params, &outputs, &result));
    size_t labelled = 0;
    for (size_t p = 0; p < outputs.labels_size / sizeof *labels; p++) labelled += labels[p] != 0;
    const int same = before == NULL || memcmp(labels, before, outputs.labels_size) == 0;
    *all_same &= same;
    printf("%-38s %5" PRIu32 " %8zu  %s\n", name, result.mask_count, labelled,
           before == NULL ? "" : same ? "the same" : "DIFFERENT");
    return labels;
}

int main(int argc, char **argv)
{
    struct picture picture;
    ctm_context *context = start(argc, argv, &picture, NULL);
    const uint32_t width = picture.width, height = picture.height;
    const size_t pixels = (size_t)width * height;
    if (picture.channels != 3) {
        fprintf(stderr, "%s: RGB is expected\n", argv[1]);
        return 1;
    }
    const size_t padded = ((size_t)width * 4 + 255) / 256 * 256 + 256; /* Bytes of a row, as graphics cards like them. */
    unsigned char *bgra = allocate(height, padded), *upside_down = allocate(pixels, 3);
    float *planes = allocate(pixels * 3, sizeof *planes);
    uint16_t *argb = allocate(pixels * 4, sizeof *argb);
    for (size_t p = 0; p < pixels; p++) {
        const size_t x = p % width, y = p / width;
        argb[p * 4] = (uint16_t)p; /* An alpha that means nothing. */
        for (size_t channel = 0; channel < 3; channel++) {
            const unsigned char value = picture.pixels[p * 3 + channel];
            bgra[y * padded + x * 4 + (2 - channel)] = value;
            upside_down[((height - 1 - y) * width + x) * 3 + channel] = value;
            planes[channel * pixels + p] = (float)value / 255.0f;
            argb[p * 4 + 1 + channel] = (uint16_t)(value * 257);
        }
    }
    printf("%-38s %5s %8s\n", "pixels", "masks", "in masks");
    int same = 1;
    ctm_image image = image_of(&picture);
    uint16_t *labels = label(context, "RGB, bytes", &image, CTM_ALPHA_COLOR, NULL, &same);

    image.pixels = bgra;
    image.channels = 4;
    image.channel_order = CTM_ORDER_BGRA;
    image.row_stride = (ptrdiff_t)padded;
    free(label(context, "BGRX, bytes, padded rows", &image, CTM_ALPHA_IGNORED, labels, &same));

    image = image_of(&picture);
    image.pixels = upside_down;
    image.row_stride = -(ptrdiff_t)width * 3;
    free(label(context, "RGB, bytes, bottom row first", &image, CTM_ALPHA_COLOR, labels, &same));

    image = image_of(&picture);
    image.pixels = planes;
    image.format = CTM_FORMAT_F32;
    image.planar = 1;
    free(label(context, "planes of floats", &image, CTM_ALPHA_COLOR, labels, &same));

    image = image_of(&picture);
    image.pixels = argb;
    image.format = CTM_FORMAT_U16;
    image.channels = 4;
    image.channel_order = CTM_ORDER_ARGB;
    free(label(context, "ARGB, 16 bits, alpha ignored", &image, CTM_ALPHA_IGNORED, labels, &same));
    free(labels);

    /* The middle of the picture by its corner and size; and as an image of its own, with gaps between its rows. */
    image = image_of(&picture);
    image.left = width / 4;
    image.top = height / 4;
    image.rectangle_width = (width + 1) / 2;
    image.rectangle_height = (height + 1) / 2;
    labels = label(context, "the middle, as a rectangle of interest", &image, CTM_ALPHA_COLOR, NULL, &same);
    ctm_image middle = image_of(&picture);
    middle.pixels = picture.pixels + ((size_t)image.top * width + image.left) * 3;
    middle.width = image.rectangle_width;
    middle.height = image.rectangle_height;
    middle.row_stride = (ptrdiff_t)width * 3;
    free(label(context, "the middle, by a stride", &middle, CTM_ALPHA_COLOR, labels, &same));

    free(labels);
    free(argb);
    free(planes);
    free(upside_down);
    free(bgra);
    ctm_destroy(context);
    free(picture.pixels);
    return same ? 0 : 1;
}
