//! SVG: a path for each mask, along the edges of its pixels, in its colour. The rings are the library's: filled by the even-odd
//! rule they are the mask, and neighbours have the edge between them in common, so that no seam is there. With `--simplify` they are
//! the mask within so many pixels.

use std::fmt::Write as _;

use anyhow::Context as _;
use ctm::MaskOutlines;

use super::Masks;
use crate::masks::digits;
use crate::report::screen_color;

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    let [width, height] = masks.size();
    let outlines = masks.found.analysis.outlines.as_ref().context("there are no outlines")?;
    let mut svg = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" \
         height=\"{height}\" viewBox=\"0 0 {width} {height}\" shape-rendering=\"crispEdges\">\n"
    );
    let digits = digits(masks.all().len());
    for (index, name) in masks.names().iter().enumerate() {
        let [r, g, b] = screen_color(masks.outcome, &masks.all()[index].color);
        let name = escaped(name);
        let id = format!("{:0digits$}", index + 1);
        write!(svg, "<path id=\"mask-{id}\" fill=\"#{r:02x}{g:02x}{b:02x}\" fill-rule=\"evenodd\" d=\"")?;
        path(outlines, index * masks.outcome.maps.files.len() + masks.map, &mut svg)?;
        writeln!(svg, "\"><title>{name}</title></path>")?;
    }
    svg += "</svg>\n";
    Ok(svg.into_bytes())
}

/// The rings of a mask in an image.
fn path(outlines: &MaskOutlines, place: usize, svg: &mut String) -> std::fmt::Result {
    let rings = outlines.mask_offsets[place] as usize..outlines.mask_offsets[place + 1] as usize;
    for ring in rings {
        let corners = outlines.ring_offsets[ring] as usize..outlines.ring_offsets[ring + 1] as usize;
        let corners = &outlines.points[corners];
        for (index, &[x, y]) in corners.iter().enumerate() {
            match index.checked_sub(1).map(|before| corners[before]) {
                None => write!(svg, "M{x} {y}"),
                Some([_, above]) if above == y => write!(svg, "H{x}"),
                Some([left, _]) if left == x => write!(svg, "V{y}"),
                Some(_) => write!(svg, "L{x} {y}"),
            }?;
        }
        svg.push('Z');
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    let clean: String = text.chars().filter(|character| !character.is_control()).collect();
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
