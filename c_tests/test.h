/*
 * What every test program shares: checks that end the program, and a context for the device that
 * the command line names ("cpu", "vulkan", or "vulkan:" with a part of the device's name).
 */

#ifndef TEST_H
#define TEST_H

#include "ctm.h" /* First: it must not need anything before it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program with the place and the text of a condition that does not hold. */
#define CHECK(condition)                                        \
    do {                                                        \
        if (!(condition)) {                                     \
            check_failed(__FILE__, __LINE__, #condition);       \
        }                                                       \
    } while (0)

/* Checks what a call returned; `context`, which may be NULL, is asked for the reason if it fails. */
#define CHECK_STATUS(context, call, expected) \
    check_status(__FILE__, __LINE__, #call, (call), (expected), (context))

void check_failed(const char *file, int line, const char *condition);
void check_status(const char *file, int line, const char *call, ctm_status status,
                  ctm_status expected, const ctm_context *context);

/* The only argument of the program, which is the name of a device. */
const char *device_argument(int argc, char **argv);

/* Options that name this device and leave all else at its default; `device` must outlive them. */
ctm_options options_for(const char *device);

/* A context on exactly this device. */
ctm_context *context_for(const char *device);

/* Memory that is there, or the program ends. Every byte of it is `fill`. */
void *allocate(size_t bytes, unsigned char fill);

/* A file of a golden case, as a whole; a zero byte behind it makes a text of it. To be freed. */
unsigned char *read_golden(const char *folder, const char *name, size_t *bytes);

/* The bit pattern of a float, and the float of a bit pattern. No float arithmetic happens. */
uint32_t bits_of(const float *value);
void set_bits(float *value, uint32_t bits);

/* The next of a fixed sequence of numbers that look random. */
uint64_t next_random(uint64_t *state);

/* Whether each of these bytes is `value`. */
bool all_bytes_are(const void *memory, size_t bytes, unsigned char value);

/*
 * A small image with a known answer, for tests whose subject is something else: 4 x 3 pixels of 3
 * channels, and 2 masks (7 and 4 pixels) for a `min_pixels` of 2.
 */
enum { SMALL_WIDTH = 4, SMALL_HEIGHT = 3, SMALL_CHANNELS = 3, SMALL_MASKS = 2 };
enum { SMALL_PIXELS = SMALL_WIDTH * SMALL_HEIGHT };

extern const float small_image[SMALL_PIXELS * SMALL_CHANNELS];
extern const float small_masks[SMALL_PIXELS * SMALL_MASKS];

/* Runs the small image on a context and checks the answer. */
void check_small_image(ctm_context *context);

#endif
