//! Each file format and pixel type becomes the floats that the documentation says.

mod common;

use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use common::{Map, backends, floats, segment, write_floats};
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
    write_exr(&file, vec![("id", ids())]);
    let map = Map { width: 3, channels: 1, floats: vec![0.0, 1.0, 16_777_216.0, 16_777_218.0, 4e9, 7.0] };
    assert_eq!(map.check(&backends()[0], &file, 1, 9, &[])["format"], "OpenEXR, 32-bit integer channel id");
    for id in [16_777_217, u32::MAX] {
        write_exr(&file, vec![("id", FlatSamples::U32(vec![0, 0, 0, 0, id, 0]))]);
        let run = segment(&backends()[0], &file, folder.path(), &[]);
        let expected =
            format!("channel id has the integer {id} at column 1, row 1, which no 32-bit float holds");
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
