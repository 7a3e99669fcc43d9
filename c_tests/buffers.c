/*
 * Memory for outputs: aligned, all zeros, whole, apart from each other, and written by calls like any other. Sizes
 * that cannot be are refused with a reason, and freeing what is no buffer does nothing.
 */

#include "test.h"

#include <pthread.h>
#include <string.h>

enum { HUGE_PAGE = 2 << 20, ALIGNMENT = 64, THREADS = 4, ROUNDS = 50 };

static const size_t sizes[] = { 1, 63, 64, 65, 4096, HUGE_PAGE - 1, HUGE_PAGE, HUGE_PAGE + 1, 3 * HUGE_PAGE + 5 };
enum { SIZES = sizeof sizes / sizeof *sizes };

static unsigned char *buffer_of(size_t size)
{
    void *buffer = NULL;
    CHECK_STATUS(NULL, ctm_buffer_alloc(size, &buffer), CTM_OK);
    CHECK(buffer != NULL && (uintptr_t)buffer % ALIGNMENT == 0);
    CHECK(all_bytes_are(buffer, size, 0));
    return buffer;
}

/* Each is there as a whole, whatever is written to the others, and is given back in any order. */
static void *use_buffers(void *unused)
{
    unsigned char *buffers[SIZES];
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < SIZES; i++) {
            buffers[i] = buffer_of(sizes[i]);
            memset(buffers[i], (int)i + 1, sizes[i]);
        }
        for (size_t i = 0; i < SIZES; i++) {
            const size_t index = (i * 4 + (size_t)round) % SIZES; /* 4 and 9 have no common divisor. */
            CHECK(all_bytes_are(buffers[index], sizes[index], (unsigned char)(index + 1)));
            ctm_buffer_free(buffers[index]);
        }
    }
    return unused;
}

static void check_refused(size_t size, ctm_status expected, const char *reason)
{
    int place = 0;
    void *buffer = &place;
    CHECK_STATUS(NULL, ctm_buffer_alloc(size, &buffer), expected);
    CHECK(buffer == NULL);
    CHECK(strstr(ctm_last_error(NULL), reason) != NULL);
}

static void refused_sizes(void)
{
    check_refused(0, CTM_ERROR_INVALID_ARGUMENT, "size is 0");
    const size_t large[] = { SIZE_MAX, SIZE_MAX - HUGE_PAGE, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX / 4, SIZE_MAX / 4 + 1 };
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        check_refused(large[i], CTM_ERROR_OUT_OF_MEMORY, "a buffer of ");
    }
    CHECK_STATUS(NULL, ctm_buffer_alloc(64, NULL), CTM_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ctm_last_error(NULL), "buffer is NULL") != NULL);
}

static void what_is_no_buffer(void)
{
    unsigned char own[8] = { 7 };
    unsigned char *buffer = buffer_of(HUGE_PAGE);
    ctm_buffer_free(NULL);
    ctm_buffer_free(own);
    ctm_buffer_free(buffer + 64);
    memset(buffer, 9, HUGE_PAGE);
    CHECK(own[0] == 7);
    ctm_buffer_free(buffer);
    ctm_buffer_free(buffer);
}

/* It outlives the context that has written to it. */
static void masks(void)
{
    float map[16];
    for (size_t i = 0; i < 16; i++) {
        map[i] = (float)(i % 4 == 0);
    }
    ctm_context *context = context_for("cpu");
    float *written = (float *)(void *)buffer_of(2 * sizeof map);
    uint32_t mask_count = 0;
    CHECK_STATUS(context, ctm_run(context, map, 4, 4, 1, 1, 2, written, 32, &mask_count), CTM_OK);
    ctm_destroy(context);
    CHECK(mask_count == 2);
    for (size_t i = 0; i < 16; i++) {
        CHECK(written[16 + i] == map[i] && written[i] == 1 - map[i]);
    }
    ctm_buffer_free(written);
}

int main(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, use_buffers, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    refused_sizes();
    what_is_no_buffer();
    masks();
    return 0;
}
