//! A file of NumPy arrays: `labels` (height, width): 0 for no mask, else the mask's number; `colors` (masks, channels);
//! `pixels` and `names` (masks).

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Masks;
use crate::labels::Labels;

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    let [width, height] = masks.size();
    let count = masks.all().len();
    let (labels, first) = masks.labels()?;
    let pixels = first..first + masks.outcome.maps.plane();
    let mut file = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, kind: &str, shape: String, bytes: &[u8]| -> anyhow::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(1))
            .large_file(bytes.len() > 1 << 31);
        file.start_file(format!("{name}.npy"), options)?;
        file.write_all(&head(kind, &shape))?;
        Ok(file.write_all(bytes)?)
    };
    let (kind, bytes): (&str, Vec<u8>) = match labels {
        Labels::U8(labels) => ("|u1", labels[pixels].to_vec()),
        Labels::U16(labels) => ("<u2", labels[pixels].iter().flat_map(|label| label.to_le_bytes()).collect()),
        Labels::U32(labels) => ("<u4", labels[pixels].iter().flat_map(|label| label.to_le_bytes()).collect()),
    };
    add("labels", kind, format!("({height}, {width})"), &bytes)?;
    let channels = masks.all().first().map_or(0, |mask| mask.color.len());
    let colors = masks.all().iter().flat_map(|mask| &mask.color).flat_map(|value| value.to_le_bytes());
    add("colors", "<f4", format!("({count}, {channels})"), &colors.collect::<Vec<u8>>())?;
    let counts = masks.all().iter().flat_map(|mask| mask.parts[masks.map].region.pixels.to_le_bytes());
    add("pixels", "<u8", format!("({count},)"), &counts.collect::<Vec<u8>>())?;
    let names: Vec<Vec<char>> = masks.names().iter().map(|name| name.chars().collect()).collect();
    let letters = names.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let letter =
        |name: &Vec<char>, index: usize| u32::from(name.get(index).copied().unwrap_or('\0')).to_le_bytes();
    let text = names.iter().flat_map(|name| (0..letters).flat_map(move |index| letter(name, index)));
    add("names", &format!("<U{letters}"), format!("({count},)"), &text.collect::<Vec<u8>>())?;
    Ok(file.finish()?.into_inner())
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
