//! COCO's JSON of all images of a call: a category for each name, or colour where there is none, and an annotation for each
//! mask in each image.
//!
//! The pixels of a mask are COCO's compressed run lengths: the library's, column by column, as text. Each length is written as
//! the difference to the one two before it, in groups of 5 bits, the lowest first, each with a sixth bit that says whether
//! more follow, from the character `0` on. It is the text that pycocotools makes. Or they are polygons along the edges of the
//! pixels, one for each region, where no region has a hole, which COCO's polygons cannot say.
//!
//! Cost: in proportion to the number of runs, or of the polygons' corners. The file grows as the images are done, and holds in
//! memory what is known of them but their annotations: these come first in it.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use ctm::{MaskOutlines, MaskRuns, MaskStats};
use serde::Serialize;
use serde_json::json;

use super::Masks;
use crate::args::CocoArg;
use crate::save::Growing;

/// One image of the file.
#[derive(Debug)]
pub(crate) struct Image {
    name: String,
    size: [u32; 2],
    /// What class each mask is of, and its annotation; none where there is no pixel.
    masks: Vec<(String, Option<Annotation>)>,
}

/// What a mask's annotation has beside the numbers.
#[derive(Debug, Serialize)]
struct Annotation {
    segmentation: Segmentation,
    area: u64,
    bbox: [u32; 4],
    iscrowd: u8,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Segmentation {
    Polygons(Vec<Vec<u32>>),
    Runs {
        /// Height and width.
        size: [u32; 2],
        counts: String,
    },
}

/// An annotation as it is written.
#[derive(Serialize)]
struct Numbered<'a> {
    id: u64,
    image_id: usize,
    category_id: usize,
    #[serde(flatten)]
    annotation: &'a Annotation,
}

pub(super) fn image(masks: &Masks) -> Option<Image> {
    let input = &masks.outcome.maps.files[masks.map].input;
    let count = masks.outcome.maps.files.len();
    let runs = masks.found.analysis.runs.as_ref()?;
    let outlines = masks.found.analysis.outlines.as_ref();
    let size = masks.size();
    let annotation = |(index, name): (usize, String)| {
        let region = &masks.all()[index].parts[masks.map].region;
        let place = index * count + masks.map;
        let lengths = lengths(runs, place, size, masks.outcome.args.outputs.cropped.then_some(region));
        let area: u64 = lengths.iter().skip(1).step_by(2).sum();
        let polygons = || match masks.outcome.args.outputs.coco {
            CocoArg::Polygons => polygons(outlines?, place),
            CocoArg::Rle => None,
        };
        let annotation = (area > 0).then(|| {
            let of_runs = || Segmentation::Runs { size: [size[1], size[0]], counts: text(&lengths) };
            Annotation {
                segmentation: polygons().unwrap_or_else(of_runs),
                area,
                bbox: [region.left, region.top, region.width, region.height],
                iscrowd: 0,
            }
        });
        (name, annotation)
    };
    let all = masks.classes().into_iter().enumerate().map(annotation).collect();
    Some(Image { name: masks.outcome.args.coco_name(input), size, masks: all })
}

/// The lengths of a mask's runs in the whole image, outside, inside, outside and so on. `cropped`: the box that they are of.
fn lengths(runs: &MaskRuns, place: usize, size: [u32; 2], cropped: Option<&MaskStats>) -> Vec<u64> {
    let counts = &runs.counts[runs.offsets[place] as usize..runs.offsets[place + 1] as usize];
    let total = u64::from(size[0]) * u64::from(size[1]);
    let [height, left, top, tall] = match cropped {
        None => [u64::from(size[1]), 0, 0, u64::from(size[1])],
        Some(region) => [size[1], region.left, region.top, region.height].map(u64::from),
    };
    // Where a run ends, and how long it is, so far.
    let mut lengths = vec![0];
    let (mut end, mut at) = (0, 0);
    for (index, &count) in counts.iter().enumerate() {
        let (mut from, to) = (at, at + u64::from(count));
        at = to;
        // Inside, column by column.
        while index % 2 == 1 && from < to {
            let bottom = (from / tall + 1) * tall;
            let part = to.min(bottom) - from;
            let start = (left + from / tall) * height + top + from % tall;
            match lengths.last_mut().filter(|_| start == end && end > 0) {
                Some(last) => *last += part,
                None => {
                    let before = start - end;
                    if lengths.len() == 1 && end == 0 {
                        lengths[0] = before
                    } else {
                        lengths.push(before)
                    }
                    lengths.push(part);
                }
            }
            end = start + part;
            from += part;
        }
    }
    if end < total {
        if lengths.len() == 1 { lengths[0] = total } else { lengths.push(total - end) }
    }
    lengths
}

/// A mask's regions as polygons, if none has a hole.
fn polygons(outlines: &MaskOutlines, place: usize) -> Option<Segmentation> {
    let rings = outlines.mask_offsets[place] as usize..outlines.mask_offsets[place + 1] as usize;
    let polygon = |ring: usize| {
        let corners = outlines.ring_offsets[ring] as usize..outlines.ring_offsets[ring + 1] as usize;
        let is_exterior = outlines.ring_exteriors[ring] == ring as u64;
        is_exterior.then(|| outlines.points[corners].as_flattened().to_vec())
    };
    rings.map(polygon).collect::<Option<_>>().map(Segmentation::Polygons)
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

/// The file of a call's images, which come in their order.
#[derive(Debug, Default)]
pub(crate) struct Dataset {
    path: Option<PathBuf>,
    /// What is written so far; none before the first image.
    file: Option<Growing>,
    images: Vec<ImageHead>,
    annotations: u64,
    /// The number of the category of each name.
    numbers: HashMap<String, usize>,
}

#[derive(Debug, Serialize)]
struct ImageHead {
    id: usize,
    file_name: String,
    width: u32,
    height: u32,
}

impl Dataset {
    /// `path`: where it is to be, if anywhere.
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path, ..Self::default() }
    }

    pub(crate) fn add(&mut self, image: Image) -> anyhow::Result<()> {
        let path = self.path.clone().unwrap_or_default();
        self.write(image).with_context(|| format!("{}: cannot be written", path.display()))
    }

    fn write(&mut self, image: Image) -> anyhow::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut file = Growing::new(path)?;
                let info = json!({ "description": format!("made by ctm {}", ctm::VERSION) });
                write!(file, "{{\"info\":{info},\"annotations\":[")?;
                self.file.insert(file)
            }
        };
        let Image { name, size: [width, height], masks } = image;
        let image_id = self.images.len() + 1;
        self.images.push(ImageHead { id: image_id, file_name: name, width, height });
        for (name, annotation) in masks {
            let next = self.numbers.len() + 1;
            let category_id = *self.numbers.entry(name).or_insert(next);
            if let Some(annotation) = &annotation {
                if self.annotations > 0 {
                    file.write_all(b",")?;
                }
                self.annotations += 1;
                let id = self.annotations;
                serde_json::to_writer(&mut *file, &Numbered { id, image_id, category_id, annotation })?;
            }
        }
        Ok(())
    }

    /// Writes the rest. Without an image there is no file.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let Self { path: Some(path), file: Some(mut file), images, numbers, .. } = self else {
            return Ok(());
        };
        let mut names: Vec<(&String, &usize)> = numbers.iter().collect();
        names.sort_by_key(|(_, number)| **number);
        let category = |(name, id)| json!({ "id": id, "name": name, "supercategory": "" });
        let categories: Vec<_> = names.into_iter().map(category).collect();
        let mut finish = || -> anyhow::Result<()> {
            write!(file, "],\"images\":")?;
            serde_json::to_writer(&mut file, &images)?;
            write!(file, ",\"categories\":")?;
            serde_json::to_writer(&mut file, &categories)?;
            Ok(file.write_all(b"}")?)
        };
        finish()
            .and_then(|()| Ok(file.finish()?))
            .with_context(|| format!("{}: cannot be written", path.display()))
    }
}
