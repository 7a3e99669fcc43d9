//! `ctm_analyse`: everything that `ctm_run` leaves out, in structs that say their own size.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use super::boundary::guard;
use super::buffers::{Extent, check_pointer, null};
use super::context::{Call, Failure, ctm_context, finish};
use super::options::checked_size;
use super::status::ctm_status;
use crate::error::Error;
use crate::image::{self, ChannelOrder, ColorMap, Format, Layout, Shape};
use crate::label_output::LabelRoom;
use crate::nearest::{Metric, Nearest};
use crate::outputs::Masks;
use crate::params::{Batch, Params, Settings, Undeclared};
use crate::pipeline::Emit;
use crate::pixels::{Alpha, Matching};
use crate::planes::{MaskFormat, MaskLayout, Strides};
use crate::regions::Frame;

/// `ctm_image.format`: 32-bit floats.
pub const CTM_FORMAT_F32: u32 = 0;
/// `ctm_image.format`: 16-bit floats (IEEE 754 binary16).
pub const CTM_FORMAT_F16: u32 = 1;
/// `ctm_image.format`: 16-bit integers.
pub const CTM_FORMAT_U16: u32 = 2;
/// `ctm_image.format`: 8-bit integers.
pub const CTM_FORMAT_U8: u32 = 3;

/// `ctm_image.channel_order`: grey; grey, alpha; red, green, blue; red, green, blue, alpha.
pub const CTM_ORDER_RGBA: u32 = 0;
/// `ctm_image.channel_order`: blue, green, red, and alpha if there are four. Three or four channels.
pub const CTM_ORDER_BGRA: u32 = 1;
/// `ctm_image.channel_order`: alpha, red, green, blue. Four channels.
pub const CTM_ORDER_ARGB: u32 = 2;
/// `ctm_image.channel_order`: alpha, blue, green, red. Four channels.
pub const CTM_ORDER_ABGR: u32 = 3;

/// `ctm_params.matching`: colours are the same when all values are equal.
pub const CTM_MATCH_EXACT: u32 = 0;
/// `ctm_params.matching`: colours are the same when all values are equal once they are rounded to 8 bits:
/// floats are clamped to 0 to 1, multiplied by 255 and rounded, ties to even; integers of 16 bits are divided by
/// 257 and rounded. A pixel with a NaN has no colour.
pub const CTM_MATCH_8_BIT: u32 = 1;

/// `ctm_params.alpha`: part of the colour.
pub const CTM_ALPHA_COLOR: u32 = 0;
/// `ctm_params.alpha`: ignored. The image must have alpha: two or four channels.
pub const CTM_ALPHA_IGNORED: u32 = 1;
/// `ctm_params.alpha`: a pixel whose alpha is less than `least_alpha`, or NaN, has no colour; that of the others is
/// ignored. The image must have alpha: two or four channels.
pub const CTM_ALPHA_AT_LEAST: u32 = 2;

/// `ctm_params.nearest`: colours join no other's mask.
pub const CTM_NEAREST_NONE: u32 = 0;
/// `ctm_params.nearest`: the distance is the root of the sum of the squares of the channels' differences.
pub const CTM_NEAREST_EUCLIDEAN: u32 = 1;
/// `ctm_params.nearest`: the distance is the largest of the channels' differences.
pub const CTM_NEAREST_CHEBYSHEV: u32 = 2;

/// `ctm_params.undeclared`: such colours get no mask.
pub const CTM_UNDECLARED_IGNORE: u32 = 0;
/// `ctm_params.undeclared`: the call fails with `CTM_ERROR_UNDECLARED_COLORS`.
pub const CTM_UNDECLARED_ERROR: u32 = 1;
/// `ctm_params.undeclared`: they join the nearest colour's mask at any distance, by the metric of `nearest`, or the
/// Euclidean one where that is `CTM_NEAREST_NONE`.
pub const CTM_UNDECLARED_NEAREST: u32 = 2;

/// `ctm_params.batch`: the pixels of all images are counted together.
pub const CTM_BATCH_ALL: u32 = 0;
/// `ctm_params.batch`: the pixels of the first image are counted; the others get masks of the same colours.
pub const CTM_BATCH_FIRST: u32 = 1;

/// `ctm_outputs.mask_format`: floats, 1.0f inside and 0.0f outside.
pub const CTM_MASK_F32: u32 = 0;
/// `ctm_outputs.mask_format`: bytes, 255 inside and 0 outside.
pub const CTM_MASK_U8: u32 = 1;
/// `ctm_outputs.mask_format`: bytes, 1 inside and 0 outside.
pub const CTM_MASK_U8_ONE: u32 = 2;

/// `ctm_outputs.mask_format`: a bit a pixel, 1 inside and 0 outside. Each row begins with a byte, its first pixel with the
/// highest bit, as in PBM files; unused bits are 0.
pub const CTM_MASK_BITS: u32 = 3;

/// `ctm_outputs.label_format`: integers of 32 bits, for any number of masks.
pub const CTM_LABEL_U32: u32 = 0;
/// `ctm_outputs.label_format`: integers of 16 bits, for at most 65,535 masks.
pub const CTM_LABEL_U16: u32 = 1;
/// `ctm_outputs.label_format`: bytes, for at most 255 masks.
pub const CTM_LABEL_U8: u32 = 2;

/// The pixels of one image, or of several of the same shape. Start from `CTM_IMAGE_INIT` and fill in `pixels`,
/// `width`, `height` and `channels`; a field that is 0 means its default: floats as `ctm_run` takes them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_image {
    /// `sizeof(ctm_image)` as the caller's header has it; `CTM_IMAGE_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// The first byte of the pixels in memory, whichever row that is of. Never written to; any alignment. Must not
    /// be NULL.
    pub pixels: *const c_void,
    /// Pixels in a row, at least 1.
    pub width: u32,
    /// Rows of one image, at least 1.
    pub height: u32,
    /// Channels of a pixel, 1 to 4.
    pub channels: u32,
    /// One of the `CTM_FORMAT_…` numbers. Integers are compared as integers.
    pub format: u32,
    /// One of the `CTM_ORDER_…` numbers. Colours are compared, sorted, given and reported as red, green, blue,
    /// alpha, or grey, alpha, however they are stored.
    pub channel_order: u32,
    /// 0: a pixel's channels lie together. 1: each channel has a plane of its own, in the order of `channel_order`.
    pub planar: u32,
    /// Bytes from a pixel to the next one of its row. 0: no gap.
    pub pixel_stride: usize,
    /// Bytes from a row to the next one in memory; negative: the bottom row comes first. 0: no gap.
    pub row_stride: isize,
    /// Bytes from a channel's plane to the next one's. 0: no gap, and the only choice where there are no planes.
    pub plane_stride: usize,
    /// How many images there are. 0: one.
    pub image_count: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Bytes from an image to the next. 0: no gap.
    pub image_stride: usize,
    /// The first column of the rectangle of interest. Only this part of each image is looked at, and the outputs
    /// have its shape.
    pub left: u32,
    /// The first row of the rectangle, from the top.
    pub top: u32,
    /// Columns of the rectangle. 0: as many as there are.
    pub rectangle_width: u32,
    /// Rows of the rectangle. 0: as many as there are.
    pub rectangle_height: u32,
}

/// What decides which pixels get which mask. Start from `CTM_PARAMS_INIT`.
///
/// Colours are given as 4 floats each, in the units of the image: 0 to 255 for bytes, 0 to 65,535 for integers of
/// 16 bits. Those of channels that the image does not have, or whose alpha is no part of the colour, are not looked
/// at. A value that the image's format cannot store is an error.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_params {
    /// `sizeof(ctm_params)` as the caller's header has it; `CTM_PARAMS_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// Colours with fewer pixels get no mask, unless a palette is given. 0 means 1.
    pub min_pixels: u64,
    /// Masks at most, the most frequent colours first, unless a palette is given. 0: no mask.
    pub max_count: u32,
    /// One of the `CTM_MATCH_…` numbers.
    pub matching: u32,
    /// One of the `CTM_ALPHA_…` numbers.
    pub alpha: u32,
    /// For `CTM_ALPHA_AT_LEAST`, in the units of the image; else not looked at.
    pub least_alpha: f32,
    /// One of the `CTM_BATCH_…` numbers.
    pub batch: u32,
    /// Colours of `palette`.
    pub palette_count: u32,
    /// The colours that get a mask, in this order, those without a pixel included; each may be there once. NULL: the
    /// most frequent colours.
    pub palette: *const f32,
    /// Colours that get no mask, the background for example. NULL: none.
    pub ignored: *const f32,
    /// Colours of `ignored`.
    pub ignored_count: u32,
    /// One of the `CTM_NEAREST_…` numbers: whether colours without a mask of their own join the mask of the nearest
    /// colour that has one; of several the first mask's. The most frequent colours are found before others join them.
    pub nearest: u32,
    /// How far that colour may be, at least 0, in the units of the image. Distances are computed with 64-bit floats.
    pub tolerance: f64,
    /// Where a palette is given, one of the `CTM_UNDECLARED_…` numbers: what becomes of colours that it does not have,
    /// that are not near enough and not ignored. Else 0.
    pub undeclared: u32,
    /// Must be 0.
    pub reserved: u32,
}

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
    /// Receives an entry for each mask and image. Aligned for its fields; may be uninitialised.
    pub palette: *mut ctm_palette_entry,
    /// How many entries `palette` has room for.
    pub palette_capacity: usize,
    /// `sizeof(ctm_palette_entry)` as the caller's header has it; `CTM_OUTPUTS_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub palette_entry_size: usize,
    /// Receives the most frequent of the colours that a given palette does not have, in the order of masks, with their
    /// pixel counts and first pixels; the rows of several images are counted one below the other, and the other fields
    /// are 0. As many entries are written as there are such colours, and room.
    pub undeclared: *mut ctm_palette_entry,
    /// How many entries `undeclared` has room for.
    pub undeclared_capacity: usize,
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
    /// 1: such colours are looked for, and `result` counts them, also without `undeclared`. All colours of the image
    /// must be listed for it, which takes time and memory where they are many. 0: only if something else needs it.
    pub report_undeclared: u32,
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

/// What was found. Start from `CTM_RESULT_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_result {
    /// `sizeof(ctm_result)` as the caller's header has it; `CTM_RESULT_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// How many masks there are.
    pub mask_count: u32,
    /// 0.
    pub reserved: u32,
    /// How many different colours the counted images have, ignored ones and those with too few pixels included; 0
    /// where that was not found out, which may differ from call to call.
    pub distinct_colors: u64,
    /// Bytes that all masks need in `mask_format`.
    pub masks_size: u64,
    /// Bytes that the labels need in `label_format`.
    pub labels_size: u64,
    /// Entries that the palette needs.
    pub palette_len: u64,
    /// Pixels whose colours a given palette does not have, if they were looked for: not in it, not near enough to join
    /// one of its masks, and not ignored. `undeclared` changes nothing here.
    pub undeclared_pixels: u64,
    /// How many such colours there are.
    pub undeclared_colors: u64,
}

/// The sizes of the structs that were ever published.
const IMAGE_SIZES: [usize; 1] = [size_of::<ctm_image>()];
const PARAMS_SIZES: [usize; 1] = [size_of::<ctm_params>()];
const OUTPUTS_SIZES: [usize; 1] = [size_of::<ctm_outputs>()];
const ENTRY_SIZES: [usize; 1] = [size_of::<ctm_palette_entry>()];
const RESULT_SIZES: [usize; 1] = [size_of::<ctm_result>()];

/// Finds the colours that get a mask, as `ctm_run` does, and writes whatever is asked for, in one go: masks, labels,
/// the palette. It takes pixels as they are stored, and more than the most frequent colours.
///
/// With nothing to write it is the size query for everything: `result` tells how many masks there are and how much
/// room each output needs in the formats stated.
///
/// @param context A context of `ctm_create`.
/// @param image The pixels, in a struct that starts as `CTM_IMAGE_INIT`. Must not be NULL.
/// @param params A struct that starts as `CTM_PARAMS_INIT`, or NULL: the same as that.
/// @param outputs A struct that starts as `CTM_OUTPUTS_INIT`, or NULL: nothing is written. The buffers may not overlap
/// each other, the structs or the pixels.
/// @param result A struct that starts as `CTM_RESULT_INIT`; receives what was found. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*result` filled in and no output touched: a buffer is too small,
/// or `label_format` cannot number so many masks; `CTM_ERROR_UNDECLARED_COLORS`, with only the undeclared colours counted
/// in `*result` and no output touched; `CTM_ERROR_INVALID_ARGUMENT`: nothing was written, `*result` included;
/// `CTM_ERROR_OUT_OF_MEMORY`, `CTM_ERROR_OUT_OF_DEVICE_MEMORY`, `CTM_ERROR_DEVICE_LOST`, `CTM_ERROR_TIMEOUT`,
/// `CTM_ERROR_DRIVER` or `CTM_ERROR_INTERNAL`: the fields of `*result` are 0 and the outputs' contents are unspecified.
/// `ctm_last_error(context)` has the detail.
/// Ownership: all buffers stay the caller's and are used during the call only.
/// Threads: any; calls on one context wait for each other.
/// Not promised: how long a call takes.
///
/// # Safety
/// Each pointer is NULL or points to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_analyse(
    context: *mut ctm_context,
    image: *const ctm_image,
    params: *const ctm_params,
    outputs: *const ctm_outputs,
    result: *mut ctm_result,
) -> ctm_status {
    // SAFETY: the caller vouches for the pointer, if it is not NULL.
    let call = unsafe { Call::enter(context) };
    let context = call.as_ref().map(|call| &*call.context);
    let outcome = guard(|| {
        let context = context.ok_or_else(|| null("context", "a context made by ctm_create"))?;
        if image.is_null() {
            return Err(null("image", "a struct that starts as CTM_IMAGE_INIT").into());
        }
        if result.is_null() {
            return Err(null("result", "a struct that starts as CTM_RESULT_INIT").into());
        }
        // SAFETY: not NULL where they must not be; the caller vouches for the rest.
        let (image_fields, params_fields, outputs_fields, result_size) = unsafe {
            (
                read(image, "image", &IMAGE_SIZES, "CTM_IMAGE_INIT")?,
                read_or("params", params, &PARAMS_SIZES, "CTM_PARAMS_INIT", ctm_params::INIT)?,
                read_or("outputs", outputs, &OUTPUTS_SIZES, "CTM_OUTPUTS_INIT", ctm_outputs::INIT)?,
                checked_size("result", result, &RESULT_SIZES, "CTM_RESULT_INIT")?,
            )
        };
        let result_extent = Extent::new("result", result.addr(), result_size, "bytes", 1)?;
        // SAFETY: the caller vouches for the pixels and colours.
        let (map, pixels) = unsafe { image_fields.map() }?;
        // SAFETY: as above.
        let settings = unsafe { params_fields.settings() }?;
        let outputs = Checked::new(&outputs_fields, &map)?;
        outputs.check_apart(&pixels, &result_extent)?;
        settings.check(&map).map_err(|error| inside("params", error))?;
        context.check_process()?;
        let write_result = |found: ctm_result| {
            // SAFETY: the caller vouches for so many bytes, which no other buffer has a part in; no published size
            // is larger than the struct.
            unsafe {
                let found = ctm_result { struct_size: result_size, ..found };
                let source = std::ptr::from_ref(&found).cast::<u8>();
                result.cast::<u8>().copy_from_nonoverlapping(source, result_size);
            }
        };
        write_result(ctm_result::NOTHING);
        let mut engine = context.engine()?;
        let found = if outputs.has_any() && !outputs.labels_are_too_small() {
            // SAFETY: the buffers are apart; the caller vouches for them.
            engine.emit(&map, &settings, unsafe { outputs.emit() }).map(Found::Analysis)
        } else {
            engine.mask_count(&map, &settings).map(Found::Count)
        };
        context.set_counters(engine.counters());
        let mask_count = match &found {
            // Lossless: the number of masks is a u32.
            Ok(Found::Analysis(analysis)) => analysis.palette.colors.len() as u32,
            Ok(Found::Count(mask_count)) => *mask_count,
            Err(
                Error::BufferTooSmall { mask_count, .. }
                | Error::MasksTooLarge { mask_count, .. }
                | Error::LabelsTooNarrow { mask_count, .. }
                | Error::PaletteTooLarge { mask_count, .. },
            ) => *mask_count,
            Err(error) => {
                if let &Error::UndeclaredColors { pixels, colors, .. } = error {
                    let counts = ctm_result {
                        undeclared_pixels: pixels,
                        undeclared_colors: colors,
                        ..ctm_result::NOTHING
                    };
                    write_result(counts);
                }
                return Err(error.clone().into());
            }
        };
        let mut filled = outputs.needed(mask_count);
        if let Ok(Found::Analysis(analysis)) = &found {
            filled.masks_size = analysis.masks_size;
            filled.distinct_colors = analysis.palette.distinct_colors.unwrap_or(0);
            // SAFETY: the caller vouches for the entries, whose number was checked.
            unsafe { outputs.write_palette(analysis) };
            if let Some(undeclared) = &analysis.undeclared {
                filled.undeclared_pixels = undeclared.pixels;
                filled.undeclared_colors = undeclared.colors;
            }
        }
        if let Err(Error::MasksTooLarge { needed, .. }) = &found {
            filled.masks_size = *needed;
        }
        write_result(filled);
        if matches!(found, Err(Error::BufferTooSmall { .. } | Error::MasksTooLarge { .. })) {
            let (size, needed) = (outputs_fields.masks_size, filled.masks_size);
            return Err(Failure::too_small(format!(
                "outputs.masks_size is {size}; {mask_count} masks need {needed} bytes"
            )));
        }
        if outputs.labels_are_too_small() {
            let (size, needed) = (outputs_fields.labels_size, filled.labels_size);
            return Err(Failure::too_small(format!(
                "outputs.labels_size is {size}; the labels need {needed} bytes"
            )));
        }
        found?;
        Ok(())
    });
    finish(outcome, context)
}

/// What a call came to.
enum Found {
    Analysis(crate::outputs::Analysis),
    Count(u32),
}

/// Names the struct that an argument is a field of.
fn inside(name: &str, error: Error) -> Error {
    match error {
        Error::InvalidArgument(text) => Error::InvalidArgument(format!("{name}.{text}")),
        error => error,
    }
}

/// Reads a caller's struct.
///
/// # Safety
/// `source` is not NULL and points to a `struct_size` followed by the bytes that it announces; any bits are valid
/// for all fields of `T`, and each published size is that of `T`.
unsafe fn read<T: Copy>(source: *const T, name: &str, sizes: &[usize], init: &str) -> Result<T, Error> {
    // SAFETY: the caller vouches for it.
    unsafe {
        checked_size(name, source, sizes, init)?;
        Ok(source.read())
    }
}

/// The same, or `default` for NULL.
///
/// # Safety
/// As `read`, if `source` is not NULL.
unsafe fn read_or<T: Copy>(
    name: &str,
    source: *const T,
    sizes: &[usize],
    init: &str,
    default: T,
) -> Result<T, Error> {
    if source.is_null() {
        return Ok(default);
    }
    // SAFETY: not NULL; the caller vouches for the rest.
    unsafe { read(source, name, sizes, init) }
}

fn expect_zero(name: &str, value: u32) -> Result<(), Error> {
    match value {
        0 => Ok(()),
        _ => Err(Error::InvalidArgument(format!("{name} is {value}; 0 is expected"))),
    }
}

fn unknown<T>(name: &str, value: u32, expected: &str) -> Result<T, Error> {
    Err(Error::InvalidArgument(format!("{name} is {value}; {expected} is expected")))
}

impl ctm_image {
    /// The pixels, and all the memory between the first and the last of them.
    ///
    /// # Safety
    /// The pixels are there for `'a`.
    unsafe fn map<'a>(&self) -> Result<(ColorMap<'a>, Extent), Error> {
        expect_zero("image.reserved", self.reserved)?;
        let shape =
            Shape::new(self.width, self.height, self.channels).map_err(|error| inside("image", error))?;
        let layout = Layout {
            format: match self.format {
                CTM_FORMAT_F32 => Format::F32,
                CTM_FORMAT_F16 => Format::F16,
                CTM_FORMAT_U16 => Format::U16,
                CTM_FORMAT_U8 => Format::U8,
                format => return unknown("image.format", format, "0 (F32), 1 (F16), 2 (U16) or 3 (U8)"),
            },
            order: match self.channel_order {
                CTM_ORDER_RGBA => ChannelOrder::Rgba,
                CTM_ORDER_BGRA => ChannelOrder::Bgra,
                CTM_ORDER_ARGB => ChannelOrder::Argb,
                CTM_ORDER_ABGR => ChannelOrder::Abgr,
                order => {
                    return unknown("image.channel_order", order, "0 (RGBA), 1 (BGRA), 2 (ARGB) or 3 (ABGR)");
                }
            },
            planar: match self.planar {
                0 => false,
                1 => true,
                planar => return unknown("image.planar", planar, "0 or 1"),
            },
            pixel_stride: self.pixel_stride,
            row_stride: self.row_stride,
            plane_stride: self.plane_stride,
            image_count: self.image_count,
            image_stride: self.image_stride,
        };
        let extent = image::Extent::new(shape, &layout).map_err(|error| inside("image", error))?;
        if self.pixels.is_null() {
            return Err(null("image.pixels", "a buffer"));
        }
        let memory = Extent::new("image.pixels", self.pixels.addr(), extent.bytes, "bytes", 1)?;
        // SAFETY: the caller vouches for the pixels, which the extent is that of.
        let map = unsafe { ColorMap::from_raw(self.pixels.cast(), shape, layout.format, &extent) };
        if [self.left, self.top, self.rectangle_width, self.rectangle_height] == [0; 4] {
            return Ok((map, memory));
        }
        let side =
            |size: u32, whole: u32, start: u32| if size == 0 { whole.saturating_sub(start) } else { size };
        let width = side(self.rectangle_width, self.width, self.left);
        let height = side(self.rectangle_height, self.height, self.top);
        let part = map.crop(self.left, self.top, width, height).map_err(|error| inside("image", error))?;
        Ok((part, memory))
    }
}

impl ctm_params {
    const INIT: Self = Self {
        struct_size: size_of::<Self>(),
        min_pixels: 1,
        max_count: u32::MAX,
        matching: CTM_MATCH_EXACT,
        alpha: CTM_ALPHA_COLOR,
        least_alpha: 0.0,
        batch: CTM_BATCH_ALL,
        palette_count: 0,
        palette: std::ptr::null(),
        ignored: std::ptr::null(),
        ignored_count: 0,
        nearest: CTM_NEAREST_NONE,
        tolerance: 0.0,
        undeclared: CTM_UNDECLARED_IGNORE,
        reserved: 0,
    };

    /// # Safety
    /// The colours are there for `'a`.
    unsafe fn settings<'a>(&self) -> Result<Settings<'a>, Error> {
        expect_zero("params.reserved", self.reserved)?;
        let matching = match self.matching {
            CTM_MATCH_EXACT => Matching::Exact,
            CTM_MATCH_8_BIT => Matching::EightBit,
            matching => return unknown("params.matching", matching, "0 (exact) or 1 (8 bits)"),
        };
        let alpha = match self.alpha {
            CTM_ALPHA_COLOR => Alpha::Color,
            CTM_ALPHA_IGNORED => Alpha::Ignored,
            CTM_ALPHA_AT_LEAST => Alpha::AtLeast(self.least_alpha),
            alpha => return unknown("params.alpha", alpha, "0 (color), 1 (ignored) or 2 (at least)"),
        };
        let batch = match self.batch {
            CTM_BATCH_ALL => Batch::All,
            CTM_BATCH_FIRST => Batch::First,
            batch => return unknown("params.batch", batch, "0 (all) or 1 (first)"),
        };
        let metric = match self.nearest {
            CTM_NEAREST_NONE => None,
            CTM_NEAREST_EUCLIDEAN => Some(Metric::Euclidean),
            CTM_NEAREST_CHEBYSHEV => Some(Metric::Chebyshev),
            nearest => return unknown("params.nearest", nearest, "0 (none), 1 (Euclidean) or 2 (Chebyshev)"),
        };
        if metric.is_none() && self.tolerance != 0.0 {
            let (tolerance, nearest) = (self.tolerance, self.nearest);
            return Err(Error::InvalidArgument(format!(
                "params.tolerance is {tolerance} and params.nearest is {nearest}; 0 is expected"
            )));
        }
        let undeclared = match self.undeclared {
            CTM_UNDECLARED_IGNORE => Undeclared::Ignore,
            CTM_UNDECLARED_ERROR => Undeclared::Error,
            CTM_UNDECLARED_NEAREST => Undeclared::Nearest,
            policy => return unknown("params.undeclared", policy, "0 (ignore), 1 (error) or 2 (nearest)"),
        };
        // SAFETY: the caller vouches for the colours.
        let (palette, ignored) = unsafe {
            (
                colors("params.palette", self.palette, self.palette_count)?,
                colors("params.ignored", self.ignored, self.ignored_count)?,
            )
        };
        Ok(Settings {
            params: Params { min_pixels: self.min_pixels, max_count: self.max_count },
            palette,
            ignored: ignored.unwrap_or(&[]),
            matching,
            alpha,
            batch,
            nearest: metric.map(|metric| Nearest { metric, tolerance: self.tolerance }),
            undeclared,
        })
    }
}

/// A caller's colours, if there are any.
///
/// # Safety
/// `colors` is NULL or points to so many, which are there for `'a`.
unsafe fn colors<'a>(
    name: &'static str,
    colors: *const f32,
    count: u32,
) -> Result<Option<&'a [[f32; 4]]>, Error> {
    if colors.is_null() {
        return match count {
            0 => Ok(None),
            _ => Err(null(name, &format!("a buffer of {count} colours"))),
        };
    }
    check_pointer(name, colors)?;
    Extent::new(name, colors.addr(), count as usize, "colours", 16)?;
    // SAFETY: not NULL, aligned, no larger than memory can be; the caller vouches for it.
    Ok(Some(unsafe { std::slice::from_raw_parts(colors.cast(), count as usize) }))
}

impl ctm_outputs {
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
        undeclared: std::ptr::null_mut(),
        undeclared_capacity: 0,
        mask_row_stride: 0,
        mask_image_stride: 0,
        mask_stride: 0,
        cropped: 0,
        report_undeclared: 0,
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

impl ctm_result {
    const NOTHING: Self = Self {
        struct_size: size_of::<Self>(),
        mask_count: 0,
        reserved: 0,
        distinct_colors: 0,
        masks_size: 0,
        labels_size: 0,
        palette_len: 0,
        undeclared_pixels: 0,
        undeclared_colors: 0,
    };
}

/// Outputs whose fields are in range.
struct Checked<'a> {
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
    report_undeclared: bool,
}

impl<'a> Checked<'a> {
    fn new(fields: &'a ctm_outputs, map: &ColorMap) -> Result<Self, Error> {
        let mask = match fields.mask_format {
            CTM_MASK_F32 => MaskFormat::F32,
            CTM_MASK_U8 => MaskFormat::U8(255),
            CTM_MASK_U8_ONE => MaskFormat::U8(1),
            CTM_MASK_BITS => MaskFormat::Bits,
            format => {
                return unknown("outputs.mask_format", format, "0 (F32), 1 (U8), 2 (U8, 0 or 1) or 3 (bits)");
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
        let value_bytes = if mask == MaskFormat::F32 { 4 } else { 1 };
        let shape = map.shape();
        let frame = Frame {
            width: shape.width() as usize,
            height: shape.height() as usize,
            images: map.images() as usize,
        };
        let strides = Strides::new(&layout, mask, frame).map_err(|error| inside("outputs", error))?;
        let report_undeclared = match fields.report_undeclared {
            0 => !fields.undeclared.is_null(),
            1 => true,
            report => return unknown("outputs.report_undeclared", report, "0 or 1"),
        };
        for (name, pointer, size, alignment) in [
            ("outputs.masks", fields.masks.cast_const(), fields.masks_size, value_bytes),
            ("outputs.labels", fields.labels.cast_const(), fields.labels_size, label),
            (
                "outputs.palette",
                fields.palette.cast_const().cast(),
                fields.palette_capacity,
                align_of::<u64>(),
            ),
            (
                "outputs.undeclared",
                fields.undeclared.cast_const().cast(),
                fields.undeclared_capacity,
                align_of::<u64>(),
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
        Ok(Self { fields, mask, layout, strides, cropped, label, pixels, images, report_undeclared })
    }

    /// Checks the buffers against each other and the rest of the call's memory.
    fn check_apart(&self, pixels: &Extent, result: &Extent) -> Result<(), Error> {
        let fields = self.fields;
        let entry = fields.palette_entry_size;
        let buffers = [
            Extent::new("outputs.masks", fields.masks.addr(), fields.masks_size, "bytes", 1)?,
            Extent::new("outputs.labels", fields.labels.addr(), fields.labels_size, "bytes", 1)?,
            Extent::new("outputs.palette", fields.palette.addr(), fields.palette_capacity, "entries", entry)?,
            Extent::new(
                "outputs.undeclared",
                fields.undeclared.addr(),
                fields.undeclared_capacity,
                "entries",
                entry,
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

    fn has_any(&self) -> bool {
        let fields = self.fields;
        !(fields.masks.is_null() && fields.labels.is_null() && fields.palette.is_null())
            || self.report_undeclared
            || self.cropped
    }

    fn labels_are_too_small(&self) -> bool {
        let needed = self.pixels.saturating_mul(self.label);
        !self.fields.labels.is_null() && self.fields.labels_size < needed
    }

    /// What the outputs need for so many masks.
    fn needed(&self, mask_count: u32) -> ctm_result {
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
    unsafe fn emit(&self) -> Emit<'a> {
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
                4 => LabelRoom::U32(room(fields.labels, self.pixels)),
                2 => LabelRoom::U16(room(fields.labels, self.pixels)),
                _ => LabelRoom::U8(room(fields.labels, self.pixels)),
            });
            let regions = !fields.palette.is_null();
            let most_entries = if regions { fields.palette_capacity as u64 } else { u64::MAX };
            let most = u32::try_from(fields.undeclared_capacity).unwrap_or(u32::MAX);
            let undeclared = self.report_undeclared.then_some(most);
            Emit {
                masks,
                mask_format: self.mask,
                mask_layout: self.layout,
                cropped: self.cropped,
                labels,
                regions,
                undeclared,
                most_entries,
            }
        }
    }

    /// # Safety
    /// The entries can be written; there are as many as the analysis needs.
    unsafe fn write_palette(&self, analysis: &crate::outputs::Analysis) {
        for (index, found) in analysis.undeclared.iter().flat_map(|found| &found.most_frequent).enumerate() {
            let entry = ctm_palette_entry {
                color: found.color.values(),
                pixel_count: found.pixels,
                first_x: found.first_pixel.0,
                first_y: found.first_pixel.1,
                ..ctm_palette_entry::NOTHING
            };
            // SAFETY: the caller vouches for the entry.
            unsafe { self.fields.undeclared.add(index).write(entry) };
        }
        let colors =
            analysis.palette.colors.iter().flat_map(|entry| std::iter::repeat_n(entry.color, self.images));
        for (index, (color, region)) in colors.zip(&analysis.regions).enumerate() {
            let entry = ctm_palette_entry {
                color: color.values(),
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
                    None => self.strides.offset(index / self.images, index % self.images) as u64,
                },
            };
            // SAFETY: the caller vouches for the entry.
            unsafe { self.fields.palette.add(index).write(entry) };
        }
    }
}

/// # Safety
/// `memory` is aligned and has room for so many values, for `'a`.
unsafe fn room<'a, T>(memory: *mut c_void, len: usize) -> &'a mut [MaybeUninit<T>] {
    // SAFETY: the caller vouches for it.
    unsafe { std::slice::from_raw_parts_mut(memory.cast(), len) }
}
