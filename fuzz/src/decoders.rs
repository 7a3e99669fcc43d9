//! Image files, whatever they hold, become images or errors, within their budget of memory.

use std::io::Cursor;

use super::{decode, picture};

/// What a decoder may hold; libFuzzer's own limit, for all of the process, lies far above.
const BUDGET: u64 = 16 << 20;

pub fn run(bytes: &[u8]) {
    let Ok(format) = decode::format_of(&bytes[..bytes.len().min(32)]) else { return };
    match decode::decode(Cursor::new(bytes), bytes.len() as u64, format, &decode::Part::default(), BUDGET) {
        Ok(image) => {
            let value = match image.values {
                picture::Values::U8(_) => 1,
                picture::Values::U16(_) => 2,
                picture::Values::F32(_) => 4,
            };
            assert_eq!(image.values.bytes().len(), image.shape.floats() * value, "{}", image.kind);
        }
        Err(error) => assert!(!format!("{error:#}").is_empty()),
    }
}
