//! TIFF files as GDAL and libtiff write them: each value comes out as it went in.

#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use crate::common::{Decoded, Run, decoded, repository, run};
use tempfile::TempDir;

const WIDTH: usize = 150;
const HEIGHT: usize = 107;

/// Installs what writes the files, once.
fn tools() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = Command::new(repository().join("scripts/packages"))
            .args(["gdal-bin", "libtiff-tools"])
            .status()
            .unwrap();
        assert!(status.success(), "scripts/packages gdal-bin libtiff-tools");
    });
}

/// Runs a program that must succeed.
#[track_caller]
fn tool(name: &str, args: &[&str], files: &[&Path]) {
    tools();
    let output = Command::new(name).args(args).args(files).output().unwrap();
    assert!(output.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A value type: its name in ENVI headers, and its bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    U8,
    U16,
    F32,
}

impl Type {
    fn code(self) -> u32 {
        match self {
            Self::U8 => 1,
            Self::U16 => 12,
            Self::F32 => 4,
        }
    }

    /// Regions with edges off every tile, some noise, and values that no float rounding leaves alone.
    fn pixels(self, channels: usize) -> Vec<u8> {
        let value = |index: usize| {
            let (pixel, channel) = (index / channels, index % channels);
            let (x, y) = (pixel % WIDTH, pixel / WIDTH);
            let noise = (x * 7919 + y * 104_729) as u32 ^ (x * y) as u32;
            let region = ((x / 13 + 5 * (y / 11) + 3 * channel) as u32).wrapping_mul(2_654_435_761);
            if (x / 40 + y / 40) % 3 == 0 { noise.wrapping_mul(40_503) } else { region }
        };
        let values = (0..WIDTH * HEIGHT * channels).map(value);
        match self {
            Self::U8 => values.map(|value| (value >> 24) as u8).collect(),
            Self::U16 => values.flat_map(|value| ((value >> 16) as u16).to_ne_bytes()).collect(),
            Self::F32 => values.flat_map(|value| (value as f32 * 1.37e-3 - 5e5).to_ne_bytes()).collect(),
        }
    }
}

/// A raw file that GDAL reads, of so many bands.
fn source(folder: &Path, code: u32, channels: usize, pixels: &[u8]) -> PathBuf {
    let file = folder.join(format!("source-{code}-{channels}.raw"));
    fs::write(&file, pixels).unwrap();
    let header = format!(
        "ENVI\nsamples = {WIDTH}\nlines = {HEIGHT}\nbands = {channels}\nheader offset = 0\nfile type = ENVI Standard\n\
         data type = {code}\ninterleave = bip\nbyte order = 0\n"
    );
    fs::write(file.with_extension("hdr"), header).unwrap();
    file
}

/// Has GDAL write a TIFF file.
fn gdal(source: &Path, options: &[&str], name: &str) -> PathBuf {
    let file = source.with_file_name(name);
    let options: Vec<&str> = options.iter().flat_map(|option| ["-co", option]).collect();
    tool(
        "gdal_translate",
        &[&["-q", "-of", "GTiff", "--config", "GDAL_PAM_ENABLED", "NO"], &options[..]].concat(),
        &[source, &file],
    );
    file
}

#[track_caller]
fn check(file: &Path, channels: usize, expected: &[u8], what: &dyn std::fmt::Debug) {
    let Decoded { head, values } = decoded(file);
    let image = &head["Image"];
    assert_eq!((&image["width"], &image["height"]), (&WIDTH.into(), &HEIGHT.into()), "{what:?}: {head}");
    assert_eq!(image["channels"], channels, "{what:?}: {head}");
    assert!(values == expected, "{what:?}: {head}");
}

#[test]
fn every_way_in_which_gdal_writes() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for kind in [Type::U8, Type::U16, Type::F32] {
        for channels in [1, 3, 4] {
            let pixels = kind.pixels(channels);
            let source = source(folder.path(), kind.code(), channels, &pixels);
            for interleave in ["INTERLEAVE=PIXEL", "INTERLEAVE=BAND"] {
                for tiling in [&["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=48"][..], &["BLOCKYSIZE=10"], &[]]
                {
                    for compression in [
                        "NONE",
                        "PACKBITS",
                        "LZW",
                        "LZW 2",
                        "DEFLATE",
                        "DEFLATE 2",
                        "DEFLATE 3",
                        "ZSTD",
                        "ZSTD 3",
                    ] {
                        let (compression, predictor) =
                            compression.split_once(' ').unwrap_or((compression, "1"));
                        if predictor == "3" && kind != Type::F32 || tiling.len() == 1 && predictor == "1" {
                            continue;
                        }
                        // GDAL itself cannot read what it writes of that.
                        let has_order = predictor != "3";
                        let compression = format!("COMPRESS={compression}");
                        let predictor = format!("PREDICTOR={predictor}");
                        let mut options = vec![interleave, &compression];
                        if predictor != "PREDICTOR=1" {
                            options.push(&predictor);
                        }
                        options.extend(tiling);
                        // Each of these with some of the others.
                        options.extend(["BIGTIFF=YES"].iter().filter(|_| count % 3 == 0));
                        options.extend(["ENDIANNESS=BIG"].iter().filter(|_| count % 4 == 1 && has_order));
                        options.extend(["PHOTOMETRIC=RGB"].iter().filter(|_| channels > 2 && count % 2 == 0));
                        count += 1;
                        let file = gdal(&source, &options, "a.tif");
                        check(&file, channels, &pixels, &(kind, channels, &options));
                    }
                }
            }
        }
    }
    assert!(count > 200, "{count} ways");
}

#[test]
fn every_way_in_which_libtiff_writes() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, channels) in [(Type::U8, 3), (Type::U8, 1), (Type::U16, 4)] {
        let pixels = kind.pixels(channels);
        let source = source(folder.path(), kind.code(), channels, &pixels);
        let plain = gdal(&source, &[], "plain.tif");
        let file = folder.path().join("copy.tif");
        for layout in [&["-t", "-w", "64", "-l", "48"][..], &["-s", "-r", "7"], &["-s", "-r", "1000"]] {
            for planes in ["contig", "separate"] {
                // It separates bytes only.
                if planes == "separate" && kind != Type::U8 {
                    continue;
                }
                for (index, compression) in
                    ["none", "packbits", "lzw", "lzw:2", "zip", "zip:2"].iter().enumerate()
                {
                    let mut args = [layout, &["-p", planes, "-c", compression]].concat();
                    args.extend(["-8"].iter().filter(|_| index % 2 == 0));
                    args.push(if index % 3 == 0 { "-B" } else { "-L" });
                    tool("tiffcp", &args, &[&plain, &file]);
                    check(&file, channels, &pixels, &(kind, channels, &args));
                }
            }
        }
    }
}

/// The bytes of some values.
fn bytes<T: bytemuck::Pod>(values: impl IntoIterator<Item = T>) -> Vec<u8> {
    values.into_iter().flat_map(|value| bytemuck::bytes_of(&value).to_vec()).collect()
}

/// Has GDAL write values of one type, and expects others.
#[track_caller]
fn check_one(code: u32, channels: usize, stored: &[u8], options: &[&str], expected: &[u8], kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path(), code, channels, stored);
    let file = gdal(&source, options, "a.tif");
    check(&file, channels, expected, &options);
    assert_eq!(decoded(&file).head["Image"]["kind"], kind);
}

#[test]
fn cmyk_stays_four_channels() {
    let pixels = Type::U8.pixels(4);
    check_one(1, 4, &pixels, &["PHOTOMETRIC=CMYK"], &pixels, "TIFF, 8-bit CMYK");
    let pixels = Type::U16.pixels(4);
    check_one(12, 4, &pixels, &["PHOTOMETRIC=CMYK", "TILED=YES"], &pixels, "TIFF, 16-bit CMYK");
}

#[test]
fn other_types_are_exact() {
    let numbers = || 0..(WIDTH * HEIGHT) as i64;
    let floats = |value: fn(i64) -> f64| bytes(numbers().map(move |n| value(n) as f32));
    // Ids are not looked at as floats.
    let ids = bytes(numbers().map(|n| (n as u32).wrapping_mul(2_654_435_761)));
    check_one(13, 1, &ids, &["COMPRESS=DEFLATE", "PREDICTOR=2"], &ids, "TIFF, 32-bit integer grey");
    check_one(3, 1, &ids, &["TILED=YES"], &ids, "TIFF, signed 32-bit integer grey");
    let pairs = bytes(numbers().flat_map(|n| [u32::MAX - n as u32, n as u32]));
    check_one(13, 2, &pairs, &["INTERLEAVE=BAND"], &pairs, "TIFF, 32-bit integer in 2 channels");
    let three = || numbers().flat_map(|n| [n as u32, n as u32 * 1000, 7]);
    let kind = "TIFF, 32-bit integers as 32-bit float in 3 channels";
    check_one(13, 3, &bytes(three()), &[], &bytes(three().map(|n| n as f32)), kind);
    let kind = "TIFF, 16-bit integers as 32-bit float grey";
    check_one(2, 1, &bytes(numbers().map(|n| 8000 - n as i16)), &[], &floats(|n| 8000.0 - n as f64), kind);
    let kind = "TIFF, 64-bit float as 32-bit float grey";
    check_one(
        5,
        1,
        &bytes(numbers().map(|n| n as f64 / 8.0)),
        &["PREDICTOR=3", "COMPRESS=LZW", "TILED=YES"],
        &floats(|n| n as f64 / 8.0),
        kind,
    );
    let kind = "TIFF, 16-bit float as 32-bit float grey";
    let halves = bytes(numbers().map(|n| (n % 2000) as f32 / 4.0));
    check_one(4, 1, &halves, &["NBITS=16", "PREDICTOR=3", "COMPRESS=DEFLATE"], &halves, kind);
    let two = bytes(numbers().flat_map(|n| [n as u16, (n * 31) as u16]));
    check_one(12, 2, &two, &["TILED=YES", "INTERLEAVE=BAND"], &two, "TIFF, 16-bit in 2 channels");
    check_one(12, 2, &two, &["ALPHA=YES"], &two, "TIFF, 16-bit grey + alpha");
}

#[test]
fn few_bits_are_spread_over_eight() {
    for (bits, factor) in [(1, 255), (2, 85), (4, 17)] {
        let stored = bytes((0..WIDTH * HEIGHT).map(|n| ((n * 7 + n / WIDTH) % (1 << bits)) as u8));
        let expected: Vec<u8> = stored.iter().map(|value| value * factor).collect();
        let kind = format!("TIFF, 8-bit grey from {bits} bit{}", if bits == 1 { "" } else { "s" });
        let option = format!("NBITS={bits}");
        check_one(1, 1, &stored, &[&option], &expected, &kind);
        check_one(1, 1, &stored, &[&option, "TILED=YES", "COMPRESS=LZW"], &expected, &kind);
        let inverted: Vec<u8> = expected.iter().map(|value| 255 - value).collect();
        let kind = format!("{kind}, stored inverted");
        check_one(1, 1, &stored, &[&option, "PHOTOMETRIC=MINISWHITE"], &inverted, &kind);
    }
    let stored = bytes((0..WIDTH * HEIGHT).map(|n| ((n / 5 + n / WIDTH) % 2) as u8));
    let expected: Vec<u8> = stored.iter().map(|value| value * 255).collect();
    check_one(1, 1, &stored, &["NBITS=1", "COMPRESS=CCITTFAX4"], &expected, "TIFF, 8-bit grey from 1 bit");
    let pixels = Type::U8.pixels(1);
    let inverted: Vec<u8> = pixels.iter().map(|value| 255 - value).collect();
    check_one(1, 1, &pixels, &["PHOTOMETRIC=MINISWHITE"], &inverted, "TIFF, 8-bit grey, stored inverted");
}

#[test]
fn palettes_become_their_colors() {
    let folder = tempfile::tempdir().unwrap();
    let png = folder.path().join("palette.png");
    let mut encoder = png::Encoder::new(fs::File::create(&png).unwrap(), WIDTH as u32, HEIGHT as u32);
    let palette: Vec<u8> = (0..256 * 3).map(|n: u32| (n * 37 % 251) as u8).collect();
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette.clone());
    let indices = Type::U8.pixels(1);
    encoder.write_header().unwrap().write_image_data(&indices).unwrap();
    let expected: Vec<u8> =
        indices.iter().flat_map(|&i| palette[3 * usize::from(i)..][..3].to_vec()).collect();
    for options in [&["TILED=YES", "COMPRESS=LZW", "PREDICTOR=2"][..], &[]] {
        let file = gdal(&png, options, "a.tif");
        check(&file, 3, &expected, &options);
        assert_eq!(decoded(&file).head["Image"]["kind"], "TIFF, 8-bit RGB from a palette");
    }
}

#[test]
fn jpeg_inside_is_read_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let pixels: Vec<u8> =
        (0..WIDTH * HEIGHT * 3).map(|n| (n / 3 % WIDTH) as u8 + 40 * (n % 3) as u8 / 3).collect();
    let source = source(folder.path(), 1, 3, &pixels);
    for options in [
        &["PHOTOMETRIC=YCBCR"][..],
        &["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=48", "PHOTOMETRIC=YCBCR"],
        &["INTERLEAVE=BAND"],
        &[],
    ] {
        let file = gdal(&source, &[options, &["COMPRESS=JPEG", "JPEG_QUALITY=95"]].concat(), "a.tif");
        let Decoded { head, values } = decoded(&file);
        assert_eq!(head["Image"]["lossy"], "JPEG", "{head}");
        let furthest = values.iter().zip(&pixels).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(furthest <= 12, "{furthest} off: {options:?}");
    }
}

/// Has GDAL write a file that the tool refuses.
#[track_caller]
fn refused(code: u32, channels: usize, stored: &[u8], options: &[&str], expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = gdal(&source(folder.path(), code, channels, stored), options, "a.tif");
    let run = run([Path::new("segment"), &file, Path::new("-o"), &folder.path().join("masks")]);
    assert!(run.error(1).contains(expected), "{run:?}");
}

#[test]
fn what_cannot_be_exact_is_refused() {
    let large = bytes((0..WIDTH * HEIGHT * 3).map(|n| 16_777_216 + (n == 3 * 155) as u32));
    refused(13, 3, &large, &[], "channel 0 has 16777217 at column 5, row 1, which no 32-bit float holds");
    let fine = bytes((0..WIDTH * HEIGHT).map(|_| 0.1f64));
    refused(5, 1, &fine, &[], "channel 0 has 0.1 at column 0, row 0");
    refused(1, 3, &Type::U8.pixels(3), &["PHOTOMETRIC=CIELAB"], "Lab colours are not supported");
    refused(1, 3, &Type::U8.pixels(3), &["COMPRESS=LERC"], "compression by LERC (34887) is not supported");
    refused(1, 6, &Type::U8.pixels(6), &[], "pixels of 6 channels are not supported; 1 to 4 are");
    let gaps = vec![0; WIDTH * HEIGHT];
    refused(1, 1, &gaps, &["SPARSE_OK=TRUE", "TILED=YES"], "tiles[0] has no data");
    let bits = bytes((0..WIDTH * HEIGHT).map(|n| (n % 4096) as u16));
    refused(12, 1, &bits, &["NBITS=12"], "unsigned integers of 12 bits are not supported");
}

/// A file of one page, in a folder.
fn page() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path(), 1, 3, &Type::U8.pixels(3));
    let file = gdal(&source, &["TILED=YES"], "page.tif");
    (folder, file)
}

fn segment_all(file: &Path, masks: &Path) -> Run {
    let more = ["--min-pixels", "1", "-o"].map(Path::new);
    run([&[Path::new("segment"), file][..], &more, &[masks]].concat())
}

#[test]
fn further_pages_are_mentioned() {
    let (folder, page) = page();
    let masks = folder.path().join("masks");
    let pages = folder.path().join("pages.tif");
    for (count, more) in [(3, "-L"), (2, "-8")] {
        let inputs = vec![&*page; count];
        tool("tiffcp", &[more], &[inputs, vec![&pages]].concat());
        let run = segment_all(&pages, &masks);
        assert!(
            run.hint()
                .contains(&format!("has {count} pages; only the first is read (--page N, --all-pages)")),
            "{run:?}"
        );
    }
    // Smaller versions of the same picture are no pages.
    tool("gdaladdo", &["-q"], &[&page, Path::new("2"), Path::new("4")]);
    segment_all(&page, &masks).quiet();
}

/// Wherever a file is cut, it is refused; whatever is changed, it ends in masks or one line.
#[test]
fn damage_is_told() {
    let (folder, page) = page();
    let whole = fs::read(&page).unwrap();
    let file = folder.path().join("cut.tif");
    for len in [5, 9, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..len]).unwrap();
        let run = run([Path::new("segment"), &file, Path::new("-o"), &folder.path().join("masks")]);
        assert!(run.error(1).contains("cannot be read as TIFF") || len < 9, "{len}: {run:?}");
    }
}
