/* Contexts can be made, used, kept side by side, used again and destroyed, in any order. */

#include "test.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void many_one_after_the_other(const char *device)
{
    const int rounds = strcmp(device, "cpu") == 0 ? 100 : 10;
    for (int i = 0; i < rounds; i++) {
        ctm_context *context = context_for(device);
        check_small_image(context);
        ctm_destroy(context);
    }
    ctm_destroy(context_for(device)); /* Never used. */
    ctm_destroy(NULL);
}

static void several_at_once(const char *device)
{
    ctm_context *contexts[3];
    for (int i = 0; i < 3; i++) {
        contexts[i] = context_for(device);
    }
    CHECK(contexts[0] != contexts[1] && contexts[1] != contexts[2]);
    for (int i = 0; i < 3; i++) {
        check_small_image(contexts[i]);
    }
    ctm_destroy(contexts[1]);
    check_small_image(contexts[2]);
    check_small_image(contexts[0]);
    ctm_destroy(contexts[0]);
    check_small_image(contexts[2]);
    ctm_destroy(contexts[2]);
}

/* Two colours, the second one in the last pixel only: what the call before left behind would show. */
static void check_two_colors(ctm_context *context, uint32_t width, uint32_t height,
                             uint32_t channels)
{
    const size_t pixels = (size_t)width * height;
    float *map = allocate(pixels * channels * sizeof *map, 0);
    float *masks = allocate(2 * pixels * sizeof *masks, 0xa5);
    map[pixels * channels - 1] = 3.5f;
    uint32_t mask_count = 0;
    CHECK_STATUS(context,
                 ctm_run(context, map, width, height, channels, 1, 5, masks, 2 * pixels, &mask_count),
                 CTM_OK);
    CHECK(mask_count == 2);
    for (size_t i = 0; i < pixels; i++) {
        CHECK(masks[i] == (i < pixels - 1 ? 1.0f : 0.0f));
        CHECK(masks[pixels + i] == (i < pixels - 1 ? 0.0f : 1.0f));
    }
    free(masks);
    free(map);
}

static void other_images_on_one_context(const char *device)
{
    static const uint32_t shapes[][3] = { { 7, 5, 4 },   { 300, 200, 3 }, { 2, 1, 1 },
                                          { 64, 64, 2 }, { 1, 999, 4 },   { 640, 481, 1 },
                                          { 3, 1, 3 },   { 300, 200, 3 } };
    ctm_context *context = context_for(device);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_two_colors(context, shapes[i][0], shapes[i][1], shapes[i][2]);
    }
    check_small_image(context);
    ctm_destroy(context);
}

static void default_options(void)
{
    const ctm_options initialised = CTM_OPTIONS_INIT;
    CHECK(initialised.struct_size == sizeof initialised);
    CHECK(initialised.backend == CTM_BACKEND_AUTO && initialised.max_threads == 0);
    CHECK(initialised.device_name == NULL && initialised.device_timeout_ms == 0);
    CHECK(initialised.reserved == 0 && initialised.memory_limit == 0);
    CHECK(initialised.pipeline_cache == NULL && initialised.pipeline_cache_size == 0);
    const ctm_options *const defaults[] = { NULL, &initialised };
    for (int i = 0; i < 2; i++) {
        ctm_context *context = NULL;
        CHECK_STATUS(NULL, ctm_create(defaults[i], &context), CTM_OK);
        CHECK(ctm_context_backend(context) != CTM_BACKEND_AUTO);
        check_small_image(context);
        ctm_destroy(context);
    }
}

static void any_limits(const char *device)
{
    static const uint32_t thread_limits[] = { 1, 2, 1000, UINT32_MAX };
    for (size_t i = 0; i < sizeof thread_limits / sizeof *thread_limits; i++) {
        ctm_options options = options_for(device);
        options.max_threads = thread_limits[i];
        options.device_timeout_ms = UINT32_MAX;
        ctm_context *context = NULL;
        CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
        check_small_image(context);
        ctm_destroy(context);
    }
}

static void what_a_context_says_of_itself(const char *device)
{
    CHECK(ctm_context_backend(NULL) == CTM_BACKEND_AUTO);
    CHECK(strcmp(ctm_context_device_name(NULL), "") == 0);
    CHECK(ctm_device_name(UINT32_MAX) == NULL);

    ctm_context *context = context_for(device); /* Checks the backend, and the name of the device. */
    const char *name = ctm_context_device_name(context);
    CHECK(strcmp(ctm_last_error(context), "") == 0);
    if (strcmp(device, "cpu") == 0) {
        CHECK(strncmp(name, "CPU", 3) == 0);
    } else {
        uint32_t index = 0;
        while (ctm_device_name(index) != NULL && strcmp(ctm_device_name(index), name) != 0) {
            index++;
        }
        CHECK(ctm_device_name(index) != NULL); /* Else the context's device is not in the list. */
        CHECK(ctm_device_name(index) == ctm_device_name(index));
    }
    ctm_destroy(context);
}

/* A name is found whatever its case; with one, the automatic choice takes a rasteriser too. */
static void device_names(const char *device)
{
    ctm_options options = options_for(device);
    if (options.device_name == NULL) {
        return;
    }
    char loud[64], quiet[64];
    CHECK(strlen(options.device_name) < sizeof loud);
    for (size_t i = 0; i <= strlen(options.device_name); i++) {
        loud[i] = (char)toupper((unsigned char)options.device_name[i]);
        quiet[i] = (char)tolower((unsigned char)options.device_name[i]);
    }
    const char *names[] = { options.device_name, loud, quiet };
    for (int i = 0; i < 3; i++) {
        ctm_options automatic = CTM_OPTIONS_INIT;
        automatic.device_name = names[i];
        ctm_context *context = NULL;
        CHECK_STATUS(NULL, ctm_create(&automatic, &context), CTM_OK);
        CHECK(ctm_context_backend(context) == CTM_BACKEND_VULKAN);
        CHECK(strstr(ctm_context_device_name(context), options.device_name) != NULL);
        ctm_destroy(context);
    }
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    many_one_after_the_other(device);
    several_at_once(device);
    other_images_on_one_context(device);
    default_options();
    any_limits(device);
    what_a_context_says_of_itself(device);
    device_names(device);
    return 0;
}
