//! What `ctm segment` prints: a table for people, or JSON for programs.

use std::time::Duration;

use ctm::Backend;
use serde::Serialize;

use crate::color;
use crate::segment::Outcome;
use crate::terminal::{self, count, percent, thousands};

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

/// Size, format and colours of the image.
pub(crate) fn image_text(outcome: &Outcome) -> String {
    let (shape, kind) = (outcome.image.shape, &outcome.image.kind);
    let (width, height) = (thousands(shape.width().into()), thousands(shape.height().into()));
    format!("{width} × {height} pixels, {kind}, {}", count(outcome.distinct_colors, "colour"))
}

/// The table.
pub(crate) fn table(outcome: &Outcome) -> String {
    let swatches = terminal::shows_colors();
    let rows: Vec<[String; 5]> = outcome
        .masks
        .iter()
        .enumerate()
        .map(|(index, mask)| {
            [
                (index + 1).to_string(),
                color::text(&mask.color),
                thousands(mask.pixels),
                percent(outcome.share(mask.pixels)),
                mask.file.display().to_string(),
            ]
        })
        .collect();
    let head = ["#", "colour", "pixels", "share", "file"].map(String::from);
    let width = |column: usize| {
        let texts = rows.iter().chain([&head]).map(|row| row[column].chars().count());
        texts.max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(width);
    let line = |row: &[String; 5], swatch: &str| {
        let [number, color, pixels, share, file] = row;
        let [a, b, c, d] = widths;
        format!("  {number:>a$}  {swatch}{color:<b$}  {pixels:>c$}  {share:>d$}  {file}\n")
    };

    let mut text = format!("{}: {}\n", outcome.args.image.display(), image_text(outcome));
    text += &format!(
        "{} in {}, on {}, covering {}\n",
        count(outcome.masks.len() as u64, "mask"),
        duration_text(outcome.duration),
        device_text(outcome),
        percent(outcome.share(outcome.covered()))
    );
    if !rows.is_empty() {
        text += "\n";
        text += &line(&head, if swatches { "   " } else { "" });
    }
    for (row, mask) in rows.iter().zip(&outcome.masks) {
        let [r, g, b] = screen_color(outcome, &mask.color);
        let swatch = format!("\x1b[48;2;{r};{g};{b}m  \x1b[0m ");
        text += &line(row, if swatches { &swatch } else { "" });
    }
    if let Some(file) = &outcome.overview {
        text += &format!("\noverview: {}\n", file.display());
    }
    text
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
struct JsonMask {
    index: usize,
    color: Vec<Value>,
    hex: Option<String>,
    pixels: u64,
    share: f64,
    file: String,
}

/// The JSON object.
#[derive(Serialize)]
struct JsonReport<'a> {
    version: &'a str,
    input: String,
    format: &'a str,
    width: u32,
    height: u32,
    channels: u32,
    backend: &'a str,
    device: &'a str,
    milliseconds: f64,
    min_pixels: u64,
    max_count: u32,
    distinct_colors: u64,
    masks: Vec<JsonMask>,
    overview: Option<String>,
}

/// The JSON object as text.
pub(crate) fn json(outcome: &Outcome) -> anyhow::Result<String> {
    let mask = |(index, mask): (usize, &crate::masks::Mask)| JsonMask {
        index: index + 1,
        color: mask.color.iter().map(|&value| value.into()).collect(),
        hex: color::hex(&mask.color),
        pixels: mask.pixels,
        share: outcome.share(mask.pixels),
        file: mask.file.display().to_string(),
    };
    let report = JsonReport {
        version: ctm::VERSION,
        input: outcome.args.image.display().to_string(),
        format: &outcome.image.kind,
        width: outcome.image.shape.width(),
        height: outcome.image.shape.height(),
        channels: outcome.image.shape.channels(),
        backend: backend_name(outcome.backend),
        device: &outcome.device,
        milliseconds: (outcome.duration.as_secs_f64() * 1e6).round() / 1e3,
        min_pixels: outcome.args.min_pixels,
        max_count: outcome.args.max_count,
        distinct_colors: outcome.distinct_colors,
        masks: outcome.masks.iter().enumerate().map(mask).collect(),
        overview: outcome.overview.as_ref().map(|file| file.display().to_string()),
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}
