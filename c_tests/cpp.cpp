// ctm.hpp does what ctm.h does: cpp DEVICE GOLDEN_CASE.

#include "ctm.hpp" // First: it must not need anything before it.
#include "ctm.hpp"

#include "cpp_test.hpp"

#include <algorithm>

namespace {

void golden(ctm::context &context, const std::string &folder)
{
    const std::vector<float> map = read_map(folder);
    const std::vector<char> expected = read_masks(folder);

    const auto masks = context.try_masks(map, WIDTH, HEIGHT, 3, MIN_PIXELS, MAX_COUNT);
    CHECK(masks && masks.message().empty());
    CHECK(masks->count == COUNT && masks->width == WIDTH && masks->height == HEIGHT);
    for (std::size_t mask = 0; mask < COUNT; mask++) {
        const ctm::span<const float> plane = (*masks)[mask];
        CHECK(plane.size() == PIXELS);
        for (std::size_t pixel = 0; pixel < PIXELS; pixel++) {
            CHECK(plane[pixel] == static_cast<float>(expected[mask * PIXELS + pixel]));
        }
    }

    // The same as bytes, labels and a palette, in one call.
    ctm::params params;
    params.min_pixels = MIN_PIXELS;
    params.max_count = MAX_COUNT;
    const ctm::image image(map, WIDTH, HEIGHT, 3);
    const auto sizes = context.try_analyze(image, params);
    CHECK(sizes && sizes->mask_count == COUNT && sizes->masks_size == PIXELS * COUNT * sizeof(float));
    std::vector<std::uint8_t> planes(PIXELS * COUNT);
    std::vector<std::uint16_t> labels(PIXELS);
    std::vector<ctm::palette_entry> entries(COUNT);
    ctm::outputs outputs;
    outputs.set_masks(planes, CTM_MASK_U8_ONE).set_labels(labels).set_palette(entries);
    const auto found = context.try_analyze(image, params, outputs);
    CHECK(found && found->mask_count == COUNT);
    CHECK(std::memcmp(planes.data(), expected.data(), planes.size()) == 0);
    CHECK(entries[0].pixel_count == 6435 && entries[COUNT - 1].pixel_count == 41);
    for (std::size_t pixel = 0; pixel < PIXELS; pixel++) {
        CHECK(labels[pixel] == 0 || planes[(labels[pixel] - 1u) * PIXELS + pixel] == 1);
    }
    const auto palette = context.try_palette(image, params);
    CHECK(palette && palette->size() == COUNT && palette->back().pixel_count == 41);

    const auto counters = context.try_counters();
    CHECK(counters && counters->pixels_read >= PIXELS);
    const auto cache = context.try_pipeline_cache();
    CHECK(cache && cache->empty() == (context.backend() == CTM_BACKEND_CPU));
}

const std::uint8_t grey[] = {9, 9, 9, 7, 7, 200}; // 3 x 2

void small(ctm::context &context)
{
    const std::vector<float> map = {1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1}; // 3 x 2
    float masks[2 * 6];
    auto count = context.try_run(map, 3, 2, 3, 2, 5, masks);
    CHECK(count && *count == 2 && masks[0] == 0.0f && masks[2] == 1.0f);
    count = context.try_run(map, 3, 2, 3, 1, 5, masks); // Three masks, room for two.
    CHECK(!count && count.status() == CTM_ERROR_BUFFER_TOO_SMALL && *count == 3);
    CHECK(!count.message().empty() && count.message() == context.last_error());
    count = context.try_run(map, 3, 2, 3, 1, 5, ctm::span<float>());
    CHECK(count && *count == 3);

    // Formats follow from the values' types; the palette of the caller's decides.
    const std::vector<std::uint8_t> bytes(std::begin(grey), std::end(grey));
    const std::vector<ctm::color> wanted = {{{7, 0, 0, 0}}, {{9, 0, 0, 0}}};
    ctm::params params;
    params.set_palette(wanted);
    std::array<std::uint8_t, 6> labels;
    std::vector<ctm::palette_entry> unlisted(1);
    ctm::outputs outputs;
    outputs.set_labels(labels).set_unlisted(unlisted);
    auto found = context.try_analyze(ctm::image(bytes, 3, 2, 1), params, outputs);
    CHECK(found && found->mask_count == 2 && found->unlisted_colors == 1);
    CHECK(unlisted[0].color[0] == 200.0f);
    const std::array<std::uint8_t, 6> expected = {{2, 2, 2, 1, 1, 0}};
    CHECK(labels == expected);

    // Ids, which floats cannot tell apart, are given and come back as they are stored.
    const std::vector<std::int32_t> ids = {16777217, 16777216, -5, 16777217, -5, 16777217};
    const std::vector<ctm::stored_color> stored = {{{16777217u, 0, 0, 0}}, {{4294967291u, 0, 0, 0}}};
    ctm::params of_ids;
    of_ids.set_palette(wanted).set_palette_stored(stored);
    const auto entries = context.try_palette(ctm::image(ids, 3, 2, 1), of_ids);
    CHECK(entries && entries->size() == 2);
    CHECK((*entries)[0].pixel_count == 3 && (*entries)[0].stored[0] == 16777217u);
    CHECK((*entries)[1].pixel_count == 2 && (*entries)[1].color[0] == -5.0f);
    of_ids = ctm::params();
    of_ids.set_ignored(wanted).set_ignored_stored(stored);
    found = context.try_analyze(ctm::image(ids, 3, 2, 1), of_ids);
    CHECK(found && found->mask_count == 1);

    params.set_ignored(wanted).set_palette(ctm::span<const ctm::color>());
    found = context.try_analyze(ctm::image(bytes, 3, 2, 1), params);
    CHECK(found && found->mask_count == 1);

    // 7 becomes 9, which is more frequent.
    std::vector<ctm::merged_color> merged(2);
    params = ctm::params();
    params.merge = CTM_MERGE_EUCLIDEAN;
    params.merge_tolerance = 2;
    found = context.try_analyze(ctm::image(bytes, 3, 2, 1), params, ctm::outputs().set_merged(merged));
    CHECK(found && found->mask_count == 2 && found->merged_colors == 1);
    CHECK(merged[0].color[0] == 7.0f && merged[0].into[0] == 9.0f && merged[0].pixel_count == 2);
}

void shapes(ctm::context &context)
{
    // A buffer that the shape reaches beyond is refused before anything is read.
    const std::vector<float> map(17);
    const auto count = context.try_run(map, 3, 2, 3, 1, 5, ctm::span<float>());
    CHECK(count.status() == CTM_ERROR_INVALID_ARGUMENT);
    CHECK(count.message() == "color_map has 17 floats; 3 x 2 pixels of 3 channels are 18");

    // 5 rows of 3 pixels of 2 channels, with gaps and from the bottom: the last byte is the 4 * 16 + 2 * 3 + 2nd.
    ctm::image image(grey, 4 * 16 + 2 * 3 + 2, CTM_FORMAT_U8, 3, 5, 2);
    image.row_stride = -16;
    image.pixel_stride = 3;
    std::vector<std::uint8_t> bytes(image.pixels_size);
    image.pixels = bytes.data();
    CHECK(context.try_analyze(image));
    image.pixels_size--;
    const auto refused = context.try_analyze(image);
    CHECK(refused.status() == CTM_ERROR_INVALID_ARGUMENT);
    CHECK(contains(refused.message(), "pixels_size is 71; the image's shape and strides reach over 72 bytes"));

    // 2 images of 4 planes of 2 x 2 values of 2 bytes.
    std::vector<std::uint16_t> planes(2 * 4 * 4);
    ctm::image batch(planes, 2, 2, 4);
    batch.planar = 1;
    batch.image_count = 2;
    CHECK(batch.format == CTM_FORMAT_U16 && batch.pixels_size == 64);
    CHECK(context.try_analyze(batch));
    batch.image_stride = 34;
    CHECK(!context.try_analyze(batch));

    // Sizes beyond any memory do not wrap around; what the library itself refuses has its sentence.
    batch.image_stride = std::numeric_limits<std::size_t>::max() - 2;
    CHECK(contains(context.try_analyze(batch).message(), "18446744073709551615 bytes"));
    batch.channels = 5;
    CHECK(contains(context.try_analyze(batch).message(), "channels is 5"));
    CHECK(contains(context.try_analyze(ctm::image()).message(), "width is 0"));
}

// What a context has compiled goes to the next one, as it is; the CPU's cache has no bytes, and is none.
void caches(const char *device, const ctm::context &context)
{
    const auto cache = context.try_pipeline_cache();
    CHECK(cache);
    ctm::options options = options_for(device);
    options.set_pipeline_cache(*cache);
    CHECK(options.pipeline_cache_size == cache->size());
    CHECK(options.pipeline_cache == (cache->empty() ? nullptr : cache->data()));
    CHECK(ctm::context::try_create(options));

    // One that grows between two calls is read whole.
    std::size_t there = 2;
    std::vector<std::uint8_t> bytes;
    const ctm_status status = ctm::detail::read_bytes(bytes, [&there](void *data, std::size_t *size) {
        const bool fits = data == nullptr || *size >= there;
        *size = there;
        if (data == nullptr) {
            there = 3;
        } else if (fits) {
            std::memset(data, 7, there);
        }
        return static_cast<ctm_status>(fits ? CTM_OK : CTM_ERROR_BUFFER_TOO_SMALL);
    });
    CHECK(status == CTM_OK && bytes == std::vector<std::uint8_t>(3, 7));
    bytes.clear();
    const ctm_status failed = ctm::detail::read_bytes(bytes, [](void *data, std::size_t *size) {
        *size = 2;
        return static_cast<ctm_status>(data == nullptr ? CTM_OK : CTM_ERROR_OUT_OF_MEMORY);
    });
    CHECK(failed == CTM_ERROR_OUT_OF_MEMORY && bytes.empty());
}

void owners(const char *device)
{
    static_assert(!std::is_copy_constructible<ctm::context>::value && !std::is_copy_assignable<ctm::context>::value,
                  "a context has one owner");
    static_assert(std::is_nothrow_move_constructible<ctm::context>::value &&
                      std::is_nothrow_move_assignable<ctm::context>::value,
                  "a context can be moved");
    ctm::context first = context_for(device);
    ctm_context *handle = first.get();
    ctm::context second(std::move(first));
    CHECK(!first && second.get() == handle);
    CHECK(!first.try_run(std::vector<float>(3), 1, 1, 3, 1, 1, ctm::span<float>()));
    first = std::move(second);
    CHECK(first.get() == handle && !second);
    ctm::context &same = first;
    first = std::move(same);
    CHECK(first.get() == handle);
    ctm::context third(first.release());
    CHECK(!first && third.get() == handle);
    third = context_for("cpu"); // The first one is destroyed.
    CHECK(third.backend() == CTM_BACKEND_CPU);

    ctm::options options(99);
    const auto refused = ctm::context::try_create(options);
    CHECK(!refused && refused.status() == CTM_ERROR_INVALID_ARGUMENT && contains(refused.message(), "backend is 99"));
    CHECK(std::strcmp(ctm::version(), CTM_VERSION) == 0);
    CHECK(*ctm::status_string(CTM_ERROR_TIMEOUT) != '\0');
    for (const std::string &name : ctm::device_names()) {
        CHECK(!name.empty());
    }
}

// What a call tells on its way.
struct telling {
    ctm::context *context;
    int calls;
};

void cancelling(ctm::context &context)
{
    const std::vector<float> map(1 << 20);
    const ctm::image image(map, 1 << 10, 1 << 10, 1);
    telling told = {&context, 0};
    ctm::params params;
    params.progress = [](void *user, double) -> std::int32_t {
        telling &teller = *static_cast<telling *>(user);
        teller.calls++;
        teller.context->cancel();
        return 0;
    };
    params.progress_user = &told;
    const auto found = context.try_analyze(image, params);
    CHECK(found.status() == CTM_ERROR_CANCELLED && told.calls > 0);
    CHECK(context.try_analyze(image));
    ctm::context().cancel();
}

// Whether an image, or labels, can be made of a `C` as it is handed over here.
template <class C>
using makes_image = std::is_constructible<ctm::image, C, std::uint32_t, std::uint32_t, std::uint32_t>;
template <class C, class = void>
struct takes_labels : std::false_type {};
template <class C>
struct takes_labels<C, decltype(void(std::declval<ctm::outputs &>().set_labels(std::declval<C>())))> : std::true_type {};

using floats = std::vector<float>;
using row = std::uint16_t[3];
static_assert(makes_image<floats &>::value && makes_image<const floats &>::value, "a container");
static_assert(!makes_image<floats>::value && !makes_image<const floats>::value, "it ends with the expression");
static_assert(!makes_image<std::array<float, 3>>::value && makes_image<std::array<float, 3> &>::value, "values inside");
static_assert(makes_image<ctm::span<const float>>::value && makes_image<ctm::span<float>>::value, "a span only shows them");
static_assert(makes_image<row &>::value && makes_image<const row &>::value && !makes_image<row>::value, "an array in C");
static_assert(makes_image<std::string &>::value && !makes_image<std::string>::value, "bytes as files are read");
static_assert(!makes_image<std::vector<double> &>::value && !makes_image<double (&)[3]>::value, "no format");
static_assert(!makes_image<ctm_device_memory>::value && makes_image<ctm_device_memory &>::value, "memory on a device");
static_assert(takes_labels<std::vector<int> &>::value && !takes_labels<std::vector<int>>::value, "labels as int");
static_assert(takes_labels<ctm::span<std::uint16_t>>::value && takes_labels<row &>::value, "labels in an array in C");
static_assert(!takes_labels<std::array<std::uint8_t, 3>>::value && !takes_labels<float (&)[3]>::value, "no place for labels");

// Arrays in C, bytes of other types, and labels as int, by one call.
void kinds(ctm::context &context)
{
    const std::uint8_t pixels[2][3][1] = {{{9}, {9}, {9}}, {{7}, {7}, {200}}};
    const std::vector<char> chars(std::begin(grey), std::end(grey));
    const std::vector<int> expected = {1, 1, 1, 2, 2, 3};
    std::vector<int> labels(6);
    CHECK(context.try_analyze(ctm::image(pixels, 3, 2, 1), ctm::params(), ctm::outputs().set_labels(labels)) && labels == expected);
    labels.assign(6, 0);
    CHECK(context.try_analyze(ctm::image(chars, 3, 2, 1), ctm::params(), ctm::outputs().set_labels(labels)) && labels == expected);
    std::uint16_t rows[2][3] = {};
    const ctm::image image(grey, 3, 2, 1);
    CHECK(image.format == CTM_FORMAT_U8 && image.pixels_size == 6 && image.pixels == grey);
    CHECK(context.try_analyze(image, ctm::params(), ctm::outputs().set_labels(rows)));
    CHECK(std::equal(expected.begin(), expected.end(), &rows[0][0]));
    const float map[2][2][3] = {{{1, 0, 0}, {1, 0, 0}}, {{1, 0, 0}, {0, 1, 0}}};
    CHECK(ctm::image(map, 2, 2, 3).pixels_size == sizeof map && ctm::image(map, 2, 2, 3).format == CTM_FORMAT_F32);
    const auto found = context.try_analyze(ctm::image(map, 2, 2, 3));
    CHECK(found && found->mask_count == 2);
    const auto short_one = context.try_analyze(ctm::image(map, 3, 2, 3));
    CHECK(contains(short_one.message(), "image.pixels_size is 48; the image's shape and strides reach over 72 bytes"));
    const std::vector<int> ids = {70000, 70000, 70000, -1, -1, 70001};
    labels.assign(6, 0);
    CHECK(context.try_analyze(ctm::image(ids, 3, 2, 1), ctm::params(), ctm::outputs().set_labels(labels)) && labels == expected);
    const int id_rows[2][3] = {{70000, 70000, 70000}, {-1, -1, 70001}};
    CHECK(ctm::image(id_rows, 3, 2, 1).format == CTM_FORMAT_I32);
#if CTM_CPLUSPLUS >= 201703L
    std::vector<std::byte> bytes;
    for (const std::uint8_t value : grey) {
        bytes.push_back(std::byte{value});
    }
    labels.assign(6, 0);
    CHECK(context.try_analyze(ctm::image(bytes, 3, 2, 1), ctm::params(), ctm::outputs().set_labels(labels)) && labels == expected);
#endif
}

// Memory for outputs is moved, not copied, and knows its length.
void buffers(ctm::context &context)
{
    auto made = ctm::buffer<std::uint8_t>::try_create(18);
    CHECK(made && made->size() == 18 && !made->empty());
    ctm::buffer<std::uint8_t> masks = *std::move(made), labels;
    CHECK(labels.data() == nullptr && labels.empty() && made->empty());
    CHECK(std::count(masks.begin(), masks.end(), 0) == 18);
    const std::vector<std::uint8_t> bytes(std::begin(grey), std::end(grey));
    const auto found =
        context.try_analyze(ctm::image(bytes, 3, 2, 1), ctm::params(), ctm::outputs().set_masks(masks, CTM_MASK_U8_ONE));
    CHECK(found && found->mask_count == 3 && std::count(masks.begin(), masks.end(), 1) == 6);
    labels = std::move(masks);
    CHECK(labels.size() == 18 && masks.empty() && labels[0] + labels[6] + labels[12] == 1);
    const auto none = ctm::buffer<float>::try_create(0);
    CHECK(none.status() == CTM_ERROR_INVALID_ARGUMENT && contains(none.message(), "size is 0"));
    const auto huge = ctm::buffer<float>::try_create(std::numeric_limits<std::size_t>::max() / 2);
    CHECK(huge.status() == CTM_ERROR_OUT_OF_MEMORY && huge->empty());
}

// Masks as run lengths: of grey, 9 9 9 3 and two more values.
void run_lengths(ctm::context &context)
{
    const std::vector<std::uint8_t> bytes = {9, 9, 3, 3, 9, 7};
    const ctm::image image(bytes, 3, 2, 1);
    const auto rows = context.try_runs(image);
    CHECK(rows && rows->size() == 3 && rows->offsets == std::vector<std::uint64_t>({0, 5, 8, 10}));
    CHECK(rows->counts == std::vector<std::uint32_t>({0, 2, 2, 1, 1, 2, 2, 2, 5, 1}));
    const ctm::span<const std::uint32_t> second = (*rows)[1];
    CHECK(second.size() == 3 && second[0] == 2 && second[1] == 2 && second[2] == 2);
    const auto columns = context.try_runs(image, ctm::params(), CTM_RUNS_BY_COLUMNS);
    CHECK(columns && columns->counts == std::vector<std::uint32_t>({0, 1, 1, 2, 2, 1, 1, 2, 1, 1, 5, 1}));
    ctm::params none;
    none.min_pixels = 7;
    const auto nothing = context.try_runs(image, none);
    CHECK(nothing && nothing->size() == 0 && nothing->counts.empty());
    CHECK(context.try_runs(image, none, 5).status() == CTM_ERROR_INVALID_ARGUMENT && ctm::mask_runs().size() == 0);
}

// The halves of an image of 4 x 4 pixels, whose labels are its values: what one call finds.
void mosaic_of_parts(ctm::context &context, const std::vector<std::uint8_t> &labels, const ctm::mask_outlines &expected)
{
    auto whole = ctm::mosaic::try_create(context, 4, 4), lower = ctm::mosaic::try_create(context, 4, 4);
    const std::vector<std::uint8_t> top(labels.begin(), labels.begin() + 8);
    const std::vector<std::uint32_t> bottom(labels.begin() + 8, labels.end());
    CHECK(whole && lower && whole->try_add(context, 0, 0, 4, 2, top) && lower->try_add(context, 0, 2, 4, 2, bottom));
    CHECK(whole->try_add(context, 0, 2, 4, 1, bottom).message() == "labels has 8 values; 4 x 1 are expected");
    CHECK(whole->try_add(context, 0, 1, 4, 2, bottom).status() == CTM_ERROR_INVALID_ARGUMENT);
    const auto bytes = lower->try_to_bytes(context);
    CHECK(bytes && bytes->size() == 40 + 16 + 2 * 4 + 3 * 8);
    const auto copy = ctm::mosaic::try_from_bytes(context, *bytes);
    CHECK(copy && !whole->try_runs(context, 2) && whole->try_merge(context, *copy));
    const auto found = whole->try_outlines(context, 2, 0, 0.75f);
    CHECK(found && found->mask_offsets == expected.mask_offsets && found->points.size() == expected.points.size());
    for (std::size_t i = 0; i < found->points.size(); i++) {
        CHECK(found->points[i].x == expected.points[i].x && found->points[i].y == expected.points[i].y);
    }
    const auto runs = whole->try_runs(context, 2, CTM_RUNS_BY_COLUMNS);
    CHECK(runs && runs->counts == std::vector<std::uint32_t>({0, 4, 1, 3, 2, 2, 3, 1, 4, 1, 3, 2, 2, 3, 1}));
    CHECK(whole->try_write(context, 2)->mask_count == 2 && whole->try_write(context, 1).status() != CTM_OK);
    CHECK(!ctm::mosaic() && ctm::mosaic::try_from_bytes(context, top).status() == CTM_ERROR_DATA);
}

// Masks as polygons: a ring of 9 around a 3.
void polygons(ctm::context &context)
{
    const std::vector<std::uint8_t> bytes = {9, 9, 9, 9, 3, 9, 9, 9, 9};
    const ctm::image image(bytes, 3, 3, 1);
    const auto found = context.try_outlines(image);
    CHECK(found && found->size() == 3 && found->mask_offsets == std::vector<std::uint64_t>({0, 2, 3}));
    CHECK(!found->is_hole(0) && found->is_hole(1) && !found->is_hole(2) && found->ring_exteriors[1] == 0);
    std::vector<std::uint32_t> corners;
    for (std::size_t ring = 0; ring < found->size(); ring++) {
        for (const ctm::outline_point &point : (*found)[ring]) {
            corners.push_back(10 * point.x + point.y);
        }
    }
    // Clockwise around all, counter-clockwise around the hole, and clockwise around what is in it.
    CHECK(corners == std::vector<std::uint32_t>({0, 30, 33, 3, 11, 12, 22, 21, 11, 21, 22, 12}));
    ctm::params none;
    none.min_pixels = 10;
    const auto nothing = context.try_outlines(image, none);
    CHECK(nothing && nothing->size() == 0 && nothing->points.empty());
    CHECK(context.try_outlines(image, none, 5).status() == CTM_ERROR_INVALID_ARGUMENT);
    CHECK(context.try_outlines(image, none, 4, -1).status() == CTM_ERROR_INVALID_ARGUMENT);
    // A slope of stairs becomes a slope; on the border all corners stay.
    const std::vector<std::uint8_t> stairs = {1, 2, 2, 2, 1, 1, 2, 2, 1, 1, 1, 2, 1, 1, 1, 1};
    const ctm::image steps(stairs, 4, 4, 1);
    const auto exact = context.try_outlines(steps), simple = context.try_outlines(steps, ctm::params(), 0, 0.75f);
    CHECK(exact && exact->points.size() == 18 && simple && simple->size() == 2 && simple->points.size() == 8);
    mosaic_of_parts(context, stairs, *simple);
}

#ifndef CTM_NO_EXCEPTIONS
void exceptions(const char *device)
{
    ctm::context context = ctm::context::create(options_for(device));
    const std::vector<std::uint8_t> bytes(std::begin(grey), std::end(grey));
    const ctm::image image(bytes, 3, 2, 1);
    const std::vector<ctm::palette_entry> palette = context.palette(image);
    CHECK(palette.size() == 3 && palette[0].color[0] == 9.0f && palette[0].pixel_count == 3);
    CHECK(context.analyze(image).mask_count == 3);
    CHECK(context.runs(image).size() == 3 && context.outlines(image).mask_offsets.size() == 4);
    ctm::mosaic mosaic = ctm::mosaic::create(context, 3, 2);
    mosaic.add(context, 0, 0, 3, 2, std::vector<std::uint16_t>{1, 1, 0, 1, 2, 2});
    ctm::mosaic other = ctm::mosaic::create(context, 3, 2);
    other.merge(context, ctm::mosaic::from_bytes(context, mosaic.to_bytes(context)));
    CHECK(other.runs(context, 2).size() == 2 && other.outlines(context, 2).size() == 2);
    CHECK(other.write(context, 2).palette_len == 2);
    CHECK(context.counters().pixels_read >= 6);
    CHECK(ctm::buffer<float>::create(7).size() == 7);
    CHECK(context.pipeline_cache().empty() == (context.backend() == CTM_BACKEND_CPU));
    const float map[] = {1, 2, 2};
    float mask[3];
    CHECK(context.masks(map, 3, 1, 1, 1, 5).count == 2);
    CHECK(context.run(map, 3, 1, 1, 2, 5, mask) == 1 && mask[0] == 0.0f && mask[1] == 1.0f);
    bool thrown = false;
    try {
        context.run(map, 3, 1, 1, 1, 5, mask);
    } catch (const ctm::error &error) {
        thrown = error.status() == CTM_ERROR_BUFFER_TOO_SMALL && error.what() == context.last_error();
    }
    CHECK(thrown);
}
#endif

} // namespace

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    ctm::context context = context_for(argv[1]);
    golden(context, argv[2]);
    small(context);
    shapes(context);
    cancelling(context);
    caches(argv[1], context);
    owners(argv[1]);
    buffers(context);
    kinds(context);
    run_lengths(context);
    polygons(context);
#ifndef CTM_NO_EXCEPTIONS
    exceptions(argv[1]);
#endif
    return 0;
}
