/*
 * outlines IMAGE.png [cpu|vulkan|DEVICE]: masks as run lengths and as polygons, which take far less room than planes.
 *
 * Shows the query for both; run lengths by columns, as COCO's data sets have them; rings along the edges of pixels; and rings
 * with fewer corners, where each edge between two masks is still the same in both.
 */

#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Twice the area within a ring: positive, since exterior rings go clockwise; of a hole negative. */
static int64_t twice_the_area(const uint32_t *points, uint64_t count)
{
    int64_t area = 0;
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t *a = points + 2 * i, *b = points + 2 * ((i + 1) % count);
        area += (int64_t)a[0] * b[1] - (int64_t)b[0] * a[1];
    }
    return area;
}

int main(int argc, char **argv)
{
    struct picture picture;
    ctm_context *context = start(argc, argv, &picture, NULL);
    const ctm_image image = image_of(&picture);
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 5000;
    params.max_count = 12;

    /* 1. How much room do they need? */
    ctm_runs runs = CTM_RUNS_INIT;
    runs.order = CTM_RUNS_BY_COLUMNS;
    ctm_outlines outlines = CTM_OUTLINES_INIT;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.runs = &runs;
    outputs.outlines = &outlines;
    ctm_result result = CTM_RESULT_INIT;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));

    /* 2. All of it in one call, with the palette. */
    runs.counts_capacity = (size_t)result.run_counts_len;
    runs.counts = allocate(result.run_counts_len, sizeof *runs.counts);
    runs.offsets_capacity = outlines.mask_offsets_capacity = outputs.palette_capacity = (size_t)result.palette_len + 1;
    runs.offsets = allocate(result.palette_len + 1, sizeof *runs.offsets);
    outlines.points_capacity = (size_t)result.outline_points_len;
    outlines.points = allocate(2 * result.outline_points_len, sizeof *outlines.points);
    outlines.ring_offsets_capacity = (size_t)result.outline_rings_len + 1;
    outlines.ring_offsets = allocate(result.outline_rings_len + 1, sizeof *outlines.ring_offsets);
    outlines.mask_offsets = allocate(result.palette_len + 1, sizeof *outlines.mask_offsets);
    outputs.palette = allocate(result.palette_len + 1, sizeof *outputs.palette);
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));
    printf("mask  colour     pixels    runs  corners  area of its rings\n");
    for (uint32_t mask = 0; mask < result.mask_count; mask++) {
        int64_t area = 0;
        const uint64_t first = outlines.mask_offsets[mask], end = outlines.mask_offsets[mask + 1];
        for (uint64_t ring = first; ring < end; ring++) {
            const uint64_t point = outlines.ring_offsets[ring];
            area += twice_the_area(outlines.points + 2 * point, outlines.ring_offsets[ring + 1] - point);
        }
        printf("%4" PRIu32 "  %-8s %8" PRIu64 "  %6" PRIu64 "  %7" PRIu64 "  %" PRId64 "\n", mask + 1,
               hex(outputs.palette[mask].color, picture.channels), outputs.palette[mask].pixel_count,
               runs.offsets[mask + 1] - runs.offsets[mask], outlines.ring_offsets[end] - outlines.ring_offsets[first], area / 2);
    }

    /* 3. Fewer corners: there is room for them already. */
    const uint64_t exact = result.outline_points_len, rings = result.outline_rings_len;
    outlines.tolerance = 1;
    check(context, ctm_analyze(context, &image, &params, &outputs, &result));
    printf("with a tolerance of a pixel: %s corners, %s rings\n", result.outline_points_len < exact ? "fewer" : "as many",
           result.outline_rings_len == rings ? "as many" : "other");

    free(runs.counts);
    free(runs.offsets);
    free(outlines.points);
    free(outlines.ring_offsets);
    free(outlines.mask_offsets);
    free(outputs.palette);
    ctm_destroy(context);
    free(picture.pixels);
    return 0;
}
