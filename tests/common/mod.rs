//! What the tests share: both software drivers under the validation layers, every backend to test,
//! the golden cases, and the oracle.

#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod images;
pub mod oracle;
pub mod outlines;
pub mod simplified;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use ctm::{Backend, ColorMap, Context, DebugOptions, DeviceLimits, Error, Options, Selection, SimdLevel};

/// The software drivers, by a part of their device's name.
pub const DRIVERS: [&str; 2] = ["llvmpipe", "SwiftShader"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the validation layer of this test process writes its messages.
fn validation_log() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("validation-{}.log", std::process::id()))
}

/// Makes Vulkan in this process see the two software drivers and run under the validation layers:
/// core, synchronisation and best-practices checks. Comes before the first use of Vulkan.
pub fn set_up_vulkan() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lavapipe = fs::read_dir("/usr/share/vulkan/icd.d")
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| path.to_string_lossy().contains("lvp_icd"));
        let swiftshader = root().join("target/vulkan/vk_swiftshader_icd.json");
        let drivers = match lavapipe {
            Some(lavapipe) if swiftshader.exists() => {
                format!("{}:{}", lavapipe.display(), swiftshader.display())
            }
            _ => panic!("lavapipe or SwiftShader is missing: scripts/setup installs them"),
        };
        let params = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("vk_layer_settings-{}.txt", std::process::id()));
        let text = format!(
            "khronos_validation.validate_core = true\nkhronos_validation.validate_sync = true\n\
             khronos_validation.validate_best_practices = true\n\
             khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG\n\
             khronos_validation.report_flags = error,warn,perf\n\
             khronos_validation.log_filename = {}\n",
            validation_log().display()
        );
        let _ = fs::remove_file(validation_log());
        fs::write(&params, text).unwrap();
        for (name, value) in [
            ("VK_ICD_FILENAMES", drivers),
            ("VK_LAYER_PATH", root().join("target/vulkan").display().to_string()),
            ("VK_LAYER_SETTINGS_PATH", params.display().to_string()),
            ("VK_INSTANCE_LAYERS", "VK_LAYER_KHRONOS_validation".to_owned()),
        ] {
            // SAFETY: every test begins here, so that no other thread uses Vulkan, the only other
            // reader of the environment, yet.
            #[allow(unsafe_code)]
            unsafe {
                std::env::set_var(name, value);
            }
        }
    });
}

/// What the validation layer has said so far.
pub fn validation_messages() -> String {
    fs::read_to_string(validation_log()).unwrap_or_default()
}

/// Fails on a single message of the validation layer.
pub fn assert_no_validation_messages() {
    let messages = validation_messages();
    assert!(messages.is_empty(), "the validation layer says:\n{messages}");
}

pub fn vulkan_options(driver: &str) -> Options {
    set_up_vulkan();
    Options { backend: Backend::Vulkan, device_name: Some(driver.to_owned()), ..Options::default() }
}

fn cpu_options(max_threads: u32, small_cpu_tables: Option<bool>, simd: Option<SimdLevel>) -> Options {
    let debug = DebugOptions { small_cpu_tables, simd, ..DebugOptions::default() };
    Options { backend: Backend::Cpu, max_threads, debug, ..Options::default() }
}

/// Options of every backend: the CPU with one thread and with several, with tables so small that all images have too many
/// colours for them; both Vulkan drivers.
pub fn all_options() -> Vec<Options> {
    let mut options = vec![cpu_options(1, None, None)];
    options.extend([None, Some(true), Some(false)].map(|tables| cpu_options(0, tables, None)));
    options.extend(DRIVERS.map(vulkan_options));
    options
}

pub fn contexts() -> Vec<Context> {
    all_options().iter().map(|options| Context::new(options).unwrap()).collect()
}

/// As `contexts`, and the CPU with each level of instructions that it has, with all sizes of tables.
pub fn contexts_of_all_levels() -> Vec<Context> {
    let mut contexts = contexts();
    for level in SimdLevel::available() {
        let at_level = [None, Some(true), Some(false)].map(|tables| cpu_options(0, tables, Some(level)));
        contexts.extend(at_level.iter().map(|options| Context::new(options).unwrap()));
    }
    contexts
}

/// What a device of another kind reports.
pub fn limits(
    max_storage_buffer_range: u64,
    max_workgroups: u32,
    memory_bytes: u64,
    unified_memory: bool,
) -> DeviceLimits {
    let workgroup_size = 64; // a GPU's; the software drivers have fewer invocations in a workgroup
    let count_copies = 1;
    DeviceLimits {
        max_storage_buffer_range,
        max_workgroups,
        memory_bytes,
        unified_memory,
        writable_memory: false,
        workgroup_size,
        count_copies,
    }
}

/// An image and the params of a call.
#[derive(Clone, Debug)]
pub struct Case {
    pub width: u32,
    pub height: u32,
    pub channels: u32,
    pub pixels: Vec<f32>,
    pub selection: Selection,
}

impl Case {
    pub fn map(&self) -> ColorMap<'_> {
        ColorMap::new(&self.pixels, self.width, self.height, self.channels).unwrap()
    }

    pub fn plane(&self) -> usize {
        self.width as usize * self.height as usize
    }
}

/// A bit pattern that no mask contains.
const UNTOUCHED: u32 = 0x7fc0_ffee;

/// Runs a case and compares masks, palette and what lies behind the masks with what is expected;
/// asks for the size first with a buffer that is one float too small.
pub fn check(context: &mut Context, case: &Case, expected: &oracle::Answer) -> Result<(), String> {
    let name = context_name(context);
    let wrong = |what: String| Err(format!("{name}, {}: {what}", short(case)));
    let needed = expected.masks.len();
    let mut masks = vec![f32::from_bits(UNTOUCHED); needed + 7];
    if needed > 0 {
        match context.run(&case.map(), &case.selection, &mut masks[..needed - 1]) {
            Err(Error::TooSmall { mask_count, .. }) if mask_count as usize == expected.colors.len() => {}
            other => return wrong(format!("{other:?} with one float less than needed")),
        }
        if masks.iter().any(|value| value.to_bits() != UNTOUCHED) {
            return wrong("touched a buffer that is too small".to_owned());
        }
    }
    let palette = match context.run(&case.map(), &case.selection, &mut masks) {
        Ok(palette) => palette,
        Err(error) => return wrong(error.to_string()),
    };
    let colors: Vec<_> =
        palette.colors.iter().map(|e| (e.color.values().map(f32::to_bits), e.pixels)).collect();
    if colors != expected.colors {
        return wrong(format!("colours {colors:?}; expected {:?}", expected.colors));
    }
    if palette.distinct_colors.is_some_and(|distinct| distinct != expected.distinct_colors) {
        return wrong(format!(
            "{:?} distinct colours; expected {}",
            palette.distinct_colors, expected.distinct_colors
        ));
    }
    let differing = masks.iter().zip(&expected.masks).position(|(a, b)| a.to_bits() != b.to_bits());
    if let Some(index) = differing {
        let (mask, pixel) = (index / case.plane(), index % case.plane());
        return wrong(format!("mask {mask} is {} at pixel {pixel}", masks[index]));
    }
    if masks[needed..].iter().any(|value| value.to_bits() != UNTOUCHED) {
        return wrong("wrote behind the last mask".to_owned());
    }
    Ok(())
}

fn context_name(context: &Context) -> String {
    format!("{:?} ({})", context.backend(), context.device_name())
}

fn short(case: &Case) -> String {
    format!("{} x {} x {}, {:?}", case.width, case.height, case.channels, case.selection)
}

/// Small reproducible random numbers for large images, where speed counts more than shrinking.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u32 {
        // splitmix64, public domain, Sebastiano Vigna.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32
    }

    pub fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }
}

/// An image of random pixels out of `colors` random colours, in runs of up to `longest_run`.
pub fn random_case(
    random: &mut Random,
    width: u32,
    height: u32,
    channels: u32,
    colors: u32,
    longest_run: u32,
) -> Case {
    let palette: Vec<Vec<f32>> = (0..colors)
        .map(|index| {
            let mut color: Vec<f32> = (0..channels).map(|_| random.below(256) as f32 / 255.0).collect();
            color[0] = index as f32; // all different
            color
        })
        .collect();
    let mut pixels = Vec::new();
    let length = width as usize * height as usize * channels as usize;
    while pixels.len() < length {
        let color = &palette[random.below(colors) as usize];
        for _ in 0..=random.below(longest_run) {
            pixels.extend_from_slice(color);
        }
    }
    pixels.truncate(length);
    let selection = Selection { min_pixels: 1, max_count: 5 };
    Case { width, height, channels, pixels, selection }
}
