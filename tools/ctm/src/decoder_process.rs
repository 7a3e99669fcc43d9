//! Decoding in a process of its own. Decoders allocate what a file claims to need, and end the process where they
//! cannot: that process is another one here, whose memory and time are limited, and whose end becomes a sentence.

#[cfg(not(unix))]
use std::fs::File;
#[cfg(not(unix))]
use std::io::BufReader;
use std::io::Cursor;

#[cfg(not(unix))]
use image::ImageFormat;

#[cfg(not(unix))]
use crate::decode::Ranks;
use crate::decode::{self, Part};
use crate::picture::Image;
use crate::source::{self, Source, Stream};

#[cfg(unix)]
pub(crate) use unix::{Frames, count_frames, cryptomatte, decode_file, decode_stream, run_if_asked};

/// Reads all of a pipe, then decodes it.
fn decode_in_memory(stream: Stream, part: &Part, max_memory: u64) -> anyhow::Result<Image> {
    let bytes = Source::Stream(stream).read_all(max_memory, "that is what --max-memory allows")?;
    let format = decode::format_of(&bytes[..bytes.len().min(source::HEAD as usize)])?;
    let len = bytes.len() as u64;
    decode::decode(Cursor::new(bytes), len, format, part, max_memory.saturating_sub(len))
}

/// Elsewhere decoders run in this process.
#[cfg(not(unix))]
pub(crate) fn decode_file(
    file: File,
    len: u64,
    format: ImageFormat,
    part: &Part,
    max_memory: u64,
) -> anyhow::Result<Image> {
    decode::decode(BufReader::new(file), len, format, part, max_memory)
}

#[cfg(not(unix))]
pub(crate) fn decode_stream(stream: Stream, part: &Part, max_memory: u64) -> anyhow::Result<Image> {
    decode_in_memory(stream, part, max_memory)
}

#[cfg(not(unix))]
pub(crate) fn count_frames(file: File, len: u64, format: ImageFormat, _: u64) -> anyhow::Result<u32> {
    decode::count_frames(BufReader::new(file), len, format)
}

/// Frames that are decoded one after the other: elsewhere each is decoded by itself.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) enum Frames {}

#[cfg(not(unix))]
impl Frames {
    pub(crate) fn start(_: File, _: ImageFormat, _: u64) -> anyhow::Result<Self> {
        anyhow::bail!("each frame is decoded by itself")
    }

    pub(crate) fn next(&mut self) -> anyhow::Result<Image> {
        match *self {}
    }
}

#[cfg(not(unix))]
pub(crate) fn cryptomatte(
    file: File,
    len: u64,
    format: ImageFormat,
    part: &Part,
    max_memory: u64,
) -> anyhow::Result<Ranks> {
    decode::cryptomatte(BufReader::new(file), len, format, part, max_memory)
}

#[cfg(not(unix))]
pub(crate) fn run_if_asked() -> Option<std::process::ExitCode> {
    None
}

#[cfg(unix)]
mod unix {
    use std::env;
    use std::fs::File;
    use std::io::{self, BufRead as _, BufReader, Read, Write as _};
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::panic;
    use std::path::Path;
    use std::process::{Child, Command, ExitCode, Stdio};
    use std::time::Duration;

    use anyhow::{Context as _, anyhow, bail};
    use bytemuck::{Pod, cast_slice, cast_slice_mut};
    use ctm::Shape;
    use image::ImageFormat;
    use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
    use serde::{Deserialize, Serialize};

    use super::decode_in_memory;
    use crate::decode::{self, Part, Ranks};
    use crate::memory::zeroed;
    use crate::picture::{Image, Values};
    use crate::source::{self, Stream};
    use crate::terminal::thousands;
    use crate::words;

    /// The first argument of a process that decodes. No person gives it.
    const ARGUMENT: &str = "decode-for-ctm";
    /// The second argument: what standard input is.
    const FILE: &str = "file";
    const STREAM: &str = "stream";
    /// A pipe that no program may have opened for writing.
    const FIFO: &str = "fifo";
    /// A file whose frames are to be counted.
    const COUNT: &str = "count";
    /// A file of which all frames are wanted, one after the other.
    const FRAMES: &str = "frames";
    /// A file whose Cryptomatte is wanted.
    const CRYPTOMATTE: &str = "cryptomatte";
    /// More than any reply has, but for values.
    const MOST_REPLY: u64 = 1 << 20;
    /// A decoder has so many seconds of a processor, and another one for each so many bytes that it may hold.
    const SECONDS: u64 = 60;
    const BYTES_PER_SECOND: u64 = 64 << 20;

    /// What the process says before the values of an image, in a line of JSON.
    #[derive(Debug, Deserialize, Serialize)]
    enum Reply {
        Image {
            width: u32,
            height: u32,
            channels: u32,
            depth: Depth,
            kind: String,
            lossy: Option<String>,
            hints: Vec<String>,
        },
        /// How many frames there are.
        Frames(u32),
        /// Behind it come so many bytes of the manifest in the header, if there is one, and the values of all channels, one
        /// behind the other.
        Cryptomatte {
            size: [u32; 2],
            layer: String,
            channels: Vec<String>,
            manifest: Option<u64>,
            sidecar: Option<String>,
        },
        Failed(String),
    }

    /// How a value is stored.
    #[derive(Clone, Copy, Debug, Deserialize, Serialize)]
    enum Depth {
        U8,
        U16,
        F32,
        U32,
        I32,
    }

    /// Decodes a file that can be read from any place.
    pub(crate) fn decode_file(
        file: File,
        _: u64,
        format: ImageFormat,
        part: &Part,
        max_memory: u64,
    ) -> anyhow::Result<Image> {
        let failure = failure(format);
        let (mut conversation, reply) = ask(file, FILE, part, max_memory, &failure)?;
        conversation.image(reply, max_memory, &failure)
    }

    /// Counts the frames of a file.
    pub(crate) fn count_frames(
        file: File,
        _: u64,
        format: ImageFormat,
        max_memory: u64,
    ) -> anyhow::Result<u32> {
        let failure = failure(format);
        match ask(file, COUNT, &Part::default(), max_memory, &failure)?.1 {
            Reply::Frames(count) => Ok(count),
            _ => bail!(failure),
        }
    }

    /// Decodes a Cryptomatte.
    pub(crate) fn cryptomatte(
        file: File,
        _: u64,
        format: ImageFormat,
        part: &Part,
        max_memory: u64,
    ) -> anyhow::Result<Ranks> {
        let failure = failure(format);
        let (mut conversation, reply) = ask(file, CRYPTOMATTE, part, max_memory, &failure)?;
        read_ranks(reply, &mut conversation.output, max_memory)
            .map_err(|error| ended(&mut conversation.process, max_memory, error, &failure))
    }

    /// All frames of a file, decoded one after the other.
    #[derive(Debug)]
    pub(crate) struct Frames {
        conversation: Conversation,
        max_memory: u64,
        failure: String,
    }

    impl Frames {
        pub(crate) fn start(file: File, format: ImageFormat, max_memory: u64) -> anyhow::Result<Self> {
            let conversation = Conversation::start(file, FRAMES, &Part::default(), max_memory)?;
            Ok(Self { conversation, max_memory, failure: failure(format) })
        }

        pub(crate) fn next(&mut self) -> anyhow::Result<Image> {
            let Self { conversation, max_memory, failure } = self;
            let reply = conversation.reply(*max_memory, failure)?;
            conversation.image(reply, *max_memory, failure)
        }
    }

    fn failure(format: ImageFormat) -> String {
        format!("cannot be read as {}", decode::name(format))
    }

    /// Decodes what comes through a pipe.
    pub(crate) fn decode_stream(stream: Stream, part: &Part, max_memory: u64) -> anyhow::Result<Image> {
        let how = if stream.has_begun() { STREAM } else { FIFO };
        let failure = "cannot be read";
        let (mut conversation, reply) = ask(stream.into_file(), how, part, max_memory, failure)?;
        conversation.image(reply, max_memory, failure)
    }

    /// A process that ends when nobody needs it any more.
    #[derive(Debug)]
    struct Process(Child);

    impl Drop for Process {
        fn drop(&mut self) {
            // It may have ended already.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// A process that decodes, and what it says.
    #[derive(Debug)]
    struct Conversation {
        process: Process,
        output: BufReader<Stream>,
    }

    impl Conversation {
        fn start(input: File, how: &str, part: &Part, max_memory: u64) -> anyhow::Result<Self> {
            let mut process =
                Process(start(input, how, part, max_memory).context("the decoder cannot be started")?);
            let output = process.0.stdout.take().map(OwnedFd::from).context("the decoder has no output")?;
            // The fewer waits the better; any size will do.
            #[cfg(target_os = "linux")]
            let _ = rustix::pipe::fcntl_setpipe_size(&output, 1 << 20);
            let output = BufReader::new(Stream::of_process(File::from(output)));
            Ok(Self { process, output })
        }

        /// The next answer. `failure` begins the sentence about the process's end.
        fn reply(&mut self, max_memory: u64, failure: &str) -> anyhow::Result<Reply> {
            let mut line = Vec::new();
            (&mut self.output).take(MOST_REPLY).read_until(b'\n', &mut line)?;
            match serde_json::from_slice(&line) {
                Ok(Reply::Failed(text)) => Err(anyhow!(text)),
                Ok(reply) => Ok(reply),
                Err(_) => Err(ended(&mut self.process, max_memory, anyhow!("no reply"), failure)),
            }
        }

        /// The image that an answer tells of.
        fn image(&mut self, reply: Reply, max_memory: u64, failure: &str) -> anyhow::Result<Image> {
            read_image(reply, &mut self.output)
                .map_err(|error| ended(&mut self.process, max_memory, error, failure))
        }
    }

    /// Has another process decode an image, or count. `failure` begins the sentence about its end.
    fn ask(
        input: File,
        how: &str,
        part: &Part,
        max_memory: u64,
        failure: &str,
    ) -> anyhow::Result<(Conversation, Reply)> {
        let mut conversation = Conversation::start(input, how, part, max_memory)?;
        let reply = conversation.reply(max_memory, failure)?;
        Ok((conversation, reply))
    }

    /// What to say of a process that ended before it had said all.
    fn ended(process: &mut Process, max_memory: u64, error: anyhow::Error, failure: &str) -> anyhow::Error {
        match end_of(&mut process.0, max_memory) {
            Ok(Some(end)) => anyhow!("{failure}: {end}"),
            Ok(None) => error.context(failure.to_owned()),
            Err(error) => error,
        }
    }

    fn start(input: File, how: &str, part: &Part, max_memory: u64) -> io::Result<Child> {
        // The file may have been replaced by a newer one; this process has not.
        let this = Path::new("/proc/self/exe");
        let program = if this.exists() { this.to_owned() } else { env::current_exe()? };
        Command::new(program)
            .arg0("ctm")
            .args([ARGUMENT, how, &max_memory.to_string(), &serde_json::to_string(part)?])
            .env("RUST_BACKTRACE", "0")
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    fn read_image(reply: Reply, output: &mut dyn Read) -> anyhow::Result<Image> {
        let Reply::Image { width, height, channels, depth, kind, lossy, hints } = reply else {
            bail!("no image")
        };
        let shape = Shape::new(width, height, channels)?;
        let values = match depth {
            Depth::U8 => Values::U8(read_values(output, shape)?),
            Depth::U16 => Values::U16(read_values(output, shape)?),
            Depth::F32 => Values::F32(read_values(output, shape)?),
            Depth::U32 => Values::U32(read_values(output, shape)?),
            Depth::I32 => Values::I32(read_values(output, shape)?),
        };
        Ok(Image { values, shape, kind, lossy, hints })
    }

    fn read_ranks(reply: Reply, output: &mut dyn Read, max_memory: u64) -> anyhow::Result<Ranks> {
        let Reply::Cryptomatte { size, layer, channels, manifest, sidecar } = reply else {
            bail!("no Cryptomatte")
        };
        let manifest = match manifest {
            Some(len) if len > max_memory => bail!("the manifest has {} bytes", thousands(len)),
            Some(len) => {
                let mut bytes = zeroed(len.into(), "the manifest needs")?;
                output.read_exact(&mut bytes)?;
                Some(bytes)
            }
            None => None,
        };
        let count = u128::from(size[0]) * u128::from(size[1]) * channels.len() as u128;
        let values = read_count(output, count)?;
        Ok(Ranks { size, layer, channels, values, manifest, sidecar })
    }

    fn read_values<T: Pod>(output: &mut dyn Read, shape: Shape) -> anyhow::Result<Vec<T>> {
        read_count(output, shape.floats() as u128)
    }

    fn read_count<T: Pod>(output: &mut dyn Read, count: u128) -> anyhow::Result<Vec<T>> {
        let mut values = zeroed(count, "the image needs")?;
        output.read_exact(cast_slice_mut(&mut values))?;
        Ok(values)
    }

    /// Why a process has ended, if it is not by its own will.
    fn end_of(child: &mut Child, max_memory: u64) -> anyhow::Result<Option<String>> {
        let mut said = String::new();
        if let Some(errors) = child.stderr.take() {
            let mut bytes = Vec::new();
            errors.take(MOST_REPLY).read_to_end(&mut bytes)?;
            said = String::from_utf8_lossy(&bytes).into_owned();
        }
        let status = child.wait()?;
        if matches!(status.signal(), Some(libc::SIGHUP | libc::SIGINT | libc::SIGTERM)) {
            // Whoever ends both processes means this one, whose answer may come a little later.
            std::thread::sleep(Duration::from_secs(1));
        }
        let needs_more =
            format!("the decoder needs more than {} bytes (--max-memory)", thousands(max_memory));
        Ok(match status.signal().and_then(Signal::from_named_raw) {
            _ if said.contains("memory allocation of") => Some(needs_more),
            Some(Signal::XCPU) => Some("the decoder takes too long for an image of this size".into()),
            _ => status.signal().map(|signal| format!("the decoder was ended by signal {signal}")),
        })
    }

    /// Decodes for another process, if this one was started for that: the image on standard input, the values to
    /// standard output.
    pub(crate) fn run_if_asked() -> Option<ExitCode> {
        let mut args = env::args().skip(1);
        if args.next()? != ARGUMENT {
            return None;
        }
        let how = args.next()?;
        let max_memory = args.next()?.parse().ok()?;
        let part = args.next().map_or(Some(Part::default()), |text| serde_json::from_str(&text).ok())?;
        limit(max_memory);
        panic::set_hook(Box::new(|_| {}));
        Some(match decode_and_reply(&how, &part, max_memory) {
            Ok(()) => ExitCode::SUCCESS,
            // The other process is gone, or the memory is.
            Err(_) => ExitCode::FAILURE,
        })
    }

    /// Has the system see to it that decoding stays within its limits. Where it cannot, the decoders' own remain.
    fn limit(max_memory: u64) {
        for (resource, limit) in [(Resource::Data, max_memory), (Resource::Core, 0)] {
            let _ = setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit + 1) });
        }
        limit_time(max_memory, 1);
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    }

    /// Allows the time of so many images.
    fn limit_time(max_memory: u64, images: u64) {
        let seconds = images * (SECONDS + max_memory / BYTES_PER_SECOND);
        // At the maximum there would be no word of it.
        let maximum = getrlimit(Resource::Cpu).maximum;
        let _ = setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum });
    }

    fn decode_and_reply(how: &str, part: &Part, max_memory: u64) -> anyhow::Result<()> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let image = match how {
            COUNT => return say(&count_in_place(file).map_or_else(failed, Reply::Frames), &[]),
            FRAMES => return frames_and_reply(file, max_memory),
            CRYPTOMATTE => return cryptomatte_and_reply(file, part, max_memory),
            FILE => decode_in_place(file, part, max_memory),
            FIFO => decode_in_memory(Stream::new(file), part, max_memory),
            _ => decode_in_memory(Stream::of_process(file), part, max_memory),
        };
        image.map_or_else(|error| say(&failed(error), &[]), say_image)
    }

    /// Tells the other process of an image.
    fn say_image(image: Image) -> anyhow::Result<()> {
        let Image { values, shape, kind, lossy, hints } = image;
        let reply = Reply::Image {
            width: shape.width(),
            height: shape.height(),
            channels: shape.channels(),
            depth: match values {
                Values::U8(_) => Depth::U8,
                Values::U16(_) => Depth::U16,
                Values::F32(_) => Depth::F32,
                Values::U32(_) => Depth::U32,
                Values::I32(_) => Depth::I32,
            },
            kind,
            lossy,
            hints,
        };
        say(&reply, &[values.bytes()])
    }

    fn failed(error: anyhow::Error) -> Reply {
        Reply::Failed(words::sentence(&error))
    }

    /// Tells the other process.
    fn say(reply: &Reply, behind: &[&[u8]]) -> anyhow::Result<()> {
        let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        output.write_all(format!("{}\n", serde_json::to_string(reply)?).as_bytes())?;
        Ok(behind.iter().try_for_each(|bytes| output.write_all(bytes))?)
    }

    fn cryptomatte_and_reply(mut file: File, part: &Part, max_memory: u64) -> anyhow::Result<()> {
        let decode = || {
            let len = file.metadata()?.len();
            let format = decode::format_of(&source::head(&mut file)?)?;
            decode::cryptomatte(BufReader::new(file), len, format, part, max_memory)
        };
        match decode() {
            Err(error) => say(&failed(error), &[]),
            Ok(Ranks { size, layer, channels, values, manifest, sidecar }) => {
                let len = manifest.as_ref().map(|bytes| bytes.len() as u64);
                let reply = Reply::Cryptomatte { size, layer, channels, manifest: len, sidecar };
                say(&reply, &[manifest.as_deref().unwrap_or_default(), cast_slice(&values)])
            }
        }
    }

    fn frames_and_reply(mut file: File, max_memory: u64) -> anyhow::Result<()> {
        let len = file.metadata()?.len();
        let mut images = 1;
        let each = |image| {
            images += 1;
            limit_time(max_memory, images);
            say_image(image)
        };
        decode::format_of(&source::head(&mut file)?)
            .and_then(|format| decode::frames(BufReader::new(file), len, format, max_memory, each))
            .or_else(|error| say(&failed(error), &[]))
    }

    fn decode_in_place(mut file: File, part: &Part, max_memory: u64) -> anyhow::Result<Image> {
        let len = file.metadata()?.len();
        let format = decode::format_of(&source::head(&mut file)?)?;
        decode::decode(BufReader::new(file), len, format, part, max_memory)
    }

    fn count_in_place(mut file: File) -> anyhow::Result<u32> {
        let len = file.metadata()?.len();
        let format = decode::format_of(&source::head(&mut file)?)?;
        decode::count_frames(BufReader::new(file), len, format)
    }
}
