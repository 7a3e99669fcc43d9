//! PNM and PAM. The decoder of the crate `image` widens samples whose largest value is another than 255 or 65,535; here they
//! are kept as the file has them, so that an id is the number that was written.

use std::io::{Cursor, Read};

use anyhow::bail;
use image::codecs::pnm::{ArbitraryTuplType, PnmDecoder, PnmHeader, PnmSubtype};

use super::simple::{plain, read};
use super::stored::{Input, Stored};
use crate::picture::Values;
use crate::terminal::thousands;

/// A byte of the file stands for so many pixels at most.
const MOST_PIXELS: u64 = 8;

pub(super) fn decode(input: &mut dyn Input, len: u64, budget: u64) -> anyhow::Result<Stored> {
    let decoder = PnmDecoder::new(&mut *input).map_err(plain)?;
    let largest = decoder.header().maximal_sample();
    if is_of_bits(decoder.header()) || [255, 65535].contains(&largest) {
        return read(decoder, len, "PNM", MOST_PIXELS, budget);
    }
    // Behind a head that says that samples have all values, the decoder leaves them alone.
    let (samples, header) = decoder.into_inner();
    let head = Cursor::new(whole_head(&header));
    let decoder = PnmDecoder::new(head.chain(samples)).map_err(plain)?;
    let mut stored = read(decoder, len, "PNM", MOST_PIXELS, budget)?;
    let beyond = match &stored.values {
        Values::U8(values) => values.iter().map(|&value| value.into()).find(|&value: &u32| value > largest),
        Values::U16(values) => values.iter().map(|&value| value.into()).find(|&value: &u32| value > largest),
        Values::F32(_) | Values::U32(_) | Values::I32(_) => None,
    };
    if let Some(value) = beyond {
        bail!("the file is damaged: it has the value {value}, and says that {largest} is the largest");
    }
    stored.kind = format!("{} up to {}", stored.kind, thousands(largest.into()));
    Ok(stored)
}

/// Whether samples are black or white.
fn is_of_bits(header: &PnmHeader) -> bool {
    let tuple = header.as_arbitrary().and_then(|header| header.tupltype.as_ref());
    matches!(header.subtype(), PnmSubtype::Bitmap(_))
        || matches!(tuple, Some(ArbitraryTuplType::BlackAndWhite | ArbitraryTuplType::BlackAndWhiteAlpha))
}

/// The same head with the largest value that as many bytes hold.
fn whole_head(header: &PnmHeader) -> Vec<u8> {
    let (width, height) = (header.width(), header.height());
    let largest = if header.maximal_sample() < 255 { 255 } else { 65535 };
    let Some(arbitrary) = header.as_arbitrary() else {
        let magic = String::from_utf8_lossy(header.subtype().magic_constant());
        return format!("{magic}\n{width} {height}\n{largest}\n").into_bytes();
    };
    let depth = arbitrary.depth;
    let kind = match &arbitrary.tupltype {
        Some(ArbitraryTuplType::Grayscale) => "TUPLTYPE GRAYSCALE\n".into(),
        Some(ArbitraryTuplType::GrayscaleAlpha) => "TUPLTYPE GRAYSCALE_ALPHA\n".into(),
        Some(ArbitraryTuplType::RGB) => "TUPLTYPE RGB\n".into(),
        Some(ArbitraryTuplType::RGBAlpha) => "TUPLTYPE RGB_ALPHA\n".into(),
        Some(ArbitraryTuplType::Custom(name)) => format!("TUPLTYPE {name}\n"),
        _ => String::new(),
    };
    format!("P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {largest}\n{kind}ENDHDR\n")
        .into_bytes()
}
