//! `ctm devices`: what can do the work, and what `auto` would take.

use ctm::{Backend, Context, Options};
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
    let (devices, vulkan_error) = list()?;
    if args.json {
        let report = Report { version: ctm::VERSION, devices: &devices, vulkan_error };
        return terminal::print(&(serde_json::to_string_pretty(&report)? + "\n"));
    }
    let mut text = table(&devices);
    if let Some(error) = vulkan_error {
        text += &format!("Vulkan: {error}\n");
    }
    terminal::print(&text)
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
        })
        .collect();
    let cpu = Context::new(&Options { backend: Backend::Cpu, ..Options::default() })?;
    devices.push(Device {
        backend: backend_name(Backend::Cpu),
        name: cpu.device_name().to_owned(),
        kind: "processor".into(),
        auto: false,
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
    let mut text = format!("  {:<name$}  {:<kind$}  backend\n", "device", "kind");
    for device in devices {
        let mark = if device.auto { '*' } else { ' ' };
        text += &format!("{mark} {:<name$}  {:<kind$}  {}\n", device.name, device.kind, device.backend);
    }
    text + "\n* is what --backend auto takes\n"
}
