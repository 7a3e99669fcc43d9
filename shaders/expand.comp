// Stage expand: labels to planes of floats, in memory that the caller has on the device. For memory of the
// host's, src/output/expand.rs does the same.

#version 450
#extension GL_GOOGLE_include_directive : require

layout(local_size_x_id = 1) in;

#include "work_distribution.glsl" // an item is a pixel

layout(constant_id = 5) const uint LABEL_BITS = 8; // 8, 16 or 32

layout(set = 0, binding = 0) readonly buffer Labels {
    uint words[]; // of a chunk, in order, the first in the lowest bits
} labels;

layout(set = 0, binding = 1) writeonly buffer Planes {
    uint words[]; // bit patterns of floats
} planes;

#define DONE_BINDING 2
#include "done.glsl"

layout(push_constant) uniform Dispatch {
    uint first_pixel; // of this dispatch
    uint end_pixel;
    uint first_word;  // of the chunk's pixel 0 in the first plane
    uint plane_words; // from a plane to the next
    uint first_label; // that of the first plane's mask
    uint plane_count;
} dispatch;

const uint LABELS_PER_WORD = 32u / LABEL_BITS;
const uint LABEL_MASK = 0xffffffffu >> (32u - LABEL_BITS);

void main() {
    uint first = dispatch.first_pixel + first_item();
    uint end = min(dispatch.end_pixel, first + items_span());
    for (uint pixel = first; pixel < end; pixel += item_step()) {
        uint shift = pixel % LABELS_PER_WORD * LABEL_BITS;
        uint label = labels.words[pixel / LABELS_PER_WORD] >> shift & LABEL_MASK;
        // The plane that is 1.0 here, if there is one: label 0 wraps around to a number that no plane has.
        uint inside = label - dispatch.first_label;
        uint word = dispatch.first_word + pixel;
        for (uint plane = 0u; plane < dispatch.plane_count; ++plane) {
            planes.words[word] = plane == inside ? 0x3f800000u : 0u;
            word += dispatch.plane_words;
        }
    }
    count_workgroup();
}
