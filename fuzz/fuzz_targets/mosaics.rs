#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ctm_fuzz::mosaics::run(bytes));
