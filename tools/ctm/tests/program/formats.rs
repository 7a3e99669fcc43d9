//! Each file format and pixel type becomes the floats that the documentation says.

use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Map, Run, backends, floats, segment, write_floats};
use exr::prelude::{AnyChannel, AnyChannels, FlatSamples, Image as ExrImage, WritableImage as _};
use half::f16;
use image::{DynamicImage, ImageBuffer, Pixel};

const WIDTH: u32 = 9;
const HEIGHT: u32 = 6;

/// Writes the map of five colours in a format, and checks its masks on all backends.
fn check<P>(name: &str, kind: &str, colors: [P; 5], float: fn(P::Subpixel) -> f32)
where
    P: Pixel,
    ImageBuffer<P, Vec<P::Subpixel>>: Into<DynamicImage>,
{
    let map = Map::regions(WIDTH, HEIGHT, P::CHANNEL_COUNT.into(), |region| {
        colors[region as usize].channels().iter().map(|&value| float(value)).collect()
    });
    // The map's regions in pixel order are what the float version has; find them by their place.
    let places = Map::regions(WIDTH, HEIGHT, 1, |region| vec![region as f32]).floats;
    let picture =
        ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| colors[places[(y * WIDTH + x) as usize] as usize]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    let picture: DynamicImage = picture.into();
    picture.save(&file).unwrap();
    for backend in backends() {
        let json = map.check(&backend, &file, 1, 9, &[]);
        assert_eq!(json["format"], kind);
    }
}

fn from_8_bits(value: u8) -> f32 {
    f32::from(value) / 255.0
}

fn from_16_bits(value: u16) -> f32 {
    f32::from(value) / 65535.0
}

#[test]
fn png_8_bit() {
    check("a.png", "PNG, 8-bit grey", [0, 1, 127, 254, 255].map(|v| image::Luma([v])), from_8_bits);
    let colors = [[0, 0], [0, 255], [9, 0], [255, 1], [255, 255]];
    check("a.png", "PNG, 8-bit grey + alpha", colors.map(image::LumaA), from_8_bits);
    let colors = [[255, 128, 0], [255, 128, 1], [0, 0, 0], [1, 2, 3], [255; 3]];
    check("a.png", "PNG, 8-bit RGB", colors.map(image::Rgb), from_8_bits);
    let colors = [[255, 128, 0, 255], [255, 128, 0, 254], [0; 4], [1, 2, 3, 4], [0, 0, 0, 1]];
    check("a.png", "PNG, 8-bit RGBA", colors.map(image::Rgba), from_8_bits);
}

/// A 16-bit id is the number that is stored, in the table and in JSON.
#[test]
fn ids_of_16_bits_are_shown_as_they_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ids.png");
    ImageBuffer::from_fn(4, 1, |x, _| image::Luma([[26_001u16, 26_001, 26_001, 257][x as usize]]))
        .save(&file)
        .unwrap();
    for backend in backends() {
        let show = |more: &[&str]| {
            segment(&backend, &file, folder.path(), &[&["--min-pixels", "1", "--no-masks"], more].concat())
        };
        let json = show(&["--json"]).quiet().json();
        let stored: Vec<_> = json["masks"].as_array().unwrap().iter().map(|mask| &mask["stored"]).collect();
        assert_eq!(stored, [&serde_json::json!([26_001]), &serde_json::json!([257])]);
        let table = show(&[]).stdout;
        assert!(table.contains(" 26001 ") && table.contains(" 257 ") && !table.contains("0.39"), "{table}");
    }
}

#[test]
fn png_16_bit() {
    let colors = [0, 1, 32767, 65534, 65535].map(|v| image::Luma([v]));
    check("a.png", "PNG, 16-bit grey", colors, from_16_bits);
    let colors = [[0, 0], [0, 1], [257, 65535], [256, 65535], [65535, 65535]];
    check("a.png", "PNG, 16-bit grey + alpha", colors.map(image::LumaA), from_16_bits);
    let colors = [[0, 1, 2], [0, 1, 3], [257, 514, 65535], [256, 514, 65535], [65535; 3]];
    check("a.png", "PNG, 16-bit RGB", colors.map(image::Rgb), from_16_bits);
    let colors = [[0, 1, 2, 3], [0, 1, 2, 4], [65535; 4], [256, 514, 65535, 0], [0; 4]];
    check("a.png", "PNG, 16-bit RGBA", colors.map(image::Rgba), from_16_bits);
}

#[test]
fn png_with_palette_becomes_rgb() {
    let palette = [[10, 20, 30], [40, 50, 60], [255, 0, 0], [0, 0, 255], [7, 7, 7]];
    let map = Map::regions(WIDTH, HEIGHT, 3, |region| palette[region as usize].map(from_8_bits).to_vec());
    let places = Map::regions(WIDTH, HEIGHT, 1, |region| vec![region as f32]).floats;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("palette.png");
    let mut encoder = png::Encoder::new(File::create(&file).unwrap(), WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette.concat());
    let indices: Vec<u8> = places.iter().map(|&region| region as u8).collect();
    encoder.write_header().unwrap().write_image_data(&indices).unwrap();
    for backend in backends() {
        map.check(&backend, &file, 1, 9, &[]);
    }
}

#[test]
fn tiff() {
    let colors = [[255, 128, 0], [255, 128, 1], [0, 0, 0], [1, 2, 3], [255; 3]];
    check("a.tiff", "TIFF, 8-bit RGB", colors.map(image::Rgb), from_8_bits);
    let colors = [0, 1, 32767, 65534, 65535].map(|v| image::Luma([v]));
    check("a.tif", "TIFF, 16-bit grey", colors, from_16_bits);
    let colors =
        [[0.0, 1.0, -2.0, 0.5], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.5], [1e30; 4], [f32::NAN; 4]];
    check("a.tif", "TIFF, 32-bit float RGBA", colors.map(image::Rgba), |value| value);
}

#[test]
fn webp() {
    let colors = [[255, 128, 0], [255, 128, 1], [0, 0, 0], [1, 2, 3], [255; 3]];
    check("a.webp", "WebP, 8-bit RGB", colors.map(image::Rgb), from_8_bits);
    let colors = [[255, 128, 0, 255], [255, 128, 0, 254], [0; 4], [1, 2, 3, 4], [0, 0, 0, 1]];
    check("a.webp", "WebP, 8-bit RGBA", colors.map(image::Rgba), from_8_bits);
}

#[test]
fn exr() {
    let tiny = f32::from_bits(1);
    let colors = [
        [0.0, 1.0, -2.0],
        [0.1, 0.2, 0.3],
        [f32::INFINITY, 0.0, f32::NEG_INFINITY],
        [-0.0, tiny, 0.0],
        [f32::NAN; 3],
    ];
    check("a.exr", "OpenEXR, 32-bit float RGB", colors.map(image::Rgb), |value| value);
    let colors =
        [[0.0, 1.0, -2.0, 0.5], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.5], [1e30; 4], [f32::MAX; 4]];
    check("a.exr", "OpenEXR, 32-bit float RGBA", colors.map(image::Rgba), |value| value);
}

/// An OpenEXR file of one layer, with channels of their own types.
fn write_exr(file: &Path, channels: Vec<(&str, FlatSamples)>) {
    let channels = channels.into_iter().map(|(name, samples)| AnyChannel::new(name, samples));
    let image = ExrImage::from_channels((3, 2), AnyChannels::sort(channels.collect()));
    image.write().to_file(file).unwrap();
}

#[test]
fn exr_channels_have_types_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ids.exr");
    let ids = || FlatSamples::U32(vec![0, 1, 16_777_216, 16_777_218, 4_000_000_000, 7]);
    let halves = || FlatSamples::F16([0.0, 0.5, 1.0, -2.0, 65504.0, 0.0].map(f16::from_f32).to_vec());
    let floats = || FlatSamples::F32(vec![0.1, 0.2, 0.3, 0.4, 0.5, f32::INFINITY]);
    write_exr(&file, vec![("R", ids()), ("G", halves()), ("B", floats())]);
    let expected: Vec<f32> = [0.0, 1.0, 16_777_216.0, 16_777_218.0, 4e9, 7.0]
        .into_iter()
        .zip([0.0, 0.5, 1.0, -2.0, 65504.0, 0.0])
        .zip([0.1, 0.2, 0.3, 0.4, 0.5, f32::INFINITY])
        .flat_map(|((r, g), b)| [r, g, b])
        .collect();
    let map = Map { width: 3, channels: 3, floats: expected };
    let json = map.check(&backends()[0], &file, 1, 9, &[]);
    assert_eq!(json["format"], "OpenEXR, 32-bit integer and 16-bit float and 32-bit float RGB");
    for id in [16_777_217, u32::MAX] {
        let float = ("z", FlatSamples::F32(vec![0.5; 6]));
        write_exr(&file, vec![("R", FlatSamples::U32(vec![0, 0, 0, 0, id, 0])), float.clone()]);
        let mut command = vec!["--channels", "R,z"];
        command.push("--json");
        let run = segment(&backends()[0], &file, folder.path(), &command);
        let expected =
            format!("channel R has the integer {id} at column 1, row 1, which no 32-bit float holds");
        assert!(run.error(1).contains(&expected), "{run:?}");
    }
}

#[test]
fn exr_pixels_without_data_have_no_color() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("window.exr");
    let channels =
        AnyChannels::sort([AnyChannel::new("Y", FlatSamples::F32(vec![0.0; 6]))].into_iter().collect());
    let mut image = ExrImage::from_channels((3, 2), channels);
    image.attributes.display_window.size = exr::math::Vec2(5, 4);
    image.write().to_file(&file).unwrap();
    let run = segment(&backends()[0], &file, folder.path(), &["--min-pixels", "1", "--json"]);
    assert!(run.hint().contains("14 pixels outside the data window have no colour"), "{run:?}");
    assert_eq!(run.json()["masks"][0]["pixels"], 6);
}

/// Parts that are missing are not black, whatever their number.
#[test]
fn exr_with_missing_parts_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.exr");
    image::Rgb32FImage::from_pixel(64, 64, image::Rgb([1.0; 3])).save(&file).unwrap();
    let whole = std::fs::read(&file).unwrap();
    for len in [whole.len() - 1, whole.len() * 3 / 4] {
        std::fs::write(&file, &whole[..len]).unwrap();
        let run = segment(&backends()[0], &file, folder.path(), &[]);
        assert!(run.error(1).contains("cannot be read as OpenEXR"), "{run:?}");
    }
}

#[test]
fn what_png_stores_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.png");
    let write = |color, depth, transparent: Option<&'static [u8]>, data: &[u8]| {
        let mut encoder = png::Encoder::new(File::create(&file).unwrap(), 8, 1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if let Some(transparent) = transparent {
            encoder.set_trns(transparent);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
    };
    let check = |kind: &str, channels, floats: Vec<f32>| {
        let map = Map { width: 8, channels, floats };
        assert_eq!(map.check(&backends()[0], &file, 1, 20, &[])["format"], kind);
    };
    write(png::ColorType::Grayscale, png::BitDepth::One, None, &[0b1011_0001]);
    check("PNG, 8-bit grey from 1 bit", 1, vec![1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    write(png::ColorType::Grayscale, png::BitDepth::Four, None, &[0x01, 0x23, 0x45, 0xef]);
    let nibbles = [0, 1, 2, 3, 4, 5, 14, 15];
    check("PNG, 8-bit grey from 4 bits", 1, nibbles.map(|n| f32::from(n * 17u8) / 255.0).to_vec());
    write(png::ColorType::Grayscale, png::BitDepth::Eight, Some(&[0, 3]), &[0, 1, 2, 3, 3, 255, 6, 7]);
    let grey = |value: u8| [f32::from(value) / 255.0, if value == 3 { 0.0 } else { 1.0 }];
    let values = [0, 1, 2, 3, 3, 255, 6, 7].into_iter().flat_map(grey).collect();
    check("PNG, 8-bit grey + alpha with a transparent colour", 2, values);
}

#[test]
fn further_frames_are_mentioned() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("animation.png");
    let mut encoder = png::Encoder::new(File::create(&file).unwrap(), 30, 20);
    encoder.set_animated(3, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    (0..3).for_each(|frame| writer.write_image_data(&vec![frame; 600]).unwrap());
    writer.finish().unwrap();
    let run = segment(&backends()[0], &file, folder.path(), &["--json"]);
    assert!(run.hint().contains("is an animation of 3 frames; only the first image is read"), "{run:?}");
    assert_eq!(floats(&run.json()["masks"][0]["color"]), [0.0]);

    // Frames of WebP are whole images in a chunk of their own.
    let frame = |value| {
        let mut bytes = Cursor::new(Vec::new());
        let image = image::RgbImage::from_pixel(30, 20, image::Rgb([value; 3]));
        image.write_to(&mut bytes, image::ImageFormat::WebP).unwrap();
        let still = bytes.into_inner();
        let head = [&[0; 6][..], &[29, 0, 0, 19, 0, 0, 50, 0, 0, 0]].concat();
        chunk(b"ANMF", &[&head, &still[12..]].concat())
    };
    let size = [29, 0, 0, 19, 0, 0];
    let header = chunk(b"VP8X", &[&[2, 0, 0, 0][..], &size].concat());
    let body = [&b"WEBP"[..], &header, &chunk(b"ANIM", &[0; 6]), &frame(255), &frame(0)].concat();
    let file = folder.path().join("animation.webp");
    std::fs::write(&file, chunk(b"RIFF", &body)).unwrap();
    let run = segment(&backends()[0], &file, folder.path(), &["--json"]);
    assert!(run.hint().contains("is an animation of 2 frames; only the first image is read"), "{run:?}");
    // Blended into the canvas it would be 254.
    assert_eq!(floats(&run.json()["masks"][0]["color"]), [1.0; 3]);

    // A frame that leaves pixels open is no image.
    let size = [30, 0, 0, 19, 0, 0];
    let header = chunk(b"VP8X", &[&[2, 0, 0, 0][..], &size].concat());
    let body = [&b"WEBP"[..], &header, &chunk(b"ANIM", &[0; 6]), &frame(255), &frame(0)].concat();
    std::fs::write(&file, chunk(b"RIFF", &body)).unwrap();
    let run = segment(&backends()[0], &file, folder.path(), &[]);
    assert!(run.error(1).contains("first frame covers only a part of it"), "{run:?}");
}

#[test]
fn formats_of_one_image() {
    let grey = [0, 1, 127, 254, 255].map(|v| image::Luma([v]));
    let rgb = [[255, 128, 0], [255, 128, 1], [0, 0, 0], [1, 2, 3], [255; 3]].map(image::Rgb);
    let rgba = [[255, 128, 0, 255], [255, 128, 0, 254], [0; 4], [1, 2, 3, 4], [0, 0, 0, 1]].map(image::Rgba);
    for name in ["bmp", "tga", "qoi", "ppm"] {
        let format = if name == "ppm" { "PNM".into() } else { name.to_uppercase() };
        check(&format!("a.{name}"), &format!("{format}, 8-bit RGB"), rgb, from_8_bits);
    }
    for name in ["bmp", "tga", "qoi"] {
        let kind = format!("{}, 8-bit RGBA", name.to_uppercase());
        check(&format!("a.{name}"), &kind, rgba, from_8_bits);
    }
    check("a.pgm", "PNM, 8-bit grey", grey, from_8_bits);
    let wide = [[0, 1, 2, 3], [0, 1, 2, 4], [65535; 4], [256, 514, 65535, 0], [0; 4]].map(image::Rgba);
    check("a.ff", "farbfeld, 16-bit RGBA", wide, from_16_bits);
}

#[test]
fn hdr_is_read_exactly() {
    // Mantissas of 8 bits and a common exponent.
    let colors = [[1.0, 0.5, 0.25], [1.0, 0.5, 0.5], [0.0; 3], [2.0, 4.0, 0.125], [255.0, 128.0, 0.0]];
    let map = Map::regions(WIDTH, HEIGHT, 3, |region| colors[region as usize].to_vec());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.hdr");
    let pixels: Vec<_> = map.floats.as_chunks::<3>().0.iter().map(|&pixel| image::Rgb(pixel)).collect();
    image::codecs::hdr::HdrEncoder::new(File::create(&file).unwrap())
        .encode(&pixels, WIDTH as usize, HEIGHT as usize)
        .unwrap();
    let json = map.check(&backends()[0], &file, 1, 9, &[]);
    assert_eq!(json["format"], "HDR, 32-bit float RGB");
}

#[test]
fn pnm_and_pam_of_all_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pnm");
    let check = |head: &str, data: &[u8], kind: &str, channels, floats: Vec<f32>| {
        std::fs::write(&file, [head.as_bytes(), data].concat()).unwrap();
        let map = Map { width: 4, channels, floats };
        assert_eq!(map.check(&backends()[0], &file, 1, 20, &[])["format"], kind);
    };
    check("P1\n4 1\n1 0 0 1\n", &[], "PNM, 8-bit grey from 1 bit", 1, vec![0.0, 1.0, 1.0, 0.0]);
    check("P4\n4 1\n", &[0b1001_0000], "PNM, 8-bit grey from 1 bit", 1, vec![0.0, 1.0, 1.0, 0.0]);
    check(
        "P2\n# a comment\n4 1 255\n0 1 2 255\n",
        &[],
        "PNM, 8-bit grey",
        1,
        vec![0.0, 1.0 / 255.0, 2.0 / 255.0, 1.0],
    );
    // Values up to 15 are what the file has.
    let floats = [0, 1, 2, 15].map(from_8_bits).to_vec();
    check("P5\n4 1 15\n", &[0, 1, 2, 15], "PNM, 8-bit grey up to 15", 1, floats);
    let words = [0u16, 1, 256, 65535];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    check(
        "P5\n4 1 65535\n",
        &bytes,
        "PNM, 16-bit grey",
        1,
        words.map(|word| f32::from(word) / 65535.0).to_vec(),
    );
    let pam = "P7\nWIDTH 4\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n";
    let values: Vec<u8> = (0..16).collect();
    let floats = values.iter().map(|&value| from_8_bits(value)).collect();
    check(pam, &values, "PNM, 8-bit RGBA", 4, floats);

    std::fs::write(&file, b"P5 4 1 255\n\0\x01\x02\x03P5 4 1 255\n\0\0\0\0").unwrap();
    let run = segment(&backends()[0], &file, folder.path(), &["--min-pixels", "1"]);
    assert!(run.hint().contains("goes on behind its first image"), "{run:?}");
}

/// Three frames of 30 x 20 pixels; all are opaque, but for the third where `hole` says so.
fn write_gif(file: &Path, hole: bool) {
    let mut encoder = image::codecs::gif::GifEncoder::new(File::create(file).unwrap());
    let frame = |index: u8| {
        image::RgbaImage::from_fn(30, 20, |x, _| match x {
            0..10 if hole && index == 2 => image::Rgba([0; 4]),
            _ => image::Rgba([index * 100, 7, 255, 255]),
        })
    };
    encoder.encode_frames((0..3).map(|index| image::Frame::new(frame(index)))).unwrap();
}

#[test]
fn frames_of_gif() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.gif");
    write_gif(&file, false);
    let frame = |more: &[&str]| segment(&backends()[0], &file, &folder.path().join("o"), more);
    let run = frame(&["--json"]);
    assert!(run.hint().contains("is an animation of 3 frames; only the first image is read"), "{run:?}");
    assert_eq!(run.json()["format"], "GIF, 8-bit RGB from a palette");
    for number in 1..=3u8 {
        let json = frame(&["--json", "--frame", &number.to_string()]).quiet().json();
        assert_eq!(floats(&json["masks"][0]["color"]), [(number - 1) * 100, 7, 255].map(from_8_bits));
    }
    assert!(frame(&["--frame", "4"]).error(1).contains("has 3 frames; there is no frame 4"));
    // Each frame is an image of its own, with a folder of its own.
    let json = frame(&["--json", "--all-frames", "--no-overview"]).quiet().json();
    let images = json["images"].as_array().unwrap();
    assert_eq!(images.iter().map(|image| image["frame"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(json["masks"].as_array(), None);
    let name = images[1]["masks"][1]["file"].as_str().unwrap();
    assert!(name.ends_with("o/a-002/mask-002-6407ff.png"), "{name}");
    // Frames with and without holes go together.
    write_gif(&file, true);
    let json = frame(&["--json", "--all-frames", "--no-overview", "--min-pixels", "1"]).quiet().json();
    assert_eq!(json["channels"], 4);
    assert_eq!(json["masks"].as_array(), None);
    assert_eq!(json["images"][2]["masks"].as_array().unwrap().len(), 4);
    // What is cut off is an error, not a colour.
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 4]).unwrap();
    assert!(frame(&[]).error(1).contains("cannot be read as GIF"));
}

/// An animation is decoded once, not once for each of its frames.
#[test]
#[cfg(unix)]
fn many_frames_of_gif() {
    const FRAMES: u16 = 100;
    const SIDE: u16 = 400;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.gif");
    let palette: Vec<u8> = (0..=255u8).flat_map(|value| [value, 255 - value, 7]).collect();
    let mut encoder = gif::Encoder::new(File::create(&file).unwrap(), SIDE, SIDE, &palette).unwrap();
    let mut random = 1u32;
    for index in 0..FRAMES {
        // Each frame covers a part of those before it, another for each.
        let (left, height) = (index, SIDE - index);
        let mut value = |_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        };
        let buffer: Vec<u8> = (0..usize::from(SIDE - left) * usize::from(height)).map(&mut value).collect();
        let frame =
            gif::Frame { left, width: SIDE - left, height, buffer: buffer.into(), ..Default::default() };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    // What the program and those that it waits for need of a processor, in seconds.
    let times = |more: &[&str]| -> (f64, Run) {
        let script = r#"TIMEFORMAT="%U %S"; { time "$@" 2>&3; } 3>&2 2>times"#;
        let mut command = Command::new("bash");
        command.args(["-c", script, "-", env!("CARGO_BIN_EXE_ctm"), "segment", "a.gif", "--backend", "cpu"]);
        command.args(["--no-masks", "--no-overview", "--json", "--max-count", "256", "--min-pixels", "1"]);
        let run = Run::new(command.args(more).current_dir(folder.path()).output().unwrap());
        let times = std::fs::read_to_string(folder.path().join("times")).unwrap();
        (times.split_whitespace().map(|time| time.parse::<f64>().unwrap()).sum(), run)
    };
    let (time_of_last, last) = times(&["--frame", "100"]);
    let (time_of_all, all) = times(&["--all-frames", "--batch", "stream"]);
    assert!(time_of_all < 20.0 * time_of_last, "{time_of_all} s for all, {time_of_last} s for the last");
    let lines: Vec<serde_json::Value> =
        all.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), usize::from(FRAMES));
    assert_eq!(lines[99]["masks"], last.json()["masks"]);
    // In the middle, too.
    let (_, middle) = times(&["--frame", "50"]);
    assert_eq!(lines[49]["masks"], middle.json()["masks"]);
    // What no GIF has is refused for each frame.
    let refused = times(&["--all-frames", "--batch", "stream", "--layer", "a"]).1;
    assert!(refused.stderr.contains("has no named layers and channels (--layer, --channels)"), "{refused:?}");
}

#[test]
fn frames_of_png() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.png");
    let write = |part: bool| {
        let mut encoder = png::Encoder::new(File::create(&file).unwrap(), 30, 20);
        encoder.set_animated(3, 0).unwrap();
        let mut writer = encoder.write_header().unwrap();
        for frame in 0..3u8 {
            let is_part = part && frame == 2;
            if is_part {
                writer.set_frame_dimension(10, 20).unwrap();
            }
            writer.write_image_data(&vec![frame; if is_part { 200 } else { 600 }]).unwrap();
        }
        writer.finish().unwrap();
    };
    write(false);
    let frame = |number: &str| segment(&backends()[0], &file, folder.path(), &["--json", "--frame", number]);
    for number in 1..=3u8 {
        let json = frame(&number.to_string()).quiet().json();
        assert_eq!(floats(&json["masks"][0]["color"]), [from_8_bits(number - 1)]);
    }
    assert!(frame("4").error(1).contains("has 3 frames; there is no frame 4"));
    write(true);
    frame("2").quiet();
    assert!(frame("3").error(1).contains("frame 3 is drawn over those before it"));
    // Still images have one frame.
    image::RgbImage::new(30, 20).save(&file).unwrap();
    frame("1").quiet();
    assert!(frame("2").error(1).contains("has 1 frame; there is no frame 2"));
}

#[test]
fn files_that_are_too_short() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    let picture = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
    use image::ImageFormat::{Bmp, Gif, Pnm, Qoi, Tga};
    for format in [Bmp, Gif, Pnm, Qoi, Tga] {
        picture.save_with_format(&file, format).unwrap();
        segment(&backends()[0], &file, folder.path(), &["--min-pixels", "1"]).quiet();
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() * 2 / 3]).unwrap();
        let run = segment(&backends()[0], &file, folder.path(), &["--min-pixels", "1"]);
        assert!(run.error(1).contains("cannot be read as "), "{format:?}: {run:?}");
    }
    // 4 billion pixels in a header.
    for head in [&b"P5 65535 65535 255\n\0"[..], b"qoif\0\0\x40\0\0\0\x40\0\x03\0\xfe\0"] {
        std::fs::write(&file, head).unwrap();
        let run = segment(&backends()[0], &file, folder.path(), &["--max-memory", "100G"]);
        assert!(run.error(1).contains("is too short for "), "{run:?}");
        let run = segment(&backends()[0], &file, folder.path(), &["--max-memory", "100M"]);
        assert!(run.error(1).contains("(--max-memory)"), "{run:?}");
    }
}

/// A chunk of a RIFF file.
fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&name[..], &(content.len() as u32).to_le_bytes(), content, &[0][..content.len() % 2]].concat()
}

#[test]
fn cmyk_jpeg_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inks.jpg");
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
    image::RgbImage::new(16, 16).write_with_encoder(encoder).unwrap();
    // A frame of four components in place of three.
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let four =
        [&[0xff, 0xc0, 0, 20, 8, 0, 16, 0, 16, 4][..], &[1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0]]
            .concat();
    bytes.splice(frame..frame + 19, four);
    std::fs::write(&file, bytes).unwrap();
    let run = segment(&backends()[0], &file, folder.path(), &[]);
    assert!(run.error(1).contains("holds CMYK colours, which become others as RGB"), "{run:?}");
}

#[test]
fn the_content_decides_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("really-a-png.jpg");
    image::RgbImage::new(3, 2).save_with_format(&file, image::ImageFormat::Png).unwrap();
    let map = Map { width: 3, channels: 3, floats: vec![0.0; 18] };
    map.check(&backends()[0], &file, 1, 9, &[]);
}

/// What a decoder makes of a JPEG is not for this test to say; that it is read, and the advice, is.
#[test]
fn jpeg_is_read_and_advised_against() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jpg");
    image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([(x / 20 * 80) as u8, (y / 17 * 90) as u8, 40]))
        .save(&file)
        .unwrap();
    for backend in backends() {
        let run = segment(&backend, &file, folder.path(), &["--min-pixels", "1", "--json"]);
        assert!(run.hint().contains("JPEG changes colours"), "{run:?}");
        let json = run.json();
        assert_eq!((&json["width"], &json["height"], &json["channels"]), (&64.into(), &48.into(), &3.into()));
        assert_eq!(json["format"], "JPEG, 8-bit RGB");
    }
}

#[test]
fn raw_floats() {
    let special = [f32::NAN, f32::NEG_INFINITY, -0.0, 0.0, f32::from_bits(1), 0.1, 1e-30, f32::INFINITY];
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("special.f32");
    for channels in 1..=4usize {
        let floats: Vec<f32> =
            (0..12 * channels).map(|index| special[index * index % special.len()]).collect();
        write_floats(&file, &floats);
        let map = Map { width: 4, channels, floats };
        for backend in backends() {
            map.check(&backend, &file, 1, 20, &["--raw", &format!("4x3x{channels}")]);
        }
    }
}

#[test]
fn raw_values_of_all_formats() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.raw");
    let check = |format: &str, bytes: &[u8], floats: Vec<f32>| {
        std::fs::write(&file, bytes).unwrap();
        let map = Map { width: 4, channels: 2, floats };
        let raw = ["--raw", "4x1x2", "--raw-format", format];
        backends().iter().for_each(|backend| drop(map.check(backend, &file, 1, 20, &raw)));
        let run = segment(&backends()[0], &file, folder.path(), &["--raw", "4x1x3", "--raw-format", format]);
        assert!(run.error(1).contains(&format!("holds {} bytes; 4 x 1 pixels of 3", bytes.len())), "{run:?}");
    };
    let bytes = [0, 1, 0, 1, 255, 254, 7, 0];
    check("u8", &bytes, bytes.map(from_8_bits).to_vec());
    let words = [0, 1, 0, 1, 65535, 65534, 256, 0];
    let bytes: Vec<u8> = words.iter().flat_map(|word: &u16| word.to_le_bytes()).collect();
    check("u16", &bytes, words.map(from_16_bits).to_vec());
    let halves = [0.0, -0.0, 1.0, 65504.0, f32::INFINITY, 0.1, 1e-7, f32::NAN].map(f16::from_f32);
    let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    check("f16", &bytes, halves.map(f16::to_f32).to_vec());
    let run = segment(&backends()[0], &file, folder.path(), &["--raw-format", "u8"]);
    assert!(run.error(2).contains("--raw"), "{run:?}");
    let run = segment(&backends()[0], &file, folder.path(), &["--raw", "4x1x2", "--frame", "2"]);
    assert!(run.error(2).contains("raw files (--raw) have one"), "{run:?}");
}
