//! What the tool says, in people's words: of options, of files that end too early, of channels and colours that are not there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Run, backends, ctm, run, segment};
use tempfile::TempDir;

/// Runs `ctm segment` in a folder, on the CPU, with masks in `o`.
fn segmented(folder: &TempDir, image: &str, more: &[&str]) -> Run {
    segment(&backends()[0], &folder.path().join(image), &folder.path().join("o"), more)
}

fn small(folder: &TempDir) -> PathBuf {
    let file = folder.path().join("map.png");
    image::RgbImage::from_fn(8, 8, |x, _| image::Rgb([if x < 4 { 255 } else { 0 }, 0, 0]))
        .save(&file)
        .unwrap();
    file
}

#[test]
fn options_say_what_they_expect() {
    for (args, expected) in [
        (&["--page", "x"][..], "'x' for '--page <N>': a whole number from 1 on is expected"),
        (&["--frame", "0"], "'0' for '--frame <N>': a whole number from 1 on is expected"),
        (&["--all-pages", "--page", "2"], "'--all-pages' cannot be used with '--page <N>'"),
        (&["--page", "2", "--raw", "5x10x3"], "--page is for images of several frames"),
        (&["--fill-holes", "x"], "a whole number up to 18446744073709551615 is expected"),
        (&["--max-count", "-1"], "a number up to 4294967295, or all, is expected"),
        (&["--min-pixels", "-1"], "a whole number up to"),
        (&["--threads", "two"], "a whole number up to 4294967295 is expected"),
        (&["--unmix", "17"], "a whole number from 1 to 16 is expected"),
        (
            &["--raw", "5x10x3", "--raw-format", "u32"],
            "--raw 5x10x3: integers of 32 bits are ids, one or two to a pixel",
        ),
        (
            &["--color", "red", "--min-pixels", "1"],
            "leave them out, or make masks of its regions by --connected",
        ),
    ] {
        let run = run([&["segment", "a.png", "-o", "o"], args].concat());
        let error = run.error(2);
        assert!(
            error.contains(expected) && !error.contains("digit found") && !error.contains("'-- "),
            "{error}"
        );
    }
}

#[test]
fn files_that_end_too_early() {
    let folder = tempfile::tempdir().unwrap();
    let noise = |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes();
    let picture = image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([noise(x, y)[1], noise(y, x)[2], 9]));
    for name in ["a.qoi", "a.gif", "a.exr", "a.webp", "a.ppm"] {
        let file = folder.path().join(name);
        match name {
            "a.exr" => image::DynamicImage::from(picture.clone()).to_rgb32f().save(&file).unwrap(),
            "a.qoi" => encode(&file, image::ImageFormat::Qoi, &picture),
            "a.gif" => encode(&file, image::ImageFormat::Gif, &picture),
            "a.ppm" => encode(&file, image::ImageFormat::Pnm, &picture),
            _ => picture.save(&file).unwrap(),
        }
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        let run = segmented(&folder, name, &[]);
        let error = run.error(1);
        assert!(error.contains("ends too early"), "{error}");
        assert!(!error.contains("Format error") && !error.contains("invalid"), "{error}");
    }
}

fn encode(file: &Path, format: image::ImageFormat, picture: &image::RgbImage) {
    picture.save_with_format(file, format).unwrap();
}

#[cfg(unix)]
#[test]
fn the_system_speaks_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let map = small(&folder);
    let missing = segmented(&folder, "gone.png", &[]);
    assert!(
        missing.error(1).ends_with("gone.png: cannot be opened: there is no such file or folder"),
        "{missing:?}"
    );
    let list = folder.path().join("list");
    fs::write(&list, "a.png\0b.png\0").unwrap();
    let nul = run(["segment", "--list", list.to_str().unwrap(), "-o", "o"]);
    assert!(nul.error(1).contains("has NUL bytes; a list of images, one a line, is expected"), "{nul:?}");
    let unwritable = run(["segment", map.to_str().unwrap(), "-o", "/proc/x", "--min-pixels", "1"]);
    let error = unwritable.error(1);
    assert!(error.contains("/proc/x") && error.contains("there is no such file or folder"), "{error}");
    assert!(!error.contains("entity") && !error.contains("os error"), "{error}");
}

#[test]
fn colors_that_an_image_cannot_have() {
    let folder = tempfile::tempdir().unwrap();
    small(&folder);
    let given =
        |color: &str, more: &[&str]| segmented(&folder, "map.png", &[&["--color", color], more].concat());
    let translucent = given("#ff000080", &[]);
    assert!(
        translucent.error(1).contains("the image has no alpha, so that all its colours are opaque"),
        "{translucent:?}"
    );
    assert_eq!(given("#ff0000ff", &["--json"]).quiet().json()["masks"][0]["pixels"], 32);
    let one = given("0.5", &[]);
    assert!(one.error(1).contains("has 1 value; the image's colours have 3"), "{one:?}");
    // There is nothing to ignore, and black stays.
    let ignored = ["--ignore", "#00000080", "--json", "--min-pixels", "1"];
    let json = segmented(&folder, "map.png", &ignored).quiet().json();
    assert_eq!(json["masks"].as_array().unwrap().len(), 2);
    fs::write(folder.path().join("mixed.txt"), "170 205 230\n0.5 0.5 0.5\n").unwrap();
    let palette = folder.path().join("mixed.txt");
    let mixed = segmented(&folder, "map.png", &["--palette", palette.to_str().unwrap()]);
    let error = mixed.error(1);
    assert!(
        error.contains("line 1: 170,205,230 counts beyond 1, and") && error.contains("line 2: 0.5,0.5,0.5"),
        "{error}"
    );
}

#[test]
fn samples_of_pnm_are_the_numbers_that_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ids.pgm");
    let shown = |content: &[u8], more: &[&str]| {
        fs::write(&file, content).unwrap();
        segmented(&folder, "ids.pgm", &[&["--no-masks", "--no-overview", "--min-pixels", "1"], more].concat())
    };
    let binary = [b"P5 4 1 1000\n".as_slice(), &[0x03, 0xe8, 0x03, 0xe8, 0x03, 0xe8, 0x00, 0x07]].concat();
    for content in [&binary[..], b"P2\n4 1 1000\n1000 1000 1000 7\n"] {
        let json = shown(content, &["--json"]).quiet().json();
        assert_eq!(json["format"], "PNM, 16-bit grey up to 1,000");
        assert_eq!(json["masks"][0]["stored"], serde_json::json!([1000]));
        assert_eq!(json["masks"][1]["stored"], serde_json::json!([7]));
    }
    fs::write(&file, &binary).unwrap();
    let color = segmented(&folder, "ids.pgm", &["--color", "1000", "--json"]).quiet().json();
    assert_eq!(color["masks"][0]["pixels"], 3);
    let pam =
        b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 2\nMAXVAL 100\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n\x01\x64\x02\x64";
    let json = shown(pam, &["--json"]).quiet().json();
    assert_eq!(json["masks"][0]["stored"], serde_json::json!([1, 100]));
    let beyond = shown(b"P2\n2 1 9\n9 10\n", &[]);
    assert!(beyond.error(1).contains("it has the value 10, and says that 9 is the largest"), "{beyond:?}");
}

#[test]
fn without_a_folder_colors_are_printed_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    small(&folder);
    let look = |more: &[&str]| {
        let args = [&["segment", "map.png", "--min-pixels", "1"], more].concat();
        Run::new(ctm().current_dir(folder.path()).args(args).output().unwrap())
    };
    let run = look(&[]);
    assert_eq!(run.hint(), "no file is written; -o DIR writes the masks, and an overview");
    assert!(run.stdout.contains("#ff0000"), "{run:?}");
    assert_eq!(look(&["--json"]).quiet().json()["masks"].as_array().unwrap().len(), 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is written");
    look(&["--labels", "labels.png"]).quiet();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let gone = Run::new(ctm().args(["segment", "gone.png"]).output().unwrap());
    assert!(gone.error(1).contains("there is no such file or folder"), "an error is alone");
    for about_masks in [&["--cropped"][..], &["--names", "{hex}.png"], &["--format", "npz"]] {
        assert!(look(about_masks).error(2).contains("--output <DIR> is needed"), "{about_masks:?}");
    }
}
