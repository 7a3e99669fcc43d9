// What tells the host that a dispatch was executed, where its results do not tell by themselves.

layout(set = 0, binding = DONE_BINDING) buffer Done {
    uint workgroups; // that have worked
} done;

void count_workgroup() {
    if (gl_LocalInvocationIndex == 0u) {
        atomicAdd(done.workgroups, 1u);
    }
}
