/*
 * segment IMAGE.png FOLDER [MIN_PIXELS [MAX_MASKS [cpu|vulkan|DEVICE]]]: one black-and-white PNG in FOLDER for each of the
 * most frequent colours of a colour map, named by its colour.
 *
 * A program to start from: it asks how many masks there are and how much room they need, allocates that, and gets
 * masks of bytes and the palette in one call. libpng reads and writes the files.
 */

#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Writes a plane of bytes as FOLDER/mask-001-ff8000.png. */
static int write_mask(const char *folder, unsigned number, const ctm_palette_entry *entry, unsigned char *plane,
                      const struct picture *picture)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/mask-%03u-", folder, number);
    for (uint32_t channel = 0; channel < picture->channels && length >= 0 && length < (int)sizeof path; channel++) {
        /* Colours come in the units of the image: 0 to 255. */
        length += snprintf(path + length, sizeof path - (size_t)length, "%02x", (unsigned)entry->color[channel]);
    }
    if (length < 0 || length > (int)sizeof path - 5) {
        fprintf(stderr, "%s: the name is too long\n", folder);
        return 0;
    }
    strcpy(path + length, ".png");

    const struct picture mask = {.pixels = plane, .width = picture->width, .height = picture->height, .channels = 1};
    if (!write_picture(path, &mask)) return 0;
    printf("%s: %" PRIu64 " pixels\n", path, entry->pixel_count);
    return 1;
}

/* The job itself. */
static int segment(ctm_context *context, const struct picture *picture, const char *folder, uint64_t min_pixels,
                   uint32_t max_masks)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = picture->pixels;
    image.width = picture->width;
    image.height = picture->height;
    image.channels = picture->channels;
    image.format = CTM_FORMAT_U8;
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = min_pixels;
    params.max_count = max_masks;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.mask_format = CTM_MASK_U8; /* 255 inside, 0 outside: what a grey PNG wants. */

    /* With nothing to write, this is the size query. */
    ctm_result result = CTM_RESULT_INIT;
    ctm_status status = ctm_analyze(context, &image, &params, &outputs, &result);
    if (status != CTM_OK) {
        fprintf(stderr, "ctm: %s\n", ctm_last_error(context));
        return 0;
    }
    if (result.mask_count == 0) {
        printf("no colour has %" PRIu64 " pixels\n", min_pixels);
        return 1;
    }

    unsigned char *masks = malloc(result.masks_size);
    ctm_palette_entry *palette = calloc(result.palette_len, sizeof *palette);
    int done = 0;
    if (masks == NULL || palette == NULL) {
        fprintf(stderr, "out of memory: the masks need %" PRIu64 " bytes\n", result.masks_size);
        goto end;
    }
    outputs.masks = masks;
    outputs.masks_size = result.masks_size;
    outputs.palette = palette;
    outputs.palette_capacity = result.palette_len;
    status = ctm_analyze(context, &image, &params, &outputs, &result);
    if (status != CTM_OK) {
        fprintf(stderr, "ctm: %s\n", ctm_last_error(context));
        goto end;
    }
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "%s: %s\n", folder, strerror(errno));
        goto end;
    }
    done = 1;
    for (uint32_t i = 0; i < result.mask_count && done; i++) {
        done = write_mask(folder, i + 1, &palette[i], masks + palette[i].mask_offset, picture);
    }
end:
    free(palette);
    free(masks);
    return done;
}

/* A number from the command line, or `otherwise` where it has none. */
static int number(const char *text, uint64_t otherwise, uint64_t most, uint64_t *value)
{
    *value = otherwise;
    if (text == NULL) return 1;
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *value <= most;
}

int main(int argc, char **argv)
{
    uint64_t min_pixels, max_masks;
    if (argc < 3 || argc > 6 || !number(argc > 3 ? argv[3] : NULL, 500, UINT64_MAX, &min_pixels) ||
        !number(argc > 4 ? argv[4] : NULL, 5, UINT32_MAX, &max_masks)) {
        fprintf(stderr, "usage: %s IMAGE.png FOLDER [MIN_PIXELS [MAX_MASKS [cpu|vulkan|DEVICE]]]   (500 and 5)\n", argv[0]);
        return 2;
    }
    struct picture picture;
    if (!read_picture(argv[1], &picture)) return 1;
    const ctm_options options = options_for(argc > 5 ? argv[5] : NULL);
    ctm_context *context = NULL; /* Of many images, all go through one context. */
    int done = 0;
    if (ctm_create(&options, &context) != CTM_OK) {
        fprintf(stderr, "ctm: %s\n", ctm_last_error(NULL));
    } else {
        done = segment(context, &picture, argv[2], min_pixels, (uint32_t)max_masks);
    }
    ctm_destroy(context);
    free(picture.pixels);
    return done ? 0 : 1;
}
