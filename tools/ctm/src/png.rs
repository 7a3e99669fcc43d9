//! PNG files.

use png::chunk::ChunkType;
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};

/// What a picture's bytes are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    /// Width and height.
    pub(crate) size: [u32; 2],
    pub(crate) color: ColorType,
    pub(crate) depth: BitDepth,
    /// Where it lies in the image that it was cropped from: column and row.
    pub(crate) place: Option<[u32; 2]>,
}

/// A PNG file, made quickly, or `small`.
pub(crate) fn encoded(bytes: &[u8], picture: &Picture, small: bool) -> Result<Vec<u8>, EncodingError> {
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, picture.size[0], picture.size[1]);
    encoder.set_color(picture.color);
    encoder.set_depth(picture.depth);
    // The fast one finds runs of zeros only, which flat regions are as differences to the row above.
    encoder.set_compression(if small { Compression::High } else { Compression::Fast });
    let unfiltered = small && picture.depth == BitDepth::One;
    encoder.set_filter(if unfiltered { Filter::NoFilter } else { Filter::Up });
    let mut writer = encoder.write_header()?;
    if let Some([x, y]) = picture.place {
        // Image editors put the picture there.
        let mut offset = [x.to_be_bytes(), y.to_be_bytes()].concat();
        offset.push(0); // in pixels
        writer.write_chunk(ChunkType(*b"oFFs"), &offset)?;
    }
    writer.write_image_data(bytes)?;
    writer.finish()?;
    Ok(png)
}
