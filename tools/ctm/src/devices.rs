//! `ctm devices`: what can do the work, and which device `auto` would take beside the CPU.

use std::time::Duration;

use anyhow::bail;
use ctm::{Backend, Context, DeviceCheck, Options};
use serde::Serialize;

use crate::args::DevicesArgs;
use crate::report::backend_name;
use crate::terminal;

/// One line of the list.
#[derive(Serialize)]
struct Device {
    backend: &'static str,
    name: String,
    kind: String,
    /// Whether `--backend auto` takes it.
    auto: bool,
    /// With `--check`.
    check: Option<Check>,
}

/// What the test of a device has come to.
#[derive(Serialize)]
struct Check {
    passed: bool,
    failure: Option<String>,
    opening_ms: f64,
    first_run_ms: f64,
    warm_run_ms: f64,
}

impl From<DeviceCheck> for Check {
    fn from(check: DeviceCheck) -> Self {
        let milliseconds = |time: Duration| (1e6 * time.as_secs_f64()).round() / 1e3;
        Self {
            passed: check.failure.is_none(),
            failure: check.failure.map(|error| error.to_string()),
            opening_ms: milliseconds(check.opening),
            first_run_ms: milliseconds(check.first_run),
            warm_run_ms: milliseconds(check.warm_run),
        }
    }
}

/// The JSON object.
#[derive(Serialize)]
struct Report<'a> {
    version: &'a str,
    devices: &'a [Device],
    /// Why there may be Vulkan devices that are not listed.
    vulkan_error: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &DevicesArgs) -> anyhow::Result<()> {
    let (mut devices, vulkan_error) = list()?;
    if args.check {
        // The same devices, in the same order.
        for (device, check) in devices.iter_mut().zip(ctm::check_devices()) {
            device.check = Some(check.into());
        }
    }
    let text = if args.json {
        let report = Report { version: ctm::VERSION, devices: &devices, vulkan_error };
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        let vulkan = vulkan_error.map(|error| format!("Vulkan: {error}\n"));
        table(&devices) + &failures(&devices) + &vulkan.unwrap_or_default()
    };
    terminal::print(&text)?;
    let checks = || devices.iter().filter_map(|device| device.check.as_ref());
    match checks().filter(|check| !check.passed).count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} devices failed the check", checks().count()),
    }
}

/// All devices, the CPU last, and what kept Vulkan from being asked.
fn list() -> anyhow::Result<(Vec<Device>, Option<String>)> {
    let (found, vulkan_error) = match ctm::devices() {
        Ok(found) => (found, None),
        Err(error) => (vec![], Some(error.to_string())),
    };
    let mut devices: Vec<Device> = found
        .into_iter()
        .map(|info| Device {
            backend: backend_name(Backend::Vulkan),
            name: info.name,
            kind: info.kind.to_string(),
            auto: false,
            check: None,
        })
        .collect();
    let cpu = Context::new(&Options { backend: Backend::Cpu, ..Options::default() })?;
    devices.push(Device {
        backend: backend_name(Backend::Cpu),
        name: cpu.device_name().to_owned(),
        kind: "processor".into(),
        auto: false,
        check: None,
    });
    let auto = Context::new(&Options::default())?;
    let taken = devices
        .iter_mut()
        .find(|device| device.backend == backend_name(auto.backend()) && device.name == auto.device_name());
    if let Some(device) = taken {
        device.auto = true;
    }
    Ok((devices, vulkan_error))
}

fn table(devices: &[Device]) -> String {
    let width = |text: fn(&Device) -> &str, head: &str| {
        devices.iter().map(|device| text(device).chars().count()).chain([head.len()]).max().unwrap_or(0)
    };
    let name = width(|device| &device.name, "device");
    let kind = width(|device| &device.kind, "kind");
    let mut text = format!("  {:<name$}  {:<kind$}  backend{}\n", "device", "kind", check_head(devices));
    for device in devices {
        let Device { name: device_name, kind: device_kind, backend, auto, check } = device;
        let mark = if *auto { '*' } else { ' ' };
        text += &format!("{mark} {device_name:<name$}  {device_kind:<kind$}  ");
        text += &match check {
            None => format!("{backend}\n"),
            Some(check) => format!("{backend:<7}  {}\n", check_columns(check)),
        };
    }
    text + "\n* is what --backend auto takes\n"
}

/// The head of the columns of `--check`.
fn check_head(devices: &[Device]) -> &'static str {
    match devices.iter().any(|device| device.check.is_some()) {
        true => "  check   opening ms  first run ms  warm run ms",
        false => "",
    }
}

fn check_columns(check: &Check) -> String {
    let verdict = if check.passed { "passed" } else { "FAILED" };
    let Check { opening_ms, first_run_ms, warm_run_ms, .. } = check;
    format!("{verdict}  {opening_ms:>10.2}  {first_run_ms:>12.2}  {warm_run_ms:>11.2}")
}

/// Why devices have failed, a line each.
fn failures(devices: &[Device]) -> String {
    let reason =
        |device: &Device| Some(format!("{}: {}\n", device.name, device.check.as_ref()?.failure.as_ref()?));
    devices.iter().filter_map(reason).collect()
}
