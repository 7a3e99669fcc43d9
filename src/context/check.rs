//! Tests whether the devices of this machine can be trusted.

use std::time::{Duration, Instant};

use crate::backend::cpu::Cpu;
use crate::backend::self_test::{self, TestSet, cpu_name};
use crate::backend::vulkan;
use crate::runtime::threads::Threads;
use crate::types::devices::DeviceCheck;
use crate::types::options::{Backend, Options};

/// Tests all Vulkan devices that ctm can use, in the order of [`devices`](crate::devices), and the CPU, which is the last.
///
/// Images whose answers are known are counted and labelled: of few and of many colours, with one to four channels and
/// with labels of every width. A shorter test of the same kind comes before a process uses a Vulkan device for the first
/// time; a device that fails it is not used. This one does not change whether it is.
#[must_use]
pub fn check_devices() -> Vec<DeviceCheck> {
    let mut checks = vulkan::check_devices();
    let opening = Instant::now();
    let (mut cpu, threads) = (Cpu::new(&Options::default()), Threads::new(0));
    let opening = opening.elapsed();
    let count = threads.as_ref().map_or(1, Threads::count);
    let check = DeviceCheck {
        backend: Backend::Cpu,
        name: cpu_name(count),
        kind: None,
        failure: None,
        opening,
        first_run: Duration::ZERO,
        warm_run: Duration::ZERO,
    };
    checks.push(match threads {
        Ok(threads) => check.run(|| self_test::test(&mut cpu, TestSet::All, &threads)),
        Err(error) => DeviceCheck { failure: Some(error), ..check },
    });
    checks
}
