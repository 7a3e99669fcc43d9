/* An allocator, in place of the C library's, that fails when it is told to. */

#ifndef ALLOCATOR_H
#define ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

/* The allocation that fails: of those of at least `least` bytes the one after `number` others; and all after it, if `all_later`. */
typedef struct {
    size_t least;
    long number;
    bool all_later;
    size_t *bytes; /* Receives the size of the one that failed first. */
} allocation_fault;

/* From now on that allocation fails. Only those of ctm are looked at: a driver that crashes where its own fail is not ctm's fault. */
void allocator_arm(allocation_fault fault);

/* None fails any more. Returns how many have. */
long allocator_disarm(void);

#endif
