//! An indexed PNG, as PASCAL VOC has them: the palette's colours are the masks', index 0 is no mask; and the names of the
//! indices, as CVAT writes and reads them.

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use super::Masks;
use crate::report::screen_color;

/// A palette has 256 colours, of which one is the background's.
pub(super) const MOST_MASKS: usize = 255;

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    let [width, height] = masks.size();
    let (labels, first) = masks.labels()?;
    let indices: Vec<u8> =
        (first..first + masks.outcome.maps.plane()).map(|pixel| labels.label(pixel) as u8).collect();
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette(masks).concat());
    encoder.set_compression(if masks.outcome.args.outputs.small_files {
        Compression::High
    } else {
        Compression::Fast
    });
    encoder.set_filter(Filter::Up);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indices)?;
    writer.finish()?;
    Ok(png)
}

/// The background's colour, and the masks'.
fn palette(masks: &Masks) -> Vec<[u8; 3]> {
    let colors = masks.all().iter().map(|mask| screen_color(masks.outcome, &mask.color));
    std::iter::once([0; 3]).chain(colors).collect()
}

/// `label:color_rgb:parts:actions`, a line for each index.
pub(super) fn label_map(masks: &Masks) -> Vec<u8> {
    let names = std::iter::once("background".to_owned()).chain(masks.names());
    let line = |(name, [r, g, b]): (String, [u8; 3])| {
        let name = name.replace([':', '\n', '\r'], "_");
        format!("{name}:{r},{g},{b}::\n")
    };
    let lines: String = names.zip(palette(masks)).map(line).collect();
    format!("# label:color_rgb:parts:actions\n{lines}").into_bytes()
}
