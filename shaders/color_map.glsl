// The colour map, or a part of it, where the device can read it: pixels interleaved, one word a channel.

layout(set = 0, binding = 0) readonly buffer ColorMap {
    uint words[];
} color_map;

// Reads the words of a pixel of the chunk that begins at `first_word`, unused channels 0.
uvec4 load_pixel(uint first_word, uint pixel) {
    uvec4 words = uvec4(0u);
    for (uint channel = 0u; channel < CHANNELS; ++channel) {
        words[channel] = color_map.words[first_word + pixel * CHANNELS + channel];
    }
    return words;
}

// The canonical colour of a pixel with these words; false when a channel is NaN.
bool color_of(uvec4 words, out uvec4 color) {
    color = uvec4(0u);
    bool valid = true;
    for (uint channel = 0u; channel < CHANNELS; ++channel) {
        valid = valid && !is_nan(words[channel]);
        color[channel] = canonical(words[channel]);
    }
    return valid;
}

bool load_color(uint first_word, uint pixel, out uvec4 color) {
    return color_of(load_pixel(first_word, pixel), color);
}
