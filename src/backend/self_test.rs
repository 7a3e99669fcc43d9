//! Finds out whether a device can be trusted: small images with known answers, by the same code as calls.

use std::collections::HashMap;
use std::time::Instant;

use foldhash::fast::RandomState;

use crate::backend::Backend;
use crate::color::Color;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::output::label_output::LabelTarget;
use crate::runtime::alloc::{try_zeroed, uninit};
use crate::runtime::threads::Threads;
use crate::stages::select::select;
use crate::types::devices::DeviceCheck;
use crate::types::image::ColorMap;
use crate::types::matching::{Alpha, Matching};
use crate::types::palette::ColorCount;
use crate::types::params::SelectionRule;

impl DeviceCheck {
    /// Tests twice.
    pub(crate) fn run(mut self, mut test: impl FnMut() -> Result<(), Failure>) -> Self {
        for time in [&mut self.first_run, &mut self.warm_run] {
            let start = Instant::now();
            let result = test();
            *time = start.elapsed();
            if let Err(failure) = result {
                self.failure = Some(failure.into_error());
                break;
            }
        }
        self
    }
}

/// What the CPU is called.
pub(crate) fn cpu_name(threads: usize) -> String {
    format!("CPU, {threads} threads")
}

/// Why a device has not passed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It has given wrong results.
    Wrong(String),
    /// It could not be tested, which may be for lack of memory.
    Untested(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Untested(error)
    }
}

impl Failure {
    fn into_error(self) -> Error {
        match self {
            Self::Wrong(text) => Error::Driver(text),
            Self::Untested(error) => error,
        }
    }
}

/// How much is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TestSet {
    /// What nearly all calls do, so that drivers compile nothing that is not needed anyway.
    Usual,
    /// All.
    All,
}

/// An image, by the numbers of its pixels' colours.
struct Image {
    name: &'static str,
    width: u32,
    height: u32,
    /// As many masks as it has frequent colours.
    masks: u32,
    color: fn(u32) -> u32,
}

const FEW: Image = Image {
    name: "few colours",
    width: 96,
    height: 41,
    masks: 5,
    color: |at| (at / 11 + at % 2 * at / 400) % 23,
};

const SOME: Image =
    Image { name: "hundreds of colours", width: 64, height: 64, masks: 300, color: |at| at * at % 1021 };

/// More than a device's table numbers.
const MANY: Image = Image {
    name: "many colours",
    width: 256,
    height: 160,
    masks: 4,
    color: |at| if at.is_multiple_of(10) { at / 10 % 4 } else { at + 100 },
};

/// More masks than two bytes number.
const ALL_DIFFERENT: Image =
    Image { name: "colours that all differ", width: 300, height: 240, masks: 66_000, color: |at| at };

impl Image {
    /// Its pixels, a few of which have no colour.
    fn pixels(&self, channels: u32) -> Result<Vec<f32>, Error> {
        let count = self.width * self.height;
        let mut pixels = try_zeroed((count * channels) as usize)?;
        for (at, pixel) in (0..).zip(pixels.chunks_exact_mut(channels as usize)) {
            let color = (self.color)(at);
            pixel[0] = color as f32 / 2.0 - 3.0;
            if pixel[0] == 0.0 && at.is_multiple_of(2) {
                pixel[0] = -0.0;
            }
            for (channel, value) in (2..).zip(&mut pixel[1..]) {
                *value = (color % channel) as f32;
            }
            if at % 101 == 7 {
                pixel[channels as usize - 1] = f32::NAN;
            }
        }
        Ok(pixels)
    }
}

/// Tests a backend.
pub(crate) fn test(backend: &mut dyn Backend, set: TestSet, threads: &Threads) -> Result<(), Failure> {
    let images: &[(&Image, u32)] = match set {
        TestSet::Usual => &[(&FEW, 3)],
        TestSet::All => &[
            (&FEW, 1),
            (&FEW, 2),
            (&FEW, 3),
            (&FEW, 4),
            (&SOME, 3),
            (&MANY, 1),
            (&MANY, 2),
            (&MANY, 3),
            (&MANY, 4),
            (&ALL_DIFFERENT, 3),
        ],
    };
    for &(image, channels) in images {
        test_image(backend, image, channels, set, threads)?;
    }
    Ok(())
}

fn test_image(
    backend: &mut dyn Backend,
    image: &Image,
    channels: u32,
    set: TestSet,
    threads: &Threads,
) -> Result<(), Failure> {
    let values = image.pixels(channels)?;
    let map = ColorMap::new(&values, image.width, image.height, channels)?;
    let pixels = Pixels::new(&map, Matching::Exact, Alpha::Color)?;
    let selection = SelectionRule::new(1, image.masks);
    let (palette, labels) = answer(&pixels, &selection)?;
    let wrong = |what: &str| {
        Failure::Wrong(format!("the self-test of {}, {channels} channels, gives wrong {what}", image.name))
    };

    backend.start_call();
    let counts = backend.count(&pixels, &selection, usize::MAX, threads)?;
    if select(counts.colors, &selection) != palette {
        return Err(wrong("counts"));
    }
    // By what the stage count has left, and by looking colours up.
    let labellings: &[&str] = match set {
        TestSet::Usual => &["labels"],
        TestSet::All => &["labels", "labels of given colours"],
    };
    for what in labellings {
        let mut found: Vec<u32> = try_zeroed(labels.len())?;
        let mut room = LabelTarget::U32(uninit(&mut found));
        backend.label(&pixels, &palette, threads, &mut |first_pixel, labels| {
            room.write(labels, first_pixel, threads)
        })?;
        if found != labels {
            return Err(wrong(what));
        }
        backend.forget_pixels();
    }
    Ok(())
}

/// The colours that get a mask, and each pixel's label, in the simplest way.
fn answer(pixels: &Pixels, selection: &SelectionRule) -> Result<(Vec<ColorCount>, Vec<u32>), Error> {
    let count = pixels.grid().len();
    let no_memory = |_| Error::OutOfMemory("the self-test".to_owned());
    let color = |at: usize| pixels.color(at);
    let mut counts = HashMap::<Color, u64, RandomState>::default();
    counts.try_reserve(count).map_err(no_memory)?;
    (0..count).filter_map(color).for_each(|color| *counts.entry(color).or_default() += 1);
    let palette =
        select(counts.iter().map(|(&color, &pixels)| ColorCount { color, pixels }).collect(), selection);
    let mut masks = HashMap::<Color, u32, RandomState>::default();
    masks.try_reserve(palette.len()).map_err(no_memory)?;
    masks.extend(palette.iter().map(|entry| entry.color).zip(1..));
    let mut labels: Vec<u32> = try_zeroed(count)?;
    for (at, label) in labels.iter_mut().enumerate() {
        *label = color(at).and_then(|color| masks.get(&color).copied()).unwrap_or(0);
    }
    Ok((palette, labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::Cpu;
    use crate::labels::LabelMap;
    use crate::types::options::Options;
    use crate::types::palette::Counts;

    /// The CPU with one defect.
    #[derive(Debug)]
    struct Faulty {
        cpu: Cpu,
        fault: &'static str,
    }

    impl Backend for Faulty {
        fn count(
            &mut self,
            pixels: &Pixels,
            selection: &SelectionRule,
            room: usize,
            threads: &Threads,
        ) -> Result<Counts, Error> {
            let mut counts = self.cpu.count(pixels, selection, room, threads)?;
            match (self.fault, pixels.grid().words) {
                ("count", 3) => {
                    let most = counts.colors.iter_mut().max_by_key(|entry| entry.pixels);
                    most.into_iter().for_each(|entry| entry.pixels += 1);
                }
                ("channels", 4) => counts.colors.truncate(3),
                ("memory", _) => return Err(Error::OutOfDeviceMemory("all".to_owned())),
                _ => {}
            }
            Ok(counts)
        }

        fn label(
            &mut self,
            pixels: &Pixels,
            palette: &[ColorCount],
            threads: &Threads,
            labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
        ) -> Result<(), Error> {
            match self.fault {
                // One label is another's.
                "labels" if palette.len() < 10 => {
                    let mut palette = palette.to_vec();
                    palette.swap(0, 1);
                    self.cpu.label(pixels, &palette, threads, labelled)
                }
                "wide labels" if palette.len() > 65_535 => Ok(()),
                _ => self.cpu.label(pixels, palette, threads, labelled),
            }
        }

        fn start_call(&mut self) {
            self.cpu.start_call();
        }

        fn forget_pixels(&mut self) {
            self.cpu.forget_pixels();
        }

        fn recover(&mut self) -> Result<(), Error> {
            self.cpu.recover()
        }

        fn call_stats(&self) -> crate::types::call_stats::CallStats {
            self.cpu.call_stats()
        }
    }

    #[test]
    fn each_fault_is_found() {
        let threads = Threads::new(2).unwrap();
        let test = |fault, set| {
            let mut backend = Faulty { cpu: Cpu::new(&Options::default()), fault };
            super::test(&mut backend, set, &threads)
        };
        for set in [TestSet::Usual, TestSet::All] {
            test("none", set).unwrap();
            for (fault, what) in
                [("count", "few colours, 3 channels, gives wrong counts"), ("labels", "wrong labels")]
            {
                let Err(Failure::Wrong(text)) = test(fault, set) else { panic!("{fault}, {set:?}") };
                assert!(text.contains(what), "{text}");
            }
            assert!(matches!(test("memory", set), Err(Failure::Untested(Error::OutOfDeviceMemory(_)))));
        }
        for fault in ["channels", "wide labels"] {
            assert!(matches!(test(fault, TestSet::All), Err(Failure::Wrong(_))), "{fault}");
        }
    }
}
