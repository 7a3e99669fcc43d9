//! What masks are called: `{index:03}-{name}-{hex}.png`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::names;

/// More bytes than this of a name are left out: most file systems take 255 in all.
const MOST_BYTES: usize = 120;

/// What stands for something of a mask.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Index,
    Name,
    Hex,
    Id,
    Pixels,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    /// A field, and the fewest digits of a number.
    Field(Field, usize),
}

/// What is known of a mask that is to be named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    /// From 1.
    pub(crate) index: usize,
    /// The fewest digits of the number, where nothing else names the mask.
    pub(crate) digits: usize,
    pub(crate) name: Option<&'a str>,
    pub(crate) hex: Option<&'a str>,
    /// The integers that the image stores.
    pub(crate) id: Option<&'a [i64]>,
    pub(crate) pixels: u64,
}

/// A name with places for what masks have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Piece>);

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains(['/', '\\']) || text.chars().any(char::is_control) {
            return Err("a name without folders is expected".into());
        }
        if !names::is_called(Path::new(text), &["png"]) && !text.ends_with('}') {
            return Err("masks are PNG; a name that ends in .png is expected".into());
        }
        let mut pieces = Vec::new();
        // In any case of letters, as the check has it.
        let mut rest = if text.ends_with('}') { text } else { &text[..text.len() - ".png".len()] };
        while let Some(start) = rest.find('{') {
            let (before, behind) = rest.split_at(start);
            let (inside, behind) =
                behind[1..].split_once('}').ok_or_else(|| "a '}' is missing".to_owned())?;
            pieces.push(Piece::Text(before.into()));
            pieces.push(field(inside)?);
            rest = behind;
        }
        pieces.push(Piece::Text(rest.into()));
        let is_known =
            |field| pieces.iter().any(|piece| matches!(piece, Piece::Field(known, _) if *known == field));
        if ![Field::Index, Field::Name, Field::Hex, Field::Id].into_iter().any(is_known) {
            return Err("{index}, {name}, {hex} or {id} must tell masks apart".into());
        }
        Ok(Self(pieces))
    }

    /// A mask's name. What a mask does not have takes the separator in front of it along.
    pub(crate) fn name(&self, mask: &Named) -> String {
        let mut name = String::new();
        for piece in &self.0 {
            let text = match piece {
                Piece::Text(text) => {
                    // `{name}-{hex}` begins with neither a name nor a separator where there is no name.
                    let text = if name.is_empty() { text.trim_start_matches(['-', '_', ' ']) } else { text };
                    name.push_str(text);
                    continue;
                }
                Piece::Field(Field::Index, digits) => format!("{:0digits$}", mask.index),
                Piece::Field(Field::Pixels, digits) => format!("{:0digits$}", mask.pixels),
                Piece::Field(Field::Id, digits) => mask.id.map_or(String::new(), |ids| {
                    ids.iter().map(|id| format!("{id:0digits$}")).collect::<Vec<_>>().join("-")
                }),
                Piece::Field(Field::Name, _) => {
                    mask.name.map(|name| names::safe(name, MOST_BYTES)).unwrap_or_default()
                }
                Piece::Field(Field::Hex, _) => mask.hex.unwrap_or_default().into(),
            };
            if text.is_empty() {
                name.truncate(name.trim_end_matches(['-', '_', ' ']).len());
            }
            name += &text;
        }
        if name.is_empty() {
            name = format!("mask-{:0digits$}", mask.index, digits = mask.digits);
        }
        name + ".png"
    }
}

/// How far a file's name is the template's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reached {
    /// Bytes of the name.
    bytes: usize,
    /// Whether the next field is left out, and the separator before it with it.
    without_next: bool,
}

impl Field {
    /// Whether a mask may have none.
    fn is_optional(self) -> bool {
        matches!(self, Self::Name | Self::Hex | Self::Id)
    }

    fn may_be(self, text: &str, digits: usize) -> bool {
        match self {
            Self::Name => !text.is_empty(),
            Self::Hex => {
                matches!(text.len(), 2 | 4 | 6 | 8) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
            Self::Id => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'),
            Self::Index | Self::Pixels => {
                text.len() >= digits && text.bytes().all(|byte| byte.is_ascii_digit())
            }
        }
    }
}

impl Template {
    /// Whether a mask could have this name.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let Some(name) = name.strip_suffix(".png") else { return false };
        if name.is_empty() {
            return false;
        }
        // All ways to read the name so far, of which there are no more than bytes.
        let mut all = BTreeSet::from([Reached { bytes: 0, without_next: false }]);
        for (place, piece) in self.0.iter().enumerate() {
            let next = self.0.get(place + 1);
            all = all.into_iter().flat_map(|reached| piece.steps(name, reached, next)).collect();
        }
        all.iter().any(|reached| reached.bytes == name.len() && !reached.without_next)
    }
}

impl Piece {
    /// How far a name can be this piece from here on.
    fn steps(&self, name: &str, from: Reached, next: Option<&Self>) -> Vec<Reached> {
        let rest = &name[from.bytes..];
        let step = |bytes, without_next| Reached { bytes: from.bytes + bytes, without_next };
        match self {
            Self::Text(text) => {
                let is_separator = ['-', '_', ' '];
                let text = if from.bytes == 0 { text.trim_start_matches(is_separator) } else { text };
                let short = text.trim_end_matches(is_separator);
                let may_go = matches!(next, Some(Self::Field(field, _)) if field.is_optional());
                let whole = rest.starts_with(text).then(|| step(text.len(), false));
                let cut = (may_go && rest.starts_with(short)).then(|| step(short.len(), true));
                whole.into_iter().chain(cut).collect()
            }
            Self::Field(..) if from.without_next => vec![step(0, false)],
            Self::Field(field, digits) => {
                let ends = (0..=rest.len()).filter(|&end| rest.is_char_boundary(end));
                let ends = ends.filter(|&end| field.may_be(&rest[..end], *digits));
                ends.map(|end| step(end, false)).collect()
            }
        }
    }
}

/// Reads `index`, `index:03`.
fn field(text: &str) -> Result<Piece, String> {
    let (name, format) = text.split_once(':').unwrap_or((text, ""));
    let digits = match format.strip_prefix('0').unwrap_or(format) {
        "" => Some(1),
        digits => digits.parse().ok().filter(|digits| (1..=20).contains(digits)),
    };
    let (field, is_number) = match name {
        "index" => (Field::Index, true),
        "pixels" => (Field::Pixels, true),
        "id" => (Field::Id, true),
        "name" => (Field::Name, false),
        "hex" => (Field::Hex, false),
        other => {
            return Err(format!(
                "{{{other}}} is not known; {{index}}, {{name}}, {{hex}}, {{id}} and {{pixels}} are"
            ));
        }
    };
    match digits {
        Some(digits) if is_number || format.is_empty() => Ok(Piece::Field(field, digits)),
        _ => Err(format!("{{{text}}} is no number of digits; {{index:03}} has three")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(template: &str, name: Option<&str>, hex: Option<&str>) -> String {
        Template::parse(template).unwrap().name(&Named {
            index: 7,
            digits: 3,
            name,
            hex,
            id: Some(&[26_001, -5]),
            pixels: 1234,
        })
    }

    #[test]
    fn names() {
        let full = "{index:03}-{name}-{hex}.png";
        assert_eq!(name(full, Some("Sea"), Some("aacde6")), "007-Sea-aacde6.png");
        assert_eq!(name(full, None, Some("aacde6")), "007-aacde6.png");
        assert_eq!(name(full, Some("Sea"), None), "007-Sea.png");
        assert_eq!(name("{name}-{hex}", None, Some("aacde6")), "aacde6.png");
        assert_eq!(name("{name}.PNG", Some("Sea"), None), "Sea.png");
        assert_eq!(name("{name}", None, None), "mask-007.png");
        assert_eq!(name("{id}.png", None, None), "26001--5.png");
        assert_eq!(name("{id:03}.png", None, None), "26001--05.png");
        assert_eq!(name("a{index:5}_{pixels}px.png", None, None), "a00007_1234px.png");
        assert_eq!(name("{name}.png", Some("../a/b\n:"), None), "_a_b__.png");
        assert_eq!(name("{name}.png", Some(&"é".repeat(100)), None).len(), 124);
    }

    #[test]
    fn names_are_known_again() {
        let full = "{index:03}-{name}-{hex}.png";
        for (template, names, others) in [
            (
                full,
                &["007-Sea-aacde6.png", "007-aacde6.png", "007-Sea.png", "1234.png"][..],
                &["07-Sea.png"][..],
            ),
            ("{name}-{hex}", &["Sea-aacde6.png", "aacde6.png", "Größe.png"], &["Sea.jpg", ".png"]),
            ("a{index:5}_{pixels}px.png", &["a00007_1234px.png"], &["a7_1px.png", "a00007_px.png"]),
            ("{id}.png", &["26001--5.png"], &["overview.png"]),
        ] {
            let template = Template::parse(template).unwrap();
            for (name, expected) in
                names.iter().map(|name| (name, true)).chain(others.iter().map(|name| (name, false)))
            {
                assert_eq!(template.matches(name), expected, "{name}");
            }
        }
    }

    #[test]
    fn bad_templates() {
        for (text, expected) in [
            ("mask.png", "tell masks apart"),
            ("{index}/a.png", "without folders"),
            ("{index}.jpg", "ends in .png"),
            ("{index.png}", "{index.png} is not known"),
            ("{number}.png", "{number} is not known"),
            ("{index:x}.png", "{index:03} has three"),
            ("{name:03}.png", "{index:03} has three"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
