//! A TIFF file with a page a mask, in grey of 8 bits, or of floats. Each page has its mask's name.

use std::borrow::Cow;
use std::io::{Cursor, Seek, Write};

use tiff::encoder::colortype::{ColorType, Gray8};
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, TiffKind, TiffValue};
use tiff::tags::{Tag, Type};

use super::Masks;

/// `PageName`.
const PAGE_NAME: Tag = Tag::Unknown(285);

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    encoded_pages::<Gray8>(masks.size(), &masks.names(), |index| Ok(masks.plane(index)))
}

/// A file with a page for each name.
pub(crate) fn encoded_pages<C: ColorType>(
    size: [u32; 2],
    names: &[String],
    plane: impl Fn(usize) -> anyhow::Result<Vec<C::Inner>>,
) -> anyhow::Result<Vec<u8>>
where
    [C::Inner]: TiffValue,
{
    let values = u64::from(size[0]) * u64::from(size[1]) * names.len() as u64;
    let mut file = Cursor::new(Vec::new());
    // One that may grow beyond 4 GiB is a BigTIFF, which fewer programs read.
    if values * (size_of::<C::Inner>() as u64) < 4_000_000_000 {
        write_pages::<C, _, _>(TiffEncoder::new(&mut file)?, size, names, plane)?;
    } else {
        write_pages::<C, _, _>(TiffEncoder::new_big(&mut file)?, size, names, plane)?;
    }
    Ok(file.into_inner())
}

fn write_pages<C: ColorType, W: Write + Seek, K: TiffKind>(
    encoder: TiffEncoder<W, K>,
    [width, height]: [u32; 2],
    names: &[String],
    plane: impl Fn(usize) -> anyhow::Result<Vec<C::Inner>>,
) -> anyhow::Result<()>
where
    [C::Inner]: TiffValue,
{
    let mut encoder = encoder.with_compression(Compression::Deflate(DeflateLevel::Fast));
    for (index, name) in names.iter().enumerate() {
        let mut page = encoder.new_image::<C>(width, height)?;
        page.encoder().write_tag(PAGE_NAME, Text(name))?;
        page.write_data(&plane(index)?)?;
    }
    Ok(())
}

/// A tag's text. TIFF calls it ASCII; libtiff hands the bytes on as they are, and GDAL and tifffile read UTF-8.
struct Text<'a>(&'a str);

impl TiffValue for Text<'_> {
    const BYTE_LEN: u8 = 1;
    const FIELD_TYPE: Type = Type::ASCII;

    fn count(&self) -> usize {
        self.0.len() + 1
    }

    fn data(&self) -> Cow<'_, [u8]> {
        // A zero ends the text, and is nowhere else in it.
        Cow::Owned([self.0.replace('\0', "_").as_bytes(), &[0]].concat())
    }
}
