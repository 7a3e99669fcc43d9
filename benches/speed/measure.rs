//! Times several ways of doing one job, taken in turn (A B C, A B C, …), so that whatever else the
//! machine does meets all of them.

use std::time::{Duration, Instant};

use ctm::Selection;
use rayon::ThreadPool;

use crate::baseline::{self, Palette};
use crate::inputs::Input;

/// What one run found and how long it took.
pub struct Run {
    pub time: Duration,
    pub mask_count: usize,
}

/// One job: an image, the params, and the right answer.
pub struct Job<'a> {
    pub input: &'a Input,
    pub selection: Selection,
    /// As many as the params let through.
    pub mask_count: usize,
    /// The share of the right masks' cache lines that are not all zeros.
    pub share_of_ones: f64,
    /// The right masks.
    pub expected: &'a [f32],
}

/// One way of doing the job. It returns `None` where the job is not for it.
type Way<'a> = dyn FnMut(&Job, &mut [f32]) -> Result<Option<Run>, String> + 'a;

pub struct Column<'a> {
    pub name: String,
    /// The masks it writes are checked, byte by byte.
    pub writes_masks: bool,
    /// Runs at least, however long they take.
    pub min_runs: usize,
    pub way: Box<Way<'a>>,
}

/// How long the columns of one row may take.
#[derive(Clone, Copy)]
pub struct Budget {
    /// Each column has no further run after this time.
    pub time: Duration,
    pub max_runs: usize,
}

impl Budget {
    /// What takes this long has one run, which no warming up would make shorter.
    fn slow(&self) -> Duration {
        self.time * 6
    }
}

/// Run times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub runs: usize,
}

impl Stats {
    pub fn of(times: &[Duration]) -> Option<Self> {
        let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        let (min, max) = (*times.first()?, *times.last()?);
        let median = (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0;
        Some(Self { median, min, max, runs: times.len() })
    }
}

/// What one column gave in one row.
pub struct Cell {
    pub column: String,
    /// `None`: not for this column, or failed.
    pub stats: Option<Stats>,
}

/// Times `way` once.
pub fn time<T>(way: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = way();
    (start.elapsed(), result)
}

/// The right masks, as the plain baseline writes them.
pub fn expected(pool: &ThreadPool, input: &Input, palette: &Palette) -> Vec<f32> {
    let channels = input.channels as usize;
    let mut masks = vec![0.0; palette.len() * input.plane()];
    baseline::write_masks(pool, &input.floats, channels, palette, &mut masks);
    masks
}

/// Does the job in all columns, in turn. What a column does wrong goes to `complaints`.
pub fn measure(
    columns: &mut [Column],
    job: &Job,
    masks: &mut [f32],
    budget: Budget,
    complaints: &mut Vec<String>,
) -> Vec<Cell> {
    let mut times: Vec<Vec<Duration>> = columns.iter().map(|_| Vec::new()).collect();
    let mut out: Vec<bool> = columns.iter().map(|_| false).collect();
    // Round 0 warms up, checks the results, and counts only where there is no time for another run.
    for round in 0..=budget.max_runs {
        for (index, column) in columns.iter_mut().enumerate() {
            let spent: Duration = times[index].iter().sum();
            let enough =
                spent >= budget.time && times[index].len() >= column.min_runs || spent >= budget.slow();
            if out[index] || enough {
                continue;
            }
            if round == 0 {
                masks.fill(0.5);
            }
            let run = match (column.way)(job, masks) {
                Ok(Some(run)) => run,
                other => {
                    complaints.extend(other.err().map(|error| format!("{}: {error}", column.name)));
                    out[index] = true;
                    continue;
                }
            };
            if round == 0 {
                let right = !column.writes_masks || same_bits(masks, job.expected);
                if run.mask_count != job.mask_count || !right {
                    complaints.push(format!(
                        "{}: {} masks, {} expected; their contents are {}",
                        column.name,
                        run.mask_count,
                        job.mask_count,
                        if right { "right or not checked" } else { "WRONG" }
                    ));
                }
            }
            let slow = run.time > budget.slow() || column.min_runs == 1 && run.time > budget.time;
            if round > 0 || slow {
                times[index].push(run.time);
            }
        }
    }
    let cells = columns.iter().zip(times);
    cells.map(|(column, times)| Cell { column: column.name.clone(), stats: Stats::of(&times) }).collect()
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    bytemuck::cast_slice::<f32, u8>(a) == bytemuck::cast_slice::<f32, u8>(b)
}
