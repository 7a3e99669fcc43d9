/* count_white FILE.png …: the name and the number of white pixels of each; any that is neither white nor black fails. */

#include <png.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        png_image png = {.version = PNG_IMAGE_VERSION};
        if (!png_image_begin_read_from_file(&png, argv[i])) return 1;
        png.format = PNG_FORMAT_GRAY;
        png_bytep pixels = malloc(PNG_IMAGE_SIZE(png));
        if (pixels == NULL || !png_image_finish_read(&png, NULL, pixels, 0, NULL)) return 1;
        size_t white = 0;
        for (size_t pixel = 0; pixel < PNG_IMAGE_SIZE(png); pixel++) {
            if (pixels[pixel] != 0 && pixels[pixel] != 255) return 1;
            white += pixels[pixel] == 255;
        }
        free(pixels);
        printf("%s %zu\n", argv[i], white);
    }
    return 0;
}
