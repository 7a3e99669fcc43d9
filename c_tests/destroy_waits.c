/* A context is destroyed while several threads are inside a call on it: they all end as they should. */

#define _DEFAULT_SOURCE /* usleep */

#include "test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 8, SIDE = 700, CHANNELS = 3, MASKS = 2 };

static float *map;

typedef struct {
    ctm_context *context;
    pthread_barrier_t *barrier;
    float *masks;
    bool fails;
    volatile uint32_t mask_count;
} job;

static void *work(void *argument)
{
    job *j = argument;
    uint32_t *mask_count = (uint32_t *)&j->mask_count;
    pthread_barrier_wait(j->barrier);
    if (j->fails) { /* The reason is written when the call leaves. */
        const ctm_status status = ctm_run(j->context, map, SIDE, SIDE, CHANNELS, 1, MASKS, j->masks, 1,
                                          mask_count);
        CHECK(status == CTM_ERROR_BUFFER_TOO_SMALL);
    } else {
        const ctm_status status = ctm_run(j->context, map, SIDE, SIDE, CHANNELS, 1, MASKS, j->masks,
                                          (size_t)MASKS * SIDE * SIDE, mask_count);
        CHECK(status == CTM_OK);
    }
    CHECK(j->mask_count == MASKS);
    return NULL;
}

/* What a call may be writing just now: a race, and ThreadSanitizer is not to look at this one. */
__attribute__((no_sanitize_thread)) static uint32_t glance(const volatile uint32_t *value)
{
    return *value;
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    uint64_t state = 1;
    map = allocate(sizeof *map * SIDE * SIDE * CHANNELS, 0);
    for (size_t i = 0; i < (size_t)SIDE * SIDE * CHANNELS; i++) {
        map[i] = (float)(next_random(&state) % 20);
    }
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_t barrier;
        CHECK(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0);
        pthread_t threads[THREADS];
        job jobs[THREADS];
        ctm_context *context = context_for(device);
        for (int i = 0; i < THREADS; i++) {
            jobs[i] = (job){ context, &barrier, allocate(sizeof(float) * MASKS * SIDE * SIDE, 0), i % 2 == 1, 77 };
            CHECK(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
        }
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < THREADS; i++) {
            while (glance(&jobs[i].mask_count) == 77) { /* A call that has checked its arguments sets it to 0. */
                usleep(100);
            }
        }
        ctm_destroy(context);
        for (int i = 0; i < THREADS; i++) {
            CHECK(pthread_join(threads[i], NULL) == 0);
            free(jobs[i].masks);
        }
        pthread_barrier_destroy(&barrier);
    }
    free(map);
    return 0;
}
