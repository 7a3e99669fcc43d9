//! OpenEXR: half floats, floats and 32-bit integers, each channel of a type of its own.

use std::collections::HashSet;

use anyhow::{anyhow, bail};
use bytemuck::pod_read_unaligned;
use ctm::Shape;
use exr::block::{self, UncompressedBlock};
use exr::compression::Compression;
use exr::error::Error;
use exr::math::Vec2;
use exr::meta::attribute::SampleType;
use exr::meta::header::Header;
use half::f16;
use image::metadata::Orientation;

use super::exr_channels::{self, Chosen};
use super::part::Part;
use super::stored::{Input, Stored, channels_text, check_size};
use crate::memory::zeroed;
use crate::picture::{Image, Values};
use crate::terminal::{count, thousands};
use crate::words;

/// An image whose display window has more times the pixels that have data is a mistake.
const MOST_EMPTY: u64 = 4096;

pub(super) fn decode(input: &mut dyn Input, len: u64, part: &Part, budget: u64) -> anyhow::Result<Image> {
    let file = Blocks::open(input, len)?;
    let Chosen { header: layer, channels, other_layers: others } =
        exr_channels::choose(file.headers(), part)?;
    let header = file.headers()[layer].clone();
    let values_of_pixel = channels.len() as u32;
    let window = Window::new(&header, values_of_pixel, u64::from(values_of_pixel) * 4, budget)?;
    let is_id = |&channel: &usize| header.channels.list[channel].sample_type == SampleType::U32;
    // Of ids each is one: there is none for pixels without data, which have no colour.
    let values = if channels.len() <= 2 && channels.iter().all(is_id) && window.empty == 0 {
        Values::U32(zeroed(window.shape.floats() as u128, "the image needs")?)
    } else {
        let mut values = zeroed(window.shape.floats() as u128, "the image needs")?;
        if window.empty > 0 {
            values.fill(f32::NAN);
        }
        Values::F32(values)
    };
    let mut pixels = Pixels { header: &header, channels: &channels, window: &window, values };
    file.read(&[layer], |block| pixels.put(block))?;
    let mut hints = Vec::new();
    if window.empty > 0 {
        hints.push(format!("{} outside the data window have no colour", count(window.empty, "pixel")));
    }
    if others > 0 {
        hints.push(format!("has {} layers; only the first with colours is read (--layer NAME)", others + 1));
    }
    let kind = format!("OpenEXR, {} {}", types(&header, &channels), names(&header, &channels));
    let values = pixels.values;
    let lossy = lossy(&header);
    Stored { values, shape: window.shape, kind, lossy, orientation: Orientation::NoTransforms, hints }
        .turned()
}

/// A file whose headers have been read, and its blocks not yet.
pub(super) struct Blocks<'a> {
    reader: block::reader::Reader<&'a mut dyn Input>,
    len: u64,
}

impl<'a> Blocks<'a> {
    pub(super) fn open(input: &'a mut dyn Input, len: u64) -> anyhow::Result<Self> {
        Ok(Self { reader: block::read(input, false).map_err(plain)?, len })
    }

    pub(super) fn headers(&self) -> &[Header] {
        self.reader.headers()
    }

    /// Hands on the blocks of parts in the file's order. All of them are there, or it is an error.
    pub(super) fn read(
        self,
        layers: &[usize],
        mut put: impl FnMut(&UncompressedBlock) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        layers.iter().try_for_each(|&layer| self.check(layer))?;
        let area = |&layer: &usize| self.headers()[layer].layer_size.area() as u64;
        let expected: u64 = layers.iter().map(area).sum();
        let chunks = self.reader.filter_chunks(false, |_, tile, block| {
            layers.contains(&block.layer) && tile.level_index == Vec2(0, 0)
        });
        let mut blocks = HashSet::new();
        let mut covered = 0;
        let mut chunks = chunks.map_err(plain)?;
        let meta_data = block::reader::ChunksReader::meta_data(&chunks).clone();
        for chunk in &mut chunks {
            let block = UncompressedBlock::decompress_chunk(chunk.map_err(plain)?, &meta_data, true)
                .map_err(plain)?;
            if !layers.contains(&block.index.layer) || block.index.level != Vec2(0, 0) {
                bail!("a part of the image is of another layer than the file says");
            }
            let Vec2(x, y) = block.index.pixel_position;
            if blocks.insert((block.index.layer, x, y)) {
                covered += block.index.pixel_size.area() as u64;
            }
            put(&block)?;
        }
        if covered != expected {
            bail!(
                "{} of {} pixels are missing",
                thousands(expected - covered.min(expected)),
                thousands(expected)
            );
        }
        Ok(())
    }

    fn check(&self, layer: usize) -> anyhow::Result<()> {
        for header in self.headers() {
            // Each has a place of 8 bytes in the file.
            if header.chunk_count as u64 > self.len / 8 {
                let chunks = thousands(header.chunk_count as u64);
                bail!(
                    "the file of {} bytes is too short for the {chunks} parts of its image",
                    thousands(self.len)
                );
            }
        }
        let Header { channels, compression, .. } = &self.headers()[layer];
        // It changes colours, and its decoder takes as much memory as the file says.
        if matches!(compression, Compression::DWAA(_) | Compression::DWAB(_)) {
            bail!("DWA compression is not supported");
        }
        let channels = &channels.list;
        if let Some(channel) = channels.iter().find(|channel| channel.sampling != Vec2(1, 1)) {
            bail!("channel {} has fewer values than there are pixels, which is not supported", channel.name);
        }
        Ok(())
    }
}

/// What types the channels have, as people read it.
fn types(header: &Header, channels: &[usize]) -> String {
    let text = |index: &usize| match header.channels.list[*index].sample_type {
        SampleType::F16 => "16-bit float",
        SampleType::F32 => "32-bit float",
        SampleType::U32 => "32-bit integer",
    };
    let mut types: Vec<&str> = channels.iter().map(text).collect();
    types.dedup();
    types.join(" and ")
}

fn names(header: &Header, channels: &[usize]) -> String {
    let names: Vec<String> =
        channels.iter().map(|&index| header.channels.list[index].name.to_string()).collect();
    let last = |name: &String| name.rsplit('.').next().unwrap_or_default().to_uppercase();
    match (names.iter().map(last).collect::<String>().as_str(), &names[..]) {
        ("Y" | "YA" | "RGB" | "RGBA", _) => channels_text(channels.len() as u32).into(),
        (_, [name]) => format!("channel {name}"),
        _ => format!("channels {}", names.join(", ")),
    }
}

/// The name of a compression that has changed values.
pub(super) fn lossy(header: &Header) -> Option<&'static str> {
    let has = |kind: SampleType| header.channels.list.iter().any(|channel| channel.sample_type == kind);
    match header.compression {
        Compression::PXR24 if has(SampleType::F32) => Some("PXR24 compression"),
        Compression::B44 | Compression::B44A if has(SampleType::F16) => Some("B44 compression"),
        _ => None,
    }
}

/// The image as it is shown, and where the data lies in it.
pub(super) struct Window {
    pub(super) shape: Shape,
    /// Where the data begins: column and row.
    start: [i64; 2],
    /// Pixels without data.
    empty: u64,
}

impl Window {
    /// `held` bytes a pixel are needed at once.
    pub(super) fn new(header: &Header, channels: u32, held: u64, budget: u64) -> anyhow::Result<Self> {
        let shown = header.shared_attributes.display_window;
        let data = header.layer_size;
        let position = header.own_attributes.layer_position;
        let start = [0, 1].map(|axis| {
            let at = |place: Vec2<i32>| i64::from(if axis == 0 { place.0 } else { place.1 });
            at(position) - at(shown.position)
        });
        let size = [u32::try_from(shown.size.0)?, u32::try_from(shown.size.1)?];
        let shape = check_size(size, channels, held, budget)?;
        let inside = |start: i64, len: usize, shown: u32| -> u64 {
            let end = start.saturating_add(len as i64).min(i64::from(shown));
            u64::try_from(end - start.max(0)).unwrap_or(0)
        };
        let filled = inside(start[0], data.0, size[0]) * inside(start[1], data.1, size[1]);
        let empty = shape.pixels() - filled;
        if empty / MOST_EMPTY > filled {
            bail!(
                "is {} x {} pixels by its display window, and has data for {} only",
                size[0],
                size[1],
                thousands(filled)
            );
        }
        Ok(Self { shape, start, empty })
    }

    /// Where a pixel of the data lies in the image, if it is shown: column and row.
    pub(super) fn place(&self, data: Vec2<usize>) -> Option<[usize; 2]> {
        let x = data.0 as i64 + self.start[0];
        let y = data.1 as i64 + self.start[1];
        let is_shown = (0..i64::from(self.shape.width())).contains(&x)
            && (0..i64::from(self.shape.height())).contains(&y);
        is_shown.then_some([x as usize, y as usize])
    }
}

/// The pixels that are filled block by block.
struct Pixels<'a> {
    header: &'a Header,
    channels: &'a [usize],
    window: &'a Window,
    /// Floats, or ids.
    values: Values,
}

impl Pixels<'_> {
    fn put(&mut self, block: &UncompressedBlock) -> anyhow::Result<()> {
        let width = self.window.shape.width() as usize;
        for line in block.lines(&self.header.channels) {
            let Some(channel) = self.channels.iter().position(|&index| index == line.location.channel) else {
                continue;
            };
            let description = &self.header.channels.list[line.location.channel];
            let size = description.sample_type.bytes_per_sample();
            for (index, bytes) in line.value.chunks_exact(size).enumerate() {
                let position = line.location.position;
                let Some([x, y]) = self.window.place(Vec2(position.0 + index, position.1)) else { continue };
                let place = (y * width + x) * self.channels.len() + channel;
                let floats = match &mut self.values {
                    Values::U32(ids) => {
                        ids[place] = pod_read_unaligned(bytes);
                        continue;
                    }
                    Values::F32(floats) => floats,
                    _ => bail!("the image is of neither floats nor integers"),
                };
                floats[place] = match description.sample_type {
                    SampleType::F16 => f16::from_bits(pod_read_unaligned(bytes)).to_f32(),
                    SampleType::F32 => pod_read_unaligned(bytes),
                    SampleType::U32 => {
                        let id: u32 = pod_read_unaligned(bytes);
                        let float = id as f32;
                        if f64::from(float) != f64::from(id) {
                            bail!(
                                "channel {} has the integer {id} at column {x}, row {y}, which no 32-bit float holds; read \
                                 integers beyond 16,777,216 one or two channels at a time (--channels), without \
                                 channels of floats or pixels without data",
                                description.name
                            );
                        }
                        float
                    }
                };
            }
        }
        Ok(())
    }
}

/// An error that keeps its cause, if it has one.
fn plain(error: Error) -> anyhow::Error {
    match error {
        Error::Io(error) => anyhow!(error),
        Error::NotSupported(text) => anyhow!("not supported: {text}"),
        Error::Invalid(text) => words::damaged(text),
        error => words::damaged(error),
    }
}
