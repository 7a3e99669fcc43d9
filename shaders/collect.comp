// Stage collect: what the host is to know of the table's colours.
//
// Without a macro: the colours that have enough pixels become a dense list.
// COLORS  the words of pixels that the list names, for a host that cannot read the pixels by itself.

#version 450
#extension GL_GOOGLE_include_directive : require

#ifdef COLORS

#include "color.glsl"
#include "color_map.glsl"

layout(local_size_x_id = 1) in;

#include "work_distribution.glsl" // an item is a pixel that the list names

layout(set = 0, binding = 1) readonly buffer Pixels {
    uint pixels[];
};

layout(set = 0, binding = 2) writeonly buffer Colors {
    uint words[]; // CHANNELS of each
} colors;

#define DONE_BINDING 3
#include "done.glsl"

layout(push_constant) uniform Dispatch {
    uint first_word;  // the chunk's first word in the colour map's buffer
    uint first_pixel; // of the list, the first of this dispatch
    uint end_pixel;
} dispatch;

void main() {
    uint first = dispatch.first_pixel + first_item();
    uint end = min(dispatch.end_pixel, first + items_span());
    for (uint item = first; item < end; item += item_step()) {
        uvec4 words = load_pixel(dispatch.first_word, pixels[item]);
        for (uint channel = 0u; channel < CHANNELS; ++channel) {
            colors.words[item * CHANNELS + channel] = words[channel];
        }
    }
    count_workgroup();
}

#else

#include "report.glsl"

layout(local_size_x_id = 1) in;

#include "work_distribution.glsl" // an item is a slot

layout(set = 0, binding = 1) readonly buffer SlotPixels {
    uint slot_pixel[];
};

layout(set = 0, binding = 2) readonly buffer Counts {
    uint counts[]; // COPIES times as many as the table has slots
};

layout(constant_id = 6) const uint COPIES = 1; // as in count.comp

layout(push_constant) uniform Dispatch {
    uint first_slot;
    uint end_slot;
    uint min_pixels;
    uint most_entries; // that the list has room for
    uint slots;        // of the table
} dispatch;

// The pixels of a slot that has an owner, which is counted by its being there.
uint pixels_of(uint slot) {
    uint pixels = 1u;
    for (uint copy = 0u; copy < COPIES; ++copy) {
        pixels += counts[copy * dispatch.slots + slot];
    }
    return pixels;
}

void main() {
    if (report.lost != 0u) {
        return; // the table is not what it should be
    }
    uint first = dispatch.first_slot + first_item();
    uint end = min(dispatch.end_slot, first + items_span());
    // Twice: first how many entries there are, so that all invocations together do not queue for each.
    uint distinct = 0u;
    uint listed = 0u;
    uint counted = 0u;
    for (uint slot = first; slot < end; slot += item_step()) {
        if (slot_pixel[slot] != 0u) {
            ++distinct;
            uint pixels = pixels_of(slot);
            listed += pixels >= dispatch.min_pixels ? 1u : 0u;
            counted += pixels;
        }
    }
    if (distinct == 0u) {
        return;
    }
    atomicAdd(report.distinct, distinct);
    atomicAdd(report.counted, counted);
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
        uint pixels = owner == 0u ? 0u : pixels_of(slot);
        if (owner != 0u && pixels >= dispatch.min_pixels) {
            report.entries[entry] = slot;
            report.entries[entry + 1u] = owner - 1u;
            report.entries[entry + 2u] = pixels;
            entry += 3u;
        }
    }
}

#endif
