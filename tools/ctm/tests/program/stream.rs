//! Data sets: lists of images of different sizes and kinds, with one palette, one after the other.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::common::{Run, ctm};
use serde_json::Value;
use tempfile::TempDir;

/// Images of all sizes in folders of the same names; every seventh has alpha, every eleventh is no image.
fn data_set(count: u32) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let files = (0..count).map(|index| {
        let file = folder.path().join(format!("in/{index:02}/id.png"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let picture = image::RgbaImage::from_fn(10 + index, 20, |x, _| {
            image::Rgba(if x < 5 { [255, 0, 0, 255] } else { [0, 0, 255, 255] })
        });
        match index {
            _ if index % 11 == 10 => fs::write(&file, "no image").unwrap(),
            _ if index % 7 == 6 => picture.save(&file).unwrap(),
            _ => image::DynamicImage::from(picture).to_rgb8().save(&file).unwrap(),
        }
        file
    });
    let files = files.collect();
    (folder, files)
}

fn stream(folder: &TempDir, more: &[&str]) -> Run {
    let args = ["segment", "--backend", "cpu", "--batch", "stream", "-o", "o"];
    Run::new(ctm().current_dir(folder.path()).args(args).args(more).output().unwrap())
}

#[test]
fn a_line_for_each_image() {
    let (folder, files) = data_set(24);
    let list = folder.path().join("list.txt");
    let lines: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    fs::write(&list, &lines).unwrap();
    fs::write(folder.path().join("palette.txt"), "blue Sky\nred Wall\n").unwrap();
    let more = ["--list", "list.txt", "--palette", "palette.txt", "--json", "--table", "t.csv"];
    let run = stream(&folder, &more);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(run.stderr.matches("is no image of a known format").count(), 2, "{run:?}");
    assert!(run.stderr.ends_with("ctm: error: 2 of 24 images failed\n"), "{run:?}");
    let json: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(json.len(), 24);
    for (index, (line, file)) in json.iter().zip(&files).enumerate() {
        assert_eq!(line["input"], file.display().to_string());
        if index % 11 == 10 {
            assert!(line["error"].as_str().unwrap().contains("is no image"), "{line}");
            continue;
        }
        let pixels: Vec<_> =
            line["masks"].as_array().unwrap().iter().map(|mask| mask["pixels"].clone()).collect();
        assert_eq!(pixels, [(5 + index) * 20, 100]);
        // Folders keep their structure, and masks their numbers.
        let mask = Path::new(line["masks"][1]["file"].as_str().unwrap());
        let suffix = if index % 7 == 6 { "ff0000ff" } else { "ff0000" };
        assert_eq!(mask, Path::new(&format!("o/{index:02}/id/mask-002-{suffix}.png")));
        assert!(folder.path().join(mask).exists());
    }
    let table = fs::read_to_string(folder.path().join("t.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 22 * 2);
    assert!(table.lines().nth(1).unwrap().contains("in/00/id.png,1,"), "in the order of the list: {table}");

    // A list from standard input, and each image by its own colours.
    let mut child = ctm()
        .current_dir(folder.path())
        .args([
            "segment",
            "--batch",
            "stream",
            "--list",
            "-",
            "-o",
            "p",
            "--min-pixels",
            "1",
            "--no-overview",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let good: String = files[..9].iter().map(|file| format!("{}\r\n", file.display())).collect();
    child.stdin.take().unwrap().write_all(good.as_bytes()).unwrap();
    let run = Run::new(child.wait_with_output().unwrap()).quiet();
    assert_eq!(run.stdout.lines().count(), 9);
    assert!(run.stdout.lines().all(|line| line.ends_with("2 masks, covering 100.00 %")), "{run:?}");
    assert!(folder.path().join("p/08/id/mask-001-0000ff.png").exists());
}

#[test]
fn the_same_masks_as_one_by_one() {
    let (folder, files) = data_set(6);
    let names: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    stream(&folder, &[&names[..], &["--min-pixels", "1", "--labels", "l.png"]].concat()).quiet();
    for (index, file) in files.iter().enumerate() {
        let args = ["segment", "--backend", "cpu", "--min-pixels", "1", "-o", "one", "--labels", "one.png"];
        Run::new(ctm().current_dir(folder.path()).args(args).arg(file).output().unwrap()).quiet();
        let read = |path: &str| fs::read(folder.path().join(path)).unwrap();
        assert!(read(&format!("l-{index:02}-id.png")) == read("one.png"));
        for mask in ["mask-001-0000ff", "mask-002-ff0000"] {
            assert!(
                read(&format!("o/{index:02}/id/{mask}.png")) == read(&format!("one/{mask}.png")),
                "{index}"
            );
        }
    }
}

#[test]
fn what_cannot_be_is_refused_at_once() {
    let (folder, _) = data_set(2);
    let run = stream(&folder, &["in/00/id.png", "in/00/../00/id.png"]);
    assert!(
        run.error(2).contains("two images are called 'id': in/00/id.png and in/00/../00/id.png"),
        "{run:?}"
    );
    let run = stream(&folder, &["in/00/id.png", "--overwrite", "ask"]);
    assert!(run.error(2).contains("--overwrite ask cannot be used with --batch stream"), "{run:?}");
    fs::write(folder.path().join("empty.txt"), "\n").unwrap();
    let run = stream(&folder, &["--list", "empty.txt"]);
    assert!(run.error(1).contains("has no image"), "{run:?}");
    fs::write(folder.path().join("list.txt"), "in/00/id.png\nin/00/id.png\n").unwrap();
    let run = stream(&folder, &["--list", "list.txt"]);
    assert!(run.error(1).contains("two images are called"), "{run:?}");
    // The list is not written over.
    let run = stream(&folder, &["in/00/id.png", "--list", "list.txt", "--table", "list.txt"]);
    assert!(run.error(1).contains("is the list of images (--list)") || run.code == Some(1), "{run:?}");
    assert!(!folder.path().join("o").exists());
}
