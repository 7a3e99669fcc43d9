//! The labels of a tile while it is counted: runs, then bytes, then two bytes each, as they come to need it.

use bytemuck::Zeroable;

use crate::labels::{LabelRun, TILE, TileForm, decode_runs, fill};
use crate::types::outputs::LabelWidth;

/// The labels of the tile that is being counted: runs, unless there are many; then in a byte each until there are too many
/// colours.
pub(super) struct TileLabels<'a> {
    /// Memory for two bytes each.
    memory: &'a mut [u16],
    form: TileForm,
}

/// Runs of a tile at most; decoded, they have at least four times as many bytes.
const MOST_RUNS: usize = TILE / 16;

/// Pixels of a literal for one that differs from the one before, at least, where labels are runs.
const PIXELS_PER_CHANGE: usize = 16;

impl<'a> TileLabels<'a> {
    /// Labels to be written to memory for two bytes each.
    pub(super) fn new(memory: &'a mut [u16]) -> Self {
        Self { memory, form: TileForm::Runs(0) }
    }

    /// How they are kept.
    pub(super) fn form(&self) -> TileForm {
        self.form
    }

    /// Where labels from a pixel on are to be written, if they take two bytes each.
    #[inline(always)]
    pub(super) fn wide_from(&mut self, start: usize) -> Option<&mut [u16]> {
        (self.form == TileForm::Pixels(LabelWidth::Two)).then(|| &mut self.memory[start..])
    }

    #[cold]
    #[inline(never)]
    fn decode_runs(&mut self, count: usize, largest: usize) {
        let mut runs = [LabelRun::zeroed(); MOST_RUNS];
        let runs = &mut runs[..count];
        runs.copy_from_slice(&self.runs()[..count]);
        let largest = runs.iter().map(|run| usize::from(run.label)).fold(largest, usize::max);
        if LabelWidth::for_labels_up_to(largest) == LabelWidth::One {
            self.form = TileForm::Pixels(LabelWidth::One);
            decode_runs(runs, self.bytes(), |label| label as u8);
        } else {
            self.form = TileForm::Pixels(LabelWidth::Two);
            decode_runs(runs, self.memory, |label| label);
        }
    }

    fn runs(&mut self) -> &mut [LabelRun] {
        let even = self.memory.len() / 2 * 2;
        bytemuck::cast_slice_mut(&mut self.memory[..even])
    }

    fn bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(self.memory)
    }

    /// Labels up to `largest` follow those of so many pixels. Whether all take two bytes now.
    #[inline(always)]
    fn fit(&mut self, written: usize, largest: usize) -> bool {
        if self.form == TileForm::Pixels(LabelWidth::One)
            && LabelWidth::for_labels_up_to(largest) != LabelWidth::One
        {
            self.widen(written);
        }
        self.form == TileForm::Pixels(LabelWidth::Two)
    }

    #[cold]
    #[inline(never)]
    fn widen(&mut self, written: usize) {
        // Backwards, since each goes where later ones were.
        for index in (0..written).rev() {
            self.memory[index] = self.bytes()[index].into();
        }
        self.form = TileForm::Pixels(LabelWidth::Two);
    }

    /// Writes the label of a run.
    #[inline(always)]
    pub(super) fn write_run(&mut self, start: usize, length: usize, index: u16) {
        if let TileForm::Runs(count) = self.form {
            // The image's last tile may have memory for fewer.
            if let Some(run) = self.runs().get_mut(count)
                && count < MOST_RUNS
            {
                *run = LabelRun { label: index, length: length as u16 };
                self.form = TileForm::Runs(count + 1);
                return;
            }
            self.decode_runs(count, index.into());
        }
        if self.fit(start, index.into()) {
            fill(&mut self.memory[start..], length, index);
        } else {
            fill(&mut self.bytes()[start..], length, index as u8);
        }
    }

    /// Writes the labels of pixels one by one, of which `largest` is not less than any.
    #[inline(always)]
    pub(super) fn write(&mut self, start: usize, indices: &[u16], largest: usize) {
        if let TileForm::Runs(count) = self.form {
            let changes =
                indices.iter().zip(&indices[1..]).map(|(before, behind)| u16::from(before != behind));
            if usize::from(changes.sum::<u16>()) * PIXELS_PER_CHANGE <= indices.len() {
                let mut at = start;
                for run in indices.chunk_by(|before, behind| before == behind) {
                    self.write_run(at, run.len(), run[0]);
                    at += run.len();
                }
                return;
            }
            self.decode_runs(count, largest);
        }
        if self.fit(start, largest) {
            self.memory[start..start + indices.len()].copy_from_slice(indices);
        } else {
            let bytes = self.bytes()[start..].iter_mut();
            bytes.zip(indices).for_each(|(byte, &index)| *byte = index as u8);
        }
    }
}
