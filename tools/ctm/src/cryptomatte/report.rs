//! What is printed: a table for people, or JSON for programs.

use serde::Serialize;

use super::objects::pixels_text;
use super::{Object, Outcome};
use crate::report::{Column, ascii_controls, files, lines, path_text, stale_line};
use crate::terminal::{count, percent, shown, thousands};

impl Outcome<'_> {
    fn input(&self) -> String {
        self.args.inputs.first().map(|input| path_text(&input.path)).unwrap_or_default()
    }

    fn share(&self, pixels: f64) -> f64 {
        pixels / f64::from(self.ranks.size[0]) / f64::from(self.ranks.size[1])
    }

    /// How the file has it: `OpenEXR, Cryptomatte CryptoObject, 6 ranks`.
    fn kind(&self) -> String {
        let ranks = count(self.ranks.channels.len() as u64 / 2, "rank");
        format!("OpenEXR, Cryptomatte {}, {ranks}", self.ranks.layer)
    }
}

pub(super) fn table(outcome: &Outcome) -> String {
    let [width, height] = outcome.ranks.size.map(|side| thousands(side.into()));
    let covered: f64 = outcome.objects.iter().map(|object| object.pixels).sum();
    let mut text = format!(
        "{}: {width} × {height} pixels, {}\n{}, covering {}\n",
        shown(&outcome.input()),
        shown(&outcome.kind()),
        count(outcome.objects.len() as u64, "mask"),
        percent(outcome.share(covered))
    );
    text += &object_table(outcome);
    if outcome.left_out > 0 {
        text += &format!(
            "\n{} {} at least {}; --max-count all\n",
            count(outcome.left_out, "more object"),
            if outcome.left_out == 1 { "covers" } else { "cover" },
            count(outcome.args.min_pixels(), "pixel"),
        );
    }
    text + &stale_line(&outcome.stale) + &files("masks", &outcome.exports)
}

fn object_table(outcome: &Outcome) -> String {
    let objects = || outcome.objects.iter();
    if outcome.objects.is_empty() {
        return String::new();
    }
    let name = |object: &Object| object.name.clone().unwrap_or_default();
    let mut columns = vec![
        Column::new("#", true, (1..=outcome.objects.len()).map(|number| number.to_string())),
        Column::new("name", false, objects().map(name)),
        Column::new("id", false, objects().map(Object::hex)),
        Column::new("pixels", true, objects().map(|object| pixels_text(object.pixels))),
        Column::new("share", true, objects().map(|object| percent(outcome.share(object.pixels)))),
    ];
    if outcome.args.outputs.has_pngs() {
        let file = |object: &Object| object.file.as_deref().map(path_text).unwrap_or_default();
        columns.push(Column::new("file", false, objects().map(file)));
    }
    lines(&columns, &vec![String::new(); outcome.objects.len()])
}

/// The JSON object.
#[derive(Serialize)]
struct JsonReport<'a> {
    version: &'a str,
    input: String,
    format: String,
    cryptomatte: &'a str,
    width: u32,
    height: u32,
    ranks: usize,
    milliseconds: f64,
    /// The settings, where no objects were named.
    min_pixels: Option<u64>,
    max_count: Option<u32>,
    left_out: u64,
    masks: Vec<JsonMask<'a>>,
    files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stale: Vec<String>,
}

/// One mask.
#[derive(Serialize)]
struct JsonMask<'a> {
    index: usize,
    name: Option<&'a str>,
    id: String,
    pixels: f64,
    share: f64,
    file: Option<String>,
}

pub(super) fn json(outcome: &Outcome) -> anyhow::Result<String> {
    let mut masks = Vec::new();
    for (index, object) in outcome.objects.iter().enumerate() {
        masks.push(JsonMask {
            index: index + 1,
            name: object.name.as_deref(),
            id: object.hex(),
            pixels: object.pixels,
            share: outcome.share(object.pixels),
            file: object.file.as_deref().map(path_text),
        });
    }
    let is_frequent = outcome.args.cryptomatte.object.is_empty();
    let [width, height] = outcome.ranks.size;
    let report = JsonReport {
        version: ctm::VERSION,
        input: outcome.input(),
        format: outcome.kind(),
        cryptomatte: &outcome.ranks.layer,
        width,
        height,
        ranks: outcome.ranks.channels.len() / 2,
        milliseconds: outcome.milliseconds,
        min_pixels: is_frequent.then(|| outcome.args.min_pixels()),
        max_count: is_frequent.then(|| outcome.args.max_count()),
        left_out: outcome.left_out,
        masks,
        files: outcome.exports.iter().map(|file| path_text(file)).collect(),
        stale: outcome.stale.iter().map(|file| path_text(file)).collect(),
    };
    Ok(ascii_controls(&serde_json::to_string_pretty(&report)?) + "\n")
}
