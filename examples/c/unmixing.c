/*
 * unmixing IMAGE.png LEGEND.png [cpu|vulkan|DEVICE [OUT.png]]: the pixels of smooth edges, shared out to the masks around.
 *
 * Shows the two ways: each pixel to the mask with the largest share, and masks of floats that say how much of a pixel is
 * theirs. The masks are those of the colours in LEGEND.png, a picture without smooth edges: with the most frequent
 * colours some mixes would be masks, which are not unmixed. OUT.png gets the first mask of floats, white where all of a
 * pixel is in it.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct picture picture, legend;
    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: %s IMAGE.png LEGEND.png [cpu|vulkan|DEVICE [OUT.png]]\n", argv[0]);
        return 2;
    }
    if (!read_picture(argv[1], &picture) || !read_picture(argv[2], &legend)) return 1;
    ctm_context *context = create_context(argc > 3 ? argv[3] : NULL);
    const char *out = argc > 4 ? argv[4] : NULL;
    const size_t pixels = (size_t)picture.width * picture.height;

    ctm_image image = image_of(&legend);
    ctm_result result = CTM_RESULT_INIT;
    ctm_palette_entry *flat = find_palette(context, &image, NULL, &result);
    float *colors = allocate(result.mask_count, sizeof flat->color);
    for (uint32_t i = 0; i < result.mask_count; i++) memcpy(colors + 4 * i, flat[i].color, sizeof flat->color);

    image = image_of(&picture);
    ctm_params params = CTM_PARAMS_INIT;
    params.palette = colors;
    params.palette_count = result.mask_count;
    ctm_palette_entry *before = find_palette(context, &image, &params, &result);
    params.unmix_radius = 2;
    ctm_palette_entry *after = find_palette(context, &image, &params, &result);

    /* Cropped: a plane of floats for the whole picture and each mask would be gigabytes. */
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.mask_format = CTM_MASK_COVERAGE;
    outputs.cropped = 1;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));
    float *shares = allocate(result.masks_size, 1), *sums = allocate(pixels, sizeof *sums);
    ctm_palette_entry *boxes = allocate(result.palette_len, sizeof *boxes);
    outputs.masks = shares;
    outputs.masks_size = (size_t)result.masks_size;
    outputs.palette = boxes;
    outputs.palette_capacity = (size_t)result.palette_len;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));

    struct picture white = {.pixels = allocate(pixels, 1), .width = picture.width, .height = picture.height, .channels = 1};
    uint64_t whole = 0, shared = 0, left = 0;
    printf("mask  colour    legend    exact  unmixed    area\n");
    for (uint32_t i = 0; i < result.mask_count; i++) {
        const ctm_palette_entry *box = &boxes[i];
        const float *share = shares + box->mask_offset / sizeof *shares;
        double area = 0;
        for (uint32_t y = 0; y < box->height; y++) {
            for (uint32_t x = 0; x < box->width; x++, share++) {
                const size_t p = (size_t)(box->top + y) * picture.width + box->left + x;
                area += *share;
                sums[p] += *share;
                if (i == 0) white.pixels[p] = (unsigned char)(*share * 255.0f + 0.5f);
            }
        }
        whole += before[i].pixel_count;
        shared += after[i].pixel_count;
        if (i < 10) {
            printf("%4" PRIu32 "  %-8s %7" PRIu64 "  %7" PRIu64 "  %7" PRIu64 "  %9.1f\n", i + 1,
                   hex(box->color, picture.channels), flat[i].pixel_count, before[i].pixel_count, after[i].pixel_count, area);
        }
    }
    uint64_t exactly_one = 0;
    for (size_t p = 0; p < pixels; p++) {
        exactly_one += sums[p] == 1.0f; /* Shares are multiples of 1/65536: no rounding. */
        left += sums[p] == 0.0f;
    }
    printf("%" PRIu32 " masks: %" PRIu64 " pixels, unmixed %" PRIu64 "; shares sum to 1 in %" PRIu64 " and to 0 in %" PRIu64 "\n",
           result.mask_count, whole, shared, exactly_one, left);
    const int written = out == NULL || write_picture(out, &white);
    free(white.pixels);
    free(boxes);
    free(sums);
    free(shares);
    free(after);
    free(before);
    free(colors);
    free(flat);
    ctm_destroy(context);
    free(legend.pixels);
    free(picture.pixels);
    return written && exactly_one + left == pixels ? 0 : 1;
}
