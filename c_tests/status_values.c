/* Numbers, sizes and offsets that programs have compiled in, and the texts that go with them. */

#include "test.h"

#include <stdio.h>
#include <string.h>

/* Fails to compile when the condition does not hold; C99 has no _Static_assert. */
#define FROZEN(name, condition) typedef char frozen_##name[(condition) ? 1 : -1]

FROZEN(ok, CTM_OK == 0);
FROZEN(invalid_argument, CTM_ERROR_INVALID_ARGUMENT == 1);
FROZEN(buffer_too_small, CTM_ERROR_BUFFER_TOO_SMALL == 2);
FROZEN(out_of_memory, CTM_ERROR_OUT_OF_MEMORY == 3);
FROZEN(out_of_device_memory, CTM_ERROR_OUT_OF_DEVICE_MEMORY == 4);
FROZEN(no_device, CTM_ERROR_NO_DEVICE == 5);
FROZEN(device_lost, CTM_ERROR_DEVICE_LOST == 6);
FROZEN(timeout, CTM_ERROR_TIMEOUT == 7);
FROZEN(driver, CTM_ERROR_DRIVER == 8);
FROZEN(internal, CTM_ERROR_INTERNAL == 9);
FROZEN(unlisted_colors, CTM_ERROR_UNLISTED_COLORS == 10);
FROZEN(cancelled, CTM_ERROR_CANCELLED == 11);
FROZEN(unsupported, CTM_ERROR_UNSUPPORTED == 12);
FROZEN(data, CTM_ERROR_DATA == 13);
static const ctm_status statuses[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 };
enum { STATUSES = sizeof statuses / sizeof *statuses };

FROZEN(backend_auto, CTM_BACKEND_AUTO == 0);
FROZEN(backend_vulkan, CTM_BACKEND_VULKAN == 1);
FROZEN(backend_cpu, CTM_BACKEND_CPU == 2);

FROZEN(log_error, CTM_LOG_ERROR == 1);
FROZEN(log_warning, CTM_LOG_WARNING == 2);
FROZEN(log_info, CTM_LOG_INFO == 3);
FROZEN(log_debug, CTM_LOG_DEBUG == 4);

FROZEN(format_f32, CTM_FORMAT_F32 == 0);
FROZEN(format_f16, CTM_FORMAT_F16 == 1);
FROZEN(format_u16, CTM_FORMAT_U16 == 2);
FROZEN(format_u8, CTM_FORMAT_U8 == 3);
FROZEN(format_u32, CTM_FORMAT_U32 == 4);
FROZEN(format_i32, CTM_FORMAT_I32 == 5);
FROZEN(order_rgba, CTM_ORDER_RGBA == 0);
FROZEN(order_bgra, CTM_ORDER_BGRA == 1);
FROZEN(order_argb, CTM_ORDER_ARGB == 2);
FROZEN(order_abgr, CTM_ORDER_ABGR == 3);
FROZEN(match_exact, CTM_MATCH_EXACT == 0);
FROZEN(match_8_bit, CTM_MATCH_8_BIT == 1);
FROZEN(alpha_color, CTM_ALPHA_COLOR == 0);
FROZEN(alpha_ignored, CTM_ALPHA_IGNORED == 1);
FROZEN(alpha_at_least, CTM_ALPHA_AT_LEAST == 2);
FROZEN(batch_all, CTM_BATCH_ALL == 0);
FROZEN(batch_first, CTM_BATCH_FIRST == 1);
FROZEN(batch_each, CTM_BATCH_EACH == 2);
FROZEN(mask_f32, CTM_MASK_F32 == 0);
FROZEN(mask_u8, CTM_MASK_U8 == 1);
FROZEN(mask_u8_one, CTM_MASK_U8_ONE == 2);
FROZEN(mask_bits, CTM_MASK_BITS == 3);
FROZEN(mask_coverage, CTM_MASK_COVERAGE == 4);
FROZEN(label_u32, CTM_LABEL_U32 == 0);
FROZEN(label_u16, CTM_LABEL_U16 == 1);
FROZEN(label_u8, CTM_LABEL_U8 == 2);
FROZEN(nearest_none, CTM_NEAREST_NONE == 0);
FROZEN(nearest_euclidean, CTM_NEAREST_EUCLIDEAN == 1);
FROZEN(nearest_chebyshev, CTM_NEAREST_CHEBYSHEV == 2);
FROZEN(merge_none, CTM_MERGE_NONE == 0);
FROZEN(merge_euclidean, CTM_MERGE_EUCLIDEAN == 1);
FROZEN(merge_chebyshev, CTM_MERGE_CHEBYSHEV == 2);
FROZEN(connected_none, CTM_CONNECTED_NONE == 0);
FROZEN(connected_4, CTM_CONNECTED_4 == 4);
FROZEN(connected_8, CTM_CONNECTED_8 == 8);
FROZEN(unlisted_ignore, CTM_UNLISTED_IGNORE == 0);
FROZEN(unlisted_error, CTM_UNLISTED_ERROR == 1);
FROZEN(unlisted_nearest, CTM_UNLISTED_NEAREST == 2);

FROZEN(handle_opaque_fd, CTM_HANDLE_OPAQUE_FD == 1);

FROZEN(status_is_4_bytes, sizeof(ctm_status) == 4);
FROZEN(status_is_signed, (ctm_status)-1 < 0);

#if UINTPTR_MAX == UINT64_MAX
FROZEN(options_size, sizeof(ctm_options) == 80);
FROZEN(options_struct_size, offsetof(ctm_options, struct_size) == 0);
FROZEN(options_backend, offsetof(ctm_options, backend) == 8);
FROZEN(options_max_threads, offsetof(ctm_options, max_threads) == 12);
FROZEN(options_device_name, offsetof(ctm_options, device_name) == 16);
FROZEN(options_device_timeout_ms, offsetof(ctm_options, device_timeout_ms) == 24);
FROZEN(options_reserved, offsetof(ctm_options, reserved) == 28);
FROZEN(options_memory_limit, offsetof(ctm_options, memory_limit) == 32);
FROZEN(options_pipeline_cache, offsetof(ctm_options, pipeline_cache) == 40);
FROZEN(options_pipeline_cache_size, offsetof(ctm_options, pipeline_cache_size) == 48);
FROZEN(options_log, offsetof(ctm_options, log) == 56);
FROZEN(options_log_user, offsetof(ctm_options, log_user) == 64);
FROZEN(options_log_level, offsetof(ctm_options, log_level) == 72);
FROZEN(options_reserved_2, offsetof(ctm_options, reserved_2) == 76);

FROZEN(counters_size, sizeof(ctm_counters) == 88);
FROZEN(counters_struct_size, offsetof(ctm_counters, struct_size) == 0);
FROZEN(counters_bytes_to_device, offsetof(ctm_counters, bytes_to_device) == 8);
FROZEN(counters_bytes_from_device, offsetof(ctm_counters, bytes_from_device) == 16);
FROZEN(counters_bytes_imported, offsetof(ctm_counters, bytes_imported) == 24);
FROZEN(counters_dispatches, offsetof(ctm_counters, dispatches) == 32);
FROZEN(counters_submissions, offsetof(ctm_counters, submissions) == 40);
FROZEN(counters_device_allocations, offsetof(ctm_counters, device_allocations) == 48);
FROZEN(counters_pipelines, offsetof(ctm_counters, pipelines) == 56);
FROZEN(counters_pixels_read, offsetof(ctm_counters, pixels_read) == 64);
FROZEN(counters_device_bytes, offsetof(ctm_counters, device_bytes) == 72);
FROZEN(counters_bytes_overlapped, offsetof(ctm_counters, bytes_overlapped) == 80);

FROZEN(image_size, sizeof(ctm_image) == 104);
FROZEN(image_struct_size, offsetof(ctm_image, struct_size) == 0);
FROZEN(image_pixels, offsetof(ctm_image, pixels) == 8);
FROZEN(image_width, offsetof(ctm_image, width) == 16);
FROZEN(image_height, offsetof(ctm_image, height) == 20);
FROZEN(image_channels, offsetof(ctm_image, channels) == 24);
FROZEN(image_format, offsetof(ctm_image, format) == 28);
FROZEN(image_channel_order, offsetof(ctm_image, channel_order) == 32);
FROZEN(image_planar, offsetof(ctm_image, planar) == 36);
FROZEN(image_pixel_stride, offsetof(ctm_image, pixel_stride) == 40);
FROZEN(image_row_stride, offsetof(ctm_image, row_stride) == 48);
FROZEN(image_plane_stride, offsetof(ctm_image, plane_stride) == 56);
FROZEN(image_image_count, offsetof(ctm_image, image_count) == 64);
FROZEN(image_reserved, offsetof(ctm_image, reserved) == 68);
FROZEN(image_image_stride, offsetof(ctm_image, image_stride) == 72);
FROZEN(image_left, offsetof(ctm_image, left) == 80);
FROZEN(image_top, offsetof(ctm_image, top) == 84);
FROZEN(image_rectangle_width, offsetof(ctm_image, rectangle_width) == 88);
FROZEN(image_rectangle_height, offsetof(ctm_image, rectangle_height) == 92);
FROZEN(image_device_memory, offsetof(ctm_image, device_memory) == 96);

FROZEN(device_memory_size, sizeof(ctm_device_memory) == 40);
FROZEN(device_memory_struct_size, offsetof(ctm_device_memory, struct_size) == 0);
FROZEN(device_memory_allocation_size, offsetof(ctm_device_memory, allocation_size) == 8);
FROZEN(device_memory_offset, offsetof(ctm_device_memory, offset) == 16);
FROZEN(device_memory_fd, offsetof(ctm_device_memory, fd) == 24);
FROZEN(device_memory_handle_type, offsetof(ctm_device_memory, handle_type) == 28);
FROZEN(device_memory_memory_type_index, offsetof(ctm_device_memory, memory_type_index) == 32);
FROZEN(device_memory_reserved, offsetof(ctm_device_memory, reserved) == 36);

FROZEN(params_size, sizeof(ctm_params) == 192);
FROZEN(params_struct_size, offsetof(ctm_params, struct_size) == 0);
FROZEN(params_min_pixels, offsetof(ctm_params, min_pixels) == 8);
FROZEN(params_max_count, offsetof(ctm_params, max_count) == 16);
FROZEN(params_matching, offsetof(ctm_params, matching) == 20);
FROZEN(params_alpha, offsetof(ctm_params, alpha) == 24);
FROZEN(params_least_alpha, offsetof(ctm_params, least_alpha) == 28);
FROZEN(params_batch, offsetof(ctm_params, batch) == 32);
FROZEN(params_palette_count, offsetof(ctm_params, palette_count) == 36);
FROZEN(params_palette, offsetof(ctm_params, palette) == 40);
FROZEN(params_ignored, offsetof(ctm_params, ignored) == 48);
FROZEN(params_ignored_count, offsetof(ctm_params, ignored_count) == 56);
FROZEN(params_nearest, offsetof(ctm_params, nearest) == 60);
FROZEN(params_tolerance, offsetof(ctm_params, tolerance) == 64);
FROZEN(params_unlisted, offsetof(ctm_params, unlisted) == 72);
FROZEN(params_merge, offsetof(ctm_params, merge) == 76);
FROZEN(params_merge_tolerance, offsetof(ctm_params, merge_tolerance) == 80);
FROZEN(params_merge_most_pixels, offsetof(ctm_params, merge_most_pixels) == 88);
FROZEN(params_connected, offsetof(ctm_params, connected) == 96);
FROZEN(params_unmix_radius, offsetof(ctm_params, unmix_radius) == 100);
FROZEN(params_progress, offsetof(ctm_params, progress) == 104);
FROZEN(params_progress_user, offsetof(ctm_params, progress_user) == 112);
FROZEN(params_counts, offsetof(ctm_params, counts) == 120);
FROZEN(params_palette_stored, offsetof(ctm_params, palette_stored) == 128);
FROZEN(params_ignored_stored, offsetof(ctm_params, ignored_stored) == 136);
FROZEN(params_absorb_pixels, offsetof(ctm_params, absorb_pixels) == 144);
FROZEN(params_absorb_unmasked, offsetof(ctm_params, absorb_unmasked) == 152);
FROZEN(params_fill_holes, offsetof(ctm_params, fill_holes) == 160);
FROZEN(params_absorb_connected, offsetof(ctm_params, absorb_connected) == 168);
FROZEN(params_reserved, offsetof(ctm_params, reserved) == 172);
FROZEN(params_regions, offsetof(ctm_params, regions) == 176);
FROZEN(params_part_left, offsetof(ctm_params, part_left) == 184);
FROZEN(params_part_top, offsetof(ctm_params, part_top) == 188);

FROZEN(outputs_size, sizeof(ctm_outputs) == 168);
FROZEN(outputs_struct_size, offsetof(ctm_outputs, struct_size) == 0);
FROZEN(outputs_masks, offsetof(ctm_outputs, masks) == 8);
FROZEN(outputs_masks_size, offsetof(ctm_outputs, masks_size) == 16);
FROZEN(outputs_mask_format, offsetof(ctm_outputs, mask_format) == 24);
FROZEN(outputs_label_format, offsetof(ctm_outputs, label_format) == 28);
FROZEN(outputs_labels, offsetof(ctm_outputs, labels) == 32);
FROZEN(outputs_labels_size, offsetof(ctm_outputs, labels_size) == 40);
FROZEN(outputs_palette, offsetof(ctm_outputs, palette) == 48);
FROZEN(outputs_palette_capacity, offsetof(ctm_outputs, palette_capacity) == 56);
FROZEN(outputs_palette_entry_size, offsetof(ctm_outputs, palette_entry_size) == 64);
FROZEN(outputs_unlisted, offsetof(ctm_outputs, unlisted) == 72);
FROZEN(outputs_unlisted_capacity, offsetof(ctm_outputs, unlisted_capacity) == 80);
FROZEN(outputs_mask_row_stride, offsetof(ctm_outputs, mask_row_stride) == 88);
FROZEN(outputs_mask_image_stride, offsetof(ctm_outputs, mask_image_stride) == 96);
FROZEN(outputs_mask_stride, offsetof(ctm_outputs, mask_stride) == 104);
FROZEN(outputs_cropped, offsetof(ctm_outputs, cropped) == 112);
FROZEN(outputs_report_unlisted, offsetof(ctm_outputs, report_unlisted) == 116);
FROZEN(outputs_merged, offsetof(ctm_outputs, merged) == 120);
FROZEN(outputs_merged_capacity, offsetof(ctm_outputs, merged_capacity) == 128);
FROZEN(outputs_masks_memory, offsetof(ctm_outputs, masks_memory) == 136);
FROZEN(outputs_labels_memory, offsetof(ctm_outputs, labels_memory) == 144);
FROZEN(outputs_runs, offsetof(ctm_outputs, runs) == 152);
FROZEN(outputs_outlines, offsetof(ctm_outputs, outlines) == 160);

FROZEN(runs_size, sizeof(ctm_runs) == 48);
FROZEN(runs_struct_size, offsetof(ctm_runs, struct_size) == 0);
FROZEN(runs_counts, offsetof(ctm_runs, counts) == 8);
FROZEN(runs_counts_capacity, offsetof(ctm_runs, counts_capacity) == 16);
FROZEN(runs_offsets, offsetof(ctm_runs, offsets) == 24);
FROZEN(runs_offsets_capacity, offsetof(ctm_runs, offsets_capacity) == 32);
FROZEN(runs_order, offsetof(ctm_runs, order) == 40);
FROZEN(runs_reserved, offsetof(ctm_runs, reserved) == 44);

FROZEN(outlines_size, sizeof(ctm_outlines) == 80);
FROZEN(outlines_struct_size, offsetof(ctm_outlines, struct_size) == 0);
FROZEN(outlines_points, offsetof(ctm_outlines, points) == 8);
FROZEN(outlines_points_capacity, offsetof(ctm_outlines, points_capacity) == 16);
FROZEN(outlines_ring_offsets, offsetof(ctm_outlines, ring_offsets) == 24);
FROZEN(outlines_ring_offsets_capacity, offsetof(ctm_outlines, ring_offsets_capacity) == 32);
FROZEN(outlines_ring_exteriors, offsetof(ctm_outlines, ring_exteriors) == 40);
FROZEN(outlines_ring_exteriors_capacity, offsetof(ctm_outlines, ring_exteriors_capacity) == 48);
FROZEN(outlines_mask_offsets, offsetof(ctm_outlines, mask_offsets) == 56);
FROZEN(outlines_mask_offsets_capacity, offsetof(ctm_outlines, mask_offsets_capacity) == 64);
FROZEN(outlines_connected, offsetof(ctm_outlines, connected) == 72);
FROZEN(outlines_tolerance, offsetof(ctm_outlines, tolerance) == 76);

FROZEN(merged_color_size, sizeof(ctm_merged_color) == 72);
FROZEN(merged_color_color, offsetof(ctm_merged_color, color) == 0);
FROZEN(merged_color_into, offsetof(ctm_merged_color, into) == 16);
FROZEN(merged_color_pixel_count, offsetof(ctm_merged_color, pixel_count) == 32);
FROZEN(merged_color_stored, offsetof(ctm_merged_color, stored) == 40);
FROZEN(merged_color_into_stored, offsetof(ctm_merged_color, into_stored) == 56);

FROZEN(palette_entry_size, sizeof(ctm_palette_entry) == 88);
FROZEN(palette_entry_color, offsetof(ctm_palette_entry, color) == 0);
FROZEN(palette_entry_pixel_count, offsetof(ctm_palette_entry, pixel_count) == 16);
FROZEN(palette_entry_left, offsetof(ctm_palette_entry, left) == 24);
FROZEN(palette_entry_top, offsetof(ctm_palette_entry, top) == 28);
FROZEN(palette_entry_width, offsetof(ctm_palette_entry, width) == 32);
FROZEN(palette_entry_height, offsetof(ctm_palette_entry, height) == 36);
FROZEN(palette_entry_first_x, offsetof(ctm_palette_entry, first_x) == 40);
FROZEN(palette_entry_first_y, offsetof(ctm_palette_entry, first_y) == 44);
FROZEN(palette_entry_centroid_x, offsetof(ctm_palette_entry, centroid_x) == 48);
FROZEN(palette_entry_centroid_y, offsetof(ctm_palette_entry, centroid_y) == 56);
FROZEN(palette_entry_mask_offset, offsetof(ctm_palette_entry, mask_offset) == 64);
FROZEN(palette_entry_stored, offsetof(ctm_palette_entry, stored) == 72);

FROZEN(result_size, sizeof(ctm_result) == 136);
FROZEN(result_struct_size, offsetof(ctm_result, struct_size) == 0);
FROZEN(result_mask_count, offsetof(ctm_result, mask_count) == 8);
FROZEN(result_reserved, offsetof(ctm_result, reserved) == 12);
FROZEN(result_distinct_colors, offsetof(ctm_result, distinct_colors) == 16);
FROZEN(result_masks_size, offsetof(ctm_result, masks_size) == 24);
FROZEN(result_labels_size, offsetof(ctm_result, labels_size) == 32);
FROZEN(result_palette_len, offsetof(ctm_result, palette_len) == 40);
FROZEN(result_unlisted_pixels, offsetof(ctm_result, unlisted_pixels) == 48);
FROZEN(result_unlisted_colors, offsetof(ctm_result, unlisted_colors) == 56);
FROZEN(result_merged_pixels, offsetof(ctm_result, merged_pixels) == 64);
FROZEN(result_merged_colors, offsetof(ctm_result, merged_colors) == 72);
FROZEN(result_run_counts_len, offsetof(ctm_result, run_counts_len) == 80);
FROZEN(result_outline_points_len, offsetof(ctm_result, outline_points_len) == 88);
FROZEN(result_outline_rings_len, offsetof(ctm_result, outline_rings_len) == 96);
FROZEN(result_absorbed_regions, offsetof(ctm_result, absorbed_regions) == 104);
FROZEN(result_absorbed_pixels, offsetof(ctm_result, absorbed_pixels) == 112);
FROZEN(result_filled_holes, offsetof(ctm_result, filled_holes) == 120);
FROZEN(result_filled_pixels, offsetof(ctm_result, filled_pixels) == 128);
#endif

static void every_status_has_its_own_sentence(void)
{
    for (int a = 0; a < STATUSES; a++) {
        const char *sentence = ctm_status_string(statuses[a]);
        CHECK(sentence != NULL);
        CHECK(strlen(sentence) > 3);
        CHECK(strcmp(sentence, "unknown status") != 0);
        CHECK(sentence == ctm_status_string(statuses[a])); /* Static. */
        for (int b = 0; b < a; b++) {
            CHECK(strcmp(sentence, ctm_status_string(statuses[b])) != 0);
        }
    }
    /* Fails when a status is added and not here. */
    static const ctm_status unknown[] = { 14, 15, 1000, -1, INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        CHECK(strcmp(ctm_status_string(unknown[i]), "unknown status") == 0);
    }
}

static void one_version_everywhere(void)
{
    char version[64];
    snprintf(version, sizeof version, "%d.%d.%d", CTM_VERSION_MAJOR, CTM_VERSION_MINOR,
             CTM_VERSION_PATCH);
    CHECK(strcmp(CTM_VERSION, version) == 0);
    CHECK(strcmp(ctm_version(), CTM_VERSION) == 0);
    CHECK(ctm_version() == ctm_version());
}

int main(void)
{
    every_status_has_its_own_sentence();
    one_version_everywhere();
    return 0;
}
