//! The golden cases on every backend.

#![allow(missing_docs)]

mod common;

use std::fs;

use common::oracle::Answer;
use common::{Case, assert_no_validation_messages, check, contexts_of_all_levels, root};
use ctm::{Batch, ColorMap, Layout, MaskOutput, Outputs, Params, Selection, Shape};
use serde_json::Value;

/// Each golden case with its name and its answer.
fn cases() -> Vec<(String, Case, Answer)> {
    let folder = root().join("c_tests/golden");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| folder.join(name).join("case.json").exists())
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let read = |file: &str| fs::read(folder.join(&name).join(file)).unwrap();
            // 1e999, the files' infinity, is no number to serde_json; strings keep it as it is.
            let quote = |line: &str| match line.trim_start().starts_with("\"colors\"") {
                true => line.replace("-1e999", "\"-inf\"").replace("1e999", "\"inf\""),
                false => line.to_owned(),
            };
            let text = String::from_utf8(read("case.json")).unwrap();
            let text: String = text.lines().map(quote).collect();
            let json: Value = serde_json::from_str(&text).unwrap();
            let number = |key: &str| json[key].as_u64().unwrap();
            let pixels =
                read("color_map.f32").chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
            let case = Case {
                width: number("width") as u32,
                height: number("height") as u32,
                channels: number("channels") as u32,
                pixels,
                selection: Selection {
                    min_pixels: number("min_pixels"),
                    max_count: number("max_count") as u32,
                },
            };
            let value = |value: &Value| match value {
                Value::String(infinity) => infinity.parse::<f32>().unwrap(),
                number => number.to_string().parse::<f32>().unwrap(),
            };
            let color = |color: &Value| {
                let mut bits = [0; 4];
                for (to, from) in bits.iter_mut().zip(color.as_array().unwrap()) {
                    *to = value(from).to_bits();
                }
                bits
            };
            let list = |key: &str| json[key].as_array().unwrap().clone();
            let counts = list("counts").into_iter().map(|count| count.as_u64().unwrap());
            let colors: Vec<_> = list("colors").iter().map(color).zip(counts).collect();
            assert_eq!(colors.len() as u64, number("mask_count"), "{name}");
            let masks = read("masks.u8").into_iter().map(f32::from).collect();
            // The files do not say how many colours there are in all; the oracle does.
            let distinct_colors = common::oracle::answer(&case).distinct_colors;
            (name, case, Answer { colors, distinct_colors, masks })
        })
        .collect()
}

#[test]
fn every_backend_gives_the_golden_masks() {
    let cases = cases();
    assert!(cases.len() >= 30, "only {} golden cases were found", cases.len());
    for context in &mut contexts_of_all_levels() {
        for (name, case, answer) in &cases {
            check(context, case, answer).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    assert_no_validation_messages();
}

/// The golden batches, whose masks are those of the first image's colours, mask by mask.
#[test]
fn every_backend_gives_the_golden_masks_of_batches() {
    let folder = root().join("c_tests/golden/batch");
    let mut batches = 0;
    let mut contexts = contexts_of_all_levels();
    for entry in fs::read_dir(&folder).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.display().to_string();
        let read = |file: &str| fs::read(folder.join(file)).unwrap();
        let json: Value = serde_json::from_slice(&read("case.json")).unwrap();
        let number = |key: &str| json[key].as_u64().unwrap();
        let [width, height, channels] = ["width", "height", "channels"].map(|key| number(key) as u32);
        let layout = Layout { image_count: number("batch") as u32, ..Layout::default() };
        let pixels = read("color_map.f32");
        let map =
            ColorMap::with_layout(&pixels, Shape::new(width, height, channels).unwrap(), &layout).unwrap();
        let selection = Selection { min_pixels: number("min_pixels"), max_count: number("max_count") as u32 };
        let params = Params { batch: Batch::First, ..selection.into() };
        let expected = read("masks.u8");
        for context in &mut contexts {
            let mut masks = vec![9; expected.len()];
            let output = MaskOutput::U8 { masks: &mut masks, inside: 1 };
            let outputs = Outputs { masks: Some(output), ..Outputs::default() };
            let found = context.analyze(&map, &params, outputs).unwrap();
            assert_eq!(u64::from(found.mask_count), number("mask_count"), "{name}");
            assert!(masks == expected, "{name}, {}", context.device_name());
        }
        batches += 1;
    }
    assert!(batches >= 3, "only {batches} golden batches were found");
    assert_no_validation_messages();
}

#[test]
fn the_oracle_gives_the_golden_masks() {
    for (name, case, golden) in cases() {
        let answer = common::oracle::answer(&case);
        assert_eq!(answer.colors, golden.colors, "{name}");
        assert!(answer.masks == golden.masks, "{name}");
    }
}
