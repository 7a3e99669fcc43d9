/* What the examples share: PNG files by libpng, a context by its name, and the end of the program where a call fails. */

#ifndef COMMON_H
#define COMMON_H

#include <ctm.h>

#include <stddef.h>
#include <stdint.h>

/* An image as it is in memory: rows from the top, 8 bits a channel, 1 to 4 channels. */
struct picture {
    unsigned char *pixels;
    uint32_t width, height, channels;
};

/* Reads any PNG. Prints why and returns 0 where that fails. */
int read_picture(const char *path, struct picture *picture);

/* Writes a PNG. Prints why and returns 0 where that fails. */
int write_picture(const char *path, const struct picture *picture);

/* Writes a PNG with each pixel in the colour of its mask, black where it has none, unless `path` is NULL. */
void write_labels(const char *path, const struct picture *like, const uint16_t *labels, const ctm_palette_entry *palette);

/* Ends the program with the library's own sentence, unless all is well. The context is NULL for `ctm_create`. */
void check(const ctm_context *context, ctm_status status);

/* Memory that is all 0. Ends the program where there is none. */
void *allocate(uint64_t count, size_t size);

/* For a context on the "cpu", on any "vulkan" device, on one whose name has this part, or (NULL) on the best there is. */
ctm_options options_for(const char *device);

/* A context of these options. Ends the program where there is none. */
ctm_context *create_context(const char *device);

/* Reads the command line of most examples: IMAGE.png [cpu|vulkan|DEVICE [OUT.png]]. `out` is NULL where a program writes
   no picture, else it receives the path or NULL. */
ctm_context *start(int argc, char **argv, struct picture *picture, const char **out);

/* The whole picture. */
ctm_image image_of(const struct picture *picture);

/* The palette alone: asks how many entries there are, then for them. To be freed. */
ctm_palette_entry *find_palette(ctm_context *context, const ctm_image *image, const ctm_params *params,
                                ctm_result *result);

/* A colour of 8 bits a channel as "ff8000", in a buffer that the next call but three uses again. */
const char *hex(const float color[4], uint32_t channels);

#endif
