/* A call tells how far it is, can be stopped there, and cannot be entered again from there. */

#include "test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 700, HEIGHT = 500, CHANNELS = 3, MASKS = 3, PIXELS = WIDTH * HEIGHT };

static float *map, *masks, *expected;

typedef struct {
    ctm_context *context, *other;
    pthread_t thread;
    int calls, stop_at;
    double last;
    void (*within)(ctm_context *context, ctm_context *other, int call);
} progress_state;

static int32_t progress(void *user, double done)
{
    progress_state *state = user;
    CHECK(pthread_equal(state->thread, pthread_self()));
    CHECK(state->calls == 0 ? done == 0 : done >= state->last && state->last < 1);
    CHECK(done <= 1);
    state->last = done;
    state->calls++;
    if (state->within != NULL) {
        state->within(state->context, state->other, state->calls);
    }
    return state->calls == state->stop_at ? -5 : 0;
}

static ctm_status analyze(ctm_context *context, progress_state *state, ctm_result *result)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.channels = CHANNELS;
    ctm_params params = CTM_PARAMS_INIT;
    params.max_count = MASKS;
    params.progress = progress;
    params.progress_user = state;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = masks;
    outputs.masks_size = sizeof *masks * MASKS * PIXELS;
    state->context = context;
    state->thread = pthread_self();
    state->calls = 0;
    return ctm_analyze(context, &image, &params, &outputs, result);
}

static void succeeds(ctm_context *context, progress_state *state)
{
    ctm_result result = CTM_RESULT_INIT;
    memset(masks, 0xa5, sizeof *masks * MASKS * PIXELS);
    CHECK_STATUS(context, analyze(context, state, &result), CTM_OK);
    CHECK(state->last == 1 && state->calls > 2);
    CHECK(result.mask_count == MASKS);
    CHECK(memcmp(masks, expected, sizeof *masks * MASKS * PIXELS) == 0);
}

static void stops(ctm_context *context)
{
    int stopped = 0;
    for (int at = 1; at < 1000; at += 1 + at / 4) {
        progress_state state = { .stop_at = at };
        ctm_result result = CTM_RESULT_INIT;
        result.mask_count = 77;
        const ctm_status status = analyze(context, &state, &result);
        if (state.last == 1) {
            CHECK_STATUS(context, status, CTM_OK); /* There was nothing left to stop. */
            break;
        }
        CHECK_STATUS(context, status, CTM_ERROR_CANCELLED);
        CHECK(state.calls == at);
        CHECK(result.mask_count == 0 && result.masks_size == 0);
        CHECK(result.struct_size == sizeof result);
        stopped++;
    }
    CHECK(stopped > 2);
    succeeds(context, &(progress_state){ 0 });
}

/* Everything that can be called from within. */
static void reenter(ctm_context *context, ctm_context *other, int call)
{
    uint32_t mask_count = 77;
    CHECK(ctm_run(context, map, 1, 1, CHANNELS, 1, 1, NULL, 0, &mask_count) == CTM_ERROR_INVALID_ARGUMENT);
    CHECK(mask_count == 77);
    CHECK(strstr(ctm_last_error(context), "context") != NULL);
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = image.height = 1;
    image.channels = CHANNELS;
    ctm_result result = CTM_RESULT_INIT;
    CHECK(ctm_analyze(context, &image, NULL, NULL, &result) == CTM_ERROR_INVALID_ARGUMENT);
    size_t size = 77;
    CHECK(ctm_context_pipeline_cache(context, NULL, &size) == CTM_ERROR_INVALID_ARGUMENT);
    CHECK(size == 77);
    ctm_counters counters = CTM_COUNTERS_INIT;
    CHECK_STATUS(context, ctm_context_counters(context, &counters), CTM_OK);
    CHECK(ctm_context_backend(context) != CTM_BACKEND_AUTO);
    if (call <= 2) {
        check_small_image(other);
    }
}

static void cancel(ctm_context *context, ctm_context *other, int call)
{
    (void)other;
    if (call == 3) {
        ctm_cancel(context);
    }
}

static void destroy(ctm_context *context, ctm_context *other, int call)
{
    (void)other;
    if (call == 2) {
        ctm_destroy(context);
    }
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    const size_t bytes = sizeof *masks * MASKS * PIXELS;
    map = allocate(sizeof *map * PIXELS * CHANNELS, 0);
    masks = allocate(bytes, 0);
    expected = allocate(bytes, 0);
    uint64_t random = 5;
    for (size_t i = 0; i < PIXELS; i++) { /* Mostly few colours, and some that are rare. */
        map[CHANNELS * i] = next_random(&random) % 10 == 0 ? (float)(next_random(&random) % 50000) : 0.5f;
        map[CHANNELS * i + 1] = (float)(i / 9000 % 5);
    }
    ctm_context *context = context_for(device);
    uint32_t mask_count = 0;
    CHECK_STATUS(context, ctm_run(context, map, WIDTH, HEIGHT, CHANNELS, 1, MASKS, expected,
                                  (size_t)MASKS * PIXELS, &mask_count), CTM_OK);
    CHECK(mask_count == MASKS);

    succeeds(context, &(progress_state){ 0 });
    stops(context);
    ctm_context *other = context_for(device);
    succeeds(context, &(progress_state){ .within = reenter, .other = other });
    ctm_destroy(other);

    progress_state state = { .within = cancel };
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, analyze(context, &state, &result), CTM_ERROR_CANCELLED);
    CHECK(state.calls == 3);
    succeeds(context, &(progress_state){ 0 });

    /* Destroyed from within: the call ends as if nothing had happened. */
    state = (progress_state){ .within = destroy };
    CHECK(analyze(context, &state, &result) == CTM_OK);
    CHECK(memcmp(masks, expected, bytes) == 0);
    free(expected);
    free(masks);
    free(map);
    return 0;
}
