//! Files are written whole or not at all: to a temporary file beside their place, which then takes it.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::{Builder, NamedTempFile};

use crate::terminal::UntilClosed;
use crate::{interrupt, names};

/// What is at the place of a file that is to be written.
#[derive(Debug)]
pub(crate) enum Place {
    /// Nothing, or a link, which is replaced and not followed.
    Free,
    /// A file, which is replaced.
    File(Permissions),
    /// A pipe or a device, which is written to.
    Stream,
}

impl Place {
    /// Looks. What can be no place of a file is an error; so is a stream, unless one will do.
    pub(crate) fn of(path: &Path, may_stream: bool) -> io::Result<Self> {
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Free),
            metadata => metadata?,
        };
        let kind = metadata.file_type();
        // Open files of a program are links.
        if may_stream && fs::metadata(path).is_ok_and(|metadata| is_stream(metadata.file_type())) {
            return Ok(Self::Stream);
        }
        let refused = |why: &str| Err(io::Error::other(why));
        if kind.is_symlink() {
            let is_of_system = folder_of(path).canonicalize().is_ok_and(|folder| folder == Path::new("/dev"));
            return if is_of_system {
                refused("leads to an open file; give that file's name")
            } else {
                Ok(Self::Free)
            };
        }
        match metadata.permissions() {
            _ if kind.is_dir() => refused("is a folder; a file is expected"),
            _ if !kind.is_file() => refused("is no file, but a pipe, a device or a socket"),
            permissions if permissions.readonly() => refused("is write-protected"),
            permissions => Ok(Self::File(permissions)),
        }
    }
}

/// Whether what is written there goes to another program or a device.
#[cfg(unix)]
pub(crate) fn is_stream(kind: fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_fifo() || kind.is_char_device()
}

/// Whether what is written there goes to another program or a device.
#[cfg(not(unix))]
pub(crate) fn is_stream(_: fs::FileType) -> bool {
    false
}

/// Writes a file, or leaves what is there as it was.
pub(crate) fn save(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let save = || -> anyhow::Result<()> {
        let mut file = Growing::new(path)?;
        write(&mut file)?;
        Ok(file.finish()?)
    };
    save().with_context(|| cannot_be_written(path))
}

/// A file that is written bit by bit. In the end it takes its place; one that is dropped before goes away.
#[derive(Debug)]
pub(crate) struct Growing {
    path: PathBuf,
    place: Place,
    file: BufWriter<Temporary>,
}

impl Growing {
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let place = Place::of(path, false)?;
        let file = BufWriter::new(Temporary::new(folder_of(path))?);
        Ok(Self { path: path.to_owned(), place, file })
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        let mut temporary = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        if let Place::File(permissions) = self.place {
            temporary.file().set_permissions(permissions)?;
        }
        temporary.take_place(&self.path)
    }
}

impl Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What is said of a place that cannot be written to.
pub(crate) fn cannot_be_written(path: &Path) -> String {
    match names::is_standard_output(path) {
        true => "standard output cannot be written".to_owned(),
        false => format!("{}: cannot be written", path.display()),
    }
}

/// What is written bit by bit: a file that takes its place in the end, or what another program reads at once.
#[derive(Debug)]
pub(crate) enum Output {
    File(Growing),
    Stream(UntilClosed<File>),
    Stdout(UntilClosed<Stdout>),
}

impl Output {
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::File(file) => file.finish(),
            Self::Stream(_) => Ok(()),
            Self::Stdout(mut stdout) => stdout.flush(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stream(stream) => stream.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stream(stream) => stream.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// Writes a file of these bytes, or leaves what is there as it was.
pub(crate) fn bytes(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    save(path, |file| Ok(file.write_all(bytes)?))
}

/// Fails where no file can be made.
pub(crate) fn probe(folder: &Path) -> io::Result<()> {
    Temporary::new(folder).map(drop)
}

/// The folder that a path's last name is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// A file that goes away unless it takes its place, also where a signal ends the program.
#[derive(Debug)]
struct Temporary(Option<NamedTempFile>);

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Temporary {
    fn new(folder: &Path) -> io::Result<Self> {
        let mut builder = Builder::new();
        builder.prefix(".ctm-").suffix(".tmp");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less what the umask takes
        let mut unfinished = interrupt::unfinished();
        let file = builder.tempfile_in(folder).map_err(own_error)?;
        unfinished.insert(file.path().to_owned());
        Ok(Self(Some(file)))
    }

    fn file(&mut self) -> &mut File {
        self.0.as_mut().expect("there until it is dropped").as_file_mut()
    }

    fn take_place(mut self, path: &Path) -> io::Result<()> {
        match self.0.take() {
            Some(file) => finish(file, |file| file.persist(path).map(drop).map_err(|failed| failed.error)),
            None => Ok(()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            let _ = finish(file, NamedTempFile::close);
        }
    }
}

/// Does the last thing with a temporary file.
fn finish(file: NamedTempFile, last: impl FnOnce(NamedTempFile) -> io::Result<()>) -> io::Result<()> {
    let mut unfinished = interrupt::unfinished();
    let path = file.path().to_owned();
    let result = last(file);
    unfinished.remove(&path);
    result.map_err(own_error)
}

/// Without the name of the temporary file, which says nothing to anyone.
fn own_error(error: io::Error) -> io::Error {
    match (error.raw_os_error(), error.kind()) {
        (Some(_), _) | (None, io::ErrorKind::Other) => error,
        (None, kind) => kind.into(),
    }
}
