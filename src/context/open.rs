//! Opening a context: which device it works on.

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::backend::self_test::cpu_name;
use crate::backend::vulkan::Vulkan;
use crate::context::Context;
use crate::context::auto::Auto;
use crate::error::Error;
use crate::runtime::call;
use crate::runtime::call::Canceller;
use crate::runtime::threads::Threads;
use crate::stages::connect::RegionMemory;
use crate::types::memory_limit;
use crate::types::options::{Backend as BackendKind, Options};
use log::Level;

impl Context {
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        options.check()?;
        let threads = Threads::new(options.max_threads)?;
        let (vulkan, device_name) = match choose_vulkan(options)? {
            Some(vulkan) => {
                let name = vulkan.device_name().to_owned();
                (Some(vulkan), name)
            }
            None => (None, cpu_name(threads.count())),
        };
        let device_uuids = vulkan.as_ref().and_then(Vulkan::uuids);
        let backend = if vulkan.is_some() { BackendKind::Vulkan } else { BackendKind::Cpu };
        let may_choose = options.backend == BackendKind::Auto && options.debug.stages.is_none();
        let auto = vulkan
            .as_ref()
            .filter(|_| may_choose)
            .map(|vulkan| Box::new(Auto::new(vulkan.is_behind_a_bus(), options.memory_limit > 0)));
        let mut backends: Vec<Box<dyn Backend>> = vec![Box::new(Cpu::new(options))];
        backends.extend(vulkan.map(|vulkan| Box::new(vulkan) as _));
        let position = |wanted| if wanted == BackendKind::Cpu { 0 } else { backends.len() - 1 };
        let [counter, labeler] = options.debug.stages.unwrap_or([backend; 2]).map(position);
        let most_listed = memory_limit::most_listed(options.memory_limit);
        call::message(Level::Info, format_args!("working on {device_name} ({backend:?})"));
        if auto.is_some() {
            let first = format_args!(
                "auto: the CPU does calls on the host's memory until the device proves to be faster"
            );
            call::message(Level::Info, first);
        }
        let canceller = Canceller::default();
        Ok(Self {
            backends,
            images: Vec::new(),
            counter,
            labeler,
            threads,
            backend,
            device_name,
            device_uuids,
            most_listed,
            canceller,
            regions: RegionMemory::default(),
            is_unfinished: false,
            auto,
            falls_back: options.backend == BackendKind::Auto,
            simd: options.debug.simd,
        })
    }
}

/// The Vulkan device that the options ask for; `None`: the CPU does the work.
fn choose_vulkan(options: &Options) -> Result<Option<Vulkan>, Error> {
    match (options.backend, options.device_name()) {
        (BackendKind::Cpu, None) => Ok(None),
        (BackendKind::Cpu, Some(name)) => Err(Error::InvalidArgument(format!(
            "device_name is \"{name}\" and backend is CPU, which has no devices to choose from"
        ))),
        (BackendKind::Vulkan, _) => Vulkan::new(options).map(Some),
        (BackendKind::Auto, name) => match Vulkan::new(options) {
            Ok(vulkan) => Ok(Some(vulkan)),
            Err(error @ Error::NoDevice(_)) if name.is_some() => Err(error),
            Err(error) => {
                call::message(Level::Info, format_args!("no Vulkan device is used: {error}"));
                Ok(None)
            }
        },
    }
}
