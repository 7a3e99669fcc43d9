// How the items of a dispatch are distributed over the invocations of a workgroup.

layout(constant_id = 2) const uint ITEMS_PER_INVOCATION = 1;

// 0: striped. Neighbouring invocations have neighbouring items, so that a GPU reads neighbouring words at
//    once; then all go on by the workgroup's size.
// 1: blocked. Each invocation has consecutive items, of which more are alike: for devices that execute one
//    invocation's reads after the other anyway.
layout(constant_id = 3) const uint BLOCKED = 0;

uint first_item() {
    uint items_before = gl_WorkGroupID.x * gl_WorkGroupSize.x * ITEMS_PER_INVOCATION;
    return items_before + gl_LocalInvocationIndex * (BLOCKED == 1u ? ITEMS_PER_INVOCATION : 1u);
}

// From an invocation's item to its next.
uint item_step() {
    return BLOCKED == 1u ? 1u : gl_WorkGroupSize.x;
}

// All of an invocation's items are less than this behind its first.
uint items_span() {
    return item_step() * ITEMS_PER_INVOCATION;
}
