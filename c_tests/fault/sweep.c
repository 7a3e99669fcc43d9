/*
 * Lets calls of Vulkan fail, one after the other, with each code that they may return, and sees that ctm gives right bits or a sentence,
 * works on afterwards, and loses nothing. Prints what it finds, each time with the command that repeats it.
 */

#define _GNU_SOURCE

#include "process.h"
#include "scenarios.h"
#include "shim.h"
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: fault_sweep DEVICE SCENARIO [OPTION…]\n"
    "       fault_sweep --list   prints the scenarios\n"
    "  DEVICE             vulkan:NAME\n"
    "  SCENARIO           create, destroy, or a job of scenarios.c\n"
    "  --cold             calls fail from the process's first one on, each fault in a process of its own\n"
    "  --discrete         on a device whose memory the host does not see\n"
    "  --uncached         the host's memory is not cached; with --discrete\n"
    "  --most-calls N     fails at most N calls of each function, evenly spread\n"
    "  --stride N         of all faults each N-th\n"
    "  --offset N         the first of them\n"
    "  --function NAME --call N --code NAME --persistence once | function | all | lost\n"
    "                     this fault only\n"
    "  --verbose          says what each fault has led to\n";

enum { MOST_FUNCTIONS = 128, MOST_KINDS = 64, STATUSES = 16, ATTEMPT_SECONDS = 90, MOST_DEATHS = 200 };

/* Milliseconds after which a device that hangs is given up, where a fault pretends that it does. */
enum { TIMEOUT_MS = 1500 };

static const char *const persistences[] = { "once", "function", "all", "lost" };

static struct {
    const char *program, *device, *scenario;
    bool cold, discrete, uncached, verbose;
    long most_calls, stride, offset;
    bool single;
    shim_fault fault; /* The single one. */
} arguments = { .stride = 1 };

/* What a process was doing when it ended. */
typedef enum { PREPARING, CREATING, FAILING, AGAIN, DESTROYING, NEXT } phase;
static const char *const phases[] = { "preparing", "creating a context",     "the call that fails", "the call after it",
                                      "destroying the context", "the next context" };

/* What lives as objects of Vulkan, and behind it the number of file descriptors. */
typedef struct {
    long of_kind[MOST_KINDS];
    long files;
} living;

/* What the processes share. */
static struct {
    bool counted; /* What the calls are is known. */
    bool ready;   /* The present process has begun to let them fail. */
    bool done;
    long calls[MOST_FUNCTIONS];
    living baseline;
    long index; /* The fault that is tried. */
    phase phase;
    long faults, absent, succeeded, failed[STATUSES], findings, wrong, crashes, hangs, leaks;
} *shared;

typedef struct {
    shim_fault *faults;
    long count;
} fault_list;

static fault_list list;

/* Findings. */

static void print_command(const shim_fault *fault)
{
    const char *files = getenv("VK_ICD_FILENAMES");
    printf("    again: %s%s%s%s %s %s%s%s%s --function %s --call %ld --code %s --persistence %s\n", files != NULL ? "VK_ICD_FILENAMES=" : "",
           files != NULL ? files : "", files != NULL ? " " : "", arguments.program, arguments.device, arguments.scenario,
           arguments.cold ? " --cold" : "", arguments.discrete ? " --discrete" : "", arguments.uncached ? " --uncached" : "",
           shim_function_name(fault->function), fault->call, shim_code_name(fault->code), persistences[fault->persistence]);
}

static void find(const shim_fault *fault, const char *format, ...)
{
    shared->findings++;
    printf("FOUND %s %s %s, %s %s: ", shim_function_name(fault->function), shim_code_name(fault->code),
           persistences[fault->persistence], arguments.scenario, phases[shared->phase]);
    va_list values;
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    printf("\n");
    print_command(fault);
}

/* The faults. */

static bool is_wait_code(int code)
{
    return code > 0; /* VK_TIMEOUT, VK_NOT_READY, VK_INCOMPLETE and the like, which are no errors. */
}

static void add_fault(int function, long call, int code, shim_persistence persistence)
{
    list.faults = realloc(list.faults, (size_t)(list.count + 1) * sizeof *list.faults);
    CHECK(list.faults != NULL);
    list.faults[list.count++] = (shim_fault){ function, call, code, persistence };
}

static void add_faults_of_call(int function, long call)
{
    const int lost = shim_code("VK_ERROR_DEVICE_LOST"), incomplete = shim_code("VK_INCOMPLETE");
    for (const int *code = shim_codes(function); *code != 0; code++) {
        add_fault(function, call, *code, FAULT_ONCE);
        if (*code == incomplete) {
            continue; /* Whoever is told so for ever may ask for ever. */
        }
        add_fault(function, call, *code, FAULT_FUNCTION);
        add_fault(function, call, *code, FAULT_ALL);
        if (*code == lost) {
            add_fault(function, call, *code, FAULT_LOST);
        }
    }
}

static void list_faults(void)
{
    if (arguments.single) {
        add_fault(arguments.fault.function, arguments.fault.call, arguments.fault.code, arguments.fault.persistence);
        return;
    }
    for (int function = 0; shim_function_name(function) != NULL; function++) {
        const long calls = shared->calls[function];
        const long tried = arguments.most_calls > 0 && arguments.most_calls < calls ? arguments.most_calls : calls;
        for (long i = 0; i < tried; i++) {
            /* The first and the last are among them. */
            add_faults_of_call(function, tried > 1 ? i * (calls - 1) / (tried - 1) : 0);
        }
    }
}

/* What lives. */

static living count_living(void)
{
    living now = { 0 };
    for (int kind = 0; shim_kind_name(kind) != NULL; kind++) {
        now.of_kind[kind] = shim_objects(kind);
    }
    for (int file = 0; file < 1024; file++) {
        now.files += fcntl(file, F_GETFD) >= 0;
    }
    return now;
}

/* A device that is kept for the next context keeps its pipelines. */
static bool is_kept_with_devices(const char *kind)
{
    return strcmp(kind, "Pipeline") == 0 || strcmp(kind, "PipelineLayout") == 0 || strcmp(kind, "DescriptorSetLayout") == 0 ||
           strcmp(kind, "ShaderModule") == 0;
}

/* What there is more of than before, as a text; "" where there is nothing. */
static const char *grown(const living *before, const living *now)
{
    static char text[1024];
    size_t length = 0;
    text[0] = '\0';
    for (int kind = 0; shim_kind_name(kind) != NULL; kind++) {
        const long more = now->of_kind[kind] - before->of_kind[kind];
        if (more > 0 && !(arguments.cold && !arguments.discrete && is_kept_with_devices(shim_kind_name(kind)))) {
            length += (size_t)snprintf(text + length, sizeof text - length, " %+ld %s", more, shim_kind_name(kind));
        }
    }
    if (now->files > before->files) {
        snprintf(text + length, sizeof text - length, " %+ld file descriptors", now->files - before->files);
    }
    return text;
}

/* The most of both. */
static void raise_baseline(const living *now)
{
    for (int kind = 0; kind < MOST_KINDS; kind++) {
        if (now->of_kind[kind] > shared->baseline.of_kind[kind]) {
            shared->baseline.of_kind[kind] = now->of_kind[kind];
        }
    }
    if (now->files > shared->baseline.files) {
        shared->baseline.files = now->files;
    }
}

/* What a call may return. */

/* Whether a context may be dead for good after this fault: the device is lost, hangs, or can be waited for no more. */
static bool may_be_lost(const shim_fault *fault, ctm_status status)
{
    if (status == CTM_ERROR_DEVICE_LOST) {
        const char *function = shim_function_name(fault->function);
        const bool waits = strstr(function, "Wait") != NULL || strcmp(function, "vkGetFenceStatus") == 0;
        return fault->code == shim_code("VK_ERROR_DEVICE_LOST") || fault->persistence == FAULT_ALL ||
               (waits && fault->persistence == FAULT_FUNCTION);
    }
    return status == CTM_ERROR_TIMEOUT && is_wait_code(fault->code);
}

/* Whether a status is right for a code. */
static bool status_fits(const shim_fault *fault, ctm_status status)
{
    const int code = fault->code;
    if (status == CTM_ERROR_DEVICE_LOST || status == CTM_ERROR_TIMEOUT) {
        return may_be_lost(fault, status);
    }
    if (code == shim_code("VK_ERROR_OUT_OF_HOST_MEMORY")) {
        return status == CTM_ERROR_OUT_OF_MEMORY;
    }
    if (code == shim_code("VK_ERROR_OUT_OF_DEVICE_MEMORY")) {
        return status == CTM_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    if (code == shim_code("VK_ERROR_INVALID_EXTERNAL_HANDLE") && status == CTM_ERROR_INVALID_ARGUMENT) {
        return strcmp(arguments.scenario, "device_memory") == 0;
    }
    if (code == shim_code("VK_ERROR_MEMORY_MAP_FAILED") && status == CTM_ERROR_OUT_OF_MEMORY) {
        return true;
    }
    /* Pools, handles and the like that have run out may count as memory that has. */
    const bool makes_context = arguments.cold || strcmp(arguments.scenario, "create") == 0 ||
                               strcmp(arguments.scenario, "pipeline_cache") == 0;
    return status == CTM_ERROR_DRIVER || status == CTM_ERROR_OUT_OF_DEVICE_MEMORY ||
           (makes_context && status == CTM_ERROR_NO_DEVICE);
}

/* Whether this is a sentence; a NULL or "" is none. */
static bool is_sentence(const char *text)
{
    return text != NULL && strlen(text) >= 8 && strchr(text, ' ') != NULL;
}

static void judge_failure(const shim_fault *fault, ctm_status status, const char *sentence)
{
    if (status != CTM_OK && !is_sentence(sentence)) {
        find(fault, "status %d without a sentence", (int)status);
    }
    if (status != CTM_OK && !status_fits(fault, status)) {
        find(fault, "status %d, \"%s\"", (int)status, sentence);
    }
}

/* Trying. */

static job *small_job, *the_job;
static const char *last_error = ""; /* What the library said of the last failure. */

static bool scenario_is(const char *name)
{
    return strcmp(arguments.scenario, name) == 0;
}

static ctm_status create(const shim_fault *fault, ctm_context **context)
{
    ctm_options options = options_for(arguments.device);
    options.device_timeout_ms = fault != NULL && is_wait_code(fault->code) ? TIMEOUT_MS : 0;
    *context = (ctm_context *)(void *)&options; /* Must become NULL where it fails. */
    const ctm_status status = ctm_create(&options, context);
    if (status != CTM_OK && *context != NULL && fault != NULL) {
        find(fault, "ctm_create failed and the context is not NULL");
        *context = NULL;
    }
    last_error = status != CTM_OK ? ctm_last_error(NULL) : "";
    return status;
}

static ctm_status do_and_judge(const shim_fault *fault, job *job, ctm_context *context)
{
    const char *wrong = NULL;
    const ctm_status status = do_job(job, context, &last_error, &wrong);
    if (wrong != NULL) {
        shared->wrong++;
        find(fault, "%s", wrong);
    }
    return status;
}

/* The call that fails. The context is there unless it is that call's to make it. */
static ctm_status do_failing_call(const shim_fault *fault, ctm_context **context)
{
    ctm_status status = CTM_OK;
    if (arguments.cold || scenario_is("create")) {
        status = create(fault, context);
    }
    if (scenario_is("destroy")) {
        ctm_destroy(*context);
        *context = NULL;
    } else if (status == CTM_OK && !scenario_is("create")) {
        status = do_and_judge(fault, the_job, *context);
    }
    return status;
}

/* Whether a context works on after the fault; or is dead where it may be. */
static void use_again(const shim_fault *fault, ctm_status status, ctm_context *context)
{
    shared->phase = AGAIN;
    ctm_status again = do_and_judge(fault, small_job, context);
    if (status != CTM_OK && may_be_lost(fault, status)) {
        if (again != status && again != CTM_OK) {
            find(fault, "a context that failed with %d returns %d then", (int)status, (int)again);
        }
        return;
    }
    if (again == CTM_OK && !scenario_is("create")) {
        again = do_and_judge(fault, the_job, context);
    }
    if (again != CTM_OK) {
        find(fault, "after status %d the context is of no use: %d, \"%s\"", (int)status, (int)again, last_error);
    }
}

static void use_next(const shim_fault *fault)
{
    shared->phase = NEXT;
    ctm_context *context = NULL;
    ctm_status status = create(NULL, &context);
    if (status != CTM_OK) {
        find(fault, "no context can be made any more: %d, \"%s\"", (int)status, last_error);
        return;
    }
    status = do_and_judge(fault, small_job, context);
    if (status != CTM_OK) {
        find(fault, "the next context is of no use: %d, \"%s\"", (int)status, last_error);
    }
    ctm_destroy(context);
}

/* Tries a fault. Returns whether it came to pass. */
static bool attempt(const shim_fault *fault)
{
    ctm_context *context = NULL;
    const bool makes_context = arguments.cold || scenario_is("create");
    shared->phase = CREATING;
    if (!makes_context && create(fault, &context) != CTM_OK) {
        find(fault, "no context can be made: \"%s\"", last_error);
        exit(1);
    }
    if (scenario_is("destroy")) {
        do_and_judge(fault, small_job, context);
    }
    shared->phase = FAILING;
    shim_arm(fault);
    const ctm_status status = do_failing_call(fault, &context);
    const bool failed = shim_disarm() > 0;
    if (failed) {
        judge_failure(fault, status, last_error);
    } else if (status != CTM_OK) {
        find(fault, "status %d without a fault, \"%s\"", (int)status, last_error);
    }
    if (arguments.verbose) {
        printf("%s %ld %s %s: %s %d %s\n", shim_function_name(fault->function), fault->call, shim_code_name(fault->code),
               persistences[fault->persistence], failed ? "status" : "absent", (int)status,
               status != CTM_OK ? last_error : "");
    }
    shared->faults += failed;
    shared->absent += !failed;
    shared->succeeded += failed && status == CTM_OK;
    shared->failed[status >= 0 && status < STATUSES ? status : STATUSES - 1] += failed && status != CTM_OK;
    if (context != NULL) {
        use_again(fault, status, context);
    }
    shared->phase = DESTROYING;
    ctm_destroy(context);
    /* What a context leaves to a device that does not end is freed by the next that opens one. */
    if (makes_context || scenario_is("pipeline_cache")) {
        use_next(fault);
    }
    return failed;
}

/* Tries a fault, and sees whether something lives longer than it should. */
static void try_fault(const shim_fault *fault)
{
    /* Software devices are kept for later contexts, with their pipelines, and a fault may lead to ones that were not there
     * before. What grows once is kept; what grows each time is lost. */
    const int attempts = arguments.cold || arguments.discrete ? 1 : 3;
    const char *more = "";
    for (int i = 0; i < attempts; i++) {
        alarm(ATTEMPT_SECONDS);
        attempt(fault);
        const living now = count_living();
        more = grown(&shared->baseline, &now);
        raise_baseline(&now);
        if (more[0] == '\0') {
            return;
        }
    }
    shared->phase = DESTROYING;
    shared->leaks++;
    find(fault, "lost:%s", more);
}

/* Whether copies were left to the queue that only copies, since shim_arm. */
static bool uses_semaphores(void)
{
    for (int function = 0; shim_function_name(function) != NULL; function++) {
        if (strcmp(shim_function_name(function), "vkCreateSemaphore") == 0) {
            return shim_calls(function) > 0;
        }
    }
    return false;
}

/* The call that is to fail, without a fault, for what it calls. */
static void count_calls(void)
{
    const shim_fault none = { 0 };
    const long findings = shared->findings;
    ctm_context *context = NULL;
    if (!arguments.cold && !scenario_is("create")) {
        CHECK_STATUS(NULL, create(NULL, &context), CTM_OK);
    }
    if (scenario_is("destroy")) {
        CHECK(do_and_judge(&none, small_job, context) == CTM_OK);
    }
    shim_arm(NULL);
    CHECK_STATUS(context, do_failing_call(&none, &context), CTM_OK);
    shim_disarm();
    CHECK(!arguments.discrete || scenario_is("create") || scenario_is("destroy") || uses_semaphores());
    if (context != NULL) {
        CHECK(do_and_judge(&none, small_job, context) == CTM_OK);
    }
    ctm_destroy(context);
    CHECK(shared->findings == findings);
    for (int function = 0; !shared->counted && shim_function_name(function) != NULL; function++) {
        shared->calls[function] = shim_calls(function);
    }
    shared->baseline = count_living();
}

static void prepare(void)
{
    shared->phase = PREPARING;
    const scenario *small = find_scenario("small"), *chosen = find_scenario(arguments.scenario);
    shim_pretend((shim_device){ .discrete = arguments.discrete,
                                .uncached = arguments.uncached,
                                .max_storage_range = chosen != NULL ? scenario_storage_range(chosen) : 0 });
    small_job = make_job(small, arguments.device);
    the_job = chosen != NULL ? make_job(chosen, arguments.device) : small_job;
}

/* A process that tries faults from the given one on. */
static void work(long first)
{
    prepare();
    if (!shared->counted || !arguments.cold) {
        alarm(ATTEMPT_SECONDS);
        if (!arguments.cold) {
            count_calls(); /* The first time all that is kept is made, too. */
        }
        count_calls();
        shared->counted = true;
    }
    shared->ready = true;
    if (arguments.cold && first < 0) {
        exit(0);
    }
    list_faults();
    for (shared->index = first < 0 ? arguments.offset : first; shared->index < list.count; shared->index += arguments.stride) {
        try_fault(&list.faults[shared->index]);
        if (arguments.cold) {
            exit(0);
        }
    }
    shared->done = true;
}

static void sweep(void)
{
    for (long first = -1; !shared->done && shared->crashes + shared->hangs < MOST_DEATHS;) {
        shared->index = first;
        shared->ready = false;
        const int signal = run_process(work, first);
        if (!shared->ready) {
            fprintf(stderr, "%s does not work without faults (signal %d)\n", arguments.scenario, signal);
            exit(3);
        }
        if (list.count == 0) {
            list_faults();
        }
        if (signal != 0) {
            shared->hangs += signal == SIGALRM;
            shared->crashes += signal != SIGALRM;
            find(&list.faults[shared->index], "%s (signal %d)", signal == SIGALRM ? "a hang" : "a crash", signal);
        }
        first = first < 0 && signal == 0 ? arguments.offset : shared->index + arguments.stride;
        shared->done = shared->done || first >= list.count;
    }
}

/* A line for people, and for scripts/torture, which adds these up. */
static void print_summary(void)
{
    long errors = 0;
    for (int status = 0; status < STATUSES; status++) {
        errors += shared->failed[status];
    }
    printf("SUMMARY %s %s%s%s%s: faults %ld, ok %ld, errors %ld, findings %ld, wrong %ld, crashes %ld, hangs %ld, leaks %ld, absent %ld, listed %ld, "
           "statuses",
           arguments.device, arguments.scenario, arguments.cold ? " cold" : "", arguments.discrete ? " discrete" : "",
           arguments.uncached ? " uncached" : "", shared->faults, shared->succeeded, errors, shared->findings, shared->wrong,
           shared->crashes, shared->hangs, shared->leaks, shared->absent, list.count);
    for (int status = 0; status < STATUSES; status++) {
        if (shared->failed[status] > 0) {
            printf(" %d:%ld", status, shared->failed[status]);
        }
    }
    printf("\n");
}

/* Arguments. */

static void refuse(const char *what, const char *value)
{
    fprintf(stderr, "fault_sweep: %s is \"%s\"\n%s", what, value, usage);
    exit(2);
}

static int function_argument(const char *name)
{
    for (int function = 0; shim_function_name(function) != NULL; function++) {
        if (strcmp(shim_function_name(function), name) == 0) {
            return function;
        }
    }
    refuse("--function", name);
    return 0;
}

static shim_persistence persistence_argument(const char *name)
{
    for (int i = 0; i < FAULT_PERSISTENCES; i++) {
        if (strcmp(persistences[i], name) == 0) {
            return (shim_persistence)i;
        }
    }
    refuse("--persistence", name);
    return FAULT_ONCE;
}

static bool read_flag(const char *name)
{
    bool *flag = strcmp(name, "--cold") == 0       ? &arguments.cold
                 : strcmp(name, "--discrete") == 0 ? &arguments.discrete
                 : strcmp(name, "--uncached") == 0 ? &arguments.uncached
                 : strcmp(name, "--verbose") == 0  ? &arguments.verbose
                                                   : NULL;
    if (flag != NULL) {
        *flag = true;
    }
    return flag != NULL;
}

static void read_option(const char *name, const char *value)
{
    if (strcmp(name, "--most-calls") == 0) {
        arguments.most_calls = atol(value);
    } else if (strcmp(name, "--stride") == 0 && atol(value) > 0) {
        arguments.stride = atol(value);
    } else if (strcmp(name, "--offset") == 0 && atol(value) >= 0) {
        arguments.offset = atol(value);
    } else if (strcmp(name, "--function") == 0) {
        arguments.single = true;
        arguments.fault.function = function_argument(value);
    } else if (strcmp(name, "--call") == 0) {
        arguments.fault.call = atol(value);
    } else if (strcmp(name, "--code") == 0 && shim_code(value) != 0) {
        arguments.fault.code = shim_code(value);
    } else if (strcmp(name, "--persistence") == 0) {
        arguments.fault.persistence = persistence_argument(value);
    } else {
        refuse(name, value);
    }
}

static void read_arguments(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        printf("create\ndestroy\n");
        for (size_t i = 0; scenario_name(i) != NULL; i++) {
            printf("%s\n", scenario_name(i));
        }
        exit(0);
    }
    if (argc < 3) {
        fputs(usage, stderr);
        exit(2);
    }
    arguments.program = argv[0];
    arguments.device = argv[1];
    arguments.scenario = argv[2];
    if (!scenario_is("create") && !scenario_is("destroy") && find_scenario(argv[2]) == NULL) {
        refuse("SCENARIO", argv[2]);
    }
    for (int i = 3; i < argc; i++) {
        if (!read_flag(argv[i])) {
            read_option(argv[i], i + 1 < argc ? argv[i + 1] : "");
            i++;
        }
    }
    if (arguments.single && arguments.fault.code == 0) {
        refuse("--code", "");
    }
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    shared = share_memory(sizeof *shared);
    sweep();
    print_summary();
    return shared->findings > 0 ? 1 : 0;
}
