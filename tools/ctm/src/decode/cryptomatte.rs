//! The Cryptomatte of an OpenEXR file, as Psyop's specification 1.2 has it. The header has attributes for each layer,
//! `cryptomatte/KEY/name` and others; the channels `NAME00.R`, `.G`, `.B`, `.A`, `NAME01.R` and so on are pairs of an object's
//! id and its coverage of the pixel, the pairs being called ranks.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use bytemuck::pod_read_unaligned;
use exr::block::UncompressedBlock;
use exr::math::Vec2;
use exr::meta::attribute::{AttributeValue, SampleType};
use exr::meta::header::Header;
use half::f16;

use super::cryptomatte_header::{Attributes, attributes};
use super::exr::{Blocks, Window, lossy};
use super::stored::Input;
use crate::memory::zeroed;

/// How ids are made of names, and floats of ids: the specification has no others.
const HASH: &str = "MurmurHash3_32";
const CONVERSION: &str = "uint32_to_float32";
/// What the four channels of two ranks are called, behind the point and in small letters.
const LETTERS: [[&str; 2]; 4] = [["r", "red"], ["g", "green"], ["b", "blue"], ["a", "alpha"]];
/// More ranks than this are a mistake: renderers write 2 to 16.
const MOST_CHANNELS: usize = 400;

/// What a Cryptomatte has of each pixel.
#[derive(Debug)]
pub(crate) struct Ranks {
    /// Width and height.
    pub(crate) size: [u32; 2],
    /// What the file calls it.
    pub(crate) layer: String,
    /// The names of the channels, which are an id and a coverage for each rank.
    pub(crate) channels: Vec<String>,
    /// All values of the first channel, row by row from the top, then those of the second, and so on.
    pub(crate) values: Vec<f32>,
    /// The manifest in the header.
    pub(crate) manifest: Option<Vec<u8>>,
    /// The name of the file with the manifest.
    pub(crate) sidecar: Option<String>,
}

/// A layer.
struct Layer<'a> {
    name: String,
    key: &'a str,
    attributes: &'a Attributes<'a>,
}

pub(super) fn decode(
    input: &mut dyn Input,
    len: u64,
    wanted: Option<&str>,
    budget: u64,
) -> anyhow::Result<Ranks> {
    let file = Blocks::open(input, len)?;
    let attributes = attributes(file.headers());
    let layers = layers(&attributes)?;
    let layer = chosen(&layers, wanted)?;
    layer.check_text("hash", HASH)?;
    layer.check_text("conversion", CONVERSION)?;
    let manifest = layer.text("manifest")?.map(<[u8]>::to_vec);
    let sidecar = layer.text("manif_file")?.map(|text| String::from_utf8_lossy(text).into_owned());
    let name = layer.name.clone();
    let places = channels(file.headers(), &name)?;
    let parts = parts(file.headers(), &places, &name, budget)?;
    let shape = parts[&places[0].part].window.shape;
    // Pixels without data have no object.
    let mut values = zeroed(shape.floats() as u128 * places.len() as u128, "the Cryptomatte needs")?;
    let numbers: Vec<usize> = parts.keys().copied().collect();
    file.read(&numbers, |block| put(block, &parts[&block.index.layer], &places, &mut values))?;
    let size = [shape.width(), shape.height()];
    let channels = places.iter().map(|place| full_name(&parts[&place.part].header, place.channel)).collect();
    Ok(Ranks { size, layer: name, channels, values, manifest, sidecar })
}

/// The layers, by their names.
fn layers<'a>(attributes: &'a BTreeMap<String, Attributes<'a>>) -> anyhow::Result<Vec<Layer<'a>>> {
    let mut layers = Vec::new();
    for (key, attributes) in attributes {
        let mut layer = Layer { name: String::new(), key, attributes };
        let name = layer.text("name")?;
        let name = name.with_context(|| format!("has no attribute cryptomatte/{key}/name"))?;
        layer.name = String::from_utf8_lossy(name).into_owned();
        layers.push(layer);
    }
    layers.sort_by(|a, b| a.name.cmp(&b.name));
    match layers.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => bail!("two Cryptomatte layers are called '{}'", pair[0].name),
        None => Ok(layers),
    }
}

impl Layer<'_> {
    /// An attribute, if it is there.
    fn text(&self, field: &str) -> anyhow::Result<Option<&[u8]>> {
        match self.attributes.get(field) {
            None => Ok(None),
            Some(AttributeValue::Text(text)) => Ok(Some(text.as_slice())),
            Some(_) => bail!("the attribute cryptomatte/{}/{field} is no text", self.key),
        }
    }

    /// Fails where an attribute says something else.
    fn check_text(&self, field: &str, expected: &str) -> anyhow::Result<()> {
        match self.text(field)? {
            Some(text) if text != expected.as_bytes() => bail!(
                "the attribute cryptomatte/{}/{field} is '{}'; {expected} is expected",
                self.key,
                String::from_utf8_lossy(text)
            ),
            _ => Ok(()),
        }
    }

    /// Whether it is called so: by its whole name, or by what is behind the last point.
    fn is_called(&self, wanted: &str) -> bool {
        let short = self.name.rsplit('.').next().unwrap_or_default();
        self.name.eq_ignore_ascii_case(wanted) || short.eq_ignore_ascii_case(wanted)
    }
}

/// The layer that was asked for, or the only one.
fn chosen<'a, 'b>(layers: &'a [Layer<'b>], wanted: Option<&str>) -> anyhow::Result<&'a Layer<'b>> {
    let list = || layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>().join(", ");
    if layers.is_empty() {
        bail!("has no Cryptomatte (--cryptomatte): the header has no attribute cryptomatte/…/name");
    }
    let Some(wanted) = wanted else {
        return match layers {
            [layer] => Ok(layer),
            _ => bail!(
                "has {} layers of Cryptomatte; one is to be chosen by --cryptomatte=LAYER: {}",
                layers.len(),
                list()
            ),
        };
    };
    let called: Vec<&Layer> = layers.iter().filter(|layer| layer.is_called(wanted)).collect();
    let exact = called.iter().find(|layer| layer.name == wanted);
    match (exact, &called[..]) {
        (Some(layer), _) | (None, [layer]) => Ok(layer),
        (None, []) => bail!("has no Cryptomatte layer '{wanted}' (--cryptomatte); it has {}", list()),
        (None, _) => {
            bail!("has several Cryptomatte layers '{wanted}' (--cryptomatte); give a whole name: {}", list())
        }
    }
}

/// Where a channel lies.
#[derive(Clone, Copy)]
struct Place {
    /// The number of the part among those of the file.
    part: usize,
    /// Its number in the part.
    channel: usize,
}

/// The channels of a layer, in the order of ranks. They may be in several parts of the file.
fn channels(headers: &[Header], name: &str) -> anyhow::Result<Vec<Place>> {
    let find = |level: usize, letters: &[&str; 2]| {
        let wanted = format!("{name}{level:02}");
        let is_wanted = |channel: &str| {
            let split = channel.rsplit_once('.').filter(|(level, _)| *level == wanted);
            split.is_some_and(|(_, last)| letters.contains(&last.to_lowercase().as_str()))
        };
        let flat = headers.iter().enumerate().filter(|(_, header)| !header.deep);
        flat.into_iter().find_map(|(part, header)| {
            let channel =
                (0..header.channels.list.len()).find(|&channel| is_wanted(&full_name(header, channel)))?;
            Some(Place { part, channel })
        })
    };
    // A level that is missing before another is an error, not the end.
    let has_any = |level: usize| LETTERS.iter().any(|letters| find(level, letters).is_some());
    let last = (0..MOST_CHANNELS / 4).rev().find(|&level| has_any(level));
    let mut places = Vec::new();
    for level in 0..=last.unwrap_or(0) {
        for letters in &LETTERS {
            let place = find(level, letters).with_context(|| {
                let letter = letters[0].to_uppercase();
                format!("Cryptomatte layer '{name}' has no channel {name}{level:02}.{letter}")
            })?;
            check_type(&headers[place.part], place.channel, places.len() % 2 == 0)?;
            places.push(place);
        }
    }
    Ok(places)
}

/// A channel's name with that of its layer, which may be the part's.
fn full_name(header: &Header, channel: usize) -> String {
    let channel = header.channels.list[channel].name.to_string();
    match &header.own_attributes.layer_name {
        Some(part) if !channel.contains('.') => format!("{part}.{channel}"),
        _ => channel,
    }
}

/// A part of the file that has channels of the layer.
struct RankPart {
    header: Header,
    window: Window,
}

/// The parts that have channels of the layer, by their numbers.
fn parts(
    headers: &[Header],
    places: &[Place],
    name: &str,
    budget: u64,
) -> anyhow::Result<BTreeMap<usize, RankPart>> {
    let mut parts: BTreeMap<usize, RankPart> = BTreeMap::new();
    for place in places {
        if parts.contains_key(&place.part) {
            continue;
        }
        let header = headers[place.part].clone();
        if let Some(lossy) = lossy(&header) {
            bail!("Cryptomatte layer '{name}' has {lossy}, which changes ids");
        }
        let window = Window::new(&header, 1, places.len() as u64 * 4, budget)?;
        if let Some(first) = parts.values().next().filter(|first| first.window.shape != window.shape) {
            let size = |window: &Window| format!("{} × {}", window.shape.width(), window.shape.height());
            bail!(
                "Cryptomatte layer '{name}' has parts of {} and of {} pixels",
                size(&first.window),
                size(&window)
            );
        }
        parts.insert(place.part, RankPart { header, window });
    }
    Ok(parts)
}

/// Ids need all bits of a float.
fn check_type(header: &Header, channel: usize, is_id: bool) -> anyhow::Result<()> {
    let kind = match header.channels.list[channel].sample_type {
        SampleType::F32 => return Ok(()),
        SampleType::F16 if !is_id => return Ok(()),
        SampleType::F16 => "16-bit floats",
        SampleType::U32 => "32-bit integers",
    };
    bail!("channel {} has {kind}; Cryptomatte has 32-bit floats", full_name(header, channel))
}

/// Copies what a block has of the channels.
fn put(
    block: &UncompressedBlock,
    part: &RankPart,
    places: &[Place],
    values: &mut [f32],
) -> anyhow::Result<()> {
    let RankPart { header, window } = part;
    let (width, plane) = (window.shape.width() as usize, window.shape.floats());
    for line in block.lines(&header.channels) {
        let at = |place: &Place| place.part == block.index.layer && place.channel == line.location.channel;
        let Some(channel) = places.iter().position(at) else { continue };
        let kind = header.channels.list[line.location.channel].sample_type;
        let position = line.location.position;
        for (index, bytes) in line.value.chunks_exact(kind.bytes_per_sample()).enumerate() {
            let Some([x, y]) = window.place(Vec2(position.0 + index, position.1)) else { continue };
            values[channel * plane + y * width + x] = match kind {
                SampleType::F16 => f16::from_bits(pod_read_unaligned(bytes)).to_f32(),
                _ => pod_read_unaligned(bytes),
            };
        }
    }
    Ok(())
}
