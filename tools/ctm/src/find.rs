//! Calls the library: once, or again where more was found than there was room for.

use anyhow::{anyhow, bail};
use ctm::{
    Analysis, Capacity, ColorMap, Connectivity, Context, Error, MaskOutput, OutlineSettings, Outputs,
    RunOrder,
};
use rayon::prelude::*;

use crate::args::{FormatArg, MaskFormatArg, OutputArgs, SegmentArgs};
use crate::labels::Labels;
use crate::maps::Maps;
use crate::memory::zeroed;
use crate::progress::analyze;
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
    // In values, of which shares take four bytes and all others one.
    let mut size = u128::from(mask_count) * plane;
    let has_shares = args.has_shares();
    let mut labelled = most.min(65_535);
    // Crops may need less.
    let mut is_guess = !choice.has_palette() || wanted.cropped;
    loop {
        let what = what(mask_count, maps, wanted);
        let lower = |error| anyhow!("{error}; {}", advice(choice.has_palette(), wanted));
        let size_in = |is_asked| if is_asked && wanted.needs_planes() { size } else { 0 };
        let room = zeroed::<u8>(size_in(!has_shares), &what)
            .and_then(|planes| Ok((planes, zeroed::<f32>(size_in(has_shares), &what)?)));
        let (mut planes, mut shares) = match room {
            // There may be fewer masks.
            Err(_) if is_guess => (Vec::new(), Vec::new()),
            room => room.map_err(lower)?,
        };
        let needs_labels = wanted.needs_labels();
        let mut labels = needs_labels.then(|| Labels::zeroed(labelled, maps.pixels())).transpose()?;
        let outputs = Outputs {
            masks: wanted.needs_planes().then_some(match wanted.mask_format {
                MaskFormatArg::EightBit if has_shares => MaskOutput::Coverage(&mut shares),
                MaskFormatArg::EightBit => MaskOutput::U8 { masks: &mut planes, inside: 255 },
                MaskFormatArg::OneBit => MaskOutput::Bits(&mut planes),
            }),
            cropped: wanted.cropped,
            labels: labels.as_mut().map(Labels::output),
            mask_stats: true,
            runs: wanted.has_coco().then_some(RunOrder::Columns),
            outlines: wanted.needs_outlines().then_some(OutlineSettings {
                connectivity: Connectivity::Four,
                tolerance: wanted.simplify.unwrap_or(0.0),
            }),
            unlisted: args.colors.report_unlisted,
            merged: args.colors.report_merged,
            ..Outputs::default()
        };
        is_guess = false;
        match analyze(context, color_map, &choice.settings(), outputs) {
            Ok(mut analysis) => {
                if has_shares {
                    analysis.crop_starts.iter_mut().for_each(|start| *start /= 4);
                    planes = bytes_of(&shares)?;
                }
                return Ok(Found { analysis, planes, labels });
            }
            Err(Error::TooSmall { what: Capacity::LabelNumbers, mask_count: found, .. }) => {
                labelled = found.into();
            }
            Err(Error::TooSmall { mask_count: found, needed, .. }) => {
                mask_count = found.into();
                size = u128::from(needed) / if has_shares { 4 } else { 1 };
            }
            Err(Error::UnlistedColors { pixels, colors, color, first_pixel: (x, row) }) => {
                let file = &maps.files[(row / shape.height()) as usize].input;
                bail!(
                    "{} of {} that the palette does not have; the most frequent is {}, first at column {x}, row {} \
                     of {}",
                    count(pixels, "pixel"),
                    count(colors, "colour"),
                    choice.text(&color),
                    row % shape.height(),
                    file
                )
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What needs less memory.
fn advice(has_palette: bool, args: &OutputArgs) -> String {
    let has_whole = |format: &FormatArg| matches!(format, FormatArg::Tiff | FormatArg::Exr);
    let few: &[&str] = if has_palette { &[] } else { &["lower --max-count", "raise --min-pixels"] };
    let cropped: &[&str] =
        if args.cropped || args.format.iter().any(has_whole) { &[] } else { &["crop the masks (--cropped)"] };
    let others = [few, cropped].concat();
    let last = "write their edges or run lengths (--format svg, coco)";
    if others.is_empty() { last.to_owned() } else { format!("{}, or {last}", others.join(", ")) }
}

/// What memory is for.
fn what(mask_count: u64, maps: &Maps, args: &OutputArgs) -> String {
    let [width, height] = [maps.shape.width(), maps.shape.height()];
    let masks = thousands(mask_count);
    let images =
        if maps.files.len() == 1 { String::new() } else { format!(" in {} images", maps.files.len()) };
    let cropped = if args.cropped { "cropped " } else { "" };
    format!("{masks} {cropped}masks of {width} x {height} pixels{images} need")
}

/// Shares of 0 to 1 as bytes.
fn bytes_of(shares: &[f32]) -> anyhow::Result<Vec<u8>> {
    let mut bytes: Vec<u8> = zeroed(shares.len() as u128, "the masks as bytes need")?;
    bytes.par_iter_mut().zip(shares).for_each(|(byte, share)| *byte = (share * 255.0).round() as u8);
    Ok(bytes)
}
