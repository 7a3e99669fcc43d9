//! Maps of ids: integers of 32 bits, of which each is a colour of its own, however large; and those of 16 bits.

#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Run, backends, segment};
use exr::prelude::{AnyChannel, AnyChannels, FlatSamples, Image as ExrImage, WritableImage as _};
use serde_json::{Value, json};
use tiff::encoder::TiffEncoder;
use tiff::encoder::colortype::{Gray16, Gray32, GrayI32};

const WIDTH: u32 = 6;
const HEIGHT: u32 = 4;
/// No float tells the first two apart, nor the last two.
const IDS: [u32; 5] = [16_777_216, 16_777_217, 0, u32::MAX, u32::MAX - 1];

/// Which of the ids a pixel has: of some more than of others.
fn place(pixel: u32) -> usize {
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4][pixel as usize]
}

fn ids() -> Vec<u32> {
    (0..WIDTH * HEIGHT).map(|pixel| IDS[place(pixel)]).collect()
}

fn find(file: &Path, more: &[&str]) -> Run {
    let args = [&["--json", "--min-pixels", "1", "--max-count", "all"], more].concat();
    segment(&backends()[0], file, &file.with_extension("masks"), &args)
}

fn stored(json: &Value) -> Vec<Value> {
    json["masks"].as_array().unwrap().iter().map(|mask| mask["stored"].clone()).collect()
}

/// The masks of a file that has these ids, in the order of their pixels, on each backend.
fn check(file: &Path, more: &[&str], format: &str, expected: &[Value]) {
    for backend in backends() {
        let args = [&["--json", "--min-pixels", "1"], more].concat();
        let folder = tempfile::tempdir().unwrap();
        let json = segment(&backend, file, folder.path(), &args).quiet().json();
        assert_eq!(json["format"], format);
        assert_eq!(stored(&json), expected, "{json:#}");
        for (index, mask) in json["masks"].as_array().unwrap().iter().enumerate() {
            assert_eq!(mask["hex"], Value::Null);
            let path = PathBuf::from(mask["file"].as_str().unwrap());
            let suffix: Vec<String> =
                expected[index].as_array().unwrap().iter().map(Value::to_string).collect();
            let name = format!("mask-{:03}-{}.png", index + 1, suffix.join("-"));
            assert_eq!(path.file_name().unwrap().to_str(), Some(&*name));
            let picture = image::open(path).unwrap().into_luma8().into_raw();
            let inside = |pixel: u32| if place(pixel) == index { 255 } else { 0 };
            assert_eq!(picture, (0..WIDTH * HEIGHT).map(inside).collect::<Vec<u8>>(), "{name}");
        }
    }
}

fn raw(file: &Path, words: impl Iterator<Item = u32>) {
    fs::write(file, words.flat_map(u32::to_le_bytes).collect::<Vec<u8>>()).unwrap();
}

#[test]
fn neighbors_stay_apart_however_they_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let numbers = IDS.map(|id| json!([id]));
    let signed = IDS.map(|id| json!([id.cast_signed()]));
    let pairs = IDS.map(|id| json!([7, id]));
    raw(&path("a.raw"), ids().into_iter());
    check(
        &path("a.raw"),
        &["--raw", "6x4x1", "--raw-format", "u32"],
        "raw 32-bit integers, an id a pixel",
        &numbers,
    );
    let kind = "raw signed 32-bit integers, an id a pixel";
    check(&path("a.raw"), &["--raw", "6x4x1", "--raw-format", "i32"], kind, &signed);
    raw(&path("b.raw"), ids().into_iter().flat_map(|id| [7, id]));
    let kind = "raw 32-bit integers, two ids a pixel";
    check(&path("b.raw"), &["--raw", "6x4x2", "--raw-format", "u32"], kind, &pairs);

    let mut pages = TiffEncoder::new(fs::File::create(path("a.tif")).unwrap()).unwrap();
    pages.write_image::<Gray16>(2, 1, &[1, 2]).unwrap();
    pages.write_image::<Gray32>(WIDTH, HEIGHT, &ids()).unwrap();
    let signed_ids: Vec<i32> = ids().into_iter().map(u32::cast_signed).collect();
    pages.write_image::<GrayI32>(WIDTH, HEIGHT, &signed_ids).unwrap();
    check(&path("a.tif"), &["--page", "2"], "TIFF, 32-bit integer grey", &numbers);
    check(&path("a.tif"), &["--page", "3"], "TIFF, signed 32-bit integer grey", &signed);

    let channel = |name: &str, ids| AnyChannel::new(name, FlatSamples::U32(ids));
    let channels = [channel("id", ids()), channel("part", vec![7; ids().len()])];
    let channels = AnyChannels::sort(channels.into_iter().collect());
    let size = (WIDTH as usize, HEIGHT as usize);
    ExrImage::from_channels(size, channels).write().to_file(path("a.exr")).unwrap();
    let kind = "OpenEXR, 32-bit integer channel id";
    check(&path("a.exr"), &["--channels", "id"], kind, &numbers);
    let kind = "OpenEXR, 32-bit integer channels part, id";
    check(&path("a.exr"), &["--channels", "part,id"], kind, &pairs);
}

#[test]
fn ids_are_given_as_they_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.raw");
    raw(&file, ids().into_iter());
    let raw = ["--raw", "6x4x1", "--raw-format", "u32", "--no-overview"];
    let given = |more: &[&str]| {
        let args = [&raw[..], &["--json"], more].concat();
        segment(&backends()[0], &file, &folder.path().join("o"), &args)
    };
    let json = given(&["--color", "16777217", "--color", "0", "--ignore", "16777216"]).quiet().json();
    assert_eq!(stored(&json), [json!([16_777_217]), json!([0])]);
    assert_eq!((&json["masks"][0]["pixels"], &json["masks"][1]["pixels"]), (&6.into(), &5.into()));
    let json = find(&file, &[&raw[..], &["--ignore", "16777216"]].concat()).quiet().json();
    assert_eq!(stored(&json).len(), 4);
    // What was found is a palette, with the same ids, and so is a list with names; an image, too.
    let palette = folder.path().join("palette.json");
    let found = find(&file, &raw).quiet();
    fs::write(&palette, &found.stdout).unwrap();
    let json = given(&["--palette", palette.to_str().unwrap()]).quiet().json();
    assert_eq!(stored(&json), IDS.map(|id| json!([id])));
    fs::write(&palette, "4294967295 Tree\n1 Nothing\n16777217 House\n").unwrap();
    for more in [&[][..], &["--connected", "4", "--min-pixels", "1"]] {
        let json = given(&[&["--palette", palette.to_str().unwrap()], more].concat()).quiet().json();
        let all = json["masks"].as_array().unwrap();
        let mut names: Vec<_> = all.iter().map(|mask| mask["name"].as_str().unwrap()).collect();
        names.retain(|name| *name != "Nothing");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, ["House", "Tree"]);
        assert!(all.iter().any(|mask| mask["stored"] == json!([u32::MAX]) && mask["name"] == "Tree"));
    }
    let tiff = folder.path().join("palette.tif");
    let mut pages = TiffEncoder::new(fs::File::create(&tiff).unwrap()).unwrap();
    pages.write_image::<Gray32>(2, 1, &[16_777_217, 16_777_216]).unwrap();
    let json = given(&["--palette", tiff.to_str().unwrap()]).quiet().json();
    assert_eq!(stored(&json), [json!([16_777_217]), json!([16_777_216])]);
    for (more, expected) in [
        (
            &["--color", "#ff"][..],
            "#ff: the image has 32-bit integers; whole numbers such as 26001 are expected",
        ),
        (&["--color", "0.5"], "whole numbers such as 26001 are expected"),
        (&["--color", "4294967296"], "4294967296 is no value of the image, whose values are 0 to 4294967295"),
        (&["--color=-1"], "-1 is no value of the image"),
        (&["--color", "1,2"], "has 2 values; the image's colours have 1"),
        (&["--color", "7", "--color", "7"], "7 is the same colour as 7"),
        (&["--merge", "0.1"], "--merge: the image has 32-bit integers, ids that are not near each other"),
        (&["--unmix", "2"], "--unmix: the image has"),
        (&["--match", "8bit"], "--match 8bit: the image has"),
    ] {
        fs::remove_dir_all(folder.path().join("o")).ok();
        let run = given(more);
        assert!(run.error(1).contains(expected), "{run:?}");
        assert!(!folder.path().join("o").exists());
    }
}

#[test]
fn ids_in_names_tables_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.raw");
    raw(&file, ids().into_iter());
    let labels = folder.path().join("labels.png");
    let table = folder.path().join("table.csv");
    let raw = ["--raw", "6x4x1", "--raw-format", "u32", "--names", "{id:012}.png"];
    let more = ["--labels", labels.to_str().unwrap(), "--table", table.to_str().unwrap()];
    let json = find(&file, &[&raw[..], &more].concat()).quiet().json();
    assert!(json["masks"][1]["file"].as_str().unwrap().ends_with("/000016777217.png"));
    let found = image::open(labels).unwrap().into_luma8().into_raw();
    assert_eq!(found, (0..WIDTH * HEIGHT).map(|pixel| place(pixel) as u8 + 1).collect::<Vec<_>>());
    assert!(fs::read_to_string(table).unwrap().contains(",2,16777217,,6,"), "the table has the id");
    let args = ["--raw", "6x4x1", "--raw-format", "u32", "--min-pixels", "1"];
    let run = segment(&backends()[0], &file, &folder.path().join("o"), &args).quiet();
    assert!(run.stdout.contains(" 16777217 ") && run.stdout.contains(" 4294967295 "), "{run:?}");
    // Those of 16 bits, too; a run with other ids tells of those that are left.
    let file = folder.path().join("b.png");
    let picture =
        |ids: [u16; 2]| image::ImageBuffer::from_fn(3, 1, |x, _| image::Luma([ids[x as usize / 2]]));
    picture([26_001, 257]).save(&file).unwrap();
    let names = |run: &Run| -> Vec<String> {
        let json = run.json();
        let masks = json["masks"].as_array().unwrap().clone();
        let name = |mask: &Value| mask["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        masks.iter().map(name).collect()
    };
    assert_eq!(names(&find(&file, &[]).quiet()), ["mask-001-26001.png", "mask-002-257.png"]);
    picture([26_001, 0]).save(&file).unwrap();
    let json = find(&file, &[]).quiet().json();
    let stale = json["stale"].as_array().unwrap();
    assert!(stale.len() == 1 && stale[0].as_str().unwrap().ends_with("mask-002-257.png"), "{json}");
    let run = segment(
        &backends()[0],
        &file,
        &folder.path().join("o"),
        &["--json", "--color", "26001", "--color", "1", "--ignore", "0"],
    );
    assert_eq!(stored(&run.quiet().json()), [json!([26_001]), json!([1])]);
}

/// Floats beyond 0 to 1 are numbers, all of them: 0 and 1 are not black and white then.
#[test]
fn numbers_in_floats() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.f32");
    let find = |numbers: [f32; 6], more: &[&str]| {
        let files = folder.path().join("masks");
        raw(&file, numbers.into_iter().map(f32::to_bits));
        let raw = ["--raw", "6x1x1", "--table", "-", "--min-pixels", "1"];
        let run = segment(&backends()[0], &file, &files, &[&raw[..], more].concat()).quiet();
        fs::remove_dir_all(files).unwrap();
        let cells = |row: &str| row.split(',').map(str::to_owned).collect::<Vec<_>>();
        let rows = run.stdout.lines().skip(1).map(cells);
        rows.map(|row| (row[2].clone(), row[14].rsplit('/').next().unwrap().to_owned())).collect::<Vec<_>>()
    };
    let both = |list: &[[&str; 2]]| {
        list.iter().map(|[text, file]| ((*text).to_owned(), (*file).to_owned())).collect::<Vec<_>>()
    };
    let ids = [0.0, 0.0, 0.0, 1.0, 1.0, 2.0];
    let named = [["0.0", "mask-001-0.png"], ["1.0", "mask-002-1.png"], ["2.0", "mask-003-2.png"]];
    assert_eq!(find(ids, &[]), both(&named));
    let by_id = [["0.0", "0000.png"], ["1.0", "0001.png"], ["2.0", "0002.png"]];
    assert_eq!(find(ids, &["--names", "{id:04}.png"]), both(&by_id));
    let others = [["-7.0", "mask-001--7.png"], ["1.0", "mask-002-1.png"], ["2.5", "mask-003.png"]];
    assert_eq!(find([-7.0, -7.0, -7.0, 1.0, 1.0, 2.5], &[]), both(&others));
    // Shades stay shades; what has no value counts for nothing.
    let shades = [["#00", "mask-001-00.png"], ["#ff", "mask-002-ff.png"], ["0.5", "mask-003.png"]];
    assert_eq!(find([0.0, 0.0, 1.0, 1.0, 0.5, f32::NAN], &[]), both(&shades));
}
