//! Cryptomattes as the specification has them, written and decoded by another program.

#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::common::{Run, ctm, data, python, run};
use serde_json::Value;
use tempfile::TempDir;

/// The images of cryptomatte.py.
fn written() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    python("cryptomatte.py", &[OsStr::new("write"), folder.path().as_os_str()]);
    folder
}

/// Runs the tool on one of them, with the folder `out` beside it.
fn segmented(folder: &TempDir, name: &str, more: &[&str]) -> Run {
    let (image, output) = (folder.path().join(name), folder.path().join("out"));
    run([&["segment", image.to_str().unwrap(), "-o", output.to_str().unwrap()], more].concat())
}

/// What the masks are called, or their ids, in order.
fn names(json: &Value) -> Vec<&str> {
    let masks = json["masks"].as_array().unwrap();
    let text = |mask: &Value| mask["name"].is_null();
    masks.iter().map(|mask| mask[if text(mask) { "id" } else { "name" }].as_str().unwrap()).collect()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut files: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    files.sort();
    files
}

#[test]
fn masks_are_those_of_another_decoder() {
    let folder = written();
    for (name, layer, objects) in [
        ("render.exr", "CryptoObject", 8),
        ("render.exr", "View.CryptoMaterial", 3),
        ("plain.exr", "CryptoObject", 8),
        ("window.exr", "CryptoObject", 8),
        ("tiles.exr", "CryptoObject", 8),
        ("half-coverage.exr", "CryptoObject", 8),
        ("parts.exr", "CryptoObject", 8),
    ] {
        let chosen = format!("--cryptomatte={layer}");
        let all =
            [&chosen, "--json", "--min-pixels", "0", "--max-count", "all", "--format", "png,exr,npz,tiff"];
        let told = segmented(&folder, name, &all).quiet();
        assert_eq!(told.json()["cryptomatte"], layer);
        let output = folder.path().join("out");
        fs::write(output.join("told.json"), &told.stdout).unwrap();
        let image = folder.path().join(name);
        let args = [OsStr::new("check"), image.as_os_str(), OsStr::new(layer), output.as_os_str()];
        assert_eq!(python("cryptomatte.py", &args).trim(), objects.to_string(), "{name}");
        fs::remove_dir_all(output).unwrap();
    }
}

#[test]
fn the_largest_objects_come_first() {
    let folder = written();
    let all = segmented(
        &folder,
        "tiles.exr",
        &["--cryptomatte", "--json", "--min-pixels", "0", "--max-count", "all"],
    );
    let all = all.quiet().json();
    let pixels: Vec<f64> =
        all["masks"].as_array().unwrap().iter().map(|mask| mask["pixels"].as_f64().unwrap()).collect();
    assert!(pixels.is_sorted_by(|a, b| a >= b) && pixels.len() == 8, "{pixels:?}");
    assert_eq!((names(&all)[7], pixels[7]), ("rare", 1.0));
    let few = ["--cryptomatte", "--json", "--min-pixels", "2", "--max-count", "3"];
    let few = segmented(&folder, "tiles.exr", &few).quiet().json();
    assert_eq!(names(&few), names(&all)[..3]);
    assert_eq!((&few["left_out"], &few["min_pixels"], &few["max_count"]), (&4.into(), &2.into(), &3.into()));
    let table = segmented(&folder, "tiles.exr", &["--cryptomatte", "--min-pixels", "2", "--max-count", "3"]);
    let table = table.quiet().stdout;
    assert!(table.contains("4 more objects cover at least 2 pixels; --max-count all"), "{table}");
    assert!(table.contains("40 × 30 pixels, OpenEXR, Cryptomatte CryptoObject, 4 ranks"), "{table}");
    // A mask of as many pixels as are asked for is one.
    let rare = ["--cryptomatte", "--json", "--min-pixels", "1", "--max-count", "all"];
    assert_eq!(names(&segmented(&folder, "tiles.exr", &rare).quiet().json()), names(&all));
    for (name, more, expected) in [
        ("tiles.exr", &["--min-pixels", "2000"][..], "no object covers 2,000 pixels; the largest covers "),
        ("tiles.exr", &["--max-count", "0"], "no mask, since --max-count is 0"),
        ("empty.exr", &[], "no mask, since no pixel has an object"),
    ] {
        let run = segmented(&folder, name, &[&["--cryptomatte"], more].concat());
        assert!(run.hint().starts_with(expected), "{run:?}");
    }
}

#[test]
fn objects_by_name_pattern_and_id() {
    let folder = written();
    let named = |image: &str, objects: &[&str]| {
        let objects = objects.iter().flat_map(|object| ["--object", object]);
        let args: Vec<&str> = ["--cryptomatte=CryptoObject", "--json"].into_iter().chain(objects).collect();
        let json = segmented(&folder, image, &args).quiet().json();
        let mut names: Vec<String> = names(&json).into_iter().map(str::to_owned).collect();
        assert!(json["min_pixels"].is_null() && json["left_out"] == 0);
        names.sort();
        names
    };
    assert_eq!(named("render.exr", &["bunny"]), ["bunny"]);
    assert_eq!(named("render.exr", &["/World/*"]), ["/World/tree_1", "/World/tree_2"]);
    assert_eq!(named("render.exr", &["*tree_[2-9]", "Kugel.gro?e"]), ["/World/tree_2", "Kugel.große"]);
    // What is a name is no pattern.
    assert_eq!(named("render.exr", &["a*b"]), ["a*b"]);
    assert_eq!(named("render.exr", &["a?b"]), ["a*b", "a:b"]);
    assert_eq!(named("render.exr", &["[x]"]), ["[x]"]);
    assert_eq!(named("render.exr", &["*"]).len(), 8);
    // An object that is meant twice has one mask, and one of a single pixel has one, too.
    assert_eq!(named("render.exr", &["rare", "r*"]), ["rare"]);
    let all =
        segmented(&folder, "render.exr", &["--cryptomatte=CryptoObject", "--json", "--object", "bunny"]);
    let id = all.quiet().json()["masks"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(named("render.exr", &[&id]), ["bunny"]);
    // Without a manifest: by id, or by the name that has it.
    assert_eq!(named("plain.exr", &[&id]), [id]);
    assert_eq!(named("plain.exr", &["Kugel.große", "bunny"]), ["Kugel.große", "bunny"]);
    for (image, object, expected) in [
        ("render.exr", "bunney", "has no object 'bunney' (--object); it has bunny, "),
        ("render.exr", "x*", "has no object 'x*' (--object); it has "),
        ("empty.exr", "bunny", "--object 'bunny' is in the manifest, and no pixel of the image has it"),
        ("empty.exr", "tree", "has no object 'tree' (--object), and no other"),
    ] {
        let run =
            segmented(&folder, image, &["--cryptomatte=CryptoObject", "--object", "*", "--object", object]);
        let run = if image == "empty.exr" {
            segmented(&folder, image, &["--cryptomatte", "--object", object])
        } else {
            run
        };
        assert!(run.error(1).contains(expected) && run.error(1).contains(image), "{run:?}");
    }
}

#[test]
fn layers_by_name() {
    let folder = written();
    let layers = "CryptoObject, View.CryptoMaterial";
    for (chosen, layer) in [
        ("--cryptomatte=cryptomaterial", "View.CryptoMaterial"),
        ("--cryptomatte=View.CryptoMaterial", "View.CryptoMaterial"),
        ("--cryptomatte=CRYPTOOBJECT", "CryptoObject"),
    ] {
        let run = segmented(&folder, "render.exr", &[chosen, "--json", "--min-pixels", "1"]);
        assert_eq!(run.quiet().json()["cryptomatte"], layer);
    }
    for (chosen, expected) in [
        (
            "--cryptomatte",
            format!("has 2 layers of Cryptomatte; one is to be chosen by --cryptomatte=LAYER: {layers}"),
        ),
        ("--cryptomatte=Asset", format!("has no Cryptomatte layer 'Asset' (--cryptomatte); it has {layers}")),
    ] {
        let run = segmented(&folder, "render.exr", &[chosen]);
        assert!(run.error(1).contains(&expected), "{run:?}");
    }
    // The option takes no image for its layer.
    let image = folder.path().join("tiles.exr");
    let output = folder.path().join("out");
    let run = run(["segment", "--cryptomatte", image.to_str().unwrap(), "-o", output.to_str().unwrap()]);
    assert!(run.hint().starts_with("no object covers 500 pixels; the largest covers 1"), "{run:?}");
}

#[test]
fn names_of_files() {
    let folder = written();
    let output = folder.path().join("out");
    let all = ["--cryptomatte=CryptoObject", "--min-pixels", "0", "--max-count", "all", "--quiet"];
    assert_eq!(segmented(&folder, "render.exr", &all).quiet().stdout, "");
    let expected = ["Kugel.große.png", "[x].png", "_World_tree_1.png", "_World_tree_2.png"];
    let found = files(&output);
    assert!(expected.iter().all(|name| found.iter().any(|found| found == name)), "{found:?}");
    // a:b and a*b are the same on some systems: one has its id added.
    assert_eq!(found.iter().filter(|name| name.starts_with("a_b")).count(), 2, "{found:?}");
    assert!(found.iter().any(|name| name == "a_b.png") && found.len() == 8, "{found:?}");
    // The others are of an earlier run when one is asked for; what is no mask is not.
    fs::write(output.join("notes.png"), "mine").unwrap();
    let one = ["--cryptomatte=CryptoObject", "--object", "bunny"];
    let json = segmented(&folder, "render.exr", &[&one[..], &["--json"]].concat()).quiet().json();
    let stale: Vec<&str> =
        json["stale"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    let others = found.iter().filter(|name| *name != "bunny.png").map(|name| output.join(name));
    assert_eq!(stale, others.map(|file| file.into_os_string().into_string().unwrap()).collect::<Vec<_>>());
    let text = segmented(&folder, "render.exr", &one).quiet().stdout;
    assert!(text.contains("of an earlier run, and not of this: ") && text.contains(" and 6 more"), "{text}");
    assert!(!segmented(&folder, "render.exr", &all[..5]).stdout.contains("earlier run"));
    fs::remove_dir_all(&output).unwrap();
    let named = ["--cryptomatte=CryptoObject", "--object", "bunny", "--names", "{index:03}-{name}-{hex}.png"];
    let json = segmented(&folder, "render.exr", &[&named[..], &["--json"]].concat()).quiet().json();
    let name = format!("001-bunny-{}.png", json["masks"][0]["id"].as_str().unwrap());
    assert_eq!(files(&output), [name.as_str()]);
    assert!(json["masks"][0]["file"].as_str().unwrap().ends_with(&name));
    // What is there stays.
    let refused = segmented(&folder, "render.exr", &[&named[..], &["--overwrite", "no"]].concat());
    assert!(refused.error(1).contains(&name), "{refused:?}");
    // No file but the masks; and none at all on request, which needs no folder.
    let image = folder.path().join("tiles.exr");
    let none = run(["segment", image.to_str().unwrap(), "--cryptomatte", "--no-masks", "--min-pixels", "1"]);
    assert!(none.quiet().stdout.contains("bunny"));
    // So it is without a folder.
    let look = run(["segment", image.to_str().unwrap(), "--cryptomatte", "--min-pixels", "1"]);
    assert_eq!(look.hint(), "no file is written; -o DIR writes the masks");
    assert!(look.stdout.contains("bunny"));
}

#[test]
fn manifests_beside_the_image() {
    let folder = written();
    let materials = ["--cryptomatte=View.CryptoMaterial", "--json", "--min-pixels", "1"];
    let mut found = segmented(&folder, "render.exr", &materials).quiet().json();
    let mut found = names(&found.take()).into_iter().map(str::to_owned).collect::<Vec<_>>();
    found.sort();
    assert_eq!(found, ["glass", "gold", "wood"]);
    let run = segmented(&folder, "inside/gone.exr", &["--cryptomatte", "--json", "--min-pixels", "1"]);
    let hint = "the manifest of Cryptomatte layer 'CryptoObject', 'gone.json' beside the image (manif_file), is not \
                there; objects are called by their ids";
    assert_eq!(run.hint(), hint);
    assert!(run.json()["masks"].as_array().unwrap().iter().all(|mask| mask["name"].is_null()));
    fs::remove_dir_all(folder.path().join("out")).unwrap();
    for (name, expected) in [
        ("up", "leads out of the image's folder, and is not read"),
        ("root", "leads out of the image's folder, and is not read"),
        ("link", "leads out of the image's folder, and is not read"),
        ("broken", "is not as JSON manifests are"),
    ] {
        let run = segmented(&folder, &format!("inside/{name}.exr"), &["--cryptomatte"]);
        let error = run.error(1);
        assert!(error.contains(expected) && error.contains("(manif_file)"), "{run:?}");
        assert!(!folder.path().join("out").exists());
    }
}

#[test]
fn what_is_wrong_is_told() {
    let folder = written();
    for (name, expected) in [
        (
            "none",
            "has no Cryptomatte (--cryptomatte): the header has no attribute cryptomatte/…/name".to_owned(),
        ),
        ("no-channels", "Cryptomatte layer 'CryptoObject' has no channel CryptoObject00.R".into()),
        ("gap", "Cryptomatte layer 'CryptoObject' has no channel CryptoObject01.R".into()),
        ("odd", "Cryptomatte layer 'CryptoObject' has no channel CryptoObject01.A".into()),
        ("half-ids", "channel CryptoObject00.R has 16-bit floats; Cryptomatte has 32-bit floats".into()),
        ("ints", "channel CryptoObject01.G has 32-bit integers; Cryptomatte has 32-bit floats".into()),
        ("lossy", "Cryptomatte layer 'CryptoObject' has PXR24 compression, which changes ids".into()),
        ("json", "the manifest of Cryptomatte layer 'CryptoObject': is not as JSON manifests are".into()),
        ("list", "expected an object of names and ids".into()),
        ("digits", "'bunny' has the id 'xyz'; eight hexadecimal digits are expected".into()),
        ("twice", "'a' is there twice".into()),
        ("hash", "/hash is 'SHA1'; MurmurHash3_32 is expected".into()),
        ("conversion", "/conversion is 'none'; uint32_to_float32 is expected".into()),
        ("nameless", "has no attribute cryptomatte/abcdef0/name".into()),
        ("int-name", "the attribute cryptomatte/abcdef0/name is no text".into()),
        ("same", "two Cryptomatte layers are called 'CryptoObject'".into()),
        ("nan", "channel CryptoObject00.G, column 5, row 2: NaN; a coverage from 0 to 1 is expected".into()),
        ("inf", "channel CryptoObject00.G, column 5, row 2: inf; a coverage from 0 to 1 is expected".into()),
        ("id", "channel CryptoObject00.B, column 5, row 2: 7fc00001, which is no id of Cryptomatte".into()),
    ] {
        let name = format!("{name}.exr");
        let run = segmented(&folder, &name, &["--cryptomatte", "--format", "png,exr"]);
        let error = run.error(1);
        assert!(error.contains(&expected) && error.contains(&name), "{expected}: {run:?}");
        assert!(!folder.path().join("out").exists(), "{name}");
    }
    // Parts that are shown in different sizes, which no other program writes.
    let mut parts = fs::read(folder.path().join("parts.exr")).unwrap();
    let field = b"displayWindow\0box2i\0";
    let windows: Vec<usize> = (0..parts.len()).filter(|&at| parts[at..].starts_with(field)).collect();
    parts[windows[2] + field.len() + 4 + 8] = 19;
    fs::write(folder.path().join("sizes.exr"), parts).unwrap();
    let refused = segmented(&folder, "sizes.exr", &["--cryptomatte"]);
    assert!(refused.error(1).contains("has parts of 40 × 30 and of 20 × 30 pixels"), "{refused:?}");
    assert!(!folder.path().join("out").exists());
    // A file that ends in between, and more than may be held in memory.
    let whole = fs::read(folder.path().join("tiles.exr")).unwrap();
    for len in [0, 3, 100, 500, whole.len() / 2, whole.len() - 1] {
        fs::write(folder.path().join("cut.exr"), &whole[..len]).unwrap();
        let run = segmented(&folder, "cut.exr", &["--cryptomatte"]);
        assert!(run.error(1).contains("cut.exr") && !folder.path().join("out").exists(), "{run:?}");
    }
    let refused = segmented(&folder, "tiles.exr", &["--cryptomatte", "--max-memory", "10K"]);
    assert!(refused.error(1).contains("tiles.exr"), "{refused:?}");
    let map = data("world-countries-2048.png");
    let run = run(["segment", map.to_str().unwrap(), "-o", "nowhere", "--cryptomatte"]);
    assert!(
        run.error(1).contains("is PNG; only OpenEXR images have a Cryptomatte (--cryptomatte)"),
        "{run:?}"
    );
    let mut piped = ctm();
    piped.args(["segment", "-", "-o", "nowhere", "--cryptomatte"]).stdin(Stdio::piped());
    let run = Run::new(piped.output().unwrap());
    assert!(run.error(1).contains("is a pipe; a Cryptomatte is read from a file (--cryptomatte)"), "{run:?}");
}

#[test]
fn ids_and_coverages_are_no_colors() {
    let folder = written();
    for name in ["plain.exr", "tiles.exr"] {
        let run = segmented(&folder, name, &[]);
        let expected = "has the Cryptomatte 'CryptoObject' and no other layer of colours: --cryptomatte makes masks of it";
        assert!(run.error(1).contains(expected), "{run:?}");
    }
    let one = segmented(&folder, "plain.exr", &["--channels", "CryptoObject00.R", "--json"]);
    assert_eq!(one.json()["format"], "OpenEXR, 32-bit float channel CryptoObject00.R");
    // Rounding would make all ids above 1 the same.
    assert!(!one.stderr.contains("8bit") && one.stderr.contains("try a lower --min-pixels"), "{one:?}");
    let beauty = segmented(&folder, "none.exr", &["--json"]).json();
    for name in ["render.exr", "parts.exr"] {
        assert_eq!(segmented(&folder, name, &["--json"]).json()["format"], beauty["format"], "{name}");
    }
}

#[test]
fn options_about_colors_are_refused() {
    let folder = written();
    for option in [
        "--palette p.txt",
        "--color #ff0000",
        "--ignore #ff0000",
        "--match 8bit",
        "--alpha ignored",
        "--unlisted nearest --color #ff0000",
        "--report-unlisted 3 --color #ff0000",
        "--tolerance 0.1 --color #ff0000",
        "--metric largest --merge 0.1",
        "--merge 0.1",
        "--unmix 3",
        "--connected 8",
        "--absorb 5",
        "--absorb-unmasked 5",
        "--fill-holes 5",
        "--batch each",
        "--layer a",
        "--channels R,G",
        "--frame 1",
        "--all-frames",
        "--labels l.png",
        "--table t.csv",
        "--cropped",
        "--mask-format 1bit",
        "--backend vulkan",
        "--device x",
        "--format coco",
        "--format svg",
        "--format indexed",
        "--object bunny --min-pixels 1",
        "--object bunny --max-count 1",
        "second.exr",
    ] {
        let more: Vec<&str> = option.split(' ').collect();
        let run = segmented(&folder, "tiles.exr", &[&["--cryptomatte"], &more[..]].concat());
        let error = run.error(2);
        assert!(error.contains("--cryptomatte") || error.contains("--object"), "{option}: {run:?}");
        assert!(more.iter().any(|word| error.contains(word)) || option == "second.exr", "{option}: {run:?}");
        assert!(!folder.path().join("out").exists(), "{option}");
    }
    let run = segmented(&folder, "tiles.exr", &["--object", "bunny"]);
    assert!(run.error(2).contains("--cryptomatte"), "{run:?}");
}
