/* Numbers, sizes and offsets that programs have compiled in, and the texts that go with them. */

#include "test.h"

#include <stdio.h>
#include <string.h>

/* Fails to compile when the condition does not hold; C99 has no _Static_assert. */
#define FROZEN(name, condition) typedef char frozen_##name[(condition) ? 1 : -1]

FROZEN(ok, CTM_OK == 0);
FROZEN(invalid_argument, CTM_ERROR_INVALID_ARGUMENT == 1);
FROZEN(buffer_too_small, CTM_ERROR_BUFFER_TOO_SMALL == 2);
FROZEN(out_of_memory, CTM_ERROR_OUT_OF_MEMORY == 3);
FROZEN(out_of_device_memory, CTM_ERROR_OUT_OF_DEVICE_MEMORY == 4);
FROZEN(no_device, CTM_ERROR_NO_DEVICE == 5);
FROZEN(device_lost, CTM_ERROR_DEVICE_LOST == 6);
FROZEN(timeout, CTM_ERROR_TIMEOUT == 7);
FROZEN(driver, CTM_ERROR_DRIVER == 8);
FROZEN(internal, CTM_ERROR_INTERNAL == 9);
enum { STATUSES = 10 };

FROZEN(backend_auto, CTM_BACKEND_AUTO == 0);
FROZEN(backend_vulkan, CTM_BACKEND_VULKAN == 1);
FROZEN(backend_cpu, CTM_BACKEND_CPU == 2);

FROZEN(status_is_4_bytes, sizeof(ctm_status) == 4);
FROZEN(status_is_signed, (ctm_status)-1 < 0);

#if UINTPTR_MAX == UINT64_MAX
FROZEN(options_size, sizeof(ctm_options) == 56);
FROZEN(options_struct_size, offsetof(ctm_options, struct_size) == 0);
FROZEN(options_backend, offsetof(ctm_options, backend) == 8);
FROZEN(options_max_threads, offsetof(ctm_options, max_threads) == 12);
FROZEN(options_device_name, offsetof(ctm_options, device_name) == 16);
FROZEN(options_device_timeout_ms, offsetof(ctm_options, device_timeout_ms) == 24);
FROZEN(options_reserved, offsetof(ctm_options, reserved) == 28);
FROZEN(options_memory_limit, offsetof(ctm_options, memory_limit) == 32);
FROZEN(options_pipeline_cache, offsetof(ctm_options, pipeline_cache) == 40);
FROZEN(options_pipeline_cache_size, offsetof(ctm_options, pipeline_cache_size) == 48);

FROZEN(counters_size, sizeof(ctm_counters) == 80);
FROZEN(counters_struct_size, offsetof(ctm_counters, struct_size) == 0);
FROZEN(counters_bytes_to_device, offsetof(ctm_counters, bytes_to_device) == 8);
FROZEN(counters_bytes_from_device, offsetof(ctm_counters, bytes_from_device) == 16);
FROZEN(counters_bytes_imported, offsetof(ctm_counters, bytes_imported) == 24);
FROZEN(counters_dispatches, offsetof(ctm_counters, dispatches) == 32);
FROZEN(counters_submissions, offsetof(ctm_counters, submissions) == 40);
FROZEN(counters_device_allocations, offsetof(ctm_counters, device_allocations) == 48);
FROZEN(counters_pipelines, offsetof(ctm_counters, pipelines) == 56);
FROZEN(counters_pixels_read, offsetof(ctm_counters, pixels_read) == 64);
FROZEN(counters_device_bytes, offsetof(ctm_counters, device_bytes) == 72);
#endif

static void every_status_has_its_own_sentence(void)
{
    for (ctm_status a = 0; a < STATUSES; a++) {
        const char *sentence = ctm_status_string(a);
        CHECK(sentence != NULL);
        CHECK(strlen(sentence) > 3);
        CHECK(strcmp(sentence, "unknown status") != 0);
        CHECK(sentence == ctm_status_string(a)); /* Static. */
        for (ctm_status b = 0; b < a; b++) {
            CHECK(strcmp(sentence, ctm_status_string(b)) != 0);
        }
    }
    /* Fails when a status is added and not here. */
    static const ctm_status unknown[] = { STATUSES, 1000, -1, INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        CHECK(strcmp(ctm_status_string(unknown[i]), "unknown status") == 0);
    }
}

static void one_version_everywhere(void)
{
    char version[64];
    snprintf(version, sizeof version, "%d.%d.%d", CTM_VERSION_MAJOR, CTM_VERSION_MINOR,
             CTM_VERSION_PATCH);
    CHECK(strcmp(CTM_VERSION, version) == 0);
    CHECK(strcmp(ctm_version(), CTM_VERSION) == 0);
    CHECK(ctm_version() == ctm_version());
}

int main(void)
{
    every_status_has_its_own_sentence();
    one_version_everywhere();
    return 0;
}
