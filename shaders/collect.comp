// Stage collect: the table's colours that have enough pixels become a dense list.

#version 450
#extension GL_GOOGLE_include_directive : require

#include "report.glsl"

layout(local_size_x_id = 1) in;

layout(constant_id = 2) const uint SLOTS_PER_INVOCATION = 1;

layout(set = 0, binding = 1) readonly buffer SlotPixels {
    uint slot_pixel[];
};

layout(set = 0, binding = 2) readonly buffer Counts {
    uint counts[];
};

layout(push_constant) uniform Dispatch {
    uint first_slot;
    uint end_slot;
    uint min_pixels;
} dispatch;

void main() {
    uint slots_before = gl_WorkGroupID.x * gl_WorkGroupSize.x * SLOTS_PER_INVOCATION;
    uint slot = dispatch.first_slot + slots_before + gl_LocalInvocationIndex;
    uint end = min(dispatch.end_slot, slot + gl_WorkGroupSize.x * SLOTS_PER_INVOCATION);
    if (report.lost != 0u) {
        return; // the table is not what it should be
    }
    while (slot < end) {
        uint owner = 0u;
        uint pixels = 0u;
        while (owner == 0u && slot < end) {
            owner = slot_pixel[slot];
            slot += gl_WorkGroupSize.x;
        }
        if (owner != 0u) {
            uint found = slot - gl_WorkGroupSize.x;
            pixels = counts[found];
            if (pixels >= dispatch.min_pixels) {
                uint entry = 3u * atomicAdd(report.listed, 1u);
                report.entries[entry] = found;
                report.entries[entry + 1u] = owner - 1u;
                report.entries[entry + 2u] = pixels;
            }
        }
    }
}
