//! Pipelines are compiled once. Alone in its program: other tests' contexts would take the devices.

#![allow(missing_docs)]

mod common;

use common::{DRIVERS, Random, assert_no_validation_messages, check, oracle, random_case, vulkan_options};
use ctm::{Context, Options};

#[test]
fn a_software_device_goes_on_to_the_next_context_with_its_pipelines() {
    // With other pipelines than those of the self-test.
    let case = random_case(&mut Random(8), 70, 30, 4, 20, 4);
    let answer = oracle::answer(&case);
    for driver in DRIVERS {
        let context = |cache: Option<Vec<u8>>| {
            Context::new(&Options { pipeline_cache: cache, ..vulkan_options(driver) }).unwrap()
        };
        let made = |context: &mut Context| {
            let pipelines = context.run(&case.map(), &case.selection, &mut vec![0.0; answer.masks.len()]);
            pipelines.unwrap();
            context.call_stats().pipelines
        };
        let mut first = context(None);
        assert!(made(&mut first) > 0, "{driver}");
        assert_eq!(made(&mut first), 0, "{driver}");
        let mut beside = context(None);
        assert!(made(&mut beside) > 0, "{driver}: a context has a device of its own");
        let cache = first.pipeline_cache().unwrap();
        drop(first);
        let mut next = context(Some(cache));
        assert_eq!(made(&mut next), 0, "{driver}");
        check(&mut next, &case, &answer).unwrap();
        check(&mut beside, &case, &answer).unwrap();
    }
    assert_no_validation_messages();
}
