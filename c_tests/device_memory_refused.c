/* File descriptors that are no memory of the driver's are refused, and neither lost nor closed: drivers differ there. */

#define _POSIX_C_SOURCE 200809L

#include "test.h"
#include "vulkan_host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_FD = 3, LAST_FD = 200 };

/* How many file descriptors stand for the same as this one: a driver's caches open others now and then. */
static int copies_of(int fd)
{
    char path[64], expected[256], name[256];
    int count = 0;
    for (int other = -1; other < LAST_FD; other++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", other < 0 ? fd : other);
        const ssize_t length = readlink(path, name, sizeof name - 1);
        name[length > 0 ? length : 0] = '\0';
        if (other < 0) {
            CHECK(length > 0);
            strcpy(expected, name);
        } else {
            count += strcmp(name, expected) == 0;
        }
    }
    return count;
}

static void check_refused(ctm_context *context, ctm_image image, ctm_outputs outputs, int fd, const char *name)
{
    const int before = copies_of(fd);
    for (int i = 0; i < 10; i++) {
        ctm_result result = CTM_RESULT_INIT;
        result.mask_count = 77;
        CHECK_STATUS(context, ctm_analyze(context, &image, NULL, &outputs, &result), CTM_ERROR_INVALID_ARGUMENT);
        CHECK(strstr(ctm_last_error(context), name) != NULL);
        CHECK(result.mask_count == 77);
        CHECK(copies_of(fd) == before);
    }
    printf("%s\n", ctm_last_error(context));
}

int main(int argc, char **argv)
{
    ctm_context *context = context_for(device_argument(argc, argv));
    vulkan_host host = make_host(context);
    if (host.exports) {
        exported room = make_exported(&host, sizeof small_masks, 0xa5);
        int pipe_ends[2];
        CHECK(pipe(pipe_ends) == 0);
        const int others[] = { open("/dev/null", O_RDWR), pipe_ends[0], open(GOLDEN_DIR, O_RDONLY) };
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            CHECK(others[i] >= FIRST_FD);
            ctm_device_memory no_memory = room.lent;
            no_memory.fd = others[i];
            ctm_image image = CTM_IMAGE_INIT;
            image.width = SMALL_WIDTH;
            image.height = SMALL_HEIGHT;
            image.channels = SMALL_CHANNELS;
            ctm_outputs outputs = CTM_OUTPUTS_INIT;
            image.device_memory = &no_memory;
            check_refused(context, image, outputs, others[i], "image.device_memory.fd");

            image.device_memory = NULL;
            image.pixels = small_image;
            outputs.masks_memory = &room.lent;
            outputs.masks_size = sizeof small_masks;
            outputs.labels_memory = &no_memory;
            outputs.labels_size = SMALL_PIXELS;
            outputs.label_format = CTM_LABEL_U8;
            check_refused(context, image, outputs, others[i], "outputs.labels_memory.fd");
            CHECK(fcntl(others[i], F_GETFD) >= 0);
        }
        unsigned char found[sizeof small_masks];
        download(&host, &room, 0, found, sizeof found);
        CHECK(all_bytes_are(found, sizeof found, 0xa5));
        destroy_exported(&host, &room);
        check_small_image(context);
    }
    destroy_host(&host);
    ctm_destroy(context);
    return 0;
}
