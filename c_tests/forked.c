/*
 * A forked process has none of the threads of its parent's context: a call on that context says so
 * instead of waiting for them, it can be destroyed, and a new one works, on the CPU where the parent
 * has used Vulkan.
 */

#include "test.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    (void)argc;
    ctm_context *parents = context_for(argv[1]);
    check_small_image(parents);

    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(30); /* A call that waits for ever ends here. */
        uint32_t mask_count = 77;
        CHECK_STATUS(parents, ctm_run(parents, small_image, SMALL_WIDTH, SMALL_HEIGHT, SMALL_CHANNELS, 1,
                                      5, NULL, 0, &mask_count),
                     CTM_ERROR_INVALID_ARGUMENT);
        CHECK(mask_count == 77);
        CHECK(strstr(ctm_last_error(parents), "process") != NULL);
        ctm_counters counters = CTM_COUNTERS_INIT;
        CHECK_STATUS(parents, ctm_context_counters(parents, &counters), CTM_ERROR_INVALID_ARGUMENT);
        size_t size = 77;
        CHECK_STATUS(parents, ctm_context_pipeline_cache(parents, NULL, &size),
                     CTM_ERROR_INVALID_ARGUMENT);
        CHECK(size == 77);
        if (ctm_context_backend(parents) == CTM_BACKEND_VULKAN) {
            ctm_options options = CTM_OPTIONS_INIT;
            options.backend = CTM_BACKEND_VULKAN;
            ctm_context *none = NULL;
            CHECK_STATUS(NULL, ctm_create(&options, &none), CTM_ERROR_NO_DEVICE);
        }
        ctm_destroy(parents);

        ctm_context *own = NULL; /* AUTO falls back on the CPU. */
        CHECK_STATUS(NULL, ctm_create(NULL, &own), CTM_OK);
        check_small_image(own);
        ctm_destroy(own);
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    check_small_image(parents);
    ctm_destroy(parents);
    return 0;
}
