// Stage collect: the table's colours that have enough pixels become a dense list.

#version 450
#extension GL_GOOGLE_include_directive : require

#include "report.glsl"

layout(local_size_x_id = 1) in;

#include "deal.glsl" // an item is a slot

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
    uint most_entries; // that the list has room for
} dispatch;

void main() {
    if (report.lost != 0u) {
        return; // the table is not what it should be
    }
    uint first = dispatch.first_slot + first_item();
    uint end = min(dispatch.end_slot, first + items_span());
    // Twice: first how many entries there are, so that all invocations together do not queue for each.
    uint distinct = 0u;
    uint listed = 0u;
    for (uint slot = first; slot < end; slot += item_step()) {
        if (slot_pixel[slot] != 0u) {
            ++distinct;
            listed += counts[slot] + 1u >= dispatch.min_pixels ? 1u : 0u;
        }
    }
    if (distinct == 0u) {
        return;
    }
    atomicAdd(report.distinct, distinct);
    if (listed == 0u) {
        return;
    }
    uint before = atomicAdd(report.listed, listed);
    if (before + listed > dispatch.most_entries) {
        atomicAdd(report.lost, 1u);
        return;
    }
    uint entry = 3u * before;
    for (uint slot = first; slot < end; slot += item_step()) {
        uint owner = slot_pixel[slot];
        // The pixel that claimed the slot is counted by its being there.
        uint pixels = owner == 0u ? 0u : counts[slot] + 1u;
        if (owner != 0u && pixels >= dispatch.min_pixels) {
            report.entries[entry] = slot;
            report.entries[entry + 1u] = owner - 1u;
            report.entries[entry + 2u] = pixels;
            entry += 3u;
        }
    }
}
