//! Data sets: lists of images of different sizes and kinds, with one palette, one after the other.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

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

/// Starts on images of which one, `-`, comes when it is sent.
fn start(folder: &TempDir, images: &[&str], more: &[&str]) -> Child {
    let mut command = ctm();
    command.args(["segment", "--backend", "cpu", "--batch", "stream", "-o", "o", "--min-pixels", "1"]);
    command.args(images).args(more).current_dir(folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(child: &mut Child, file: &Path) {
    child.stdin.take().unwrap().write_all(&fs::read(file).unwrap()).unwrap();
}

/// What is done behind an image that takes long waits in memory: it must not be all the rest.
#[test]
fn a_slow_image_holds_up_the_rest() {
    let (folder, files) = data_set(1);
    let colors = image::open(&files[0]).unwrap();
    let names: Vec<String> = (0..100).map(|index| format!("{index}.png")).collect();
    names.iter().for_each(|name| colors.save(folder.path().join(name)).unwrap());
    let images: Vec<&str> = ["-"].into_iter().chain(names.iter().map(String::as_str)).collect();
    // Two at a time, also where there is one processor.
    let mut child = start(&folder, &images, &["--table", "t.csv", "--json", "--threads", "2"]);
    let done = || {
        let overview =
            |name: &&str| folder.path().join("o").join(&name[..name.len() - 4]).join("overview.png");
        images[1..].iter().map(overview).filter(|file| file.exists()).count()
    };
    let start = Instant::now();
    while done() < 10 && start.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(500));
    assert!((10..=16).contains(&done()), "{} of 100 are done before the first", done());
    send(&mut child, &files[0]);
    let run = Run::new(child.wait_with_output().unwrap()).quiet();
    let told: Vec<String> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["input"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, images);
    let table = fs::read_to_string(folder.path().join("t.csv")).unwrap();
    let of_rows: Vec<&str> = table.lines().skip(1).map(|row| row.split(',').next().unwrap()).collect();
    assert_eq!(of_rows, images.iter().flat_map(|image| [*image; 2]).collect::<Vec<_>>());
}

#[test]
fn rows_come_when_their_image_is_done() {
    let (folder, _) = data_set(2);
    let images = ["in/00/id.png", "in/01/id.png", "-"];
    let mut child = start(&folder, &images, &["--table", "-"]);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || lines.for_each(|line| sender.send(line.unwrap()).unwrap()));
    let next = || receiver.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(next().starts_with("image,mask,"));
    for image in &images[..2] {
        assert!(next().starts_with(&format!("{image},1,")));
        assert!(next().starts_with(&format!("{image},2,")));
    }
    send(&mut child, &folder.path().join(images[0]));
    assert!(next().starts_with("-,1,"));
    assert!(next().starts_with("-,2,"));
    reader.join().unwrap();
    assert!(child.wait().unwrap().success());
}

/// A file of any image that must not be replaced: none is written, and that of another image stays what it is.
#[test]
fn nothing_is_replaced_that_must_not_be() {
    let (folder, _) = data_set(3);
    let path = |name: &str| folder.path().join(name);
    for there in ["l-02-id.png", "t.csv", "o/coco.json"] {
        fs::create_dir_all(path("o")).unwrap();
        fs::write(path(there), "mine").unwrap();
        let images = ["in/00/id.png", "in/01/id.png", "in/02/id.png"];
        let files = ["--labels", "l.png", "--table", "t.csv", "--format", "png,coco", "--overwrite", "no"];
        let run = stream(&folder, &[&images[..], &files].concat());
        assert!(
            run.error(1).contains(&format!("{there}: is there already, and --overwrite is no")),
            "{run:?}"
        );
        assert_eq!(fs::read(path(there)).unwrap(), b"mine");
        fs::remove_file(path(there)).unwrap();
        assert!(!path("l-00-id.png").exists() && !path("o/00").exists(), "{there}");
    }
    // A mask of one image: the others are done.
    fs::create_dir_all(path("o/01/id")).unwrap();
    fs::write(path("o/01/id/mask-001-0000ff.png"), "mine").unwrap();
    let images = ["in/00/id.png", "in/01/id.png", "in/02/id.png"];
    let run = stream(&folder, &[&images[..], &["--min-pixels", "1", "--overwrite", "no"]].concat());
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("1 of 3 images failed"), "{run:?}");
    assert_eq!(fs::read(path("o/01/id/mask-001-0000ff.png")).unwrap(), b"mine");
    assert!(path("o/00/id/overview.png").exists() && path("o/02/id/overview.png").exists());
}
