/*
 * ctm.hpp: ctm for C++11 and later, in one header over ctm.h.
 *
 *     ctm::context context = ctm::context::create();
 *     ctm::mask_planes masks = context.masks(color_map, width, height, 3, 500, 5);
 *     for (std::uint32_t i = 0; i < masks.count; i++) use(masks[i]);
 *
 * - Every function that can fail has two forms. `name` returns its value and throws `ctm::error`; `try_name`
 *   returns a `ctm::outcome`, which holds the value or the status and the library's sentence. Where exceptions
 *   are switched off (-fno-exceptions), or `CTM_NO_EXCEPTIONS` is defined, there are only the second ones, and the
 *   header neither throws nor catches.
 * - The structs are those of ctm.h, which says what each field means; here they start at their defaults.
 * - A `ctm::span` is a pointer and a length: `std::span` where the standard has it. Vectors, arrays and whatever else
 *   has `data()` and `size()` become one by themselves. Lengths are checked before the library is called.
 * - What ctm.h says of threads, ownership and errors holds here, too. Memory for returned vectors comes from
 *   `operator new`: where that fails, `std::bad_alloc` is thrown, or the program ends where nothing can be thrown.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef CTM_HPP
#define CTM_HPP

#include "ctm.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#if !defined(CTM_NO_EXCEPTIONS) && !defined(__cpp_exceptions) && !defined(__EXCEPTIONS) && !defined(_CPPUNWIND)
#define CTM_NO_EXCEPTIONS
#endif
#ifndef CTM_NO_EXCEPTIONS
#include <stdexcept>
#endif

#if defined(_MSVC_LANG)
#define CTM_CPLUSPLUS _MSVC_LANG
#else
#define CTM_CPLUSPLUS __cplusplus
#endif
#if CTM_CPLUSPLUS >= 202002L
#include <span>
#endif
#if CTM_CPLUSPLUS >= 201703L
#define CTM_NODISCARD [[nodiscard]]
#else
#define CTM_NODISCARD
#endif

namespace ctm {

#if defined(__cpp_lib_span)
template <class T>
using span = std::span<T>;
#else
/**
 * A pointer and a length, for standards without `std::span`; of that it has what this header's users need.
 */
template <class T>
class span {
    template <class U>
    using if_same = typename std::enable_if<std::is_convertible<U (*)[], T (*)[]>::value>::type;

public:
    using element_type = T;
    using value_type = typename std::remove_cv<T>::type;
    using size_type = std::size_t;
    using iterator = T *;

    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N>
    constexpr span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    /** Of a container, which must outlive the span. */
    template <class C, class = if_same<typename std::remove_pointer<decltype(std::declval<C &>().data())>::type>>
    constexpr span(C &container) : data_(container.data()), size_(container.size()) {}
    /** Of a container that is not to be changed, which must outlive the span. */
    template <class C,
              class = if_same<typename std::remove_pointer<decltype(std::declval<const C &>().data())>::type>>
    constexpr span(const C &container) : data_(container.data()), size_(container.size()) {}

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t index) const { return data_[index]; }
    constexpr span subspan(std::size_t offset, std::size_t count) const { return span(data_ + offset, count); }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
#endif

/** A colour of `params`, in the units of the image; values of channels that it does not have are not looked at. */
using color = std::array<float, 4>;

/** A colour of `params` as the image stores it, see `ctm_palette_entry.stored`: exact, also for integers of 32 bits. */
using stored_color = std::array<std::uint32_t, 4>;

/** A mask's colour, and where its pixels lie. */
using palette_entry = ctm_palette_entry;

/** A colour that became another, of which it was a near-duplicate. */
using merged_color = ctm_merged_color;

#ifndef CTM_NO_EXCEPTIONS
/**
 * What the throwing functions throw: `what()` is the library's sentence, which names the argument, its value and
 * what was expected.
 */
class error : public std::runtime_error {
public:
    error(ctm_status status, const std::string &message) : std::runtime_error(message), status_(status) {}

    /** One of the `CTM_ERROR_…` numbers. */
    ctm_status status() const noexcept { return status_; }

private:
    ctm_status status_;
};
#endif

/**
 * What a `try_…` function returns: its value, or why there is none.
 *
 *     if (auto masks = context.try_masks(…)) use(*masks); else std::fputs(masks.message().c_str(), stderr);
 */
template <class T>
class CTM_NODISCARD outcome {
public:
    /** Success. */
    outcome(T value) : value_(std::move(value)) {}
    /** A failure. Some leave something in the value all the same; their functions say so. */
    outcome(ctm_status status, std::string message, T value = T())
        : status_(status), message_(std::move(message)), value_(std::move(value))
    {
    }

    explicit operator bool() const noexcept { return status_ == CTM_OK; }
    /** `CTM_OK`, or one of the `CTM_ERROR_…` numbers. */
    ctm_status status() const noexcept { return status_; }
    /** The library's sentence, which names the argument, its value and what was expected; "" for a success. */
    const std::string &message() const noexcept { return message_; }

    /** The value; after a failure, an empty one, unless the function says otherwise. */
    T &operator*() & noexcept { return value_; }
    const T &operator*() const & noexcept { return value_; }
    T &&operator*() && noexcept { return std::move(value_); }
    T *operator->() noexcept { return &value_; }
    const T *operator->() const noexcept { return &value_; }

#ifndef CTM_NO_EXCEPTIONS
    /** The value; a failure is thrown as `ctm::error`. */
    T value() &&
    {
        if (status_ != CTM_OK) {
            throw error(status_, message_);
        }
        return std::move(value_);
    }
#endif

private:
    ctm_status status_ = CTM_OK;
    std::string message_;
    T value_;
};

/** What a `try_…` function without a value returns: whether it has succeeded, or why not. */
template <>
class CTM_NODISCARD outcome<void> {
public:
    /** Success. */
    outcome() noexcept = default;
    /** A failure. */
    outcome(ctm_status status, std::string message) : status_(status), message_(std::move(message)) {}

    explicit operator bool() const noexcept { return status_ == CTM_OK; }
    /** `CTM_OK`, or one of the `CTM_ERROR_…` numbers. */
    ctm_status status() const noexcept { return status_; }
    /** The library's sentence; "" for a success. */
    const std::string &message() const noexcept { return message_; }

#ifndef CTM_NO_EXCEPTIONS
    /** A failure is thrown as `ctm::error`. */
    void value() &&
    {
        if (status_ != CTM_OK) {
            throw error(status_, message_);
        }
    }
#endif

private:
    ctm_status status_ = CTM_OK;
    std::string message_;
};

namespace detail {

/** The outcome of a call that has left something in `value`, also where it failed. */
template <class T>
outcome<T> finish(const ctm_context *context, ctm_status status, T value)
{
    if (status != CTM_OK) {
        return outcome<T>(status, ctm_last_error(context), std::move(value));
    }
    return outcome<T>(std::move(value));
}
inline outcome<void> finish(const ctm_context *context, ctm_status status)
{
    return status != CTM_OK ? outcome<void>(status, ctm_last_error(context)) : outcome<void>();
}

/** The bytes that `call(data, size)` gives, which is asked for their number first; none where it fails. */
template <class Call>
ctm_status read_bytes(std::vector<std::uint8_t> &bytes, Call call)
{
    std::size_t size = 0;
    ctm_status status = call(nullptr, &size);
    while (status == CTM_OK && bytes.size() != size) {
        bytes.resize(size);
        status = call(bytes.data(), &size);
        if (status == CTM_ERROR_BUFFER_TOO_SMALL) {
            status = CTM_OK; // It has grown: `size` says how far.
        } else if (status == CTM_OK) {
            bytes.resize(size);
        }
    }
    if (status != CTM_OK) {
        bytes.clear();
    }
    return status;
}

inline ctm_options initial_options() noexcept { ctm_options initial = CTM_OPTIONS_INIT; return initial; }
inline ctm_counters initial_counters() noexcept { ctm_counters initial = CTM_COUNTERS_INIT; return initial; }
inline ctm_device_memory initial_device_memory() noexcept
{
    ctm_device_memory initial = CTM_DEVICE_MEMORY_INIT;
    return initial;
}
inline ctm_image initial_image() noexcept { ctm_image initial = CTM_IMAGE_INIT; return initial; }
inline ctm_params initial_params() noexcept { ctm_params initial = CTM_PARAMS_INIT; return initial; }
inline ctm_outlines initial_outlines() noexcept { ctm_outlines initial = CTM_OUTLINES_INIT; return initial; }
inline ctm_runs initial_runs() noexcept { ctm_runs initial = CTM_RUNS_INIT; return initial; }
inline ctm_outputs initial_outputs() noexcept { ctm_outputs initial = CTM_OUTPUTS_INIT; return initial; }
inline ctm_result initial_result() noexcept { ctm_result initial = CTM_RESULT_INIT; return initial; }

/** The `CTM_FORMAT_…` of a type of values. */
template <class T>
struct format_of;
template <>
struct format_of<float> : std::integral_constant<std::uint32_t, CTM_FORMAT_F32> {};
template <>
struct format_of<std::uint16_t> : std::integral_constant<std::uint32_t, CTM_FORMAT_U16> {};
template <>
struct format_of<std::uint8_t> : std::integral_constant<std::uint32_t, CTM_FORMAT_U8> {};
/** Bytes as files are read. */
template <>
struct format_of<char> : std::integral_constant<std::uint32_t, CTM_FORMAT_U8> {};
#if CTM_CPLUSPLUS >= 201703L
template <>
struct format_of<std::byte> : std::integral_constant<std::uint32_t, CTM_FORMAT_U8> {};
#endif
template <>
struct format_of<std::uint32_t> : std::integral_constant<std::uint32_t, CTM_FORMAT_U32> {};
template <>
struct format_of<std::int32_t> : std::integral_constant<std::uint32_t, CTM_FORMAT_I32> {};

/** The `CTM_LABEL_…` of a type of labels. */
template <class T>
struct label_format_of;
template <>
struct label_format_of<std::uint32_t> : std::integral_constant<std::uint32_t, CTM_LABEL_U32> {};
/** Labels are far below 2^31: no image has so many masks. */
template <>
struct label_format_of<std::int32_t> : std::integral_constant<std::uint32_t, CTM_LABEL_U32> {};
template <>
struct label_format_of<std::uint16_t> : std::integral_constant<std::uint32_t, CTM_LABEL_U16> {};
template <>
struct label_format_of<std::uint8_t> : std::integral_constant<std::uint32_t, CTM_LABEL_U8> {};

/** What a container holds. */
template <class C>
using value_of =
    typename std::remove_cv<typename std::remove_pointer<decltype(std::declval<C &>().data())>::type>::type;

/** What an array in C holds, of however many dimensions. */
template <class T>
using element_of = typename std::remove_cv<typename std::remove_all_extents<T>::type>::type;

/** Whether what it shows stays when it goes, as with spans; others take their values with them. */
template <class C>
struct is_view : std::is_trivially_destructible<C> {};
template <class T, std::size_t N>
struct is_view<std::array<T, N>> : std::false_type {};

/** Whether `C &&` is a container that ends with the expression and takes its values with it. */
template <class C>
struct is_temporary : std::integral_constant<bool, !std::is_lvalue_reference<C>::value &&
                                                       !is_view<typename std::remove_cv<C>::type>::value> {};

/** A count as the C structs have it. No memory holds so many that it does not fit. */
inline std::uint32_t count32(std::size_t count) noexcept
{
    const std::size_t most = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(count < most ? count : most);
}

/** Sums of products of sizes; what is more than a `size_t` holds stays the largest one. */
inline std::size_t sum(std::size_t a, std::size_t b) noexcept
{
    const std::size_t most = std::numeric_limits<std::size_t>::max();
    return a > most - b ? most : a + b;
}
inline std::size_t product(std::size_t a, std::size_t b) noexcept
{
    const std::size_t most = std::numeric_limits<std::size_t>::max();
    return b != 0 && a > most / b ? most : a * b;
}

/** The bytes from the first to the last one of an image; 0 where the library will refuse it anyway. */
inline std::size_t bytes_of(const ctm_image &image) noexcept
{
    const bool is_short = image.format == CTM_FORMAT_F16 || image.format == CTM_FORMAT_U16;
    const std::size_t value = image.format == CTM_FORMAT_U8 ? 1 : is_short ? 2 : 4;
    if (image.width == 0 || image.height == 0 || image.channels == 0 || image.channels > 4) {
        return 0;
    }
    const auto or_else = [](std::size_t stride, std::size_t no_gap) { return stride != 0 ? stride : no_gap; };
    const std::size_t row_gap = image.row_stride < 0 ? std::size_t(0) - static_cast<std::size_t>(image.row_stride)
                                                     : static_cast<std::size_t>(image.row_stride);
    const std::size_t planes = image.planar != 0 ? image.channels : 1;
    const std::size_t images = image.image_count != 0 ? image.image_count : 1;
    const std::size_t pixel_bytes = image.planar != 0 ? value : value * image.channels;
    const std::size_t pixel = or_else(image.pixel_stride, pixel_bytes);
    const std::size_t row = or_else(row_gap, product(pixel, image.width));
    const std::size_t plane = or_else(image.plane_stride, product(row, image.height));
    const std::size_t next = or_else(image.image_stride, product(plane, planes));
    std::size_t bytes = sum(product(pixel, image.width - 1), pixel_bytes);
    bytes = sum(bytes, product(row, image.height - 1));
    bytes = sum(bytes, product(plane, planes - 1));
    return sum(bytes, product(next, images - 1));
}

} // namespace detail

/** `ctm_options`, from the defaults on. */
struct options : ctm_options {
    options() noexcept : ctm_options(detail::initial_options()) {}
    /** One of the `CTM_BACKEND_…` numbers. */
    explicit options(std::uint32_t which) noexcept : options() { backend = which; }

    /** What `context::pipeline_cache` gave in an earlier process. It must be there until the context is made. */
    options &set_pipeline_cache(span<const std::uint8_t> cache) noexcept
    {
        pipeline_cache = cache.empty() ? nullptr : cache.data();
        pipeline_cache_size = cache.size();
        return *this;
    }
};

/** `ctm_counters`, all 0. */
struct counters : ctm_counters {
    counters() noexcept : ctm_counters(detail::initial_counters()) {}
};

/** `ctm_result`, all 0. */
struct result : ctm_result {
    result() noexcept : ctm_result(detail::initial_result()) {}
};

/** The Vulkan device and the driver that a context works on. */
struct device_uuids {
    /** `VkPhysicalDeviceIDProperties.deviceUUID`. */
    std::array<std::uint8_t, 16> device{};
    /** `VkPhysicalDeviceIDProperties.driverUUID`. */
    std::array<std::uint8_t, 16> driver{};
};

/**
 * `ctm_device_memory`: memory of the caller's Vulkan device, lent for pixels or outputs. The file descriptor stays the
 * caller's, who closes it; ctm.h says who may touch the memory when.
 */
struct device_memory : ctm_device_memory {
    device_memory() noexcept : ctm_device_memory(detail::initial_device_memory()) {}

    /**
     * An opaque file descriptor of memory with this size in bytes and this type, both as it was allocated. What is lent
     * begins at the byte `offset_`, a multiple of 4.
     */
    device_memory(int descriptor, std::uint64_t allocation_size_, std::uint32_t memory_type_index_,
                  std::uint64_t offset_ = 0) noexcept
        : device_memory()
    {
        fd = descriptor;
        allocation_size = allocation_size_;
        memory_type_index = memory_type_index_;
        offset = offset_;
    }
};

/**
 * `ctm_image` with its pixels: channels interleaved and no gaps, unless the fields say otherwise. The pixels must
 * outlive it.
 */
struct image : ctm_image {
    image() noexcept : ctm_image(detail::initial_image()) {}

    /** Of a container of floats, `uint16_t` or bytes, or of ids, `uint32_t` or `int32_t`. */
    template <class C, std::uint32_t Format = detail::format_of<detail::value_of<const C>>::value>
    image(const C &values, std::uint32_t width_, std::uint32_t height_, std::uint32_t channels_) noexcept
        : image(values.data(), values.size() * sizeof(detail::value_of<const C>), Format, width_, height_, channels_)
    {
    }

    /** Not of one that ends with the expression. */
    template <class C, class = typename std::enable_if<detail::is_temporary<C>::value>::type>
    image(C &&, std::uint32_t, std::uint32_t, std::uint32_t) = delete;

    /** Of an array in C, of any number of dimensions. */
    template <class T, std::size_t N, std::uint32_t Format = detail::format_of<detail::element_of<T>>::value>
    image(const T (&values)[N], std::uint32_t width_, std::uint32_t height_, std::uint32_t channels_) noexcept
        : image(&values[0], sizeof values, Format, width_, height_, channels_)
    {
    }
    /** Not of one that ends with the expression. */
    template <class T, std::size_t N>
    image(const T (&&)[N], std::uint32_t, std::uint32_t, std::uint32_t) = delete;

    /** Of so many bytes at an address, whose values have one of the `CTM_FORMAT_…` numbers. */
    image(const void *address, std::size_t size, std::uint32_t format_, std::uint32_t width_, std::uint32_t height_,
          std::uint32_t channels_) noexcept
        : image()
    {
        pixels = address;
        pixels_size = size;
        format = format_;
        width = width_;
        height = height_;
        channels = channels_;
    }

    /** Of floats, or ids, in memory of the context's Vulkan device. The struct, too, must outlive the image. */
    image(const ctm_device_memory &memory, std::uint32_t width_, std::uint32_t height_, std::uint32_t channels_,
          std::uint32_t format_ = CTM_FORMAT_F32) noexcept
        : image(nullptr, 0, format_, width_, height_, channels_)
    {
        device_memory = &memory;
    }
    /** Not a struct that ends with the expression. */
    image(const ctm_device_memory &&, std::uint32_t, std::uint32_t, std::uint32_t,
          std::uint32_t = CTM_FORMAT_F32) = delete;

    /**
     * Bytes from `pixels` on that may be read. `context::analyze` and `counts::add` refuse an image whose shape and
     * strides reach beyond. Fill it in with `pixels`.
     */
    std::size_t pixels_size = 0;
};

namespace detail {

/** Why an image is not handed to the library: its pixels end too early. "" where they do not. */
inline std::string too_short(const ctm::image &image)
{
    const std::size_t needed = bytes_of(image);
    if (image.pixels == nullptr || image.pixels_size >= needed) {
        return std::string();
    }
    return "image.pixels_size is " + std::to_string(image.pixels_size) +
           "; the image's shape and strides reach over " + std::to_string(needed) + " bytes";
}

} // namespace detail

class counts;
class regions;

/**
 * `ctm_params`, from the defaults on: all colours get a mask. `progress` is a C function: nothing may be thrown out of it,
 * or out of `options.log`.
 */
struct params : ctm_params {
    params() noexcept : ctm_params(detail::initial_params()) {}

    /** The colours that get a mask, in this order. They must outlive the struct. */
    params &set_palette(span<const color> colors) noexcept
    {
        palette = colors.empty() ? nullptr : colors.data()->data();
        palette_stored = nullptr;
        palette_count = detail::count32(colors.size());
        return *this;
    }
    /** The same as the image stores them. They must outlive the struct. */
    params &set_palette_stored(span<const stored_color> colors) noexcept
    {
        palette = nullptr;
        palette_stored = colors.empty() ? nullptr : colors.data()->data();
        palette_count = detail::count32(colors.size());
        return *this;
    }

    /** Colours that get no mask. They must outlive the struct. */
    params &set_ignored(span<const color> colors) noexcept
    {
        ignored = colors.empty() ? nullptr : colors.data()->data();
        ignored_stored = nullptr;
        ignored_count = detail::count32(colors.size());
        return *this;
    }
    /** The same as the image stores them. They must outlive the struct. */
    params &set_ignored_stored(span<const stored_color> colors) noexcept
    {
        ignored = nullptr;
        ignored_stored = colors.empty() ? nullptr : colors.data()->data();
        ignored_count = detail::count32(colors.size());
        return *this;
    }

    /**
     * The counts of all parts of the image of which the call's image is one. They must outlive the struct. Counts that
     * hold nothing mean that the image is no part of another.
     */
    params &set_counts(const ctm::counts &all) noexcept;
    params &set_counts(const ctm::counts &&) = delete;

    /**
     * The regions of all parts of the image of which the call's image is one, and the column and the row of the image that it
     * begins at. They must outlive the struct. Regions that hold nothing mean that the image is no part of another; both
     * numbers must be 0 then.
     */
    params &set_part(const ctm::regions &all, std::uint32_t left, std::uint32_t top) noexcept;
    params &set_part(const ctm::regions &&, std::uint32_t left, std::uint32_t top) = delete;
};

/**
 * `ctm_runs`: where masks go as run lengths, by rows unless `order` says otherwise. The buffers must outlive it.
 */
struct runs : ctm_runs {
    runs() noexcept : ctm_runs(detail::initial_runs()) {}
    /** In one of the `CTM_RUNS_BY_…` orders. */
    explicit runs(std::uint32_t order_) noexcept : runs() { order = order_; }

    /** The numbers. */
    runs &set_counts(span<std::uint32_t> buffer) noexcept
    {
        counts = buffer.data();
        counts_capacity = buffer.size();
        return *this;
    }
    /** Where those of each mask and image begin, and where the last ones end. */
    runs &set_offsets(span<std::uint64_t> buffer) noexcept
    {
        offsets = buffer.data();
        offsets_capacity = buffer.size();
        return *this;
    }
};

/** A corner of an outline: column and row, and the two values as they are in `ctm_outlines.points`. */
struct outline_point {
    std::uint32_t x;
    std::uint32_t y;
};
static_assert(sizeof(outline_point) == 2 * sizeof(std::uint32_t), "corners lie side by side");

/** `ctm_outlines`: where masks go as polygons. The buffers must outlive it. */
struct outlines : ctm_outlines {
    outlines() noexcept : ctm_outlines(detail::initial_outlines()) {}
    /** With `CTM_CONNECTED_4` or `CTM_CONNECTED_8`, or 0: as the params say; and a tolerance in pixels, or 0: exact. */
    explicit outlines(std::uint32_t connected_, float tolerance_ = 0) noexcept : outlines()
    {
        connected = connected_;
        tolerance = tolerance_;
    }

    /** The corners of all rings. */
    outlines &set_points(span<outline_point> buffer) noexcept
    {
        points = buffer.empty() ? nullptr : &buffer.data()->x;
        points_capacity = buffer.size();
        return *this;
    }
    /** Where those of each ring begin, and where the last ones end. */
    outlines &set_ring_offsets(span<std::uint64_t> buffer) noexcept
    {
        ring_offsets = buffer.data();
        ring_offsets_capacity = buffer.size();
        return *this;
    }
    /** The exterior ring of each ring. */
    outlines &set_ring_exteriors(span<std::uint64_t> buffer) noexcept
    {
        ring_exteriors = buffer.data();
        ring_exteriors_capacity = buffer.size();
        return *this;
    }
    /** Where the rings of each mask and image begin, and where the last ones end. */
    outlines &set_mask_offsets(span<std::uint64_t> buffer) noexcept
    {
        mask_offsets = buffer.data();
        mask_offsets_capacity = buffer.size();
        return *this;
    }
};

/** `ctm_outputs`, from the defaults on: nothing is written. The buffers, or structs for memory, must outlive it. */
struct outputs : ctm_outputs {
    outputs() noexcept : ctm_outputs(detail::initial_outputs()) {}

    /** Masks of floats. */
    outputs &set_masks(span<float> buffer) noexcept
    {
        return set_masks(buffer.data(), buffer.size() * sizeof(float), CTM_MASK_F32);
    }
    /** Masks of bytes, or of bits: one of the `CTM_MASK_…` numbers that fits. */
    outputs &set_masks(span<std::uint8_t> buffer, std::uint32_t format = CTM_MASK_U8) noexcept
    {
        return set_masks(buffer.data(), buffer.size(), format);
    }
    /** Masks in so many bytes at an address. */
    outputs &set_masks(void *address, std::size_t size, std::uint32_t format) noexcept
    {
        masks = address;
        masks_memory = nullptr;
        masks_size = size;
        mask_format = format;
        return *this;
    }
    /** Masks of floats in so many bytes of the context's Vulkan device, from the memory's `offset` on. */
    outputs &set_masks(const ctm_device_memory &memory, std::size_t size) noexcept
    {
        set_masks(nullptr, size, CTM_MASK_F32);
        masks_memory = &memory;
        return *this;
    }
    outputs &set_masks(const ctm_device_memory &&, std::size_t) = delete;

    /** Labels, in a container of `uint8_t`, `uint16_t`, `uint32_t` or `int32_t`. */
    template <class C, std::uint32_t Format = detail::label_format_of<detail::value_of<C>>::value,
              class = typename std::enable_if<!detail::is_temporary<C>::value>::type>
    outputs &set_labels(C &&buffer) noexcept
    {
        return set_labels(buffer.data(), buffer.size() * sizeof(detail::value_of<C>), Format);
    }
    /** Not in one that ends with the expression. */
    template <class C, class = typename std::enable_if<detail::is_temporary<C>::value>::type>
    outputs &set_labels(C &&) = delete;
    /** Labels in an array in C, of any number of dimensions. */
    template <class T, std::size_t N, std::uint32_t Format = detail::label_format_of<detail::element_of<T>>::value>
    outputs &set_labels(T (&buffer)[N]) noexcept
    {
        return set_labels(&buffer[0], sizeof buffer, Format);
    }
    /** Labels in so many bytes at an address: one of the `CTM_LABEL_…` numbers. */
    outputs &set_labels(void *address, std::size_t size, std::uint32_t format) noexcept
    {
        labels = address;
        labels_memory = nullptr;
        labels_size = size;
        label_format = format;
        return *this;
    }
    /** Labels in so many bytes of memory of the context's Vulkan device, from its `offset` on. */
    outputs &set_labels(const ctm_device_memory &memory, std::size_t size, std::uint32_t format) noexcept
    {
        set_labels(nullptr, size, format);
        labels_memory = &memory;
        return *this;
    }
    outputs &set_labels(const ctm_device_memory &&, std::size_t, std::uint32_t) = delete;

    /** An entry for each mask and image. */
    outputs &set_palette(span<palette_entry> buffer) noexcept
    {
        palette = buffer.data();
        palette_capacity = buffer.size();
        return *this;
    }

    /** The most frequent of the colours that a given palette does not have. */
    outputs &set_unlisted(span<palette_entry> buffer) noexcept
    {
        unlisted = buffer.data();
        unlisted_capacity = buffer.size();
        return *this;
    }

    /** The most frequent of the colours that `params.merge` has made others. */
    outputs &set_merged(span<merged_color> buffer) noexcept
    {
        merged = buffer.data();
        merged_capacity = buffer.size();
        return *this;
    }

    /** The masks as run lengths, which go to where the struct says. */
    outputs &set_runs(const ctm_runs &where) noexcept
    {
        runs = &where;
        return *this;
    }
    outputs &set_runs(const ctm_runs &&) = delete;

    /** The masks as polygons, which go to where the struct says. */
    outputs &set_outlines(const ctm_outlines &where) noexcept
    {
        outlines = &where;
        return *this;
    }
    outputs &set_outlines(const ctm_outlines &&) = delete;
};

namespace detail {

/** The palette that `call(outputs)` gives, which is asked for its length first. */
template <class Call>
outcome<std::vector<palette_entry>> read_palette(Call call)
{
    std::vector<palette_entry> entries;
    auto found = call(ctm::outputs());
    if (found && found->palette_len > 0) {
        entries.resize(static_cast<std::size_t>(found->palette_len));
        found = call(ctm::outputs().set_palette(entries));
    }
    if (!found) {
        return outcome<std::vector<palette_entry>>(found.status(), found.message());
    }
    return entries;
}

} // namespace detail

/** Masks in memory of their own, most frequent colour first: `count` planes of `height * width` floats. */
struct mask_planes {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t count = 0;
    /** The planes, one behind the other: 1.0f inside, 0.0f outside. */
    std::vector<float> values;

    /** A mask, row by row. */
    span<const float> operator[](std::size_t index) const noexcept
    {
        const std::size_t pixels = std::size_t(width) * height;
        return span<const float>(values.data() + index * pixels, pixels);
    }
};

/** Masks as run lengths in memory of their own: pixels outside and inside in turn, as `ctm_runs` says. */
struct mask_runs {
    /** Of mask 0 in all images, then of mask 1. */
    std::vector<std::uint32_t> counts;
    /** Where the numbers of each mask and image begin, and where the last ones end. */
    std::vector<std::uint64_t> offsets;

    /** How many masks times images there are. */
    std::size_t size() const noexcept { return offsets.empty() ? 0 : offsets.size() - 1; }
    /** The numbers of a mask in an image: mask times images, plus image. */
    span<const std::uint32_t> operator[](std::size_t index) const noexcept
    {
        return span<const std::uint32_t>(counts.data() + offsets[index],
                                         static_cast<std::size_t>(offsets[index + 1] - offsets[index]));
    }
};

/** Masks as polygons in memory of their own, as `ctm_outlines` says. */
struct mask_outlines {
    /** The corners of all rings. */
    std::vector<outline_point> points;
    /** Where those of each ring begin, and where the last ones end. */
    std::vector<std::uint64_t> ring_offsets;
    /** The exterior ring of each ring: its own number, or that of the ring in which it is a hole. */
    std::vector<std::uint64_t> ring_exteriors;
    /** Where the rings of each mask and image begin, and where the last ones end. */
    std::vector<std::uint64_t> mask_offsets;

    /** How many rings there are. */
    std::size_t size() const noexcept { return ring_exteriors.size(); }
    /** The corners of a ring. */
    span<const outline_point> operator[](std::size_t ring) const noexcept
    {
        return span<const outline_point>(points.data() + ring_offsets[ring],
                                         static_cast<std::size_t>(ring_offsets[ring + 1] - ring_offsets[ring]));
    }
    /** Whether a ring is a hole. */
    bool is_hole(std::size_t ring) const noexcept { return ring_exteriors[ring] != ring; }
};

namespace detail {
/** Makes room for outlines. */
inline void fit(mask_outlines &made, ctm::outlines &where, const ctm_result &found)
{
    made.points.resize(static_cast<std::size_t>(found.outline_points_len));
    made.ring_offsets.resize(static_cast<std::size_t>(found.outline_rings_len) + 1);
    made.ring_exteriors.resize(static_cast<std::size_t>(found.outline_rings_len));
    made.mask_offsets.resize(static_cast<std::size_t>(found.palette_len) + 1);
    where.set_points(made.points).set_ring_offsets(made.ring_offsets);
    where.set_ring_exteriors(made.ring_exteriors).set_mask_offsets(made.mask_offsets);
}
} // namespace detail

/**
 * A backend with its device, memory and threads: made once, used for many images, destroyed with its owner. It can be
 * moved, not copied. One that is default-made, moved from or released holds nothing: it can be asked whether, assigned
 * to and destroyed; its functions return `CTM_ERROR_INVALID_ARGUMENT`.
 */
class context {
public:
    context() noexcept = default;
    /** Takes over a context of `ctm_create`, or NULL. */
    explicit context(ctm_context *owned) noexcept : handle_(owned) {}
    context(context &&other) noexcept : handle_(other.release()) {}
    context &operator=(context &&other) noexcept
    {
        context taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    context(const context &) = delete;
    context &operator=(const context &) = delete;
    ~context() { ctm_destroy(handle_); }

    /** `ctm_create`. */
    static outcome<context> try_create(const ctm::options &options = ctm::options())
    {
        ctm_context *made = nullptr;
        const ctm_status status = ctm_create(&options, &made);
        if (status != CTM_OK) {
            return outcome<context>(status, ctm_last_error(nullptr));
        }
        return outcome<context>(context(made));
    }

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** The context for functions of ctm.h; it stays this one's. */
    ctm_context *get() const noexcept { return handle_; }
    /** Hands the context over: `ctm_destroy` is the caller's now. */
    ctm_context *release() noexcept
    {
        ctm_context *handed_over = handle_;
        handle_ = nullptr;
        return handed_over;
    }

    /** `ctm_context_backend`. */
    std::uint32_t backend() const noexcept { return ctm_context_backend(handle_); }
    /** `ctm_context_device_name`. */
    const char *device_name() const noexcept { return ctm_context_device_name(handle_); }
    /** `ctm_cancel`: calls that are inside end with `CTM_ERROR_CANCELLED`. From any thread. */
    void cancel() noexcept { ctm_cancel(handle_); }
    /** `ctm_context_device_uuid`: `CTM_ERROR_UNSUPPORTED` on the CPU. */
    outcome<device_uuids> try_device_uuid() const
    {
        device_uuids uuids;
        const ctm_status status = ctm_context_device_uuid(handle_, uuids.device.data(), uuids.driver.data());
        return detail::finish(handle_, status, uuids);
    }
    /** `ctm_last_error`. */
    std::string last_error() const { return ctm_last_error(handle_); }

    /**
     * `ctm_run`: the number of masks that were written. `CTM_ERROR_BUFFER_TOO_SMALL` has the number found as its value;
     * no `masks` at all asks for that.
     */
    outcome<std::uint32_t> try_run(span<const float> color_map, std::uint32_t width, std::uint32_t height,
                                   std::uint32_t channels, std::uint64_t min_pixels, std::uint32_t max_count,
                                   span<float> masks)
    {
        const std::size_t needed = detail::product(detail::product(width, height), channels);
        if (color_map.size() < needed) {
            return outcome<std::uint32_t>(CTM_ERROR_INVALID_ARGUMENT,
                                          "color_map has " + std::to_string(color_map.size()) + " floats; " +
                                              std::to_string(width) + " x " + std::to_string(height) +
                                              " pixels of " + std::to_string(channels) + " channels are " +
                                              std::to_string(needed));
        }
        std::uint32_t count = 0;
        const ctm_status status = ctm_run(handle_, color_map.data(), width, height, channels, min_pixels, max_count,
                                           masks.empty() ? nullptr : masks.data(), masks.size(), &count);
        return detail::finish(handle_, status, count);
    }

    /** The masks of `ctm_run` in new memory. The image is looked at twice, since their number must be known. */
    outcome<mask_planes> try_masks(span<const float> color_map, std::uint32_t width, std::uint32_t height,
                                   std::uint32_t channels, std::uint64_t min_pixels, std::uint32_t max_count)
    {
        mask_planes planes;
        auto count = try_run(color_map, width, height, channels, min_pixels, max_count, span<float>());
        if (count && *count > 0) {
            planes.values.resize(std::size_t(width) * height * *count);
            count = try_run(color_map, width, height, channels, min_pixels, max_count, planes.values);
        }
        if (!count) {
            return outcome<mask_planes>(count.status(), count.message());
        }
        planes.width = width;
        planes.height = height;
        planes.count = *count;
        return planes;
    }

    /**
     * `ctm_analyze`; without outputs, the size query. `CTM_ERROR_BUFFER_TOO_SMALL` and `CTM_ERROR_UNLISTED_COLORS`
     * have the result filled in, too.
     */
    outcome<ctm::result> try_analyze(const ctm::image &image, const ctm::params &params = ctm::params(),
                                     const ctm::outputs &outputs = ctm::outputs())
    {
        std::string refusal = detail::too_short(image);
        if (!refusal.empty()) {
            return outcome<ctm::result>(CTM_ERROR_INVALID_ARGUMENT, std::move(refusal));
        }
        ctm::result found;
        const ctm_status status = ctm_analyze(handle_, &image, &params, &outputs, &found);
        return detail::finish(handle_, status, found);
    }

    /** The palette of `ctm_analyze` in new memory. The image is looked at twice, since its length must be known. */
    outcome<std::vector<palette_entry>> try_palette(const ctm::image &image, const ctm::params &params = ctm::params())
    {
        return detail::read_palette([&](const ctm::outputs &outputs) { return try_analyze(image, params, outputs); });
    }

    /**
     * The masks of `ctm_analyze` as run lengths in new memory, in one of the `CTM_RUNS_BY_…` orders. The image is looked at
     * twice, since their number must be known.
     */
    outcome<mask_runs> try_runs(const ctm::image &image, const ctm::params &params = ctm::params(),
                                std::uint32_t order = CTM_RUNS_BY_ROWS)
    {
        mask_runs made;
        ctm::runs where(order);
        auto found = try_analyze(image, params, ctm::outputs().set_runs(where));
        if (found) {
            made.counts.resize(static_cast<std::size_t>(found->run_counts_len));
            made.offsets.resize(static_cast<std::size_t>(found->palette_len) + 1);
            where.set_counts(made.counts).set_offsets(made.offsets);
            found = try_analyze(image, params, ctm::outputs().set_runs(where));
        }
        if (!found) {
            return outcome<mask_runs>(found.status(), found.message());
        }
        return made;
    }

    /**
     * The masks of `ctm_analyze` as polygons in new memory; `connected` and `tolerance` are those of `ctm_outlines`. The
     * image is looked at twice, since their size must be known.
     */
    outcome<mask_outlines> try_outlines(const ctm::image &image, const ctm::params &params = ctm::params(),
                                        std::uint32_t connected = 0, float tolerance = 0)
    {
        mask_outlines made;
        ctm::outlines where(connected, tolerance);
        auto found = try_analyze(image, params, ctm::outputs().set_outlines(where));
        if (found) {
            detail::fit(made, where, *found);
            found = try_analyze(image, params, ctm::outputs().set_outlines(where));
        }
        if (!found) {
            return outcome<mask_outlines>(found.status(), found.message());
        }
        return made;
    }

    /** `ctm_context_counters`. */
    outcome<ctm::counters> try_counters() const
    {
        ctm::counters filled;
        const ctm_status status = ctm_context_counters(handle_, &filled);
        return detail::finish(handle_, status, filled);
    }

    /** `ctm_context_pipeline_cache`. */
    outcome<std::vector<std::uint8_t>> try_pipeline_cache() const
    {
        std::vector<std::uint8_t> cache;
        const ctm_status status = detail::read_bytes(
            cache, [this](void *data, std::size_t *size) { return ctm_context_pipeline_cache(handle_, data, size); });
        return detail::finish(handle_, status, std::move(cache));
    }

#ifndef CTM_NO_EXCEPTIONS
    // The same functions, which throw `ctm::error` in place of a failing outcome.

    static context create(const ctm::options &options = ctm::options()) { return try_create(options).value(); }
    std::uint32_t run(span<const float> color_map, std::uint32_t width, std::uint32_t height, std::uint32_t channels,
                      std::uint64_t min_pixels, std::uint32_t max_count, span<float> masks)
    {
        return try_run(color_map, width, height, channels, min_pixels, max_count, masks).value();
    }
    mask_planes masks(span<const float> color_map, std::uint32_t width, std::uint32_t height, std::uint32_t channels,
                      std::uint64_t min_pixels, std::uint32_t max_count)
    {
        return try_masks(color_map, width, height, channels, min_pixels, max_count).value();
    }
    ctm::result analyze(const ctm::image &image, const ctm::params &params = ctm::params(),
                        const ctm::outputs &outputs = ctm::outputs())
    {
        return try_analyze(image, params, outputs).value();
    }
    std::vector<palette_entry> palette(const ctm::image &image, const ctm::params &params = ctm::params())
    {
        return try_palette(image, params).value();
    }
    mask_runs runs(const ctm::image &image, const ctm::params &params = ctm::params(),
                   std::uint32_t order = CTM_RUNS_BY_ROWS)
    {
        return try_runs(image, params, order).value();
    }
    mask_outlines outlines(const ctm::image &image, const ctm::params &params = ctm::params(),
                           std::uint32_t connected = 0, float tolerance = 0)
    {
        return try_outlines(image, params, connected, tolerance).value();
    }
    ctm::device_uuids device_uuid() const { return try_device_uuid().value(); }
    ctm::counters counters() const { return try_counters().value(); }
    std::vector<std::uint8_t> pipeline_cache() const { return try_pipeline_cache().value(); }
#endif

private:
    ctm_context *handle_ = nullptr;
};

/**
 * The exact pixel counts of all colours of some parts of an image, for images that are nowhere as a whole: `add` each
 * part, then label each with `params.set_counts`. They belong to no context: every function takes the one that does the
 * work, and different contexts may add to the same counts, from different threads.
 *
 * They can be moved, not copied. Those that are default-made, moved from or released hold nothing: they can be asked
 * whether, assigned to and destroyed; their functions return `CTM_ERROR_INVALID_ARGUMENT`.
 */
class counts {
public:
    counts() noexcept = default;
    /** Takes over counts of `ctm_counts_create` or `ctm_counts_import`, or NULL. */
    explicit counts(ctm_counts *owned) noexcept : handle_(owned) {}
    counts(counts &&other) noexcept : handle_(other.release()) {}
    counts &operator=(counts &&other) noexcept
    {
        counts taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    counts(const counts &) = delete;
    counts &operator=(const counts &) = delete;
    ~counts() { ctm_counts_destroy(handle_); }

    /** `ctm_counts_create`: counts of nothing. */
    static outcome<counts> try_create(ctm::context &context)
    {
        ctm_counts *made = nullptr;
        const ctm_status status = ctm_counts_create(context.get(), &made);
        return detail::finish(context.get(), status, counts(made));
    }

    /** `ctm_counts_import`: counts from the bytes of `to_bytes`. `CTM_ERROR_DATA` where they are damaged. */
    static outcome<counts> try_from_bytes(ctm::context &context, span<const std::uint8_t> bytes)
    {
        const std::uint8_t none = 0; // No bytes are damaged ones, not a missing argument.
        ctm_counts *made = nullptr;
        const ctm_status status =
            ctm_counts_import(context.get(), bytes.empty() ? &none : bytes.data(), bytes.size(), &made);
        return detail::finish(context.get(), status, counts(made));
    }

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** The counts for functions of ctm.h; they stay this object's. */
    ctm_counts *get() const noexcept { return handle_; }
    /** Hands the counts over: `ctm_counts_destroy` is the caller's now. */
    ctm_counts *release() noexcept
    {
        ctm_counts *handed_over = handle_;
        handle_ = nullptr;
        return handed_over;
    }

    /** `ctm_counts_add`: the pixels of one more part. */
    outcome<void> try_add(ctm::context &context, const ctm::image &image, const ctm::params &params = ctm::params())
    {
        std::string refusal = detail::too_short(image);
        if (!refusal.empty()) {
            return outcome<void>(CTM_ERROR_INVALID_ARGUMENT, std::move(refusal));
        }
        return detail::finish(context.get(), ctm_counts_add(context.get(), handle_, &image, &params));
    }

    /** `ctm_counts_merge`: adds other counts, which stay as they are. */
    outcome<void> try_merge(ctm::context &context, const counts &other)
    {
        return detail::finish(context.get(), ctm_counts_merge(context.get(), handle_, other.handle_));
    }

    /** `ctm_counts_export`: the counts as bytes, the same on all machines. */
    outcome<std::vector<std::uint8_t>> try_to_bytes(const ctm::context &context) const
    {
        std::vector<std::uint8_t> bytes;
        const ctm_status status = detail::read_bytes(bytes, [&](void *data, std::size_t *size) {
            return ctm_counts_export(context.get(), handle_, data, size);
        });
        return detail::finish(context.get(), status, std::move(bytes));
    }

    /**
     * `ctm_counts_select`: what `context::analyze` on the whole image finds, without masks and labels; without outputs,
     * the size query. `CTM_ERROR_BUFFER_TOO_SMALL` and `CTM_ERROR_UNLISTED_COLORS` have the result filled in, too.
     */
    outcome<ctm::result> try_select(ctm::context &context, const ctm::params &params = ctm::params(),
                                    const ctm::outputs &outputs = ctm::outputs()) const
    {
        ctm::result found;
        const ctm_status status = ctm_counts_select(context.get(), handle_, &params, &outputs, &found);
        return detail::finish(context.get(), status, found);
    }

    /** The palette of the whole image in new memory: of each entry the colour and the number of pixels. */
    outcome<std::vector<palette_entry>> try_palette(ctm::context &context,
                                                    const ctm::params &params = ctm::params()) const
    {
        return detail::read_palette(
            [&](const ctm::outputs &outputs) { return try_select(context, params, outputs); });
    }

#ifndef CTM_NO_EXCEPTIONS
    // The same functions, which throw `ctm::error` in place of a failing outcome.

    static counts create(ctm::context &context) { return try_create(context).value(); }
    static counts from_bytes(ctm::context &context, span<const std::uint8_t> bytes)
    {
        return try_from_bytes(context, bytes).value();
    }
    void add(ctm::context &context, const ctm::image &image, const ctm::params &params = ctm::params())
    {
        try_add(context, image, params).value();
    }
    void merge(ctm::context &context, const counts &other) { try_merge(context, other).value(); }
    std::vector<std::uint8_t> to_bytes(const ctm::context &context) const { return try_to_bytes(context).value(); }
    ctm::result select(ctm::context &context, const ctm::params &params = ctm::params(),
                       const ctm::outputs &outputs = ctm::outputs()) const
    {
        return try_select(context, params, outputs).value();
    }
    std::vector<palette_entry> palette(ctm::context &context, const ctm::params &params = ctm::params()) const
    {
        return try_palette(context, params).value();
    }
#endif

private:
    ctm_counts *handle_ = nullptr;
};

/**
 * The label map of an image that comes in parts, for the runs and outlines of the whole: `add` the labels of each part, then
 * take `runs` and `outlines`, which are those of one `analyze` on the whole image. It belongs to no context: every function takes
 * the one that does the work.
 *
 * It can be moved, not copied. One that is default-made, moved from or released holds nothing: it can be asked whether, assigned to
 * and destroyed; its functions return `CTM_ERROR_INVALID_ARGUMENT`.
 */
class mosaic {
public:
    mosaic() noexcept = default;
    /** Takes over a mosaic of `ctm_mosaic_create` or `ctm_mosaic_import`, or NULL. */
    explicit mosaic(ctm_mosaic *owned) noexcept : handle_(owned) {}
    mosaic(mosaic &&other) noexcept : handle_(other.release()) {}
    mosaic &operator=(mosaic &&other) noexcept
    {
        mosaic taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    mosaic(const mosaic &) = delete;
    mosaic &operator=(const mosaic &) = delete;
    ~mosaic() { ctm_mosaic_destroy(handle_); }

    /** `ctm_mosaic_create`: an image of this size without any part. */
    static outcome<mosaic> try_create(ctm::context &context, std::uint32_t width, std::uint32_t height)
    {
        ctm_mosaic *made = nullptr;
        const ctm_status status = ctm_mosaic_create(context.get(), width, height, &made);
        return detail::finish(context.get(), status, mosaic(made));
    }

    /** `ctm_mosaic_import`: a mosaic from the bytes of `to_bytes`. `CTM_ERROR_DATA` where they are damaged. */
    static outcome<mosaic> try_from_bytes(ctm::context &context, span<const std::uint8_t> bytes)
    {
        const std::uint8_t none = 0; // No bytes are damaged ones, not a missing argument.
        ctm_mosaic *made = nullptr;
        const ctm_status status =
            ctm_mosaic_import(context.get(), bytes.empty() ? &none : bytes.data(), bytes.size(), &made);
        return detail::finish(context.get(), status, mosaic(made));
    }

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** The mosaic for functions of ctm.h; it stays this object's. */
    ctm_mosaic *get() const noexcept { return handle_; }
    /** Hands the mosaic over: `ctm_mosaic_destroy` is the caller's now. */
    ctm_mosaic *release() noexcept
    {
        ctm_mosaic *handed_over = handle_;
        handle_ = nullptr;
        return handed_over;
    }

    /**
     * `ctm_mosaic_add`: a part whose first pixel is in this column and row; its labels, in a container of `uint8_t`, `uint16_t`,
     * `uint32_t` or `int32_t`, follow each other.
     */
    template <class C, std::uint32_t Format = detail::label_format_of<detail::value_of<const C>>::value>
    outcome<void> try_add(ctm::context &context, std::uint32_t left, std::uint32_t top, std::uint32_t width,
                          std::uint32_t height, const C &labels)
    {
        if (labels.size() != std::uint64_t(width) * height) {
            return outcome<void>(CTM_ERROR_INVALID_ARGUMENT,
                                 "labels has " + std::to_string(labels.size()) + " values; " + std::to_string(width) +
                                     " x " + std::to_string(height) + " are expected");
        }
        return detail::finish(context.get(), ctm_mosaic_add(context.get(), handle_, left, top, width, height,
                                                            labels.data(), Format, 0));
    }

    /** `ctm_mosaic_merge`: adds the parts of another mosaic, which stays as it is. */
    outcome<void> try_merge(ctm::context &context, const mosaic &other)
    {
        return detail::finish(context.get(), ctm_mosaic_merge(context.get(), handle_, other.handle_));
    }

    /** `ctm_mosaic_export`: the mosaic as bytes, the same on all machines. */
    outcome<std::vector<std::uint8_t>> try_to_bytes(const ctm::context &context) const
    {
        std::vector<std::uint8_t> bytes;
        const ctm_status status = detail::read_bytes(bytes, [&](void *data, std::size_t *size) {
            return ctm_mosaic_export(context.get(), handle_, data, size);
        });
        return detail::finish(context.get(), status, std::move(bytes));
    }

    /** `ctm_mosaic_write`: runs and outlines of the whole image; with those that have no buffers, the size query. */
    outcome<ctm::result> try_write(ctm::context &context, std::uint32_t mask_count,
                                   const ctm::outputs &outputs = ctm::outputs()) const
    {
        ctm::result found;
        const ctm_status status = ctm_mosaic_write(context.get(), handle_, mask_count, &outputs, &found);
        return detail::finish(context.get(), status, found);
    }

    /** The masks of the whole image as run lengths in new memory, as `context::runs` has them. */
    outcome<mask_runs> try_runs(ctm::context &context, std::uint32_t mask_count,
                                std::uint32_t order = CTM_RUNS_BY_ROWS) const
    {
        mask_runs made;
        ctm::runs where(order);
        auto found = try_write(context, mask_count, ctm::outputs().set_runs(where));
        if (found) {
            made.counts.resize(static_cast<std::size_t>(found->run_counts_len));
            made.offsets.resize(static_cast<std::size_t>(found->palette_len) + 1);
            where.set_counts(made.counts).set_offsets(made.offsets);
            found = try_write(context, mask_count, ctm::outputs().set_runs(where));
        }
        if (!found) {
            return outcome<mask_runs>(found.status(), found.message());
        }
        return made;
    }

    /** The masks of the whole image as polygons in new memory, as `context::outlines` has them. */
    outcome<mask_outlines> try_outlines(ctm::context &context, std::uint32_t mask_count, std::uint32_t connected = 0,
                                        float tolerance = 0) const
    {
        mask_outlines made;
        ctm::outlines where(connected, tolerance);
        auto found = try_write(context, mask_count, ctm::outputs().set_outlines(where));
        if (found) {
            detail::fit(made, where, *found);
            found = try_write(context, mask_count, ctm::outputs().set_outlines(where));
        }
        if (!found) {
            return outcome<mask_outlines>(found.status(), found.message());
        }
        return made;
    }

#ifndef CTM_NO_EXCEPTIONS
    // The same functions, which throw `ctm::error` in place of a failing outcome.

    static mosaic create(ctm::context &context, std::uint32_t width, std::uint32_t height)
    {
        return try_create(context, width, height).value();
    }
    static mosaic from_bytes(ctm::context &context, span<const std::uint8_t> bytes)
    {
        return try_from_bytes(context, bytes).value();
    }
    template <typename Labels>
    void add(ctm::context &context, std::uint32_t left, std::uint32_t top, std::uint32_t width, std::uint32_t height,
             const Labels &labels)
    {
        try_add(context, left, top, width, height, labels).value();
    }
    void merge(ctm::context &context, const mosaic &other) { try_merge(context, other).value(); }
    std::vector<std::uint8_t> to_bytes(const ctm::context &context) const { return try_to_bytes(context).value(); }
    ctm::result write(ctm::context &context, std::uint32_t mask_count,
                      const ctm::outputs &outputs = ctm::outputs()) const
    {
        return try_write(context, mask_count, outputs).value();
    }
    mask_runs runs(ctm::context &context, std::uint32_t mask_count, std::uint32_t order = CTM_RUNS_BY_ROWS) const
    {
        return try_runs(context, mask_count, order).value();
    }
    mask_outlines outlines(ctm::context &context, std::uint32_t mask_count, std::uint32_t connected = 0,
                           float tolerance = 0) const
    {
        return try_outlines(context, mask_count, connected, tolerance).value();
    }
#endif

private:
    ctm_mosaic *handle_ = nullptr;
};

inline params &params::set_counts(const ctm::counts &all) noexcept
{
    counts = all.get();
    return *this;
}

/**
 * The connected regions of an image that comes in parts: `add` each part, then label each with `params.set_part`. They belong
 * to no context: every function takes the one that does the work, and different contexts may add to the same regions, from
 * different threads.
 *
 * They can be moved, not copied. Those that are default-made, moved from or released hold nothing: they can be asked
 * whether, assigned to and destroyed; their functions return `CTM_ERROR_INVALID_ARGUMENT`.
 */
class regions {
public:
    regions() noexcept = default;
    /** Takes over regions of `ctm_regions_create` or `ctm_regions_import`, or NULL. */
    explicit regions(ctm_regions *owned) noexcept : handle_(owned) {}
    regions(regions &&other) noexcept : handle_(other.release()) {}
    regions &operator=(regions &&other) noexcept
    {
        regions taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    regions(const regions &) = delete;
    regions &operator=(const regions &) = delete;
    ~regions() { ctm_regions_destroy(handle_); }

    /** `ctm_regions_create`: regions of an image of this size, none of whose parts was added yet. */
    static outcome<regions> try_create(ctm::context &context, std::uint32_t width, std::uint32_t height)
    {
        ctm_regions *made = nullptr;
        const ctm_status status = ctm_regions_create(context.get(), width, height, &made);
        return detail::finish(context.get(), status, regions(made));
    }

    /** `ctm_regions_import`: regions from the bytes of `to_bytes`. `CTM_ERROR_DATA` where they are damaged. */
    static outcome<regions> try_from_bytes(ctm::context &context, span<const std::uint8_t> bytes)
    {
        const std::uint8_t none = 0; // No bytes are damaged ones, not a missing argument.
        ctm_regions *made = nullptr;
        const ctm_status status =
            ctm_regions_import(context.get(), bytes.empty() ? &none : bytes.data(), bytes.size(), &made);
        return detail::finish(context.get(), status, regions(made));
    }

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** The regions for functions of ctm.h; they stay this object's. */
    ctm_regions *get() const noexcept { return handle_; }
    /** Hands the regions over: `ctm_regions_destroy` is the caller's now. */
    ctm_regions *release() noexcept
    {
        ctm_regions *handed_over = handle_;
        handle_ = nullptr;
        return handed_over;
    }

    /** `ctm_regions_add`: the regions of one more part, which begins at this column and row of the image. */
    outcome<void> try_add(ctm::context &context, const ctm::image &image, std::uint32_t left, std::uint32_t top,
                          const ctm::params &params)
    {
        std::string refusal = detail::too_short(image);
        if (!refusal.empty()) {
            return outcome<void>(CTM_ERROR_INVALID_ARGUMENT, std::move(refusal));
        }
        return detail::finish(context.get(), ctm_regions_add(context.get(), handle_, &image, left, top, &params));
    }

    /** `ctm_regions_merge`: adds the parts of others, which stay as they are. */
    outcome<void> try_merge(ctm::context &context, const regions &other)
    {
        return detail::finish(context.get(), ctm_regions_merge(context.get(), handle_, other.handle_));
    }

    /** `ctm_regions_export`: the regions as bytes, the same on all machines. */
    outcome<std::vector<std::uint8_t>> try_to_bytes(const ctm::context &context) const
    {
        std::vector<std::uint8_t> bytes;
        const ctm_status status = detail::read_bytes(bytes, [&](void *data, std::size_t *size) {
            return ctm_regions_export(context.get(), handle_, data, size);
        });
        return detail::finish(context.get(), status, std::move(bytes));
    }

    /**
     * `ctm_regions_select`: how many regions of the whole image get a mask, and with a palette where each lies.
     * `CTM_ERROR_BUFFER_TOO_SMALL` has the result filled in, too.
     */
    outcome<ctm::result> try_select(ctm::context &context, const ctm::params &params,
                                    const ctm::outputs &outputs = ctm::outputs()) const
    {
        ctm::result found;
        const ctm_status status = ctm_regions_select(context.get(), handle_, &params, &outputs, &found);
        return detail::finish(context.get(), status, found);
    }

    /** The regions of the whole image in new memory: of each its colour, its pixels and where they lie. */
    outcome<std::vector<palette_entry>> try_palette(ctm::context &context, const ctm::params &params) const
    {
        return detail::read_palette(
            [&](const ctm::outputs &outputs) { return try_select(context, params, outputs); });
    }

#ifndef CTM_NO_EXCEPTIONS
    // The same functions, which throw `ctm::error` in place of a failing outcome.

    static regions create(ctm::context &context, std::uint32_t width, std::uint32_t height)
    {
        return try_create(context, width, height).value();
    }
    static regions from_bytes(ctm::context &context, span<const std::uint8_t> bytes)
    {
        return try_from_bytes(context, bytes).value();
    }
    void add(ctm::context &context, const ctm::image &image, std::uint32_t left, std::uint32_t top,
             const ctm::params &params)
    {
        try_add(context, image, left, top, params).value();
    }
    void merge(ctm::context &context, const regions &other) { try_merge(context, other).value(); }
    std::vector<std::uint8_t> to_bytes(const ctm::context &context) const { return try_to_bytes(context).value(); }
    ctm::result select(ctm::context &context, const ctm::params &params,
                       const ctm::outputs &outputs = ctm::outputs()) const
    {
        return try_select(context, params, outputs).value();
    }
    std::vector<palette_entry> palette(ctm::context &context, const ctm::params &params) const
    {
        return try_palette(context, params).value();
    }
#endif

private:
    ctm_regions *handle_ = nullptr;
};

inline params &params::set_part(const ctm::regions &all, std::uint32_t left, std::uint32_t top) noexcept
{
    regions = all.get();
    part_left = left;
    part_top = top;
    return *this;
}

/**
 * Memory for outputs that `ctm_buffer_alloc` gives, as so many values: 0 at first, aligned to 64 bytes, on huge pages where
 * the system has them. Keep it from call to call, as that function says. It becomes a `span` by itself:
 *
 *     ctm::buffer<std::uint8_t> masks = ctm::buffer<std::uint8_t>::create(5 * width * height);
 *     context.analyze(image, params, ctm::outputs().set_masks(masks, CTM_MASK_U8));
 */
template <class T>
class buffer {
    static_assert(std::is_arithmetic<T>::value, "values of masks or labels are expected");

public:
    using value_type = T;

    buffer() noexcept = default;
    buffer(buffer &&other) noexcept { swap(other); }
    buffer &operator=(buffer &&other) noexcept
    {
        buffer taken(std::move(other));
        swap(taken);
        return *this;
    }
    buffer(const buffer &) = delete;
    buffer &operator=(const buffer &) = delete;
    ~buffer() { ctm_buffer_free(data_); }

    /** `ctm_buffer_alloc`, for so many values. */
    static outcome<buffer> try_create(std::size_t count)
    {
        void *memory = nullptr;
        const ctm_status status = ctm_buffer_alloc(detail::product(count, sizeof(T)), &memory);
        buffer made;
        made.data_ = static_cast<T *>(memory);
        made.size_ = memory != nullptr ? count : 0;
        return detail::finish(nullptr, status, std::move(made));
    }

#ifndef CTM_NO_EXCEPTIONS
    static buffer create(std::size_t count) { return try_create(count).value(); }
#endif

    T *data() noexcept { return data_; }
    const T *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    T *begin() noexcept { return data_; }
    T *end() noexcept { return data_ + size_; }
    const T *begin() const noexcept { return data_; }
    const T *end() const noexcept { return data_ + size_; }
    T &operator[](std::size_t index) { return data_[index]; }
    const T &operator[](std::size_t index) const { return data_[index]; }

private:
    void swap(buffer &other) noexcept
    {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
    }

    T *data_ = nullptr;
    std::size_t size_ = 0;
};

/** `ctm_version`. */
inline const char *version() noexcept { return ctm_version(); }

/** `ctm_status_string`. */
inline const char *status_string(ctm_status status) noexcept { return ctm_status_string(status); }

/** The names of all Vulkan devices of this machine, in the order in which they are chosen. */
inline std::vector<std::string> device_names()
{
    std::vector<std::string> names;
    while (const char *name = ctm_device_name(static_cast<std::uint32_t>(names.size()))) {
        names.emplace_back(name);
    }
    return names;
}

} // namespace ctm

#undef CTM_CPLUSPLUS
#undef CTM_NODISCARD

#endif // CTM_HPP
