//! Label maps: which mask each pixel is in; and PNG files of them.

use std::path::{Path, PathBuf};

use anyhow::bail;
use ctm::LabelOutput;
use png::{BitDepth, ColorType};

use crate::memory::zeroed;
use crate::png::{Picture, write_png};
use crate::terminal::thousands;

/// The label of each pixel of all maps: 0 for none, else its mask's number, from 1.
#[derive(Debug)]
pub(crate) enum Labels {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Labels {
    /// Zeros, wide enough for so many masks.
    pub(crate) fn zeroed(masks: u64, pixels: u64) -> anyhow::Result<Self> {
        let (pixels, what) = (pixels.into(), "the labels need");
        Ok(match masks {
            0..=255 => Self::U8(zeroed(pixels, what)?),
            256..=65_535 => Self::U16(zeroed(pixels, what)?),
            _ => Self::U32(zeroed(pixels, what)?),
        })
    }

    /// As the library wants them.
    pub(crate) fn output(&mut self) -> LabelOutput<'_> {
        match self {
            Self::U8(labels) => LabelOutput::U8(labels),
            Self::U16(labels) => LabelOutput::U16(labels),
            Self::U32(labels) => LabelOutput::U32(labels),
        }
    }

    /// A pixel's label.
    pub(crate) fn label(&self, index: usize) -> u32 {
        match self {
            Self::U8(labels) => labels[index].into(),
            Self::U16(labels) => labels[index].into(),
            Self::U32(labels) => labels[index],
        }
    }

    /// Writes the labels from `first` on as a PNG of 8 bits, or 16 where there are more masks.
    pub(crate) fn write(
        &self,
        file: &Path,
        first: usize,
        size: [u32; 2],
        masks: usize,
    ) -> anyhow::Result<()> {
        let pixels = first..first + size[0] as usize * size[1] as usize;
        let (depth, bytes) = match masks {
            0..=255 => (BitDepth::Eight, pixels.map(|index| self.label(index) as u8).collect()),
            256..=65_535 => {
                let bytes: Vec<u8> =
                    pixels.flat_map(|index| (self.label(index) as u16).to_be_bytes()).collect();
                (BitDepth::Sixteen, bytes)
            }
            masks => bail!(
                "{}: {} masks; a PNG has labels for 65,535 at most; lower --max-count",
                file.display(),
                thousands(masks as u64)
            ),
        };
        write_png(file, &bytes, &Picture { size, color: ColorType::Grayscale, depth, place: None })
    }
}

/// The file of a map's labels: as it was named, with the map's name added where there are several.
pub(crate) fn file(named: &Path, map: Option<&Path>) -> PathBuf {
    let Some(map) = map else { return named.to_owned() };
    let mut name = named.file_stem().unwrap_or_default().to_owned();
    name.push("-");
    name.push(map);
    if let Some(extension) = named.extension() {
        name.push(".");
        name.push(extension);
    }
    named.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_several_maps() {
        assert_eq!(file(Path::new("a/l.png"), None), Path::new("a/l.png"));
        assert_eq!(file(Path::new("a/l.png"), Some(Path::new("b"))), Path::new("a/l-b.png"));
        assert_eq!(file(Path::new("l"), Some(Path::new("b.c"))), Path::new("l-b.c"));
    }
}
