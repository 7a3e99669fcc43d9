/*
 * batch IMAGE.png [cpu|vulkan|DEVICE]: several frames in one call, with masks of the same colours or each of its own.
 *
 * The frames are windows that pan over the picture, one behind the other in memory as those of a film are.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 4 };

int main(int argc, char **argv)
{
    struct picture picture;
    ctm_context *context = start(argc, argv, &picture, NULL);
    const uint32_t step = picture.width / (FRAMES + 1);
    if (step == 0) {
        fprintf(stderr, "%s: a wider picture is expected\n", argv[1]);
        return 1;
    }
    const size_t row = (size_t)2 * step * picture.channels;
    unsigned char *pixels = allocate((uint64_t)FRAMES * picture.height, row);
    for (size_t y = 0; y < (size_t)FRAMES * picture.height; y++) {
        const size_t frame = y / picture.height;
        memcpy(pixels + y * row,
               picture.pixels + (y % picture.height * picture.width + frame * step) * picture.channels, row);
    }
    ctm_image frames = image_of(&picture);
    frames.pixels = pixels;
    frames.width = 2 * step;
    frames.image_count = FRAMES;

    static const struct { uint32_t batch; const char *title; } kinds[] = {
        {CTM_BATCH_FIRST, "the colours of the first frame"},
        {CTM_BATCH_ALL, "the most frequent colours of all frames together"},
        {CTM_BATCH_EACH, "each frame's own colours"}};
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        ctm_params params = CTM_PARAMS_INIT;
        params.min_pixels = 1000;
        params.max_count = 4;
        params.batch = kinds[kind].batch;
        ctm_result result = CTM_RESULT_INIT;
        /* An entry for each mask and frame: mask 0 of all frames, then mask 1. */
        ctm_palette_entry *palette = find_palette(context, &frames, &params, &result);

        /* Masks come in the same order, 255 inside. */
        ctm_outputs outputs = CTM_OUTPUTS_INIT;
        outputs.mask_format = CTM_MASK_U8;
        const size_t plane = (size_t)frames.width * frames.height;
        outputs.masks_size = plane * FRAMES * result.mask_count;
        unsigned char *masks = allocate(outputs.masks_size, 1);
        outputs.masks = masks;
        check(context, ctm_analyze(context, &frames, &params, &outputs, &result));

        printf("%s\nmask", kinds[kind].title);
        for (int frame = 1; frame <= FRAMES; frame++) printf("           frame %d", frame);
        printf("\n");
        for (uint32_t i = 0; i < result.mask_count; i++) {
            printf("%4" PRIu32, i + 1);
            for (uint32_t frame = 0; frame < FRAMES; frame++) {
                const ctm_palette_entry *entry = &palette[i * FRAMES + frame];
                const unsigned char *mask = masks + (i * FRAMES + frame) * plane;
                uint64_t inside = 0;
                for (size_t p = 0; p < plane; p++) inside += mask[p] == 255;
                printf("  %-8s %7" PRIu64, hex(entry->color, picture.channels), inside);
            }
            printf("\n");
        }
        printf("\n");
        free(masks);
        free(palette);
    }
    free(pixels);
    ctm_destroy(context);
    free(picture.pixels);
    return 0;
}
