//! `ctm_outputs` and its entries: what is to be written.

use std::ffi::c_void;

use crate::capi::device_memory::ctm_device_memory;
use crate::capi::outlines::ctm_outlines;
use crate::capi::runs::ctm_runs;
use crate::capi::status::ctm_status;
use crate::capi::structs::{self, Versioned, flag, unknown};
use crate::error::Error;
use crate::types::outputs::{LabelWidth, MaskFormat, MaskLayout};

/// `ctm_outputs.mask_format`: floats, 1.0f inside and 0.0f outside.
pub const CTM_MASK_F32: u32 = 0;
/// `ctm_outputs.mask_format`: bytes, 255 inside and 0 outside.
pub const CTM_MASK_U8: u32 = 1;
/// `ctm_outputs.mask_format`: bytes, 1 inside and 0 outside.
pub const CTM_MASK_U8_ONE: u32 = 2;

/// `ctm_outputs.mask_format`: a bit a pixel, 1 inside and 0 outside. Each row begins with a byte, its first pixel with the
/// highest bit, as in PBM files; unused bits are 0.
pub const CTM_MASK_BITS: u32 = 3;

/// `ctm_outputs.mask_format`: floats, 0.0f to 1.0f: how much of a pixel is in the mask. With `ctm_params.unmix_radius` the
/// shares of the pixels that are unmixed, which are multiples of 1/65536 and of which those of all masks sum to 1
/// exactly; other pixels as with `CTM_MASK_F32`. The bounding boxes of the palette's entries, to which `cropped` crops,
/// then hold all pixels of which the mask has a share; the other fields count pixels as without. Not with
/// `ctm_params.connected`.
pub const CTM_MASK_COVERAGE: u32 = 4;

/// `ctm_outputs.label_format`: integers of 32 bits, for any number of masks.
pub const CTM_LABEL_U32: u32 = 0;
/// `ctm_outputs.label_format`: integers of 16 bits, for at most 65,535 masks.
pub const CTM_LABEL_U16: u32 = 1;
/// `ctm_outputs.label_format`: bytes, for at most 255 masks.
pub const CTM_LABEL_U8: u32 = 2;

/// What is to be written. Start from `CTM_OUTPUTS_INIT`; what is NULL is not written, and any outputs may be asked for
/// together. Of several images, a mask's planes come together: mask 0 of all images, then mask 1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_outputs {
    /// `sizeof(ctm_outputs)` as the caller's header has it; `CTM_OUTPUTS_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// Receives planes of `height * width` values, one for each mask and image. Aligned for its values, as the strides
    /// are; may be uninitialised. What lies between rows, between planes or behind the last one is not touched.
    /// Memory that is kept from call to call is written many times as fast as new memory: see `ctm_buffer_alloc`.
    pub masks: *mut c_void,
    /// The size of `masks` in bytes.
    pub masks_size: usize,
    /// One of the `CTM_MASK_…` numbers.
    pub mask_format: u32,
    /// One of the `CTM_LABEL_…` numbers.
    pub label_format: u32,
    /// Receives `height * width` labels for each image: 0 where a pixel is in no mask, else the number of its mask
    /// plus one. Aligned for its values; may be uninitialised. What lies behind the last label is not touched.
    pub labels: *mut c_void,
    /// The size of `labels` in bytes.
    pub labels_size: usize,
    /// Receives an entry for each mask and image: mask 0 of all images, then mask 1. Aligned for its fields; may be
    /// uninitialised. NULL: not written.
    pub palette: *mut ctm_palette_entry,
    /// How many entries `palette` has room for.
    pub palette_capacity: usize,
    /// `sizeof(ctm_palette_entry)` as the caller's header has it; `CTM_OUTPUTS_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub palette_entry_size: usize,
    /// Receives the most frequent unlisted colours, those that a given palette does not have, in the order of masks, with
    /// their pixel counts and first pixels; the rows of several images are counted one below the other, and the other
    /// fields are 0. As many entries are written as there are such colours, and no more than `unlisted_capacity`. NULL:
    /// not listed.
    pub unlisted: *mut ctm_palette_entry,
    /// How many entries `unlisted` has room for.
    pub unlisted_capacity: usize,
    /// Bytes from a mask's row to the next one in memory; negative: the bottom row comes first. 0: no gap.
    pub mask_row_stride: isize,
    /// Bytes from a mask's plane of an image to its plane of the next image. 0: no gap.
    pub mask_image_stride: usize,
    /// Bytes from a mask to the next one. 0: no gap behind its planes of all images; with less than those take, the masks
    /// of an image come together, before those of the next.
    pub mask_stride: usize,
    /// 1: each mask is cropped to its bounding box in each image. They follow each other without gaps, mask 0 of all
    /// images, then mask 1; `mask_offset` of the palette's entries says where each begins. The strides must be 0.
    pub cropped: u32,
    /// 1: unlisted colours, those that a given palette does not have, are looked for, and `ctm_result` counts them, also
    /// where `unlisted` is NULL. All colours of the image must be listed for it, which takes time and memory where they
    /// are many. 0: they are looked for only if something else needs it.
    pub report_unlisted: u32,
    /// Receives the most frequent of the colours that `ctm_params.merge` has made others, in the order of masks. As many
    /// entries are written as there are such colours, and no more than `merged_capacity`. NULL: not listed.
    pub merged: *mut ctm_merged_color,
    /// How many entries `merged` has room for.
    pub merged_capacity: usize,
    /// NULL: the masks go to `masks`. Else they go to this memory of the context's Vulkan device, where `masks_size`
    /// counts from its `offset` on, and `masks` must be NULL: planes of floats without gaps, not cropped; anything else is
    /// `CTM_ERROR_UNSUPPORTED`. Nothing but the masks is touched there.
    pub masks_memory: *const ctm_device_memory,
    /// NULL: the labels go to `labels`. Else they go to this memory of the context's Vulkan device, in any `label_format`,
    /// where `labels_size` counts from its `offset` on, and `labels` must be NULL. Nothing but the labels is touched there.
    pub labels_memory: *const ctm_device_memory,
    /// NULL: no run lengths are found. Else each mask is told as run lengths, which go to where this struct says; with
    /// `cropped` those of its bounding box. Where its buffers are NULL, `ctm_result` tells how many numbers there are.
    pub runs: *const ctm_runs,
    /// NULL: no outlines are found. Else each mask is told as polygons, which go to where this struct says. Where its buffers
    /// are NULL, `ctm_result` tells how many corners and rings there are.
    pub outlines: *const ctm_outlines,
}

/// A colour that became another, of which it was a near-duplicate.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_merged_color {
    /// As it is in the image: values as in `ctm_palette_entry.color`.
    pub color: [f32; 4],
    /// What it became.
    pub into: [f32; 4],
    /// How many pixels have it, in all images.
    pub pixel_count: u64,
    /// `color` as it is stored: values as in `ctm_palette_entry.stored`.
    pub stored: [u32; 4],
    /// `into` as it is stored.
    pub into_stored: [u32; 4],
}

/// A mask's colour, and where its pixels lie in one image. Columns and rows count from 0, from the left and from the
/// top of the rectangle of interest. Where the mask has no pixel, all but the colour is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_palette_entry {
    /// Red, green, blue and alpha, or grey and alpha, in the units of the image: 0 to 255 for bytes, 0 to 65,535 for
    /// integers of 16 bits; 0 where the image has no such channel or it is no part of the colour. With
    /// `CTM_MATCH_8_BIT` the rounded values: n / 255 for floats, 257 n for integers of 16 bits. An integer of 32 bits is
    /// the float nearest to it: `stored` has it exactly.
    pub color: [f32; 4],
    /// How many pixels the mask has.
    pub pixel_count: u64,
    /// The bounding box's first column.
    pub left: u32,
    /// The bounding box's first row.
    pub top: u32,
    /// Columns of the bounding box.
    pub width: u32,
    /// Rows of the bounding box.
    pub height: u32,
    /// The column of the first pixel in reading order.
    pub first_x: u32,
    /// The row of the first pixel in reading order.
    pub first_y: u32,
    /// The mean of the pixels' columns: the exact sum, divided once. 0 is the middle of the first column.
    pub centroid_x: f64,
    /// The mean of the pixels' rows.
    pub centroid_y: f64,
    /// Where the mask's plane or cropped plane begins, in bytes from `masks` on. With a negative `mask_row_stride` that is
    /// its bottom row.
    pub mask_offset: u64,
    /// `color` as the image stores it, to the bit: the integers, of `CTM_FORMAT_I32` in two's complement, or the floats'
    /// bits, of `CTM_FORMAT_F16` in the lower half and of the nearest one where `CTM_MATCH_8_BIT` gives a value that the
    /// format does not have. 0 where `color` is for want of a channel. `ctm_params.palette_stored` takes it.
    pub stored: [u32; 4],
}

// SAFETY: as the trait says.
unsafe impl Versioned for ctm_outputs {
    /// Initialises a `ctm_outputs`: nothing is written.
    const INIT: Self = Self {
        struct_size: size_of::<Self>(),
        masks: std::ptr::null_mut(),
        masks_size: 0,
        mask_format: CTM_MASK_F32,
        label_format: CTM_LABEL_U32,
        labels: std::ptr::null_mut(),
        labels_size: 0,
        palette: std::ptr::null_mut(),
        palette_capacity: 0,
        palette_entry_size: size_of::<ctm_palette_entry>(),
        unlisted: std::ptr::null_mut(),
        unlisted_capacity: 0,
        mask_row_stride: 0,
        mask_image_stride: 0,
        mask_stride: 0,
        cropped: 0,
        report_unlisted: 0,
        merged: std::ptr::null_mut(),
        merged_capacity: 0,
        masks_memory: std::ptr::null(),
        labels_memory: std::ptr::null(),
        runs: std::ptr::null(),
        outlines: std::ptr::null(),
    };
    const SIZES: &'static [usize] = &[size_of::<Self>()];
    const MACRO: &'static str = "CTM_OUTPUTS_INIT";
}

/// Writes the defaults to a `ctm_outputs`: nothing is written. It does what `CTM_OUTPUTS_INIT` does, for languages that
/// cannot see a macro.
///
/// @param outputs Receives `size` bytes; may be uninitialised. Must not be NULL.
/// @param size `sizeof(ctm_outputs)`, as the caller's declaration has it: every size ever published works.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, where `outputs` is NULL or misaligned or the size
/// is none that was published; `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Threads: any, at any time.
///
/// # Safety
/// `outputs` is NULL or can be written to for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_outputs_init(outputs: *mut ctm_outputs, size: usize) -> ctm_status {
    // SAFETY: the caller guarantees the struct.
    unsafe { structs::initialize("outputs", outputs, size) }
}

impl ctm_palette_entry {
    pub(super) const NOTHING: Self = Self {
        color: [0.0; 4],
        pixel_count: 0,
        left: 0,
        top: 0,
        width: 0,
        height: 0,
        first_x: 0,
        first_y: 0,
        centroid_x: 0.0,
        centroid_y: 0.0,
        mask_offset: 0,
        stored: [0; 4],
    };
}

/// How outputs are to be written, as far as that does not depend on an image.
pub(super) struct Formats {
    pub(super) mask: MaskFormat,
    pub(super) label: LabelWidth,
    pub(super) layout: MaskLayout,
    pub(super) cropped: bool,
    pub(super) report_unlisted: bool,
}

impl Formats {
    pub(super) fn new(fields: &ctm_outputs) -> Result<Self, Error> {
        let mask = match fields.mask_format {
            CTM_MASK_F32 => MaskFormat::F32,
            CTM_MASK_U8 => MaskFormat::U8(255),
            CTM_MASK_U8_ONE => MaskFormat::U8(1),
            CTM_MASK_BITS => MaskFormat::Bits,
            CTM_MASK_COVERAGE => MaskFormat::Coverage,
            format => {
                let expected = "0 (f32), 1 (u8), 2 (u8, 0 or 1), 3 (bits) or 4 (coverage)";
                return unknown("outputs.mask_format", format, expected);
            }
        };
        let label = match fields.label_format {
            CTM_LABEL_U32 => LabelWidth::Four,
            CTM_LABEL_U16 => LabelWidth::Two,
            CTM_LABEL_U8 => LabelWidth::One,
            format => return unknown("outputs.label_format", format, "0 (u32), 1 (u16) or 2 (u8)"),
        };
        let cropped = flag("outputs.cropped", fields.cropped)?;
        let layout = MaskLayout {
            row_stride: fields.mask_row_stride,
            image_stride: fields.mask_image_stride,
            mask_stride: fields.mask_stride,
        };
        if cropped && layout != MaskLayout::default() {
            return Err(Error::InvalidArgument(
                "outputs.cropped is 1 and outputs.mask_row_stride, mask_image_stride or mask_stride is not 0; 0 is expected"
                    .to_owned(),
            ));
        }
        let report_unlisted = flag("outputs.report_unlisted", fields.report_unlisted)?;
        Ok(Self { mask, label, layout, cropped, report_unlisted })
    }

    /// Whether pixels are to be looked at though nothing is to be written.
    pub(super) fn asks_to_look(&self) -> bool {
        self.cropped || self.report_unlisted
    }
}
