//! `ctm`: a colour map in, mask pictures out.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `args` | the command line |
//! | `values`, `palette` | numbers and colours as people write them; files of colours |
//! | `source` | files, pipes and standard input |
//! | `inputs` | which images there are, and what they are called |
//! | `input`, `memory` | a picture or raw file → pixels |
//! | `decode`, `decoder_process` | each format's decoder; the process in which most of them run |
//! | `maps` | one image, or several of the same kind, in memory |
//! | `settings` | the command line and the maps → the library's settings |
//! | `call`, `stream` | `ctm segment`; many images, a few at a time |
//! | `segment` | maps → masks → files |
//! | `cryptomatte` | `ctm segment --cryptomatte`: objects of a Cryptomatte → masks → files |
//! | `find` | calls the library, with memory for whatever it finds |
//! | `hints` | which option helps |
//! | `masks`, `labels`, `png` | mask planes and labels → PNG files, or TIFF |
//! | `export` | all masks of an image in one file: TIFF, OpenEXR, indexed PNG, NumPy, SVG; COCO's of all images |
//! | `color` | a colour as text, as part of a file name, and as screen colour |
//! | `overview`, `thumbnail`, `canvas` | the picture that shows the map and all masks |
//! | `report`, `table` | the printed table and the JSON of `ctm segment`; its CSV table |
//! | `devices` | `ctm devices` |
//! | `progress` | a bar while masks are found |
//! | `names`, `template`, `files` | what files are called; whether they can be written, before any is |
//! | `stale` | what an earlier run has left beside them |
//! | `save` | a file is written whole or not at all |
//! | `interrupt` | Ctrl-C, and other requests to end |
//! | `documents` | `ctm documents`: man pages, shell completions |
//! | `words` | errors in people's words |
//! | `terminal` | standard output and error, numbers for people |

mod args;
mod call;
mod canvas;
mod color;
mod cryptomatte;
mod decode;
mod decoder_process;
mod devices;
mod documents;
mod export;
mod files;
mod find;
mod hints;
mod input;
mod inputs;
mod interrupt;
mod labels;
mod maps;
mod masks;
mod memory;
mod names;
mod outcome;
mod overview;
mod palette;
mod picture;
mod png;
mod progress;
mod report;
mod save;
mod segment;
mod sequence;
mod settings;
mod source;
mod stale;
mod stream;
mod table;
mod template;
mod terminal;
mod thumbnail;
mod values;
mod words;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::args::{Cli, Command};

/// The work failed: an unreadable image, no such device, no room on the disk.
const FAILED: u8 = 1;
/// The command line makes no sense.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Some(code) = decoder_process::run_if_asked() {
        return code;
    }
    let cli = match Cli::parse_checked() {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            return exit_code(terminal::print(&error.render().to_string()));
        }
        Err(error) => {
            match error.kind() {
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => drop(error.print()),
                _ => terminal::error(&args::usage_error(&error)),
            }
            return ExitCode::from(WRONG_USAGE);
        }
    };
    // A panic is a defect. It becomes one line like any other failure, with no trace of threads.
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(|| match cli.command {
        Command::Segment(args) => call::run(*args),
        Command::Devices(args) => devices::run(&args),
        Command::Documents(args) => documents::run(&args),
    }));
    exit_code(result.unwrap_or_else(|panic| {
        let text = terminal::panic_text(panic.as_ref());
        Err(anyhow::anyhow!("internal error, please report it: {text}"))
    }))
}

/// Prints an error, if there is one, as a single line.
fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(&words::sentence(&error));
            ExitCode::from(FAILED)
        }
    }
}
