//! `--format`: all masks of an image in one file, as other programs read it; and labels of a stated width.

#![cfg(unix)]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use common::{backends, data, python, run, segment};
use serde_json::Value;

/// The masks of an image that are a file each.
fn files(image: &Value) -> Vec<PathBuf> {
    let masks = image["masks"].as_array().unwrap();
    masks.iter().map(|mask| PathBuf::from(mask["file"].as_str().unwrap())).collect()
}

fn check(folder: &Path, image: &Value) {
    let files = files(image);
    let args: Vec<&OsStr> =
        std::iter::once(folder.as_os_str()).chain(files.iter().map(|file| file.as_os_str())).collect();
    assert_eq!(python("exports.py", &args).lines().last(), Some("same"));
    // The image's own list names them.
    assert_eq!(image["files"].as_array().unwrap().len(), 7);
}

const ALL: &str = "png,tiff,exr,indexed,npz,coco,svg";

#[test]
fn other_programs_read_the_same_masks() {
    let map = data("world-countries-2048.png");
    let folder = tempfile::tempdir().unwrap();
    let palette = folder.path().join("palette.txt");
    fs::write(&palette, "#aacde6 Sea.Deep\n#3fe038 Land mass\n#4b91a6\n").unwrap();
    let palette = palette.to_str().unwrap();
    let output = folder.path().join("o");
    for more in [&[][..], &["--mask-format", "1bit"], &["--palette", palette], &["--unmix", "2"]] {
        for backend in backends().iter().take(2) {
            let args = [&["--json", "--no-overview", "--format", ALL], more].concat();
            let json = segment(backend, &map, &output, &args).quiet().json();
            let has_names = more.contains(&"--palette");
            if !has_names {
                check(&output, &json);
            }
            let label_map = fs::read_to_string(output.join("labelmap.txt")).unwrap();
            assert_eq!(label_map.contains("\nSea.Deep:170,205,230::\n"), has_names, "{label_map}");
        }
    }
    // Names that are the same, and points in them.
    fs::write(palette, "#aacde6 Sea\n#3fe038 Sea\n#4b91a6 mask\n").unwrap();
    let args = ["--json", "--no-overview", "--format", ALL, "--palette", palette];
    check(&output, &segment(&backends()[0], &map, &output, &args).quiet().json());
}

#[test]
fn several_images_have_a_file_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, shift) in [("a.png", 0), ("b.png", 3)] {
        image::RgbImage::from_fn(30, 20, |x, _| image::Rgb([if x < 9 + shift { 255 } else { 0 }, 7, 0]))
            .save(path(name))
            .unwrap();
    }
    let args =
        ["segment", "--json", "--backend", "cpu", "--min-pixels", "1", "--format", ALL, "--no-overview"];
    let args: Vec<PathBuf> = args.iter().map(PathBuf::from).collect();
    let more = [path("a.png"), path("b.png"), PathBuf::from("-o"), path("o")];
    let json = run(args.into_iter().chain(more)).quiet().json();
    for (image, name) in json["images"].as_array().unwrap().iter().zip(["a", "b"]) {
        check(&path("o").join(name), image);
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("map.png");
    image::RgbImage::from_fn(30, 20, |x, y| image::Rgb([x as u8, y as u8, 0])).save(&map).unwrap();
    let output = folder.path().join("o");
    let refuse = |code, more: &[&str]| {
        let args = [&["--min-pixels", "1", "--max-count", "all", "--no-overview"], more].concat();
        let run = segment(&backends()[0], &map, &output, &args);
        let text = run.error(code).to_owned();
        assert!(!output.exists(), "{text}");
        text
    };
    let text = refuse(1, &["--format", "indexed"]);
    assert!(text.contains("--format indexed: 600 masks; a palette has 255 at most"), "{text}");
    let labels = folder.path().join("l.png");
    let labels = labels.to_str().unwrap();
    let text = refuse(1, &["--labels", labels, "--label-bits", "8"]);
    assert!(text.contains("600 masks; labels of so many bits (--label-bits) have room for 255"), "{text}");
    assert!(refuse(2, &["--labels", labels, "--label-bits", "32"]).contains("a PNG has 16 at most"));
    assert!(
        refuse(2, &["--format", "tiff", "--cropped"]).contains("--cropped cannot be used with --format tiff")
    );
    assert!(refuse(2, &["--format", "npz", "--names", "{hex}.png"]).contains("--names is for masks"));
    assert!(refuse(2, &["--format", "gif"]).contains("gif"));
}

#[test]
fn labels_of_a_stated_width() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("map.png");
    image::RgbImage::from_fn(30, 20, |x, _| image::Rgb([(x / 10) as u8, 0, 0])).save(&map).unwrap();
    for (name, bits) in [("l.png", 8), ("l.png", 16), ("l.tif", 8), ("l.tif", 16), ("l.tif", 32)] {
        let file = folder.path().join(name);
        let text = bits.to_string();
        let args = [
            "--min-pixels",
            "1",
            "--no-masks",
            "--no-overview",
            "--labels",
            file.to_str().unwrap(),
            "--label-bits",
            &text,
        ];
        segment(&backends()[0], &map, &folder.path().join("o"), &args).quiet();
        let values: Vec<u32> = match bits {
            32 => match tiff::decoder::Decoder::new(fs::File::open(&file).unwrap())
                .unwrap()
                .read_image()
                .unwrap()
            {
                tiff::decoder::DecodingResult::U32(values) => values,
                other => panic!("{other:?}"),
            },
            _ => match image::open(&file).unwrap() {
                image::DynamicImage::ImageLuma8(picture) if bits == 8 => {
                    picture.into_raw().into_iter().map(u32::from).collect()
                }
                image::DynamicImage::ImageLuma16(picture) if bits == 16 => {
                    picture.into_raw().into_iter().map(u32::from).collect()
                }
                other => panic!("{name}: {:?} for {bits} bits", other.color()),
            },
        };
        assert_eq!(values, (0..600).map(|index| 1 + index % 30 / 10).collect::<Vec<_>>());
    }
    assert!(!folder.path().join("o").exists(), "nothing is written there");
}
