// Whether results are right, before anything is timed.
#pragma once

#include "call.hpp"

/// Of all outputs of a call.
inline uint64_t hash_of(const void *data, size_t len) {
    const auto *bytes = static_cast<const uint8_t *>(data);
    uint64_t hash = len;
    auto mix = [&](uint64_t word) {
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 29;
    };
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        std::memcpy(&word, bytes + i, 8);
        mix(word);
    }
    for (; i < len; i++) mix(bytes[i]);
    return hash;
}

inline uint64_t hash_of(const ctm_outputs &outputs, const ctm_result &result) {
    uint64_t hash = result.mask_count; // distinct_colors may be known to one version only
    auto add = [&](const void *data, size_t len) { hash = hash * 31 ^ hash_of(data, len); };
    if (outputs.masks) add(outputs.masks, result.masks_size);
    if (outputs.labels) add(outputs.labels, result.labels_size);
    if (outputs.palette) add(outputs.palette, result.palette_len * sizeof(ctm_palette_entry));
    if (outputs.runs) {
        add(outputs.runs->counts, result.run_counts_len * sizeof(uint32_t));
        add(outputs.runs->offsets, (result.palette_len + 1) * sizeof(uint64_t));
    }
    if (outputs.outlines) {
        add(outputs.outlines->points, result.outline_points_len * 2 * sizeof(uint32_t));
        add(outputs.outlines->ring_offsets, (result.outline_rings_len + 1) * sizeof(uint64_t));
        add(outputs.outlines->ring_exteriors, result.outline_rings_len * sizeof(uint64_t));
        add(outputs.outlines->mask_offsets, (result.palette_len + 1) * sizeof(uint64_t));
    }
    return hash;
}

/// The colours of an image by a plain count: a number for each of the 2^24 codes.
class Count {
public:
    struct Color {
        uint32_t code;
        uint64_t pixels;
    };

    explicit Count(const Image &image) : numbers(1 << 24, 0) {
        for (uint32_t code : image.codes) numbers[code]++;
        for (uint32_t code = 0; code < numbers.size(); code++)
            if (numbers[code]) colors.push_back({code, numbers[code]});
        auto red_first = [](uint32_t code) { return (code & 255) << 16 | (code & 0xff00) | code >> 16; };
        std::sort(colors.begin(), colors.end(), [&](auto a, auto b) {
            return a.pixels != b.pixels ? a.pixels > b.pixels : red_first(a.code) < red_first(b.code);
        });
        std::fill(numbers.begin(), numbers.end(), UINT32_MAX);
        for (uint32_t i = 0; i < colors.size(); i++) numbers[colors[i].code] = i;
    }

    std::vector<Color> colors; // in the order of masks

    /// A pixel's mask of `count`, or `count`.
    uint32_t mask_of(uint32_t code, uint32_t count) const { return std::min(numbers[code], count); }

    uint32_t masks(const ctm_params &params) const {
        auto enough = std::find_if(colors.begin(), colors.end(), [&](auto color) { return color.pixels < params.min_pixels; });
        return uint32_t(std::min<size_t>(size_t(enough - colors.begin()), params.max_count));
    }

    /// Of an image that several rows in sequence have.
    static const Count &of(const std::shared_ptr<const Image> &image) {
        static std::shared_ptr<const Image> last;
        static std::unique_ptr<Count> count;
        if (last != image) last = image, count = std::make_unique<Count>(*image);
        return *count;
    }

private:
    std::vector<uint32_t> numbers;
};

/// The entries' colours, as codes, and pixels against the plain count's.
inline void check_palette(Library &library, const Call &call, const Count &count, const std::string &row) {
    Call query = call;
    query.masks = query.labels = query.runs = {};
    query.outlines = false;
    query.cropped = false;
    query.params.max_count = std::min(call.params.max_count, 255u); // a list of all is checked by its labels
    query.palette_entries = query.params.max_count;
    ctm_outputs outputs = outputs_of(query);
    ctm_result result = run(library, query, outputs);
    if (result.mask_count != count.masks(query.params)) fail(row + ": another number of colours than by a plain count");
    uint32_t format = call.image.format;
    float unit = format == CTM_FORMAT_U8 ? 1.0f : format == CTM_FORMAT_U16 ? 257.0f : 1 / 255.0f;
    for (uint32_t i = 0; i < result.mask_count; i++) {
        uint32_t code = 0;
        if (call.image.channels == 1) code = format == CTM_FORMAT_F32 ? uint32_t(outputs.palette[i].color[0]) : outputs.palette[i].stored[0];
        else for (uint32_t c = 0; c < 3; c++) code |= uint32_t(std::lround(outputs.palette[i].color[c] / unit)) << (8 * c);
        if (code != count.colors[i].code || outputs.palette[i].pixel_count != count.colors[i].pixels)
            fail(row + ": colour " + std::to_string(i) + " is not that of a plain count");
    }
}

template <class Label>
bool labels_equal(const void *labels, const std::vector<uint32_t> &codes, const Count &count, uint32_t masks) {
    const auto *label = static_cast<const Label *>(labels);
    for (size_t i = 0; i < codes.size(); i++)
        if (label[i] != (count.mask_of(codes[i], masks) + 1) % (masks + 1)) return false;
    return true;
}

inline bool masks_equal(const uint8_t *planes, const std::vector<uint32_t> &codes, const Count &count, uint32_t masks) {
    for (uint32_t k = 0; k < masks; k++)
        for (size_t i = 0; i < codes.size(); i++)
            if (planes[k * codes.size() + i] != (codes[i] == count.colors[k].code ? 255 : 0)) return false;
    return true;
}

inline bool runs_equal(const ctm_runs &runs, const Image &image, const Count &count, uint32_t masks) {
    for (uint32_t k = 0; k < masks; k++) {
        size_t pixel = 0;
        for (uint64_t i = runs.offsets[k]; i < runs.offsets[k + 1]; i++) {
            bool inside = (i - runs.offsets[k]) % 2;
            for (size_t end = pixel + runs.counts[i]; pixel < end; pixel++) {
                size_t place = runs.order == CTM_RUNS_BY_ROWS
                                   ? pixel
                                   : pixel % image.height * image.width + pixel / image.height;
                if ((image.codes.at(place) == count.colors[k].code) != inside) return false;
            }
        }
        if (pixel != image.codes.size()) return false;
    }
    return true;
}

/// The areas within a mask's rings, holes of which are negative, are its pixels.
inline bool areas_equal(const ctm_outlines &outlines, const Count &count, uint32_t masks) {
    for (uint32_t k = 0; k < masks; k++) {
        int64_t twice = 0;
        for (uint64_t ring = outlines.mask_offsets[k]; ring < outlines.mask_offsets[k + 1]; ring++) {
            uint64_t begin = outlines.ring_offsets[ring], end = outlines.ring_offsets[ring + 1];
            for (uint64_t i = begin, last = end - 1; i < end; last = i++) {
                const uint32_t *from = outlines.points + 2 * last, *to = outlines.points + 2 * i;
                twice += int64_t(from[0]) * to[1] - int64_t(to[0]) * from[1];
            }
        }
        if (twice != int64_t(2 * count.colors[k].pixels)) return false;
    }
    return true;
}

/// Labels of all kinds, run lengths, the areas of outlines, and masks of bytes against the plain count; other masks are compared between libraries only.
inline void check_outputs(const Call &call, const ctm_outputs &outputs, const Count &count, const std::string &row) {
    uint32_t masks = count.masks(call.params);
    const auto &codes = call.source->codes;
    if (call.labels) {
        bool equal = *call.labels == CTM_LABEL_U8    ? labels_equal<uint8_t>(outputs.labels, codes, count, masks)
                     : *call.labels == CTM_LABEL_U16 ? labels_equal<uint16_t>(outputs.labels, codes, count, masks)
                                                     : labels_equal<uint32_t>(outputs.labels, codes, count, masks);
        if (!equal) fail(row + ": labels are not those of a plain count");
    }
    if (call.runs && !runs_equal(*outputs.runs, *call.source, count, std::min(masks, 20u)))
        fail(row + ": run lengths are not those of a plain count");
    if (call.outlines && !areas_equal(*outputs.outlines, count, masks))
        fail(row + ": areas of outlines are not those of a plain count");
    if (call.masks && *call.masks == CTM_MASK_U8 && !call.cropped &&
        !masks_equal(static_cast<const uint8_t *>(outputs.masks), codes, count, masks))
        fail(row + ": masks are not those of a plain count");
}

/// Gives the hash of all outputs, which is the same for all libraries.
inline uint64_t check(Library &library, const Call &call, const std::string &row) {
    ctm_outputs outputs = outputs_of(call);
    ctm_result result = run(library, call, outputs);
    uint64_t hash = hash_of(outputs, result);
    if (call.plain && library.is_judge) {
        const Count &count = Count::of(call.source);
        check_outputs(call, outputs, count, row);
        check_palette(library, call, count, row);
    }
    return hash;
}
