#include "golden_case.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_CASES = 30 };

uint64_t golden_number(const char *json, const char *key)
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

static void read_case(const char *folder, golden_case *golden)
{
    size_t json_bytes, map_bytes, masks_bytes;
    char *json = (char *)read_golden(folder, "case.json", &json_bytes);
    golden->width = (uint32_t)golden_number(json, "width");
    golden->height = (uint32_t)golden_number(json, "height");
    golden->channels = (uint32_t)golden_number(json, "channels");
    golden->min_pixels = golden_number(json, "min_pixels");
    golden->max_count = (uint32_t)golden_number(json, "max_count");
    golden->mask_count = (uint32_t)golden_number(json, "mask_count");
    free(json);
    golden->color_map = (float *)(void *)read_golden(folder, "color_map.f32", &map_bytes);
    golden->masks = read_golden(folder, "masks.u8", &masks_bytes);
    const size_t pixels = (size_t)golden->width * golden->height;
    CHECK(map_bytes == pixels * golden->channels * sizeof(float));
    CHECK(masks_bytes == pixels * golden->mask_count);
    for (size_t i = 0; i < masks_bytes; i++) {
        CHECK(golden->masks[i] <= 1);
    }
}

void for_each_golden_case(void (*check)(const golden_case *golden, void *user), void *user)
{
    DIR *folder = opendir(GOLDEN_DIR);
    CHECK(folder != NULL);
    int cases = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') {
            printf("%s\n", entry->d_name);
            fflush(stdout); /* So that the case that fails is the last one named. */
            golden_case golden;
            read_case(entry->d_name, &golden);
            check(&golden, user);
            free(golden.masks);
            free(golden.color_map);
            cases++;
        }
    }
    closedir(folder);
    printf("%d cases\n", cases);
    CHECK(cases >= MIN_CASES);
}
