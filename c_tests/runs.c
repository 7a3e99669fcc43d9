/*
 * ctm_outputs.runs: masks as run lengths. The numbers of a real map's masks and regions, by rows and by columns, whole and
 * cropped, give the masks again; the size query tells how many there are; what is too small stays untouched; what is wrong is
 * refused by name.
 */

#include "golden_map.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { PIXELS = MAP_WIDTH * MAP_HEIGHT };

static ctm_image map_image(const float *map)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = MAP_WIDTH;
    image.height = MAP_HEIGHT / 2;
    image.image_count = 2; /* The upper and the lower half. */
    image.channels = 3;
    return image;
}

/* Checks that a mask's numbers paint a box of bytes. */
static void check_mask(const uint32_t *counts, uint64_t len, uint32_t order, uint32_t width, uint32_t height,
                       const unsigned char *mask)
{
    uint64_t pixel = 0;
    for (uint64_t i = 0; i < len; i++) {
        CHECK(i == 0 || counts[i] > 0);
        for (uint32_t n = 0; n < counts[i]; n++, pixel++) {
            const uint64_t x = order == CTM_RUNS_BY_ROWS ? pixel % width : pixel / height;
            const uint64_t y = order == CTM_RUNS_BY_ROWS ? pixel / width : pixel % height;
            CHECK(x < width && y < height && mask[y * width + x] == i % 2);
        }
    }
    CHECK(pixel == (uint64_t)width * height);
}

static void runs_paint_the_masks(ctm_context *context, const float *map, uint32_t order, uint32_t connected,
                                 uint32_t cropped)
{
    const ctm_image image = map_image(map);
    ctm_params params = CTM_PARAMS_INIT;
    params.connected = connected;
    params.min_pixels = 3;
    ctm_runs runs = CTM_RUNS_INIT;
    runs.order = order;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.mask_format = CTM_MASK_U8_ONE;
    outputs.cropped = cropped;
    outputs.runs = &runs;
    ctm_result query = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &query), CTM_OK);
    CHECK(query.mask_count > 20 && query.palette_len == 2 * query.mask_count && query.run_counts_len > query.palette_len);

    const size_t len = query.run_counts_len, entries = query.palette_len;
    uint32_t *counts = allocate((len + 1) * sizeof *counts, 0xa5);
    uint64_t *offsets = allocate((entries + 2) * sizeof *offsets, 0xa5);
    unsigned char *masks = allocate(query.masks_size + 1, 0xa5);
    ctm_palette_entry *palette = allocate(entries * sizeof *palette, 0xa5);
    runs.counts = counts;
    runs.counts_capacity = len;
    runs.offsets = offsets;
    runs.offsets_capacity = entries + 1;
    outputs.masks = masks;
    outputs.masks_size = query.masks_size;
    outputs.palette = palette;
    outputs.palette_capacity = entries;

    /* One number, one offset or one byte less: nothing is touched, and all sizes are told. */
    ctm_result result = CTM_RESULT_INIT;
    runs.counts_capacity--;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_BUFFER_TOO_SMALL);
    CHECK(strstr(ctm_last_error(context), "outputs.runs.counts_capacity is ") != NULL);
    CHECK(result.run_counts_len == len && result.masks_size == query.masks_size && result.mask_count == query.mask_count);
    runs.counts_capacity++;
    runs.offsets_capacity--;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_BUFFER_TOO_SMALL);
    CHECK(strstr(ctm_last_error(context), "outputs.runs.offsets_capacity is ") != NULL);
    CHECK(result.run_counts_len == len);
    runs.offsets_capacity++;
    outputs.masks_size--;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_BUFFER_TOO_SMALL);
    CHECK(strstr(ctm_last_error(context), "outputs.masks_size is ") != NULL);
    CHECK(result.masks_size == query.masks_size && result.run_counts_len == (cropped ? len : 0));
    outputs.masks_size++;
    CHECK(all_bytes_are(counts, (len + 1) * sizeof *counts, 0xa5));
    CHECK(all_bytes_are(offsets, (entries + 2) * sizeof *offsets, 0xa5));
    CHECK(all_bytes_are(masks, query.masks_size + 1, 0xa5) && all_bytes_are(palette, entries * sizeof *palette, 0xa5));

    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.run_counts_len == len && result.masks_size == query.masks_size);
    CHECK(offsets[0] == 0 && offsets[entries] == len && all_bytes_are(counts + len, sizeof *counts, 0xa5));
    CHECK(all_bytes_are(offsets + entries + 1, sizeof *offsets, 0xa5));
    for (size_t i = 0; i < entries; i++) {
        const uint32_t width = cropped ? palette[i].width : image.width, height = cropped ? palette[i].height : image.height;
        CHECK(offsets[i] <= offsets[i + 1]);
        check_mask(counts + offsets[i], offsets[i + 1] - offsets[i], order, width, height, masks + palette[i].mask_offset);
    }

    /* Either alone. */
    uint32_t *again = allocate(len * sizeof *again, 0x5a);
    outputs.masks = NULL;
    outputs.masks_size = 0;
    outputs.palette = NULL;
    outputs.palette_capacity = 0;
    runs.counts = again;
    runs.offsets = NULL;
    runs.offsets_capacity = 0;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(memcmp(again, counts, len * sizeof *again) == 0);
    memset(again, 0x5a, len * sizeof *again);
    uint64_t *offsets_again = allocate((entries + 1) * sizeof *offsets_again, 0);
    runs.counts = NULL;
    runs.counts_capacity = 0;
    runs.offsets = offsets_again;
    runs.offsets_capacity = entries + 1;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(memcmp(offsets_again, offsets, (entries + 1) * sizeof *offsets) == 0);
    free(offsets_again);
    free(again);
    free(palette);
    free(masks);
    free(offsets);
    free(counts);
}

static void refused(ctm_context *context, const float *map, const ctm_runs *runs, const char *reason)
{
    const ctm_image image = map_image(map);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.runs = runs;
    ctm_result result = CTM_RESULT_INIT;
    result.mask_count = 77;
    CHECK_STATUS(context, ctm_analyze(context, &image, NULL, &outputs, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), reason) != NULL && result.mask_count == 77);
}

static void wrong_values_are_refused(ctm_context *context, const float *map)
{
    uint64_t room[4] = { 0 };
#define REFUSED(assignments, reason)              \
    do {                                          \
        ctm_runs runs = CTM_RUNS_INIT;            \
        assignments;                              \
        refused(context, map, &runs, reason);     \
    } while (0)
    REFUSED(runs.struct_size = 8, "outputs.runs.struct_size is 8;");
    REFUSED(runs.order = 2, "outputs.runs.order is 2; 0 (by rows) or 1 (by columns) is expected");
    REFUSED(runs.reserved = 1, "outputs.runs.reserved is 1;");
    REFUSED(runs.counts_capacity = 1, "outputs.runs.counts is NULL;");
    REFUSED(runs.offsets_capacity = 1, "outputs.runs.offsets is NULL;");
    REFUSED(runs.counts = (uint32_t *)(void *)((char *)room + 1); runs.counts_capacity = 1, "outputs.runs.counts is 0x");
    REFUSED(runs.counts = (uint32_t *)(void *)room; runs.counts_capacity = 8; runs.offsets = room + 3;
            runs.offsets_capacity = 1, "outputs.runs.offsets (0x");
    REFUSED(runs.counts = (uint32_t *)(void *)map; runs.counts_capacity = 8, "outputs.runs.counts (0x");
}

/* Without a mask there is one offset. */
static void no_mask(ctm_context *context, const float *map)
{
    const ctm_image image = map_image(map);
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = PIXELS + 1;
    uint64_t offsets[2] = { 7, 7 };
    ctm_runs runs = CTM_RUNS_INIT;
    runs.offsets = offsets;
    runs.offsets_capacity = 2;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.runs = &runs;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == 0 && result.run_counts_len == 0 && offsets[0] == 0 && offsets[1] == 7);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    float *map = golden_map();
    for (uint32_t kind = 0; kind < 8; kind++) {
        runs_paint_the_masks(context, map, kind & 1 ? CTM_RUNS_BY_COLUMNS : CTM_RUNS_BY_ROWS,
                             kind & 2 ? CTM_CONNECTED_8 : 0, kind >> 2);
    }
    wrong_values_are_refused(context, map);
    no_mask(context, map);
    free(map);
    ctm_destroy(context);
    return 0;
}
