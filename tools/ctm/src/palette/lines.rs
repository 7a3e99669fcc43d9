//! One colour a line: plain lists, and the palettes of GIMP, of Paint Shop Pro (JASC), and of CVAT.

use anyhow::{Context as _, anyhow, bail};

use crate::values::{GivenColor, parse_color};

type Parsed = Result<Option<GivenColor>, String>;

pub(super) fn parse(text: &str) -> anyhow::Result<Vec<GivenColor>> {
    let first = text.lines().next().unwrap_or_default().trim();
    let (parse_line, head): (fn(&str) -> Parsed, usize) = match first {
        // What Aseprite writes.
        "GIMP Palette" if text.lines().any(|line| line.trim() == "Channels: RGBA") => (gimp_line::<4>, 1),
        "GIMP Palette" => (gimp_line::<3>, 1),
        // A version and the number of colours follow.
        "JASC-PAL" => (gimp_line::<3>, 3),
        _ if is_cvat(text) => (cvat_line, 0),
        _ => (line, 0),
    };
    let colors = text.lines().enumerate().skip(head).filter_map(|(index, text)| {
        let color = parse_line(text.trim()).transpose()?;
        let place = format!("line {}", index + 1);
        Some(match color {
            Ok(color) => Ok(GivenColor { origin: format!("{place}: {}", color.origin), ..color }),
            Err(error) => Err(anyhow!(error)).context(place),
        })
    });
    let colors: Vec<GivenColor> = colors.collect::<anyhow::Result<_>>()?;
    if first == "JASC-PAL" {
        let count = text.lines().nth(2).unwrap_or_default().trim();
        match count.parse::<usize>() {
            Ok(count) if count == colors.len() => {}
            Ok(count) => bail!("line 3: says {count} colours; there are {}", colors.len()),
            Err(_) => bail!("line 3: '{count}' is no number of colours"),
        }
    }
    Ok(colors)
}

fn is_comment(text: &str) -> bool {
    text == "#" || text.starts_with("# ") || text.starts_with("#\t")
}

/// `#ff8000 A name`, `255 128 0 A name`; `# ` begins a comment.
fn line(text: &str) -> Parsed {
    if text.is_empty() || is_comment(text) {
        return Ok(None);
    }
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    // `255, 128, 0` is one colour, and so is `255 128 0`.
    let is_number = |word: &str| word.trim_end_matches(',').parse::<f32>().is_ok();
    let (mut color, mut rest) = (first.to_owned(), rest.trim_start());
    let is_open = |color: &str| color.ends_with(',') || !color.contains([',', '#', '/']);
    while is_number(first) && is_open(&color) && color.split(',').filter(|part| !part.is_empty()).count() < 4
    {
        let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if !is_number(word) {
            break;
        }
        color = format!("{},{word}", color.trim_end_matches(','));
        rest = behind.trim_start();
        if !word.ends_with(',') && color.matches(',').count() < 3 && first.ends_with(',') {
            break;
        }
        color.push(',');
    }
    let color = parse_color(color.trim_end_matches(','))?;
    Ok(Some(GivenColor { name: named(rest), origin: color.origin, ..color }))
}

/// Whether a line is a colour and perhaps a name.
pub(super) fn is_one(text: &str) -> bool {
    line(text.trim()).is_ok_and(|color| color.is_some())
}

/// `255 128 0 A name`, with so many numbers.
fn gimp_line<const CHANNELS: usize>(text: &str) -> Parsed {
    if text.is_empty() || ["#", "Name:", "Columns:", "Channels:"].iter().any(|start| text.starts_with(start))
    {
        return Ok(None);
    }
    let mut rest = text;
    let mut values = Vec::new();
    for _ in 0..CHANNELS {
        let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let byte: u8 =
            word.parse().map_err(|_| format!("'{text}' does not begin with {CHANNELS} numbers up to 255"))?;
        values.push(f32::from(byte) / 255.0);
        rest = behind.trim_start();
    }
    let name = named(rest).filter(|name| name != "Untitled");
    Ok(Some(GivenColor { name, ..GivenColor::new(values, text.into()) }))
}

/// Whether the first line is one of CVAT's, or another one is with all that belongs to it: then the others should be.
pub(super) fn is_cvat(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_comment(line));
    let says_so = text.trim_start().starts_with("# label:color_rgb:");
    let is_one = |line: &str| cvat_line(line).is_ok();
    let is_whole = |line: &str| line.matches(':').count() == 3 && is_one(line);
    says_so || lines.next().is_some_and(is_one) || lines.any(is_whole)
}

/// `name:255,128,0:parts:actions`, of which parts and actions may be missing.
fn cvat_line(text: &str) -> Parsed {
    if text.is_empty() || is_comment(text) {
        return Ok(None);
    }
    let mut fields = text.split(':');
    let (name, color) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    let values: Option<Vec<u8>> = color.split(',').map(|value| value.trim().parse().ok()).collect();
    let values = values.filter(|values| values.len() == 3);
    let values = values.ok_or_else(|| format!("'{text}' is no label such as name:255,128,0::"))?;
    let values = values.into_iter().map(|byte| f32::from(byte) / 255.0).collect();
    Ok(Some(GivenColor { name: named(name), ..GivenColor::new(values, text.into()) }))
}

pub(super) fn named(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}
