/* The golden cases and batches give the golden masks, to the bit. */

#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_CASES = 30, SLACK = 100, FILL = 0xa5 };

/*
 * The number behind a key. This is no JSON reader: it is enough for these files, whose keys are
 * unique and whose quotes inside strings are escaped, and it keeps all 64 bits of an integer.
 */
static uint64_t number(const char *json, const char *key)
{
    char quoted[64];
    CHECK(snprintf(quoted, sizeof quoted, "\"%s\":", key) < (int)sizeof quoted);
    const char *at = strstr(json, quoted);
    CHECK(at != NULL);
    at += strlen(quoted);
    at += strspn(at, " ");
    CHECK(*at >= '0' && *at <= '9');
    errno = 0;
    char *end;
    const unsigned long long value = strtoull(at, &end, 10);
    CHECK(errno == 0);
    CHECK(*end == ',' || *end == '\n' || *end == '}');
    return value;
}

static void check_case(ctm_context *context, const char *folder)
{
    size_t json_bytes, map_bytes, expected_bytes;
    char *json = (char *)read_golden(folder, "case.json", &json_bytes);
    unsigned char *map = read_golden(folder, "color_map.f32", &map_bytes);
    unsigned char *expected = read_golden(folder, "masks.u8", &expected_bytes);
    const uint32_t width = (uint32_t)number(json, "width");
    const uint32_t height = (uint32_t)number(json, "height");
    const uint32_t channels = (uint32_t)number(json, "channels");
    const uint32_t expected_count = (uint32_t)number(json, "mask_count");
    const size_t pixels = (size_t)width * height;
    const size_t needed = pixels * expected_count;
    CHECK(map_bytes == pixels * channels * sizeof(float));
    CHECK(expected_bytes == needed);

    float *masks = allocate((needed + SLACK) * sizeof *masks, FILL);
    uint32_t mask_count = 0xdeadbeefu;
    CHECK_STATUS(context,
                 ctm_run(context, (const float *)(const void *)map, width, height, channels,
                         number(json, "min_pixels"), (uint32_t)number(json, "max_count"), masks,
                         needed + SLACK, &mask_count),
                 CTM_OK);
    CHECK(mask_count == expected_count);
    for (size_t i = 0; i < needed; i++) {
        CHECK(expected[i] <= 1);
        CHECK(bits_of(&masks[i]) == (expected[i] == 1 ? 0x3f800000u : 0));
    }
    CHECK(all_bytes_are(masks + needed, SLACK * sizeof *masks, FILL));

    free(masks);
    free(expected);
    free(map);
    free(json);
}

/* Masks of all images, of the first one's colours, mask by mask. */
static void check_batch(ctm_context *context, const char *folder)
{
    size_t json_bytes, map_bytes, expected_bytes;
    char *json = (char *)read_golden(folder, "case.json", &json_bytes);
    unsigned char *map = read_golden(folder, "color_map.f32", &map_bytes);
    unsigned char *expected = read_golden(folder, "masks.u8", &expected_bytes);
    ctm_image image = CTM_IMAGE_INIT;
    image.pixels = map;
    image.width = (uint32_t)number(json, "width");
    image.height = (uint32_t)number(json, "height");
    image.channels = (uint32_t)number(json, "channels");
    image.image_count = (uint32_t)number(json, "batch");
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = number(json, "min_pixels");
    params.max_count = (uint32_t)number(json, "max_count");
    params.batch = CTM_BATCH_FIRST;
    unsigned char *masks = allocate(expected_bytes + SLACK, FILL);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.masks = masks;
    outputs.masks_size = expected_bytes;
    outputs.mask_format = CTM_MASK_U8_ONE;
    ctm_result result = CTM_RESULT_INIT;
    CHECK_STATUS(context, ctm_analyse(context, &image, &params, &outputs, &result), CTM_OK);
    CHECK(result.mask_count == number(json, "mask_count"));
    CHECK(result.masks_size == expected_bytes);
    CHECK(memcmp(masks, expected, expected_bytes) == 0);
    CHECK(all_bytes_are(masks + expected_bytes, SLACK, FILL));
    free(masks);
    free(expected);
    free(map);
    free(json);
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    DIR *golden = opendir(GOLDEN_DIR);
    CHECK(golden != NULL);
    int cases = 0;
    for (struct dirent *entry = readdir(golden); entry != NULL; entry = readdir(golden)) {
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') {
            printf("%s\n", entry->d_name);
            fflush(stdout); /* So that the case that fails is the last one named. */
            check_case(context, entry->d_name);
            cases++;
        }
    }
    closedir(golden);
    static const char *const batches[] = { "batch/01-three-images", "batch/02-second-image-has-none",
                                           "batch/03-four-images-one-channel" };
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        printf("%s\n", batches[i]);
        fflush(stdout);
        check_batch(context, batches[i]);
    }
    printf("%d cases\n", cases);
    CHECK(cases >= MIN_CASES);
    ctm_destroy(context);
    return 0;
}
