// Stage label: per pixel its label: the index of its mask plus one, or 0.
//
// Without a macro: the stage count has left each pixel's colour index, and the host says which label each
//         index has.
// COLORS  each pixel's colour is looked up in the palette: a hash table that the host made, whose slots
//         are a label, 0 where the slot is free, and the colour's CHANNELS words. A palette too large for
//         one storage buffer comes in parts, one dispatch each; a pixel finds its colour in one part at
//         most.
//         Where pixels have fingerprints, only those are looked at whose fingerprint is that of a colour of the
//         palette. Not a variant of its own: an image for whose fingerprints there is no memory must not need
//         another pipeline.

#version 450
#extension GL_GOOGLE_include_directive : require

#ifdef COLORS
#include "color.glsl"
#endif

layout(local_size_x_id = 1) in;

#include "work_distribution.glsl" // an item is a group of four pixels, those of a word of the narrowest labels

layout(constant_id = 5) const uint LABEL_BITS = 8; // 8, 16 or 32

layout(set = 0, binding = 2) buffer Labels {
    uint words[]; // labels in order, the first in the lowest bits
} labels;

#define DONE_BINDING 5
#include "done.glsl"

layout(push_constant) uniform Dispatch {
    uint first_word;  // the chunk's first word in the colour map's buffer
    uint first_pixel; // of this dispatch; a multiple of 4
    uint end_pixel;
    uint slot_mask; // slots - 1; their number is a power of two
    uint seed;
    uint max_probes; // all colours of the table are found within so many
    uint keep;       // 0: the first part of the palette; 1: add to the labels of the parts before
    uint fingerprinted; // whether pixels have fingerprints
} dispatch;

const uint LABELS_PER_WORD = 32u / LABEL_BITS;
const uint WORDS_PER_GROUP = LABEL_BITS / 8u;

void store(uint group, uvec4 group_labels) {
    for (uint i = 0u; i < WORDS_PER_GROUP; ++i) {
        uint word = 0u;
        for (uint j = 0u; j < LABELS_PER_WORD; ++j) {
            word |= group_labels[i * LABELS_PER_WORD + j] << (j * LABEL_BITS);
        }
        uint index = group * WORDS_PER_GROUP + i;
        labels.words[index] = dispatch.keep == 0u ? word : labels.words[index] | word;
    }
}

#ifdef COLORS

#include "color_map.glsl"

layout(set = 0, binding = 1) readonly buffer PaletteTable {
    uint words[];
} palette;

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

layout(set = 0, binding = 3) readonly buffer Fingerprints {
    uint words[]; // two a word, the first in the lower bits
} fingerprints;

layout(set = 0, binding = 4) readonly buffer WantedFingerprints {
    uint words[]; // a bit for each fingerprint
} wanted;

uint is_wanted(uint fingerprint) {
    return wanted.words[fingerprint >> 5] >> (fingerprint & 31u) & 1u;
}

// Whether a pixel of the group may have a label.
bool may_have_label(uint group) {
    uint last_word = (dispatch.end_pixel - 1u) >> 1;
    uint first = fingerprints.words[2u * group];
    uint second = fingerprints.words[min(2u * group + 1u, last_word)];
    return (is_wanted(first & 0xffffu) | is_wanted(first >> 16) | is_wanted(second & 0xffffu)
            | is_wanted(second >> 16)) != 0u;
}

void label_groups(uint group, uint groups_end) {
    uvec4 run_color = uvec4(0x80000000u); // no colour: words of integers are followed by zeros
    uint run_label = 0u;
    for (; group < groups_end; group += item_step()) {
        uvec4 group_labels = uvec4(0u);
        if (dispatch.fingerprinted != 0u) {
            // In a loop of its own as in the stage count.
            while (group < groups_end && !may_have_label(group)) {
                store(group, group_labels);
                group += item_step();
            }
            if (group >= groups_end) {
                break;
            }
        }
        for (uint i = 0u; i < 4u; ++i) {
            uint pixel = 4u * group + i;
            uvec4 color;
            if (pixel < dispatch.end_pixel && load_color(dispatch.first_word, pixel, color)) {
                if (color != run_color) {
                    run_label = find_label(color);
                    run_color = color;
                }
                group_labels[i] = run_label;
            }
        }
        store(group, group_labels);
    }
}

#else

layout(set = 0, binding = 0) readonly buffer ColorIndices {
    uint words[]; // two a word, the first in the lower bits
} color_indices;

layout(set = 0, binding = 1) readonly buffer LabelOfIndex {
    uint label_of_index[];
};

void label_groups(uint group, uint groups_end) {
    uint last[2] = uint[2](0u, 0u); // the colour indices that `group_labels` are the labels of
    uvec4 group_labels = uvec4(0u);
    uint last_word = (dispatch.end_pixel - 1u) >> 1;
    while (group < groups_end) {
        // As long as the colour indices stay the same, in a loop of its own as in the stage count.
        uint words[2];
        bool same = true;
        while (same && group < groups_end) {
            words[0] = color_indices.words[2u * group];
            words[1] = color_indices.words[min(2u * group + 1u, last_word)];
            same = words[0] == last[0] && words[1] == last[1];
            if (same) {
                store(group, group_labels);
                group += item_step();
            }
        }
        if (!same) {
            last = words;
            group_labels.x = label_of_index[words[0] & 0xffffu];
            group_labels.y = label_of_index[words[0] >> 16];
            group_labels.z = label_of_index[words[1] & 0xffffu];
            group_labels.w = label_of_index[words[1] >> 16];
            store(group, group_labels);
            group += item_step();
        }
    }
}

#endif

void main() {
    uint group = (dispatch.first_pixel >> 2) + first_item();
    uint groups_end = (dispatch.end_pixel + 3u) >> 2;
    label_groups(group, min(groups_end, group + items_span()));
    count_workgroup();
}
