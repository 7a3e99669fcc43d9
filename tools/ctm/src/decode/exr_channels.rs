//! Which channels of an OpenEXR file are read. A file has parts; a part has channels, whose names may begin with a layer's:
//! `View Layer.Combined.R`. A part's own name is a layer's, too.

use anyhow::bail;
use exr::meta::header::Header;

use super::part::Part;

/// More channels than this are not listed.
const MOST_LISTED: usize = 60;

/// What is read of a file.
#[derive(Debug, PartialEq)]
pub(super) struct Chosen {
    pub(super) header: usize,
    /// In the order of a pixel's values.
    pub(super) channels: Vec<usize>,
    /// Further layers, where nobody has chosen one.
    pub(super) other_layers: usize,
}

/// Channels that have a layer's name in common.
#[derive(Debug)]
struct Layer {
    header: usize,
    /// As it may be called: the part's name, what the channels' names begin with, or one behind the other.
    names: Vec<String>,
    /// Each channel's name behind the layer's, and its place.
    channels: Vec<(String, usize)>,
}

impl Layer {
    fn is_called(&self, wanted: &str) -> bool {
        self.names.iter().any(|name| name.eq_ignore_ascii_case(wanted))
    }

    fn find(&self, wanted: &str) -> Option<usize> {
        let exact = self.channels.iter().find(|(name, _)| name == wanted);
        let any = || self.channels.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        exact.or_else(any).map(|(_, place)| *place)
    }

    /// The channels of a colour.
    fn colors(&self) -> Option<Vec<usize>> {
        let all = |names: &[&str]| names.iter().map(|name| self.find(name)).collect::<Option<Vec<_>>>();
        let known = [&["R", "G", "B", "A"][..], &["R", "G", "B"], &["Y", "A"], &["Y"]];
        let alone = || (self.channels.len() == 1).then(|| vec![self.channels[0].1]);
        known.into_iter().find_map(all).or_else(alone)
    }
}

/// Chooses what was asked for, or the first layer with colours.
pub(super) fn choose(headers: &[Header], part: &Part) -> anyhow::Result<Chosen> {
    let layers = layers(headers);
    if layers.is_empty() {
        bail!("has deep data only, which is not supported");
    }
    if !part.channels.is_empty() {
        return named_channels(headers, &layers, part);
    }
    if let Some(wanted) = &part.layer {
        let called = || layers.iter().filter(|layer| layer.is_called(wanted));
        let Some((header, channels)) = called().find_map(|layer| Some((layer.header, layer.colors()?)))
        else {
            match called().next() {
                Some(_) => bail!(
                    "layer '{wanted}' has no channels R, G and B, nor Y, nor one channel alone; choose by --channels: {}",
                    list(headers)
                ),
                None => bail!("has no layer '{wanted}' (--layer); its channels are {}", list(headers)),
            }
        };
        return Ok(Chosen { header, channels, other_layers: 0 });
    }
    // What has no layer's name comes first, wherever it stands.
    let mut sorted: Vec<&Layer> = layers.iter().collect();
    sorted.sort_by_key(|layer| !layer.names.iter().any(String::is_empty));
    let Some((header, channels)) = sorted.iter().find_map(|layer| Some((layer.header, layer.colors()?)))
    else {
        bail!(
            "has no layer with the channels R, G and B, with Y, or with one channel alone; choose by --channels: {}",
            list(headers)
        );
    };
    Ok(Chosen { header, channels, other_layers: layers.len() - 1 })
}

/// The channels that were named, of one part.
fn named_channels(headers: &[Header], layers: &[Layer], part: &Part) -> anyhow::Result<Chosen> {
    let count = part.channels.len();
    let has_twice = (1..count).any(|index| part.channels[..index].contains(&part.channels[index]));
    if count > 4 || has_twice {
        bail!(
            "{} channels were asked for (--channels); a pixel has 1 to 4 different ones",
            part.channels.join(", ")
        );
    }
    let is_wanted = |layer: &&Layer| part.layer.as_ref().is_none_or(|wanted| layer.is_called(wanted));
    let of_layer = |wanted: &str, header: usize| {
        layers
            .iter()
            .filter(is_wanted)
            .filter(|layer| layer.header == header)
            .find_map(|layer| layer.find(wanted))
    };
    let whole = |wanted: &str, header: usize| {
        headers[header].channels.list.iter().position(|channel| channel.name.to_string() == wanted)
    };
    let found = (0..headers.len()).filter(|&header| !headers[header].deep).find_map(|header| {
        let all: Option<Vec<usize>> = part
            .channels
            .iter()
            .map(|wanted| whole(wanted, header).or_else(|| of_layer(wanted, header)))
            .collect();
        Some((header, all?))
    });
    match found {
        Some((header, channels)) => Ok(Chosen { header, channels, other_layers: 0 }),
        None => bail!("has no channels {} (--channels); it has {}", part.channels.join(", "), list(headers)),
    }
}

/// The layers of a file, in its order.
fn layers(headers: &[Header]) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for (header, part) in headers.iter().enumerate().filter(|(_, part)| !part.deep) {
        let part_name = part.own_attributes.layer_name.as_ref().map(ToString::to_string).unwrap_or_default();
        let first = layers.len();
        for (place, channel) in part.channels.list.iter().enumerate() {
            let name = channel.name.to_string();
            let (prefix, suffix) = name.rsplit_once('.').unwrap_or(("", &name));
            let is_of = |layer: &&mut Layer| layer.names[0] == prefix;
            match layers[first..].iter_mut().find(is_of) {
                Some(layer) => layer.channels.push((suffix.into(), place)),
                None => {
                    let mut names = vec![prefix.to_owned()];
                    if !part_name.is_empty() {
                        names.push(if prefix.is_empty() {
                            part_name.clone()
                        } else {
                            format!("{part_name}.{prefix}")
                        });
                    }
                    layers.push(Layer { header, names, channels: vec![(suffix.into(), place)] });
                }
            }
        }
        // A part of one layer is called as the part is.
        if layers.len() == first + 1 && !part_name.is_empty() {
            layers[first].names.push(part_name);
        }
    }
    layers
}

/// All channels, as people read it.
fn list(headers: &[Header]) -> String {
    let channels = headers.iter().flat_map(|header| &header.channels.list);
    let mut names: Vec<String> = channels.map(|channel| channel.name.to_string()).collect();
    let more = names.len().saturating_sub(MOST_LISTED);
    names.truncate(MOST_LISTED);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}
