//! A TIFF file with a page a mask, in grey of 8 bits. Each page has its mask's name.

use std::io::{Cursor, Seek, Write};

use tiff::TiffResult;
use tiff::encoder::colortype::Gray8;
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, TiffKind};
use tiff::tags::Tag;

use super::Masks;

/// `PageName`.
const PAGE_NAME: Tag = Tag::Unknown(285);

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    let [width, height] = masks.size();
    let bytes = u64::from(width) * u64::from(height) * masks.all().len() as u64;
    let mut file = Cursor::new(Vec::new());
    // One that may grow beyond 4 GiB is a BigTIFF, which fewer programs read.
    if bytes < 4_000_000_000 {
        write_pages(TiffEncoder::new(&mut file)?, masks)?;
    } else {
        write_pages(TiffEncoder::new_big(&mut file)?, masks)?;
    }
    Ok(file.into_inner())
}

fn write_pages<W: Write + Seek, K: TiffKind>(encoder: TiffEncoder<W, K>, masks: &Masks) -> TiffResult<()> {
    let mut encoder = encoder.with_compression(Compression::Deflate(DeflateLevel::Fast));
    let [width, height] = masks.size();
    for (index, name) in masks.names().iter().enumerate() {
        let mut page = encoder.new_image::<Gray8>(width, height)?;
        // Its text is of ASCII.
        let name: String =
            name.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { '_' }).collect();
        page.encoder().write_tag(PAGE_NAME, &*name)?;
        page.write_data(&masks.plane(index))?;
    }
    Ok(())
}
