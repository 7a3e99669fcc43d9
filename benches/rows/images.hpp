// The images, made from formulas: the same ones on every machine.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "common.hpp"

constexpr uint32_t UHD_WIDTH = 3840, UHD_HEIGHT = 2160;
constexpr size_t UHD = size_t(UHD_WIDTH) * UHD_HEIGHT;

/// Colours as codes of 24 bits: red in the lowest.
struct Image {
    uint32_t width, height;
    std::vector<uint32_t> codes;

    Bytes bytes(uint32_t channels) const {
        Bytes to(codes.size() * channels, 255);
        for (size_t i = 0; i < codes.size(); i++)
            for (uint32_t c = 0; c < 3; c++) to[i * channels + c] = uint8_t(codes[i] >> (8 * c));
        return to;
    }
};

inline uint32_t random_of(uint32_t seed) {
    uint32_t z = seed * 0x9e3779b9u + 0x7f4a7c15u;
    z = (z ^ (z >> 16)) * 0x85ebca6bu;
    z = (z ^ (z >> 13)) * 0xc2b2ae35u;
    return z ^ (z >> 16);
}

/// A permutation of 24 bits: numbers that follow each other become colours that are far apart.
inline uint32_t scatter(uint32_t number) {
    uint32_t z = number * 0x9e3779b1u & 0xffffff;
    z ^= z >> 12;
    z = z * 0x85ebca6bu & 0xffffff;
    return z ^ (z >> 12);
}

template <class Each> Image make(uint32_t width, uint32_t height, Each each) {
    Image image{width, height, std::vector<uint32_t>(size_t(width) * height)};
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) image.codes[size_t(y) * width + x] = each(x, y);
    return image;
}

/// Convex regions, `cells` in each direction; `colors` is 0 where each has its own.
inline Image flat(uint32_t width, uint32_t height, uint32_t colors, uint32_t cells) {
    uint32_t side = cells + 2; // with a border, so that each pixel's nearest point is among nine
    std::vector<std::pair<float, float>> points(side * side);
    auto fraction = [](uint32_t seed) { return float(random_of(seed)) / 4294967295.0f; };
    for (uint32_t cell = 0; cell < side * side; cell++)
        points[cell] = {float(cell % side) - 1 + fraction(2 * cell), float(cell / side) - 1 + fraction(2 * cell + 1)};
    float cell_width = float(width) / float(cells), cell_height = float(height) / float(cells);
    return make(width, height, [&](uint32_t x, uint32_t y) {
        float fx = float(x) / cell_width, fy = float(y) / cell_height, best = 1e9f;
        uint32_t column = uint32_t(fx) + 1, row = uint32_t(fy) + 1, nearest = 0;
        for (uint32_t j = row - 1; j <= row + 1; j++)
            for (uint32_t i = column - 1; i <= column + 1; i++) {
                auto [px, py] = points[j * side + i];
                float distance = (px - fx) * (px - fx) + (py - fy) * (py - fy);
                if (distance < best) best = distance, nearest = j * side + i;
            }
        return scatter(colors ? nearest * 7 % colors : nearest);
    });
}

inline Image noise(uint32_t width, uint32_t height, uint32_t colors) {
    return make(width, height, [&](uint32_t x, uint32_t y) { return scatter(random_of(y * width + x) % colors); });
}

/// Runs of equal pixels, all of one length, of 16 colours; neighbours differ.
inline Image runs(uint32_t width, uint32_t height, uint32_t length) {
    return make(width, height, [&](uint32_t x, uint32_t y) {
        uint32_t run = (y * width + x) / length;
        return scatter(random_of(run) % 8 * 2 + run % 2);
    });
}

/// Smooth, with the noise of a sensor: some 900,000 colours at 4K.
inline Image photo(uint32_t width, uint32_t height) {
    return make(width, height, [&](uint32_t x, uint32_t y) {
        float u = float(x) / float(width), v = float(y) / float(height);
        float light = 0.5f + 0.45f * std::sin(7 * u + 3 * std::sin(5 * v)) * std::cos(6 * v + 2 * std::sin(9 * u));
        uint32_t code = 0;
        for (uint32_t c = 0; c < 3; c++) {
            uint32_t bits = random_of((y * width + x) * 3 + c);
            float sum = float((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24)); // nearly normal
            float tint = 1 + 0.25f * std::sin(4 * u + 11 * v + 2.1f * float(c));
            float level = 230 * light * tint / 1.2f + 2 * (sum - 510) / 147.8f;
            code |= uint32_t(std::clamp(level + 0.5f, 0.0f, 255.0f)) << (8 * c);
        }
        return code;
    });
}

/// A flat map of which one pixel in a hundred has a colour of its own.
inline Image salt(uint32_t width, uint32_t height) {
    Image image = flat(width, height, 16, 8);
    for (uint32_t i = 0; i < image.codes.size(); i++)
        if (random_of(i * 2 + 1) % 100 == 0) image.codes[i] = random_of(i * 2) & 0xffffff;
    return image;
}

inline Image image_named(const std::string &name) {
    auto begins = [&](const char *with) { return name.rfind(with, 0) == 0; };
    uint32_t number = uint32_t(std::atoi(name.c_str() + name.find_last_of('-') + 1));
    if (name == "flat-16") return flat(UHD_WIDTH, UHD_HEIGHT, 16, 8);
    if (name == "flat-1000") return flat(UHD_WIDTH, UHD_HEIGHT, 1000, 40);
    if (name == "provinces") return flat(UHD_WIDTH, UHD_HEIGHT, 0, 61);
    if (name == "provinces-fhd") return flat(1920, 1080, 0, 61);
    if (name == "flat-256x256") return flat(256, 256, 16, 8);
    if (name == "flat-16x16") return flat(16, 16, 4, 2);
    if (name == "photo") return photo(UHD_WIDTH, UHD_HEIGHT);
    if (name == "salt") return salt(UHD_WIDTH, UHD_HEIGHT);
    auto all_different = [](uint32_t x, uint32_t y) { return scatter(y * UHD_WIDTH + x); };
    auto random = [](uint32_t x, uint32_t y) { return random_of(y * 566 + x) & 0xffffff; };
    if (name == "different") return make(UHD_WIDTH, UHD_HEIGHT, all_different);
    if (name == "random-566x407") return make(566, 407, random);
    if (begins("noise-fhd-")) return noise(1920, 1080, number);
    if (begins("noise-")) return noise(UHD_WIDTH, UHD_HEIGHT, number);
    if (begins("runs-")) return runs(UHD_WIDTH, UHD_HEIGHT, number);
    fail("there is no image " + name);
}

/// Made once, as long as only a few are wanted at a time.
inline std::shared_ptr<const Image> image_of(const std::string &name) {
    static std::map<std::string, std::shared_ptr<const Image>> made;
    if (!made.count(name)) {
        if (made.size() >= 6) made.clear(); // 33 MB each; those in use stay
        made[name] = std::make_shared<Image>(image_named(name));
    }
    return made[name];
}
