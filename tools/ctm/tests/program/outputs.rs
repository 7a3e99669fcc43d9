//! What is written: nothing over anything else, each file whole or not at all, all of it checked before the first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::{Run, backends, ctm, data, run, segment, write_floats};
use tempfile::TempDir;

/// A folder with a small map of two colours.
fn map() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.png");
    picture().save(&path).unwrap();
    (folder, path)
}

fn picture() -> image::RgbImage {
    image::RgbImage::from_fn(8, 8, |x, _| image::Rgb(if x < 3 { [255, 0, 0] } else { [0, 0, 255] }))
}

/// All files below a folder, with what they hold.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut list = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => list.extend(files(&entry.path())),
            kind if kind.is_file() => list.push((entry.path(), fs::read(entry.path()).unwrap())),
            _ => list.push((entry.path(), Vec::new())),
        }
    }
    list.sort();
    list
}

fn names(folder: &Path) -> Vec<String> {
    files(folder).iter().map(|(path, _)| path.strip_prefix(folder).unwrap().display().to_string()).collect()
}

/// Runs `ctm segment` in a folder, on the CPU, with masks of every colour.
fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = ctm();
    command.current_dir(folder).args(["segment", "--backend", "cpu"]).args(args);
    if !args.contains(&"--palette") {
        command.args(["--min-pixels", "1"]);
    }
    command
}

fn segment_in(folder: &Path, args: &[&str]) -> Run {
    Run::new(command(folder, args).output().unwrap())
}

/// Expects a refusal that says each of these words, and nothing written.
#[track_caller]
fn refused(folder: &Path, args: &[&str], code: i32, words: &[&str]) {
    let before = files(folder);
    let run = segment_in(folder, args);
    let error = run.error(code);
    for word in words {
        assert!(error.contains(word), "{word}: {error}");
    }
    assert!(files(folder) == before, "{args:?}: something was written: {:?}", names(folder));
}

#[test]
fn no_output_is_another_or_an_input() {
    let (folder, _) = map();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("colors"), "#ff0000\n#0000ff\n").unwrap();
    fs::create_dir(path("o")).unwrap();
    let overview = ["the labels (--labels)", "the overview (--output)"];
    refused(folder.path(), &["map.png", "-o", "o", "--labels", "o/overview.png"], 1, &overview);
    refused(folder.path(), &["map.png", "-o", "new", "--labels", "new/overview.png"], 1, &overview);
    refused(folder.path(), &["map.png", "-o", "new/../new", "--labels", "./new/Overview.PNG"], 1, &overview);
    let table = ["the palette (--palette)", "the table (--table)"];
    refused(
        folder.path(),
        &["map.png", "-o", "o", "--no-masks", "--palette", "colors", "--table", "colors"],
        1,
        &table,
    );
    let map = ["the colour map (IMAGE)", "the labels (--labels)"];
    refused(folder.path(), &["map.png", "-o", "o", "--labels", "o/../map.png"], 1, &map);
    fs::copy(path("colors"), path("colors.csv")).unwrap();
    refused(
        folder.path(),
        &["map.png", "-o", "o", "--palette", "colors.csv", "--table", "o/../colors.csv"],
        1,
        &table,
    );
    let mask = ["the labels (--labels)", "a mask (--output)", "mask-001-0000ff.png"];
    refused(folder.path(), &["map.png", "-o", "o", "--labels", "o/mask-001-0000ff.png"], 1, &mask);
    refused(folder.path(), &["map.png", "-o", "new", "--labels", "new/mask-001-0000ff.png"], 1, &mask);
    // A folder of several images is no file.
    fs::copy(path("map.png"), path("other.png")).unwrap();
    let folder_of_masks = ["the table (--table)", "a folder of masks (--output)"];
    refused(
        folder.path(),
        &["map.png", "other.png", "-o", "new", "--table", "new/other"],
        1,
        &folder_of_masks,
    );
    assert!(!path("new").exists());
}

#[cfg(unix)]
#[test]
fn links_lead_to_no_input() {
    use std::os::unix::fs::symlink;
    let (folder, map) = map();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("o")).unwrap();
    fs::hard_link(&map, path("o/mask-002-ff0000.png")).unwrap();
    let words = ["mask-002-ff0000.png", "the colour map (IMAGE)", "a mask (--output)"];
    refused(folder.path(), &["map.png", "-o", "o"], 1, &words);
    // The link to the input would be lost, wherever on the way.
    fs::create_dir(path("p")).unwrap();
    symlink("../map.png", path("p/overview.png")).unwrap();
    symlink("p/overview.png", path("link.png")).unwrap();
    refused(folder.path(), &["link.png", "-o", "p"], 1, &["overview.png", "the colour map (IMAGE)"]);
    // A folder by another name.
    fs::create_dir(path("q")).unwrap();
    symlink("q", path("r")).unwrap();
    let words = ["the labels (--labels)", "the overview (--output)"];
    refused(folder.path(), &["map.png", "-o", "q", "--labels", "r/overview.png"], 1, &words);
    // Standard output that goes to a file.
    let table = fs::File::create(path("table.csv")).unwrap();
    let args = ["map.png", "-o", "q", "--table", "table.csv"];
    let run = Run::new(command(folder.path(), &args).stdout(table).output().unwrap());
    let error = run.error(1);
    assert!(error.contains("standard output") && error.contains("the table (--table)"), "{error}");
    assert_eq!(names(&path("q")).len(), 0);
}

#[cfg(unix)]
#[test]
fn links_in_an_outputs_place_are_replaced() {
    use std::os::unix::fs::symlink;
    let (folder, _) = map();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("o")).unwrap();
    for name in ["overview.png", "mask-001-0000ff.png", "labels.png", "table.csv"] {
        fs::write(path(name), "precious").unwrap();
        symlink(path(name), path("o").join(name)).unwrap();
    }
    symlink(path("nowhere"), path("o/mask-002-ff0000.png")).unwrap();
    segment_in(folder.path(), &["map.png", "-o", "o", "--labels", "o/labels.png", "--table", "o/table.csv"])
        .quiet();
    for name in ["overview.png", "mask-001-0000ff.png", "labels.png", "table.csv"] {
        assert_eq!(fs::read(path(name)).unwrap(), b"precious", "{name}");
        assert!(path("o").join(name).symlink_metadata().unwrap().is_file(), "{name}");
    }
    assert!(!path("nowhere").exists());
    // Nor is one in the place of an image's folder.
    fs::copy(path("map.png"), path("other.png")).unwrap();
    fs::create_dir_all(path("elsewhere")).unwrap();
    fs::create_dir(path("several")).unwrap();
    symlink(path("elsewhere"), path("several/other")).unwrap();
    refused(folder.path(), &["map.png", "other.png", "-o", "several"], 1, &["several/other: is a link"]);
}

#[cfg(unix)]
#[test]
fn modes_are_the_users() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, _) = map();
    let path = |name: &str| folder.path().join(name);
    let mode = |name: &str| path(name).metadata().unwrap().permissions().mode() & 0o7777;
    let with_umask = |mask: &str, args: &str| {
        let script = format!("umask {mask}; exec \"$0\" segment map.png --backend cpu --min-pixels 1 {args}");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_ctm")]).current_dir(folder.path());
        Run::new(command.output().unwrap()).quiet();
    };
    with_umask("022", "-o o --table t.csv");
    assert_eq!((mode("o/overview.png"), mode("o/mask-001-0000ff.png"), mode("t.csv")), (0o644, 0o644, 0o644));
    with_umask("027", "-o p");
    assert_eq!(mode("p/overview.png"), 0o640);
    // What is replaced keeps its mode.
    fs::set_permissions(path("o/overview.png"), fs::Permissions::from_mode(0o664)).unwrap();
    fs::set_permissions(path("t.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    with_umask("077", "-o o --table t.csv");
    assert_eq!((mode("o/overview.png"), mode("t.csv")), (0o664, 0o600));
    // Other names of a replaced file have what they had.
    fs::hard_link(path("t.csv"), path("before.csv")).unwrap();
    fs::write(path("before.csv"), "before").unwrap();
    with_umask("022", "-o o --table t.csv");
    assert_eq!(fs::read(path("before.csv")).unwrap(), b"before");
    fs::set_permissions(path("t.csv"), fs::Permissions::from_mode(0o444)).unwrap();
    refused(
        folder.path(),
        &["map.png", "-o", "new", "--table", "t.csv"],
        1,
        &["t.csv", "is write-protected"],
    );
}

#[test]
fn whatever_an_image_is_called_its_masks_are_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let images: &[&str] = match cfg!(unix) {
        true => &["in/..png", "in/...png", "in/.png", "in/-x.png", "in/a\nb\u{1b}[2J.png", "in/a\\b.png"],
        false => &["in/..png", "in/...png", "in/.png", "in/-x.png"],
    };
    fs::create_dir_all(path("in")).unwrap();
    images.iter().for_each(|name| picture().save_with_format(path(name), image::ImageFormat::Png).unwrap());
    let args = [images, &["-o", "out/masks", "--labels", "out/labels.png"]].concat();
    segment_in(folder.path(), &args).quiet();
    let found = names(&path("out"));
    assert_eq!(found.len(), images.len() * 4, "{found:?}");
    assert!(found.iter().all(|name| !name.contains(char::is_control)), "{found:?}");
    let folders = fs::read_dir(path("out/masks")).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(folders.inspect(|folder| assert_eq!(names(folder).len(), 3)).count(), images.len());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing beside it");
    // Names that become the same.
    for [one, other] in [["in/..png", "in/_.png"], ["in/-x.png", "in/-X.png"], ["in/-x.png", "in/-x.PNG"]] {
        refused(folder.path(), &[one, other, "-o", "other"], 2, &["two images are called"]);
    }
}

#[test]
fn names_that_are_too_long() {
    let (folder, _) = map();
    let long = format!("{}.png", "n".repeat(250));
    picture().save(folder.path().join(&long)).unwrap();
    segment_in(folder.path(), &["map.png", &long, "-o", "o"]).quiet();
    let args = ["map.png", &long, "-o", "new", "--labels", "labels.png"];
    refused(folder.path(), &args, 1, &["labels-nnn", "cannot be written"]);
    assert!(!folder.path().join("new").exists());
}

#[cfg(unix)]
#[test]
fn pipes_and_devices() {
    let (folder, _) = map();
    let path = |name: &str| folder.path().join(name);
    let shell = |script: &str| -> Output {
        let script =
            format!("ctm() {{ \"$CTM\" segment map.png --backend cpu --min-pixels 1 \"$@\"; }}; {script}");
        let mut command = Command::new("timeout");
        command.args(["60", "bash", "-c", &script]).env("CTM", env!("CARGO_BIN_EXE_ctm"));
        command.current_dir(folder.path()).output().unwrap()
    };
    // Pipes that someone reads.
    let readers = "ctm -o o --labels >(cat >l; mv l labels.png) --table >(cat >t; mv t table.csv) && \
                   until [ -e labels.png ] && [ -e table.csv ]; do sleep 0.05; done";
    let run = Run::new(shell(readers)).quiet();
    assert!(run.stdout.contains("labels: /dev/fd/"), "{run:?}");
    assert_eq!(image::open(path("labels.png")).unwrap().into_luma8().into_raw()[..4], [2, 2, 2, 1]);
    assert_eq!(fs::read_to_string(path("table.csv")).unwrap().lines().count(), 3);
    Run::new(shell("mkfifo pipe; exec 3<>pipe; ctm -o o --table pipe && head -n 3 <&3 >table.csv")).quiet();
    assert_eq!(fs::read_to_string(path("table.csv")).unwrap().lines().count(), 3);
    // And those that nobody does.
    let before = files(&path("o"));
    let error = Run::new(shell("ctm -o o --max-count 1 --table pipe"));
    assert!(error.error(1).contains("pipe: cannot be written: nobody reads from this pipe"), "{error:?}");
    assert!(files(&path("o")) == before);
    let error = Run::new(shell("ctm -o o --labels pipe --table ./pipe"));
    assert!(error.error(1).contains("the labels (--labels) and the table (--table)"), "{error:?}");
    // A mask is a file.
    let error = Run::new(shell("mkdir p; mkfifo p/mask-001-0000ff.png; ctm -o p"));
    assert!(error.error(1).contains("mask-001-0000ff.png: cannot be written: is no file"), "{error:?}");
    assert_eq!(names(&path("p")), ["mask-001-0000ff.png"]);
    // Devices.
    Run::new(shell("ctm -o q --labels /dev/null --table /dev/null")).quiet();
    assert!(!Path::new("/dev/null").is_file());
    #[cfg(target_os = "linux")]
    for option in ["--labels", "--table"] {
        let error = Run::new(shell(&format!("ctm -o q {option} /dev/full")));
        assert!(error.error(1).starts_with("/dev/full: cannot be written: "), "{error:?}");
    }
}

#[test]
fn one_thing_on_standard_output() {
    let (folder, _) = map();
    let output = |args: &[&str]| command(folder.path(), args).output().unwrap();
    let own: &[&str] = if cfg!(unix) { &["-", "/dev/stdout"] } else { &["-"] };
    for name in own {
        let table = Run::new(output(&["map.png", "-o", "o", "--table", name])).quiet().stdout;
        assert!(table.starts_with("image,mask,") && table.lines().count() == 3, "{table}");
        let labels = output(&["map.png", "-o", "o", "--labels", name, "--table", "t.csv"]);
        assert_eq!((labels.status.code(), labels.stderr.as_slice()), (Some(0), &b""[..]));
        let labels = image::load_from_memory(&labels.stdout).unwrap().into_luma8();
        assert_eq!(labels.into_raw()[..4], [2, 2, 2, 1]);
        for args in [
            &["map.png", "-o", "new", "--labels", name, "--table", "-"][..],
            &["map.png", "-o", "new", "--json", "--table", name],
            &["map.png", "-o", "new", "--json", "--labels", name],
            &["map.png", "other.png", "-o", "new", "--labels", name],
        ] {
            refused(folder.path(), args, 2, &["standard output"]);
        }
    }
    let mut names = names(folder.path());
    names.retain(|name| !name.starts_with("o/"));
    assert_eq!(names, ["map.png", "t.csv"]);
    // Who reads it may have seen enough.
    let args = ["map.png", "-o", "o", "--table", "-"];
    let mut child =
        command(folder.path(), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::new(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn files_are_what_they_are_called() {
    let (folder, _) = map();
    for name in ["x.jpg", "x.csv", "x.png.bak"] {
        refused(folder.path(), &["map.png", "-o", "o", "--labels", name], 2, &["--labels", name, ".png"]);
    }
    for name in ["x.json", "x.png", "x.xlsx"] {
        refused(folder.path(), &["map.png", "-o", "o", "--table", name], 2, &["--table", name, ".csv"]);
    }
    for name in ["o/", "..", "/"] {
        refused(folder.path(), &["map.png", "-o", "o", "--table", name], 1, &["no name of a file"]);
    }
    for name in ["a.PNG", "a.tif", "a.TIFF", "a"] {
        segment_in(folder.path(), &["map.png", "-o", "o", "--labels", name]).quiet();
        let bytes = fs::read(folder.path().join(name)).unwrap();
        let is_tiff = image::guess_format(&bytes).unwrap() == image::ImageFormat::Tiff;
        assert_eq!(is_tiff, name.to_lowercase().contains("tif"), "{name}");
        let labels = image::load_from_memory(&bytes).unwrap().into_luma8();
        assert_eq!(labels.into_raw()[..4], [2, 2, 2, 1]);
    }
}

/// Each pixel a colour of its own, one after the other.
fn many_colors(folder: &Path, width: usize, height: usize) -> [String; 3] {
    let floats: Vec<f32> = (0..width * height).map(|pixel| (pixel + 1) as f32).collect();
    write_floats(&folder.join("map.f32"), &floats);
    ["map.f32".into(), "--raw".into(), format!("{width}x{height}x1")]
}

fn texts<'a>(some: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    some.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

#[test]
fn labels_of_32_bits_are_a_tiff() {
    let folder = tempfile::tempdir().unwrap();
    let map = many_colors(folder.path(), 256, 257);
    let args = ["-o", "o", "--no-masks", "--no-overview", "--max-count", "100000", "--labels"];
    // A PNG is refused before the first of 65,792 masks.
    let words = ["65,792 masks", "65,535 at most", ".tif"];
    refused(folder.path(), &texts(&map, &[&args[..], &["l.png"]].concat()), 1, &words);
    let with_masks = ["-o", "o", "--max-count", "100000", "--labels", "l.png"];
    refused(folder.path(), &texts(&map, &with_masks), 1, &words);
    assert!(!folder.path().join("o").exists());
    segment_in(folder.path(), &texts(&map, &[&args[..], &["l.tif"]].concat())).quiet();
    let tiff = |name: &str| {
        let file = fs::File::open(folder.path().join(name)).unwrap();
        let mut decoder = tiff::decoder::Decoder::new(std::io::BufReader::new(file)).unwrap();
        decoder.read_image().unwrap()
    };
    let tiff::decoder::DecodingResult::U32(labels) = tiff("l.tif") else { panic!("32 bits are expected") };
    assert!(labels.iter().copied().eq(1..=65_792));
    let sixteen = ["-o", "o", "--no-masks", "--no-overview", "--max-count", "300", "--labels", "s.tif"];
    segment_in(folder.path(), &texts(&map, &sixteen)).quiet();
    let tiff::decoder::DecodingResult::U16(labels) = tiff("s.tif") else { panic!("16 bits are expected") };
    assert!(labels.iter().copied().eq((1..=300).chain([0; 65_792 - 300])));
}

/// A palette's limit needs no look at the map; those of several images with masks of their own are looked at first.
#[test]
fn limits_are_known_before_the_first_file() {
    let folder = tempfile::tempdir().unwrap();
    let map = many_colors(folder.path(), 256, 257);
    let palette: String = (0..65_792).map(|color| format!("{}.0\n", color + 1)).collect();
    fs::write(folder.path().join("palette.txt"), palette).unwrap();
    let args = ["-o", "o", "--palette", "palette.txt", "--labels", "l.png"];
    refused(folder.path(), &texts(&map, &args), 1, &["65,792 masks", "65,535 at most"]);
    let few = vec![1.0; 65_792];
    write_floats(&folder.path().join("few.f32"), &few);
    let args = ["-o", "o", "--batch", "each", "--max-count", "100000", "--labels", "l.png"];
    let images = [&["few.f32".to_owned()], &map[..]].concat();
    refused(folder.path(), &texts(&images, &args), 1, &["65,792 masks", "65,535 at most"]);
    assert!(!folder.path().join("o").exists());
}

#[test]
fn folders_are_checked_before_the_first_file() {
    let (folder, _) = map();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "").unwrap();
    for option in [["--labels", "missing/l.png"], ["--table", "missing/t.csv"]] {
        refused(
            folder.path(),
            &[&["map.png", "-o", "o"], &option[..]].concat(),
            1,
            &["missing", "cannot be written"],
        );
    }
    refused(folder.path(), &["map.png", "-o", "o", "--table", "file/t.csv"], 1, &["file/t.csv"]);
    fs::create_dir(path("t.csv")).unwrap();
    refused(folder.path(), &["map.png", "-o", "o", "--table", "t.csv"], 1, &["t.csv", "is a folder"]);
    fs::create_dir_all(path("p/mask-002-ff0000.png")).unwrap();
    refused(folder.path(), &["map.png", "-o", "p"], 1, &["mask-002-ff0000.png", "is a folder"]);
    assert!(!path("o").exists());
    // A folder that is made may hold them.
    segment_in(folder.path(), &["map.png", "-o", "o/p", "--labels", "o/l.png", "--table", "o/p/t.csv"])
        .quiet();
    assert!(path("o/l.png").is_file() && path("o/p/t.csv").is_file());
}

/// What does not fit leaves what was there, and nothing else.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_whole_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Each file is larger than the 1 KiB that one may have.
    let noise =
        |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).to_be_bytes()[1];
    image::GrayImage::from_fn(256, 256, |x, y| image::Luma([noise(x, y)])).save(path("map.png")).unwrap();
    fs::create_dir(path("o")).unwrap();
    for name in ["o/labels.png", "o/table.csv", "o/overview.png"] {
        fs::write(path(name), "before").unwrap();
    }
    let limited = |args: &str| {
        let script = format!("ulimit -f 1; exec \"$0\" segment map.png --backend cpu --min-pixels 1 {args}");
        let run = Command::new("bash")
            .args(["-c", &script, env!("CARGO_BIN_EXE_ctm")])
            .current_dir(folder.path())
            .output();
        Run::new(run.unwrap())
    };
    for (args, name) in [
        ("-o o --no-masks --no-overview --labels o/labels.png --max-count 200", "o/labels.png"),
        ("-o o --no-masks --no-overview --table o/table.csv --max-count 256", "o/table.csv"),
        ("-o o --no-masks", "o/overview.png"),
    ] {
        let run = limited(args);
        let error = run.error(1);
        assert!(error.starts_with(&format!("{name}: cannot be written: ")), "{error}");
        assert_eq!(fs::read(path(name)).unwrap(), b"before");
    }
    assert_eq!(names(&path("o")), ["labels.png", "overview.png", "table.csv"]);
}

/// Crops of a palette need what they are large, not whole planes.
#[cfg(target_os = "linux")]
#[test]
fn cropped_masks_of_a_palette_need_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (width, height) = (4096, 1024);
    let mut floats = vec![0.0; width * height];
    (1..=300).for_each(|color| floats[color * 4096] = color as f32);
    write_floats(&folder.path().join("map.f32"), &floats);
    let palette: String = (1..=300).map(|color| format!("{color}.0\n")).collect();
    fs::write(folder.path().join("palette.txt"), palette).unwrap();
    // 300 planes are 1.2 GiB.
    let script = "ulimit -v 900000; exec \"$0\" segment map.f32 --raw 4096x1024x1 -o o --cropped --palette palette.txt --json \
                  --backend cpu --threads 2";
    let run = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_ctm")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let json = Run::new(run).quiet().json();
    assert_eq!(json["masks"].as_array().unwrap().len(), 300);
    let last = image::open(folder.path().join(json["masks"][299]["file"].as_str().unwrap())).unwrap();
    assert_eq!((last.width(), last.height()), (1, 1));
}

/// Eight times the masks take some eight times the time to print, not sixty-four.
#[test]
fn what_needs_less_memory_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let map = many_colors(folder.path(), 1024, 1024);
    let refuse = |more: &[&str], words: &[&str]| {
        let args = ["-o", "o", "--no-overview", "--max-count", "all"];
        refused(folder.path(), &texts(&map, &[&args[..], more].concat()), 1, words);
    };
    let words = ["lower --max-count, raise --min-pixels, crop the masks (--cropped), or write their edges"];
    refuse(&[], &words);
    // There cropped masks are not to be had.
    let words = ["raise --min-pixels, or write their edges or run lengths (--format svg, coco)"];
    refuse(&["--format", "tiff"], &words);
    assert!(!folder.path().join("o").exists());
}

#[test]
fn the_printed_table_is_made_in_one_go() {
    let folder = tempfile::tempdir().unwrap();
    let map = many_colors(folder.path(), 256, 255);
    let time = |count: &str| {
        let args = texts(&map, &["-o", "o", "--no-masks", "--no-overview", "--max-count", count]);
        let start = std::time::Instant::now();
        let run = segment_in(folder.path(), &args).quiet();
        assert!(run.stdout.lines().count() > count.parse().unwrap());
        start.elapsed()
    };
    let few = (0..3).map(|_| time("2040")).min().unwrap();
    let many = time("16320");
    assert!(many < few * 24, "{few:?}, and {many:?} for eight times the masks");
}

#[cfg(unix)]
#[test]
fn names_do_not_act_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a\u{1b}[31m\n\u{9b}2J\u{202e}.png";
    picture().save(folder.path().join(name)).unwrap();
    fs::write(folder.path().join("palette.txt"), "#ff0000 na\u{1b}me\u{9b}\n").unwrap();
    let args =
        [name, "-o", "o\u{1b}", "--palette", "palette.txt", "--labels", "l\u{85}.png", "--table", "t\u{7f}"];
    let text = segment_in(folder.path(), &args).quiet().stdout;
    for expected in [
        "a\\u{1b}[31m\\n\\u{9b}2J\\u{202e}.png: 8",
        "na\\u{1b}me\\u{9b}",
        "o\\u{1b}/mask",
        "l\\u{85}.png",
        "t\\u{7f}",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let acts = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!text.contains(acts), "{text:?}");
    let json = segment_in(folder.path(), &[&args[..], &["--json"]].concat()).quiet();
    assert!(!json.stdout.contains(acts), "{json:?}");
    assert_eq!(json.json()["input"], name);
    assert_eq!(json.json()["masks"][0]["name"], "na\u{1b}me\u{9b}");
    let error = segment_in(folder.path(), &["b\u{1b}\n.png", "-o", "o"]);
    assert!(error.error(1).starts_with("b\\u{1b}\\n.png: "), "{error:?}");
    assert!(!run(["seg\u{1b}ment"]).error(2).contains(acts));
}

/// The pages and completions are written as masks are.
#[cfg(unix)]
#[test]
fn documents_follow_no_links() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("d/man")).unwrap();
    fs::write(folder.path().join("precious"), "precious").unwrap();
    symlink(folder.path().join("precious"), folder.path().join("d/man/ctm.1")).unwrap();
    run(["documents", folder.path().join("d").to_str().unwrap()]).quiet();
    assert_eq!(fs::read(folder.path().join("precious")).unwrap(), b"precious");
    assert!(folder.path().join("d/man/ctm.1").symlink_metadata().unwrap().is_file());
}

/// Masks are files on every backend; the rest of this file looks at one.
#[test]
fn every_backend_replaces_files_whole() {
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            segment(&backend, &data("world-countries-2048.png"), folder.path(), &["--no-overview"]).quiet();
            assert_eq!(names(folder.path()).len(), 5, "no temporary file stays");
        }
    }
}
