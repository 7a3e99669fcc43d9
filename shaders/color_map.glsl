// The chunk of the colour map that is on the device: pixels interleaved, one word a channel.

layout(set = 0, binding = 0) readonly buffer ColorMap {
    uint words[];
} color_map;

// Reads a pixel's canonical colour, unused channels 0; false when a channel is NaN.
bool load_color(uint pixel, out uvec4 color) {
    color = uvec4(0u);
    bool valid = true;
    for (uint channel = 0u; channel < CHANNELS; ++channel) {
        uint bits = color_map.words[pixel * CHANNELS + channel];
        valid = valid && !is_nan(bits);
        color[channel] = canonical(bits);
    }
    return valid;
}
