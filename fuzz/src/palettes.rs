//! Palette files and raw files: colours, floats, or an error.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use super::input::{Raw, RawFormat, Reading};
use super::palette;
use super::picture::Image;

pub fn run(bytes: &[u8]) {
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    let descriptor = rustix::fs::memfd_create(c"fuzz", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(descriptor);
    file.write_all(bytes).unwrap();
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    if kind < 200 {
        match palette::read(&path, 1 << 20) {
            Ok(palette) => drop(palette.in_image(ctm::Format::U8, 3)),
            Err(error) => assert!(!format!("{error:#}").is_empty()),
        }
        return;
    }
    let formats = [
        (RawFormat::F32, 4),
        (RawFormat::F16, 2),
        (RawFormat::U16, 2),
        (RawFormat::U8, 1),
        (RawFormat::U32, 4),
        (RawFormat::I32, 4),
    ];
    let (format, size) = formats[usize::from(kind) % formats.len()];
    let is_id = matches!(format, RawFormat::U32 | RawFormat::I32);
    let channels = 1 + u32::from(kind) % if is_id { 2 } else { 4 };
    let shape = ctm::Shape::new(u32::from(kind) - 199, 3, channels).unwrap();
    let raw = Some(Raw { shape, format });
    let part = super::decode::Part::default();
    let read = Image::read(&path, &Reading { raw, max_memory: 1 << 20, part });
    assert_eq!(read.is_ok(), bytes.len() == shape.floats() * size, "{} bytes", bytes.len());
}
