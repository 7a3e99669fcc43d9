#define _GNU_SOURCE

#include "allocator.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* The C library's own allocator. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Atomic bool armed;
static allocation_fault chosen;
static _Atomic long seen, failed;

/* Where the code of ctm lies. */
static uintptr_t code_begin, code_end;

static int find_code(struct dl_phdr_info *library, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (strstr(library->dlpi_name, "libctm.so") == NULL) {
        return 0;
    }
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0) {
            code_begin = library->dlpi_addr + segment->p_vaddr;
            code_end = code_begin + segment->p_memsz;
        }
    }
    return 1;
}

void allocator_arm(allocation_fault fault)
{
    if (code_end == 0) {
        dl_iterate_phdr(find_code, NULL);
    }
    chosen = fault;
    seen = 0;
    failed = 0;
    armed = true;
}

long allocator_disarm(void)
{
    armed = false;
    return failed;
}

/* Whether an allocation is to fail that the code at `caller` asks for. */
static bool fails(size_t bytes, void *caller)
{
    if (!armed || bytes < chosen.least || (uintptr_t)caller < code_begin || (uintptr_t)caller >= code_end) {
        return false;
    }
    const long number = atomic_fetch_add(&seen, 1);
    if (number != chosen.number && !(chosen.all_later && number > chosen.number)) {
        return false;
    }
    if (atomic_fetch_add(&failed, 1) == 0) {
        *chosen.bytes = bytes;
    }
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails(size, __builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    const size_t bytes = size != 0 && count > SIZE_MAX / size ? SIZE_MAX : count * size;
    return fails(bytes, __builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(size, __builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

static void *align(size_t alignment, size_t size, void *caller)
{
    return fails(size, caller) ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
    return align(alignment, size, __builtin_return_address(0));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return align(alignment, size, __builtin_return_address(0));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = align(alignment, size, __builtin_return_address(0));
    if (made == NULL) {
        return ENOMEM;
    }
    *memory = made;
    return 0;
}
