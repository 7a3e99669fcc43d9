//! What masks are called, and which colours they have, in the files of `--format`.

#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::common::{Run, ctm, python_code, write_floats};
use image::{Luma, Rgb, RgbImage};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Runs `ctm segment` in a folder, on the CPU.
fn segment_in(folder: &TempDir, args: &[&str]) -> Run {
    let all = ["segment", "--backend", "cpu", "-o", "o", "--no-overview"];
    Run::new(ctm().current_dir(folder.path()).args(all).args(args).output().unwrap())
}

/// Stripes of colours, each wider than the one before.
fn stripes(file: &Path, colors: &[[u8; 3]]) {
    let stripe = |x: u32| (0..).find(|&stripe| x < (stripe + 1) * (stripe + 2) / 2).unwrap() as usize;
    let count = colors.len() as u32;
    let picture = RgbImage::from_fn(count * (count + 1) / 2, 2, |x, _| Rgb(colors[stripe(x)]));
    picture.save(file).unwrap();
}

fn coco(folder: &TempDir) -> Value {
    serde_json::from_slice(&fs::read(folder.path().join("o/coco.json")).unwrap()).unwrap()
}

fn categories(coco: &Value) -> Vec<&str> {
    coco["categories"].as_array().unwrap().iter().map(|all| all["name"].as_str().unwrap()).collect()
}

fn layers(folder: &TempDir) -> String {
    let code = "import OpenEXR, sys; f = OpenEXR.File(sys.argv[1], separate_channels=True); \
                print(*sorted(f.parts[0].channels))";
    python_code(code, &[folder.path().join("o/masks.exr").as_os_str()])
}

#[test]
fn arrays_are_exact_and_as_pythons() {
    let folder = tempfile::tempdir().unwrap();
    let check = |code: &str| {
        let code = format!("import numpy, sys; a = numpy.load(sys.argv[1]); {code}");
        python_code(&code, &[folder.path().join("o/masks.npz").as_os_str()]);
    };
    let ids: Vec<u8> = [4_011_193_830u32, 4_011_193_831, 4_011_193_831, 7].map(u32::to_le_bytes).concat();
    fs::write(folder.path().join("ids.raw"), ids).unwrap();
    let raw = ["ids.raw", "--raw", "4x1x1", "--format", "npz", "--min-pixels", "1"];
    segment_in(&folder, &[&raw[..], &["--raw-format", "u32"]].concat()).quiet();
    check("assert a['colors'].dtype == 'u4' and a['colors'].tolist() == [[4011193831], [7], [4011193830]]");
    check("assert a['counts'].tolist() == [2, 1, 1] and a['labels'].tolist() == [[3, 1, 1, 2]]");
    check("assert a['names'].tolist() == ['4011193831', '7', '4011193830']");
    check("assert a['boxes'].tolist() == [[1, 0, 3, 1], [3, 0, 4, 1], [0, 0, 1, 1]]");
    check("assert a['centroids'].tolist() == [[1.5, 0], [3, 0], [0, 0]]");
    segment_in(&folder, &[&raw[..], &["--raw-format", "i32"]].concat()).quiet();
    check("assert a['colors'].dtype == 'i4' and a['colors'].tolist() == [[-283773465], [-283773466], [7]]");
    // 16 bits, and floats.
    let file = folder.path().join("map.png");
    image::ImageBuffer::from_fn(3, 1, |x, _| Luma([[26_001u16, 257][x as usize / 2]])).save(&file).unwrap();
    segment_in(&folder, &["map.png", "--format", "npz", "--min-pixels", "1"]).quiet();
    check("assert a['colors'].dtype == 'u2' and a['colors'].tolist() == [[26001], [257]]");
    write_floats(&folder.path().join("ids.raw"), &[0.25, 0.25, -7.5, -7.5]);
    segment_in(&folder, &[&raw[..], &["--raw-format", "f32"]].concat()).quiet();
    check("assert a['colors'].dtype == 'f4' and a['colors'].tolist() == [[-7.5], [.25]]");
}

#[test]
fn names_are_as_they_were_given() {
    let folder = tempfile::tempdir().unwrap();
    stripes(&folder.path().join("map.png"), &[[9, 9, 9], [0, 99, 0], [99, 0, 0], [0, 0, 99]]);
    let palette = "#090909 background\n#006300 Größe & Sün <b>\n#630000 Red apple\n#000063 a.b\n";
    fs::write(folder.path().join("names.txt"), palette).unwrap();
    let given = ["background", "Größe & Sün <b>", "Red apple", "a.b"];
    let args = ["map.png", "--palette", "names.txt", "--format"];
    segment_in(&folder, &[&args[..], &["exr,svg,coco,tiff"]].concat()).quiet();
    assert_eq!(categories(&coco(&folder)), given);
    assert!(layers(&folder).contains("a_b.Y background.Y"), "{}", layers(&folder));
    let svg = fs::read_to_string(folder.path().join("o/masks.svg")).unwrap();
    // Names of any script.
    fs::write(folder.path().join("more.txt"), "#090909 Россия\n#006300 日本 x\n").unwrap();
    segment_in(&folder, &["map.png", "--palette", "more.txt", "--format", "exr"]).quiet();
    assert!(layers(&folder).contains("Россия.Y 日本 x.Y"), "{}", layers(&folder));
    assert!(svg.contains("<title>background</title>") && svg.contains("<title>Red apple</title>"), "{svg}");
    // TIFF's text as bytes, which Pillow takes for Latin-1.
    let code = "import sys; from PIL import Image, ImageSequence as s; \
                assert [p.tag_v2[285].encode('latin-1').decode() for p in s.Iterator(Image.open(sys.argv[1]))] == sys.argv[2:]";
    let file = folder.path().join("o/masks.tif");
    python_code(code, &[&[file.as_os_str()], &given.map(OsStr::new)[..]].concat());
    // Only the list of indices has a background of its own.
    segment_in(&folder, &[&args[..], &["indexed,coco"]].concat()).quiet();
    assert_eq!(categories(&coco(&folder)), given);
    let label_map = fs::read_to_string(folder.path().join("o/labelmap.txt")).unwrap();
    assert!(label_map.contains("\nbackground:0,0,0::\nbackground-1:9,9,9::\n"), "{label_map}");
}

/// All regions of a class, and a colour in whatever image, are one category.
#[test]
fn a_class_is_one_category() {
    let folder = tempfile::tempdir().unwrap();
    let [red, blue, green] = [[255, 0, 0], [0, 0, 255], [0, 255, 0]];
    stripes(&folder.path().join("a.png"), &[red, blue, red, blue, red]);
    stripes(&folder.path().join("b.png"), &[blue, red, green]);
    fs::write(folder.path().join("names.txt"), "red CON\nblue Sea\nlime None\n").unwrap();
    let of = |coco: &Value| -> Vec<u64> {
        let all = coco["annotations"].as_array().unwrap();
        all.iter().map(|annotation| annotation["category_id"].as_u64().unwrap()).collect()
    };
    let connected = ["--connected", "8", "--min-pixels", "1", "--max-count", "all", "--format", "coco"];
    segment_in(&folder, &[&["a.png", "--palette", "names.txt"][..], &connected].concat()).quiet();
    let found = coco(&folder);
    assert_eq!((categories(&found), of(&found)), (vec!["CON", "Sea"], vec![1, 2, 1, 2, 1]));
    segment_in(&folder, &[&["a.png"][..], &connected].concat()).quiet();
    assert_eq!(categories(&coco(&folder)), ["#ff0000", "#0000ff"]);
    for batch in ["stream", "each"] {
        let args = ["a.png", "b.png", "--batch", batch, "--min-pixels", "1", "--format", "coco"];
        segment_in(&folder, &args).quiet();
        let found = coco(&folder);
        let expected = (vec!["#ff0000", "#0000ff", "#00ff00"], vec![1, 2, 3, 1, 2]);
        assert_eq!((categories(&found), of(&found)), expected);
        assert_eq!(found["images"][1], json!({ "id": 2, "file_name": "b.png", "width": 6, "height": 2 }));
    }
}

/// The colours of an indexed picture are told apart by its list of names, which the tool reads.
fn check_indexed(folder: &TempDir, args: &[&str], expected: &[(&str, u64)]) {
    segment_in(folder, &[args, &["--format", "indexed"]].concat()).quiet();
    fs::rename(folder.path().join("o"), folder.path().join("i")).unwrap();
    let again = ["i/indexed.png", "--palette", "i/labelmap.txt", "--unlisted", "error", "--json"];
    let json = segment_in(folder, &again).quiet().json();
    let mask = |mask: &Value| (mask["name"].as_str().unwrap().to_owned(), mask["pixels"].as_u64().unwrap());
    let found: Vec<_> = json["masks"].as_array().unwrap().iter().map(mask).collect();
    let expected: Vec<_> = expected.iter().map(|&(name, pixels)| (name.to_owned(), pixels)).collect();
    assert_eq!(found, expected);
    fs::remove_dir_all(folder.path().join("i")).unwrap();
    fs::remove_dir_all(folder.path().join("o")).unwrap();
}

#[test]
fn the_list_of_indices_is_a_palette_again() {
    let folder = tempfile::tempdir().unwrap();
    stripes(&folder.path().join("map.png"), &[[0, 0, 0], [128, 0, 0], [0, 128, 0]]);
    let all = ["--min-pixels", "1", "--max-count", "all"];
    fs::write(folder.path().join("names.txt"), "maroon plane\nblack void\ngreen bike:#1\n").unwrap();
    // A black class is the background, as PASCAL VOC has it.
    let void = [("void", 2), ("plane", 4), ("bike_#1", 6)];
    check_indexed(&folder, &["map.png", "--palette", "names.txt"], &void);
    let plain = [("background", 2), ("mask-001-008000", 6), ("mask-002-800000", 4)];
    check_indexed(&folder, &[&["map.png"], &all[..]].concat(), &plain);
    // Ids of 16 bits would all be black, and regions of a colour the same.
    let ids = |x: u32| Luma([[0u16, 1, 2][stripe_of(x)]]);
    image::ImageBuffer::from_fn(6, 2, |x, _| ids(x)).save(folder.path().join("ids.png")).unwrap();
    let names = [("background", 2), ("mask-001-2", 6), ("mask-002-1", 4)];
    check_indexed(&folder, &[&["ids.png"], &all[..]].concat(), &names);
    stripes(&folder.path().join("map.png"), &[[9, 0, 0], [0, 9, 0], [9, 0, 0]]);
    let names = [("background", 0), ("mask-001-090000", 6), ("mask-002-000900", 4), ("mask-003-090000", 2)];
    check_indexed(&folder, &[&["map.png", "--connected", "4"], &all[..]].concat(), &names);
}

fn stripe_of(x: u32) -> usize {
    [0, 1, 1, 2, 2, 2][x as usize]
}

/// What has no mask cannot be told from a black class.
#[test]
fn a_black_class_with_pixels_beside_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    stripes(&folder.path().join("map.png"), &[[0, 0, 0], [128, 0, 0], [0, 128, 0]]);
    fs::write(folder.path().join("names.txt"), "black void\ngreen bike\n").unwrap();
    let run = segment_in(&folder, &["map.png", "--palette", "names.txt", "--format", "indexed"]);
    let text = "--format indexed: 4 pixels without a mask, and 'void', which is black, have index 0";
    assert_eq!(run.hint(), text);
    // With it 256 masks have an index.
    let floats: Vec<f32> = (0..256).map(|value| value as f32 / 255.0).collect();
    write_floats(&folder.path().join("map.f32"), &floats);
    let args =
        ["map.f32", "--raw", "256x1x1", "--min-pixels", "1", "--max-count", "all", "--format", "indexed"];
    segment_in(&folder, &args).quiet();
    let label_map = fs::read_to_string(folder.path().join("o/labelmap.txt")).unwrap();
    assert_eq!(label_map.lines().count(), 257, "{label_map}");
    assert!(label_map.contains("\nmask-256-ff:255,255,255::\n"), "{label_map}");
}

#[test]
fn many_masks_have_the_same_names_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let picture = RgbImage::from_fn(40, 26, |x, y| Rgb([x as u8, y as u8, 7]));
    picture.save(folder.path().join("map.png")).unwrap();
    let args = ["map.png", "--min-pixels", "1", "--max-count", "all", "--format", "png,svg,exr"];
    segment_in(&folder, &args).quiet();
    let name = "mask-0001-000007";
    assert!(folder.path().join("o").join(format!("{name}.png")).exists());
    assert!(layers(&folder).starts_with(&format!("{name}.Y ")));
    let svg = fs::read_to_string(folder.path().join("o/masks.svg")).unwrap();
    assert!(svg.contains("<path id=\"mask-0001\" ") && svg.contains(&format!("<title>{name}</title>")));
}
