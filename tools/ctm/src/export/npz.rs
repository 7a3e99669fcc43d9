//! A file of NumPy arrays, those of `Segmentation.to_npz` in Python: `labels` (height, width): 0 for no mask, else the mask's
//! number; `colors` (masks, channels), in the image's own type and units; `counts` and `names` (masks); `boxes` (masks, 4) of
//! left, top, right, bottom, the last two exclusive; `centroids` (masks, 2).

use std::io::{Cursor, Write};

use ctm::{Format, MaskStats};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Masks;
use crate::labels::Labels;

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    let [width, height] = masks.size();
    let count = masks.all().len();
    let (labels, first) = masks.labels()?;
    let pixels = first..first + masks.outcome.maps.plane();
    let mut file = Arrays::default();
    let (kind, bytes): (&str, Vec<u8>) = match labels {
        Labels::U8(labels) => ("|u1", labels[pixels].to_vec()),
        Labels::U16(labels) => ("<u2", labels[pixels].iter().flat_map(|label| label.to_le_bytes()).collect()),
        Labels::U32(labels) => ("<u4", labels[pixels].iter().flat_map(|label| label.to_le_bytes()).collect()),
    };
    file.add("labels", kind, &format!("({height}, {width})"), &bytes)?;
    let (kind, colors) = colors(masks);
    file.add("colors", kind, &format!("({count}, {})", masks.outcome.choice.channels), &colors)?;
    let regions = || masks.all().iter().map(|mask| &mask.parts[masks.map].region);
    let counts = regions().flat_map(|region| region.pixels.to_le_bytes());
    file.add("counts", "<i8", &format!("({count},)"), &counts.collect::<Vec<u8>>())?;
    file.add_names(&masks.classes())?;
    let corners = |region: &MaskStats| {
        let [left, top, width, height] =
            [region.left, region.top, region.width, region.height].map(u64::from);
        [left, top, left + width, top + height]
    };
    let boxes = regions().flat_map(corners).flat_map(u64::to_le_bytes);
    file.add("boxes", "<i8", &format!("({count}, 4)"), &boxes.collect::<Vec<u8>>())?;
    let centroids = regions().flat_map(|region| [region.centroid.0, region.centroid.1]);
    let centroids = centroids.flat_map(f64::to_le_bytes);
    file.add("centroids", "<f8", &format!("({count}, 2)"), &centroids.collect::<Vec<u8>>())?;
    file.finish()
}

/// The masks' colours as the image stores them, so that ids are exact, and their type.
fn colors(masks: &Masks) -> (&'static str, Vec<u8>) {
    let (kind, bytes) = match masks.outcome.maps.format() {
        Format::U8 => ("|u1", 1),
        Format::U16 => ("<u2", 2),
        Format::U32 => ("<u4", 4),
        Format::I32 => ("<i4", 4),
        Format::F16 | Format::F32 => {
            let values = masks.all().iter().flat_map(|mask| &mask.color);
            return ("<f4", values.flat_map(|value| value.to_le_bytes()).collect());
        }
    };
    let values = masks.all().iter().filter_map(|mask| mask.stored.as_ref()).flatten();
    (kind, values.flat_map(|value| value.to_le_bytes().into_iter().take(bytes)).collect())
}

/// A file of arrays that grows.
pub(crate) struct Arrays(ZipWriter<Cursor<Vec<u8>>>);

impl Default for Arrays {
    fn default() -> Self {
        Self(ZipWriter::new(Cursor::new(Vec::new())))
    }
}

impl Arrays {
    /// Adds an array. `kind` and `shape` are as NumPy writes them.
    pub(crate) fn add(&mut self, name: &str, kind: &str, shape: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let is_large = bytes.len() > 1 << 31;
        self.begin(name, kind, shape, is_large)?;
        Ok(self.0.write_all(bytes)?)
    }

    /// Adds an array whose bytes come in parts, not all of which are in memory at once.
    pub(crate) fn add_parts(
        &mut self,
        name: &str,
        kind: &str,
        shape: &str,
        mut parts: impl Iterator<Item = anyhow::Result<Vec<u8>>>,
    ) -> anyhow::Result<()> {
        self.begin(name, kind, shape, true)?;
        parts.try_for_each(|bytes| Ok(self.0.write_all(&bytes?)?))
    }

    /// Adds the array `names`.
    pub(crate) fn add_names(&mut self, names: &[String]) -> anyhow::Result<()> {
        let names: Vec<Vec<char>> = names.iter().map(|name| name.chars().collect()).collect();
        let letters = names.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let letter = |name: &Vec<char>, index: usize| {
            u32::from(name.get(index).copied().unwrap_or('\0')).to_le_bytes()
        };
        let text = names.iter().flat_map(|name| (0..letters).flat_map(move |index| letter(name, index)));
        let shape = format!("({},)", names.len());
        self.add("names", &format!("<U{letters}"), &shape, &text.collect::<Vec<u8>>())
    }

    pub(crate) fn finish(self) -> anyhow::Result<Vec<u8>> {
        Ok(self.0.finish()?.into_inner())
    }

    fn begin(&mut self, name: &str, kind: &str, shape: &str, is_large: bool) -> anyhow::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(1))
            .large_file(is_large);
        self.0.start_file(format!("{name}.npy"), options)?;
        Ok(self.0.write_all(&head(kind, shape))?)
    }
}

/// What a file of one array begins with: its length is a multiple of 64.
fn head(kind: &str, shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    let before = b"\x93NUMPY\x01\0".len() + 2;
    let end = (before + text.len() + 1).next_multiple_of(64);
    text += &" ".repeat(end - before - text.len() - 1);
    text.push('\n');
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [b"\x93NUMPY\x01\0", &length.to_le_bytes()[..], text.as_bytes()].concat()
}
