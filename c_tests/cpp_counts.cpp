// ctm::counts and ctm::regions do what ctm_counts and ctm_regions do: cpp_counts DEVICE GOLDEN_CASE.

#include "cpp_test.hpp"

#include <algorithm>

namespace {

const std::uint32_t BAND = 17; // Rows; the last band has fewer.

ctm::params selection()
{
    ctm::params params;
    params.min_pixels = MIN_PIXELS;
    params.max_count = MAX_COUNT;
    return params;
}

// Rows of the map, as a program has them that has no more than these.
std::vector<float> rows_of(const std::vector<float> &map, std::uint32_t top, std::uint32_t rows)
{
    const auto first = map.begin() + std::ptrdiff_t(top) * WIDTH * 3;
    return std::vector<float>(first, first + std::ptrdiff_t(rows) * WIDTH * 3);
}

ctm::counts counts_of(ctm::context &context, const std::vector<float> &map, std::uint32_t top, std::uint32_t bottom)
{
    auto counts = ctm::counts::try_create(context);
    CHECK(counts && *counts);
    for (std::uint32_t y = top; y < bottom; y += BAND) {
        const std::uint32_t rows = std::min(BAND, bottom - y);
        const std::vector<float> band = rows_of(map, y, rows);
        CHECK(counts->try_add(context, ctm::image(band, WIDTH, rows, 3)));
    }
    return *std::move(counts);
}

// Each band gets the masks and labels that it has in the whole, as the golden case has them.
void bands(ctm::context &context, const std::vector<float> &map, const std::vector<char> &expected)
{
    const ctm::counts counts = counts_of(context, map, 0, HEIGHT);
    ctm::params params = selection();
    params.set_counts(counts);
    std::vector<std::uint64_t> pixels(COUNT);
    for (std::uint32_t y = 0; y < HEIGHT; y += BAND) {
        const std::uint32_t rows = std::min(BAND, HEIGHT - y);
        const std::vector<float> band = rows_of(map, y, rows);
        const std::size_t own = std::size_t(rows) * WIDTH, before = std::size_t(y) * WIDTH;
        std::vector<std::uint8_t> masks(own * COUNT), labels(own);
        std::vector<ctm::palette_entry> entries(COUNT);
        ctm::outputs outputs;
        outputs.set_masks(masks, CTM_MASK_U8_ONE).set_labels(labels).set_palette(entries);
        const auto found = context.try_analyze(ctm::image(band, WIDTH, rows, 3), params, outputs);
        CHECK(found && found->mask_count == COUNT);
        for (std::size_t mask = 0; mask < COUNT; mask++) {
            CHECK(std::memcmp(&masks[mask * own], &expected[mask * PIXELS + before], own) == 0);
            for (std::size_t pixel = 0; pixel < own; pixel++) {
                CHECK((labels[pixel] == mask + 1) == (masks[mask * own + pixel] == 1));
            }
            pixels[mask] += entries[mask].pixel_count;
        }
    }

    // Counts alone tell the palette of the whole.
    const auto selected = counts.try_select(context, selection());
    CHECK(selected && selected->mask_count == COUNT && selected->palette_len == COUNT);
    const auto palette = counts.try_palette(context, selection());
    const auto whole = context.try_palette(ctm::image(map, WIDTH, HEIGHT, 3), selection());
    CHECK(palette && whole && palette->size() == COUNT && whole->size() == COUNT);
    for (std::size_t mask = 0; mask < COUNT; mask++) {
        CHECK((*palette)[mask].pixel_count == pixels[mask] && (*whole)[mask].pixel_count == pixels[mask]);
        CHECK(std::memcmp((*palette)[mask].color, (*whole)[mask].color, sizeof (*whole)[mask].color) == 0);
    }
    std::vector<ctm::palette_entry> few(COUNT - 1);
    const auto refused = counts.try_select(context, selection(), ctm::outputs().set_palette(few));
    CHECK(refused.status() == CTM_ERROR_BUFFER_TOO_SMALL && refused->mask_count == COUNT);
}

// Counts go from process to process as bytes, and parts come together in any order.
void bytes(ctm::context &context, const std::vector<float> &map)
{
    const auto whole = counts_of(context, map, 0, HEIGHT).try_to_bytes(context);
    CHECK(whole && whole->size() > 56 && (whole->size() - 56) % 20 == 0);
    CHECK(std::memcmp(whole->data(), "ctmCOUNT", 8) == 0);
    const auto upper = counts_of(context, map, 0, 50).try_to_bytes(context);
    const ctm::counts lower = counts_of(context, map, 50, HEIGHT);
    CHECK(upper && *upper != *whole);
    auto merged = ctm::counts::try_from_bytes(context, *upper);
    CHECK(merged && *merged->try_to_bytes(context) == *upper);
    CHECK(merged->try_merge(context, lower));
    CHECK(*merged->try_to_bytes(context) == *whole);

    std::vector<std::uint8_t> damaged = *whole;
    damaged[100] ^= 1;
    const auto refused = ctm::counts::try_from_bytes(context, damaged);
    CHECK(!refused && refused.status() == CTM_ERROR_DATA && !*refused);
    CHECK(!refused.message().empty() && refused.message() == context.last_error());
    const auto none = ctm::counts::try_from_bytes(context, ctm::span<const std::uint8_t>());
    CHECK(none.status() == CTM_ERROR_DATA);
}

void refusals(ctm::context &context, const std::vector<float> &map)
{
    ctm::counts counts = counts_of(context, map, 0, HEIGHT);
    const auto before = counts.try_to_bytes(context);
    // An image that ends too early is refused before anything is read, as by `analyze`.
    const auto short_one = counts.try_add(context, ctm::image(map, WIDTH, HEIGHT + 1, 3));
    CHECK(short_one.status() == CTM_ERROR_INVALID_ARGUMENT);
    CHECK(short_one.message() ==
          "image.pixels_size is 230400; the image's shape and strides reach over 232320 bytes");
    // So are other formats and other settings, by the library.
    const std::vector<std::uint8_t> grey(6);
    const auto other_format = counts.try_add(context, ctm::image(grey, 1, 2, 3));
    CHECK(!other_format && contains(other_format.message(), "image.format is u8"));
    ctm::params rounded;
    rounded.matching = CTM_MATCH_8_BIT;
    const auto other_matching = counts.try_add(context, ctm::image(map, WIDTH, HEIGHT, 3), rounded);
    CHECK(!other_matching && contains(other_matching.message(), "params.matching is"));
    const auto itself = counts.try_merge(context, counts);
    CHECK(!itself && contains(itself.message(), "other is the same object as counts"));
    CHECK(*counts.try_to_bytes(context) == *before);

    ctm::context nothing;
    CHECK(contains(ctm::counts::try_create(nothing).message(), "context is NULL"));
    CHECK(contains(counts.try_select(nothing).message(), "context is NULL"));
    ctm::counts empty;
    CHECK(!empty && contains(empty.try_to_bytes(context).message(), "counts is NULL"));
    CHECK(contains(empty.try_add(context, ctm::image(map, WIDTH, HEIGHT, 3)).message(), "counts is NULL"));
    CHECK(contains(counts.try_merge(context, empty).message(), "other is NULL"));
}

void owners(const char *device, const std::vector<float> &map)
{
    static_assert(!std::is_copy_constructible<ctm::counts>::value && !std::is_copy_assignable<ctm::counts>::value,
                  "counts have one owner");
    static_assert(std::is_nothrow_move_constructible<ctm::counts>::value &&
                      std::is_nothrow_move_assignable<ctm::counts>::value,
                  "counts can be moved");
    ctm::counts first;
    std::vector<std::uint8_t> before;
    {
        ctm::context gone = context_for(device);
        first = counts_of(gone, map, 0, HEIGHT);
        before = *first.try_to_bytes(gone);
    }
    ctm_counts *handle = first.get();
    ctm::counts second(std::move(first));
    CHECK(!first && second.get() == handle);
    first = std::move(second);
    CHECK(first.get() == handle && !second);
    ctm::counts &same = first;
    first = std::move(same);
    CHECK(first.get() == handle);
    ctm::counts third(first.release());
    CHECK(!first && third.get() == handle);
    // They have outlived their context, and serve another.
    ctm::context other = context_for("cpu");
    CHECK(*third.try_to_bytes(other) == before);
    third = counts_of(other, map, 0, 1); // The first ones are destroyed.
    CHECK(*third.try_to_bytes(other) != before);
}

// Bands get the regions that they are part of in the whole.
void regions(ctm::context &context, const std::vector<float> &map)
{
    ctm::params params = selection();
    params.connected = CTM_CONNECTED_8;
    params.min_pixels = 20;
    params.max_count = 200;
    std::vector<std::uint16_t> whole(PIXELS);
    const auto one_call =
        context.try_analyze(ctm::image(map, WIDTH, HEIGHT, 3), params, ctm::outputs().set_labels(whole));
    CHECK(one_call && one_call->mask_count > 10);
    auto upper = ctm::regions::try_create(context, WIDTH, HEIGHT);
    auto lower = ctm::regions::try_create(context, WIDTH, HEIGHT);
    CHECK(upper && *upper && lower && *lower);
    for (std::uint32_t y = 0; y < HEIGHT; y += BAND) {
        const std::uint32_t rows = std::min(BAND, HEIGHT - y);
        const std::vector<float> band = rows_of(map, y, rows);
        CHECK((y < 50 ? upper : lower)->try_add(context, ctm::image(band, WIDTH, rows, 3), 0, y, params));
    }
    const auto missing = upper->try_select(context, params);
    CHECK(missing.status() == CTM_ERROR_INVALID_ARGUMENT && contains(missing.message(), "160 x 120 = 19200"));
    auto bytes = lower->try_to_bytes(context);
    CHECK(bytes);
    const auto sent = ctm::regions::try_from_bytes(context, *bytes);
    CHECK(sent && upper->try_merge(context, *sent));
    const auto short_one = upper->try_add(context, ctm::image(map, WIDTH, HEIGHT + 1, 3), 0, 0, params);
    CHECK(short_one.status() == CTM_ERROR_INVALID_ARGUMENT && contains(short_one.message(), "pixels_size is 230400"));
    const ctm::regions all(upper->release());
    CHECK(!*upper && all);
    for (std::uint32_t y = 0; y < HEIGHT; y += BAND) {
        const std::uint32_t rows = std::min(BAND, HEIGHT - y);
        const std::vector<float> band = rows_of(map, y, rows);
        std::vector<std::uint16_t> labels(std::size_t(rows) * WIDTH);
        params.set_part(all, 0, y);
        CHECK(context.try_analyze(ctm::image(band, WIDTH, rows, 3), params, ctm::outputs().set_labels(labels)));
        CHECK(std::equal(labels.begin(), labels.end(), whole.begin() + std::ptrdiff_t(y) * WIDTH));
    }
    const auto entries = all.try_palette(context, params);
    CHECK(entries && entries->size() == one_call->mask_count && (*entries)[0].width > 0);
    (*bytes)[bytes->size() - 1] ^= 1;
    CHECK(ctm::regions::try_from_bytes(context, *bytes).status() == CTM_ERROR_DATA);
#ifndef CTM_NO_EXCEPTIONS
    ctm::regions one = ctm::regions::create(context, WIDTH, HEIGHT);
    one.add(context, ctm::image(map, WIDTH, HEIGHT, 3), 0, 0, params);
    ctm::regions copy = ctm::regions::from_bytes(context, one.to_bytes(context));
    CHECK(copy.select(context, params).mask_count == copy.palette(context, params).size());
    int thrown = 0;
    try {
        copy.merge(context, one);
    } catch (const ctm::error &error) {
        thrown += contains(error.what(), "overlaps");
    }
    CHECK(thrown == 1);
#endif
}

#ifndef CTM_NO_EXCEPTIONS
void exceptions(ctm::context &context, const std::vector<float> &map)
{
    const ctm::image image(map, WIDTH, HEIGHT, 3);
    ctm::counts counts = ctm::counts::create(context);
    counts.add(context, image);
    ctm::counts copy = ctm::counts::from_bytes(context, counts.to_bytes(context));
    copy.merge(context, counts);
    const std::vector<ctm::palette_entry> once = counts.palette(context, selection());
    const std::vector<ctm::palette_entry> twice = copy.palette(context, selection());
    CHECK(once.size() == COUNT && twice.size() > COUNT); // Twice as many pixels, and the same least number.
    CHECK(twice[0].pixel_count == 2 * once[0].pixel_count);
    CHECK(counts.select(context, selection()).mask_count == COUNT);
    int thrown = 0;
    try {
        counts.merge(context, counts);
    } catch (const ctm::error &error) {
        thrown += error.status() == CTM_ERROR_INVALID_ARGUMENT && error.what() == context.last_error();
    }
    try {
        counts.add(context, ctm::image(map, WIDTH, HEIGHT, 4));
    } catch (const ctm::error &error) {
        thrown += contains(error.what(), "pixels_size is 230400");
    }
    try {
        ctm::counts::from_bytes(context, std::vector<std::uint8_t>(56));
    } catch (const ctm::error &error) {
        thrown += error.status() == CTM_ERROR_DATA;
    }
    CHECK(thrown == 3);
}
#endif

} // namespace

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    ctm::context context = context_for(argv[1]);
    const std::vector<float> map = read_map(argv[2]);
    bands(context, map, read_masks(argv[2]));
    bytes(context, map);
    refusals(context, map);
    owners(argv[1], map);
    regions(context, map);
#ifndef CTM_NO_EXCEPTIONS
    exceptions(context, map);
#endif
    return 0;
}
