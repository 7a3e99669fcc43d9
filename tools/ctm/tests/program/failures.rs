//! Each failure: its exit code, and one line that says what and where.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Run, backends, ctm, data, run, segment, write_floats};
use tempfile::TempDir;

/// Segments a file that cannot be read, and expects the error to name it.
#[track_caller]
fn refused(file: &Path, more: &[&str], expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("masks");
    let run = segment(&backends()[0], file, &output, more);
    let error = run.error(1);
    assert!(error.starts_with(&file.display().to_string()), "{error}");
    assert!(error.contains(expected), "{error}");
    assert!(!output.exists(), "nothing is written");
}

/// A folder with a file in it.
fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

/// An image file, encoded by its name.
fn picture(name: &str, picture: impl Into<image::DynamicImage>) -> (TempDir, PathBuf) {
    let (folder, path) = file(name, b"");
    picture.into().save(&path).unwrap();
    (folder, path)
}

#[test]
fn what_is_no_image() {
    refused(Path::new("/no/such/map.png"), &[], "cannot be opened");
    let (folder, text) = file("text.png", b"This is no picture, whatever its name says.\n");
    refused(&text, &[], "is no image of a known format; PNG, JPEG");
    refused(folder.path(), &[], "is a folder; a file is expected");
    refused(folder.path(), &["--raw", "1x1x1"], "is a folder");
    let (_folder, empty) = file("empty.png", b"");
    refused(&empty, &[], "is empty");
    let (_folder, icon) = file("a.ico", b"\0\0\x01\0 and more");
    refused(&icon, &[], "is an image in the format ICO, which is not supported; PNG, JPEG");
    let (_folder, gif) = file("a.gif", b"GIF89a and more");
    refused(&gif, &[], "cannot be read as GIF");
    let (_folder, name) = file("line\nbreak.png", b"x");
    let run = segment(&backends()[0], &name, Path::new("unused"), &[]);
    assert!(run.error(1).contains("line\\nbreak.png"));
}

#[test]
fn damaged_images() {
    let noise = |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes();
    let rgb = image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([noise(x, y)[1], noise(y, x)[2], 9]));
    let float = image::Rgb32FImage::from_fn(64, 64, |x, y| image::Rgb([x as f32, y as f32, 0.5]));
    let files = [
        (picture("a.png", rgb.clone()), "PNG"),
        (picture("a.jpg", rgb.clone()), "JPEG"),
        (picture("a.tiff", rgb.clone()), "TIFF"),
        (picture("a.webp", rgb), "WebP"),
        (picture("a.exr", float), "OpenEXR"),
    ];
    for ((_folder, path), format) in &files {
        let whole = fs::read(path).unwrap();
        for len in [20, whole.len() / 2, whole.len() * 9 / 10] {
            fs::write(path, &whole[..len]).unwrap();
            refused(path, &[], &format!("cannot be read as {format}"));
        }
        // Whatever damage does, it ends in masks or in one line.
        for position in (0..whole.len()).step_by(whole.len() / 50) {
            let mut damaged = whole.clone();
            damaged[position] ^= 0xff;
            fs::write(path, damaged).unwrap();
            let output = tempfile::tempdir().unwrap();
            let run = segment(&backends()[0], path, output.path(), &[]);
            match run.code {
                Some(0) => drop(run.hint_or_nothing()),
                _ => assert!(run.error(1).starts_with(&path.display().to_string()), "{run:?}"),
            }
        }
    }
}

/// A PNG that claims a size and has no data for it.
fn png_of_size(width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    png.extend(width.to_be_bytes());
    png.extend(height.to_be_bytes());
    png.extend([16, 6, 0, 0, 0]);
    let mut crc = !0u32;
    for &byte in &png[12..] {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    png.extend((!crc).to_be_bytes());
    png.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    png
}

#[test]
fn absurd_sizes() {
    for (width, height) in [(0x7fff_ffff, 0x7fff_ffff), (1_000_000, 1_000_000), (65_535, 65_535)] {
        let (_folder, path) = file("huge.png", &png_of_size(width, height));
        refused(&path, &["--max-memory", "16G"], "17,179,869,184 are allowed (--max-memory)");
    }
    let (_folder, path) = file("zero.png", &png_of_size(0, 10));
    refused(&path, &[], "cannot be read as PNG");
    // Believable, and empty.
    let (_folder, path) = file("large.png", &png_of_size(8192, 8192));
    refused(&path, &[], "cannot be read as PNG");
}

#[test]
fn raw_files_of_the_wrong_size() {
    let (_folder, path) = file("map.f32", b"");
    write_floats(&path, &[0.5; 60]);
    refused(&path, &[], "raw floats need their size: --raw WIDTHxHEIGHTxCHANNELS");
    refused(
        &path,
        &["--raw", "4x5x4"],
        "holds 240 bytes; 4 x 5 pixels of 4 values (32-bit floats) are 320 bytes",
    );
    refused(
        &path,
        &["--raw", "4x4x3"],
        "holds 240 bytes; 4 x 4 pixels of 3 values (32-bit floats) are 192 bytes",
    );
    refused(&path, &["--raw", "60000x60000x4"], "are 57,600,000,000 bytes");
}

#[test]
fn folders_that_cannot_be_written() {
    let (folder, text) = file("text", b"");
    for output in [text.clone(), text.join("below")] {
        let run = segment(&backends()[0], &data("world-countries-2048.png"), &output, &[]);
        let error = run.error(1);
        assert!(error.starts_with(&output.display().to_string()), "{error}");
        assert!(error.contains("cannot be made a folder"), "{error}");
    }
    let (_map_folder, map) = picture("map.png", image::RgbImage::new(4, 4));
    for name in ["mask-001-000000.png", "overview.png"] {
        let output = folder.path().join(format!("without-{name}"));
        fs::create_dir_all(output.join(name)).unwrap();
        let run = segment(&backends()[0], &map, &output, &["--min-pixels", "1"]);
        let error = run.error(1);
        assert!(error.starts_with(&output.join(name).display().to_string()), "{error}");
        assert!(error.contains("cannot be written"), "{error}");
    }
}

#[test]
fn the_input_is_never_overwritten() {
    for name in ["overview.png", "mask-001-000000.png"] {
        let (folder, map) = picture(name, image::RgbImage::new(4, 4));
        let before = fs::read(&map).unwrap();
        let run = segment(&backends()[0], &map, folder.path(), &["--min-pixels", "1"]);
        assert!(run.error(1).contains("is the colour map (IMAGE), which "), "{run:?}");
        assert_eq!(fs::read(&map).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn more_masks_than_memory_holds() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["--min-pixels", "1", "--max-count", "1000000"];
    for backend in backends() {
        let run = segment(&backend, &data("astronaut-1024.png"), folder.path(), &settings);
        let error = run.error(1);
        assert!(error.contains("lower --max-count"), "{error}");
        assert!(error.contains("266,309 masks of 1024 x 1024 pixels need 279,245,225,984 bytes"), "{error}");
    }
}

#[test]
fn devices_that_are_not_there() {
    let run = run(["segment", "a.png", "-o", "unused", "--device", "no such device"]);
    assert!(run.error(1).contains("no device"), "{run:?}");
}

#[test]
fn wrong_usage() {
    for (args, expected) in [
        (&["segment"][..], "<IMAGE>..."),
        (&["segment", "a.png", "--cropped"], "--output <DIR>"),
        (&["segment", "a.png", "-o", "b", "--min-pixel", "1"], "a similar argument exists: '--min-pixels'"),
        (&["segment", "a.png", "-o", "b", "--min-pixels", "-1"], "-1"),
        (&["segment", "a.png", "-o", "b", "--min-pixels", "18446744073709551616"], "--min-pixels <N>"),
        (&["segment", "a.png", "-o", "b", "--max-count", "4294967296"], "--max-count <N>"),
        (&["segment", "a.png", "-o", "b", "--backend", "cuda"], "cuda"),
        (&["segment", "a.png", "-o", "b", "--backend", "cpu", "--device", "x"], "--backend cpu uses none"),
        (&["segment", "a.png", "-o", "b", "--raw", "640x480"], "three numbers such as 640x480x3"),
        (&["segment", "a.png", "-o", "b", "--raw", "640x480x0"], "channels is 0; 1 to 4 are supported"),
        (&["segment", "a.png", "-o", "b", "--raw", "0x480x3"], "width is 0"),
        (&["sgment", "a.png"], "'segment'"),
    ] {
        let run = run(args);
        assert!(run.error(2).contains(expected), "{run:?}");
    }
    let map = data("world-countries-2048.png").display().to_string();
    let forgotten = run([&map]);
    assert!(forgotten.error(2).contains(&format!("try 'ctm segment {map} -o masks'")), "{forgotten:?}");
    let nothing: [&str; 0] = [];
    let run = run(nothing);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("Usage: ctm <COMMAND>"), "{run:?}");
}

#[test]
fn help_tells_the_exit_codes() {
    for args in [&["--help"][..], &["segment", "--help"], &["devices", "--help"]] {
        let help = run(args).quiet().stdout;
        assert!(help.contains("Exit codes:\n  0    success"), "{help}");
    }
    assert_eq!(run(["--version"]).quiet().stdout, format!("ctm {}\n", env!("CARGO_PKG_VERSION")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = ctm().arg("devices").stdout(full).output().unwrap();
    assert!(Run::new(output).error(1).contains("standard output cannot be written"));
}
