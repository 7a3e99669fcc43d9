#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define R 1.0f, 0.0f, 0.0f
#define G 0.0f, 0.5f, 0.0f
#define B 0.0f, 0.0f, 0.25f

const float small_image[SMALL_PIXELS * SMALL_CHANNELS] = {
    R, G, R, R, /* */
    G, G, R, G, /* */
    R, R, R, B, /* */
};

const float small_masks[SMALL_PIXELS * SMALL_MASKS] = {
    1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, /* R */
    0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, /* G */
};

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, condition);
    exit(1);
}

void check_status(const char *file, int line, const char *call, ctm_status status,
                  ctm_status expected, const ctm_context *context)
{
    if (status == expected) {
        return;
    }
    fprintf(stderr, "%s:%d: %s\n    returned %d (%s), not %d (%s); last error: %s\n", file, line,
            call, (int)status, ctm_status_string(status), (int)expected,
            ctm_status_string(expected), ctm_last_error(context));
    exit(1);
}

const char *device_argument(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s cpu | vulkan | vulkan:NAME\n", argv[0]);
        exit(2);
    }
    return argv[1];
}

ctm_options options_for(const char *device)
{
    ctm_options options = CTM_OPTIONS_INIT;
    const char *timeout = getenv("CTM_TEST_DEVICE_TIMEOUT_MS"); /* For devices that run some fifty times slower. */
    options.device_timeout_ms = timeout != NULL ? (uint32_t)strtoul(timeout, NULL, 10) : 0;
    if (strcmp(device, "cpu") == 0) {
        options.backend = CTM_BACKEND_CPU;
    } else if (strcmp(device, "vulkan") == 0) {
        options.backend = CTM_BACKEND_VULKAN;
    } else if (strncmp(device, "vulkan:", strlen("vulkan:")) == 0) {
        options.backend = CTM_BACKEND_VULKAN;
        options.device_name = device + strlen("vulkan:");
    } else {
        fprintf(stderr, "unknown device \"%s\"\n", device);
        exit(2);
    }
    return options;
}

ctm_context *context_for(const char *device)
{
    const ctm_options options = options_for(device);
    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    CHECK(context != NULL);
    /* A silent fall-back to another device would make the test worthless. */
    CHECK(ctm_context_backend(context) == options.backend);
    if (options.device_name != NULL) {
        CHECK(strstr(ctm_context_device_name(context), options.device_name) != NULL);
    }
    return context;
}

void *allocate(size_t bytes, unsigned char fill)
{
    void *memory = malloc(bytes > 0 ? bytes : 1);
    CHECK(memory != NULL);
    return memset(memory, fill, bytes);
}

unsigned char *read_golden(const char *folder, const char *name, size_t *bytes)
{
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/%s/%s", GOLDEN_DIR, folder, name) < (int)sizeof path);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    const long size = ftell(file);
    CHECK(size >= 0);
    CHECK(fseek(file, 0, SEEK_SET) == 0);
    *bytes = (size_t)size;
    unsigned char *content = allocate(*bytes + 1, 0);
    CHECK(fread(content, 1, *bytes, file) == *bytes);
    fclose(file);
    return content;
}

uint32_t bits_of(const float *value)
{
    uint32_t bits;
    memcpy(&bits, value, sizeof bits);
    return bits;
}

void set_bits(float *value, uint32_t bits)
{
    memcpy(value, &bits, sizeof bits);
}

uint64_t next_random(uint64_t *state)
{
    /* splitmix64 */
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

bool all_bytes_are(const void *memory, size_t bytes, unsigned char value)
{
    const unsigned char *byte = memory;
    for (size_t i = 0; i < bytes; i++) {
        if (byte[i] != value) {
            return false;
        }
    }
    return true;
}

void check_small_image(ctm_context *context)
{
    float masks[SMALL_PIXELS * SMALL_MASKS];
    memset(masks, 0xa5, sizeof masks);
    uint32_t mask_count = 77;
    CHECK_STATUS(context,
                 ctm_run(context, small_image, SMALL_WIDTH, SMALL_HEIGHT, SMALL_CHANNELS, 2, 5,
                         masks, SMALL_PIXELS * SMALL_MASKS, &mask_count),
                 CTM_OK);
    CHECK(mask_count == SMALL_MASKS);
    CHECK(memcmp(masks, small_masks, sizeof masks) == 0);
}
