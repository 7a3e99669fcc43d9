/*
 * Lets large allocations fail, one after the other, and sees that a call then gives right bits or a sentence, and that the context works
 * on. Prints what it finds, each time with the command that repeats it.
 */

#define _GNU_SOURCE

#include "allocator.h"
#include "process.h"
#include "scenarios.h"
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: allocation_sweep DEVICE SCENARIO [OPTION…]\n"
    "  DEVICE             cpu, or vulkan:NAME\n"
    "  SCENARIO           create, or a job of scenarios.c\n"
    "  --least BYTES      only allocations of at least so many bytes fail; 65536 unless told\n"
    "  --all-later        all later ones fail, too\n"
    "  --stride N         of all allocations each N-th\n"
    "  --number N         this one only\n"
    "  --verbose          says what each failure has led to\n";

enum { ATTEMPT_SECONDS = 120, MOST_DEATHS = 200 };

static struct {
    const char *program, *device, *scenario;
    size_t least;
    long stride, number;
    bool all_later, single, verbose;
} arguments = { .least = 65536, .stride = 1 };

/* What the processes share. */
static struct {
    bool ready, done;
    long number;  /* The allocation that is tried, */
    size_t bytes; /* and its size. */
    long faults, succeeded, failed, findings, wrong, aborts, hangs;
} *shared;

static job *the_job;

static void find(const char *what, const char *detail)
{
    shared->findings++;
    printf("FOUND allocation %ld of %zu bytes, %s: %s %s\n", shared->number, shared->bytes, arguments.scenario, what, detail);
    const char *files = getenv("VK_ICD_FILENAMES");
    printf("    again: %s%s%s%s %s %s --least %zu%s --number %ld\n", files != NULL ? "VK_ICD_FILENAMES=" : "", files != NULL ? files : "",
           files != NULL ? " " : "", arguments.program, arguments.device, arguments.scenario, arguments.least,
           arguments.all_later ? " --all-later" : "", shared->number);
}

static ctm_status create(ctm_context **context, const char **error)
{
    const ctm_options options = options_for(arguments.device);
    const ctm_status status = ctm_create(&options, context);
    *error = status != CTM_OK ? ctm_last_error(NULL) : "";
    return status;
}

static ctm_status do_and_judge(ctm_context *context, const char **error)
{
    const char *wrong = NULL;
    const ctm_status status = do_job(the_job, context, error, &wrong);
    if (wrong != NULL) {
        shared->wrong++;
        find(wrong, "");
    }
    return status;
}

/* Lets one allocation fail. Returns whether there was such a one. */
static bool attempt(long number)
{
    const bool creates = strcmp(arguments.scenario, "create") == 0;
    ctm_context *context = NULL;
    const char *error = "";
    shared->number = number;
    shared->bytes = 0;
    alarm(ATTEMPT_SECONDS);
    if (!creates) {
        CHECK_STATUS(NULL, create(&context, &error), CTM_OK);
    }
    allocator_arm((allocation_fault){ arguments.least, number, arguments.all_later, &shared->bytes });
    const ctm_status status = creates ? create(&context, &error) : do_and_judge(context, &error);
    const bool failed = allocator_disarm() > 0;
    if (status != CTM_OK && (!failed || status != CTM_ERROR_OUT_OF_MEMORY || strchr(error, ' ') == NULL)) {
        char detail[1200];
        snprintf(detail, sizeof detail, "%d, \"%s\"", (int)status, error);
        find("status", detail);
    }
    if (arguments.verbose) {
        printf("%ld: %zu bytes: %d %s\n", number, shared->bytes, (int)status, error);
    }
    shared->faults += failed;
    shared->succeeded += failed && status == CTM_OK;
    shared->failed += failed && status != CTM_OK;
    if (context == NULL && create(&context, &error) != CTM_OK) {
        find("no context can be made any more:", error);
    } else if (do_and_judge(context, &error) != CTM_OK) {
        find("the context is of no use any more:", error);
    }
    ctm_destroy(context);
    return failed;
}

static void work(long first)
{
    const scenario *chosen = find_scenario(strcmp(arguments.scenario, "create") == 0 ? "small" : arguments.scenario);
    the_job = make_job(chosen, arguments.device);
    /* What a driver and a process keep for good is made before. */
    ctm_context *context = context_for(arguments.device);
    const char *error = "";
    CHECK_STATUS(context, do_and_judge(context, &error), CTM_OK);
    ctm_destroy(context);
    shared->ready = true;
    for (long number = first; attempt(number) && !arguments.single; number += arguments.stride) {
    }
    shared->done = true;
}

static void sweep(void)
{
    for (long first = arguments.number; !shared->done && shared->aborts + shared->hangs < MOST_DEATHS;) {
        shared->ready = false;
        const int signal = run_process(work, first);
        if (!shared->ready) {
            fprintf(stderr, "%s does not work while there is memory\n", arguments.scenario);
            exit(3);
        }
        if (signal == 0 && !shared->done) {
            fprintf(stderr, "%s: no context can be made\n", arguments.scenario);
            exit(3);
        }
        if (signal != 0) {
            shared->faults++;
            shared->hangs += signal == SIGALRM;
            shared->aborts += signal != SIGALRM;
            find(signal == SIGALRM ? "a hang" : "the process has ended by a signal", strsignal(signal));
            first = shared->number + arguments.stride;
            shared->done = arguments.single;
        }
    }
}

static void read_arguments(int argc, char **argv)
{
    bool understood = argc >= 3;
    arguments.program = argv[0];
    arguments.device = understood ? argv[1] : "";
    arguments.scenario = understood ? argv[2] : "";
    understood = understood && (strcmp(arguments.scenario, "create") == 0 || find_scenario(arguments.scenario) != NULL);
    for (int i = 3; i < argc && understood; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--all-later") == 0) {
            arguments.all_later = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            arguments.verbose = true;
        } else if (strcmp(argv[i], "--least") == 0) {
            arguments.least = strtoull(value, NULL, 10);
            i++;
        } else if (strcmp(argv[i], "--stride") == 0 && atol(value) > 0) {
            arguments.stride = atol(value);
            i++;
        } else if (strcmp(argv[i], "--number") == 0) {
            arguments.number = atol(value);
            arguments.single = true;
            i++;
        } else {
            understood = false;
        }
    }
    if (!understood) {
        fputs(usage, stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    shared = share_memory(sizeof *shared);
    sweep();
    printf("SUMMARY %s %s allocations%s: faults %ld, ok %ld, errors %ld, findings %ld, wrong %ld, crashes %ld, hangs %ld, leaks 0\n",
           arguments.device, arguments.scenario, arguments.all_later ? " all-later" : "", shared->faults, shared->succeeded, shared->failed,
           shared->findings, shared->wrong, shared->aborts, shared->hangs);
    return shared->findings > 0 ? 1 : 0;
}
