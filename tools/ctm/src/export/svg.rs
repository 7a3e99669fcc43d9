//! SVG: a path for each mask, along the edges of its pixels, in its colour.
//!
//! Problem: rings that go around all pixels of a mask, holes among them, so that filling by the even-odd rule gives the mask.
//!
//! Between two pixels of which one is in the mask lies an edge. Each edge goes from corner to corner, the mask on its right;
//! so as many edges leave a corner as come to it, and edges that follow each other are rings. Where two leave a corner, the
//! mask's pixels touch there only: the edge that turns right is taken, which keeps them apart. Neighbours have the same
//! corners, so no seam is between them.
//!
//! Cost: the labels are read once; the memory is in proportion to the number of edges.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::Masks;
use crate::report::screen_color;

/// A corner of a pixel: column and row.
type Corner = (u32, u32);

/// East, south, west, north.
const STEPS: [(i32, i32); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    let [width, height] = masks.size();
    let mut svg = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" \
         height=\"{height}\" viewBox=\"0 0 {width} {height}\" shape-rendering=\"crispEdges\">\n"
    );
    let names = masks.names();
    for (index, edges) in edges(masks)?.iter().enumerate() {
        let [r, g, b] = screen_color(masks.outcome, &masks.all()[index].color);
        let name = escaped(&names[index]);
        let id = index + 1;
        writeln!(
            svg,
            "<path id=\"mask-{id:03}\" fill=\"#{r:02x}{g:02x}{b:02x}\" fill-rule=\"evenodd\" d=\"{}\">\
             <title>{name}</title></path>",
            path(edges)
        )?;
    }
    svg += "</svg>\n";
    Ok(svg.into_bytes())
}

/// The directions of the edges that leave each corner, for each mask: a bit each.
type Edges = HashMap<Corner, u8>;

fn edges(masks: &Masks) -> anyhow::Result<Vec<Edges>> {
    let [width, height] = masks.size();
    let (labels, first) = masks.labels()?;
    let mut edges: Vec<Edges> = vec![Edges::new(); masks.all().len()];
    let label = |x: u32, y: u32| match x < width && y < height {
        true => labels.label(first + (y as usize * width as usize) + x as usize),
        false => 0,
    };
    let mut add = |mask: u32, corner: Corner, direction: u8| {
        if let Some(edges) = mask.checked_sub(1).and_then(|mask| edges.get_mut(mask as usize)) {
            *edges.entry(corner).or_default() |= 1 << direction;
        }
    };
    for y in 0..=height {
        for x in 0..=width {
            let here = label(x, y);
            // Beyond the left and the upper side there is no pixel.
            let left = label(x.wrapping_sub(1), y);
            let above = label(x, y.wrapping_sub(1));
            if here != above {
                add(here, (x, y), 0);
                add(above, (x + 1, y), 2);
            }
            if here != left {
                add(here, (x, y + 1), 3);
                add(left, (x, y), 1);
            }
        }
    }
    Ok(edges)
}

/// The rings, from the topmost corner on.
fn path(edges: &Edges) -> String {
    let mut left = edges.clone();
    let mut corners: Vec<Corner> = edges.keys().copied().collect();
    corners.sort_unstable_by_key(|&(x, y)| (y, x));
    let mut path = String::new();
    for start in corners {
        while let Some(&directions) = left.get(&start).filter(|&&directions| directions != 0) {
            ring(&mut left, start, directions.trailing_zeros() as u8, &mut path);
        }
    }
    path
}

/// Goes around once, and takes the edges away.
fn ring(left: &mut Edges, start: Corner, first: u8, path: &mut String) {
    let mut corner = start;
    let mut direction = first;
    let _ = write!(path, "M{} {}", start.0, start.1);
    loop {
        if let Some(directions) = left.get_mut(&corner) {
            *directions &= !(1 << direction);
        }
        let (dx, dy) = STEPS[usize::from(direction)];
        corner = (corner.0.wrapping_add_signed(dx), corner.1.wrapping_add_signed(dy));
        let leaving = left.get(&corner).copied().unwrap_or(0);
        // Right, straight on, left.
        let turn = [1, 0, 3].into_iter().map(|turn| (direction + turn) % 4);
        let next = turn.into_iter().find(|next| leaving & 1 << next != 0);
        match next {
            Some(next) if next == direction && corner != start => {}
            Some(next) if corner != start => {
                let _ = if direction.is_multiple_of(2) {
                    write!(path, "H{}", corner.0)
                } else {
                    write!(path, "V{}", corner.1)
                };
                direction = next;
            }
            // Back where it began; another ring may go through here.
            _ => break,
        }
    }
    path.push('Z');
}

fn escaped(text: &str) -> String {
    let clean: String = text.chars().filter(|character| !character.is_control()).collect();
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
