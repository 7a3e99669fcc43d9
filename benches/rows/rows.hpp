// All rows, by the roads of docs/performance.md's table of goals.
#pragma once

#include <tuple>

#include "afternoon.hpp"
#include "check.hpp"
#include "measure.hpp"
#include "start.hpp"

/// A row that is one ctm_analyze.
inline Row row(std::string road, std::string name, std::vector<Goal> goals, std::function<Call()> make) {
    auto prepare = [name, make] {
        auto call = std::make_shared<Call>(make());
        return Job{[call, name](Library &library) { return check(library, *call, name); },
                   [call](Library &library) {
                       ctm_outputs outputs = outputs_of(*call);
                       double start = clock_ms();
                       run(library, *call, outputs);
                       return clock_ms() - start;
                   }};
    };
    return {std::move(road), name, std::move(goals), prepare};
}

class Rows {
public:
    explicit Rows(Library &library, unsigned threads) : first(library), pool(threads), afternoon(pool) {}

    std::vector<Row> all() {
        rows.clear();
        main_road();
        fresh_pages();
        short_runs();
        palettes();
        afternoon_rivals();
        planar();
        bits();
        formats();
        many_colors();
        narrow();
        lists_of_all_colors();
        counts();
        regions();
        near_colors();
        statistics();
        run_lengths();
        specks();
        tiles();
        small();
        starts();
        return std::move(rows);
    }

private:
    using Change = Call (*)(Call);
    Library &first; // finds the palettes that are given
    Pool pool;
    Afternoon afternoon;
    std::vector<Row> rows;

    void add(std::string road, std::string name, std::vector<Goal> goals, std::function<Call()> make) {
        rows.push_back(row(std::move(road), std::move(name), std::move(goals), std::move(make)));
    }

    void main_road() {
        add("0", "flat-16, masks", {}, [] { return with_masks(bytes_of("flat-16")); });
        add("0", "noise-16, masks", {}, [] { return with_masks(bytes_of("noise-16")); });
        add("0", "noise-16, labels", {}, [] { return with_labels(bytes_of("noise-16")); });
        add("0", "noise-4096, masks", {}, [] { return with_masks(bytes_of("noise-4096")); });
        for (const char *image : {"flat-16", "noise-16"})
            add("0", image + std::string(", f32, float masks"), {},
                [=] { return with_masks(as_floats(bytes_of(image)), CTM_MASK_F32); });
    }

    void fresh_pages() {
        auto fresh = [](Library &library, const Call &call) {
            ctm_outputs outputs = outputs_of(call);
            double start = clock_ms();
            if (library.buffer_alloc) library.expect(library.buffer_alloc(call.mask_bytes, &outputs.masks), nullptr);
            else outputs.masks = aligned_alloc(64, call.mask_bytes);
            run(library, call, outputs);
            double time = clock_ms() - start;
            if (library.buffer_alloc) library.buffer_free(outputs.masks);
            else std::free(outputs.masks);
            return time;
        };
        auto prepare = [fresh] {
            auto call = std::make_shared<Call>(with_masks(bytes_of("flat-16")));
            return Job{[call](Library &library) { return check(library, *call, "fresh pages"); },
                       [call, fresh](Library &library) { return fresh(library, *call); }};
        };
        rows.push_back({"1", "flat-16, masks in new memory", {{4, "flat-16, masks"}}, prepare});
    }

    void short_runs() {
        for (int length : {2, 3, 5, 7, 12, 20}) {
            std::string image = "runs-" + std::to_string(length);
            add("2", image + ", masks", {{1.3, "noise-16, masks"}}, [=] { return with_masks(bytes_of(image)); });
            add("2", image + ", labels", {{1.3, "noise-16, labels"}}, [=] { return with_labels(bytes_of(image)); });
        }
    }

    void palettes() {
        auto palette = [this](Call call, uint32_t count) {
            call.plain = false; // the colours' order is given, too
            return given(first, std::move(call), count);
        };
        for (const char *image : {"flat-16", "noise-16"})
            add("3", image + std::string(", palette of 5, masks"), {{1.1, image + std::string(", masks")}},
                [=] { return palette(with_masks(bytes_of(image)), 5); });
        add("3", "flat-1000, 255 labels", {}, [] { return with_labels(of_colors(bytes_of("flat-1000"), 255)); });
        add("3", "flat-1000, palette of 255, labels", {{1.1, "flat-1000, 255 labels"}},
            [=] { return palette(with_labels(of_colors(bytes_of("flat-1000"), 255)), 255); });
    }

    using Work = std::function<void(const uint8_t *pixels, size_t len)>;

    /// The rival's outputs have to be those of ctm for the same call.
    void add_afternoon(std::string name, std::string image, Call (*call_of)(Call, uint32_t), uint32_t count, Work work) {
        auto prepare = [=] {
            auto call = std::make_shared<Call>(call_of(bytes_of(image), count));
            auto time = [call, work](Library &) {
                outputs_of(*call); // so that there is room
                double start = clock_ms();
                work(call->pixels->data(), call->source->codes.size());
                return clock_ms() - start;
            };
            auto same = [=](Library &library) {
                uint64_t ours = check(library, *call, name);
                time(library);
                ctm_result result = CTM_RESULT_INIT;
                result.mask_count = Count::of(call->source).masks(call->params);
                result.masks_size = call->mask_bytes;
                result.labels_size = call->source->codes.size();
                if (hash_of(outputs_of(*call), result) != ours) fail(name + ": outputs are not those of ctm");
                return ours;
            };
            return Job{same, time};
        };
        rows.push_back({"4", name, {}, prepare});
    }

    void afternoon_rivals() {
        auto labels = [](Call call, uint32_t count) { return of_colors(with_labels(std::move(call), CTM_LABEL_U8), count); };
        auto masks = [](Call call, uint32_t count) { return with_masks(std::move(call), CTM_MASK_U8, count); };
        Work write_labels = [this](const uint8_t *pixels, size_t len) {
            afternoon.labels(pixels, len, 254, room.labels.data());
        };
        add_afternoon("C++: flat-16, labels of bytes", "flat-16", labels, 254, write_labels);
        add("4", "flat-16, labels of bytes", {{0.9, "C++: flat-16, labels of bytes"}},
            [=] { return labels(bytes_of("flat-16"), 254); });
        for (uint32_t count : {5u, 40u, 64u}) {
            std::string image = count == 5 ? "flat-16" : "flat-1000", name = image + ", " + std::to_string(count) + " masks";
            Work write_masks = [this, count](const uint8_t *pixels, size_t len) {
                afternoon.masks(pixels, len, count, room.masks.data());
            };
            add_afternoon("C++: " + name, image, masks, count, write_masks);
            add("4", name, {{1, "C++: " + name}}, [=] { return masks(bytes_of(image), count); });
        }
    }

    void planar() {
        for (const char *image : {"flat-16", "noise-16"}) {
            std::string name = image;
            add("5", name + ", planes, masks", {{1.3, name + ", masks"}}, [=] { return with_masks(as_planar(bytes_of(name))); });
            add("5", name + ", planes of f32, float masks", {{1.3, name + ", f32, float masks"}},
                [=] { return with_masks(as_planar(as_floats(bytes_of(name))), CTM_MASK_F32); });
            for (auto [format, convert] : {std::pair<const char *, Change>{"u16", as_u16}, {"f16", as_f16}}) {
                std::string interleaved = name + ", " + format + ", masks";
                add("5", interleaved, {}, [=] { return with_masks(convert(bytes_of(name))); });
                add("5", name + ", planes of " + format + ", masks", {{1.3, interleaved}},
                    [=] { return with_masks(as_planar(convert(bytes_of(name)))); });
            }
        }
    }

    void bits() {
        for (const char *image : {"flat-16", "noise-16"})
            add("6", image + std::string(", bit masks"), {{1.2, image + std::string(", masks")}},
                [=] { return with_masks(bytes_of(image), CTM_MASK_BITS); });
        add("6", "flat-1000, 64 bit masks", {{0.4, "flat-1000, 64 masks"}},
            [] { return with_masks(bytes_of("flat-1000"), CTM_MASK_BITS, 64); });
        add("6", "provinces, full HD, bit masks of all", {},
            [] { return with_masks(bytes_of("provinces-fhd"), CTM_MASK_BITS, 3975); });
        add("7", "provinces, cropped masks of all", {{10, ""}}, [] {
            return with(with_masks(bytes_of("provinces")), [](Call &call) {
                call.params.max_count = 5000;
                call.mask_bytes = 3 * UHD; // the boxes of convex regions have some twice their pixels
                call.cropped = true;
                call.palette_entries = 5000;
            });
        });
    }

    void formats() {
        add("8", "noise-16, f16, masks", {{2, "noise-16, masks"}}, [] { return with_masks(as_f16(bytes_of("noise-16"))); });
        for (auto [format, convert] : {std::pair<const char *, Change>{"f32", as_floats}, {"f16", as_f16}, {"u16", as_u16}})
            add("8", std::string("noise-16, ") + format + " as 8 bits, masks", {{2, "noise-16, masks"}}, [=] {
                return with(with_masks(convert(bytes_of("noise-16"))), [](Call &call) { call.params.matching = CTM_MATCH_8_BIT; });
            });
        for (const char *image : {"flat-16", "noise-16"}) {
            std::string floats = image + std::string(", one float a pixel, masks");
            add("8", floats, {}, [=] { return with_masks(as_codes(bytes_of(image), CTM_FORMAT_F32)); });
            add("8", image + std::string(", ids, masks"), {{1.1, floats}},
                [=] { return with_masks(as_codes(bytes_of(image), CTM_FORMAT_U32)); });
        }
        add("9", "noise-16, RGBA, masks", {{1.15, "noise-16, masks"}}, [] { return with_masks(bytes_of("noise-16", 4)); });
        add("9", "noise-16, RGBA f32, float masks", {},
            [] { return with_masks(as_floats(bytes_of("noise-16", 4)), CTM_MASK_F32); });
        add("9", "noise-16, RGB f32, float masks", {{1, "noise-16, RGBA f32, float masks"}},
            [] { return with_masks(as_floats(bytes_of("noise-16")), CTM_MASK_F32); });
    }

    void many_colors() {
        std::string before_masks, before_labels;
        for (const char *count : {"4096", "4097", "6000", "8192", "12000", "20000"}) {
            std::string image = std::string("noise-") + count;
            auto step = [](const std::string &before) {
                return before.empty() ? std::vector<Goal>{} : std::vector<Goal>{{1.3, before}};
            };
            if (!before_masks.empty()) // the first is on the main road
                add("10", image + ", masks", step(before_masks), [=] { return with_masks(bytes_of(image)); });
            add("10", image + ", labels of all", step(before_labels), [=] { return with_labels(all_colors(bytes_of(image))); });
            before_masks = image + ", masks";
            before_labels = image + ", labels of all";
        }
        add("11", "salt, masks", {}, [] { return with_masks(bytes_of("salt")); });
        add("11", "salt, masks, one thread", {{2.2, "salt, masks"}},
            [] { return with(with_masks(bytes_of("salt")), [](Call &call) { call.threads = 1; }); });
    }

    void narrow() {
        for (uint32_t width : {1u, 2u, 7u})
            add("12", "flat-16, rows of " + std::to_string(width) + ", masks", {{1.1, "flat-16, masks"}}, [=] {
                Call call = bytes_of("flat-16");
                if (width == 7) call.source = narrowed(call.source, width);
                call.image.width = width;
                call.image.height = uint32_t(call.source->codes.size()) / width;
                return with_masks(call);
            });
    }

    /// Without the last pixels that do not fill a row.
    static std::shared_ptr<const Image> narrowed(const std::shared_ptr<const Image> &image, uint32_t width) {
        auto part = std::make_shared<Image>(*image);
        part->codes.resize(part->codes.size() / width * width);
        return part;
    }

    void lists_of_all_colors() {
        add("13", "photo, count of all",
            {{45, ""}, {0, "OpenCV: photo, calcHist"}, {0, "polars: photo, group_by"}, {0, "pandas: photo, groupby size"},
             {0, "fastremap: photo, unique"}},
            [] { return all_colors(bytes_of("photo")); });
        for (auto [image, shown, goal] : {std::tuple{"photo", "photo", 140.0}, {"different", "all different", 540.0}}) {
            auto by = [shown = std::string(shown)](const char *rival, const char *way) {
                return Goal{0, std::string(rival) + ": " + shown + ", " + way};
            };
            add("13", std::string(shown) + ", labels of all",
                {{goal, ""}, by("polars", "group_by"), by("pandas", "factorize"), by("fastremap", "renumber")},
                [image] { return with_labels(all_colors(bytes_of(image))); });
        }
    }

    enum class Step { ADD, EXPORT, IMPORT, MERGE };

    /// Counts of a library, of the image that is worked on, and as exported.
    struct Counts {
        ctm_counts *counts = nullptr;
        Bytes exported;
    };

    static ctm_counts *new_counts(Library &library) {
        ctm_counts *counts;
        library.expect(library.counts_create(library.context(0), &counts), library.context(0));
        return counts;
    }

    static void add_to(Library &library, ctm_counts *counts, const Call &call) {
        ctm_image image = call.image;
        image.pixels = call.pixels->data();
        ctm_params params = CTM_PARAMS_INIT;
        library.expect(library.counts_add(library.context(0), counts, &image, &params), library.context(0));
    }

    static Bytes exported(Library &library, ctm_counts *counts) {
        size_t size = 0;
        library.expect(library.counts_export(library.context(0), counts, nullptr, &size), library.context(0));
        Bytes data(size);
        library.expect(library.counts_export(library.context(0), counts, data.data(), &size), library.context(0));
        return data;
    }

    static double time_step(Library &library, Step step, const Call &call, Counts &full) {
        ctm_context *context = library.context(0);
        ctm_counts *counts = step == Step::IMPORT ? nullptr : new_counts(library);
        size_t size = full.exported.size();
        double start = clock_ms(), share = 1;
        switch (step) {
        case Step::ADD: add_to(library, counts, call); break;
        case Step::EXPORT:
            library.expect(library.counts_export(context, full.counts, full.exported.data(), &size), context);
            break;
        case Step::IMPORT: library.expect(library.counts_import(context, full.exported.data(), size, &counts), context); break;
        case Step::MERGE: // into an empty one, and into one that has all colours
            for (int i = 0; i < 2; i++) library.expect(library.counts_merge(context, counts, full.counts), context);
            share = 0.5;
        }
        double time = (clock_ms() - start) * share;
        library.counts_destroy(counts);
        return time;
    }

    void counts() {
        auto add_step = [this](const std::string &image, Step step, const char *name, double goal) {
            auto prepare = [=] {
                auto call = std::make_shared<Call>(bytes_of(image));
                auto full = std::make_shared<std::map<Library *, Counts>>();
                auto check = [=](Library &library) {
                    Counts &of = (*full)[&library];
                    of.counts = new_counts(library);
                    add_to(library, of.counts, *call);
                    of.exported = exported(library, of.counts);
                    return hash_of(of.exported.data(), of.exported.size());
                };
                return Job{check, [=](Library &library) { return time_step(library, step, *call, full->at(&library)); }};
            };
            std::string shown = image == "different" ? "all different" : image;
            rows.push_back({"14", shown + ", counts, " + name, {{goal, ""}}, prepare});
        };
        add_step("photo", Step::ADD, "add", 60);
        add_step("photo", Step::EXPORT, "export", 40);
        add_step("photo", Step::IMPORT, "import", 40);
        add_step("photo", Step::MERGE, "merge", 40);
        add_step("different", Step::ADD, "add", 325);
        add_step("different", Step::EXPORT, "export", 193);
        add_step("different", Step::IMPORT, "import", 951);
        add_step("different", Step::MERGE, "merge", 623);
    }

    void regions() {
        for (uint32_t connected : {4u, 8u}) {
            auto of = [=](const char *image) {
                return with(with_labels(all_colors(bytes_of(image))), [=](Call &call) {
                    call.params.connected = connected;
                    call.plain = false;
                });
            };
            std::string sides = ", regions by " + std::to_string(connected);
            add("15", "noise-16, full HD" + sides,
                {{12, ""}, {1, "cc3d: noise-16, full HD" + sides}, {0, "scikit-image: noise-16, full HD" + sides}},
                [=] { return of("noise-fhd-16"); });
            add("15", "flat-16" + sides, {{1, "cc3d: flat-16" + sides}, {0, "scikit-image: flat-16" + sides}},
                [=] { return of("flat-16"); });
        }
    }

    void near_colors() {
        auto labels = [](const char *image, auto change) {
            return with(with_labels(bytes_of(image)), [&](Call &call) {
                call.plain = false;
                change(call.params);
            });
        };
        auto nearest = [=](uint32_t count) {
            return labels("photo", [=](ctm_params &params) {
                params.max_count = count;
                params.nearest = CTM_NEAREST_EUCLIDEAN;
                params.tolerance = 1e9;
            });
        };
        add("16", "photo, nearest of 5", {{258, ""}}, [=] { return nearest(5); });
        add("16", "photo, nearest of 255", {{382, ""}}, [=] { return nearest(255); });
        add("16", "photo, merge within 10", {{361, ""}}, [=] {
            return labels("photo", [](ctm_params &params) {
                params.max_count = 255;
                params.merge = CTM_MERGE_EUCLIDEAN;
                params.merge_tolerance = 10;
            });
        });
        add("16", "photo, unmix", {{133, ""}}, [=] {
            return labels("photo", [](ctm_params &params) {
                params.max_count = 16;
                params.unmix_radius = 2;
            });
        });
        // A second a megapixel.
        add("16", "566x407, all different, merge within 105", {{230, ""}}, [=] {
            return labels("random-566x407", [](ctm_params &params) {
                params.merge = CTM_MERGE_EUCLIDEAN;
                params.merge_tolerance = 105;
            });
        });
        add("16", "566x407, all different, nearest within 105", {{230, ""}}, [=] {
            return labels("random-566x407", [](ctm_params &params) {
                params.min_pixels = 2;
                params.nearest = CTM_NEAREST_EUCLIDEAN;
                params.tolerance = 105;
                params.max_count = UINT32_MAX;
            });
        });
    }

    void statistics() {
        add("17", "noise-16, count", {}, [] { return bytes_of("noise-16"); });
        add("17", "noise-16, statistics of 5", {{1.5, "noise-16, count"}},
            [] { return with(bytes_of("noise-16"), [](Call &call) { call.palette_entries = 5; }); });
    }

    void run_lengths() {
        for (const char *image : {"flat-1000", "provinces"}) {
            std::string name = image;
            uint32_t masks = name == "provinces" ? 5000 : 1000;
            auto of = [=](uint32_t order) {
                return with(of_colors(bytes_of(name), masks), [=](Call &call) { call.runs = order; });
            };
            add("21", name + ", runs by rows", {{8, ""}}, [=] { return of(CTM_RUNS_BY_ROWS); });
            add("21", name + ", runs by columns", {{10, ""}}, [=] { return of(CTM_RUNS_BY_COLUMNS); });
            auto outlines = [=](float tolerance) {
                return with(of_colors(bytes_of(name), masks), [=](Call &call) {
                    call.outlines = true;
                    call.tolerance = tolerance;
                    call.plain = tolerance == 0;
                });
            };
            add("21", name + ", outlines", {{15, ""}}, [=] { return outlines(0); });
            add("21", name + ", outlines within a pixel", {{2.5, name + ", outlines"}}, [=] { return outlines(1); });
        }
    }

    void specks() {
        add("22", "salt, labels", {}, [] { return with_labels(bytes_of("salt")); });
        add("22", "salt, labels, specks absorbed and holes filled", {{2.5, "salt, labels"}}, [] {
            return with(with_labels(bytes_of("salt")), [](Call &call) {
                call.plain = false;
                call.params.absorb_pixels = 4;
                call.params.absorb_unmasked = UINT64_MAX;
                call.params.fill_holes = 16;
            });
        });
    }

    /// The labels of regions of the whole, tile by tile; gives the milliseconds of both rounds.
    static double label_tiles(Library &library, const Call &call, uint32_t side, uint8_t *labels) {
        if (!library.regions_create) fail(library.path + " has no ctm_regions_create");
        ctm_context *context = library.context(0);
        ctm_image image = call.image;
        ctm_params params = call.params;
        ctm_outputs outputs = CTM_OUTPUTS_INIT;
        ctm_result result = CTM_RESULT_INIT;
        image.pixels = call.pixels->data();
        auto each_tile = [&](auto work) {
            for (image.top = 0; image.top < image.height; image.top += side)
                for (image.left = 0; image.left < image.width; image.left += side) {
                    image.rectangle_width = std::min(side, image.width - image.left);
                    image.rectangle_height = std::min(side, image.height - image.top);
                    library.expect(work(), context);
                }
        };
        double start = clock_ms();
        ctm_regions *regions;
        library.expect(library.regions_create(context, image.width, image.height, &regions), context);
        each_tile([&] { return library.regions_add(context, regions, &image, image.left, image.top, &params); });
        params.regions = regions;
        each_tile([&] {
            params.part_left = image.left;
            params.part_top = image.top;
            outputs.labels = labels;
            outputs.labels_size = 4 * size_t(image.rectangle_width) * image.rectangle_height;
            labels += outputs.labels_size;
            return library.analyze(context, &image, &params, &outputs, &result);
        });
        double time = clock_ms() - start;
        library.regions_destroy(regions);
        return time;
    }

    void tiles() {
        constexpr uint32_t side = 1024;
        std::string whole = "provinces, regions, labels";
        auto call = [] {
            return with(with_labels(all_colors(bytes_of("provinces"))), [](Call &call) {
                call.params.connected = CTM_CONNECTED_4;
                call.plain = false;
            });
        };
        add("23", whole, {}, call);
        auto prepare = [=] {
            auto of = std::make_shared<Call>(call());
            auto tile_labels = std::make_shared<Bytes>(4 * of->source->codes.size());
            auto check_tiles = [=](Library &library) {
                ctm_outputs outputs = outputs_of(*of);
                run(library, *of, outputs);
                label_tiles(library, *of, side, tile_labels->data());
                const uint8_t *label = tile_labels->data();
                size_t width = of->image.width, height = of->image.height;
                for (size_t top = 0; top < height; top += side)
                    for (size_t left = 0; left < width; left += side)
                        for (size_t y = top; y < std::min(top + side, height); y++) {
                            size_t bytes = 4 * std::min<size_t>(side, width - left);
                            if (std::memcmp(label, static_cast<uint8_t *>(outputs.labels) + 4 * (y * width + left), bytes) != 0)
                                fail("labels of tiles are not those of the whole");
                            label += bytes;
                        }
                return hash_of(tile_labels->data(), tile_labels->size());
            };
            return Job{check_tiles, [=](Library &library) { return label_tiles(library, *of, side, tile_labels->data()); }};
        };
        rows.push_back({"23", "provinces in tiles of 1024x1024, regions, labels", {{3, whole}}, prepare});
    }

    void small() {
        auto masks = [](const char *image, uint32_t threads) {
            return with(with_masks(bytes_of(image)), [=](Call &call) { call.threads = threads; });
        };
        add("18", "256x256, masks, one thread", {}, [=] { return masks("flat-256x256", 1); });
        // 5 % is what the clock leaves open.
        add("18", "256x256, masks", {{1.05, "256x256, masks, one thread"}}, [=] { return masks("flat-256x256", 0); });
        add("18", "16x16, masks", {{0.0025, ""}}, [=] { return masks("flat-16x16", 0); });
        Row calls = row("18", "32 calls of 256x256", {}, [=] { return masks("flat-256x256", 0); });
        calls.prepare = [one = calls.prepare] {
            Job job = one();
            auto time = [once = job.time](Library &library) {
                double sum = 0;
                for (int i = 0; i < 32; i++) sum += once(library);
                return sum;
            };
            return Job{job.check, time};
        };
        rows.push_back(calls);
        add("18", "batch of 32 of 256x256, each by itself", {{0.6, "32 calls of 256x256"}}, [=] {
            Call call = masks("flat-256x256", 0);
            auto pixels = std::make_shared<Bytes>();
            for (int i = 0; i < 32; i++) pixels->insert(pixels->end(), call.pixels->begin(), call.pixels->end());
            call.pixels = pixels;
            call.image.image_count = 32;
            call.params.batch = CTM_BATCH_EACH;
            call.mask_bytes *= 32;
            call.plain = false;
            return call;
        });
    }

    void starts() {
        rows.push_back({"20", "opening the library, a context", {}, [] { return start_job(&Start::open); }});
        std::string later = "flat-16, masks, a process's second call and later";
        rows.push_back({"20", later, {}, [] { return start_job(&Start::warm); }});
        rows.push_back({"20", "flat-16, masks, a process's first call", {{1.3, later}}, [] { return start_job(&Start::first); }});
    }
};
