/* Specks go to the masks around them, holes are filled, and everything that is written shows it. */

#include "test.h"

#include <string.h>

enum { WIDTH = 7, HEIGHT = 6, PIXELS = WIDTH * HEIGHT, MASKS = 3 };

static const char map[] = "aaaaaaa"
                          "abaccca"
                          "aaaccca"
                          "aaaccca"
                          "a.aabca"
                          "aaaaaaa";

static ctm_palette_entry palette[MASKS];
static float masks[MASKS * PIXELS];
static unsigned char labels[PIXELS];

/* Masks, labels and boxes are those of this map. */
static void check_is(const ctm_result *result, const char *expected)
{
    static const char letters[] = "acb";
    CHECK(result->mask_count == MASKS);
    for (size_t m = 0; m < MASKS; m++) {
        uint64_t pixels = 0;
        for (size_t p = 0; p < PIXELS; p++) {
            const bool inside = expected[p] == letters[m];
            CHECK(masks[m * PIXELS + p] == (inside ? 1.0f : 0.0f));
            CHECK((labels[p] == m + 1) == inside);
            pixels += inside;
        }
        CHECK(palette[m].pixel_count == pixels);
        CHECK((palette[m].width > 0) == (pixels > 0));
    }
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.channels = 1;
    image.format = CTM_FORMAT_U8;
    static const float ignored[4] = { '.' };
    ctm_params params = CTM_PARAMS_INIT;
    params.ignored = ignored;
    params.ignored_count = 1;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = masks;
    outputs.masks_size = sizeof masks;
    outputs.labels = labels;
    outputs.labels_size = sizeof labels;
    outputs.label_format = CTM_LABEL_U8;
    outputs.palette = palette;
    outputs.palette_capacity = MASKS;
    ctm_result result = CTM_RESULT_INIT;

    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    check_is(&result, map);
    CHECK(result.absorbed_regions == 0 && result.absorbed_pixels == 0);
    CHECK(result.filled_holes == 0 && result.filled_pixels == 0);

    /* The second b has as many sides in common with one as with the other: the first mask gets it. */
    params.absorb_pixels = 2;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    check_is(&result, "aaaaaaa" "aaaccca" "aaaccca" "aaaccca" "a.aaaca" "aaaaaaa");
    CHECK(result.absorbed_regions == 2 && result.absorbed_pixels == 2);
    CHECK(result.filled_holes == 0 && result.filled_pixels == 0);

    params.absorb_pixels = 0;
    params.absorb_unmasked = UINT64_MAX;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    check_is(&result, "aaaaaaa" "abaccca" "aaaccca" "aaaccca" "aaaabca" "aaaaaaa");
    CHECK(result.absorbed_regions == 1 && result.absorbed_pixels == 1);

    /* The hole of the c's and the b beside them has 11 pixels; by sides alone the same ones. */
    params.absorb_unmasked = 0;
    params.fill_holes = 11;
    for (uint32_t connected = 0; connected <= 8; connected += 4) {
        params.absorb_connected = connected;
        CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
        check_is(&result, "aaaaaaa" "aaaaaaa" "aaaaaaa" "aaaaaaa" "aaaaaaa" "aaaaaaa");
        CHECK(result.filled_holes == 3 && result.filled_pixels == 13);
    }

    /* What is wrong is named, and nothing is written. */
    memset(labels, 0xee, sizeof labels);
    params.absorb_connected = 5;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "params.absorb_connected is 5; 0 (none), 4 or 8 is expected") != NULL);
    params.absorb_connected = 0;
    params.reserved = 1;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "params.reserved is 1; 0 is expected") != NULL);
    params.reserved = 0;
    outputs.mask_format = CTM_MASK_COVERAGE;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "the masks are coverage and fill_holes is 11; other masks or 0 are expected") != NULL);
    CHECK(all_bytes_are(labels, sizeof labels, 0xee));
    ctm_destroy(context);
    return 0;
}
