// One ctm_analyze: what it is given, and where its outputs go.
#pragma once

#include <immintrin.h>

#include <cstring>
#include <optional>

#include "images.hpp"
#include "library.hpp"

struct Call {
    std::shared_ptr<const Image> source;
    std::shared_ptr<const Bytes> pixels;
    std::shared_ptr<const std::vector<float>> palette; // 4 values a colour
    ctm_image image = CTM_IMAGE_INIT;
    ctm_params params = CTM_PARAMS_INIT;
    std::optional<uint32_t> masks, labels; // their formats; the room is below
    std::optional<uint32_t> runs;          // their order
    bool outlines = false;
    float tolerance = 0; // of the outlines
    size_t mask_bytes = 0, palette_entries = 0;
    bool cropped = false;
    uint32_t threads = 0;
    bool plain = true; // the most frequent colours get the masks: what a plain count can check
};

/// Outputs of all calls, kept, since new memory is slow: its pages are mapped as they are written to.
struct Room {
    Bytes masks, labels;
    std::vector<ctm_palette_entry> palette;
    std::vector<uint32_t> counts;
    std::vector<uint64_t> offsets;
    ctm_runs runs = CTM_RUNS_INIT;
    std::vector<uint32_t> points;
    std::vector<uint64_t> ring_offsets, ring_exteriors, mask_offsets;
    ctm_outlines outlines = CTM_OUTLINES_INIT;
    template <class Values> static auto *of(Values &values, size_t len) {
        if (values.size() < len) values.resize(len);
        return values.data();
    }
};
inline Room room;

inline ctm_outputs outputs_of(const Call &call) {
    ctm_outputs outputs = CTM_OUTPUTS_INIT;
    if (call.masks) {
        outputs.masks = Room::of(room.masks, call.mask_bytes);
        outputs.masks_size = call.mask_bytes;
        outputs.mask_format = *call.masks;
        outputs.cropped = call.cropped;
    }
    if (call.labels) {
        outputs.labels_size = 4 * call.source->codes.size();
        outputs.labels = Room::of(room.labels, outputs.labels_size);
        outputs.label_format = *call.labels;
    }
    if (call.palette_entries) {
        outputs.palette = Room::of(room.palette, call.palette_entries);
        outputs.palette_capacity = call.palette_entries;
    }
    if (call.runs) {
        room.runs.order = *call.runs;
        room.runs.counts_capacity = call.source->codes.size() / 4;
        room.runs.counts = Room::of(room.counts, room.runs.counts_capacity);
        room.runs.offsets_capacity = size_t(call.params.max_count) + 1;
        room.runs.offsets = Room::of(room.offsets, room.runs.offsets_capacity);
        outputs.runs = &room.runs;
    }
    if (call.outlines) {
        size_t len = call.source->codes.size() / 4;
        ctm_outlines &outlines = room.outlines;
        outlines.tolerance = call.tolerance;
        outlines.points_capacity = outlines.ring_exteriors_capacity = len;
        outlines.points = Room::of(room.points, 2 * len);
        outlines.ring_exteriors = Room::of(room.ring_exteriors, len);
        outlines.ring_offsets_capacity = len + 1;
        outlines.ring_offsets = Room::of(room.ring_offsets, len + 1);
        outlines.mask_offsets_capacity = size_t(call.params.max_count) + 1;
        outlines.mask_offsets = Room::of(room.mask_offsets, outlines.mask_offsets_capacity);
        outputs.outlines = &outlines;
    }
    return outputs;
}

inline ctm_result run(Library &library, const Call &call, const ctm_outputs &outputs) {
    ctm_image image = call.image;
    ctm_params params = call.params;
    image.pixels = call.pixels->data();
    if (call.palette) {
        params.palette = call.palette->data();
        params.palette_count = uint32_t(call.palette->size() / 4);
    }
    ctm_result result = CTM_RESULT_INIT;
    ctm_context *context = library.context(call.threads);
    library.expect(library.analyze(context, &image, &params, &outputs, &result), context);
    return result;
}

// ---- Making calls: each function gives its argument with one thing changed -----------------------------------------

template <class Change> Call with(Call call, Change change) {
    change(call);
    return call;
}

/// Bytes, at most five colours, no outputs yet.
inline Call bytes_of(const std::string &name, uint32_t channels = 3) {
    Call call;
    call.source = image_of(name);
    call.pixels = std::make_shared<Bytes>(call.source->bytes(channels));
    call.image.width = call.source->width;
    call.image.height = call.source->height;
    call.image.channels = channels;
    call.image.format = CTM_FORMAT_U8;
    call.params.max_count = 5;
    return call;
}

/// Masks of at most `max_count` colours.
inline Call with_masks(Call call, uint32_t format = CTM_MASK_U8, uint32_t max_count = 5) {
    size_t width = call.image.width, height = call.image.height;
    size_t row = format == CTM_MASK_F32 ? 4 * width : format == CTM_MASK_BITS ? (width + 7) / 8 : width;
    call.masks = format;
    call.params.max_count = max_count;
    call.mask_bytes = row * height * max_count;
    return call;
}

inline Call with_labels(Call call, uint32_t format = CTM_LABEL_U32) {
    call.labels = format;
    return call;
}

inline Call of_colors(Call call, uint32_t max_count) {
    call.params.max_count = max_count;
    return call;
}

inline Call all_colors(Call call) { return of_colors(std::move(call), UINT32_MAX); }

/// With the palette given that the call would find.
inline Call given(Library &library, Call call, uint32_t count) {
    Call query = call;
    query.params.max_count = count;
    query.masks = query.labels = {};
    query.palette_entries = count;
    ctm_outputs outputs = outputs_of(query);
    run(library, query, outputs);
    auto palette = std::make_shared<std::vector<float>>();
    for (uint32_t i = 0; i < count; i++)
        palette->insert(palette->end(), outputs.palette[i].color, outputs.palette[i].color + 4);
    call.palette = palette;
    return call;
}

/// Each value as `convert` writes it, in `size` bytes.
template <class Convert> Call converted(Call call, uint32_t format, size_t size, Convert convert) {
    auto to = std::make_shared<Bytes>(call.pixels->size() * size);
    for (size_t i = 0; i < call.pixels->size(); i++) convert((*call.pixels)[i], to->data() + size * i);
    call.pixels = to;
    call.image.format = format;
    return call;
}

inline Call as_floats(Call call) {
    return converted(std::move(call), CTM_FORMAT_F32, 4, [](uint8_t value, uint8_t *to) {
        float level = float(value) / 255;
        std::memcpy(to, &level, 4);
    });
}

inline Call as_u16(Call call) {
    return converted(std::move(call), CTM_FORMAT_U16, 2, [](uint8_t value, uint8_t *to) { to[0] = to[1] = value; });
}

/// The colours' codes as they are, in one channel of floats or ids.
inline Call as_codes(Call call, uint32_t format) {
    const auto &codes = call.source->codes;
    auto to = std::make_shared<Bytes>(codes.size() * 4);
    for (size_t i = 0; i < codes.size(); i++) {
        float value = float(codes[i]); // 24 bits
        std::memcpy(to->data() + 4 * i, format == CTM_FORMAT_F32 ? (const void *)&value : &codes[i], 4);
    }
    call.pixels = to;
    call.image.channels = 1;
    call.image.format = format;
    return call;
}

__attribute__((target("f16c"))) inline uint16_t half_of(float value) { return uint16_t(_cvtss_sh(value, 0)); }

inline Call as_f16(Call call) {
    return converted(std::move(call), CTM_FORMAT_F16, 2, [](uint8_t value, uint8_t *to) {
        uint16_t half = half_of(float(value) / 255);
        std::memcpy(to, &half, 2);
    });
}

inline size_t value_size(uint32_t format) {
    return format == CTM_FORMAT_U8 ? 1 : format == CTM_FORMAT_F16 || format == CTM_FORMAT_U16 ? 2 : 4;
}

inline Call as_planar(Call call) {
    size_t size = value_size(call.image.format), channels = call.image.channels, len = call.source->codes.size();
    auto to = std::make_shared<Bytes>(call.pixels->size());
    for (size_t i = 0; i < len; i++)
        for (size_t c = 0; c < channels; c++)
            std::memcpy(to->data() + (c * len + i) * size, call.pixels->data() + (i * channels + c) * size, size);
    call.pixels = to;
    call.image.planar = 1;
    return call;
}
