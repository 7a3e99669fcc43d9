//! A colour as text, as part of a file name, and as a screen shows it.

/// How the channel values of one image become screen colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Display {
    channels: usize,
    /// Whether the channels are cyan, magenta, yellow and black.
    is_cmyk: bool,
    /// Whether the values are ids, which are shown in colours of their own.
    has_ids: bool,
    /// The value that shows as black, and the one that shows as white.
    range: (f64, f64),
}

impl Display {
    /// Shows 0 as black and 1 as white.
    pub(crate) fn new(channels: usize) -> Self {
        Self { channels, is_cmyk: false, has_ids: false, range: (0.0, 1.0) }
    }

    /// Shows four channels as cyan, magenta, yellow and black.
    pub(crate) fn cmyk() -> Self {
        Self { is_cmyk: true, ..Self::new(4) }
    }

    /// Shows ids: 0 is black, each other one has a colour that its number is scattered to.
    pub(crate) fn ids(channels: usize) -> Self {
        Self { has_ids: true, ..Self::new(channels) }
    }

    /// As [`Display::new`], but widened so that the smallest and the largest finite value still show.
    pub(crate) fn widened(channels: usize, floats: &[f32]) -> Self {
        let mut display = Self::new(channels);
        let colors = display.color_channels();
        for pixel in floats.chunks_exact(channels) {
            for &value in pixel[..colors].iter().filter(|value| value.is_finite()) {
                let value = f64::from(value);
                display.range = (display.range.0.min(value), display.range.1.max(value));
            }
        }
        display
    }

    /// The values shown as black and white, where they are not 0 and 1.
    pub(crate) fn unusual_range(&self) -> Option<(f64, f64)> {
        (self.range != (0.0, 1.0)).then_some(self.range)
    }

    /// The channels that are not alpha.
    fn color_channels(&self) -> usize {
        if self.channels < 3 { 1 } else { 3 }
    }

    /// Red, green, blue, opacity, each 0 to 1. A pixel with a NaN has no colour: transparent.
    pub(crate) fn rgba(&self, pixel: &[f32]) -> [f32; 4] {
        if pixel.iter().any(|value| value.is_nan()) {
            return [0.0; 4];
        }
        if self.has_ids {
            return id_color(pixel);
        }
        let (black, white) = self.range;
        let shown = |value: f32| ((f64::from(value) - black) / (white - black)).clamp(0.0, 1.0) as f32;
        let opacity = |value: f32| value.clamp(0.0, 1.0);
        match *pixel {
            [grey] => [shown(grey), shown(grey), shown(grey), 1.0],
            [grey, alpha] => [shown(grey), shown(grey), shown(grey), opacity(alpha)],
            [c, m, y, k] if self.is_cmyk => {
                let light = |ink: f32| (1.0 - shown(ink)) * (1.0 - shown(k));
                [light(c), light(m), light(y), 1.0]
            }
            [r, g, b] => [shown(r), shown(g), shown(b), 1.0],
            [r, g, b, alpha] => [shown(r), shown(g), shown(b), opacity(alpha)],
            _ => [0.0; 4],
        }
    }
}

/// The colour of ids, none of its channels dark.
fn id_color(ids: &[f32]) -> [f32; 4] {
    if ids.iter().all(|&id| id == 0.0) {
        return [0.0, 0.0, 0.0, 1.0];
    }
    let mix = |hash: u32, id: &f32| {
        let hash = (hash ^ id.to_bits()).wrapping_mul(0x85eb_ca6b);
        (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35)
    };
    let [r, g, b, _] = ids.iter().fold(1, mix).to_be_bytes();
    let [r, g, b] = [r, g, b].map(|byte| (64.0 + f32::from(byte) * 0.75) / 256.0);
    [r, g, b, 1.0]
}

/// Two hexadecimal digits per channel, if every value is exactly n/255.
pub(crate) fn hex(values: &[f32]) -> Option<String> {
    values
        .iter()
        .map(|&value| {
            let byte = (value * 255.0).round();
            // The cast saturates, and the comparison then fails.
            (byte as u8 as f32 / 255.0 == value).then(|| format!("{:02x}", byte as u8))
        })
        .collect()
}

/// All values so that they read back exactly: `0.25`, `(0.25, 0.5, 1.0)`.
pub(crate) fn text(values: &[f32]) -> String {
    list(values.iter().map(|value| format!("{value:?}")))
}

/// As [`text`], with fewer digits, for pictures.
pub(crate) fn short_text(values: &[f32]) -> String {
    let short = |value: &f32| {
        let exact = format!("{value:?}");
        match value.abs() {
            _ if exact.len() <= 6 => exact,
            0.001..1000.0 => format!("{value:.3}"),
            1000.0..1e7 => format!("{value:.0}"),
            _ => format!("{value:.1e}"),
        }
    };
    list(values.iter().map(short))
}

/// `0.25`, `(0.25, 0.5, 1.0)`.
pub(crate) fn list(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    if texts.len() == 1 { texts.concat() } else { format!("({})", texts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_exact_or_absent() {
        for byte in 0..=255u8 {
            let from_8_bits = f32::from(byte) / 255.0;
            let from_16_bits = f32::from(u16::from(byte) * 257) / 65535.0;
            assert_eq!(hex(&[from_8_bits]), Some(format!("{byte:02x}")));
            assert_eq!(hex(&[from_16_bits]), Some(format!("{byte:02x}")));
            assert_eq!(hex(&[from_8_bits.next_up()]), None);
        }
        assert_eq!(hex(&[1.0, 128.0 / 255.0, 0.0]).as_deref(), Some("ff8000"));
        for value in [-1.0, 2.0, 0.5, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE] {
            assert_eq!(hex(&[value]), None, "{value}");
        }
    }

    #[test]
    fn texts() {
        assert_eq!(text(&[0.5]), "0.5");
        assert_eq!(text(&[0.1, f32::INFINITY, 1e30]), "(0.1, inf, 1e30)");
        assert_eq!(short_text(&[0.123_456_79, 123.456, 1.234_567e9]), "(0.123, 123.456, 1.2e9)");
    }

    #[test]
    fn inks_show_as_light() {
        let display = Display::cmyk();
        assert_eq!(display.rgba(&[0.0; 4]), [1.0; 4]);
        assert_eq!(display.rgba(&[1.0, 0.0, 0.0, 0.0]), [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(display.rgba(&[0.0, 0.0, 0.0, 1.0]), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_wide_range_still_shows() {
        let display = Display::widened(1, &[-1.0, f32::NAN, 3.0, f32::INFINITY]);
        assert_eq!(display.unusual_range(), Some((-1.0, 3.0)));
        assert_eq!(display.rgba(&[1.0]), [0.5, 0.5, 0.5, 1.0]);
        assert_eq!(display.rgba(&[f32::NEG_INFINITY]), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(display.rgba(&[f32::NAN]), [0.0; 4]);
        let [low, high] = [f32::MIN, f32::MAX];
        assert_eq!(Display::widened(1, &[low, high]).rgba(&[high])[0], 1.0);
        assert_eq!(Display::widened(2, &[0.5, 9.0]).unusual_range(), None, "alpha is no brightness");
    }
}
