/*
 * Calls for which a context makes every pipeline that there is: pixels of one to four channels, in its device's memory and in
 * the host's; RGB of bytes; few colours, whose pixels have indices, and very many; the most frequent colours, and given ones; labels of every
 * width. The answers are other tests' subject, but each call must succeed.
 */

#include "test.h"
#include "vulkan_host.h"

#include <stdlib.h>

enum { FEW_WIDTH = 24, FEW_HEIGHT = 3, MANY_WIDTH = 256, MANY_HEIGHT = 160, CHANNELS = 4, MASKS = 4 };

static const uint32_t formats[] = { CTM_LABEL_U8, CTM_LABEL_U16, CTM_LABEL_U32 };

/* Every tenth pixel has one of the first colours, another one a colour of its own. */
static uint32_t color_of(uint32_t pixel)
{
    return pixel % 10 == 0 ? pixel / 10 % MASKS : pixel + MASKS;
}

static float *make_pixels(uint32_t count, uint32_t channels)
{
    float *pixels = allocate((size_t)count * channels * sizeof *pixels, 0);
    for (uint32_t i = 0; i < count; i++) {
        pixels[(size_t)i * channels] = (float)color_of(i);
    }
    return pixels;
}

static uint8_t *make_bytes(uint32_t count)
{
    uint8_t *pixels = allocate((size_t)count * 3, 0);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t channel = 0; channel < 3; channel++) {
            pixels[3 * i + channel] = (uint8_t)(color_of(i) >> 8 * channel);
        }
    }
    return pixels;
}

typedef struct {
    const vulkan_host *host;
    ctm_context *context;
    ctm_image image;
} job;

/* Masks and labels in the device's memory, of the colours of `palette` or, if that is NULL, of the most frequent ones. */
static void label(const job *job, const float *palette, uint32_t format)
{
    const size_t plane = (size_t)job->image.width * job->image.height;
    exported masks = make_exported(job->host, plane * MASKS * sizeof(float), 0);
    exported labels = make_exported(job->host, plane * sizeof(uint32_t), 0);
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 1;
    params.max_count = MASKS;
    params.palette = palette;
    params.palette_count = palette != NULL ? MASKS : 0;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks_memory = &masks.lent;
    outputs.masks_size = (size_t)masks.size;
    outputs.labels_memory = &labels.lent;
    outputs.labels_size = (size_t)labels.size;
    outputs.label_format = format;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(job->context, ctm_analyze(job->context, &job->image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == MASKS);
    destroy_exported(job->host, &labels);
    destroy_exported(job->host, &masks);
}

static const float palette[4 * MASKS] = { 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3 };

static void label_all_ways(const job *job)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        label(job, NULL, formats[i]);
        label(job, palette, formats[i]);
    }
}

static void analyze(const vulkan_host *host, ctm_context *context, uint32_t width, uint32_t height, uint32_t channels)
{
    const size_t size = (size_t)width * height * channels * sizeof(float);
    float *pixels = make_pixels(width * height, channels);
    exported lent = make_exported(host, size, 0);
    upload(host, &lent, 0, pixels, size);
    job job = { host, context, CTM_IMAGE_INIT };
    job.image.device_memory = &lent.lent;
    job.image.width = width;
    job.image.height = height;
    job.image.channels = channels;
    label_all_ways(&job);
    destroy_exported(host, &lent);
    /* With the host's pixels the host may count, by fingerprints that the device makes. */
    job.image.device_memory = NULL;
    job.image.pixels = pixels;
    label(&job, NULL, CTM_LABEL_U8);
    free(pixels);
}

/* Pixels that cross a bus as bytes. */
static void analyze_bytes(const vulkan_host *host, ctm_context *context, uint32_t width, uint32_t height)
{
    uint8_t *pixels = make_bytes(width * height);
    job job = { host, context, CTM_IMAGE_INIT };
    job.image.pixels = pixels;
    job.image.format = CTM_FORMAT_U8;
    job.image.width = width;
    job.image.height = height;
    job.image.channels = 3;
    label_all_ways(&job);
    free(pixels);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    vulkan_host host = make_host(context);
    CHECK(host.exports);
    for (uint32_t channels = 1; channels <= CHANNELS; channels++) {
        analyze(&host, context, FEW_WIDTH, FEW_HEIGHT, channels);
        analyze(&host, context, MANY_WIDTH, MANY_HEIGHT, channels);
    }
    analyze_bytes(&host, context, FEW_WIDTH, FEW_HEIGHT);
    analyze_bytes(&host, context, MANY_WIDTH, MANY_HEIGHT);
    destroy_host(&host);
    ctm_destroy(context);
    return 0;
}
