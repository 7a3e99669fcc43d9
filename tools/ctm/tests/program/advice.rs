//! Which option a hint names: the one that helps with this map.

use crate::common::{backends, data, segment, write_floats};

/// The hint on a picture.
fn hint(picture: impl Into<image::DynamicImage>, more: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.png");
    picture.into().save(&file).unwrap();
    let args = [&["--no-overview"], more].concat();
    let run = segment(&backends()[0], &file, &folder.path().join("o"), &args);
    run.hint_or_nothing().unwrap_or_default().to_owned()
}

/// Numbers that look random.
fn mixed(x: u32, y: u32, channel: u32) -> u32 {
    let mut hash =
        (x.wrapping_mul(73_856_093)) ^ y.wrapping_mul(19_349_663) ^ channel.wrapping_mul(83_492_791);
    for _ in 0..2 {
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
    }
    hash >> 8
}

/// Five flat colours, `noise` up and down.
fn noisy(noise: u32) -> image::RgbImage {
    let colors = [[20u8, 60, 200], [200, 30, 40], [90, 220, 90], [240, 240, 240], [120, 20, 120]];
    image::RgbImage::from_fn(400, 300, |x, y| {
        let color = colors[((x / 80 + y / 100) % 5) as usize];
        let off = |channel: u32| (mixed(x, y, channel) % (2 * noise + 1)) as u8;
        image::Rgb(std::array::from_fn(|at| (color[at] + off(at as u32)).saturating_sub(noise as u8)))
    })
}

#[test]
fn noise_is_merged_and_edges_are_unmixed() {
    let said = hint(noisy(2), &[]);
    assert!(said.contains("the map is noisy, or a photo: try --merge 8/255"), "{said}");
    assert!(hint(noisy(5), &["--min-pixels", "60"]).contains("try --merge 16/255"));
    // What it says helps.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.png");
    noisy(2).save(&file).unwrap();
    let args = ["--merge", "8/255", "--max-count", "all", "--json"];
    let json = segment(&backends()[0], &file, folder.path(), &args).quiet().json();
    assert_eq!(json["masks"].as_array().unwrap().len(), 5);
    assert!(json["masks"].as_array().unwrap().iter().all(|mask| mask["pixels"] == 24_000), "{json:#}");

    let smooth = segment(&backends()[0], &data("world-countries-antialiased-2048.png"), folder.path(), &[]);
    assert!(smooth.hint().contains("edges are anti-aliased: try --unmix 2"), "{smooth:?}");
    let flat = segment(&backends()[0], &data("world-countries-2048.png"), folder.path(), &[]);
    assert!(!flat.stderr.contains("try --"), "{flat:?}");
    let gradient = image::RgbImage::from_fn(256, 256, |x, y| image::Rgb([x as u8, y as u8, 0]));
    assert!(!hint(gradient, &["--min-pixels", "1"]).contains("try --"));
}

#[test]
fn floats_that_all_differ_are_rounded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.f32");
    let floats: Vec<f32> = (0..64 * 64)
        .flat_map(|pixel: u32| {
            let base = if pixel % 64 < 20 { 51.0 } else { 204.0 };
            (0..3).map(move |channel| (base + (mixed(pixel, 7, channel) % 1000) as f32 / 4000.0) / 255.0)
        })
        .collect();
    write_floats(&file, &floats);
    let run = segment(&backends()[0], &file, folder.path(), &["--raw", "64x64x3"]);
    assert!(run.hint().ends_with("rounded to 8 bits, one has enough: try --match 8bit"), "{run:?}");
    let json =
        segment(&backends()[0], &file, folder.path(), &["--raw", "64x64x3", "--match", "8bit", "--json"]);
    assert_eq!(json.quiet().json()["masks"].as_array().unwrap().len(), 2);
    // What they no longer differ by is no noise.
    let floats: Vec<f32> = (0..100 * 50)
        .map(|pixel: u32| {
            ((pixel % 100 / 5 * 12) as f32 + (mixed(pixel, 7, 0) % 1000) as f32 / 4000.0) / 255.0
        })
        .collect();
    write_floats(&file, &floats);
    let args = ["--raw", "100x50x1", "--match", "8bit", "--min-pixels", "10", "--max-count", "all"];
    let text = segment(&backends()[0], &file, folder.path(), &args).quiet().stdout;
    assert!(text.contains("20 masks in "), "{text}");
}

#[test]
fn given_colors_that_no_pixel_has() {
    let flat = || image::RgbImage::from_fn(40, 40, |x, _| image::Rgb([if x < 30 { 255 } else { 0 }, 128, 0]));
    let said = hint(flat(), &["--color", "#0000ff"]);
    assert_eq!(
        said,
        "no pixel has any of the colours that were given; the image's most frequent are #ff8000 and #008000"
    );
    let said = hint(flat(), &["--color", "#0000ff", "--connected", "4"]);
    assert!(said.starts_with("no pixel has any of the colours that were given"), "{said}");
    assert_eq!(hint(flat(), &["--color", "#0000ff", "--color", "#ff8000"]), "", "one is there");
    // A float that is near is not the same.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.f32");
    write_floats(&file, &[0.2001; 600]);
    let palette = folder.path().join("palette.txt");
    std::fs::write(&palette, "51 51 51 Sea\n").unwrap();
    let given = ["--raw", "20x10x3", "--palette", palette.to_str().unwrap()];
    let run = segment(&backends()[0], &file, folder.path(), &given);
    assert!(run.stderr.contains("whole numbers count from 0 to 255"), "{run:?}");
    assert!(run.stderr.contains("rounded to 8 bits, some have: try --match 8bit"), "{run:?}");
    let rounded = [&given[..], &["--match", "8bit", "--json"]].concat();
    let run = segment(&backends()[0], &file, folder.path(), &rounded);
    assert_eq!(run.json()["masks"][0]["pixels"], 200, "{run:?}");
}
