//! The C interface as a C program sees it: `include/ctm.h`, of which this is the part that is fuzzed.

use std::ffi::{c_char, c_void};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Options {
    pub struct_size: usize,
    pub backend: u32,
    pub max_threads: u32,
    pub device_name: *const c_char,
    pub device_timeout_ms: u32,
    pub reserved: u32,
    pub memory_limit: u64,
    pub pipeline_cache: *const c_void,
    pub pipeline_cache_size: usize,
    pub log: Option<unsafe extern "C" fn(*mut c_void, u32, *const c_char)>,
    pub log_user: *mut c_void,
    pub log_level: u32,
    pub reserved_2: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Image {
    pub struct_size: usize,
    pub pixels: *const c_void,
    pub width: u32,
    pub height: u32,
    pub channels: u32,
    pub format: u32,
    pub channel_order: u32,
    pub planar: u32,
    pub pixel_stride: usize,
    pub row_stride: isize,
    pub plane_stride: usize,
    pub image_count: u32,
    pub reserved: u32,
    pub image_stride: usize,
    pub left: u32,
    pub top: u32,
    pub rectangle_width: u32,
    pub rectangle_height: u32,
    pub device_memory: *const c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Params {
    pub struct_size: usize,
    pub min_pixels: u64,
    pub max_count: u32,
    pub matching: u32,
    pub alpha: u32,
    pub least_alpha: f32,
    pub batch: u32,
    pub palette_count: u32,
    pub palette: *const f32,
    pub ignored: *const f32,
    pub ignored_count: u32,
    pub nearest: u32,
    pub tolerance: f64,
    pub unlisted: u32,
    pub merge: u32,
    pub merge_tolerance: f64,
    pub merge_most_pixels: u64,
    pub connected: u32,
    pub unmix_radius: u32,
    pub progress: Option<unsafe extern "C" fn(*mut c_void, f64) -> i32>,
    pub progress_user: *mut c_void,
    pub counts: *const Counts,
    pub palette_stored: *const u32,
    pub ignored_stored: *const u32,
    pub absorb_pixels: u64,
    pub absorb_unmasked: u64,
    pub fill_holes: u64,
    pub absorb_connected: u32,
    pub reserved: u32,
    pub regions: *const Regions,
    pub part_left: u32,
    pub part_top: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    pub color: [f32; 4],
    pub pixel_count: u64,
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
    pub first_x: u32,
    pub first_y: u32,
    pub centroid_x: f64,
    pub centroid_y: f64,
    pub mask_offset: u64,
    pub stored: [u32; 4],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Outputs {
    pub struct_size: usize,
    pub masks: *mut c_void,
    pub masks_size: usize,
    pub mask_format: u32,
    pub label_format: u32,
    pub labels: *mut c_void,
    pub labels_size: usize,
    pub palette: *mut Entry,
    pub palette_capacity: usize,
    pub palette_entry_size: usize,
    pub unlisted: *mut Entry,
    pub unlisted_capacity: usize,
    pub mask_row_stride: isize,
    pub mask_image_stride: usize,
    pub mask_stride: usize,
    pub cropped: u32,
    pub report_unlisted: u32,
    pub merged: *mut c_void,
    pub merged_capacity: usize,
    pub masks_memory: *const c_void,
    pub labels_memory: *const c_void,
    pub runs: *const Runs,
    pub outlines: *const Outlines,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Outlines {
    pub struct_size: usize,
    pub points: *mut u32,
    pub points_capacity: usize,
    pub ring_offsets: *mut u64,
    pub ring_offsets_capacity: usize,
    pub ring_exteriors: *mut u64,
    pub ring_exteriors_capacity: usize,
    pub mask_offsets: *mut u64,
    pub mask_offsets_capacity: usize,
    pub connected: u32,
    pub tolerance: f32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Runs {
    pub struct_size: usize,
    pub counts: *mut u32,
    pub counts_capacity: usize,
    pub offsets: *mut u64,
    pub offsets_capacity: usize,
    pub order: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub struct_size: usize,
    pub mask_count: u32,
    pub reserved: u32,
    pub distinct_colors: u64,
    pub masks_size: u64,
    pub labels_size: u64,
    pub palette_len: u64,
    pub unlisted_pixels: u64,
    pub unlisted_colors: u64,
    pub merged_pixels: u64,
    pub merged_colors: u64,
    pub run_counts_len: u64,
    pub outline_points_len: u64,
    pub outline_rings_len: u64,
    pub absorbed_regions: u64,
    pub absorbed_pixels: u64,
    pub filled_holes: u64,
    pub filled_pixels: u64,
}

#[repr(C)]
pub struct Context {
    _private: [u8; 0],
}

#[repr(C)]
pub struct Counts {
    _private: [u8; 0],
}

#[repr(C)]
pub struct Regions {
    _private: [u8; 0],
}

#[repr(C)]
pub struct Mosaic {
    _private: [u8; 0],
}

pub const OK: i32 = 0;
pub const INVALID_ARGUMENT: i32 = 1;
pub const BUFFER_TOO_SMALL: i32 = 2;
pub const OUT_OF_MEMORY: i32 = 3;
pub const DATA: i32 = 13;
/// Of which nobody can be to blame but ctm.
pub const INTERNAL: i32 = 9;

#[allow(clashing_extern_declarations)]
unsafe extern "C" {
    pub fn ctm_create(options: *const Options, context: *mut *mut Context) -> i32;
    pub fn ctm_destroy(context: *mut Context);
    pub fn ctm_last_error(context: *const Context) -> *const c_char;
    pub fn ctm_run(
        context: *mut Context,
        color_map: *const f32,
        width: u32,
        height: u32,
        channels: u32,
        min_pixels: u64,
        max_count: u32,
        masks: *mut f32,
        masks_len: usize,
        mask_count: *mut u32,
    ) -> i32;
    pub fn ctm_analyze(
        context: *mut Context,
        image: *const Image,
        params: *const Params,
        outputs: *const Outputs,
        result: *mut Found,
    ) -> i32;
    pub fn ctm_counts_create(context: *mut Context, counts: *mut *mut Counts) -> i32;
    pub fn ctm_counts_destroy(counts: *mut Counts);
    pub fn ctm_counts_add(
        context: *mut Context,
        counts: *mut Counts,
        image: *const Image,
        params: *const Params,
    ) -> i32;
    pub fn ctm_counts_merge(context: *mut Context, counts: *mut Counts, other: *const Counts) -> i32;
    pub fn ctm_counts_export(
        context: *const Context,
        counts: *const Counts,
        data: *mut c_void,
        size: *mut usize,
    ) -> i32;
    pub fn ctm_counts_import(
        context: *mut Context,
        data: *const c_void,
        size: usize,
        counts: *mut *mut Counts,
    ) -> i32;
    pub fn ctm_counts_select(
        context: *mut Context,
        counts: *const Counts,
        params: *const Params,
        outputs: *const Outputs,
        result: *mut Found,
    ) -> i32;
    pub fn ctm_regions_create(
        context: *mut Context,
        width: u32,
        height: u32,
        regions: *mut *mut Regions,
    ) -> i32;
    pub fn ctm_regions_destroy(regions: *mut Regions);
    pub fn ctm_regions_add(
        context: *mut Context,
        regions: *mut Regions,
        image: *const Image,
        left: u32,
        top: u32,
        params: *const Params,
    ) -> i32;
    pub fn ctm_regions_merge(context: *mut Context, regions: *mut Regions, other: *const Regions) -> i32;
    pub fn ctm_regions_export(
        context: *const Context,
        regions: *const Regions,
        data: *mut c_void,
        size: *mut usize,
    ) -> i32;
    pub fn ctm_regions_import(
        context: *mut Context,
        data: *const c_void,
        size: usize,
        regions: *mut *mut Regions,
    ) -> i32;
    pub fn ctm_regions_select(
        context: *mut Context,
        regions: *const Regions,
        params: *const Params,
        outputs: *const Outputs,
        result: *mut Found,
    ) -> i32;
    pub fn ctm_mosaic_create(context: *mut Context, width: u32, height: u32, mosaic: *mut *mut Mosaic)
    -> i32;
    pub fn ctm_mosaic_destroy(mosaic: *mut Mosaic);
    pub fn ctm_mosaic_add(
        context: *mut Context,
        mosaic: *mut Mosaic,
        left: u32,
        top: u32,
        width: u32,
        height: u32,
        labels: *const c_void,
        label_format: u32,
        row_stride: usize,
    ) -> i32;
    pub fn ctm_mosaic_merge(context: *mut Context, mosaic: *mut Mosaic, other: *const Mosaic) -> i32;
    pub fn ctm_mosaic_export(
        context: *const Context,
        mosaic: *const Mosaic,
        data: *mut c_void,
        size: *mut usize,
    ) -> i32;
    pub fn ctm_mosaic_import(
        context: *mut Context,
        data: *const c_void,
        size: usize,
        mosaic: *mut *mut Mosaic,
    ) -> i32;
    pub fn ctm_mosaic_write(
        context: *mut Context,
        mosaic: *const Mosaic,
        mask_count: u32,
        outputs: *const Outputs,
        result: *mut Found,
    ) -> i32;
    pub fn ctm_context_pipeline_cache(context: *const Context, data: *mut c_void, size: *mut usize) -> i32;
}

/// A C `…_INIT`: zeros but for the size.
macro_rules! init {
    ($type:ident { $($field:ident: $value:expr),* }) => {
        impl $type {
            pub fn init() -> Self {
                // SAFETY: all zeros are a value of each of these structs.
                let zero: Self = unsafe { std::mem::zeroed() };
                Self { struct_size: size_of::<Self>(), $($field: $value,)* ..zero }
            }
        }
    };
}

init!(Options {});
init!(Image {});
init!(Params { min_pixels: 1, max_count: u32::MAX });
init!(Outputs { palette_entry_size: size_of::<Entry>() });
init!(Runs {});
init!(Outlines {});
init!(Found {});

/// A context that lives as long as the process.
#[derive(Clone, Copy)]
pub struct Shared(pub *mut Context);

// SAFETY: the library lets any thread call.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub fn new(options: &Options) -> Self {
        let mut context = std::ptr::null_mut();
        // SAFETY: both are there during the call.
        let status = unsafe { ctm_create(options, &mut context) };
        assert_eq!(status, OK, "{}", last_error(std::ptr::null()));
        Self(context)
    }
}

/// The CPU with so many threads.
pub fn cpu(max_threads: u32, memory_limit: u64) -> Options {
    Options { backend: 2, max_threads, memory_limit, ..Options::init() }
}

pub fn last_error(context: *const Context) -> String {
    // SAFETY: NULL or a living context; the text is there until the next call.
    unsafe { std::ffi::CStr::from_ptr(ctm_last_error(context)) }.to_string_lossy().into_owned()
}
