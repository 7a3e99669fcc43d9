/*
 * Pixels that another thread changes during a call, which no host may do, give masks of one moment or another, or an error;
 * the context stays usable. Not run under sanitizers: the host here has a data race.
 */

#include "test.h"

#include <pthread.h>
#include <stdlib.h>

enum { WIDTH = 700, HEIGHT = 500, PIXELS = WIDTH * HEIGHT, CHANNELS = 2, MASKS = 4, CALLS = 40, CHANGED = 3000 };

typedef struct {
    volatile float *map;
    volatile int stop;
} host;

/* Very many colours, so that the pixels are read several times. */
static float value(uint64_t number)
{
    return (float)(number % 150000);
}

static void *change(void *argument)
{
    host *state = argument;
    uint64_t random = 3;
    while (!state->stop) {
        /* Two colours in turn, so that their buckets have more pixels than they had, and none is a run. */
        const uint64_t first = next_random(&random) % (CHANNELS * (PIXELS - CHANGED));
        const uint64_t colors = next_random(&random);
        for (uint64_t i = 0; i < CHANNELS * CHANGED; i++) {
            state->map[first + i] = value(colors + i % (2 * CHANNELS));
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    float *map = allocate(sizeof *map * PIXELS * CHANNELS, 0);
    float *masks = allocate(sizeof *masks * PIXELS * MASKS, 0);
    host state = { map, 0 };
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, change, &state) == 0);
    for (int call = 0; call < CALLS; call++) {
        for (uint64_t i = 0; i < (uint64_t)PIXELS * CHANNELS; i++) {
            ((volatile float *)map)[i] = value(i);
        }
        uint32_t mask_count = 77;
        const ctm_status status =
            ctm_run(context, map, WIDTH, HEIGHT, CHANNELS, 1, MASKS, masks, PIXELS * MASKS, &mask_count);
        CHECK(status == CTM_OK || status == CTM_ERROR_INTERNAL || status == CTM_ERROR_DRIVER);
        CHECK(status == CTM_OK ? mask_count <= MASKS : mask_count == 0);
        check_small_image(context);
    }
    state.stop = 1;
    CHECK(pthread_join(thread, NULL) == 0);
    ctm_destroy(context);
    free(masks);
    free(map);
    return 0;
}
