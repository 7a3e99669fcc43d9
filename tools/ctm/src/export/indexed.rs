//! An indexed PNG, as PASCAL VOC has them, and the names of its indices, as CVAT and `--palette` read them.
//!
//! Index 0 is the background, which is black there, and the others are the masks in their order. A mask that is black is the
//! background itself: readers know it by the colour, and no other index is black. The palette has the masks' colours; where
//! two of them would be the same on a screen, as ids of 16 bits and regions of one colour are, it is that of PASCAL VOC, all of
//! whose colours differ. So each colour of the picture is in the list of names, once.

use std::collections::HashSet;

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use super::{Masks, unique};
use crate::args::BatchArg;
use crate::masks::Mask;
use crate::outcome::Outcome;
use crate::report::screen_color;
use crate::terminal::{self, count};

const BLACK: [u8; 3] = [0; 3];
const BACKGROUND: &str = "background";

/// A palette has 256 colours, of which one is the background's.
pub(super) fn most_masks(outcome: &Outcome) -> usize {
    if background(outcome).is_some() { 256 } else { 255 }
}

/// The mask that is the background, if there is one: the only one that is black.
fn background(outcome: &Outcome) -> Option<usize> {
    // Ids are shown in scattered colours, and some values beyond 0 to 1 as black, which they are not.
    let is_black = |mask: &Mask| mask.hex.is_some() && screen_color(outcome, &mask.color) == BLACK;
    let mut black = (0..outcome.masks.len()).filter(|&index| is_black(&outcome.masks[index]));
    black.next().filter(|_| black.next().is_none())
}

/// The masks by index: first the one that is the background, if there is one.
fn by_index(outcome: &Outcome) -> Vec<Option<usize>> {
    let background = background(outcome);
    let others = (0..outcome.masks.len()).map(Some).filter(|&mask| mask != background);
    std::iter::once(background).chain(others).collect()
}

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    let [width, height] = masks.size();
    let (labels, first) = masks.labels()?;
    let order = by_index(masks.outcome);
    let mut index_of = vec![0; masks.all().len() + 1];
    for (index, mask) in order.iter().enumerate() {
        mask.inspect(|mask| index_of[mask + 1] = index as u8);
    }
    let pixels = first..first + masks.outcome.maps.plane();
    let indices: Vec<u8> = pixels.clone().map(|pixel| index_of[labels.label(pixel) as usize]).collect();
    if let (Some(mask), true) = (order[0], masks.outcome.args.colors.batch != BatchArg::Stream) {
        let without = pixels.filter(|&pixel| labels.label(pixel) == 0).count() as u64;
        if without > 0 {
            let (without, called) = (count(without, "pixel"), masks.all()[mask].called());
            terminal::hint(&format!(
                "--format indexed: {without} without a mask, and '{called}', which is black, have index 0"
            ));
        }
    }
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette(masks.outcome).concat());
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

/// The colours by index, all of them different.
fn palette(outcome: &Outcome) -> Vec<[u8; 3]> {
    let order = by_index(outcome);
    let color = |mask: usize| screen_color(outcome, &outcome.masks[mask].color);
    let colors: Vec<[u8; 3]> =
        std::iter::once(BLACK).chain(order[1..].iter().flatten().map(|&mask| color(mask))).collect();
    let different: HashSet<&[u8; 3]> = colors.iter().collect();
    if different.len() == colors.len() { colors } else { (0..order.len()).map(voc_color).collect() }
}

/// PASCAL VOC's: the bits of the index, three by three, are the highest bits of red, green and blue.
fn voc_color(index: usize) -> [u8; 3] {
    let channel = |channel: usize| {
        (0..3).map(|round| ((index >> (3 * round + channel) & 1) << (7 - round)) as u8).sum()
    };
    [0, 1, 2].map(channel)
}

/// `label:color_rgb:parts:actions`, a line for each index.
pub(super) fn label_map(masks: &Masks) -> Vec<u8> {
    let order = by_index(masks.outcome);
    let clean = |name: &str| {
        let name = name.replace([':', '\n', '\r'], "_");
        // A line that begins so is a comment.
        match name.strip_prefix('#') {
            Some(rest) => format!("_{rest}"),
            None => name,
        }
    };
    let first = order[0].and_then(|mask| masks.all()[mask].name.as_deref());
    let first = first.map_or(BACKGROUND.to_owned(), clean);
    let others = order[1..].iter().flatten().map(|&mask| clean(masks.all()[mask].called()));
    let others = unique(others, &[&first]);
    let line = |(name, [r, g, b]): (&String, [u8; 3])| format!("{name}:{r},{g},{b}::\n");
    let names = std::iter::once(&first).chain(&others);
    let lines: String = names.zip(palette(masks.outcome)).map(line).collect();
    format!("# label:color_rgb:parts:actions\n{lines}").into_bytes()
}
