//! Numbers and colours as people write them: `0.5`, `128/255`, `#ff8000`, `1,0.5,0`. All values count from 0 to 1,
//! whatever the image stores.

use ctm::Format;

use crate::terminal::count;

/// Reads `0.04`, `10/255`.
pub(crate) fn parse_number(text: &str) -> Result<f64, String> {
    let number = match text.split_once('/') {
        Some((above, below)) => Some(plain::<f64>(above)? / plain::<f64>(below)?),
        None => Some(plain::<f64>(text)?),
    };
    number.filter(|number| !number.is_nan()).ok_or_else(|| format!("'{text}' is no number"))
}

/// Reads a distance, which is at least 0.
pub(crate) fn parse_distance(text: &str) -> Result<f64, String> {
    match parse_number(text)? {
        number if number >= 0.0 => Ok(number),
        number => Err(format!("{number} is less than 0")),
    }
}

/// Reads how many pixels something is, which is at least 0 and finite.
pub(crate) fn parse_pixels(text: &str) -> Result<f32, String> {
    match parse_distance(text)? as f32 {
        number if number.is_finite() => Ok(number),
        _ => Err(format!("{text} is no number of pixels such as 1.5")),
    }
}

/// Reads how many there are of something.
pub(crate) fn parse_whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a whole number up to {} is expected", u64::MAX))
}

/// Reads a number of things of which there are fewer.
pub(crate) fn parse_count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("a whole number up to {} is expected", u32::MAX))
}

/// Reads a place, counted from 1.
pub(crate) fn parse_place(text: &str) -> Result<u32, String> {
    let place = text.parse().ok().filter(|&place| place > 0);
    place.ok_or_else(|| "a whole number from 1 on is expected".into())
}

/// Reads a radius of `--unmix`.
pub(crate) fn parse_radius(text: &str) -> Result<u32, String> {
    let radius = text.parse().ok().filter(|radius| (1..=16).contains(radius));
    radius.ok_or_else(|| "a whole number from 1 to 16 is expected".into())
}

/// A distance or an alpha in the units of an image. `largest` is as far as values can be apart; floats may be further.
pub(crate) fn within(number: f64, largest: f64, format: Format, option: &str) -> Result<f64, String> {
    let most = f64::from(most(format));
    if most > 1.0 && number.is_finite() && number > largest {
        let hint = if number <= most * largest { format!("; write {number}/{most}") } else { String::new() };
        return Err(format!(
            "{option} {number} is beyond {}, since values count from 0 to 1{hint}",
            (largest * 100.0).floor() / 100.0
        ));
    }
    Ok(in_units(number, format))
}

fn plain<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("'{text}' is no number such as 0.5 or 128/255"))
}

/// A number in the units of an image. What stands for an integer is one, in spite of rounding.
pub(crate) fn in_units(number: f64, format: Format) -> f64 {
    let value = number * f64::from(most(format));
    let whole = value.round();
    if format != Format::F32 && (value - whole).abs() < 1e-6 { whole } else { value }
}

/// The value that an image stores for 1.
pub(crate) fn most(format: Format) -> f32 {
    match format {
        Format::U8 => 255.0,
        Format::U16 => 65535.0,
        Format::F32 | Format::F16 | Format::U32 | Format::I32 => 1.0,
    }
}

/// A colour's values, and what to call it in an error.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GivenColor {
    /// One value per channel.
    pub(crate) values: Vec<f32>,
    /// As it was written, and where.
    pub(crate) origin: String,
    /// What it means, if that was said.
    pub(crate) name: Option<String>,
    /// Whether it is written as plain numbers, which may count from 0 to 1 or be what an image stores.
    pub(crate) is_plain: bool,
    /// Whether one of them has a point.
    pub(crate) has_point: bool,
    /// The same as integers of 32 bits store them, if it is whole numbers that are written.
    pub(crate) ids: Option<Vec<i64>>,
}

impl GivenColor {
    /// Of values that count from 0 to 1, or are what floats are.
    pub(crate) fn new(values: Vec<f32>, origin: String) -> Self {
        Self { values, origin, name: None, is_plain: false, has_point: false, ids: None }
    }

    /// As it was written, without the place.
    pub(crate) fn text(&self) -> &str {
        self.origin.rsplit_once(": ").map_or(&*self.origin, |(_, text)| text)
    }
}

/// Reads `#ff8000` or `ff8000`, `#f80`, `#7f`, `orange`, `0.5,0.25,1`, `255/255,128/255,0`, `(0.5, 0.25, 1.0)`.
pub(crate) fn parse_color(text: &str) -> Result<GivenColor, String> {
    let written = text.trim();
    let digits = written.strip_prefix('#').unwrap_or(written);
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut is_plain = false;
    let inside = written.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(written);
    // Six or eight digits are hexadecimal, and may be a number all the same: what the image has decides.
    let ids = inside.split(',').map(|text| text.trim().parse().ok()).collect();
    let values = match (written.starts_with('#'), digits.len()) {
        (true, 2 | 4 | 6 | 8) | (false, 6 | 8) if is_hex => hex_values(digits),
        (true, 3) if is_hex => hex_values(&digits.chars().flat_map(|digit| [digit; 2]).collect::<String>()),
        (true, _) => Err("2, 3, 4, 6 or 8 hexadecimal digits are expected behind '#'".into()),
        (false, 2..)
            if written.bytes().all(|byte| byte.is_ascii_alphabetic()) && written.parse::<f32>().is_err() =>
        {
            named_values(written)
        }
        (false, _) => {
            is_plain = !inside.contains('/');
            inside.split(',').map(parse_value).collect()
        }
    };
    let values =
        values.map_err(|why| format!("'{written}' is no colour such as #ff8000 or 1,0.5,0: {why}"))?;
    if values.len() > 4 {
        return Err(format!("'{written}' has {} values; 1 to 4 are expected", values.len()));
    }
    let has_point = is_plain && written.contains(['.', 'e', 'E', 'n', 'N']);
    Ok(GivenColor { is_plain, has_point, ids, ..GivenColor::new(values, written.into()) })
}

/// A name of CSS.
fn named_values(name: &str) -> Result<Vec<f32>, String> {
    let is_hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
    match csscolorparser::parse(name) {
        Ok(color) if !is_hex && color.a == 1.0 => {
            Ok(color.to_rgba8()[..3].iter().map(|&byte| f32::from(byte) / 255.0).collect())
        }
        _ => Err("no such name, nor a number such as 0.5 or 128/255".into()),
    }
}

fn hex_values(digits: &str) -> Result<Vec<f32>, String> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).map(|byte| f32::from(byte) / 255.0))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

/// One channel: the same float that reading an image gives.
fn parse_value(text: &str) -> Result<f32, String> {
    let value: f32 = match text.split_once('/') {
        Some((above, below)) => plain::<f32>(above)? / plain::<f32>(below)?,
        None => plain(text)?,
    };
    if value.is_nan() { Err("a NaN is no colour".into()) } else { Ok(value) }
}

/// What an image's alpha is to its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlphaUse {
    /// There is none.
    Absent,
    /// It is no part of a colour.
    Ignored,
    /// It is a colour's last channel.
    Part,
}

impl GivenColor {
    fn wrong_count(&self, channels: usize) -> String {
        format!(
            "{} has {}; the image's colours have {channels}",
            self.origin,
            count(self.values.len() as u64, "value")
        )
    }

    /// In an image of ids: as its pixels store them.
    pub(crate) fn as_ids(&self, format: Format, channels: usize) -> Result<[u32; 4], String> {
        let origin = &self.origin;
        let (least, most) = match format {
            Format::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => (0, i64::from(u32::MAX)),
        };
        let ids = self.ids.as_ref().ok_or_else(|| {
            format!("{origin}: the image has 32-bit integers; whole numbers such as 26001 are expected")
        })?;
        if ids.len() != channels {
            return Err(self.wrong_count(channels));
        }
        let mut words = [0; 4];
        for (word, &id) in words.iter_mut().zip(ids).take(channels) {
            if id < least || id > most {
                return Err(format!(
                    "{origin}: {id} is no value of the image, whose values are {least} to {most}"
                ));
            }
            *word = id as u32;
        }
        Ok(words)
    }

    /// Whether it has an alpha below 1, beside so many channels, which no pixel of an image without alpha has.
    pub(crate) fn is_translucent(&self, channels: usize, alpha: AlphaUse) -> bool {
        let has_more = self.values.len() == channels + 1 && channels % 2 == 1;
        alpha == AlphaUse::Absent && has_more && (0.0..1.0).contains(&self.values[channels])
    }

    /// In the units of an image with so many channels in its colours.
    pub(crate) fn in_units(
        &self,
        format: Format,
        channels: usize,
        alpha: AlphaUse,
    ) -> Result<[f32; 4], String> {
        let origin = &self.origin;
        let given = self.values.len();
        // Without alpha a colour is opaque.
        let is_opaque = alpha == AlphaUse::Part && given + 1 == channels;
        // Alpha that is no part of the colour may be given and is not looked at.
        if given != channels && !is_opaque && !(given == channels + 1 && channels % 2 == 1) {
            return Err(self.wrong_count(channels));
        }
        if self.is_translucent(channels, alpha) {
            return Err(format!(
                "{origin}: its alpha is {}; the image has no alpha, so that all its colours are opaque",
                self.values[channels]
            ));
        }
        let most = most(format);
        let mut units = [0.0; 4];
        if is_opaque {
            units[given] = most;
        }
        for (to, &value) in units.iter_mut().zip(&self.values).take(channels) {
            *to = if format == Format::F32 { value } else { (value * most).round() };
            if format != Format::F32 && (*to / most != value || !(0.0..=most).contains(to)) {
                let hint = if (2.0..=most).contains(&value) && value.fract() == 0.0 {
                    format!("; write {value}/{most}")
                } else {
                    String::new()
                };
                return Err(format!(
                    "{origin}: {value} is no value of the image, whose values are 0/{most} to {most}/{most}{hint}"
                ));
            }
        }
        Ok(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(parse_number("0.25"), Ok(0.25));
        assert_eq!(parse_number("51/255"), Ok(0.2));
        assert_eq!(parse_number("inf"), Ok(f64::INFINITY));
        for bad in ["", "x", "1/2/3", "NaN", "0/0", "1,5"] {
            assert!(parse_number(bad).is_err(), "{bad}");
        }
        assert!(parse_distance("-1").is_err());
        for byte in 0..=255 {
            assert_eq!(in_units(f64::from(byte) / 255.0, Format::U8), f64::from(byte));
            assert_eq!(in_units(f64::from(byte) / 255.0, Format::U16), f64::from(byte) * 257.0);
        }
        assert_eq!(in_units(0.1, Format::U8), 25.5);
    }

    #[test]
    fn colors() {
        let values = |text| parse_color(text).unwrap().values;
        for text in ["#ff8000", "ff8000", "1,128/255,0", "(1.0, 0.5019608, 0.0)"] {
            assert_eq!(values(text), [1.0, 128.0 / 255.0, 0.0], "{text}");
        }
        assert_eq!(values("#f80"), [1.0, 136.0 / 255.0, 0.0]);
        assert_eq!(values("Tomato"), [255.0, 99.0, 71.0].map(|value| value / 255.0));
        assert_eq!(values("#7f"), [127.0 / 255.0]);
        assert_eq!(values("0.5"), [0.5]);
        assert_eq!(values("inf,-1e30"), [f32::INFINITY, -1e30]);
        for bad in [
            "",
            "#",
            "#12345",
            "#ggg",
            "#gg0000",
            "reddish",
            "transparent",
            "fade",
            "rgb",
            "1,2,3,4,5",
            "NaN",
            "0/0",
            "#é0",
        ] {
            assert!(parse_color(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn colors_in_the_units_of_images() {
        fn color(text: &str) -> GivenColor {
            parse_color(text).unwrap()
        }
        assert_eq!(color("#ff8000").in_units(Format::U8, 3, AlphaUse::Ignored), Ok([255.0, 128.0, 0.0, 0.0]));
        assert_eq!(
            color("#ff8000").in_units(Format::U16, 3, AlphaUse::Ignored),
            Ok([65535.0, 32896.0, 0.0, 0.0])
        );
        assert_eq!(
            color("#ff800011").in_units(Format::U8, 3, AlphaUse::Ignored),
            Ok([255.0, 128.0, 0.0, 0.0]),
            "alpha ignored"
        );
        assert_eq!(color("1/65535").in_units(Format::U16, 1, AlphaUse::Absent), Ok([1.0, 0.0, 0.0, 0.0]));
        assert!(
            color("1/65535")
                .in_units(Format::U8, 1, AlphaUse::Absent)
                .unwrap_err()
                .contains("0/255 to 255/255")
        );
        assert!(color("2").in_units(Format::U8, 1, AlphaUse::Absent).is_err());
        assert_eq!(color("2").in_units(Format::F32, 1, AlphaUse::Absent), Ok([2.0, 0.0, 0.0, 0.0]));
        assert!(
            color("#ff8000").in_units(Format::U8, 4, AlphaUse::Absent).unwrap_err().contains("has 3 values")
        );
        assert_eq!(
            color("#ff8000").in_units(Format::U8, 4, AlphaUse::Part),
            Ok([255.0, 128.0, 0.0, 255.0]),
            "opaque"
        );
        assert_eq!(color("0.5").in_units(Format::F32, 2, AlphaUse::Part), Ok([0.5, 1.0, 0.0, 0.0]), "opaque");
        let translucent = color("#ff800011").in_units(Format::U8, 3, AlphaUse::Absent).unwrap_err();
        assert!(translucent.contains("all its colours are opaque"), "{translucent}");
        assert!(color("#ff8000ff").in_units(Format::U8, 3, AlphaUse::Absent).is_ok());
        assert!(color("#ff80").in_units(Format::U8, 4, AlphaUse::Part).is_err());
        assert!(color("#ff80").in_units(Format::U8, 3, AlphaUse::Ignored).is_err());
        for byte in 0..=255u8 {
            let given = color(&format!("{:?}", f32::from(byte) / 255.0));
            assert_eq!(given.in_units(Format::U8, 1, AlphaUse::Absent).unwrap()[0], f32::from(byte));
        }
    }
}
