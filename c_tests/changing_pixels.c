/*
 * Pixels that change during a call, as they must not, cost that call at most: it returns a status, nothing outside the
 * buffers is touched, and the context works on.
 */

#include "oracle.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 400, HEIGHT = 220, PIXELS = WIDTH * HEIGHT, MASKS = 6, SLACK = 64, CHANGES = 5 };

static float *map, *masks;

/* Pixels of another kind at the `from`th call, and at each that follows. */
typedef struct {
    int calls, from, to;
    uint64_t random;
} change;

static float value(int kind, uint32_t i, uint64_t *random)
{
    switch (kind) {
    case 0: /* all different */
        return (float)i;
    case 1: /* one colour */
        return 1;
    case 2: /* noise of many */
        return (float)(next_random(random) % 60000);
    case 3: /* a few at random */
        return (float)(next_random(random) % 5);
    default: /* many, ten pixels each */
        return (float)(i * 2654435761u % (PIXELS / 10));
    }
}

static void paint(int kind, uint64_t *random)
{
    for (uint32_t i = 0; i < PIXELS; i++) {
        map[i] = value(kind, i, random);
    }
}

static int32_t progress(void *user, double done)
{
    change *c = user;
    (void)done;
    if (c->calls++ >= c->from) {
        paint(c->to, &c->random);
    }
    return 0;
}

/* Whether it ended in an error. */
static bool run_changing(ctm_context *context, int kind, int from, int to)
{
    change c = { .from = from, .to = to, .random = 9 };
    uint64_t random = 5;
    paint(kind, &random);
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.channels = 1;
    ctm_params params = CTM_PARAMS_INIT;
    params.max_count = MASKS;
    params.progress = progress;
    params.progress_user = &c;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = masks;
    outputs.masks_size = sizeof *masks * MASKS * PIXELS;
    ctm_result result = CTM_RESULT_INIT;
    memset(masks, 0xa5, sizeof *masks * (MASKS * PIXELS + SLACK));
    const ctm_status status = ctm_analyze(context, &image, &params, &outputs, &result);
    CHECK(all_bytes_are(masks + (size_t)MASKS * PIXELS, sizeof *masks * SLACK, 0xa5));
    if (status == CTM_OK) {
        CHECK(result.mask_count <= MASKS);
        return false;
    }
    CHECK(status == CTM_ERROR_INTERNAL || status == CTM_ERROR_DRIVER); /* who counted finds it out */
    CHECK(ctm_last_error(context)[0] != '\0');
    return true;
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    ctm_context *context = context_for(device);
    map = allocate(sizeof *map * PIXELS, 0);
    masks = allocate(sizeof *masks * (MASKS * PIXELS + SLACK), 0);
    int errors = 0;
    for (int kind = 0; kind < CHANGES; kind++) {
        for (int to = 0; to < CHANGES; to++) {
            for (int from = 1; from < 10; from += 4) {
                if (run_changing(context, kind, from, to)) {
                    errors++;
                    check_small_image(context);
                }
            }
        }
        uint64_t random = 5;
        paint(kind, &random);
        check_against_oracle(context, map, WIDTH, HEIGHT, 1, 1, MASKS);
    }
    CHECK(errors > 0); /* Or else nothing was put to the test. */
    check_small_image(context);
    ctm_destroy(context);
    free(masks);
    free(map);
    return 0;
}
