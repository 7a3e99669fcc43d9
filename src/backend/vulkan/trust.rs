//! Which devices can be trusted: each is tested before the process uses it for the first time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::Level;
use vulkano::device::physical::PhysicalDevice;

use crate::backend::self_test::{self, Failure, TestSet};
use crate::backend::vulkan::backend::Vulkan;
use crate::backend::vulkan::device::gpu::Gpu;
use crate::backend::vulkan::device::instance::{choose, devices};
use crate::error::Error;
use crate::runtime::call;
use crate::runtime::threads::Threads;
use crate::types::devices::DeviceCheck;
use crate::types::options::{Backend as Kind, DebugOptions, Options};

/// What was found out about a device: `None`: nothing yet; an error: why it is not used.
type Verdict = Arc<Mutex<Option<Result<(), String>>>>;

/// Of the devices that were tested. They are the instance's, of which there is one.
static VERDICTS: Mutex<Vec<(Arc<PhysicalDevice>, Verdict)>> = Mutex::new(Vec::new());

/// A self-test waits for the device so long at least, however little patience a host has.
const LEAST_TIMEOUT: Duration = Duration::from_secs(10);

fn verdict_of(physical: &Arc<PhysicalDevice>) -> Verdict {
    let mut verdicts = VERDICTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, verdict)) = verdicts.iter().find(|(tested, _)| tested == physical) {
        return verdict.clone();
    }
    let verdict = Verdict::default();
    verdicts.push((physical.clone(), verdict.clone()));
    verdict
}

impl Vulkan {
    /// Fails where the device has not passed its self-test, which it does now if nobody has used it yet.
    pub(crate) fn check_trust(&mut self, options: &Options) -> Result<(), Error> {
        let physical = self.work.gpu.device.physical_device().clone();
        // Others that want to use it wait here.
        let verdict = verdict_of(&physical);
        let mut verdict = verdict.lock().unwrap_or_else(PoisonError::into_inner);
        if verdict.is_none() {
            *verdict = Some(self.test(physical, options)?);
        }
        match &*verdict {
            Some(Err(reason)) => Err(Error::Driver(format!("{} is not used: {reason}", self.device_name()))),
            _ => Ok(()),
        }
    }

    /// The device's verdict. An error leaves it open: the device has no memory, was lost, or its driver has refused
    /// something, which need not stay so.
    fn test(
        &mut self,
        physical: Arc<PhysicalDevice>,
        options: &Options,
    ) -> Result<Result<(), String>, Error> {
        let start = Instant::now();
        // Tests of ctm's own give devices other limits, and hosts may have little patience: neither says anything of the
        // device.
        let plain = options.debug == DebugOptions::default() && options.device_timeout >= LEAST_TIMEOUT;
        let result = if plain {
            let result = self.self_test(TestSet::Usual);
            self.work.start_over();
            result
        } else {
            let options = Options {
                device_timeout: options.device_timeout.max(LEAST_TIMEOUT),
                memory_limit: options.memory_limit,
                ..Options::default()
            };
            Self::on(Gpu::open_device(physical, &options)?, &options).self_test(TestSet::Usual)
        };
        match result {
            Ok(()) => {
                let milliseconds = 1000.0 * start.elapsed().as_secs_f64();
                call::message(
                    Level::Debug,
                    format_args!("{} has passed its self-test in {milliseconds:.3} ms", self.device_name()),
                );
                Ok(Ok(()))
            }
            Err(Failure::Wrong(reason)) => Ok(Err(reason)),
            Err(Failure::Untested(error)) => Err(error),
        }
    }

    fn self_test(&mut self, set: TestSet) -> Result<(), Failure> {
        let threads = Threads::new(1)?;
        let result = self_test::test(self, set, &threads);
        match result {
            // It has done less than it was told.
            Err(Failure::Untested(error)) if self.work.gpu.was_idle.get() => {
                Err(Failure::Wrong(format!("in its self-test, {error}")))
            }
            result => result,
        }
    }
}

/// Tests all devices, whatever is known of them.
pub(crate) fn check_devices() -> Vec<DeviceCheck> {
    let options = Options { backend: Kind::Vulkan, ..Options::default() };
    let (Ok(infos), Ok(physicals)) = (devices(), choose(&options)) else { return Vec::new() };
    let checks = infos.into_iter().zip(physicals).map(|(info, physical)| {
        let start = Instant::now();
        let opened = Gpu::open_device(physical, &options);
        let check = DeviceCheck {
            backend: Kind::Vulkan,
            name: info.name,
            kind: Some(info.kind),
            failure: None,
            opening: start.elapsed(),
            first_run: Duration::ZERO,
            warm_run: Duration::ZERO,
        };
        match opened {
            Ok(gpu) => {
                let mut vulkan = Vulkan::on(gpu, &options);
                check.run(|| vulkan.self_test(TestSet::All))
            }
            Err(error) => DeviceCheck { failure: Some(error), ..check },
        }
    });
    checks.collect()
}
