//! Pipes, devices and standard input: what streams is read, the rest is refused, and nothing waits for ever.

#![cfg(unix)]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::{Run, ctm, data, run};
use tempfile::TempDir;

const MAP: &str = "world-countries-2048.png";

fn fifo() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.png");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    (folder, path)
}

/// Starts the tool.
fn start(args: &[&str], image: &Path, output: &Path, input: impl Into<Stdio>) -> Child {
    let mut command = ctm();
    command
        .arg("segment")
        .arg(image)
        .arg("-o")
        .arg(output.join("masks"))
        .args(["--backend", "cpu"])
        .args(args);
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Run {
    Run::new(child.wait_with_output().unwrap())
}

#[test]
fn a_pipe_without_a_writer_is_refused() {
    let (folder, fifo) = fifo();
    for args in [&[][..], &["--raw", "4x4x3"]] {
        let run = end(start(args, &fifo, folder.path(), Stdio::null()));
        assert!(run.error(1).contains("is a pipe that no program writes to"), "{run:?}");
    }
    let palette = ["--palette", fifo.to_str().unwrap()];
    let run = end(start(&palette, &data(MAP), folder.path(), Stdio::null()));
    assert!(run.error(1).contains("is a pipe that no program writes to"), "{run:?}");
}

#[test]
fn a_pipe_with_a_slow_writer_is_read() {
    let (folder, fifo) = fifo();
    let child = start(&["--json"], &fifo, folder.path(), Stdio::null());
    thread::sleep(Duration::from_millis(300));
    let bytes = fs::read(data(MAP)).unwrap();
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    thread::sleep(Duration::from_millis(300));
    for part in bytes.chunks(bytes.len() / 3) {
        writer.write_all(part).unwrap();
        thread::sleep(Duration::from_millis(100));
    }
    drop(writer);
    assert_eq!(end(child).quiet().json()["format"], "PNG, 8-bit RGB");
}

/// The process in which the tool decodes.
fn decoder_of(child: &Child) -> u32 {
    // Any of its threads may have started it.
    let tasks = format!("/proc/{}/task", child.id());
    loop {
        for task in fs::read_dir(&tasks).unwrap() {
            let text = fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
            if let Some(pid) = text.split_whitespace().next() {
                return pid.parse().unwrap();
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_wait_can_be_ended_and_leaves_no_process() {
    for (signal, code) in [("-INT", Some(130)), ("-TERM", None), ("-KILL", None)] {
        let (folder, fifo) = fifo();
        let child = start(&[], &fifo, folder.path(), Stdio::null());
        // Opens the pipe, and writes nothing.
        let writer = OpenOptions::new().write(true).open(&fifo).unwrap();
        let decoder = decoder_of(&child);
        thread::sleep(Duration::from_millis(200));
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let run = end(child);
        assert!(run.code == code || signal == "-TERM" && run.code.is_some(), "{signal}: {run:?}");
        // It ends, sooner or later.
        while Path::new(&format!("/proc/{decoder}/stat")).exists() {
            let stat = fs::read_to_string(format!("/proc/{decoder}/stat")).unwrap_or_default();
            if stat.contains(") Z ") {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        drop(writer);
    }
}

#[test]
fn devices_sockets_and_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    for (path, expected) in [
        (Path::new("/dev/zero"), "is a device; a file or a pipe is expected"),
        (Path::new("/dev/null"), "is a device; a file or a pipe is expected"),
        (&socket, "is a socket; a file or a pipe is expected"),
        (folder.path(), "is a folder"),
    ] {
        for args in [&[][..], &["--raw", "4x4x3"]] {
            let run = end(start(args, path, folder.path(), Stdio::null()));
            assert!(run.error(1).contains(expected), "{run:?}");
        }
        let run =
            end(start(&["--palette", path.to_str().unwrap()], &data(MAP), folder.path(), Stdio::null()));
        assert!(run.error(1).contains(expected), "{run:?}");
    }
    let run = end(start(&[], Path::new("-"), folder.path(), Stdio::null()));
    assert!(run.error(1).contains("standard input: is a device"), "{run:?}");
}

#[test]
fn standard_input_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let tiff = folder.path().join("map.tif");
    image::open(data(MAP)).unwrap().save(&tiff).unwrap();
    for (file, format) in [(data(MAP), "PNG, 8-bit RGB"), (tiff, "TIFF, 8-bit RGB")] {
        // A file, and a pipe.
        let json =
            end(start(&["--json"], Path::new("-"), folder.path(), File::open(&file).unwrap())).quiet().json();
        assert_eq!((&json["input"], &json["format"]), (&"-".into(), &format.into()));
        let mut child = start(&["--json"], Path::new("-"), folder.path(), Stdio::piped());
        child.stdin.take().unwrap().write_all(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(end(child).quiet().json()["masks"], json["masks"]);
    }
    let mut child = start(
        &["--json", "--raw", "2x1x1", "--min-pixels", "1"],
        Path::new("-"),
        folder.path(),
        Stdio::piped(),
    );
    child.stdin.take().unwrap().write_all(&[0, 0, 0, 0, 0, 0, 128, 63]).unwrap();
    assert_eq!(end(child).quiet().json()["masks"].as_array().unwrap().len(), 2);
    let mut child = start(&["--json", "--palette", "-"], &data(MAP), folder.path(), Stdio::piped());
    child.stdin.take().unwrap().write_all(b"#aacde6 Sea\n").unwrap();
    assert_eq!(end(child).quiet().json()["masks"][0]["name"], "Sea");
    let mut child = start(&[], Path::new("-"), folder.path(), Stdio::piped());
    child.stdin.take().unwrap().write_all(b"text").unwrap();
    assert!(end(child).error(1).contains("-: is no image of a known format"));
}

#[test]
fn standard_input_among_several() {
    let folder = tempfile::tempdir().unwrap();
    let other = data(MAP);
    let args = [other.to_str().unwrap(), "--batch", "each"];
    end(start(&args, Path::new("-"), folder.path(), File::open(data(MAP)).unwrap())).quiet();
    assert!(folder.path().join("masks/stdin/overview.png").exists());
    for args in [&["segment", "-", "-", "-o", "b"][..], &["segment", "-", "-o", "b", "--palette", "-"]] {
        assert!(run(args).error(2).contains("standard input (-) can be read once only"));
    }
}
