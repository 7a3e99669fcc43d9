//! TIFF: classic and 64-bit files, strips and tiles, interleaved and band after band. Every value is read as it is
//! stored, or the file is refused.

mod chunk;
mod directory;
mod sample;

use std::collections::HashSet;

use anyhow::{Context as _, bail};
use image::metadata::Orientation;

use self::chunk::{Compression, Layout};
use self::directory::{Directory, Reader, tag};
use self::sample::{Kind, Samples};
use super::part::Part;
use super::stored::{Input, Stored, check_size};
use crate::picture::Image;
use crate::terminal::thousands;

/// Files of more pages than this are said to have "more than" so many.
const MOST_PAGES: usize = 10_000;

pub(super) fn decode(input: &mut dyn Input, len: u64, part: &Part, budget: u64) -> anyhow::Result<Image> {
    let mut reader = Reader::new(input, len)?;
    let pages = Pages::find(&mut reader)?;
    let place = part.place(pages.places.len() as u32, "page")?;
    let directory = reader.directory(pages.places[place as usize])?;
    let page = Page::new(&mut reader, &directory)?;
    let samples = page.read(&mut reader, budget)?;
    let (values, shape, kind) = page.finish(samples)?;
    let orientation = directory.number(&mut reader, tag::ORIENTATION)?.and_then(|v| u8::try_from(v).ok());
    let orientation = orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    Stored {
        values,
        shape,
        kind,
        lossy: (page.compression == Compression::Jpeg).then_some("JPEG"),
        orientation,
        hints: pages.others(part).into_iter().collect(),
    }
    .turned()
}

/// How many pages a file has.
pub(super) fn count_pages(input: &mut dyn Input, len: u64) -> anyhow::Result<u32> {
    Ok(Pages::find(&mut Reader::new(input, len)?)?.places.len() as u32)
}

/// The pages of a file. Smaller versions of others and masks are none, unless they come first.
struct Pages {
    places: Vec<u64>,
    has_more: bool,
}

impl Pages {
    fn find(reader: &mut Reader) -> anyhow::Result<Self> {
        let first = reader.first()?;
        let mut next = reader.directory(first)?.next;
        let mut seen = HashSet::from([first]);
        let mut places = vec![first];
        while next != 0 && seen.insert(next) && seen.len() <= MOST_PAGES {
            let Ok(directory) = reader.directory(next) else { break };
            let kind = directory.number(reader, tag::NEW_SUBFILE_TYPE).ok().flatten().unwrap_or(0);
            if kind & 0b101 == 0 {
                places.push(next);
            }
            next = directory.next;
        }
        Ok(Self { places, has_more: seen.len() > MOST_PAGES })
    }

    /// What is said about further pages.
    fn others(&self, part: &Part) -> Option<String> {
        let pages = self.places.len();
        let more = if self.has_more { "more than " } else { "" };
        let text = || format!("has {more}{pages} pages; only the first is read");
        (pages > 1).then(|| part.others("page", text)).flatten()
    }
}

/// One image of a file.
#[derive(Debug)]
struct Page {
    size: [u32; 2],
    /// Values of a pixel.
    samples: u32,
    kind: Kind,
    colors: Colors,
    compression: Compression,
    layout: Layout,
    /// One behind the other, plane by plane: where each strip or tile is, and its bytes.
    chunks: Vec<(u64, u64)>,
    jpeg_tables: Vec<u8>,
}

/// What the values of a pixel mean.
#[derive(Clone, Debug, PartialEq)]
enum Colors {
    /// As they are, called by a name.
    Named(String),
    /// White is 0.
    Inverted(String),
    /// An index into a table of 16-bit values: all red ones, all green ones, all blue ones.
    Palette(Vec<u16>),
    /// Converted to RGB by the JPEG decoder.
    YCbCr,
}

impl Page {
    fn new(reader: &mut Reader, directory: &Directory) -> anyhow::Result<Self> {
        let mut number = |tag: u16| directory.number(reader, tag);
        let size = |value: Option<u64>| u32::try_from(value.unwrap_or(0)).ok();
        let (Some(width), Some(height)) = (size(number(tag::WIDTH)?), size(number(tag::HEIGHT)?)) else {
            bail!("the size of the image is beyond 32 bits");
        };
        let samples = number(tag::SAMPLES_PER_PIXEL)?.unwrap_or(1);
        let compression = number(tag::COMPRESSION)?.unwrap_or(1);
        let predictor = number(tag::PREDICTOR)?.unwrap_or(1);
        let is_planar = match number(tag::PLANAR_CONFIGURATION)?.unwrap_or(1) {
            1 => false,
            2 => samples > 1,
            other => bail!("planar configuration {other} is not known"),
        };
        if number(tag::FILL_ORDER)?.unwrap_or(1) != 1 {
            bail!("bits that are stored from the lowest on (fill order 2) are not supported");
        }
        let rows = number(tag::ROWS_PER_STRIP)?.unwrap_or(u64::from(height)).min(u64::from(height));
        let tile = (number(tag::TILE_WIDTH)?, number(tag::TILE_HEIGHT)?);
        if !(1..=4).contains(&samples) {
            bail!("pixels of {samples} channels are not supported; 1 to 4 are");
        }
        let samples = u32::try_from(samples)?;
        let kind = Kind::new(reader, directory)?;
        let colors = colors(reader, directory, samples, kind)?;
        let compression = Compression::new(compression)?;
        let chunk = match tile {
            (Some(width), Some(height)) => [u32::try_from(width)?, u32::try_from(height)?],
            _ => [width, u32::try_from(rows)?],
        };
        let is_tiled = matches!(tile, (Some(_), Some(_)));
        let layout = Layout { chunk, is_tiled, is_planar, predictor, is_big_endian: reader.is_big_endian };
        layout.check(kind, compression)?;
        if colors == Colors::YCbCr && (compression != Compression::Jpeg || is_planar) {
            bail!("YCbCr colours are not supported but with JPEG compression; save the map as RGB");
        }
        let chunks = chunks(reader, directory, [width, height], samples, &layout, kind, compression)?;
        let jpeg_tables = directory.bytes(reader, tag::JPEG_TABLES)?.unwrap_or_default();
        Ok(Self { size: [width, height], samples, kind, colors, compression, layout, chunks, jpeg_tables })
    }

    /// Reads all strips or tiles.
    fn read(&self, reader: &mut Reader, budget: u64) -> anyhow::Result<Samples> {
        // The colours of a palette are held beside their indices.
        let more = if matches!(self.colors, Colors::Palette(_)) { 6 } else { 0 };
        let held = u64::from(self.samples) * self.kind.held_bytes() + more;
        let shape = check_size(self.size, self.samples, held, budget)?;
        let [chunk_width, chunk_height] = self.layout.chunk;
        let samples_in_chunk = if self.layout.is_planar { 1 } else { self.samples };
        let row_bytes = self.layout.row_bytes(samples_in_chunk, self.kind);
        let chunk_bytes = row_bytes.saturating_mul(u64::from(chunk_height));
        if chunk_bytes > budget {
            bail!(
                "a part of {chunk_width} x {chunk_height} pixels needs {} bytes; {} are allowed (--max-memory)",
                thousands(chunk_bytes),
                thousands(budget)
            );
        }
        let needed = match self.layout.is_tiled {
            true => chunk_bytes.saturating_mul(self.chunks.len() as u64),
            // The last strip may be short.
            false => row_bytes * u64::from(self.size[1]) * u64::from(self.samples / samples_in_chunk),
        };
        self.compression.check_length(&self.chunks, needed, reader.len)?;
        let mut samples = Samples::zeroed(shape, self.kind)?;
        let across = self.size[0].div_ceil(chunk_width);
        let per_plane = (across * self.size[1].div_ceil(chunk_height)) as usize;
        let mut packed = Vec::new();
        let mut rows = Vec::new();
        for (index, &(offset, bytes)) in self.chunks.iter().enumerate() {
            let (plane, place) = (index / per_plane, (index % per_plane) as u32);
            let [left, top] = [place % across * chunk_width, place / across * chunk_height];
            let seen = [chunk_width.min(self.size[0] - left), chunk_height.min(self.size[1] - top)];
            // The last strip may be short; a tile never is.
            let stored_rows = if self.layout.is_tiled { chunk_height } else { seen[1] };
            reader.read(offset, bytes, &mut packed)?;
            rows.resize(usize::try_from(row_bytes * u64::from(stored_rows))?, 0);
            let part = chunk::Part {
                size: [chunk_width, stored_rows],
                samples: samples_in_chunk,
                kind: self.kind,
                layout: &self.layout,
                jpeg_tables: &self.jpeg_tables,
                is_converted: self.colors == Colors::YCbCr,
            };
            part.unpack(self.compression, &packed, &mut rows)
                .with_context(|| format!("the part at column {left}, row {top}"))?;
            for (row, bytes) in rows.chunks_exact(row_bytes as usize).take(seen[1] as usize).enumerate() {
                let pixel = (top as usize + row) * self.size[0] as usize + left as usize;
                let first = pixel * self.samples as usize + plane;
                let step = if self.layout.is_planar { self.samples as usize } else { 1 };
                samples.put(bytes, first, step, (seen[0] * samples_in_chunk) as usize, self.kind);
            }
        }
        Ok(samples)
    }
}

/// What the values mean.
fn colors(reader: &mut Reader, directory: &Directory, samples: u32, kind: Kind) -> anyhow::Result<Colors> {
    let extra = directory.numbers(reader, tag::EXTRA_SAMPLES)?.unwrap_or_default();
    let has_alpha = extra.last().is_some_and(|&kind| kind == 1 || kind == 2);
    let plain = || match (samples, has_alpha) {
        (1, _) => "grey".into(),
        (2, true) => "grey + alpha".into(),
        _ => format!("in {samples} channels"),
    };
    let photometric = directory.number(reader, tag::PHOTOMETRIC)?;
    Ok(match (photometric, samples) {
        (Some(0), _) => Colors::Inverted(plain()),
        (Some(1 | 4) | None, _) => Colors::Named(plain()),
        (Some(2), 3) if extra.is_empty() => Colors::Named("RGB".into()),
        (Some(2), 4) if extra.is_empty() || has_alpha => Colors::Named("RGBA".into()),
        (Some(2), 4) => Colors::Named("RGB and a fourth channel".into()),
        (Some(3), 1) => {
            let table = directory.numbers(reader, tag::COLOR_MAP)?.unwrap_or_default();
            let bits = kind.index_bits()?;
            if table.len() != 3 << bits {
                bail!("the palette has {} values; {} are expected", table.len(), 3 << bits);
            }
            Colors::Palette(table.into_iter().map(|value| value as u16).collect())
        }
        (Some(5), 4) => Colors::Named("CMYK".into()),
        (Some(6), 3) => Colors::YCbCr,
        (Some(6), _) => bail!("YCbCr colours of {samples} channels are not supported"),
        (Some(8..=10), _) => bail!("Lab colours are not supported; save the map as RGB"),
        (Some(other), _) => {
            bail!("{samples} channels of photometric interpretation {other} are not supported")
        }
    })
}

/// Where the strips or tiles are.
fn chunks(
    reader: &mut Reader,
    directory: &Directory,
    [width, height]: [u32; 2],
    samples: u32,
    layout: &Layout,
    kind: Kind,
    compression: Compression,
) -> anyhow::Result<Vec<(u64, u64)>> {
    let (offsets, counts, what) = match layout.is_tiled {
        true => (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS, "tiles"),
        false => (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS, "strips"),
    };
    if width == 0 || height == 0 || layout.chunk.contains(&0) {
        bail!(
            "{width} x {height} pixels in {what} of {} x {} are no image",
            layout.chunk[0],
            layout.chunk[1]
        );
    }
    let planes = if layout.is_planar { u64::from(samples) } else { 1 };
    let across = u64::from(width.div_ceil(layout.chunk[0]));
    let down = u64::from(height.div_ceil(layout.chunk[1]));
    let expected = across * down * planes;
    let offsets = directory.numbers(reader, offsets)?.unwrap_or_default();
    let counts = match directory.numbers(reader, counts)? {
        Some(counts) => counts,
        // Old files leave it out.
        None if compression == Compression::None && offsets.len() == 1 => {
            let row = layout.row_bytes(if layout.is_planar { 1 } else { samples }, kind);
            vec![row * u64::from(layout.chunk[1])]
        }
        None => Vec::new(),
    };
    if offsets.len() as u64 != expected || counts.len() as u64 != expected {
        bail!("has {} {what} with {} lengths; {expected} are expected", offsets.len(), counts.len());
    }
    if let Some(index) = counts.iter().position(|&count| count == 0) {
        bail!("{what}[{index}] has no data, so that its pixels are unknown");
    }
    if let Some(index) = offsets.iter().zip(&counts).position(|(&o, &c)| o.saturating_add(c) > reader.len) {
        bail!("{what}[{index}] lies beyond the end of the file: the file ends too early");
    }
    Ok(offsets.into_iter().zip(counts).collect())
}
