//! Which device a context works on, and what happens when it fails.

#![allow(missing_docs)]

mod common;

use std::time::Duration;

use common::{
    DRIVERS, Random, assert_no_validation_messages, check, limits, oracle, random_case, set_up_vulkan,
    vulkan_options,
};
use ctm::{Backend, Context, DebugOptions, DeviceKind, Error, Options, check_devices};

#[test]
fn both_software_drivers_are_listed_as_such() {
    set_up_vulkan();
    let devices = ctm::devices().unwrap();
    assert_eq!(devices.len(), 2, "{devices:?}");
    for driver in DRIVERS {
        let device = devices.iter().find(|device| device.name.contains(driver)).unwrap();
        assert_eq!(device.kind, DeviceKind::Software);
    }
    assert_no_validation_messages();
}

#[test]
fn devices_are_chosen_by_name_whatever_the_case() {
    for (name, backend) in [("LLVMPIPE", Backend::Vulkan), ("swiftshader", Backend::Auto)] {
        let options = Options { backend, ..vulkan_options(name) };
        let context = Context::new(&options).unwrap();
        assert_eq!(context.backend(), Backend::Vulkan);
        assert!(context.device_name().to_lowercase().contains(&name.to_lowercase()));
    }
    assert_no_validation_messages();
}

#[test]
fn auto_never_takes_a_software_rasteriser() {
    set_up_vulkan();
    let context = Context::new(&Options::default()).unwrap();
    assert_eq!(context.backend(), Backend::Cpu);
    assert!(context.device_name().starts_with("CPU"), "{}", context.device_name());
    let asked_for = Options { backend: Backend::Vulkan, ..Options::default() };
    assert_eq!(Context::new(&asked_for).unwrap().backend(), Backend::Vulkan);
}

#[test]
fn an_unknown_device_is_an_error_that_lists_the_known_ones() {
    for backend in [Backend::Vulkan, Backend::Auto] {
        let options = Options { backend, ..vulkan_options("Voodoo") };
        let error = Context::new(&options).unwrap_err();
        assert!(matches!(error, Error::NoDevice(_)));
        let text = error.to_string();
        assert!(text.contains("Voodoo") && DRIVERS.iter().all(|name| text.contains(name)), "{text}");
    }
}

#[test]
fn the_cpu_has_no_devices_to_choose_from() {
    let options = Options { backend: Backend::Cpu, ..vulkan_options("llvmpipe") };
    assert!(matches!(Context::new(&options), Err(Error::InvalidArgument(_))));
}

#[test]
fn a_memory_limit_that_is_too_small_is_an_error_that_says_so() {
    for backend in [Backend::Auto, Backend::Vulkan, Backend::Cpu] {
        let options = |memory_limit| Options { backend, memory_limit, ..Options::default() };
        set_up_vulkan();
        for too_small in [1, Options::LEAST_MEMORY_LIMIT - 1] {
            let error = Context::new(&options(too_small)).unwrap_err();
            assert!(matches!(error, Error::InvalidArgument(_)));
            assert!(error.to_string().contains(&format!("memory_limit is {too_small};")), "{error}");
        }
        for enough in [0, Options::LEAST_MEMORY_LIMIT, u64::MAX] {
            Context::new(&options(enough)).unwrap();
        }
    }
    assert_no_validation_messages();
}

#[test]
fn compiled_pipelines_are_given_to_other_contexts() {
    let case = random_case(&mut Random(6), 60, 40, 3, 30, 4);
    let answer = oracle::answer(&case);
    let cpu = Context::new(&Options { backend: Backend::Cpu, ..Options::default() }).unwrap();
    assert_eq!(cpu.pipeline_cache(), Ok(Vec::new()));

    let mut contexts = DRIVERS.map(|driver| Context::new(&vulkan_options(driver)).unwrap());
    let mut caches = vec![Vec::new(), vec![0xff; 100]];
    for context in &mut contexts {
        check(context, &case, &answer).unwrap();
        let cache = context.pipeline_cache().unwrap();
        assert!(!cache.is_empty());
        caches.push(cache[..cache.len() - 1].to_vec());
        caches.push(cache);
    }
    // Those of this driver, of the other one, and what is none at all.
    for driver in DRIVERS {
        for cache in &caches {
            let options = Options { pipeline_cache: Some(cache.clone()), ..vulkan_options(driver) };
            check(&mut Context::new(&options).unwrap(), &case, &answer).unwrap();
        }
    }
    assert_no_validation_messages();
}

#[test]
fn too_little_device_memory_fails_the_call_and_not_the_context() {
    let random = &mut Random(4);
    let too_large = random_case(random, 50, 50, 4, 9, 3);
    let fits = random_case(random, 50, 50, 1, 9, 3);
    for driver in DRIVERS {
        let device_limits = Some(limits(1 << 27, 65_535, 20_480, true));
        let debug = DebugOptions { device_limits, ..DebugOptions::default() };
        let options = Options { debug, ..vulkan_options(driver) };
        let mut context = Context::new(&options).unwrap();
        for _ in 0..2 {
            let failed = context.run(&too_large.map(), &too_large.selection, &mut vec![0.0; 50 * 50 * 5]);
            assert!(matches!(failed, Err(Error::OutOfDeviceMemory(_))), "{failed:?}");
            check(&mut context, &fits, &oracle::answer(&fits)).unwrap();
        }
    }
    assert_no_validation_messages();
}

#[test]
fn a_hung_device_is_reported_and_does_not_harm_other_contexts() {
    let case = random_case(&mut Random(5), 1000, 1000, 3, 100, 2);
    let answer = oracle::answer(&case);
    for driver in DRIVERS {
        let options = Options { device_timeout: Duration::ZERO, ..vulkan_options(driver) };
        let mut context = Context::new(&options).unwrap();
        for _ in 0..2 {
            let failed = context.run(&case.map(), &case.selection, &mut vec![0.0; 1000 * 1000 * 5]);
            assert!(matches!(failed, Err(Error::Timeout(_))), "{failed:?}");
        }
        drop(context);
        check(&mut Context::new(&vulkan_options(driver)).unwrap(), &case, &answer).unwrap();
    }
    assert_no_validation_messages();
}

#[test]
fn all_devices_pass_the_whole_test() {
    set_up_vulkan();
    let checks = check_devices();
    let names: Vec<_> = ctm::devices().unwrap().into_iter().map(|device| device.name).collect();
    assert_eq!(checks.len(), names.len() + 1, "{checks:?}");
    for (check, name) in checks.iter().zip(&names) {
        assert_eq!((check.backend, &check.name), (Backend::Vulkan, name));
    }
    let cpu = checks.last().unwrap();
    assert_eq!((cpu.backend, cpu.kind), (Backend::Cpu, None));
    assert!(checks.iter().all(|check| check.failure.is_none()), "{checks:?}");
    assert_no_validation_messages();
}

/// With a device that hangs, or that loses patience, the CPU does the job where it may.
#[test]
fn the_cpu_does_what_a_device_fails_to_do_in_time() {
    let case = random_case(&mut Random(7), 1000, 1000, 3, 100, 2);
    let answer = oracle::answer(&case);
    for driver in DRIVERS {
        // The device is tried where the CPU takes long.
        let debug = DebugOptions { cpu_delay: Duration::from_millis(20), ..DebugOptions::default() };
        let options = Options {
            backend: Backend::Auto,
            device_timeout: Duration::ZERO,
            debug,
            ..vulkan_options(driver)
        };
        let mut context = Context::new(&options).unwrap();
        assert_eq!(context.backend(), Backend::Vulkan);
        for call in 0..5 {
            check(&mut context, &case, &answer).unwrap();
            let expected = if call < 2 { Backend::Vulkan } else { Backend::Cpu };
            assert_eq!(context.backend(), expected, "call {call}");
        }
        assert_eq!(context.device_uuids(), None);
        assert!(context.device_name().starts_with("CPU"), "{}", context.device_name());
    }
    assert_no_validation_messages();
}
