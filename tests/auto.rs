//! Where calls of a context with `AUTO` are done, on software drivers that are let in by name as if they were hardware.

#![allow(missing_docs)]

mod common;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::{
    Case, DRIVERS, Random, assert_no_validation_messages, check, limits, oracle, random_case, vulkan_options,
};
use ctm::{Backend, Context, DebugOptions, Options, Outputs};

/// What the library says, by thread.
struct Messages;

static MESSAGES: Mutex<Vec<(std::thread::ThreadId, String)>> = Mutex::new(Vec::new());

impl log::Log for Messages {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            let message = (std::thread::current().id(), record.args().to_string());
            MESSAGES.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        }
    }

    fn flush(&self) {}
}

fn log_messages() {
    static LOG: Messages = Messages;
    let _ = log::set_logger(&LOG);
    log::set_max_level(log::LevelFilter::Info);
}

/// What was said on this thread of where calls are done.
fn said() -> Vec<String> {
    let here = std::thread::current().id();
    let messages = MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let own = messages.iter().filter(|(thread, text)| *thread == here && text.starts_with("auto: "));
    own.map(|(_, text)| text.clone()).collect()
}

fn auto_options(driver: &str, debug: DebugOptions) -> Options {
    Options { backend: Backend::Auto, debug, ..vulkan_options(driver) }
}

/// Slower than software drivers are under the validation layer, once their pipelines are there.
fn slow_cpu() -> DebugOptions {
    DebugOptions { cpu_delay: Duration::from_millis(1500), ..DebugOptions::default() }
}

/// A case of more pixels than are always the CPU's.
fn large_case(seed: u64) -> Case {
    random_case(&mut Random(seed), 500, 300, 3, 100, 2)
}

/// Does a case; whether the device did it.
fn is_on_device(context: &mut Context, case: &Case, answer: &oracle::Answer) -> bool {
    let mut masks = vec![0.5; answer.masks.len()];
    context.run(&case.map(), &case.selection, &mut masks).unwrap();
    assert!(masks == answer.masks, "other masks");
    context.call_stats().dispatches > 0
}

#[test]
fn after_ten_calls_the_cpu_does_what_it_does_sooner() {
    log_messages();
    let case = large_case(1);
    let answer = oracle::answer(&case);
    for driver in DRIVERS {
        let mut context = Context::new(&auto_options(driver, DebugOptions::default())).unwrap();
        assert_eq!(context.backend(), Backend::Vulkan);
        let before = said().len();
        let on_device: Vec<_> = (0..14).map(|_| is_on_device(&mut context, &case, &answer)).collect();
        assert!(!on_device[0] && !on_device[1], "{on_device:?}");
        assert!(on_device[10..].iter().all(|&device| !device), "{on_device:?}");
        let said = said().split_off(before);
        assert!(
            said.len() == 1 && said[0].starts_with("auto: Cpu does Write of 2^17 pixels of 12 bytes"),
            "{said:?}"
        );
        assert_eq!(context.backend(), Backend::Vulkan);
        // What the device has kept is of no use.
        assert_eq!(context.call_stats().device_bytes, 0);
        check(&mut context, &case, &answer).unwrap();
    }
    assert_no_validation_messages();
}

#[test]
fn a_device_that_is_faster_does_the_calls_but_small_ones() {
    log_messages();
    let case = large_case(2);
    let answer = oracle::answer(&case);
    let small = random_case(&mut Random(3), 200, 100, 3, 9, 2);
    let small_answer = oracle::answer(&small);
    for (driver, memory_limit) in DRIVERS.into_iter().zip([0, 64 << 20]) {
        let options = Options { memory_limit, ..auto_options(driver, slow_cpu()) };
        let mut context = Context::new(&options).unwrap();
        let before = said().len();
        let on_device: Vec<_> = (0..8).map(|_| is_on_device(&mut context, &case, &answer)).collect();
        assert_eq!(on_device, [false, false, true, true, true, true, true, true]);
        let said = said().split_off(before);
        assert!(said.len() == 1 && said[0].starts_with("auto: Device does Write of 2^17"), "{said:?}");
        let held = context.call_stats().device_bytes;
        assert!(held > 0);
        assert!(!is_on_device(&mut context, &small, &small_answer));
        // With a limit, what one backend has kept is not there for the other.
        assert_eq!(context.call_stats().device_bytes, if memory_limit > 0 { 0 } else { held });
        assert!(is_on_device(&mut context, &case, &answer));
    }
    assert_no_validation_messages();
}

#[test]
fn other_jobs_are_other_kinds() {
    let case = large_case(4);
    let answer = oracle::answer(&case);
    let mut context = Context::new(&auto_options(DRIVERS[0], slow_cpu())).unwrap();
    let params = case.selection.into();
    for on_device in [false, false, true, true, true] {
        context.mask_count(&case.map(), &params).unwrap();
        assert_eq!(context.call_stats().dispatches > 0, on_device);
    }
    let analysis = context.analyze(&case.map(), &params, Outputs::default()).unwrap();
    assert_eq!(analysis.mask_count as usize, answer.colors.len());
    assert!(context.call_stats().dispatches > 0);
    assert!(!is_on_device(&mut context, &case, &answer));
    assert_no_validation_messages();
}

/// Too little memory on the device is nothing that the caller is to see.
#[test]
fn the_cpu_does_what_a_device_has_no_memory_for() {
    log_messages();
    let case = large_case(5);
    let answer = oracle::answer(&case);
    for driver in DRIVERS {
        let device_limits = Some(limits(1 << 27, 65_535, 14_000, true));
        let debug =
            DebugOptions { device_limits, cpu_delay: Duration::from_millis(20), ..DebugOptions::default() };
        let mut context = Context::new(&auto_options(driver, debug)).unwrap();
        let before = said().len();
        for _ in 0..5 {
            assert!(!is_on_device(&mut context, &case, &answer));
        }
        let said = said().split_off(before);
        assert!(said.len() == 1 && said[0].contains("memory"), "{said:?}");
        assert_eq!(context.backend(), Backend::Vulkan);
    }
    assert_no_validation_messages();
}
