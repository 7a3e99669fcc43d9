//! `ctm devices`.

use crate::common::{Run, ctm, run};

#[test]
fn the_cpu_is_always_there() {
    let json = run(["devices", "--json"]).quiet().json();
    let devices = json["devices"].as_array().unwrap();
    let cpu = devices.last().unwrap();
    assert_eq!(cpu["backend"], "cpu");
    assert!(cpu["name"].as_str().unwrap().starts_with("CPU, "), "{cpu}");
    let chosen: Vec<_> = devices.iter().filter(|device| device["auto"] == true).collect();
    assert_eq!(chosen.len(), 1, "{json:#}");
    assert_ne!(chosen[0]["kind"], "software rasteriser");
    for device in &devices[..devices.len() - 1] {
        assert_eq!(device["backend"], "vulkan");
        assert_ne!(device["name"], "");
    }
}

#[test]
fn the_table_lists_the_same() {
    let json = run(["devices", "--json"]).quiet().json();
    let table = run(["devices"]).quiet().stdout;
    let lines: Vec<&str> = table.lines().skip(1).collect();
    for (device, line) in json["devices"].as_array().unwrap().iter().zip(&lines) {
        assert!(line.contains(device["name"].as_str().unwrap()), "{table}");
        assert!(line.contains(device["kind"].as_str().unwrap()), "{table}");
        assert_eq!(line.starts_with('*'), device["auto"] == true, "{table}");
    }
    assert!(table.contains("* is what --backend auto takes"), "{table}");
}

#[test]
fn without_any_driver_the_cpu_does_the_job() {
    let command = |args: &[&str]| {
        let output = ctm().args(args).env("VK_ICD_FILENAMES", "/nowhere.json").output().unwrap();
        Run::new(output)
    };
    let json = command(&["devices", "--json"]).json();
    assert_eq!(json["devices"].as_array().unwrap().len(), 1, "{json:#}");
    assert_eq!(json["devices"][0]["auto"], true);
    let run = command(&["segment", "a.png", "-o", "b", "--backend", "vulkan"]);
    assert!(run.error(1).contains("no device"), "{run:?}");
}

#[test]
fn each_device_is_tested_and_passes() {
    let json = run(["devices", "--check", "--json"]).quiet().json();
    for device in json["devices"].as_array().unwrap() {
        let check = &device["check"];
        assert_eq!(
            (&check["passed"], &check["failure"]),
            (&true.into(), &serde_json::Value::Null),
            "{device}"
        );
        for time in ["opening_ms", "first_run_ms", "warm_run_ms"] {
            assert!(check[time].as_f64().unwrap() >= 0.0, "{device}");
        }
    }
    let table = run(["devices", "--check"]).quiet().stdout;
    assert!(
        table.lines().next().unwrap().ends_with("check   opening ms  first run ms  warm run ms"),
        "{table}"
    );
    assert_eq!(table.matches(" passed ").count(), json["devices"].as_array().unwrap().len(), "{table}");
    let json = run(["devices", "--json"]).quiet().json();
    assert!(json["devices"].as_array().unwrap().iter().all(|device| device["check"].is_null()), "{json:#}");
}
