//! Which channels of an OpenEXR file are read. A file has parts; a part has channels, whose names may begin with a layer's:
//! `View Layer.Combined.R`. A part's own name is a layer's, too.

use anyhow::bail;
use exr::meta::header::Header;

use super::cryptomatte_header;
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

    /// What `--layer` takes for this layer and no other, if it has a name.
    fn shown(&self, headers: &[Header]) -> Option<&str> {
        let name =
            if headers.len() > 1 { self.names.get(1).or(self.names.first()) } else { self.names.first() };
        name.map(String::as_str).filter(|name| !name.is_empty())
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
        known.into_iter().find_map(all)
    }

    /// The channel of a layer that has only one.
    fn alone(&self) -> Option<Vec<usize>> {
        (self.channels.len() == 1).then(|| vec![self.channels[0].1])
    }

    fn colors_or_alone(&self) -> Option<Vec<usize>> {
        self.colors().or_else(|| self.alone())
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
        let Some((header, channels)) =
            called().find_map(|layer| Some((layer.header, layer.colors_or_alone()?)))
        else {
            match called().next() {
                Some(_) => bail!(
                    "layer '{wanted}' has no channels R, G and B, nor Y, nor one channel alone; choose by --channels: {}",
                    list(headers)
                ),
                None => bail!("{}", no_layer(headers, &layers, wanted)),
            }
        };
        return Ok(Chosen { header, channels, other_layers: 0 });
    }
    // What has no layer's name comes first, wherever it stands, and colours before what may be a depth. The ids and
    // coverages of a Cryptomatte are no colours.
    let mattes = cryptomatte_header::names(headers);
    let is_matte = |layer: &&Layer| {
        layer.names.iter().any(|name| mattes.iter().any(|matte| cryptomatte_header::is_level(name, matte)))
    };
    let mut sorted: Vec<&Layer> = layers.iter().filter(|layer| !is_matte(layer)).collect();
    sorted.sort_by_key(|layer| !layer.names.iter().any(String::is_empty));
    let colors = || sorted.iter().find_map(|layer| Some((layer.header, layer.colors()?)));
    let alone = || sorted.iter().find_map(|layer| Some((layer.header, layer.alone()?)));
    let Some((header, channels)) = colors().or_else(alone) else {
        if let Some(name) = mattes.first() {
            bail!(
                "has the Cryptomatte '{name}' and no other layer of colours: --cryptomatte makes masks of it; or choose by \
                 --channels: {}",
                list(headers)
            );
        }
        bail!(
            "has no layer with the channels R, G and B, with Y, or with one channel alone; choose by --channels: {}",
            list(headers)
        );
    };
    Ok(Chosen { header, channels, other_layers: layers.len() - 1 })
}

/// The channels that were named, of one part.
fn named_channels(headers: &[Header], layers: &[Layer], part: &Part) -> anyhow::Result<Chosen> {
    let wanted = &part.channels;
    if wanted.len() > 4 {
        bail!("{} channels are asked for (--channels); a pixel has 1 to 4", wanted.len());
    }
    if let Some(layer) = &part.layer
        && !layers.iter().any(|other| other.is_called(layer))
    {
        bail!("{}", no_layer(headers, layers, layer));
    }
    let is_wanted = |layer: &&Layer| part.layer.as_ref().is_none_or(|wanted| layer.is_called(wanted));
    let of_layer = |wanted: &str, header: usize| {
        let mut all = layers.iter().filter(is_wanted).filter(|layer| layer.header == header);
        all.find_map(|layer| layer.find(wanted))
    };
    let is_of_layer = |header: usize, place: usize| {
        let has = |layer: &Layer| layer.header == header && layer.channels.iter().any(|(_, at)| *at == place);
        layers.iter().filter(is_wanted).any(has)
    };
    let whole = |wanted: &str, header: usize| {
        let names = |place: usize| [name(headers, header, place), bare(&headers[header], place)];
        let all = (0..headers[header].channels.list.len()).filter(|&place| is_of_layer(header, place));
        let mut exact = all.clone().filter(|&place| names(place).iter().any(|name| name == wanted));
        let is_like = |place: &usize| names(*place).iter().any(|name| name.eq_ignore_ascii_case(wanted));
        exact.next().or_else(|| all.clone().find(is_like))
    };
    let find = |wanted: &String, header: usize| whole(wanted, header).or_else(|| of_layer(wanted, header));
    let parts = || (0..headers.len()).filter(|&header| !headers[header].deep);
    let found = parts().find_map(|header| {
        let all: Option<Vec<usize>> = wanted.iter().map(|wanted| find(wanted, header)).collect();
        Some((header, all?))
    });
    if let Some((header, channels)) = found {
        let is_twice = |at: usize| channels[..at].contains(&channels[at]);
        if let Some(at) = (1..channels.len()).find(|&at| is_twice(at)) {
            bail!(
                "channel {} is asked for twice (--channels); a pixel has 1 to 4 different ones",
                wanted[at]
            );
        }
        return Ok(Chosen { header, channels, other_layers: 0 });
    }
    let is_missing = |wanted: &&String| parts().all(|header| find(wanted, header).is_none());
    let missing: Vec<&str> = wanted.iter().filter(is_missing).map(String::as_str).collect();
    let layer = part.layer.as_ref().map_or(String::new(), |layer| format!("layer '{layer}' "));
    match missing[..] {
        [] => bail!(
            "{layer}has the channels {} in different parts; a pixel's values are of one part (--channels)",
            wanted.join(", ")
        ),
        [one] => bail!("{layer}has no channel {one} (--channels); the file has {}", list(headers)),
        _ => bail!(
            "{layer}has no channels {} (--channels); the file has {}",
            missing.join(", "),
            list(headers)
        ),
    }
}

/// What is said of a layer that is not there.
fn no_layer(headers: &[Header], layers: &[Layer], wanted: &str) -> String {
    let mut names: Vec<&str> = layers.iter().filter_map(|layer| layer.shown(headers)).collect();
    names.truncate(MOST_LISTED);
    let named =
        if names.is_empty() { "has none".into() } else { format!("has the layers {}", names.join(", ")) };
    format!("has no layer '{wanted}' (--layer); it {named}, and the channels {}", list(headers))
}

/// The layers of a file, in its order.
fn layers(headers: &[Header]) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for (header, part) in headers.iter().enumerate().filter(|(_, part)| !part.deep) {
        let part_name = part_name(part).unwrap_or_default();
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

/// The name of a part, if it has one.
fn part_name(header: &Header) -> Option<String> {
    header.own_attributes.layer_name.as_ref().map(ToString::to_string).filter(|name| !name.is_empty())
}

/// A channel's name in its part.
fn bare(header: &Header, place: usize) -> String {
    header.channels.list[place].name.to_string()
}

/// What tells a channel from those of all parts: of several parts, the part's name is in front.
fn name(headers: &[Header], header: usize, place: usize) -> String {
    let bare = bare(&headers[header], place);
    match part_name(&headers[header]) {
        Some(part) if headers.len() > 1 && !bare.starts_with(&format!("{part}.")) => format!("{part}.{bare}"),
        _ => bare,
    }
}

/// All channels, as people read it and as `--channels` takes them.
fn list(headers: &[Header]) -> String {
    let all = (0..headers.len()).filter(|&header| !headers[header].deep);
    let all =
        all.flat_map(|header| (0..headers[header].channels.list.len()).map(move |place| (header, place)));
    let mut names: Vec<String> = all.map(|(header, place)| name(headers, header, place)).collect();
    let more = names.len().saturating_sub(MOST_LISTED);
    names.truncate(MOST_LISTED);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}
