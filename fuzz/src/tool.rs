// The tool's files in. They call each other `crate::…`, and so lie here.
#[allow(dead_code)]
#[path = "../../tools/ctm/src/decode/mod.rs"]
mod decode;
#[allow(dead_code, unused_imports)]
#[path = "../../tools/ctm/src/decoder_process.rs"]
mod decoder_process;
#[allow(dead_code)]
#[path = "../../tools/ctm/src/input.rs"]
mod input;
#[allow(dead_code)]
#[path = "../../tools/ctm/src/interrupt.rs"]
mod interrupt;
#[allow(dead_code)]
#[path = "../../tools/ctm/src/memory.rs"]
mod memory;
#[allow(dead_code)]
#[path = "../../tools/ctm/src/palette/mod.rs"]
mod palette;
#[allow(dead_code)]
#[path = "../../tools/ctm/src/picture.rs"]
mod picture;
#[allow(dead_code)]
#[path = "../../tools/ctm/src/source.rs"]
mod source;
#[allow(dead_code)]
#[path = "../../tools/ctm/src/terminal.rs"]
mod terminal;
#[allow(dead_code)]
#[path = "../../tools/ctm/src/values.rs"]
mod values;
#[path = "../../tools/ctm/src/words.rs"]
mod words;
