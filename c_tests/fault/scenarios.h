/* Jobs of all kinds, whose right answers are the CPU's. */

#ifndef SCENARIOS_H
#define SCENARIOS_H

#include "ctm.h"

#include <stddef.h>
#include <stdint.h>

typedef struct scenario scenario;

/* A scenario with its pixels, room for its outputs, and the right answer. */
typedef struct job job;

/* The scenario of this name, or NULL; the name of each from 0 on, NULL behind the last one. */
const scenario *find_scenario(const char *name);
const char *scenario_name(size_t index);

/* Bytes of a storage buffer of a device that does the scenario in many pieces; 0: any. */
uint32_t scenario_storage_range(const scenario *scenario);

/* Makes a job; `device` is where it will be done. */
job *make_job(const scenario *scenario, const char *device);

/*
 * Does the job. `*error` is what the library says of a failure, until the next job. `*wrong` becomes NULL, or says what the call did that no call may do: wrong bits with CTM_OK, memory touched that is not
 * the call's, numbers left behind by an error.
 */
ctm_status do_job(job *job, ctm_context *context, const char **error, const char **wrong);

void destroy_job(job *job);

#endif
