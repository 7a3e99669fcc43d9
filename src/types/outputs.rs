//! What a call is to write, and what it found.

use std::marker::PhantomData;

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::no_memory;
use crate::types::device_memory::DeviceMemory;
use crate::types::image::ColorMap;
use crate::types::outlines::{MaskOutlines, OutlineSettings};
use crate::types::palette::Palette;
use crate::types::runs::{MaskRuns, RunOrder};
use crate::types::stats::MaskStats;

/// What [`Context::analyze`](crate::Context::analyze) is to write and to find beside the palette. The default is
/// nothing.
#[derive(Debug, Default)]
pub struct Outputs<'a> {
    /// One plane of `height * width` values per mask and image: of mask 0 those of all images, then of mask 1.
    pub masks: Option<MaskOutput<'a>>,
    /// How the masks lie in their memory. Strides of floats are multiples of 4.
    pub mask_layout: MaskLayout,
    /// Whether each mask is cropped to its bounding box, in each image. They follow each other without gaps, whatever
    /// `mask_layout` says: mask 0 of all images, then mask 1.
    pub cropped: bool,
    /// The label of each pixel, image by image: 0 where it is in no mask, else the number of its mask plus one.
    pub labels: Option<LabelOutput<'a>>,
    /// Whether it is to find where each mask's pixels lie in each image.
    pub mask_stats: bool,
    /// In which order the masks are to be told as run lengths; `None`: they are not. With `cropped` each mask's are those
    /// within its bounding box.
    pub runs: Option<RunOrder>,
    /// How the masks are to be told as polygons; `None`: they are not.
    pub outlines: Option<OutlineSettings>,
    /// Where a palette is given, how many of the colours that it does not have are to be listed; `None`: they are not
    /// looked for.
    pub unlisted: Option<u32>,
    /// Of the colours that became others', how many are to be listed, the most frequent ones.
    pub merged: u32,
}

/// Room for masks; what lies behind the last one is not touched.
#[derive(Debug)]
pub enum MaskOutput<'a> {
    /// 1.0 where a pixel is in the mask, else 0.0.
    F32(&'a mut [f32]),
    /// `inside` where a pixel is in the mask, else 0.
    U8 {
        /// The planes.
        masks: &'a mut [u8],
        /// 1 to 255.
        inside: u8,
    },
    /// A bit a pixel, 1 where it is in the mask, else 0. Each row begins with a byte, its first pixel with the highest
    /// bit, as in PBM files; unused bits are 0.
    Bits(&'a mut [u8]),
    /// How much of a pixel is in the mask, 0.0 to 1.0, where [`Params::unmix_radius`](crate::Params::unmix_radius)
    /// unmixes pixels: their shares, which are multiples of 2^-16 and of which those of all masks sum to 1 exactly.
    /// Other pixels as in `F32`. A mask's bounding box in `regions`, and to which it is cropped, holds all pixels of
    /// which it has a share.
    Coverage(&'a mut [f32]),
}

/// What a call found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// How many masks there are; where each image has a palette of its own, as many as the longest has colours.
    pub mask_count: u32,
    /// The colours that have masks; none where each image has a palette of its own.
    pub palette: Palette,
    /// The images' palettes where each has its own and there are several, else empty.
    pub image_palettes: Vec<Palette>,
    /// Where each mask's pixels lie in each image: of mask 0 in all images, then of mask 1; empty where that was
    /// not asked for.
    pub mask_stats: Vec<MaskStats>,
    /// Where each cropped mask begins, in bytes: of mask 0 in all images, then of mask 1; empty where they are not
    /// cropped.
    pub crop_starts: Vec<u64>,
    /// Bytes that the masks need, or would need as floats where none are asked for.
    pub masks_size: u64,
    /// The colours that a given palette does not have, if that was asked for.
    pub unlisted: Option<UnlistedColors>,
    /// The colours that became others', where the params say so.
    pub merged: MergedColors,
    /// The small regions and holes that became other masks', where the params say so.
    pub absorbed: AbsorbedRegions,
    /// The masks as run lengths, if that was asked for.
    pub runs: Option<MaskRuns>,
    /// The masks as polygons, if that was asked for.
    pub outlines: Option<MaskOutlines>,
}

/// Colours that a given palette does not have: not in it, not near enough to join one of its masks, and not ignored.
/// What [`Params::unlisted`](crate::Params::unlisted) makes of them changes nothing here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnlistedColors {
    /// Pixels that have such colours.
    pub pixels: u64,
    /// How many there are.
    pub colors: u64,
    /// The most frequent ones, in the order of masks, as many as were asked for.
    pub most_frequent: Vec<UnlistedColor>,
}

/// A colour that a given palette does not have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnlistedColor {
    /// The colour.
    pub color: Color,
    /// Its pixels.
    pub pixels: u64,
    /// Column and row of the first one; rows of several images are counted one below the other.
    pub first_pixel: (u32, u32),
}

/// Colours that became others', of which they were near-duplicates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MergedColors {
    /// Pixels that have such colours, in all images.
    pub pixels: u64,
    /// How many there are.
    pub colors: u64,
    /// The most frequent ones, in the order of masks, as many as were asked for.
    pub most_frequent: Vec<MergedColor>,
}

impl MergedColors {
    /// Those of all images, of which so many are to be listed, image by image.
    pub(crate) fn together<'a>(all: impl Iterator<Item = &'a mut Self>, most: u32) -> Result<Self, Error> {
        let mut together = Self::default();
        for merged in all {
            together.pixels += merged.pixels;
            together.colors += merged.colors;
            let more = (most as usize - together.most_frequent.len()).min(merged.most_frequent.len());
            let list = std::mem::take(&mut merged.most_frequent);
            if together.most_frequent.is_empty() {
                together.most_frequent = list;
            } else {
                together.most_frequent.try_reserve(more).map_err(|_| no_memory::<MergedColor>(more))?;
                together.most_frequent.extend_from_slice(&list[..more]);
            }
        }
        Ok(together)
    }
}

/// Small regions and holes that became other masks', see [`Params::absorb`](crate::Params::absorb), in all images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AbsorbedRegions {
    /// Regions that became another mask's; holes that were filled are not among them.
    pub regions: u64,
    /// Their pixels.
    pub pixels: u64,
    /// Holes that were filled.
    pub holes: u64,
    /// Their pixels.
    pub hole_pixels: u64,
}

impl AbsorbedRegions {
    /// Those of several images.
    pub(crate) fn together(all: impl Iterator<Item = Self>) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            regions: sum.regions + one.regions,
            pixels: sum.pixels + one.pixels,
            holes: sum.holes + one.holes,
            hole_pixels: sum.hole_pixels + one.hole_pixels,
        })
    }
}

/// A colour that became another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MergedColor {
    /// The colour as it is in the image.
    pub color: Color,
    /// Its pixels, in all images.
    pub pixels: u64,
    /// What it became.
    pub into: Color,
}

/// Room for masks that may not have been written yet.
#[derive(Debug)]
pub(crate) struct Masks<'a> {
    pub(crate) first: *mut u8,
    /// In bytes.
    pub(crate) size: usize,
    pub(crate) lifetime: PhantomData<&'a mut [u8]>,
}

impl<'a> Masks<'a> {
    /// The masks' memory, and what they are to hold.
    pub(crate) fn new(output: MaskOutput<'a>) -> (Self, MaskFormat) {
        let (bytes, format): (&mut [u8], _) = match output {
            MaskOutput::F32(masks) => (bytemuck::cast_slice_mut(masks), MaskFormat::F32),
            MaskOutput::U8 { masks, inside } => (masks, MaskFormat::U8(inside)),
            MaskOutput::Bits(masks) => (masks, MaskFormat::Bits),
            MaskOutput::Coverage(masks) => (bytemuck::cast_slice_mut(masks), MaskFormat::Coverage),
        };
        (Self { first: bytes.as_mut_ptr(), size: bytes.len(), lifetime: PhantomData }, format)
    }
}

impl Outputs<'_> {
    /// Whether the outputs suit images of this shape.
    pub(crate) fn check(&self, map: &ColorMap) -> Result<(), Error> {
        if let Some(MaskOutput::U8 { inside: 0, .. }) = &self.masks {
            return Err(Error::InvalidArgument(
                "masks.inside is 0, the value outside; 1 to 255 is expected".to_owned(),
            ));
        }
        let Some(labels) = &self.labels else { return Ok(()) };
        let (width, height, images) = (map.shape().width(), map.shape().height(), map.images());
        if labels.len() != map.shape().plane() * images as usize {
            return Err(Error::InvalidArgument(format!(
                "labels has room for {} pixels; {images} x {width} x {height} = {} are expected",
                labels.len(),
                map.shape().plane() * images as usize
            )));
        }
        Ok(())
    }
}

/// Room for the label of each pixel, in reading order.
#[derive(Debug)]
pub enum LabelOutput<'a> {
    /// For at most 255 masks.
    U8(&'a mut [u8]),
    /// For at most 65,535 masks.
    U16(&'a mut [u16]),
    /// For any number of masks.
    U32(&'a mut [u32]),
}

impl LabelOutput<'_> {
    /// Pixels that there is room for.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::U8(labels) => labels.len(),
            Self::U16(labels) => labels.len(),
            Self::U32(labels) => labels.len(),
        }
    }
}

impl MaskFormat {
    /// Bytes of so many pixels of a row.
    pub(crate) fn row_bytes(self, pixels: usize) -> usize {
        match self {
            Self::F32 | Self::Coverage => 4 * pixels,
            Self::U8(_) => pixels,
            Self::Bits => pixels.div_ceil(8),
        }
    }

    /// What addresses and strides are multiples of.
    pub(crate) fn alignment(self) -> usize {
        match self {
            Self::F32 | Self::Coverage => 4,
            Self::U8(_) | Self::Bits => 1,
        }
    }
}

/// How the masks' planes lie in memory: strides in bytes, of which 0 means without a gap. Without gaps a mask's planes
/// of all images come together: mask 0 of all images, then mask 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaskLayout {
    /// Bytes from a row to the next in memory, negative where the bottom row comes first.
    pub row_stride: isize,
    /// Bytes from a mask's plane of an image to its plane of the next image.
    pub image_stride: usize,
    /// Bytes from a mask to the next one.
    pub mask_stride: usize,
}

/// Bytes of one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LabelWidth {
    One,
    Two,
    Four,
}

impl LabelWidth {
    /// The narrowest width for labels up to `largest`, which may not be the width's largest number:
    /// that one stands for "no label".
    pub(crate) fn for_labels_up_to(largest: usize) -> Self {
        match largest {
            0..=254 => Self::One,
            255..=65_534 => Self::Two,
            _ => Self::Four,
        }
    }

    /// Bytes of one label.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// What a mask's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaskFormat {
    /// 1.0 inside, else 0.0.
    F32,
    /// This inside, else 0.
    U8(u8),
    /// A bit a pixel, 1 inside, else 0; each row begins with a byte, its first pixel with the highest bit.
    Bits,
    /// How much of a pixel is in the mask, 0.0 to 1.0.
    Coverage,
}

/// What a call is to write to a device's memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeviceOutputs {
    /// Planes of floats, without gaps.
    pub(crate) masks: Option<DeviceMemory>,
    /// The label of each pixel, and how wide each is.
    pub(crate) labels: Option<(DeviceMemory, LabelWidth)>,
}

impl DeviceOutputs {
    /// All of it.
    pub(crate) fn memories(&self) -> impl Iterator<Item = DeviceMemory> + use<> {
        self.masks.into_iter().chain(self.labels.map(|(memory, _)| memory))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.memories().next().is_none()
    }

    /// The largest number of masks whose labels fit.
    pub(crate) fn most_masks(&self) -> u32 {
        match self.labels {
            Some((_, LabelWidth::One)) => u8::MAX.into(),
            Some((_, LabelWidth::Two)) => u16::MAX.into(),
            Some((_, LabelWidth::Four)) | None => u32::MAX,
        }
    }
}
