#include "common.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int read_picture(const char *path, struct picture *picture)
{
    png_image png = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&png, path)) {
        fprintf(stderr, "%s: %s\n", path, png.message);
        return 0;
    }
    /* Colours and alpha as the file has them; palettes become colours, 16 bits become 8. */
    png.format &= PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA;
    picture->width = png.width;
    picture->height = png.height;
    picture->channels = PNG_IMAGE_SAMPLE_CHANNELS(png.format);
    picture->pixels = malloc(PNG_IMAGE_SIZE(png));
    if (picture->pixels == NULL) {
        fprintf(stderr, "%s: out of memory\n", path);
        png_image_free(&png);
        return 0;
    }
    if (!png_image_finish_read(&png, NULL, picture->pixels, 0, NULL)) {
        fprintf(stderr, "%s: %s\n", path, png.message);
        free(picture->pixels);
        return 0;
    }
    return 1;
}

int write_picture(const char *path, const struct picture *picture)
{
    static const png_uint_32 formats[] = {PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB, PNG_FORMAT_RGBA};
    png_image png = {
        .version = PNG_IMAGE_VERSION, .width = picture->width, .height = picture->height,
        .format = formats[picture->channels - 1], .flags = PNG_IMAGE_FLAG_FAST};
    if (!png_image_write_to_file(&png, path, 0, picture->pixels, 0, NULL)) {
        fprintf(stderr, "%s: %s\n", path, png.message);
        return 0;
    }
    return 1;
}

void write_labels(const char *path, const struct picture *like, const uint16_t *labels, const ctm_palette_entry *palette)
{
    if (path == NULL) return;
    struct picture painted = *like;
    const size_t pixels = (size_t)like->width * like->height;
    painted.pixels = allocate(pixels, like->channels);
    for (size_t p = 0; p < pixels; p++) {
        for (uint32_t channel = 0; channel < like->channels && labels[p] != 0; channel++) {
            painted.pixels[p * like->channels + channel] = (unsigned char)palette[labels[p] - 1].color[channel];
        }
    }
    if (!write_picture(path, &painted)) exit(1);
    free(painted.pixels);
}

void check(const ctm_context *context, ctm_status status)
{
    if (status == CTM_OK) return;
    fprintf(stderr, "ctm: %s\n", ctm_last_error(context));
    exit(1);
}

void *allocate(uint64_t count, size_t size)
{
    void *memory = count > SIZE_MAX ? NULL : calloc(count == 0 ? 1 : (size_t)count, size);
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

ctm_options options_for(const char *device)
{
    ctm_options options = CTM_OPTIONS_INIT;
    if (device == NULL) {
        options.backend = CTM_BACKEND_AUTO;
    } else if (strcmp(device, "cpu") == 0) {
        options.backend = CTM_BACKEND_CPU;
    } else {
        options.backend = CTM_BACKEND_VULKAN;
        options.device_name = strcmp(device, "vulkan") == 0 ? NULL : device;
    }
    return options;
}

ctm_context *create_context(const char *device)
{
    const ctm_options options = options_for(device);
    ctm_context *context = NULL;
    check(NULL, ctm_create(&options, &context));
    return context;
}

ctm_context *start(int argc, char **argv, struct picture *picture, const char **out)
{
    if (argc < 2 || argc > (out == NULL ? 3 : 4)) {
        fprintf(stderr, "usage: %s IMAGE.png [cpu|vulkan|DEVICE%s]\n", argv[0], out == NULL ? "" : " [OUT.png]");
        exit(2);
    }
    if (!read_picture(argv[1], picture)) exit(1);
    if (out != NULL) *out = argc > 3 ? argv[3] : NULL;
    return create_context(argc > 2 ? argv[2] : NULL);
}

ctm_image image_of(const struct picture *picture)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = picture->pixels;
    image.width = picture->width;
    image.height = picture->height;
    image.channels = picture->channels;
    image.format = CTM_FORMAT_U8;
    return image;
}

ctm_palette_entry *find_palette(ctm_context *context, const ctm_image *image, const ctm_params *params,
                                ctm_result *result)
{
    check(context, ctm_analyze(context, image, params, NULL, result)); /* Nothing to write: the size query. */
    ctm_palette_entry *palette = allocate(result->palette_len, sizeof *palette);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.palette = palette;
    outputs.palette_capacity = (size_t)result->palette_len;
    check(context, ctm_analyze(context, image, params, &outputs, result));
    return palette;
}

const char *hex(const float color[4], uint32_t channels)
{
    static char texts[4][9];
    static unsigned next;
    char *text = texts[next++ % 4];
    for (uint32_t channel = 0; channel < channels; channel++) {
        sprintf(text + 2 * channel, "%02x", (unsigned)color[channel]);
    }
    return text;
}
