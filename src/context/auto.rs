//! Where each call of a context with `AUTO` and a device is done: by the device or by the CPU.
//!
//! **Problem.** Pixels in the host's memory cross a bus before a device sees them: 99 MB of a 4K image of floats take 4 ms over
//! PCIe 4, in which the CPU has often done the whole job. Which of both is sooner depends on the machine, on the image and on
//! what is asked for. Guessing wrong must not cost the caller time.
//!
//! ```text
//! memory on the device         → the device
//! at most SMALL pixels         → the CPU
//! else, for each kind of call, which has a home, the CPU at first:
//!     done FIRST times at home, then WAIT (doubled each time), and
//!     the home's time > the least that the device needs: launches + bytes / bus, and
//!     tries have lost at most a SHARE of all time
//!                              → a try: TRIAL calls at the other one
//!         the other's time < MARGIN × the home's → it is the home from now on
//!     else                     → the home
//! ```
//!
//! A kind of call is: bytes of a pixel, the logarithm of the pixels and of the images, what a few pixels look like, what is
//! asked for. Times are kept by pixel; they fall at once and rise by an eighth of the difference, so that neither one slow
//! call nor one fast call of long ago decides.
//!
//! **Exact.** All backends give the same bits, so the choice shows in time alone. Where a device fails, or has too little
//! memory, the CPU does the call.
//!
//! **Cost.** A look at 32 pairs of pixels and a search among 32 kinds, about 1 µs; nothing for small images. Tries lose
//! about a 64th of the time at most, beside the first. The CPU's time is measured and not guessed: threads, colours and the
//! processor are in it.
//!
//! **Prior art.** FFTW's planner and ATLAS measure instead of guessing; the rule of tries is that of ε-greedy bandits, with
//! a bound on what they lose in place of a probability.

use std::fmt;

use log::Level;

use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::runtime::call;
use crate::types::image::ColorMap;
use crate::types::matching::{Alpha, Matching};
use crate::types::params::{Batch, Params, Unlisted};

/// Images of so many pixels take the CPU less time than a device takes to begin, but for the rarest of jobs.
const SMALL: u64 = 1 << 16;
/// Seconds: two submissions, each waited for, of some 50 µs each, which is what drivers take for empty ones.
const LAUNCHES: f64 = 100e-6;
/// Bytes a second: PCIe 5 with 16 lanes moves 63 GB in theory and about 50 in practice; slower buses move less.
const BUS: f64 = 50e9;

/// Kinds of calls that are remembered.
const KINDS: usize = 32;
/// Calls at home before the first try. The first of all is slow for reasons of its own.
const FIRST: u32 = 2;
/// Calls of a try, for the same reason.
const TRIAL: u32 = 2;
/// Calls at home after the first try, and the most of them. In between they double.
const WAIT: (u32, u32) = (16, 1024);
/// The other one is faster if it takes less than this part of the home's time.
const MARGIN: f64 = 0.9;
/// A try ends after one call that takes so many times as long as at home.
const HOPELESS: f64 = 8.0;
/// One part of so many is what tries may lose.
const SHARE: f64 = 64.0;
/// Pairs of neighbouring pixels that are looked at.
const PAIRS: usize = 32;

/// Where a call is done. The numbers are positions among the context's backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    #[default]
    Cpu = 0,
    Device = 1,
}

impl Place {
    fn other(self) -> Self {
        match self {
            Self::Cpu => Self::Device,
            Self::Device => Self::Cpu,
        }
    }
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Asks {
    #[default]
    Count,
    List,
    Write,
}

/// A call, as far as it matters where it is done.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) map: &'a ColorMap<'a>,
    pub(super) params: &'a Params<'a>,
    pub(super) asks: Asks,
    /// Whether all of its memory is the host's.
    pub(super) on_host: bool,
}

impl Job<'_> {
    fn pixels(&self) -> u64 {
        let shape = self.map.shape();
        u64::from(shape.width()) * u64::from(shape.height()) * u64::from(self.map.images())
    }
}

/// Calls that take about the same time a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kind {
    pixel_bytes: u8,
    log_pixels: u8,
    log_images: u8,
    /// Whether most pixels are the same as their neighbours.
    has_runs: bool,
    /// Whether most of the pixels that were looked at are of different colours.
    many_colors: bool,
    asks: Asks,
    lists_all: bool,
    /// Whether the palette is known.
    given: bool,
    looks_around: bool,
    each_image: bool,
}

impl Kind {
    fn of(job: &Job) -> Self {
        let &Job { map, params, asks, .. } = job;
        let (has_runs, many_colors) = look_of(map);
        Self {
            pixel_bytes: (map.format().bytes() * map.shape().channels() as usize) as u8, // at most 16
            log_pixels: job.pixels().ilog2() as u8,                                      // at most 63
            log_images: map.images().max(1).ilog2() as u8,
            has_runs,
            many_colors,
            asks,
            lists_all: params.nearest.is_some()
                || params.merge.is_some()
                || params.unlisted != Unlisted::Ignore,
            given: params.given().is_some() || params.counts.is_some(),
            looks_around: params.connected.is_some()
                || params.unmix_radius > 0
                || params.absorbing().is_some(),
            each_image: params.batch == Batch::Each,
        }
    }

    /// Seconds that a device takes at least.
    fn least_seconds(&self, pixels: f64, bus: bool) -> f64 {
        let label_bytes = if self.asks == Asks::Write { 1.0 } else { 0.0 };
        LAUNCHES + if bus { pixels * (f64::from(self.pixel_bytes) + label_bytes) / BUS } else { 0.0 }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let runs = if self.has_runs { "runs" } else { "no runs" };
        let colors = if self.many_colors { "many colours" } else { "few colours" };
        let given = if self.given { ", given palette" } else { "" };
        let (log_pixels, pixel_bytes) = (self.log_pixels, self.pixel_bytes);
        write!(f, "{:?} of 2^{log_pixels} pixels of {pixel_bytes} bytes, {runs}, {colors}{given}", self.asks)
    }
}

/// Whether an image has runs, and many colours, as far as a few pixels tell.
fn look_of(map: &ColorMap) -> (bool, bool) {
    /// The golden ratio's fraction in 64 bits: multiples of it are spread evenly.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let Ok(pixels) = Pixels::new(map, Matching::Exact, Alpha::Color) else { return (false, false) };
    let last = pixels.grid().len() - 1; // larger than `SMALL`
    let mut colors = [[0; 4]; PAIRS];
    let mut equal = 0;
    for (number, color) in (1..).zip(&mut colors) {
        // Lossless: less than the number of pixels.
        let index = ((u128::from(SPREAD.wrapping_mul(number)) * last as u128) >> u64::BITS) as usize;
        *color = pixels.pixel(index);
        equal += usize::from(*color == pixels.pixel(index + 1));
    }
    colors.sort_unstable();
    let different = colors.chunk_by(|a, b| a == b).count();
    (equal > PAIRS / 2, different > PAIRS * 3 / 4)
}

/// What is known of a kind of call.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    kind: Kind,
    home: Place,
    /// Seconds a pixel on the CPU and on the device.
    pace: [Option<f64>; 2],
    /// Calls at home since the last try.
    calls: u32,
    /// Calls at home before the next try.
    wait: u32,
    /// Calls left of the present try.
    trial: u32,
    /// What the last try has lost, in seconds a pixel.
    loss: f64,
    /// Whether it was said where such calls are done.
    is_said: bool,
}

impl Record {
    fn is_worth_a_try(&self, pixels: f64, least: f64, budget: f64) -> bool {
        let Some(home) = self.pace[self.home as usize] else { return false };
        let seems_better = self.pace[self.home.other() as usize].is_some_and(|other| other < MARGIN * home);
        let is_time = self.calls >= self.wait || seems_better && self.calls >= FIRST;
        let may_win = self.home == Place::Device || least < MARGIN * home * pixels;
        is_time && may_win && self.loss * pixels <= budget
    }

    fn learn(&mut self, place: Place, pace: f64) {
        let known = &mut self.pace[place as usize];
        *known =
            Some(known.map_or(pace, |known| if pace < known { pace } else { known + (pace - known) / 8.0 }));
    }

    /// After a try: where such calls are done from now on.
    fn settle(&mut self) {
        let [home, other] = [self.home, self.home.other()].map(|place| self.pace[place as usize]);
        let moves = home.zip(other).is_some_and(|(home, other)| other < MARGIN * home);
        self.wait = if moves { WAIT.0 } else { (2 * self.wait).clamp(WAIT.0, WAIT.1) };
        self.calls = 0;
        if moves {
            self.home = self.home.other();
        }
        let [cpu, device] = self.pace.map(|pace| pace.map_or(0.0, |pace| 1e9 * pace));
        let level = if moves || !self.is_said { Level::Info } else { Level::Debug };
        self.is_said = true;
        let (kind, home) = (self.kind, self.home);
        call::message(
            level,
            format_args!(
                "auto: {home:?} does {kind}: ns a pixel: {cpu:.3} on the CPU, {device:.3} on the device"
            ),
        );
    }
}

/// What a context with a device knows of kinds of calls.
#[derive(Debug)]
pub(super) struct Auto {
    records: [Record; KINDS],
    known: usize,
    /// The record that a new kind takes where all are taken.
    next: usize,
    /// Whether a bus lies before the device.
    bus: bool,
    /// With a limit of memory only one backend may hold any between calls.
    is_limited: bool,
    /// Where the last call was done.
    last: Place,
    /// Seconds of all calls, and what tries have lost of them.
    spent: f64,
    lost: f64,
}

/// A call's place, until its time is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) place: Place,
    record: usize,
    pixels: f64,
}

impl Auto {
    pub(super) fn new(bus: bool, is_limited: bool) -> Self {
        let (records, last) = ([Record::default(); KINDS], Place::default());
        Self { records, known: 0, next: 0, bus, is_limited, last, spent: 0.0, lost: 0.0 }
    }

    /// A call is done there. The place that is to give back what it has kept, if one is: a device that is of no use, too.
    pub(super) fn go_to(&mut self, place: Place) -> Option<Place> {
        let left = std::mem::replace(&mut self.last, place);
        let is_of_use = || self.records.iter().any(|record| record.home == left);
        (left != place && (self.is_limited || !is_of_use())).then_some(left)
    }

    /// Where a call whose memory is the host's is done; `None`: by the CPU, whose time does not matter.
    pub(super) fn begin(&mut self, job: &Job) -> Option<Turn> {
        (job.pixels() > SMALL).then(|| self.turn(Kind::of(job), job.pixels() as f64))
    }

    fn turn(&mut self, kind: Kind, pixels: f64) -> Turn {
        let budget = self.spent / SHARE - self.lost;
        let least = kind.least_seconds(pixels, self.bus);
        let index = self.record_of(kind);
        let record = &mut self.records[index];
        if record.trial == 0 && record.is_worth_a_try(pixels, least, budget) {
            record.trial = TRIAL;
            record.loss = 0.0;
            record.pace[record.home.other() as usize] = None;
        } else if record.calls == FIRST && record.trial == 0 && !record.is_said {
            record.is_said = true;
            let cpu = 1e3 * pixels * record.pace[Place::Cpu as usize].unwrap_or(0.0);
            let least = 1e3 * least;
            call::message(
                Level::Info,
                format_args!(
                    "auto: Cpu does {kind}: {cpu:.3} ms; the device needs {least:.3} ms at least, or is tried later"
                ),
            );
        }
        let place = if record.trial > 0 { record.home.other() } else { record.home };
        Turn { place, record: index, pixels }
    }

    /// What the call has taken.
    pub(super) fn end(&mut self, turn: Turn, seconds: f64) {
        self.spent += seconds;
        let record = &mut self.records[turn.record];
        let pace = seconds / turn.pixels;
        record.learn(turn.place, pace);
        if turn.place == record.home {
            record.calls = record.calls.saturating_add(1);
            return;
        }
        let home = record.pace[record.home as usize].unwrap_or(pace);
        let loss = (pace - home).max(0.0);
        record.loss += loss;
        self.lost += loss * turn.pixels;
        record.trial = if pace > HOPELESS * home { 0 } else { record.trial - 1 };
        if record.trial == 0 {
            record.settle();
        }
    }

    /// The device has too little memory for calls of this kind.
    pub(super) fn rule_out_device(&mut self, turn: Turn, error: &Error) {
        let kind = self.records[turn.record].kind;
        call::message(Level::Info, format_args!("auto: Cpu does {kind}: {error}"));
        self.records[turn.record] = Record { kind, wait: u32::MAX, is_said: true, ..Record::default() };
    }

    fn record_of(&mut self, kind: Kind) -> usize {
        if let Some(index) = self.records[..self.known].iter().position(|record| record.kind == kind) {
            return index;
        }
        let index = self.next;
        self.next = (index + 1) % KINDS;
        self.known = self.known.max(index + 1);
        self.records[index] = Record { kind, wait: FIRST, ..Record::default() };
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIXELS: f64 = 8e6;

    fn kind(pixel_bytes: u8) -> Kind {
        Kind { pixel_bytes, log_pixels: 22, asks: Asks::Write, ..Kind::default() }
    }

    /// Where so many calls are done if they take this long on the CPU and on the device.
    fn calls(auto: &mut Auto, kind: Kind, count: usize, seconds: [f64; 2]) -> Vec<Place> {
        let call = |_| {
            let turn = auto.turn(kind, PIXELS);
            auto.end(turn, seconds[turn.place as usize]);
            turn.place
        };
        (0..count).map(call).collect()
    }

    fn on_device(places: &[Place]) -> usize {
        places.iter().filter(|&&place| place == Place::Device).count()
    }

    #[test]
    fn the_cpu_is_first_and_a_faster_device_is_home_after_a_try() {
        let mut auto = Auto::new(false, false);
        let places = calls(&mut auto, kind(3), 20, [10e-3, 5e-3]);
        assert_eq!(on_device(&places[..2]), 0);
        assert_eq!(on_device(&places[2..]), 18);
        // Other kinds begin anew.
        assert_eq!(on_device(&calls(&mut auto, kind(4), 2, [10e-3, 5e-3])), 0);
    }

    #[test]
    fn a_device_that_is_not_much_faster_is_not_worth_a_move() {
        let places = calls(&mut Auto::new(false, false), kind(3), 16, [10e-3, 9.5e-3]);
        assert_eq!(on_device(&places), 2);
    }

    #[test]
    fn the_bus_alone_can_take_longer_than_the_cpu() {
        // 8 million pixels of 12 bytes, and as many labels: 2.08 ms.
        let seconds = |cpu| [cpu, 0.5e-3];
        assert_eq!(on_device(&calls(&mut Auto::new(true, false), kind(12), 1000, seconds(2e-3))), 0);
        assert!(on_device(&calls(&mut Auto::new(true, false), kind(12), 10, seconds(3e-3))) == 8);
        assert!(on_device(&calls(&mut Auto::new(false, false), kind(12), 10, seconds(2e-3))) == 8);
        // No device begins so soon.
        assert_eq!(on_device(&calls(&mut Auto::new(false, false), kind(12), 1000, [90e-6, 1e-6])), 0);
    }

    #[test]
    fn tries_lose_a_small_part_of_the_time_and_one_try() {
        for slower in [1.0, 1.5, 3.0, 7.0, 9.0, 100.0] {
            let mut auto = Auto::new(false, false);
            let mut lost = 0.0;
            for number in 0..5000_u32 {
                let turn = auto.turn(kind((number % 5) as u8), PIXELS);
                let seconds = [1e-3, slower * 1e-3][turn.place as usize];
                lost += seconds - 1e-3;
                auto.end(turn, seconds);
            }
            // The tries of several kinds may be under way together: each has been begun within the bound.
            let one = (slower - 1.0) * 1e-3;
            assert!(lost <= 5000.0 * 1e-3 / SHARE * 1.1 + 10.0 * one, "{slower}: {lost}");
            assert!(auto.records[..5].iter().all(|record| record.home == Place::Cpu) || slower < MARGIN);
        }
    }

    #[test]
    fn a_hopeless_try_is_one_call() {
        assert_eq!(on_device(&calls(&mut Auto::new(false, false), kind(3), 100, [1e-3, 9e-3])), 1);
        assert_eq!(on_device(&calls(&mut Auto::new(false, false), kind(3), 16, [1e-3, 7e-3])), 2);
    }

    #[test]
    fn who_gets_slower_loses_its_place() {
        let mut auto = Auto::new(false, false);
        assert_eq!(on_device(&calls(&mut auto, kind(3), 10, [10e-3, 5e-3])), 8);
        let places = calls(&mut auto, kind(3), 60, [10e-3, 30e-3]);
        assert_eq!(on_device(&places[40..]), 0, "{places:?}");
        let places = calls(&mut auto, kind(3), 600, [100e-3, 30e-3]);
        assert!(on_device(&places[550..]) >= 48, "{places:?}");
    }

    #[test]
    fn a_device_without_memory_is_not_tried_again() {
        let mut auto = Auto::new(false, false);
        calls(&mut auto, kind(3), 2, [10e-3, 5e-3]);
        let turn = auto.turn(kind(3), PIXELS);
        assert_eq!(turn.place, Place::Device);
        auto.rule_out_device(turn, &Error::OutOfDeviceMemory("as it should".to_owned()));
        assert_eq!(on_device(&calls(&mut auto, kind(3), 1000, [10e-3, 5e-3])), 0);
    }

    #[test]
    fn the_oldest_kind_is_forgotten() {
        let mut auto = Auto::new(false, false);
        for bytes in 0..=KINDS as u8 {
            calls(&mut auto, kind(bytes), 4, [10e-3, 5e-3]);
        }
        assert_eq!(on_device(&calls(&mut auto, kind(1), 1, [10e-3, 5e-3])), 1);
        assert_eq!(on_device(&calls(&mut auto, kind(0), 1, [10e-3, 5e-3])), 0);
    }

    #[test]
    fn images_are_told_apart_by_a_few_pixels() {
        let look = |color: &dyn Fn(u32) -> u32| {
            let values: Vec<f32> = (0..400 * 300).map(|pixel| color(pixel) as f32).collect();
            look_of(&ColorMap::new(&values, 400, 300, 1).unwrap())
        };
        assert_eq!(look(&|pixel| pixel / 900 % 3), (true, false));
        assert_eq!(look(&|pixel| pixel % 2), (false, false));
        assert_eq!(look(&|pixel| pixel), (false, true));
        assert_eq!(look(&|pixel| pixel / 50), (true, true));
    }
}
