//! `ctm_outputs` and `ctm_palette_entry`: what is to be written.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::capi::analyze::ctm_result;
use crate::capi::buffers::{Extent, null};
use crate::capi::device_memory::ctm_device_memory;
use crate::capi::structs::{inside, unknown};
use crate::context::Emit;
use crate::error::Error;
use crate::output::label_output::LabelTarget;
use crate::output::planes::Strides;
use crate::types::geometry::Frame;
use crate::types::image::ColorMap;
use crate::types::outputs::{Analysis, DeviceOutputs, LabelWidth, MaskFormat, MaskLayout, Masks};

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

/// What is to be written. Start from `CTM_OUTPUTS_INIT`; what is NULL is not written, and any of them may be asked
/// for together. Of several images, a mask's planes come together: mask 0 of all images, then mask 1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_outputs {
    /// `sizeof(ctm_outputs)` as the caller's header has it; `CTM_OUTPUTS_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// Receives planes of `height * width` values, one for each mask and image. Aligned for its values, as the strides
    /// are; may be uninitialised. What lies between rows, between planes or behind the last one is not touched.
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
    /// uninitialised.
    pub palette: *mut ctm_palette_entry,
    /// How many entries `palette` has room for.
    pub palette_capacity: usize,
    /// `sizeof(ctm_palette_entry)` as the caller's header has it; `CTM_OUTPUTS_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub palette_entry_size: usize,
    /// Receives the most frequent of the colours that a given palette does not have, in the order of masks, with their
    /// pixel counts and first pixels; the rows of several images are counted one below the other, and the other fields
    /// are 0. As many entries are written as there are such colours, and room.
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
    /// 1: such colours are looked for, and `result` counts them, also without `unlisted`. All colours of the image
    /// must be listed for it, which takes time and memory where they are many. 0: only if something else needs it.
    pub report_unlisted: u32,
    /// Receives the most frequent of the colours that `params.merge` has made others, in the order of masks. As many
    /// entries are written as there are such colours, and room.
    pub merged: *mut ctm_merged_color,
    /// How many entries `merged` has room for.
    pub merged_capacity: usize,
    /// NULL: the masks go to `masks`. Else they go to this memory of the context's Vulkan device, where `masks_size`
    /// counts from its `offset` on, and `masks` must be NULL: planes of floats without gaps, not cropped; anything else is
    /// `CTM_ERROR_UNSUPPORTED`. Nothing but the masks is touched there.
    pub masks_memory: *const ctm_device_memory,
    /// The same for `labels`, in any `label_format`.
    pub labels_memory: *const ctm_device_memory,
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
}

/// A mask's colour, and where its pixels lie in one image. Columns and rows count from 0, from the left and from the
/// top of the rectangle of interest. Where the mask has no pixel, all but the colour is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_palette_entry {
    /// Red, green, blue and alpha, or grey and alpha, in the units of the image: 0 to 255 for bytes, 0 to 65,535 for
    /// integers of 16 bits; 0 where the image has no such channel or it is no part of the colour. With
    /// `CTM_MATCH_8_BIT` the rounded values: n / 255 for floats, 257 n for integers of 16 bits.
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
}

/// The sizes of the struct that were ever published.
pub(super) const OUTPUTS_SIZES: [usize; 1] = [size_of::<ctm_outputs>()];

const ENTRY_SIZES: [usize; 1] = [size_of::<ctm_palette_entry>()];

impl ctm_outputs {
    pub(super) const INIT: Self = Self {
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
    };
}

impl ctm_palette_entry {
    const NOTHING: Self = Self {
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
    };
}

/// Outputs whose fields are in range.
pub(super) struct Checked<'a> {
    fields: &'a ctm_outputs,
    mask: MaskFormat,
    layout: MaskLayout,
    strides: Strides,
    cropped: bool,
    /// Bytes of a label.
    label: usize,
    /// Pixels of all images.
    pixels: usize,
    images: usize,
    report_unlisted: bool,
    device: DeviceOutputs,
    /// Bytes of the masks and labels that are in the host's memory.
    host_sizes: [usize; 2],
}

impl<'a> Checked<'a> {
    /// # Safety
    /// The structs that `fields` points to are there.
    pub(super) unsafe fn new(fields: &'a ctm_outputs, map: &ColorMap) -> Result<Self, Error> {
        let mask = match fields.mask_format {
            CTM_MASK_F32 => MaskFormat::F32,
            CTM_MASK_U8 => MaskFormat::U8(255),
            CTM_MASK_U8_ONE => MaskFormat::U8(1),
            CTM_MASK_BITS => MaskFormat::Bits,
            CTM_MASK_COVERAGE => MaskFormat::Coverage,
            format => {
                let expected = "0 (F32), 1 (U8), 2 (U8, 0 or 1), 3 (bits) or 4 (coverage)";
                return unknown("outputs.mask_format", format, expected);
            }
        };
        let label = match fields.label_format {
            CTM_LABEL_U32 => 4,
            CTM_LABEL_U16 => 2,
            CTM_LABEL_U8 => 1,
            format => return unknown("outputs.label_format", format, "0 (U32), 1 (U16) or 2 (U8)"),
        };
        if !ENTRY_SIZES.contains(&fields.palette_entry_size) {
            return Err(Error::InvalidArgument(format!(
                "outputs.palette_entry_size is {}; this library, version {}, knows {ENTRY_SIZES:?} (start from CTM_OUTPUTS_INIT)",
                fields.palette_entry_size,
                crate::VERSION
            )));
        }
        let cropped = match fields.cropped {
            0 => false,
            1 => true,
            cropped => return unknown("outputs.cropped", cropped, "0 or 1"),
        };
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
        let shape = map.shape();
        let frame = Frame {
            width: shape.width() as usize,
            height: shape.height() as usize,
            images: map.images() as usize,
        };
        let strides = Strides::new(&layout, mask, frame).map_err(|error| inside("outputs", error))?;
        let report_unlisted = match fields.report_unlisted {
            0 => !fields.unlisted.is_null(),
            1 => true,
            report => return unknown("outputs.report_unlisted", report, "0 or 1"),
        };
        // SAFETY: the caller vouches for the structs.
        let device = unsafe { device_outputs(fields, label) }?;
        if device.masks.is_some() && (mask != MaskFormat::F32 || cropped || layout != MaskLayout::default()) {
            return Err(Error::Unsupported(
                "outputs.masks_memory is given and mask_format, cropped or a stride is not 0; in a device's memory \
                 masks are floats without gaps"
                    .to_owned(),
            ));
        }
        let sizes = |memory: bool, size: usize| if memory { 0 } else { size };
        let masks_size = sizes(device.masks.is_some(), fields.masks_size);
        let labels_size = sizes(device.labels.is_some(), fields.labels_size);
        let host_sizes = [masks_size, labels_size];
        for (name, pointer, size, alignment) in [
            ("outputs.masks", fields.masks.cast_const(), masks_size, mask.alignment()),
            ("outputs.labels", fields.labels.cast_const(), labels_size, label),
            (
                "outputs.palette",
                fields.palette.cast_const().cast(),
                fields.palette_capacity,
                align_of::<u64>(),
            ),
            (
                "outputs.unlisted",
                fields.unlisted.cast_const().cast(),
                fields.unlisted_capacity,
                align_of::<u64>(),
            ),
            (
                "outputs.merged",
                fields.merged.cast_const().cast(),
                fields.merged_capacity,
                align_of::<ctm_merged_color>(),
            ),
        ] {
            if pointer.is_null() && size != 0 {
                return Err(null(name, &format!("room for {size}")));
            }
            if !pointer.addr().is_multiple_of(alignment) {
                return Err(Error::InvalidArgument(format!(
                    "{name} is {pointer:p}; an address that is a multiple of {alignment} is expected"
                )));
            }
        }
        let images = map.images() as usize;
        let pixels = map.shape().plane() * images;
        Ok(Self {
            fields,
            mask,
            layout,
            strides,
            cropped,
            label,
            pixels,
            images,
            report_unlisted,
            device,
            host_sizes,
        })
    }

    /// What the masks' values are.
    pub(super) fn mask_format(&self) -> MaskFormat {
        self.mask
    }

    /// Checks the buffers against each other and the rest of the call's memory.
    pub(super) fn check_apart(&self, pixels: &Extent, result: &Extent) -> Result<(), Error> {
        let fields = self.fields;
        let entry = fields.palette_entry_size;
        let [masks_size, labels_size] = self.host_sizes;
        let buffers = [
            Extent::new("outputs.masks", fields.masks.addr(), masks_size, "bytes", 1)?,
            Extent::new("outputs.labels", fields.labels.addr(), labels_size, "bytes", 1)?,
            Extent::new("outputs.palette", fields.palette.addr(), fields.palette_capacity, "entries", entry)?,
            Extent::new(
                "outputs.unlisted",
                fields.unlisted.addr(),
                fields.unlisted_capacity,
                "entries",
                entry,
            )?,
            Extent::new(
                "outputs.merged",
                fields.merged.addr(),
                fields.merged_capacity,
                "entries",
                size_of::<ctm_merged_color>(),
            )?,
        ];
        result.check_apart(pixels)?;
        for (index, buffer) in buffers.iter().enumerate() {
            buffer.check_apart(pixels)?;
            result.check_apart(buffer)?;
            buffers[..index].iter().try_for_each(|other| buffer.check_apart(other))?;
        }
        Ok(())
    }

    /// Memory on the device.
    pub(super) fn device(&self) -> &DeviceOutputs {
        &self.device
    }

    pub(super) fn has_any(&self) -> bool {
        let fields = self.fields;
        !fields.masks.is_null()
            || !fields.labels.is_null()
            || !fields.palette.is_null()
            || !self.device.is_empty()
            || self.report_unlisted
            || self.cropped
            || !fields.merged.is_null()
    }

    pub(super) fn labels_are_too_small(&self) -> bool {
        let needed = self.pixels.saturating_mul(self.label);
        let wanted = !self.fields.labels.is_null() || self.device.labels.is_some();
        wanted && self.fields.labels_size < needed
    }

    /// What the outputs need for so many masks.
    pub(super) fn needed(&self, mask_count: u32) -> ctm_result {
        let masks = u64::from(mask_count);
        ctm_result {
            mask_count,
            masks_size: self.strides.bytes_of(masks),
            labels_size: (self.pixels as u64).saturating_mul(self.label as u64),
            palette_len: masks * self.images as u64,
            ..ctm_result::NOTHING
        }
    }

    /// The buffers as the engine takes them.
    ///
    /// # Safety
    /// They are apart, and can be written for `'a`.
    pub(super) unsafe fn emit(&self) -> Emit<'a> {
        let fields = self.fields;
        // SAFETY: the caller vouches for the buffers, whose alignment was checked, and that of the labels' size; nothing
        // is assumed of their contents.
        unsafe {
            let masks = (!fields.masks.is_null()).then(|| Masks {
                first: fields.masks.cast(),
                size: fields.masks_size,
                lifetime: PhantomData,
            });
            let labels = (!fields.labels.is_null()).then(|| match self.label {
                4 => LabelTarget::U32(room(fields.labels, self.pixels)),
                2 => LabelTarget::U16(room(fields.labels, self.pixels)),
                _ => LabelTarget::U8(room(fields.labels, self.pixels)),
            });
            let mask_stats = !fields.palette.is_null();
            let most_entries = if mask_stats { fields.palette_capacity as u64 } else { u64::MAX };
            let most = u32::try_from(fields.unlisted_capacity).unwrap_or(u32::MAX);
            let unlisted = self.report_unlisted.then_some(most);
            Emit {
                masks,
                mask_format: self.mask,
                mask_layout: self.layout,
                cropped: self.cropped,
                labels,
                mask_stats,
                unlisted,
                merged: u32::try_from(fields.merged_capacity).unwrap_or(u32::MAX),
                device: self.device,
                most_entries,
            }
        }
    }

    /// # Safety
    /// The entries can be written; there are as many as the analysis needs.
    pub(super) unsafe fn write_palette(&self, analysis: &Analysis) {
        for (index, found) in analysis.unlisted.iter().flat_map(|found| &found.most_frequent).enumerate() {
            let entry = ctm_palette_entry {
                color: found.color.values(),
                pixel_count: found.pixels,
                first_x: found.first_pixel.0,
                first_y: found.first_pixel.1,
                ..ctm_palette_entry::NOTHING
            };
            // SAFETY: the caller vouches for the entry.
            unsafe { self.fields.unlisted.add(index).write(entry) };
        }
        for (index, found) in analysis.merged.most_frequent.iter().enumerate() {
            let entry = ctm_merged_color {
                color: found.color.values(),
                into: found.into.values(),
                pixel_count: found.pixels,
            };
            // SAFETY: the caller vouches for the entry.
            unsafe { self.fields.merged.add(index).write(entry) };
        }
        // StatsBuilder may be known for the sake of cropping alone.
        if self.fields.palette.is_null() {
            return;
        }
        for (index, region) in analysis.mask_stats.iter().enumerate() {
            let (mask, image) = (index / self.images, index % self.images);
            let palette = analysis.image_palettes.get(image).unwrap_or(&analysis.palette);
            let entry = ctm_palette_entry {
                color: palette.colors.get(mask).map_or([0.0; 4], |entry| entry.color.values()),
                pixel_count: region.pixels,
                left: region.left,
                top: region.top,
                width: region.width,
                height: region.height,
                first_x: region.first_pixel.0,
                first_y: region.first_pixel.1,
                centroid_x: region.centroid.0,
                centroid_y: region.centroid.1,
                mask_offset: match analysis.crop_starts.get(index) {
                    Some(&start) => start,
                    None => self.strides.offset(mask, image) as u64,
                },
            };
            // SAFETY: the caller vouches for the entry.
            unsafe { self.fields.palette.add(index).write(entry) };
        }
    }
}

/// The outputs that go to a device's memory.
///
/// # Safety
/// The structs that `fields` points to are there.
unsafe fn device_outputs(fields: &ctm_outputs, label_bytes: usize) -> Result<DeviceOutputs, Error> {
    for (name, host, memory) in
        [("masks", fields.masks, fields.masks_memory), ("labels", fields.labels, fields.labels_memory)]
    {
        if !host.is_null() && !memory.is_null() {
            return Err(Error::InvalidArgument(format!(
                "outputs.{name} is {host:p} and outputs.{name}_memory is given; one of them is expected"
            )));
        }
    }
    // SAFETY: the caller vouches for the structs.
    let (masks, labels) = unsafe {
        let (masks, labels) = (fields.masks_memory, fields.labels_memory);
        (
            ctm_device_memory::lent(masks, "outputs.masks_memory", fields.masks_size as u64)?,
            ctm_device_memory::lent(labels, "outputs.labels_memory", fields.labels_size as u64)?,
        )
    };
    if let (Some(masks), Some(labels)) = (&masks, &labels) {
        labels.check_apart(masks)?;
    }
    let width = match label_bytes {
        1 => LabelWidth::One,
        2 => LabelWidth::Two,
        _ => LabelWidth::Four,
    };
    Ok(DeviceOutputs { masks, labels: labels.map(|memory| (memory, width)) })
}

/// # Safety
/// `memory` is aligned and has room for so many values, for `'a`.
unsafe fn room<'a, T>(memory: *mut c_void, len: usize) -> &'a mut [MaybeUninit<T>] {
    // SAFETY: the caller vouches for it.
    unsafe { std::slice::from_raw_parts_mut(memory.cast(), len) }
}
