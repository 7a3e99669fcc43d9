//! The colour maps of a call: one, or several of the same size and kind.

use anyhow::{anyhow, bail};
use ctm::{ColorMap, Format, Layout, Shape};

use crate::input::Reading;
use crate::inputs::Input;
use crate::picture::{Image, Values, byte, word};
use crate::terminal::thousands;

/// The maps, one behind the other in memory.
#[derive(Debug)]
pub(crate) struct Maps {
    values: Values,
    /// Of one image.
    pub(crate) shape: Shape,
    /// Where each comes from.
    pub(crate) files: Vec<MapFile>,
}

/// Where a map comes from.
#[derive(Debug)]
pub(crate) struct MapFile {
    pub(crate) input: Input,
    /// What the file holds: `PNG, 8-bit RGB`.
    pub(crate) kind: String,
    /// The file's compression, if it changes colours.
    pub(crate) lossy: Option<String>,
    /// What else there is to know about the file.
    pub(crate) hints: Vec<String>,
}

impl Maps {
    /// Reads all images.
    pub(crate) fn read(inputs: &[Input], reading: &Reading) -> anyhow::Result<Self> {
        let (first, others) = inputs.split_first().ok_or_else(|| anyhow!("no image is given"))?;
        let Image { values, shape, kind, lossy, hints } = first.read(reading)?;
        let mut maps =
            Self { values, shape, files: vec![MapFile { input: first.clone(), kind, lossy, hints }] };
        for input in others {
            maps.add(input, input.read(reading)?)?;
        }
        Ok(maps)
    }

    fn add(&mut self, input: &Input, image: Image) -> anyhow::Result<()> {
        let image = self.like_others(image)?;
        let text = |shape: Shape, format: Format| {
            let format = match format {
                Format::U8 => "8-bit integers",
                Format::U16 => "16-bit integers",
                Format::F16 | Format::F32 => "floats",
                Format::U32 => "32-bit integers",
                Format::I32 => "signed 32-bit integers",
            };
            format!("{} x {} pixels of {} {format}", shape.width(), shape.height(), shape.channels())
        };
        let appended = match (&mut self.values, &image.values) {
            _ if image.shape != self.shape => None,
            (Values::U8(all), Values::U8(more)) => Some(append(all, more)),
            (Values::U16(all), Values::U16(more)) => Some(append(all, more)),
            (Values::F32(all), Values::F32(more)) => Some(append(all, more)),
            (Values::U32(all), Values::U32(more)) => Some(append(all, more)),
            (Values::I32(all), Values::I32(more)) => Some(append(all, more)),
            _ => None,
        };
        match appended {
            Some(result) => result?,
            None => bail!(
                "{input}: has {}, and {} has {}; several images must be alike, except with --batch each or stream",
                text(image.shape, image.values.format()),
                self.files[0].input,
                text(self.shape, self.values.format()),
            ),
        }
        let Image { kind, lossy, hints, .. } = image;
        self.files.push(MapFile { input: input.clone(), kind, lossy, hints });
        Ok(())
    }

    /// Where some images have alpha and others have none, the others become opaque.
    fn like_others(&mut self, image: Image) -> anyhow::Result<Image> {
        let (here, there) = (self.shape.channels(), image.shape.channels());
        if here + 1 == there && there % 2 == 0 && has_alpha(&image.kind) {
            self.values = std::mem::replace(&mut self.values, Values::U8(Vec::new())).opaque(self.shape)?;
            self.shape = Shape::new(self.shape.width(), self.shape.height(), there)?;
        } else if there + 1 == here && here % 2 == 0 && self.has_alpha() {
            let shape = Shape::new(image.shape.width(), image.shape.height(), here)?;
            return Ok(Image { values: image.values.opaque(image.shape)?, shape, ..image });
        }
        Ok(image)
    }

    /// As the library wants them.
    pub(crate) fn color_map(&self) -> anyhow::Result<ColorMap<'_>> {
        // More would not have fitted the command line.
        let image_count = u32::try_from(self.files.len())?;
        let layout = Layout { format: self.format(), image_count, ..Layout::default() };
        Ok(ColorMap::with_layout(self.values.bytes(), self.shape, &layout)?)
    }

    /// What a channel is stored as.
    pub(crate) fn format(&self) -> Format {
        self.values.format()
    }

    /// All values, where they are floats, which may lie outside 0 to 1.
    pub(crate) fn floats(&self) -> Option<&[f32]> {
        match &self.values {
            Values::F32(floats) => Some(floats),
            Values::U8(_) | Values::U16(_) | Values::U32(_) | Values::I32(_) => None,
        }
    }

    /// Whether the values are integers of 32 bits: ids, which have neither an order nor distances.
    pub(crate) fn has_ids(&self) -> bool {
        matches!(self.values, Values::U32(_) | Values::I32(_))
    }

    /// Whether the channels are cyan, magenta, yellow and black.
    pub(crate) fn is_cmyk(&self) -> bool {
        self.files.iter().any(|file| file.kind.ends_with("CMYK"))
    }

    /// Whether the last channel is alpha.
    pub(crate) fn has_alpha(&self) -> bool {
        self.shape.channels().is_multiple_of(2)
            && !self.has_ids()
            && self.files.iter().any(|file| has_alpha(&file.kind))
    }

    /// Pixels of one map.
    pub(crate) fn plane(&self) -> usize {
        self.shape.pixels() as usize
    }

    /// Pixels of all maps.
    pub(crate) fn pixels(&self) -> u64 {
        self.shape.pixels() * self.files.len() as u64
    }

    /// What `convert` makes of the pixels of a map's row. It is called once for several in a row that are the same.
    pub(crate) fn read_row<R: Copy>(
        &self,
        map: usize,
        row: usize,
        line: &mut [R],
        convert: impl Fn(&[f32]) -> R,
    ) {
        let channels = self.shape.channels() as usize;
        let first = (map * self.plane() + row * line.len()) * channels;
        let range = first..first + line.len() * channels;
        match &self.values {
            Values::U8(values) => read_values(&values[range], channels, byte, line, convert),
            Values::U16(values) => read_values(&values[range], channels, word, line, convert),
            Values::F32(values) => read_values(&values[range], channels, f32::from, line, convert),
            Values::U32(values) => read_values(&values[range], channels, |id| id as f32, line, convert),
            Values::I32(values) => read_values(&values[range], channels, |id| id as f32, line, convert),
        }
    }
}

/// Whether a file that holds this has an alpha channel, if its last channel can be one.
fn has_alpha(kind: &str) -> bool {
    ["RGBA", "grey + alpha", "R, G, B, A", "Y, A"].iter().any(|text| kind.contains(text))
}

fn read_values<T: Copy + PartialEq, R: Copy>(
    values: &[T],
    channels: usize,
    float: impl Fn(T) -> f32,
    line: &mut [R],
    convert: impl Fn(&[f32]) -> R,
) {
    match channels {
        1 => read_pixels::<T, R, 1>(values, float, line, convert),
        2 => read_pixels::<T, R, 2>(values, float, line, convert),
        3 => read_pixels::<T, R, 3>(values, float, line, convert),
        _ => read_pixels::<T, R, 4>(values, float, line, convert),
    }
}

fn read_pixels<T: Copy + PartialEq, R: Copy, const C: usize>(
    values: &[T],
    float: impl Fn(T) -> f32,
    line: &mut [R],
    convert: impl Fn(&[f32]) -> R,
) {
    let mut last: Option<([T; C], R)> = None;
    for (to, &pixel) in line.iter_mut().zip(values.as_chunks().0) {
        *to = match last {
            Some((before, converted)) if before == pixel => converted,
            _ => convert(&pixel.map(&float)),
        };
        last = Some((pixel, *to));
    }
}

fn append<T: Copy>(all: &mut Vec<T>, more: &[T]) -> anyhow::Result<()> {
    all.try_reserve(more.len()).map_err(|_| {
        let bytes = (all.len() + more.len()) as u64 * size_of::<T>() as u64;
        anyhow!("the images need {} bytes of memory, which the system does not grant", thousands(bytes))
    })?;
    all.extend_from_slice(more);
    Ok(())
}
