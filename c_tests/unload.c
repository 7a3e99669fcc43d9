/* A host may unload a plug-in that uses ctm, with contexts made or not, and load it again. */

#include "test.h"

#include <dlfcn.h>
#include <string.h>

typedef ctm_status create_function(const ctm_options *, ctm_context **);
typedef ctm_status run_function(ctm_context *, const float *, uint32_t, uint32_t, uint32_t,
                                uint64_t, uint32_t, float *, size_t, uint32_t *);
typedef void destroy_function(ctm_context *);

static void *symbol(void *library, const char *name)
{
    void *address = dlsym(library, name);
    CHECK(address != NULL);
    return address;
}

int main(int argc, char **argv)
{
    const ctm_options options = options_for(device_argument(argc, argv));
    for (int round = 0; round < 3; round++) {
        void *library = dlopen(CTM_LIBRARY, RTLD_NOW | RTLD_LOCAL);
        CHECK(library != NULL);
        create_function *create;
        run_function *run;
        destroy_function *destroy;
        *(void **)&create = symbol(library, "ctm_create");
        *(void **)&run = symbol(library, "ctm_run");
        *(void **)&destroy = symbol(library, "ctm_destroy");

        ctm_context *context = NULL;
        CHECK(create(&options, &context) == CTM_OK);
        float masks[SMALL_PIXELS * SMALL_MASKS];
        uint32_t mask_count = 0;
        CHECK(run(context, small_image, SMALL_WIDTH, SMALL_HEIGHT, SMALL_CHANNELS, 2, 5, masks,
                  SMALL_PIXELS * SMALL_MASKS, &mask_count) == CTM_OK);
        CHECK(mask_count == SMALL_MASKS);
        CHECK(memcmp(masks, small_masks, sizeof masks) == 0);
        destroy(context);
        CHECK(dlclose(library) == 0);
    }
    return 0;
}
