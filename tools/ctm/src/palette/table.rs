//! Tables of colours: with a head that says what the columns are, or rows whose numbers say it; and the `definition.csv` of
//! maps of provinces.

use anyhow::{Context as _, anyhow, bail};
use csv::{ReaderBuilder, StringRecord};

use super::lines::{self, named};
use crate::values::{GivenColor, parse_color};

/// What the columns are, from 0.
#[derive(Debug, PartialEq)]
struct Columns {
    /// One for each value; or one for all of a color.
    color: Vec<usize>,
    name: Option<usize>,
    /// What a color without a name is called.
    id: Option<usize>,
    /// Whether values are 0 to 255, whatever they are.
    is_of_bytes: bool,
}

/// Whether a text is a table and no plain list.
pub(super) fn is_one(text: &str) -> bool {
    let (first, delimiter) = first_row(text);
    let fields: Vec<&str> = first.split(delimiter).map(str::trim).collect();
    if fields.len() < 2 {
        return false;
    }
    let is_word = |text: &&str| !text.is_empty() && text.parse::<f32>().is_err();
    let words = fields.iter().filter(|field| is_word(field)).count();
    match delimiter {
        ';' => true,
        // `1,0.5,0 A name` is a line of a list, and so is `#ff8000<tab>A name`.
        ',' => words > 0 && !lines::is_one(first),
        _ => head(&fields).is_some(),
    }
}

/// The first row that says something, and what is between its fields.
fn first_row(text: &str) -> (&str, char) {
    let is_comment = |line: &&str| line.trim().is_empty() || *line == "#" || line.starts_with("# ");
    let first = text.lines().find(|line| !is_comment(line)).unwrap_or_default();
    let delimiter = [';', '\t', ','].into_iter().max_by_key(|&delimiter| first.matches(delimiter).count());
    (first, delimiter.unwrap_or(','))
}

pub(super) fn parse(text: &str) -> anyhow::Result<Vec<GivenColor>> {
    let (first, delimiter) = first_row(text);
    let fields: Vec<&str> = first.split(delimiter).map(str::trim).collect();
    let are_provinces =
        head(&fields).or_else(|| row(&fields, delimiter)).is_some_and(|found| found.is_of_bytes);
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter as u8)
        .has_headers(false)
        .flexible(true)
        // A quote in a province's name is one.
        .quoting(!are_provinces)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut columns: Option<Columns> = None;
    let mut colors = Vec::new();
    for record in reader.records() {
        let record = record.context("is no table")?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields: Vec<&str> = record.iter().collect();
        if is_comment(&fields, columns.as_ref(), delimiter) || fields.iter().all(|field| field.is_empty()) {
            continue;
        }
        let color = match &columns {
            Some(columns) => color(&record, columns),
            None => {
                let is_head = head(&fields).is_some();
                let found = head(&fields).or_else(|| row(&fields, delimiter));
                let found = found.ok_or_else(|| {
                    anyhow!("line {line}: '{}' has no colour", fields.join(&delimiter.to_string()))
                })?;
                let found = columns.insert(found);
                if is_head {
                    continue;
                }
                color(&record, found)
            }
        };
        let color = color.with_context(|| format!("line {line}"))?;
        colors.push(GivenColor { origin: format!("line {line}: {}", color.origin), ..color });
    }
    Ok(colors)
}

/// Whether a row says nothing: `# so it is`, or a row of provinces that is left out, `#2;1;1;1;gone`.
fn is_comment(fields: &[&str], columns: Option<&Columns>, delimiter: char) -> bool {
    let is_number = |field: &&str| field.parse::<f32>().is_ok();
    let is_left_out = fields[0].starts_with('#')
        && match columns {
            Some(columns) => columns.id == Some(0),
            None => delimiter == ';' && fields.len() > 3 && fields[1..4].iter().all(is_number),
        };
    fields[0] == "#" || fields[0].starts_with("# ") || is_left_out
}

/// What a head says.
fn head(fields: &[&str]) -> Option<Columns> {
    let fields: Vec<String> =
        fields.iter().map(|field| field.trim_start_matches('#').trim().to_lowercase()).collect();
    let find = |names: &[&str]| fields.iter().position(|field| names.contains(&field.as_str()));
    let channel = |names: &[&str]| find(names);
    let rgb = [channel(&["r", "red"]), channel(&["g", "green"]), channel(&["b", "blue"])];
    let alpha = find(&["a", "alpha"]);
    let color = match rgb {
        [Some(r), Some(g), Some(b)] => [Some(r), Some(g), Some(b), alpha].into_iter().flatten().collect(),
        _ => vec![find(&["color", "colour", "hex", "rgb", "html", "value", "grey", "gray"])?],
    };
    let name = find(&["name", "label", "class", "class_name", "category", "title", "x"]);
    let id = find(&["id", "province", "index", "number"]);
    let is_of_bytes = fields.first().is_some_and(|first| first == "province" || first == "provid");
    Some(Columns { color, name: name.filter(|name| Some(*name) != id), id, is_of_bytes })
}

/// What a row without a head says.
fn row(fields: &[&str], delimiter: char) -> Option<Columns> {
    let is_number = |field: &&str| field.parse::<f32>().is_ok();
    let leading = fields.iter().take_while(|field| is_number(field)).count();
    // An id, three values, and a name, as games have them.
    if delimiter == ';' && leading >= 4 && fields.len() > 4 {
        return Some(Columns { color: vec![1, 2, 3], name: Some(4), id: Some(0), is_of_bytes: true });
    }
    if leading >= 3 {
        let name = (fields.len() > leading).then_some(leading);
        return Some(Columns { color: (0..leading.min(4)).collect(), name, id: None, is_of_bytes: false });
    }
    let is_color = |field: &&str| !is_number(field) && parse_color(field).is_ok();
    if let Some(at) = fields.iter().position(is_color) {
        let name = (0..fields.len()).find(|&other| other != at);
        return Some(Columns { color: vec![at], name, id: None, is_of_bytes: false });
    }
    let behind = fields.iter().skip(1).take_while(|field| is_number(field)).count();
    (behind >= 3).then(|| Columns {
        color: (1..=behind.min(4)).collect(),
        name: Some(0),
        id: None,
        is_of_bytes: false,
    })
}

fn color(record: &StringRecord, columns: &Columns) -> anyhow::Result<GivenColor> {
    if let Some(missing) = columns.color.iter().find(|&&index| record.get(index).is_none_or(str::is_empty)) {
        bail!("column {} is empty, where a colour's value is expected", missing + 1);
    }
    let field = |index: usize| record.get(index).unwrap_or_default();
    let texts: Vec<&str> = columns.color.iter().map(|&index| field(index)).collect();
    let mut color = parse_color(&texts.join(",")).map_err(|why| anyhow!(why))?;
    if columns.is_of_bytes {
        if let Some(value) =
            color.values.iter().find(|value| !(0.0..=255.0).contains(*value) || value.fract() != 0.0)
        {
            bail!("'{value}' is no whole number up to 255");
        }
        color.values.iter_mut().for_each(|value| *value /= 255.0);
        color.is_plain = false;
        color.ids = None;
    }
    // Placeholders of provinces' maps, and the kinds of land in place of names.
    let is_name =
        |name: &String| columns.id.is_none() || !["x", "land", "sea", "lake"].contains(&name.as_str());
    let name = columns.name.and_then(|index| named(field(index))).filter(is_name);
    let name = name.or_else(|| columns.id.and_then(|index| named(field(index))));
    Ok(GivenColor { name, ..color })
}
