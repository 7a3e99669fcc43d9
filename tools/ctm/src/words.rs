//! Errors in people's words: what the system, the standard library and decoders say becomes what it means for a file.

use std::error::Error;
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
    if text.contains("corrupt bitstream") {
        return anyhow!("the file is damaged, or ends too early");
    }
    error
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
}
