//! The overview: one picture with the map and each mask in its colour.

use std::path::Path;

use anyhow::Context as _;
use png::{BitDepth, ColorType};

use rayon::prelude::*;

use crate::canvas::{Canvas, Font, Rect, Rgb, mixed};
use crate::labels::Labels;
use crate::masks::Mask;
use crate::outcome::Outcome;
use crate::png::{Picture, encoded};
use crate::terminal::{count, percent};
use crate::thumbnail::{coverages, fit, scale};
use crate::{color, report};

/// More masks than this are only mentioned.
const MAX_MASKS: usize = 48;

const MAX_WIDTH: u32 = 2400;
/// A grid higher than this is avoided where a wider one does better.
const GOOD_HEIGHT: u32 = 1900;
const MIN_WIDTH: u32 = 960;
const MAX_THUMBNAIL: [u32; 2] = [640, 560];
/// Room for a caption.
const MIN_CELL_WIDTH: u32 = 284;

const MARGIN: u32 = 32;
const GAP: u32 = 20;
const PADDING: u32 = 10;
const SWATCH: u32 = 44;
const CAPTION: u32 = SWATCH + PADDING;
const HEADER: u32 = 124;
const FOOTER: u32 = 44;

const PAGE: Rgb = [0xf3, 0xf4, 0xf6];
const CARD: Rgb = [0xff, 0xff, 0xff];
const BORDER: Rgb = [0xd3, 0xd6, 0xdb];
const INK: Rgb = [0x1b, 0x1f, 0x24];
const FAINT_INK: Rgb = [0x5a, 0x62, 0x6c];
/// Behind masks, except those whose colour would get lost on it.
const DARK: Rgb = [0x2b, 0x2f, 0x36];
const LIGHT: Rgb = [0xe4, 0xe6, 0xea];
/// Colours with less contrast to the dark background get lost.
const LEAST_CONTRAST: f64 = 2.2;
/// Behind a map with transparency.
const CHECKER: [Rgb; 2] = [[0x8d, 0x90, 0x95], [0xa4, 0xa7, 0xac]];
const CHECKER_SIDE: u32 = 8;

/// Draws the overview of a map, which the file is to have.
pub(crate) fn png(outcome: &Outcome, map: usize, labels: &Labels, file: &Path) -> anyhow::Result<Vec<u8>> {
    let canvas = draw(outcome, map, labels);
    let size = [canvas.width(), canvas.height()];
    let picture = Picture { size, color: ColorType::Rgb, depth: BitDepth::Eight, place: None };
    encoded(canvas.bytes(), &picture, outcome.args.outputs.small_files)
        .with_context(|| format!("{}: cannot be encoded", file.display()))
}

/// Where everything goes.
#[derive(Debug)]
struct Layout {
    columns: u32,
    /// The size of a card, caption included.
    card: [u32; 2],
    thumbnail: [u32; 2],
    width: u32,
    height: u32,
}

impl Layout {
    /// The grid whose thumbnails are largest among those of a good height.
    fn new(size: [u32; 2], cards: u32, footer: bool) -> Self {
        let layouts = (1..=cards).filter_map(|columns| Self::with_columns(size, cards, columns, footer));
        let rank = |layout: &Self| {
            let excess = layout.height.saturating_sub(GOOD_HEIGHT);
            let area = layout.thumbnail[0] * layout.thumbnail[1];
            // Between grids of equal thumbnails, the one most like a screen.
            let shape = (layout.width * 10).abs_diff(layout.height * 16);
            (excess, u32::MAX - area, shape)
        };
        layouts.min_by_key(rank).expect("one column always fits")
    }

    fn with_columns(size: [u32; 2], cards: u32, columns: u32, footer: bool) -> Option<Self> {
        let room = (MAX_WIDTH - 2 * MARGIN + GAP) / columns;
        let room = room.checked_sub(GAP + 2 * PADDING).filter(|&room| room >= MIN_CELL_WIDTH)?;
        let thumbnail = fit(size, [room.min(MAX_THUMBNAIL[0]), MAX_THUMBNAIL[1]]);
        let card = [thumbnail[0].max(MIN_CELL_WIDTH) + 2 * PADDING, thumbnail[1] + 2 * PADDING + CAPTION];
        let rows = cards.div_ceil(columns);
        let width = 2 * MARGIN + columns * card[0] + (columns - 1) * GAP;
        let height = HEADER + rows * (card[1] + GAP) - GAP + MARGIN + if footer { FOOTER } else { 0 };
        Some(Self { columns, card, thumbnail, width: width.max(MIN_WIDTH), height })
    }

    fn card(&self, index: u32) -> Rect {
        let [width, height] = self.card;
        Rect {
            x: MARGIN + index % self.columns * (width + GAP),
            y: HEADER + index / self.columns * (height + GAP),
            width,
            height,
        }
    }
}

fn draw(outcome: &Outcome, map: usize, labels: &Labels) -> Canvas {
    let shape = outcome.maps.shape;
    let size = [shape.width(), shape.height()];
    let shown = outcome.masks.len().min(MAX_MASKS);
    let more = outcome.masks.len() - shown;
    let layout = Layout::new(size, shown as u32 + 1, more > 0);
    let mut canvas = Canvas::new(layout.width, layout.height, PAGE);
    draw_header(&mut canvas, outcome, map);

    let card = layout.card(0);
    let premultiplied = |pixel: &[f32]| {
        let [r, g, b, opacity] = outcome.display.rgba(pixel);
        [r * opacity, g * opacity, b * opacity, opacity]
    };
    let thumbnail = scale(size, layout.thumbnail, |row, line| {
        outcome.maps.read_row(map, row, line, premultiplied);
    });
    draw_card(&mut canvas, card, &layout, |index, x, y| {
        let under = CHECKER[((x / CHECKER_SIDE + y / CHECKER_SIDE) % 2) as usize];
        let [r, g, b, opacity] = thumbnail[index];
        let over = [r, g, b].map(|value| value * 255.0);
        let mix =
            |channel: usize| (f32::from(under[channel]) * (1.0 - opacity) + over[channel]).round() as u8;
        [mix(0), mix(1), mix(2)]
    });
    let caption = [
        "colour map".to_owned(),
        format!("{}, {}", count(shape.pixels(), "pixel"), count(outcome.distinct_colors, "colour")),
    ];
    draw_caption(&mut canvas, card, None, "", &caption);

    let first = map * outcome.maps.plane();
    let coverages = match labels {
        Labels::U8(labels) => coverages(size, layout.thumbnail, shown, |pixel| labels[first + pixel].into()),
        Labels::U16(labels) => coverages(size, layout.thumbnail, shown, |pixel| labels[first + pixel].into()),
        Labels::U32(labels) => {
            coverages(size, layout.thumbnail, shown, |pixel| labels[first + pixel] as usize)
        }
    };
    for (index, (mask, coverage)) in outcome.masks.iter().zip(&coverages).enumerate() {
        let card = layout.card(index as u32 + 1);
        draw_mask(&mut canvas, card, &layout, outcome, mask, coverage);
        let pixels = mask.parts[map].region.pixels;
        // Integers of a text are short as they are.
        let has_values = mask.hex.is_none() && mask.suffix.is_none();
        let color = if has_values { color::short_text(&mask.color) } else { mask.text.clone() };
        // A name in a script that the font does not have would be a row of question marks.
        let name = mask.name.as_ref().filter(|name| Font::LARGE_BOLD.has(name));
        let caption = [
            name.map_or(color.clone(), |name| format!("{color} {name}")),
            format!("{}  {}", count(pixels, "pixel"), percent(outcome.share_of_one(pixels))),
        ];
        let swatch = report::screen_color(outcome, &mask.color);
        draw_caption(&mut canvas, card, Some(swatch), &(index + 1).to_string(), &caption);
    }
    if more > 0 {
        let text = format!("and {}, not shown here", count(more as u64, "more mask"));
        let y = layout.height - MARGIN - Font::HEADING.height();
        canvas.text(MARGIN, y, Font::HEADING, FAINT_INK, &text);
    }
    canvas
}

fn draw_header(canvas: &mut Canvas, outcome: &Outcome, map: usize) {
    let args = outcome.args;
    let input = &outcome.maps.files[map].input;
    let mut title = input.path.file_name().unwrap_or(input.path.as_os_str()).to_string_lossy().into_owned();
    if let Some(frame) = input.frame {
        title += &format!("  ·  frame {frame}");
    }
    let covered = outcome.masks.iter().map(|mask| mask.parts[map].region.pixels).sum();
    let mut settings = format!(
        "{}, covering {}  ·  asked for: ",
        count(outcome.masks.len() as u64, "mask"),
        percent(outcome.share_of_one(covered)),
    );
    settings += &match outcome.choice.has_palette() {
        true => format!("a palette of {}", count(outcome.masks.len() as u64, "colour")),
        false if args.max_count() == u32::MAX => {
            format!("all of at least {} each", count(args.min_pixels(), "pixel"))
        }
        false => format!(
            "at most {}, of at least {} each",
            count(args.max_count().into(), "mask"),
            count(args.min_pixels(), "pixel")
        ),
    };
    if let Some((black, white)) = outcome.display.unusual_range() {
        settings += &format!("  ·  {black:?} shown as black, {white:?} as white");
    }
    let lines = [
        (22, Font::TITLE, INK, title),
        (60, Font::LARGE, INK, report::image_text(outcome, map)),
        (86, Font::LARGE, FAINT_INK, settings),
    ];
    for (y, font, ink, text) in lines {
        let text = font.fitted(&text, canvas.width() - 2 * MARGIN);
        canvas.text(MARGIN, y, font, ink, &text);
    }
}

/// Draws a card with a thumbnail, whose pixels `color` gives from their index, column and row.
fn draw_card(
    canvas: &mut Canvas,
    card: Rect,
    layout: &Layout,
    color: impl Fn(usize, u32, u32) -> Rgb + Sync,
) {
    canvas.framed(card, BORDER, CARD);
    let [width, height] = layout.thumbnail;
    let left = card.x + (card.width - width) / 2;
    let top = card.y + PADDING;
    // An edge, for pictures that are white at theirs.
    canvas.fill(Rect { x: left - 1, y: top - 1, width: width + 2, height: height + 2 }, BORDER);
    canvas.rows(top, height).zip(0..height).for_each(|(row, y)| {
        for (pixel, x) in row[left as usize..].iter_mut().zip(0..width) {
            *pixel = color((y * width + x) as usize, x, y);
        }
    });
}

fn draw_mask(
    canvas: &mut Canvas,
    card: Rect,
    layout: &Layout,
    outcome: &Outcome,
    mask: &Mask,
    coverage: &[f32],
) {
    let color = report::screen_color(outcome, &mask.color);
    let under = if contrast(color, DARK) < LEAST_CONTRAST { LIGHT } else { DARK };
    // The root keeps single pixels of a large image visible.
    draw_card(canvas, card, layout, |index, _, _| mixed(under, color, coverage[index].sqrt()));
}

/// How well two colours are told apart, 1 to 21, as the Web Content Accessibility Guidelines say.
fn contrast(a: Rgb, b: Rgb) -> f64 {
    let luminance = |color: Rgb| {
        let [r, g, b] = color.map(|byte| (f64::from(byte) / 255.0).powf(2.2));
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

/// Draws the two lines below a thumbnail, with a swatch where there is a colour.
fn draw_caption(canvas: &mut Canvas, card: Rect, swatch: Option<Rgb>, number: &str, lines: &[String; 2]) {
    let mut left = card.x + PADDING;
    let top = card.y + card.height - CAPTION;
    if let Some(color) = swatch {
        canvas.framed(Rect { x: left, y: top, width: SWATCH, height: SWATCH }, FAINT_INK, color);
        left += SWATCH + PADDING;
    }
    let right = card.x + card.width - PADDING;
    let fonts = |text: &str, large: Font, small: Font| {
        if large.width(text) <= right - left { large } else { small }
    };
    let font = fonts(&lines[0], Font::LARGE_BOLD, Font::SMALL_BOLD);
    let mut x = left;
    if !number.is_empty() && font.width(number) + font.width("  ") + font.width(&lines[0]) <= right - left {
        x = canvas.text(left, top, font, FAINT_INK, number) + font.width(" ");
    }
    canvas.text(x, top, font, INK, &font.fitted(&lines[0], right - x));
    let font = fonts(&lines[1], Font::LARGE, Font::SMALL);
    let y = top + 24;
    canvas.text(left, y, font, FAINT_INK, &font.fitted(&lines[1], right - left));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_stay_bounded() {
        let sides = [1, 3, 64, 500, 2048, 8192, 1_000_000];
        for width in sides {
            for height in sides {
                for cards in [1, 2, 6, 25, 49] {
                    let layout = Layout::new([width, height], cards, cards == 49);
                    assert!(layout.width <= MAX_WIDTH, "{layout:?}");
                    assert!(layout.height <= 6000, "{layout:?}");
                    let last = layout.card(cards - 1);
                    assert!(last.x + last.width <= layout.width - MARGIN, "{layout:?}");
                    assert!(last.y + last.height <= layout.height - MARGIN, "{layout:?}");
                }
            }
        }
    }
}
