//! Palettes of all kinds, images with and without alpha in one call, and what masks are called.

use std::fs;
use std::path::Path;

use crate::common::{Run, backends, floats, run, segment};
use serde_json::Value;
use tempfile::TempDir;

const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 128];

/// Two colours: three columns of red, one of blue.
fn picture() -> image::RgbImage {
    image::RgbImage::from_fn(4, 5, |x, _| image::Rgb(if x < 3 { RED } else { BLUE }))
}

fn map() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    picture().save(folder.path().join("map.png")).unwrap();
    folder
}

fn segment_in(folder: &TempDir, more: &[&str]) -> Run {
    segment(&backends()[0], &folder.path().join("map.png"), &folder.path().join("o"), more)
}

/// What masks there are: name and pixels.
fn masks(json: &Value) -> Vec<(String, u64)> {
    let mask = |mask: &Value| {
        (mask["name"].as_str().unwrap_or_default().to_owned(), mask["pixels"].as_u64().unwrap())
    };
    json["masks"].as_array().unwrap().iter().map(mask).collect()
}

#[test]
fn each_kind_of_palette_names_the_same_masks() {
    let folder = map();
    let file = folder.path().join("palette");
    let expected = [("Sea".to_owned(), 5), ("Land".to_owned(), 15)];
    let numbers = "whole numbers count from 0 to 255, as";
    for (text, hint) in [
        ("#000080 Sea\n#f00 Land\n", None),
        ("navy Sea\nred Land\n", None),
        ("0 0 128 Sea\n255 0 0 Land\n", Some(numbers)),
        ("0,0,128 Sea\n255,0,0 Land\n", Some(numbers)),
        ("0,0,128/255 Sea\n1,0,0 Land\n", Some("they count from 0 to 1")),
        ("GIMP Palette\n#\n0 0 128 Sea\n255 0 0 Land\n", None),
        ("JASC-PAL\n0100\n2\n0 0 128 Sea\n255 0 0 Land\n", None),
        ("# label:color_rgb:parts:actions\nSea:0,0,128::\nLand:255,0,0::\n", None),
        ("name,r,g,b\nSea,0,0,128\nLand,255,0,0\n", Some(numbers)),
        ("1;0;0;128;Sea;x\n2;255;0;0;Land;x\n", None),
        (r##"{"Sea": "#000080", "Land": "red"}"##, None),
    ] {
        fs::write(&file, text).unwrap();
        let run = segment_in(&folder, &["--json", "--palette", file.to_str().unwrap()]);
        match (run.hint_or_nothing(), hint) {
            (Some(said), Some(hint)) => assert!(said.contains(hint), "{said}"),
            (said, hint) => assert_eq!((said, hint), (None, None), "{text}"),
        }
        assert_eq!(masks(&run.json()), expected, "{text}");
    }
    // The colours of an image, in the order in which they come.
    let image = folder.path().join("palette.png");
    image::RgbImage::from_fn(2, 1, |x, _| image::Rgb([BLUE, RED][x as usize])).save(&image).unwrap();
    let json = segment_in(&folder, &["--json", "--palette", image.to_str().unwrap()]).quiet().json();
    assert_eq!(masks(&json), [(String::new(), 5), (String::new(), 15)]);
    // What is neither.
    fs::write(&file, b"\0\x01\x02").unwrap();
    let run = segment_in(&folder, &["--palette", file.to_str().unwrap()]);
    assert!(run.error(1).contains("is no text; a palette is expected"), "{run:?}");
}

#[test]
fn ids_of_16_bits_are_given_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("map.png");
    let ids =
        image::ImageBuffer::<image::Luma<u16>, _>::from_fn(4, 5, |x, _| image::Luma([x as u16 + 26000]));
    ids.save(&map).unwrap();
    let file = folder.path().join("palette.txt");
    fs::write(&file, "26001 Tree\n26003 House\n").unwrap();
    let run = segment_in(&folder, &["--json", "--palette", file.to_str().unwrap()]);
    assert!(run.hint().contains("are what the image stores, 0 to 65535, as '26001' shows"), "{run:?}");
    assert_eq!(masks(&run.json()), [("Tree".to_owned(), 5), ("House".to_owned(), 5)]);
    // 1 is an id as all others are.
    image::ImageBuffer::<image::Luma<u16>, _>::from_fn(4, 5, |x, _| image::Luma([x as u16]))
        .save(&map)
        .unwrap();
    fs::write(&file, "0 None\n1 Tree\n").unwrap();
    let run = segment_in(&folder, &["--json", "--palette", file.to_str().unwrap()]);
    assert_eq!(masks(&run.json()), [("None".to_owned(), 5), ("Tree".to_owned(), 5)]);
    let one = segment_in(&folder, &["--json", "--color", "1"]).quiet();
    assert_eq!(one.json()["masks"][0]["stored"], serde_json::json!([1]));
    let others =
        segment_in(&folder, &["--json", "--ignore", "0", "--ignore", "1", "--min-pixels", "1"]).quiet();
    assert_eq!(masks(&others.json()).len(), 2);
}

#[test]
fn colors_without_alpha_are_opaque() {
    let folder = map();
    let map = folder.path().join("map.png");
    let rgba = folder.path().join("rgba.png");
    let mut picture = image::DynamicImage::from(picture()).to_rgba8();
    picture.put_pixel(0, 0, image::Rgba([255, 0, 0, 254]));
    picture.save(&rgba).unwrap();
    let output = folder.path().join("o");
    for (images, pixels) in
        [(vec![&rgba], vec![14]), (vec![&map, &rgba], vec![15, 14]), (vec![&rgba, &map], vec![14, 15])]
    {
        let mut args: Vec<&str> = vec!["segment", "--backend", "cpu", "--json", "--color", "#ff0000", "-o"];
        args.push(output.to_str().unwrap());
        args.extend(images.iter().map(|path| path.to_str().unwrap()));
        let json = run(args).quiet().json();
        assert_eq!(json["channels"], 4);
        let found: Vec<u64> = match json["images"].as_array() {
            Some(images) => images.iter().map(|image| masks(image)[0].1).collect(),
            None => vec![masks(&json)[0].1],
        };
        assert_eq!(found, pixels);
    }
    let json = segment(&backends()[0], &rgba, &output, &["--json", "--min-pixels", "1"]).quiet().json();
    assert_eq!(floats(&json["masks"][2]["color"]), [1.0, 0.0, 0.0, 254.0 / 255.0]);
}

#[test]
fn masks_are_called_as_the_template_says() {
    let folder = map();
    let file = folder.path().join("palette.txt");
    fs::write(&file, "navy ../Sea/\nred\n").unwrap();
    let named = |template: &str, more: &[&str]| {
        let args = [&["--json", "--no-overview", "--names", template], more].concat();
        let json = segment_in(&folder, &args).quiet().json();
        let name = |mask: &Value| {
            let file = Path::new(mask["file"].as_str().unwrap());
            assert!(file.exists() && file.parent() == Some(&folder.path().join("o")), "{}", file.display());
            file.file_name().unwrap().to_str().unwrap().to_owned()
        };
        json["masks"].as_array().unwrap().iter().map(name).collect::<Vec<_>>()
    };
    let palette = ["--palette", file.to_str().unwrap()];
    let names = named("{index:03}-{name}-{hex}.png", &palette);
    assert_eq!(names, ["001-_Sea_-000080.png", "002-ff0000.png"]);
    assert_eq!(named("{hex}", &["--min-pixels", "1"]), ["ff0000.png", "000080.png"]);
    assert_eq!(named("{pixels:4}_{index}", &["--min-pixels", "1"]), ["0015_1.png", "0005_2.png"]);
    // Two masks of one name.
    fs::write(&file, "navy Sea\nred Sea\n").unwrap();
    let run = segment_in(&folder, &["--names", "{name}.png", palette[0], palette[1]]);
    let text = "masks 1 ('Sea') and 2 ('Sea') would be the same file; {index} in --names tells them apart";
    assert!(run.error(1).contains(text), "{run:?}");
    // Some file systems do not tell upper case from lower.
    fs::write(&file, "navy Sea\nred sea\n").unwrap();
    let run = segment_in(&folder, &["--names", "{name}.png", palette[0], palette[1]]);
    let text = "sea.png: masks 1 ('Sea') and 2 ('sea') would be the same file, upper and lower case aside";
    assert!(run.error(1).contains(text), "{run:?}");
}

#[test]
fn files_that_are_there() {
    let folder = map();
    let all = ["--min-pixels", "1"];
    let run = |more: &[&str]| segment_in(&folder, &[&all, more].concat());
    run(&["--overwrite", "no"]).quiet();
    let before = fs::read(folder.path().join("o/overview.png")).unwrap();
    fs::write(folder.path().join("o/overview.png"), "other").unwrap();
    let refused = run(&["--overwrite", "no"]);
    assert!(refused.error(1).contains("overview.png and 2 more files: are there already"), "{refused:?}");
    // Nobody is there to answer.
    assert!(run(&["--overwrite", "ask"]).error(1).contains("say --overwrite yes or no"));
    assert_eq!(fs::read(folder.path().join("o/overview.png")).unwrap(), b"other");
    run(&["--overwrite", "yes"]).quiet();
    assert_eq!(fs::read(folder.path().join("o/overview.png")).unwrap(), before);
    // What an earlier run has left is named.
    let fewer = run(&["--max-count", "1"]).quiet().stdout;
    assert!(fewer.contains("of an earlier run, and not of this: "), "{fewer}");
    assert!(fewer.contains("mask-002-000080.png\n"), "{fewer}");
    let json = run(&["--max-count", "1", "--json"]).quiet().json();
    assert_eq!(json["stale"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_left_out_is_told() {
    let folder = map();
    let run = |more: &[&str]| segment_in(&folder, more).quiet();
    let text = run(&["--max-count", "1", "--min-pixels", "1"]).stdout;
    assert!(text.contains("\n1 more colour has at least 1 pixel; --max-count all\n"), "{text}");
    let json = run(&["--max-count", "1", "--min-pixels", "1", "--json"]).json();
    assert_eq!(json["left_out"], 1);
    let json = run(&["--max-count", "all", "--min-pixels", "1", "--json"]).json();
    assert_eq!((masks(&json).len(), &json["left_out"], &json["max_count"]), (2, &0.into(), &u32::MAX.into()));
    assert_eq!(run(&["--max-count", "1", "--min-pixels", "6", "--json"]).json()["left_out"], 0);
    let text = run(&["--max-count", "1", "--min-pixels", "1", "--connected", "4"]).stdout;
    assert!(text.contains("1 more region has"), "{text}");
    assert_eq!(run(&["--quiet"]).stdout, "");
    let text = run(&["--quiet", "--min-pixels", "100"]).stdout;
    assert_eq!(text, "", "nor is there advice");
}

#[test]
fn what_writes_no_file_needs_no_folder() {
    let folder = map();
    let map = folder.path().join("map.png");
    let map = map.to_str().unwrap();
    let json =
        run(["segment", map, "--no-masks", "--no-overview", "--json", "--min-pixels", "1"]).quiet().json();
    assert_eq!(masks(&json).len(), 2);
    let table = folder.path().join("t.csv");
    run(["segment", map, "--no-masks", "--no-overview", "--table", table.to_str().unwrap()]);
    assert!(table.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// Of one folder, and of one name but for its end.
#[test]
fn images_that_differ_in_their_formats() {
    let folder = map();
    picture().save(folder.path().join("map.bmp")).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    run(["segment", &path("map.png"), &path("map.bmp"), "-o", &path("o"), "--min-pixels", "1"]).quiet();
    for name in ["o/map.png/mask-001-ff0000.png", "o/map.bmp/mask-001-ff0000.png"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn maps_that_are_not_flat_get_the_hint_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.png");
    let hint = |picture: image::DynamicImage| {
        picture.save(&file).unwrap();
        let args = ["--min-pixels", "300", "--no-overview"];
        segment_in(&folder, &args).hint_or_nothing().unwrap_or_default().to_owned()
    };
    let grey = |value: u32| image::Rgb([value as u8, (value / 7) as u8, 0]);
    // One column of mixed colours beside two flat regions.
    let smooth = image::RgbImage::from_fn(64, 512, |x, y| match x {
        0..32 => image::Rgb([0, 0, 255]),
        32 => grey(y % 256),
        _ => image::Rgb([255, 255, 255]),
    });
    assert!(hint(smooth.into()).contains("try --unmix 2"));
    let noise = image::RgbImage::from_fn(64, 512, |x, y| match x {
        0..8 => image::Rgb([0, 0, 255]),
        _ => grey((x * 7919 + y * 104_729) ^ (x * y)),
    });
    assert!(hint(noise.into()).contains("try --merge 16/255"));
    let fine = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(64, 512, |x, y| match x {
        0..8 => image::Luma([0]),
        _ => image::Luma([65000 + ((x * 7919 + y * 104_729) % 500) as u16]),
    });
    assert!(hint(fine.into()).contains("try --match 8bit"));
    assert_eq!(hint(image::RgbImage::new(64, 64).into()), "");
}
