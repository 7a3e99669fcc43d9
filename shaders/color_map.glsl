// The colour map, or a part of it, where the device can read it: pixels interleaved, one word a channel.

layout(set = 0, binding = 0) readonly buffer ColorMap {
    uint words[];
} color_map;

// Reads the canonical colour of a pixel of the chunk that begins at `first_word`, unused channels 0;
// false when a channel is NaN.
bool load_color(uint first_word, uint pixel, out uvec4 color) {
    color = uvec4(0u);
    bool valid = true;
    for (uint channel = 0u; channel < CHANNELS; ++channel) {
        uint bits = color_map.words[first_word + pixel * CHANNELS + channel];
        valid = valid && !is_nan(bits);
        color[channel] = canonical(bits);
    }
    return valid;
}
