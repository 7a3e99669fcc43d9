/* A part of a real map, of 3 channels of floats or bytes: the golden case 28-world-map-crop. */

#ifndef GOLDEN_MAP_H
#define GOLDEN_MAP_H

#include "test.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAP_WIDTH = 160, MAP_HEIGHT = 120 };

static inline float *golden_map(void)
{
    const size_t count = (size_t)MAP_WIDTH * MAP_HEIGHT * 3;
    float *map = allocate(count * sizeof *map, 0);
    FILE *file = fopen(GOLDEN_DIR "/28-world-map-crop/color_map.f32", "rb");
    CHECK(file != NULL);
    CHECK(fread(map, sizeof *map, count, file) == count);
    fclose(file);
    return map;
}

/* The same as bytes. */
static inline void golden_map_bytes(unsigned char bytes[MAP_WIDTH * MAP_HEIGHT * 3])
{
    float *map = golden_map();
    for (size_t i = 0; i < (size_t)MAP_WIDTH * MAP_HEIGHT * 3; i++) {
        bytes[i] = (unsigned char)(map[i] * 255 + 0.5f);
    }
    free(map);
}

/* A rectangle of those bytes. */
static inline ctm_image golden_map_part(const unsigned char *bytes, uint32_t left, uint32_t top, uint32_t width,
                                        uint32_t height)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = bytes;
    image.width = MAP_WIDTH;
    image.height = MAP_HEIGHT;
    image.channels = 3;
    image.format = CTM_FORMAT_U8;
    image.left = left;
    image.top = top;
    image.rectangle_width = width;
    image.rectangle_height = height;
    return image;
}

#endif
