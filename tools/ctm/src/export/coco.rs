//! COCO's JSON: a category and an annotation for each mask, whose pixels are COCO's compressed run lengths.
//!
//! Problem: each mask as the lengths of its runs, column by column, beginning with one of pixels outside; as text.
//!
//! One pass over the labels in COCO's order finds all masks' runs: a pixel lengthens its mask's last run, or begins one.
//! Each length is then written as the difference to the one two before it, in groups of 5 bits, the lowest first, each with
//! a sixth bit that says whether more follow, from the character `0` on. It is the text that pycocotools makes.
//!
//! Cost: the labels are read once; the memory is in proportion to the number of runs.

use std::path::Path;

use serde_json::{Value, json};

use super::Masks;
use crate::report::path_text;

/// Where a run begins, and how long it is.
type Run = (u64, u64);

pub(super) fn encoded(masks: &Masks) -> anyhow::Result<Vec<u8>> {
    let [width, height] = masks.size();
    let runs = runs(masks)?;
    let input = &masks.outcome.maps.files[masks.map].input;
    let name = input.path.file_name().map_or_else(String::new, |name| path_text(Path::new(name)));
    let total = u64::from(width) * u64::from(height);
    let annotation = |(index, runs): (usize, &Vec<Run>)| -> Option<Value> {
        // A mask without a pixel is a category only.
        let region = &masks.all()[index].parts[masks.map].region;
        (!runs.is_empty()).then(|| {
            json!({
                "id": index + 1,
                "image_id": masks.map + 1,
                "category_id": index + 1,
                "segmentation": { "size": [height, width], "counts": text(&lengths(runs, total)) },
                "area": runs.iter().map(|run| run.1).sum::<u64>(),
                "bbox": [region.left, region.top, region.width, region.height],
                "iscrowd": 0,
            })
        })
    };
    let category =
        |(index, name): (usize, String)| json!({ "id": index + 1, "name": name, "supercategory": "" });
    let all = json!({
        "info": { "description": format!("made by ctm {}", ctm::VERSION) },
        "images": [{ "id": masks.map + 1, "file_name": name, "width": width, "height": height }],
        "categories": masks.names().into_iter().enumerate().map(category).collect::<Vec<_>>(),
        "annotations": runs.iter().enumerate().filter_map(annotation).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_vec(&all)?)
}

/// The runs of each mask, column by column.
fn runs(masks: &Masks) -> anyhow::Result<Vec<Vec<Run>>> {
    let [width, height] = masks.size().map(|side| side as usize);
    let (labels, first) = masks.labels()?;
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); masks.all().len()];
    let mut place = 0;
    for x in 0..width {
        for y in 0..height {
            let label = labels.label(first + y * width + x) as usize;
            if let Some(runs) = label.checked_sub(1).and_then(|mask| runs.get_mut(mask)) {
                match runs.last_mut() {
                    Some((start, length)) if *start + *length == place => *length += 1,
                    _ => runs.push((place, 1)),
                }
            }
            place += 1;
        }
    }
    Ok(runs)
}

/// Outside, inside, outside and so on, to the end.
fn lengths(runs: &[Run], total: u64) -> Vec<u64> {
    let mut lengths = Vec::with_capacity(runs.len() * 2 + 1);
    let mut end = 0;
    for &(start, length) in runs {
        lengths.extend([start - end, length]);
        end = start + length;
    }
    if end < total {
        lengths.push(total - end);
    }
    lengths
}

/// Lengths as pycocotools writes them.
fn text(lengths: &[u64]) -> String {
    const MORE: i64 = 0x20;
    let mut text = String::new();
    for (index, &length) in lengths.iter().enumerate() {
        // The first three are written as they are.
        let before = if index > 2 { lengths[index - 2] } else { 0 };
        let mut rest = length.cast_signed() - before.cast_signed();
        loop {
            let group = rest & 0x1f;
            rest >>= 5;
            let is_last = if group & 0x10 == 0 { rest == 0 } else { rest == -1 };
            let bits = if is_last { group } else { group | MORE };
            text.push(char::from(bits as u8 + b'0'));
            if is_last {
                break;
            }
        }
    }
    text
}
