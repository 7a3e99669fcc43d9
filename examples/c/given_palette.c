/*
 * given_palette IMAGE.png [cpu|vulkan|DEVICE [OUT.png]]: masks of colours that the program knows, in its order.
 *
 * Shows ignored colours, what is told of colours that the palette does not have, and the three ways to deal with them:
 * no mask, an error, the nearest colour's mask. Made for the maps of the world; other images have few of the colours.
 * OUT.png gets the masks with the nearest colours.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 7, ROOM = 5 };
static const char *const names[COUNT] = {"Russia", "Canada", "United States", "China", "Brazil", "Australia", "Argentina"};
/* Four floats each, in the units of the image; without alpha the fourth is not looked at. */
static const float colors[COUNT][4] = {{75, 145, 166, 0}, {224, 177, 101, 0}, {156, 224, 135, 0}, {227, 242, 145, 0},
                                       {75, 143, 166, 0}, {204, 83, 51, 0}, {92, 162, 204, 0}};
static const float ignored[2][4] = {{170, 205, 230, 0}, {63, 224, 56, 0}}; /* The sea; Antarctica. */

int main(int argc, char **argv)
{
    struct picture picture;
    const char *out;
    ctm_context *context = start(argc, argv, &picture, &out);
    const ctm_image image = image_of(&picture);
    ctm_params params = CTM_PARAMS_INIT;
    params.palette = colors[0];
    params.palette_count = COUNT;
    params.ignored = ignored[0];
    params.ignored_count = 2;

    /* Each colour of the palette has a mask, those without a pixel included: the sizes are known without asking. */
    ctm_palette_entry exact[COUNT], nearest[COUNT], unlisted[ROOM];
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.palette = exact;
    outputs.palette_capacity = COUNT;
    outputs.unlisted = unlisted;
    outputs.unlisted_capacity = ROOM;
    ctm_result result = CTM_RESULT_INIT;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));
    printf("not in the palette: %" PRIu64 " pixels of %" PRIu64 " colours, most of them\n", result.unlisted_pixels,
           result.unlisted_colors);
    for (uint64_t i = 0; i < ROOM && i < result.unlisted_colors; i++) {
        printf("    %s: %" PRIu64 " pixels, the first at %" PRIu32 ", %" PRIu32 "\n",
               hex(unlisted[i].color, picture.channels), unlisted[i].pixel_count, unlisted[i].first_x,
               unlisted[i].first_y);
    }

    params.unlisted = CTM_UNLISTED_ERROR;
    ctm_outputs wanted = CTM_OUTPUTS_INIT; /* A size query would not look at the picture: the palette tells the sizes. */
    wanted.palette = nearest;
    wanted.palette_capacity = COUNT;
    const ctm_status status = ctm_analyze(context, &image, &params, &wanted, &result);
    if (status != CTM_ERROR_UNLISTED_COLORS) check(context, status);
    printf("if that is an error: %s\n", status == CTM_OK ? "there is none" : "the call fails");

    uint16_t *labels = allocate((uint64_t)picture.width * picture.height, sizeof *labels);
    params.unlisted = CTM_UNLISTED_NEAREST;
    wanted.labels = labels;
    wanted.labels_size = (size_t)picture.width * picture.height * sizeof *labels;
    wanted.label_format = CTM_LABEL_U16;
    check(context, ctm_analyze(context, &image, &params, &wanted, &result));
    printf("\nmask  name           colour    pixels  with the nearest colours\n");
    for (uint32_t i = 0; i < result.mask_count; i++) {
        printf("%4" PRIu32 "  %-13s  %-8s %7" PRIu64 "  %7" PRIu64 "\n", i + 1, names[i],
               hex(exact[i].color, picture.channels), exact[i].pixel_count, nearest[i].pixel_count);
    }
    write_labels(out, &picture, labels, nearest);
    free(labels);
    ctm_destroy(context);
    free(picture.pixels);
    return 0;
}
