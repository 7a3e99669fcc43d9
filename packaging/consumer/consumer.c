/*
 * A program outside the repository: consumer FOLDER runs a golden case of the world map and compares the masks. It knows
 * ctm as it was installed, and prints the version that is loaded.
 */

#include <ctm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A part of the world map, in c_tests/golden. */
enum { WIDTH = 160, HEIGHT = 120, CHANNELS = 3, MIN_PIXELS = 30, MAX_COUNT = 1000, COUNT = 26 };
enum { PIXELS = WIDTH * HEIGHT };

static float map[PIXELS * CHANNELS];
static unsigned char expected[COUNT * PIXELS];
static float masks[COUNT * PIXELS];

static void read_file(const char *folder, const char *name, void *buffer, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL || fread(buffer, 1, size, file) != size) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    read_file(argv[1], "color_map.f32", map, sizeof map);
    read_file(argv[1], "masks.u8", expected, sizeof expected);
    ctm_context *context = NULL;
    uint32_t count = 0;
    ctm_status status = ctm_create(NULL, &context);
    if (status == CTM_OK) {
        status = ctm_run(context, map, WIDTH, HEIGHT, CHANNELS, MIN_PIXELS, MAX_COUNT, masks, COUNT * PIXELS, &count);
    }
    if (status != CTM_OK) {
        fprintf(stderr, "%s\n", ctm_last_error(context));
        return 1;
    }
    ctm_destroy(context);
    if (count != COUNT) return 1;
    for (size_t i = 0; i < COUNT * PIXELS; i++) {
        if (masks[i] != (float)expected[i]) {
            fprintf(stderr, "value %zu of the masks is %g\n", i, (double)masks[i]);
            return 1;
        }
    }
    printf("%s\n", ctm_version());
    return strcmp(ctm_version(), CTM_VERSION) == 0 ? 0 : 1;
}
