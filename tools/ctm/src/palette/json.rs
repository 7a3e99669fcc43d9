//! JSON: what `ctm segment --json` has listed; lists of objects with a colour and a name; objects of colours by name.

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;

use crate::values::{GivenColor, parse_color};

pub(super) fn parse(text: &str) -> anyhow::Result<Vec<GivenColor>> {
    let json: Value = serde_json::from_str(text).context("is no JSON")?;
    let masks = json["masks"].as_array().or_else(|| json["images"][0]["masks"].as_array());
    if let Some(masks) = masks {
        return list("masks", masks);
    }
    match &json {
        // Of a call with --batch each, the first image.
        Value::Array(list) if list.first().is_some_and(|first| first["masks"].is_array()) => {
            parse(&list[0].to_string())
        }
        Value::Array(all) => list("", all),
        Value::Object(named) => named
            .iter()
            .map(|(name, value)| {
                let color = color(value).ok_or_else(|| anyhow!("is no colour")).and_then(|color| color);
                let color = color.with_context(|| name.clone())?;
                Ok(GivenColor {
                    origin: format!("\"{name}\": {}", color.origin),
                    name: Some(name.clone()),
                    ..color
                })
            })
            .collect(),
        _ => bail!("has no \"masks\"; the output of 'ctm segment --json' is expected"),
    }
}

fn list(what: &str, all: &[Value]) -> anyhow::Result<Vec<GivenColor>> {
    let entry = |(index, entry): (usize, &Value)| {
        let place = format!("{what}[{index}]");
        let found = if entry.is_object() { &entry["color"] } else { entry };
        let color = color(found).ok_or_else(|| anyhow!("{place} has no \"color\""))??;
        let ids = integers(&entry["stored"]).or_else(|| color.ids.clone());
        let name = entry["name"].as_str().map(String::from);
        Ok(GivenColor { origin: place, name, ids, ..color })
    };
    all.iter().enumerate().map(entry).collect()
}

/// Whole numbers.
fn integers(json: &Value) -> Option<Vec<i64>> {
    json.as_array()?.iter().map(Value::as_i64).collect()
}

/// A color: its values, or a text as on the command line.
fn color(json: &Value) -> Option<anyhow::Result<GivenColor>> {
    let value = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64().map(|value| value as f32),
    };
    match json {
        Value::String(text) => Some(parse_color(text).map_err(|why| anyhow!(why))),
        Value::Array(values) => {
            let color = values.iter().map(value).collect::<Option<Vec<f32>>>()?;
            let has_point = values.iter().any(Value::is_f64);
            let is_plain = values.iter().all(Value::is_number);
            let ids = integers(json);
            Some(Ok(GivenColor { has_point, is_plain, ids, ..GivenColor::new(color, json.to_string()) }))
        }
        _ => None,
    }
}
