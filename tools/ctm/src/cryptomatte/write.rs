//! Masks of objects, as files: coverage as floats, in PNGs as 8 bits.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;

use ::exr::prelude::FlatSamples;
use anyhow::{Context as _, bail};
use png::{BitDepth, ColorType};
use rayon::prelude::*;
use tiff::encoder::colortype::Gray32Float;

use super::{Object, objects};
use crate::args::{FormatArg, OutputArgs};
use crate::decode::Ranks;
use crate::export::{exr, npz, tiff as pages};
use crate::memory::zeroed;
use crate::png::{Picture, encoded};
use crate::template::Named;
use crate::{names, save};

/// More bytes than this of a name are left out: file systems and OpenEXR take 255 in all.
const MOST_BYTES: usize = 120;

/// What the picture of each object is called, if pictures are asked for: as the object is, or as the template says.
pub(super) fn name_files(objects: &mut [Object], folder: &Path, args: &OutputArgs) {
    if !args.has_pngs() {
        return;
    }
    let plain = unique(objects, |name| names::safe(name, MOST_BYTES));
    for (index, (object, plain)) in objects.iter_mut().zip(plain).enumerate() {
        let hex = object.hex();
        let name = match &args.names {
            Some(template) => template.name(&Named {
                index: index + 1,
                digits: 3,
                name: object.name.as_deref(),
                hex: Some(&hex),
                id: None,
                pixels: object.pixels.round() as u64,
            }),
            None => plain + ".png",
        };
        object.file = Some(folder.join(name));
    }
}

/// The objects' names in a form that something takes. Those that would be the same get their ids added.
fn unique(objects: &[Object], form: impl Fn(&str) -> String) -> Vec<String> {
    let mut seen = HashSet::new();
    let name = |object: &Object| {
        let name = form(&object.text());
        let is_new = !name.is_empty() && seen.insert(names::folded(OsStr::new(&name)));
        if is_new {
            return name;
        }
        let with_id = if name.is_empty() { object.hex() } else { format!("{name}-{}", object.hex()) };
        seen.insert(names::folded(OsStr::new(&with_id)));
        with_id
    };
    objects.iter().map(name).collect()
}

/// An object's coverage of each pixel, the sum over the ranks from the first on.
fn matte(ranks: &Ranks, object: &Object) -> anyhow::Result<Vec<f32>> {
    let width = ranks.size[0] as usize;
    let mut matte: Vec<f32> = zeroed(width as u128 * u128::from(ranks.size[1]), "a mask needs")?;
    let pixels = object.rows.start * width..object.rows.end * width;
    for [ids, coverage] in objects::planes(ranks) {
        let own = ids[pixels.clone()].iter().zip(&coverage[pixels.clone()]);
        for (sum, (id, share)) in matte[pixels.clone()].iter_mut().zip(own) {
            if id.to_bits() == object.id {
                *sum += share;
            }
        }
    }
    Ok(matte)
}

/// Writes a PNG for each object: coverage × 255, rounded to the nearest, halves up; beyond 0 to 1 cut off.
pub(super) fn pictures(ranks: &Ranks, objects: &[Object], small: bool) -> anyhow::Result<()> {
    let picture =
        Picture { size: ranks.size, color: ColorType::Grayscale, depth: BitDepth::Eight, place: None };
    let byte = |share: f32| (share.clamp(0.0, 1.0) * 255.0).round() as u8;
    objects.par_iter().try_for_each(|object| {
        let Some(file) = &object.file else { return Ok(()) };
        let bytes: Vec<u8> = matte(ranks, object)?.into_iter().map(byte).collect();
        let png = encoded(&bytes, &picture, small)
            .with_context(|| format!("{}: cannot be encoded", file.display()))?;
        save::bytes(file, &png)
    })
}

/// Writes a file that has all masks.
pub(super) fn export(
    format: FormatArg,
    file: &Path,
    ranks: &Ranks,
    objects: &[Object],
) -> anyhow::Result<()> {
    let encoded = match format {
        FormatArg::Exr => layers(ranks, objects),
        FormatArg::Tiff => {
            let names: Vec<String> = objects.iter().map(Object::text).collect();
            pages::encoded_pages::<Gray32Float>(ranks.size, &names, |index| matte(ranks, &objects[index]))
        }
        FormatArg::Npz => arrays(ranks, objects),
        _ => bail!("{}: has no coverage", file.display()),
    };
    save::bytes(file, &encoded.with_context(|| format!("{}: cannot be encoded", file.display()))?)
}

/// An OpenEXR file with a layer for each object, in 32-bit floats.
fn layers(ranks: &Ranks, objects: &[Object]) -> anyhow::Result<Vec<u8>> {
    // A point ends a layer's name.
    let names = unique(objects, |name| names::safe(name, MOST_BYTES).replace('.', "_"));
    let samples = objects.iter().map(|object| Ok(FlatSamples::F32(matte(ranks, object)?)));
    exr::encoded_layers(ranks.size, names.into_iter().zip(samples.collect::<anyhow::Result<Vec<_>>>()?))
}

/// NumPy's arrays.
fn arrays(ranks: &Ranks, objects: &[Object]) -> anyhow::Result<Vec<u8>> {
    let ([width, height], count) = (ranks.size, objects.len());
    let mut file = npz::Arrays::default();
    let planes = objects.iter().map(|object| matte(ranks, object));
    let bytes = planes.map(|plane| Ok(plane?.into_iter().flat_map(f32::to_le_bytes).collect()));
    file.add_parts("masks", "<f4", &format!("({count}, {height}, {width})"), bytes)?;
    let bytes = |word: fn(&Object) -> [u8; 8]| objects.iter().flat_map(word).collect::<Vec<u8>>();
    file.add("pixels", "<f8", &format!("({count},)"), &bytes(|object| object.pixels.to_le_bytes()))?;
    let ids: Vec<u8> = objects.iter().flat_map(|object| object.id.to_le_bytes()).collect();
    file.add("ids", "<u4", &format!("({count},)"), &ids)?;
    file.add_names(&objects.iter().map(Object::text).collect::<Vec<_>>())?;
    file.finish()
}
