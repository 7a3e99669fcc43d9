//! What decides which pixels get which mask, and what else is written: each option against what the test computes for
//! itself from a real image, on each backend.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{backends, data, floats, run, segment, write_floats};
use image::{DynamicImage, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

const FLAT: &str = "world-countries-2048.png";
const SMOOTH: &str = "world-countries-antialiased-2048.png";
const SEA: [u8; 3] = [0xaa, 0xcd, 0xe6];

/// A quarter of a map of the world, which has most of its countries: debug builds and validation layers are slow.
fn quarter(name: &str) -> RgbImage {
    let mut world = image::open(data(name)).unwrap().into_rgb8();
    image::imageops::crop(&mut world, 900, 200, 700, 400).to_image()
}

/// Saves a picture in a folder of its own.
fn saved(name: &str, picture: impl Into<DynamicImage>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    picture.into().save(&file).unwrap();
    (folder, file)
}

/// Each colour and its pixels, in the order of masks.
fn counted<const N: usize>(pixels: impl IntoIterator<Item = [u8; N]>) -> Vec<([u8; N], u64)> {
    let mut counts: HashMap<[u8; N], u64> = HashMap::new();
    for pixel in pixels {
        *counts.entry(pixel).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    counts
}

fn colors(picture: &RgbImage) -> Vec<[u8; 3]> {
    picture.pixels().map(|pixel| pixel.0).collect()
}

fn hex<const N: usize>(color: [u8; N]) -> String {
    color.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list(json: &Value) -> &Vec<Value> {
    json.as_array().unwrap_or_else(|| panic!("{json:#}"))
}

/// Colours and pixels of masks in JSON.
fn found(json: &Value) -> Vec<(String, u64)> {
    let entry = |mask: &Value| (mask["hex"].as_str().unwrap().to_owned(), mask["pixels"].as_u64().unwrap());
    list(&json["masks"]).iter().map(entry).collect()
}

/// Checks each mask file and the statistics of each mask against the mask number of each pixel, 0 for none.
#[track_caller]
fn check_masks(json: &Value, width: u32, labels: &[usize]) {
    for (index, mask) in list(&json["masks"]).iter().enumerate() {
        let inside: Vec<usize> = (0..labels.len()).filter(|&pixel| labels[pixel] == index + 1).collect();
        assert_eq!(mask["pixels"], inside.len(), "{mask:#}");
        assert_eq!(mask["share"].as_f64().unwrap(), inside.len() as f64 / labels.len() as f64);
        let picture = image::open(mask["file"].as_str().unwrap()).unwrap().into_luma8();
        let expected: Vec<u8> =
            labels.iter().map(|&label| if label == index + 1 { 255 } else { 0 }).collect();
        assert!(picture.as_raw() == &expected, "{mask:#}");
        let places = || inside.iter().map(|&pixel| ((pixel as u32) % width, (pixel as u32) / width));
        if inside.is_empty() {
            assert!(
                mask["box"].is_null() && mask["first_pixel"].is_null() && mask["centroid"].is_null(),
                "{mask:#}"
            );
            continue;
        }
        let [left, right] = [places().map(|p| p.0).min().unwrap(), places().map(|p| p.0).max().unwrap()];
        let [top, bottom] = [places().map(|p| p.1).min().unwrap(), places().map(|p| p.1).max().unwrap()];
        let expected = serde_json::json!({ "left": left, "top": top, "width": right - left + 1, "height": bottom - top + 1 });
        assert_eq!(mask["box"], expected);
        let first = places().next().unwrap();
        assert_eq!(mask["first_pixel"], serde_json::json!([first.0, first.1]));
        let mean = |sum: u64| sum as f64 / inside.len() as f64;
        let centroid =
            [mean(places().map(|p| u64::from(p.0)).sum()), mean(places().map(|p| u64::from(p.1)).sum())];
        assert_eq!(mask["centroid"], serde_json::json!(centroid));
    }
}

#[test]
fn statistics_and_masks_of_the_most_frequent_colors() {
    let picture = quarter(FLAT);
    let pixels = colors(&picture);
    let counts = counted(pixels.iter().copied());
    let labels: Vec<usize> = pixels
        .iter()
        .map(|pixel| counts[..12].iter().position(|(color, _)| color == pixel).map_or(0, |index| index + 1))
        .collect();
    let (_map, file) = saved("world.png", picture);
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let json = segment(&backend, &file, folder.path(), &["--json", "--max-count", "12"]).quiet().json();
        assert_eq!(list(&json["masks"]).len(), 12);
        check_masks(&json, 700, &labels);
    }
}

#[test]
fn a_16_bit_map_with_noise_is_the_8_bit_map() {
    let picture = quarter(FLAT);
    let expected = counted(colors(&picture));
    // Up to 128 of 65,535 round to the same 8 bits.
    let noise = |x: u32, y: u32, channel: u32| (x * 7 + y * 13 + channel * 5) % 257;
    let noisy = image::ImageBuffer::from_fn(700, 400, |x, y| {
        let value = |channel: u32| {
            let flat = u32::from(picture.get_pixel(x, y)[channel as usize]) * 257;
            (flat + noise(x, y, channel)).saturating_sub(128).min(65_535) as u16
        };
        image::Rgb([value(0), value(1), value(2)])
    });
    let (_map, file) = saved("noisy.png", noisy);
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let args = ["--json", "--no-overview", "--match", "8bit", "--max-count", "9"];
        let json = segment(&backend, &file, folder.path(), &args).quiet().json();
        assert_eq!(json["format"], "PNG, 16-bit RGB");
        let expected: Vec<_> = expected[..9].iter().map(|&(color, pixels)| (hex(color), pixels)).collect();
        assert_eq!(found(&json), expected);
        assert_eq!(json["distinct_colors"], counted(colors(&picture)).len());
        let json = segment(&backend, &file, folder.path(), &["--json", "--min-pixels", "1"]).quiet().json();
        assert!(json["distinct_colors"].as_u64().unwrap() > 10_000, "exact is exact");
    }
}

#[test]
fn alpha_is_a_channel_or_nothing_or_decides() {
    let picture = quarter(FLAT);
    let alpha = |x: u32, y: u32| (x / 3 + y / 5) as u8;
    let with_alpha = image::RgbaImage::from_fn(700, 400, |x, y| {
        let [r, g, b] = picture.get_pixel(x, y).0;
        image::Rgba([r, g, b, alpha(x, y)])
    });
    let visible =
        with_alpha.pixels().filter(|pixel| pixel[3] >= 100).map(|pixel| [pixel[0], pixel[1], pixel[2]]);
    let text = |counts: Vec<([u8; 3], u64)>| -> Vec<_> {
        counts[..5].iter().map(|&(color, pixels)| (hex(color), pixels)).collect()
    };
    let (all, visible) = (text(counted(colors(&picture))), text(counted(visible)));
    assert_ne!(all, visible);
    let (_map, file) = saved("alpha.png", with_alpha.clone());
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let run = |alpha: &str| {
            segment(&backend, &file, folder.path(), &["--json", "--alpha", alpha]).quiet().json()
        };
        assert_eq!(found(&run("ignored")), all);
        assert_eq!(found(&run("at-least=100/255")), visible);
        assert_eq!(found(&run("at-least=0.392156862745098")), visible);
        let json = run("color");
        assert_eq!(list(&json["masks"][0]["color"]).len(), 4);
        // A colour without its alpha is one where alpha is no part of it only.
        let args = ["--json", "--alpha", "ignored", "--color", "aacde6"];
        assert_eq!(found(&segment(&backend, &file, folder.path(), &args).quiet().json())[0], all[0]);
        // Where alpha is part of it, it means the opaque one.
        let opaque = with_alpha.pixels().filter(|pixel| pixel.0 == [0xaa, 0xcd, 0xe6, 255]).count() as u64;
        let run = segment(&backend, &file, folder.path(), &["--json", "--color", "aacde6"]).quiet();
        assert_eq!(found(&run.json()), [("aacde6ff".into(), opaque)]);
    }
}

/// The palette of the flat map finds the countries of the smooth one, in its order.
#[test]
fn a_palette_of_another_map() {
    let flat = quarter(FLAT);
    let (_flat_map, flat_file) = saved("flat.png", flat);
    let smooth = quarter(SMOOTH);
    let pixels = colors(&smooth);
    let (_map, file) = saved("smooth.png", smooth);
    let folder = tempfile::tempdir().unwrap();
    let args = ["--json", "--no-masks", "--no-overview", "--min-pixels", "1", "--max-count", "30"];
    let run = segment(&backends()[0], &flat_file, folder.path(), &args).quiet();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "--no-masks --no-overview");
    let palette: Vec<String> = found(&run.json()).into_iter().map(|(color, _)| color).collect();
    let json_file = folder.path().join("palette.json");
    fs::write(&json_file, &run.stdout).unwrap();
    let values = |hex: &str| -> [f64; 3] {
        [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()))
    };
    // By definition: the nearest colour of the palette, of several the first.
    let nearest = |pixel: [u8; 3], distance: fn([f64; 3]) -> f64, tolerance: f64| -> usize {
        let far = |color: &String| {
            let color = values(color);
            distance([0, 1, 2].map(|channel| (f64::from(pixel[channel]) - color[channel]).abs()))
        };
        let mut best = (0, f64::INFINITY);
        for (index, color) in palette.iter().enumerate() {
            let far = far(color);
            if far <= tolerance && far < best.1 {
                best = (index + 1, far);
            }
        }
        best.0
    };
    let euclidean: fn([f64; 3]) -> f64 = |d| (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt();
    let largest: fn([f64; 3]) -> f64 = |d| d[0].max(d[1]).max(d[2]);
    let palette_file = json_file.to_str().unwrap();
    for (options, distance, tolerance) in [
        (&[][..], euclidean, 0.0),
        (&["--tolerance", "10/255"], euclidean, 10.0),
        (&["--tolerance", "0.0784313725490196", "--metric", "largest"], largest, 20.0),
        (&["--unlisted", "nearest"], euclidean, f64::INFINITY),
        (&["--unlisted", "nearest", "--metric", "largest"], largest, f64::INFINITY),
    ] {
        let labels: Vec<usize> = pixels.iter().map(|&pixel| nearest(pixel, distance, tolerance)).collect();
        for backend in backends() {
            let args = [&["--json", "--no-overview", "--palette", palette_file], options].concat();
            let json = segment(&backend, &file, folder.path(), &args).quiet().json();
            assert_eq!(found(&json).into_iter().map(|(color, _)| color).collect::<Vec<_>>(), palette);
            assert_eq!((&json["min_pixels"], &json["max_count"]), (&Value::Null, &Value::Null));
            check_masks(&json, 700, &labels);
        }
    }
}

#[test]
fn unlisted_colors_are_listed_or_an_error() {
    let picture = quarter(FLAT);
    let pixels = colors(&picture);
    let counts = counted(pixels.iter().copied());
    let (_map, file) = saved("world.png", picture);
    let folder = tempfile::tempdir().unwrap();
    let palette = folder.path().join("palette.txt");
    let named = [counts[1].0, [1, 2, 3], SEA];
    let lines =
        format!("# two names\n{} First\n#010203 Nowhere, \"yet\"\n{}\n", hex(named[0]), hex(named[2]));
    fs::write(&palette, lines).unwrap();
    let palette = palette.to_str().unwrap();
    let rest = counted(pixels.iter().copied().filter(|pixel| !named.contains(pixel)));
    for backend in backends() {
        let args = ["--json", "--palette", palette, "--report-unlisted", "4"];
        let json = segment(&backend, &file, folder.path(), &args).quiet().json();
        assert_eq!(
            list(&json["masks"]).iter().map(|mask| mask["name"].as_str()).collect::<Vec<_>>(),
            [Some("First"), Some("Nowhere, \"yet\""), None]
        );
        assert_eq!(json["masks"][1]["pixels"], 0);
        let unlisted = &json["unlisted"];
        assert_eq!(unlisted["colors"], rest.len());
        assert_eq!(unlisted["pixels"], rest.iter().map(|entry| entry.1).sum::<u64>());
        let most = list(&unlisted["most_frequent"]);
        assert_eq!(most.len(), 4);
        for (entry, &(color, count)) in most.iter().zip(&rest) {
            assert_eq!((&entry["hex"], &entry["pixels"]), (&hex(color).into(), &count.into()));
            let first = pixels.iter().position(|pixel| *pixel == color).unwrap();
            assert_eq!(entry["first_pixel"], serde_json::json!([first % 700, first / 700]));
        }
        let run = segment(&backend, &file, folder.path(), &["--palette", palette, "--report-unlisted", "4"])
            .quiet();
        assert!(
            run.stdout.contains("Nowhere") && run.stdout.contains("not in the palette: "),
            "{}",
            run.stdout
        );
        let output = folder.path().join("unwritten");
        let run = segment(&backend, &file, &output, &["--palette", palette, "--unlisted", "error"]);
        assert!(run.error(1).contains(&format!("the most frequent is #{}", hex(rest[0].0))), "{run:?}");
        assert!(!output.exists(), "nothing is written");
    }
}

#[test]
fn ignored_colors_get_no_mask() {
    let picture = quarter(FLAT);
    let counts = counted(colors(&picture));
    let (_map, file) = saved("world.png", picture);
    let expected: Vec<_> = counts
        .iter()
        .filter(|(color, _)| *color != SEA && *color != counts[3].0)
        .take(5)
        .map(|&(color, pixels)| (hex(color), pixels))
        .collect();
    let second = hex(counts[3].0);
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let args = ["--json", "--ignore", "170/255,205/255,230/255", "--ignore", &second];
        let json = segment(&backend, &file, folder.path(), &args).quiet().json();
        assert_eq!(found(&json), expected);
    }
}

/// The most frequent colour first, each colour becomes the first near one that has stayed what it is.
#[test]
fn near_duplicates_become_frequent_colors() {
    let picture = quarter(SMOOTH);
    let pixels = colors(&picture);
    let (_map, file) = saved("smooth.png", picture);
    let counts = counted(pixels.iter().copied());
    for (options, tolerance, most) in [
        (&["--merge", "24/255", "--metric", "largest"][..], 24, u64::MAX),
        (&["--merge", "24/255", "--metric", "largest", "--merge-most-pixels", "40"], 24, 40),
    ] {
        let mut staying: Vec<([u8; 3], u64)> = Vec::new();
        let mut becomes: HashMap<[u8; 3], [u8; 3]> = HashMap::new();
        for &(color, count) in &counts {
            let is_near =
                |other: &[u8; 3]| (0..3).all(|channel| color[channel].abs_diff(other[channel]) <= tolerance);
            match staying.iter_mut().find(|other| count <= most && is_near(&other.0)) {
                Some(other) => {
                    other.1 += count;
                    becomes.insert(color, other.0);
                }
                None => staying.push((color, count)),
            }
        }
        staying.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let labels: Vec<usize> = pixels
            .iter()
            .map(|pixel| {
                let color = becomes.get(pixel).unwrap_or(pixel);
                staying[..8].iter().position(|entry| entry.0 == *color).map_or(0, |index| index + 1)
            })
            .collect();
        let moved: Vec<_> = counts.iter().filter(|entry| becomes.contains_key(&entry.0)).collect();
        for backend in backends() {
            let folder = tempfile::tempdir().unwrap();
            let args =
                [&["--json", "--no-overview", "--max-count", "8", "--report-merged", "3"], options].concat();
            let json = segment(&backend, &file, folder.path(), &args).quiet().json();
            check_masks(&json, 700, &labels);
            let merged = &json["merged"];
            assert_eq!(merged["colors"], moved.len());
            assert_eq!(merged["pixels"], moved.iter().map(|entry| entry.1).sum::<u64>());
            for (entry, (color, count)) in list(&merged["most_frequent"]).iter().zip(&moved) {
                assert_eq!((&entry["hex"], &entry["pixels"]), (&hex(*color).into(), &(*count).into()));
                assert_eq!(entry["into_hex"], hex(becomes[color]));
            }
            let run = segment(&backend, &file, folder.path(), &[options, &["--report-merged", "3"]].concat());
            assert!(run.quiet().stdout.contains("  became "));
        }
    }
}

/// The number of each pixel's region, and each region's size and first pixel, by flooding.
fn flooded(pixels: &[[u8; 3]], width: usize, corners: bool) -> (Vec<usize>, Vec<(usize, usize)>) {
    let (mut regions, mut of) = (Vec::new(), vec![usize::MAX; pixels.len()]);
    for first in 0..pixels.len() {
        if of[first] != usize::MAX {
            continue;
        }
        let number = regions.len();
        let (mut size, mut waiting) = (0, vec![first]);
        of[first] = number;
        while let Some(at) = waiting.pop() {
            size += 1;
            let (x, y) = ((at % width) as isize, (at / width) as isize);
            for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                let (nx, ny) = (x + dx, y + dy);
                let is_inside =
                    nx >= 0 && ny >= 0 && nx < width as isize && ny < (pixels.len() / width) as isize;
                if !is_inside || (!corners && dx != 0 && dy != 0) {
                    continue;
                }
                let next = ny as usize * width + nx as usize;
                if of[next] == usize::MAX && pixels[next] == pixels[first] {
                    of[next] = number;
                    waiting.push(next);
                }
            }
        }
        regions.push((size, first));
    }
    (of, regions)
}

#[test]
fn connected_regions_are_masks_of_their_own() {
    let picture = quarter(FLAT);
    let pixels = colors(&picture);
    let (_map, file) = saved("world.png", picture);
    let folder = tempfile::tempdir().unwrap();
    let palette = folder.path().join("palette.txt");
    fs::write(&palette, "#aacde6 Sea\n").unwrap();
    for (connected, corners) in [("4", false), ("8", true)] {
        let (of, regions) = flooded(&pixels, 700, corners);
        let numbers = |is_asked: &dyn Fn([u8; 3]) -> bool| -> Vec<usize> {
            let mut order: Vec<usize> =
                (0..regions.len()).filter(|&r| is_asked(pixels[regions[r].1])).collect();
            order.sort_by_key(|&region| {
                let (size, first) = regions[region];
                (usize::MAX - size, pixels[first], first)
            });
            let mut numbers = vec![0; regions.len()];
            order.iter().take(20).enumerate().for_each(|(index, &region)| numbers[region] = index + 1);
            of.iter().map(|&region| numbers[region]).collect()
        };
        for backend in backends() {
            let args = [
                "--json",
                "--no-overview",
                "--connected",
                connected,
                "--min-pixels",
                "1",
                "--max-count",
                "20",
            ];
            let json = segment(&backend, &file, folder.path(), &args).quiet().json();
            assert_eq!(list(&json["masks"]).len(), 20);
            check_masks(&json, 700, &numbers(&|_| true));
            let args = [&args[..], &["--palette", palette.to_str().unwrap()]].concat();
            let json = segment(&backend, &file, folder.path(), &args).quiet().json();
            check_masks(&json, 700, &numbers(&|color| color == SEA));
            assert!(list(&json["masks"]).iter().all(|mask| mask["name"] == "Sea"));
        }
    }
    let run = segment(&backends()[0], &file, folder.path(), &["--connected", "4", "--min-pixels", "280001"]);
    assert!(run.hint().contains("no region has 280,001 pixels; the largest one has "), "{run:?}");
}

/// Which mask takes a speck is for the library's tests to say; here, that the options say so, and what is told.
#[test]
fn specks_are_absorbed_and_holes_filled() {
    let pixels = [[9u8, 9, 9], [60, 9, 9], [9, 60, 9]];
    let rows = ["aaaaaa", "abaaac", "aaacac", "a.acac", "aaaccc"];
    let color = |letter: char| pixels.get("abc".find(letter).unwrap_or(9)).copied().unwrap_or([200; 3]);
    let image = image::RgbImage::from_fn(6, 5, |x, y| {
        image::Rgb(color(char::from(rows[y as usize].as_bytes()[x as usize])))
    });
    let (_map, file) = saved("specks.png", image);
    let folder = tempfile::tempdir().unwrap();
    for backend in backends() {
        let labels = folder.path().join("labels.png");
        let common = [
            "--no-masks",
            "--no-overview",
            "--min-pixels",
            "1",
            "--max-count",
            "all",
            "--ignore",
            "#c8c8c8",
            "--labels",
            labels.to_str().unwrap(),
        ];
        let run = |more: &[&str]| {
            let given = [&common[..], &["--json"], more].concat();
            let json = segment(&backend, &file, &folder.path().join("out"), &given).quiet().json();
            (image::open(&labels).unwrap().into_luma8().into_raw(), json)
        };
        let (plain, json) = run(&[]);
        assert_eq!(json["absorbed"], Value::Null);
        let is = |letters: &str| -> Vec<bool> {
            rows.iter().flat_map(|row| row.chars().map(|letter| letters.contains(letter))).collect()
        };
        let mask_of = |labels: &[u8], label: u8| labels.iter().map(|&own| own == label).collect::<Vec<_>>();
        assert_eq!(mask_of(&plain, 1), is("a"));
        let (cleaned, json) = run(&["--absorb", "2", "--absorb-unmasked", "all"]);
        assert_eq!(mask_of(&cleaned, 1), is("ab."));
        assert_eq!(
            json["absorbed"],
            serde_json::json!({ "regions": 2, "pixels": 2, "holes": 0, "hole_pixels": 0 })
        );
        let (filled, json) = run(&["--fill-holes", "1"]);
        assert_eq!(mask_of(&filled, 1), is("ab."));
        assert_eq!(
            json["absorbed"],
            serde_json::json!({ "regions": 0, "pixels": 0, "holes": 2, "hole_pixels": 2 })
        );
        let table =
            segment(&backend, &file, &folder.path().join("out"), &[&common[..], &["--absorb", "2"]].concat());
        assert!(table.stdout.contains("absorbed: 1 region, 1 pixel; filled: 0 holes, 0 pixels"), "{table:?}");
    }
}

/// How pixels are shared out is for the library's tests to say; here, that masks have the shares.
#[test]
fn unmixed_pixels_are_shared_out() {
    let flat = quarter(FLAT);
    let palette: Vec<[u8; 3]> = counted(colors(&flat)).into_iter().map(|entry| entry.0).collect();
    let pixels = colors(&quarter(SMOOTH));
    let (_map, file) = saved("smooth.png", quarter(SMOOTH));
    let folder = tempfile::tempdir().unwrap();
    let palette_file = folder.path().join("palette.txt");
    fs::write(&palette_file, palette.iter().map(|&color| hex(color) + "\n").collect::<String>()).unwrap();
    let mut files: Vec<Vec<u8>> = Vec::new();
    for backend in backends() {
        let labels = folder.path().join("labels.png");
        let given = ["--json", "--no-overview", "--palette", palette_file.to_str().unwrap(), "--unmix", "2"];
        let run = |name: &str, more: &[&str]| {
            let args = [&given[..], more].concat();
            let json = segment(&backend, &file, &folder.path().join(name), &args).quiet().json();
            let open = |mask: &Value| image::open(mask["file"].as_str()?).ok().map(DynamicImage::into_luma8);
            (list(&json["masks"]).iter().map(open).collect::<Vec<_>>(), json)
        };
        let (shares, json) = run("shares", &["--labels", labels.to_str().unwrap()]);
        let shares: Vec<Vec<u8>> = shares.into_iter().map(|mask| mask.unwrap().into_raw()).collect();
        let labels = image::open(&labels).unwrap().into_luma8().into_raw();
        let mut shared = 0;
        for (index, pixel) in pixels.iter().enumerate() {
            let of_pixel: Vec<u32> = shares.iter().map(|mask| mask[index].into()).collect();
            let sum: u32 = of_pixel.iter().sum();
            match palette.iter().position(|color| color == pixel) {
                Some(mask) => {
                    assert_eq!((of_pixel[mask], sum, usize::from(labels[index])), (255, 255, mask + 1))
                }
                None if labels[index] == 0 => assert_eq!(sum, 0),
                None => {
                    assert!(sum.abs_diff(255) <= 2, "{index}: {sum}"); // four shares, each rounded
                    let own = of_pixel[usize::from(labels[index]) - 1];
                    assert_eq!(own, *of_pixel.iter().max().unwrap());
                    shared += usize::from(own < 255);
                }
            }
        }
        assert!(shared > 1000, "{shared} pixels are shared");
        let (cropped, _) = run("cropped", &["--cropped"]);
        for ((mask, whole), entry) in cropped.iter().zip(&shares).zip(list(&json["masks"])) {
            let Some(mask) = mask else { continue };
            let place = |name: &str| entry["box"][name].as_u64().unwrap() as usize;
            assert_eq!((mask.width() as usize, mask.height() as usize), (place("width"), place("height")));
            for (index, share) in mask.as_raw().iter().enumerate() {
                let (x, y) = (index % place("width") + place("left"), index / place("width") + place("top"));
                assert_eq!(*share, whole[y * 700 + x]);
            }
        }
        let (bits, _) = run("bits", &["--mask-format", "1bit"]);
        for (number, mask) in (1..).zip(&bits) {
            let expected = labels.iter().map(|&label| if usize::from(label) == number { 255 } else { 0 });
            assert!(mask.as_ref().unwrap().iter().copied().eq(expected));
        }
        assert!(files.is_empty() || files == shares, "{backend:?}");
        files = shares;
    }
}

#[test]
fn labels_are_the_masks_numbers() {
    let picture = quarter(FLAT);
    let pixels = colors(&picture);
    let photo = image::open(data("astronaut-1024.png")).unwrap().crop_imm(300, 100, 200, 150).into_rgb8();
    let photo_pixels = colors(&photo);
    let (_map, map) = saved("world.png", picture);
    let (_photo, photo) = saved("photo.png", photo);
    for (file, pixels, count, sixteen) in [(&map, &pixels, 255, false), (&photo, &photo_pixels, 300, true)] {
        let mut counts = counted(pixels.iter().copied());
        counts.truncate(count);
        let numbers: HashMap<[u8; 3], usize> = counts.iter().enumerate().map(|(i, c)| (c.0, i + 1)).collect();
        let expected: Vec<u16> =
            pixels.iter().map(|pixel| numbers.get(pixel).map_or(0, |&number| number as u16)).collect();
        for backend in backends() {
            let folder = tempfile::tempdir().unwrap();
            let labels = folder.path().join("labels.png");
            let count = count.to_string();
            let args = ["--json", "--no-masks", "--no-overview", "--min-pixels", "1", "--max-count", &count];
            let args = [&args[..], &["--labels", labels.to_str().unwrap()]].concat();
            let json = segment(&backend, file, folder.path(), &args).quiet().json();
            assert_eq!(json["labels"], labels.to_str().unwrap());
            assert!(json["masks"][0]["file"].is_null());
            let found: Vec<u16> = match image::open(&labels).unwrap() {
                DynamicImage::ImageLuma8(picture) if !sixteen => {
                    picture.iter().map(|&label| label.into()).collect()
                }
                DynamicImage::ImageLuma16(picture) if sixteen => picture.into_raw(),
                other => panic!("{:?}", other.color()),
            };
            assert!(found == expected, "{backend:?}");
        }
    }
}

/// The position that a PNG says it has in a larger image.
fn png_offset(file: &Path) -> Option<[u32; 2]> {
    let bytes = fs::read(file).unwrap();
    let at = bytes.windows(4).position(|window| window == b"oFFs")? + 4;
    Some([at, at + 4].map(|at| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())))
}

#[test]
fn cropped_masks_and_masks_of_bits_are_the_same_masks() {
    let picture = quarter(FLAT);
    let (_map, file) = saved("world.png", picture);
    let palette = ["--color", "aacde6", "--color", "010203", "--color", "3fe038", "--color", "4b91a6"];
    for options in [&["--max-count", "12"][..], &palette] {
        for backend in backends() {
            let folder = tempfile::tempdir().unwrap();
            let run = |name: &str, more: &[&str]| {
                let args = [&["--json", "--no-overview"], options, more].concat();
                segment(&backend, &file, &folder.path().join(name), &args).quiet().json()
            };
            let whole = run("whole", &[]);
            for (name, more) in [
                ("cropped", &["--cropped"][..]),
                ("bits", &["--mask-format", "1bit"]),
                ("both", &["--cropped", "--mask-format", "1bit"]),
            ] {
                let json = run(name, more);
                for (mask, expected) in list(&json["masks"]).iter().zip(list(&whole["masks"])) {
                    let mut whole = image::open(expected["file"].as_str().unwrap()).unwrap().into_luma8();
                    for key in ["pixels", "box", "first_pixel", "centroid", "hex"] {
                        assert_eq!(mask[key], expected[key]);
                    }
                    let place = &mask["box"];
                    if place.is_null() && name != "bits" {
                        assert!(mask["file"].is_null(), "a picture without a pixel");
                        continue;
                    }
                    let path = PathBuf::from(mask["file"].as_str().unwrap());
                    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(&path).unwrap()));
                    let depth = decoder.read_info().unwrap().info().bit_depth;
                    assert_eq!(depth == png::BitDepth::One, more.contains(&"1bit"));
                    let mask = image::open(&path).unwrap().into_luma8();
                    if name == "bits" {
                        assert!(mask == whole, "{path:?}");
                        assert_eq!(png_offset(&path), None);
                        continue;
                    }
                    let side = |name: &str| place[name].as_u64().unwrap() as u32;
                    assert_eq!((mask.width(), mask.height()), (side("width"), side("height")));
                    assert_eq!(png_offset(&path), Some([side("left"), side("top")]));
                    let view = image::imageops::crop(
                        &mut whole,
                        side("left"),
                        side("top"),
                        side("width"),
                        side("height"),
                    );
                    assert!(view.to_image() == mask, "{path:?}");
                }
            }
        }
    }
}

#[test]
fn several_images_get_masks_of_the_same_colors() {
    let pictures = [quarter(FLAT), quarter(SMOOTH)];
    let pixels = pictures.each_ref().map(colors);
    let folder = tempfile::tempdir().unwrap();
    let files = ["first.png", "second.png"].map(|name| folder.path().join(name));
    for (picture, file) in pictures.iter().zip(&files) {
        picture.save(file).unwrap();
    }
    let second = files[1].to_str().unwrap();
    for (batch, counts) in [("all", counted(pixels.concat())), ("first", counted(pixels[0].iter().copied()))]
    {
        let order: Vec<[u8; 3]> = counts[..7].iter().map(|entry| entry.0).collect();
        for backend in backends() {
            let output = folder.path().join("masks");
            let [labels, table] = ["labels.png", "table.csv"].map(|name| folder.path().join(name));
            let args = ["--json", "--batch", batch, "--max-count", "7", "--labels", labels.to_str().unwrap()];
            let args = [&[second], &args[..], &["--table", table.to_str().unwrap()]].concat();
            let json = segment(&backend, &files[0], &output, &args).quiet().json();
            let rows = fs::read_to_string(&table).unwrap();
            assert_eq!(rows.lines().count(), 1 + 2 * 7);
            for (index, image) in list(&json["images"]).iter().enumerate() {
                let name = ["first", "second"][index];
                assert_eq!(image["input"], files[index].to_str().unwrap());
                assert_eq!(image["overview"], output.join(name).join("overview.png").to_str().unwrap());
                assert!(output.join(name).join("overview.png").exists());
                let expected: Vec<usize> = pixels[index]
                    .iter()
                    .map(|pixel| order.iter().position(|color| color == pixel).map_or(0, |place| place + 1))
                    .collect();
                check_masks(image, 700, &expected);
                for (place, mask) in list(&image["masks"]).iter().enumerate() {
                    let file = PathBuf::from(mask["file"].as_str().unwrap());
                    assert_eq!(file.parent(), Some(&*output.join(name)));
                    assert_eq!(mask["hex"], hex(order[place]));
                }
                let label_file = folder.path().join(format!("labels-{name}.png"));
                assert_eq!(image["labels"], label_file.to_str().unwrap());
                let found = image::open(label_file).unwrap().into_luma8();
                assert!(found.iter().map(|&label| label as usize).eq(expected), "{backend:?}");
            }
        }
    }
    // Where one image has alpha, another that has none is opaque.
    let half = image::RgbaImage::from_fn(700, 400, |x, y| {
        let [r, g, b] = pictures[0].get_pixel(x, y).0;
        image::Rgba([r, g, b, if x % 2 == 0 { 0 } else { 255 }])
    });
    let opaque = pictures[0].pixels().map(|pixel| [pixel[0], pixel[1], pixel[2], 255]);
    let counts = counted(half.pixels().map(|pixel| pixel.0).chain(opaque));
    let expected: Vec<String> = counts[..5].iter().map(|entry| hex(entry.0)).collect();
    let other = folder.path().join("other.png");
    half.save(&other).unwrap();
    for inputs in [[&files[0], &other], [&other, &files[0]]] {
        for backend in backends() {
            let args = ["--json", inputs[1].to_str().unwrap()];
            let json = segment(&backend, inputs[0], &folder.path().join("alpha"), &args).quiet().json();
            for image in list(&json["images"]) {
                let found: Vec<String> = found(image).into_iter().map(|mask| mask.0).collect();
                assert_eq!(found, expected);
            }
        }
    }
    let other = folder.path().join("grey.png");
    image::GrayImage::new(700, 400).save(&other).unwrap();
    let refused = segment(&backends()[0], &files[0], &folder.path().join("x"), &[other.to_str().unwrap()]);
    let error = refused.error(1);
    assert!(
        error.starts_with(other.to_str().unwrap()) && error.contains("several images must be alike"),
        "{error}"
    );
}

/// With `--batch each` an image gets what it gets in a call of its own, whatever the others are like.
#[test]
fn each_of_several_images_gets_masks_of_its_own_colors() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["first.png", "second.png"].map(|name| folder.path().join(name));
    quarter(FLAT).save(&files[0]).unwrap();
    image::imageops::crop_imm(&quarter(SMOOTH), 3, 5, 301, 203).to_image().save(&files[1]).unwrap();
    let table = folder.path().join("table.csv");
    for backend in backends() {
        let output = folder.path().join("masks");
        let options = ["--json", "--max-count", "7", "--min-pixels", "40"];
        let batch = ["--batch", "each", "--table", table.to_str().unwrap(), files[1].to_str().unwrap()];
        let json = segment(&backend, &files[0], &output, &[&options[..], &batch].concat()).quiet().json();
        let images = list(&json);
        assert_eq!(images.len(), 2);
        let mut masks = 0;
        for (file, image) in files.iter().zip(images) {
            let alone = folder.path().join("alone");
            let expected = segment(&backend, file, &alone, &options).quiet().json();
            let same = |name: &str| assert_eq!(image[name], expected[name], "{name} of {file:?}");
            ["width", "height", "distinct_colors", "min_pixels", "input"].into_iter().for_each(same);
            assert_eq!(list(&image["masks"]).len(), list(&expected["masks"]).len());
            let name = file.file_stem().unwrap();
            assert_eq!(image["overview"], output.join(name).join("overview.png").to_str().unwrap());
            for (mask, expected) in list(&image["masks"]).iter().zip(list(&expected["masks"])) {
                assert_eq!((&mask["hex"], &mask["pixels"]), (&expected["hex"], &expected["pixels"]));
                let [mask, expected] = [mask, expected].map(|mask| mask["file"].as_str().unwrap());
                assert_eq!(Path::new(mask).parent(), Some(&*output.join(name)));
                assert!(fs::read(mask).unwrap() == fs::read(expected).unwrap(), "{mask}");
                masks += 1;
            }
        }
        assert_ne!(images[0]["masks"][0]["hex"], images[1]["masks"][6]["hex"]);
        assert_eq!(fs::read_to_string(&table).unwrap().lines().count(), 1 + masks);
        // A single image is a list of one; advice says which image it is for.
        let one = segment(&backend, &files[0], &output, &["--json", "--batch", "each"]).quiet().json();
        assert_eq!(list(&one).len(), 1);
        let high = ["--batch", "each", "--min-pixels", "62000", files[1].to_str().unwrap()];
        let hint = segment(&backend, &files[0], &output, &high);
        assert!(hint.hint().starts_with(files[1].to_str().unwrap()), "{hint:?}");
        let text = segment(&backend, &files[0], &output, &["--batch", "each", files[1].to_str().unwrap()]);
        assert!(text.hint().starts_with(files[1].to_str().unwrap()), "{text:?}");
        let text = text.stdout;
        for file in &files {
            assert!(text.contains(&format!("{}: ", file.display())), "{text}");
        }
    }
}

#[test]
fn the_csv_table_says_what_the_json_says() {
    let (_map, file) = saved("world.png", quarter(FLAT));
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("table.csv");
    let args = ["--json", "--color", "aacde6", "--color", "010203", "--table", table.to_str().unwrap()];
    for backend in backends() {
        let json = segment(&backend, &file, folder.path(), &args).quiet().json();
        assert_eq!(json["table"], table.to_str().unwrap());
        let mut reader = csv::Reader::from_path(&table).unwrap();
        let rows: Vec<HashMap<String, String>> = reader.deserialize().map(|row| row.unwrap()).collect();
        assert_eq!(rows.len(), 2);
        let sea = &json["masks"][0];
        for (column, value) in [
            ("image", &json["input"]),
            ("mask", &1.into()),
            ("color", &"#aacde6".into()),
            ("pixels", &sea["pixels"]),
            ("share", &sea["share"]),
            ("left", &sea["box"]["left"]),
            ("height", &sea["box"]["height"]),
            ("first_x", &sea["first_pixel"][0]),
            ("centroid_y", &sea["centroid"][1]),
            ("file", &sea["file"]),
        ] {
            let text = value.as_str().map_or_else(|| value.to_string(), String::from);
            assert_eq!(rows[0][column], text, "{column}");
        }
        assert_eq!((rows[1]["pixels"].as_str(), rows[1]["left"].as_str()), ("0", ""));
    }
    // Floats stay as they are.
    let color = floats(&segment(&backends()[0], &file, folder.path(), &args).json()["masks"][0]["color"]);
    assert_eq!(color, SEA.map(|byte| f32::from(byte) / 255.0));
}

#[test]
fn what_contradicts_itself_is_wrong_usage() {
    let usual = ["segment", "a.png", "-o", "b"];
    for (more, expected) in [
        (&["--palette", "p", "--color", "#ff0000"][..], "cannot be used with"),
        (&["--color", "#ff0000", "--min-pixels", "3"], "cannot be used with"),
        (&["--color", "#ff0000", "--batch", "first"], "cannot be used with"),
        (&["--unlisted", "error"], "--palette"),
        (&["--report-unlisted", "3"], "--palette"),
        (&["--metric", "largest"], "--tolerance"),
        (&["--report-merged", "3"], "--merge"),
        (&["--connected", "6"], "--connected"),
        (&["--unmix", "0"], "from 1 to 16"),
        (&["--unmix", "17"], "from 1 to 16"),
        (&["--merge", "0.1", "--color", "#ff0000"], "cannot be used with"),
        (&["--tolerance", "-1"], "less than 0"),
        (&["--color", "-1,x"], "no colour"),
        (&["--tolerance", "x"], "no number"),
        (&["--alpha", "at-least=x"], "no number"),
        (&["--alpha", "some"], "at-least=0.5 is expected"),
        (&["--color", "reddish"], "no colour such as #ff8000"),
        (&["--max-count", "many"], "or all, is expected"),
        (&["--names", "{color}.png"], "{color} is not known"),
        (&["--names", "a.png"], "must tell masks apart"),
        (&["--frame", "0"], "from 1 on"),
        (&["--frame", "2", "--all-frames"], "cannot be used with"),
        (&["--quiet", "--json"], "cannot be used with"),
        (&["--list", "-", "--palette", "-"], "standard input (-) can be read once only"),
        (&["--min-pixel", "3"], "--min-pixels"),
        (&["--match", "fuzzy"], "fuzzy"),
        (&["--no-masks", "--cropped"], "cannot be used with"),
        (&["./a.png"], "two images are called 'a'"),
    ] {
        let run = run([&usual[..], more].concat());
        assert!(run.error(2).contains(expected), "{run:?}");
        assert!(run.error(2).ends_with("; try 'ctm segment --help'"), "{run:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("palette.txt");
    for (text, expected) in [
        ("", "has no colours"),
        ("#ff0000\nreddish\n", "line 2: 'reddish' is no colour"),
        ("0.1,0,0\n", "line 1: 0.1,0,0: 0.1 is no value of the image"),
        ("0,0,0\n1,1,1\n300,0,0\n", "line 3: 300,0,0: 300 is beyond 255"),
        ("1.0,1.0,1.0\n128,0,0\n", "line 2: 128,0,0 counts beyond 1, and line 1: 1.0,1.0,1.0 from 0 to 1"),
        ("#ff00\n", "line 1: #ff00 has 2 values; the image's colours have 3"),
        ("#ff0000\n1,0,0\n", "palette.txt, line 2: 1,0,0 is the same colour as "),
    ] {
        fs::write(&file, text).unwrap();
        let run = segment(&backends()[0], &data(FLAT), folder.path(), &["--palette", file.to_str().unwrap()]);
        assert!(run.error(1).contains(expected), "{run:?}");
    }
}

#[test]
fn distances_beyond_all_values_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (more, expected) in [
        (
            &["--tolerance", "10"][..],
            "--tolerance 10 is beyond 1.73, since values count from 0 to 1; write 10/255",
        ),
        (&["--merge", "40"], "--merge 40 is beyond 1.73, since values count from 0 to 1; write 40/255"),
        (
            &["--merge", "2", "--metric", "largest"],
            "--merge 2 is beyond 1, since values count from 0 to 1; write 2/255",
        ),
        (&["--tolerance", "1e9"], "--tolerance 1000000000 is beyond 1.73, since values count from 0 to 1"),
    ] {
        let run = segment(&backends()[0], &data(FLAT), folder.path(), more);
        assert!(run.error(1).contains(expected), "{run:?}");
    }
    // Floats may be further apart; and there is no harm in a distance that says "any".
    let file = folder.path().join("map.f32");
    write_floats(&file, &[0.0, 8.0, 100.0, 100.0]);
    let args = ["--raw", "2x2x1", "--tolerance", "10", "--min-pixels", "2"];
    segment(&backends()[0], &file, folder.path(), &args).quiet();
    segment(&backends()[0], &data(FLAT), folder.path(), &["--tolerance", "inf"]).quiet();
}
