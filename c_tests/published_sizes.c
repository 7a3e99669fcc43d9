/*
 * A struct of each size that was ever published works: fields that it does not have are at their
 * defaults, and nothing behind it is read or written.
 */

#define _DEFAULT_SOURCE

#include "test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Memory for `bytes` bytes; what follows them must not be touched. Never freed. */
static void *before_guard_page(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *mapping = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapping != MAP_FAILED);
    CHECK(mprotect(mapping + page, page, PROT_NONE) == 0);
    return mapping + page - bytes;
}

static void options_sizes(const char *device)
{
    /* Version 0.1 first ended behind `reserved`, then behind `pipeline_cache_size`. */
    static const size_t sizes[] = { offsetof(ctm_options, memory_limit), offsetof(ctm_options, log),
                                    sizeof(ctm_options) };
    ctm_options options = options_for(device);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        options.struct_size = sizes[i];
        ctm_options *guarded = before_guard_page(sizes[i]);
        memcpy((void *)guarded, &options, sizes[i]);
        ctm_context *context = NULL;
        CHECK_STATUS(NULL, ctm_create(guarded, &context), CTM_OK);
        CHECK(ctm_context_backend(context) == options.backend);
        check_small_image(context);
        ctm_destroy(context);
    }

    /* What lies behind an old struct is not the library's, even where it can be read. */
    for (size_t i = sizeof sizes / sizeof *sizes - 1; i-- > 0;) {
        memset((char *)&options + sizes[i], 0xa5, sizeof options - sizes[i]);
        options.struct_size = sizes[i];
        ctm_context *context = NULL;
        CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
        check_small_image(context);
        ctm_destroy(context);
    }
}

static void counters_sizes(const char *device)
{
    const ctm_counters initialised = CTM_COUNTERS_INIT;
    static const size_t sizes[] = { sizeof(ctm_counters) };
    ctm_context *context = context_for(device);
    check_small_image(context);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ctm_counters *guarded = before_guard_page(sizes[i]);
        memcpy((void *)guarded, &initialised, sizes[i]);
        guarded->struct_size = sizes[i];
        CHECK_STATUS(context, ctm_context_counters(context, guarded), CTM_OK);
        CHECK(guarded->struct_size == sizes[i]);
    }
    ctm_destroy(context);
}

static void analyze_sizes(const char *device)
{
    const ctm_image image = { sizeof image, small_image, SMALL_WIDTH, SMALL_HEIGHT, SMALL_CHANNELS,
                              0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL };
    const ctm_params params = CTM_PARAMS_INIT;
    const ctm_outputs outputs = CTM_OUTPUTS_INIT;
    const ctm_result result = CTM_RESULT_INIT;
    ctm_palette_entry *palette = before_guard_page(sizeof *palette);
    /* Version 0.2 has the first of each. */
    ctm_image *guarded_image = before_guard_page(sizeof image);
    ctm_params *guarded_params = before_guard_page(sizeof params);
    ctm_outputs *guarded_outputs = before_guard_page(sizeof outputs);
    ctm_result *guarded_result = before_guard_page(sizeof result);
    memcpy(guarded_image, &image, sizeof image);
    memcpy(guarded_params, &params, sizeof params);
    memcpy(guarded_outputs, &outputs, sizeof outputs);
    memcpy(guarded_result, &result, sizeof result);
    guarded_params->max_count = 1;
    guarded_outputs->palette = palette;
    guarded_outputs->palette_capacity = 1;
    ctm_context *context = context_for(device);
    CHECK_STATUS(context, ctm_analyze(context, guarded_image, guarded_params, guarded_outputs, guarded_result),
                 CTM_OK);
    CHECK(guarded_result->struct_size == sizeof result && guarded_result->mask_count == 1);
    CHECK(palette->pixel_count == 7);
    ctm_destroy(context);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    options_sizes(device);
    counters_sizes(device);
    analyze_sizes(device);
    return 0;
}
