//! `--format`: all masks of an image in one file, as other programs read it; and labels of a stated width.

#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{backends, data, python, python_code, run, segment};
use serde_json::Value;

/// The masks of an image that are a file each.
fn files(image: &Value) -> Vec<PathBuf> {
    let masks = image["masks"].as_array().unwrap();
    masks.iter().map(|mask| PathBuf::from(mask["file"].as_str().unwrap())).collect()
}

fn check(folder: &Path, coco: &Path, name: &str, image: &Value, kinds: &str) {
    let files = files(image);
    let mut args = vec![folder.as_os_str(), coco.as_os_str(), OsStr::new(name)];
    args.extend(files.iter().map(|file| file.as_os_str()));
    assert_eq!(python("exports.py", &args).lines().last(), Some(&*format!("same {kinds}")));
    // The image's own list names them.
    let listed = image["files"].as_array().unwrap();
    assert_eq!(listed.len(), 7);
    assert!(listed.contains(&coco.to_str().unwrap().into()), "{listed:?}");
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
    let name = "world-countries-2048.png";
    let coco = output.join("coco.json");
    for more in [
        &[][..],
        &["--mask-format", "1bit", "--coco", "polygons"],
        &["--palette", palette],
        &["--unmix", "2"],
    ] {
        for backend in backends().iter().take(2) {
            let args = [&["--json", "--no-overview", "--format", ALL], more].concat();
            let json = segment(backend, &map, &output, &args).quiet().json();
            let has_names = more.contains(&"--palette");
            if !has_names {
                // Each country has a hole, which COCO's polygons cannot say.
                check(&output, &coco, name, &json, "rle");
            }
            let label_map = fs::read_to_string(output.join("labelmap.txt")).unwrap();
            assert_eq!(label_map.contains("\nSea.Deep:170,205,230::\n"), has_names, "{label_map}");
        }
    }
    // Names that are the same, and points in them.
    fs::write(palette, "#aacde6 Sea\n#3fe038 Sea\n#4b91a6 mask\n").unwrap();
    let args = ["--json", "--no-overview", "--format", ALL, "--palette", palette];
    check(&output, &coco, name, &segment(&backends()[0], &map, &output, &args).quiet().json(), "rle");
}

#[test]
fn several_images_have_a_file_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, shift) in [("a.png", 0), ("b.png", 3)] {
        // Regions that touch at corners, and none with a hole.
        image::RgbImage::from_fn(30, 20, |x, y| {
            let is_first = x < 9 + shift + y * 7 % 5 || x > 18 && (x + y) % 11 == 0;
            image::Rgb([if is_first { 255 } else { 0 }, 7, 0])
        })
        .save(path(name))
        .unwrap();
    }
    let args =
        ["segment", "--json", "--backend", "cpu", "--min-pixels", "1", "--format", ALL, "--no-overview"];
    let args = [&args[..], &["--coco", "polygons"]].concat();
    let args: Vec<PathBuf> = args.iter().map(PathBuf::from).collect();
    let more = [path("a.png"), path("b.png"), PathBuf::from("-o"), path("o")];
    let json = run(args.into_iter().chain(more)).quiet().json();
    for (image, name) in json["images"].as_array().unwrap().iter().zip(["a", "b"]) {
        let file = format!("{name}.png");
        check(&path("o").join(name), &path("o").join("coco.json"), &file, image, "polygons");
    }
}

/// Slopes have few corners, and neighbours the same ones.
#[test]
fn outlines_are_simplified() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("map.png");
    image::RgbImage::from_fn(60, 40, |x, y| image::Rgb([if 2 * x > 3 * y { 255 } else { 0 }, 7, 0]))
        .save(&map)
        .unwrap();
    let output = folder.path().join("o");
    let files = |simplify: &[&str]| {
        let args = ["--format", "svg,coco", "--coco", "polygons", "--no-overview", "--overwrite", "yes"];
        segment(&backends()[0], &map, &output, &[&args, simplify].concat()).quiet();
        let read = |name: &str| fs::read_to_string(output.join(name)).unwrap();
        (read("masks.svg"), serde_json::from_str::<Value>(&read("coco.json")).unwrap())
    };
    let (svg, coco) = files(&["--simplify", "1.5"]);
    assert!(svg.contains(" d=\"M0 0H1L59 40H0Z\"") && svg.contains(" d=\"M1 0H60V40H59Z\""), "{svg}");
    let polygons: Vec<&Value> =
        coco["annotations"].as_array().unwrap().iter().map(|all| &all["segmentation"]).collect();
    assert_eq!(*polygons[0], serde_json::json!([[0, 0, 1, 0, 59, 40, 0, 40]]));
    let (exact, _) = files(&[]);
    assert!(exact.len() > 3 * svg.len() / 2 && files(&["--simplify", "0"]).0 == exact, "{exact}");
}

/// One file of COCO's has all images of a call, whichever way they share their masks.
#[test]
fn coco_has_all_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, width) in [("a", 30), ("b", 41)] {
        fs::create_dir(path(name)).unwrap();
        image::RgbImage::from_fn(width, 20, |x, y| {
            // The first colour's region has a hole.
            let is_hole = (3..5).contains(&x) && (4..9).contains(&y);
            image::Rgb([if x < 9 && !is_hole { 255 } else { 0 }, 7, if x > 35 { 9 } else { 0 }])
        })
        .save(path(name).join("id.png"))
        .unwrap();
    }
    let images = [path("a/id.png"), path("b/id.png")];
    let args = ["segment", "--json", "--backend", "cpu", "--min-pixels", "1", "--no-overview"];
    for (batch, cropped) in [("each", ""), ("each", "--cropped"), ("stream", ""), ("stream", "--cropped")] {
        let more = ["--batch", batch, "--format", "coco,png", "--coco", "polygons", "-o"];
        let args = args.iter().chain(&more).map(PathBuf::from).chain([path("o")]).chain(images.clone());
        let cropped = [cropped].into_iter().filter(|text| !text.is_empty()).map(PathBuf::from);
        run(args.chain(cropped)).quiet();
        let coco: Value = serde_json::from_slice(&fs::read(path("o/coco.json")).unwrap()).unwrap();
        let list = |key: &str| coco[key].as_array().unwrap().clone();
        let names: Vec<Value> = list("images").iter().map(|image| image["file_name"].clone()).collect();
        assert_eq!(names, images.each_ref().map(|path| path.to_str().unwrap()));
        let categories: Vec<Value> = list("categories").iter().map(|all| all["name"].clone()).collect();
        assert_eq!(categories, ["#000700", "#ff0700", "#000709"]);
        let of: Vec<[u64; 4]> = list("annotations")
            .iter()
            .map(|all| ["id", "image_id", "category_id", "area"].map(|key| all[key].as_u64().unwrap()))
            .collect();
        assert_eq!(of, [[1, 1, 1, 430], [2, 1, 2, 170], [3, 2, 1, 550], [4, 2, 2, 170], [5, 2, 3, 100]]);
        // The run lengths are of the whole image, whatever the masks are cropped to.
        let rle = &list("annotations")[1]["segmentation"];
        assert_eq!(rle["size"], serde_json::json!([20, 30]));
        let python = "import sys, json, pycocotools.mask as m; a = json.load(open(sys.argv[1]))['annotations'][1]; \
                      d = m.decode(a['segmentation']); \
                      assert d.sum() == 170 and d[:, 9:].sum() == 0 and d[4:9, 3:5].sum() == 0";
        python_code(python, &[path("o/coco.json").as_os_str()]);
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("map.png");
    image::RgbImage::from_fn(30, 20, |x, y| image::Rgb([x as u8, y as u8, 1])).save(&map).unwrap();
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
    assert!(refuse(2, &["--coco", "polygons"]).contains("--coco says how --format coco has the masks"));
    assert!(refuse(2, &["--format", "gif"]).contains("gif"));
    assert!(refuse(2, &["--simplify", "1", "--format", "coco"]).contains("--simplify is for --format svg"));
    assert!(refuse(2, &["--simplify", "-1", "--format", "svg"]).contains("-1 is less than 0"));
    assert!(refuse(2, &["--simplify", "inf", "--format", "svg"]).contains("inf is no number of pixels"));
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
