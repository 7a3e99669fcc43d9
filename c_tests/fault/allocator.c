#define _GNU_SOURCE

#include "allocator.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The C library's own allocator. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Atomic bool armed;
static allocation_fault chosen;
static _Atomic long seen, failed;
static size_t no_bytes;
static size_t *failed_bytes = &no_bytes;

void allocator_arm(allocation_fault fault)
{
    chosen = fault;
    seen = 0;
    failed = 0;
    *allocator_failed_bytes() = 0;
    armed = true;
}

long allocator_disarm(void)
{
    armed = false;
    return failed;
}

size_t *allocator_failed_bytes(void)
{
    if (failed_bytes == &no_bytes) {
        void *page = (void *)syscall(SYS_mmap, NULL, sizeof(size_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        failed_bytes = page != MAP_FAILED ? page : failed_bytes;
    }
    return failed_bytes;
}

static bool fails(size_t bytes)
{
    if (!armed || bytes < chosen.least) {
        return false;
    }
    const long number = atomic_fetch_add(&seen, 1);
    if (number != chosen.number && !(chosen.all_later && number > chosen.number)) {
        return false;
    }
    if (atomic_fetch_add(&failed, 1) == 0) {
        *failed_bytes = bytes;
    }
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(size != 0 && count > SIZE_MAX / size ? SIZE_MAX : count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(size) ? NULL : __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size)
{
    return fails(size) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = memalign(alignment, size);
    if (made == NULL) {
        return ENOMEM;
    }
    *memory = made;
    return 0;
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    if (fails(size)) {
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    return mmap(address, size, protection, flags, file, offset);
}
