/*
 * Nothing is printed, no environment variable, signal handler, locale or working directory changes,
 * in success and in failure. To be run without the validation layer, which may print.
 */

#define _DEFAULT_SOURCE

#include "test.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

enum { SIGNALS = 32 }; /* The ordinary ones: 1 to 31. */

typedef struct {
    char environment[32768];
    struct sigaction actions[SIGNALS];
    sigset_t blocked;
    char locale[256];
    char directory[4096];
    mode_t umask;
} host;

static void record(host *h)
{
    memset(h, 0, sizeof *h);
    size_t used = 0;
    for (char **variable = environ; *variable != NULL; variable++) {
        const int length = snprintf(h->environment + used, sizeof h->environment - used, "%s\n",
                                    *variable);
        CHECK(length > 0 && (size_t)length < sizeof h->environment - used);
        used += (size_t)length;
    }
    for (int number = 1; number < SIGNALS; number++) {
        CHECK(sigaction(number, NULL, &h->actions[number]) == 0);
    }
    CHECK(sigprocmask(SIG_BLOCK, NULL, &h->blocked) == 0);
    strncpy(h->locale, setlocale(LC_ALL, NULL), sizeof h->locale - 1);
    CHECK(getcwd(h->directory, sizeof h->directory) != NULL);
    h->umask = umask(0);
    umask(h->umask);
}

static void check_same(const host *before, const host *after)
{
    CHECK(strcmp(before->environment, after->environment) == 0);
    for (int number = 1; number < SIGNALS; number++) {
        CHECK(before->actions[number].sa_handler == after->actions[number].sa_handler);
        CHECK(before->actions[number].sa_flags == after->actions[number].sa_flags);
    }
    for (int number = 1; number < SIGNALS; number++) {
        CHECK(sigismember(&before->blocked, number) == sigismember(&after->blocked, number));
    }
    CHECK(strcmp(before->locale, after->locale) == 0);
    CHECK(strcmp(before->directory, after->directory) == 0);
    CHECK(before->umask == after->umask);
}

static void use_the_library(const char *device)
{
    ctm_context *context = context_for(device);
    check_small_image(context);
    uint32_t mask_count = 0;
    CHECK_STATUS(context, ctm_run(context, NULL, 0, 0, 9, 1, 1, NULL, 7, &mask_count),
                 CTM_ERROR_INVALID_ARGUMENT);
    float mask = 0;
    CHECK_STATUS(context,
                 ctm_run(context, small_image, SMALL_WIDTH, SMALL_HEIGHT, SMALL_CHANNELS, 1, 5,
                         &mask, 1, &mask_count),
                 CTM_ERROR_BUFFER_TOO_SMALL);
    ctm_destroy(context);

    ctm_options options = CTM_OPTIONS_INIT;
    options.device_name = "no such device";
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_ERROR_NO_DEVICE);
    CHECK_STATUS(NULL, ctm_create(NULL, &context), CTM_OK);
    ctm_destroy(context);
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    static host before, after;

    /* Both outputs go to a file, which must stay empty; a failed check still goes to the old one. */
    FILE *file = tmpfile();
    CHECK(file != NULL);
    const int old_output = dup(1), old_error = dup(2);
    CHECK(old_output >= 0 && old_error >= 0);

    record(&before);
    CHECK(dup2(fileno(file), 1) == 1 && dup2(fileno(file), 2) == 2);
    use_the_library(device);
    CHECK(fflush(NULL) == 0);
    CHECK(dup2(old_output, 1) == 1 && dup2(old_error, 2) == 2);
    record(&after);
    check_same(&before, &after);

    rewind(file);
    char printed[1024];
    const size_t length = fread(printed, 1, sizeof printed - 1, file);
    printed[length] = '\0';
    fputs(printed, stdout);
    CHECK(length == 0);
    fclose(file);
    return 0;
}
