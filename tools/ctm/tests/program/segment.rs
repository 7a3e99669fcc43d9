//! `ctm segment` as its users see it: masks, overview, table, JSON.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::process::Stdio;

use crate::common::{Map, Run, backends, ctm, data, floats, run, segment, write_floats};
use serde_json::Value;

const WORLD: &str = "world-countries-2048.png";

fn world() -> Map {
    let picture = image::open(data(WORLD)).unwrap().into_rgb8();
    let floats = picture.iter().map(|&byte| f32::from(byte) / 255.0).collect();
    Map { width: picture.width(), channels: 3, floats }
}

#[test]
fn masks_of_the_world_are_its_countries() {
    let text = fs::read_to_string(data("world-countries-2048.json")).unwrap();
    let countries: HashMap<String, Value> = serde_json::from_str(&text).unwrap();
    let known: HashMap<String, u64> = countries
        .iter()
        .map(|(rgb, country)| {
            let hex = rgb.split(',').map(|part| format!("{:02x}", part.parse::<u8>().unwrap())).collect();
            (hex, country["pixels"].as_u64().unwrap())
        })
        .filter(|&(_, pixels)| pixels >= 1000)
        .collect();
    let world = world();
    for backend in backends() {
        let json = world.check(&backend, &data(WORLD), 1000, 1000, &[]);
        assert_eq!(json["distinct_colors"], 216);
        let masks = json["masks"].as_array().unwrap();
        let found: HashMap<String, u64> = masks
            .iter()
            .map(|mask| (mask["hex"].as_str().unwrap().to_owned(), mask["pixels"].as_u64().unwrap()))
            .collect();
        assert_eq!(found, known);
    }
}

#[test]
fn defaults_are_five_masks_of_at_least_500_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a/new/folder");
    let args = [OsString::from("segment"), data(WORLD).into(), "-o".into(), output.clone().into()];
    let run = run(args).quiet();
    let mut names: Vec<String> = fs::read_dir(&output)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "mask-001-aacde6.png",
            "mask-002-3fe038.png",
            "mask-003-4b91a6.png",
            "mask-004-e0b165.png",
            "mask-005-9ce087.png",
            "overview.png"
        ]
    );
    assert!(!run.stdout.contains('\x1b'), "no colours where no terminal is: {}", run.stdout);
    for expected in ["2,048 × 1,024 pixels", "216 colours", "5 masks", "#aacde6", "1,404,003", "66.95 %"] {
        assert!(run.stdout.contains(expected), "{expected} is missing: {}", run.stdout);
    }
    // The last two columns are aligned, and the files are those that exist.
    let rows: Vec<&str> = run.stdout.lines().filter(|line| line.contains("mask-00")).collect();
    let column = rows[0].find(" % ").unwrap();
    for (row, name) in rows.iter().zip(&names) {
        assert_eq!(row.find(" % "), Some(column), "{}", run.stdout);
        assert!(row.ends_with(&output.join(name).display().to_string()), "{row}");
    }
    assert!(run.stdout.contains(&output.join("overview.png").display().to_string()));
}

#[test]
fn the_overview_shows_each_color() {
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let json =
            segment(&backend, &data(WORLD), folder.path(), &["--json", "--max-count", "1000"]).quiet().json();
        let file = folder.path().join("overview.png");
        assert_eq!(json["overview"], file.display().to_string());
        let picture = image::open(file).unwrap().into_rgb8();
        assert!((960..=2400).contains(&picture.width()), "{:?}", picture.dimensions());
        assert!((400..=2400).contains(&picture.height()), "{:?}", picture.dimensions());
        let mut pixels: HashMap<[u8; 3], usize> = HashMap::new();
        for pixel in picture.pixels() {
            *pixels.entry(pixel.0).or_default() += 1;
        }
        let masks = json["masks"].as_array().unwrap();
        assert!(masks.len() > 48);
        for mask in &masks[..48] {
            let color = floats(&mask["color"]);
            let color = [color[0], color[1], color[2]].map(|value| (value * 255.0).round() as u8);
            assert!(pixels[&color] > 1000, "no swatch of {color:?}");
        }
    }
}

/// Backends and thread counts must not be visible in any file.
#[test]
fn every_backend_writes_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = |name: &str| -> Vec<Vec<u8>> {
        let mut paths: Vec<_> =
            fs::read_dir(folder.path().join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read(path).unwrap()).collect()
    };
    let mut expected = None;
    for (index, backend) in backends().iter().enumerate() {
        for threads in ["0", "1"] {
            let name = format!("{index}-{threads}");
            segment(
                backend,
                &data(WORLD),
                &folder.path().join(&name),
                &["--threads", threads, "--max-count", "12"],
            )
            .quiet();
            let found = files(&name);
            assert_eq!(found.len(), 13);
            assert!(expected.get_or_insert_with(|| found.clone()) == &found, "{backend:?}");
        }
    }
}

#[test]
fn other_files_are_left_alone_and_own_ones_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("mask-777.png"), "other").unwrap();
    fs::write(path("mask-001-000000.png"), "old").unwrap();
    image::RgbImage::new(4, 4).save(path("map.png")).unwrap();
    for backend in backends() {
        segment(&backend, &path("map.png"), folder.path(), &["--min-pixels", "16", "--no-overview"]).quiet();
    }
    assert_eq!(fs::read(path("mask-777.png")).unwrap(), b"other");
    assert_eq!(image::open(path("mask-001-000000.png")).unwrap().into_luma8().into_raw(), [255; 16]);
    assert!(!path("overview.png").exists(), "--no-overview");
}

#[test]
fn small_files_have_the_same_pixels() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["8bit", "1bit"] {
        let [quick, small] = [&[][..], &["--small-files"]].map(|more| {
            let name = folder.path().join(format!("{format}-{}", more.len()));
            let args = [&["--mask-format", format, "--max-count", "3"], more].concat();
            segment(&backends()[0], &data(WORLD), &name, &args).quiet();
            let mut files: Vec<_> = fs::read_dir(&name).unwrap().map(|file| file.unwrap().path()).collect();
            files.sort();
            files
        });
        assert_eq!((quick.len(), small.len()), (4, 4));
        for (quick, small) in quick.iter().zip(&small) {
            assert!(fs::metadata(small).unwrap().len() < fs::metadata(quick).unwrap().len(), "{small:?}");
            assert!(image::open(small).unwrap() == image::open(quick).unwrap(), "{small:?}");
        }
    }
}

#[test]
fn no_mask_is_success_with_a_hint() {
    for backend in backends() {
        for (setting, hint) in [
            (
                ["--min-pixels", "1404004"],
                "no colour has 1,404,004 pixels; the most frequent one has 1,404,003",
            ),
            (["--min-pixels", "18446744073709551615"], "no colour has 18,446,744,073,709,551,615 pixels"),
            (["--max-count", "0"], "--max-count is 0"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let run = segment(&backend, &data(WORLD), folder.path(), &[&setting[..], &["--json"]].concat());
            assert!(run.hint().contains(hint), "{run:?}");
            assert_eq!(run.json()["masks"].as_array().unwrap().len(), 0);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the overview");
        }
    }
}

#[test]
fn an_image_of_nan_has_no_color() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nan.f32");
    write_floats(&file, &[f32::NAN; 6]);
    for backend in backends() {
        let run = segment(&backend, &file, folder.path(), &["--raw", "3x2x1", "--json"]);
        assert!(run.hint().contains("every pixel has a NaN"), "{run:?}");
        assert_eq!(run.json()["distinct_colors"], 0);
    }
}

#[test]
fn more_masks_than_were_expected() {
    let floats: Vec<f32> = (0..600).map(|index| (index % 60) as f32).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sixty.f32");
    write_floats(&file, &floats);
    let map = Map { width: 30, channels: 1, floats };
    for backend in backends() {
        let json = map.check(&backend, &file, 10, 4_294_967_295, &["--raw", "30x20x1"]);
        assert_eq!(json["masks"].as_array().unwrap().len(), 60);
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = ctm();
    command.arg("segment").arg(data(WORLD)).arg("-o").arg(folder.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::new(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn a_map_may_come_through_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    for (name, args) in [(data(WORLD), vec![]), (folder.path().join("a.f32"), vec!["--raw", "2x1x1"])] {
        write_floats(&folder.path().join("a.f32"), &[0.5, 0.5]);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", r#"file=$1; shift; cat "$file" | "$@""#, "sh"]).arg(&name);
        command.args([env!("CARGO_BIN_EXE_ctm"), "segment", "/dev/stdin", "--min-pixels", "1", "-o"]);
        command.arg(folder.path()).args(&args);
        let run = Run::new(command.output().unwrap()).quiet();
        assert!(run.stdout.contains("mask-001"), "{run:?}");
    }
}
