//! Files with the colours that are to get masks: one colour a line, GIMP's palettes, or what
//! `ctm segment --json` has printed for another image.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;

use crate::source;
use crate::values::{GivenColor, parse_color};

/// A file of more bytes than this is no palette.
const MOST_BYTES: u64 = 64 << 20;

/// Reads a palette.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<GivenColor>> {
    let colors = || -> anyhow::Result<Vec<GivenColor>> {
        let bytes = source::open(path)?.read_all(MOST_BYTES, "a palette is expected")?;
        let text = String::from_utf8(bytes).map_err(|_| anyhow!("is no text; a palette is expected"))?;
        let colors = parse(text.trim_start_matches('\u{feff}'))?;
        if colors.is_empty() {
            bail!("has no colours");
        }
        Ok(colors)
    };
    let mut colors = colors().with_context(|| path.display().to_string())?;
    for color in &mut colors {
        color.origin = format!("{}, {}", path.display(), color.origin);
    }
    Ok(colors)
}

fn parse(text: &str) -> anyhow::Result<Vec<GivenColor>> {
    if text.trim_start().starts_with('{') {
        return parse_json(text);
    }
    let is_gimp = text.lines().next().is_some_and(|line| line.trim() == "GIMP Palette");
    let parse_line = if is_gimp { gimp_line } else { line };
    let lines = text.lines().enumerate().skip(usize::from(is_gimp));
    let colors = lines.filter_map(|(index, text)| {
        let color = parse_line(text.trim()).transpose()?;
        let place = format!("line {}", index + 1);
        Some(match color {
            Ok(color) => Ok(GivenColor { origin: format!("{place}: {}", color.origin), ..color }),
            Err(error) => Err(anyhow!("{place}: {error}")),
        })
    });
    let colors = colors.collect::<anyhow::Result<Vec<GivenColor>>>()?;
    if !is_gimp {
        check_range(&colors)?;
    }
    Ok(colors)
}

/// Refuses whole numbers up to 1 beside larger ones: `1,1,1` would be white, and beside `128,0,0` most likely is not
/// meant to be. Floats of a wide range are written with a point: `1.0`.
fn check_range(colors: &[GivenColor]) -> anyhow::Result<()> {
    let written = |color: &GivenColor| color.origin.split_once(": ").map_or("", |(_, text)| text).to_owned();
    let is_whole =
        |color: &GivenColor| !written(color).starts_with('#') && !written(color).contains(['.', '/', 'e']);
    let whole = || colors.iter().filter(|color| is_whole(color));
    let has_one =
        |color: &&GivenColor| color.values.contains(&1.0) && color.values.iter().all(|&value| value <= 1.0);
    let is_beyond = |color: &&GivenColor| color.values.iter().any(|&value| value > 1.0 && value.is_finite());
    if let (Some(one), Some(beyond)) = (whole().find(has_one), whole().find(is_beyond)) {
        bail!(
            "{} is at most 1 in every value, and {} is more: values count from 0 to 1; write #800000 or 128/255,0,0 for \
             128 of 255, and 1.0 for floats",
            one.origin,
            beyond.origin
        );
    }
    Ok(())
}

/// `#ff8000 A name`; `# ` begins a comment.
fn line(text: &str) -> Result<Option<GivenColor>, String> {
    let is_comment = text == "#" || text.starts_with("# ") || text.starts_with("#\t");
    if text.is_empty() || is_comment {
        return Ok(None);
    }
    let (color, name) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    Ok(Some(GivenColor { name: named(name), ..parse_color(color)? }))
}

/// `255 128 0 A name`.
fn gimp_line(text: &str) -> Result<Option<GivenColor>, String> {
    if text.is_empty() || ["#", "Name:", "Columns:"].iter().any(|start| text.starts_with(start)) {
        return Ok(None);
    }
    let mut rest = text;
    let mut values = Vec::new();
    for _ in 0..3 {
        let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let byte: u8 =
            word.parse().map_err(|_| format!("'{text}' does not begin with three numbers up to 255"))?;
        values.push(f32::from(byte) / 255.0);
        rest = behind.trim_start();
    }
    let name = named(rest).filter(|name| name != "Untitled");
    Ok(Some(GivenColor { values, origin: text.into(), name }))
}

fn named(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

/// The masks that `ctm segment --json` has listed.
fn parse_json(text: &str) -> anyhow::Result<Vec<GivenColor>> {
    let json: Value = serde_json::from_str(text).context("is no JSON")?;
    let masks = json["masks"].as_array().or_else(|| json["images"][0]["masks"].as_array());
    let masks =
        masks.ok_or_else(|| anyhow!("has no \"masks\"; the output of 'ctm segment --json' is expected"))?;
    let value = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64().map(|value| value as f32),
    };
    let color = |(index, mask): (usize, &Value)| {
        let values = mask["color"].as_array().and_then(|values| values.iter().map(value).collect());
        let values: Vec<f32> = values.ok_or_else(|| anyhow!("masks[{index}] has no \"color\""))?;
        let name = mask["name"].as_str().map(String::from);
        Ok(GivenColor { values, origin: format!("masks[{index}]"), name })
    };
    masks.iter().enumerate().map(color).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<(Vec<f32>, Option<String>)> {
        parse(text).unwrap().into_iter().map(|color| (color.values, color.name)).collect()
    }

    /// What the fuzz target `palettes` does with each file of its corpus, whose first byte says what it is.
    #[test]
    fn the_fuzzers_corpus() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/palettes");
        for file in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            if let Some((..200, text)) = bytes.split_first() {
                let palette = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(palette.path(), text).unwrap();
                assert!(read(palette.path()).is_ok_and(|colors| !colors.is_empty()) || !text.is_empty());
            }
        }
    }

    #[test]
    fn all_kinds_of_files() {
        let orange = (vec![1.0, 128.0 / 255.0, 0.0], Some("Dark orange".to_owned()));
        let black = (vec![0.0; 3], None);
        let expected = [orange, black];
        assert_eq!(list("# comment\n\n#ff8000\tDark orange\r\n  0,0,0\n#\n"), expected);
        let gimp =
            "GIMP Palette\nName: x\nColumns: 2\n# comment\n255 128   0\tDark orange\n  0   0   0 Untitled\n";
        assert_eq!(list(gimp), expected);
        let json =
            r#"{"masks": [{"color": [1.0, 0.5019608, 0.0], "name": "Dark orange"}, {"color": [0, 0, 0]}]}"#;
        assert_eq!(list(json), expected);
        assert_eq!(list(&format!(r#"{{"images": [{json}, {{}}]}}"#)), expected);
        assert_eq!(
            list(r#"{"masks": [{"color": ["inf", "-inf"]}]}"#)[0].0,
            [f32::INFINITY, f32::NEG_INFINITY]
        );
    }

    #[test]
    fn errors_name_the_line() {
        for (text, expected) in [
            ("#ff8000\nred\n", "line 2: 'red' is no colour"),
            ("GIMP Palette\n1 2\n", "line 2: '1 2' does not begin"),
            ("GIMP Palette\n1 2 256\n", "line 2"),
            ("{", "is no JSON"),
            ("{}", "has no \"masks\""),
            (r#"{"masks": [{}]}"#, "masks[0] has no \"color\""),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
