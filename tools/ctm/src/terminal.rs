//! Standard output and error, and numbers as people read them.

use std::any::Any;
use std::env;
use std::io::{self, BufRead as _, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail};

/// Writes to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = UntilClosed(io::stdout().lock());
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("standard output cannot be written")
}

/// Something to write to, whose reader may have seen enough (`| head`): then the rest is dropped, which is no failure.
#[derive(Debug)]
pub(crate) struct UntilClosed<W>(pub(crate) W);

impl<W: Write> Write for UntilClosed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

/// A text without what would make a terminal do something: control characters, and those that turn the direction of
/// writing around, are shown as `\n` and `\u{1b}`.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if acts(character) { shown.extend(character.escape_default()) } else { shown.push(character) }
    }
    shown
}

/// Whether a character does something other than to show.
pub(crate) fn acts(character: char) -> bool {
    let turns = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns
}

static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// Gives no advice from now on.
pub(crate) fn be_quiet() {
    IS_QUIET.store(true, Ordering::Relaxed);
}

/// Asks something that is answered by yes or no. Where nobody can answer, that is an error.
pub(crate) fn ask(question: &str) -> anyhow::Result<bool> {
    let stdin = io::stdin();
    if !stdin.is_terminal() || !io::stderr().is_terminal() {
        bail!("{question} Nobody is there to answer (--overwrite ask); say --overwrite yes or no");
    }
    write!(io::stderr(), "ctm: {} [y/N] ", shown(question))?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Tells of a failure in one line on standard error.
pub(crate) fn error(text: &str) {
    line("error", text);
}

/// Tells what could be done better in one line on standard error.
pub(crate) fn hint(text: &str) {
    if !IS_QUIET.load(Ordering::Relaxed) {
        line("hint", text);
    }
}

/// Has the library tell what it chooses and does.
pub(crate) fn be_verbose() {
    struct Messages;
    impl log::Log for Messages {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.target() == "ctm"
        }

        fn log(&self, record: &log::Record<'_>) {
            if self.enabled(record.metadata()) {
                line(&record.level().as_str().to_lowercase(), &record.args().to_string());
            }
        }

        fn flush(&self) {}
    }
    if log::set_logger(&Messages).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}

/// One line, whatever a file name or a decoder's message contains.
fn line(kind: &str, text: &str) {
    let text = shown(text);
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(io::stderr(), "ctm: {kind}: {text}");
}

/// Whether standard output shows 24-bit colours to a person who has not asked for none.
pub(crate) fn shows_colors() -> bool {
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !no_color && !dumb
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "no message",
    }
}

/// A number with a comma between thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 mask`, `1,000 masks`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// A share of the whole, in percent. What is there is never shown as nothing.
pub(crate) fn percent(share: f64) -> String {
    match share {
        0.0 => "0 %".into(), // -0, the sum of nothing, is 0
        share if share > 0.0 && share < 0.00005 => "< 0.01 %".into(),
        share => format!("{:.2} %", share * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal() {
        assert_eq!(shown("a\nb\u{1b}[2J\u{9b}1m\u{202e}é\\"), "a\\nb\\u{1b}[2J\\u{9b}1m\\u{202e}é\\");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1, 2000].map(|n| count(n, "mask")), ["0 masks", "1 mask", "2,000 masks"]);
        let shares = [0.0, -0.0, 1e-9, 0.66945, 1.0].map(percent);
        assert_eq!(shares, ["0 %", "0 %", "< 0.01 %", "66.94 %", "100.00 %"]);
    }
}
