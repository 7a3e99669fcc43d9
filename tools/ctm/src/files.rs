//! What will be written, checked before anything is: that it can be, and that nothing is written over anything else.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write as _};
use std::iter;
use std::mem;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use crate::args::{FormatArg, OverwriteArg, SegmentArgs};
use crate::outcome::Outcome;
use crate::save::{self, Growing, Output, Place, cannot_be_written, folder_of};
use crate::terminal::{self, UntilClosed};
use crate::{interrupt, names};

/// What a file is read or written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    ColorMap,
    List,
    Palette,
    StandardOutput,
    Folder,
    Mask,
    Overview,
    Export,
    Labels,
    Table,
}

impl Role {
    fn text(self) -> &'static str {
        match self {
            Self::ColorMap => "the colour map (IMAGE)",
            Self::List => "the list of images (--list)",
            Self::Palette => "the palette (--palette)",
            Self::StandardOutput => "standard output",
            Self::Folder => "a folder of masks (--output)",
            Self::Mask => "a mask (--output)",
            Self::Overview => "the overview (--output)",
            Self::Export => "the masks (--format)",
            Self::Labels => "the labels (--labels)",
            Self::Table => "the table (--table)",
        }
    }

    fn is_read(self) -> bool {
        matches!(self, Self::ColorMap | Self::List | Self::Palette)
    }

    /// Whether a pipe or a device may take what is written.
    fn may_stream(self) -> bool {
        matches!(self, Self::Labels | Self::Table)
    }
}

/// Device and number of a file, which all of its names share.
#[cfg(unix)]
type FileId = (u64, u64);
#[cfg(not(unix))]
type FileId = same_file::Handle;

#[cfg(unix)]
fn file_id(path: &Path) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_id(path: &Path) -> io::Result<FileId> {
    FileId::from_path(path)
}

/// What makes two paths the same file.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Identity {
    /// One that exists.
    File(FileId),
    /// Folder and name of one that may come to exist, whatever the case of its letters: some file systems do not tell
    /// them apart.
    Name(PathBuf, OsString),
}

/// The files of a call.
#[derive(Debug, Default)]
pub(crate) struct Files {
    known: HashMap<Identity, Role>,
    /// Those of the masks that are being checked.
    masks: HashSet<Identity>,
    /// Where folders really are.
    resolved: HashMap<PathBuf, PathBuf>,
    /// Folders that are still to be made, and those that were, an outer one before what is in it.
    to_make: Vec<PathBuf>,
    made: Vec<PathBuf>,
    /// Pipes and devices that are still to be opened, and those that are.
    to_open: Vec<PathBuf>,
    streams: HashMap<PathBuf, File>,
    /// Files that are there and would be replaced.
    replaced: Vec<PathBuf>,
    overwrite: Overwrite,
}

/// Whether files are replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Overwrite {
    #[default]
    Yes,
    No,
    /// Someone is asked.
    Ask,
}

impl Files {
    /// Checks all files but the masks, which are not known yet. Nothing is made or written.
    pub(crate) fn check(args: &SegmentArgs) -> anyhow::Result<Self> {
        let overwrite = match args.outputs.overwrite {
            OverwriteArg::Yes => Overwrite::Yes,
            OverwriteArg::No => Overwrite::No,
            OverwriteArg::Ask => Overwrite::Ask,
        };
        let mut files = Self { overwrite, ..Self::default() };
        args.inputs.iter().for_each(|input| files.add_input(Role::ColorMap, &input.path));
        args.reading.list.iter().for_each(|list| files.add_input(Role::List, list));
        args.colors.palette.iter().for_each(|palette| files.add_input(Role::Palette, palette));
        files.add_standard_output(args)?;
        files.add_folders(args)?;
        for file in args.inputs.iter().filter_map(|input| args.overview(input)) {
            files.add(Role::Overview, &file)?;
        }
        let exports = args.inputs.iter().flat_map(|input| args.exports(input));
        let own = exports.filter(|(format, _)| *format != FormatArg::Coco).map(|(_, file)| file);
        for file in own.chain(args.coco_file()) {
            files.add(Role::Export, &file)?;
        }
        let labels = args.inputs.iter().filter_map(|input| args.labels(input));
        let labels = labels.map(|file| (Role::Labels, file));
        let table = args.outputs.table.iter().map(|file| (Role::Table, file.clone()));
        for (role, file) in labels.chain(table).filter(|(_, file)| !names::is_standard_output(file)) {
            files.add(role, &file)?;
            files.check_folder_of(&file)?;
        }
        Ok(files)
    }

    /// A file that is read, and the links that lead to it.
    fn add_input(&mut self, role: Role, path: &Path) {
        let path = if names::is_dash(path) { Path::new("/dev/stdin") } else { path };
        let next = |link: &PathBuf| Some(folder_of(link).join(fs::read_link(link).ok()?));
        for link in iter::successors(Some(path.to_owned()), next).take(40) {
            if let Some(name) = self.name(&link).filter(|_| link.is_symlink()) {
                self.known.insert(name, role);
            }
        }
        self.known.extend(file(path).map(|file| (file, role)));
    }

    fn add_standard_output(&mut self, args: &SegmentArgs) -> anyhow::Result<()> {
        let is_picture = args.outputs.labels.as_deref().is_some_and(names::is_standard_output);
        if is_picture && io::stdout().is_terminal() {
            bail!(
                "the labels (--labels) are a picture, and standard output is a terminal; give a file's name"
            );
        }
        match file(Path::new("/dev/stdout")) {
            Some(file) => self.claim(file, Role::StandardOutput, Path::new("standard output")),
            None => Ok(()),
        }
    }

    /// The folders that masks and overviews are written to.
    fn add_folders(&mut self, args: &SegmentArgs) -> anyhow::Result<()> {
        let Some(output) = args.output() else { return Ok(()) };
        self.to_make.push(output.to_owned());
        if args.inputs.len() > 1 && (args.has_overview() || args.outputs.has_files_of_images()) {
            self.to_make.extend(args.inputs.iter().map(|input| args.folder(input)));
        }
        for (index, folder) in self.to_make.clone().iter().enumerate() {
            if index > 0 && folder.is_symlink() {
                bail!("{}: is a link, which is not followed; {FOLDER_IN}", folder.display());
            }
            if let Some(name) = self.name(folder) {
                self.claim(name, Role::Folder, folder)?;
            }
            check_folder(folder)?;
        }
        Ok(())
    }

    /// The labels' and the table's folder must be there, or be one that is made.
    fn check_folder_of(&mut self, file: &Path) -> anyhow::Result<()> {
        if self.to_open.iter().any(|stream| stream == file) {
            return Ok(());
        }
        let folder = self.resolve(folder_of(file));
        let made: Vec<PathBuf> = self.to_make.clone().iter().map(|made| self.resolve(made)).collect();
        if !folder.exists() && made.iter().any(|made| made.starts_with(&folder)) {
            return Ok(());
        }
        if !folder.exists() {
            bail!("{}: cannot be written: its folder does not exist", file.display());
        }
        save::probe(&folder).with_context(|| format!("{}: cannot be written", file.display()))
    }

    /// A file that will be written.
    pub(crate) fn add(&mut self, role: Role, path: &Path) -> anyhow::Result<()> {
        let name = self.name(path).filter(|_| !path.to_string_lossy().ends_with(std::path::is_separator));
        let Some(name) = name else { bail!("'{}' is no name of a file for {}", path.display(), role.text()) };
        let place = Place::of(path, role.may_stream());
        match place.with_context(|| format!("{}: cannot be written", path.display()))? {
            Place::Free if path.is_symlink() => self.replaced.push(path.to_owned()),
            Place::Free => {}
            Place::File(_) => {
                self.replaced.push(path.to_owned());
                file(path).map_or(Ok(()), |file| self.claim(file, role, path))?;
            }
            Place::Stream => {
                self.to_open.push(path.to_owned());
                // Any number of things may go to a device.
                return file(path).map_or(Ok(()), |file| self.claim(file, role, path));
            }
        }
        self.claim(name, role, path)
    }

    fn claim(&mut self, identity: Identity, role: Role, path: &Path) -> anyhow::Result<()> {
        let of_mask = self.masks.contains(&identity).then_some(Role::Mask);
        let Some(known) = self.known.get(&identity).copied().or(of_mask) else {
            match role {
                Role::Mask => drop(self.masks.insert(identity)),
                _ => drop(self.known.insert(identity, role)),
            }
            return Ok(());
        };
        let (path, known_as, text) = (path.display(), known.text(), role.text());
        match known.is_read() {
            true => Err(anyhow!("{path}: is {known_as}, which {text} would overwrite; choose another place")),
            false => {
                Err(anyhow!("{path}: {known_as} and {text} would be the same file; choose another name"))
            }
        }
    }

    fn name(&mut self, path: &Path) -> Option<Identity> {
        let name = names::folded(path.file_name()?);
        Some(Identity::Name(self.resolve(folder_of(path)), name))
    }

    /// Where a folder is, whatever links lead there; it need not exist.
    fn resolve(&mut self, folder: &Path) -> PathBuf {
        if let Some(known) = self.resolved.get(folder) {
            return known.clone();
        }
        let resolved = folder.canonicalize().unwrap_or_else(|_| match folder.file_name() {
            Some(name) => self.resolve(folder_of(folder)).join(name),
            None => {
                folder.parent().map_or(folder.to_owned(), |inner| folder_of(&self.resolve(inner)).to_owned())
            }
        });
        self.resolved.insert(folder.to_owned(), resolved.clone());
        resolved
    }

    /// Fails where files would be replaced that must not be.
    fn check_replaced(&mut self) -> anyhow::Result<()> {
        let replaced = mem::take(&mut self.replaced);
        let (Some(first), false) = (replaced.first(), self.overwrite == Overwrite::Yes) else {
            return Ok(());
        };
        let others = match replaced.len() {
            1 => String::new(),
            count => format!(" and {}", terminal::count(count as u64 - 1, "more file")),
        };
        let what = format!("{}{others}", first.display());
        let is_there = if replaced.len() == 1 { "is there already" } else { "are there already" };
        if self.overwrite == Overwrite::No {
            bail!("{what}: {is_there}, and --overwrite is no");
        }
        if !terminal::ask(&format!("{what}: {is_there}; replace?"))? {
            bail!("{what}: {is_there}, and nothing is written");
        }
        Ok(())
    }

    /// Checks the masks of images when these are known. Nothing is known of them afterwards: they lie in folders of their
    /// images alone, and there may be very many.
    pub(crate) fn check_masks(&mut self, outcome: &Outcome) -> anyhow::Result<()> {
        let checked = self.check_new_masks(outcome);
        self.masks.clear();
        self.replaced.clear();
        checked
    }

    fn check_new_masks(&mut self, outcome: &Outcome) -> anyhow::Result<()> {
        for map in 0..outcome.maps.files.len() {
            let masks = outcome.masks.iter().enumerate();
            check_different(masks.filter_map(|(index, mask)| {
                Some((index + 1, mask.called(), mask.parts[map].file.as_deref()?))
            }))?;
        }
        for file in outcome.masks.iter().flat_map(|mask| &mask.parts).filter_map(|part| part.file.as_ref()) {
            self.add(Role::Mask, file)?;
        }
        self.prepare()
    }

    /// Removes the folders that were made and in which nothing is.
    pub(crate) fn remove_empty_folders(&mut self) {
        let mut unfinished = interrupt::unfinished();
        for folder in mem::take(&mut self.made).iter().rev() {
            let _ = fs::remove_dir(folder);
            unfinished.remove(folder);
        }
    }

    /// Makes the folders and opens pipes and devices; when called again, nothing but to ask for further files.
    pub(crate) fn prepare(&mut self) -> anyhow::Result<()> {
        self.check_replaced()?;
        let mut made = HashMap::new();
        for folder in mem::take(&mut self.to_make) {
            self.make(&folder).with_context(|| format!("{}: cannot be made a folder", folder.display()))?;
            // Names may be the same for a file system in more ways than one can know.
            let id = file_id(&folder).with_context(|| folder.display().to_string())?;
            if let Some(other) = made.insert(id, folder.clone()) {
                bail!("{}: is the same folder as {}; {FOLDER_IN}", folder.display(), other.display());
            }
        }
        for path in mem::take(&mut self.to_open) {
            let stream =
                open_stream(&path).with_context(|| format!("{}: cannot be written", path.display()))?;
            self.streams.insert(path, stream);
        }
        Ok(())
    }

    /// Makes a folder, and what is missing of the way to it.
    fn make(&mut self, folder: &Path) -> io::Result<()> {
        let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let missing: Vec<PathBuf> = folder.ancestors().take_while(is_missing).map(Path::to_owned).collect();
        // Empty ones go away, also if the program is ended.
        interrupt::unfinished().extend(missing.iter().cloned());
        self.made.extend(missing.into_iter().rev());
        fs::create_dir_all(folder)
    }

    /// Begins the labels or the table where they belong.
    pub(crate) fn open(&self, path: &Path) -> anyhow::Result<Output> {
        let open = || -> io::Result<_> {
            match self.streams.get(path) {
                _ if names::is_standard_output(path) => Ok(Output::Stdout(UntilClosed(io::stdout()))),
                Some(stream) => Ok(Output::Stream(UntilClosed(stream.try_clone()?))),
                None => Ok(Output::File(Growing::new(path)?)),
            }
        };
        open().with_context(|| cannot_be_written(path))
    }

    /// Writes labels to where they belong.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        let mut output = self.open(path)?;
        output.write_all(bytes).and_then(|()| output.finish()).with_context(|| cannot_be_written(path))
    }
}

/// Fails where two masks would be the same file. `masks`: the number, what it is called, and the file of each.
pub(crate) fn check_different<'a>(
    masks: impl Iterator<Item = (usize, &'a str, &'a Path)>,
) -> anyhow::Result<()> {
    let mut known: HashMap<OsString, (usize, &str, &Path)> = HashMap::new();
    for (number, called, file) in masks {
        let name = names::folded(file.file_name().unwrap_or_default());
        let Some((first, other, before)) = known.insert(name, (number, called, file)) else { continue };
        let aside = if before == file { "" } else { ", upper and lower case aside" };
        bail!(
            "{}: masks {first} ('{other}') and {number} ('{called}') would be the same file{aside}; {{index}} in --names \
             tells them apart",
            file.display()
        );
    }
    Ok(())
}

const FOLDER_IN: &str = "each of several images needs a folder of its own in DIR (--output)";

/// The identity of a file or a pipe that exists. Terminals and other devices have none: all may be the same one.
fn file(path: &Path) -> Option<Identity> {
    let kind = fs::metadata(path).ok()?.file_type();
    let is_pipe = save::is_stream(kind) && !is_device(kind);
    (kind.is_file() || is_pipe).then(|| file_id(path).ok()).flatten().map(Identity::File)
}

/// Fails where masks cannot be written to a folder, or it cannot be made.
fn check_folder(folder: &Path) -> anyhow::Result<()> {
    let fails = if folder.is_dir() { "cannot be written to" } else { "cannot be made a folder" };
    probe_nearest(folder).with_context(|| format!("{}: {fails}", folder.display()))
}

/// Whether a file can be made in a folder, or in what is there of the way to it.
fn probe_nearest(folder: &Path) -> io::Result<()> {
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => save::probe(folder),
        Ok(_) => Err(io::Error::other("a file is there")),
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder_of(folder) != folder => {
            probe_nearest(folder_of(folder))
        }
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_device(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&kind)
}

#[cfg(not(unix))]
fn is_device(_: fs::FileType) -> bool {
    false
}

/// Opens a pipe or a device to write to, without waiting for someone to read from it.
#[cfg(unix)]
fn open_stream(path: &Path) -> io::Result<File> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use rustix::io::Errno;
    use std::os::unix::fs::OpenOptionsExt;

    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let stream = File::options().write(true).custom_flags(nonblocking).open(path);
    let stream = stream.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NXIO) => io::Error::other("nobody reads from this pipe"),
        _ => error,
    })?;
    // Someone does: then writing may wait.
    fcntl_setfl(&stream, fcntl_getfl(&stream)? & !OFlags::NONBLOCK)?;
    Ok(stream)
}

#[cfg(not(unix))]
fn open_stream(path: &Path) -> io::Result<File> {
    File::options().write(true).open(path)
}
