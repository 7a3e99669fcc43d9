//! The Python rivals, in a child process that stays alive: a line of JSON each way.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use ctm::Selection;
use serde_json::{Value, json};

use crate::inputs::Input;
use crate::measure::Run;

pub struct Rivals {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Carries the pixels over.
    file: PathBuf,
}

impl Rivals {
    pub fn start(python: &Path, directory: &Path) -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", python.display()))?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the child process has no pipes".to_owned());
        };
        Ok(Self { child, to, from: BufReader::new(from), file: directory.join("input.f32") })
    }

    /// Hands the image over; the rivals' own conversions are not timed.
    pub fn load(&mut self, input: &Input) -> Result<(), String> {
        std::fs::write(&self.file, bytemuck::cast_slice(&input.floats)).map_err(|error| error.to_string())?;
        let result = self.ask(&json!({
            "load": self.file, "channels": input.channels, "eight_bit": input.eight_bit,
        }));
        let _ = std::fs::remove_file(&self.file);
        result.map(drop)
    }

    /// Lets one rival do the job on the image loaded last.
    pub fn run(&mut self, name: &str, selection: &Selection) -> Result<Run, String> {
        let answer = self.ask(&json!({
            "run": name, "max_count": selection.max_count, "min_pixels": selection.min_pixels,
        }))?;
        match (answer["ms"].as_f64(), answer["masks"].as_u64()) {
            (Some(ms), Some(masks)) => {
                Ok(Run { time: Duration::from_secs_f64(ms / 1e3), mask_count: masks as usize })
            }
            _ => Err(format!("not understood: {answer}")),
        }
    }

    pub fn versions(&mut self) -> Result<String, String> {
        Ok(self.ask(&json!({ "versions": true }))?["versions"].as_str().unwrap_or_default().to_owned())
    }

    fn ask(&mut self, question: &Value) -> Result<Value, String> {
        writeln!(self.to, "{question}").map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&line)
            .map_err(|error| format!("the child process said {line:?}: {error}"))?;
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }
}

impl Drop for Rivals {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
