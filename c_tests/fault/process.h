/* Work that may end the process that does it. */

#ifndef PROCESS_H
#define PROCESS_H

#include <stddef.h>

/* Memory of zeros that the processes share which are made from now on. */
void *share_memory(size_t size);

/* Does `work(first)` in a process of its own and waits for its end. Returns 0, or the signal that has ended it; SIGALRM is a hang. */
int run_process(void (*work)(long first), long first);

#endif
