/* Pixels and outputs in the memory of another Vulkan device, which this program makes, give the bits of host memory. */

#define _POSIX_C_SOURCE 200809L

#include "golden_case.h"
#include "vulkan_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILL = 0xa5, BEFORE = 68, BEHIND = 260 }; /* Bytes around what is lent, and what they hold. */

/* The memory of a buffer, from the byte `offset` on. */
static ctm_device_memory lend(const exported *buffer, uint64_t offset)
{
    ctm_device_memory lent = buffer->lent;
    lent.offset = offset;
    return lent;
}

/* Memory with `size` bytes to lend, from BEFORE on. */
static exported make_room(const vulkan_host *host, size_t size)
{
    return make_exported(host, BEFORE + size + BEHIND, FILL);
}

static exported make_pixels(const vulkan_host *host, const float *pixels, size_t floats)
{
    exported made = make_room(host, floats * sizeof *pixels);
    upload(host, &made, BEFORE, pixels, floats * sizeof *pixels);
    return made;
}

/* Checks that the room holds these bytes, and its old ones around them. */
static void check_room(const vulkan_host *host, const exported *buffer, const void *expected, size_t size)
{
    unsigned char *found = allocate((size_t)buffer->size, 0);
    download(host, buffer, 0, found, (size_t)buffer->size);
    CHECK(all_bytes_are(found, BEFORE, FILL));
    CHECK(size == 0 || memcmp(found + BEFORE, expected, size) == 0);
    CHECK(all_bytes_are(found + BEFORE + size, (size_t)buffer->size - BEFORE - size, FILL));
    free(found);
}

typedef struct {
    const vulkan_host *host;
    ctm_context *context;
    const exported *any; /* Some memory, for counting file descriptors of its kind. */
} session;

static void check_golden_case(const golden_case *golden, void *user)
{
    const session *session = user;
    const size_t pixels = (size_t)golden->width * golden->height;
    const size_t size = pixels * golden->mask_count * sizeof(float);
    exported color_map = make_pixels(session->host, golden->color_map, pixels * golden->channels);
    exported masks = make_room(session->host, size);
    exported labels = make_room(session->host, pixels);

    const ctm_device_memory color_map_lent = lend(&color_map, BEFORE);
    const ctm_device_memory masks_lent = lend(&masks, BEFORE);
    const ctm_device_memory labels_lent = lend(&labels, BEFORE);
    ctm_image image = CTM_IMAGE_INIT;
    image.device_memory = &color_map_lent;
    image.width = golden->width;
    image.height = golden->height;
    image.channels = golden->channels;
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = golden->min_pixels;
    params.max_count = golden->max_count;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks_memory = &masks_lent;
    outputs.masks_size = size;
    if (golden->mask_count <= 255) {
        outputs.labels_memory = &labels_lent;
        outputs.labels_size = pixels;
        outputs.label_format = CTM_LABEL_U8;
    }
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(session->context, ctm_analyze(session->context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == golden->mask_count);

    float *expected = allocate(size, 0);
    unsigned char *expected_labels = allocate(pixels, 0);
    for (size_t i = 0; i < pixels * golden->mask_count; i++) {
        expected[i] = golden->masks[i] == 1 ? 1.0f : 0.0f;
        if (golden->masks[i] == 1) {
            expected_labels[i % pixels] = (unsigned char)(i / pixels + 1);
        }
    }
    check_room(session->host, &masks, expected, size);
    check_room(session->host, &labels, expected_labels, golden->mask_count <= 255 ? pixels : 0);
    free(expected_labels);
    free(expected);
    destroy_exported(session->host, &labels);
    destroy_exported(session->host, &masks);
    destroy_exported(session->host, &color_map);
}

/* Random runs of `colors` colours. */
static float *random_image(size_t pixels, uint32_t channels, uint64_t colors, uint64_t longest_run)
{
    float *image = allocate(pixels * channels * sizeof *image, 0);
    uint64_t state = pixels + colors, color = 0, run = 0;
    for (size_t i = 0; i < pixels; i++) {
        if (run-- == 0) {
            /* Few of them are frequent, so that there is an order. */
            color = next_random(&state) % (1 + next_random(&state) % colors);
            run = next_random(&state) % longest_run;
        }
        for (uint32_t channel = 0; channel < channels; channel++) {
            image[i * channels + channel] = (float)((color >> (8 * channel)) & 255) / 256.0f - 0.25f;
        }
    }
    return image;
}

typedef struct {
    uint32_t width, height, channels, images;
    const float *pixels;
    ctm_params params;
    uint32_t label_format;
} job;

/* What the job gives in the host's memory. */
typedef struct {
    ctm_result result;
    void *masks, *labels;
    ctm_palette_entry *palette;
} answer;

static ctm_image image_of(const job *job)
{
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = job->pixels;
    image.width = job->width;
    image.height = job->height;
    image.channels = job->channels;
    image.image_count = job->images;
    return image;
}

static answer host_answer(ctm_context *context, const job *job)
{
    answer found = { .result = CTM_RESULT_INIT };
    const ctm_image image = image_of(job);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.label_format = job->label_format;
    CHECK_STATUS(context, ctm_analyze(context, &image, &job->params, &outputs, &found.result), CTM_OK);
    outputs.masks = found.masks = allocate((size_t)found.result.masks_size, FILL);
    outputs.masks_size = (size_t)found.result.masks_size;
    outputs.labels = found.labels = allocate((size_t)found.result.labels_size, FILL);
    outputs.labels_size = (size_t)found.result.labels_size;
    outputs.palette = found.palette = allocate((size_t)found.result.palette_len * sizeof *found.palette, 0);
    outputs.palette_capacity = (size_t)found.result.palette_len;
    CHECK_STATUS(context, ctm_analyze(context, &image, &job->params, &outputs, &found.result), CTM_OK);
    return found;
}

static void free_answer(answer *answer)
{
    free(answer->masks);
    free(answer->labels);
    free(answer->palette);
}

/* Where an output goes. */
enum place { NOWHERE, HOST, DEVICE, PLACES };

/* Does the job with pixels and outputs in these places, and checks every bit. Returns what it cost. */
static ctm_counters check_places(const session *session, const job *job, const answer *expected, bool device_pixels,
                                 enum place masks, enum place labels, bool palette)
{
    const size_t floats = (size_t)job->width * job->height * job->channels * job->images;
    const size_t masks_size = (size_t)expected->result.masks_size;
    const size_t labels_size = (size_t)expected->result.labels_size;
    exported pixels_room, masks_room, labels_room;
    ctm_device_memory pixels_lent, masks_lent, labels_lent;
    void *host_masks = NULL, *host_labels = NULL;
    ctm_image image = image_of(job);
    if (device_pixels) {
        pixels_room = make_pixels(session->host, job->pixels, floats);
        pixels_lent = lend(&pixels_room, BEFORE);
        image.pixels = NULL;
        image.device_memory = &pixels_lent;
    }
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.label_format = job->label_format;
    if (masks == DEVICE) {
        masks_room = make_room(session->host, masks_size);
        masks_lent = lend(&masks_room, BEFORE);
        outputs.masks_memory = &masks_lent;
        outputs.masks_size = masks_size;
    } else if (masks == HOST) {
        outputs.masks = host_masks = allocate(masks_size, FILL);
        outputs.masks_size = masks_size;
    }
    if (labels == DEVICE) {
        labels_room = make_room(session->host, labels_size);
        labels_lent = lend(&labels_room, BEFORE);
        outputs.labels_memory = &labels_lent;
        outputs.labels_size = labels_size;
    } else if (labels == HOST) {
        outputs.labels = host_labels = allocate(labels_size, FILL);
        outputs.labels_size = labels_size;
    }
    const size_t entries = (size_t)expected->result.palette_len;
    ctm_palette_entry *found_palette = allocate((entries + 1) * sizeof *found_palette, 0);
    if (palette) {
        outputs.palette = found_palette;
        outputs.palette_capacity = entries;
    }
    ctm_result result = CTM_RESULT_INIT;
    const int before = memory_files(session->any);
    CHECK_STATUS(session->context, ctm_analyze(session->context, &image, &job->params, &outputs, &result), CTM_OK);
    CHECK(memory_files(session->any) == before);
    CHECK(result.mask_count == expected->result.mask_count);
    ctm_counters counters = CTM_COUNTERS_INIT;
    CHECK_STATUS(session->context, ctm_context_counters(session->context, &counters), CTM_OK);

    if (device_pixels) {
        check_room(session->host, &pixels_room, job->pixels, floats * sizeof *job->pixels);
        destroy_exported(session->host, &pixels_room);
    }
    if (masks == DEVICE) {
        check_room(session->host, &masks_room, expected->masks, masks_size);
        destroy_exported(session->host, &masks_room);
    } else if (masks == HOST) {
        CHECK(masks_size == 0 || memcmp(host_masks, expected->masks, masks_size) == 0);
    }
    if (labels == DEVICE) {
        check_room(session->host, &labels_room, expected->labels, labels_size);
        destroy_exported(session->host, &labels_room);
    } else if (labels == HOST) {
        CHECK(memcmp(host_labels, expected->labels, labels_size) == 0);
    }
    for (size_t i = 0; palette && i < entries; i++) {
        CHECK(memcmp(&found_palette[i], &expected->palette[i], sizeof *found_palette) == 0);
    }
    free(found_palette);
    free(host_labels);
    free(host_masks);
    return counters;
}

static void check_all_places(const session *session, const job *job)
{
    answer expected = host_answer(session->context, job);
    for (int device_pixels = 0; device_pixels < 2; device_pixels++) {
        for (int masks = NOWHERE; masks < PLACES; masks++) {
            for (int labels = NOWHERE; labels < PLACES; labels++) {
                for (int palette = 0; palette < 2; palette++) {
                    check_places(session, job, &expected, device_pixels == 1, (enum place)masks,
                                 (enum place)labels, palette == 1);
                }
            }
        }
    }
    free_answer(&expected);
}

/* Any mix of places, and all of what says which pixel is in which mask. */
static void check_mixtures(const session *session)
{
    enum { WIDTH = 61, HEIGHT = 37, CHANNELS = 3, IMAGES = 2 };
    float *pixels = random_image(WIDTH * HEIGHT * IMAGES, CHANNELS, 40, 9);
    job job = { WIDTH, HEIGHT, CHANNELS, IMAGES, pixels, CTM_PARAMS_INIT, CTM_LABEL_U8 };
    job.params.max_count = 20;
    check_all_places(session, &job);

    job.params.batch = CTM_BATCH_FIRST;
    job.label_format = CTM_LABEL_U16;
    answer expected = host_answer(session->context, &job);
    check_places(session, &job, &expected, true, DEVICE, DEVICE, true);
    free_answer(&expected);

    /* Several colours to a mask: each pixel's colour joins one of these two, or none. */
    const float palette[] = { -0.25f, -0.25f, -0.25f, 0, -0.15f, -0.25f, -0.25f, 0 };
    job.params.batch = CTM_BATCH_ALL;
    job.params.palette = palette;
    job.params.palette_count = 2;
    job.params.nearest = CTM_NEAREST_EUCLIDEAN;
    job.params.tolerance = 0.03;
    job.label_format = CTM_LABEL_U32;
    expected = host_answer(session->context, &job);
    CHECK(expected.palette[0].pixel_count > 0 && expected.palette[2].pixel_count > 0);
    check_places(session, &job, &expected, true, DEVICE, DEVICE, true);
    check_places(session, &job, &expected, false, DEVICE, DEVICE, false);
    free_answer(&expected);

    /* The same for near-duplicates, which become the most frequent colour near them. */
    job.params = (ctm_params)CTM_PARAMS_INIT;
    job.params.merge = CTM_NEAREST_CHEBYSHEV;
    job.params.merge_tolerance = 0.01;
    job.params.max_count = 4;
    expected = host_answer(session->context, &job);
    check_places(session, &job, &expected, true, DEVICE, DEVICE, true);
    free_answer(&expected);

    /* No mask at all: labels are 0. */
    job.params = (ctm_params)CTM_PARAMS_INIT;
    job.params.min_pixels = 1000000;
    job.label_format = CTM_LABEL_U8;
    expected = host_answer(session->context, &job);
    CHECK(expected.result.mask_count == 0);
    check_places(session, &job, &expected, true, DEVICE, DEVICE, true);
    free_answer(&expected);
    free(pixels);
}

/* More masks than a byte numbers, exactly as many, and more than one dispatch writes. */
static void check_many_masks(const session *session)
{
    enum { WIDTH = 640, HEIGHT = 3 };
    float *pixels = random_image(WIDTH * HEIGHT, 2, 600, 2);
    job job = { WIDTH, HEIGHT, 2, 1, pixels, CTM_PARAMS_INIT, CTM_LABEL_U8 };
    job.params.max_count = 255;
    answer expected = host_answer(session->context, &job);
    CHECK(expected.result.mask_count == 255);
    check_places(session, &job, &expected, true, DEVICE, DEVICE, false);
    free_answer(&expected);
    job.params.max_count = 256;
    job.label_format = CTM_LABEL_U16;
    expected = host_answer(session->context, &job);
    CHECK(expected.result.mask_count == 256);
    check_places(session, &job, &expected, true, DEVICE, DEVICE, false);
    check_places(session, &job, &expected, true, DEVICE, NOWHERE, false);
    free_answer(&expected);
    free(pixels);
}

/* Images with more colours than can be numbered. */
static void check_many_colors(const session *session)
{
    enum { WIDTH = 400, HEIGHT = 300 };
    float *pixels = random_image(WIDTH * HEIGHT, 3, 1 << 24, 2);
    job job = { WIDTH, HEIGHT, 3, 1, pixels, CTM_PARAMS_INIT, CTM_LABEL_U32 };
    job.params.max_count = 3;
    answer expected = host_answer(session->context, &job);
    CHECK(expected.result.mask_count == 3);
    check_places(session, &job, &expected, true, DEVICE, DEVICE, true);
    check_places(session, &job, &expected, true, HOST, NOWHERE, true);
    free_answer(&expected);
    free(pixels);
}

/* An image in several chunks, whose masks are larger than a storage buffer of lavapipe's; and what crosses the bus. */
static void check_large(const session *session)
{
    enum { WIDTH = 2000, HEIGHT = 1100, CHANNELS = 3 };
    float *pixels = random_image((size_t)WIDTH * HEIGHT, CHANNELS, 60, 200);
    job job = { WIDTH, HEIGHT, CHANNELS, 1, pixels, CTM_PARAMS_INIT, CTM_LABEL_U8 };
    ctm_counters counters[2];
    for (uint32_t i = 0; i < 2; i++) {
        job.params.max_count = i == 0 ? 1 : 20;
        answer expected = host_answer(session->context, &job);
        CHECK(expected.result.mask_count == job.params.max_count);
        counters[i] = check_places(session, &job, &expected, true, DEVICE, DEVICE, false);
        free_answer(&expected);
    }
    /* Only tables and lists: 6.6 million values and 2.2 million labels stay where they are. */
    printf("%llu bytes to the device, %llu from it\n", (unsigned long long)counters[1].bytes_to_device,
           (unsigned long long)counters[1].bytes_from_device);
    CHECK(counters[1].bytes_to_device < 100000);
    CHECK(counters[1].bytes_from_device < 100000);
    CHECK(counters[0].bytes_to_device == counters[1].bytes_to_device);
    CHECK(counters[0].bytes_from_device == counters[1].bytes_from_device);
    CHECK(counters[1].bytes_imported >= sizeof(float) * WIDTH * HEIGHT * CHANNELS);
    free(pixels);
}

/* What a call on the small image is made of, to be spoilt. */
typedef struct {
    ctm_image image;
    ctm_params params;
    ctm_outputs outputs;
    ctm_device_memory pixels, masks, labels;
} call;

typedef struct {
    const session *session;
    exported pixels, masks, labels;
} small_rooms;

static call good_call(const small_rooms *rooms)
{
    call good = { .image = CTM_IMAGE_INIT, .params = CTM_PARAMS_INIT, .outputs = CTM_OUTPUTS_INIT };
    good.pixels = lend(&rooms->pixels, BEFORE);
    good.masks = lend(&rooms->masks, BEFORE);
    good.labels = lend(&rooms->labels, BEFORE);
    good.image.width = SMALL_WIDTH;
    good.image.height = SMALL_HEIGHT;
    good.image.channels = SMALL_CHANNELS;
    good.params.min_pixels = 2;
    good.outputs.masks_size = sizeof small_masks;
    good.outputs.label_format = CTM_LABEL_U8;
    good.outputs.labels_size = SMALL_PIXELS;
    return good;
}

/* Makes the call and checks its status, what its message contains, and that it has touched nothing. */
static void check_refused(const small_rooms *rooms, const call *call, ctm_status status, const char *message)
{
    const session *session = rooms->session;
    ctm_image image = call->image;
    ctm_outputs outputs = call->outputs;
    image.device_memory = &call->pixels;
    outputs.masks_memory = &call->masks;
    outputs.labels_memory = &call->labels;
    ctm_result result = CTM_RESULT_INIT;
    result.mask_count = 77;
    const int before = memory_files(session->any);
    CHECK_STATUS(session->context, ctm_analyze(session->context, &image, &call->params, &outputs, &result), status);
    printf("%s\n", ctm_last_error(session->context));
    CHECK(strstr(ctm_last_error(session->context), message) != NULL);
    CHECK(result.mask_count == (status == CTM_ERROR_BUFFER_TOO_SMALL ? SMALL_MASKS : 77));
    CHECK(memory_files(session->any) == before);
    check_room(session->host, &rooms->masks, NULL, 0);
    check_room(session->host, &rooms->labels, NULL, 0);
}

static void check_errors(const session *session)
{
    small_rooms rooms = { .session = session };
    rooms.pixels = make_pixels(session->host, small_image, SMALL_PIXELS * SMALL_CHANNELS);
    rooms.masks = make_room(session->host, sizeof small_masks);
    rooms.labels = make_room(session->host, SMALL_PIXELS);
    const call good = good_call(&rooms);
    const int closed = dup(good.pixels.fd);
    CHECK(closed >= 0 && close(closed) == 0);

#define REFUSED(spoil, status, message)                     \
    do {                                                    \
        call bad = good;                                    \
        spoil;                                              \
        check_refused(&rooms, &bad, (status), (message));   \
    } while (0)

    const ctm_status invalid = CTM_ERROR_INVALID_ARGUMENT, unsupported = CTM_ERROR_UNSUPPORTED;
    REFUSED(bad.pixels.fd = -1, invalid, "image.device_memory.fd is -1");
    REFUSED(bad.pixels.fd = closed, invalid, "image.device_memory.fd");
    REFUSED(bad.masks.fd = closed, invalid, "outputs.masks_memory.fd");
    REFUSED(bad.labels.memory_type_index = 99, invalid, "outputs.labels_memory.memory_type_index is 99");
    REFUSED(bad.pixels.struct_size--, invalid, "struct_size");
    REFUSED(bad.pixels.reserved = 1, invalid, "image.device_memory.reserved is 1");
    REFUSED(bad.masks.handle_type = 2, unsupported, "outputs.masks_memory.handle_type is 2");
    REFUSED(bad.pixels.offset = 66, invalid, "image.device_memory.offset is 66");
    REFUSED(bad.pixels.offset = bad.pixels.allocation_size - 12, invalid, "image.device_memory.allocation_size");
    REFUSED(bad.pixels.offset = UINT64_MAX - 3, invalid, "image.device_memory.allocation_size");
    REFUSED(bad.masks.allocation_size = 64, invalid, "outputs.masks_memory.allocation_size is 64");
    REFUSED(bad.outputs.masks_size = SIZE_MAX, invalid, "outputs.masks_memory.allocation_size");
    REFUSED(bad.masks = bad.pixels, invalid, "overlaps");
    REFUSED(bad.labels = bad.masks; bad.labels.offset += 4, invalid, "overlaps");
    REFUSED(bad.image.pixels = small_image, invalid, "image.pixels");
    REFUSED(bad.outputs.masks = &bad, invalid, "outputs.masks");
    REFUSED(bad.outputs.labels = &bad, invalid, "outputs.labels");
    REFUSED(bad.outputs.masks_size -= 1, CTM_ERROR_BUFFER_TOO_SMALL, "outputs.masks_size");
    REFUSED(bad.outputs.labels_size -= 1, CTM_ERROR_BUFFER_TOO_SMALL, "outputs.labels_size");
    REFUSED(bad.outputs.masks_size = 0, CTM_ERROR_BUFFER_TOO_SMALL, "outputs.masks_size is 0");
    REFUSED(bad.image.format = CTM_FORMAT_U8, unsupported, "32 bits a channel");
    REFUSED(bad.image.channel_order = CTM_ORDER_BGRA, unsupported, "order");
    REFUSED(bad.image.planar = 1, unsupported, "reading order");
    REFUSED(bad.image.row_stride = SMALL_WIDTH * SMALL_CHANNELS * 4 + 4, unsupported, "without gaps");
    REFUSED(bad.image.rectangle_width = 2, unsupported, "rectangle");
    REFUSED(bad.params.matching = CTM_MATCH_8_BIT, unsupported, "matching");
    REFUSED(bad.outputs.mask_format = CTM_MASK_U8, unsupported, "mask_format");
    REFUSED(bad.outputs.cropped = 1, unsupported, "cropped");
    REFUSED(bad.outputs.mask_row_stride = 64, unsupported, "stride");
    REFUSED(bad.params.batch = CTM_BATCH_EACH; bad.image.image_count = 2; bad.image.height = 1;
            bad.outputs.masks_size = 64; bad.outputs.labels_size = 8, unsupported, "masks of its own");

    /* And none of that has left anything behind. */
    ctm_image image = good.image;
    ctm_outputs outputs = good.outputs;
    image.device_memory = &good.pixels;
    outputs.masks_memory = &good.masks;
    ctm_result result = CTM_RESULT_INIT;
    outputs.labels_size = 0;
    CHECK_STATUS(session->context, ctm_analyze(session->context, &image, &good.params, &outputs, &result), CTM_OK);
    check_room(session->host, &rooms.masks, small_masks, sizeof small_masks);
    destroy_exported(session->host, &rooms.labels);
    destroy_exported(session->host, &rooms.masks);
    destroy_exported(session->host, &rooms.pixels);
}

/* Pixels and masks side by side in the same memory, and the same memory call after call. */
static void check_same_memory(const session *session)
{
    exported both = make_exported(session->host, 4096, FILL);
    upload(session->host, &both, 0, small_image, sizeof small_image);
    const ctm_device_memory pixels = lend(&both, 0);
    const ctm_device_memory masks = lend(&both, sizeof small_image);
    ctm_image image = CTM_IMAGE_INIT;
    image.device_memory = &pixels;
    image.width = SMALL_WIDTH;
    image.height = SMALL_HEIGHT;
    image.channels = SMALL_CHANNELS;
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 2;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks_memory = &masks;
    outputs.masks_size = sizeof small_masks;
    ctm_result result = CTM_RESULT_INIT;
    for (int i = 0; i < 20; i++) {
        CHECK_STATUS(session->context, ctm_analyze(session->context, &image, &params, &outputs, &result), CTM_OK);
    }
    unsigned char found[sizeof small_image + sizeof small_masks + 8];
    download(session->host, &both, 0, found, sizeof found);
    CHECK(memcmp(found, small_image, sizeof small_image) == 0);
    CHECK(memcmp(found + sizeof small_image, small_masks, sizeof small_masks) == 0);
    CHECK(all_bytes_are(found + sizeof small_image + sizeof small_masks, 8, FILL));
    destroy_exported(session->host, &both);
}

/* Where there is no such memory, the status says so, and nothing is written. */
static void check_unsupported(ctm_context *context)
{
    ctm_device_memory memory = CTM_DEVICE_MEMORY_INIT;
    memory.fd = dup(0);
    memory.allocation_size = 1 << 20;
    ctm_image image = CTM_IMAGE_INIT;
    image.device_memory = &memory;
    image.width = SMALL_WIDTH;
    image.height = SMALL_HEIGHT;
    image.channels = SMALL_CHANNELS;
    ctm_result result = CTM_RESULT_INIT;
    result.mask_count = 77;
    CHECK_STATUS(context, ctm_analyze(context, &image, NULL, NULL, &result), CTM_ERROR_UNSUPPORTED);
    CHECK(strstr(ctm_last_error(context), "image.device_memory") != NULL);
    CHECK(result.mask_count == 77);

    image.device_memory = NULL;
    image.pixels = small_image;
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks_memory = &memory;
    outputs.masks_size = sizeof small_masks;
    CHECK_STATUS(context, ctm_analyze(context, &image, NULL, &outputs, &result), CTM_ERROR_UNSUPPORTED);
    CHECK(strstr(ctm_last_error(context), "outputs.masks_memory") != NULL);
    CHECK(close(memory.fd) == 0); /* It is open still. */
    check_small_image(context);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    if (ctm_context_backend(context) == CTM_BACKEND_CPU) {
        uint8_t uuids[2][16];
        memset(uuids, FILL, sizeof uuids);
        CHECK_STATUS(context, ctm_context_device_uuid(context, uuids[0], uuids[1]), CTM_ERROR_UNSUPPORTED);
        CHECK(all_bytes_are(uuids, sizeof uuids, FILL));
        CHECK_STATUS(context, ctm_context_device_uuid(context, NULL, uuids[1]), CTM_ERROR_INVALID_ARGUMENT);
        check_unsupported(context);
        ctm_destroy(context);
        return 0;
    }
    vulkan_host host = make_host(context);
    if (!host.exports) {
        printf("the driver has no memory file descriptors\n");
        check_unsupported(context);
    } else {
        exported any = make_exported(&host, 4, FILL);
        session session = { &host, context, &any };
        const int before = memory_files(&any); /* With what the driver keeps of it for itself. */
        CHECK(before >= 1);
        check_large(&session); /* Before others, whose larger tables the context keeps. */
        check_errors(&session);
        check_same_memory(&session);
        check_mixtures(&session);
        check_many_masks(&session);
        check_many_colors(&session);
        for_each_golden_case(check_golden_case, &session);
        CHECK(memory_files(&any) == before);
        destroy_exported(&host, &any);
    }
    destroy_host(&host);
    ctm_destroy(context);
    return 0;
}
