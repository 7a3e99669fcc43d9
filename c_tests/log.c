/* A host that asks for messages gets them, those that it asked for, on its own threads; others get none. */

#include "test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 700, CHANNELS = 3, MASKS = 2 };

typedef struct {
    pthread_t thread;
    uint32_t most; /* The largest level that was asked for. */
    int messages[5]; /* By level. */
    char text[1 << 16]; /* All of them. */
    ctm_context *context; /* Whose they are, once it is made. */
} log_state;

static void log_message(void *user, uint32_t level, const char *message)
{
    log_state *state = user;
    CHECK(pthread_equal(state->thread, pthread_self()));
    CHECK(level >= CTM_LOG_ERROR && level <= state->most);
    CHECK(strlen(message) > 5 && strchr(message, '\n') == NULL);
    state->messages[level]++;
    CHECK(strlen(state->text) + strlen(message) + 2 < sizeof state->text);
    strcat(strcat(state->text, message), "\n");
    if (state->context != NULL) { /* It cannot be entered again from here. */
        uint32_t mask_count = 0;
        const float pixel = 0;
        CHECK(ctm_run(state->context, &pixel, 1, 1, 1, 1, 1, NULL, 0, &mask_count) ==
              CTM_ERROR_INVALID_ARGUMENT);
    }
}

static ctm_options logging(const char *device, log_state *state, uint32_t level)
{
    memset(state, 0, sizeof *state);
    state->thread = pthread_self();
    state->most = level == 0 ? CTM_LOG_WARNING : level;
    ctm_options options = options_for(device);
    options.log = log_message;
    options.log_user = state;
    options.log_level = level;
    return options;
}

static int count(const log_state *state)
{
    int sum = 0;
    for (int level = 0; level < 5; level++) {
        sum += state->messages[level];
    }
    return sum;
}

/* An image that is worked on by all threads. */
static void run_large(ctm_context *context)
{
    float *map = allocate(sizeof *map * SIDE * SIDE * CHANNELS, 0);
    float *masks = allocate(sizeof *masks * SIDE * SIDE * MASKS, 0);
    for (size_t i = 0; i < (size_t)SIDE * SIDE * CHANNELS; i++) {
        map[i] = (float)(i % 1000003); /* All pixels differ. */
    }
    uint32_t mask_count = 0;
    CHECK_STATUS(context, ctm_run(context, map, SIDE, SIDE, CHANNELS, 1, MASKS, masks, MASKS * SIDE * SIDE,
                                  &mask_count), CTM_OK);
    CHECK(mask_count == MASKS);
    free(masks);
    free(map);
}

static void levels(const char *device)
{
    static log_state state;
    static const uint32_t all[] = { 0, CTM_LOG_ERROR, CTM_LOG_WARNING, CTM_LOG_INFO, CTM_LOG_DEBUG };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const ctm_options options = logging(device, &state, all[i]);
        ctm_context *context = NULL;
        CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
        const int at_creation = count(&state);
        state.context = context;
        if (all[i] < CTM_LOG_INFO) {
            CHECK(at_creation == 0); /* All is well. */
        } else {
            CHECK(strstr(state.text, ctm_context_device_name(context)) != NULL);
        }
        run_large(context);
        check_small_image(context);
        if (all[i] < CTM_LOG_INFO) {
            CHECK(count(&state) == 0);
        }
        if (all[i] == CTM_LOG_DEBUG) { /* What each call came to, and which road it took. */
            CHECK(state.messages[CTM_LOG_DEBUG] >= 3);
            CHECK(strstr(state.text, "2 masks of 1 x 700 x 700 x 3 in ") != NULL);
            CHECK(strstr(state.text, "2 masks of 1 x 4 x 3 x 3 in ") != NULL);
            CHECK(strstr(state.text, "very many colours") != NULL);
        } else {
            CHECK(state.messages[CTM_LOG_DEBUG] == 0);
        }
        state.context = NULL;
        ctm_destroy(context);
    }
}

/* What is chosen, and what is not used, is told with its reason. */
static void reasons(const char *device)
{
    static log_state state;
    ctm_options options = logging(device, &state, CTM_LOG_INFO);
    options.pipeline_cache = "not a cache";
    options.pipeline_cache_size = strlen(options.pipeline_cache);
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    const bool compiles = ctm_context_backend(context) == CTM_BACKEND_VULKAN;
    CHECK((strstr(state.text, "pipeline cache") != NULL) == compiles);
    ctm_destroy(context);

    options = logging(device, &state, CTM_LOG_INFO);
    options.backend = CTM_BACKEND_AUTO;
    options.device_name = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    if (ctm_context_backend(context) == CTM_BACKEND_CPU) {
        CHECK(strstr(state.text, "no Vulkan device is used: ") != NULL);
    }
    ctm_destroy(context);
}

/* The log function is one context's. */
static void others_are_silent(const char *device)
{
    static log_state state;
    const ctm_options options = logging(device, &state, CTM_LOG_DEBUG);
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    const int before = count(&state);
    ctm_context *other = context_for(device);
    check_small_image(other);
    ctm_destroy(other);
    CHECK(count(&state) == before);
    ctm_destroy(context);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    levels(device);
    reasons(device);
    others_are_silent(device);
    return 0;
}
