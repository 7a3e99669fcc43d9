// Stage count: how many pixels of the chunk have each exact colour.
//
// A hash table with open addressing. A slot holds the index, plus one, of some pixel that has the
// slot's colour: it is claimed with one 32-bit compare-and-swap, and the full colour is read back
// from the colour map, which does not change. Runs of equal pixels cost one look-up.

#version 450
#extension GL_GOOGLE_include_directive : require

#include "color.glsl"
#include "color_map.glsl"
#include "report.glsl"

layout(local_size_x = 64) in;

layout(constant_id = 1) const uint PIXELS_PER_INVOCATION = 16;

layout(set = 0, binding = 1) coherent buffer SlotPixels {
    uint slot_pixel[];
};

layout(set = 0, binding = 2) buffer SlotCounts {
    uint slot_count[];
};

layout(push_constant) uniform Dispatch {
    uint first_pixel;
    uint end_pixel;
    uint slot_mask; // slots - 1; their number is a power of two
    uint max_probes;
    uint seed;
} dispatch;

const uint NO_SLOT = 0xffffffffu;

// The colour's slot, claimed for it if it is new; NO_SLOT when none was found.
uint find_slot(uvec4 color, uint pixel) {
    uint hash = hash_color(color, dispatch.seed);
    uint slot = hash & dispatch.slot_mask;
    uint step = probe_step(hash);
    for (uint probe = 0u; probe < dispatch.max_probes; ++probe) {
        // A plain read: an old value is 0, and then the compare-and-swap tells the present one.
        uint owner = slot_pixel[slot];
        if (owner == 0u) {
            owner = atomicCompSwap(slot_pixel[slot], 0u, pixel + 1u);
            if (owner == 0u) {
                atomicAdd(report.distinct, 1u);
                return slot;
            }
        }
        uvec4 owner_color;
        load_color(owner - 1u, owner_color);
        if (owner_color == color) {
            return slot;
        }
        slot = (slot + step) & dispatch.slot_mask;
    }
    return NO_SLOT;
}

void add_run(uvec4 color, uint pixel, uint pixels) {
    // Once a run is lost the host will start again: searching a full table would be in vain.
    uint slot = report.lost == 0u ? find_slot(color, pixel) : NO_SLOT;
    if (slot == NO_SLOT) {
        atomicAdd(report.lost, 1u);
    } else {
        atomicAdd(slot_count[slot], pixels);
    }
}

void main() {
    uint pixel = dispatch.first_pixel + gl_GlobalInvocationID.x * PIXELS_PER_INVOCATION;
    uint end = min(pixel + PIXELS_PER_INVOCATION, dispatch.end_pixel);
    uvec4 run_color = uvec4(0u);
    uint run_start = 0u;
    uint run_pixels = 0u;
    for (; pixel < end; ++pixel) {
        uvec4 color;
        if (!load_color(pixel, color)) {
            continue; // belongs to no colour, and does not end a run either
        }
        if (run_pixels > 0u && color != run_color) {
            add_run(run_color, run_start, run_pixels);
            run_pixels = 0u;
        }
        if (run_pixels == 0u) {
            run_color = color;
            run_start = pixel;
        }
        ++run_pixels;
    }
    if (run_pixels > 0u) {
        add_run(run_color, run_start, run_pixels);
    }
}
