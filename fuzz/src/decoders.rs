//! Image files, whatever they hold, become images or errors, within their budget of memory.

use std::io::Cursor;

use super::decode;
use super::picture::Values;

/// What a decoder may hold; libFuzzer's own limit, for all of the process, lies far above.
const BUDGET: u64 = 16 << 20;

pub fn run(bytes: &[u8]) {
    let Ok(format) = decode::format_of(&bytes[..bytes.len().min(32)]) else { return };
    let (len, part) = (bytes.len() as u64, decode::Part::default());
    match decode::decode(Cursor::new(bytes), len, format, &part, BUDGET) {
        Ok(image) => {
            let value = match image.values {
                Values::U8(_) => 1,
                Values::U16(_) => 2,
                Values::F32(_) | Values::U32(_) | Values::I32(_) => 4,
            };
            assert_eq!(image.values.bytes().len(), image.shape.floats() * value, "{}", image.kind);
        }
        Err(error) => assert!(!format!("{error:#}").is_empty()),
    }
    match decode::cryptomatte(Cursor::new(bytes), len, format, &part, BUDGET) {
        Ok(ranks) => {
            let pixels = ranks.size[0] as usize * ranks.size[1] as usize;
            assert_eq!(ranks.values.len(), pixels * ranks.channels.len(), "{}", ranks.layer);
        }
        Err(error) => assert!(!format!("{error:#}").is_empty()),
    }
}
