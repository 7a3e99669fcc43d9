/* Threads may share a context or have their own, and each reads its own last error. */

#define _DEFAULT_SOURCE /* pthread_barrier_t */

#include "oracle.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 6, WIDTH = 61, HEIGHT = 47, CHANNELS = 3 };

typedef struct {
    uint32_t number;
    const char *device;
    ctm_context *shared; /* NULL: the thread makes its own. */
    pthread_barrier_t *barrier;
} job;

/* Images of different threads and rounds differ in size, colours and number of masks. */
static void check_images(ctm_context *context, uint32_t number)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint32_t width = WIDTH + 16 * number, height = HEIGHT + round;
        const size_t floats = (size_t)width * height * CHANNELS;
        float *map = allocate(floats * sizeof *map, 0);
        uint64_t state = number * 1000 + round;
        for (size_t i = 0; i < floats; i++) {
            map[i] = (float)(next_random(&state) % 3 + number);
        }
        check_against_oracle(context, map, width, height, CHANNELS, 1, 5 + number + round);
        free(map);
        ctm_counters counters = CTM_COUNTERS_INIT;
        CHECK_STATUS(context, ctm_context_counters(context, &counters), CTM_OK);
        size_t size = 0;
        CHECK_STATUS(context, ctm_context_pipeline_cache(context, NULL, &size), CTM_OK);
        CHECK((size == 0) == (ctm_context_backend(context) == CTM_BACKEND_CPU));
    }
}

static void *work(void *argument)
{
    const job *j = argument;
    ctm_context *context = j->shared != NULL ? j->shared : context_for(j->device);
    pthread_barrier_wait(j->barrier); /* All at once. */
    check_images(context, j->number);

    /* The last failure of ctm_create is the thread's own. */
    CHECK(strcmp(ctm_last_error(NULL), "") == 0);
    ctm_options options = CTM_OPTIONS_INIT;
    options.backend = 1000 + j->number;
    char value[32];
    snprintf(value, sizeof value, "%lu", (unsigned long)options.backend);
    ctm_context *none = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &none), CTM_ERROR_INVALID_ARGUMENT);
    pthread_barrier_wait(j->barrier); /* All have failed, each in its own way. */
    const char *text = ctm_last_error(NULL);
    CHECK(strstr(text, value) != NULL);

    /* That of a context is everyone's; the text stays whole while others fail and read. */
    uint32_t mask_count = 0;
    const float pixel = 0;
    char text_of_context[256] = "";
    for (uint32_t i = 0; i < 200; i++) {
        const uint32_t channels = 10 + (j->number + i) % 90;
        CHECK_STATUS(context, ctm_run(context, &pixel, 1, 1, channels, 1, 1, NULL, 0, &mask_count),
                     CTM_ERROR_INVALID_ARGUMENT);
        text = ctm_last_error(context);
        const char *copied = strncpy(text_of_context, text, sizeof text_of_context - 1);
        unsigned named = 0;
        CHECK(sscanf(copied, "channels is %u; ", &named) == 1);
        CHECK(named >= 10 && named < 100);
        CHECK(j->shared != NULL || named == channels);
        CHECK(strcmp(text, copied) == 0); /* The thread's own, until it asks again. */
    }
    if (j->shared == NULL) {
        ctm_destroy(context);
    }

    /* Contexts that come and go on all threads at once hand devices on to each other. */
    for (int i = 0; i < 5; i++) {
        context = context_for(j->device);
        check_small_image(context);
        ctm_destroy(context);
    }
    return NULL;
}

static void run_threads(const char *device, ctm_context *shared)
{
    pthread_t threads[THREADS];
    job jobs[THREADS];
    pthread_barrier_t barrier;
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        jobs[i] = (job){ i, device, shared, &barrier };
        CHECK(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(pthread_barrier_destroy(&barrier) == 0);
}

/* A context may be made on one thread, used on another, and destroyed on a third. */
static void *use(void *context)
{
    check_small_image(context);
    return NULL;
}

static void *destroy(void *context)
{
    ctm_destroy(context);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    ctm_context *shared = context_for(device);
    run_threads(device, shared);
    run_threads(device, NULL);
    check_small_image(shared);

    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, use, shared) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, destroy, shared) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
