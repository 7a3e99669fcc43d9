//! Files that lie end in one sentence, within the budget of memory, and never in a signal.

#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Cursor;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Run, ctm, repository, run};
use image::{DynamicImage, ImageFormat};

/// All files of the folder but its description.
fn files() -> Vec<PathBuf> {
    let folder = repository().join("tools/ctm/tests/hostile");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension() != Some(OsStr::new("md"))).collect()
}

/// Segments a file where the system grants each process so many bytes.
fn segment_within(bytes: u64, file: &Path, more: &[&str]) -> Run {
    let output = tempfile::tempdir().unwrap();
    let ctm = ctm();
    let mut command = Command::new("prlimit");
    command.arg(format!("--data={bytes}")).arg(ctm.get_program()).arg("segment").arg(file);
    command
        .arg("-o")
        .arg(output.path())
        .args(["--backend", "cpu", "--threads", "1", "--min-pixels", "1"])
        .args(more);
    Run::new(command.output().unwrap())
}

#[test]
fn one_sentence_each() {
    let files = files();
    assert!(files.len() >= 20, "{files:?}");
    for file in files {
        // The second process of the tool has its own limit, below that of the first.
        let run = segment_within(400 << 20, &file, &["--max-memory", "256M"]);
        match file.file_name().unwrap().to_str().unwrap() {
            "large-profile.png" => drop(run.quiet()),
            _ => {
                let error = run.error(1);
                assert!(error.starts_with(&format!("{}: cannot be read as ", file.display())), "{error}");
                assert!(!error.contains("signal") && !error.contains("decoder failed"), "{error}");
            }
        }
    }
}

/// What is refused for want of memory is refused for other reasons where there is more.
#[test]
fn more_memory_makes_no_lie_true() {
    for file in files() {
        let name = file.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".exr") && !name.contains("b44") || name.contains("animation") {
            assert!(
                segment_within(1 << 40, &file, &["--max-memory", "1T"])
                    .error(1)
                    .contains("cannot be read as")
            );
        }
    }
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Changes a few bytes, differently for each number.
fn damaged(whole: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..=random(3) {
        // Half of the changes are to headers.
        let place = if random(2) == 0 { random(whole.len().min(400)) } else { random(whole.len()) };
        bytes[place] = [0, 0xff, 0x7f, 0x80, random(256) as u8][random(5)];
    }
    if random(8) == 0 {
        bytes.truncate(random(whole.len()));
    }
    bytes
}

#[test]
fn whatever_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("damaged");
    let region = |x: u32, y: u32| ((x / 5 + y / 7) * 40) as u8;
    let rgb: DynamicImage =
        image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([region(x, y), 9, x as u8])).into();
    let float: DynamicImage = rgb.to_rgb32f().into();
    for (image, format) in [
        (&rgb, ImageFormat::Png),
        (&rgb, ImageFormat::Jpeg),
        (&rgb, ImageFormat::Tiff),
        (&rgb, ImageFormat::WebP),
        (&float, ImageFormat::OpenExr),
        (&float, ImageFormat::Tiff),
    ] {
        let whole = encoded(image, format);
        for number in 0..250 {
            fs::write(&file, damaged(&whole, number)).unwrap();
            let input = File::open(&file).unwrap();
            let output = ctm()
                .args(["decode-for-ctm", "file", "200000000"])
                .env("RUST_BACKTRACE", "0")
                .stdin(input)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            // Running out of memory is what the process is for.
            let is_bounded = output.status.signal() == Some(6) && said.contains("memory allocation of");
            assert!(output.status.success() || is_bounded, "{format:?} {number}: {:?} {said}", output.status);
        }
    }
}

#[test]
fn the_end_of_the_decoder_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.webp");
    let image: DynamicImage = image::RgbImage::new(1000, 1000).into();
    fs::write(&file, encoded(&image, ImageFormat::WebP)).unwrap();
    let args = |size| {
        [
            OsStr::new("segment"),
            file.as_ref(),
            "-o".as_ref(),
            folder.path().as_ref(),
            "--max-memory".as_ref(),
            OsStr::new(size),
        ]
    };
    assert!(
        run(args("6M"))
            .error(1)
            .contains("1000 x 1000 pixels need 7,000,000 bytes; 6,291,456 are allowed (--max-memory)")
    );
    let run_out = run(args("7M"));
    assert!(
        run_out
            .error(1)
            .contains("cannot be read as WebP: the decoder needs more than 7,340,032 bytes (--max-memory)"),
        "{run_out:?}"
    );
    run(args("32M")).quiet();
}

#[test]
fn sizes_of_memory() {
    for size in ["0", "x", "-1", "1X", "99999999T", "G", ""] {
        let run = run(["segment", "a.png", "-o", "b", "--max-memory", size]);
        assert_eq!(run.code, Some(2), "{run:?}");
    }
    let run = run(["segment", "/no/such.png", "-o", "b", "--max-memory", "512MiB"]);
    assert!(run.error(1).contains("cannot be opened"), "{run:?}");
}
