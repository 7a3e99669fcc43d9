#define _GNU_SOURCE

#include "process.h"

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void *share_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

int run_process(void (*work)(long first), long first)
{
    fflush(stdout);
    const pid_t process = fork();
    CHECK(process >= 0);
    if (process == 0) {
        setvbuf(stdout, NULL, _IOLBF, 0); /* What is said is not lost with the process. */
        work(first);
        exit(0);
    }
    int status = 0;
    while (waitpid(process, &status, 0) < 0) {
        CHECK(errno == EINTR);
    }
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
