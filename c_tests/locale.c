/* The host's locale changes nothing: no bit, no text. One with a decimal comma is to be in LOCPATH. */

#include "every_call.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS = 64 };

typedef struct {
    uint64_t outcomes[KINDS];
    char texts[2][256];
} outcome;

/* Of two failing calls: floats and large integers in texts. */
static void failing(ctm_context *context, char texts[2][256])
{
    const float pixel[2] = { 0.5f, 1234567.25f };
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = pixel;
    image.width = image.height = 1;
    image.channels = 2;
    ctm_result result = CTM_RESULT_INIT;
    ctm_params params = CTM_PARAMS_INIT;
    params.nearest = CTM_NEAREST_EUCLIDEAN;
    params.tolerance = -1234.5;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, NULL, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "-1234.5") != NULL);
    strncpy(texts[0], ctm_last_error(context), 255);
    uint32_t mask_count = 0;
    CHECK_STATUS(context, ctm_run(context, pixel, 1, 1, 1234567, 1, 1, NULL, 0, &mask_count),
                 CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "1234567") != NULL);
    strncpy(texts[1], ctm_last_error(context), 255);
}

static void use(const char *device, outcome *o)
{
    ctm_context *context = context_for(device);
    for (int kind = 0; kind < call_kinds(); kind++) {
        o->outcomes[kind] = outcome_of(context, kind, NULL, NULL);
    }
    failing(context, o->texts);
    ctm_destroy(context);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    static outcome usual, german;
    CHECK(setlocale(LC_ALL, "de_DE.UTF-8") != NULL);
    CHECK(strcmp(localeconv()->decimal_point, ",") == 0);
    char text[16];
    snprintf(text, sizeof text, "%.1f", 0.5);
    CHECK(strcmp(text, "0,5") == 0);
    /* First, so that the driver is opened in it. */
    use(device, &german);
    CHECK(strcmp(localeconv()->decimal_point, ",") == 0);
    CHECK(setlocale(LC_ALL, "C") != NULL);
    use(device, &usual);
    CHECK(memcmp(&usual, &german, sizeof usual) == 0);
    return 0;
}
