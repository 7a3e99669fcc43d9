/* The golden cases and batches give the golden masks, to the bit. */

#include "golden_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLACK = 100, FILL = 0xa5 };

static void check_case(const golden_case *golden, void *context)
{
    const size_t needed = (size_t)golden->width * golden->height * golden->mask_count;
    float *masks = allocate((needed + SLACK) * sizeof *masks, FILL);
    uint32_t mask_count = 0xdeadbeefu;
    CHECK_STATUS(context,
                 ctm_run(context, golden->color_map, golden->width, golden->height, golden->channels,
                         golden->min_pixels, golden->max_count, masks, needed + SLACK, &mask_count),
                 CTM_OK);
    CHECK(mask_count == golden->mask_count);
    for (size_t i = 0; i < needed; i++) {
        CHECK(bits_of(&masks[i]) == (golden->masks[i] == 1 ? 0x3f800000u : 0));
    }
    CHECK(all_bytes_are(masks + needed, SLACK * sizeof *masks, FILL));
    free(masks);
}

/* Masks of all images, of the first one's colours, mask by mask. */
static void check_batch(ctm_context *context, const char *folder)
{
    size_t json_bytes, map_bytes, expected_bytes;
    char *json = (char *)read_golden(folder, "case.json", &json_bytes);
    unsigned char *map = read_golden(folder, "color_map.f32", &map_bytes);
    unsigned char *expected = read_golden(folder, "masks.u8", &expected_bytes);
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = (uint32_t)golden_number(json, "width");
    image.height = (uint32_t)golden_number(json, "height");
    image.channels = (uint32_t)golden_number(json, "channels");
    image.image_count = (uint32_t)golden_number(json, "batch");
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = golden_number(json, "min_pixels");
    params.max_count = (uint32_t)golden_number(json, "max_count");
    params.batch = CTM_BATCH_FIRST;
    unsigned char *masks = allocate(expected_bytes + SLACK, FILL);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = masks;
    outputs.masks_size = expected_bytes;
    outputs.mask_format = CTM_MASK_U8_ONE;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == golden_number(json, "mask_count"));
    CHECK(result.masks_size == expected_bytes);
    CHECK(memcmp(masks, expected, expected_bytes) == 0);
    CHECK(all_bytes_are(masks + expected_bytes, SLACK, FILL));
    free(masks);
    free(expected);
    free(map);
    free(json);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    for_each_golden_case(check_case, context);
    static const char *const batches[] = { "batch/01-three-images", "batch/02-second-image-has-none",
                                           "batch/03-four-images-one-channel" };
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        printf("%s\n", batches[i]);
        fflush(stdout);
        check_batch(context, batches[i]);
    }
    ctm_destroy(context);
    return 0;
}
