/* A few hundred random small images against the oracle, with several numbers of threads. */

#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 400 };

static uint64_t below(uint64_t *state, uint64_t limit)
{
    return next_random(state) % limit;
}

/* A colour of a palette in which colours often differ in one channel only. */
static void paint(float *pixel, uint32_t channels, uint64_t color, uint64_t seed)
{
    static const uint32_t odd[] = { 0x80000000u, 0x00000001u, 0x7f800000u, 0x7fc00001u };
    for (uint32_t channel = 0; channel < channels; channel++) {
        uint64_t state = seed + color / (channel + 1) * 31 + channel;
        const uint64_t choice = next_random(&state);
        if (choice % 16 == 0) {
            set_bits(&pixel[channel], odd[choice / 16 % 4]);
        } else {
            pixel[channel] = (float)(choice / 16 % 256) / 255.0f - 0.25f;
        }
    }
}

static void check_image(ctm_context *context, uint64_t seed)
{
    uint64_t state = seed;
    const uint32_t sides = below(&state, 8) == 0 ? 200 : 40;
    const uint32_t width = 1 + (uint32_t)below(&state, sides);
    const uint32_t height = 1 + (uint32_t)below(&state, sides);
    const uint32_t channels = 1 + (uint32_t)below(&state, 4);
    const uint64_t colors = 1 + below(&state, below(&state, 4) == 0 ? 2000 : 20);
    const uint64_t longest_run = 1 + below(&state, 30);
    const uint64_t min_pixels = below(&state, 3) == 0 ? below(&state, 50) : 1;
    const uint32_t max_count = (uint32_t)below(&state, below(&state, 2) == 0 ? 10 : 400);

    const size_t pixels = (size_t)width * height;
    float *map = allocate(pixels * channels * sizeof *map, 0);
    uint64_t color = 0, run = 0;
    for (size_t i = 0; i < pixels; i++) {
        if (run == 0) {
            color = below(&state, colors);
            run = 1 + below(&state, longest_run);
        }
        run--;
        paint(map + i * channels, channels, color, seed);
    }
    check_against_oracle(context, map, width, height, channels, min_pixels, max_count);
    free(map);
}

int main(int argc, char **argv)
{
    static const uint32_t max_threads[] = { 0, 1, 3 };
    const char *device = device_argument(argc, argv);
    ctm_context *contexts[3];
    for (int i = 0; i < 3; i++) {
        ctm_options options = options_for(device);
        options.max_threads = max_threads[i];
        CHECK_STATUS(NULL, ctm_create(&options, &contexts[i]), CTM_OK);
    }
    for (uint64_t seed = 1; seed <= IMAGES; seed++) {
        printf("seed %llu\n", (unsigned long long)seed);
        fflush(stdout); /* So that the seed that fails is the last one printed. */
        check_image(contexts[seed % 3], seed);
    }
    for (int i = 0; i < 3; i++) {
        ctm_destroy(contexts[i]);
    }
    return 0;
}
