/*
 * A device that takes longer than `device_timeout_ms` gives CTM_ERROR_TIMEOUT, now and from then on,
 * and the rest of the process works on.
 */

#define _DEFAULT_SOURCE

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 2048 };

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    float *map = allocate((size_t)SIDE * SIDE * 4 * sizeof *map, 0);
    uint64_t state = 1;
    for (size_t i = 0; i < (size_t)SIDE * SIDE * 4; i++) {
        map[i] = (float)(next_random(&state) % 1024);
    }
    ctm_options options = options_for(device);
    options.device_timeout_ms = 1;
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);

    uint32_t mask_count = 77;
    CHECK_STATUS(context, ctm_run(context, map, SIDE, SIDE, 4, 1, 5, NULL, 0, &mask_count),
                 CTM_ERROR_TIMEOUT);
    CHECK(mask_count == 0);
    CHECK(strlen(ctm_last_error(context)) > 0);
    printf("%s\n", ctm_last_error(context));

    mask_count = 77;
    CHECK_STATUS(context, ctm_run(context, small_image, SMALL_WIDTH, SMALL_HEIGHT, SMALL_CHANNELS, 1,
                                  5, NULL, 0, &mask_count),
                 CTM_ERROR_TIMEOUT);
    CHECK(mask_count == 0);

    ctm_context *another = context_for(device);
    check_small_image(another);
    ctm_destroy(context);
    check_small_image(another);
    ctm_destroy(another);
    free(map);
    /*
     * Without the exit handlers: a software driver may still be at work on its own threads, and
     * crashes when the handlers take its libraries down under them.
     */
    fflush(stdout);
    _exit(0);
}
