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
} allocation_fault;

/* From now on that allocation fails, whoever asks for it. */
void allocator_arm(allocation_fault fault);

/* None fails any more. Returns how many have. */
long allocator_disarm(void);

/* Bytes of the allocation that failed first. It is there for a process that watches this one, too. */
size_t *allocator_failed_bytes(void);

#endif
