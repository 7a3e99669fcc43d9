/* Preloaded: the Vulkan loader cannot be found, and dlopen says so in its own words. */

#define _GNU_SOURCE /* RTLD_NEXT */

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void *dlopen(const char *name, int flags)
{
    void *(*real)(const char *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "dlopen");
    if (real == NULL) {
        abort();
    }
    const int is_loader = name != NULL && strstr(name, "libvulkan") != NULL;
    return real(is_loader ? "libvulkan-is-hidden.so" : name, flags);
}
