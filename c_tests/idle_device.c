/*
 * A device that does less than it is told, and reports no failure, gives an error and never wrong masks; with
 * CTM_BACKEND_AUTO the CPU does the job. To be run under idle_layer.c: without CTM_IDLE the device works at first, and with
 * it, or with CTM_DISCRETE, the process has never seen it work.
 */

#define _DEFAULT_SOURCE /* setenv */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 3, MASKS = 3, IMAGES = 2 };

typedef struct {
    const char *name;
    uint32_t width, height;
    uint32_t (*color)(uint32_t pixel);
} map_case;

static uint32_t flat(uint32_t pixel)
{
    return pixel / 97 % 11;
}

static uint32_t photo(uint32_t pixel)
{
    return pixel % 3 == 0 ? pixel / 3 % 4 : pixel * 2654435769u % 60000;
}

static uint32_t same(uint32_t pixel)
{
    return pixel;
}

static const map_case cases[] = {
    { "small", 40, 30, flat },
    { "chunks", 1600, 1400, flat },
    { "photo", 400, 300, photo },
    { "all different", 320, 240, same },
};

enum { CASES = sizeof cases / sizeof *cases };

/* What can be asked for; each leaves bytes in `out` by which its result is known. */
enum { RUN, COUNT, LABELS, BATCH, GIVEN, ADD, JOBS };

static float *map_of(const map_case *of)
{
    const uint32_t pixels = of->width * of->height;
    float *map = allocate(sizeof *map * pixels * CHANNELS, 0);
    for (uint32_t p = 0; p < pixels; p++) {
        map[CHANNELS * p] = (float)of->color(p);
        map[CHANNELS * p + 1] = (float)(of->color(p) % 2);
    }
    set_bits(&map[CHANNELS * 5 + 2], 0x7fc00000); /* A pixel without a colour. */
    return map;
}

static size_t out_size(const map_case *of)
{
    const size_t pixels = (size_t)of->width * of->height;
    return 1000 + 24 * pixels;
}

static ctm_status do_job(ctm_context *context, int job, const map_case *of, const float *map, unsigned char *out)
{
    const size_t pixels = (size_t)of->width * of->height;
    memset(out, 0, out_size(of));
    uint32_t mask_count = 0;
    ctm_status status;
    if (job == RUN || job == COUNT) {
        float *masks = job == RUN ? (float *)(void *)(out + 16) : NULL;
        status = ctm_run(context, map, of->width, of->height, CHANNELS, 1, MASKS, masks,
                         job == RUN ? MASKS * pixels : 0, &mask_count);
        memcpy(out, &mask_count, sizeof mask_count);
        return status;
    }
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = of->width;
    image.height = of->height;
    image.channels = CHANNELS;
    image.format = CTM_FORMAT_F32;
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 1;
    params.max_count = MASKS;
    if (job == ADD) {
        ctm_counts *counts = NULL;
        CHECK_STATUS(context, ctm_counts_create(context, &counts), CTM_OK);
        status = ctm_counts_add(context, counts, &image, &params);
        size_t size = out_size(of);
        CHECK_STATUS(context, ctm_counts_export(context, counts, out, &size), CTM_OK);
        ctm_counts_destroy(counts);
        return status;
    }
    const float palette[] = { 3, 1, 0, 0, 1, 1, 0, 0 };
    if (job == BATCH) {
        image.height /= IMAGES;
        image.image_count = IMAGES;
        params.batch = CTM_BATCH_EACH;
    } else if (job == GIVEN) {
        params.palette = palette;
        params.palette_count = 2;
    }
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = out + 16;
    outputs.labels_size = pixels;
    outputs.label_format = CTM_LABEL_U8;
    ctm_result result = CTM_RESULT_INIT;
    status = ctm_analyze(context, &image, &params, &outputs, &result);
    memcpy(out, &result.mask_count, sizeof result.mask_count);
    return status;
}

static void is_idle(const char *how)
{
    CHECK(how != NULL ? setenv("CTM_IDLE", how, 1) == 0 : unsetenv("CTM_IDLE") == 0);
}

typedef struct {
    int warnings, tests;
    char last[4096];
} log_state;

static void log_message(void *user, uint32_t level, const char *message)
{
    log_state *state = user;
    CHECK(level != CTM_LOG_ERROR);
    if (level == CTM_LOG_WARNING) {
        state->warnings++;
        snprintf(state->last, sizeof state->last, "%s", message);
    }
    state->tests += strstr(message, "self-test") != NULL;
}

static ctm_context *logged(const char *device, uint32_t backend, log_state *state, ctm_status expected)
{
    memset(state, 0, sizeof *state);
    ctm_options options = options_for(device);
    options.backend = backend;
    options.log = log_message;
    options.log_user = state;
    options.log_level = CTM_LOG_DEBUG;
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), expected);
    return context;
}

/* The device that was asked for, and told to be idle, says so, and works again afterwards. */
static void calls(const char *device)
{
    static const char *const how[] = { "submissions", "dispatches=1", "dispatches=2", "dispatches=3",
                                       "dispatches=7", "workgroups" };
    ctm_context *context = context_for(device);
    ctm_context *cpu = context_for("cpu");
    for (int c = 0; c < CASES; c++) {
        float *map = map_of(&cases[c]);
        unsigned char *out = allocate(out_size(&cases[c]), 0), *expected = allocate(out_size(&cases[c]), 0);
        for (int job = 0; job < JOBS; job++) {
            CHECK_STATUS(cpu, do_job(cpu, job, &cases[c], map, expected), CTM_OK);
            for (size_t h = 0; h < sizeof how / sizeof *how; h++) {
                /* With what the same call has left behind in the device's memory. */
                CHECK_STATUS(context, do_job(context, job, &cases[c], map, out), CTM_OK);
                CHECK(memcmp(out, expected, out_size(&cases[c])) == 0);
                is_idle(how[h]);
                const ctm_status status = do_job(context, job, &cases[c], map, out);
                is_idle(NULL);
                const bool is_right = status == CTM_OK && memcmp(out, expected, out_size(&cases[c])) == 0;
                /* What has left nothing out may succeed. */
                if (status != CTM_ERROR_DRIVER && (h < 2 || !is_right)) {
                    fprintf(stderr, "%s, job %d, %s: status %d, %s\n", cases[c].name, job, how[h], (int)status,
                            ctm_last_error(context));
                    exit(1);
                }
                if (status == CTM_ERROR_DRIVER) {
                    CHECK(strlen(ctm_last_error(context)) > 30);
                }
            }
            CHECK_STATUS(context, do_job(context, job, &cases[c], map, out), CTM_OK);
            CHECK(memcmp(out, expected, out_size(&cases[c])) == 0);
        }
        free(expected);
        free(out);
        free(map);
    }
    ctm_destroy(cpu);
    ctm_destroy(context);
}

/* Large enough for the CPU to take so long that the device is tried. */
static const map_case large_cases[] = {
    { "chunks", 1600, 1400, flat },
    { "large photo", 1300, 1000, photo },
};

/*
 * Where the context may choose, the CPU does the first calls, the one in which the device is tried and fails, and all that
 * follow.
 */
static void automatic(const char *device)
{
    static log_state state;
    ctm_context *cpu = context_for("cpu");
    for (size_t c = 0; c < sizeof large_cases / sizeof *large_cases; c++) {
        const map_case *of = &large_cases[c];
        float *map = map_of(of);
        unsigned char *out = allocate(out_size(of), 0), *expected = allocate(out_size(of), 0);
        for (int job = 0; job < JOBS; job++) {
            CHECK_STATUS(cpu, do_job(cpu, job, of, map, expected), CTM_OK);
            ctm_context *context = logged(device, CTM_BACKEND_AUTO, &state, CTM_OK);
            CHECK(ctm_context_backend(context) == CTM_BACKEND_VULKAN);
            const char *name = ctm_context_device_name(context);
            is_idle(job % 2 == 0 ? "submissions" : "dispatches=1");
            for (int call = 0; call < 5; call++) {
                const bool is_tried = call >= 2;
                CHECK_STATUS(context, do_job(context, job, of, map, out), CTM_OK);
                CHECK(memcmp(out, expected, out_size(of)) == 0);
                CHECK(state.warnings == (is_tried ? 1 : 0));
                CHECK(ctm_context_backend(context) == (is_tried ? CTM_BACKEND_CPU : CTM_BACKEND_VULKAN));
            }
            CHECK(strstr(state.last, name) != NULL);
            CHECK(strcmp(ctm_context_device_name(context), ctm_context_device_name(cpu)) == 0);
            unsigned char uuids[2][16];
            CHECK(ctm_context_device_uuid(context, uuids[0], uuids[1]) == CTM_ERROR_UNSUPPORTED);
            is_idle(NULL);
            ctm_destroy(context);
        }
        free(expected);
        free(out);
        free(map);
    }
    ctm_destroy(cpu);
}

/* A device that passes is tested once. */
static void tested_once(const char *device)
{
    static log_state state;
    for (int i = 0; i < 3; i++) {
        ctm_context *context = logged(device, CTM_BACKEND_VULKAN, &state, CTM_OK);
        CHECK(state.tests == (i == 0) && state.warnings == 0);
        check_small_image(context);
        ctm_destroy(context);
    }
}

/* A device that fails its self-test is not used, whatever it does later. */
static void untested(const char *device)
{
    static log_state state;
    for (int i = 0; i < 2; i++) {
        ctm_context *context = logged(device, CTM_BACKEND_VULKAN, &state, CTM_ERROR_DRIVER);
        CHECK(context == NULL && state.warnings == 1);
        CHECK(strstr(ctm_last_error(NULL), "self-test") != NULL);
        context = logged(device, CTM_BACKEND_AUTO, &state, CTM_OK);
        CHECK(state.warnings == 1 && strstr(state.last, "self-test") != NULL);
        CHECK(ctm_context_backend(context) == CTM_BACKEND_CPU);
        check_small_image(context);
        ctm_destroy(context);
        is_idle(NULL);
    }
}

/* What counts as a GPU is taken without being asked for, unless it fails. */
static void discrete(bool works)
{
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(NULL, &context), CTM_OK);
    CHECK(ctm_context_backend(context) == (works ? CTM_BACKEND_VULKAN : CTM_BACKEND_CPU));
    check_small_image(context);
    ctm_destroy(context);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    const bool works = getenv("CTM_IDLE") == NULL;
    if (getenv("CTM_DISCRETE") != NULL) {
        discrete(works);
    } else if (works) {
        tested_once(device);
        calls(device);
        automatic(device);
    } else {
        untested(device);
    }
    return 0;
}
