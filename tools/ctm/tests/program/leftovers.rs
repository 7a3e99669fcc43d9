//! What is left in folders: files of an earlier run are told of, and no empty folder stays.

use std::fs;
use std::path::PathBuf;

use crate::common::{Run, ctm};
use image::{Rgb, RgbImage};
use tempfile::TempDir;

fn segment_in(folder: &TempDir, args: &[&str]) -> Run {
    let pixels: &[&str] = if args.contains(&"--palette") { &[] } else { &["--min-pixels", "1"] };
    let all = [&["segment", "--backend", "cpu"], pixels].concat();
    let output: &[&str] = if args.contains(&"-o") { &[] } else { &["-o", "o"] };
    Run::new(ctm().current_dir(folder.path()).args(all).args(output).args(args).output().unwrap())
}

/// A folder with `a.png` and `b.png`, of red and blue.
fn images() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png", "b.png"] {
        let color = |x| if x < 3 { [255, 0, 0] } else { [0, 0, 255] };
        RgbImage::from_fn(8, 4, |x, _| Rgb(color(x))).save(folder.path().join(name)).unwrap();
    }
    folder
}

/// The files that a run tells of.
fn stale(run: &Run) -> Vec<String> {
    let json = run.json();
    let list = json["stale"].as_array().cloned().unwrap_or_default();
    list.iter().map(|file| file.as_str().unwrap().to_owned()).collect()
}

#[test]
fn files_of_an_earlier_run_are_named() {
    let folder = images();
    let run = |more: &[&str]| segment_in(&folder, &[&["a.png", "--json"], more].concat()).quiet();
    // By whatever template.
    let names = ["--names", "{pixels:04}_{name}-{hex}.png"];
    assert_eq!(stale(&run(&names)), [""; 0]);
    assert_eq!(stale(&run(&[&names[..], &["--max-count", "1"]].concat())), ["o/0012-ff0000.png"]);
    assert_eq!(stale(&run(&["--format", "coco"])), [""; 0], "nobody knows the template");
    fs::remove_dir_all(folder.path().join("o")).unwrap();
    // `{name}` is any name: what is no grey PNG is no mask.
    fs::write(folder.path().join("names.txt"), "red Sea\nblue Land\n").unwrap();
    run(&["--palette", "names.txt", "--names", "{name}.png", "--format", "png,tiff"]);
    fs::copy(folder.path().join("a.png"), folder.path().join("o/photo.png")).unwrap();
    fs::write(folder.path().join("names.txt"), "red Lake\n").unwrap();
    let found = stale(&run(&["--palette", "names.txt", "--names", "{name}.png", "--no-overview"]));
    assert_eq!(found, ["o/Land.png", "o/Sea.png", "o/masks.tif"]);
    fs::remove_dir_all(folder.path().join("o")).unwrap();
    // Each format, and masks where there are none now.
    run(&["--format", "png,tiff,exr,indexed,npz,coco,svg"]);
    let all = ["coco.json", "indexed.png", "labelmap.txt", "mask-001-0000ff.png", "mask-002-ff0000.png"];
    let all = [&all[..], &["masks.exr", "masks.npz", "masks.svg", "masks.tif"]].concat();
    for (format, own) in [("svg", "masks.svg"), ("coco", "coco.json")] {
        let others = all.iter().filter(|name| **name != own).map(|name| format!("o/{name}"));
        assert_eq!(stale(&run(&["--format", format])), others.collect::<Vec<_>>());
    }
    let none = segment_in(&folder, &["a.png", "--json", "--max-count", "0"]);
    assert_eq!(stale(&none).len(), all.len());
    assert_eq!(stale(&run(&["--no-masks"])), [""; 0]);
}

#[test]
fn files_of_an_earlier_run_of_several_images() {
    let folder = images();
    let args = ["a.png", "b.png", "--batch", "stream"];
    let run = |more: &[&str]| segment_in(&folder, &[&args, more].concat()).quiet().stdout;
    let text = run(&["--format", "png,coco"]);
    assert_eq!(text, "a.png: 2 masks, covering 100.00 %\nb.png: 2 masks, covering 100.00 %\n");
    let text = run(&["--max-count", "1"]);
    let a = "a.png: 1 mask, covering 62.50 %; of an earlier run, and not of this: o/a/mask-002-ff0000.png and 1 more\n";
    let b = "b.png: 1 mask, covering 62.50 %; of an earlier run, and not of this: o/b/mask-002-ff0000.png\n";
    assert_eq!(text, format!("{a}{b}"));
}

#[test]
fn no_empty_folder_stays() {
    let folder = images();
    let entries = |path: &str| -> Vec<PathBuf> {
        let all = fs::read_dir(folder.path().join(path)).into_iter().flatten().flatten();
        let mut names: Vec<_> = all.map(|entry| PathBuf::from(entry.file_name())).collect();
        names.sort();
        names
    };
    // Folders of images in which nothing is.
    let coco = ["--format", "coco", "--no-overview"];
    for batch in ["stream", "each", "all"] {
        segment_in(&folder, &[&["a.png", "b.png", "--batch", batch][..], &coco].concat()).quiet();
        assert_eq!(entries("o"), [PathBuf::from("coco.json")]);
    }
    fs::remove_dir_all(folder.path().join("o")).unwrap();
    // Nor that of an image that fails; the others are in COCO's file.
    fs::write(folder.path().join("bad.png"), "no image").unwrap();
    let run =
        segment_in(&folder, &["a.png", "bad.png", "b.png", "--batch", "stream", "--format", "png,coco"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(entries("o"), ["a", "b", "coco.json"].map(PathBuf::from));
    let coco: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("o/coco.json")).unwrap()).unwrap();
    assert_eq!(coco["images"].as_array().unwrap().len(), 2);
    fs::remove_dir_all(folder.path().join("o")).unwrap();
    // Where all fail, or nothing comes of an image, nothing is left, on the way to it neither.
    fs::create_dir(folder.path().join("there")).unwrap();
    for args in
        [&["bad.png", "--batch", "stream", "--format", "png,coco"][..], &["a.png", "--max-count", "0"]]
    {
        for output in ["deep/er/o", "there/o"] {
            segment_in(&folder, &[args, &["--no-overview", "-o", output]].concat());
            assert_eq!(entries("deep"), [""; 0].map(PathBuf::from));
            assert_eq!(entries("there"), [""; 0].map(PathBuf::from));
            assert!(!folder.path().join("deep").exists() && folder.path().join("there").exists());
        }
    }
}
