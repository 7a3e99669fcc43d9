//! The command line, and which jobs are measured: the full cross product would take hours.

use std::path::PathBuf;
use std::time::Duration;

use ctm::Selection;

use crate::inputs::Kind;
use crate::measure::Budget;

pub const FULL_HD: (u32, u32) = (1920, 1080);
pub const UHD_4K: (u32, u32) = (3840, 2160);
pub const UHD_8K: (u32, u32) = (7680, 4320);

pub const USAGE: &str = "\
cargo bench --bench speed -- [OPTIONS]
    --quick            full HD and 4K, 3 channels, 5 masks at most
    --sizes A,B,…      of fhd, 4k, 8k
    --inputs A,B,…     of flat-16, flat-1000, noise-16, noise-4096, world-map, photo, all-different
    --out DIR          where the table and the plots go (out/bench)
    --python PATH      a Python with numpy, polars, matplotlib (target/bench-venv/bin/python, where it exists)
    --no-rivals        no Python
    --with-torch       torch takes part, on full HD
    --swiftshader      a second software driver takes part
    --seconds S        time for each column of a row (0.5; quick: 0.06)";

pub struct Params {
    pub quick: bool,
    pub sizes: Vec<(u32, u32)>,
    pub kinds: Vec<Kind>,
    pub out: PathBuf,
    pub python: Option<PathBuf>,
    pub with_torch: bool,
    pub swiftshader: bool,
    pub budget: Budget,
}

impl Params {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let venv = PathBuf::from("target/bench-venv/bin/python");
        let (mut sizes, mut seconds) = (None, None);
        let mut params = Self {
            quick: false,
            sizes: vec![],
            kinds: Kind::ALL.to_vec(),
            out: "out/bench".into(),
            python: venv.exists().then_some(venv),
            with_torch: false,
            swiftshader: false,
            budget: Budget { time: Duration::ZERO, max_runs: 0 },
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument}: a value is missing"));
            match argument.as_str() {
                "--bench" => {} // from cargo
                "--quick" => params.quick = true,
                "--sizes" => sizes = Some(value()?.split(',').map(size).collect::<Result<_, _>>()?),
                "--inputs" => params.kinds = value()?.split(',').map(kind).collect::<Result<_, _>>()?,
                "--out" => params.out = value()?.into(),
                "--python" => params.python = Some(value()?.into()),
                "--no-rivals" => params.python = None,
                "--with-torch" => params.with_torch = true,
                "--swiftshader" => params.swiftshader = true,
                "--seconds" => {
                    let text = value()?;
                    let time = text.parse().ok().and_then(|value| Duration::try_from_secs_f64(value).ok());
                    seconds = Some(time.ok_or(format!("--seconds is {text}; a number is expected"))?);
                }
                _ => return Err(format!("{argument}: unknown\n\n{USAGE}")),
            }
        }
        let (default_sizes, default_seconds) = match params.quick {
            true => (vec![FULL_HD, UHD_4K], 0.06),
            false => (vec![FULL_HD, UHD_4K, UHD_8K], 0.5),
        };
        params.sizes = sizes.unwrap_or(default_sizes);
        let time = seconds.unwrap_or(Duration::from_secs_f64(default_seconds));
        params.budget = Budget { time, max_runs: if params.quick { 11 } else { 21 } };
        Ok(params)
    }

    /// The images, each with the params to run it with.
    pub fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for &size in &self.sizes {
            for &kind in &self.kinds {
                // More variety at one size.
                let more = size == UHD_4K && !self.quick;
                let mut selection = vec![(1, 5)];
                match kind {
                    Kind::Photo if more => selection.extend([(500, 5), (1, 1), (1, 100)]),
                    Kind::Photo | Kind::AllDifferent => selection.push((500, 5)),
                    Kind::Flat16 if more => selection.extend([(500, 5), (1, 1)]),
                    Kind::Flat1000 | Kind::Noise4096 if more => selection.push((1, 100)),
                    _ => {}
                }
                jobs.push(Job::new(kind, size, 3, &selection));
                if more && matches!(kind, Kind::Flat16 | Kind::Noise4096 | Kind::Photo) {
                    jobs.push(Job::new(kind, size, 1, &[(1, 5)]));
                    jobs.push(Job::new(kind, size, 4, &[(1, 5)]));
                }
            }
        }
        jobs
    }

    /// What bytes, labels and regions are measured with: images of values n/255, at one size.
    pub fn byte_jobs(&self) -> Vec<Job> {
        let size = if self.sizes.contains(&UHD_4K) { UHD_4K } else { self.sizes[0] };
        let kinds = self.kinds.iter().filter(|&&kind| kind != Kind::AllDifferent);
        let least = |kind| if kind == Kind::Photo { 500 } else { 1 };
        kinds.map(|&kind| Job::new(kind, size, 3, &[(least(kind), 5)])).collect()
    }

    /// What cold contexts and new pages are measured with.
    pub fn page_jobs(&self) -> Vec<Job> {
        let sizes = self.sizes.iter().filter(|&&size| size != UHD_8K);
        let kinds = self.kinds.iter().filter(|kind| matches!(kind, Kind::Flat16 | Kind::Photo));
        sizes.flat_map(|&size| kinds.clone().map(move |&kind| Job::new(kind, size, 3, &[(1, 5)]))).collect()
    }
}

/// An image, and the params to run it with.
pub struct Job {
    pub kind: Kind,
    pub size: (u32, u32),
    pub channels: u32,
    pub selection: Vec<Selection>,
}

impl Job {
    fn new(kind: Kind, size: (u32, u32), channels: u32, selection: &[(u64, u32)]) -> Self {
        let selection = selection.iter().map(|&(min_pixels, max_count)| Selection { min_pixels, max_count });
        Self { kind, size, channels, selection: selection.collect() }
    }
}

fn size(name: &str) -> Result<(u32, u32), String> {
    match name.to_lowercase().as_str() {
        "fhd" => Ok(FULL_HD),
        "4k" => Ok(UHD_4K),
        "8k" => Ok(UHD_8K),
        _ => Err(format!("--sizes has {name}; fhd, 4k and 8k are known")),
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.map(Kind::name).join(", ");
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| format!("--inputs has {name}; known are {}", known()))
}
