/* Invalid options give a status and a text that names the field and its value, and no context. */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refused(const ctm_options *options, ctm_status expected, const char *name,
                    const char *value, int line)
{
    ctm_context *context = (ctm_context *)(void *)&expected; /* Not NULL: it must become so. */
    const ctm_status status = ctm_create(options, &context);
    const char *text = ctm_last_error(NULL);
    if (status != expected || context != NULL || strstr(text, name) == NULL ||
        strstr(text, value) == NULL) {
        fprintf(stderr,
                "%s:%d: status %d, expected %d; context %p, expected NULL;\n"
                "    \"%s\" is expected to name \"%s\" and \"%s\"\n",
                __FILE__, line, (int)status, (int)expected, (void *)context, text, name, value);
        exit(1);
    }
}

#define REFUSED(options, status, name, value) \
    refused((options), (status), (name), (value), __LINE__)

static void struct_sizes(const char *device)
{
    const size_t size = sizeof(ctm_options);
    const size_t wrong[] = { 0, 1, 8, 24, 31, 33, 40, 48, size - 1, size + 1, size + 8, SIZE_MAX };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ctm_options options = options_for(device);
        options.struct_size = wrong[i];
        char value[32];
        snprintf(value, sizeof value, "%zu", wrong[i]);
        REFUSED(&options, CTM_ERROR_INVALID_ARGUMENT, "struct_size", value);
    }
}

static void fields(const char *device)
{
    static const uint32_t unknown[] = { 3, 4, UINT32_MAX };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char value[32];
        snprintf(value, sizeof value, "%lu", (unsigned long)unknown[i]);

        ctm_options options = options_for(device);
        options.backend = unknown[i];
        REFUSED(&options, CTM_ERROR_INVALID_ARGUMENT, "backend", value);

        options = options_for(device);
        options.reserved = unknown[i];
        REFUSED(&options, CTM_ERROR_INVALID_ARGUMENT, "reserved", value);

        options = options_for(device);
        options.reserved_2 = unknown[i];
        REFUSED(&options, CTM_ERROR_INVALID_ARGUMENT, "reserved_2", value);

        options = options_for(device);
        options.log_level = unknown[i] < 5 ? 5 : unknown[i];
        REFUSED(&options, CTM_ERROR_INVALID_ARGUMENT, "log_level", i == 2 ? value : "5");
    }
}

static void memory_limits(const char *device)
{
    static const uint64_t too_small[] = { 1, 4096, (UINT64_C(32) << 20) - 1 };
    for (size_t i = 0; i < sizeof too_small / sizeof *too_small; i++) {
        ctm_options options = options_for(device);
        options.memory_limit = too_small[i];
        char value[64];
        snprintf(value, sizeof value, "memory_limit is %llu;", (unsigned long long)too_small[i]);
        REFUSED(&options, CTM_ERROR_INVALID_ARGUMENT, value, "33554432 (32 MiB)");
    }
}

static void device_names(void)
{
    ctm_options options = CTM_OPTIONS_INIT;
    options.backend = CTM_BACKEND_CPU;
    options.device_name = "llvmpipe";
    REFUSED(&options, CTM_ERROR_INVALID_ARGUMENT, "device_name", "llvmpipe");

    /* An empty name is none: neither the CPU nor the rule for devices minds it. */
    options.device_name = "";
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    ctm_destroy(context);
    options.backend = CTM_BACKEND_AUTO;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    CHECK(strstr(ctm_context_device_name(context), "SwiftShader") == NULL);
    CHECK(strstr(ctm_context_device_name(context), "llvmpipe") == NULL);
    ctm_destroy(context);

    static const uint32_t backends[] = { CTM_BACKEND_AUTO, CTM_BACKEND_VULKAN };
    for (int i = 0; i < 2; i++) {
        options.backend = backends[i];
        options.device_name = "no such device";
        REFUSED(&options, CTM_ERROR_NO_DEVICE, "", "no such device");
        options.device_name = "\xff\xfe is not UTF-8";
        REFUSED(&options, CTM_ERROR_INVALID_ARGUMENT, "device_name", "UTF-8");
    }
}

static void pointers(const char *device)
{
    const ctm_options options = options_for(device);
    CHECK_STATUS(NULL, ctm_create(&options, NULL), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(NULL), "context is NULL") != NULL);

    char memory[sizeof(ctm_options) + 64];
    memset(memory, 0, sizeof memory);
    char *aligned = memory + (8 - (uintptr_t)memory % 8) % 8;
    for (int shift = 1; shift < 8; shift++) {
        /* The options are valid but for where they lie. */
        memcpy(aligned + shift, &options, sizeof options);
        REFUSED((const ctm_options *)(const void *)(aligned + shift), CTM_ERROR_INVALID_ARGUMENT,
                "options", "multiple of 8");

        memset(memory, 0x5a, sizeof memory);
        CHECK_STATUS(NULL, ctm_create(&options, (ctm_context **)(void *)(aligned + shift)),
                     CTM_ERROR_INVALID_ARGUMENT);
        CHECK(strstr(ctm_last_error(NULL), "context is 0x") != NULL);
        CHECK(all_bytes_are(memory, sizeof memory, 0x5a));
    }
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    CHECK(strcmp(ctm_last_error(NULL), "") == 0);
    struct_sizes(device);
    fields(device);
    memory_limits(device);
    device_names();
    pointers(device);

    ctm_context *context = context_for(device);
    CHECK(strcmp(ctm_last_error(NULL), "") != 0); /* A success does not clear it. */
    check_small_image(context);
    ctm_destroy(context);
    return 0;
}
