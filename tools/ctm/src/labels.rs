//! Label maps: which mask each pixel is in; and pictures of them.

use std::io::Cursor;
use std::path::Path;

use anyhow::bail;
use ctm::LabelOutput;
use png::{BitDepth, ColorType};
use tiff::TiffResult;
use tiff::encoder::colortype::{Gray8, Gray16, Gray32};
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, TiffValue};

use crate::memory::zeroed;
use crate::names;
use crate::png::{self as png_file, Picture};
use crate::terminal::thousands;

/// The most masks that 16 bits have labels for.
pub(crate) const MOST_IN_PNG: u64 = 65_535;

/// The label of each pixel of all maps: 0 for none, else its mask's number, from 1.
#[derive(Debug)]
pub(crate) enum Labels {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Labels {
    /// Zeros, wide enough for so many masks.
    pub(crate) fn zeroed(masks: u64, pixels: u64) -> anyhow::Result<Self> {
        let (pixels, what) = (pixels.into(), "the labels need");
        Ok(match masks {
            0..=255 => Self::U8(zeroed(pixels, what)?),
            256..=65_535 => Self::U16(zeroed(pixels, what)?),
            _ => Self::U32(zeroed(pixels, what)?),
        })
    }

    /// As the library wants them.
    pub(crate) fn output(&mut self) -> LabelOutput<'_> {
        match self {
            Self::U8(labels) => LabelOutput::U8(labels),
            Self::U16(labels) => LabelOutput::U16(labels),
            Self::U32(labels) => LabelOutput::U32(labels),
        }
    }

    /// A pixel's label.
    pub(crate) fn label(&self, index: usize) -> u32 {
        match self {
            Self::U8(labels) => labels[index].into(),
            Self::U16(labels) => labels[index].into(),
            Self::U32(labels) => labels[index],
        }
    }

    /// The labels from `first` on as a picture, a TIFF where the file is called so, else a PNG: of 8 bits, or as many as
    /// the number of masks needs.
    pub(crate) fn picture(
        &self,
        file: &Path,
        first: usize,
        size: [u32; 2],
        masks: u64,
        small: bool,
    ) -> anyhow::Result<Vec<u8>> {
        let labels = (first..first + size[0] as usize * size[1] as usize).map(|index| self.label(index));
        let picture = |depth| Picture { size, color: ColorType::Grayscale, depth, place: None };
        Ok(match (is_tiff(file), masks) {
            (false, 0..=255) => png_file::encoded(
                &labels.map(|label| label as u8).collect::<Vec<_>>(),
                &picture(BitDepth::Eight),
                small,
            )?,
            (false, _) => {
                let bytes: Vec<u8> = labels.flat_map(|label| (label as u16).to_be_bytes()).collect();
                png_file::encoded(&bytes, &picture(BitDepth::Sixteen), small)?
            }
            (true, 0..=255) => tiff::<Gray8>(&labels.map(|label| label as u8).collect::<Vec<_>>(), size)?,
            (true, 256..=65_535) => {
                tiff::<Gray16>(&labels.map(|label| label as u16).collect::<Vec<_>>(), size)?
            }
            (true, _) => tiff::<Gray32>(&labels.collect::<Vec<_>>(), size)?,
        })
    }
}

/// Whether a label picture is to be a TIFF.
pub(crate) fn is_tiff(file: &Path) -> bool {
    file.extension().is_some() && names::is_called(file, &["tif", "tiff"])
}

/// Fails where a picture of labels has no room for so many masks. `most`: what the bits that were asked for have room for.
pub(crate) fn check_count(file: &Path, masks: u64, most: Option<u64>) -> anyhow::Result<()> {
    if let Some(most) = most.filter(|&most| masks > most) {
        bail!(
            "{}: {} masks; labels of so many bits (--label-bits) have room for {}",
            file.display(),
            thousands(masks),
            thousands(most)
        );
    }
    if masks > MOST_IN_PNG && !is_tiff(file) {
        bail!(
            "{}: {} masks; a PNG has labels for {} at most: name it .tif, or lower --max-count",
            file.display(),
            thousands(masks),
            thousands(MOST_IN_PNG)
        );
    }
    Ok(())
}

/// A TIFF file.
fn tiff<C: tiff::encoder::colortype::ColorType>(labels: &[C::Inner], size: [u32; 2]) -> TiffResult<Vec<u8>>
where
    [C::Inner]: TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let compression = Compression::Deflate(DeflateLevel::Fast);
    // One that may grow beyond 4 GiB is a BigTIFF, which fewer programs read.
    if size_of_val(labels) < 4_000_000_000 {
        let mut encoder = TiffEncoder::new(&mut file)?.with_compression(compression);
        encoder.write_image::<C>(size[0], size[1], labels)?;
    } else {
        let mut encoder = TiffEncoder::new_big(&mut file)?.with_compression(compression);
        encoder.write_image::<C>(size[0], size[1], labels)?;
    }
    Ok(file.into_inner())
}
