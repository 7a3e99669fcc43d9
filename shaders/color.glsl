// Colours on the device; src/color.rs is the twin. All decisions are made on bit patterns: a device
// may flush subnormals to zero in float arithmetic.

layout(constant_id = 0) const uint CHANNELS = 3;

// 1: words are integers, at most two to a pixel, which are all different and no NaN. 0: floats, or what sorts like them.
layout(constant_id = 7) const uint INTEGERS = 0;

// The word that stands for a channel value: -0.0 becomes +0.0.
uint canonical(uint bits) {
    return INTEGERS == 0u && bits == 0x80000000u ? 0u : bits;
}

bool is_nan(uint bits) {
    return INTEGERS == 0u && (bits & 0x7fffffffu) > 0x7f800000u;
}

// A hash of a colour; src/backend/vulkan/stages/palette_table.rs computes the same one. Without knowing `seed` nobody
// can make colours that collide.
uint hash_color(uvec4 color, uint seed) {
    uint hash = seed;
    for (uint channel = 0u; channel < CHANNELS; ++channel) {
        hash = (hash ^ color[channel]) * 0x9e3779b1u;
        hash ^= hash >> 15;
    }
    hash *= 0x85ebca6bu;
    return hash ^ (hash >> 13);
}

// From which slot to the next, in tables of a power of two slots. Odd, so that all are visited.
uint probe_step(uint hash) {
    return ((hash * 0xc2b2ae35u) >> 16) | 1u;
}
