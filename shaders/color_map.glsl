// The colour map, or a part of it, where the device can read it: pixels interleaved, as one word a channel; or as the bytes
// of their values, where a bus is slow: integers of 8 or 16 bits, the higher byte first. Three of those bytes make a word,
// the first in the upper bits: src/input/value_bytes.rs is the twin.

// From a pixel to the next.
layout(constant_id = 8) const uint PIXEL_BYTES = 12;

layout(set = 0, binding = 0) readonly buffer ColorMap {
    uint words[];
} color_map;

// A word of `count` value bytes, 3 at most, that begin with this byte of the chunk.
uint load_value_bytes(uint first_word, uint byte, uint count) {
    uint word = first_word + (byte >> 2);
    uint shift = 8u * (byte & 3u);
    uint bytes = color_map.words[word] >> shift;
    if (shift + 8u * count > 32u) {
        bytes |= color_map.words[word + 1u] << (32u - shift);
    }
    bytes &= (1u << (8u * count)) - 1u;
    return (bytes & 0xffu) << 16 | (bytes & 0xff00u) | bytes >> 16;
}

// Reads the words of a pixel of the chunk that begins at `first_word`, unused channels 0.
uvec4 load_pixel(uint first_word, uint pixel) {
    uvec4 words = uvec4(0u);
    if (PIXEL_BYTES != 4u * CHANNELS) {
        for (uint channel = 0u; channel < CHANNELS; ++channel) {
            uint count = min(3u, PIXEL_BYTES - 3u * channel);
            words[channel] = load_value_bytes(first_word, pixel * PIXEL_BYTES + 3u * channel, count);
        }
        return words;
    }
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
