/*
 * A device that takes longer than `device_timeout_ms` gives CTM_ERROR_TIMEOUT, now and from then on,
 * and the rest of the process works on. The pixels and masks are the caller's again at once: they are
 * unmapped as soon as the call has returned.
 */

#define _DEFAULT_SOURCE

#include "test.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { SIDE = 2048, PIXELS = SIDE * SIDE, CHANNELS = 4, MASKS = 5 };

static float *mapped(size_t floats)
{
    void *memory = mmap(NULL, floats * sizeof(float), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    float *map = mapped((size_t)PIXELS * CHANNELS);
    float *masks = mapped((size_t)PIXELS * MASKS);
    uint64_t state = 1;
    for (size_t i = 0; i < (size_t)PIXELS * CHANNELS; i++) {
        map[i] = (float)(next_random(&state) % 1024);
    }
    ctm_options options = options_for(device);
    options.device_timeout_ms = 1;
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);

    uint32_t mask_count = 77;
    CHECK_STATUS(context, ctm_run(context, map, SIDE, SIDE, CHANNELS, 1, MASKS, masks,
                                  (size_t)PIXELS * MASKS, &mask_count),
                 CTM_ERROR_TIMEOUT);
    CHECK(munmap(map, (size_t)PIXELS * CHANNELS * sizeof(float)) == 0);
    CHECK(munmap(masks, (size_t)PIXELS * MASKS * sizeof(float)) == 0);
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
    return 0;
}
