//! What files are called: an image's masks, overview and labels, and standard output.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What an image's folder is called where there are several images: as the image, without what would lead elsewhere or
/// upset a terminal.
pub(crate) fn of_image(image: &Path) -> OsString {
    let stem = if is_dash(image) { OsStr::new("stdin") } else { image.file_stem().unwrap_or_default() };
    let text = stem.to_string_lossy();
    match &*text {
        "" | "." | ".." => "_".repeat(text.len().max(1)).into(),
        text if text.contains(char::is_control) => text.replace(char::is_control, "_").into(),
        _ => stem.to_owned(),
    }
}

/// Equal for names that are one where upper and lower case are the same.
pub(crate) fn folded(name: &OsStr) -> OsString {
    name.to_str().map_or_else(|| name.to_owned(), |name| name.to_lowercase().into())
}

/// A file's name with an image's added.
pub(crate) fn with_name(named: &Path, image: &OsStr) -> PathBuf {
    let mut name = named.file_stem().unwrap_or_default().to_owned();
    name.push("-");
    name.push(image);
    name.push(".");
    // Without one, what follows a dot in the image's name would be taken for it.
    name.push(named.extension().unwrap_or(OsStr::new("png")));
    named.with_file_name(name)
}

/// Whether a file's name ends in one of these; or in none.
pub(crate) fn is_called(file: &Path, extensions: &[&str]) -> bool {
    let is = |extension: &OsStr| extensions.iter().any(|known| extension.eq_ignore_ascii_case(known));
    file.extension().is_none_or(is)
}

/// Whether the name stands for standard input or output.
pub(crate) fn is_dash(file: &Path) -> bool {
    file == Path::new("-")
}

/// Whether a file to write is standard output.
pub(crate) fn is_standard_output(file: &Path) -> bool {
    is_dash(file)
        || (cfg!(unix)
            && ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|own| file == Path::new(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_stay_in_their_folder() {
        for (image, expected) in [
            ("a/map.png", "map"),
            ("..png", "_"),
            ("a/...png", "__"),
            ("....png", "..."),
            (".png", ".png"),
            ("/", "_"),
            ("a/..", "_"),
            ("a\n\u{1b}[2J.png", "a__[2J"),
            ("-", "stdin"),
            ("-x.png", "-x"),
        ] {
            assert_eq!(of_image(Path::new(image)), expected, "{image:?}");
        }
    }

    #[test]
    fn labels_of_several_images() {
        let name = |named: &str, image: &str| with_name(Path::new(named), OsStr::new(image));
        assert_eq!(name("a/l.png", "b"), Path::new("a/l-b.png"));
        assert_eq!(name("l.tif", "b.c"), Path::new("l-b.c.tif"));
        assert_eq!(name("l", "b.jpg"), Path::new("l-b.jpg.png"));
    }
}
