/*
 * ctm_outputs.outlines: masks as polygons. The rings of a real map's masks and regions, filled again by either rule, are the
 * masks; the size query tells how much there is; what is too small stays untouched; what is wrong is refused by name.
 */

#include "golden_map.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = MAP_HEIGHT / 2, PLANE = MAP_WIDTH * ROWS };

static ctm_image map_image(const float *map)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = MAP_WIDTH;
    image.height = ROWS;
    image.image_count = 2; /* The upper and the lower half. */
    image.channels = 3;
    return image;
}

/* Checks that a mask's rings fill its pixels, and that they turn as they should. */
static void check_mask(const ctm_outlines *found, uint64_t begin, uint64_t end, const unsigned char *mask)
{
    int *windings = allocate((size_t)(MAP_WIDTH + 1) * ROWS * sizeof *windings, 0);
    uint64_t exterior = begin;
    for (uint64_t ring = begin; ring < end; ring++) {
        const uint64_t first = found->ring_offsets[ring], last = found->ring_offsets[ring + 1] - 1;
        CHECK(last >= first + 3);
        int64_t area = 0;
        for (uint64_t i = first, before = last; i <= last; before = i++) {
            const uint32_t *from = found->points + 2 * before, *to = found->points + 2 * i;
            CHECK((from[0] == to[0]) != (from[1] == to[1]) && to[0] <= MAP_WIDTH && to[1] <= ROWS);
            area += (int64_t)from[0] * to[1] - (int64_t)to[0] * from[1];
            for (uint32_t y = from[1]; from[0] == to[0] && y < to[1]; y++) {
                windings[y * (MAP_WIDTH + 1) + to[0]]--; /* Down: the mask is to the left. */
            }
            for (uint32_t y = to[1]; from[0] == to[0] && y < from[1]; y++) {
                windings[y * (MAP_WIDTH + 1) + to[0]]++;
            }
        }
        exterior = area > 0 ? ring : exterior;
        CHECK(area != 0 && found->ring_exteriors[ring] == exterior);
    }
    for (uint32_t y = 0; y < ROWS; y++) {
        int winding = 0;
        for (uint32_t x = 0; x < MAP_WIDTH; x++) {
            winding += windings[y * (MAP_WIDTH + 1) + x];
            CHECK(winding == mask[y * MAP_WIDTH + x]);
        }
    }
    free(windings);
}

static void outlines_fill_the_masks(ctm_context *context, const float *map, uint32_t params_connected, uint32_t connected)
{
    const ctm_image image = map_image(map);
    ctm_params params = CTM_PARAMS_INIT;
    params.connected = params_connected;
    params.min_pixels = 3;
    ctm_outlines outlines = CTM_OUTLINES_INIT;
    outlines.connected = connected;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.mask_format = CTM_MASK_U8_ONE;
    outputs.outlines = &outlines;
    ctm_result query = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &query), CTM_OK);
    CHECK(query.mask_count > 20 && query.outline_rings_len > 20);
    CHECK(query.outline_points_len >= 4 * query.outline_rings_len && query.run_counts_len == 0);
    /* An 8-connected region has one exterior ring in one image. */
    CHECK(params_connected != CTM_CONNECTED_8 || connected == CTM_CONNECTED_4 || query.outline_rings_len >= query.mask_count);

    const size_t points = query.outline_points_len, rings = query.outline_rings_len, slots = query.palette_len;
    uint32_t *corners = allocate((2 * points + 1) * sizeof *corners, 0xa5);
    uint64_t *ring_offsets = allocate((rings + 2) * sizeof *ring_offsets, 0xa5);
    uint64_t *ring_exteriors = allocate((rings + 1) * sizeof *ring_exteriors, 0xa5);
    uint64_t *mask_offsets = allocate((slots + 2) * sizeof *mask_offsets, 0xa5);
    unsigned char *masks = allocate(query.masks_size, 0xa5);
    outlines.points = corners;
    outlines.points_capacity = points;
    outlines.ring_offsets = ring_offsets;
    outlines.ring_offsets_capacity = rings + 1;
    outlines.ring_exteriors = ring_exteriors;
    outlines.ring_exteriors_capacity = rings;
    outlines.mask_offsets = mask_offsets;
    outlines.mask_offsets_capacity = slots + 1;
    outputs.masks = masks;
    outputs.masks_size = query.masks_size;

    /* One less of each: nothing is touched, and all sizes are told. */
    ctm_result result = CTM_RESULT_INIT;
    size_t *const capacities[] = { &outlines.points_capacity, &outlines.ring_offsets_capacity,
                                   &outlines.ring_exteriors_capacity, &outlines.mask_offsets_capacity };
    const char *const names[] = { "outputs.outlines.points_capacity is ", "outputs.outlines.ring_offsets_capacity is ",
                                  "outputs.outlines.ring_exteriors_capacity is ",
                                  "outputs.outlines.mask_offsets_capacity is " };
    for (int i = 0; i < 4; i++) {
        --*capacities[i];
        CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_ERROR_BUFFER_TOO_SMALL);
        CHECK(strstr(ctm_last_error(context), names[i]) != NULL);
        CHECK(result.outline_points_len == points && result.outline_rings_len == rings);
        CHECK(result.masks_size == query.masks_size && result.mask_count == query.mask_count);
        ++*capacities[i];
    }
    CHECK(all_bytes_are(corners, (2 * points + 1) * sizeof *corners, 0xa5) && all_bytes_are(masks, query.masks_size, 0xa5));
    CHECK(all_bytes_are(ring_offsets, (rings + 2) * sizeof *ring_offsets, 0xa5));

    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(ring_offsets[0] == 0 && ring_offsets[rings] == points && mask_offsets[0] == 0 && mask_offsets[slots] == rings);
    CHECK(all_bytes_are(corners + 2 * points, sizeof *corners, 0xa5));
    CHECK(all_bytes_are(ring_offsets + rings + 1, sizeof *ring_offsets, 0xa5));
    CHECK(all_bytes_are(ring_exteriors + rings, sizeof *ring_exteriors, 0xa5));
    CHECK(all_bytes_are(mask_offsets + slots + 1, sizeof *mask_offsets, 0xa5));
    for (size_t i = 0; i < slots; i++) {
        check_mask(&outlines, mask_offsets[i], mask_offsets[i + 1], masks + i * PLANE);
    }
    free(masks);
    free(mask_offsets);
    free(ring_exteriors);
    free(ring_offsets);
    free(corners);
}

static void refused(ctm_context *context, const float *map, const ctm_outlines *outlines, const char *reason)
{
    const ctm_image image = map_image(map);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.outlines = outlines;
    ctm_result result = CTM_RESULT_INIT;
    result.mask_count = 77;
    CHECK_STATUS(context, ctm_analyze(context, &image, NULL, &outputs, &result), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(context), reason) != NULL && result.mask_count == 77);
}

static void wrong_values_are_refused(ctm_context *context, const float *map)
{
    uint64_t room[4] = { 0 };
#define REFUSED(assignments, reason)                  \
    do {                                              \
        ctm_outlines outlines = CTM_OUTLINES_INIT;    \
        assignments;                                  \
        refused(context, map, &outlines, reason);     \
    } while (0)
    REFUSED(outlines.struct_size = 8, "outputs.outlines.struct_size is 8;");
    REFUSED(outlines.connected = 6, "outputs.outlines.connected is 6; 0 (as params.connected), 4 or 8 is expected");
    REFUSED(outlines.tolerance = -0.5f, "outputs.outlines.tolerance is -0.5; a finite number of pixels, 0 or more, is expected");
    REFUSED(outlines.tolerance = INFINITY, "outputs.outlines.tolerance is inf;");
    REFUSED(outlines.tolerance = NAN, "outputs.outlines.tolerance is NaN;");
    REFUSED(outlines.points_capacity = 1, "outputs.outlines.points is NULL;");
    REFUSED(outlines.ring_offsets_capacity = 1, "outputs.outlines.ring_offsets is NULL;");
    REFUSED(outlines.ring_exteriors_capacity = 1, "outputs.outlines.ring_exteriors is NULL;");
    REFUSED(outlines.mask_offsets_capacity = 1, "outputs.outlines.mask_offsets is NULL;");
    REFUSED(outlines.ring_offsets = room; outlines.ring_offsets_capacity = 4; outlines.mask_offsets = room + 3;
            outlines.mask_offsets_capacity = 1, "outputs.outlines.mask_offsets (0x");
    REFUSED(outlines.points = (uint32_t *)(void *)map; outlines.points_capacity = 1, "outputs.outlines.points (0x");
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    float *map = golden_map();
    static const uint32_t connected[] = { 0, CTM_CONNECTED_4, CTM_CONNECTED_8 };
    for (int i = 0; i < 9; i++) {
        outlines_fill_the_masks(context, map, connected[i / 3], connected[i % 3]);
    }
    wrong_values_are_refused(context, map);
    free(map);
    ctm_destroy(context);
    return 0;
}
