//! OpenEXR files as another library writes them: one channel of any name and type, layers, parts.

#![cfg(unix)]

use std::path::Path;

use crate::common::{Run, backends, floats, python, segment};
use tempfile::TempDir;

fn written() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    python("write_exr.py", &[folder.path().as_os_str()]);
    folder
}

fn segmented(folder: &TempDir, name: &str, more: &[&str]) -> Run {
    let args = [&["--json", "--min-pixels", "1", "--max-count", "all", "--no-masks", "--no-overview"], more]
        .concat();
    segment(&backends()[0], &folder.path().join(name), Path::new("o"), &args)
}

/// Six squares of ids.
#[track_caller]
fn check_ids(run: &Run, kind: &str) {
    let json = run.json();
    assert_eq!(json["format"], kind);
    let masks = json["masks"].as_array().unwrap();
    let ids: Vec<f32> = masks.iter().flat_map(|mask| floats(&mask["color"])).collect();
    assert_eq!(ids, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert!(masks.iter().all(|mask| mask["pixels"] == 100));
}

#[test]
fn one_channel_of_any_name() {
    let folder = written();
    check_ids(&segmented(&folder, "id.exr", &[]).quiet(), "OpenEXR, 32-bit integer channel id");
    check_ids(&segmented(&folder, "index.exr", &[]).quiet(), "OpenEXR, 16-bit float channel IndexOB.X");
    check_ids(&segmented(&folder, "y.exr", &[]).quiet(), "OpenEXR, 16-bit float grey");
}

#[test]
fn layers_and_channels() {
    let folder = written();
    let layers = |more: &[&str]| segmented(&folder, "layers.exr", more);
    let kind = "OpenEXR, 32-bit float channel IndexOB.X";
    check_ids(&layers(&["--layer", "IndexOB"]).quiet(), kind);
    check_ids(&layers(&["--layer", "indexob"]).quiet(), kind);
    check_ids(&layers(&["--channels", "IndexOB.X"]).quiet(), kind);
    check_ids(&layers(&["--layer", "IndexOB", "--channels", "X"]).quiet(), kind);
    let flat = layers(&["--layer", "Flat"]).quiet().json();
    assert_eq!(
        (&flat["format"], flat["masks"].as_array().unwrap().len()),
        (&"OpenEXR, 16-bit float RGB".into(), 6)
    );
    let motion = layers(&["--channels", "Motion.Z,Motion.X"]).quiet().json();
    assert_eq!(motion["format"], "OpenEXR, 32-bit float channels Motion.Z, Motion.X");
    assert_eq!(floats(&motion["masks"][1]["color"]), [0.0, 1.0]);
    // Without a word, the first layer with colours.
    let run = layers(&[]);
    assert!(
        run.stderr.contains("has 4 layers; only the first with colours is read (--layer NAME)"),
        "{run:?}"
    );
    let run = segmented(&folder, "depth.exr", &[]);
    assert_eq!(run.json()["format"], "OpenEXR, 16-bit float RGB", "{run:?}");
    check_ids(
        &segmented(&folder, "depth.exr", &["--channels", "Z"]).quiet(),
        "OpenEXR, 32-bit float channel Z",
    );
    let all = "Beauty.B, Beauty.G, Beauty.R, Flat.B, Flat.G, Flat.R, IndexOB.X, Motion.X, Motion.Z";
    for (more, expected) in [
        (
            &["--layer", "Depth"][..],
            format!(
                "has no layer 'Depth' (--layer); it has the layers Beauty, Flat, IndexOB, Motion, and the channels {all}"
            ),
        ),
        (&["--channels", "Flat.A"], format!("has no channel Flat.A (--channels); the file has {all}")),
        (&["--layer", "Motion"], "layer 'Motion' has no channels R, G and B".into()),
        (&["--channels", "Flat.R,Flat.R"], "channel Flat.R is asked for twice (--channels)".into()),
        (&["--layer", "Flat", "--channels", "R,Flat.R"], "channel Flat.R is asked for twice".into()),
        (
            &["--channels", "Flat.R,Flat.G,Flat.B,Motion.X,Motion.Z"],
            "5 channels are asked for (--channels); a pixel has 1 to 4".into(),
        ),
        (
            &["--layer", "nope", "--channels", "Flat.R"],
            "has no layer 'nope' (--layer); it has the layers Beauty".into(),
        ),
        (&["--layer", "Motion", "--channels", "Flat.R"], "layer 'Motion' has no channel Flat.R".into()),
        (&["--channels", "IndexOB.X,nope,no"], "has no channels nope, no (--channels)".into()),
    ] {
        assert!(layers(more).error(1).contains(&expected), "{:?}", layers(more));
    }
    check_ids(
        &segmented(&folder, "parts.exr", &["--layer", "ids"]).quiet(),
        "OpenEXR, 32-bit float channel X",
    );
    let kind = "OpenEXR, 32-bit float channel X";
    check_ids(&segmented(&folder, "parts.exr", &["--channels", "ids.X"]).quiet(), kind);
    check_ids(&segmented(&folder, "parts.exr", &["--channels", "X"]).quiet(), kind);
    let run = segmented(&folder, "parts.exr", &["--channels", "ids.nope"]);
    assert!(
        run.error(1)
            .ends_with("has no channel ids.nope (--channels); the file has rgb.B, rgb.G, rgb.R, ids.X"),
        "{run:?}"
    );
    let run = segmented(&folder, "parts.exr", &["--channels", "rgb.R,ids.X"]);
    assert!(run.error(1).contains("has the channels rgb.R, ids.X in different parts"), "{run:?}");
    let run = segmented(&folder, "parts.exr", &["--layer", "nope"]);
    assert!(run.error(1).contains("it has the layers rgb, ids, and the channels rgb.B"), "{run:?}");
    let rgb = segmented(&folder, "parts.exr", &["--layer", "rgb"]).quiet().json();
    assert_eq!(rgb["masks"].as_array().unwrap().len(), 6);
}

#[test]
fn compression_that_changes_colors_beyond_repair_is_refused() {
    let folder = written();
    for name in ["dwaa.exr", "dwab.exr"] {
        let run = segmented(&folder, name, &[]);
        let error = run.error(1);
        assert!(error.contains(name) && error.ends_with("DWA compression is not supported"), "{run:?}");
    }
}

#[test]
fn other_formats_have_no_layers() {
    let folder = tempfile::tempdir().unwrap();
    image::RgbImage::new(4, 4).save(folder.path().join("a.png")).unwrap();
    let run = segmented(&folder, "a.png", &["--layer", "Flat"]);
    assert!(run.error(1).contains("has no named layers and channels"), "{run:?}");
}
