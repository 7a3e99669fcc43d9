/* One call of each kind, whose whole outcome comes to one number: for tests of what must not change it. */

#ifndef EVERY_CALL_H
#define EVERY_CALL_H

#include "test.h"

/* How many kinds there are. That of number 1, counts and regions of parts, tells nobody how far it is. */
int call_kinds(void);

/* What a kind does. */
const char *call_name(int kind);

/*
 * Makes a call of this kind on the same pixels each time, special values included, and returns a hash of all that it
 * has written. `progress` may be NULL. No float arithmetic happens here.
 */
uint64_t outcome_of(ctm_context *context, int kind, int32_t (*progress)(void *user, double done), void *user);

#endif
