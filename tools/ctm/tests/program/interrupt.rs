//! Ctrl-C and other requests to end leave no file half written; `--verbose` tells what is done.

#![cfg(unix)]

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::{Run, backends, ctm, data, segment, write_floats};

const SIDE: usize = 1000;
const COLORS: usize = 800;

/// Starts work that takes seconds: many masks.
fn start(folder: &Path) -> Child {
    let map = folder.join("map.raw");
    let pixels = 0..SIDE * SIDE;
    write_floats(
        &map,
        &pixels.map(|pixel| (pixel * 2_654_435 % 1_000_003 % COLORS) as f32).collect::<Vec<_>>(),
    );
    let raw = format!("{SIDE}x{SIDE}x1");
    let count = COLORS.to_string();
    ctm()
        .arg("segment")
        .arg(&map)
        .arg("-o")
        .arg(folder.join("masks"))
        .args([
            "--raw",
            &raw,
            "--backend",
            "cpu",
            "--min-pixels",
            "1",
            "--max-count",
            &count,
            "--small-files",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn end(signal: &str, child: Child) -> Run {
    send(signal, &child);
    Run::new(child.wait_with_output().unwrap())
}

/// Waits for its end, but not for good.
fn wait(child: &mut Child) -> ExitStatus {
    for _ in 0..6000 {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    panic!("it has not ended within a minute");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn files_are_whole() {
    for (signal, code, text) in
        [("-INT", 130, "interrupted"), ("-TERM", 143, "ended by SIGTERM"), ("-HUP", 129, "ended by SIGHUP")]
    {
        let folder = tempfile::tempdir().unwrap();
        let masks = folder.path().join("masks");
        let child = start(folder.path());
        while files(&masks).len() < 3 {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(end(signal, child).error(code), text);
        let files = files(&masks);
        assert!((2..COLORS).contains(&files.len()), "{} files", files.len());
        for file in files {
            let picture = image::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            assert_eq!(picture.width() as usize, SIDE);
        }
    }
}

/// As under `nohup`.
#[test]
fn an_ignored_signal_stays_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let masks = folder.path().join("masks");
    let mut child = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_ctm"), "segment", "--json", "-o"])
        .args([&masks, &data("world-countries-2048.png")])
        .args(["--backend", "cpu", "--max-count", "60"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while files(&masks).is_empty() {
        thread::sleep(Duration::from_millis(1));
    }
    send("-HUP", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(files(&masks).len(), 61);
}

/// A pipe that nobody reads keeps the program from going on, not from ending.
#[test]
fn waiting_for_a_reader_can_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = ctm()
        .args(["segment", "--backend", "cpu", "--max-count", "60000", "--labels", "-", "-o"])
        .args([&folder.path().join("masks"), &data("astronaut-1024.png")])
        .args(["--min-pixels", "1", "--no-masks", "--no-overview", "--verbose"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // More labels than a pipe holds: they are waiting once the first are there.
    let mut first = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    send("-TERM", &child);
    assert_eq!(wait(&mut child).code(), Some(143));
}

/// At any moment before the files are written, nothing is.
#[test]
fn any_moment_will_do() {
    for delay in [30, 60, 100, 150] {
        let folder = tempfile::tempdir().unwrap();
        let child = start(folder.path());
        thread::sleep(Duration::from_millis(delay));
        let run = end("-INT", child);
        // A program that has not come to listen yet is ended by the signal itself.
        assert!(matches!(run.code, Some(130) | None), "{run:?}");
        for file in files(&folder.path().join("masks")) {
            image::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
}

#[test]
fn verbose_tells_what_is_done() {
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let map = data("world-countries-2048.png");
        let run = segment(&backend, &map, folder.path(), &["--verbose", "--no-overview"]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stderr.contains("ctm: info: working on "), "{run:?}");
        assert!(run.stderr.contains("ctm: debug: 5 masks of 1 x 2048 x 1024 x 3 in "), "{run:?}");
    }
}

/// The folder that was made for an image whose turn had not come.
#[test]
fn empty_folders_go_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    assert!(Command::new("mkfifo").arg(path("pipe.png")).status().unwrap().success());
    // Someone could still write to it: it is waited for.
    let writer = std::fs::File::options().read(true).write(true).open(path("pipe.png")).unwrap();
    let child = ctm()
        .args(["segment", "--backend", "cpu", "--batch", "stream", "--no-overview", "-o"])
        .args([path("masks"), data("world-countries-2048.png"), path("pipe.png")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let done = path("masks").join("world-countries-2048");
    while files(&done).is_empty() {
        thread::sleep(Duration::from_millis(1));
    }
    assert!(path("masks/pipe").exists());
    // The first image may have been told of by then.
    let run = end("-INT", child);
    assert_eq!((run.code, &*run.stderr), (Some(130), "ctm: error: interrupted\n"));
    assert!(done.exists() && !path("masks/pipe").exists());
    drop(writer);
}
