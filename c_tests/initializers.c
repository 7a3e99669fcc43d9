/*
 * The exported initializers: each writes what the struct's macro has, byte for byte, to a struct of each size that was
 * ever published, and nothing before or behind it; whatever else it is given is an error, and nothing is written.
 */

#define _DEFAULT_SOURCE

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef ctm_status initializer(void *target, size_t size);

/* The initializers as functions of bytes. */
static ctm_status options_init(void *target, size_t size) { return ctm_options_init((ctm_options *)target, size); }
static ctm_status image_init(void *target, size_t size) { return ctm_image_init((ctm_image *)target, size); }
static ctm_status params_init(void *target, size_t size) { return ctm_params_init((ctm_params *)target, size); }
static ctm_status outputs_init(void *target, size_t size) { return ctm_outputs_init((ctm_outputs *)target, size); }
static ctm_status result_init(void *target, size_t size) { return ctm_result_init((ctm_result *)target, size); }
static ctm_status counters_init(void *target, size_t size) { return ctm_counters_init((ctm_counters *)target, size); }
static ctm_status runs_init(void *target, size_t size)
{
    return ctm_runs_init((ctm_runs *)target, size);
}

static ctm_status outlines_init(void *target, size_t size)
{
    return ctm_outlines_init((ctm_outlines *)target, size);
}

static ctm_status device_memory_init(void *target, size_t size)
{
    return ctm_device_memory_init((ctm_device_memory *)target, size);
}

/* Memory between two guard pages that ends with the `size` bytes returned; 0xa5 before them. */
static unsigned char *guarded(size_t page, size_t size)
{
    unsigned char *mapping =
        mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapping != MAP_FAILED);
    memset(mapping + page, 0xa5, page);
    CHECK(mprotect(mapping, page, PROT_NONE) == 0);
    CHECK(mprotect(mapping + 2 * page, page, PROT_NONE) == 0);
    return mapping + 2 * page - size;
}

static void check_error(initializer *init, void *target, size_t size, const char *expected)
{
    CHECK(init(target, size) == CTM_ERROR_INVALID_ARGUMENT);
    if (strstr(ctm_last_error(NULL), expected) == NULL) {
        fprintf(stderr, "\"%s\" does not say \"%s\"\n", ctm_last_error(NULL), expected);
        exit(1);
    }
}

/* `defaults` is what the macro makes, a struct of the last of the sizes. */
static void check(initializer *init, const void *defaults, const size_t *sizes, size_t count)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = sizes[count - 1];
    for (size_t i = 0; i < count; i++) {
        const size_t size = sizes[i];
        unsigned char *target = guarded(page, size);
        CHECK(init(target, size) == CTM_OK);
        size_t stated;
        memcpy(&stated, target, sizeof stated);
        CHECK(stated == size);
        CHECK(memcmp(target + sizeof stated, (const char *)defaults + sizeof stated, size - sizeof stated) == 0);
        for (const unsigned char *before = target - (page - size); before < target; before++) {
            CHECK(*before == 0xa5);
        }
        /* Any other size is an error, and the struct stays what it is. */
        memset(target, 0x5a, size);
        for (size_t other = 0; other <= whole + 8; other++) {
            int published = 0;
            for (size_t j = 0; j < count; j++) {
                published |= other == sizes[j];
            }
            if (!published) {
                check_error(init, target, other, "struct_size is ");
            }
        }
        check_error(init, target, (size_t)-1, "struct_size is ");
        check_error(init, target - 1, size, "is expected");
        check_error(init, NULL, size, " is NULL; a struct that starts as CTM_");
        for (size_t byte = 0; byte < size; byte++) {
            CHECK(target[byte] == 0x5a);
        }
        CHECK(munmap(target + size - 2 * page, 3 * page) == 0);
    }
}

int main(void)
{
    /* Padding is 0 in both: no struct has any, which the table of docs/ffi.md shows. */
    const ctm_options options = CTM_OPTIONS_INIT;
    const ctm_image image = CTM_IMAGE_INIT;
    const ctm_params params = CTM_PARAMS_INIT;
    const ctm_outputs outputs = CTM_OUTPUTS_INIT;
    const ctm_result result = CTM_RESULT_INIT;
    const ctm_counters counters = CTM_COUNTERS_INIT;
    const ctm_runs runs = CTM_RUNS_INIT;
    const ctm_outlines outlines = CTM_OUTLINES_INIT;
    const ctm_device_memory device_memory = CTM_DEVICE_MEMORY_INIT;
    /* Each size that was ever published; see published_sizes.c. */
    const size_t options_sizes[] = { offsetof(ctm_options, memory_limit), offsetof(ctm_options, log), sizeof options };
    const size_t image_sizes[] = { sizeof image }, params_sizes[] = { sizeof params };
    const size_t outputs_sizes[] = { sizeof outputs }, result_sizes[] = { sizeof result };
    const size_t runs_sizes[] = { sizeof runs }, outlines_sizes[] = { sizeof outlines };
    const size_t counters_sizes[] = { sizeof counters }, device_memory_sizes[] = { sizeof device_memory };
    check(options_init, &options, options_sizes, 3);
    check(image_init, &image, image_sizes, 1);
    check(params_init, &params, params_sizes, 1);
    check(outputs_init, &outputs, outputs_sizes, 1);
    check(result_init, &result, result_sizes, 1);
    check(runs_init, &runs, runs_sizes, 1);
    check(outlines_init, &outlines, outlines_sizes, 1);
    check(counters_init, &counters, counters_sizes, 1);
    check(device_memory_init, &device_memory, device_memory_sizes, 1);

    /* What one has written works. */
    ctm_options made;
    CHECK_STATUS(NULL, ctm_options_init(&made, sizeof made), CTM_OK);
    made.backend = CTM_BACKEND_CPU;
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&made, &context), CTM_OK);
    ctm_destroy(context);
    return 0;
}
