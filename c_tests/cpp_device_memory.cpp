// ctm.hpp lends memory of a Vulkan device, which this program makes: cpp_device_memory DEVICE GOLDEN_CASE.

#include "cpp_test.hpp"
#include "vulkan_host.h"

#include <algorithm>
#include <type_traits>

namespace {

enum { FILL = 0xa5, BEFORE = 68 }; // Bytes before what is lent, and what they hold.

// Memory of a buffer, from BEFORE on.
ctm::device_memory lend(const exported &buffer)
{
    return ctm::device_memory(buffer.lent.fd, buffer.lent.allocation_size, buffer.lent.memory_type_index, BEFORE);
}

// Checks that a buffer holds these bytes from BEFORE on, and its old ones around them.
template <class T>
void check_room(const vulkan_host &host, const exported &buffer, const std::vector<T> &expected)
{
    std::vector<std::uint8_t> found(static_cast<std::size_t>(buffer.size));
    download(&host, &buffer, 0, found.data(), found.size());
    const std::size_t size = expected.size() * sizeof(T);
    const auto is_old = [](std::uint8_t byte) { return byte == FILL; };
    CHECK(std::all_of(found.begin(), found.begin() + BEFORE, is_old));
    CHECK(std::memcmp(found.data() + BEFORE, expected.data(), size) == 0);
    CHECK(std::all_of(found.begin() + BEFORE + std::ptrdiff_t(size), found.end(), is_old));
}

// The golden case, with its pixels, masks and labels where the device has them.
void golden(ctm::context &context, const vulkan_host &host, const std::string &folder)
{
    const std::vector<float> map = read_map(folder);
    const std::vector<char> expected = read_masks(folder);
    const std::vector<float> masks(expected.begin(), expected.end());
    std::vector<std::uint8_t> labels(PIXELS);
    for (std::size_t i = 0; i < masks.size(); i++) {
        if (expected[i] == 1) {
            labels[i % PIXELS] = static_cast<std::uint8_t>(i / PIXELS + 1);
        }
    }
    const std::size_t map_size = map.size() * sizeof(float), masks_size = masks.size() * sizeof(float);
    exported pixels_buffer = make_exported(&host, BEFORE + map_size + 4, FILL);
    exported masks_buffer = make_exported(&host, BEFORE + masks_size + 4, FILL);
    exported labels_buffer = make_exported(&host, BEFORE + labels.size() + 4, FILL);
    upload(&host, &pixels_buffer, BEFORE, map.data(), map_size);

    const ctm::device_memory pixels_memory = lend(pixels_buffer);
    const ctm::device_memory masks_memory = lend(masks_buffer);
    const ctm::device_memory labels_memory = lend(labels_buffer);
    const ctm::image image(pixels_memory, WIDTH, HEIGHT, 3);
    ctm::params params;
    params.min_pixels = MIN_PIXELS;
    params.max_count = MAX_COUNT;
    std::vector<ctm::palette_entry> palette(COUNT);
    ctm::outputs outputs;
    outputs.set_masks(masks_memory, masks_size - 1).set_labels(labels_memory, labels.size(), CTM_LABEL_U8);
    auto found = context.try_analyze(image, params, outputs);
    CHECK(found.status() == CTM_ERROR_BUFFER_TOO_SMALL && found->masks_size == masks_size);
    outputs.set_masks(masks_memory, masks_size).set_palette(palette);
    found = context.try_analyze(image, params, outputs);
    CHECK(found && found->mask_count == COUNT && palette[0].pixel_count == 6435);
    check_room(host, pixels_buffer, map);
    check_room(host, masks_buffer, masks);
    check_room(host, labels_buffer, labels);

    // Where an output goes is what was said last.
    std::vector<float> host_masks(masks.size());
    std::vector<std::uint8_t> host_labels(labels.size());
    outputs.set_masks(host_masks).set_labels(host_labels);
    CHECK(context.try_analyze(image, params, outputs));
    CHECK(host_masks == masks && host_labels == labels);
    CHECK(context.try_palette(image, params)->size() == COUNT);
    destroy_exported(&host, &labels_buffer);
    destroy_exported(&host, &masks_buffer);
    destroy_exported(&host, &pixels_buffer);
}

// Where there is no such memory, the status says so.
void unsupported(ctm::context &context)
{
    const ctm::device_memory memory(0, 1 << 20, 0);
    auto found = context.try_analyze(ctm::image(memory, 4, 3, 3));
    CHECK(found.status() == CTM_ERROR_UNSUPPORTED && contains(found.message(), "image.device_memory"));
    const std::vector<float> map(4 * 3 * 3);
    const ctm::image image(map, 4, 3, 3);
    found = context.try_analyze(image, ctm::params(), ctm::outputs().set_masks(memory, 1000));
    CHECK(found.status() == CTM_ERROR_UNSUPPORTED && contains(found.message(), "outputs.masks_memory"));
    found = context.try_analyze(image, ctm::params(), ctm::outputs().set_labels(memory, 1000, CTM_LABEL_U8));
    CHECK(found.status() == CTM_ERROR_UNSUPPORTED && contains(found.message(), "outputs.labels_memory"));
}

// The structs are those of ctm.h, filled in.
void structs()
{
    const ctm_device_memory initial = CTM_DEVICE_MEMORY_INIT;
    const ctm::device_memory none;
    CHECK(none.struct_size == initial.struct_size && none.fd == -1 && none.handle_type == CTM_HANDLE_OPAQUE_FD);
    const ctm::device_memory memory(7, 4096, 3, 64);
    CHECK(memory.struct_size == initial.struct_size && memory.handle_type == CTM_HANDLE_OPAQUE_FD);
    CHECK(memory.fd == 7 && memory.allocation_size == 4096 && memory.memory_type_index == 3 && memory.offset == 64);
    CHECK(ctm::device_memory(7, 4096, 3).offset == 0);
    const ctm::image image(memory, 5, 6, 2);
    CHECK(image.device_memory == &memory && image.pixels == nullptr && image.format == CTM_FORMAT_F32);
    CHECK(image.width == 5 && image.height == 6 && image.channels == 2);
    using size = std::uint32_t;
    static_assert(std::is_constructible<ctm::image, ctm::device_memory &, size, size, size>::value &&
                      !std::is_constructible<ctm::image, ctm::device_memory, size, size, size>::value,
                  "an image may not point to a struct that ends with the expression");
}

void uuids(const ctm::context &context)
{
    const auto found = context.try_device_uuid();
    if (context.backend() == CTM_BACKEND_CPU) {
        CHECK(found.status() == CTM_ERROR_UNSUPPORTED && !found.message().empty());
        return;
    }
    ctm::device_uuids expected;
    CHECK(ctm_context_device_uuid(context.get(), expected.device.data(), expected.driver.data()) == CTM_OK);
    CHECK(found && found->device == expected.device && found->driver == expected.driver);
    CHECK(found->device != found->driver && found->device != ctm::device_uuids().device);
#ifndef CTM_NO_EXCEPTIONS
    CHECK(context.device_uuid().device == expected.device);
#endif
}

} // namespace

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    ctm::context context = context_for(argv[1]);
    structs();
    uuids(context);
    if (context.backend() == CTM_BACKEND_CPU) {
        unsupported(context);
        return 0;
    }
    vulkan_host host = make_host(context.get());
    if (host.exports) {
        golden(context, host, argv[2]);
    } else {
        std::printf("the driver has no memory file descriptors\n");
        unsupported(context);
    }
    destroy_host(&host);
    return 0;
}
