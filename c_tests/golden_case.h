/* The golden cases, as the tests read them. */

#ifndef GOLDEN_CASE_H
#define GOLDEN_CASE_H

#include "test.h"

typedef struct {
    uint32_t width, height, channels;
    uint64_t min_pixels;
    uint32_t max_count;
    float *color_map;       /* height * width * channels */
    uint32_t mask_count;    /* expected */
    unsigned char *masks;   /* expected, 0 or 1 */
} golden_case;

/*
 * The number behind a key. This is no JSON reader: it is enough for these files, whose keys are
 * unique and whose quotes inside strings are escaped, and it keeps all 64 bits of an integer.
 */
uint64_t golden_number(const char *json, const char *key);

/* Calls `check` with each golden case, and ends the program unless there are as many as there should be. */
void for_each_golden_case(void (*check)(const golden_case *golden, void *user), void *user);

#endif
