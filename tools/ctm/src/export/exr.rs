//! An OpenEXR file with a layer a mask, whose channel Y has the coverage, 0 to 1, as half floats.

use std::io::Cursor;

use anyhow::anyhow;
use exr::prelude::{
    AnyChannel, AnyChannels, Encoding, FlatSamples, Image, Layer, LayerAttributes, SmallVec, Text,
    WritableImage as _,
};
use half::f16;

use super::{Masks, unique};
use crate::masks::Mask;

/// Of a layer's name, in UTF-8; more may follow that tells it from others.
const MOST_BYTES: usize = 240;

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    let [width, height] = masks.size();
    let halves: Vec<f16> = (0..=255u8).map(|byte| f16::from_f32(f32::from(byte) / 255.0)).collect();
    let samples = |index: usize| masks.plane(index).iter().map(|&byte| halves[usize::from(byte)]).collect();
    let form = |mask: &Mask| {
        // A point ends a layer's name, and what OpenEXR reads has 255 bytes at most.
        let name = mask.called().replace('.', "_");
        if name.len() <= MOST_BYTES && !name.contains('\0') { name } else { mask.plain.clone() }
    };
    let layers = unique(masks.all().iter().map(form), &[]).into_iter().enumerate();
    encoded_layers([width, height], layers.map(|(index, name)| (name, FlatSamples::F16(samples(index)))))
}

/// A file with a layer for each name, whose channel is `Y`.
pub(crate) fn encoded_layers(
    [width, height]: [u32; 2],
    layers: impl Iterator<Item = (String, FlatSamples)>,
) -> anyhow::Result<Vec<u8>> {
    let channel = |(name, samples): (String, FlatSamples)| {
        AnyChannel::new(Text::from_slice_unchecked(format!("{name}.Y").as_bytes()), samples)
    };
    let channels: SmallVec<[AnyChannel<FlatSamples>; 4]> = layers.map(channel).collect();
    let layer = Layer::new(
        (width as usize, height as usize),
        LayerAttributes::default(),
        Encoding::SMALL_LOSSLESS,
        AnyChannels::sort(channels),
    );
    let mut file = Cursor::new(Vec::new());
    Image::from_layer(layer).write().to_buffered(&mut file).map_err(|error| anyhow!("{error}"))?;
    Ok(file.into_inner())
}
