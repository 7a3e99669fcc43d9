// What the tests of ctm.hpp share. They are compiled as C++11 to C++20, by two compilers, with and without exceptions.

#ifndef CPP_TEST_HPP
#define CPP_TEST_HPP

#include "ctm.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            std::fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                                      \
        }                                                                                      \
    } while (0)

inline bool contains(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

inline std::vector<char> read_file(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    CHECK(file.good());
    return std::vector<char>(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// A part of the world map, as floats, and the masks that it must give: bytes, 1 inside and 0 outside.
enum { WIDTH = 160, HEIGHT = 120, PIXELS = WIDTH * HEIGHT, MIN_PIXELS = 30, MAX_COUNT = 1000, COUNT = 26 };

inline std::vector<float> read_map(const std::string &folder)
{
    const std::vector<char> bytes = read_file(folder + "/color_map.f32");
    CHECK(bytes.size() == PIXELS * 3 * sizeof(float));
    std::vector<float> map(PIXELS * 3);
    std::memcpy(map.data(), bytes.data(), bytes.size());
    return map;
}

inline std::vector<char> read_masks(const std::string &folder)
{
    std::vector<char> masks = read_file(folder + "/masks.u8");
    CHECK(masks.size() == PIXELS * COUNT);
    return masks;
}

inline ctm::options options_for(const char *device)
{
    if (std::strcmp(device, "cpu") == 0) {
        return ctm::options(CTM_BACKEND_CPU);
    }
    CHECK(std::strncmp(device, "vulkan:", 7) == 0);
    ctm::options options(CTM_BACKEND_VULKAN);
    options.device_name = device + 7;
    return options;
}

inline ctm::context context_for(const char *device)
{
    auto made = ctm::context::try_create(options_for(device));
    if (!made) {
        std::fprintf(stderr, "%s\n", made.message().c_str());
        std::exit(1);
    }
    const bool vulkan = std::strcmp(device, "cpu") != 0;
    CHECK(made->backend() == (vulkan ? CTM_BACKEND_VULKAN : CTM_BACKEND_CPU));
    CHECK(!vulkan || contains(made->device_name(), device + 7));
    return *std::move(made);
}

#endif
