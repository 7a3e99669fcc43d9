//! An object's id is a hash of its name, as the bits of a float.

/// What names are hashed with.
const SEED: u32 = 0;

/// The id of a name: `MurmurHash3_32`, with one bit of the exponent changed where the float would be none.
pub(super) fn of_name(name: &str) -> u32 {
    of_hash(murmur3(name.as_bytes()))
}

/// The id of a hash. An id is its own.
pub(super) fn of_hash(hash: u32) -> u32 {
    if is_float(hash) { hash } else { hash ^ 1 << 23 }
}

/// Whether bits are those of a normal float: neither zero nor denormal, NaN or infinite.
pub(super) fn is_float(bits: u32) -> bool {
    !matches!(bits >> 23 & 0xff, 0 | 0xff)
}

/// Eight hexadecimal digits.
pub(super) fn parse(text: &str) -> Option<u32> {
    let is_hex = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

/// Austin Appleby's MurmurHash3, the one of 32 bits for x86.
fn murmur3(bytes: &[u8]) -> u32 {
    let mixed = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = words.iter().fold(SEED, |hash, word| {
        let hash = (hash ^ mixed(u32::from_le_bytes(*word))).rotate_left(13);
        hash.wrapping_mul(5).wrapping_add(0xe654_6b64)
    });
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    hash ^= mixed(u32::from_le_bytes(last));
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_published() {
        for (text, expected) in [
            ("", 0),
            ("hello", 0x248b_fa47),
            ("hello, world", 0x149b_bb7f),
            ("The quick brown fox jumps over the lazy dog", 0x2e4f_f723),
        ] {
            assert_eq!(murmur3(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn ids_are_floats() {
        for (hash, id) in [
            (0, 0x0080_0000),
            (0x007f_ffff, 0x00ff_ffff),
            (0x8000_0001, 0x8080_0001),
            (0x7f80_0000, 0x7f00_0000),
            (0xffff_ffff, 0xff7f_ffff),
            (0x3f80_0000, 0x3f80_0000),
        ] {
            assert_eq!(of_hash(hash), id);
            assert!(f32::from_bits(id).is_normal());
            assert_eq!(of_hash(id), id);
        }
    }
}
