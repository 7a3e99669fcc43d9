/*
 * A context's compiled pipelines can be read out and given to another context; a cache that does not
 * fit, or is damaged, is as good as none.
 */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    unsigned char *bytes;
    size_t size;
} cache;

/* The cache of a context, exactly as large as its buffer. */
static cache cache_of(ctm_context *context)
{
    cache c = { NULL, 77 };
    CHECK_STATUS(context, ctm_context_pipeline_cache(context, NULL, &c.size), CTM_OK);
    c.bytes = allocate(c.size, 0xa5);
    size_t size = c.size;
    CHECK_STATUS(context, ctm_context_pipeline_cache(context, c.bytes, &size), CTM_OK);
    CHECK(size == c.size);
    return c;
}

/* The cache that a context on this device has once it has worked. */
static cache cache_for(const char *device)
{
    ctm_context *context = context_for(device);
    check_small_image(context);
    const cache c = cache_of(context);
    CHECK((c.size == 0) == (ctm_context_backend(context) == CTM_BACKEND_CPU));
    ctm_destroy(context);
    return c;
}

/* A context that is given these bytes works as any other. */
static void check_works_with(const char *device, const void *bytes, size_t size)
{
    ctm_options options = options_for(device);
    options.pipeline_cache = bytes;
    options.pipeline_cache_size = size;
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    CHECK(ctm_context_backend(context) == options.backend);
    check_small_image(context);
    ctm_destroy(context);
}

/* As above, with a copy that is gone, and was overwritten, when the context works. */
static void check_read_during_create_only(const char *device, const cache *c)
{
    ctm_options options = options_for(device);
    unsigned char *copy = allocate(c->size + 1, 0);
    memcpy(copy + 1, c->bytes, c->size); /* Any alignment. */
    options.pipeline_cache = copy + 1;
    options.pipeline_cache_size = c->size;
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    CHECK(memcmp(copy + 1, c->bytes, c->size) == 0);
    memset(copy, 0xa5, c->size + 1);
    free(copy);
    check_small_image(context);
    const cache again = cache_of(context);
    CHECK((again.size == 0) == (c->size == 0));
    free(again.bytes);
    ctm_destroy(context);
}

static void too_small(const char *device)
{
    ctm_context *context = context_for(device);
    check_small_image(context);
    const cache c = cache_of(context);
    if (c.size > 0) {
        const size_t sizes[] = { 0, 1, c.size / 2, c.size - 1 };
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char *bytes = allocate(c.size, 0x5a);
            size_t size = sizes[i];
            CHECK_STATUS(context, ctm_context_pipeline_cache(context, bytes, &size),
                         CTM_ERROR_BUFFER_TOO_SMALL);
            CHECK(size == c.size);
            CHECK(all_bytes_are(bytes, c.size, 0x5a));
            char value[48];
            snprintf(value, sizeof value, "*size is %zu;", sizes[i]);
            CHECK(strstr(ctm_last_error(context), value) != NULL);
            free(bytes);
        }
    }

    /* More room than needed: what lies behind the cache keeps its bytes. */
    unsigned char *bytes = allocate(c.size + 100, 0x5a);
    size_t size = c.size + 100;
    CHECK_STATUS(context, ctm_context_pipeline_cache(context, bytes, &size), CTM_OK);
    CHECK(size == c.size);
    CHECK(all_bytes_are(bytes + size, 100, 0x5a));
    free(bytes);
    free(c.bytes);
    ctm_destroy(context);
}

static void damaged(const char *device, const cache *c)
{
    unsigned char *bytes = allocate(c->size + 8, 0);
    memcpy(bytes, c->bytes, c->size);
    check_works_with(device, bytes, c->size + 8); /* Longer than it was. */
    const size_t lengths[] = { 1, 16, 32, 48, 64, c->size - 1 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        if (c->size > 0 && lengths[i] < c->size) {
            check_works_with(device, bytes, lengths[i]);
        }
    }
    for (size_t place = 0; place < c->size; place += 1 + c->size / 50) {
        bytes[place] ^= 0x10;
        check_works_with(device, bytes, c->size);
        bytes[place] ^= 0x10;
    }
    free(bytes);

    unsigned char rubbish[300];
    memset(rubbish, 0xff, sizeof rubbish);
    check_works_with(device, rubbish, sizeof rubbish);
    /* Lengths of nothing. */
    check_works_with(device, rubbish, 0);
    check_works_with(device, NULL, 0);
}

/* A cache of each device of the machine, and the CPU's, for this one. */
static void of_other_devices(const char *device)
{
    const char *name;
    for (uint32_t i = 0; (name = ctm_device_name(i)) != NULL; i++) {
        char other[300];
        CHECK(strlen(name) + 8 <= sizeof other);
        snprintf(other, sizeof other, "vulkan:%s", name);
        const cache c = cache_for(other);
        check_works_with(device, c.bytes, c.size);
        free(c.bytes);
    }
}

static void arguments(const char *device)
{
    ctm_options options = options_for(device);
    ctm_context *context = NULL;
    options.pipeline_cache_size = 5;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(NULL), "pipeline_cache is NULL") != NULL);
    CHECK(strstr(ctm_last_error(NULL), "pipeline_cache_size = 5") != NULL);
    CHECK(context == NULL);
    options.pipeline_cache = &options;
    options.pipeline_cache_size = SIZE_MAX;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(NULL), "pipeline_cache_size is 18446744073709551615") != NULL);

    context = context_for(device);
    size_t memory[64];
    memset(memory, 0x5a, sizeof memory);
    size_t size = sizeof memory;
    CHECK_STATUS(NULL, ctm_context_pipeline_cache(NULL, memory, &size), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(NULL), "context is NULL") != NULL);
    CHECK_STATUS(context, ctm_context_pipeline_cache(context, memory, NULL),
                 CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "size is NULL") != NULL);
    CHECK_STATUS(context,
                 ctm_context_pipeline_cache(context, NULL, (size_t *)(void *)((char *)memory + 1)),
                 CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "multiple of 8") != NULL);
    size = SIZE_MAX;
    CHECK_STATUS(context, ctm_context_pipeline_cache(context, memory, &size),
                 CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "data is 18446744073709551615 bytes") != NULL);
    CHECK(size == SIZE_MAX);
    CHECK(all_bytes_are(memory, sizeof memory, 0x5a));
    memory[3] = sizeof memory;
    CHECK_STATUS(context, ctm_context_pipeline_cache(context, memory, &memory[3]),
                 CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "overlaps data") != NULL);
    CHECK(memory[3] == sizeof memory);
    check_small_image(context);
    ctm_destroy(context);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    const cache c = cache_for(device);
    check_read_during_create_only(device, &c);
    too_small(device);
    damaged(device, &c);
    of_other_devices(device);
    arguments(device);
    free(c.bytes);
    return 0;
}
