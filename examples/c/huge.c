/*
 * An image far larger than memory, in bands: 100,000 x 100,000 pixels of 8-bit RGB are 28 GiB, and nowhere at once.
 * The first round counts the colours of all bands; the second gives each band its labels, as one call on the whole
 * image would. The image is made up band by band, a map of rectangles with noise; a real program reads it from a file.
 *
 *     huge WIDTH HEIGHT BAND-ROWS [MASKS [cpu|vulkan|DEVICE]]
 */
#define _POSIX_C_SOURCE 200809L

#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static uint32_t hash(uint32_t value)
{
    value = (value ^ value >> 16) * 0x7feb352du;
    value = (value ^ value >> 15) * 0x846ca68bu;
    return value ^ value >> 16;
}

/* One of 4,000 colours. */
static void paint(unsigned char *pixel, uint32_t country)
{
    const uint32_t color = hash(country % 4000);
    pixel[0] = (unsigned char)color;
    pixel[1] = (unsigned char)(color >> 8);
    pixel[2] = (unsigned char)(color >> 16);
}

/* Rows from `top` on: countries of about 700 x 512 pixels, and a speck of another colour in each thousand pixels. */
static void make_band(unsigned char *band, uint32_t width, uint32_t top, uint32_t rows)
{
    for (uint32_t y = 0; y < rows; y++) {
        unsigned char *row = band + (size_t)y * width * 3;
        const uint32_t line = top + y;
        if (y > 0 && line % 512 != 0) {
            memcpy(row, row - (size_t)width * 3, (size_t)width * 3);
        } else {
            for (uint32_t x = 0; x < width; x++) {
                paint(row + (size_t)x * 3, hash(x / 700 + 7 * (line / 512)) % 9000);
            }
        }
    }
    for (uint32_t y = 0; y < rows; y++) {
        for (uint32_t x = hash(top + y) % 1000; x < width; x += 1000) {
            paint(band + ((size_t)y * width + x) * 3, hash(x + y));
        }
    }
}

/* A number from the command line, or 0 where it has none that is at least 1. */
static uint32_t number(const char *text)
{
    char *end;
    const unsigned long long value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    const uint32_t width = argc > 1 ? number(argv[1]) : 0;
    const uint32_t height = argc > 2 ? number(argv[2]) : 0;
    const uint32_t most_rows = argc > 3 ? number(argv[3]) : 0;
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 1000;
    params.max_count = argc > 4 ? number(argv[4]) : 1000;
    if (width == 0 || height == 0 || most_rows == 0 || params.max_count == 0 || argc > 6) {
        fprintf(stderr, "usage: %s WIDTH HEIGHT BAND-ROWS [MASKS [cpu|vulkan|DEVICE]]   (100000 100000 256 1000: 28 GiB)\n",
                argv[0]);
        return 2;
    }
    unsigned char *band = malloc((size_t)width * most_rows * 3);
    uint16_t *labels = malloc((size_t)width * most_rows * sizeof *labels);
    ctm_palette_entry *palette = calloc(params.max_count, sizeof *palette);
    if (band == NULL || labels == NULL || palette == NULL) {
        return 1;
    }
    ctm_context *context = create_context(argc > 5 ? argv[5] : NULL);
    ctm_counts *counts = NULL;
    check(context, ctm_counts_create(context, &counts));
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = band;
    image.width = width;
    image.channels = 3;
    image.format = CTM_FORMAT_U8;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = labels;
    outputs.labels_size = (size_t)width * most_rows * sizeof *labels;
    outputs.label_format = CTM_LABEL_U16;
    ctm_result result = CTM_RESULT_INIT;
    uint64_t labelled = 0;
    for (int round = 1; round <= 2; round++) {
        double spent = 0;
        const double start = seconds();
        for (uint32_t top = 0; top < height; top += image.height) {
            image.height = height - top < most_rows ? height - top : most_rows;
            make_band(band, width, top, image.height);
            const double before = seconds();
            if (round == 1) {
                check(context, ctm_counts_add(context, counts, &image, &params));
                spent += seconds() - before;
            } else {
                check(context, ctm_analyze(context, &image, &params, &outputs, &result));
                spent += seconds() - before;
                for (size_t p = 0; p < (size_t)width * image.height; p++) { /* A real program writes them to a file. */
                    labelled += labels[p] != 0;
                }
            }
        }
        printf("%s: %.1f s, and %.1f s to make the image and look at the labels\n",
               round == 1 ? "counting" : "labelling", spent, seconds() - start - spent);
        params.counts = counts;
    }
    ctm_outputs palette_only = CTM_OUTPUTS_INIT;
    palette_only.palette = palette;
    palette_only.palette_capacity = params.max_count;
    check(context, ctm_counts_select(context, counts, &params, &palette_only, &result));
    uint64_t expected = 0;
    for (uint32_t i = 0; i < result.mask_count; i++) {
        expected += palette[i].pixel_count;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double processor = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    printf("processor time: %.0f s\n", processor);
    printf("%s: %u x %u pixels, %llu colours, %u masks with %llu pixels, %s; peak memory %ld MiB, %.0f MiB of it bands\n",
           ctm_context_device_name(context), width, height, (unsigned long long)result.distinct_colors,
           result.mask_count, (unsigned long long)labelled, labelled == expected ? "as counted" : "NOT as counted",
           usage.ru_maxrss / 1024, (double)width * most_rows * 5 / 1048576);
    ctm_counts_destroy(counts);
    ctm_destroy(context);
    free(palette);
    free(labels);
    free(band);
    return labelled == expected ? 0 : 1;
}
