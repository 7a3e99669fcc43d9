//! What `ctm segment` prints: a table for people, or JSON for programs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ctm::{AbsorbedRegions, Backend, MaskStats};
use serde::Serialize;

use crate::args::BatchArg;
use crate::inputs::Input;
use crate::masks::{Mask, Part};
use crate::outcome::Outcome;
use crate::terminal::{self, acts, count, percent, shown, thousands};

/// The name of a backend on the command line.
pub(crate) fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Auto => "auto",
        Backend::Vulkan => "vulkan",
        Backend::Cpu => "cpu",
    }
}

/// Where the work was done.
pub(crate) fn device_text(outcome: &Outcome) -> String {
    match outcome.backend {
        Backend::Vulkan => format!("{} (Vulkan)", outcome.device),
        _ => outcome.device.clone(),
    }
}

/// Size, format and colours of a map.
pub(crate) fn image_text(outcome: &Outcome, map: usize) -> String {
    let (shape, kind) = (outcome.maps.shape, &outcome.maps.files[map].kind);
    let (width, height) = (thousands(shape.width().into()), thousands(shape.height().into()));
    let colors = count(outcome.distinct_colors, "colour");
    let of_all = if outcome.maps.files.len() > 1 { " in all images that count" } else { "" };
    format!("{width} × {height} pixels, {kind}, {colors}{of_all}")
}

/// A part of the table: a column of texts, and whether they are aligned to the right.
pub(crate) struct Column {
    head: &'static str,
    right: bool,
    texts: Vec<String>,
    /// In characters.
    width: usize,
}

impl Column {
    pub(crate) fn new(head: &'static str, right: bool, texts: impl Iterator<Item = String>) -> Self {
        let texts: Vec<String> = texts.map(|text| shown(&text)).collect();
        let widths = texts.iter().map(String::as_str).chain([head]).map(|text| text.chars().count());
        let width = widths.max().unwrap_or(0);
        Self { head, right, texts, width }
    }

    fn padded(&self, text: &str) -> String {
        let width = self.width;
        if self.right { format!("{text:>width$}") } else { format!("{text:<width$}") }
    }
}

/// A table for the maps of each outcome.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let tables: Vec<String> = outcomes.iter().map(maps_table).collect();
    let files = outcomes
        .first()
        .map_or_else(String::new, |outcome| files("table", outcome.args.outputs.table.as_slice()));
    tables.join("\n") + &files
}

/// A list of files behind what comes before.
pub(crate) fn files(name: &str, files: &[PathBuf]) -> String {
    let list: String = files.iter().map(|file| format!("{name}: {}\n", shown(&path_text(file)))).collect();
    if list.is_empty() { list } else { format!("\n{list}") }
}

fn maps_table(outcome: &Outcome) -> String {
    let mut text = String::new();
    for (map, file) in outcome.maps.files.iter().enumerate() {
        text += &format!("{}: {}\n", shown(&file.input.to_string()), image_text(outcome, map));
    }
    text += &format!(
        "{} in {}, on {}, covering {}\n",
        count(outcome.masks.len() as u64, "mask"),
        duration_text(outcome.duration),
        shown(&device_text(outcome)),
        percent(outcome.share(outcome.covered()))
    );
    text += &mask_table(outcome);
    text += &left_out(outcome);
    text += &unlisted_table(outcome);
    text += &merged_table(outcome);
    text += &absorbed_line(outcome);
    let mut exports: Vec<PathBuf> = Vec::new();
    for (_, file) in outcome.exports.iter().flatten() {
        // That of COCO is of all images.
        if !exports.contains(file) {
            exports.push(file.clone());
        }
    }
    text += &files("masks", &exports);
    text + &files("overview", &outcome.overviews) + &files("labels", &outcome.labels)
}

fn mask_table(outcome: &Outcome) -> String {
    let masks = || outcome.masks.iter();
    if outcome.masks.is_empty() {
        return String::new();
    }
    let mut columns = vec![
        Column::new("#", true, (1..=outcome.masks.len()).map(|number| number.to_string())),
        Column::new("colour", false, masks().map(|mask| mask.text.clone())),
        Column::new("pixels", true, masks().map(|mask| thousands(mask.pixels))),
        Column::new("share", true, masks().map(|mask| percent(outcome.share(mask.pixels)))),
    ];
    if masks().any(|mask| mask.name.is_some()) {
        columns
            .insert(2, Column::new("name", false, masks().map(|mask| mask.name.clone().unwrap_or_default())));
    }
    if outcome.args.outputs.cropped && outcome.maps.files.len() == 1 {
        columns.push(Column::new("box", false, masks().map(|mask| box_text(&mask.parts[0].region))));
    }
    if outcome.args.outputs.has_pngs() {
        columns.push(Column::new("file", false, masks().map(|mask| file_text(outcome, mask))));
    }
    let swatches: Vec<String> = masks().map(|mask| swatch(outcome, &mask.color)).collect();
    lines(&columns, &swatches)
}

/// What has no mask, and what lies about.
fn left_out(outcome: &Outcome) -> String {
    let mut text = String::new();
    if outcome.left_out > 0 {
        let what = if outcome.args.colors.connected.is_some() { "more region" } else { "more colour" };
        text += &format!(
            "\n{} {} at least {}; --max-count all\n",
            count(outcome.left_out, what),
            if outcome.left_out == 1 { "has" } else { "have" },
            count(outcome.args.min_pixels().max(1), "pixel"),
        );
    }
    text += &stale_line(&outcome.stale);
    text
}

/// What an earlier run has left, in a line behind what comes before.
pub(crate) fn stale_line(stale: &[PathBuf]) -> String {
    stale_text(stale).map_or(String::new(), |text| format!("\n{text}\n"))
}

fn stale_text(stale: &[PathBuf]) -> Option<String> {
    let first = stale.first()?;
    let more = match stale.len() {
        1 => String::new(),
        len => format!(" and {} more", len - 1),
    };
    Some(format!("of an earlier run, and not of this: {}{more}", shown(&path_text(first))))
}

/// What the palette does not have.
fn unlisted_table(outcome: &Outcome) -> String {
    let Some(unlisted) = &outcome.unlisted else { return String::new() };
    let summary = format!(
        "\nnot in the palette: {}, {}\n",
        count(unlisted.pixels, "pixel"),
        count(unlisted.colors, "colour")
    );
    let colors = || unlisted.most_frequent.iter();
    if unlisted.most_frequent.is_empty() {
        return summary;
    }
    let values: Vec<_> = colors().map(|entry| outcome.choice.color(&entry.color)).collect();
    let place = |entry: &ctm::UnlistedColor| {
        let (map, [x, y]) = first_pixel(outcome, entry);
        let file = match outcome.maps.files.len() {
            1 => String::new(),
            _ => format!(" of {}", outcome.maps.files[map].input),
        };
        format!("{x}, {y}{file}")
    };
    let columns = [
        Column::new("colour", false, colors().map(|entry| outcome.choice.text(&entry.color))),
        Column::new("pixels", true, colors().map(|entry| thousands(entry.pixels))),
        Column::new("share", true, colors().map(|entry| percent(outcome.share(entry.pixels)))),
        Column::new("first pixel", false, colors().map(place)),
    ];
    let swatches: Vec<String> = values.iter().map(|values| swatch(outcome, values)).collect();
    summary + &lines(&columns, &swatches)
}

/// What became what.
fn merged_table(outcome: &Outcome) -> String {
    let Some(merged) = &outcome.merged else { return String::new() };
    let summary =
        format!("\nmerged: {}, {}\n", count(merged.pixels, "pixel"), count(merged.colors, "colour"));
    let colors = || merged.most_frequent.iter();
    if merged.most_frequent.is_empty() {
        return summary;
    }
    let text = |color: &ctm::Color| outcome.choice.text(color);
    let columns = [
        Column::new("colour", false, colors().map(|entry| text(&entry.color))),
        Column::new("became", false, colors().map(|entry| text(&entry.into))),
        Column::new("pixels", true, colors().map(|entry| thousands(entry.pixels))),
        Column::new("share", true, colors().map(|entry| percent(outcome.share(entry.pixels)))),
    ];
    let swatches: Vec<String> =
        colors().map(|entry| swatch(outcome, &outcome.choice.color(&entry.color))).collect();
    summary + &lines(&columns, &swatches)
}

/// How many small regions and holes became other masks'.
fn absorbed_line(outcome: &Outcome) -> String {
    let Some(absorbed) = &outcome.absorbed else { return String::new() };
    let AbsorbedRegions { regions, pixels, holes, hole_pixels } = *absorbed;
    let [regions, holes] = [count(regions, "region"), count(holes, "hole")];
    let [pixels, hole_pixels] = [pixels, hole_pixels].map(|pixels| count(pixels, "pixel"));
    format!("\nabsorbed: {regions}, {pixels}; filled: {holes}, {hole_pixels}\n")
}

/// The map that an unlisted colour is in first, and the column and row there.
fn first_pixel(outcome: &Outcome, entry: &ctm::UnlistedColor) -> (usize, [u32; 2]) {
    let (x, row) = entry.first_pixel;
    let height = outcome.maps.shape.height();
    ((row / height) as usize, [x, row % height])
}

/// An empty line, the head, and a line for each row, with a swatch before the colour where a terminal shows it.
pub(crate) fn lines(columns: &[Column], swatches: &[String]) -> String {
    let shown = terminal::shows_colors();
    let line = |texts: Vec<&str>, swatch: &str| {
        let cells: Vec<String> = columns
            .iter()
            .zip(texts)
            .map(|(column, text)| match column.head {
                "colour" if shown => format!("{swatch}{}", column.padded(text)),
                _ => column.padded(text),
            })
            .collect();
        format!("  {}\n", cells.join("  ").trim_end())
    };
    let mut text = "\n".to_owned() + &line(columns.iter().map(|column| column.head).collect(), "   ");
    for (row, swatch) in swatches.iter().enumerate() {
        text += &line(columns.iter().map(|column| column.texts[row].as_str()).collect(), swatch);
    }
    text
}

fn swatch(outcome: &Outcome, color: &[f32]) -> String {
    let [r, g, b] = screen_color(outcome, color);
    format!("\x1b[48;2;{r};{g};{b}m  \x1b[0m ")
}

/// A bounding box as image tools write it: `WIDTHxHEIGHT+LEFT+TOP`.
fn box_text(region: &MaskStats) -> String {
    match region {
        MaskStats { pixels: 0, .. } => "-".into(),
        MaskStats { left, top, width, height, .. } => format!("{width}x{height}+{left}+{top}"),
    }
}

/// A mask's file, or of several maps what their names have in common.
fn file_text(outcome: &Outcome, mask: &Mask) -> String {
    let mut files = mask.parts.iter().filter_map(|part| part.file.as_ref());
    match (files.next(), outcome.maps.files.len()) {
        (None, _) => "-".into(),
        (Some(file), 1) => file.display().to_string(),
        (Some(file), _) => {
            let name = file.file_name().unwrap_or_default();
            outcome.args.output().unwrap_or(Path::new("")).join("*").join(name).display().to_string()
        }
    }
}

/// A time as people read it: `0.4 ms`, `35 ms`, `2.1 s`.
fn duration_text(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds @ 1.0.. => format!("{seconds:.1} s"),
        seconds @ 0.01.. => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{:.1} ms", seconds * 1e3),
    }
}

/// A colour as bytes, its alpha left aside.
pub(crate) fn screen_color(outcome: &Outcome, color: &[f32]) -> [u8; 3] {
    let [r, g, b, _] = outcome.display.rgba(color);
    [r, g, b].map(|value| (value * 255.0).round() as u8)
}

/// A channel value in JSON, which has no infinity.
#[derive(Serialize)]
#[serde(untagged)]
enum Value {
    Finite(f32),
    Infinite(&'static str),
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        match value {
            f32::INFINITY => Self::Infinite("inf"),
            f32::NEG_INFINITY => Self::Infinite("-inf"),
            value => Self::Finite(value),
        }
    }
}

/// One mask in JSON.
#[derive(Serialize)]
struct JsonMask<'a> {
    index: usize,
    color: Vec<Value>,
    /// As the image stores them, if they are integers.
    stored: Option<&'a [i64]>,
    hex: Option<String>,
    name: Option<&'a str>,
    pixels: u64,
    share: f64,
    r#box: Option<JsonBox>,
    first_pixel: Option<(u32, u32)>,
    centroid: Option<(f64, f64)>,
    file: Option<String>,
}

/// Where a mask's pixels lie.
#[derive(Serialize)]
struct JsonBox {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

/// One image in JSON.
#[derive(Serialize)]
struct JsonImage<'a> {
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<u32>,
    format: &'a str,
    masks: Vec<JsonMask<'a>>,
    overview: Option<String>,
    labels: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
}

/// Colours that the palette does not have.
#[derive(Serialize)]
struct JsonUnlisted {
    pixels: u64,
    colors: u64,
    most_frequent: Vec<JsonUnlistedColor>,
}

/// One of them.
#[derive(Serialize)]
struct JsonUnlistedColor {
    color: Vec<Value>,
    stored: Option<Vec<i64>>,
    hex: Option<String>,
    pixels: u64,
    input: String,
    first_pixel: [u32; 2],
}

/// Small regions and holes that became other masks'.
#[derive(Serialize)]
struct JsonAbsorbed {
    regions: u64,
    pixels: u64,
    holes: u64,
    hole_pixels: u64,
}

/// Colours that became others.
#[derive(Serialize)]
struct JsonMerged {
    pixels: u64,
    colors: u64,
    most_frequent: Vec<JsonMergedColor>,
}

/// One of them.
#[derive(Serialize)]
struct JsonMergedColor {
    color: Vec<Value>,
    stored: Option<Vec<i64>>,
    hex: Option<String>,
    pixels: u64,
    into: Vec<Value>,
    into_stored: Option<Vec<i64>>,
    into_hex: Option<String>,
}

/// The JSON object.
#[derive(Serialize)]
struct JsonReport<'a> {
    version: &'a str,
    width: u32,
    height: u32,
    channels: u32,
    backend: &'a str,
    device: &'a str,
    milliseconds: f64,
    min_pixels: Option<u64>,
    max_count: Option<u32>,
    distinct_colors: u64,
    left_out: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stale: Vec<String>,
    unlisted: Option<JsonUnlisted>,
    merged: Option<JsonMerged>,
    #[serde(skip_serializing_if = "Option::is_none")]
    absorbed: Option<JsonAbsorbed>,
    table: Option<String>,
    /// Of a single image, which then is no list.
    #[serde(flatten)]
    image: Option<JsonImage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<JsonImage<'a>>,
}

/// The JSON object as text; a list of such objects where images have masks of their own.
pub(crate) fn json(outcomes: &[Outcome]) -> anyhow::Result<String> {
    let reports: Vec<JsonReport> = outcomes.iter().map(json_report).collect();
    let is_list = outcomes.iter().any(|outcome| outcome.args.colors.batch == BatchArg::Each);
    let text = match &reports[..] {
        [report] if !is_list => serde_json::to_string_pretty(report)?,
        reports => serde_json::to_string_pretty(reports)?,
    };
    Ok(ascii_controls(&text) + "\n")
}

/// The JSON object of one image in one line.
pub(crate) fn json_line(outcome: &Outcome) -> anyhow::Result<String> {
    Ok(ascii_controls(&serde_json::to_string(&json_report(outcome))?) + "\n")
}

/// What is printed instead where an image has failed.
pub(crate) fn json_failure(input: &Input, error: &str) -> anyhow::Result<String> {
    let failure =
        serde_json::json!({ "input": path_text(&input.path), "frame": input.frame, "error": error });
    Ok(ascii_controls(&failure.to_string()) + "\n")
}

/// One image in one line for people.
pub(crate) fn line(outcome: &Outcome) -> String {
    let name = outcome.maps.files.first().map(|file| file.input.to_string()).unwrap_or_default();
    let stale = stale_text(&outcome.stale).map_or(String::new(), |text| format!("; {text}"));
    format!(
        "{}: {}, covering {}{stale}\n",
        shown(&name),
        count(outcome.masks.len() as u64, "mask"),
        percent(outcome.share(outcome.covered()))
    )
}

/// Writes what acts on terminals as JSON writes control characters, which for it are those of ASCII only. All are within
/// strings.
pub(crate) fn ascii_controls(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            character if acts(character) && character != '\n' => {
                text += &format!("\\u{:04x}", u32::from(character));
            }
            character => text.push(character),
        }
    }
    text
}

fn json_report<'a>(outcome: &'a Outcome) -> JsonReport<'a> {
    let mut images: Vec<JsonImage> =
        (0..outcome.maps.files.len()).map(|map| json_image(outcome, map)).collect();
    let image = if images.len() == 1 { images.pop() } else { None };
    let Outcome { args, maps, choice, .. } = outcome;
    let is_frequent = !choice.has_palette();
    JsonReport {
        version: ctm::VERSION,
        width: maps.shape.width(),
        height: maps.shape.height(),
        channels: maps.shape.channels(),
        backend: backend_name(outcome.backend),
        device: &outcome.device,
        milliseconds: (outcome.duration.as_secs_f64() * 1e6).round() / 1e3,
        min_pixels: is_frequent.then_some(args.min_pixels()),
        max_count: is_frequent.then_some(args.max_count()),
        distinct_colors: outcome.distinct_colors,
        left_out: outcome.left_out,
        stale: outcome.stale.iter().map(|file| path_text(file)).collect(),
        unlisted: outcome.unlisted.as_ref().map(|unlisted| JsonUnlisted {
            pixels: unlisted.pixels,
            colors: unlisted.colors,
            most_frequent: unlisted.most_frequent.iter().map(|entry| json_unlisted(outcome, entry)).collect(),
        }),
        merged: outcome.merged.as_ref().map(|merged| JsonMerged {
            pixels: merged.pixels,
            colors: merged.colors,
            most_frequent: merged.most_frequent.iter().map(|entry| json_merged(outcome, entry)).collect(),
        }),
        absorbed: outcome.absorbed.map(|absorbed| JsonAbsorbed {
            regions: absorbed.regions,
            pixels: absorbed.pixels,
            holes: absorbed.holes,
            hole_pixels: absorbed.hole_pixels,
        }),
        table: args.outputs.table.as_deref().map(path_text),
        image,
        images,
    }
}

fn json_image<'a>(outcome: &'a Outcome, map: usize) -> JsonImage<'a> {
    let mask = |(index, mask): (usize, &'a Mask)| {
        let Part { region, file } = &mask.parts[map];
        let &MaskStats { pixels, left, top, width, height, first_pixel, centroid } = region;
        let is_there = pixels > 0;
        JsonMask {
            index: index + 1,
            color: json_color(&mask.color),
            stored: mask.stored.as_deref(),
            hex: mask.hex.clone(),
            name: mask.name.as_deref(),
            pixels,
            share: outcome.share_of_one(pixels),
            r#box: is_there.then_some(JsonBox { left, top, width, height }),
            first_pixel: is_there.then_some(first_pixel),
            centroid: is_there.then_some(centroid),
            file: file.as_deref().map(path_text),
        }
    };
    let file = &outcome.maps.files[map];
    JsonImage {
        input: path_text(&file.input.path),
        frame: file.input.frame,
        format: &file.kind,
        masks: outcome.masks.iter().enumerate().map(mask).collect(),
        overview: outcome.overviews.get(map).map(|file| path_text(file)),
        labels: outcome.labels.get(map).map(|file| path_text(file)),
        files: outcome.exports.get(map).into_iter().flatten().map(|(_, file)| path_text(file)).collect(),
    }
}

fn json_unlisted(outcome: &Outcome, entry: &ctm::UnlistedColor) -> JsonUnlistedColor {
    let values = outcome.choice.color(&entry.color);
    let (map, first_pixel) = first_pixel(outcome, entry);
    JsonUnlistedColor {
        color: json_color(&values),
        stored: outcome.choice.stored(&entry.color),
        hex: outcome.choice.hex(&entry.color),
        pixels: entry.pixels,
        input: path_text(&outcome.maps.files[map].input.path),
        first_pixel,
    }
}

fn json_merged(outcome: &Outcome, entry: &ctm::MergedColor) -> JsonMergedColor {
    let [values, into] = [&entry.color, &entry.into].map(|color| outcome.choice.color(color));
    JsonMergedColor {
        color: json_color(&values),
        stored: outcome.choice.stored(&entry.color),
        hex: outcome.choice.hex(&entry.color),
        pixels: entry.pixels,
        into: json_color(&into),
        into_stored: outcome.choice.stored(&entry.into),
        into_hex: outcome.choice.hex(&entry.into),
    }
}

fn json_color(values: &[f32]) -> Vec<Value> {
    values.iter().map(|&value| value.into()).collect()
}

pub(crate) fn path_text(path: &Path) -> String {
    path.display().to_string()
}
