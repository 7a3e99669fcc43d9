/*
 * A libvulkan.so.1 that hands all calls on to the real one, but lets the calls fail that it is told to. What is called here is called by
 * one thread, between calls of Vulkan.
 */

#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stdint.h>

/* What else fails after the call that was chosen. */
typedef enum {
    FAULT_ONCE,     /* Nothing. */
    FAULT_FUNCTION, /* All later calls of the same function. */
    FAULT_ALL,      /* All later calls of functions that may return the code. */
    FAULT_LOST,     /* As a driver whose device is lost: all later calls that submit and wait. */
    FAULT_PERSISTENCES
} shim_persistence;

/* The call that fails: that of the function `function`, after `call` others. */
typedef struct {
    int function;
    long call;
    int code; /* A VkResult. */
    shim_persistence persistence;
} shim_fault;

/* What the devices pretend to be. To be set before the first call of Vulkan. */
typedef struct {
    bool discrete;              /* A GPU whose memory the host does not see, with a queue that only copies. */
    bool uncached;              /* The host's memory is not cached. With `discrete`. */
    uint32_t max_storage_range; /* 0: the device's own. */
} shim_device;

void shim_pretend(shim_device device);

/* Makes a call fail from now on; NULL: none, calls are only counted. Counting begins anew. */
void shim_arm(const shim_fault *fault);

/* No call fails any more. Returns how many have. */
long shim_disarm(void);

/* Calls of a function since shim_arm. */
long shim_calls(int function);

/* Functions that can fail, from 0 on; NULL behind the last one. */
const char *shim_function_name(int function);

/* The codes other than VK_SUCCESS that the function may return; 0 behind the last one. */
const int *shim_codes(int function);

/* The name of a code, and the code of a name; 0 for a name that is unknown. */
const char *shim_code_name(int code);
int shim_code(const char *name);

/* Kinds of objects that are counted, from 0 on; NULL behind the last one; and how many objects there are now. */
const char *shim_kind_name(int kind);
long shim_objects(int kind);

#endif
