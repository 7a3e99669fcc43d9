/*
 * NaN, -0.0, infinities and subnormals, also in a host that flushes subnormals to zero, whose
 * setting stays as it was.
 */

#include "oracle.h"

#include <stdlib.h>

#ifdef __SSE__
#include <xmmintrin.h>
enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040, CONTROL_BITS = 0xffc0 };
#endif

enum { PIXELS = 45 * 32 };

static const uint32_t values[] = {
    0x00000000u, 0x80000000u,                           /* the zeros, which are one value */
    0x00000001u, 0x80000001u, 0x00000002u, 0x007fffffu, /* subnormals */
    0x807fffffu, 0x00400000u, 0x00800000u, 0x80800000u, /* and the smallest normal numbers */
    0x7f800000u, 0xff800000u, 0x7f7fffffu, 0xff7fffffu, /* infinities and the largest numbers */
    0x7fc00000u, 0xffc00000u, 0x7f800001u, 0xff800001u, /* NaNs: quiet, signalling, payloads */
    0x7fffffffu, 0xffffffffu, 0x7fc12345u,
    0x3f800000u, 0xbf800000u, 0x3f800001u, 0x3f7fffffu, /* 1, -1, and the neighbours of 1 */
};
enum { VALUES = sizeof values / sizeof *values, FIRST_NAN = 14, NANS = 7 };

/* One channel, no oracle: the number of masks and their order are plain to see here. */
static void check_by_hand(ctm_context *context)
{
    float map[VALUES];
    float masks[VALUES * VALUES];
    for (int i = 0; i < VALUES; i++) {
        set_bits(&map[i], values[i]);
    }
    uint32_t mask_count = 0;
    CHECK_STATUS(context,
                 ctm_run(context, map, VALUES, 1, 1, 1, 100, masks, VALUES * VALUES, &mask_count),
                 CTM_OK);
    CHECK(mask_count == VALUES - NANS - 1); /* The two zeros are one colour. */
    /* The zeros come first, being two; then all others, ascending. */
    static const int ascending[] = { 11, 13, 22, 9, 6, 3, 2, 4, 7, 5, 8, 24, 21, 23, 12, 10 };
    CHECK(sizeof ascending / sizeof *ascending == mask_count - 1);
    for (uint32_t mask = 0; mask < mask_count; mask++) {
        for (int i = 0; i < VALUES; i++) {
            const bool inside = mask == 0 ? i < 2 : i == ascending[mask - 1];
            CHECK(bits_of(&masks[mask * VALUES + (uint32_t)i]) == (inside ? 0x3f800000u : 0));
        }
    }
    /* Nothing but NaNs: no colour at all. */
    CHECK_STATUS(context,
                 ctm_run(context, map + FIRST_NAN, NANS, 1, 1, 1, 100, masks, VALUES, &mask_count),
                 CTM_OK);
    CHECK(mask_count == 0);
}

static void check_mixtures(ctm_context *context)
{
    for (uint32_t channels = 1; channels <= 4; channels++) {
        float *map = allocate(PIXELS * channels * sizeof *map, 0);
        for (uint64_t seed = 1; seed <= 4; seed++) {
            uint64_t state = seed;
            for (uint32_t i = 0; i < PIXELS * channels; i++) {
                /* Few values a channel, so that colours repeat; NaNs with every other seed only. */
                uint64_t value = next_random(&state) % (channels < 3 ? VALUES : 5 + seed * 3);
                if (seed % 2 == 0 && value >= FIRST_NAN && value < FIRST_NAN + NANS) {
                    value -= FIRST_NAN;
                }
                set_bits(&map[i], values[value]);
            }
            check_against_oracle(context, map, 45, 32, channels, 1, 2000);
            check_against_oracle(context, map, 45, 32, channels, 2, 17);
        }
        free(map);
    }
}

static void check_all(ctm_context *context)
{
    check_by_hand(context);
    check_mixtures(context);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    ctm_context *context = context_for(device);
    check_all(context);
#ifdef __SSE__
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
    float subnormal;
    set_bits(&subnormal, 1);
    const volatile float smallest = subnormal;
    CHECK(smallest == 0.0f); /* It is on: subnormals compare as zero. */

    check_all(context);
    /* A new context too: its threads start with the setting of the thread that makes them. */
    ctm_context *flushing = context_for(device);
    check_all(flushing);
    CHECK((_mm_getcsr() & CONTROL_BITS) ==
          ((before | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO) & CONTROL_BITS));
    ctm_destroy(flushing);
    _mm_setcsr(before);
#endif
    ctm_destroy(context);
    return 0;
}
