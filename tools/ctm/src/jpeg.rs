//! Whether a JPEG file is whole. Its decoder fills what is missing with grey, and grey would pass
//! for a colour of the map.

/// Whether the markers of a JPEG file lead to the one that ends the image.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    // Behind the marker that starts the image.
    let mut position = 2;
    loop {
        // Image data, fill bytes and restart markers lie between the markers that matter.
        let Some(&[high, low]) = bytes.get(position..position + 2) else { return false };
        position += 1;
        if high != 0xff || matches!(low, 0x00 | 0xff | 0x01 | 0xd0..=0xd7) {
            continue;
        }
        if low == 0xd9 {
            return true;
        }
        let Some(&[high, low]) = bytes.get(position + 1..position + 3) else { return false };
        position += 1 + usize::from(u16::from_be_bytes([high, low]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_inside_a_segment_is_none() {
        let segment = b"\xff\xd8\xff\xe1\x00\x06\xff\xd9\xff\xd9";
        let data = b"\xff\xda\x00\x02\x12\xff\x00\xd9\xff\xd3\x34";
        assert!(!is_whole(segment));
        assert!(!is_whole(&[&segment[..], data].concat()));
        assert!(is_whole(&[&segment[..], data, b"\xff\xff\xd9 and more"].concat()));
        for bytes in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00"] {
            assert!(!is_whole(bytes));
        }
    }
}
