/* Calls are cancelled from other threads, at work or waiting; later ones are not. */

#define _DEFAULT_SOURCE /* usleep, pthread_barrier_t */

#include "test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 600, CHANNELS = 3, MASKS = 3, PIXELS = SIDE * SIDE, THREADS = 3, ROUNDS = 12 };

static float *map;

typedef struct {
    ctm_context *context;
    pthread_barrier_t *barrier;
    bool analyses;
    float *masks;
    ctm_status status;
    uint32_t mask_count;
} job;

static void *work(void *argument)
{
    job *j = argument;
    memset(j->masks, 0xa5, sizeof *j->masks * (MASKS * PIXELS + 64));
    pthread_barrier_wait(j->barrier);
    if (j->analyses) {
        ctm_image image = CTM_IMAGE_INIT;
        image.pixels = map;
        image.width = image.height = SIDE;
        image.channels = CHANNELS;
        ctm_params params = CTM_PARAMS_INIT;
        params.max_count = MASKS;
        ctm_outputs outputs = CTM_OUTPUTS_INIT;
        outputs.masks = j->masks;
        outputs.masks_size = sizeof *j->masks * MASKS * PIXELS;
        ctm_result result = CTM_RESULT_INIT;
        j->status = ctm_analyze(j->context, &image, &params, &outputs, &result);
        j->mask_count = result.mask_count;
    } else {
        j->status = ctm_run(j->context, map, SIDE, SIDE, CHANNELS, 1, MASKS, j->masks, MASKS * PIXELS,
                            &j->mask_count);
    }
    CHECK(j->status == CTM_OK || j->status == CTM_ERROR_CANCELLED);
    CHECK(j->mask_count == (j->status == CTM_OK ? MASKS : 0));
    CHECK(all_bytes_are(j->masks + MASKS * PIXELS, sizeof *j->masks * 64, 0xa5));
    if (j->status == CTM_ERROR_CANCELLED) {
        CHECK(strstr(ctm_last_error(j->context), "cancelled") != NULL);
    }
    return NULL;
}

/* Several threads are inside; returns how many of their calls were cancelled. */
static int cancel_after(ctm_context *context, useconds_t delay)
{
    pthread_barrier_t barrier;
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0);
    pthread_t threads[THREADS];
    job jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){ context, &barrier, i % 2 == 1, allocate(sizeof(float) * (MASKS * PIXELS + 64), 0),
                         CTM_OK, 77 };
        CHECK(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
    }
    pthread_barrier_wait(&barrier);
    usleep(delay);
    ctm_cancel(context);
    int cancelled = 0;
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        cancelled += jobs[i].status == CTM_ERROR_CANCELLED;
        free(jobs[i].masks);
    }
    pthread_barrier_destroy(&barrier);
    return cancelled;
}

/* One context is told to stop again and again while it works. */
static void *cancel_for_ever(void *argument)
{
    job *j = argument;
    pthread_barrier_wait(j->barrier);
    while (__atomic_load_n(&j->mask_count, __ATOMIC_SEQ_CST) == 0) {
        ctm_cancel(j->context);
        usleep(50);
    }
    return NULL;
}

static void each_function_is_cancelled(ctm_context *context)
{
    pthread_barrier_t barrier;
    CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
    job other = { context, &barrier, false, NULL, CTM_OK, 0 };
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, cancel_for_ever, &other) == 0);
    pthread_barrier_wait(&barrier);
    float *masks = allocate(sizeof *masks * MASKS * PIXELS, 0);
    uint32_t mask_count = 0;
    ctm_status status = CTM_OK;
    for (int i = 0; i < 200 && status == CTM_OK; i++) { /* A call may end before it hears of it. */
        status = ctm_run(context, map, SIDE, SIDE, CHANNELS, 1, MASKS, masks, MASKS * PIXELS, &mask_count);
    }
    CHECK_STATUS(context, status, CTM_ERROR_CANCELLED);
    status = CTM_OK;
    for (int i = 0; i < 200 && status == CTM_OK; i++) {
        status = ctm_run(context, map, SIDE, SIDE, CHANNELS, 1, MASKS, NULL, 0, &mask_count);
    }
    CHECK_STATUS(context, status, CTM_ERROR_CANCELLED);
    __atomic_store_n(&other.mask_count, 1, __ATOMIC_SEQ_CST);
    CHECK(pthread_join(thread, NULL) == 0);
    pthread_barrier_destroy(&barrier);
    free(masks);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    map = allocate(sizeof *map * PIXELS * CHANNELS, 0);
    uint64_t state = 1;
    for (size_t i = 0; i < (size_t)PIXELS * CHANNELS; i++) {
        map[i] = (float)(next_random(&state) % 1000);
    }
    ctm_context *context = context_for(device);
    ctm_cancel(NULL);
    ctm_cancel(context); /* Nobody is inside. */
    check_small_image(context);

    int cancelled = 0;
    for (int round = 0; round < ROUNDS; round++) {
        cancelled += cancel_after(context, (useconds_t)(next_random(&state) % 60000));
        check_small_image(context);
    }
    CHECK(cancelled > 0);
    each_function_is_cancelled(context);
    check_small_image(context);
    ctm_destroy(context);
    free(map);
    return 0;
}
