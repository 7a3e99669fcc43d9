/*
 * A thread that is cancelled while it is inside a call stays until it has left it: no lock is left held, the context works
 * on, and what the thread had set is as it was.
 */

#define _DEFAULT_SOURCE /* usleep */

#include "test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 700, HEIGHT = 500, CHANNELS = 3, MASKS = 3, PIXELS = WIDTH * HEIGHT, ROUNDS = 25 };

static float *map, *masks;
static const char *device;
static ctm_context *shared;
static int callbacks, all_calls_returned;

static int cancel_state(void)
{
    int state, ours;
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0);
    CHECK(pthread_setcancelstate(state, &ours) == 0);
    return state;
}

static int32_t progress(void *user, double done)
{
    (void)user;
    (void)done;
    callbacks++;
    CHECK(cancel_state() == PTHREAD_CANCEL_DISABLE);
    pthread_testcancel();
    return 0;
}

static void write_log(void *user, uint32_t level, const char *message)
{
    (void)level;
    (void)message;
    progress(user, 0);
}

static void run(ctm_context *context)
{
    uint32_t mask_count = 0;
    CHECK_STATUS(context, ctm_run(context, map, WIDTH, HEIGHT, CHANNELS, 1, MASKS, masks, (size_t)MASKS * PIXELS,
                                  &mask_count), CTM_OK);
    CHECK(mask_count == MASKS);
}

/* Everything, on a thread whose cancellation is pending. */
static void *cancelled(void *unused)
{
    CHECK(pthread_cancel(pthread_self()) == 0);
    CHECK(ctm_device_name(0) != NULL);
    ctm_options options = options_for(device);
    options.log = write_log;
    options.log_level = CTM_LOG_DEBUG;
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    CHECK(cancel_state() == PTHREAD_CANCEL_ENABLE);
    run(context);
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.channels = CHANNELS;
    ctm_params params = CTM_PARAMS_INIT;
    params.progress = progress;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, NULL, &result), CTM_OK);
    ctm_counts *counts = NULL;
    CHECK_STATUS(context, ctm_counts_create(context, &counts), CTM_OK);
    CHECK_STATUS(context, ctm_counts_add(context, counts, &image, &params), CTM_OK);
    ctm_counts_destroy(counts);
    size_t size = 0;
    CHECK_STATUS(context, ctm_context_pipeline_cache(context, NULL, &size), CTM_OK);
    ctm_cancel(context);
    ctm_destroy(context);
    CHECK(cancel_state() == PTHREAD_CANCEL_ENABLE);
    all_calls_returned = 1;
    pthread_testcancel();
    return unused;
}

static void *run_on(void *unused)
{
    for (int i = 0; i < 1000000; i++) { /* Until it is cancelled. */
        run(shared);
        pthread_testcancel();
    }
    return unused;
}

static void cancel_and_join(pthread_t thread, useconds_t delay)
{
    void *result = NULL;
    usleep(delay);
    CHECK(delay == 0 || pthread_cancel(thread) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED);
}

int main(int argc, char **argv)
{
    device = device_argument(argc, argv);
    map = allocate(sizeof *map * PIXELS * CHANNELS, 0);
    masks = allocate(sizeof *masks * MASKS * PIXELS, 0);
    for (size_t i = 0; i < (size_t)PIXELS * CHANNELS; i++) {
        map[i] = (float)(i / 90 % 7);
    }
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, cancelled, NULL) == 0);
    cancel_and_join(thread, 0);
    CHECK(all_calls_returned);
    CHECK(callbacks > 4); /* The first and the last of two calls, and a message. */

    shared = context_for(device);
    for (useconds_t round = 0; round < ROUNDS; round++) {
        CHECK(pthread_create(&thread, NULL, run_on, NULL) == 0);
        cancel_and_join(thread, 2000 + round * 1237 % 20000);
        run(shared);
    }
    check_small_image(shared);
    ctm_destroy(shared);
    free(masks);
    free(map);
    return 0;
}
