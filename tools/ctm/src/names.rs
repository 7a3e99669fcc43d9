//! What files are called: an image's masks, overview and labels, and standard output.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

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

/// What images' folders are called where the images' folders matter: their paths from the deepest folder on that has all
/// of them.
pub(crate) fn below_common(images: &[PathBuf]) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = images.iter().map(|image| plain_folder(image)).collect();
    let Some(first) = folders.first() else { return Vec::new() };
    let has_all = |folder: &&Path| folders.iter().all(|other| other.starts_with(folder));
    let common = first.ancestors().find(has_all).unwrap_or(Path::new(""));
    let below = |folder: &PathBuf| folder.strip_prefix(common).map(Path::to_owned).unwrap_or_default();
    images.iter().zip(&folders).map(|(image, folder)| below(folder).join(of_image(image))).collect()
}

/// The folder of a path by its names alone: no `.`, and `a/..` is nothing. What leads out of where it begins becomes `_`.
fn plain_folder(image: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    let absolute = std::path::absolute(image).unwrap_or_else(|_| image.to_owned());
    for part in absolute.parent().unwrap_or(Path::new("")).components() {
        match part {
            Component::Normal(name) => plain.push(of_folder(name)),
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    plain
}

/// A folder's name without what would upset a terminal.
pub(crate) fn of_folder(name: &OsStr) -> OsString {
    match name.to_string_lossy() {
        text if text.contains(char::is_control) => text.replace(char::is_control, "_").into(),
        _ => name.to_owned(),
    }
}

/// Equal for names that are one where upper and lower case are the same.
pub(crate) fn folded(name: &OsStr) -> OsString {
    name.to_str().map_or_else(|| name.to_owned(), |name| name.to_lowercase().into())
}

/// A file's name with an image's added.
pub(crate) fn with_name(named: &Path, image: &Path) -> PathBuf {
    let mut name = named.file_stem().unwrap_or_default().to_owned();
    name.push("-");
    // One file each in one folder, though the images' folders may lie deeper.
    name.push(image.iter().collect::<Vec<_>>().join(OsStr::new("-")));
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

/// A name as a part of a file's name on any system, of so many bytes at most.
pub(crate) fn safe(name: &str, most_bytes: usize) -> String {
    let is_bad = |character: char| character.is_control() || "/\\:*?\"<>|".contains(character);
    let mut safe: String =
        name.chars().map(|character| if is_bad(character) { '_' } else { character }).collect();
    let mut end = safe.len().min(most_bytes);
    while !safe.is_char_boundary(end) {
        end -= 1;
    }
    safe.truncate(end);
    safe.trim_matches(|character: char| character == '.' || character.is_whitespace()).to_owned()
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
        let name = |named: &str, image: &str| with_name(Path::new(named), Path::new(image));
        assert_eq!(name("a/l.png", "b"), Path::new("a/l-b.png"));
        assert_eq!(name("l.tif", "b.c"), Path::new("l-b.c.tif"));
        assert_eq!(name("l", "b.jpg"), Path::new("l-b.jpg.png"));
        assert_eq!(name("l.png", "a/b"), Path::new("l-a-b.png"));
    }

    #[test]
    fn images_of_the_same_name_keep_their_folders() {
        let names = |images: &[&str]| below_common(&images.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(names(&["x/a/id.png", "x/b/id.png"]), [Path::new("a/id"), Path::new("b/id")]);
        assert_eq!(names(&["x/id.png", "x/b/id.png"]), [Path::new("id"), Path::new("b/id")]);
        assert_eq!(names(&["x/../a/id.png", "./b/./id.png"]), [Path::new("a/id"), Path::new("b/id")]);
        assert_eq!(names(&["/a/i\n/id.png", "/a/b/id.png"]), [Path::new("i_/id"), Path::new("b/id")]);
    }
}
