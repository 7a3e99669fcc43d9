#![no_main]

libfuzzer_sys::fuzz_target!(
    init: {
        // A panic that ends as a sentence is no finding; libFuzzer has a hook that makes it one.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |bytes: &[u8]| ctm_fuzz::decoders::run(bytes)
);
