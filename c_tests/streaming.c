/* An image in bands and tiles: what is counted part by part, here or in other processes, gives each part the labels of
   the whole. Exports that are damaged are refused. A large image takes the memory of one band. */

#define _DEFAULT_SOURCE

#include "golden_map.h"
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WIDTH = MAP_WIDTH, HEIGHT = MAP_HEIGHT, PIXELS = WIDTH * HEIGHT, LEAST = 30, MOST = 40 };

/* A part of the world map, as bytes, and the same as floats. */
static unsigned char map[PIXELS * 3];
static float *floats;

static ctm_params params_of(const ctm_counts *counts)
{
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = LEAST;
    params.max_count = MOST;
    params.counts = counts;
    return params;
}

struct found {
    unsigned char masks[MOST * PIXELS];
    uint16_t labels[PIXELS];
    ctm_palette_entry palette[MOST];
    ctm_result result;
};

static void analyze(ctm_context *context, const ctm_image *image, const ctm_counts *counts, struct found *found)
{
    const ctm_params params = params_of(counts);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = found->masks;
    outputs.masks_size = sizeof found->masks;
    outputs.mask_format = CTM_MASK_U8;
    outputs.labels = found->labels;
    outputs.labels_size = sizeof found->labels;
    outputs.label_format = CTM_LABEL_U16;
    outputs.palette = found->palette;
    outputs.palette_capacity = MOST;
    found->result = (ctm_result)CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyze(context, image, &params, &outputs, &found->result), CTM_OK);
}

static void add(ctm_context *context, ctm_counts *counts, const ctm_image *image)
{
    CHECK_STATUS(context, ctm_counts_add(context, counts, image, NULL), CTM_OK);
}

static ctm_counts *create(ctm_context *context)
{
    ctm_counts *counts = NULL;
    CHECK_STATUS(context, ctm_counts_create(context, &counts), CTM_OK);
    CHECK(counts != NULL);
    return counts;
}

static unsigned char *export(ctm_context *context, const ctm_counts *counts, size_t *size)
{
    CHECK_STATUS(context, ctm_counts_export(context, counts, NULL, size), CTM_OK);
    unsigned char *data = allocate(*size + 1, 0x5a);
    const size_t needed = *size;
    CHECK_STATUS(context, ctm_counts_export(context, counts, data, size), CTM_OK);
    CHECK(*size == needed && data[needed] == 0x5a);
    return data;
}

static bool are_equal(ctm_context *context, const ctm_counts *a, const ctm_counts *b)
{
    size_t sizes[2];
    unsigned char *data[2] = { export(context, a, &sizes[0]), export(context, b, &sizes[1]) };
    const bool equal = sizes[0] == sizes[1] && memcmp(data[0], data[1], sizes[0]) == 0;
    free(data[0]);
    free(data[1]);
    return equal;
}

/* All parts of this size get what they have in the whole. */
static void check_parts(ctm_context *context, const ctm_counts *counts, const struct found *whole, uint32_t width,
                        uint32_t height)
{
    struct found *found = allocate(sizeof *found, 0x5a);
    uint64_t pixels[MOST] = { 0 };
    const uint32_t masks = whole->result.mask_count;
    for (uint32_t top = 0; top < HEIGHT; top += height) {
        for (uint32_t left = 0; left < WIDTH; left += width) {
            const uint32_t columns = WIDTH - left < width ? WIDTH - left : width;
            const uint32_t rows = HEIGHT - top < height ? HEIGHT - top : height;
            const ctm_image image = golden_map_part(map, left, top, columns, rows);
            analyze(context, &image, counts, found);
            CHECK(found->result.mask_count == masks);
            for (uint32_t y = 0; y < rows; y++) {
                const size_t own = (size_t)y * columns, there = (size_t)(top + y) * WIDTH + left;
                CHECK(memcmp(found->labels + own, whole->labels + there, columns * sizeof(uint16_t)) == 0);
                for (uint32_t i = 0; i < masks; i++) {
                    CHECK(memcmp(found->masks + (size_t)i * columns * rows + own,
                                 whole->masks + (size_t)i * PIXELS + there, columns) == 0);
                }
            }
            for (uint32_t i = 0; i < masks; i++) {
                CHECK(memcmp(found->palette[i].color, whole->palette[i].color, sizeof whole->palette[i].color) == 0);
                pixels[i] += found->palette[i].pixel_count;
            }
        }
    }
    for (uint32_t i = 0; i < masks; i++) {
        CHECK(pixels[i] == whole->palette[i].pixel_count);
    }
    free(found);
}

/* The palette of counts is that of the whole, and where it lies is not known. */
static void check_selected(ctm_context *context, const ctm_counts *counts, const struct found *whole)
{
    const ctm_params params = params_of(NULL);
    ctm_palette_entry palette[MOST + 1];
    memset(palette, 0x5a, sizeof palette);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.palette = palette;
    outputs.palette_capacity = MOST;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_counts_select(context, counts, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == whole->result.mask_count && result.palette_len == result.mask_count);
    CHECK(result.distinct_colors >= result.mask_count && result.masks_size == 0 && result.labels_size == 0);
    for (uint32_t i = 0; i < result.mask_count; i++) {
        ctm_palette_entry expected;
        memset(&expected, 0, sizeof expected);
        memcpy(expected.color, whole->palette[i].color, sizeof expected.color);
        memcpy(expected.stored, whole->palette[i].stored, sizeof expected.stored);
        expected.pixel_count = whole->palette[i].pixel_count;
        CHECK(memcmp(&palette[i], &expected, sizeof expected) == 0);
    }
    CHECK(all_bytes_are(palette + result.mask_count, (MOST + 1 - result.mask_count) * sizeof *palette, 0x5a));

    /* The size alone, and too little room. */
    const uint32_t masks = result.mask_count;
    result = (ctm_result)CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_counts_select(context, counts, &params, NULL, &result), CTM_OK);
    CHECK(result.mask_count == masks);
    memset(palette, 0x5a, sizeof palette);
    outputs.palette_capacity = masks - 1;
    result = (ctm_result)CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_counts_select(context, counts, &params, &outputs, &result), CTM_ERROR_BUFFER_TOO_SMALL);
    CHECK(result.mask_count == masks && all_bytes_are(palette, sizeof palette, 0x5a));
}

struct adder {
    const char *device;
    ctm_counts *counts;
    uint32_t top, rows;
};

static void *add_in_thread(void *argument)
{
    const struct adder *adder = argument;
    ctm_context *own = context_for(adder->device);
    for (uint32_t top = adder->top; top < adder->top + adder->rows; top += 5) {
        const ctm_image image = golden_map_part(map, 0, top, WIDTH, 5);
        add(own, adder->counts, &image);
    }
    ctm_destroy(own);
    return NULL;
}

static void bands_and_tiles(const char *device, ctm_context *context)
{
    struct found *whole = allocate(sizeof *whole, 0x5a);
    const ctm_image image = golden_map_part(map, 0, 0, 0, 0);
    analyze(context, &image, NULL, whole);
    CHECK(whole->result.mask_count > 20 && whole->result.mask_count < MOST);
    ctm_counts *all = create(context);
    add(context, all, &image);
    static const uint32_t sizes[][2] = { { WIDTH, 1 }, { WIDTH, 7 }, { WIDTH, 64 }, { 64, 64 }, { 50, 37 }, { 1, HEIGHT } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const uint32_t width = sizes[i][0], height = sizes[i][1];
        ctm_counts *counts = create(context);
        for (uint32_t top = 0; top < HEIGHT; top += height) {
            for (uint32_t left = 0; left < WIDTH; left += width) {
                const ctm_image tile = golden_map_part(map, left, top, WIDTH - left < width ? WIDTH - left : width,
                                            HEIGHT - top < height ? HEIGHT - top : height);
                add(context, counts, &tile);
            }
        }
        CHECK(are_equal(context, counts, all));
        check_parts(context, counts, whole, width, height);
        check_selected(context, counts, whole);
        ctm_counts_destroy(counts);
    }

    /* Two contexts add to the same counts at the same time. */
    ctm_counts *counts = create(context);
    struct adder adders[2] = { { device, counts, 0, 60 }, { device, counts, 60, 60 } };
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, add_in_thread, &adders[i]) == 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(are_equal(context, counts, all));
    ctm_counts_destroy(counts);
    ctm_counts_destroy(all);
    free(whole);
}

/* A process that counts one half of the map and writes the export to the pipe. */
static pid_t start_counting(const char *device, int half, int pipe_end)
{
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(100);
        ctm_context *own = context_for(device);
        ctm_counts *counts = create(own);
        ctm_image image = golden_map_part(map, 0, (uint32_t)half * HEIGHT / 2, WIDTH, HEIGHT / 2);
        image.pixels = floats;
        image.format = CTM_FORMAT_F32;
        add(own, counts, &image);
        ctm_destroy(own); /* The counts live on. */
        ctm_context *other = context_for("cpu");
        size_t size;
        unsigned char *data = export(other, counts, &size);
        CHECK(write(pipe_end, data, size) == (ssize_t)size); /* It fits a pipe. */
        ctm_counts_destroy(counts);
        free(data);
        ctm_destroy(other);
        _exit(0);
    }
    return child;
}

/* Before this process uses Vulkan. */
static void other_processes(const char *device, unsigned char *data[2], size_t sizes[2])
{
    for (int half = 0; half < 2; half++) {
        int ends[2];
        CHECK(pipe(ends) == 0);
        const pid_t child = start_counting(device, half, ends[1]);
        close(ends[1]);
        data[half] = allocate(65536, 0);
        sizes[half] = 0;
        for (ssize_t got = 1; got > 0; sizes[half] += (size_t)got) {
            got = read(ends[0], data[half] + sizes[half], 65536 - sizes[half]);
            CHECK(got >= 0);
        }
        close(ends[0]);
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        CHECK(sizes[half] > 56);
    }
}

static void merge_exports(ctm_context *context, unsigned char *data[2], const size_t sizes[2])
{
    ctm_image image = golden_map_part(map, 0, 0, 0, 0);
    image.pixels = floats;
    image.format = CTM_FORMAT_F32;
    ctm_counts *expected = create(context);
    add(context, expected, &image);
    for (int first = 0; first < 2; first++) {
        ctm_counts *counts = NULL, *other = NULL;
        CHECK_STATUS(context, ctm_counts_import(context, data[first], sizes[first], &counts), CTM_OK);
        CHECK_STATUS(context, ctm_counts_import(context, data[1 - first], sizes[1 - first], &other), CTM_OK);
        CHECK(!are_equal(context, counts, expected));
        CHECK_STATUS(context, ctm_counts_merge(context, counts, other), CTM_OK);
        CHECK(are_equal(context, counts, expected));
        ctm_counts_destroy(counts);
        ctm_counts_destroy(other);
    }
    ctm_counts_destroy(expected);
}

static void refuse(ctm_context *context, const unsigned char *data, size_t size)
{
    /* At the end of its memory, where a sanitizer sees what is read behind it. */
    unsigned char *copy = allocate(size, 0);
    memcpy(copy, data, size);
    ctm_counts *counts = (ctm_counts *)(void *)copy;
    CHECK_STATUS(context, ctm_counts_import(context, copy, size, &counts), CTM_ERROR_DATA);
    CHECK(counts == NULL);
    CHECK(strstr(ctm_last_error(context), "count") != NULL);
    free(copy);
}

/* A right checksum for wrong bytes. */
static void seal(unsigned char *data, size_t size)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size - 8; i++) {
        sum = (sum ^ data[i]) * UINT64_C(0x100000001b3);
    }
    for (int i = 0; i < 8; i++) {
        data[size - 8 + (size_t)i] = (unsigned char)(sum >> 8 * i);
    }
}

static void damaged(ctm_context *context)
{
    ctm_counts *counts = create(context);
    const ctm_image image = golden_map_part(map, 0, 0, 20, 20);
    add(context, counts, &image);
    size_t size;
    unsigned char *data = export(context, counts, &size);
    CHECK(size > 56 && (size - 56) % 20 == 0);
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            data[i] ^= (unsigned char)(1 << bit);
            refuse(context, data, size);
            data[i] ^= (unsigned char)(1 << bit);
        }
        if (i > 0) {
            refuse(context, data, i);
        }
    }
    static const struct {
        size_t at, bytes;
        unsigned char value;
    } changes[] = { { 8, 1, 2 }, { 12, 1, 9 }, { 16, 1, 0 }, { 16, 1, 5 }, { 20, 1, 2 }, { 24, 1, 1 }, { 32, 8, 0xff },
                    { 32, 7, 0xff }, { 39, 1, 0x10 }, { 40, 8, 0xff }, { 48, 4, 0xff }, { 60, 8, 0 }, { 60, 8, 0xff } };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        unsigned char *changed = allocate(size, 0);
        memcpy(changed, data, size);
        memset(changed + changes[i].at, changes[i].value, changes[i].bytes);
        seal(changed, size);
        refuse(context, changed, size);
        free(changed);
    }
    /* As it was, it is still good. */
    ctm_counts *back = NULL;
    CHECK_STATUS(context, ctm_counts_import(context, data, size, &back), CTM_OK);
    CHECK(are_equal(context, back, counts));
    ctm_counts_destroy(back);
    ctm_counts_destroy(counts);
    free(data);
}

#define REFUSED(call, text)                                        \
    do {                                                           \
        CHECK_STATUS(context, (call), CTM_ERROR_INVALID_ARGUMENT); \
        CHECK(strstr(ctm_last_error(context), (text)) != NULL);    \
    } while (0)

static void arguments(ctm_context *context)
{
    const ctm_image image = golden_map_part(map, 0, 0, 0, 0);
    ctm_counts *counts = create(context), *other = create(context);
    add(context, counts, &image);
    size_t size;
    unsigned char *before = export(context, counts, &size);
    ctm_result result = CTM_RESULT_INIT;
    ctm_counts *none = counts;
    CHECK_STATUS(NULL, ctm_counts_create(NULL, &none), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(none == NULL && strstr(ctm_last_error(NULL), "context is NULL") != NULL);
    REFUSED(ctm_counts_create(context, NULL), "counts is NULL");
    REFUSED(ctm_counts_add(context, NULL, &image, NULL), "counts is NULL");
    REFUSED(ctm_counts_add(context, counts, NULL, NULL), "image is NULL");
    REFUSED(ctm_counts_merge(context, counts, NULL), "other is NULL");
    REFUSED(ctm_counts_merge(context, counts, counts), "other is the same object as counts");
    REFUSED(ctm_counts_export(context, NULL, NULL, &size), "counts is NULL");
    REFUSED(ctm_counts_export(context, counts, NULL, NULL), "size is NULL");
    REFUSED(ctm_counts_import(context, NULL, 0, &none), "data is NULL");
    REFUSED(ctm_counts_import(context, before, size, NULL), "counts is NULL");
    REFUSED(ctm_counts_import(context, &none, sizeof none, &none), "overlaps data");
    REFUSED(ctm_counts_select(context, NULL, NULL, NULL, &result), "counts is NULL");
    REFUSED(ctm_counts_select(context, counts, NULL, NULL, NULL), "result is NULL");
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    float masks[4] = { 0 };
    outputs.masks = masks;
    outputs.masks_size = sizeof masks;
    REFUSED(ctm_counts_select(context, counts, NULL, &outputs, &result), "outputs.masks is 0x");
    ctm_counts_destroy(NULL);

    ctm_image wrong = image;
    wrong.format = CTM_FORMAT_U16;
    wrong.width /= 2;
    REFUSED(ctm_counts_add(context, counts, &wrong, NULL), "image.format is u16; u8, as in the counts, is expected");
    ctm_params params = params_of(counts);
    REFUSED(ctm_analyze(context, &wrong, &params, NULL, &result), "params.counts are of format u8");
    wrong = image;
    wrong.channels = 4;
    wrong.height /= 2;
    REFUSED(ctm_counts_add(context, counts, &wrong, NULL), "image.channels is 4; 3, as in the counts, is expected");
    params.batch = CTM_BATCH_EACH;
    REFUSED(ctm_analyze(context, &image, &params, NULL, &result), "params.batch is 'each' and counts are given");
    params = params_of(NULL);
    params.alpha = CTM_ALPHA_IGNORED;
    REFUSED(ctm_counts_select(context, counts, &params, NULL, &result), "params.alpha is 'ignored'; 'color'");
    add(context, other, &wrong);
    REFUSED(ctm_counts_merge(context, counts, other), "other.channels is 4; 3, as in the counts, is expected");
    ctm_counts_destroy(other);

    size_t room = size - 1;
    unsigned char *data = allocate(size, 0x5a);
    CHECK_STATUS(context, ctm_counts_export(context, counts, data, &room), CTM_ERROR_BUFFER_TOO_SMALL);
    CHECK(room == size && all_bytes_are(data, size, 0x5a));
    CHECK_STATUS(context, ctm_counts_export(context, counts, data, &room), CTM_OK);
    CHECK(memcmp(data, before, size) == 0); /* No error has changed them. */
    free(data);
    free(before);
    ctm_counts_destroy(counts);
}

static long peak_kib(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_maxrss;
}

/* 100,000 x 300 pixels, 20 rows at a time: the memory of the first band is that of all. */
static void large(ctm_context *context)
{
    enum { SIDE = 100000, ROWS = 300, BAND = 20, MIB = 1 << 20 };
    unsigned char *band = allocate((size_t)SIDE * BAND * 3, 0);
    unsigned char *labels = allocate((size_t)SIDE * BAND, 0);
    ctm_counts *counts = create(context);
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = band;
    image.width = SIDE;
    image.height = BAND;
    image.channels = 3;
    image.format = CTM_FORMAT_U8;
    ctm_params params = CTM_PARAMS_INIT;
    params.max_count = 100;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = labels;
    outputs.labels_size = (size_t)SIDE * BAND;
    outputs.label_format = CTM_LABEL_U8;
    ctm_result result = CTM_RESULT_INIT;
    uint64_t labelled = 0;
    long first_peak = 0;
    for (int round = 0; round < 3; round++) { /* The first one warms up. */
        for (uint32_t top = 0; top < (round == 0 ? BAND : ROWS); top += BAND) {
            for (size_t p = 0; p < (size_t)SIDE * BAND; p++) {
                const size_t x = p % SIDE, y = top + p / SIDE;
                const size_t country = x / 700 + y / 100 * 50; /* 243 of them, most in several bands */
                memset(band + 3 * p, (int)(country % 251), 3);
                band[3 * p + 1] = (unsigned char)(country / 251);
            }
            if (round < 2) {
                params.counts = NULL;
                ctm_counts *to = round == 0 ? create(context) : counts;
                CHECK_STATUS(context, ctm_counts_add(context, to, &image, &params), CTM_OK);
                if (round == 0) {
                    params.counts = to;
                    CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
                    ctm_counts_destroy(to);
                    first_peak = peak_kib();
                }
            } else {
                params.counts = counts;
                CHECK_STATUS(context, ctm_analyze(context, &image, &params, &outputs, &result), CTM_OK);
                CHECK(result.mask_count == 100 && result.labels_size == (uint64_t)SIDE * BAND);
                for (size_t p = 0; p < (size_t)SIDE * BAND; p++) {
                    labelled += labels[p] != 0;
                }
            }
        }
    }
    ctm_palette_entry palette[100];
    ctm_outputs of_whole = CTM_OUTPUTS_INIT;
    of_whole.palette = palette;
    of_whole.palette_capacity = 100;
    CHECK_STATUS(context, ctm_counts_select(context, counts, &params, &of_whole, &result), CTM_OK);
    for (size_t i = 0; i < 100; i++) {
        labelled -= palette[i].pixel_count;
    }
    CHECK(labelled == 0);
    /* The whole image would be 86 MiB, and its labels 29. */
    printf("peak memory: %ld KiB after one band, %ld KiB after all\n", first_peak, peak_kib());
    CHECK(peak_kib() - first_peak < 12 * MIB / 1024);
    ctm_counts_destroy(counts);
    free(labels);
    free(band);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    golden_map_bytes(map);
    floats = golden_map();
    unsigned char *data[2];
    size_t sizes[2];
    other_processes(device, data, sizes);
    ctm_context *context = context_for(device);
    large(context);
    merge_exports(context, data, sizes);
    bands_and_tiles(device, context);
    damaged(context);
    arguments(context);
    check_small_image(context);
    ctm_destroy(context);
    free(data[0]);
    free(data[1]);
    free(floats);
    return 0;
}
