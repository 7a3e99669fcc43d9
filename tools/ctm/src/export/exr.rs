//! An OpenEXR file with a layer a mask, whose channel Y has the coverage, 0 to 1, as half floats.

use std::io::Cursor;

use anyhow::anyhow;
use exr::prelude::{
    AnyChannel, AnyChannels, Encoding, FlatSamples, Image, Layer, LayerAttributes, SmallVec, Text,
    WritableImage as _,
};
use half::f16;

use super::Masks;

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    let [width, height] = masks.size();
    let halves: Vec<f16> = (0..=255u8).map(|byte| f16::from_f32(f32::from(byte) / 255.0)).collect();
    let channel = |(index, name): (usize, &String)| -> anyhow::Result<AnyChannel<FlatSamples>> {
        // A point ends a layer's name.
        let name = format!("{}.Y", name.replace('.', "_"));
        let name =
            Text::new_or_none(&name).unwrap_or_else(|| Text::from(&*format!("mask-{:03}.Y", index + 1)));
        let samples = masks.plane(index).iter().map(|&byte| halves[usize::from(byte)]).collect();
        Ok(AnyChannel::new(name, FlatSamples::F16(samples)))
    };
    let names = masks.names();
    let channels: SmallVec<[AnyChannel<FlatSamples>; 4]> =
        names.iter().enumerate().map(channel).collect::<anyhow::Result<_>>()?;
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
