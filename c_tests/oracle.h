/* A second, slow and obvious way to do the job, and a check of the library against it. */

#ifndef ORACLE_H
#define ORACLE_H

#include "test.h"

/*
 * Gives each pixel the number of its mask plus one, or 0 where it is in no mask, and returns the
 * number of masks.
 */
uint32_t oracle(const float *color_map, size_t pixels, uint32_t channels, uint64_t min_pixels,
                uint32_t max_count, uint32_t *labels);

/* Runs the image on a context and checks every bit of the answer, and some bytes behind it. */
void check_against_oracle(ctm_context *context, const float *color_map, uint32_t width,
                          uint32_t height, uint32_t channels, uint64_t min_pixels,
                          uint32_t max_count);

#endif
