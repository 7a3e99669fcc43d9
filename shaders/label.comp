// Stage label: per pixel the number of its mask plus one, or 0.
//
// The palette is a hash table that the host made: a slot is a label, 0 where the slot is free, and
// the colour's CHANNELS words.
// A palette too large for one storage buffer comes in parts, one dispatch each; a pixel finds its
// colour in one part at most.

#version 450
#extension GL_GOOGLE_include_directive : require

#include "color.glsl"
#include "color_map.glsl"

layout(local_size_x = 64) in;

layout(constant_id = 1) const uint LABEL_BITS = 8; // 8, 16 or 32

layout(set = 0, binding = 1) readonly buffer PaletteTable {
    uint words[];
} palette;

layout(set = 0, binding = 2) buffer Labels {
    uint words[]; // labels in order, the first in the lowest bits
} labels;

layout(push_constant) uniform Dispatch {
    uint first_pixel; // a multiple of 4
    uint end_pixel;
    uint slot_mask; // slots - 1; their number is a power of two
    uint seed;
    uint max_probes; // all colours of the table are found within so many
    uint keep;      // 0: the first part of the palette; 1: add to the labels of the parts before
} dispatch;

const uint PIXELS_PER_INVOCATION = 4;
const uint LABELS_PER_WORD = 32 / LABEL_BITS;

uint find_label(uvec4 color) {
    uint hash = hash_color(color, dispatch.seed);
    uint slot = hash & dispatch.slot_mask;
    uint step = probe_step(hash);
    for (uint probe = 0u; probe < dispatch.max_probes; ++probe) {
        uint word = slot * (CHANNELS + 1u);
        uint label = palette.words[word];
        if (label == 0u) {
            return 0u;
        }
        bool equal = true;
        for (uint channel = 0u; channel < CHANNELS; ++channel) {
            equal = equal && palette.words[word + 1u + channel] == color[channel];
        }
        if (equal) {
            return label;
        }
        slot = (slot + step) & dispatch.slot_mask;
    }
    return 0u;
}

void main() {
    uint first = dispatch.first_pixel + gl_GlobalInvocationID.x * PIXELS_PER_INVOCATION;
    if (first >= dispatch.end_pixel) {
        return;
    }
    uint pixels = min(PIXELS_PER_INVOCATION, dispatch.end_pixel - first);
    uvec4 run_color = uvec4(0u);
    bool run_valid = false;
    uint run_label = 0u;
    for (uint start = 0u; start < pixels; start += LABELS_PER_WORD) {
        uint word = 0u;
        for (uint i = 0u; i < LABELS_PER_WORD && start + i < pixels; ++i) {
            uvec4 color;
            bool valid = load_color(first + start + i, color);
            if (valid && !(run_valid && color == run_color)) {
                run_label = find_label(color);
                run_color = color;
                run_valid = true;
            }
            word |= (valid ? run_label : 0u) << (i * LABEL_BITS);
        }
        uint index = (first + start) / LABELS_PER_WORD;
        labels.words[index] = dispatch.keep == 0u ? word : labels.words[index] | word;
    }
}
