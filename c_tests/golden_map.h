/* A part of a real map, of 3 channels of floats: the golden case 28-world-map-crop. */

#ifndef GOLDEN_MAP_H
#define GOLDEN_MAP_H

#include "test.h"

#include <stdio.h>

enum { MAP_WIDTH = 160, MAP_HEIGHT = 120 };

static float *golden_map(void)
{
    const size_t count = (size_t)MAP_WIDTH * MAP_HEIGHT * 3;
    float *map = allocate(count * sizeof *map, 0);
    FILE *file = fopen(GOLDEN_DIR "/28-world-map-crop/color_map.f32", "rb");
    CHECK(file != NULL);
    CHECK(fread(map, sizeof *map, count, file) == count);
    fclose(file);
    return map;
}

#endif
