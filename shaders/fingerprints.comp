// Stage fingerprints: two bytes of hash for each pixel, which tell most pixels of other colours apart without a look
// at the image, for the host and for the stage label. A pixel without a colour has any fingerprint.

#version 450
#extension GL_GOOGLE_include_directive : require

#include "color.glsl"
#include "color_map.glsl"

layout(local_size_x_id = 1) in;

#include "work_distribution.glsl" // an item is a pair of pixels

layout(push_constant) uniform Dispatch {
    uint first_word;  // the chunk's first word in the buffer
    uint first_pixel; // of this dispatch; even
    uint end_pixel;
    uint factors[4]; // of the hash, one for each channel
} dispatch;

layout(set = 0, binding = 1) writeonly buffer Fingerprints {
    uint words[]; // two a word, the first in the lower bits
} fingerprints;

// `Hasher` in src/backend/cpu/tables/key.rs.
uint fingerprint_of(uint pixel) {
    uvec4 color;
    load_color(dispatch.first_word, pixel, color);
    uint hash = 0u;
    for (uint channel = 0u; channel < CHANNELS; ++channel) {
        hash += (color[channel] ^ (color[channel] >> 15)) * dispatch.factors[channel];
    }
    return hash >> 16;
}

void main() {
    uint pair = (dispatch.first_pixel >> 1) + first_item();
    uint pairs_end = min((dispatch.end_pixel + 1u) >> 1, pair + items_span());
    for (; pair < pairs_end; pair += item_step()) {
        uint second = min(2u * pair + 1u, dispatch.end_pixel - 1u);
        fingerprints.words[pair] = fingerprint_of(2u * pair) | fingerprint_of(second) << 16;
    }
}
