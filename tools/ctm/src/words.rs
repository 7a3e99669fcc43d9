//! Errors in people's words: what the system, the standard library and decoders say becomes what it means for a file.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind};

use anyhow::anyhow;

const ENDS_EARLY: &str = "the file ends too early";

/// What decoders say of a file that ends too early, where they do not hand on the error of reading it.
const ENDS: [&str; 6] = [
    "failed to fill whole buffer",
    "unexpected end of file",
    "unexpected eof",
    "missing bytes",
    "end of the image has been reached",
    "premature end",
];

/// An error and its causes in one line.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    without_codes(&error.chain().map(cause).collect::<Vec<_>>().join(": "))
}

fn cause(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<io::Error>() {
        Some(error) => of_system(error),
        None => error.to_string(),
    }
}

/// What the system says.
fn of_system(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder".into(),
        ErrorKind::PermissionDenied => "permission is denied".into(),
        ErrorKind::UnexpectedEof => ENDS_EARLY.into(),
        ErrorKind::StorageFull => "the disk is full".into(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        ErrorKind::NotADirectory => "a part of the path is a file, not a folder".into(),
        ErrorKind::InvalidFilename => "the name is too long, or none that the system takes".into(),
        ErrorKind::OutOfMemory => "the memory does not suffice".into(),
        _ => error.to_string(),
    }
}

/// Without ` (os error 2)`, which says nothing to people.
fn without_codes(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((code, rest)) if code.bytes().all(|byte| byte.is_ascii_digit()) => clean.push_str(rest),
            _ => clean.extend([" (os error ", part]),
        }
    }
    clean
}

/// What a decoder says of a file. One that ends too early is called that, whatever the decoder says.
pub(crate) fn of_decoder(error: anyhow::Error) -> anyhow::Error {
    let is_end = |error: &io::Error| error.kind() == ErrorKind::UnexpectedEof;
    let text = format!("{error:#}").to_lowercase();
    if error.chain().any(|cause| cause.downcast_ref().is_some_and(is_end))
        || ENDS.iter().any(|end| text.contains(end))
    {
        return anyhow!(ENDS_EARLY);
    }
    // A place that no file has, as some decoders ask for.
    let is_nowhere = |error: &io::Error| error.kind() == ErrorKind::InvalidInput;
    if error.chain().any(|cause| cause.downcast_ref().is_some_and(is_nowhere)) {
        return damaged("");
    }
    if text.contains("corrupt bitstream") {
        return anyhow!("the file is damaged, or ends too early");
    }
    error
}

/// What a decoder finds wrong with a file: its words, as far as they are no programmer's.
pub(crate) fn damaged(finding: impl Display) -> anyhow::Error {
    let finding = finding.to_string();
    let plain: Vec<&str> = finding
        .split(['.', '\n'])
        .map(str::trim)
        .take_while(|sentence| !sentence.is_empty() && !is_code(sentence))
        .collect();
    match plain.as_slice() {
        [] => anyhow!("the file is damaged"),
        sentences => anyhow!("the file is damaged: {}", without_capital(&sentences.join(", "))),
    }
}

/// Whether a sentence has values as a debugger shows them, or names of types: `ChunkType { .. }`, `InvalidDistance`, `f32`.
fn is_code(sentence: &str) -> bool {
    let is_type = |word: &str| {
        let mut letters = word.chars();
        let starts = letters.next().is_some_and(char::is_uppercase);
        let rest = letters.as_str();
        let joins = rest.find(char::is_lowercase).is_some_and(|at| rest[at..].contains(char::is_uppercase));
        (starts && joins) || ["u8", "u16", "u32", "i32", "f32", "usize", "None", "Some"].contains(&word)
    };
    sentence.contains(['{', '}', '[', '"', '`', '_']) || sentence.contains("::") || {
        sentence.split(|letter: char| !letter.is_alphanumeric()).any(is_type)
    }
}

/// A sentence as it goes on behind a colon.
fn without_capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => sentence.into(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_system_in_words() {
        let said = |error: io::Error| sentence(&Err::<(), _>(error).context("a.png").unwrap_err());
        assert_eq!(said(io::Error::from_raw_os_error(2)), "a.png: there is no such file or folder");
        assert_eq!(said(ErrorKind::NotFound.into()), "a.png: there is no such file or folder");
        assert_eq!(said(io::Error::from_raw_os_error(13)), "a.png: permission is denied");
        assert_eq!(said(io::Error::other("x (os error 5) at y (os error b)")), "a.png: x at y (os error b)");
    }

    #[test]
    fn decoders_in_words() {
        let said = |text: &str| of_decoder(anyhow!(text.to_owned())).to_string();
        assert_eq!(said("invalid: reference to missing bytes"), ENDS_EARLY);
        assert_eq!(said("Unexpected End of File"), ENDS_EARLY);
        assert_eq!(said("Corrupt bitstream"), "the file is damaged, or ends too early");
        assert_eq!(said("the file is damaged: no colour"), "the file is damaged: no colour");
    }

    #[test]
    fn programmers_words_are_left_out() {
        let said = |text: &str| damaged(text).to_string();
        assert_eq!(
            said("Invalid sRGB rendering intent 7."),
            "the file is damaged: invalid sRGB rendering intent 7"
        );
        assert_eq!(said("CRC error: 0x1 in IDAT"), "the file is damaged: CRC error: 0x1 in IDAT");
        assert_eq!(
            said("Corrupt deflate stream. InvalidCodeLengthRepeat"),
            "the file is damaged: corrupt deflate stream"
        );
        for text in [
            "AfterPlte",
            "Chunk ChunkType { type: IDAT } twice",
            "Invalid signature: [1, 2]",
            "cannot parse as f32",
            "Missing width: None",
            "",
        ] {
            assert_eq!(said(text), "the file is damaged");
        }
    }
}
