//! The images of a call: those of the command line, of lists and of files with several frames, and what each is called.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use crate::decode::Part;
use crate::input::{self, Reading};
use crate::picture::Image;
use crate::sequence::Sequence;
use crate::{names, source};

/// A list of more bytes than this is none.
const MOST_BYTES: u64 = 1 << 30;

/// An image to read.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// The frame, from 1, where it is one of several that are read.
    pub(crate) frame: Option<u32>,
    /// Where that frame comes from, if it is drawn over others.
    sequence: Option<Arc<Sequence>>,
    /// What its folder is called where there are several images.
    pub(crate) name: PathBuf,
}

impl fmt::Display for Input {
    fn fmt(&self, text: &mut fmt::Formatter) -> fmt::Result {
        match self.frame {
            Some(frame) => write!(text, "{}#{frame}", self.path.display()),
            None => write!(text, "{}", self.path.display()),
        }
    }
}

impl Input {
    /// Reads the image.
    pub(crate) fn read(&self, reading: &Reading) -> anyhow::Result<Image> {
        let Some(frame) = self.frame else { return Image::read(&self.path, reading) };
        // What else is asked for of the file is refused there.
        let sequence = self.sequence.as_ref().filter(|_| reading.part == Part::default());
        if let Some(image) = sequence.and_then(|sequence| sequence.take(frame, reading.max_memory)) {
            return Ok(image);
        }
        let part = Part { frame: self.frame, ..reading.part.clone() };
        Image::read(&self.path, &Reading { part, ..reading.clone() })
            .with_context(|| format!("frame {frame}"))
    }
}

/// All images of a call, in their order: those that are named, those of the list, and all frames of each, if asked for.
pub(crate) fn all(
    images: &[PathBuf],
    list: Option<&Path>,
    all_frames: bool,
    max_memory: u64,
) -> anyhow::Result<Vec<Input>> {
    let mut paths = images.to_vec();
    if let Some(list) = list {
        paths.extend(read_list(list).with_context(|| list.display().to_string())?);
    }
    if paths.is_empty() {
        bail!("the list (--list) has no image");
    }
    let names = of_images(&paths)?;
    let mut inputs = Vec::new();
    for (path, name) in paths.into_iter().zip(names) {
        if !all_frames {
            inputs.push(Input { path, frame: None, sequence: None, name });
            continue;
        }
        let (frames, is_sequence) = input::frames(&path, max_memory)?;
        let sequence = is_sequence.then(|| Arc::new(Sequence::new(&path, frames)));
        let digits = frames.to_string().len().max(3);
        inputs.extend((1..=frames).map(|frame| {
            let mut called = name.clone().into_os_string();
            called.push(format!("-{frame:0digits$}"));
            Input { path: path.clone(), frame: Some(frame), sequence: sequence.clone(), name: called.into() }
        }));
    }
    Ok(inputs)
}

/// One path a line.
fn read_list(list: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let bytes = source::open(list)?.read_all(MOST_BYTES, "a list of images, one a line, is expected")?;
    if bytes.contains(&0) {
        bail!("has NUL bytes; a list of images, one a line, is expected (find's -print, not -print0)");
    }
    let lines = bytes.split(|&byte| byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty());
    lines.map(path_of).collect()
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn path_of(line: &[u8]) -> anyhow::Result<PathBuf> {
    Ok(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(line)))
}

#[cfg(not(unix))]
fn path_of(line: &[u8]) -> anyhow::Result<PathBuf> {
    Ok(PathBuf::from(std::str::from_utf8(line).context("is no text")?))
}

/// What the images' folders are called: as the images are, or, where two of them have the same name, as the images are
/// below the folder that has all of them.
pub(crate) fn of_images(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let names: Vec<PathBuf> = paths.iter().map(|path| names::of_image(path).into()).collect();
    if two_alike(&names).is_none() {
        return Ok(names);
    }
    let names = names::below_common(paths);
    let Some(both) = two_alike(&names) else { return Ok(names) };
    // `a.png` and `a.bmp` of one folder.
    let with_extensions = |(path, name): (&PathBuf, &PathBuf)| match path.extension() {
        Some(extension) => {
            let mut name = name.clone().into_os_string();
            name.push(".");
            name.push(names::of_folder(extension));
            PathBuf::from(name)
        }
        None => name.clone(),
    };
    let longer: Vec<PathBuf> = paths.iter().zip(&names).map(with_extensions).collect();
    match two_alike(&longer) {
        None => Ok(longer),
        Some(_) => {
            let [path, other] = both.map(|index| paths[index].display());
            let [first, second] = both.map(|index| names[index].to_string_lossy());
            let called =
                if first == second { format!("'{first}'") } else { format!("'{first}' and '{second}'") };
            let but = if first == second { "" } else { ", upper and lower case aside" };
            bail!(
                "two images are called {called}: {path} and {other}; several images need different names{but}, of which their folders are made"
            )
        }
    }
}

/// Two names that may be one for a file system.
fn two_alike(names: &[PathBuf]) -> Option<[usize; 2]> {
    let folded = |index: usize| names::folded(names[index].as_os_str());
    let mut sorted: Vec<usize> = (0..names.len()).collect();
    sorted.sort_by_cached_key(|&index| folded(index));
    let is_alike = |pair: &&[usize]| folded(pair[0]) == folded(pair[1]);
    sorted.windows(2).find(is_alike).map(|pair| [pair[0], pair[1]])
}
