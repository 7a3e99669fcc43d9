//! Calls the library: once, or again where more was found than there was room for.

use anyhow::{anyhow, bail};
use ctm::{Analysis, ColorMap, Context, Error, MaskOutput, Outputs};

use crate::args::{MaskFormatArg, OutputArgs, SegmentArgs};
use crate::color;
use crate::labels::Labels;
use crate::maps::Maps;
use crate::memory::zeroed;
use crate::progress::analyse;
use crate::settings::Choice;
use crate::terminal::{count, thousands};

/// Masks that there is room for before their number is known. Memory that stays untouched costs
/// nothing, and counting a second time does.
const MASKS_AT_FIRST: u64 = 8;

/// What the library has found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) analysis: Analysis,
    /// The masks, as bytes of the mask format; none where none are asked for.
    pub(crate) planes: Vec<u8>,
    /// The labels, where they are of use.
    pub(crate) labels: Option<Labels>,
}

/// Bytes of a mask's row.
pub(crate) fn row_bytes(width: u32, args: &OutputArgs) -> usize {
    match args.mask_format {
        MaskFormatArg::EightBit => width as usize,
        MaskFormatArg::OneBit => width.div_ceil(8) as usize,
    }
}

/// Finds the masks, and all else that is of use.
pub(crate) fn masks(
    context: &mut Context,
    (maps, color_map): (&Maps, &ColorMap),
    choice: &Choice,
    args: &SegmentArgs,
) -> anyhow::Result<Found> {
    let wanted = &args.outputs;
    let most = choice.most_masks();
    let mut mask_count = if choice.has_palette() { most } else { most.min(MASKS_AT_FIRST) };
    let shape = maps.shape;
    let plane = (row_bytes(shape.width(), wanted) * shape.height() as usize * maps.files.len()) as u128;
    let mut size = u128::from(mask_count) * plane;
    let mut labelled = most.min(65_535);
    let mut is_guess = !choice.has_palette();
    loop {
        let room = if wanted.no_masks { Ok(Vec::new()) } else { room(size, mask_count, maps, wanted) };
        let mut planes = match room {
            // There may be fewer masks.
            Err(_) if is_guess => Vec::new(),
            room => {
                room.map_err(|error| anyhow!("{error}{}", if choice.has_palette() { "" } else { LOWER }))?
            }
        };
        let needs_labels = wanted.labels.is_some() || !wanted.no_overview;
        let mut labels = needs_labels.then(|| Labels::zeroed(labelled, maps.pixels())).transpose()?;
        let outputs = Outputs {
            masks: (!wanted.no_masks).then_some(match wanted.mask_format {
                MaskFormatArg::EightBit => MaskOutput::U8 { masks: &mut planes, inside: 255 },
                MaskFormatArg::OneBit => MaskOutput::Bits(&mut planes),
            }),
            cropped: wanted.cropped,
            labels: labels.as_mut().map(Labels::output),
            regions: true,
            undeclared: args.colors.report_undeclared,
            merged: args.colors.report_merged,
            ..Outputs::default()
        };
        is_guess = false;
        match analyse(context, color_map, &choice.settings(), outputs) {
            Ok(analysis) => return Ok(Found { analysis, planes, labels }),
            Err(Error::BufferTooSmall { mask_count: found, .. }) => {
                mask_count = found.into();
                size = plane * u128::from(found);
            }
            Err(Error::MasksTooLarge { mask_count: found, needed, .. }) => {
                mask_count = found.into();
                size = needed.into();
            }
            Err(Error::LabelsTooNarrow { mask_count: found, .. }) => labelled = found.into(),
            Err(Error::UndeclaredColors { pixels, colors, color, first_pixel: (x, row) }) => {
                let file = &maps.files[(row / shape.height()) as usize].path;
                bail!(
                    "{} of {} that the palette does not have; the most frequent is {}, first at column {x}, row {} \
                     of {}",
                    count(pixels, "pixel"),
                    count(colors, "colour"),
                    color::text(&choice.color(&color)),
                    row % shape.height(),
                    file.display()
                )
            }
            Err(error) => return Err(error.into()),
        }
    }
}

const LOWER: &str = "; lower --max-count or raise --min-pixels";

/// Room for so many masks.
fn room(size: u128, mask_count: u64, maps: &Maps, args: &OutputArgs) -> anyhow::Result<Vec<u8>> {
    let [width, height] = [maps.shape.width(), maps.shape.height()];
    let masks = thousands(mask_count);
    let images =
        if maps.files.len() == 1 { String::new() } else { format!(" in {} images", maps.files.len()) };
    let cropped = if args.cropped { "cropped " } else { "" };
    zeroed(size, &format!("{masks} {cropped}masks of {width} x {height} pixels{images} need"))
}
