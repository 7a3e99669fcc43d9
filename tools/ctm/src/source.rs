//! What the tool reads from: files, pipes, and standard input as `-`. Nothing here waits for what never
//! ends or never begins: that is refused.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, bail};

/// The name of standard input on the command line.
pub(crate) const STANDARD_INPUT: &str = "-";

/// So many bytes tell a file's format.
pub(crate) const HEAD: u64 = 32;

/// Whether a path stands for standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == STANDARD_INPUT
}

/// Something open.
#[derive(Debug)]
pub(crate) enum Source {
    /// A regular file: it has a length, and can be read from any place.
    File(File, u64),
    /// What comes once, of a length that is not known.
    Stream(Stream),
}

/// Opens a file, a pipe or standard input.
pub(crate) fn open(path: &Path) -> anyhow::Result<Source> {
    if is_standard_input(path) {
        return platform::standard_input();
    }
    let metadata = path.metadata().context("cannot be opened")?;
    platform::check_kind(&metadata)?;
    let file = platform::open(path).context("cannot be opened")?;
    // It may have become something else meanwhile.
    let metadata = file.metadata().context("cannot be opened")?;
    platform::check_kind(&metadata)?;
    Ok(match metadata.is_file() {
        true => Source::File(file, metadata.len()),
        false => Source::Stream(Stream::new(file)),
    })
}

impl Source {
    /// Reads all of it, at most so many bytes.
    pub(crate) fn read_all(self, most: u64, what: &str) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut reader: Box<dyn Read> = match self {
            Self::File(file, _) => Box::new(file),
            Self::Stream(stream) => Box::new(stream),
        };
        (&mut reader).take(most + 1).read_to_end(&mut bytes).context("cannot be read")?;
        if bytes.len() as u64 > most {
            bail!("holds more than {} bytes; {what}", crate::terminal::thousands(most));
        }
        Ok(bytes)
    }
}

/// The first bytes of a file, as many as tell its format.
pub(crate) fn head(file: &mut File) -> anyhow::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head).context("cannot be read")?;
    file.seek(SeekFrom::Start(0)).context("cannot be read")?;
    Ok(head)
}

pub(crate) use platform::Stream;

#[cfg(unix)]
mod platform {
    use std::fs::{File, Metadata, OpenOptions};
    use std::io::{self, IsTerminal, Read};
    use std::os::fd::AsFd;
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    use std::path::Path;
    use std::time::{Duration, Instant};

    use anyhow::{Context as _, bail};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::OFlags;
    use rustix::io::Errno;

    use super::Source;

    /// How long a FIFO may be without a program that writes to it.
    const WAIT_FOR_WRITER: Duration = Duration::from_secs(5);
    /// How often a wait looks whether a program writes by now.
    const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

    /// Opens without waiting for a FIFO's other end, and without becoming a terminal's session.
    pub(super) fn open(path: &Path) -> io::Result<File> {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)
    }

    /// Refuses what is neither a file nor a pipe.
    pub(super) fn check_kind(metadata: &Metadata) -> anyhow::Result<()> {
        let kind = metadata.file_type();
        if kind.is_dir() {
            bail!("is a folder; a file is expected");
        } else if kind.is_char_device() || kind.is_block_device() {
            bail!("is a device; a file or a pipe is expected");
        } else if kind.is_socket() {
            bail!("is a socket; a file or a pipe is expected");
        }
        Ok(())
    }

    /// Standard input, whatever it is.
    pub(super) fn standard_input() -> anyhow::Result<Source> {
        let closed = "standard input is closed";
        let file = File::from(io::stdin().as_fd().try_clone_to_owned().context(closed)?);
        if file.is_terminal() {
            bail!("standard input is a terminal; a file or a pipe is expected");
        }
        let metadata = file.metadata().context(closed)?;
        // Some programs give their children a socket for a pipe.
        if !metadata.file_type().is_socket() {
            check_kind(&metadata).context("standard input")?;
        }
        Ok(Source::Stream(Stream::of_process(file)))
    }

    /// A pipe, or standard input.
    #[derive(Debug)]
    pub(crate) struct Stream {
        file: File,
        since: Instant,
        /// Whether another program has it open for writing, or had.
        has_begun: bool,
    }

    impl Stream {
        /// Of a pipe that was opened without waiting.
        pub(crate) fn new(file: File) -> Self {
            Self { file, since: Instant::now(), has_begun: false }
        }

        /// Of a pipe that another process has the other end of.
        pub(crate) fn of_process(file: File) -> Self {
            Self { file, since: Instant::now(), has_begun: true }
        }

        /// Whether another program is known to have the other end.
        pub(crate) fn has_begun(&self) -> bool {
            self.has_begun
        }

        /// The file, for another process to read.
        pub(crate) fn into_file(self) -> File {
            self.file
        }

        /// Waits a moment for something to read, or the end.
        fn is_ready(&self) -> io::Result<bool> {
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&TICK)) {
                Err(Errno::INTR) => Ok(false),
                result => Ok(result? > 0),
            }
        }
    }

    impl Read for Stream {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            loop {
                let is_ready = self.is_ready()?;
                if !is_ready && self.has_begun {
                    continue;
                }
                match self.file.read(buffer) {
                    // There is a writer, and it is slow.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.has_begun = true,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // A pipe that no program has opened for writing yet reads as if it had ended.
                    Ok(0) if !is_ready && self.since.elapsed() < WAIT_FOR_WRITER => {}
                    Ok(0) if !is_ready => {
                        let text = "is a pipe that no program writes to";
                        return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                    }
                    result => {
                        self.has_begun = true;
                        return result;
                    }
                }
            }
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::fs::{File, Metadata};
    use std::io::{self, IsTerminal, Read};
    use std::path::Path;

    use anyhow::bail;

    use super::Source;

    pub(super) fn open(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(super) fn check_kind(metadata: &Metadata) -> anyhow::Result<()> {
        if metadata.is_dir() {
            bail!("is a folder; a file is expected");
        }
        Ok(())
    }

    pub(super) fn standard_input() -> anyhow::Result<Source> {
        if io::stdin().is_terminal() {
            bail!("standard input is a terminal; a file or a pipe is expected");
        }
        Ok(Source::Stream(Stream(None)))
    }

    /// A pipe, or standard input.
    #[derive(Debug)]
    pub(crate) struct Stream(Option<File>);

    impl Stream {
        pub(super) fn new(file: File) -> Self {
            Self(Some(file))
        }
    }

    impl Read for Stream {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match &mut self.0 {
                Some(file) => file.read(buffer),
                None => io::stdin().lock().read(buffer),
            }
        }
    }
}
