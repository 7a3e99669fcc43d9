/*
 * Where memory ends in the middle of a call, the call fails with a status, and the context works
 * again once there is memory. The address space is limited to what the process has plus a little.
 */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { SIDE = 2500, CHANNELS = SMALL_CHANNELS };

/* The size of this process's address space in bytes. */
static size_t address_space(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    CHECK(file != NULL);
    CHECK(fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    return pages * 4096;
}

static void limit_address_space(rlim_t bytes)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = bytes;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    /* All colours different: counting them needs more than is granted at first below, and more than the
     * address space that the allocator keeps for each thread. */
    float *map = malloc(sizeof(float) * SIDE * SIDE * CHANNELS);
    CHECK(map != NULL);
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
        const float pixel[CHANNELS] = { (float)(i % 4096), (float)(i / 4096), 0.5f };
        memcpy(map + i * CHANNELS, pixel, sizeof pixel);
    }
    float *masks = malloc(sizeof(float) * SIDE * SIDE);
    CHECK(masks != NULL);
    ctm_context *context = context_for(argv[1]);
    /* Drivers crash if they cannot compile; now they have, for few colours and for many. */
    check_small_image(context);
    uint32_t first_rows_count = 0;
    CHECK(ctm_run(context, map, SIDE, 100, CHANNELS, 1, 1, masks, (size_t)SIDE * 100,
                  &first_rows_count) == CTM_OK);
    CHECK(first_rows_count == 1);

    static const size_t granted[] = { 8, 16, 32, 64, 128 }; /* MiB */
    size_t failures = 0;
    for (size_t i = 0; i < sizeof granted / sizeof *granted; i++) {
        uint32_t mask_count = 77;
        limit_address_space(address_space() + (granted[i] << 20));
        const ctm_status status = ctm_run(context, map, SIDE, SIDE, CHANNELS, 1, 1, masks,
                                          (size_t)SIDE * SIDE, &mask_count);
        limit_address_space(RLIM_INFINITY);
        if (status == CTM_OK) {
            CHECK(mask_count == 1);
            CHECK(masks[0] == 1 && masks[1] == 0);
        } else {
            CHECK(status == CTM_ERROR_OUT_OF_MEMORY || status == CTM_ERROR_OUT_OF_DEVICE_MEMORY);
            CHECK(mask_count == 0);
            CHECK(strlen(ctm_last_error(context)) > 0);
            failures++;
        }
        check_small_image(context);
    }
    CHECK(failures > 0);

    uint32_t mask_count = 0;
    CHECK_STATUS(context, ctm_run(context, map, SIDE, SIDE, CHANNELS, 1, 1, masks,
                                  (size_t)SIDE * SIDE, &mask_count),
                 CTM_OK);
    CHECK(mask_count == 1 && masks[0] == 1 && masks[1] == 0);
    ctm_destroy(context);
    free(masks);
    free(map);
    return 0;
}
