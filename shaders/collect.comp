// Stage collect: the table's colours that have enough pixels become a dense list.

#version 450
#extension GL_GOOGLE_include_directive : require

#include "report.glsl"

layout(local_size_x = 64) in;

layout(set = 0, binding = 1) readonly buffer SlotPixels {
    uint slot_pixel[];
};

layout(set = 0, binding = 2) readonly buffer SlotCounts {
    uint slot_count[];
};

layout(set = 0, binding = 4) writeonly buffer List {
    uvec2 entries[]; // a pixel that has the colour, and the colour's pixels
} list;

layout(push_constant) uniform Dispatch {
    uint first_slot;
    uint end_slot;
    uint min_pixels;
} dispatch;

void main() {
    uint slot = dispatch.first_slot + gl_GlobalInvocationID.x;
    if (slot >= dispatch.end_slot) {
        return;
    }
    uint owner = slot_pixel[slot];
    if (owner == 0u) {
        return;
    }
    uint pixels = slot_count[slot];
    if (pixels >= dispatch.min_pixels) {
        list.entries[atomicAdd(report.listed, 1u)] = uvec2(owner - 1u, pixels);
    }
}
