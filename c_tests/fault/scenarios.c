#include "scenarios.h"

#include "test.h"
#include "vulkan_host.h"

#include <stdlib.h>
#include <string.h>

enum { FILL = 0xa5, GUARD = 4096, CHANNELS = 4, PALETTE = 64, STALE = 77 };

struct scenario {
    const char *name;
    ctm_status (*perform)(job *, ctm_context *);
    uint32_t width, height;
    uint64_t colors, longest_run; /* 0 colours: all pixels differ. */
    uint64_t min_pixels;
    uint32_t max_count;
    uint32_t storage_range;
    void (*set_up)(ctm_image *, ctm_params *, ctm_outputs *);
};

/* What a call writes to, with guards around it. */
enum { MASKS, LABELS, ENTRIES, MERGED, AREAS };

struct job {
    const scenario *scenario;
    const char *device;
    float *pixels;
    size_t pixels_size;
    size_t begin[AREAS], size[AREAS];
    size_t room_size;
    unsigned char *room, *expected;
    ctm_result result, expected_result;
    vulkan_host host;
    bool has_host;
    exported lent_pixels, lent_masks, lent_labels;
    char error[1024];
};

/* The ways to do a job. */

static void describe(job *job, ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    const scenario *scenario = job->scenario;
    *image = (ctm_image)CTM_IMAGE_INIT;
    image->pixels = job->pixels;
    image->width = scenario->width;
    image->height = scenario->height;
    image->channels = CHANNELS;
    *params = (ctm_params)CTM_PARAMS_INIT;
    params->min_pixels = scenario->min_pixels;
    params->max_count = scenario->max_count;
    *outputs = (ctm_outputs)CTM_OUTPUTS_INIT;
    outputs->masks = job->room + job->begin[MASKS];
    outputs->masks_size = job->size[MASKS];
    outputs->labels = job->room + job->begin[LABELS];
    outputs->labels_size = job->size[LABELS];
    outputs->palette = (ctm_palette_entry *)(void *)(job->room + job->begin[ENTRIES]);
    outputs->palette_capacity = PALETTE;
    if (scenario->set_up != NULL) {
        scenario->set_up(image, params, outputs);
    }
    if (params->merge != CTM_MERGE_NONE) {
        outputs->merged = (ctm_merged_color *)(void *)(job->room + job->begin[MERGED]);
        outputs->merged_capacity = PALETTE;
    }
}

/* Keeps what the library says of a failure on this context; NULL: that of ctm_create. */
static void keep_error(job *job, const ctm_context *context)
{
    strncpy(job->error, ctm_last_error(context), sizeof job->error - 1);
}

static ctm_status run(job *job, ctm_context *context)
{
    const scenario *scenario = job->scenario;
    return ctm_run(context, job->pixels, scenario->width, scenario->height, CHANNELS, scenario->min_pixels,
                   scenario->max_count, (float *)(void *)(job->room + job->begin[MASKS]), job->size[MASKS] / sizeof(float),
                   &job->result.mask_count);
}

static ctm_status analyze(job *job, ctm_context *context)
{
    ctm_image image;
    ctm_params params;
    ctm_outputs outputs;
    describe(job, &image, &params, &outputs);
    return ctm_analyze(context, &image, &params, &outputs, &job->result);
}

static ctm_status ask_for_sizes(job *job, ctm_context *context)
{
    ctm_image image;
    ctm_params params;
    ctm_outputs outputs;
    describe(job, &image, &params, &outputs);
    return ctm_analyze(context, &image, &params, NULL, &job->result);
}

/* Counts the lower half of the image, and hands these counts on as bytes. */
static ctm_status exchange_counts(ctm_context *context, const ctm_image *half, ctm_counts *sum)
{
    ctm_counts *counts = NULL, *imported = NULL;
    void *bytes = NULL;
    size_t size = 0;
    ctm_status status = ctm_counts_create(context, &counts);
    status = status != CTM_OK ? status : ctm_counts_add(context, counts, half, NULL);
    status = status != CTM_OK ? status : ctm_counts_export(context, counts, NULL, &size);
    if (status == CTM_OK) {
        bytes = malloc(size);
        status = bytes == NULL ? CTM_ERROR_OUT_OF_MEMORY : ctm_counts_export(context, counts, bytes, &size);
    }
    status = status != CTM_OK ? status : ctm_counts_import(context, bytes, size, &imported);
    status = status != CTM_OK ? status : ctm_counts_merge(context, sum, imported);
    free(bytes);
    ctm_counts_destroy(imported);
    ctm_counts_destroy(counts);
    return status;
}

static ctm_status count_and_analyze(job *job, ctm_context *context)
{
    ctm_image image;
    ctm_params params;
    ctm_outputs outputs;
    describe(job, &image, &params, &outputs);
    ctm_image half = image;
    half.height /= 2;
    ctm_counts *counts = NULL;
    ctm_status status = ctm_counts_create(context, &counts);
    status = status != CTM_OK ? status : ctm_counts_add(context, counts, &half, NULL);
    half.pixels = job->pixels + (size_t)half.height * half.width * CHANNELS;
    status = status != CTM_OK ? status : exchange_counts(context, &half, counts);
    params.counts = counts;
    status = status != CTM_OK ? status : ctm_analyze(context, &image, &params, &outputs, &job->result);
    ctm_counts_destroy(counts);
    return status;
}

/* On the CPU, the same in the host's memory. */
static ctm_status use_device_memory(job *job, ctm_context *context)
{
    if (!job->has_host) {
        return analyze(job, context);
    }
    ctm_image image;
    ctm_params params;
    ctm_outputs outputs;
    describe(job, &image, &params, &outputs);
    image.pixels = NULL;
    image.device_memory = &job->lent_pixels.lent;
    outputs.masks = NULL;
    outputs.masks_memory = &job->lent_masks.lent;
    outputs.labels = NULL;
    outputs.labels_memory = &job->lent_labels.lent;
    const ctm_status status = ctm_analyze(context, &image, &params, &outputs, &job->result);
    download(&job->host, &job->lent_masks, 0, job->room + job->begin[MASKS], job->size[MASKS]);
    download(&job->host, &job->lent_labels, 0, job->room + job->begin[LABELS], job->size[LABELS]);
    return status;
}

/* Hands the pipelines to a second context, which does the job. */
static ctm_status hand_on_pipelines(job *job, ctm_context *context)
{
    if (ctm_context_backend(context) == CTM_BACKEND_CPU) {
        return run(job, context);
    }
    size_t size = 0;
    ctm_status status = ctm_context_pipeline_cache(context, NULL, &size);
    void *bytes = malloc(size + 1);
    status = status != CTM_OK ? status : ctm_context_pipeline_cache(context, bytes, &size);
    ctm_context *second = NULL;
    if (status != CTM_OK) {
        keep_error(job, context);
    } else {
        ctm_options options = options_for(job->device);
        options.pipeline_cache = bytes;
        options.pipeline_cache_size = size;
        status = ctm_create(&options, &second);
    }
    status = status != CTM_OK ? status : run(job, second);
    if (status != CTM_OK && job->error[0] == '\0') {
        keep_error(job, second);
    }
    ctm_destroy(second);
    free(bytes);
    return status;
}

/* What is asked for. */

static void many_outputs(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    (void)image;
    params->nearest = CTM_NEAREST_EUCLIDEAN;
    params->tolerance = 0.02;
    params->merge = CTM_MERGE_CHEBYSHEV;
    params->merge_tolerance = 0.01;
    params->unmix_radius = 2;
    params->connected = CTM_CONNECTED_8;
    outputs->mask_format = CTM_MASK_U8;
    outputs->label_format = CTM_LABEL_U16;
}

static void nearest(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    (void)image;
    params->nearest = CTM_NEAREST_EUCLIDEAN;
    params->tolerance = 0.05;
    outputs->mask_format = CTM_MASK_BITS;
}

static void merge(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    (void)image;
    (void)outputs;
    params->merge = CTM_MERGE_EUCLIDEAN;
    params->merge_tolerance = 0.02;
}

static void connected(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    (void)image;
    params->connected = CTM_CONNECTED_4;
    outputs->cropped = 1;
}

static void coverage(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    (void)image;
    params->unmix_radius = 3;
    outputs->mask_format = CTM_MASK_COVERAGE;
}

static void bytes(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    image->format = CTM_FORMAT_U8;
    params->matching = CTM_MATCH_8_BIT;
    outputs->mask_format = CTM_MASK_U8_ONE;
}

static void batch(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    image->image_count = 4;
    image->height /= 4;
    params->batch = CTM_BATCH_EACH;
    params->max_count /= 4;
    outputs->mask_format = CTM_MASK_U8;
}

/* A label for each of very many masks, and nothing else. */
static void many_masks(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    (void)image;
    params->max_count = 60000;
    outputs->masks = NULL;
    outputs->masks_size = 0;
    outputs->palette = NULL;
    outputs->palette_capacity = 0;
}

/* Very many colours are given and ignored: pixels of an image that all differ. */
static void given_colors(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    many_masks(image, params, outputs);
    params->palette = image->pixels;
    params->palette_count = 4000;
    params->ignored = (const float *)image->pixels + 4000 * CHANNELS;
    params->ignored_count = 5000;
    params->nearest = CTM_NEAREST_CHEBYSHEV;
    params->tolerance = 0.01;
}

/* Each byte of the pixels is a pixel, so that there are many tiles. */
static void gray_bytes(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    (void)params;
    image->format = CTM_FORMAT_U8;
    image->channels = 1;
    image->width *= CHANNELS * sizeof(float);
    outputs->mask_format = CTM_MASK_BITS;
    outputs->labels = NULL;
    outputs->labels_size = 0;
}

static void connected_gray_bytes(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    gray_bytes(image, params, outputs);
    params->connected = CTM_CONNECTED_4;
}

static void unmixed_gray_bytes(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    gray_bytes(image, params, outputs);
    params->unmix_radius = 1;
    params->nearest = CTM_NEAREST_EUCLIDEAN;
    params->tolerance = 9;
}

static void narrow_labels(ctm_image *image, ctm_params *params, ctm_outputs *outputs)
{
    (void)image;
    (void)params;
    outputs->label_format = CTM_LABEL_U8;
}

static const scenario scenarios[] = {
    /* name, what is done, shape, colours, longest run, min_pixels, max_count, storage range, what is asked for */
    { "small", run, 64, 48, 5, 20, 1, 4, 0, NULL },
    { "chunks", run, 300, 700, 12, 400, 10, 6, 1 << 20, NULL },
    { "photo", run, 500, 300, 60000, 3, 2, 8, 0, NULL },
    { "photo_chunks", run, 500, 500, 90000, 3, 2, 8, 1 << 20, NULL },
    { "different", run, 400, 300, 0, 0, 1, 3, 0, NULL },
    { "different_chunks", run, 500, 400, 0, 0, 1, 3, 1 << 20, NULL },
    { "analyze", analyze, 320, 240, 19, 40, 3, 24, 0, many_outputs },
    { "nearest", analyze, 300, 200, 300, 20, 3, 20, 0, nearest },
    { "merge", analyze, 300, 200, 300, 20, 3, 20, 0, merge },
    { "connected", analyze, 300, 200, 19, 60, 9, 40, 0, connected },
    { "coverage", analyze, 300, 200, 12, 60, 40, 10, 0, coverage },
    { "bytes", analyze, 1200, 200, 9, 60, 40, 10, 0, bytes },
    { "batch", analyze, 300, 200, 9, 60, 40, 16, 0, batch },
    { "regions", analyze, 500, 400, 30, 3, 2, 40, 0, connected },
    { "many_masks", analyze, 400, 300, 0, 0, 1, 3, 0, many_masks },
    { "given_colors", analyze, 200, 100, 0, 0, 1, 3, 0, given_colors },
    { "tiles", analyze, 1500, 800, 3, 4000, 100, 4, 0, gray_bytes },
    { "connected_tiles", analyze, 1500, 800, 1, 4000, 100, 4, 0, connected_gray_bytes },
    { "unmixed_tiles", analyze, 1500, 800, 3, 4000, 100, 4, 0, unmixed_gray_bytes },
    { "counts", count_and_analyze, 300, 200, 3000, 10, 3, 8, 0, NULL },
    { "sizes", ask_for_sizes, 300, 200, 37, 30, 3, 8, 0, NULL },
    { "device_memory", use_device_memory, 64, 48, 5, 20, 1, 4, 0, narrow_labels },
    { "pipeline_cache", hand_on_pipelines, 64, 48, 5, 20, 1, 4, 0, NULL },
};

const scenario *find_scenario(const char *name)
{
    for (size_t i = 0; scenario_name(i) != NULL; i++) {
        if (strcmp(scenario_name(i), name) == 0) {
            return &scenarios[i];
        }
    }
    return NULL;
}

const char *scenario_name(size_t index)
{
    return index < sizeof scenarios / sizeof *scenarios ? scenarios[index].name : NULL;
}

uint32_t scenario_storage_range(const scenario *scenario)
{
    return scenario->storage_range;
}

/* Making jobs. */

static float *make_pixels(const scenario *scenario)
{
    const size_t pixels = (size_t)scenario->width * scenario->height;
    float *made = allocate(pixels * CHANNELS * sizeof *made, 0);
    uint64_t state = pixels + scenario->colors, color = 0, run_length = 0;
    for (size_t i = 0; i < pixels; i++) {
        if (scenario->colors == 0) {
            color = i * UINT64_C(2654435761) % UINT64_C(16777213);
        } else if (run_length-- == 0) {
            /* Few of them are frequent, so that there is an order. */
            color = next_random(&state) % (1 + next_random(&state) % scenario->colors);
            run_length = next_random(&state) % scenario->longest_run;
        }
        for (uint32_t channel = 0; channel < 3; channel++) {
            made[i * CHANNELS + channel] = (float)((color >> (8 * channel)) & 255) / 256.0f;
        }
    }
    return made;
}

static void lend_memory(job *job)
{
    ctm_context *context = context_for(job->device);
    job->host = make_host(context);
    ctm_destroy(context);
    job->has_host = job->host.exports;
    if (job->has_host) {
        job->lent_pixels = make_exported(&job->host, job->pixels_size, 0);
        upload(&job->host, &job->lent_pixels, 0, job->pixels, job->pixels_size);
        job->lent_masks = make_exported(&job->host, job->size[MASKS], FILL);
        job->lent_labels = make_exported(&job->host, job->size[LABELS], FILL);
    } else {
        destroy_host(&job->host);
    }
}

job *make_job(const scenario *scenario, const char *device)
{
    const size_t pixels = (size_t)scenario->width * scenario->height;
    job *made = allocate(sizeof *made, 0);
    made->scenario = scenario;
    made->device = device;
    made->pixels = make_pixels(scenario);
    made->pixels_size = pixels * CHANNELS * sizeof(float);
    made->size[MASKS] = pixels * scenario->max_count * sizeof(float);
    made->size[LABELS] = pixels * sizeof(uint32_t);
    made->size[ENTRIES] = PALETTE * sizeof(ctm_palette_entry);
    made->size[MERGED] = PALETTE * sizeof(ctm_merged_color);
    made->room_size = GUARD;
    for (int area = 0; area < AREAS; area++) {
        made->begin[area] = made->room_size;
        made->room_size += (made->size[area] + GUARD - 1) / GUARD * GUARD + GUARD;
    }
    made->room = allocate(made->room_size, FILL);
    ctm_context *cpu = context_for("cpu");
    const char *error = NULL, *wrong = NULL;
    CHECK_STATUS(cpu, do_job(made, cpu, &error, &wrong), CTM_OK);
    CHECK(wrong == NULL);
    made->expected = made->room;
    made->expected_result = made->result;
    made->room = allocate(made->room_size, FILL);
    ctm_destroy(cpu);
    if (scenario->perform == use_device_memory && strcmp(device, "cpu") != 0) {
        lend_memory(made);
    }
    return made;
}

void destroy_job(job *job)
{
    if (job->has_host) {
        destroy_exported(&job->host, &job->lent_labels);
        destroy_exported(&job->host, &job->lent_masks);
        destroy_exported(&job->host, &job->lent_pixels);
        destroy_host(&job->host);
    }
    free(job->expected);
    free(job->room);
    free(job->pixels);
    free(job);
}

/* Doing and judging them. */

static bool guards_are_untouched(const job *job)
{
    size_t end = 0;
    for (int area = 0; area <= AREAS; area++) {
        const size_t begin = area < AREAS ? job->begin[area] : job->room_size;
        if (!all_bytes_are(job->room + end, begin - end, FILL)) {
            return false;
        }
        end = area < AREAS ? begin + job->size[area] : end;
    }
    return true;
}

ctm_status do_job(job *job, ctm_context *context, const char **error, const char **wrong)
{
    memset(job->error, 0, sizeof job->error);
    memset(job->room, FILL, job->room_size);
    job->result = (ctm_result)CTM_RESULT_INIT;
    job->result.mask_count = STALE;
    const ctm_status status = job->scenario->perform(job, context);
    if (status != CTM_OK && job->error[0] == '\0') {
        keep_error(job, context);
    }
    *error = job->error;
    job->result.distinct_colors = 0; /* Not all backends get to know it. */
    *wrong = NULL;
    if (!guards_are_untouched(job)) {
        *wrong = "memory beside the outputs was touched";
    } else if (status != CTM_OK) {
        /* Calls before that which writes the result may fail, or it may be left alone. */
        if (job->result.mask_count != 0 && job->result.mask_count != STALE) {
            *wrong = "a call that failed says how many masks there are";
        }
    } else if (job->expected != NULL) {
        if (memcmp(&job->result, &job->expected_result, sizeof job->result) != 0) {
            *wrong = "CTM_OK with other numbers than the CPU's";
        } else if (memcmp(job->room, job->expected, job->room_size) != 0) {
            *wrong = "CTM_OK with other bits than the CPU's";
        }
    }
    return status;
}
