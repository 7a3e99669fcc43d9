/*
 * Where there is no Vulkan, be it the driver or the loader that is missing, the automatic choice is
 * the CPU, and asking for Vulkan is an error with a reason. The argument says what is missing.
 */

#include "test.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void no_device(uint32_t backend, const char *name)
{
    ctm_options options = CTM_OPTIONS_INIT;
    options.backend = backend;
    options.device_name = name;
    ctm_context *context = (ctm_context *)(void *)&options; /* Not NULL: it must become so. */
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_ERROR_NO_DEVICE);
    CHECK(context == NULL);
    printf("%s\n", ctm_last_error(NULL));
    CHECK(strlen(ctm_last_error(NULL)) > strlen("no device: "));
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    /* The test tests nothing if the loader's presence is not as it should be. */
    void *loader = dlopen("libvulkan.so.1", RTLD_NOW);
    CHECK((loader == NULL) == (strcmp(argv[1], "loader") == 0));

    CHECK(ctm_device_name(0) == NULL);
    no_device(CTM_BACKEND_VULKAN, NULL);
    no_device(CTM_BACKEND_VULKAN, "llvmpipe");
    no_device(CTM_BACKEND_AUTO, "llvmpipe");

    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(NULL, &context), CTM_OK);
    CHECK(ctm_context_backend(context) == CTM_BACKEND_CPU);
    check_small_image(context);
    ctm_destroy(context);
    return 0;
}
