#include "every_call.h"

#include <stdlib.h>
#include <string.h>

/* So large that devices import the pixels. */
enum { WIDTH = 300, HEIGHT = 240, CHANNELS = 4, PIXELS = WIDTH * HEIGHT, VALUES = PIXELS * CHANNELS };
enum { MASKS = 6, ENTRIES = 64 };

static float floats[VALUES], special[VALUES], different[VALUES];
static uint8_t bytes[VALUES];
static uint16_t words[VALUES], halves[VALUES];

typedef struct {
    const char *name;
    const void *pixels;
    uint32_t format;
    void (*set)(ctm_params *params, ctm_outputs *outputs);
} kind;

static void nothing(ctm_params *params, ctm_outputs *outputs)
{
    (void)params;
    (void)outputs;
}

static void nearest(ctm_params *params, ctm_outputs *outputs)
{
    (void)outputs;
    params->nearest = CTM_NEAREST_EUCLIDEAN;
    params->tolerance = 0.3;
}

static void chebyshev(ctm_params *params, ctm_outputs *outputs)
{
    (void)outputs;
    params->nearest = CTM_NEAREST_CHEBYSHEV;
    params->tolerance = 0.2;
}

static void merge(ctm_params *params, ctm_outputs *outputs)
{
    (void)outputs;
    params->merge = CTM_MERGE_EUCLIDEAN;
    params->merge_tolerance = 0.2;
}

static void unmix(ctm_params *params, ctm_outputs *outputs)
{
    (void)outputs;
    params->unmix_radius = 3;
}

static void coverage(ctm_params *params, ctm_outputs *outputs)
{
    params->unmix_radius = 3;
    outputs->mask_format = CTM_MASK_COVERAGE;
}

static void eight_bits(ctm_params *params, ctm_outputs *outputs)
{
    (void)outputs;
    params->matching = CTM_MATCH_8_BIT;
}

static void opaque(ctm_params *params, ctm_outputs *outputs)
{
    (void)outputs;
    params->alpha = CTM_ALPHA_AT_LEAST;
    params->least_alpha = 0.5f;
}

static void regions(ctm_params *params, ctm_outputs *outputs)
{
    params->connected = CTM_CONNECTED_8;
    params->max_count = MASKS;
    outputs->cropped = 1;
}

static void palette(ctm_params *params, ctm_outputs *outputs)
{
    static const float colors[3][4] = { { .1f, .2f, .3f, 1 }, { .8f, .1f, .5f, 1 }, { .5f, .9f, .2f, 1 } };
    params->palette = &colors[0][0];
    params->palette_count = 3;
    params->unlisted = CTM_UNLISTED_NEAREST;
    outputs->report_unlisted = 1;
}

static const kind kinds[] = {
    { "ctm_run", special, CTM_FORMAT_F32, NULL },
    { "counts and regions of parts", special, CTM_FORMAT_F32, NULL },
    { "floats", floats, CTM_FORMAT_F32, nothing },
    { "special values", special, CTM_FORMAT_F32, nothing },
    { "very many colours", different, CTM_FORMAT_F32, nothing },
    { "bytes", bytes, CTM_FORMAT_U8, nothing },
    { "16-bit integers", words, CTM_FORMAT_U16, nothing },
    { "16-bit floats", halves, CTM_FORMAT_F16, nothing },
    { "nearest", floats, CTM_FORMAT_F32, nearest },
    { "nearest, special values", special, CTM_FORMAT_F32, nearest },
    { "nearest, Chebyshev", floats, CTM_FORMAT_F32, chebyshev },
    { "merge", floats, CTM_FORMAT_F32, merge },
    { "merge, special values", special, CTM_FORMAT_F32, merge },
    { "unmixing", floats, CTM_FORMAT_F32, unmix },
    { "coverage", special, CTM_FORMAT_F32, coverage },
    { "8 bits", floats, CTM_FORMAT_F32, eight_bits },
    { "8 bits, special values", special, CTM_FORMAT_F32, eight_bits },
    { "8 bits of 16-bit integers", words, CTM_FORMAT_U16, eight_bits },
    { "8 bits of 16-bit floats", halves, CTM_FORMAT_F16, eight_bits },
    { "alpha", special, CTM_FORMAT_F32, opaque },
    { "regions", floats, CTM_FORMAT_F32, regions },
    { "a palette", special, CTM_FORMAT_F32, palette },
};

int call_kinds(void)
{
    return sizeof kinds / sizeof *kinds;
}

const char *call_name(int number)
{
    return kinds[number].name;
}

/* Floats of 0 to 1 by integer arithmetic: the bits of 1 to 2, less 1 by hand. */
static float unit_float(uint32_t thousandths)
{
    static const uint32_t tenths[] = { 0x00000000u, 0x3dcccccdu, 0x3e4ccccdu, 0x3e99999au, 0x3eccccccu, 0x3f000000u,
                                       0x3f19999au, 0x3f333333u, 0x3f4ccccdu, 0x3f666666u, 0x3f800000u };
    float value;
    set_bits(&value, tenths[thousandths / 100] + (thousandths / 100 < 10 ? thousandths % 100 * 977 : 0));
    return value;
}

static void make_pixels(void)
{
    static const uint32_t specials[] = { 0x7fc00000u, 0x7f800001u, 0xff800000u, 0x7f800000u, 0x00000001u,
                                         0x807fffffu, 0x00400000u, 0x80000000u, 0x7f7fffffu };
    static bool made = false;
    if (made) {
        return;
    }
    made = true;
    uint64_t random = 7;
    for (uint32_t i = 0; i < PIXELS; i++) {
        const uint32_t x = i % WIDTH, y = i / WIDTH, region = (x / 37 + y / 29) % 9;
        const bool edge = x % 37 == 0 || y % 29 == 0 || next_random(&random) % 29 == 0;
        for (uint32_t c = 0; c < CHANNELS; c++) {
            const uint32_t of_region = c == 3 ? 1000 : (region * (c + 3) % 9) * 111;
            const uint32_t value = edge ? (uint32_t)(next_random(&random) % 1000) : of_region;
            const uint32_t at = CHANNELS * i + c;
            floats[at] = special[at] = unit_float(value);
            bytes[at] = (uint8_t)(value * 255 / 1000);
            words[at] = (uint16_t)(value * 65535 / 1000);
            halves[at] = (uint16_t)(next_random(&random) % 40 == 0 ? value * 65 : region * 1000 + 300 * c);
            const uint64_t chance = next_random(&random);
            if (chance % 50 == 0) {
                set_bits(&special[at], specials[chance / 50 % (sizeof specials / sizeof *specials)]);
            }
            set_bits(&different[at], (uint32_t)(chance >> 40));
        }
    }
}

static void add(uint64_t *hash, const void *memory, size_t size)
{
    const unsigned char *byte = memory;
    while (size > 0) {
        uint64_t word = 0;
        const size_t taken = size < sizeof word ? size : sizeof word;
        memcpy(&word, byte, taken);
        *hash = (*hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        *hash ^= *hash >> 32;
        byte += taken;
        size -= taken;
    }
}

static float masks[(size_t)MASKS * PIXELS];

static uint64_t outcome_of_run(ctm_context *context)
{
    uint64_t hash = 0;
    uint32_t mask_count = 0;
    CHECK_STATUS(context, ctm_run(context, special, WIDTH, HEIGHT, CHANNELS, 1, MASKS, masks,
                                  sizeof masks / sizeof *masks, &mask_count), CTM_OK);
    add(&hash, &mask_count, sizeof mask_count);
    add(&hash, masks, sizeof masks);
    return hash;
}

static uint64_t outcome_of_counts(ctm_context *context, const ctm_image *image)
{
    uint64_t hash = 0;
    ctm_counts *counts = NULL, *same = NULL;
    CHECK_STATUS(context, ctm_counts_create(context, &counts), CTM_OK);
    CHECK_STATUS(context, ctm_counts_add(context, counts, image, NULL), CTM_OK);
    size_t size = 0;
    CHECK_STATUS(context, ctm_counts_export(context, counts, NULL, &size), CTM_OK);
    unsigned char *data = allocate(size, 0);
    CHECK_STATUS(context, ctm_counts_export(context, counts, data, &size), CTM_OK);
    add(&hash, data, size);
    CHECK_STATUS(context, ctm_counts_import(context, data, size, &same), CTM_OK);
    CHECK_STATUS(context, ctm_counts_merge(context, counts, same), CTM_OK);
    static ctm_palette_entry entries[ENTRIES];
    memset(entries, 0, sizeof entries);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.palette = entries;
    outputs.palette_capacity = ENTRIES;
    ctm_params params = CTM_PARAMS_INIT;
    params.max_count = MASKS;
    params.merge = CTM_MERGE_EUCLIDEAN;
    params.merge_tolerance = 0.1;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_counts_select(context, counts, &params, &outputs, &result), CTM_OK);
    add(&hash, entries, sizeof entries);
    ctm_counts_destroy(same);
    ctm_counts_destroy(counts);
    free(data);
    return hash;
}

static uint64_t outcome_of_regions(ctm_context *context, const ctm_image *image)
{
    uint64_t hash = 0;
    ctm_regions *halves[2] = { NULL, NULL };
    ctm_params params = CTM_PARAMS_INIT;
    params.connected = CTM_CONNECTED_8;
    for (uint32_t half = 0; half < 2; half++) {
        ctm_image part = *image;
        part.top = half * (HEIGHT / 2);
        part.rectangle_height = half == 0 ? HEIGHT / 2 : HEIGHT - HEIGHT / 2;
        part.rectangle_width = WIDTH;
        CHECK_STATUS(context, ctm_regions_create(context, WIDTH, HEIGHT, &halves[half]), CTM_OK);
        CHECK_STATUS(context, ctm_regions_add(context, halves[half], &part, 0, part.top, &params), CTM_OK);
    }
    size_t size = 0;
    CHECK_STATUS(context, ctm_regions_export(context, halves[1], NULL, &size), CTM_OK);
    unsigned char *data = allocate(size, 0);
    CHECK_STATUS(context, ctm_regions_export(context, halves[1], data, &size), CTM_OK);
    add(&hash, data, size);
    ctm_regions_destroy(halves[1]);
    CHECK_STATUS(context, ctm_regions_import(context, data, size, &halves[1]), CTM_OK);
    CHECK_STATUS(context, ctm_regions_merge(context, halves[0], halves[1]), CTM_OK);
    static ctm_palette_entry entries[ENTRIES];
    memset(entries, 0, sizeof entries);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.palette = entries;
    outputs.palette_capacity = ENTRIES;
    params.max_count = MASKS;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_regions_select(context, halves[0], &params, &outputs, &result), CTM_OK);
    add(&hash, entries, sizeof entries);
    params.regions = halves[0];
    ctm_image part = *image;
    part.rectangle_width = WIDTH;
    part.rectangle_height = HEIGHT / 2;
    CHECK_STATUS(context, ctm_analyze(context, &part, &params, &outputs, &result), CTM_OK);
    add(&hash, entries, sizeof entries);
    ctm_regions_destroy(halves[0]);
    ctm_regions_destroy(halves[1]);
    free(data);
    return hash;
}

uint64_t outcome_of(ctm_context *context, int number, int32_t (*progress)(void *user, double done), void *user)
{
    make_pixels();
    const kind *k = &kinds[number];
    memset(masks, 0, sizeof masks);
    if (number == 0) {
        return outcome_of_run(context);
    }
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = k->pixels;
    image.format = k->format;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.channels = CHANNELS;
    if (k->set == NULL) {
        return outcome_of_counts(context, &image) ^ outcome_of_regions(context, &image);
    }
    static uint16_t labels[PIXELS];
    static ctm_palette_entry entries[ENTRIES], unlisted[ENTRIES];
    static ctm_merged_color merged[ENTRIES];
    memset(labels, 0, sizeof labels);
    memset(entries, 0, sizeof entries);
    memset(unlisted, 0, sizeof unlisted);
    memset(merged, 0, sizeof merged);
    ctm_params params = CTM_PARAMS_INIT;
    params.max_count = MASKS;
    params.progress = progress;
    params.progress_user = user;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = masks;
    outputs.masks_size = sizeof masks;
    outputs.labels = labels;
    outputs.labels_size = sizeof labels;
    outputs.label_format = CTM_LABEL_U16;
    outputs.palette = entries;
    outputs.palette_capacity = ENTRIES;
    k->set(&params, &outputs);
    if (params.palette != NULL) {
        outputs.unlisted = unlisted;
        outputs.unlisted_capacity = ENTRIES;
    }
    outputs.merged = merged;
    outputs.merged_capacity = ENTRIES;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
    uint64_t hash = 0;
    result.distinct_colors = 0; /* May differ from call to call. */
    add(&hash, &result, sizeof result);
    add(&hash, masks, sizeof masks);
    add(&hash, labels, sizeof labels);
    add(&hash, entries, sizeof entries);
    add(&hash, unlisted, sizeof unlisted);
    add(&hash, merged, sizeof merged);
    return hash;
}
