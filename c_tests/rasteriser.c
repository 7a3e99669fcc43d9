/*
 * A software rasteriser counts as a Vulkan device only when it is asked for. To be run where the
 * two software drivers are all the Vulkan there is.
 */

#include "test.h"

#include <string.h>

int main(void)
{
    unsigned llvmpipes = 0, swiftshaders = 0;
    uint32_t devices = 0;
    for (const char *name = ctm_device_name(0); name != NULL; name = ctm_device_name(++devices)) {
        llvmpipes += strstr(name, "llvmpipe") != NULL;
        swiftshaders += strstr(name, "SwiftShader") != NULL;
    }
    CHECK(llvmpipes == 1 && swiftshaders == 1 && devices == 2);

    ctm_context *context = NULL;
    CHECK_STATUS(NULL, ctm_create(NULL, &context), CTM_OK);
    CHECK(ctm_context_backend(context) == CTM_BACKEND_CPU);
    check_small_image(context);
    ctm_destroy(context);

    ctm_options options = CTM_OPTIONS_INIT;
    options.backend = CTM_BACKEND_VULKAN;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    CHECK(ctm_context_backend(context) == CTM_BACKEND_VULKAN);
    CHECK(strcmp(ctm_context_device_name(context), ctm_device_name(0)) == 0);
    check_small_image(context);
    ctm_destroy(context);
    return 0;
}
