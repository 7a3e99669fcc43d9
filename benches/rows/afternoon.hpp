// The rival that a good programmer writes in an afternoon, for bytes RGB: each thread looks a run of equal pixels up once,
// counts it and keeps it; then it writes labels or masks from the runs, a tile at a time, past the caches.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "pool.hpp"

class Afternoon {
public:
    explicit Afternoon(Pool &threads) : pool(threads), parts(threads.count()) {}

    /// A byte a pixel: 0, or the number of its colour plus one. `max_count` is 254 at most.
    void labels(const uint8_t *pixels, size_t len, uint32_t max_count, uint8_t *to) {
        tiles(most_frequent(pixels, len, max_count),
              [&](const uint8_t *tile, size_t first, size_t count) { stream(to + first, tile, count); });
    }

    /// A plane of `len` bytes for each colour: 255 where a pixel has it, else 0.
    void masks(const uint8_t *pixels, size_t len, uint32_t max_count, uint8_t *to) {
        auto palette = most_frequent(pixels, len, max_count);
        tiles(palette, [&](const uint8_t *tile, size_t first, size_t count) {
            for (size_t k = 0; k < palette.size(); k++) expand(tile, count, uint8_t(k + 1), to + k * len + first);
        });
    }

private:
    static constexpr size_t TILE = 16384; // fits the first-level cache
    struct Run {
        uint32_t color, length;
    };
    struct Part { // of one thread
        std::vector<uint32_t> keys, slots;
        std::vector<uint64_t> counts;
        std::vector<Run> runs;
        size_t first = 0, end = 0;
    };
    Pool &pool;
    std::vector<Part> parts;

    static uint32_t key_of(const uint8_t *pixel) { return uint32_t(pixel[0] | pixel[1] << 8 | pixel[2] << 16); }

    static uint32_t slot_of(const Part &part, uint32_t key) {
        uint32_t mask = uint32_t(part.slots.size()) - 1, slot = (key * 0x9e3779b1u) >> 8 & mask;
        while (part.slots[slot] && part.keys[part.slots[slot] - 1] != key) slot = (slot + 1) & mask;
        return slot;
    }

    static uint32_t number_of(Part &part, uint32_t key) {
        uint32_t slot = slot_of(part, key);
        if (part.slots[slot]) return part.slots[slot] - 1;
        part.keys.push_back(key);
        part.counts.push_back(0);
        part.slots[slot] = uint32_t(part.keys.size());
        if (part.keys.size() * 2 > part.slots.size()) {
            part.slots.assign(part.slots.size() * 4, 0);
            for (uint32_t i = 0; i < part.keys.size(); i++) part.slots[slot_of(part, part.keys[i])] = i + 1;
        }
        return uint32_t(part.keys.size()) - 1;
    }

    /// The first byte from `at` on that differs from the one a pixel further, before `end`.
    __attribute__((target("avx2"))) static size_t run_end(const uint8_t *pixels, size_t at, size_t end) {
        for (; at + 35 <= end; at += 32) {
            __m256i here = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(pixels + at));
            __m256i next = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(pixels + at + 3));
            uint32_t same = uint32_t(_mm256_movemask_epi8(_mm256_cmpeq_epi8(here, next)));
            if (same != 0xffffffffu) return at + size_t(__builtin_ctz(~same));
        }
        while (at + 3 < end && pixels[at] == pixels[at + 3]) at++;
        return at;
    }

    void count(Part &part, const uint8_t *pixels) {
        part.keys.clear();
        part.counts.clear();
        part.runs.clear();
        part.slots.assign(256, 0);
        uint32_t last_key = 0xffffffff, last = 0;
        for (size_t i = part.first; i < part.end;) {
            uint32_t key = key_of(pixels + 3 * i);
            size_t next = i + 1;
            if (next < part.end && pixels[3 * i] == pixels[3 * next])
                next = std::min(run_end(pixels, 3 * i, 3 * part.end) / 3 + 1, part.end);
            if (key != last_key) last = number_of(part, key), last_key = key;
            part.counts[last] += next - i;
            part.runs.push_back({last, uint32_t(next - i)});
            i = next;
        }
    }

    /// Leaves each thread's runs behind. Equal counts come by colour, red first.
    std::vector<uint32_t> most_frequent(const uint8_t *pixels, size_t len, uint32_t max_count) {
        pool.run([&](unsigned t) {
            parts[t].first = len * t / pool.count();
            parts[t].end = len * (t + 1) / pool.count();
            count(parts[t], pixels);
        });
        std::map<uint32_t, uint64_t> total;
        for (auto &part : parts)
            for (size_t i = 0; i < part.keys.size(); i++) total[part.keys[i]] += part.counts[i];
        std::vector<std::pair<uint64_t, uint32_t>> all;
        for (auto [key, pixels_of_it] : total) all.push_back({pixels_of_it, key});
        auto red_first = [](uint32_t key) { return (key & 255) << 16 | (key & 0xff00) | key >> 16; };
        std::sort(all.begin(), all.end(), [&](auto a, auto b) {
            return a.first != b.first ? a.first > b.first : red_first(a.second) < red_first(b.second);
        });
        std::vector<uint32_t> palette;
        for (size_t i = 0; i < all.size() && i < max_count; i++) palette.push_back(all[i].second);
        return palette;
    }

    /// Calls `each` with the labels of a tile, its first pixel and its length.
    template <class Each> void tiles(const std::vector<uint32_t> &palette, Each each) {
        pool.run([&](unsigned t) {
            alignas(32) uint8_t tile[TILE];
            Part &part = parts[t];
            Bytes label(part.keys.size(), 0);
            for (size_t i = 0; i < label.size(); i++)
                for (size_t k = 0; k < palette.size(); k++)
                    if (palette[k] == part.keys[i]) label[i] = uint8_t(k + 1);
            size_t filled = 0, first = part.first;
            for (auto [color, length] : part.runs)
                for (size_t rest = length; rest;) {
                    size_t now = std::min(rest, TILE - filled);
                    std::memset(tile + filled, label[color], now);
                    filled += now;
                    rest -= now;
                    if (filled == TILE) each(tile, first, filled), first += filled, filled = 0;
                }
            if (filled) each(tile, first, filled);
            _mm_sfence();
        });
    }

    __attribute__((target("avx2"))) static void stream(uint8_t *to, const uint8_t *from, size_t len) {
        size_t i = 0;
        for (; i < len && reinterpret_cast<uintptr_t>(to + i) % 32; i++) to[i] = from[i];
        for (; i + 32 <= len; i += 32)
            _mm256_stream_si256(reinterpret_cast<__m256i *>(to + i),
                                _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from + i)));
        for (; i < len; i++) to[i] = from[i];
    }

    __attribute__((target("avx2"))) static void expand(const uint8_t *tile, size_t len, uint8_t label, uint8_t *to) {
        size_t i = 0;
        __m256i wanted = _mm256_set1_epi8(char(label));
        auto one = [&] { to[i] = tile[i] == label ? 255 : 0; };
        for (; i < len && reinterpret_cast<uintptr_t>(to + i) % 32; i++) one();
        for (; i + 32 <= len; i += 32)
            _mm256_stream_si256(
                reinterpret_cast<__m256i *>(to + i),
                _mm256_cmpeq_epi8(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(tile + i)), wanted));
        for (; i < len; i++) one();
    }
};
