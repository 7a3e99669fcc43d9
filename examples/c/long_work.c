/*
 * long_work IMAGE.png [cpu|vulkan|DEVICE]: how far a call is, how to end it early, and what the library says.
 *
 * Progress and messages go to standard error, as they differ from machine to machine.
 */
#define _POSIX_C_SOURCE 200809L

#include "common.h"

#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

struct work {
    ctm_context *context;
    double last;       /* How far the call was when it told last. */
    int fell, give_up; /* Whether it went back; whether it is to end. */
    sem_t inside, asked;
};

/* On the thread that calls: a window would be redrawn here, and a click on its button ask to end. */
static int32_t show(void *user, double done)
{
    struct work *work = user;
    fprintf(stderr, "%3.0f %%\n", done * 100);
    work->fell |= done < work->last;
    work->last = done;
    return work->give_up;
}

/* Lets the other thread know that the call has begun. It waits for it, as this image alone might be done before. */
static int32_t begin(void *user, double done)
{
    struct work *work = user;
    if (done == 0) {
        sem_post(&work->inside);
        sem_wait(&work->asked);
    }
    return 0;
}

/* Another thread, which ends the call of the first. */
static void *cancel(void *user)
{
    struct work *work = user;
    sem_wait(&work->inside);
    ctm_cancel(work->context);
    sem_post(&work->asked);
    return NULL;
}

static void say(void *user, uint32_t level, const char *message)
{
    int *messages = user;
    ++*messages;
    fprintf(stderr, "%s: %s\n", level <= CTM_LOG_WARNING ? "ctm warns" : "ctm", message);
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s IMAGE.png [cpu|vulkan|DEVICE]\n", argv[0]);
        return 2;
    }
    struct picture picture;
    if (!read_picture(argv[1], &picture)) return 1;
    int messages = 0;
    ctm_options options = options_for(argc > 2 ? argv[2] : NULL);
    options.log = say;
    options.log_user = &messages;
    options.log_level = CTM_LOG_DEBUG;
    struct work work = {0};
    check(NULL, ctm_create(&options, &work.context));
    if (sem_init(&work.inside, 0, 0) != 0 || sem_init(&work.asked, 0, 0) != 0) return 1;

    const ctm_image image = image_of(&picture);
    uint16_t *labels = allocate((uint64_t)picture.width * picture.height, sizeof *labels);
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    outputs.labels = labels;
    outputs.labels_size = (size_t)picture.width * picture.height * sizeof *labels;
    outputs.label_format = CTM_LABEL_U16;
    ctm_params params = CTM_PARAMS_INIT;
    params.min_pixels = 500;
    params.progress = show;
    params.progress_user = &work;
    ctm_result result = CTM_RESULT_INIT;

    work.last = -1;
    check(work.context, ctm_analyze(work.context, &image, &params, &outputs, &result));
    printf("finished: %" PRIu32 " masks; progress %s\n", result.mask_count,
           work.last == 1 && !work.fell ? "ended at 1 and never went back" : "WENT ASTRAY");

    work.last = -1;
    work.give_up = 1;
    ctm_status status = ctm_analyze(work.context, &image, &params, &outputs, &result);
    if (status != CTM_ERROR_CANCELLED) check(work.context, status);
    printf("given up by its progress function: %s\n", ctm_status_string(status));

    pthread_t thread;
    if (pthread_create(&thread, NULL, cancel, &work) != 0) return 1;
    params.progress = begin;
    status = ctm_analyze(work.context, &image, &params, &outputs, &result);
    pthread_join(thread, NULL);
    if (status != CTM_ERROR_CANCELLED) check(work.context, status);
    printf("cancelled by another thread: %s\n", ctm_status_string(status));

    params.progress = NULL;
    check(work.context, ctm_analyze(work.context, &image, &params, &outputs, &result));
    printf("the same context afterwards: %" PRIu32 " masks\n", result.mask_count);
    ctm_destroy(work.context);
    printf("the library %s\n", messages > 0 ? "said what it did" : "SAID NOTHING");
    sem_destroy(&work.asked);
    sem_destroy(&work.inside);
    free(labels);
    free(picture.pixels);
    return 0;
}
