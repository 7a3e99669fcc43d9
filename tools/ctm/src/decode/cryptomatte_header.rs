//! Which Cryptomatte layers the header of an OpenEXR file tells of, and what it says of them.

use std::collections::BTreeMap;

use exr::meta::attribute::AttributeValue;
use exr::meta::header::Header;

/// A layer's attributes by their last names.
pub(super) type Attributes<'a> = BTreeMap<String, &'a AttributeValue>;

/// The attributes of all layers, by their keys. The parts of a file may repeat them.
pub(super) fn attributes(headers: &[Header]) -> BTreeMap<String, Attributes<'_>> {
    let mut layers: BTreeMap<String, Attributes> = BTreeMap::new();
    for header in headers {
        let all = header.own_attributes.other.iter().chain(&header.shared_attributes.other);
        for (name, value) in all {
            let name = String::from_utf8_lossy(name.as_slice());
            let Some((key, field)) = name.strip_prefix("cryptomatte/").and_then(|rest| rest.split_once('/'))
            else {
                continue;
            };
            layers.entry(key.to_owned()).or_default().entry(field.to_owned()).or_insert(value);
        }
    }
    layers
}

/// What a file's Cryptomatte layers are called.
pub(super) fn names(headers: &[Header]) -> Vec<String> {
    let name = |attributes: Attributes| match attributes.get("name") {
        Some(AttributeValue::Text(text)) => Some(String::from_utf8_lossy(text.as_slice()).into_owned()),
        _ => None,
    };
    attributes(headers).into_values().filter_map(name).collect()
}

/// Whether a layer has ids and coverages of the Cryptomatte of that name: it has its name and a number behind it.
pub(super) fn is_level(layer: &str, name: &str) -> bool {
    let level = layer.strip_prefix(name).unwrap_or_default();
    !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_digit())
}
