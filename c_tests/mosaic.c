/*
 * ctm_mosaic: runs and outlines of an image that comes in parts are those of one call, byte for byte; what is wrong is refused by
 * name and changes nothing; damaged bytes are an error.
 */

#include "golden_map.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { PIXELS = MAP_WIDTH * MAP_HEIGHT, SIDE = 3 };

/* What is told of all masks. */
typedef struct shapes {
    ctm_runs runs;
    ctm_outlines outlines;
} shapes;

/* Makes room for so much, and a bit more that has to stay as it is. */
static shapes room_for(const ctm_result *sizes)
{
    shapes room = { CTM_RUNS_INIT, CTM_OUTLINES_INIT };
    const size_t masks = sizes->palette_len + 1, rings = sizes->outline_rings_len, points = sizes->outline_points_len;
    room.runs.order = CTM_RUNS_BY_COLUMNS;
    room.runs.counts = allocate((sizes->run_counts_len + 1) * sizeof *room.runs.counts, 0xa5);
    room.runs.counts_capacity = sizes->run_counts_len;
    room.runs.offsets = allocate((masks + 1) * sizeof *room.runs.offsets, 0xa5);
    room.runs.offsets_capacity = masks;
    room.outlines.tolerance = 1.5f;
    room.outlines.points = allocate((2 * points + 1) * sizeof *room.outlines.points, 0xa5);
    room.outlines.points_capacity = points;
    room.outlines.ring_offsets = allocate((rings + 2) * sizeof *room.outlines.ring_offsets, 0xa5);
    room.outlines.ring_offsets_capacity = rings + 1;
    room.outlines.ring_exteriors = allocate((rings + 1) * sizeof *room.outlines.ring_exteriors, 0xa5);
    room.outlines.ring_exteriors_capacity = rings;
    room.outlines.mask_offsets = allocate((masks + 1) * sizeof *room.outlines.mask_offsets, 0xa5);
    room.outlines.mask_offsets_capacity = masks;
    return room;
}

static void release(shapes *room)
{
    free(room->runs.counts);
    free(room->runs.offsets);
    free(room->outlines.points);
    free(room->outlines.ring_offsets);
    free(room->outlines.ring_exteriors);
    free(room->outlines.mask_offsets);
}

static void check_same(const shapes *one, const shapes *other)
{
    const size_t masks = one->runs.offsets_capacity + 1, rings = one->outlines.ring_exteriors_capacity + 1;
    CHECK(memcmp(one->runs.counts, other->runs.counts, (one->runs.counts_capacity + 1) * sizeof(uint32_t)) == 0);
    CHECK(memcmp(one->runs.offsets, other->runs.offsets, masks * sizeof(uint64_t)) == 0);
    CHECK(memcmp(one->outlines.points, other->outlines.points,
                 (2 * one->outlines.points_capacity + 1) * sizeof(uint32_t)) == 0);
    CHECK(memcmp(one->outlines.ring_offsets, other->outlines.ring_offsets, (rings + 1) * sizeof(uint64_t)) == 0);
    CHECK(memcmp(one->outlines.ring_exteriors, other->outlines.ring_exteriors, rings * sizeof(uint64_t)) == 0);
    CHECK(memcmp(one->outlines.mask_offsets, other->outlines.mask_offsets, masks * sizeof(uint64_t)) == 0);
}

static ctm_outputs outputs_to(const shapes *room)
{
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.runs = &room->runs;
    outputs.outlines = &room->outlines;
    return outputs;
}

/* Adds one of the tiles. */
static ctm_status add_tile(ctm_context *context, ctm_mosaic *mosaic, const void *labels, uint32_t format, uint32_t tile)
{
    static const size_t bytes[] = { 4, 2, 1 };
    const uint32_t left = tile % SIDE * MAP_WIDTH / SIDE, right = (tile % SIDE + 1) * MAP_WIDTH / SIDE;
    const uint32_t top = tile / SIDE * MAP_HEIGHT / SIDE, bottom = (tile / SIDE + 1) * MAP_HEIGHT / SIDE;
    const char *first = (const char *)labels + ((size_t)top * MAP_WIDTH + left) * bytes[format];
    return ctm_mosaic_add(context, mosaic, left, top, right - left, bottom - top, first, format,
                          MAP_WIDTH * bytes[format]);
}

/* By way of bytes: gives another mosaic. */
static ctm_mosaic *sent(ctm_context *context, ctm_mosaic *mosaic)
{
    size_t size = 0;
    CHECK_STATUS(context, ctm_mosaic_export(context, mosaic, NULL, &size), CTM_OK);
    unsigned char *bytes = allocate(size + 1, 0xa5);
    size_t less = size - 1;
    CHECK_STATUS(context, ctm_mosaic_export(context, mosaic, bytes, &less), CTM_ERROR_BUFFER_TOO_SMALL);
    CHECK(less == size && all_bytes_are(bytes, size + 1, 0xa5));
    CHECK_STATUS(context, ctm_mosaic_export(context, mosaic, bytes, &size), CTM_OK);
    CHECK(bytes[size] == 0xa5);
    ctm_mosaic *other = NULL;
    CHECK_STATUS(context, ctm_mosaic_import(context, bytes, size - 1, &other), CTM_ERROR_DATA);
    bytes[size / 2] ^= 4;
    CHECK_STATUS(context, ctm_mosaic_import(context, bytes, size, &other), CTM_ERROR_DATA);
    CHECK(other == NULL && strstr(ctm_last_error(context), "a mosaic has the checksum ") != NULL);
    bytes[size / 2] ^= 4;
    CHECK_STATUS(context, ctm_mosaic_import(context, bytes, size, &other), CTM_OK);
    free(bytes);
    ctm_mosaic_destroy(mosaic);
    return other;
}

static void parts_are_a_whole(ctm_context *context, const float *map, uint32_t format)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = MAP_WIDTH;
    image.height = MAP_HEIGHT;
    image.channels = 3;
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 3;
    params.max_count = 60;
    shapes nothing = { CTM_RUNS_INIT, CTM_OUTLINES_INIT };
    nothing.runs.order = CTM_RUNS_BY_COLUMNS;
    nothing.outlines.tolerance = 1.5f;
    ctm_outputs outputs = outputs_to(&nothing);
    ctm_result sizes = CTM_RESULT_INIT, found = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &sizes), CTM_OK);
    shapes expected = room_for(&sizes), given = room_for(&sizes);
    void *labels = allocate(PIXELS * 4, 0);
    outputs = outputs_to(&expected);
    outputs.labels = labels;
    outputs.labels_size = PIXELS * 4;
    outputs.label_format = format;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &found), CTM_OK);
    const uint32_t masks = found.mask_count;
    CHECK(masks > 20);

    ctm_mosaic *mosaics[2] = { NULL, NULL };
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(context, ctm_mosaic_create(context, MAP_WIDTH, MAP_HEIGHT, &mosaics[i]), CTM_OK);
    }
    static const uint32_t order[] = { 4, 8, 0, 2, 7, 1, 6, 3, 5 };
    for (int i = 0; i < SIDE * SIDE; i++) {
        CHECK_STATUS(context, add_tile(context, mosaics[i % 2], labels, format, order[i]), CTM_OK);
    }
    CHECK_STATUS(context, add_tile(context, mosaics[0], labels, format, 4), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "which overlap; parts that do not are expected") != NULL);
    outputs = outputs_to(&nothing);
    found.mask_count = 77;
    CHECK_STATUS(context, ctm_mosaic_write(context, mosaics[0], masks, &outputs, &found), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "in 5 parts: the first that is missing is in column ") != NULL && found.mask_count == 77);
    mosaics[1] = sent(context, mosaics[1]);
    CHECK_STATUS(context, ctm_mosaic_merge(context, mosaics[0], mosaics[1]), CTM_OK);
    CHECK_STATUS(context, ctm_mosaic_merge(context, mosaics[0], mosaics[1]), CTM_ERROR_INVALID_ARGUMENT);

    CHECK_STATUS(context, ctm_mosaic_write(context, mosaics[0], masks, &outputs, &found), CTM_OK);
    CHECK(found.run_counts_len == sizes.run_counts_len && found.outline_points_len == sizes.outline_points_len);
    CHECK(found.outline_rings_len == sizes.outline_rings_len && found.mask_count == masks && found.palette_len == masks);
    CHECK_STATUS(context, ctm_mosaic_write(context, mosaics[0], masks - 1, &outputs, &found), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), "mask_count is ") != NULL);
    outputs = outputs_to(&given);
    given.outlines.points_capacity--;
    CHECK_STATUS(context, ctm_mosaic_write(context, mosaics[0], masks, &outputs, &found), CTM_ERROR_BUFFER_TOO_SMALL);
    CHECK(strstr(ctm_last_error(context), "outputs.outlines.points_capacity is ") != NULL);
    CHECK(found.outline_points_len == sizes.outline_points_len && given.runs.counts[0] == 0xa5a5a5a5);
    given.outlines.points_capacity++;
    CHECK_STATUS(context, ctm_mosaic_write(context, mosaics[0], masks, &outputs, &found), CTM_OK);
    check_same(&expected, &given);
    CHECK_STATUS(context, ctm_mosaic_write(context, mosaics[0], masks, NULL, &found), CTM_OK);
    CHECK(found.run_counts_len == 0 && found.outline_points_len == 0 && found.mask_count == masks);
    for (int i = 0; i < 2; i++) {
        ctm_mosaic_destroy(mosaics[i]);
    }
    free(labels);
    release(&given);
    release(&expected);
}

static void wrong_values_are_refused(ctm_context *context)
{
    ctm_mosaic *mosaic = NULL;
    const uint32_t labels[64] = { 0 };
    size_t size = 0;
#define REFUSED(call, reason)                                             \
    do {                                                                  \
        CHECK_STATUS(context, call, CTM_ERROR_INVALID_ARGUMENT);          \
        CHECK(strstr(ctm_last_error(context), reason) != NULL);           \
    } while (0)
    REFUSED(ctm_mosaic_create(context, 8, 8, NULL), "mosaic is NULL");
    REFUSED(ctm_mosaic_create(context, 8, 0, &mosaic), "height is 0");
    CHECK(ctm_mosaic_create(NULL, 8, 8, &mosaic) == CTM_ERROR_INVALID_ARGUMENT && mosaic == NULL);
    CHECK_STATUS(context, ctm_mosaic_create(context, 8, 8, &mosaic), CTM_OK);
    REFUSED(ctm_mosaic_add(context, NULL, 0, 0, 8, 8, labels, CTM_LABEL_U32, 0), "mosaic is NULL; an object of");
    REFUSED(ctm_mosaic_add(context, mosaic, 0, 0, 8, 9, labels, CTM_LABEL_U32, 0), "the part is 8 x 9 pixels at column 0");
    REFUSED(ctm_mosaic_add(context, mosaic, 0, 0, 8, 8, NULL, CTM_LABEL_U32, 0), "labels is NULL");
    REFUSED(ctm_mosaic_add(context, mosaic, 0, 0, 8, 7, (const char *)labels + 1, CTM_LABEL_U16, 0), "labels is 0x");
    REFUSED(ctm_mosaic_add(context, mosaic, 0, 0, 8, 8, labels, 3, 0), "label_format is 3; 0 (u32), 1 (u16) or 2 (u8)");
    REFUSED(ctm_mosaic_add(context, mosaic, 0, 0, 8, 8, labels, CTM_LABEL_U32, 28), "row_stride is 28; 0, or a multiple of 4 of at least 32");
    REFUSED(ctm_mosaic_add(context, mosaic, 0, 0, 8, 8, labels, CTM_LABEL_U32, 34), "row_stride is 34;");
    REFUSED(ctm_mosaic_add(context, mosaic, 0, 0, 8, 8, labels, CTM_LABEL_U8, SIZE_MAX / 2), "a size that fits the address space");
    REFUSED(ctm_mosaic_merge(context, mosaic, mosaic), "other is the same object as mosaic");
    REFUSED(ctm_mosaic_merge(context, mosaic, NULL), "other is NULL");
    REFUSED(ctm_mosaic_export(context, mosaic, NULL, NULL), "size is NULL");
    REFUSED(ctm_mosaic_export(context, NULL, NULL, &size), "mosaic is NULL");
    CHECK_STATUS(context, ctm_mosaic_add(context, mosaic, 0, 0, 8, 8, labels, CTM_LABEL_U32, 0), CTM_OK);
    ctm_result result = CTM_RESULT_INIT;
    REFUSED(ctm_mosaic_write(context, mosaic, 0, NULL, NULL), "result is NULL");
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.cropped = 1;
    REFUSED(ctm_mosaic_write(context, mosaic, 0, &outputs, &result), "outputs.cropped is 1; 0 is expected");
    outputs.cropped = 0;
    outputs.labels = &size;
    REFUSED(ctm_mosaic_write(context, mosaic, 0, &outputs, &result), "outputs.labels is 0x");
    outputs.labels = NULL;
    ctm_runs runs = CTM_RUNS_INIT;
    runs.order = 2;
    outputs.runs = &runs;
    REFUSED(ctm_mosaic_write(context, mosaic, 0, &outputs, &result), "outputs.runs.order is 2;");
    ctm_outlines outlines = CTM_OUTLINES_INIT;
    outlines.tolerance = -1;
    outputs.runs = NULL;
    outputs.outlines = &outlines;
    REFUSED(ctm_mosaic_write(context, mosaic, 0, &outputs, &result), "outputs.outlines.tolerance is -1;");
    ctm_mosaic_destroy(mosaic);
    ctm_mosaic_destroy(NULL);
    REFUSED(ctm_mosaic_import(context, NULL, 5, &mosaic), "data is NULL");
    CHECK(mosaic == NULL);
    CHECK_STATUS(context, ctm_mosaic_import(context, labels, sizeof labels, &mosaic), CTM_ERROR_DATA);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    float *map = golden_map();
    for (uint32_t format = CTM_LABEL_U32; format <= CTM_LABEL_U8; format++) {
        parts_are_a_whole(context, map, format);
    }
    wrong_values_are_refused(context);
    free(map);
    ctm_destroy(context);
    return 0;
}
