//! Runs the real program, on each backend, in folders of its own.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// One way to do the work: arguments and environment for the program.
#[derive(Debug)]
pub(crate) struct Backend {
    /// What the JSON output must call it.
    pub(crate) name: &'static str,
    args: &'static [&'static str],
    driver: Option<PathBuf>,
}

/// All backends that the tests run on: the CPU, and Vulkan with two software drivers under the
/// validation layer. `scripts/setup` installs the drivers; one that is missing fails the tests.
pub(crate) fn backends() -> Vec<Backend> {
    let vulkan = |args, driver| Backend { name: "vulkan", args, driver: Some(driver) };
    vec![
        Backend { name: "cpu", args: &["--backend", "cpu"], driver: None },
        vulkan(&["--backend", "vulkan", "--device", "llvmpipe"], llvmpipe()),
        vulkan(
            &["--backend", "vulkan", "--device", "SwiftShader"],
            repository().join("target/vulkan/vk_swiftshader_icd.json"),
        ),
    ]
}

/// The description of Mesa's software driver.
fn llvmpipe() -> PathBuf {
    let folder = Path::new("/usr/share/vulkan/icd.d");
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files
        .into_iter()
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lvp_icd.")))
        .unwrap_or_else(|| panic!("{} has no lvp_icd.*.json", folder.display()))
}

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A test image of the repository.
pub(crate) fn data(name: &str) -> PathBuf {
    repository().join("data").join(name)
}

/// What the program printed and returned.
#[derive(Debug)]
pub(crate) struct Run {
    /// Exit code.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Run {
    /// Of a program that has ended. The validation layer writes its findings to standard output.
    pub(crate) fn new(output: Output) -> Self {
        let run = Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!run.stdout.contains("Validation"), "the validation layer objects:\n{}", run.stdout);
        run
    }

    /// Expects success without a word on standard error.
    pub(crate) fn quiet(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self
    }

    /// Expects success and one line of advice on standard error.
    pub(crate) fn hint(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        one_line(&self.stderr, "ctm: hint: ")
    }

    /// Expects success with at most advice.
    pub(crate) fn hint_or_nothing(&self) -> Option<&str> {
        assert_eq!(self.code, Some(0), "{self:?}");
        (!self.stderr.is_empty()).then(|| self.hint())
    }

    /// Expects a failure that is told in one line on standard error.
    pub(crate) fn error(&self, code: i32) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:?}");
        one_line(&self.stderr, "ctm: error: ")
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn one_line<'a>(text: &'a str, prefix: &str) -> &'a str {
    assert_eq!(text.matches('\n').count(), 1, "one line expected: {text:?}");
    assert!(text.starts_with(prefix) && text.ends_with('\n'), "{text:?}");
    text[prefix.len()..].trim_end()
}

/// The program, in an environment that does not depend on who runs the tests.
pub(crate) fn ctm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctm"));
    for name in [
        "NO_COLOR",
        "VK_ICD_FILENAMES",
        "VK_DRIVER_FILES",
        "VK_INSTANCE_LAYERS",
        "VK_LAYER_PATH",
        "VK_LAYER_SETTINGS_PATH",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs the program.
pub(crate) fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    Run::new(ctm().args(args).output().unwrap())
}

/// Runs `ctm segment` on one backend.
pub(crate) fn segment(backend: &Backend, image: &Path, output: &Path, more: &[&str]) -> Run {
    let mut command = ctm();
    command.arg("segment").arg(image).arg("-o").arg(output).args(backend.args).args(more);
    if let Some(driver) = &backend.driver {
        assert!(driver.exists(), "{} is missing; run scripts/setup", driver.display());
        command.env("VK_ICD_FILENAMES", driver);
        command.env("VK_INSTANCE_LAYERS", "VK_LAYER_KHRONOS_validation");
        command.env("VK_LAYER_PATH", repository().join("target/vulkan"));
        command.env("VK_LAYER_SETTINGS_PATH", repository().join("c_tests/vk_layer_settings.txt"));
    }
    Run::new(command.output().unwrap())
}

/// An image as the tool's decoder reads it.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// Size, channels, and what else is known.
    pub(crate) head: Value,
    /// All values.
    pub(crate) values: Vec<u8>,
}

/// Runs the process in which the tool decodes.
#[track_caller]
pub(crate) fn decoded(file: &Path) -> Decoded {
    let input = fs::File::open(file).unwrap();
    let output = ctm().args(["decode-for-ctm", "file", "1000000000"]).stdin(input).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let end = output.stdout.iter().position(|&byte| byte == b'\n').unwrap();
    Decoded {
        head: serde_json::from_slice(&output.stdout[..end]).unwrap(),
        values: output.stdout[end + 1..].to_vec(),
    }
}

/// A colour map that a test knows.
#[derive(Debug)]
pub(crate) struct Map {
    /// Pixels in a row.
    pub(crate) width: u32,
    /// Values in a pixel.
    pub(crate) channels: usize,
    /// All values.
    pub(crate) floats: Vec<f32>,
}

impl Map {
    /// A map of a few regions: `color` gives the values of region 0 to 4.
    pub(crate) fn regions(width: u32, height: u32, channels: usize, color: impl Fn(u32) -> Vec<f32>) -> Self {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let floats = pixels.flat_map(|(x, y)| {
            let values = color(region(x, y));
            assert_eq!(values.len(), channels);
            values
        });
        Self { width, channels, floats: floats.collect() }
    }

    /// The masks by definition: colour, pixels, picture.
    fn masks(&self, min_pixels: usize, max_count: usize) -> Vec<(Vec<f32>, Vec<u8>)> {
        let plus_zero = |value: &f32| if *value == 0.0 { 0.0f32.to_bits() } else { value.to_bits() };
        let pixels: Vec<Vec<u32>> =
            self.floats.chunks_exact(self.channels).map(|p| p.iter().map(plus_zero).collect()).collect();
        let mut counts: HashMap<&Vec<u32>, usize> = HashMap::new();
        for pixel in pixels.iter().filter(|pixel| !pixel.iter().any(|&v| f32::from_bits(v).is_nan())) {
            *counts.entry(pixel).or_default() += 1;
        }
        let values = |pixel: &[u32]| pixel.iter().map(|&bits| f32::from_bits(bits)).collect::<Vec<_>>();
        let mut colors: Vec<_> = counts.into_iter().filter(|&(_, count)| count >= min_pixels).collect();
        colors.sort_by(|a, b| b.1.cmp(&a.1).then(values(a.0).partial_cmp(&values(b.0)).unwrap()));
        colors.truncate(max_count);
        let picture = |color| pixels.iter().map(|p| if p == color { 255 } else { 0 }).collect();
        colors.iter().map(|&(color, _)| (values(color), picture(color))).collect()
    }

    /// Runs `ctm segment` on a file that should hold this map, and compares all that comes out.
    pub(crate) fn check(
        &self,
        backend: &Backend,
        file: &Path,
        min_pixels: usize,
        max_count: usize,
        more: &[&str],
    ) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let (min, max) = (min_pixels.to_string(), max_count.to_string());
        let args = [&["--json", "--min-pixels", &min, "--max-count", &max], more].concat();
        let run = segment(backend, file, folder.path(), &args);
        assert_eq!(run.code, Some(0), "{run:?}");
        let json = run.json();
        let pixels = self.floats.len() / self.channels;
        assert_eq!(json["input"], file.display().to_string());
        assert_eq!(json["width"], self.width);
        assert_eq!(json["height"], pixels / self.width as usize);
        assert_eq!(json["channels"], self.channels);
        assert_eq!(json["backend"], backend.name);
        assert_eq!(json["min_pixels"], min_pixels);
        assert_eq!(json["max_count"], max_count);
        let masks = json["masks"].as_array().unwrap();
        let expected = self.masks(min_pixels, max_count);
        assert_eq!(masks.len(), expected.len(), "{json:#}");
        for (index, (mask, (color, picture))) in masks.iter().zip(&expected).enumerate() {
            assert_eq!(mask["index"], index + 1);
            assert_eq!(&floats(&mask["color"]), color);
            let count = picture.iter().filter(|&&value| value == 255).count();
            assert_eq!(mask["pixels"], count);
            assert_eq!(mask["share"].as_f64().unwrap(), count as f64 / pixels as f64);
            let file = PathBuf::from(mask["file"].as_str().unwrap());
            assert_eq!(file.parent(), Some(folder.path()));
            let name = file.file_name().unwrap().to_str().unwrap();
            let is_beyond = |value: &f32| value.is_finite() && !(0.0..=1.0).contains(value);
            let has_numbers = self.channels == 1 && self.floats.iter().any(is_beyond);
            let is_id = self.channels == 1 && json["format"].as_str().unwrap().contains("16-bit grey");
            let suffix = match mask["hex"].as_str() {
                _ if is_id && mask["stored"].is_array() => format!("-{}", mask["stored"][0]),
                // Floats beyond 0 to 1 are numbers, and whole ones ids.
                None if has_numbers && color[0].fract() == 0.0 => format!("-{}", color[0] as i64),
                hex => hex.map_or(String::new(), |hex| format!("-{hex}")),
            };
            assert_eq!(name, format!("mask-{:03}{suffix}.png", index + 1));
            let image::DynamicImage::ImageLuma8(png) = image::open(&file).unwrap() else {
                panic!("{name} is not 8-bit grey")
            };
            assert_eq!(png.width(), self.width);
            assert!(png.as_raw() == picture, "{name} on {backend:?}");
        }
        json
    }
}

/// Five regions of different sizes in a small picture; two of them are equally large.
fn region(x: u32, y: u32) -> u32 {
    match (x, y) {
        (0..=2, 0..=1) => 1,
        (4..=6, 3..=4) => 2,
        (_, 5) => 3,
        (0, 4) => 4,
        _ => 0,
    }
}

/// A colour of the JSON output.
pub(crate) fn floats(color: &Value) -> Vec<f32> {
    let value = |value: &Value| match value.as_str() {
        Some("inf") => f32::INFINITY,
        Some("-inf") => f32::NEG_INFINITY,
        Some(text) => panic!("{text}"),
        None => value.as_f64().unwrap() as f32,
    };
    color.as_array().unwrap().iter().map(value).collect()
}

/// Runs one of the tests' Python programs, which opens or writes files with other libraries than the tool.
pub(crate) fn python(program: &str, args: &[&OsStr]) -> String {
    let program = repository().join("tools/ctm/tests/python").join(program);
    run_python(&[&[program.as_os_str()], args].concat())
}

/// Runs a line of Python.
pub(crate) fn python_code(code: &str, args: &[&OsStr]) -> String {
    run_python(&[&[OsStr::new("-c"), OsStr::new(code)], args].concat())
}

fn run_python(args: &[&OsStr]) -> String {
    let folder = repository().join("tools/ctm/tests/python");
    let environment = Command::new(folder.join("environment")).output().unwrap();
    assert!(environment.status.success(), "{}", String::from_utf8_lossy(&environment.stderr));
    let interpreter = String::from_utf8(environment.stdout).unwrap();
    let output = Command::new(interpreter.trim()).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Writes raw floats.
pub(crate) fn write_floats(path: &Path, floats: &[f32]) {
    let bytes: Vec<u8> = floats.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(path, bytes).unwrap();
}
