//! Runs and labels become numbers one by one; see `label_output_x86` for many at a time.

use std::mem::MaybeUninit;

use crate::labels::fill;
use crate::output::expand::Label;
use crate::output::label_output::{Number, WriteNumbers, WriteRuns};
use crate::runtime::simd::{Scalar, Work};

impl<T: Number, I: Iterator<Item = (T, usize)>> Work<Scalar, ()> for WriteRuns<'_, T, I> {
    #[inline(always)]
    fn run(self, _: Scalar) {
        let mut target = self.target;
        for (number, pixels) in self.runs {
            fill(target, pixels, MaybeUninit::new(number));
            target = &mut target[pixels..];
        }
    }
}

impl<L: Label, T: Number, F: Fn(L) -> T> Work<Scalar, ()> for WriteNumbers<'_, L, T, F> {
    #[inline(always)]
    fn run(self, _: Scalar) {
        for (target, &label) in self.target.iter_mut().zip(self.labels) {
            target.write((self.translate)(label));
        }
    }
}
