//! `ctm_image`: the pixels as the caller has them.

use std::ffi::c_void;

use crate::capi::device_memory::ctm_device_memory;
use crate::capi::extent::{Extent, null};
use crate::capi::status::ctm_status;
use crate::capi::structs::{self, Versioned, expect_zero, flag, inside, unknown};
use crate::error::Error;
use crate::types::geometry::Shape;
use crate::types::image::{self, ChannelOrder, ColorMap, Format, Layout};

/// `ctm_image.format`: 32-bit floats.
pub const CTM_FORMAT_F32: u32 = 0;
/// `ctm_image.format`: 16-bit floats (IEEE 754 binary16).
pub const CTM_FORMAT_F16: u32 = 1;
/// `ctm_image.format`: 16-bit integers.
pub const CTM_FORMAT_U16: u32 = 2;
/// `ctm_image.format`: 8-bit integers.
pub const CTM_FORMAT_U8: u32 = 3;
/// `ctm_image.format`: 32-bit integers, for ids: one or two channels. All numbers are different colours, in their order, 0
/// included. They have no distances and are not rounded: `CTM_MATCH_8_BIT`, `CTM_ALPHA_AT_LEAST`, `ctm_params.nearest`,
/// `CTM_UNLISTED_NEAREST`, `ctm_params.merge` and `ctm_params.unmix_radius` are `CTM_ERROR_INVALID_ARGUMENT`.
/// `CTM_ALPHA_IGNORED` leaves the second number out.
pub const CTM_FORMAT_U32: u32 = 4;
/// `ctm_image.format`: 32-bit integers with a sign, in two's complement, else as `CTM_FORMAT_U32`. They are sorted by value,
/// negative ones first.
pub const CTM_FORMAT_I32: u32 = 5;

/// `ctm_image.channel_order`: grey; grey, alpha; red, green, blue; red, green, blue, alpha.
pub const CTM_ORDER_RGBA: u32 = 0;
/// `ctm_image.channel_order`: blue, green, red, and alpha if there are four. Three or four channels.
pub const CTM_ORDER_BGRA: u32 = 1;
/// `ctm_image.channel_order`: alpha, red, green, blue. Four channels.
pub const CTM_ORDER_ARGB: u32 = 2;
/// `ctm_image.channel_order`: alpha, blue, green, red. Four channels.
pub const CTM_ORDER_ABGR: u32 = 3;

/// The pixels of one image, or of several of the same shape. Start from `CTM_IMAGE_INIT` and fill in `pixels`,
/// `width`, `height` and `channels`; a field that is 0 means its default: floats as `ctm_run` takes them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_image {
    /// `sizeof(ctm_image)` as the caller's header has it; `CTM_IMAGE_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// The first byte of the pixels in memory, whichever row that is of. Never written to; any alignment. Must not
    /// be NULL, unless `device_memory` is not.
    pub pixels: *const c_void,
    /// Pixels in a row, at least 1.
    pub width: u32,
    /// Rows of one image, at least 1.
    pub height: u32,
    /// Channels of a pixel, 1 to 4; 1 or 2 with `CTM_FORMAT_U32` and `CTM_FORMAT_I32`.
    pub channels: u32,
    /// One of the `CTM_FORMAT_…` numbers. Integers are compared as integers.
    pub format: u32,
    /// One of the `CTM_ORDER_…` numbers. Colours are compared, sorted, given and reported as red, green, blue,
    /// alpha, or grey, alpha, however they are stored.
    pub channel_order: u32,
    /// How the channels lie. 0: a pixel's channels lie together. 1: each channel has a plane of its own, in the order of `channel_order`.
    pub planar: u32,
    /// Bytes from a pixel to the next one of its row. 0: no gap. This and the other strides may not be less than the bytes
    /// of what they lead over: pixels, rows, planes and images do not overlap.
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
    /// NULL: the pixels are at `pixels`. Else they are in this memory of the context's Vulkan device, and `pixels` must be
    /// NULL: floats or integers of 32 bits in the default order and without gaps, the rectangle being the whole image, compared exactly with
    /// alpha as part of the colour; anything else is `CTM_ERROR_UNSUPPORTED`.
    pub device_memory: *const ctm_device_memory,
}

// SAFETY: as the trait says.
unsafe impl Versioned for ctm_image {
    /// Initialises a `ctm_image`, whose pixels and shape are to be filled in.
    const INIT: Self = Self {
        struct_size: size_of::<Self>(),
        pixels: std::ptr::null(),
        width: 0,
        height: 0,
        channels: 0,
        format: CTM_FORMAT_F32,
        channel_order: CTM_ORDER_RGBA,
        planar: 0,
        pixel_stride: 0,
        row_stride: 0,
        plane_stride: 0,
        image_count: 0,
        reserved: 0,
        image_stride: 0,
        left: 0,
        top: 0,
        rectangle_width: 0,
        rectangle_height: 0,
        device_memory: std::ptr::null(),
    };
    const SIZES: &'static [usize] = &[size_of::<Self>()];
    const MACRO: &'static str = "CTM_IMAGE_INIT";
}

/// Writes the defaults to a `ctm_image`: floats without gaps, whose pixels and shape are to be filled in. It does what `CTM_IMAGE_INIT` does, for languages that
/// cannot see a macro.
///
/// @param image Receives `size` bytes; may be uninitialised. Must not be NULL.
/// @param size `sizeof(ctm_image)`, as the caller's declaration has it: every size ever published works.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, where `image` is NULL or misaligned or the size
/// is none that was published; `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Threads: any, at any time.
///
/// # Safety
/// `image` is NULL or can be written to for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_image_init(image: *mut ctm_image, size: usize) -> ctm_status {
    // SAFETY: the caller guarantees the struct.
    unsafe { structs::initialize("image", image, size) }
}

impl ctm_image {
    /// The pixels, and all the memory between the first and the last of them.
    ///
    /// # Safety
    /// The pixels are there for `'a`.
    pub(super) unsafe fn map<'a>(&self) -> Result<(ColorMap<'a>, Extent), Error> {
        expect_zero("image.reserved", self.reserved)?;
        let shape =
            Shape::new(self.width, self.height, self.channels).map_err(|error| inside("image", error))?;
        let layout = self.layout()?;
        let extent = image::ImageExtent::new(shape, &layout).map_err(|error| inside("image", error))?;
        // SAFETY: the caller guarantees the struct.
        let external = unsafe {
            ctm_device_memory::external(self.device_memory, "image.device_memory", extent.bytes as u64)
        }?;
        let (map, memory) = match external {
            Some(_) if !self.pixels.is_null() => {
                return Err(Error::InvalidArgument(format!(
                    "image.pixels is {:p} and image.device_memory is given; one of them is expected",
                    self.pixels
                )));
            }
            Some(external) => {
                let map = ColorMap::on_device(external, shape, layout.format, &extent)
                    .map_err(|error| inside("image", error))?;
                (map, Extent::new("image.device_memory", 0, 0, "bytes", 1)?)
            }
            None if self.pixels.is_null() => return Err(null("image.pixels", "a buffer")),
            None => {
                let memory = Extent::new("image.pixels", self.pixels.addr(), extent.bytes, "bytes", 1)?;
                // SAFETY: the caller guarantees the pixels, which the extent is that of.
                let map = unsafe { ColorMap::from_raw(self.pixels.cast(), shape, layout.format, &extent) };
                (map, memory)
            }
        };
        Ok((self.cropped(map)?, memory))
    }

    /// How the pixels are stored.
    fn layout(&self) -> Result<Layout, Error> {
        Ok(Layout {
            format: match self.format {
                CTM_FORMAT_F32 => Format::F32,
                CTM_FORMAT_F16 => Format::F16,
                CTM_FORMAT_U16 => Format::U16,
                CTM_FORMAT_U8 => Format::U8,
                CTM_FORMAT_U32 => Format::U32,
                CTM_FORMAT_I32 => Format::I32,
                format => {
                    let expected = "0 (f32), 1 (f16), 2 (u16), 3 (u8), 4 (u32) or 5 (i32)";
                    return unknown("image.format", format, expected);
                }
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
            planar: flag("image.planar", self.planar)?,
            pixel_stride: self.pixel_stride,
            row_stride: self.row_stride,
            plane_stride: self.plane_stride,
            image_count: self.image_count,
            image_stride: self.image_stride,
        })
    }

    /// The rectangle of interest.
    fn cropped<'a>(&self, map: ColorMap<'a>) -> Result<ColorMap<'a>, Error> {
        if [self.left, self.top, self.rectangle_width, self.rectangle_height] == [0; 4] {
            return Ok(map);
        }
        let side =
            |size: u32, whole: u32, start: u32| if size == 0 { whole.saturating_sub(start) } else { size };
        let width = side(self.rectangle_width, self.width, self.left);
        let height = side(self.rectangle_height, self.height, self.top);
        map.crop(self.left, self.top, width, height).map_err(|error| inside("image", error))
    }
}
