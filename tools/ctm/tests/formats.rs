//! Each file format and pixel type becomes the floats that the documentation says.

mod common;

use std::fs::File;
use std::path::PathBuf;

use common::{Map, backends, segment, write_floats};
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
