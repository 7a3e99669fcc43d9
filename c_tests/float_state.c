/*
 * The host's floating-point state (rounding, flushing of subnormals, unmasked exceptions) changes no bit of a result and
 * ends no process, is found by the host's functions, and is left as it was. One thread or all: the same bits.
 */

#define _GNU_SOURCE /* feenableexcept */

#include "every_call.h"

#include <fenv.h>
#include <stdio.h>
#include <string.h>

#ifdef __SSE__
#include <xmmintrin.h>
enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };
#endif

enum { COUNTS = 1, KINDS = 64, ROUNDINGS = 4, EXCEPTIONS = 6, SAME = -1 };

static const int roundings[ROUNDINGS] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };
static const int exceptions[EXCEPTIONS] = { FE_INVALID, FE_DIVBYZERO, FE_OVERFLOW, FE_UNDERFLOW, FE_INEXACT,
                                            FE_ALL_EXCEPT };

typedef struct {
    unsigned control, flags, sse;
} float_state;

static float_state current_state(void)
{
    fenv_t environment;
    float_state state = { 0, 0, 0 };
    CHECK(fegetenv(&environment) == 0);
#ifdef __x86_64__
    state.control = environment.__control_word;
    state.flags = environment.__status_word & 0x7f;
    state.sse = environment.__mxcsr;
#elif defined __aarch64__
    state.control = environment.__fpcr;
    state.flags = environment.__fpsr;
#endif
    return state;
}

static void check_same(const float_state *before, const float_state *after)
{
    CHECK(before->control == after->control && before->flags == after->flags && before->sse == after->sse);
}

typedef struct {
    float_state state;
    int calls, change_to;
} seen;

/* Sees the host's state, and may change it: that is the host's own affair. */
static int32_t progress(void *user, double done)
{
    (void)done;
    seen *s = user;
    const float_state state = current_state();
    check_same(&s->state, &state);
    if (s->calls++ == 1 && s->change_to != SAME) {
        CHECK(fesetround(s->change_to) == 0);
        s->state = current_state();
    }
    return 0;
}

static void write_log(void *user, uint32_t level, const char *message)
{
    (void)level;
    (void)message;
    progress(user, 0);
}

static ctm_context *logging_context(const char *device, seen *s, uint32_t max_threads)
{
    ctm_options options = options_for(device);
    options.log = write_log;
    options.log_user = s;
    options.log_level = CTM_LOG_DEBUG;
    options.max_threads = max_threads;
    ctm_context *context = NULL;
    s->state = current_state();
    s->calls = 0;
    s->change_to = SAME;
    CHECK_STATUS(NULL, ctm_create(&options, &context), CTM_OK);
    CHECK(s->calls > 0);
    const float_state after = current_state();
    check_same(&s->state, &after);
    return context;
}

static uint64_t expected[KINDS];

/* Everything in the present state, which is called `name`. */
static void check_all(ctm_context *context, seen *s, int change_to, const char *name)
{
    for (int kind = 0; kind < call_kinds(); kind++) {
        s->state = current_state();
        s->calls = 0;
        s->change_to = change_to;
        const uint64_t outcome = outcome_of(context, kind, progress, s);
        const float_state after = current_state();
        check_same(&s->state, &after);
        if (outcome != expected[kind]) {
            fprintf(stderr, "%s, %s: other bits\n", name, call_name(kind));
        }
        CHECK(outcome == expected[kind]);
        CHECK(s->calls > 0 || kind == COUNTS);
    }
}

int main(int argc, char **argv)
{
    const char *device = device_argument(argc, argv);
    fenv_t usual;
    CHECK(fegetenv(&usual) == 0);
    static seen s, s_other;
    CHECK(call_kinds() <= KINDS);
    ctm_context *context = logging_context(device, &s, 1);
    for (int kind = 0; kind < call_kinds(); kind++) {
        s.state = current_state();
        expected[kind] = outcome_of(context, kind, NULL, NULL);
    }
    ctm_destroy(context);
    context = logging_context(device, &s, 0);
    check_all(context, &s, SAME, "the usual state, all threads");

    char name[100];
    for (int rounding = 0; rounding < ROUNDINGS; rounding++) {
        for (int flushing = 0; flushing < 2; flushing++) {
            CHECK(fesetround(roundings[rounding]) == 0);
#ifdef __SSE__
            if (flushing) {
                _mm_setcsr(_mm_getcsr() | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
            }
#endif
            snprintf(name, sizeof name, "rounding %d%s", rounding, flushing ? ", flushing" : "");
            check_all(context, &s, SAME, name);
            if (flushing && roundings[rounding] == FE_UPWARD) {
                /* A new context, too: its threads start with the state of the thread that makes them. */
                ctm_context *other = logging_context(device, &s_other, 0);
                check_all(other, &s_other, SAME, name);
                CHECK(fesetenv(&usual) == 0);
                s_other.state = current_state();
                check_all(other, &s_other, SAME, "made in another state");
                ctm_destroy(other);
            }
            CHECK(fesetenv(&usual) == 0);
        }
    }

    s.state = current_state();
    check_all(context, &s, FE_UPWARD, "changed within the calls");
    CHECK(fegetround() == FE_UPWARD);
    CHECK(fesetenv(&usual) == 0);

    for (int exception = 0; exception < EXCEPTIONS; exception++) {
        CHECK(feclearexcept(FE_ALL_EXCEPT) == 0);
        if (feenableexcept(exceptions[exception]) == -1) {
            CHECK(fesetenv(&usual) == 0);
            continue; /* A processor that has no traps. */
        }
        snprintf(name, sizeof name, "exception %d unmasked", exception);
        check_all(context, &s, SAME, name);
        if (exceptions[exception] == FE_ALL_EXCEPT) {
            ctm_context *other = logging_context(device, &s_other, 0);
            check_all(other, &s_other, SAME, name);
            ctm_destroy(other);
        }
        CHECK(ctm_device_name(0) == NULL || *ctm_device_name(0) != '\0');
        CHECK(fesetenv(&usual) == 0);
    }

    /* Flags that are set stay set. */
    CHECK(feraiseexcept(FE_DIVBYZERO | FE_INEXACT) == 0);
    s.state = current_state();
    check_all(context, &s, SAME, "flags set");
    CHECK(fetestexcept(FE_ALL_EXCEPT) == (FE_DIVBYZERO | FE_INEXACT));
    ctm_destroy(context);
    return 0;
}
